//! Claims: due work only, leased, shared between the lanes, oldest first.

use deal_model::Side;
use sync_engine::{Disposition, Hints, Mark, Store, StoreError, WorkLane};

use super::on_every_store;
use crate::ground::{at, claim, claim_backlog, claim_one, claimed_deal, ending, mark, opportunity, put};

on_every_store![
    only_due_rows_are_claimed,
    a_leased_row_is_claimed_by_nobody_else,
    a_lease_that_ended_is_claimed_again_with_a_greater_number,
    within_a_lane_the_oldest_comes_first,
    the_now_lane_gets_four_fifths,
    either_lane_takes_what_the_other_leaves,
    claims_of_one_row_serve_the_background_lane_too,
    a_backlog_fills_a_larger_claim_and_what_is_urgent_goes_with_it,
    rows_that_wait_do_not_stand_before_rows_that_are_due,
    the_next_due_of_a_leased_row_is_the_end_of_its_lease,
    a_generation_that_was_not_claimed_survives,
    a_row_that_is_done_is_gone,
    a_row_looked_at_again_keeps_its_attempts_and_its_hearing,
    a_mark_during_a_pass_comes_before_the_next_look,
    a_kept_lease_goes_on,
    a_worker_that_lost_its_lease_commits_nothing,
    a_row_made_anew_does_not_honour_an_old_fence,
];

async fn only_due_rows_are_claimed(store: &dyn Store) {
    put(store, &[mark(opportunity("006A", true), 10)]).await;
    assert_eq!(claim(store, "worker", 9, 10).await, []);
    assert_eq!(claim(store, "worker", 10, 10).await.len(), 1);
}

async fn a_leased_row_is_claimed_by_nobody_else(store: &dyn Store) {
    claimed_deal(store, "006A").await;
    assert_eq!(claim(store, "other", 59, 10).await, []);
}

async fn a_lease_that_ended_is_claimed_again_with_a_greater_number(store: &dyn Store) {
    let (first, _) = claimed_deal(store, "006A").await;
    let again = claim_one(store, 60).await;
    assert_eq!(again.subject, first.subject);
    assert!(again.fence.number > first.fence.number, "{} > {}", again.fence.number, first.fence.number);
}

fn lane(id: usize, lane: WorkLane, heard: i64) -> Mark {
    let letter = if lane == WorkLane::Now { 'n' } else { 'b' };
    Mark { lane, ..mark(opportunity(&format!("{letter}{id}"), true), heard) }
}

async fn within_a_lane_the_oldest_comes_first(store: &dyn Store) {
    let marks = [lane(1, WorkLane::Now, 3), lane(2, WorkLane::Now, 1), lane(3, WorkLane::Now, 2)];
    put(store, &marks).await;
    let heard: Vec<_> = claim(store, "worker", 9, 2).await.into_iter().map(|claim| claim.heard).collect();
    assert_eq!(heard, [at(1), at(2)]);
}

async fn lanes(store: &dyn Store, most: usize) -> (usize, usize) {
    let claims = claim(store, "worker", 99, most).await;
    let now = claims.iter().filter(|claim| claim.lane == WorkLane::Now).count();
    (now, claims.len() - now)
}

async fn the_now_lane_gets_four_fifths(store: &dyn Store) {
    for id in 0..30 {
        put(store, &[lane(id, WorkLane::Now, 0), lane(id, WorkLane::Background, 0)]).await;
    }
    assert_eq!(lanes(store, 10).await, (8, 2));
    assert_eq!(lanes(store, 10).await, (8, 2));
}

async fn either_lane_takes_what_the_other_leaves(store: &dyn Store) {
    for id in 0..10 {
        put(store, &[lane(id, WorkLane::Background, 0)]).await;
    }
    put(store, &[lane(0, WorkLane::Now, 0)]).await;
    assert_eq!(lanes(store, 5).await, (1, 4));
    for id in 10..20 {
        put(store, &[lane(id, WorkLane::Now, 0)]).await;
    }
    assert_eq!(lanes(store, 100).await, (10, 6));
}

async fn claims_of_one_row_serve_the_background_lane_too(store: &dyn Store) {
    for id in 0..20 {
        put(store, &[lane(id, WorkLane::Now, 0), lane(id, WorkLane::Background, 0)]).await;
    }
    let mut background = 0;
    for _ in 0..10 {
        background += lanes(store, 1).await.1;
    }
    assert_eq!(background, 2, "one in five");
}

async fn a_backlog_fills_a_larger_claim_and_what_is_urgent_goes_with_it(store: &dyn Store) {
    for id in 0..30 {
        put(store, &[lane(id, WorkLane::Background, 0)]).await;
    }
    assert_eq!(claim_backlog(store, "worker", 9, 4, 10).await.len(), 10);
    for id in 0..9 {
        put(store, &[lane(id, WorkLane::Now, 9)]).await;
    }
    let claims = claim_backlog(store, "worker", 9, 5, 10).await;
    let now = claims.iter().filter(|claim| claim.lane == WorkLane::Now).count();
    assert_eq!((now, claims.len()), (4, 10));
    assert_eq!(claim_backlog(store, "worker", 9, 5, 0).await.len(), 5, "never fewer than an ordinary claim");
}

async fn rows_that_wait_do_not_stand_before_rows_that_are_due(store: &dyn Store) {
    let waits = Mark { due: at(500), ..lane(1, WorkLane::Now, 0) };
    put(store, &[waits, lane(2, WorkLane::Now, 5)]).await;
    assert_eq!(claim(store, "worker", 10, 1).await[0].heard, at(5));
}

async fn the_next_due_of_a_leased_row_is_the_end_of_its_lease(store: &dyn Store) {
    let (claim, _) = claimed_deal(store, "006A").await;
    assert_eq!(store.next_due().await.unwrap(), Some(claim.lease_until));
    put(store, &[mark(opportunity("006B", true), 7)]).await;
    assert_eq!(store.next_due().await.unwrap(), Some(at(7)));
}

async fn a_generation_that_was_not_claimed_survives(store: &dyn Store) {
    let (claim, deal) = claimed_deal(store, "006A").await;
    put(store, &[mark(sync_engine::Target::Deal(deal.id), 30)]).await;
    store.commit(&ending(&claim, Disposition::Done, 31)).await.unwrap();
    let again = claim_one(store, 31).await;
    assert!(again.generation > claim.generation);
    assert_eq!(again.heard, at(30), "what was heard before is done with");
}

async fn a_row_that_is_done_is_gone(store: &dyn Store) {
    let (claim, _) = claimed_deal(store, "006A").await;
    store.commit(&ending(&claim, Disposition::Done, 1)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
}

fn again(second: i64, attempts: u32) -> Disposition {
    Disposition::Again { at: at(second), hints: Hints::of(Side::Crm), attempts }
}

async fn a_row_looked_at_again_keeps_its_attempts_and_its_hearing(store: &dyn Store) {
    let (claim, _) = claimed_deal(store, "006A").await;
    store.commit(&ending(&claim, again(40, 3), 1)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(at(40)));
    let next = claim_one(store, 40).await;
    assert_eq!((next.attempts, next.hints, next.heard), (3, Hints::of(Side::Crm), claim.heard));
}

async fn a_mark_during_a_pass_comes_before_the_next_look(store: &dyn Store) {
    let (claim, deal) = claimed_deal(store, "006A").await;
    put(store, &[mark(sync_engine::Target::Deal(deal.id), 20)]).await;
    store.commit(&ending(&claim, again(40, 1), 10)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(at(20)));
    let next = claim_one(store, 20).await;
    assert_eq!((next.hints, next.heard), (Hints::ALL, claim.heard), "the first change is still under way");
}

async fn a_kept_lease_goes_on(store: &dyn Store) {
    let (first, _) = claimed_deal(store, "006A").await;
    store.commit(&ending(&first, Disposition::Keep, 1)).await.unwrap();
    assert_eq!(claim(store, "other", 2, 10).await, []);
    store.commit(&ending(&first, Disposition::Done, 3)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
}

async fn a_worker_that_lost_its_lease_commits_nothing(store: &dyn Store) {
    let (old, mut deal) = claimed_deal(store, "006A").await;
    claim_one(store, 60).await;
    deal.links.portal = Some("r1".into());
    let late = sync_engine::Commit { deal: Some(deal), ..ending(&old, Disposition::Done, 61) };
    let answer = store.commit(&late).await;
    assert!(matches!(answer, Err(StoreError::Fenced(_))), "{answer:?}");
    assert_eq!(store.deal_of(Side::Portal, &"r1".into()).await.unwrap(), None);
    assert_eq!(store.next_due().await.unwrap(), Some(at(120)), "the new lease stands");
}

async fn a_row_made_anew_does_not_honour_an_old_fence(store: &dyn Store) {
    let (old, deal) = claimed_deal(store, "006A").await;
    let second = claim_one(store, 60).await;
    store.commit(&ending(&second, Disposition::Done, 61)).await.unwrap();
    put(store, &[mark(sync_engine::Target::Deal(deal.id), 62)]).await;
    claim_one(store, 62).await;
    let answer = store.commit(&ending(&old, Disposition::Done, 63)).await;
    assert!(matches!(answer, Err(StoreError::Fenced(_))), "{answer:?}");
}
