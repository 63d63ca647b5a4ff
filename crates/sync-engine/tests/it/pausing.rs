//! What an operator pauses: nothing leaves, nothing is forgotten, and what waits does not age.

use deal_model::Life;
use ports::{Clock as _, SystemRng};
use sync_engine::{Flow, PauseScope, PauseWish, Standing, Store as _};

use crate::{platform::ACTIVE, world::World};

fn wish(world: &World, scope: PauseScope) -> PauseWish {
    PauseWish {
        scope,
        by: "ann".to_owned(),
        why: Some("audit".to_owned()),
        mapping: "1".to_owned(),
        now: world.clock.now(),
    }
}

async fn pause(world: &World, scope: PauseScope) {
    assert_eq!(world.store.pause(&wish(world, scope)).await.unwrap(), None);
}

async fn resume(world: &World, scope: PauseScope) {
    assert!(
        sync_engine::resume(world.store.as_ref(), &wish(world, scope), &SystemRng).await.unwrap().is_some()
    );
}

/// Both sides of the linked deal are edited, and heard of.
async fn both_edit(world: &World, name: &str, notes: &str) {
    world.crm.edit("006", "name", name);
    world.portal.edit("ref1", "notes", notes);
    world.hear("006").await;
    world.hear_referral("ref1").await;
}

fn values(world: &World) -> [String; 4] {
    let at = |field| [world.crm.value("006", field), world.portal.value("ref1", field)];
    let ([a, b], [c, d]) = (at("name"), at("notes"));
    [a, b, c, d]
}

#[tokio::test(start_paused = true)]
async fn a_paused_deal_is_left_alone_on_both_sides_and_goes_on_from_fresh_reads() {
    let world = World::linked().await;
    let scope = PauseScope::Deal(world.id("006").await);
    pause(&world, scope.clone()).await;
    world.settle(120).await;
    world.forget_calls();
    both_edit(&world, "Renamed", "second").await;
    world.settle(3_600).await;
    assert_eq!(values(&world), ["Renamed", "Deal", "first", "second"], "nothing goes across");
    assert_eq!(world.portal.calls(), [""; 0], "nor is anything read there");
    assert_eq!(world.crm.calls(), [""; 0]);
    let proof = world.engine.verify(&[world.id("006").await]).await.unwrap().remove(0);
    assert_eq!((proof.standing, proof.differences.len()), (Standing::PausedOrOnHold, 2));

    resume(&world, scope).await;
    world.settle(120).await;
    assert_eq!(values(&world), ["Renamed", "Renamed", "second", "second"]);
}

#[tokio::test(start_paused = true)]
async fn the_seller_is_told_once_that_the_deal_is_paused_by_whom_and_why_and_then_that_it_goes_on() {
    let world = World::linked().await;
    world.wait(120).await;
    let before = world.crm.reports("006").len();
    let scope = PauseScope::Deal(world.id("006").await);
    pause(&world, scope.clone()).await;
    world.settle(300).await;
    world.hear("006").await;
    world.settle(300).await;
    let reports = world.crm.reports("006").split_off(before);
    assert_eq!(reports.len(), 1, "{reports:#?}");
    assert_eq!((reports[0].status.as_str(), reports[0].problem.as_str()), ("paused by ann (audit)", ""));
    assert_eq!(reports[0].synced_at, None, "nobody looked whether they are the same");
    assert!(reports[0].audit[0].ends_with("ann paused the deal: audit."), "{reports:#?}");
    resume(&world, scope).await;
    world.settle(300).await;
    assert_eq!(world.crm.reports("006").last().unwrap().status, "in step");
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_a_paused_deal_keeps_the_rest_of_its_grace() {
    let mut world = World::linked().await;
    world.crm.change("006", |record| record.life = Life::Won);
    world.hear("006").await;
    world.work().await;
    world.wait(400).await;
    let scope = PauseScope::Deal(world.id("006").await);
    pause(&world, scope.clone()).await;
    world.work().await;
    world.wait(3_600).await;
    world.restart();
    world.settle(3_600).await;
    assert_eq!(world.deal("006").await.waiting.len(), 1, "it is not forgotten");
    resume(&world, scope).await;
    world.work().await;
    world.wait(190).await;
    world.work().await;
    assert_eq!(world.portal.life("ref1"), ACTIVE, "200 of its 600 seconds are left");
    world.settle(30).await;
    assert_eq!(world.portal.life("ref1"), Life::Won);
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_the_plan_and_the_sending_stops_what_cannot_be_taken_back() {
    let world = World::linked().await;
    world.crm.change("006", |record| record.life = Life::Won);
    world.hear("006").await;
    world.work().await;
    let deal = world.id("006").await;
    let (store, wish) = (std::sync::Arc::clone(&world.store), wish(&world, PauseScope::Deal(deal)));
    world.wait(599).await;
    world.portal.before(crate::platform::Call::Read, move |_| {
        futures::executor::block_on(store.pause(&wish)).unwrap();
    });
    world.settle(60).await;
    assert_eq!(world.portal.life("ref1"), ACTIVE);
    assert_eq!(world.deal("006").await.waiting.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_is_paused_while_a_batch_is_under_way_creates_nothing_more() {
    let world = World::new();
    world.crm.put("007", &[("name", "Another"), ("notes", "")]);
    world.hear("006").await;
    world.hear("007").await;
    let scope = PauseScope::Flow(Flow::CreateReferrals);
    let (store, paused) = (std::sync::Arc::clone(&world.store), wish(&world, scope.clone()));
    // Both are planned in one batch; the one is sent before the other is written down.
    world.portal.before(crate::platform::Call::Create, move |_| {
        futures::executor::block_on(store.pause(&paused)).unwrap();
    });
    world.settle(120).await;
    let born = |deal: deal_model::Deal| deal.links.portal.is_some();
    let both = [born(world.deal("006").await), born(world.deal("007").await)];
    assert_eq!(both.iter().filter(|born| **born).count(), 1, "the one that was on its way");
    resume(&world, scope).await;
    world.settle(120).await;
    assert!(born(world.deal("006").await) && born(world.deal("007").await));
}

#[tokio::test(start_paused = true)]
async fn while_everything_is_paused_no_call_is_made_but_polls_and_all_of_it_follows() {
    let mut world = World::linked().await;
    pause(&world, PauseScope::All).await;
    both_edit(&world, "Renamed", "second").await;
    world.crm.put("007", &[("name", "Another"), ("notes", "")]);
    world.hear("007").await;
    world.settle(600).await;
    // Another moment begets other identifiers.
    world.clock_on(7).await;
    world.restart();
    world.settle(600).await;
    assert_eq!((world.crm.calls(), world.portal.calls()), (Vec::new(), Vec::new()));
    resume(&world, PauseScope::All).await;
    world.settle(600).await;
    assert_eq!(values(&world), ["Renamed", "Renamed", "second", "second"]);
    assert!(world.deal("007").await.links.portal.is_some(), "what was heard meanwhile is born");
}

#[tokio::test(start_paused = true)]
async fn a_paused_flow_decides_and_waits_while_the_others_go_on_and_leaves_when_it_is_resumed() {
    let mut world = World::linked().await;
    pause(&world, PauseScope::Flow(Flow::UpdateReferrals)).await;
    both_edit(&world, "Renamed", "second").await;
    world.settle(120).await;
    assert_eq!(values(&world), ["Renamed", "Deal", "second", "second"], "one way goes on");
    world.restart();
    world.hear("006").await;
    world.settle(120).await;
    assert_eq!(world.portal.value("ref1", "name"), "Deal", "also after a restart");
    let standing = world.engine.verify(&[world.id("006").await]).await.unwrap()[0].standing;
    assert_eq!(standing, Standing::Waiting);

    resume(&world, PauseScope::Flow(Flow::UpdateReferrals)).await;
    // No event tells of it: the service that runs hears of it with its next heartbeat.
    let stop = tokio::sync::Notify::new();
    let engine = std::sync::Arc::clone(&world.engine);
    let (ended, ()) = tokio::join!(engine.run(&stop), async {
        world.wait(30).await;
        stop.notify_one();
    });
    ended.unwrap();
    assert_eq!(values(&world), ["Renamed", "Renamed", "second", "second"]);
}
