//! The clocks of unanswered referrals (partner-center reference, section 4.1).

use deal_model::{CompanionState, Deal, Inviter, Life, Plan, ProblemClass, Side, Sight};
use jiff::SignedDuration;

use crate::world::{ACTIVE, NOW, World, at, deal, text};

const DAY: i64 = 86_400;
/// 14 days after the present.
const END: i64 = NOW + 14 * DAY;

fn received() -> World {
    let name = deal(text("name")).base("name", "a").crm("name", "a").portal("name", "a");
    name.stood(Life::Received, Life::Received)
        .stage(Life::Received)
        .referral(Life::Received)
        .with(|world| world.portal_facts().expires = Some(at(END)))
}

fn asked() -> World {
    let state = CompanionState { life: Life::Received, expires: Some(at(END)) };
    let name = deal(text("name")).base("name", "a").crm("name", "a").portal("name", "a");
    name.with(|world| world.deal.memory.companion_state = Some(state))
}

fn left(mut world: World, seconds: i64) -> Plan {
    world.now = at(END - seconds);
    world.plan()
}

fn told(plan: &Plan) -> Vec<&str> {
    let expiry = plan.problems.iter().filter(|problem| problem.class == ProblemClass::Expiry);
    expiry.map(|problem| problem.sentence.as_str()).collect()
}

#[test]
fn a_referral_that_we_did_not_answer_is_told_of_at_four_days_and_at_one_with_one_text_each() {
    assert!(told(&left(received(), 14 * DAY)).is_empty());
    assert!(told(&left(received(), 4 * DAY + 1)).is_empty());
    let four = left(received(), 4 * DAY);
    assert_eq!(
        told(&four),
        ["The referral is not answered and expires on 1970-01-15 00:16 UTC, in less than 4 days."]
    );
    for seconds in [4 * DAY - 1, 3 * DAY, DAY + 1] {
        assert_eq!(told(&left(received(), seconds)), told(&four), "the text does not count down");
    }
    let one = left(received(), DAY);
    assert_eq!(
        told(&one),
        ["The referral is not answered and expires on 1970-01-15 00:16 UTC, in less than 1 day."]
    );
    assert_eq!(told(&left(received(), 1)), told(&one));
}

#[test]
fn the_next_look_is_the_next_warning_then_the_end_then_ever_again_until_it_is_over() {
    for (seconds, due) in [(14 * DAY, 4 * DAY), (4 * DAY, DAY), (3 * DAY, DAY), (DAY, 0), (60, 0)] {
        assert_eq!(left(received(), seconds).clock_due, Some(at(END - due)), "{seconds} before the end");
    }
    let overdue = left(received(), -10);
    assert_eq!(overdue.clock_due, Some(at(END + 10 + 3_600)));
    assert_eq!(told(&overdue).len(), 1, "it is not over until the portal says so");
    let ended = received().referral(Life::Expired);
    assert_eq!((told(&left(ended.clone(), -10)), left(ended, -10).clock_due), (vec![], None));
}

#[test]
fn it_is_the_portals_clock_that_counts() {
    let mut world = received();
    world.portal_ahead = SignedDuration::from_hours(11 * 24);
    assert_eq!(told(&left(world.clone(), 14 * DAY)).len(), 1, "3 days are left there");
    assert_eq!(left(world, 14 * DAY).clock_due, Some(at(NOW + 2 * DAY)));
}

#[test]
fn an_answer_on_its_way_or_given_ends_the_warning() {
    let accepted = received().stage(ACTIVE);
    let plan = left(accepted, DAY);
    assert_eq!(plan.waiting.len(), 1, "the acceptance is in its grace");
    assert!(told(&plan).is_empty());
    let active = received().referral(ACTIVE).stage(ACTIVE).stood(ACTIVE, ACTIVE);
    let plan = left(active, DAY);
    assert_eq!((told(&plan), plan.clock_due), (vec![], None));
}

#[test]
fn a_win_or_an_error_straight_from_received_is_an_answer_on_its_way() {
    for end in [Life::Won, Life::Error { reason: None }] {
        let plan = left(received().stage(end.clone()).because("Duplicate"), DAY);
        assert_eq!(plan.waiting.len(), 1, "{end:?} is in its grace");
        assert!(told(&plan).is_empty(), "{end:?}");
    }
}

fn next_step(plan: &Plan) -> &str {
    let expiry = plan.problems.iter().find(|problem| problem.class == ProblemClass::Expiry);
    expiry.unwrap().next_step.as_str()
}

#[test]
fn the_next_step_is_one_that_the_seller_can_take() {
    let plan = left(received(), DAY);
    assert_eq!(next_step(&plan), "Move the opportunity off the on-hold stage to accept it, or decline it.");
    let third = received().with(|world| world.portal_facts().inviter = Inviter::Third);
    assert_eq!(next_step(&left(third, DAY)), "Answer it in the portal.");

    let unborn = received().with(|world| {
        world.crm = Sight::Unlinked;
        world.deal = Deal::born("d1".into(), Side::Portal, "ref".into());
    });
    let held = unborn.clone().with(|world| world.specs.switches.create_opportunities = false);
    assert_eq!(
        next_step(&left(held, DAY)),
        "Answer it in the portal, or end what keeps its opportunity from being created and answer it there."
    );
    let born = left(unborn, DAY);
    assert_eq!(next_step(&born), next_step(&plan), "the opportunity is there in a moment");
}

#[test]
fn help_that_is_not_answered_is_told_of_at_four_days_and_at_one_and_no_more_once_it_is_over() {
    let far = left(asked(), 5 * DAY);
    assert_eq!((far.headline.as_str(), far.clock_due), ("in step", Some(at(END - 4 * DAY))));
    for (seconds, days) in [(4 * DAY, "4 days"), (2 * DAY, "4 days"), (DAY, "1 day"), (1, "1 day")] {
        let near = left(asked(), seconds);
        let text = format!(
            "The request for help is not answered and expires on 1970-01-15 00:16 UTC, in less than {days}."
        );
        assert_eq!(told(&near), [text.as_str()], "{seconds} before the end");
        assert_eq!(near.headline, format!("needs you: {text}"));
        assert_eq!(
            next_step(&near),
            "Ask the other organisation's seller to answer it, or go on alone: nothing else is needed."
        );
        assert_eq!(
            near.problems[0].field,
            Some("companion".into()),
            "it is not our own answer that is missing"
        );
    }
    let over = left(asked(), -10);
    assert_eq!((over.headline.as_str(), over.clock_due), ("in step", None));
    let answered = asked().with(|world| {
        world.deal.memory.companion_state = Some(CompanionState { life: ACTIVE, expires: Some(at(END)) });
    });
    assert_eq!(
        (left(answered.clone(), DAY).headline.as_str(), told(&left(answered, DAY)).len()),
        ("in step", 0)
    );
    let off = asked().with(|world| world.specs.switches.companion = false);
    assert_eq!((left(off.clone(), DAY).headline.as_str(), left(off, DAY).clock_due), ("in step", None));
}

#[test]
fn what_the_read_says_of_the_companion_counts_more_than_what_was_remembered() {
    let read = asked().with(|world| {
        let facts = world.portal_facts();
        facts.companion_fields = Some([].into());
        facts.companion_state = Some(CompanionState { life: Life::Expired, expires: Some(at(END)) });
    });
    assert_eq!(left(read, DAY).headline, "in step");
}

#[test]
fn the_grace_ends_one_hour_before_the_expiry_by_the_portals_clock() {
    let accepted = received().stage(ACTIVE).with(|world| {
        world.specs.guard.accept_grace_secs = 7_200;
        world.portal_ahead = SignedDuration::from_mins(30);
    });
    // 2 hours are left by our clock, 1:30 by the portal's: the grace ends in half an hour.
    let plan = left(accepted, 7_200);
    assert_eq!(plan.waiting[0].not_before, at(END - 7_200 + 1_800));
}

#[test]
fn settling_remembers_where_the_companion_stands() {
    let state = CompanionState { life: Life::Received, expires: Some(at(END)) };
    let mut world = asked().with(|world| world.deal.memory.companion_state = None);
    world.portal_facts().companion_fields = Some([].into());
    world.portal_facts().companion_state = Some(state.clone());
    world.pass();
    assert_eq!(world.deal.memory.companion_state, Some(state.clone()));
    world.portal_facts().companion_fields = None;
    world.portal_facts().companion_state = None;
    world.pass();
    assert_eq!(world.deal.memory.companion_state, Some(state), "a read without it forgets nothing");
}
