//! Places of the opportunity that cannot be written now: other records decide their value, or only its birth could.

use deal_model::{Deal, Effect, GroupSpec, Held, Observed, Plan, Rejection, Route, Side, Value, fingerprint};

use crate::world::{World, at, check, deal, money, text};

fn number(value: i64) -> Observed {
    Observed::Value(Value::Number(value.into()))
}

/// A deal whose amount products add up to.
fn with_products() -> World {
    let world = deal(money()).base("amount", number(10)).base("currency", "EUR");
    let world = world.crm("currency", "EUR").portal("currency", "EUR");
    world.with(|world| {
        world.facts().computed.insert("amount".into(), "the products add up to it".to_owned());
    })
}

fn sentences(plan: &Plan) -> Vec<&str> {
    plan.problems.iter().map(|problem| problem.sentence.as_str()).collect()
}

#[test]
fn a_value_that_other_records_decide_is_not_written_and_a_person_is_told() {
    let plan = with_products().crm("amount", number(10)).portal("amount", number(20)).plan();
    assert!(plan.effects.is_empty(), "{plan:#?}");
    let told = sentences(&plan);
    assert_eq!(told.len(), 1, "{told:?}");
    for part in ["10", "20", "the products add up to it"] {
        assert!(told[0].contains(part), "{told:?}");
    }
    assert!(!plan.problems[0].next_step.is_empty());
}

#[test]
fn what_other_records_decide_goes_out_as_ever_and_agreement_is_quiet() {
    let out = with_products().crm("amount", number(30)).portal("amount", number(10)).plan();
    let to_portal = |effect: &Effect| matches!(effect, Effect::Update { side: Side::Portal, .. });
    assert!(matches!(out.effects.as_slice(), [effect] if to_portal(effect)), "{out:#?}");
    assert!(sentences(&out).is_empty());
    let same = with_products().crm("amount", number(20)).portal("amount", number(20));
    assert!(sentences(&check(&same, &[])).is_empty());
}

/// Written to the CRM at its creation only.
fn at_birth_only() -> GroupSpec {
    let mut spec = text("street");
    spec.to.crm = Route { create: true, update: false, fill_only: false };
    spec
}

#[test]
fn what_was_refused_at_birth_stays_told_until_somebody_fills_it_in() {
    let refused = |deal: &mut Deal| {
        let nothing = [("street".into(), Held::Empty)].into();
        let sent = [("street".into(), Held::Value(Value::Text("Hafenstr. 9".to_owned())))].into();
        deal.memory.rejected.push(Rejection {
            group: "street".into(),
            side: Side::Crm,
            sent: fingerprint(&sent),
            held: fingerprint(&nothing),
            mapping: "1".to_owned(),
            at: at(0),
            message: "no such street".to_owned(),
        });
    };
    let world = deal(at_birth_only()).portal("street", "Hafenstr. 9").crm("street", Observed::Empty);
    let mut world = world.with(|world| refused(&mut world.deal));
    let plan = world.plan();
    assert!(plan.effects.is_empty());
    assert_eq!(sentences(&plan), ["street was refused: no such street"]);
    world = world.crm("street", "Hafenstraße 9");
    assert!(sentences(&world.plan()).is_empty());
}
