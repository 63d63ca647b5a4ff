//! Rules that change while workers run, and wishes that come while every deal is looked at.

use std::{sync::Arc, time::Duration};

use ports::{Clock as _, SystemRng};
use sync_engine::{Flow, PauseScope, PauseWish, Store as _, StoreError};
use tokio::{sync::Notify, time::timeout};

use crate::{
    platform::{Call, Fault},
    world::{World, text},
};

#[tokio::test(start_paused = true)]
async fn a_worker_ends_when_another_begins_with_other_rules_and_what_it_was_reading_is_read_by_the_new_ones()
{
    let mut world = World::linked().await;
    let old = Arc::clone(&world.engine);
    let stop = Notify::new();
    let script = async {
        world.clock.sleep(Duration::from_secs(80)).await;
        // The old worker's next list is long under way when the new one begins.
        world.portal.fault(Call::List, Fault::Slow(Duration::from_mins(1)));
        world.clock.sleep(Duration::from_secs(50)).await;
        world.portal.state().leads.admission = "more".to_owned();
        world.specs.groups.push(text("more"));
        world.settings.owner = "new".to_owned();
        world.restart();
        world.forget_calls();
        world.settle(120).await;
    };
    let both = Box::pin(async { tokio::join!(old.run(&stop), script) });
    let (ended, ()) = timeout(Duration::from_hours(1), both).await.expect("the old worker ends");
    let told = ended.unwrap_err();
    assert!(matches!(told, StoreError::OtherRules), "{told}");
    assert!(told.to_string().contains("fix: start this one again"), "{told}");
    let calls = world.crm.calls();
    assert!(
        calls.iter().any(|call| call.starts_with("read 006")),
        "it is looked at by the new rules: {calls:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_comes_while_every_deal_is_looked_at_lets_them_be_looked_at_once_more() {
    let world = World::linked().await;
    let wish = PauseWish {
        scope: PauseScope::Flow(Flow::UpdateReferrals),
        by: "ann".to_owned(),
        why: None,
        mapping: "1".to_owned(),
        now: world.clock.now(),
    };
    world.store.pause(&wish).await.unwrap();
    sync_engine::resume(world.store.as_ref(), &wish, &SystemRng).await.unwrap().unwrap();
    // The first deal is marked: in this instant somebody else lets go of something.
    let file = world.file();
    file.execute_batch(
        "CREATE TABLE looks (at INTEGER);
         CREATE TRIGGER look AFTER INSERT ON work BEGIN
             UPDATE cursor SET position = 'forgotten:another' WHERE source = 'engine.rules'
                 AND NOT EXISTS (SELECT 1 FROM looks);
             INSERT INTO looks VALUES (1);
         END;
         CREATE TRIGGER look_again AFTER UPDATE OF generation ON work WHEN NEW.generation > OLD.generation BEGIN
             INSERT INTO looks VALUES (2);
         END;",
    )
    .unwrap();
    world.settle(60).await;
    let looks: i64 = file.query_row("SELECT count(*) FROM looks", [], |row| row.get(0)).unwrap();
    assert_eq!(looks, 2);
    world.settle(60).await;
    let looks: i64 = file.query_row("SELECT count(*) FROM looks", [], |row| row.get(0)).unwrap();
    assert_eq!(looks, 2, "and that was all");
}
