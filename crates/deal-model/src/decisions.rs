//! What becomes of people's decisions: carried out, kept, or handed back (sync rules, section 8).

use crate::{
    Deal, Decision, Effect, EffectEnd, PerSide, Plan, PlanInput, Side, Sight, Verdict, groups::shown_is,
    planner::known,
};

/// The decisions that the plan's effects really carried out; only these are consumed by the commit.
///
/// `ends` has the effects' ends in the plan's order; an effect without an end was not carried out.
pub fn carried_out(deal: &Deal, plan: &Plan, ends: &[EffectEnd]) -> Vec<i64> {
    let ended = |at: usize| ends.get(at).is_some_and(|end| matches!(end, EffectEnd::Done { .. }));
    let all = |concerns: &dyn Fn(&Effect) -> bool| {
        plan.effects.iter().enumerate().filter(|(_, effect)| concerns(effect)).all(|(at, _)| ended(at))
    };
    let done = |decision: &&Decision| match &decision.verdict {
        Verdict::Resolve { group, .. } => plan.effects.iter().enumerate().all(|(at, effect)| match effect {
            Effect::Update { writes, .. } if writes.iter().any(|write| write.group == *group) => {
                ends.get(at).is_some_and(|end| end.wrote(group))
            }
            Effect::CreateCompanion { writes } if writes.iter().any(|write| write.group == *group) => {
                ended(at)
            }
            _ => true,
        }),
        Verdict::ResolveLife { .. } | Verdict::SendNow { .. } => {
            all(&|effect| matches!(effect, Effect::Move { .. }))
        }
        Verdict::Push => all(&|effect| matches!(effect, Effect::Create { side: Side::Portal, .. })),
    };
    deal.decisions
        .iter()
        .filter(|decision| plan.consumed.contains(&decision.id))
        .filter(done)
        .map(|decision| decision.id)
        .collect()
}

/// The decisions that were made about values which are no longer there. What could not be read is not held against them.
pub(crate) fn outdated(input: &PlanInput<'_>, plan: &Plan) -> Vec<i64> {
    let (Some(crm), Some(portal)) = (input.crm.seen(), input.portal.seen()) else {
        let linked = *input.portal != Sight::Unlinked;
        let push = |decision: &&Decision| linked && decision.verdict == Verdict::Push;
        return input.deal.decisions.iter().filter(push).map(|decision| decision.id).collect();
    };
    let outdated = |decision: &&Decision| match &decision.verdict {
        Verdict::Resolve { group, shown, .. } => input.specs.group(group).is_none_or(|spec| {
            let held = |seen| known(seen, &spec.members, &input.deal.memory, |reading| &reading.held);
            match (held(portal), held(crm)) {
                (Some(portal), Some(crm)) => !shown_is(shown, &PerSide::new(portal, crm)),
                _ => false,
            }
        }),
        Verdict::ResolveLife { shown } => shown.crm != crm.life || shown.portal != portal.life,
        Verdict::SendNow { kind, target } => {
            let waits = |effect: &crate::WaitingEffect| effect.kind == *kind && effect.target == *target;
            !plan.waiting.iter().any(waits)
        }
        Verdict::Push => true,
    };
    input
        .deal
        .decisions
        .iter()
        .filter(|decision| !plan.consumed.contains(&decision.id))
        .filter(outdated)
        .map(|decision| decision.id)
        .collect()
}
