//! Share and help: only from nothing to something, only after a change, only with consent (sync rules, section 5).

use deal_model::{Clear, GroupSpec, Irreversible, Kind, Life, Phase, Side};

use crate::world::{ALWAYS, Empty, NEVER, Unknown, World, archived, check, deal, field, group, irreversible};

fn share() -> World {
    let mut spec = group("share", vec![field("share", Kind::Flag)]);
    spec.latch = Some(Irreversible::Share);
    spec.to.crm = ALWAYS;
    spec.clear.portal = Clear::Propagate;
    deal(spec)
}

fn help_spec() -> GroupSpec {
    let mut spec = group("help", vec![field("help", Kind::Text)]);
    spec.latch = Some(Irreversible::AskHelp);
    spec.to.crm = NEVER;
    spec
}

fn help() -> World {
    deal(help_spec()).portal("help", Unknown)
}

#[test]
fn turning_it_on_shares_once() {
    let mut world = share().base("share", false).crm("share", true).portal("share", false);
    let plan = world.pass();
    assert_eq!(irreversible(&plan), [Irreversible::Share]);
    assert!(world.passes(0).is_empty());
}

#[test]
fn a_later_change_back_is_put_right_with_a_note() {
    let world = share().base("share", true).crm("share", false).portal("share", true);
    check(
        &world,
        &[
            "opportunity: share no -> yes (put right)",
            "note: share cannot be taken back; it was put right on the opportunity.",
        ],
    );
}

#[test]
fn nothing_is_shared_by_linking_or_without_consent() {
    let mut linked = share().just_linked().crm("share", true).portal("share", false);
    for _ in 0..3 {
        let plan = linked.pass();
        assert!(plan.is_quiet(), "{plan:#?}");
        assert_eq!(plan.problems.len(), 1);
    }
    let mut confirmed = linked.resolves("share", Side::Crm);
    assert_eq!(irreversible(&confirmed.pass()), [Irreversible::Share]);
    let forbidden = share().base("share", false).crm("share", true).portal("share", false);
    let forbidden = forbidden.with(|world| world.facts().consent = false);
    assert!(forbidden.plan().is_quiet());
}

#[test]
fn turned_off_and_on_again_after_the_link_is_a_change() {
    let mut world = share().just_linked().crm("share", false).portal("share", false);
    world.pass();
    assert_eq!(irreversible(&world.crm("share", true).plan()), [Irreversible::Share]);
}

fn asking(world: World) -> World {
    world.with(|world| world.facts().asks_help = true)
}

#[test]
fn help_is_asked_after_a_change_and_only_once() {
    let mut world = help().crm("help", Empty);
    world.pass();
    let mut world = asking(world.crm("help", "poc"));
    assert_eq!(irreversible(&world.pass())[0], Irreversible::AskHelp);
    assert!(world.passes(0).is_empty());
}

#[test]
fn help_is_not_asked_by_linking_without_consent_or_without_contacts() {
    let mut linked = asking(help().just_linked().crm("help", "poc"));
    for _ in 0..3 {
        let plan = linked.pass();
        assert!(plan.is_quiet() && plan.problems.len() == 1, "{plan:#?}");
    }
    let changed = || asking(help().bases("help", Empty, Empty).crm("help", "poc"));
    assert_eq!(irreversible(&changed().plan()), [Irreversible::AskHelp]);
    assert!(changed().with(|world| world.facts().consent = false).plan().is_quiet());
    let mut contacts = group("contacts", vec![field("contacts", Kind::Text)]);
    contacts.to.portal = NEVER;
    let without = changed()
        .with(|world| {
            world.specs.groups.push(contacts);
            world.specs.help_needs = vec!["contacts".into()];
        })
        .crm("contacts", Empty);
    assert!(without.plan().is_quiet());
    assert_eq!(irreversible(&without.crm("contacts", "somebody").plan())[0], Irreversible::AskHelp);
}

#[test]
fn a_person_can_confirm_help_that_was_asked_for_before_the_link() {
    let mut world = asking(help().just_linked().crm("help", "poc"));
    world.pass();
    world = world.portal("help", Empty).resolves("help", Side::Crm).portal("help", Unknown);
    assert_eq!(irreversible(&world.pass())[0], Irreversible::AskHelp);
    assert_eq!(world.deal.decisions, []);
}

#[test]
fn help_that_was_not_asked_for_before_the_deal_ended_is_kept_and_the_deal_is_finished() {
    let won = |world: World| asking(world.crm("help", "poc")).referral(Life::Won).stage(Life::Won);
    let rode_in_the_creation = won(help());
    let turned_on_later = won(help().bases("help", Empty, Empty));
    for mut world in [rode_in_the_creation, turned_on_later] {
        let plan = world.pass();
        assert!(plan.is_quiet() && plan.problems.is_empty(), "{plan:#?}");
        assert_eq!(archived(&plan), ["opportunity: help poc: the portal closed first"]);
        assert_eq!(world.deal.phase, Phase::Finished);
        assert_eq!(world.pass().archive, [], "it is kept once");
    }
    let mut linked = won(help().just_linked());
    assert_eq!((linked.pass().archive, linked.deal.phase), (Vec::new(), Phase::Finished));
}

#[test]
fn a_latch_that_the_portal_refuses_to_change_is_noted() {
    let world = share().base("share", false).crm("share", true).portal("share", false);
    let refused = world.with(|world| {
        world.specs.groups[0].fixed = true;
        world.specs.groups[0].to.portal.update = false;
    });
    check(
        &refused,
        &["note: share: the portal was seen to refuse changes of it; it is written at creation only."],
    );
}
