//! A person's decision holds the exact values that were shown (sync rules, section 8).

use deal_model::{Conflict, Side};

use crate::world::{World, archived, check, deal, text};

fn asked() -> World {
    let mut spec = text("name");
    spec.conflict = Conflict::Ask;
    deal(spec).base("name", "a").crm("name", "s").portal("name", "p")
}

#[test]
fn a_decision_about_what_is_still_there_is_carried_out_and_consumed() {
    let mut world = asked().resolves("name", Side::Portal);
    let plan = world.pass();
    assert_eq!(plan.describe(), ["opportunity: name s -> p (a person decided)"]);
    assert_eq!(archived(&plan), ["opportunity: name s: a person decided for the other side's value"]);
    assert_eq!(world.deal.decisions, []);
    assert!(world.passes(0).is_empty());
}

#[test]
fn a_decision_is_not_consumed_by_a_write_that_waits_or_fails() {
    let mut world = asked().resolves("name", Side::Crm);
    world.specs.switches.update_referrals = false;
    world.pass();
    world.specs.switches.update_referrals = true;
    world.down = true;
    world.pass();
    assert_eq!(world.deal.decisions.len(), 1);
    world.down = false;
    world.pass();
    assert_eq!(world.deal.decisions, []);
}

#[test]
fn a_decision_is_handed_back_if_a_value_changed_meanwhile() {
    let world = asked().resolves("name", Side::Crm).portal("name", "q");
    let plan = world.plan();
    assert_eq!(plan.handed_back, [1]);
    assert!(plan.is_quiet());
}

#[test]
fn a_side_that_was_not_read_hands_nothing_back() {
    let world = asked().resolves("name", Side::Crm).portal("name", crate::world::Unknown);
    assert_eq!(check(&world, &[]).handed_back, [] as [i64; 0]);
}
