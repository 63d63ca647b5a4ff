//! A deal's missing half: what creating it takes (sync rules, section 6).

use crate::{
    Content, Effect, FieldSpec, GroupHeld, GroupSpec, Held, Life, Observation, Plan, PlanInput, ProblemClass,
    Side, Value, Verdict, Why, Write, fit_group,
    groups::without_currency,
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
        born: Side::Crm,
        response: None,
        answered: None,
        reason: facts.reason.as_deref(),
        winner: None,
        push: push.is_some(),
        endings: &input.specs.endings,
        remapped: false,
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
    if let Some(writes) = posting(input, crm, plan) {
        plan.consumed.extend(push.map(|decision| decision.id));
        let sales_stage = match &crm.life {
            Life::Active { sales_stage } => sales_stage.clone(),
            _ => None,
        };
        plan.effects.push(Effect::Create { side: Side::Portal, writes, life: Life::Active { sales_stage } });
        tell_keyless(input, crm, plan);
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
    let mut writes = Vec::new();
    if creating(input, portal, Side::Crm, &mut writes, plan) {
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
    if !facts.asks_help
        || input.has_companion(portal)
        || !input.specs.switches.create_referrals
        || !input.may_ask_help(crm)
    {
        return;
    }
    let Some(mut writes) = posting(input, crm, plan) else { return };
    for spec in input.specs.groups.iter().filter(|spec| spec.asks_help()) {
        let write = creating_write(input, spec, crm, Side::Portal);
        if write.as_ref().is_some_and(|write| input.holds_back(spec, write, Side::Portal, plan)) {
            return;
        }
        writes.extend(write);
    }
    plan.consumed.extend(input.confirmed_help(crm));
    plan.effects.push(Effect::CreateCompanion { writes });
    tell_keyless(input, crm, plan);
}

/// Whom the portal is not told of when help is asked for, because nothing ties them to an element there.
fn tell_keyless(input: &PlanInput<'_>, crm: &Observation, plan: &mut Plan) {
    let Some(facts) = crm.crm().filter(|facts| facts.asks_help) else { return };
    for spec in input.specs.help_needs.iter().filter_map(|id| input.specs.group(id)) {
        let Some(count) = facts.keyless.get(&spec.lead().id).filter(|count| **count > 0) else { continue };
        let told = format!("{}: {count} without an e-mail address, left out of the referral.", spec.label());
        plan.notes.push(told.clone());
        plan.left_out.push(told);
    }
}

/// What goes along with any new record at the portal, but for the asking itself; none while something that the portal
/// demands is missing, with a problem for each.
fn posting(input: &PlanInput<'_>, crm: &Observation, plan: &mut Plan) -> Option<Vec<Write>> {
    let mut ready = consent(crm, plan);
    let mut writes = Vec::new();
    ready &= creating(input, crm, Side::Portal, &mut writes, plan);
    ready &= help_is_clear(input, crm, plan);
    if crm.crm().is_some_and(|facts| facts.asks_help) {
        ready &= needs_of_help(input, crm, plan);
        ready &= one_primary(input, crm, plan);
    }
    for lack in &input.specs.lacks {
        plan.problem(ProblemClass::Data, Some(&lack.about), lack.sentence.clone(), lack.next_step.clone());
        ready = false;
    }
    ready.then_some(writes)
}

/// Consent is never asserted by us: whether the seller recorded it, with a problem if not.
pub(crate) fn consent(crm: &Observation, plan: &mut Plan) -> bool {
    let recorded = crm.crm().is_some_and(|facts| facts.consent);
    if !recorded {
        plan.problem(
            ProblemClass::Data,
            Some(&"consent".into()),
            "The customer's consent to share their details is not recorded.",
            "Tick the consent field on the opportunity once the customer has agreed; nothing is sent before.",
        );
    }
    recorded
}

fn needs_of_help(input: &PlanInput<'_>, crm: &Observation, plan: &mut Plan) -> bool {
    let mut ready = true;
    for id in &input.specs.help_needs {
        let Some(spec) = input.specs.group(id) else { continue };
        let sends = known(crm, &spec.members, &input.deal.memory, |reading| &reading.sends);
        if sends.as_ref().is_none_or(|sends| is_empty(spec, sends)) {
            plan.problem(
                ProblemClass::Data,
                Some(id),
                format!("{} is needed before help can be asked for.", spec.lead().label),
                "Add a contact with first name, last name, phone and e-mail to the opportunity.",
            );
            ready = false;
        } else if let Some(sends) = sends {
            ready &= demanded(spec, &Content::Whole(sends), crm, plan);
        }
    }
    ready
}

/// Whether the help that is asked for can be told to the portal. Without it the wrong kind of deal would be created, which
/// nobody can change later.
fn help_is_clear(input: &PlanInput<'_>, crm: &Observation, plan: &mut Plan) -> bool {
    let mut clear = true;
    for spec in input.specs.groups.iter().filter(|spec| spec.asks_help()) {
        clear &= fitting(spec, crm, plan);
        if let Some(sends) = known(crm, &spec.members, &input.deal.memory, |reading| &reading.sends) {
            clear &= demanded(spec, &Content::Whole(sends), crm, plan);
        }
    }
    clear
}

/// A shared deal targets one element: the one that is marked, else the first by its key. Two marks are a question.
fn one_primary(input: &PlanInput<'_>, crm: &Observation, plan: &mut Plan) -> bool {
    let mut one = true;
    for (field, marked) in crm.crm().map(|facts| &facts.primary).into_iter().flatten() {
        if marked.len() < 2 {
            continue;
        }
        let spec = input.specs.groups.iter().find(|spec| spec.lead().id == *field);
        let label = spec.map_or(field.as_str(), GroupSpec::label);
        let keys: Vec<&str> = marked.iter().map(|key| key.0.as_str()).collect();
        plan.problem(
            ProblemClass::Data,
            Some(&field.as_str().into()),
            format!("{label}: {} are all marked as primary, and a shared deal targets one.", keys.join(", ")),
            "Leave the mark on the one solution that the deal is about.",
        );
        one = false;
    }
    one
}

/// Whether every field of the group says something that the portal has a word for, with a problem for each that does not.
pub(crate) fn fitting(spec: &GroupSpec, crm: &Observation, plan: &mut Plan) -> bool {
    let mut fitting = true;
    for field in &spec.members {
        if let Some(misfit) = field.misfit(crm) {
            plan.problem(
                ProblemClass::Data,
                Some(&field.id.as_str().into()),
                misfit.sentence,
                misfit.next_step,
            );
            fitting = false;
        }
    }
    fitting
}

/// Whether the mapping's expressions made something of `from` that `to` cannot do without, with a problem for each field
/// where one failed.
pub(crate) fn computed(spec: &GroupSpec, from: &Observation, to: Side, plan: &mut Plan) -> bool {
    let mut computed = true;
    for field in &spec.members {
        let Some(failure) = from.uncomputed(&field.id) else { continue };
        plan.problem(
            ProblemClass::Data,
            Some(&field.id.as_str().into()),
            format!("{} cannot be worked out: {}.", field.label, failure.why),
            failure.next_step.clone(),
        );
        computed &= !*field.required.at(to);
    }
    computed
}

/// Whether the portal would take what is about to be written, with a problem for each field that it would not, and
/// whether `crm` lets it go.
pub(crate) fn demanded(spec: &GroupSpec, content: &Content, crm: &Observation, plan: &mut Plan) -> bool {
    let mut met = true;
    for (field, unmet) in spec.unmet(content).into_iter().chain(spec.barred(content, crm)) {
        plan.problem(ProblemClass::Data, Some(&field.id.as_str().into()), unmet.sentence, unmet.next_step);
        met = false;
    }
    met
}

/// Every group that goes along when the record on `side` is created; whether nothing that it needs is missing.
fn creating(
    input: &PlanInput<'_>,
    from: &Observation,
    side: Side,
    writes: &mut Vec<Write>,
    plan: &mut Plan,
) -> bool {
    let asks_help = from.crm().is_some_and(|facts| facts.asks_help);
    let mut ready = true;
    for spec in input.specs.groups.iter().filter(|spec| spec.to.at(side).create && !spec.asks_help()) {
        // People's details leave only when help is asked for (sync rules, section 5).
        if side == Side::Portal && !asks_help && input.specs.help_needs.contains(&spec.id) {
            continue;
        }
        let mut write = creating_write(input, spec, from, side);
        let wanted = write.is_some();
        if write.as_ref().is_some_and(|write| input.holds_back(spec, write, side, plan)) {
            write = None;
        }
        if let Some(amount) = write.as_ref().and_then(|write| without_currency(spec, &write.content)) {
            plan.problem(
                ProblemClass::Data,
                Some(&spec.id),
                format!("{amount} has no currency, and is never written without one."),
                "Choose the currency.",
            );
            write = None;
        }
        let held_back = wanted && write.is_none();
        ready &= computed(spec, from, side, plan);
        if side == Side::Portal {
            ready &= fitting(spec, from, plan) & complete(spec, from, plan);
            ready &= write.as_ref().is_none_or(|write| demanded(spec, &write.content, from, plan));
            // What was held back above is there, and a referral cannot be born without it.
            ready &= !held_back || !spec.members.iter().any(|field| field.required.portal);
        }
        writes.extend(write);
    }
    ready
}

fn creating_write(input: &PlanInput<'_>, spec: &GroupSpec, from: &Observation, to: Side) -> Option<Write> {
    let sends = known(from, &spec.members, &input.deal.memory, |reading| &reading.sends)?;
    let mut sends = fit_group(spec, &input.specs.minor_units, &sends);
    if to == Side::Portal && spec.only_grows() {
        for held in sends.values_mut() {
            *held = Held::Value(Value::Set(spec.taken(held.elements())));
        }
    }
    if is_empty(spec, &sends) {
        return None;
    }
    Some(Write {
        group: spec.id.clone(),
        content: Content::Whole(sends),
        // A new record holds nothing: what is refused now is not sent again to a record that was born without it.
        instead_of: spec.members.iter().map(|member| (member.id.clone(), Held::Empty)).collect(),
        why: Why::Created,
        latch: spec.latch.filter(|_| to == Side::Portal),
    })
}

/// Whether all that a referral cannot do without is there, with a problem for each that is not.
fn complete(spec: &GroupSpec, from: &Observation, plan: &mut Plan) -> bool {
    let mut complete = true;
    let held: GroupHeld = spec
        .members
        .iter()
        .filter_map(|field| Some((field.id.clone(), from.reading(&field.id).sends.held()?)))
        .collect();
    // What a country does not have is not asked for.
    let is_unused =
        |field: &FieldSpec| field.demands.local.as_ref().is_some_and(|local| local.is_unused(&held));
    for field in spec.members.iter().filter(|field| field.required.portal && !is_unused(field)) {
        if let Some(missing) = field.missing(from, spec.only_grows()) {
            plan.problem(
                ProblemClass::Data,
                Some(&field.id.as_str().into()),
                missing.sentence,
                missing.next_step,
            );
            complete = false;
        }
    }
    complete
}
