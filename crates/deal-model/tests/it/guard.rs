//! The guard (sync rules, section 5).

use deal_model::{Irreversible, Life, Response, Side, Sight, Verdict};

use crate::world::{ACTIVE, NOW, World, at, check, deal, irreversible, text};

fn life() -> World {
    deal(text("name")).base("name", "a").crm("name", "a").portal("name", "a")
}

fn received() -> World {
    life().stood(Life::Received, Life::Received).stage(Life::Received).referral(Life::Received)
}

fn after(world: &mut World, seconds: i64) {
    world.now = at(NOW + seconds);
}

#[test]
fn a_close_waits_across_passes_and_then_leaves() {
    let mut world = life().stage(Life::Won);
    for second in [0, 300, 599] {
        after(&mut world, second);
        let plan = world.pass();
        assert_eq!(irreversible(&plan), []);
        assert_eq!((plan.waiting[0].since, plan.next_due), (at(NOW), Some(at(NOW + 600))));
    }
    after(&mut world, 600);
    assert_eq!(irreversible(&world.pass()), [Irreversible::Close]);
    assert!(world.passes(0).is_empty());
}

#[test]
fn another_target_restarts_and_a_change_back_deletes_it() {
    let mut world = life().stage(Life::Won);
    world.pass();
    after(&mut world, 599);
    let mut world = world.stage(Life::Lost { reason: None });
    assert_eq!(world.pass().waiting[0].not_before, at(NOW + 599 + 600));
    let mut world = world.stage(ACTIVE);
    assert!(world.pass().waiting.is_empty());
    let mut world = world.stage(Life::Won);
    after(&mut world, 700);
    assert_eq!(world.pass().waiting[0].since, at(NOW + 700));
}

#[test]
fn a_failed_attempt_keeps_its_since_and_leaves_again() {
    let mut world = life().stage(Life::Won);
    world.pass();
    after(&mut world, 600);
    world.down = true;
    assert_eq!(irreversible(&world.pass()), [Irreversible::Close]);
    assert_eq!(world.deal.waiting[0].since, at(NOW));
    world.down = false;
    assert_eq!(irreversible(&world.pass()), [Irreversible::Close]);
    assert!(world.passes(0).is_empty());
}

#[test]
fn an_accept_waits_a_minute_but_for_the_response_field() {
    assert_eq!(received().stage(ACTIVE).plan().waiting[0].not_before, at(NOW + 60));
    assert_eq!(irreversible(&received().answers(Response::Accept).plan()), [Irreversible::Accept]);
    let stale = received().stage(ACTIVE).answers(Response::Accept).with(|world| {
        world.deal.memory.answered = Some(Response::Accept);
    });
    assert_eq!(stale.plan().waiting.len(), 1, "an old answer does not shorten the grace");
}

#[test]
fn it_never_waits_past_one_hour_before_the_expiry() {
    let world = received().stage(ACTIVE).with(|world| {
        world.portal_facts().expires = Some(at(NOW + 3600 + 20));
    });
    assert_eq!(world.plan().waiting[0].not_before, at(NOW + 20));
}

#[test]
fn a_date_that_stays_on_an_accepted_referral_shortens_no_grace() {
    let mut world = life().stage(Life::Won).with(|world| {
        world.portal_facts().expires = Some(at(NOW - 86_400));
    });
    assert_eq!(world.pass().waiting[0].not_before, at(NOW + 600));
    after(&mut world, 599);
    assert!(world.pass().is_quiet());
    after(&mut world, 600);
    assert_eq!(irreversible(&world.pass()), [Irreversible::Close]);
}

#[test]
fn linking_causes_nothing_irreversible_and_shows_the_difference() {
    for (stage, referral) in [
        (ACTIVE, Life::Received),
        (Life::Won, Life::Received),
        (Life::Won, ACTIVE),
        (Life::Lost { reason: None }, ACTIVE),
    ] {
        let mut world = life().just_linked().stage(stage).referral(referral).because("r");
        for day in 0..3 {
            after(&mut world, day * 86_400);
            let plan = world.pass();
            assert!(plan.is_quiet(), "{plan:#?}");
            assert_eq!(plan.problems.len(), 1, "{plan:#?}");
        }
    }
    let mut answered =
        life().just_linked().stage(Life::Received).referral(Life::Received).answers(Response::Accept);
    answered.pass();
    assert!(answered.pass().is_quiet(), "an answer from before the link is none");
}

#[test]
fn a_person_can_confirm_the_difference_and_can_send_at_once() {
    let mut world = life().just_linked().stage(Life::Won);
    world.pass();
    let shown = deal_model::PerSide::new(ACTIVE, Life::Won);
    let mut world = world.decides(1, Verdict::ResolveLife { winner: Side::Crm, shown });
    assert_eq!(world.pass().waiting.len(), 1, "it waits like any other");
    assert_eq!(world.deal.decisions.len(), 1, "and is not carried out yet");
    let mut world =
        world.decides(2, Verdict::SendNow { kind: Irreversible::Close, target: "won".to_owned() });
    assert_eq!(irreversible(&world.pass()), [Irreversible::Close]);
    assert_eq!(world.deal.decisions, []);
}

#[test]
fn opting_out_pauses_and_takes_what_waits_with_it() {
    let mut world = life().stage(Life::Won);
    world.pass();
    world.facts().opted_in = false;
    let plan = world.pass();
    assert!(plan.is_quiet() && plan.waiting.is_empty());
    assert_eq!(plan.headline, "paused: sync is off");
}

#[test]
fn time_behind_a_switch_does_not_count() {
    let mut world = life().stage(Life::Won);
    world.pass();
    world.specs.switches.update_referrals = false;
    after(&mut world, 600);
    assert!(world.pass().is_quiet());
    world.specs.switches.update_referrals = true;
    assert_eq!(world.pass().waiting[0].since, at(NOW + 600));
}

#[test]
fn a_clone_gets_the_problem_alone() {
    let clone = |change: fn(&mut World)| {
        let world = life().with(|world| {
            world.portal = Sight::Unlinked;
            world.deal.links.portal = None;
        });
        let plan = world.with(change).plan();
        assert!(plan.is_quiet());
        assert!(plan.problems[0].sentence.contains("copy"), "{plan:#?}");
    };
    clone(|world| world.claimed_elsewhere = true);
    clone(|world| world.facts().origin = Some("another".into()));
}

#[test]
fn a_read_older_than_one_before_is_never_planned_on() {
    let mut world = life().stage(Life::Won);
    world.pass();
    world.seen(Side::Portal).version.stamp = at(1);
    let plan = world.pass();
    assert!(plan.is_quiet() && plan.next_due.is_some());
    assert_eq!(plan.waiting.len(), 1, "nothing that waits goes away");
}

#[test]
fn an_unsettled_opportunity_is_not_written_and_read_again_two_seconds_after_its_stamp() {
    let mut world = life().portal("name", "b").with(|world| {
        world.facts().unsettled = true;
        world.seen(Side::Crm).version.stamp = at(NOW - 1);
    });
    let plan = world.pass();
    assert!(plan.is_quiet());
    assert_eq!(plan.next_due, Some(at(NOW + 1)));
    world.facts().unsettled = false;
    check(&world, &["opportunity: name a -> b (changed on the other side)"]);
}
