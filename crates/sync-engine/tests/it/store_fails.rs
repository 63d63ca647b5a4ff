//! The store fails for one deal of a batch: what became of the others is kept.

use std::time::Duration;

use sync_engine::{Store as _, StoreError};

use crate::world::World;

/// Three opportunities that are heard of at once.
async fn three() -> World {
    let world = World::new();
    for id in ["007", "008"] {
        world.crm.put(id, &[("name", "Another"), ("notes", "")]);
    }
    for id in ["006", "007", "008"] {
        world.hear(id).await;
    }
    world
}

async fn is_born(world: &World, opportunity: &str) -> bool {
    world.deal(opportunity).await.links.portal.is_some()
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_fails_keeps_what_became_of_the_other_deals_and_the_deal_is_tried_again_soon() {
    let world = three().await;
    let file = world.file();
    let failing =
        "CREATE TRIGGER failing BEFORE UPDATE ON deal WHEN NEW.crm_id = '006' AND NEW.portal_id IS NOT NULL
         BEGIN SELECT RAISE(ABORT, 'a planned failure'); END";
    file.execute_batch(failing).unwrap();
    let failed = world.engine.run_until_idle(Duration::ZERO).await.unwrap_err();
    assert!(matches!(failed, StoreError::Failed(_)), "{failed}");
    assert!(!is_born(&world, "006").await);
    for other in ["007", "008"] {
        assert!(is_born(&world, other).await, "{other}");
        let history = world.store.history(&world.id(other).await, 9).await.unwrap();
        assert!(history.iter().any(|line| line.what == "created"), "{history:?}");
    }
    let lease = i64::try_from(world.settings.lease.as_millis()).unwrap();
    assert!(world.due_in().await.unwrap() < lease / 2, "it does not wait for the end of its lease");
    file.execute_batch("DROP TRIGGER failing").unwrap();
    world.settle(600).await;
    assert!(is_born(&world, "006").await);
    let referrals = world.portal.state().records.len();
    assert_eq!(referrals, 3, "what was sent is found");
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_cannot_be_written_down_stops_its_own_deal_alone() {
    let world = three().await;
    let file = world.file();
    let failing = "CREATE TRIGGER failing BEFORE INSERT ON intent
         WHEN NEW.deal = (SELECT id FROM deal WHERE crm_id = '006')
         BEGIN SELECT RAISE(ABORT, 'a planned failure'); END";
    file.execute_batch(failing).unwrap();
    world.engine.run_until_idle(Duration::ZERO).await.unwrap_err();
    assert!(is_born(&world, "007").await && is_born(&world, "008").await);
    file.execute_batch("DROP TRIGGER failing").unwrap();
    world.settle(60).await;
    assert!(is_born(&world, "006").await);
    assert_eq!(world.portal.state().records.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_is_told_of_and_keeps_no_other_deal_from_its_pass() {
    let world = three().await;
    let damaged = world.id("006").await;
    let file = world.file();
    let sound: String =
        file.query_row("SELECT base FROM deal WHERE crm_id = '006'", [], |row| row.get(0)).unwrap();
    file.execute("UPDATE deal SET base = '{' WHERE crm_id = '006'", []).unwrap();
    world.settle(60).await;
    assert!(is_born(&world, "007").await && is_born(&world, "008").await);
    let problems = world.store.connection_problems().await.unwrap();
    let told = problems.iter().find(|problem| problem.key == "store.unreadable").expect("a person is told");
    assert!(told.sentence.contains(damaged.as_str()), "{told:?}");
    assert!(world.due_in().await.unwrap() > 600_000, "it is not tried again and again");
    file.execute("UPDATE deal SET base = ?1 WHERE crm_id = '006'", [&sound]).unwrap();
    world.settle(3_600).await;
    assert!(is_born(&world, "006").await);
}
