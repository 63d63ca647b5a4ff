//! A person asks for another try.

use deal_model::Verdict;
use ports::RetryClass;
use sync_engine::Store as _;

use crate::{
    platform::{Call, Fault},
    world::World,
};

#[tokio::test(start_paused = true)]
async fn a_deal_that_backs_off_is_looked_at_now_and_begins_anew() {
    let world = World::linked().await;
    world.portal.edit("ref1", "name", "Theirs");
    for _ in 0..9 {
        world.crm.fault(Call::Read, Fault::Before(RetryClass::LATER));
    }
    world.hear_referral("ref1").await;
    world.settle(60).await;
    let waits = world.due_in().await.unwrap();
    assert!(waits > 60_000, "it backs off: {waits}");
    let id = world.id("006").await;
    world.decides(&id, Verdict::Retry).await;
    let listed = world.store.list(None, 1).await.unwrap().remove(0);
    assert_eq!(listed.attempts, 0);
    assert_eq!(world.due_in().await, Some(0));
    world.work().await;
    let waits = world.due_in().await.unwrap();
    assert!(waits < 3_000, "one more failure is a first one: {waits}");
    assert_eq!(world.deal("006").await.decisions.len(), 1, "it was not looked at yet");
    world.settle(60).await;
    assert_eq!(world.crm.value("006", "name"), "Theirs");
    assert!(world.deal("006").await.decisions.is_empty());
    let history = world.store.history(&id, 5).await.unwrap();
    let carried = |line: &sync_engine::AuditLine| line.sentence == "Carried out what ann decided: try again.";
    assert!(history.iter().any(carried), "{history:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_refused_is_sent_again_because_a_person_asks_and_once() {
    let world = World::linked().await;
    world.portal.state().refuses.insert("name".into(), true);
    world.crm.edit("006", "name", "Refused");
    world.hear("006").await;
    world.settle(3_600).await;
    assert!(!world.problems("006").await.is_empty());
    world.forget_calls();
    world.hear("006").await;
    world.settle(600).await;
    let writes = |world: &World| world.portal.calls().iter().filter(|call| call.starts_with("write")).count();
    assert_eq!(writes(&world), 0, "it is not sent again by itself");
    let id = world.id("006").await;
    world.decides(&id, Verdict::Retry).await;
    world.settle(600).await;
    assert_eq!(writes(&world), 1);
    assert!(!world.problems("006").await.is_empty(), "it was refused again, and that is told");

    world.portal.state().refuses.clear();
    world.decides(&id, Verdict::Retry).await;
    world.settle(600).await;
    assert_eq!(world.portal.value("ref1", "name"), "Refused");
    assert_eq!(world.problems("006").await, [""; 0]);
}
