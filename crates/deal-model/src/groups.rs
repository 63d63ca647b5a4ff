//! Every group of a linked deal: from the merge's ruling to a write, or to why there is none.

use planted::{Bug, planted};

use crate::{
    Archived, Clear, Content, Fuse, GroupDecision, GroupHeld, GroupSpec, Held, Kind, Life, Observation,
    PerSide, Phase, Plan, PlanInput, ProblemClass, Rejection, SETTLE, Side, Value, Verdict, Why, Window,
    Write,
    births::{computed, demanded, fitting},
    decisions::shown_is,
    display, fingerprint, fit_group,
    fuse::Spark,
    merge::{Case, Merged, Ruling, comparable, is_empty},
    planner::known,
};

/// The group whose writes towards the portal have a switch of their own.
const SOLUTIONS: &str = "solutions";

/// Why a value is archived that nobody sent before the portal was final.
pub(crate) const PORTAL_CLOSED_FIRST: &str = "the portal closed first";

/// Why a value is archived that was never on the other side, though the base has it.
const DIFFERED: &str = "it differed since the mapping changed";

/// The writes of all groups, by the side they go to.
#[derive(Debug, Default)]
pub(crate) struct GroupPlans {
    pub(crate) writes: PerSide<Vec<Write>>,
}

pub(crate) struct Groups<'a> {
    pub(crate) input: &'a PlanInput<'a>,
    pub(crate) seen: PerSide<&'a Observation>,
    /// Where the referral stands when the writes arrive.
    stands: &'a Life,
    plans: GroupPlans,
}

/// A person's decision about a group, for exactly the values that it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decided {
    pub(crate) id: i64,
    pub(crate) winner: Side,
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
        if !memory.mapped.is_current(&spec.id, &self.input.specs.definitions) {
            // Its base says nothing under the present mapping, and a side cannot be read for another.
            return GroupDecision::Unknown;
        }
        let [portal, crm] =
            Side::BOTH.map(|side| known(self.seen.at(side), &spec.members, memory, |reading| &reading.held));
        let [sends_portal, sends_crm] =
            Side::BOTH.map(|side| known(self.seen.at(side), &spec.members, memory, |reading| &reading.sends));
        // A default that cannot be worked out sends nothing, and holds up nothing that comes from the other side: unless
        // sending nothing would empty it. In a group that has something to send, its member would go as empty: that waits.
        let sends_nothing = |to: Side, held: &GroupHeld| {
            let from = self.seen.at(to.other());
            spec.members.iter().any(|field| from.uncomputed(&field.id).is_some())
                && (!spec.to.at(to).update
                    || (*spec.clear.at(to) != Clear::Propagate && is_empty(spec, held)))
        };
        let sends_portal =
            sends_portal.or_else(|| portal.clone().filter(|held| sends_nothing(Side::Crm, held)));
        let sends_crm = sends_crm.or_else(|| crm.clone().filter(|held| sends_nothing(Side::Portal, held)));
        if let Some(crm) = &crm
            && self.asks_the_inviter(spec, portal.as_ref(), crm, plan)
        {
            return GroupDecision::Drift;
        }
        if spec.asks_help() && !self.input.has_companion(self.seen.portal) {
            fitting(spec, self.seen.crm, plan);
        }
        if spec.asks_help()
            && !self.input.has_companion(self.seen.portal)
            && let (Some(crm), Some(sends)) = (&crm, &sends_crm)
        {
            return self.help_not_asked(spec, crm, sends, plan);
        }
        for from in Side::BOTH {
            if spec.to.at(from.other()).update && !self.seen.portal.life.is_closed() {
                computed(spec, self.seen.at(from), from.other(), plan);
            }
        }
        let (Some(portal), Some(crm), Some(sends_portal), Some(sends_crm)) =
            (portal, crm, sends_portal, sends_crm)
        else {
            if spec.to.portal.update && !self.seen.portal.life.is_closed() {
                fitting(spec, self.seen.crm, plan);
            }
            return GroupDecision::Unknown;
        };
        let held = PerSide::new(portal, crm);
        let sends = PerSide::new(sends_portal, sends_crm);
        if !spec.to.crm.update {
            self.still_missing(spec, &held, &sends, plan);
        }
        if let Some(restored) = self.restored(spec, &held, plan) {
            return restored;
        }
        let decided = self.decided(spec, &held);
        if spec.latch.is_some() {
            self.latch(spec, &held, &sends, decided, plan)
        } else if spec.set.is_some() {
            self.set(spec, &held, &sends, decided, plan)
        } else {
            self.whole(spec, &held, &sends, decided, plan)
        }
    }

    /// What the CRM refused when the record was created stays a problem as long as the place is empty, where nothing
    /// later could be written there.
    fn still_missing(
        &self,
        spec: &GroupSpec,
        held: &PerSide<GroupHeld>,
        sends: &PerSide<GroupHeld>,
        plan: &mut Plan,
    ) {
        let write = Write {
            group: spec.id.clone(),
            content: Content::Whole(fit_group(spec, &self.input.specs.minor_units, &sends.portal)),
            instead_of: held.crm.clone(),
            why: Why::Created,
            latch: None,
        };
        if let Some(rejection) = self.input.refused(&write, Side::Crm) {
            plan.problem(
                ProblemClass::Data,
                Some(&spec.id),
                format!("{} was refused: {}", spec.label(), rejection.message),
                "Fill it in by hand in the CRM; it is written there at creation only.",
            );
        }
    }

    pub(crate) fn writes(&self, side: Side) -> &[Write] {
        self.plans.writes.at(side)
    }

    /// Takes back what was to be written, as far as `keeps` says no.
    pub(crate) fn retain_writes(&mut self, side: Side, keeps: impl FnMut(&mut Write) -> bool) {
        self.plans.writes.at_mut(side).retain_mut(keeps);
    }

    /// Whether a side may be written: direction, moment and capability in one. What only has to wait is told by `push`.
    pub(crate) fn writable(&self, spec: &GroupSpec) -> PerSide<bool> {
        PerSide::new(spec.to.portal.update && !self.seen.portal.life.is_closed(), spec.to.crm.update)
    }

    fn decided(&self, spec: &GroupSpec, held: &PerSide<GroupHeld>) -> Option<Decided> {
        self.input.deal.decisions.iter().find_map(|decision| match &decision.verdict {
            Verdict::Resolve { group, winner, shown } if *group == spec.id && shown_is(shown, held) => {
                Some(Decided { id: decision.id, winner: *winner })
            }
            _ => None,
        })
    }

    /// When the present values came, this pass's reading included.
    pub(crate) fn windows(&self, spec: &GroupSpec, held: &PerSide<GroupHeld>) -> PerSide<Option<Window>> {
        let before = self.input.deal.memory.windows.get(&spec.id);
        let now = |side: Side| {
            let known = before.and_then(|windows| windows.at(side).as_ref());
            Some(Window::observe(known, fingerprint(held.at(side)), self.seen.at(side).version.stamp))
        };
        PerSide::new(now(Side::Portal), now(Side::Crm))
    }

    fn whole(
        &mut self,
        spec: &GroupSpec,
        held: &PerSide<GroupHeld>,
        sends: &PerSide<GroupHeld>,
        decided: Option<Decided>,
        plan: &mut Plan,
    ) -> GroupDecision {
        let units = &self.input.specs.minor_units;
        let base = self.input.deal.memory.base.get(&spec.id);
        let case = Case {
            spec,
            held: PerSide::new(&held.portal, &held.crm),
            fits: PerSide::new(comparable(spec, units, &held.portal), comparable(spec, units, &held.crm)),
            sends: PerSide::new(comparable(spec, units, &sends.portal), comparable(spec, units, &sends.crm)),
            base,
            windows: self.windows(spec, held),
            writable: self.writable(spec),
            born: self.input.deal.born,
            decided: decided.map(|decided| decided.winner),
        };
        let Ruling { row, merged, note } = case.rule();
        let alike = case.alike();
        // A default that went across is no value of its own.
        let as_sent = case.fits.portal == case.sends.crm || case.fits.crm == case.sends.portal;
        plan.rows.push((spec.id.clone(), row));
        if let Some(note) = note {
            plan.notes.push(format!("{} {note}.", spec.label()));
        }
        self.say_cut(spec, held, plan);
        if alike && let Some(decided) = decided {
            plan.consumed.push(decided.id);
        }
        let unsent = spec.to.portal.update && base.is_some_and(|base| base.crm != held.crm);
        if self.seen.portal.life.is_closed() && unsent && !alike && decided.is_none() {
            // The portal is final: what a seller typed and nobody sent is kept in the archive.
            if !is_empty(spec, &held.crm) {
                self.archive(spec, Side::Crm, &held.crm, PORTAL_CLOSED_FIRST, plan);
            }
            return GroupDecision::Drift;
        }
        match merged {
            Merged::Nothing | Merged::Drift if spec.fixed && !alike => {
                note_fixed(spec, plan);
                if merged == Merged::Drift { GroupDecision::Drift } else { GroupDecision::Nothing }
            }
            Merged::Nothing => {
                if !alike && !as_sent {
                    self.say_kept(spec, held, plan);
                }
                GroupDecision::Nothing
            }
            Merged::Agree => GroupDecision::Agree,
            Merged::Drift => GroupDecision::Drift,
            Merged::Ask => {
                self.ask(spec, held, plan);
                GroupDecision::Ask
            }
            Merged::Write { to, why } => {
                let mut sent = fit_group(spec, units, sends.at(to.other()));
                if planted(Bug::MoneyMergedApart)
                    && let Some(base) = base
                {
                    for (member, value) in &mut sent {
                        let unchanged = held.at(to.other()).get(member) == base.at(to.other()).get(member);
                        if unchanged && let Some(kept) = held.at(to).get(member) {
                            value.clone_from(kept);
                        }
                    }
                }
                let write = Write {
                    group: spec.id.clone(),
                    content: Content::Whole(sent),
                    instead_of: held.at(to).clone(),
                    why,
                    latch: None,
                };
                if let Err(waits) = self.push(spec, to, write, plan) {
                    return waits;
                }
                self.archive_overwritten(spec, to, held.at(to), why, plan);
                if why == Why::Decided
                    && let Some(decided) = decided
                {
                    plan.consumed.push(decided.id);
                }
                GroupDecision::Write { to }
            }
        }
    }

    /// What is overwritten and was not reconciled, or held more than both sides can hold, is kept in the archive.
    pub(crate) fn archive_overwritten(
        &self,
        spec: &GroupSpec,
        to: Side,
        held: &GroupHeld,
        why: Why,
        plan: &mut Plan,
    ) {
        let memory = &self.input.deal.memory;
        let reconciled = memory.base.get(&spec.id).is_some_and(|base| base.at(to) == held);
        // Its base is what it held when the mapping changed: nobody ever saw it on the other side.
        let differs = memory.mapped.differs.contains_key(&spec.id);
        let whole = fit_group(spec, &self.input.specs.minor_units, held) == *held;
        let reason = match (reconciled, differs, whole) {
            _ if is_empty(spec, held) => return,
            (true, false, true) => return,
            (true, true, true) => DIFFERED,
            (true, _, false) => "held more than both sides can hold",
            (false, _, _) => lost_because(why),
        };
        self.archive(spec, to, held, reason, plan);
    }

    /// A long text does not fit across: its beginning goes, and a person is told that its end does not.
    fn say_cut(&self, spec: &GroupSpec, held: &PerSide<GroupHeld>, plan: &mut Plan) {
        let writable = self.writable(spec);
        for field in spec.members.iter().filter(|field| field.kind == Kind::LongText) {
            for (from, holder, across) in
                [(Side::Portal, "referral", "opportunity"), (Side::Crm, "opportunity", "referral")]
            {
                let Some(Held::Value(Value::Text(text))) = held.at(from).get(&field.id) else { continue };
                let (length, most) = (field.fit.length_of(text), field.fit.max_chars.unwrap_or(usize::MAX));
                if length > most && *writable.at(from.other()) {
                    plan.problem(
                        ProblemClass::Data,
                        Some(&spec.id),
                        format!(
                            "{} has {length} {} on the {holder}, and only its first {most} go to the {across}.",
                            field.label,
                            field.fit.measure.unit()
                        ),
                        format!("Shorten it on the {holder}; all of it stays there meanwhile."),
                    );
                }
            }
        }
    }

    /// The sides were reconciled as different: one of them kept something else than it was sent.
    fn say_kept(&self, spec: &GroupSpec, held: &PerSide<GroupHeld>, plan: &mut Plan) {
        let Some(fuse) = self.input.deal.memory.fuse.get(&spec.id) else { return };
        let (keeper, other) = match fuse.side {
            Side::Crm => ("opportunity", "referral"),
            Side::Portal => ("referral", "opportunity"),
        };
        plan.notes.push(format!(
            "{}: the {keeper} kept \"{}\"; the {other} holds \"{}\".",
            spec.label(),
            display(held.at(fuse.side)),
            display(held.at(fuse.side.other()))
        ));
    }

    /// Lets a write through, or says why it waits. Nothing is archived and no decision consumed for a write that waits.
    pub(crate) fn push(
        &mut self,
        spec: &GroupSpec,
        to: Side,
        write: Write,
        plan: &mut Plan,
    ) -> Result<(), GroupDecision> {
        let pending = |reason: &str| Err(GroupDecision::Pending { reason: reason.to_owned() });
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
        if to == Side::Portal && spec.active_only && !matches!(self.stands, Life::Active { .. }) {
            return pending("it goes to an active referral only");
        }
        if to == Side::Crm && self.seen.crm.crm().is_some_and(|facts| facts.unsettled) {
            plan.look_again(self.input.settled_at(self.seen.crm));
            return pending("the opportunity was saved just now");
        }
        if let Some(amount) = without_currency(spec, &write.content) {
            plan.problem(
                ProblemClass::Data,
                Some(&spec.id),
                format!("{amount} has no currency, and is never written without one."),
                "Choose the currency.",
            );
            return pending("its currency is missing");
        }
        if to == Side::Crm && self.is_computed(spec, &write, plan) {
            return pending("other records decide its value");
        }
        if to == Side::Portal && !demanded(spec, &write.content, self.seen.crm, plan) {
            return pending("the portal would not take the value");
        }
        if !matches!(write.why, Why::Decided | Why::Restored) {
            self.fuse(spec, to, &write, plan)?;
            if self.input.holds_back(spec, &write, to, plan) {
                return pending("the value was refused");
            }
        }
        self.plans.writes.at_mut(to).push(write);
        Ok(())
    }

    /// Whether the group's value comes from other records of the opportunity: it is not written, and a person is told.
    fn is_computed(&self, spec: &GroupSpec, write: &Write, plan: &mut Plan) -> bool {
        let Some(facts) = self.seen.crm.crm() else { return false };
        let Some(why) = spec.members.iter().find_map(|field| facts.computed.get(&field.id)) else {
            return false;
        };
        plan.problem(
            ProblemClass::Data,
            Some(&spec.id),
            format!(
                "{} is \"{}\" on the referral and \"{}\" on the opportunity, where it cannot be written: {why}.",
                spec.label(),
                write.shown(),
                display(&write.instead_of)
            ),
            "Change those records until the values agree, or put the value back on the referral.",
        );
        true
    }

    fn fuse(&self, spec: &GroupSpec, to: Side, write: &Write, plan: &mut Plan) -> Result<(), GroupDecision> {
        let memory = &self.input.deal.memory;
        let seen = PerSide::new(Some(self.seen.portal), Some(self.seen.crm));
        let by_person = memory.changed_by_person(spec, seen);
        let spark = Spark { to, why: write.why, at: self.input.now, by_person };
        if !Fuse::blows(memory.fuse.get(&spec.id), spark) {
            return Ok(());
        }
        plan.problem(
            ProblemClass::Fuse,
            Some(&spec.id),
            format!(
                "{} was changed back and forth; two automations seem to fight. One side says \"{}\", the other \"{}\".",
                spec.label(),
                write.shown(),
                display(&write.instead_of)
            ),
            format!("Stop one of the automations, then choose: cosell resolve {} {}", self.input.deal.id, spec.id),
        );
        Err(GroupDecision::Ask)
    }

    pub(crate) fn archive(
        &self,
        spec: &GroupSpec,
        side: Side,
        value: &GroupHeld,
        reason: &str,
        plan: &mut Plan,
    ) {
        plan.archive.push(Archived {
            group: spec.id.clone(),
            side,
            value: value.clone(),
            reason: reason.to_owned(),
            version: self.seen.at(side).version.clone(),
        });
    }
}

/// What a person typed stays unsent, for the portal refuses changes of it.
pub(crate) fn note_fixed(spec: &GroupSpec, plan: &mut Plan) {
    plan.notes.push(format!(
        "{}: the portal was seen to refuse changes of it; it is written at creation only.",
        spec.label()
    ));
}

/// The label of an amount that would go without its currency.
pub(crate) fn without_currency<'a>(spec: &'a GroupSpec, content: &Content) -> Option<&'a str> {
    let Content::Whole(group) = content else { return None };
    let holds = |field: &crate::FieldId| matches!(group.get(field), Some(Held::Value(_)));
    spec.members
        .iter()
        .find(|member| {
            holds(&member.id) && member.fit.currency.as_ref().is_some_and(|currency| !holds(currency))
        })
        .map(|member| member.label.as_str())
}

fn lost_because(why: Why) -> &'static str {
    match why {
        Why::Newest => "the other side's change is newer",
        Why::OrderUnknown => "both sides changed it, order unknown; the mapping's owner won",
        Why::Policy => "both sides changed it; the mapping names the winner",
        Why::Decided => "a person decided for the other side's value",
        Why::Restored => "a person restored another value",
        Why::Born => "both sides held a value when they were linked; the side the deal was born on won",
        Why::Enforced => "this side may not differ and was put right",
        Why::Changed | Why::Filled | Why::Refilled | Why::Created => {
            "it came from a side that is no source for this field"
        }
    }
}

impl PlanInput<'_> {
    /// When an opportunity that was saved just now is settled: counted by its server's clock, waited by ours.
    pub(crate) fn settled_at(&self, crm: &Observation) -> jiff::Timestamp {
        let age = crm.read_at.duration_since(crm.version.stamp).max(jiff::SignedDuration::ZERO);
        self.now.checked_add(SETTLE.saturating_sub(age).max(jiff::SignedDuration::ZERO)).unwrap_or(self.now)
    }

    /// What the server said of exactly this value in exactly this place, if it was refused before, and when it may be
    /// sent again all the same.
    pub(crate) fn refused(&self, write: &Write, to: Side) -> Option<&Rejection> {
        let held = fingerprint(&write.instead_of);
        self.deal.memory.rejected.iter().find(|rejection| {
            rejection.group == write.group
                && rejection.side == to
                && rejection.sent == write.fingerprint()
                && rejection.held == held
                && rejection.mapping == self.mapping
        })
    }

    /// Whether a write is held back because its value was refused before, with the problem and the next try.
    pub(crate) fn holds_back(&self, spec: &GroupSpec, write: &Write, to: Side, plan: &mut Plan) -> bool {
        let again = |rejection: &&Rejection| rejection.again_at().is_none_or(|at| self.now < at);
        let Some(rejection) = self.refused(write, to).filter(again) else { return false };
        plan.problem(
            ProblemClass::Data,
            Some(&spec.id),
            format!("{} was refused: {}", spec.label(), rejection.message),
            spec.how_to_mend(),
        );
        if let Some(at) = rejection.again_at() {
            plan.look_again(at);
        }
        true
    }
}
