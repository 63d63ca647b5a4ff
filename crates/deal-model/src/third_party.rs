//! A deal into which a third organisation invited: what the portal holds flows in, and what a person has to do there is
//! told (partner-center reference, section 4.3: no document says how such a deal is written).

use crate::{
    GroupDecision, GroupSpec, Life, Observation, PerSide, Plan, PlanInput, ProblemClass, Side, held,
    holds_alike,
    lifecycle::LifeStep,
    merge::{comparable, is_empty},
    moves::step,
    planner::reconcile,
};

pub(crate) fn read_only(input: &PlanInput<'_>, crm: &Observation, portal: &Observation, plan: &mut Plan) {
    let specs = input.specs.read_only();
    reconcile(&PlanInput { specs: &specs, ..*input }, crm, portal, plan);
    let moves = match step(input, crm, portal) {
        LifeStep::Portal { .. } => true,
        LifeStep::SalesStage { to: Side::Portal, .. } => {
            let advanced = was_active(input);
            if !advanced {
                // Somebody answered at the portal. That its sales stage is another one is where the two begin.
                plan.life = Some(PerSide::new(portal.life.clone(), crm.life.clone()));
            }
            advanced
        }
        _ => crm.life.is_closed() && !portal.life.is_closed(),
    };
    if moves || input.specs.groups.iter().any(|spec| is_unsent(input, spec, crm, portal, plan)) {
        let next_step = if moves && portal.life == Life::Received {
            "Answer it in the portal; what is on the opportunity stays there."
        } else {
            "Make the change in the portal; what is on the opportunity stays there."
        };
        plan.problem(
            ProblemClass::Lifecycle,
            Some(&"partner_to_partner".into()),
            "The referral belongs to a deal with another partner: it is read, and never changed from here.",
            next_step,
        );
    } else if plan.headline.is_empty() {
        "only read: a deal with another partner".clone_into(&mut plan.headline);
    }
}

/// Whether both sides were under way when they were last reconciled.
fn was_active(input: &PlanInput<'_>) -> bool {
    let active = |life: &Life| matches!(life, Life::Active { .. });
    input.deal.memory.life.as_ref().is_some_and(|base| active(&base.portal) && active(&base.crm))
}

/// Whether the opportunity says something new of the group that would go to the portal, were it any other deal.
fn is_unsent(
    input: &PlanInput<'_>,
    spec: &GroupSpec,
    crm: &Observation,
    portal: &Observation,
    plan: &Plan,
) -> bool {
    let (memory, units) = (&input.deal.memory, &input.specs.minor_units);
    let goes_out = (spec.to.portal.update || spec.asks_help()) && !portal.life.is_closed();
    let (true, Some(base), Some(now)) = (goes_out, memory.base.get(&spec.id), held(crm, spec, memory)) else {
        return false;
    };
    let put_right = plan.decisions.iter().any(|(group, decision)| {
        *group == spec.id && matches!(decision, GroupDecision::Write { .. } | GroupDecision::Merge)
    });
    let alike = held(portal, spec, memory).is_some_and(|portal| holds_alike(spec, units, &portal, &now));
    let emptied = is_empty(spec, &now) && spec.clear.portal != crate::Clear::Propagate;
    comparable(spec, units, &now) != comparable(spec, units, &base.crm) && !alike && !put_right && !emptied
}
