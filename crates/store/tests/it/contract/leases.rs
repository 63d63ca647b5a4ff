//! Named leases, the service's life, and what the store belongs to.

use deal_model::{Irreversible, WaitingEffect};
use jiff::SignedDuration;
use sync_engine::{Commit, Disposition, Store, StoreError};

use super::on_every_store;
use crate::ground::{at, claim_one, claimed_deal, ending, load};

on_every_store![
    a_lease_is_held_by_one_owner,
    a_renewed_lease_keeps_its_number,
    the_number_grows_when_a_lease_changes_hands,
    a_lease_that_was_given_back_is_free,
    a_lost_lease_is_not_given_back,
    a_store_belongs_to_one_org_and_one_tenant_for_ever,
    the_first_start_was_never_away,
    waiting_effects_are_put_off_by_the_time_away,
    a_clock_that_went_back_puts_nothing_off,
];

/// One process owns a file: whoever else held a lease is dead.
mod sqlite_alone {
    #[tokio::test]
    async fn a_start_ends_the_leases_of_dead_owners() {
        super::a_start_ends_the_leases_of_dead_owners(&crate::ground::Ground::new().open()).await;
    }
}

async fn a_lease_is_held_by_one_owner(store: &dyn Store) {
    store.lease("reader", "a", at(0), at(60)).await.unwrap().unwrap();
    assert_eq!(store.lease("reader", "b", at(59), at(99)).await.unwrap(), None);
}

async fn a_renewed_lease_keeps_its_number(store: &dyn Store) {
    let first = store.lease("reader", "a", at(0), at(60)).await.unwrap().unwrap();
    assert_eq!(store.lease("reader", "a", at(30), at(90)).await.unwrap(), Some(first));
    assert_eq!(store.lease("reader", "b", at(60), at(99)).await.unwrap(), None, "it was renewed");
}

async fn the_number_grows_when_a_lease_changes_hands(store: &dyn Store) {
    let first = store.lease("reader", "a", at(0), at(60)).await.unwrap().unwrap();
    let second = store.lease("reader", "b", at(60), at(90)).await.unwrap().unwrap();
    assert!(second.number > first.number, "{second:?} after {first:?}");
}

async fn a_lease_that_was_given_back_is_free(store: &dyn Store) {
    let first = store.lease("reader", "a", at(0), at(60)).await.unwrap().unwrap();
    store.end_lease(&first).await.unwrap();
    let second = store.lease("reader", "b", at(1), at(60)).await.unwrap().unwrap();
    assert!(second.number > first.number, "{second:?} after {first:?}");
}

async fn a_lost_lease_is_not_given_back(store: &dyn Store) {
    let first = store.lease("reader", "a", at(0), at(60)).await.unwrap().unwrap();
    store.lease("reader", "b", at(60), at(90)).await.unwrap().unwrap();
    let answer = store.end_lease(&first).await;
    assert!(matches!(answer, Err(StoreError::Fenced(_))), "{answer:?}");
    assert_eq!(store.lease("reader", "c", at(61), at(99)).await.unwrap(), None, "b holds it");
}

async fn a_store_belongs_to_one_org_and_one_tenant_for_ever(store: &dyn Store) {
    store.bind("00D1", "t1").await.unwrap();
    store.bind("00D1", "t1").await.unwrap();
    let org = store.bind("00D2", "t1").await;
    assert!(matches!(org, Err(StoreError::Foreign { kind: "Salesforce org", .. })), "{org:?}");
    let tenant = store.bind("00D1", "t2").await;
    assert!(matches!(tenant, Err(StoreError::Foreign { kind: "tenant", .. })), "{tenant:?}");
}

async fn the_first_start_was_never_away(store: &dyn Store) {
    assert_eq!(store.start("a", at(0)).await.unwrap(), SignedDuration::ZERO);
}

async fn waiting_deal(store: &dyn Store) -> deal_model::DealId {
    let (claim, mut deal) = claimed_deal(store, "006A").await;
    deal.waiting = vec![WaitingEffect {
        kind: Irreversible::Close,
        target: "won".to_owned(),
        since: at(10),
        not_before: at(600),
        withdrawn: false,
    }];
    let commit = Commit { deal: Some(deal.clone()), ..ending(&claim, Disposition::Done, 10) };
    store.commit(&commit).await.unwrap();
    deal.id
}

async fn waits_until(store: &dyn Store, deal: &deal_model::DealId) -> jiff::Timestamp {
    load(store, deal).await.waiting[0].not_before
}

async fn waiting_effects_are_put_off_by_the_time_away(store: &dyn Store) {
    let deal = waiting_deal(store).await;
    store.heartbeat(at(20)).await.unwrap();
    assert_eq!(store.start("b", at(120)).await.unwrap(), SignedDuration::from_secs(100));
    assert_eq!(waits_until(store, &deal).await, at(700));
    assert_eq!(store.start("c", at(120)).await.unwrap(), SignedDuration::ZERO, "counted once");
}

async fn a_clock_that_went_back_puts_nothing_off(store: &dyn Store) {
    let deal = waiting_deal(store).await;
    store.heartbeat(at(20)).await.unwrap();
    assert_eq!(store.start("b", at(5)).await.unwrap(), SignedDuration::ZERO);
    assert_eq!(waits_until(store, &deal).await, at(600));
}

async fn a_start_ends_the_leases_of_dead_owners(store: &dyn Store) {
    let (old, _) = claimed_deal(store, "006A").await;
    store.lease("reader", "dead", at(0), at(60)).await.unwrap().unwrap();
    store.start("alive", at(1)).await.unwrap();
    assert!(store.lease("reader", "alive", at(1), at(60)).await.unwrap().is_some());
    assert_eq!(claim_one(store, 1).await.subject, old.subject);
    let answer = store.commit(&ending(&old, Disposition::Done, 2)).await;
    assert!(matches!(answer, Err(StoreError::Fenced(_))), "{answer:?}");
}
