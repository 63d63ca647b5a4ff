//! Every group of a linked deal: from the merge's ruling to a write, or to why there is none.

use crate::{
    Actor, Archived, Content, ElementChange, Fuse, GroupDecision, GroupHeld, GroupSpec, Held, Irreversible,
    Life, Observation, PerSide, Phase, Plan, PlanInput, ProblemClass, Side, Value, Verdict, Why, Write,
    display, fingerprint,
    merge::{Case, Merged, holds_more_than_fits, is_empty},
    planner::known,
    sets::{Broken, SetCase, SetRuling, apply},
};

/// The group whose writes towards the portal have a switch of their own.
const SOLUTIONS: &str = "solutions";

/// The writes of all groups, by the side they go to.
#[derive(Debug, Default)]
pub(crate) struct GroupPlans {
    pub(crate) writes: PerSide<Vec<Write>>,
}

struct Groups<'a> {
    input: &'a PlanInput<'a>,
    seen: PerSide<&'a Observation>,
    /// Where the referral stands when the writes arrive.
    stands: &'a Life,
    plans: GroupPlans,
}

pub(crate) fn plan_groups(
    input: &PlanInput<'_>,
    crm: &Observation,
    portal: &Observation,
    stands: &Life,
    plan: &mut Plan,
) -> GroupPlans {
    let mut groups = Groups { input, seen: PerSide::new(portal, crm), stands, plans: GroupPlans::default() };
    for spec in &input.specs.groups {
        let companions = groups.is_companions(spec);
        if input.deal.phase == Phase::Finished && !companions {
            continue;
        }
        if companions && !input.specs.switches.companion {
            continue;
        }
        let decision = groups.decide(spec, plan);
        plan.decisions.push((spec.id.clone(), decision));
    }
    groups.plans
}

impl Groups<'_> {
    fn is_companions(&self, spec: &GroupSpec) -> bool {
        let lead = &spec.lead().id;
        self.input.deal.memory.companion.contains_key(lead)
            || self
                .seen
                .portal
                .portal()
                .and_then(|facts| facts.companion_fields.as_ref())
                .is_some_and(|fields| fields.contains_key(lead))
    }

    fn decide(&mut self, spec: &GroupSpec, plan: &mut Plan) -> GroupDecision {
        let memory = &self.input.deal.memory;
        let held =
            Side::BOTH.map(|side| known(self.seen.at(side), &spec.members, memory, |reading| &reading.held));
        let sends =
            Side::BOTH.map(|side| known(self.seen.at(side), &spec.members, memory, |reading| &reading.sends));
        let ([Some(portal), Some(crm)], [Some(sends_portal), Some(sends_crm)]) = (held, sends) else {
            return GroupDecision::Unknown;
        };
        let held = PerSide::new(portal, crm);
        let sends = PerSide::new(sends_portal, sends_crm);
        if spec.latch.is_some() {
            return self.latch(spec, &held, &sends, plan);
        }
        let decided = self.decided(spec, &held, plan);
        if spec.set.is_some() {
            self.set(spec, &held, decided, plan)
        } else {
            self.whole(spec, &held, &sends, decided, plan)
        }
    }

    /// Whether a side may be written now: direction, moment, capability and the referral's life in one.
    fn writable(&self, spec: &GroupSpec) -> PerSide<bool> {
        let closed = self.seen.portal.life.is_closed();
        let active = matches!(self.stands, Life::Active { .. });
        PerSide::new(spec.to.portal.update && !closed && (active || !spec.active_only), spec.to.crm.update)
    }

    fn decided(&self, spec: &GroupSpec, held: &PerSide<GroupHeld>, plan: &mut Plan) -> Option<Side> {
        self.input.deal.decisions.iter().find_map(|decision| match &decision.verdict {
            Verdict::Resolve { group, winner, shown }
                if *group == spec.id
                    && shown.crm == fingerprint(&held.crm)
                    && shown.portal == fingerprint(&held.portal) =>
            {
                plan.consumed.push(decision.id);
                Some(*winner)
            }
            _ => None,
        })
    }

    fn whole(
        &mut self,
        spec: &GroupSpec,
        held: &PerSide<GroupHeld>,
        sends: &PerSide<GroupHeld>,
        decided: Option<Side>,
        plan: &mut Plan,
    ) -> GroupDecision {
        let memory = &self.input.deal.memory;
        let windows = memory.windows.get(&spec.id);
        let ruling = Case {
            spec,
            minor_units: &self.input.specs.minor_units,
            held: PerSide::new(&held.portal, &held.crm),
            sends: PerSide::new(&sends.portal, &sends.crm),
            base: memory.base.get(&spec.id),
            windows: PerSide::new(
                windows.and_then(|windows| windows.portal.as_ref()),
                windows.and_then(|windows| windows.crm.as_ref()),
            ),
            writable: self.writable(spec),
            born: self.input.deal.born,
            decided,
        }
        .rule();
        plan.rows.push((spec.id.clone(), ruling.row));
        if let Some(note) = ruling.note {
            plan.notes.push(format!("{} {note}.", label(spec)));
        }
        match ruling.merged {
            Merged::Nothing => GroupDecision::Nothing,
            Merged::Agree => GroupDecision::Agree,
            Merged::Drift => self.drift(spec, held, plan),
            Merged::Ask => {
                self.ask(spec, held, plan);
                GroupDecision::Ask
            }
            Merged::Write { to, why } => {
                let sent = sends.at(to.other());
                let lost =
                    matches!(why, Why::Newest | Why::OrderUnknown | Why::Policy | Why::Decided | Why::Born);
                if lost {
                    self.archive(spec, to, held.at(to), lost_because(why), plan);
                } else if holds_more_than_fits(spec, &self.input.specs.minor_units, held.at(to)) {
                    self.archive(spec, to, held.at(to), "held more than both sides can hold", plan);
                }
                let write = Write {
                    group: spec.id.clone(),
                    content: Content::Whole(sent.clone()),
                    instead_of: held.at(to).clone(),
                    why,
                    latch: None,
                };
                self.push(spec, to, write, plan)
            }
        }
    }

    /// The sides differ and nobody may be written. What a seller typed after the portal closed is kept in the archive.
    fn drift(&self, spec: &GroupSpec, held: &PerSide<GroupHeld>, plan: &mut Plan) -> GroupDecision {
        let base = self.input.deal.memory.base.get(&spec.id);
        let unsent = spec.to.portal.update && base.is_some_and(|base| base.crm != held.crm);
        if self.seen.portal.life.is_closed() && unsent {
            self.archive(spec, Side::Crm, &held.crm, "the portal closed first", plan);
        }
        GroupDecision::Drift
    }

    fn set(
        &mut self,
        spec: &GroupSpec,
        held: &PerSide<GroupHeld>,
        decided: Option<Side>,
        plan: &mut Plan,
    ) -> GroupDecision {
        let memory = &self.input.deal.memory;
        let lead = &spec.lead().id;
        let elements = |group: &GroupHeld| group.get(lead).map(Held::elements).unwrap_or_default();
        let now = PerSide::new(elements(&held.portal), elements(&held.crm));
        let base =
            memory.base.get(&spec.id).map(|base| PerSide::new(elements(&base.portal), elements(&base.crm)));
        let windows = memory.windows.get(&spec.id);
        let Some(bounds) = spec.set else { return GroupDecision::Nothing };
        let ruling = SetCase {
            spec,
            bounds,
            held: PerSide::new(&now.portal, &now.crm),
            base: base.as_ref(),
            windows: PerSide::new(
                windows.and_then(|windows| windows.portal.as_ref()),
                windows.and_then(|windows| windows.crm.as_ref()),
            ),
            writable: self.writable(spec),
            born: self.input.deal.born,
            decided,
        }
        .rule();
        self.explain_set(spec, &ruling, plan);
        if ruling.to.portal.is_empty() && ruling.to.crm.is_empty() {
            if !ruling.ask.is_empty() {
                self.ask(spec, held, plan);
                return GroupDecision::Ask;
            }
            let alike = base.as_ref().is_some_and(|base| base.portal == now.portal && base.crm == now.crm);
            return if alike { GroupDecision::Nothing } else { GroupDecision::Agree };
        }
        let mut decision = GroupDecision::Merge;
        for (to, changes) in [(Side::Portal, ruling.to.portal), (Side::Crm, ruling.to.crm)] {
            if changes.is_empty() {
                continue;
            }
            let write = Write {
                group: spec.id.clone(),
                content: Content::Elements(changes),
                instead_of: held.at(to).clone(),
                why: Why::Changed,
                latch: None,
            };
            if let pending @ (GroupDecision::Pending { .. } | GroupDecision::Ask) =
                self.push(spec, to, write, plan)
            {
                decision = if self.wrote(spec) { GroupDecision::Merge } else { pending };
            }
        }
        decision
    }

    fn wrote(&self, spec: &GroupSpec) -> bool {
        Side::BOTH
            .into_iter()
            .any(|side| self.plans.writes.at(side).iter().any(|write| write.group == spec.id))
    }

    fn explain_set(&self, spec: &GroupSpec, ruling: &SetRuling, plan: &mut Plan) {
        for loss in &ruling.lost {
            let mut elements = crate::Elements::new();
            elements.insert(loss.key.clone(), loss.element.clone());
            let group = [(spec.lead().id.clone(), Held::Value(Value::Set(elements)))].into();
            self.archive(spec, loss.side, &group, loss.reason, plan);
        }
        let (sentence, next_step) = match ruling.breaks {
            None => return,
            Some(Broken::TooFew(min)) => (
                format!("A referral needs at least {min} of {}.", label(spec)),
                "Add another one before removing the last.",
            ),
            Some(Broken::TooMany(max)) => (
                format!("A referral holds at most {max} of {}.", label(spec)),
                "Remove some on the opportunity.",
            ),
        };
        plan.problem(ProblemClass::Data, Some(&spec.id), sentence, next_step);
    }

    /// Share and help go one way only: from nothing to something.
    fn latch(
        &mut self,
        spec: &GroupSpec,
        held: &PerSide<GroupHeld>,
        sends: &PerSide<GroupHeld>,
        plan: &mut Plan,
    ) -> GroupDecision {
        let set = PerSide::new(!is_empty(spec, &held.portal), !is_empty(spec, &sends.crm));
        // Asking for help creates a record of its own; see the births.
        let creates = spec.latch == Some(Irreversible::AskHelp);
        match (set.crm, set.portal) {
            (false, false) => GroupDecision::Nothing,
            (true, false) if creates || !self.writable(spec).portal => GroupDecision::Drift,
            (true, false) => {
                let write = Write {
                    group: spec.id.clone(),
                    content: Content::Whole(sends.crm.clone()),
                    instead_of: held.portal.clone(),
                    why: Why::Changed,
                    latch: spec.latch,
                };
                self.push(spec, Side::Portal, write, plan)
            }
            (_, true) if sends.crm == held.portal => {
                let base = self.input.deal.memory.base.get(&spec.id);
                let settled = base.is_some_and(|base| base.portal == held.portal && base.crm == held.crm);
                if settled { GroupDecision::Nothing } else { GroupDecision::Agree }
            }
            (_, true) if !spec.to.crm.update => GroupDecision::Drift,
            (_, true) => {
                plan.notes.push(format!(
                    "{} cannot be taken back; it was put right on the opportunity.",
                    label(spec)
                ));
                let write = Write {
                    group: spec.id.clone(),
                    content: Content::Whole(held.portal.clone()),
                    instead_of: held.crm.clone(),
                    why: Why::Enforced,
                    latch: None,
                };
                self.push(spec, Side::Crm, write, plan)
            }
        }
    }

    /// Lets a write through, or says why it waits.
    fn push(&mut self, spec: &GroupSpec, to: Side, write: Write, plan: &mut Plan) -> GroupDecision {
        let pending = |reason: &str| GroupDecision::Pending { reason: reason.to_owned() };
        let switches = &self.input.specs.switches;
        let on = match to {
            Side::Portal if spec.id.as_str() == SOLUTIONS => switches.solutions,
            Side::Portal => switches.update_referrals,
            Side::Crm => switches.update_opportunities,
        };
        if !on {
            return pending("its flow is switched off");
        }
        if to == Side::Portal && *self.stands == Life::Received {
            return pending("edits wait until the referral is accepted");
        }
        let memory = &self.input.deal.memory;
        let by_person = self.seen.at(to.other()).actor == Actor::Person;
        let again = matches!(write.why, Why::Enforced | Why::Refilled);
        if Fuse::blows(memory.fuse.get(&spec.id), to, self.input.now, by_person, again) {
            plan.problem(
                ProblemClass::Fuse,
                Some(&spec.id),
                format!(
                    "{} was changed back and forth; two automations seem to fight. One side says \"{}\", the other \"{}\".",
                    label(spec),
                    shown(&write),
                    display(&write.instead_of)
                ),
                "Stop one of the automations, then choose the value that is right.",
            );
            return GroupDecision::Ask;
        }
        let held = fingerprint(&write.instead_of);
        let refused = memory.rejected.iter().find(|rejection| {
            rejection.group == spec.id
                && rejection.side == to
                && rejection.sent == write.fingerprint()
                && rejection.held == held
                && rejection.mapping == self.input.mapping
        });
        if let Some(rejection) = refused {
            plan.problem(
                ProblemClass::Data,
                Some(&spec.id),
                format!("{} was refused: {}", label(spec), rejection.message),
                "Change the value; it is sent again then.",
            );
            return pending("the value was refused");
        }
        self.plans.writes.at_mut(to).push(write);
        if spec.set.is_some() { GroupDecision::Merge } else { GroupDecision::Write { to } }
    }

    fn ask(&self, spec: &GroupSpec, held: &PerSide<GroupHeld>, plan: &mut Plan) {
        plan.problem(
            ProblemClass::Conflict,
            Some(&spec.id),
            format!(
                "{} was changed on both sides: \"{}\" on the opportunity, \"{}\" on the referral.",
                label(spec),
                display(&held.crm),
                display(&held.portal)
            ),
            "Choose the value that is right; all other fields go on meanwhile.",
        );
    }

    fn archive(&self, spec: &GroupSpec, side: Side, value: &GroupHeld, reason: &str, plan: &mut Plan) {
        plan.archive.push(Archived {
            group: spec.id.clone(),
            side,
            value: value.clone(),
            reason: reason.to_owned(),
            version: self.seen.at(side).version.clone(),
        });
    }
}

fn lost_because(why: Why) -> &'static str {
    match why {
        Why::Newest => "the other side's change is newer",
        Why::OrderUnknown => "both sides changed it, order unknown; the mapping's owner won",
        Why::Policy => "both sides changed it; the mapping names the winner",
        Why::Decided => "a person decided for the other side's value",
        _ => "both sides held a value when they were linked; the side the deal was born on won",
    }
}

fn label(spec: &GroupSpec) -> &str {
    &spec.lead().label
}

fn shown(write: &Write) -> String {
    match &write.content {
        Content::Whole(group) => display(group),
        Content::Elements(changes) => {
            changes.iter().map(|(key, _)| key.0.as_str()).collect::<Vec<_>>().join(", ")
        }
    }
}

impl Write {
    /// A fingerprint of what would be sent.
    pub fn fingerprint(&self) -> crate::Fingerprint {
        match &self.content {
            Content::Whole(group) => fingerprint(group),
            Content::Elements(changes) => {
                let mut after = self.instead_of.clone();
                for held in after.values_mut() {
                    *held = Held::Value(Value::Set(apply(&held.elements(), changes)));
                }
                fingerprint(&after)
            }
        }
    }

    /// Whether it empties what the side holds: the brake counts these.
    pub fn clears(&self) -> bool {
        let emptied = |held: &Held| *held == Held::Empty;
        match &self.content {
            Content::Whole(group) => group.values().all(emptied) && !self.instead_of.values().all(emptied),
            Content::Elements(changes) => changes.iter().all(|(_, change)| *change == ElementChange::Remove),
        }
    }
}
