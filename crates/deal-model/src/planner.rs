//! One pass over one deal: from what both sides hold to what will be done.

use jiff::{SignedDuration, Timestamp};

use crate::{
    Deal, Effect, GroupDecision, GroupHeld, Irreversible, Life, Observation, PerSide, Phase, Plan, Problem,
    ProblemClass, Sight, Specs, Verdict, WaitingEffect,
    births::{plan_companion, plan_opportunity, plan_referral},
    groups::{GroupPlans, plan_groups},
    guard::{Gate, Wanted, gate},
    lifecycle::{LifeCase, LifeStep},
};

/// How long after an unsettled record's read it is read again.
pub const SETTLE: SignedDuration = SignedDuration::from_secs(2);

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
    /// Another deal has the referral that this opportunity claims.
    pub claimed_elsewhere: bool,
}

/// Decides what one pass does. Pure: the same input gives the same plan.
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let mut plan = Plan::default();
    match (input.crm, input.portal) {
        (Sight::Unread, _) | (_, Sight::Unread) => {
            plan.waiting.clone_from(&input.deal.waiting);
            plan.problems.clone_from(&input.deal.problems);
            return plan;
        }
        (Sight::Gone, _) => {
            plan.problem(
                ProblemClass::Link,
                None,
                "The opportunity is deleted, or the integration user may not see it any more.",
                "Undelete it or share it with the integration user; the deal then goes on.",
            );
        }
        (Sight::Unlinked, Sight::Seen(portal)) => plan_opportunity(input, portal, &mut plan),
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
            "Adopt the pair, or clear the identifier to create a new referral.",
        ),
        Sight::Unlinked => plan_referral(input, crm, plan),
        Sight::Gone => plan.problem(
            ProblemClass::Link,
            None,
            "The referral is gone, or the connection's user may not see it any more.",
            "Give the user the role Referrals admin for the whole company; the deal then goes on.",
        ),
        Sight::Seen(portal) => reconcile(input, crm, portal, plan),
        Sight::Unread => {}
    }
}

fn reconcile(input: &PlanInput<'_>, crm: &Observation, portal: &Observation, plan: &mut Plan) {
    let memory = &input.deal.memory;
    let facts = crm.crm().cloned().unwrap_or_default();
    let confirmed = input.deal.decisions.iter().find_map(|decision| match &decision.verdict {
        Verdict::ResolveLife { shown } if shown.crm == crm.life && shown.portal == portal.life => {
            Some(decision.id)
        }
        _ => None,
    });
    let step = LifeCase {
        crm: &crm.life,
        portal: Some(&portal.life),
        base: memory.life.as_ref(),
        response: facts.response,
        answered: memory.answered,
        reason: facts.reason.as_deref(),
        confirmed: confirmed.is_some(),
        push: false,
    }
    .rule();
    let life = plan_life(input, crm, portal, &step, plan);
    if life.leaves
        && let Some(id) = confirmed
    {
        plan.consumed.push(id);
    }

    let stands = if life.accepts { &Life::Active { sales_stage: None } } else { &portal.life };
    let groups = plan_groups(input, crm, portal, stands, plan);
    assemble(input, PerSide::new(portal, crm), life, groups, plan);

    if portal.life.is_closed() {
        plan.phase = Some(Phase::Finished);
    } else if matches!(stands, Life::Active { .. }) && !crm.life.is_closed() {
        plan_companion(input, crm, portal, plan);
    }
}

/// What the lifecycle contributes to a plan.
#[derive(Debug, Default)]
struct LifePlan {
    /// Moves of the referral before its fields are written.
    before: Vec<(Life, Irreversible)>,
    /// Moves after its fields are written.
    after: Vec<(Life, Irreversible)>,
    /// The stage to write onto the opportunity.
    crm: Option<Life>,
    /// The sales stage to write onto the referral.
    sales_stage: Option<Life>,
    accepts: bool,
    leaves: bool,
}

fn plan_life(
    input: &PlanInput<'_>,
    crm: &Observation,
    portal: &Observation,
    step: &LifeStep,
    plan: &mut Plan,
) -> LifePlan {
    let mut life = LifePlan::default();
    let stand = PerSide::new(portal.life.clone(), crm.life.clone());
    if input.deal.memory.life.is_none() {
        plan.life = Some(stand.clone());
    }
    match step {
        LifeStep::Agree => plan.life = Some(stand),
        LifeStep::Keep | LifeStep::Create => {}
        LifeStep::Waits { sentence } => (*sentence).clone_into(&mut plan.headline),
        LifeStep::Problem { sentence, next_step } => {
            plan.problem(ProblemClass::Lifecycle, None, sentence.as_str(), *next_step);
        }
        LifeStep::Crm { to } if input.specs.switches.update_opportunities => {
            life.crm = Some(to.clone());
            plan.life = Some(PerSide::new(portal.life.clone(), to.clone()));
        }
        LifeStep::SalesStage { to: crate::Side::Crm, stage } if input.specs.switches.update_opportunities => {
            let to = Life::Active { sales_stage: Some(stage.clone()) };
            life.crm = Some(to.clone());
            plan.life = Some(PerSide::new(portal.life.clone(), to));
        }
        LifeStep::SalesStage { to: crate::Side::Portal, stage } if input.specs.switches.update_referrals => {
            let to = Life::Active { sales_stage: Some(stage.clone()) };
            life.sales_stage = Some(to.clone());
            plan.life = Some(PerSide::new(to, crm.life.clone()));
        }
        LifeStep::Crm { .. } | LifeStep::SalesStage { .. } => {
            plan.notes.push("The stage waits: its flow is switched off.".to_owned());
        }
        LifeStep::Portal { kind, steps } => plan_moves(input, crm, portal, *kind, steps, &mut life, plan),
    }
    life
}

fn plan_moves(
    input: &PlanInput<'_>,
    crm: &Observation,
    portal: &Observation,
    kind: Irreversible,
    steps: &[(Life, Irreversible)],
    life: &mut LifePlan,
    plan: &mut Plan,
) {
    if !input.specs.switches.update_referrals {
        plan.notes.push("The change of status waits: its flow is switched off.".to_owned());
        return;
    }
    let target = target_of(steps);
    let send_now = input.deal.decisions.iter().find(|decision| {
        matches!(&decision.verdict, Verdict::SendNow { kind: sent, target: shown } if *sent == kind && *shown == target)
    });
    let wanted = Wanted {
        kind,
        target: &target,
        answered: crm.crm().is_some_and(|facts| facts.response.is_some()),
        expires: portal.portal().and_then(|facts| facts.expires),
        send_now: send_now.is_some(),
    };
    match gate(&wanted, &input.deal.waiting, &input.specs.guard, input.now) {
        Gate::Wait(effect) => {
            plan.headline = format!("waiting until {:.0} to be {target}", effect.not_before);
            plan.look_again(effect.not_before);
            plan.waiting.push(effect);
        }
        Gate::Leave => {
            // Until it is carried out it goes on waiting, so that a failed attempt keeps its `since`.
            plan.waiting.extend(
                input
                    .deal
                    .waiting
                    .iter()
                    .filter(|effect| effect.kind == kind && effect.target == target)
                    .cloned(),
            );
            plan.consumed.extend(send_now.map(|decision| decision.id));
            life.leaves = true;
            for (to, kind) in steps {
                let first = *kind == Irreversible::Accept;
                life.accepts |= first;
                if first { &mut life.before } else { &mut life.after }.push((to.clone(), *kind));
            }
            let end = steps.last().map_or_else(|| portal.life.clone(), |(to, _)| to.clone());
            plan.life = Some(PerSide::new(end, crm.life.clone()));
        }
    }
}

/// The same words for the same target.
fn target_of(steps: &[(Life, Irreversible)]) -> String {
    let words: Vec<String> = steps
        .iter()
        .map(|(to, _)| match to {
            Life::Active { .. } => "accepted".to_owned(),
            Life::Lost { reason: Some(reason) } | Life::Declined { reason: Some(reason) } => {
                format!("{} ({reason})", to.word())
            }
            other => other.word().to_owned(),
        })
        .collect();
    words.join(" and ")
}

/// Puts moves and writes into the order in which they leave.
fn assemble(
    input: &PlanInput<'_>,
    seen: PerSide<&Observation>,
    life: LifePlan,
    groups: GroupPlans,
    plan: &mut Plan,
) {
    let moved = |(to, kind): (Life, Irreversible)| Effect::Move { to, kind };
    plan.effects.extend(life.before.into_iter().map(moved));
    if !groups.writes.portal.is_empty() || life.sales_stage.is_some() {
        plan.effects.push(Effect::Update {
            side: crate::Side::Portal,
            writes: groups.writes.portal,
            life: life.sales_stage,
            expect: seen.portal.version.clone(),
        });
    }
    plan.effects.extend(life.after.into_iter().map(moved));
    if groups.writes.crm.is_empty() && life.crm.is_none() {
        return;
    }
    if seen.crm.crm().is_some_and(|facts| facts.unsettled) {
        // One-second stamps cannot tell two saves of one second apart: write only what has settled.
        for (group, decision) in &mut plan.decisions {
            let to_crm = groups.writes.crm.iter().any(|write| write.group == *group);
            if to_crm {
                *decision =
                    GroupDecision::Pending { reason: "the opportunity was saved just now".to_owned() };
            }
        }
        if life.crm.is_some() {
            plan.life = None;
        }
        plan.look_again(input.now.checked_add(SETTLE).unwrap_or(input.now));
        return;
    }
    plan.effects.push(Effect::Update {
        side: crate::Side::Crm,
        writes: groups.writes.crm,
        life: life.crm,
        expect: seen.crm.version.clone(),
    });
}

/// What every plan has in the end: old problems keep their time, the headline says the worst first.
fn finish(input: &PlanInput<'_>, plan: &mut Plan) {
    for problem in &mut plan.problems {
        let known = input.deal.problems.iter().find(|known| known.same(problem));
        problem.since = known.map_or(input.now, |known| known.since);
    }
    if let Some(first) = plan.problems.first() {
        plan.headline = format!("needs you: {}", first.sentence);
    } else if plan.headline.is_empty() {
        plan.headline = match plan.phase {
            Some(Phase::Finished) => "closed",
            Some(Phase::Paused) => "paused: sync is off",
            Some(Phase::Live) | None => "in step",
        }
        .to_owned();
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

/// Everything about a waiting effect that a person reads.
impl WaitingEffect {
    /// A sentence without times, for the report.
    pub fn sentence(&self) -> String {
        format!("waiting to be {}", self.target)
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
