//! A deal's missing half: what creating it takes (sync rules, section 6).

use crate::{
    Content, Effect, GroupHeld, GroupSpec, Held, Irreversible, Life, Observation, Plan, PlanInput,
    ProblemClass, Side, Verdict, Why, Write,
    lifecycle::{LifeCase, LifeStep},
    merge::is_empty,
    planner::known,
};

/// An opportunity without a referral.
pub(crate) fn plan_referral(input: &PlanInput<'_>, crm: &Observation, plan: &mut Plan) {
    let push = input.deal.decisions.iter().find(|decision| decision.verdict == Verdict::Push);
    let facts = crm.crm().cloned().unwrap_or_default();
    let step = LifeCase {
        crm: &crm.life,
        portal: None,
        base: None,
        response: None,
        answered: None,
        reason: facts.reason.as_deref(),
        confirmed: false,
        push: push.is_some(),
    }
    .rule();
    match step {
        LifeStep::Create => {}
        LifeStep::Problem { sentence, next_step } => {
            plan.problem(ProblemClass::Lifecycle, None, sentence, next_step);
            return;
        }
        LifeStep::Waits { sentence } => {
            sentence.clone_into(&mut plan.headline);
            return;
        }
        _ => return,
    }
    if !input.specs.switches.create_referrals {
        "waiting: creating referrals is switched off".clone_into(&mut plan.headline);
        return;
    }
    consent(facts.consent, plan);
    let writes = creating(input, crm, Side::Portal, plan);
    if facts.asks_help {
        needs_of_help(input, crm, plan);
    }
    if plan.problems.is_empty() {
        plan.consumed.extend(push.map(|decision| decision.id));
        plan.effects.push(Effect::Create {
            side: Side::Portal,
            writes,
            life: Life::Active { sales_stage: None },
        });
    }
}

/// A referral without an opportunity.
pub(crate) fn plan_opportunity(input: &PlanInput<'_>, portal: &Observation, plan: &mut Plan) {
    if !matches!(portal.life, Life::Received | Life::Active { .. }) {
        return;
    }
    if !input.specs.switches.create_opportunities {
        "waiting: creating opportunities is switched off".clone_into(&mut plan.headline);
        return;
    }
    let writes = creating(input, portal, Side::Crm, plan);
    if plan.problems.is_empty() {
        plan.effects.push(Effect::Create { side: Side::Crm, writes, life: portal.life.clone() });
    }
}

/// A seller asks for help, and the other organisation is not yet in the engagement.
pub(crate) fn plan_companion(
    input: &PlanInput<'_>,
    crm: &Observation,
    portal: &Observation,
    plan: &mut Plan,
) {
    let facts = crm.crm().cloned().unwrap_or_default();
    let present = input.deal.links.companion.is_some()
        || portal.portal().is_some_and(|facts| facts.companion.is_some());
    if !facts.asks_help || present || !input.specs.switches.create_referrals {
        return;
    }
    let before = plan.problems.len();
    consent(facts.consent, plan);
    needs_of_help(input, crm, plan);
    if plan.problems.len() > before {
        return;
    }
    let writes: Vec<Write> = input
        .specs
        .groups
        .iter()
        .filter(|spec| spec.latch == Some(Irreversible::AskHelp) || spec.to.portal.create)
        .filter_map(|spec| creating_write(input, spec, crm))
        .collect();
    plan.effects.push(Effect::CreateCompanion { writes });
}

fn consent(recorded: bool, plan: &mut Plan) {
    if !recorded {
        plan.problem(
            ProblemClass::Data,
            Some(&"consent".into()),
            "The customer's consent to share their details is not recorded.",
            "Tick the consent field on the opportunity once the customer has agreed; nothing is sent before.",
        );
    }
}

fn needs_of_help(input: &PlanInput<'_>, crm: &Observation, plan: &mut Plan) {
    for id in &input.specs.help_needs {
        let Some(spec) = input.specs.group(id) else { continue };
        let sends = known(crm, &spec.members, &input.deal.memory, |reading| &reading.sends);
        if sends.is_none_or(|sends| is_empty(spec, &sends)) {
            plan.problem(
                ProblemClass::Data,
                Some(id),
                format!("{} is needed before help can be asked for.", spec.lead().label),
                "Add a contact with first name, last name, phone and e-mail to the opportunity.",
            );
        }
    }
}

/// Every group that goes along when the record on `side` is created; what is missing becomes a problem.
fn creating(input: &PlanInput<'_>, from: &Observation, side: Side, plan: &mut Plan) -> Vec<Write> {
    let mut writes = Vec::new();
    for spec in input.specs.groups.iter().filter(|spec| spec.to.at(side).create) {
        if spec.latch == Some(Irreversible::AskHelp) {
            continue;
        }
        let write = creating_write(input, spec, from);
        if side == Side::Portal {
            missing(spec, write.as_ref(), plan);
        }
        writes.extend(write);
    }
    writes
}

fn creating_write(input: &PlanInput<'_>, spec: &GroupSpec, from: &Observation) -> Option<Write> {
    let sends = known(from, &spec.members, &input.deal.memory, |reading| &reading.sends)?;
    if is_empty(spec, &sends) {
        return None;
    }
    Some(Write {
        group: spec.id.clone(),
        content: Content::Whole(sends),
        instead_of: GroupHeld::new(),
        why: Why::Created,
        latch: spec.latch,
    })
}

fn missing(spec: &GroupSpec, write: Option<&Write>, plan: &mut Plan) {
    let sent = write.and_then(|write| match &write.content {
        Content::Whole(group) => Some(group),
        Content::Elements(_) => None,
    });
    for field in spec.members.iter().filter(|field| field.required.portal) {
        let present = sent.and_then(|group| group.get(&field.id)).is_some_and(|held| match held {
            Held::Empty => false,
            Held::Value(crate::Value::Set(elements)) => !elements.is_empty(),
            Held::Value(_) => true,
        });
        if !present {
            plan.problem(
                ProblemClass::Data,
                Some(&field.id.as_str().into()),
                format!("{} is empty, and a referral needs it.", field.label),
                format!("Fill {} on the opportunity.", field.label),
            );
        }
    }
}
