//! Places that the portal refused to change: a person lets go of one while the service runs.

use std::time::Duration;

use ports::{Clock as _, SystemRng};
use sync_engine::{FixedPath, Store as _, free_path};
use tokio::sync::Notify;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_running_service_notices_that_a_place_was_released() {
    let mut world = World::linked().await;
    let since = world.clock.now();
    let fixed =
        FixedPath { path: "/notes".to_owned(), group: "notes".into(), mapping: "1".to_owned(), since };
    world.store.fix_path(&fixed).await.unwrap();
    world.clock_on(77).await;
    world.restart();
    world.crm.edit("006", "notes", "New");
    let stop = Notify::new();
    let script = async {
        world.hear("006").await;
        world.clock.sleep(Duration::from_mins(10)).await;
        assert_eq!(world.portal.value("ref1", "notes"), "first", "it is known to be refused");
        assert!(free_path(world.store.as_ref(), "/notes", &SystemRng).await.unwrap());
        // Nothing else is heard of the deal.
        world.clock.sleep(Duration::from_mins(10)).await;
        assert_eq!(world.portal.value("ref1", "notes"), "New");
        stop.notify_one();
    };
    let (ended, ()) = tokio::join!(world.engine.run(&stop), script);
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_place_that_was_released_is_released_for_a_worker_that_knew_it_to_be_refused() {
    let world = World::linked().await;
    let since = world.clock.now();
    let fixed =
        FixedPath { path: "/notes".to_owned(), group: "notes".into(), mapping: "1".to_owned(), since };
    world.store.fix_path(&fixed).await.unwrap();
    world.crm.edit("006", "notes", "New");
    world.hear("006").await;
    world.settle(60).await;
    assert_eq!(world.portal.value("ref1", "notes"), "first", "another worker learned that it is refused");
    assert!(free_path(world.store.as_ref(), "/notes", &SystemRng).await.unwrap());
    // Whoever heard of it first looks at every deal, and this one works off what that marks.
    world.settle(60).await;
    assert_eq!(world.portal.value("ref1", "notes"), "New");
}
