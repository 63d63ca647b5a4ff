//! What a deal remembers after its effects were sent: the base advances here, and only here.

use jiff::Timestamp;
use planted::{Bug, planted};

use crate::{
    Actor, Content, Deal, Effect, Fuse, GroupDecision, GroupHeld, GroupId, GroupSpec, Life, Matter, Memory,
    Observation, PerSide, Plan, Reading, Rejection, Side, Specs, Window, Write, fingerprint,
    fuse::{Change, Spark, by_person},
    merge::{holds_alike, is_empty},
    planner::known,
    remapped,
};

/// How an effect ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectEnd {
    /// It happened; some of its groups may have been refused one by one, each with the server's words.
    Done {
        /// The groups that were refused.
        refused: Vec<(GroupId, String)>,
    },
    /// It did not happen.
    NotDone {
        /// The groups that the server named, with its words.
        refused: Vec<(GroupId, String)>,
    },
}

impl EffectEnd {
    /// It happened, all of it.
    pub const DONE: Self = Self::Done { refused: Vec::new() };

    pub(crate) fn wrote(&self, group: &GroupId) -> bool {
        matches!(self, Self::Done { refused } if !refused.iter().any(|(name, _)| name == group))
    }

    pub(crate) fn refused(&self) -> &[(GroupId, String)] {
        match self {
            Self::Done { refused } | Self::NotDone { refused } => refused,
        }
    }
}

/// Everything that settling looks at.
#[derive(Debug, Clone, Copy)]
pub struct SettleInput<'a> {
    /// The deal as it was when planned.
    pub deal: &'a Deal,
    /// The plan.
    pub plan: &'a Plan,
    /// How each of its effects ended, in the same order.
    pub ends: &'a [EffectEnd],
    /// What was read before.
    pub before: PerSide<Option<&'a Observation>>,
    /// What was read after the writes, where a side was written.
    pub after: PerSide<Option<&'a Observation>>,
    /// The compiled mapping.
    pub specs: &'a Specs,
    /// The mapping's version.
    pub mapping: &'a str,
    /// The present instant.
    pub now: Timestamp,
}

/// The deal's memory after the pass.
pub fn settle(input: &SettleInput<'_>) -> Memory {
    let stale =
        |side: Side| input.before.at(side).is_some_and(|seen| !input.deal.memory.admits(side, &seen.version));
    if Side::BOTH.into_iter().any(stale) {
        // Nothing was planned on a stale read, and nothing is learned from it.
        return input.deal.memory.clone();
    }
    // The plan was made on these bases.
    match remapped(&input.deal.memory, input.specs, input.before, input.now) {
        Some(memory) => {
            let deal = Deal { memory, ..input.deal.clone() };
            settle_mapped(&SettleInput { deal: &deal, ..*input })
        }
        None => settle_mapped(input),
    }
}

fn settle_mapped(input: &SettleInput<'_>) -> Memory {
    let mut memory = input.deal.memory.clone();
    let newest =
        PerSide::new(input.after.portal.or(input.before.portal), input.after.crm.or(input.before.crm));
    remember_companion(&mut memory, newest.portal, input.specs);
    for spec in &input.specs.groups {
        input.observe_windows(&mut memory, spec);
        let decision = input.plan.decisions.iter().find(|(group, _)| *group == spec.id).map(|(_, made)| made);
        input.advance(&mut memory, spec, decision);
        if spec.set.is_some() {
            memory.tie(spec, newest.crm);
        }
        if input.is_ended_by_person(spec) {
            memory.fuse.remove(&spec.id);
        }
        input.remember_refusals(&mut memory, spec);
        let blew = |problem: &crate::Problem| {
            problem.class == crate::ProblemClass::Fuse && problem.field.as_ref() == Some(&spec.id)
        };
        if let Some(fuse) = memory.fuse.get_mut(&spec.id)
            && input.plan.problems.iter().any(blew)
        {
            fuse.blown = true;
        }
    }
    input.advance_life(&mut memory);
    memory.end_marks(input.specs, newest, |group| {
        Side::BOTH.into_iter().any(|side| input.written(group, side).is_some())
    });
    for side in Side::BOTH {
        if let Some(observation) = newest.at(side)
            && memory.admits(side, &observation.version)
        {
            *memory.versions.at_mut(side) = Some(observation.version.clone());
            if side == Side::Portal {
                memory.stand_in = Some(Box::new((*observation).clone()));
            }
        }
    }
    memory
}

fn remember_companion(memory: &mut Memory, portal: Option<&Observation>, specs: &Specs) {
    if let Some(fields) =
        portal.and_then(Observation::portal).and_then(|facts| facts.companion_fields.as_ref())
    {
        memory.companion.clone_from(fields);
        memory.mapped.companion = Some(specs.definitions.of_groups());
        memory.companion_state =
            portal.and_then(Observation::portal).and_then(|facts| facts.companion_state.clone());
    }
}

impl SettleInput<'_> {
    /// The effects with their ends; an effect without an end did not happen.
    fn ended(&self) -> impl Iterator<Item = (&Effect, Option<&EffectEnd>)> {
        self.plan.effects.iter().enumerate().map(|(at, effect)| (effect, self.ends.get(at)))
    }

    /// The writes of `group` towards `side`, each with whether it was carried out.
    pub(crate) fn writes(&self, group: &GroupId, side: Side) -> impl Iterator<Item = (&Write, bool)> {
        self.ended().filter_map(move |(effect, end)| {
            let (to, writes) = match effect {
                Effect::Create { side, writes, .. } | Effect::Update { side, writes, .. } => (*side, writes),
                Effect::CreateCompanion { .. } | Effect::Move { .. } => return None,
            };
            let write = writes.iter().find(|write| to == side && write.group == *group)?;
            Some((write, end.is_some_and(|end| end.wrote(group))))
        })
    }

    /// The write of `group` towards `side`, if it was carried out.
    pub(crate) fn written(&self, group: &GroupId, side: Side) -> Option<&Write> {
        self.writes(group, side).find_map(|(write, done)| done.then_some(write))
    }

    fn created(&self, side: Side) -> bool {
        self.ended().any(|(effect, end)| {
            matches!(effect, Effect::Create { side: to, .. } if *to == side)
                && matches!(end, Some(EffectEnd::Done { .. }))
        })
    }

    fn advance(&self, memory: &mut Memory, spec: &GroupSpec, decision: Option<&GroupDecision>) {
        let before =
            PerSide::new(held_by(memory, spec, self.before.portal), held_by(memory, spec, self.before.crm));
        let both = || Some(PerSide::new(before.portal.clone()?, before.crm.clone()?));
        if self.plan.elements.iter().any(|(group, _)| *group == spec.id) {
            self.advance_set(memory, spec, &before);
            return;
        }
        match decision {
            Some(GroupDecision::Agree) if spec.asks_help() && before.portal.is_none() => {
                // Nobody is on the other side, so nothing is held there.
                if let Some(crm) = before.crm.clone() {
                    self.take(memory, spec, PerSide::new(nothing(spec), crm));
                }
            }
            Some(GroupDecision::Drift) if spec.asks_help() && before.portal.is_none() => {
                if let Some(crm) = before.crm.clone()
                    && (self.is_final() || !memory.base.contains_key(&spec.id))
                {
                    self.take(memory, spec, PerSide::new(nothing(spec), crm));
                }
            }
            Some(GroupDecision::Agree) => {
                if let Some(pair) = both() {
                    self.take(memory, spec, pair);
                }
            }
            // Where nothing may be written, the first sight is the base that later drift is told from; and the last
            // one, once the portal is final.
            Some(GroupDecision::Drift) if !memory.base.contains_key(&spec.id) || self.is_final() => {
                if let Some(pair) = both() {
                    self.take(memory, spec, pair);
                }
            }
            Some(GroupDecision::Write { .. }) => self.advance_written(memory, spec, &before),
            // A creation decides no group, it writes them all.
            None => {
                self.advance_written(memory, spec, &before);
                self.reconcile_unset_latch(memory, spec);
            }
            _ => {}
        }
    }

    /// Whether the portal was closed when the pass began: nothing is written there any more.
    fn is_final(&self) -> bool {
        self.before.portal.is_some_and(|portal| portal.life.is_closed())
    }

    fn advance_written(&self, memory: &mut Memory, spec: &GroupSpec, before: &PerSide<Option<GroupHeld>>) {
        let half = Side::BOTH.into_iter().any(|side| self.writes(&spec.id, side).any(|(_, done)| !done));
        for to in Side::BOTH {
            let Some(write) = self.written(&spec.id, to) else { continue };
            // A restoration writes both sides, and each was read again.
            let across = if self.written(&spec.id, to.other()).is_some() {
                held_by(memory, spec, *self.after.at(to.other()))
            } else {
                before.at(to.other()).clone()
            };
            let kept = match &write.content {
                Content::Whole(sent) if planted(Bug::BaseBeforeReadBack) => Some(sent.clone()),
                _ => held_by(memory, spec, *self.after.at(to)),
            };
            let (Some(source), Some(kept)) = (across, kept) else { continue };
            self.light_fuse(memory, spec, to, write);
            if half || self.edited_since(to, write, &kept) {
                continue;
            }
            let mut pair = PerSide::new(source.clone(), source);
            *pair.at_mut(to) = kept;
            self.take(memory, spec, pair);
        }
    }

    /// Whether a person changed the group between our write and the read-back. The base then stays: it takes only
    /// what was read and reconciled, and that edit is not.
    fn edited_since(&self, to: Side, write: &Write, read: &GroupHeld) -> bool {
        let by_person = self.after.at(to).is_some_and(|after| after.actor == Actor::Person);
        matches!(&write.content, Content::Whole(sent) if by_person && read != sent)
    }

    /// A latch that was not set when its record was created can be turned on from now on.
    fn reconcile_unset_latch(&self, memory: &mut Memory, spec: &GroupSpec) {
        let created = Side::BOTH.into_iter().find(|side| self.created(*side));
        let Some(created) = created.filter(|_| spec.latch.is_some() && !memory.base.contains_key(&spec.id))
        else {
            return;
        };
        let source = held_by(memory, spec, *self.before.at(created.other()));
        let made = held_by(memory, spec, *self.after.at(created));
        let made =
            if spec.asks_help() && created == Side::Portal { made.or(Some(nothing(spec))) } else { made };
        if let (Some(source), Some(made)) = (source, made)
            && is_empty(spec, &source)
            && is_empty(spec, &made)
        {
            let mut pair = PerSide::new(source.clone(), source);
            *pair.at_mut(created) = made;
            self.take(memory, spec, pair);
        }
    }

    pub(crate) fn light_fuse(&self, memory: &mut Memory, spec: &GroupSpec, to: Side, write: &Write) {
        let was = &self.deal.memory;
        let by_person = was.changed_by_person(spec, self.before);
        let spark = Spark { to, why: write.why, at: self.now, by_person };
        let fuse = Fuse::extend(was.fuse.get(&spec.id), spark);
        memory.fuse.insert(spec.id.clone(), fuse);
    }

    /// Whether a person ended what blew the fuse without anything being sent: by a decision that found both sides as it
    /// wants them, or by typing what makes them equal. What is sent for a person begins a chain of its own.
    fn is_ended_by_person(&self, spec: &GroupSpec) -> bool {
        if Side::BOTH.into_iter().any(|side| self.writes(&spec.id, side).next().is_some()) {
            return false;
        }
        let decided = self.deal.decisions.iter().any(|decision| {
            self.plan.consumed.contains(&decision.id)
                && decision.verdict.matter() == Matter::Group(spec.id.clone())
        });
        let was = &self.deal.memory;
        let held = Side::BOTH.map(|side| held_by(was, spec, *self.before.at(side)));
        let [Some(portal), Some(crm)] = &held else { return decided };
        let changes = was.changes(spec, self.before, PerSide::new(Some(portal), Some(crm)));
        let typed = |side: Side| changes.at(side).is_some_and(|change| change.is_typed());
        let alike = holds_alike(spec, &self.specs.minor_units, portal, crm);
        decided || (alike && Side::BOTH.into_iter().any(typed))
    }

    /// The base of `spec` becomes `pair`, both halves as read.
    pub(crate) fn take(&self, memory: &mut Memory, spec: &GroupSpec, pair: PerSide<GroupHeld>) {
        let windows = Side::BOTH.map(|side| {
            let written = self.written(&spec.id, side).is_some();
            let seen = if written { *self.after.at(side) } else { *self.before.at(side) };
            let stamp = seen.or(*self.after.at(side))?.version.stamp;
            Some(Window::settled(fingerprint(pair.at(side)), stamp))
        });
        let [portal, crm] = windows;
        memory.windows.insert(spec.id.clone(), PerSide::new(portal, crm));
        memory.rejected.retain(|rejection| rejection.group != spec.id);
        memory.base.insert(spec.id.clone(), pair);
    }

    /// What was read before our write is what people did; what our own write left is no change.
    fn observe_windows(&self, memory: &mut Memory, spec: &GroupSpec) {
        for side in Side::BOTH {
            let read = [*self.before.at(side), *self.after.at(side)];
            for (observation, ours) in read.into_iter().zip([false, self.written(&spec.id, side).is_some()]) {
                let Some(observation) = observation else { continue };
                let Some(held) = held_by(memory, spec, Some(observation)) else { continue };
                let value = fingerprint(&held);
                let window = memory.windows.entry(spec.id.clone()).or_default().at_mut(side);
                let stamp = observation.version.stamp;
                *window = Some(if ours && observation.actor != Actor::Person {
                    Window::settled(value, stamp)
                } else {
                    Window::observe(window.as_ref(), value, stamp)
                });
            }
        }
    }

    fn remember_refusals(&self, memory: &mut Memory, spec: &GroupSpec) {
        // There it is the place that is refused, and no value: each is sent again once the place may be tried again.
        let place_is_refused = spec.fixed && self.before.portal.is_some();
        if place_is_refused {
            memory.rejected.retain(|known| known.group != spec.id || known.side != Side::Portal);
        }
        for (effect, end) in self.ended() {
            let (side, writes) = match effect {
                Effect::Create { side, writes, .. } | Effect::Update { side, writes, .. } => (*side, writes),
                Effect::CreateCompanion { writes } => (Side::Portal, writes),
                Effect::Move { .. } => continue,
            };
            if place_is_refused && side == Side::Portal {
                continue;
            }
            let refused = end.map(EffectEnd::refused).unwrap_or_default();
            for (group, message) in refused.iter().filter(|(group, _)| *group == spec.id) {
                let Some(write) = writes.iter().find(|write| write.group == *group) else { continue };
                memory.rejected.retain(|known| known.group != *group || known.side != side);
                memory.rejected.push(Rejection {
                    group: group.clone(),
                    side,
                    sent: write.fingerprint(),
                    held: fingerprint(&write.instead_of),
                    mapping: self.mapping.to_owned(),
                    at: self.now,
                    message: message.clone(),
                });
            }
        }
    }

    /// The lifecycle base takes where each side stands, once all that the plan wanted of it has happened.
    fn advance_life(&self, memory: &mut Memory) {
        let Some(wanted) = &self.plan.life else {
            self.life_of_creation(memory);
            return;
        };
        let mut pair = wanted.clone();
        for (effect, end) in self.ended() {
            let side = match effect {
                Effect::Move { .. } => Side::Portal,
                Effect::Update { side, life: Some(_), .. } => *side,
                _ => continue,
            };
            let done = matches!(end, Some(EffectEnd::Done { .. }));
            let Some(after) = self.after.at(side).filter(|_| done) else { return };
            pair.at_mut(side).clone_from(&after.life);
        }
        self.take_life(memory, pair);
    }

    /// A record that Cosell created stands where its source stood: the deal is reconciled from its first moment.
    fn life_of_creation(&self, memory: &mut Memory) {
        for side in Side::BOTH {
            let (Some(made), Some(source)) = (self.after.at(side), self.before.at(side.other())) else {
                continue;
            };
            if !self.created(side) {
                continue;
            }
            let stood = match (&source.life, &made.life) {
                // The sales stage that did not go along is yet to be sent.
                (Life::Active { sales_stage: from }, Life::Active { sales_stage: to }) if from != to => {
                    Life::Active { sales_stage: None }
                }
                (stood, _) => stood.clone(),
            };
            let mut pair = PerSide::new(stood.clone(), stood);
            // What a person changed between the creation and its read-back is a change yet to be seen. On the
            // opportunity our own last write to it (its origin) hides whose save that was: any stage but the one
            // written is such a change.
            if side == Side::Portal && made.actor != Actor::Person {
                pair.at_mut(side).clone_from(&made.life);
            }
            if !Side::BOTH.into_iter().any(|side| matches!(pair.at(side), Life::Unknown { .. })) {
                self.take_life(memory, pair);
            }
        }
    }

    fn take_life(&self, memory: &mut Memory, pair: PerSide<Life>) {
        let crm = self.before.crm.or(self.after.crm);
        if let Some(facts) = crm.and_then(Observation::crm) {
            memory.answered = facts.response;
        }
        memory.life = Some(pair);
    }
}

impl Memory {
    /// Whether a person changed the group on one of the sides since they were reconciled.
    pub(crate) fn changed_by_person(&self, spec: &GroupSpec, seen: PerSide<Option<&Observation>>) -> bool {
        let held = Side::BOTH.map(|side| held_by(self, spec, *seen.at(side)));
        let [portal, crm] = &held;
        let held = PerSide::new(portal.as_ref(), crm.as_ref());
        by_person(self.base.get(&spec.id), self.changes(spec, seen, held))
    }

    fn changes<'a>(
        &'a self,
        spec: &GroupSpec,
        seen: PerSide<Option<&'a Observation>>,
        held: PerSide<Option<&'a GroupHeld>>,
    ) -> PerSide<Option<Change<'a>>> {
        let windows = self.windows.get(&spec.id);
        let of = |side: Side| {
            let window = windows.and_then(|windows| windows.at(side).as_ref());
            Some(Change { seen: (*seen.at(side))?, held: (*held.at(side))?, window })
        };
        PerSide::new(of(Side::Portal), of(Side::Crm))
    }
}

/// What an observation says that its side holds of a group; nothing, if a member is unknown.
pub(crate) fn held_by(
    memory: &Memory,
    spec: &GroupSpec,
    observation: Option<&Observation>,
) -> Option<GroupHeld> {
    known(observation?, &spec.members, memory, |reading: &Reading| &reading.held)
}

/// The group, empty.
pub(crate) fn nothing(spec: &GroupSpec) -> GroupHeld {
    spec.members.iter().map(|field| (field.id.clone(), crate::Held::Empty)).collect()
}
