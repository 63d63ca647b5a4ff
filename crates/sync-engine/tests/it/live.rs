//! Live sources: what they tell is marked at once, polls beside them rest, and nothing is lost between the two.

use std::time::Duration;

use deal_model::Side;
use ports::{Clock as _, Lane, RetryClass};
use sync_engine::{Changes, Hearing, Silence, Store as _};
use tokio::sync::Notify;

use crate::{
    platform::{Call, Fault, live::LIVE, seen},
    world::World,
};

/// A deal at rest, and a live source that hears.
async fn live() -> World {
    let mut world = World::linked().await;
    world.crm.goes_live();
    // Another instant, other identifiers.
    world.clock_on(77).await;
    world.restart();
    world
}

/// Runs the service beside `script`, and stops it.
async fn beside<T>(world: &World, script: impl Future<Output = T>) -> T {
    let stop = Notify::new();
    let run = world.engine.run(&stop);
    let script = async {
        let out = script.await;
        stop.notify_one();
        out
    };
    let (ended, out) = tokio::join!(run, script);
    ended.unwrap();
    out
}

fn deaf(sentence: &str) -> Hearing {
    Hearing::Deaf(Silence {
        sentence: sentence.to_owned(),
        next_step: "Do something.".to_owned(),
        retry: Duration::from_secs(20),
        quiet: false,
    })
}

async fn silences(world: &World) -> Vec<String> {
    let problems = world.store.connection_problems().await.unwrap();
    problems.into_iter().map(|problem| problem.sentence).collect()
}

fn unsure(id: &str) -> Changes {
    Changes { unsure: vec![seen(Side::Crm, id, None, false)], ..Changes::default() }
}

#[tokio::test(start_paused = true)]
async fn what_it_tells_goes_across_at_once_while_polls_rest() {
    let world = live().await;
    beside(&world, async {
        world.wait(5).await;
        let polls = world.crm.state().polls;
        world.crm.edit("006", "name", "New");
        world.crm.tells(seen(Side::Crm, "006", None, true));
        world.wait(1).await;
        assert_eq!(world.portal.value("ref1", "name"), "New");
        world.wait(600).await;
        assert_eq!(world.crm.state().polls, polls, "polls beside a live source only reconcile");
    })
    .await;
    assert_eq!(world.store.cursor(LIVE).await.unwrap().as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_goes_deaf_is_told_and_polls_take_over_at_once() {
    let world = live().await;
    beside(&world, async {
        world.wait(60).await;
        let polls = world.crm.state().polls;
        world.crm.hearing(deaf("The allowance is spent."));
        world.wait(12).await;
        assert_eq!(silences(&world).await, ["The allowance is spent."]);
        assert_eq!(world.crm.state().polls, polls + 1, "whatever changed meanwhile is looked for at once");
        world.wait(95).await;
        let polls = world.crm.state().polls - polls;
        assert!((3..=4).contains(&polls), "{polls} polls are not the ordinary pace");
        world.crm.hearing(Hearing::Hears);
        world.wait(40).await;
        assert_eq!(silences(&world).await, Vec::<String>::new());
        let polls = world.crm.state().polls;
        world.wait(600).await;
        assert_eq!(world.crm.state().polls, polls);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_moment_it_begins_to_hear_every_poll_is_made_once_more() {
    let world = live().await;
    world.crm.hearing(Hearing::Unproven);
    beside(&world, async {
        world.wait(1).await;
        // Told by nobody: it happens after the last poll, and before the first position.
        world.crm.edit("006", "name", "Between");
        world.crm.state().feed.push(seen(Side::Crm, "006", None, true));
        world.crm.hearing(Hearing::Hears);
        world.wait(11).await;
        assert_eq!(world.portal.value("ref1", "name"), "Between");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_page_is_told_again_if_its_reader_lost_its_lease() {
    let world = live().await;
    let store = std::sync::Arc::clone(&world.store);
    world.crm.edit("006", "name", "New");
    world.crm.tells(seen(Side::Crm, "006", None, true));
    world.crm.before(Call::Listen, move |crm| {
        let now = crm.clock.now();
        let take = async {
            let fence = store.lease("reader.crm.events", "cosell", now, now).await.unwrap().unwrap();
            store.end_lease(&fence).await.unwrap();
            let until = now + jiff::SignedDuration::from_secs(50);
            store.lease("reader.crm.events", "somebody else", now, until).await.unwrap();
        };
        futures::executor::block_on(take);
    });
    beside(&world, async {
        world.wait(45).await;
        assert_eq!(world.store.cursor(LIVE).await.unwrap(), None, "nothing was committed without the lease");
        world.wait(10).await;
        assert_eq!(world.store.cursor(LIVE).await.unwrap().as_deref(), Some("1"));
        assert_eq!(world.portal.value("ref1", "name"), "New");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_looked_for_from_the_beginning_even_after_a_crash() {
    let mut world = World::new();
    world.crm.state().feed = vec![seen(Side::Crm, "006", None, true)];
    world.settle(120).await;
    world.crm.goes_live();
    world.clock_on(77).await;
    world.restart();
    // Not news to a poll that reads on; a poll that begins anew finds it.
    world.crm.put("007", &[("name", "Missed")]);
    world.crm.state().feed[0] = seen(Side::Crm, "007", None, true);
    world.crm.tells_page(Changes { missed: vec!["crm.opportunities"], ..Changes::default() });
    for _ in 0..100 {
        world.crm.fault(Call::List, Fault::Before(RetryClass::LATER));
    }
    beside(&world, world.wait(5)).await;
    assert_eq!(world.store.cursor(LIVE).await.unwrap().as_deref(), Some("1"), "the position moved on");
    while world.crm.state().polls < 200
        && world.store.deal_of(Side::Crm, &"007".into()).await.unwrap().is_none()
    {
        world.restart();
        beside(&world, world.wait(600)).await;
    }
    assert_eq!(world.deal("007").await.links.portal, Some("ref2".into()));
    let polls = world.crm.state().polls;
    world.restart();
    beside(&world, world.wait(5)).await;
    assert!(world.crm.state().polls <= polls + 2, "once is enough");
}

#[tokio::test(start_paused = true)]
async fn of_a_linked_record_nobody_is_asked_and_a_stranger_leaves_a_trace_only_if_it_is_opted_in() {
    let world = live().await;
    world.crm.put("007", &[("name", "Shared")]);
    world.crm.put("008", &[("name", "Private")]);
    world.crm.change("008", |record| record.crm.opted_in = false);
    beside(&world, async {
        world.wait(1).await;
        world.forget_calls();
        world.crm.edit("006", "name", "New");
        world.crm.tells_page(unsure("006"));
        world.wait(3).await;
        assert_eq!(world.portal.value("ref1", "name"), "New");
        world.wait(3).await;
        assert!(!world.crm.calls().iter().any(|call| call.starts_with("admit")));
        world.forget_calls();
        let both = Changes {
            unsure: vec![seen(Side::Crm, "007", None, false), seen(Side::Crm, "008", None, false)],
            ..Changes::default()
        };
        world.crm.tells_page(both);
        world.wait(60).await;
    })
    .await;
    assert_eq!(world.crm.calls()[0], "admit 007 008", "one question for all of a page");
    assert!(world.deal("007").await.links.portal.is_some());
    assert_eq!(world.store.deal_of(Side::Crm, &"008".into()).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_fails_makes_the_page_be_told_again() {
    let world = live().await;
    world.crm.put("007", &[("name", "Shared")]);
    world.crm.fault(Call::Admit, Fault::Before(RetryClass::LATER));
    world.crm.tells_page(unsure("007"));
    beside(&world, async {
        world.wait(1).await;
        assert_eq!(world.store.cursor(LIVE).await.unwrap(), None);
        world.wait(60).await;
    })
    .await;
    assert!(world.deal("007").await.links.portal.is_some());
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_are_told_and_the_end_of_them_too() {
    let world = live().await;
    for _ in 0..4 {
        world.crm.fault(Call::Listen, Fault::Before(RetryClass::LATER));
    }
    beside(&world, async {
        world.wait(25).await;
        let told = silences(&world).await;
        assert!(told.len() == 1 && told[0].contains("scripted"), "{told:?}");
        world.wait(60).await;
        assert_eq!(silences(&world).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_echo_of_our_own_write_costs_no_read_of_its_own() {
    let world = live().await;
    world.crm.state().coarse = true;
    beside(&world, async {
        world.wait(10).await;
        world.portal.edit("ref1", "name", "From the portal");
        world.forget_calls();
        let crm = std::sync::Arc::clone(&world.crm);
        // The event is faster than the commit of the pass that wrote.
        world.crm.before(Call::Write, move |_| {
            let echo = sync_engine::Seen { echo: true, ..seen(Side::Crm, "006", None, true) };
            crm.tells(echo);
        });
        world.hear_referral("ref1").await;
        world.wait(30).await;
    })
    .await;
    let calls = world.crm.calls();
    assert_eq!(
        calls,
        ["read 006", "write 006 name", "read 006"],
        "one read after the write, as without events"
    );
}

#[tokio::test(start_paused = true)]
async fn a_read_that_lags_behind_the_event_is_made_again_and_the_edit_is_across_without_a_poll() {
    let world = live().await;
    beside(&world, async {
        world.wait(5).await;
        world.crm.edit("006", "name", "Late");
        let stamp = world.crm.state().records[&"006".into()].stamp;
        world.crm.fault(Call::Read, Fault::Stale);
        world.crm.tells(seen(Side::Crm, "006", Some(stamp), true));
        world.wait(1).await;
        assert_eq!(world.portal.value("ref1", "name"), "Deal");
        world.wait(3).await;
        assert_eq!(world.portal.value("ref1", "name"), "Late");
        world.forget_calls();
        world.wait(60).await;
        assert!(world.crm.calls().len() <= 1, "and then it rests, but for the read of its report");
    })
    .await;
}

/// Who was told is not who reads: it is gone before it can.
async fn told_by_one_and_read_too_early_by_another(stamp_is_told: bool) {
    let mut world = live().await;
    beside(&world, async {
        world.wait(5).await;
        world.crm.edit("006", "name", "Late");
        let stamp = world.crm.state().records[&"006".into()].stamp;
        // It is marked, and cannot be read now.
        world.crm.fault(Call::Read, Fault::Before(RetryClass::LATER));
        world.crm.tells(seen(Side::Crm, "006", stamp_is_told.then_some(stamp), true));
        world.clock_on(100).await;
    })
    .await;
    world.restart();
    world.crm.fault(Call::Read, Fault::Stale);
    // Works, and polls nothing.
    world.settle(60).await;
    assert_eq!(world.portal.value("ref1", "name"), "Late");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_not_told_reads_again_what_lags_behind_the_event_that_another_one_heard() {
    told_by_one_and_read_too_early_by_another(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_not_told_reads_once_more_for_an_event_without_a_stamp() {
    told_by_one_and_read_too_early_by_another(false).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_of_the_second_that_was_read_last_is_looked_at_and_a_later_read_makes_it_old() {
    let world = live().await;
    beside(&world, async {
        world.wait(5).await;
        let stamp = world.crm.state().records[&"006".into()].stamp;
        world.forget_calls();
        world.crm.tells(seen(Side::Crm, "006", Some(stamp - jiff::SignedDuration::from_secs(1)), true));
        let ours = sync_engine::Seen { echo: true, ..seen(Side::Crm, "006", Some(stamp), true) };
        world.crm.tells(ours);
        world.wait(5).await;
        assert_eq!(world.crm.calls(), Vec::<String>::new(), "that state is known, and so is our own write");
        // Another save in the second of the one that was read: it has the same stamp.
        world.crm.edit("006", "name", "Same second");
        world.crm.change("006", |record| record.stamp = stamp);
        let second = seen(Side::Crm, "006", Some(stamp), true);
        world.crm.tells(sync_engine::Seen { key: "another event".to_owned(), ..second });
        world.wait(1).await;
        assert_eq!(world.portal.value("ref1", "name"), "Same second");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_a_lagging_read_does_not_show_yet_is_across_without_a_poll() {
    let world = live().await;
    beside(&world, async {
        world.wait(5).await;
        world.crm.edit("006", "name", "Row");
        world.crm.fault(Call::Read, Fault::Stale);
        // An event of a row tells no stamp of the opportunity.
        world.crm.tells(seen(Side::Crm, "006", None, true));
        world.wait(1).await;
        assert_eq!(world.portal.value("ref1", "name"), "Deal");
        world.wait(4).await;
        assert_eq!(world.portal.value("ref1", "name"), "Row");
        world.forget_calls();
        world.wait(60).await;
        assert!(world.crm.calls().len() <= 1, "and then it rests, but for the read of its report");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stranger_whose_event_says_that_it_is_opted_in_is_asked_for_again_when_reads_caught_up() {
    let world = live().await;
    world.crm.put("007", &[("name", "Opted in now")]);
    world.crm.change("007", |record| record.crm.opted_in = false);
    beside(&world, async {
        world.wait(1).await;
        let news = seen(Side::Crm, "007", None, true);
        world.crm.tells_page(Changes { unsure: vec![news], ..Changes::default() });
        world.wait(1).await;
        assert_eq!(world.crm.calls().last().unwrap(), "admit 007");
        // The read has caught up with the event.
        world.crm.change("007", |record| record.crm.opted_in = true);
        world.wait(10).await;
    })
    .await;
    assert!(world.deal("007").await.links.portal.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_the_channel_does_not_carry_is_polled_at_the_ordinary_pace() {
    let world = live().await;
    let untold = vec!["crm.opportunities"];
    beside(&world, async {
        world.wait(5).await;
        world.crm.state().live.as_mut().unwrap().untold = untold.clone();
        world.wait(15).await;
        let polls = world.crm.state().polls;
        world.wait(95).await;
        let polls = world.crm.state().polls - polls;
        assert!((3..=4).contains(&polls), "{polls} polls are not the ordinary pace");
        assert_eq!(world.engine.live_sources()[0].untold, untold);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn polls_that_alone_find_changes_do_not_stop_with_the_background_and_those_beside_events_do() {
    let world = live().await;
    beside(&world, async {
        world.wait(5).await;
        world.crm.state().polled_in.clear();
        world.crm.hearing(deaf("The allowance is spent."));
        world.wait(60).await;
        assert!(world.crm.state().polled_in.iter().all(|lane| *lane == Lane::Now), "alone");
        world.crm.hearing(Hearing::Hears);
        world.wait(60).await;
        world.crm.state().polled_in.clear();
        world.wait(4_000).await;
        let lanes = world.crm.state().polled_in.clone();
        assert!(!lanes.is_empty() && lanes.iter().all(|lane| *lane == Lane::Background), "beside: {lanes:?}");
        assert!(world.portal.state().polled_in.iter().all(|lane| *lane == Lane::Background));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_first_load_gives_way_whether_or_not_anybody_hears() {
    let world = World::new();
    world.crm.state().feed = vec![seen(Side::Crm, "006", None, true)];
    world.settle(120).await;
    assert_eq!(world.crm.state().polled_in.first(), Some(&Lane::Background));
    assert_eq!(world.crm.state().polled_in.last(), Some(&Lane::Now));
}

#[tokio::test(start_paused = true)]
async fn an_org_that_simply_has_no_events_is_shown_and_no_problem() {
    let world = live().await;
    let Hearing::Deaf(silence) = deaf("The org has none.") else { unreachable!() };
    world.crm.hearing(Hearing::Deaf(Silence { quiet: true, ..silence }));
    beside(&world, world.wait(5)).await;
    assert_eq!(silences(&world).await, Vec::<String>::new());
    assert_eq!(world.engine.live_sources()[0].silence.as_deref(), Some("The org has none."));
}

#[tokio::test(start_paused = true)]
async fn a_single_run_does_not_wait_for_news() {
    let mut world = World::new();
    world.crm.goes_live();
    world.restart();
    world.crm.state().feed.push(seen(Side::Crm, "006", None, true));
    tokio::time::timeout(Duration::from_mins(1), world.settle(10)).await.expect("it ends");
    assert!(world.deal("006").await.links.portal.is_some());
    assert_eq!(world.crm.state().live.as_ref().unwrap().asked, 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_news_does_not_keep_the_service_from_stopping() {
    let world = live().await;
    beside(&world, world.wait(3)).await;
    let stopped = tokio::time::timeout(Duration::from_millis(1), beside(&world, async {})).await;
    assert!(stopped.is_ok(), "it ends in the middle of a wait");
}

#[tokio::test(start_paused = true)]
async fn what_was_said_of_a_source_that_is_switched_off_is_over_at_the_next_start() {
    let mut world = live().await;
    world.crm.hearing(deaf("No such topic."));
    beside(&world, world.wait(5)).await;
    assert_eq!(silences(&world).await, ["No such topic."]);
    world.crm.state().live = None;
    world.restart();
    beside(&world, world.wait(5)).await;
    assert_eq!(silences(&world).await, Vec::<String>::new());
}
