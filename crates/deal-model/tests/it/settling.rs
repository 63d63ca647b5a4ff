//! What a deal remembers after a pass: the base advances from what was read, and from nothing else.

use deal_model::{Actor, CRM_ASKED_AGAIN, Conflict, FieldId, Held, PerSide, ProblemClass, Side, Value};
use jiff::SignedDuration;

use crate::world::{ALWAYS, World, at, check, deal, text};

fn name() -> World {
    deal(text("name")).base("name", "a").crm("name", "a").portal("name", "a")
}

fn base(world: &World) -> (String, String) {
    let pair = &world.deal.memory.base[&"name".into()];
    (deal_model::display(&pair.crm), deal_model::display(&pair.portal))
}

fn keeps_upper(side: Side, _: &FieldId, held: &Held) -> Held {
    match held {
        Held::Value(Value::Text(text)) if side == Side::Crm => Held::Value(Value::Text(text.to_uppercase())),
        other => other.clone(),
    }
}

#[test]
fn what_the_other_side_made_of_a_value_is_kept_said_and_does_not_bounce() {
    let mut world = name().portal("name", "b").with(|world| world.keeps = keeps_upper);
    world.pass();
    assert_eq!(base(&world), ("B".to_owned(), "b".to_owned()));
    check(&world, &["note: name: the opportunity kept \"B\"; the referral holds \"b\"."]);
    check(&world.portal("name", "c"), &["opportunity: name B -> c (changed on the other side)"]);
}

#[test]
fn an_enforced_write_that_is_not_taken_is_not_sent_again() {
    let mut world = name()
        .with(|world| {
            world.specs.groups[0].to = PerSide::new(crate::world::NEVER, ALWAYS);
            world.specs.groups[0].enforce = true;
            world.keeps = |_, _, _| Held::Value(Value::Text("mine".to_owned()));
        })
        .crm("name", "x");
    assert_eq!(world.passes(1).len(), 1);
}

#[test]
fn a_write_that_failed_leaves_the_base() {
    let mut world = name().crm("name", "b");
    world.down = true;
    world.pass();
    assert_eq!(base(&world), ("a".to_owned(), "a".to_owned()));
}

#[test]
fn a_persons_edit_between_our_write_and_the_read_back_is_not_reconciled() {
    let world = name().crm("name", "b");
    let plan = world.plan();
    let mut after = world.clone().portal("name", "c");
    after.seen(Side::Portal).actor = Actor::Person;
    after.seen(Side::Portal).version.stamp = at(2_000);
    let memory = deal_model::settle(&deal_model::SettleInput {
        deal: &world.deal,
        plan: &plan,
        ends: &[deal_model::EffectEnd::DONE],
        before: PerSide::new(world.portal.seen(), world.crm.seen()),
        after: PerSide::new(after.portal.seen(), None),
        specs: &world.specs,
        mapping: "1",
        now: at(2_000),
    });
    assert_eq!(memory.base, world.deal.memory.base, "nobody read that the referral held \"b\"");
    after.deal.memory = memory;
    assert!(!after.plan().is_quiet(), "and the edit is not lost");
}

#[test]
fn a_refused_value_is_not_sent_again_until_something_changes() {
    let mut world = name().crm("name", "b");
    world.refuses = vec!["name".into()];
    assert_eq!(world.passes(1).len(), 1);
    check(&world, &["name waits: the value was refused", "needs you: name was refused: not allowed here"]);
    assert!(!world.clone().crm("name", "c").plan().is_quiet(), "the value changed");
    let other = world.clone().with(|world| world.specs.groups[0].conflict = Conflict::Always(Side::Crm));
    assert!(!other.portal("name", "d").plan().is_quiet(), "the other side changed");
    let mapping = world.clone().with(|world| "0".clone_into(&mut world.deal.memory.rejected[0].mapping));
    assert!(!mapping.plan().is_quiet(), "the mapping changed");
    assert!(!world.resolves("name", Side::Crm).plan().is_quiet(), "a person asks");
}

#[test]
fn what_the_crm_refused_is_sent_again_after_a_day_and_what_the_portal_refused_is_not() {
    for (side, again) in [(Side::Crm, true), (Side::Portal, false)] {
        let mut world = match side {
            Side::Crm => name().portal("name", "b"),
            Side::Portal => name().crm("name", "b"),
        };
        world.refuses = vec!["name".into()];
        assert_eq!(world.passes(1).len(), 1);
        let refused = world.deal.memory.rejected[0].at;
        let due = refused.checked_add(CRM_ASKED_AGAIN).unwrap();
        assert_eq!(world.plan().next_due, again.then_some(due), "{side:?}");
        world.now = due - SignedDuration::from_secs(1);
        assert!(world.plan().is_quiet(), "{side:?}");
        world.now = due;
        assert_eq!(world.plan().is_quiet(), !again, "{side:?}");
        // Refused again: another day.
        let _ = world.pass();
        assert_eq!(world.deal.memory.rejected[0].at, if again { due } else { refused });
        assert_eq!(world.plan().problems.len(), 1);
    }
}

#[test]
fn a_value_that_was_refused_for_its_place_is_sent_again_once_the_place_may_be_tried() {
    let refusing = |refuses: bool| {
        move |world: &mut World| {
            world.specs.groups[0].fixed = refuses;
            world.specs.groups[0].to.portal.update = !refuses;
        }
    };
    let mut world = name().crm("name", "b");
    world.refuses = vec!["name".into()];
    world.passes(1);
    assert_eq!(world.deal.memory.rejected.len(), 1);
    let mut world = world.with(refusing(true));
    world.passes(0);
    assert_eq!(world.deal.memory.rejected, []);
    check(&world.with(refusing(false)), &["referral: name a -> b (changed on the other side)"]);
}

#[test]
fn two_automations_that_fight_are_stopped_at_the_third_write_to_one_side() {
    let mut world = name();
    let mut writes = PerSide::new(0, 0);
    for round in 0..20 {
        world.now = at(2_000 + round);
        // Whoever was written puts its own value back.
        let side = if round % 2 == 0 { Side::Portal } else { Side::Crm };
        world.seen(side).version.stamp = world.now;
        world.seen(side).actor = Actor::Integration;
        let value = format!("{side:?} {round}");
        world = if side == Side::Crm {
            world.crm("name", value.as_str())
        } else {
            world.portal("name", value.as_str())
        };
        if world.pass().is_quiet() {
            break;
        }
        *writes.at_mut(side.other()) += 1;
    }
    assert_eq!(writes, PerSide::new(2, 2));
    assert_eq!(world.deal.problems[0].class, ProblemClass::Fuse);
    let mut world = world.resolves("name", Side::Crm);
    assert!(!world.pass().is_quiet(), "a person decides");
    assert!(world.passes(0).is_empty());
}

/// Two automations fought until the fuse blew; the referral's said the last word.
fn blown() -> World {
    let mut world = name();
    for round in 0..5 {
        world = says(world, round, if round % 2 == 0 { Side::Portal } else { Side::Crm }, Actor::Integration);
        world.pass();
    }
    assert!(world.deal.memory.fuse[&"name".into()].blown, "{:?}", world.deal.memory.fuse);
    world
}

/// Somebody saves a new name on one side.
fn says(mut world: World, round: i64, side: Side, actor: Actor) -> World {
    world = saved(world, round, side, actor);
    let value = format!("{side:?} {round}");
    if side == Side::Crm { world.crm("name", value.as_str()) } else { world.portal("name", value.as_str()) }
}

/// Somebody saves a record.
fn saved(mut world: World, round: i64, side: Side, actor: Actor) -> World {
    world.now = at(2_000 + round);
    world.seen(side).version.stamp = world.now;
    world.seen(side).actor = actor;
    world
}

/// Whether what an automation says on one side goes across.
fn answers_again(mut world: World, side: Side) -> bool {
    world = says(world, 90, side, Actor::Integration);
    !world.pass().is_quiet()
}

#[test]
fn a_blown_fuse_ends_when_a_person_makes_both_sides_equal_and_not_when_an_automation_does() {
    for (actor, ends) in [(Actor::Person, true), (Actor::Integration, false), (Actor::Unknown, false)] {
        // The other side's value is typed, or the one that both were reconciled at.
        for side in Side::BOTH {
            let world = saved(blown(), 50, side, actor);
            let mut world =
                if side == Side::Crm { world.crm("name", "Portal 4") } else { world.portal("name", "Crm 3") };
            assert!(world.pass().is_quiet());
            assert_eq!(world.deal.memory.fuse.contains_key(&"name".into()), !ends, "{actor:?} {side:?}");
            for automated in Side::BOTH {
                assert_eq!(answers_again(world.clone(), automated), ends, "{actor:?} {side:?} {automated:?}");
            }
        }
    }
}

#[test]
fn a_person_who_saves_another_field_ends_no_blown_fuse() {
    let mut world = saved(blown(), 50, Side::Crm, Actor::Person);
    assert!(world.pass().is_quiet());
    assert!(world.deal.memory.fuse[&"name".into()].blown);
    assert!(!answers_again(world, Side::Crm));
}

#[test]
fn a_decision_that_finds_both_sides_equal_ends_a_blown_fuse() {
    let world = saved(blown(), 50, Side::Crm, Actor::Integration).crm("name", "Portal 4");
    let mut world = world.resolves("name", Side::Portal);
    assert!(world.pass().is_quiet());
    assert_eq!(world.deal.decisions, []);
    assert!(!world.deal.memory.fuse.contains_key(&"name".into()));
    assert!(answers_again(world, Side::Crm));
}

#[test]
fn a_person_who_edits_often_blows_no_fuse() {
    let mut world = name();
    for round in 0..9 {
        world.now = at(2_000 + round);
        let side = if round % 2 == 0 { Side::Portal } else { Side::Crm };
        world.seen(side).version.stamp = world.now;
        world.seen(side).actor = Actor::Person;
        let value = round.to_string();
        world = if side == Side::Crm {
            world.crm("name", value.as_str())
        } else {
            world.portal("name", value.as_str())
        };
        assert!(!world.pass().is_quiet());
    }
}

#[test]
fn a_stage_that_moved_between_our_write_and_the_read_back_is_still_a_change() {
    let world = name().portal("name", "b");
    let plan = world.plan();
    let after = world.clone().crm("name", "b").stage(deal_model::Life::Won);
    let memory = deal_model::settle(&deal_model::SettleInput {
        deal: &world.deal,
        plan: &plan,
        ends: &[deal_model::EffectEnd::DONE],
        before: PerSide::new(world.portal.seen(), world.crm.seen()),
        after: PerSide::new(None, after.crm.seen()),
        specs: &world.specs,
        mapping: "1",
        now: at(2_000),
    });
    assert_eq!(memory.life, world.deal.memory.life);
}
