//! Sets merge element by element (sync rules, section 3).

use deal_model::{Conflict, Kind, PerSide, SetBounds, Side};

use crate::world::{Says, World, archived, check, deal, field, group};

fn set() -> World {
    let mut spec = group("items", vec![field("items", Kind::Set)]);
    spec.set = Some(SetBounds {
        min: 1,
        max: 3,
        remove: PerSide::new(true, true),
        add_only: false,
        rekey: PerSide::default(),
    });
    deal(spec)
}

fn items(base: impl Says + Copy, crm: impl Says, portal: impl Says) -> World {
    set().base("items", base).crm("items", crm).portal("items", portal)
}

const A: [(&str, &str); 1] = [("a", "1")];
const AB: [(&str, &str); 2] = [("a", "1"), ("b", "1")];

#[test]
fn an_element_added_on_one_side_is_put_on_the_other() {
    check(&items(A, AB, A), &["referral: items put b (changed on the other side)"]);
    check(&items(A, A, AB), &["opportunity: items put b (changed on the other side)"]);
    check(
        &items(A, AB, [("a", "1"), ("c", "1")]),
        &[
            "referral: items put b (changed on the other side)",
            "opportunity: items put c (changed on the other side)",
        ],
    );
    check(
        &set().crm("items", A).portal("items", [("b", "1")]),
        &[
            "referral: items put a (changed on the other side)",
            "opportunity: items put b (changed on the other side)",
        ],
    );
}

#[test]
fn an_element_removed_on_one_side_is_removed_on_the_other_and_archived() {
    let world = items(AB, A, AB);
    let plan = check(&world, &["referral: items remove b (changed on the other side)"]);
    assert_eq!(archived(&plan), ["referral: items b: removed on the other side"]);
    check(&items(AB, AB, A), &["opportunity: items remove b (changed on the other side)"]);
}

#[test]
fn an_element_removed_on_both_sides_leaves_the_base() {
    let mut world = items(AB, A, A);
    assert!(world.passes(0).is_empty());
    check(&world.crm("items", AB), &["referral: items put b (changed on the other side)"]);
}

#[test]
fn an_edit_goes_across_and_of_two_edits_the_policy_chooses() {
    check(&items(A, [("a", "2")], A), &["referral: items put a (changed on the other side)"]);
    check(&items(A, A, [("a", "2")]), &["opportunity: items put a (changed on the other side)"]);
    let both = items(A, [("a", "2")], [("a", "3")]);
    let plan = check(&both, &["referral: items put a (changed on the other side)"]);
    assert_eq!(archived(&plan), ["referral: items a: changed on both sides; the other side's value won"]);
}

#[test]
fn removed_against_edited_keeps_the_edit_and_archives_the_removal() {
    let world = items(AB, A, [("a", "1"), ("b", "2")]);
    let plan = check(&world, &["opportunity: items put b (changed on the other side)"]);
    assert!(archived(&plan)[0].contains("the edit is kept"), "{plan:#?}");
}

#[test]
fn a_removal_that_is_not_carried_neither_comes_back_nor_loops() {
    let mut world = items(AB, A, AB).with(|world| {
        world.specs.groups[0].set = Some(SetBounds {
            min: 1,
            max: 50,
            remove: PerSide::new(false, false),
            add_only: false,
            rekey: PerSide::default(),
        });
    });
    for _ in 0..3 {
        assert!(world.pass().is_quiet());
    }
    let world = world.crm("items", [("a", "2")]);
    check(&world, &["referral: items put a (changed on the other side)"]);
}

#[test]
fn bounds_of_the_portal_are_never_broken_and_what_waits_is_sent_when_it_fits() {
    let none: [(&str, &str); 0] = [];
    check(&items(A, none, A), &["needs you: A referral needs at least 1 of items."]);
    let four = [("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")];
    let mut world = items(A, four, A);
    for _ in 0..2 {
        let plan = world.pass();
        assert_eq!(plan.describe(), ["needs you: A referral holds at most 3 of items."]);
    }
    let three = world.crm("items", [("a", "1"), ("b", "1"), ("d", "1")]);
    check(&three, &["referral: items put b, put d (changed on the other side)"]);
}

#[test]
fn an_element_that_a_person_decides_about_waits_and_the_others_go_on() {
    let mut world = items(A, [("a", "2"), ("b", "1")], [("a", "3")])
        .with(|world| world.specs.groups[0].conflict = Conflict::Ask);
    let plan = world.pass();
    assert_eq!(plan.describe()[0], "referral: items put b (changed on the other side)");
    assert_eq!(plan.problems.len(), 1);
    let plan = world.pass();
    assert!(plan.is_quiet() && plan.problems.len() == 1, "the conflict is still there: {plan:#?}");
    let mut world = world.resolves("items", Side::Portal);
    assert_eq!(world.pass().describe(), ["opportunity: items put a (a person decided)"]);
    assert!(world.deal.decisions.is_empty() && world.passes(0).is_empty());
}

#[test]
fn while_received_the_portals_elements_flow_in_and_the_sellers_wait() {
    let mut world = items(A, AB, [("a", "1"), ("c", "1")])
        .stood(deal_model::Life::Received, deal_model::Life::Received)
        .stage(deal_model::Life::Received)
        .referral(deal_model::Life::Received);
    assert_eq!(world.pass().describe(), ["opportunity: items put c (changed on the other side)"]);
    assert!(world.pass().is_quiet());
    let active = crate::world::ACTIVE;
    let world = world.stood(active.clone(), active.clone()).stage(active.clone()).referral(active);
    check(&world, &["referral: items put b (changed on the other side)"]);
}

#[test]
fn in_a_set_that_flows_one_way_the_other_side_is_no_source() {
    let one_way = |world: World| world.with(|world| world.specs.groups[0].to.portal = crate::world::NEVER);
    let plan = check(
        &one_way(items(A, [("a", "2")], [("a", "3")])),
        &["opportunity: items put a (changed on the other side)"],
    );
    assert_eq!(archived(&plan).len(), 1);
    check(&one_way(items(A, AB, A)), &[]);
}

#[test]
fn what_a_side_does_not_send_does_not_leave_it() {
    let none: [(&str, &str); 0] = [];
    let world = items(A, AB, A).sends(Side::Crm, "items", none);
    check(&world, &["items waits: it is not sent at present"]);
}

#[test]
fn what_a_seller_added_before_the_portal_closed_is_archived_once() {
    let won = deal_model::Life::Won;
    let mut world = items(A, AB, A).stood(won.clone(), won.clone()).stage(won.clone()).referral(won);
    let plan = world.pass();
    assert_eq!(archived(&plan), ["opportunity: items b: the portal closed first"]);
    assert!(plan.is_quiet());
    world.deal.phase = deal_model::Phase::Live;
    assert!(world.pass().archive.is_empty());
}

#[test]
fn what_is_changed_while_the_portal_refuses_changes_is_noted_and_goes_once_it_may() {
    let note = "note: items: the portal was seen to refuse changes of it; it is written at creation only.";
    let refusing = |refuses: bool| {
        move |world: &mut World| {
            world.specs.groups[0].fixed = refuses;
            world.specs.groups[0].to.portal.update = !refuses;
        }
    };
    for (world, sent) in [
        (items(A, AB, A), "referral: items put b (changed on the other side)"),
        (items(A, [("a", "2")], A), "referral: items put a (changed on the other side)"),
        (items(AB, A, AB), "referral: items remove b (changed on the other side)"),
    ] {
        let mut world = world.with(refusing(true));
        assert!(world.passes(0).is_empty());
        check(&world, &[note]);
        check(&world.with(refusing(false)), &[sent]);
    }
    check(&items(A, A, A).with(refusing(true)), &[]);
    // The other way it goes on.
    check(&items(A, A, AB).with(refusing(true)), &["opportunity: items put b (changed on the other side)"]);
}
