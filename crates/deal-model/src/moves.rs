//! What the lifecycle contributes to a plan: moves of the referral behind the guard, and the opportunity's stage.

use planted::{Bug, planted};

use crate::{
    Archived, GroupHeld, Held, Irreversible, Life, Observation, PerSide, Plan, PlanInput, ProblemClass,
    Response, Side, Value, Verdict,
    guard::{Gate, Wanted, gate, same_end},
    lifecycle::{LifeCase, LifeStep},
};

/// The name under which an overwritten stage is archived.
pub const LIFE: &str = "lifecycle";

/// What the lifecycle is called where a group is named.
pub const STAGE: &str = "stage";

#[derive(Debug, Default)]
pub(crate) struct LifePlan {
    /// Moves of the referral before its fields are written.
    pub(crate) before: Vec<(Life, Irreversible)>,
    /// Moves after its fields are written.
    pub(crate) after: Vec<(Life, Irreversible)>,
    /// The stage to write onto the opportunity.
    pub(crate) crm: Option<Life>,
    /// The sales stage to write onto the referral.
    pub(crate) sales_stage: Option<Life>,
    /// Whether the referral is accepted by this plan.
    pub(crate) accepts: bool,
}

pub(crate) fn plan_life(
    input: &PlanInput<'_>,
    crm: &Observation,
    portal: &Observation,
    plan: &mut Plan,
) -> LifePlan {
    let memory = &input.deal.memory;
    let chosen = chosen(input, crm, portal);
    let step = step(input, crm, portal);
    let switches = &input.specs.switches;
    let stand = PerSide::new(portal.life.clone(), crm.life.clone());
    let known = !Side::BOTH.into_iter().any(|side| matches!(stand.at(side), Life::Unknown { .. }));
    if memory.life.is_none() && known {
        // Linking takes each side's present state; what is irreversible needs a change from it.
        plan.life = Some(stand.clone());
    }
    let mut life = LifePlan::default();
    match step {
        LifeStep::Agree => plan.life = Some(stand),
        LifeStep::Keep | LifeStep::Create => {}
        LifeStep::Waits { sentence } => sentence.clone_into(&mut plan.headline),
        LifeStep::Problem { sentence, next_step } => {
            if !portal.life.is_closed() {
                // What cannot be decided, for want of a reason or of a meaning, is no other wish than the one withdrawn.
                input.keep_withdrawn(plan);
            }
            let next_step = or_decide(input, crm, portal, next_step);
            plan.problem(ProblemClass::Lifecycle, None, sentence, next_step);
        }
        LifeStep::Crm { to } => {
            plan.life = None;
            if may_write_stage(input, crm, plan) {
                if chosen.is_some() {
                    archive_life(crm, plan);
                } else {
                    archive_stage(Side::Crm, crm, memory.life.as_ref(), plan);
                }
                plan.life = Some(PerSide::new(portal.life.clone(), to.clone()));
                life.crm = Some(to);
            }
        }
        LifeStep::SalesStage { to: Side::Crm, stage } => {
            if may_write_stage(input, crm, plan) {
                let to = Life::Active { sales_stage: Some(stage) };
                archive_stage(Side::Crm, crm, memory.life.as_ref(), plan);
                plan.life = Some(PerSide::new(portal.life.clone(), to.clone()));
                life.crm = Some(to);
            }
        }
        LifeStep::SalesStage { to: Side::Portal, stage } => {
            if switches.update_referrals {
                let to = Life::Active { sales_stage: Some(stage) };
                archive_stage(Side::Portal, portal, memory.life.as_ref(), plan);
                plan.life = Some(PerSide::new(to.clone(), crm.life.clone()));
                life.sales_stage = Some(to);
            } else {
                plan.notes.push("The sales stage waits: its flow is switched off.".to_owned());
            }
        }
        LifeStep::Portal { kind, steps } => plan_moves(input, crm, portal, kind, &steps, &mut life, plan),
    }
    if let Some((id, winner)) = chosen {
        let leaves = match winner {
            Side::Crm => !life.before.is_empty() || !life.after.is_empty(),
            Side::Portal => life.crm.is_some(),
        };
        plan.consumed.extend(leaves.then_some(id));
    }
    life
}

/// What the lifecycle table says of a linked deal.
pub(crate) fn step(input: &PlanInput<'_>, crm: &Observation, portal: &Observation) -> LifeStep {
    step_with(input, crm, portal, chosen(input, crm, portal).map(|(_, winner)| winner))
}

/// The same, as if a person had chosen `winner`'s stage.
fn step_with(
    input: &PlanInput<'_>,
    crm: &Observation,
    portal: &Observation,
    winner: Option<Side>,
) -> LifeStep {
    let facts = crm.crm().cloned().unwrap_or_default();
    LifeCase {
        crm: &crm.life,
        portal: Some(&portal.life),
        base: input.deal.memory.life.as_ref(),
        born: input.deal.born,
        response: facts.response,
        answered: input.deal.memory.answered,
        reason: facts.reason.as_deref(),
        winner,
        push: false,
        endings: &input.specs.endings,
        remapped: input.deal.memory.mapped.life_differs.is_some(),
    }
    .rule()
}

/// The next step, with the command where a choice would help.
fn or_decide(input: &PlanInput<'_>, crm: &Observation, portal: &Observation, next_step: String) -> String {
    let helps = |winner| !matches!(step_with(input, crm, portal, Some(winner)), LifeStep::Problem { .. });
    if Side::BOTH.into_iter().any(helps) {
        format!("{next_step} Or choose: cosell resolve {} {STAGE}", input.deal.id)
    } else {
        next_step
    }
}

/// The decision of a person for one side's stage, about exactly where both stand.
fn chosen(input: &PlanInput<'_>, crm: &Observation, portal: &Observation) -> Option<(i64, Side)> {
    input.deal.decisions.iter().find_map(|decision| match &decision.verdict {
        Verdict::ResolveLife { winner, shown } if shown.crm == crm.life && shown.portal == portal.life => {
            Some((decision.id, *winner))
        }
        _ => None,
    })
}

/// Whether the opportunity's stage may be written in this pass, with a note or a next look if not.
fn may_write_stage(input: &PlanInput<'_>, crm: &Observation, plan: &mut Plan) -> bool {
    if !input.specs.switches.update_opportunities {
        plan.notes.push("The stage waits: its flow is switched off.".to_owned());
        return false;
    }
    if crm.crm().is_some_and(|facts| facts.unsettled) {
        // One-second stamps cannot tell two saves of one second apart: write only what has settled.
        plan.life = None;
        plan.look_again(input.settled_at(crm));
        return false;
    }
    true
}

/// A stage that is overwritten and was not reconciled is kept in the archive.
fn archive_stage(side: Side, seen: &Observation, base: Option<&PerSide<Life>>, plan: &mut Plan) {
    let Life::Active { sales_stage: Some(stage) } = &seen.life else { return };
    if base.is_some_and(|base| *base.at(side) == seen.life) {
        return;
    }
    let value = GroupHeld::from([("sales_stage".into(), Held::Value(Value::Choice(stage.clone())))]);
    plan.archive.push(Archived {
        group: LIFE.into(),
        side,
        value,
        reason: "the stage was changed on both sides; the other side's won".to_owned(),
        version: seen.version.clone(),
    });
}

/// Where the opportunity stood before a person chose the referral's stage.
fn archive_life(crm: &Observation, plan: &mut Plan) {
    let stage = match &crm.life {
        Life::Active { sales_stage: Some(stage) } => stage.clone(),
        life => life.word().to_owned(),
    };
    plan.archive.push(Archived {
        group: LIFE.into(),
        side: Side::Crm,
        value: GroupHeld::from([("sales_stage".into(), Held::Value(Value::Choice(stage)))]),
        reason: "a person decided for the referral's stage".to_owned(),
        version: crm.version.clone(),
    });
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
        input.keep_withdrawn(plan);
        return;
    }
    let target = target_of(steps);
    let send_now = input.deal.decisions.iter().find(|decision| {
        matches!(&decision.verdict, Verdict::SendNow { kind: sent, target: shown } if *sent == kind && *shown == target)
    });
    let withdraw = input.deal.decisions.iter().find(|decision| {
        matches!(&decision.verdict, Verdict::Withdraw { kind: held, target: shown } if *held == kind && same_end(shown, &target))
    });
    let response = crm.crm().and_then(|facts| facts.response);
    let wanted = Wanted {
        kind,
        target: &target,
        answered: response == Some(Response::Accept) && response != input.deal.memory.answered,
        // The date may stay on a referral that was answered in time: it ends no grace there.
        expires: portal
            .portal()
            .filter(|_| portal.life == Life::Received)
            .and_then(|facts| input.on_our_clock(facts.expires?)),
        send_now: send_now.is_some() || (planted(Bug::AcceptAndCloseUnguarded) && steps.len() > 1),
        withdraw: withdraw.is_some() && !planted(Bug::WithdrawnAfterSending),
    };
    match gate(&wanted, &input.deal.waiting, &input.specs.guard, input.now) {
        Gate::Wait(effect) if effect.withdrawn => {
            plan.consumed.extend(withdraw.map(|decision| decision.id));
            plan.problem(
                ProblemClass::Lifecycle,
                None,
                format!("The referral is not to be {target}: a person withdrew that."),
                format!(
                    "Move the opportunity's stage to what is right, or send it: cosell send-now {} {}",
                    input.deal.id,
                    kind.name()
                ),
            );
            plan.waiting.push(effect);
        }
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
            for (to, kind) in steps {
                let first = *kind == Irreversible::Accept;
                life.accepts |= first;
                if first { &mut life.before } else { &mut life.after }.push((to.clone(), *kind));
            }
            let end = steps.last().map_or_else(|| portal.life.clone(), |(to, _)| to.clone());
            if let (Life::Active { .. }, Life::Active { sales_stage: Some(_) }) = (&end, &crm.life) {
                life.sales_stage = Some(crm.life.clone());
            }
            // An answer moves the portal first; the opportunity's stage follows, and only then are they reconciled.
            let alike = matches!((&end, &crm.life), (Life::Active { .. }, Life::Active { .. }))
                || end.same_outcome(&crm.life);
            plan.life = alike.then(|| PerSide::new(end, crm.life.clone()));
        }
    }
}

/// The same words for the same target.
fn target_of(steps: &[(Life, Irreversible)]) -> String {
    steps.iter().map(|(to, _)| told(to)).collect::<Vec<_>>().join(AND)
}

/// What stands between the words of two steps.
pub(crate) const AND: &str = " and ";

/// A step of the referral, in a word and its reason.
fn told(to: &Life) -> String {
    match to {
        Life::Active { .. } => "accepted".to_owned(),
        Life::Lost { reason: Some(reason) }
        | Life::Declined { reason: Some(reason) }
        | Life::Error { reason: Some(reason) } => {
            format!("{} ({reason})", to.word())
        }
        other => other.word().to_owned(),
    }
}

/// Whether a referral that stands so was brought to `target`.
pub(crate) fn is_at(life: &Life, target: &str) -> bool {
    let told = told(life);
    target == told || target.strip_suffix(&told).is_some_and(|steps| steps.ends_with(AND))
}
