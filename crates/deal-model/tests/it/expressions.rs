//! Fields that the mapping computes: they change with what they are computed from, and a failure is theirs alone.

use deal_model::{
    Clear, Effect, FieldId, GroupDecision, GroupSpec, Kind, NotComputed, Plan, Route, Side, Switches,
};

use crate::world::{Empty, Unknown, World, archived, check, deal, field, group, text};

/// Computed from the referral for the opportunity; the way back is open at creation only.
fn computed() -> GroupSpec {
    let mut spec = text("name");
    spec.computed.crm = true;
    spec.to.portal = Route { create: true, update: false, fill_only: false };
    spec
}

fn failure() -> NotComputed {
    NotComputed { why: "`size` of the referral is empty".to_owned(), next_step: "Fill it in.".to_owned() }
}

/// The deal, with a reason why the referral does not tell the field.
fn failed(world: World) -> World {
    world.with(|world| drop(world.portal_facts().uncomputed.insert(FieldId::from("name"), failure())))
}

fn sentences(plan: &Plan) -> Vec<&str> {
    plan.problems.iter().map(|problem| problem.sentence.as_str()).collect()
}

#[test]
fn only_a_change_of_the_result_writes() {
    let born = || deal(computed()).bases("name", "Wind", "Wind (Contoso)");
    // After a birth the two differ for good, and nothing bounces.
    check(&born().crm("name", "Wind").portal("name", "Wind (Contoso)"), &[]);
    check(&born().crm("name", "My words").portal("name", "Wind (Contoso)"), &[]);
    let written = "opportunity: name Wind -> Sun (Contoso) (changed on the other side)";
    check(&born().crm("name", "Wind").portal("name", "Sun (Contoso)"), &[written]);
    let over = born().crm("name", "My words").portal("name", "Sun (Contoso)");
    let plan = check(&over, &["opportunity: name My words -> Sun (Contoso) (changed on the other side)"]);
    assert_eq!(archived(&plan).len(), 1, "what a person typed is kept: {plan:#?}");
}

#[test]
fn what_was_written_is_reconciled_and_then_it_is_quiet() {
    let mut world =
        deal(computed()).bases("name", "Wind", "W (C)").crm("name", "Wind").portal("name", "S (C)");
    let passes = world.passes(5);
    let writes = passes.iter().flat_map(|plan| &plan.effects).count();
    assert_eq!(writes, 1, "{passes:#?}");
}

#[test]
fn a_failure_is_told_and_writes_nothing_and_other_fields_go_on() {
    let world = failed(deal(computed()).base("name", "a").crm("name", "b").portal("name", Unknown));
    let mut world = world;
    world.specs.groups.push(text("notes"));
    let world = world.base("notes", "x").crm("notes", "x").portal("notes", "y");
    let plan = world.plan();
    let [Effect::Update { side: Side::Crm, writes, .. }] = &plan.effects[..] else { panic!("{plan:#?}") };
    assert_eq!(writes.iter().map(|write| write.group.as_str()).collect::<Vec<_>>(), ["notes"]);
    assert_eq!(sentences(&plan), ["name cannot be worked out: `size` of the referral is empty."]);
    assert_eq!(plan.problems[0].next_step, "Fill it in.");
}

#[test]
fn a_new_opportunity_is_born_without_the_field_unless_it_needs_it() {
    let unborn = |spec: GroupSpec| {
        failed(deal(spec).portal("name", Unknown)).with(|world| {
            world.deal.born = Side::Portal;
            world.deal.links.crm = None;
            world.crm = deal_model::Sight::Unlinked;
            world.specs.switches = Switches::default();
        })
    };
    let plan = unborn(computed()).plan();
    assert!(
        matches!(&plan.effects[..], [Effect::Create { side: Side::Crm, writes, .. }] if writes.is_empty())
    );
    assert_eq!(sentences(&plan).len(), 1);
    let mut needed = computed();
    needed.members[0].required.crm = true;
    let plan = unborn(needed).plan();
    assert!(plan.effects.is_empty() && sentences(&plan).len() == 1, "{plan:#?}");
}

#[test]
fn a_default_that_fails_where_nothing_is_sent_any_more_holds_up_nothing() {
    let mut spec = text("name");
    spec.to.portal.update = false;
    let world = deal(spec).bases("name", Empty, "a").crm("name", Empty).portal("name", "b");
    let world = world.sends(Side::Crm, "name", Unknown).with(|world| {
        world.facts().uncomputed.insert(FieldId::from("name"), failure());
    });
    let plan = check(&world, &["opportunity: name (empty) -> b (changed on the other side)"]);
    assert!(sentences(&plan).is_empty(), "{plan:#?}");
    assert!(matches!(plan.decisions[..], [(_, GroupDecision::Write { .. })]));
}

#[test]
fn a_default_that_fails_sends_nothing_and_lets_the_other_side_through() {
    let failing = |spec: GroupSpec| {
        let world = deal(spec).bases("name", Empty, "a").crm("name", Empty).portal("name", "b");
        world.sends(Side::Crm, "name", Unknown).with(|world| {
            world.facts().uncomputed.insert(FieldId::from("name"), failure());
        })
    };
    let plan = failing(text("name")).plan();
    assert!(matches!(plan.decisions[..], [(_, GroupDecision::Write { to: Side::Crm })]), "{plan:#?}");
    assert_eq!(sentences(&plan).len(), 1);
    // Where nothing would mean to empty the other side, the field waits for a value.
    let mut emptying = text("name");
    emptying.clear.portal = Clear::Propagate;
    let plan = failing(emptying).plan();
    assert!(matches!(plan.decisions[..], [(_, GroupDecision::Unknown)]), "{plan:#?}");
}

#[test]
fn a_default_that_fails_within_a_group_that_has_something_to_send_empties_nothing_across() {
    let address = group("address", vec![field("street", Kind::Text), field("state", Kind::Text)]);
    let world = deal(address)
        .bases("street", "Ring 1", "Ring 1")
        .bases("state", Empty, "WA")
        .crm("street", "Ring 2")
        .crm("state", Empty)
        .portal("street", "Ring 1")
        .portal("state", "WA")
        .sends(Side::Crm, "state", Unknown)
        .with(|world| drop(world.facts().uncomputed.insert(FieldId::from("state"), failure())));
    check(&world, &["needs you: state cannot be worked out: `size` of the referral is empty."]);
}
