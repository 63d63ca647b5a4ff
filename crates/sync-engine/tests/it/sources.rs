//! Sources: a page, its marks and its cursor are one commit, and what is known costs nothing.

use std::time::Duration;

use deal_model::Side;
use ports::{Clock as _, RetryClass};
use sync_engine::Store as _;

use crate::{
    platform::{Call, Fault, seen},
    world::World,
};

#[tokio::test(start_paused = true)]
async fn a_page_brings_its_marks_and_moves_the_cursor() {
    let world = World::new();
    world.crm.put("007", &[("name", "Second")]);
    let stamp = Some(world.clock.now());
    world.crm.state().page = 1;
    world.crm.state().feed = vec![seen(Side::Crm, "006", stamp, true), seen(Side::Crm, "007", stamp, true)];
    world.settle(10).await;
    assert_eq!(world.store.cursor("crm.opportunities").await.unwrap().as_deref(), Some("2"));
    assert!(world.deal("007").await.links.portal.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_the_overlap_costs_nothing() {
    let world = World::linked().await;
    let repeat = || seen(Side::Crm, "006", None, true);
    world.crm.state().feed = vec![repeat()];
    let stop = tokio::sync::Notify::new();
    let run = world.engine.run(&stop);
    let again = async {
        world.wait(1).await;
        world.crm.state().feed.push(repeat());
        world.wait(60).await;
        stop.notify_one();
    };
    let (ended, ()) = tokio::join!(run, again);
    ended.unwrap();
    assert_eq!(world.crm.calls(), ["read 006"], "the second mention is the same as the first");
    assert_eq!(world.store.cursor("crm.opportunities").await.unwrap().as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn a_state_that_a_read_did_not_show_yet_is_read_once_more_when_the_overlap_repeats_it() {
    for shows in [true, false] {
        let world = World::linked().await;
        let newer = world.clock.now() + jiff::SignedDuration::from_secs(1);
        // The list is ahead of what a read by its id shows.
        let ahead = || seen(Side::Portal, "ref1", Some(newer), true);
        world.portal.state().feed = vec![ahead()];
        let stop = tokio::sync::Notify::new();
        let run = world.engine.run(&stop);
        let meanwhile = async {
            world.wait(1).await;
            assert_eq!(world.portal.calls(), ["read ref1"]);
            if shows {
                world.portal.edit("ref1", "name", "New");
            }
            for _ in 0..3 {
                world.portal.state().feed.push(ahead());
                world.wait(31).await;
            }
            assert_eq!(world.crm.value("006", "name"), if shows { "New" } else { "Deal" });
            assert_eq!(world.portal.calls(), ["read ref1"], "once more, and not for ever");
            stop.notify_one();
        };
        let (ended, ()) = tokio::join!(run, meanwhile);
        ended.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_echo_of_our_own_write_costs_no_pass() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    world.hear("006").await;
    world.work().await;
    world.forget_calls();
    let stamp = |side: &crate::platform::Platform, id: &str| Some(side.state().records[&id.into()].stamp);
    let (crm, portal) = (stamp(&world.crm, "006"), stamp(&world.portal, "ref1"));
    world.crm.state().feed.push(seen(Side::Crm, "006", crm, true));
    world.portal.state().feed.push(seen(Side::Portal, "ref1", portal, true));
    world.engine.hear(seen(Side::Portal, "ref1", portal, true)).await.unwrap();
    world.work().await;
    assert_eq!((world.crm.calls(), world.portal.calls()), (vec![], vec![]));
    // A newer state is no echo.
    let newer = portal.map(|stamp| stamp + jiff::SignedDuration::from_secs(1));
    world.engine.hear(seen(Side::Portal, "ref1", newer, true)).await.unwrap();
    world.work().await;
    assert_eq!(world.portal.calls(), ["read ref1"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_without_a_stamp_is_never_dropped() {
    let world = World::linked().await;
    world.engine.hear(seen(Side::Portal, "ref1", None, true)).await.unwrap();
    world.work().await;
    assert_eq!(world.portal.calls(), ["read ref1"]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_backs_off_and_comes_back_without_a_gap() {
    let world = World::new();
    for _ in 0..4 {
        world.crm.fault(Call::List, Fault::Before(RetryClass::LATER));
    }
    world.crm.state().feed.push(seen(Side::Crm, "006", None, true));
    let stop = tokio::sync::Notify::new();
    let run = world.engine.run(&stop);
    let watch = async {
        world.wait(6).await;
        let polls = world.crm.state().polls;
        assert!(polls <= 4, "{polls} polls in six seconds are no back-off");
        world.wait(60).await;
        stop.notify_one();
    };
    let (ended, ()) = tokio::join!(run, watch);
    ended.unwrap();
    assert!(world.deal("006").await.links.portal.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_single_run_tries_a_failing_source_again_and_gives_it_up_in_the_end() {
    let world = World::new();
    world.crm.state().feed.push(seen(Side::Crm, "006", None, true));
    world.crm.fault(Call::List, Fault::Before(RetryClass::LATER));
    world.settle(10).await;
    assert!(world.deal("006").await.links.portal.is_some());
    for _ in 0..100 {
        world.crm.fault(Call::List, Fault::Before(RetryClass::LATER));
    }
    tokio::time::timeout(Duration::from_mins(10), world.settle(10)).await.expect("it ends");
}

#[tokio::test(start_paused = true)]
async fn a_backlog_gives_way_to_what_happens_now() {
    let world = World::new();
    let ids: Vec<String> = (0..60).map(|number| format!("r{number:02}")).collect();
    for id in &ids {
        world.portal.put(id, &[("name", "Old")]);
        let seen = seen(Side::Portal, id, None, true);
        world.portal.state().feed.push(seen);
    }
    world.portal.state().page = 1_000;
    world.hear("006").await;
    world.settle(10).await;
    let calls = world.crm.calls();
    let at = calls.iter().position(|call| call.starts_with("read 006")).expect("it was worked on");
    assert!(at <= 24, "the event stood behind {at} of the backlog");
}

#[tokio::test(start_paused = true)]
async fn the_births_index_is_filled_from_the_pages() {
    let world = World::new();
    world.portal.put("r7", &[("name", "Deal")]);
    world.portal.change("r7", |record| record.external = Some("006".into()));
    world.work().await;
    let known = world.store.referrals_with(&deal_model::digest("006")).await.unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].referral, "r7".into());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_another_reader_holds_is_left_alone() {
    let world = World::new();
    let stop = tokio::sync::Notify::new();
    let run = world.engine.run(&stop);
    let other = async {
        world.wait(1).await;
        let polls = world.crm.state().polls;
        // Another process takes the reader's lease over, as it would after this one's end.
        let now = world.clock.now();
        let name = "reader.crm.opportunities";
        let fence = world.store.lease(name, "cosell", now, now).await.unwrap().unwrap();
        world.store.end_lease(&fence).await.unwrap();
        let until = now + jiff::SignedDuration::from_secs(100);
        world.store.lease(name, "somebody else", now, until).await.unwrap().unwrap();
        world.wait(95).await;
        assert_eq!(world.crm.state().polls, polls);
        world.wait(60).await;
        assert!(world.crm.state().polls > polls, "and taken over when it is free");
        stop.notify_one();
    };
    let (ended, ()) = tokio::join!(run, other);
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_page_whose_reader_lost_its_lease_changes_nothing() {
    let world = World::new();
    world.crm.state().feed.push(seen(Side::Crm, "006", None, true));
    let store = std::sync::Arc::clone(&world.store);
    world.crm.before(Call::List, move |crm| {
        let now = crm.clock.now();
        let name = "reader.crm.opportunities";
        let take = async {
            let fence = store.lease(name, "cosell", now, now).await.unwrap().unwrap();
            store.end_lease(&fence).await.unwrap();
            store.lease(name, "somebody else", now, now + jiff::SignedDuration::from_secs(90)).await.unwrap();
        };
        futures::executor::block_on(take);
    });
    let lost = world.engine.run_until_idle(Duration::ZERO).await;
    assert!(matches!(lost, Err(sync_engine::StoreError::Fenced(_))), "{lost:?}");
    assert_eq!(world.store.cursor("crm.opportunities").await.unwrap(), None);
    assert_eq!(world.store.deal_of(Side::Crm, &"006".into()).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_field_that_can_be_read_again_makes_every_deal_be_looked_at() {
    let world = World::linked().await;
    world.crm.state().blind.insert("Amount".to_owned(), "hidden".to_owned());
    world.work().await;
    assert_eq!(world.store.connection_problems().await.unwrap().len(), 1);
    world.crm.edit("006", "name", "unseen");
    world.crm.state().blind.clear();
    world.work().await;
    assert!(world.store.connection_problems().await.unwrap().is_empty());
    assert_eq!(world.portal.value("ref1", "name"), "unseen");
}
