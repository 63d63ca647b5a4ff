//! What a deal remembers after its effects were sent: the base advances here, and only here.

use jiff::Timestamp;

use crate::{
    Actor, Content, Deal, Effect, Elements, Fuse, GroupDecision, GroupHeld, GroupId, GroupSpec, Held, Memory,
    Observation, PerSide, Plan, Reading, Rejection, Side, Specs, Value, Window, Write, fingerprint,
    planner::{known, reading},
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

    fn wrote(&self, group: &GroupId) -> bool {
        matches!(self, Self::Done { refused } if !refused.iter().any(|(name, _)| name == group))
    }

    fn refused(&self) -> &[(GroupId, String)] {
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
    let mut memory = input.deal.memory.clone();
    let newest =
        PerSide::new(input.after.portal.or(input.before.portal), input.after.crm.or(input.before.crm));
    remember_companion(&mut memory, newest.portal);
    for spec in &input.specs.groups {
        input.observe_windows(&mut memory, spec, newest);
        let decision = input.plan.decisions.iter().find(|(group, _)| *group == spec.id).map(|(_, made)| made);
        input.advance(&mut memory, spec, decision);
        input.remember_refusals(&mut memory, spec);
    }
    input.advance_life(&mut memory, newest);
    for side in Side::BOTH {
        if let Some(observation) = newest.at(side) {
            *memory.versions.at_mut(side) = Some(observation.version.clone());
        }
    }
    if let Some(portal) = newest.portal {
        memory.stand_in = Some(Box::new(portal.clone()));
    }
    memory
}

fn remember_companion(memory: &mut Memory, portal: Option<&Observation>) {
    if let Some(fields) =
        portal.and_then(Observation::portal).and_then(|facts| facts.companion_fields.as_ref())
    {
        memory.companion.clone_from(fields);
    }
}

impl SettleInput<'_> {
    fn held(
        &self,
        memory: &Memory,
        spec: &GroupSpec,
        observation: Option<&Observation>,
    ) -> Option<GroupHeld> {
        known(observation?, &spec.members, memory, |reading: &Reading| &reading.held)
    }

    /// The write of `group` towards `side`, if it was carried out.
    fn written(&self, group: &GroupId, side: Side) -> Option<&Write> {
        self.plan.effects.iter().zip(self.ends).find_map(|(effect, end)| {
            let (to, writes) = match effect {
                Effect::Create { side, writes, .. } | Effect::Update { side, writes, .. } => (*side, writes),
                Effect::CreateCompanion { .. } | Effect::Move { .. } => return None,
            };
            let write = writes.iter().find(|write| write.group == *group)?;
            (to == side && end.wrote(group)).then_some(write)
        })
    }

    fn advance(&self, memory: &mut Memory, spec: &GroupSpec, decision: Option<&GroupDecision>) {
        let before = PerSide::new(
            self.held(memory, spec, self.before.portal),
            self.held(memory, spec, self.before.crm),
        );
        match decision {
            Some(GroupDecision::Agree) => {
                if let (Some(portal), Some(crm)) = (before.portal, before.crm) {
                    self.take(memory, spec, PerSide::new(portal, crm));
                }
            }
            // Where nothing may be written, the first sight is the base that later drift is told from.
            Some(GroupDecision::Drift) if !memory.base.contains_key(&spec.id) => {
                if let (Some(portal), Some(crm)) = (before.portal, before.crm)
                    && spec.latch.is_none()
                {
                    self.take(memory, spec, PerSide::new(portal, crm));
                }
            }
            Some(GroupDecision::Merge) => self.advance_set(memory, spec, &before),
            // A creation decides no group, it writes them all.
            Some(GroupDecision::Write { .. }) | None => self.advance_written(memory, spec, &before),
            _ => {}
        }
    }

    fn advance_written(&self, memory: &mut Memory, spec: &GroupSpec, before: &PerSide<Option<GroupHeld>>) {
        for to in Side::BOTH {
            let Some(write) = self.written(&spec.id, to) else { continue };
            let (Some(source), Some(kept)) =
                (before.at(to.other()).clone(), self.held(memory, spec, *self.after.at(to)))
            else {
                continue;
            };
            let kept = self.kept(to, write, kept);
            let mut pair = PerSide::new(source.clone(), source);
            *pair.at_mut(to) = kept;
            self.take(memory, spec, pair);
            self.light_fuse(memory, spec, to, write);
        }
    }

    /// What the written side holds now. If a person changed it between our write and the read-back, that is a change
    /// yet to be seen: the base takes what was sent.
    fn kept(&self, to: Side, write: &Write, read: GroupHeld) -> GroupHeld {
        let by_person = self.after.at(to).is_some_and(|after| after.actor == Actor::Person);
        match &write.content {
            Content::Whole(sent) if by_person && read != *sent => sent.clone(),
            _ => read,
        }
    }

    /// Per element: those that were written take what both sides hold, all others stay.
    fn advance_set(&self, memory: &mut Memory, spec: &GroupSpec, before: &PerSide<Option<GroupHeld>>) {
        let lead = &spec.lead().id;
        let elements = |group: Option<&GroupHeld>| -> Elements {
            group.and_then(|group| group.get(lead)).map(Held::elements).unwrap_or_default()
        };
        let (Some(_), Some(_)) = (&before.portal, &before.crm) else { return };
        let now = Side::BOTH.map(|side| {
            let after = self.held(memory, spec, *self.after.at(side));
            elements(after.as_ref().or(before.at(side).as_ref()))
        });
        let now = PerSide::new(&now[0], &now[1]);
        let old = memory.base.get(&spec.id);
        let mut next =
            PerSide::new(elements(old.map(|pair| &pair.portal)), elements(old.map(|pair| &pair.crm)));
        let wanted = |side: Side| {
            self.plan.effects.iter().filter_map(move |effect| match effect {
                Effect::Update { side: to, writes, .. } if *to == side => Some(writes),
                _ => None,
            })
        };
        let changed = |side: Side| -> Vec<&crate::ElementKey> {
            wanted(side)
                .flatten()
                .filter(|write| write.group == spec.id)
                .flat_map(|write| match &write.content {
                    Content::Elements(changes) => changes.iter().map(|(key, _)| key).collect::<Vec<_>>(),
                    Content::Whole(_) => Vec::new(),
                })
                .collect()
        };
        let failed: Vec<&crate::ElementKey> = Side::BOTH
            .into_iter()
            .filter(|side| self.written(&spec.id, *side).is_none())
            .flat_map(changed)
            .collect();
        let mut keys: Vec<_> = now
            .portal
            .keys()
            .chain(now.crm.keys())
            .chain(next.portal.keys())
            .chain(next.crm.keys())
            .cloned()
            .collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys.into_iter().filter(|key| !failed.contains(&key)) {
            // An element on one side only is not reconciled: its base waits for the other half.
            let both = now.portal.contains_key(&key) && now.crm.contains_key(&key);
            for side in Side::BOTH {
                match now.at(side).get(&key) {
                    Some(element) if both => next.at_mut(side).insert(key.clone(), element.clone()),
                    _ if now.portal.contains_key(&key) || now.crm.contains_key(&key) => None,
                    _ => next.at_mut(side).remove(&key),
                };
            }
        }
        let group =
            |elements: Elements| -> GroupHeld { [(lead.clone(), Held::Value(Value::Set(elements)))].into() };
        self.take(memory, spec, PerSide::new(group(next.portal), group(next.crm)));
        for to in Side::BOTH {
            if let Some(write) = self.written(&spec.id, to) {
                self.light_fuse(memory, spec, to, write);
            }
        }
    }

    fn light_fuse(&self, memory: &mut Memory, spec: &GroupSpec, to: Side, write: &Write) {
        let by_person = self.before.at(to.other()).is_some_and(|source| source.actor == Actor::Person);
        let again = matches!(write.why, crate::Why::Enforced | crate::Why::Refilled);
        let fuse = Fuse::extend(memory.fuse.get(&spec.id), to, self.now, by_person, again);
        memory.fuse.insert(spec.id.clone(), fuse);
    }

    fn take(&self, memory: &mut Memory, spec: &GroupSpec, pair: PerSide<GroupHeld>) {
        let windows = Side::BOTH.map(|side| {
            let stamp = (*self.after.at(side)).or(*self.before.at(side)).map(|seen| seen.version.stamp)?;
            Some(Window::settled(fingerprint(pair.at(side)), stamp))
        });
        let [portal, crm] = windows;
        memory.windows.insert(spec.id.clone(), PerSide::new(portal, crm));
        memory.rejected.retain(|rejection| rejection.group != spec.id);
        memory.base.insert(spec.id.clone(), pair);
    }

    fn observe_windows(&self, memory: &mut Memory, spec: &GroupSpec, newest: PerSide<Option<&Observation>>) {
        for side in Side::BOTH {
            // What was read before our write is what people did; the write's own read-back is no change.
            for observation in [*self.before.at(side), *newest.at(side)].into_iter().flatten() {
                let Some(held) = known(observation, &spec.members, memory, |reading| &reading.held) else {
                    continue;
                };
                let windows = memory.windows.entry(spec.id.clone()).or_default();
                let window = windows.at_mut(side);
                *window =
                    Some(Window::observe(window.as_ref(), fingerprint(&held), observation.version.stamp));
            }
        }
    }

    fn remember_refusals(&self, memory: &mut Memory, spec: &GroupSpec) {
        for (effect, end) in self.plan.effects.iter().zip(self.ends) {
            let (Effect::Create { side, writes, .. } | Effect::Update { side, writes, .. }) = effect else {
                continue;
            };
            for (group, message) in end.refused().iter().filter(|(group, _)| *group == spec.id) {
                let Some(write) = writes.iter().find(|write| write.group == *group) else { continue };
                memory.rejected.retain(|known| known.group != *group || known.side != *side);
                memory.rejected.push(Rejection {
                    group: group.clone(),
                    side: *side,
                    sent: write.fingerprint(),
                    held: fingerprint(&write.instead_of),
                    mapping: self.mapping.to_owned(),
                    message: message.clone(),
                });
            }
        }
    }

    fn advance_life(&self, memory: &mut Memory, newest: PerSide<Option<&Observation>>) {
        let Some(wanted) = &self.plan.life else { return };
        let carried = |effect: &Effect| match effect {
            Effect::Move { .. } => true,
            Effect::Update { life, .. } => life.is_some(),
            Effect::Create { .. } | Effect::CreateCompanion { .. } => false,
        };
        let all_done = self
            .plan
            .effects
            .iter()
            .zip(self.ends)
            .filter(|(effect, _)| carried(effect))
            .all(|(_, end)| matches!(end, EffectEnd::Done { .. }));
        if !all_done && memory.life.is_some() {
            return;
        }
        let mut pair = wanted.clone();
        for side in Side::BOTH {
            if let Some(seen) = newest.at(side)
                && (all_done || memory.life.is_none())
            {
                pair.at_mut(side).clone_from(&seen.life);
            }
        }
        if memory.life.is_none() {
            memory.answered = newest.crm.and_then(Observation::crm).and_then(|facts| facts.response);
        }
        memory.life = Some(pair);
    }
}

/// The reading of a field that belongs to the companion, from memory where it was not read this time.
pub fn companion_reading(observation: &Observation, field: &crate::FieldId, memory: &Memory) -> Reading {
    reading(observation, field, memory)
}
