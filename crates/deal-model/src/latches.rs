//! Share and help: they go one way only, from nothing to something, and only after a change (sync rules, section 5).

use crate::{
    Content, GroupDecision, GroupHeld, GroupSpec, Inviter, Irreversible, Observation, PerSide, Plan,
    PlanInput, ProblemClass, Side, Verdict, Why, Write,
    births::consent,
    fingerprint, fit_group,
    groups::{Decided, Groups, PORTAL_CLOSED_FIRST, note_fixed},
    merge::is_empty,
    planner::known,
};

impl GroupSpec {
    /// Whether the group asks for the other organisation's help.
    pub(crate) fn asks_help(&self) -> bool {
        self.latch == Some(Irreversible::AskHelp)
    }
}

impl PlanInput<'_> {
    /// Whether the other organisation is in the engagement already. Who invited to it is, though its referral be hidden.
    pub(crate) fn has_companion(&self, portal: &Observation) -> bool {
        self.deal.links.companion.is_some()
            || portal
                .portal()
                .is_some_and(|facts| facts.companion.is_some() || facts.inviter == Inviter::Companion)
    }

    /// Whether help was asked for since the deal was reconciled, or with its creation.
    ///
    /// Linking takes the lifecycle base and the group's base in one pass; our own creation takes the first alone. So a
    /// lifecycle base without one of the group means that help rode inside the creation.
    pub(crate) fn may_ask_help(&self, crm: &Observation) -> bool {
        let since = |spec: &GroupSpec| match self.deal.memory.base.get(&spec.id) {
            Some(base) => is_empty(spec, &base.crm),
            None => self.deal.memory.life.is_some(),
        };
        self.confirmed_help(crm).is_some()
            || self.specs.groups.iter().filter(|spec| spec.asks_help()).all(since)
    }

    /// The decision of a person to ask for exactly the help that the opportunity asks for.
    pub(crate) fn confirmed_help(&self, crm: &Observation) -> Option<i64> {
        self.deal.decisions.iter().find_map(|decision| {
            let Verdict::Resolve { group, winner: Side::Crm, shown } = &decision.verdict else { return None };
            let spec = self.specs.group(group).filter(|spec| spec.asks_help())?;
            let held = known(crm, &spec.members, &self.deal.memory, |reading| &reading.held)?;
            (shown.crm == fingerprint(&held)).then_some(decision.id)
        })
    }
}

impl Groups<'_> {
    /// The group asks for help, and there is nobody on the other side yet: asking creates a record (see the births).
    pub(crate) fn help_not_asked(
        &self,
        spec: &GroupSpec,
        crm: &GroupHeld,
        sends: &GroupHeld,
        plan: &mut Plan,
    ) -> GroupDecision {
        if is_empty(spec, sends) {
            let settled =
                self.input.deal.memory.base.get(&spec.id).is_some_and(|base| is_empty(spec, &base.crm));
            return if settled { GroupDecision::Nothing } else { GroupDecision::Agree };
        }
        if self.seen.portal.life.is_closed() {
            self.keep_unasked(spec, crm, plan);
            return GroupDecision::Drift;
        }
        if self.input.may_ask_help(self.seen.crm) {
            return GroupDecision::Pending { reason: "help is being asked for".to_owned() };
        }
        self.since_linked(spec, crm, plan);
        GroupDecision::Drift
    }

    /// The deal ended before help was asked for: there is nobody to ask any more, and what the seller typed since the deal
    /// was reconciled is kept in the archive (sync rules, section 4).
    fn keep_unasked(&self, spec: &GroupSpec, crm: &GroupHeld, plan: &mut Plan) {
        let memory = &self.input.deal.memory;
        let unsent = memory.base.get(&spec.id).map_or(memory.life.is_some(), |base| base.crm != *crm);
        if unsent {
            self.archive(spec, Side::Crm, crm, PORTAL_CLOSED_FIRST, plan);
        }
    }

    /// Whether help is asked of an organisation that began the deal itself: that would begin another one in its name. A
    /// person is told.
    pub(crate) fn asks_the_inviter(
        &self,
        spec: &GroupSpec,
        portal: Option<&GroupHeld>,
        crm: &GroupHeld,
        plan: &mut Plan,
    ) -> bool {
        let invited = self.seen.portal.portal().is_some_and(|facts| facts.inviter == Inviter::Companion);
        let asks = spec.asks_help()
            && invited
            && !self.seen.portal.life.is_closed()
            && self.seen.crm.crm().is_some_and(|facts| facts.asks_help)
            && portal.is_none_or(|portal| is_empty(spec, portal));
        if asks {
            plan.problem(
                ProblemClass::Data,
                Some(&spec.id),
                format!(
                    "{} is \"{}\", and the other organisation began this deal: it takes part already and is not asked.",
                    spec.label(),
                    crate::display(crm)
                ),
                "Clear it on the opportunity, and turn to the seller who invited you.",
            );
        }
        asks
    }

    pub(crate) fn latch(
        &mut self,
        spec: &GroupSpec,
        held: &PerSide<GroupHeld>,
        sends: &PerSide<GroupHeld>,
        decided: Option<Decided>,
        plan: &mut Plan,
    ) -> GroupDecision {
        let base = self.input.deal.memory.base.get(&spec.id);
        let units = &self.input.specs.minor_units;
        let wanted = fit_group(spec, units, &sends.crm);
        let settled = base.is_some_and(|base| base == held);
        let rest = || if settled { GroupDecision::Nothing } else { GroupDecision::Agree };
        match (!is_empty(spec, &wanted), !is_empty(spec, &held.portal)) {
            (false, false) => rest(),
            // Help was asked for with the companion's creation, and never changes after that.
            (true, false) if spec.asks_help() => rest(),
            (true, false) if !self.writable(spec).portal => {
                if spec.fixed {
                    note_fixed(spec, plan);
                }
                GroupDecision::Drift
            }
            (true, false) => self.send_latch(spec, held, wanted, decided, plan),
            (_, true) if wanted == fit_group(spec, units, &held.portal) => rest(),
            (_, true) if !spec.to.crm.update || settled => {
                if settled {
                    GroupDecision::Nothing
                } else {
                    GroupDecision::Drift
                }
            }
            (_, true) => {
                let write = Write {
                    group: spec.id.clone(),
                    content: Content::Whole(fit_group(spec, units, &held.portal)),
                    instead_of: held.crm.clone(),
                    why: Why::Enforced,
                    latch: None,
                };
                if let Err(waits) = self.push(spec, Side::Crm, write, plan) {
                    return waits;
                }
                self.archive_overwritten(spec, Side::Crm, &held.crm, Why::Enforced, plan);
                plan.notes.push(format!(
                    "{} cannot be taken back; it was put right on the opportunity.",
                    spec.label()
                ));
                GroupDecision::Write { to: Side::Crm }
            }
        }
    }

    fn send_latch(
        &mut self,
        spec: &GroupSpec,
        held: &PerSide<GroupHeld>,
        wanted: GroupHeld,
        decided: Option<Decided>,
        plan: &mut Plan,
    ) -> GroupDecision {
        let base = self.input.deal.memory.base.get(&spec.id);
        let confirmed = decided.filter(|decided| decided.winner == Side::Crm);
        let turned_on =
            base.is_some_and(|base| is_empty(spec, &base.crm)) && self.input.deal.memory.life.is_some();
        if !turned_on && confirmed.is_none() {
            self.since_linked(spec, &held.crm, plan);
            return GroupDecision::Drift;
        }
        if !consent(self.seen.crm, plan) {
            return GroupDecision::Pending { reason: "the customer's consent is not recorded".to_owned() };
        }
        let write = Write {
            group: spec.id.clone(),
            content: Content::Whole(wanted),
            instead_of: held.portal.clone(),
            why: if confirmed.is_some() { Why::Decided } else { Why::Changed },
            latch: spec.latch,
        };
        if let Err(waits) = self.push(spec, Side::Portal, write, plan) {
            return waits;
        }
        plan.consumed.extend(confirmed.map(|decided| decided.id));
        GroupDecision::Write { to: Side::Portal }
    }

    /// It was set when the records were linked; only a change from that, or a person, sends what cannot be taken back.
    fn since_linked(&self, spec: &GroupSpec, crm: &GroupHeld, plan: &mut Plan) {
        plan.problem(
            ProblemClass::Conflict,
            Some(&spec.id),
            format!(
                "{} is \"{}\" on the opportunity since the records were linked, and was never sent.",
                spec.label(),
                crate::display(crm)
            ),
            format!(
                "Clear it on the opportunity, or send it: cosell resolve {} {}",
                self.input.deal.id, spec.id
            ),
        );
    }
}
