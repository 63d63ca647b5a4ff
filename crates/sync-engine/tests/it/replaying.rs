//! Sources are read again because a person asks.

use std::{sync::Arc, time::Duration};

use deal_model::Side;
use jiff::SignedDuration;
use ports::{Clock as _, RetryClass};
use sync_engine::{Hints, Seen, Store as _, Target};
use tokio::sync::Notify;

use crate::{
    platform::{Call, Fault},
    world::World,
};

const SOURCE: &str = "portal.referrals";

/// The portal's list tells of `ref1`, which the deal has seen.
fn listed(world: &World) {
    let stamp = world.portal.state().records[&"ref1".into()].stamp;
    let target = Target::Referral { id: "ref1".into(), engagement: None, birth: true };
    let seen = Seen {
        target,
        stamp: Some(stamp),
        hints: Hints::of(Side::Portal),
        key: "ref1".to_owned(),
        echo: false,
    };
    world.portal.state().feed.push(seen);
}

async fn asks(world: &World) {
    let since = world.clock.now() - SignedDuration::from_hours(2);
    world.engine.ask_replay(&[Side::Portal], since, "ann").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_deals_have_seen_is_read_again_on_both_sides_and_the_sources_position_stays() {
    let world = World::linked().await;
    listed(&world);
    world.settle(0).await;
    world.forget_calls();
    // A change that nothing ever told of.
    world.crm.edit("006", "notes", "missed");
    let position = world.store.cursor(SOURCE).await.unwrap();
    assert!(position.is_some());
    world.settle(600).await;
    assert_eq!(world.portal.value("ref1", "notes"), "first");
    asks(&world).await;
    world.settle(600).await;
    assert_eq!(world.portal.value("ref1", "notes"), "missed");
    assert!(world.portal.calls().contains(&"read ref1".to_owned()), "a stand-in is no read");
    assert_eq!(world.store.cursor(SOURCE).await.unwrap(), position);
    let replay = world.engine.replays().await.unwrap().remove(0);
    let progress = replay.progress.unwrap();
    assert_eq!((progress.listed, progress.marked), (1, 1));
    assert!(progress.ended.is_some());
    // Done is done: nothing is read a second time, nor after a restart.
    world.forget_calls();
    world.settle(600).await;
    assert_eq!(world.portal.calls(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_replay_goes_on_where_it_was_after_a_failure_and_a_restart() {
    let mut world = World::linked().await;
    for _ in 0..5 {
        listed(&world);
    }
    world.settle(0).await;
    world.portal.state().page = 2;
    asks(&world).await;
    // The ordinary polls come first; then the replay's first page.
    world.portal.fault(Call::List, Fault::Before(RetryClass::LATER));
    world.settle(0).await;
    world.restart();
    world.settle(60).await;
    let progress = world.engine.replays().await.unwrap().remove(0).progress.unwrap();
    assert_eq!(progress.listed, 5, "each page once");
    assert!(progress.ended.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_cannot_be_read_again_is_tried_less_and_less_often() {
    let world = World::linked().await;
    asks(&world).await;
    for _ in 0..1_000 {
        world.portal.fault(Call::List, Fault::Before(RetryClass::Person));
    }
    world.portal.state().polls = 0;
    let (stop, engine) = (Notify::new(), Arc::clone(&world.engine));
    let (ended, ()) = tokio::join!(engine.run(&stop), async {
        world.clock.sleep(Duration::from_mins(30)).await;
        stop.notify_one();
    });
    ended.unwrap();
    let polls = world.portal.state().polls;
    assert!((12..40).contains(&polls), "the ordinary reader and the replay, each with its back-off: {polls}");
    assert!(world.engine.replays().await.unwrap()[0].progress.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_counts_what_would_be_looked_at_and_asks_for_nothing() {
    let world = World::linked().await;
    for _ in 0..5 {
        listed(&world);
    }
    world.portal.state().page = 2;
    let since = world.clock.now();
    let preview = world.engine.preview_replay(Side::Portal, SOURCE, since).await.unwrap();
    assert_eq!((preview.listed, preview.records), (5, 1));
    assert_eq!(world.engine.replays().await.unwrap(), []);
}
