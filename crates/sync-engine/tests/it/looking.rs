//! Looking without touching: previews and proofs (testing, The judge is never the judged).

use deal_model::Life;
use sync_engine::Standing;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_preview_writes_nothing_and_shows_what_a_pass_would_do() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    let before = world.deal("006").await;
    let previews = world.engine.preview(std::slice::from_ref(&before.id)).await.unwrap();
    assert_eq!(previews[0].plan.describe(), ["referral: name Deal -> New (changed on the other side)"]);
    assert_eq!(world.crm.calls(), ["read 006"]);
    assert_eq!(world.portal.calls(), ["read ref1"]);
    assert_eq!(world.deal("006").await, before);
    assert_eq!(world.due_in().await, None, "nothing was marked");
}

#[tokio::test(start_paused = true)]
async fn every_deal_stands_in_one_place_and_all_add_up() {
    let world = World::linked().await;
    for id in ["007", "008", "009"] {
        world.crm.put(id, &[("name", id), ("notes", "x")]);
        world.hear(id).await;
        world.settle(120).await;
    }
    world.crm.edit("007", "name", "on its way");
    world.portal.state().refuses.insert("notes".into(), true);
    world.crm.edit("008", "notes", "bad");
    world.hear("008").await;
    world.crm.change("009", |record| record.crm.opted_in = false);
    world.hear("009").await;
    world.settle(120).await;
    let mut ids = Vec::new();
    for id in ["006", "007", "008", "009"] {
        ids.push(world.id(id).await);
    }
    let proofs = world.engine.verify(&ids).await.unwrap();
    assert_eq!(proofs.len(), ids.len());
    let of = |opportunity: usize| {
        proofs.iter().find(|proof| proof.deal == ids[opportunity]).expect("each has a proof").standing
    };
    let standings = [of(0), of(1), of(2), of(3)];
    let expected = [Standing::Equal, Standing::Waiting, Standing::Problem, Standing::PausedOrOnHold];
    assert_eq!(standings, expected);
}

#[tokio::test(start_paused = true)]
async fn a_side_that_cannot_be_read_is_said_and_not_called_equal() {
    let world = World::linked().await;
    let away = crate::platform::Fault::Before(ports::RetryClass::LATER);
    world.portal.fault(crate::platform::Call::Read, away);
    let id = world.id("006").await;
    let proofs = world.engine.verify(&[id]).await.unwrap();
    assert_eq!(proofs[0].standing, Standing::Unread);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_waits_is_waiting() {
    let world = World::linked().await;
    world.crm.change("006", |record| record.life = Life::Won);
    world.hear("006").await;
    world.work().await;
    let id = world.id("006").await;
    let proofs = world.engine.verify(&[id]).await.unwrap();
    assert_eq!(proofs[0].standing, Standing::Waiting);
    assert_eq!(proofs[0].differences.len(), 1);
}
