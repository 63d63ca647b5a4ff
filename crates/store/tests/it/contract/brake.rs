//! The brake: so many of one kind may leave within its time; then the kind is held until a person releases it.

use deal_model::DealId;
use sync_engine::{Claim, Prepared, Store, WriteAhead};

use super::on_every_store;
use crate::ground::{ahead, at, claim, claimed_deal};

on_every_store![
    the_brake_lets_its_number_pass_and_holds_the_next,
    while_a_brake_holds_nothing_of_its_kind_leaves,
    a_hold_lists_the_deals_it_stopped,
    other_kinds_go_on,
    what_left_long_ago_does_not_count,
    a_repeated_attempt_of_one_deal_is_no_second_effect,
    a_braked_write_ahead_writes_nothing_down,
    a_release_ends_the_hold_counts_anew_and_marks_its_deals,
    nothing_is_released_that_does_not_hold,
];

async fn closes(store: &dyn Store, claimed: &(Claim, DealId), second: i64) -> Prepared {
    let request = WriteAhead { braked: vec!["close".to_owned()], ..ahead(&claimed.0, &claimed.1, second) };
    store.write_ahead(&request).await.unwrap()
}

/// Claimed deals, as many as `count`, each under its own lease.
async fn deals(store: &dyn Store, count: usize) -> Vec<(Claim, DealId)> {
    let mut deals = Vec::new();
    for number in 0..count {
        let (claim, deal) = claimed_deal(store, &format!("006{number}")).await;
        deals.push((claim, deal.id));
    }
    deals
}

fn braked() -> Prepared {
    Prepared::Braked("close".to_owned())
}

/// Five claimed deals; the fourth's close was braked.
async fn held(store: &dyn Store) -> Vec<(Claim, DealId)> {
    let deals = deals(store, 5).await;
    for deal in &deals[..3] {
        assert_eq!(closes(store, deal, 10).await, Prepared::Go);
    }
    assert_eq!(closes(store, &deals[3], 11).await, braked());
    deals
}

async fn the_brake_lets_its_number_pass_and_holds_the_next(store: &dyn Store) {
    held(store).await;
    let brakes = store.brakes().await.unwrap();
    assert_eq!(brakes.len(), 1);
    assert_eq!((brakes[0].kind.as_str(), brakes[0].since), ("close", at(11)));
}

async fn while_a_brake_holds_nothing_of_its_kind_leaves(store: &dyn Store) {
    let deals = held(store).await;
    assert_eq!(closes(store, &deals[4], 9_999).await, braked(), "time alone releases nothing");
    assert_eq!(closes(store, &deals[0], 9_999).await, braked());
}

async fn a_hold_lists_the_deals_it_stopped(store: &dyn Store) {
    let deals = held(store).await;
    closes(store, &deals[4], 12).await;
    closes(store, &deals[4], 13).await;
    let mut expected = [deals[3].1.clone(), deals[4].1.clone()];
    expected.sort();
    assert_eq!(store.brakes().await.unwrap()[0].deals, expected);
}

async fn other_kinds_go_on(store: &dyn Store) {
    let deals = held(store).await;
    let request = WriteAhead { braked: vec!["accept".to_owned()], ..ahead(&deals[4].0, &deals[4].1, 12) };
    assert_eq!(store.write_ahead(&request).await.unwrap(), Prepared::Go);
}

async fn what_left_long_ago_does_not_count(store: &dyn Store) {
    let deals = deals(store, 4).await;
    for deal in &deals[..3] {
        closes(store, deal, 10).await;
    }
    assert_eq!(closes(store, &deals[3], 610).await, Prepared::Go);
}

async fn a_repeated_attempt_of_one_deal_is_no_second_effect(store: &dyn Store) {
    let deals = deals(store, 1).await;
    for second in 0..30 {
        assert_eq!(closes(store, &deals[0], second).await, Prepared::Go);
    }
}

async fn a_braked_write_ahead_writes_nothing_down(store: &dyn Store) {
    let deals = held(store).await;
    let (claim, deal) = &deals[4];
    let intent = super::commit::intent("i1", deal);
    let request =
        WriteAhead { braked: vec!["close".to_owned()], intents: vec![intent], ..ahead(claim, deal, 12) };
    assert_eq!(store.write_ahead(&request).await.unwrap(), braked());
    assert_eq!(store.open_intents(deal).await.unwrap(), []);
}

async fn a_release_ends_the_hold_counts_anew_and_marks_its_deals(store: &dyn Store) {
    let deals = held(store).await;
    let (stopped, id) = &deals[3];
    store.commit(&crate::ground::ending(stopped, sync_engine::Disposition::Done, 12)).await.unwrap();
    assert!(store.release_brake("close", "Ada", at(20)).await.unwrap());
    assert_eq!(store.brakes().await.unwrap(), []);
    let marked = claim(store, "worker", 20, 10).await;
    assert_eq!(
        marked.iter().map(|claim| &claim.subject).collect::<Vec<_>>(),
        [&sync_engine::Subject::Deal(id.clone())]
    );
    assert_eq!(closes(store, &(marked[0].clone(), id.clone()), 21).await, Prepared::Go);
}

async fn nothing_is_released_that_does_not_hold(store: &dyn Store) {
    assert!(!store.release_brake("close", "Ada", at(0)).await.unwrap());
}
