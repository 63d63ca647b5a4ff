//! One pass over one deal: from what both sides hold to what will be done.

use jiff::{SignedDuration, Timestamp};
use planted::{Bug, planted};

use crate::{
    Deal, Effect, GroupDecision, GroupHeld, Irreversible, Life, Observation, PerSide, Phase, Plan,
    PortalFacts, Problem, ProblemClass, Side, Sight, Specs, Verdict, Version,
    births::{plan_companion, plan_opportunity, plan_referral},
    clocks::watch_clocks,
    decisions::{carried_out_before, outdated},
    groups::{GroupPlans, plan_groups},
    moves::{LifePlan, plan_life},
    remapped,
    third_party::read_only,
};

/// How long after an unsettled record's read it is read again.
pub const SETTLE: SignedDuration = SignedDuration::from_secs(2);

/// How long after a read that was older than an earlier one the record is read again.
pub const READ_AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// Everything that a plan is made of.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The deal's row.
    pub deal: &'a Deal,
    /// The opportunity as just read.
    pub crm: &'a Sight,
    /// The referral as just read, or its admissible stand-in.
    pub portal: &'a Sight,
    /// The compiled mapping.
    pub specs: &'a Specs,
    /// The mapping's version.
    pub mapping: &'a str,
    /// The present instant.
    pub now: Timestamp,
    /// How far the portal's clock is ahead of ours, as far as its answers told.
    pub portal_ahead: SignedDuration,
    /// Another deal has the referral that this opportunity claims.
    pub claimed_elsewhere: bool,
}

/// Decides what one pass does. Pure: the same input gives the same plan.
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let mut plan = Plan::default();
    if input.is_stale(Side::Crm) || input.is_stale(Side::Portal) {
        plan.waiting.clone_from(&input.deal.waiting);
        plan.problems.clone_from(&input.deal.problems);
        plan.notes.push("a read was older than what was seen before; it is read again".to_owned());
        plan.look_again(input.now.checked_add(READ_AGAIN).unwrap_or(input.now));
        return plan;
    }
    let seen = PerSide::new(input.portal.seen(), input.crm.seen());
    match remapped(&input.deal.memory, input.specs, seen, input.now) {
        Some(memory) => {
            let deal = Deal { memory, ..input.deal.clone() };
            plan_mapped(&PlanInput { deal: &deal, ..*input }, plan)
        }
        None => plan_mapped(input, plan),
    }
}

/// Decides on bases that were made under the present mapping.
fn plan_mapped(input: &PlanInput<'_>, mut plan: Plan) -> Plan {
    match (input.crm, input.portal) {
        (Sight::Unread, _) | (_, Sight::Unread) => {
            // Nothing may be decided, so nothing that waits or is wrong goes away.
            plan.waiting.clone_from(&input.deal.waiting);
            plan.problems.clone_from(&input.deal.problems);
            return plan;
        }
        (Sight::Gone, _) => {
            input.keep_withdrawn(&mut plan);
            plan.problem(
                ProblemClass::Link,
                None,
                "The opportunity is deleted, or the integration user may not see it any more.",
                "Undelete it or share it with the integration user; the deal then goes on.",
            );
        }
        (Sight::Unlinked, Sight::Seen(portal)) => {
            plan_opportunity(input, portal, &mut plan);
            watch_clocks(input, portal, &mut plan);
        }
        (Sight::Unlinked, _) => {}
        (Sight::Seen(crm), portal) => with_opportunity(input, crm, portal, &mut plan),
    }
    finish(input, &mut plan);
    plan
}

fn with_opportunity(input: &PlanInput<'_>, crm: &Observation, portal: &Sight, plan: &mut Plan) {
    let facts = crm.crm().cloned().unwrap_or_default();
    if !facts.opted_in {
        plan.phase = Some(Phase::Paused);
        if let Some(rule) = facts.left_out {
            plan.problem(
                ProblemClass::Data,
                None,
                rule,
                "Set sync to no, or ask for another rule under [opt_in] of the mapping. Nothing of it is shared.",
            );
            return;
        }
        "paused: sync is off".clone_into(&mut plan.headline);
        return;
    }
    let foreign_origin = facts.origin.as_ref().is_some_and(|origin| *origin != crm.record);
    if input.deal.links.portal.is_none() && (input.claimed_elsewhere || foreign_origin) {
        plan.problem(
            ProblemClass::Link,
            None,
            "This opportunity looks like a copy of one that is already shared: it carries that one's identifier.",
            "Clear the referral identifier and the origin on the copy to share it as a deal of its own, or set sync to no.",
        );
        return;
    }
    plan.phase = Some(Phase::Live);
    match portal {
        Sight::Unlinked if facts.claims.is_some() => plan.problem(
            ProblemClass::Link,
            None,
            "The opportunity carries the identifier of a referral that this store does not know.",
            "Link them again: cosell relink OPPORTUNITY --referral ID. Or clear the identifier, for a new referral.",
        ),
        Sight::Unlinked => plan_referral(input, crm, plan),
        Sight::Gone => {
            input.keep_withdrawn(plan);
            plan.problem(
                ProblemClass::Link,
                None,
                "The referral is gone, or the connection's user may not see it any more.",
                "Give the user the role Referrals admin for the whole company; the deal then goes on.",
            );
        }
        Sight::Seen(portal) if portal.portal().is_some_and(PortalFacts::is_read_only) => {
            read_only(input, crm, portal, plan);
        }
        Sight::Seen(portal) => reconcile(input, crm, portal, plan),
        Sight::Unread => {}
    }
}

pub(crate) fn reconcile(input: &PlanInput<'_>, crm: &Observation, portal: &Observation, plan: &mut Plan) {
    let life = plan_life(input, crm, portal, plan);
    let stands = if life.accepts { &Life::Active { sales_stage: None } } else { &portal.life };
    let groups = plan_groups(input, crm, portal, stands, plan);
    assemble(PerSide::new(portal, crm), life, groups, plan);

    if portal.life.is_closed() {
        // What changed only at the portal is written once more; only a deal with nothing left to do is finished.
        let left = |(_, decision): &(crate::GroupId, GroupDecision)| {
            matches!(decision, GroupDecision::Pending { .. } | GroupDecision::Ask)
        };
        let done = plan.effects.is_empty() && plan.next_due.is_none() && !plan.decisions.iter().any(left);
        if done || input.deal.phase == Phase::Finished {
            plan.phase = Some(Phase::Finished);
        }
    } else if matches!(stands, Life::Active { .. }) && !crm.life.is_closed() {
        plan_companion(input, crm, portal, plan);
    }
    watch_clocks(input, portal, plan);
}

/// Puts moves and writes into the order in which they leave.
fn assemble(seen: PerSide<&Observation>, life: LifePlan, groups: GroupPlans, plan: &mut Plan) {
    let moved = |(to, kind): (Life, Irreversible)| Effect::Move { to, kind };
    plan.effects.extend(life.before.into_iter().map(moved));
    let PerSide { portal, crm } = groups.writes;
    if !portal.is_empty() || life.sales_stage.is_some() {
        plan.effects.push(Effect::Update {
            side: Side::Portal,
            writes: portal,
            life: life.sales_stage,
            expect: seen.portal.version.clone(),
        });
    }
    plan.effects.extend(life.after.into_iter().map(moved));
    if !crm.is_empty() || life.crm.is_some() {
        plan.effects.push(Effect::Update {
            side: Side::Crm,
            writes: crm,
            life: life.crm,
            expect: seen.crm.version.clone(),
        });
    }
}

/// What every plan has in the end: old problems keep their time, the headline says the worst first.
fn finish(input: &PlanInput<'_>, plan: &mut Plan) {
    for problem in &mut plan.problems {
        let known = input.deal.problems.iter().find(|known| known.same(problem));
        problem.since = known.map_or(input.now, |known| known.since);
    }
    // Whatever came of it, the deal was looked at.
    let retries = input.deal.decisions.iter().filter(|decision| decision.verdict == Verdict::Retry);
    plan.consumed.extend(retries.map(|decision| decision.id));
    plan.consumed.extend(carried_out_before(input, plan));
    plan.handed_back.extend(outdated(input, plan));
    plan.handed_back.sort_unstable();
    plan.handed_back.dedup();
    if let Some(first) = plan.problems.first() {
        plan.headline = format!("needs you: {}", first.sentence);
    } else if plan.headline.is_empty() {
        let headline = match plan.phase {
            Some(Phase::Finished) => "closed",
            Some(Phase::Paused) => "paused: sync is off",
            Some(Phase::Live) | None => "in step",
        };
        headline.clone_into(&mut plan.headline);
    }
}

impl Plan {
    /// Adds a problem, once for each class and field. `finish` gives it its time.
    pub(crate) fn problem(
        &mut self,
        class: ProblemClass,
        field: Option<&crate::GroupId>,
        sentence: impl Into<String>,
        next_step: impl Into<String>,
    ) {
        let problem = Problem {
            class,
            field: field.cloned(),
            sentence: sentence.into(),
            next_step: next_step.into(),
            since: Timestamp::UNIX_EPOCH,
        };
        if !self.problems.iter().any(|known| known.same(&problem)) {
            self.problems.push(problem);
        }
    }

    /// Looks again at `at`, or earlier if something else wants it.
    pub(crate) fn look_again(&mut self, at: Timestamp) {
        self.next_due = Some(self.next_due.map_or(at, |due| due.min(at)));
    }
}

impl crate::Memory {
    /// Whether an observation of `side` at `version` may be used: it is not older than what was seen before
    /// (sync rules, section 1). An older one is read again, never planned on.
    pub fn admits(&self, side: Side, version: &Version) -> bool {
        planted(Bug::StalePagePlannedOn)
            || self.versions.at(side).as_ref().is_none_or(|seen| version.stamp >= seen.stamp)
    }
}

impl PlanInput<'_> {
    /// What a person withdrew stays withdrawn wherever a plan does not decide the step anew: forgotten, it would be a new
    /// wish later, and leave by itself.
    pub(crate) fn keep_withdrawn(&self, plan: &mut Plan) {
        plan.waiting.extend(self.deal.waiting.iter().filter(|effect| effect.withdrawn).cloned());
    }

    fn is_stale(&self, side: Side) -> bool {
        let sight = match side {
            Side::Crm => self.crm,
            Side::Portal => self.portal,
        };
        sight.seen().is_some_and(|seen| !self.deal.memory.admits(side, &seen.version))
    }
}

/// All members of a group as one side shows them; `None` if one of them is unknown.
pub(crate) fn known(
    observation: &Observation,
    members: &[crate::FieldSpec],
    memory: &crate::Memory,
    pick: impl Fn(&crate::Reading) -> &crate::Observed,
) -> Option<GroupHeld> {
    members
        .iter()
        .map(|field| {
            let reading = reading(observation, &field.id, memory);
            pick(&reading).held().map(|held| (field.id.clone(), held))
        })
        .collect()
}

/// What one side holds of a group; `None` if a member is unknown.
pub fn held(observation: &Observation, spec: &crate::GroupSpec, memory: &crate::Memory) -> Option<GroupHeld> {
    known(observation, &spec.members, memory, |reading| &reading.held)
}

/// What one side would send of a group: where it holds nothing, the mapping's defaults.
pub fn sends(
    observation: &Observation,
    spec: &crate::GroupSpec,
    memory: &crate::Memory,
) -> Option<GroupHeld> {
    known(observation, &spec.members, memory, |reading| &reading.sends)
}

/// A field's reading; the companion's fields are remembered between reads of its record.
pub(crate) fn reading(
    observation: &Observation,
    field: &crate::FieldId,
    memory: &crate::Memory,
) -> crate::Reading {
    let Some(facts) = observation.portal() else { return observation.reading(field) };
    match &facts.companion_fields {
        Some(fields) if fields.contains_key(field) => fields[field].clone(),
        None if memory.companion.contains_key(field) => memory.companion[field].clone(),
        _ => observation.reading(field),
    }
}
