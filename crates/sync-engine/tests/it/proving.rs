//! The proof over all deals: its counts, its pages, its day.

use std::{sync::Arc, time::Duration};

use deal_model::{GuardSettings, Specs};
use ports::{Clock as _, RetryClass};
use sync_engine::{PROOF_PAGE, PROOF_PROBLEM, ProofTimes, ProvenPage, Standing, Store as _};
use tokio::sync::Notify;

use crate::{
    platform::{Call, Fault},
    world::{World, text},
};

/// Serves for so many seconds.
async fn serve(world: &World, seconds: u64) {
    let (stop, engine) = (Notify::new(), Arc::clone(&world.engine));
    let (ended, ()) = tokio::join!(engine.run(&stop), async {
        world.clock.sleep(Duration::from_secs(seconds)).await;
        stop.notify_one();
    });
    ended.unwrap();
}

/// Proofs are made each twenty minutes.
async fn proving() -> World {
    let guard = GuardSettings { brake_limit: 10_000, ..GuardSettings::default() };
    let mut world =
        World::with(Specs { groups: vec![text("name"), text("notes")], guard, ..Specs::default() });
    world.settings.proof = Some(ProofTimes { every: Duration::from_mins(20), at: None });
    world.restart();
    world.at_rest().await
}

#[tokio::test(start_paused = true)]
async fn the_service_proves_all_deals_once_a_period_and_keeps_the_proof() {
    let mut world = proving().await;
    serve(&world, 500).await;
    assert_eq!(world.store.proofs(9).await.unwrap(), [], "the service has just begun");
    serve(&world, 800).await;
    let first = world.store.proofs(9).await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(
        (first[0].deals, first[0].count(Standing::Equal), first[0].by.as_str()),
        (1, 1, "the service")
    );
    assert!(first[0].holds());
    world.restart();
    serve(&world, 900).await;
    assert_eq!(world.store.proofs(9).await.unwrap().len(), 1, "a restart makes none");
    serve(&world, 300).await;
    let both = world.store.proofs(9).await.unwrap();
    assert_eq!(both.len(), 2);
    let apart = both[0].began.duration_since(both[1].began).as_secs();
    assert!((1_200..1_300).contains(&apart), "{apart}");
    assert_eq!(world.store.connection_problems().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_fails_is_a_problem_of_the_connection_until_one_holds() {
    let world = World::linked().await;
    let prove = async || {
        let mut proving = world.engine.begin_proof();
        while let ProvenPage::Deals(_) = world.engine.prove_page(&mut proving, false).await.unwrap() {}
        world.engine.keep_proof(proving, "ann").await.unwrap()
    };
    for _ in 0..9 {
        world.portal.fault(Call::Read, Fault::Before(RetryClass::Person));
    }
    let proof = prove().await;
    assert_eq!((proof.deals, proof.count(Standing::Unread)), (1, 1));
    assert_eq!(proof.first[0].deal, world.id("006").await);
    let problems = world.store.connection_problems().await.unwrap();
    assert_eq!((problems.len(), problems[0].key.as_str()), (1, PROOF_PROBLEM));
    assert!(problems[0].sentence.contains("1 could not be read"), "{problems:?}");
    // What fails once is looked at again before it is said.
    while prove().await.count(Standing::Unread) > 0 {}
    world.portal.fault(Call::Read, Fault::Before(RetryClass::Person));
    assert!(prove().await.holds());
    assert_eq!(world.store.connection_problems().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_was_stopped_goes_on_where_it_was_and_waits_while_a_side_is_away() {
    let mut world = proving().await;
    for at in 0..PROOF_PAGE {
        world.crm.put(&format!("1{at:03}"), &[("name", "Deal"), ("notes", "")]);
        world.hear(&format!("1{at:03}")).await;
    }
    world.settle(600).await;
    world.forget_calls();
    let stopped = Arc::new(Notify::new());
    let tell = Arc::clone(&stopped);
    // Each page is one read of the portal: the second one is answered by "come back later", until the service stops.
    serve(&world, 590).await;
    world.portal.before(Call::Read, move |portal| {
        for _ in 0..6 {
            portal.fault(Call::Read, Fault::Before(RetryClass::LATER));
        }
        tell.notify_one();
    });
    let engine = Arc::clone(&world.engine);
    let stop = Notify::new();
    let (ended, ()) = tokio::join!(engine.run(&stop), async {
        stopped.notified().await;
        world.clock.sleep(Duration::from_mins(2)).await;
        stop.notify_one();
    });
    ended.unwrap();
    assert_eq!(world.store.proofs(9).await.unwrap(), [], "a side that is away proves nothing");
    world.restart();
    serve(&world, 1_000).await;
    let proofs = world.store.proofs(9).await.unwrap();
    assert_eq!(proofs.len(), 1);
    assert_eq!(proofs[0].deals, PROOF_PAGE as u64 + 1, "each deal once");
    assert_eq!(proofs[0].counts.values().sum::<u64>(), proofs[0].deals);
    assert!(proofs[0].holds(), "{:?}", proofs[0]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_for_half_a_period_is_unread_and_the_proof_says_so() {
    let world = proving().await;
    for _ in 0..1_000 {
        world.portal.fault(Call::Read, Fault::Before(RetryClass::LATER));
    }
    serve(&world, 1_300).await;
    assert_eq!(world.store.proofs(9).await.unwrap(), [], "it may be away for a while only");
    serve(&world, 300).await;
    let proofs = world.store.proofs(9).await.unwrap();
    assert_eq!((proofs.len(), proofs[0].deals, proofs[0].count(Standing::Unread)), (1, 1, 1));
    assert_eq!(world.store.connection_problems().await.unwrap()[0].key, PROOF_PROBLEM);
}
