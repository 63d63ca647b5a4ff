//! Marks are durable, coalesced per deal, and committed with their cursor.

use deal_model::Side;
use sync_engine::{
    Awaited, Cursor, Disposition, Hints, IndexEntry, Mark, Store, StoreError, Subject, Target, WorkLane,
};

use super::on_every_store;
use crate::ground::{at, claim, claim_one, claimed_deal, ending, entry, mark, opportunity, put, referral};

on_every_store![
    an_opted_in_opportunity_begets_a_deal,
    an_opportunity_seen_before_its_birth_is_committed_is_its_referrals,
    a_mark_without_deal_and_birth_leaves_no_trace,
    a_mark_of_an_unknown_deal_leaves_no_trace,
    marks_of_one_deal_add_up_to_one_row,
    what_a_read_has_to_show_is_known_to_whoever_claims_the_work,
    a_companions_referral_marks_its_deal_with_the_companion_hint,
    an_engagement_finds_the_deal_of_an_unknown_companion,
    the_index_finds_the_engagement_that_an_event_did_not_name,
    a_second_referral_of_our_own_in_an_engagement_is_no_companion,
    a_referral_without_a_deal_is_work_of_its_own,
    a_cursor_moves_together_with_its_marks,
    a_reader_that_lost_its_lease_moves_nothing,
    the_index_keeps_the_newest_entry,
];

async fn an_opted_in_opportunity_begets_a_deal(store: &dyn Store) {
    assert_eq!(put(store, &[mark(opportunity("006A", true), 5)]).await, 1);
    let id = store.deal_of(Side::Crm, &"006A".into()).await.unwrap().expect("a deal was begotten");
    let deal = crate::ground::load(store, &id).await;
    assert_eq!((deal.born, deal.links.crm), (Side::Crm, Some("006A".into())));
    assert_eq!(claim_one(store, 5).await.subject, Subject::Deal(id));
}

async fn an_opportunity_seen_before_its_birth_is_committed_is_its_referrals(store: &dyn Store) {
    let (claim, _) = claimed_stranger(store, "ref-1").await;
    let claims = |id: &str| Target::Opportunity { id: id.into(), birth: true, claims: Some("ref-1".into()) };
    put(store, &[mark(claims("006A"), 5)]).await;
    assert_eq!(store.deal_of(Side::Crm, &"006A".into()).await.unwrap(), None, "no second deal was begotten");
    let deal = store.deal_of(Side::Portal, &"ref-1".into()).await.unwrap().expect("the referral's own deal");
    let mut linked = crate::ground::load(store, &deal).await;
    linked.links.crm = Some("006A".into());
    let done = sync_engine::Commit { deal: Some(linked), ..ending(&claim, Disposition::Done, 6) };
    store.commit(&done).await.unwrap();
    // Once it is linked, another opportunity with its identifier is a copy, and a deal with a problem of its own.
    put(store, &[mark(claims("006B"), 7)]).await;
    assert_ne!(store.deal_of(Side::Crm, &"006B".into()).await.unwrap(), Some(deal));
}

/// A referral that was work of its own and became a deal, with its claim still held.
async fn claimed_stranger(store: &dyn Store, referral_id: &str) -> (sync_engine::Claim, deal_model::Deal) {
    put(store, &[mark(referral(referral_id, true), 1)]).await;
    let claim = claim_one(store, 1).await;
    let deal = deal_model::Deal::born("deal-1".into(), Side::Portal, referral_id.into());
    let kept = sync_engine::Commit { deal: Some(deal.clone()), ..ending(&claim, Disposition::Keep, 2) };
    store.commit(&kept).await.unwrap();
    (claim, deal)
}

async fn a_mark_without_deal_and_birth_leaves_no_trace(store: &dyn Store) {
    let marks = [mark(opportunity("006A", false), 0), mark(referral("r1", false), 0)];
    assert_eq!(put(store, &marks).await, 0);
    assert_eq!(store.counts(at(9)).await.unwrap(), sync_engine::Counts::default());
    assert_eq!(store.next_due().await.unwrap(), None);
}

async fn a_mark_of_an_unknown_deal_leaves_no_trace(store: &dyn Store) {
    assert_eq!(put(store, &[mark(Target::Deal("nobody".into()), 0)]).await, 0);
    assert_eq!(store.next_due().await.unwrap(), None);
}

async fn marks_of_one_deal_add_up_to_one_row(store: &dyn Store) {
    let slow = Mark {
        target: opportunity("006A", true),
        hints: Hints::of(Side::Crm),
        lane: WorkLane::Background,
        due: at(50),
        heard: at(10),
        awaits: Awaited::default(),
    };
    let urgent = Mark {
        hints: Hints::of(Side::Portal),
        lane: WorkLane::Now,
        due: at(20),
        heard: at(12),
        ..slow.clone()
    };
    assert_eq!(put(store, &[slow, urgent]).await, 2);
    assert_eq!(store.next_due().await.unwrap(), Some(at(20)), "the earliest due counts");
    let claim = claim_one(store, 20).await;
    assert_eq!(claim.hints, Hints { crm: true, portal: true, companion: false });
    assert_eq!((claim.lane, claim.heard), (WorkLane::Now, at(10)));
}

async fn what_a_read_has_to_show_is_known_to_whoever_claims_the_work(store: &dyn Store) {
    let told = |awaits, second| Mark { awaits, ..mark(opportunity("006A", true), second) };
    let save = |stamp, until| Awaited { stamp: Some(at(stamp)), until: Some(at(until)), again: None };
    let row = Awaited { again: Some(at(5)), ..Awaited::default() };
    // Of each part the later, in one page and over pages, whatever the order; and what awaits nothing takes nothing away.
    put(store, &[told(save(3, 17), 2), told(row, 2), told(save(1, 16), 1)]).await;
    put(store, &[told(Awaited::default(), 3)]).await;
    let all = Awaited { again: row.again, ..save(3, 17) };
    let first = claim_one(store, 3).await;
    assert_eq!(first.awaits, all);
    let again = Disposition::Again { at: at(4), hints: Hints::of(Side::Crm), attempts: 0 };
    store.commit(&ending(&first, again, 4)).await.unwrap();
    let others = claim(store, "another", 4, 1).await;
    assert_eq!(others[0].awaits, all, "another worker knows it too");
    put(store, &[told(save(6, 21), 6)]).await;
    store.commit(&ending(&others[0], Disposition::Done, 7)).await.unwrap();
    let third = claim_one(store, 7).await;
    assert_eq!(third.awaits, Awaited { again: row.again, ..save(6, 21) }, "told while it was worked on");
    store.commit(&ending(&third, Disposition::Done, 8)).await.unwrap();
    put(store, &[told(Awaited::default(), 9)]).await;
    assert_eq!(claim_one(store, 9).await.awaits, Awaited::default(), "it ends with the work");
}

async fn a_companions_referral_marks_its_deal_with_the_companion_hint(store: &dyn Store) {
    let (claim, mut deal) = claimed_deal(store, "006A").await;
    deal.links.companion = Some("ms1".into());
    let done = sync_engine::Commit { deal: Some(deal.clone()), ..ending(&claim, Disposition::Done, 1) };
    store.commit(&done).await.unwrap();
    let event = Mark { hints: Hints::of(Side::Portal), ..mark(referral("ms1", true), 2) };
    assert_eq!(put(store, &[event]).await, 1);
    let claim = claim_one(store, 2).await;
    assert_eq!(claim.subject, Subject::Deal(deal.id));
    assert_eq!(claim.hints, Hints { crm: false, portal: false, companion: true });
}

async fn linked_by_engagement(store: &dyn Store) -> deal_model::DealId {
    let (claim, mut deal) = claimed_deal(store, "006A").await;
    deal.links.engagement = Some("e1".into());
    let done = sync_engine::Commit { deal: Some(deal.clone()), ..ending(&claim, Disposition::Done, 1) };
    store.commit(&done).await.unwrap();
    deal.id
}

async fn an_engagement_finds_the_deal_of_an_unknown_companion(store: &dyn Store) {
    let deal = linked_by_engagement(store).await;
    let target = Target::Referral { id: "ms1".into(), engagement: Some("e1".into()), birth: false };
    assert_eq!(put(store, &[mark(target, 2)]).await, 1);
    assert_eq!(claim_one(store, 2).await.subject, Subject::Deal(deal));
}

async fn the_index_finds_the_engagement_that_an_event_did_not_name(store: &dyn Store) {
    let deal = linked_by_engagement(store).await;
    let theirs = IndexEntry { ours: false, companion: true, ..entry("ms1", 1) };
    let traces = store.mark(&[mark(referral("ms1", false), 2)], &[theirs], &[], None).await.unwrap();
    assert_eq!(traces, 1);
    assert_eq!(claim_one(store, 2).await.subject, Subject::Deal(deal));
}

async fn a_second_referral_of_our_own_in_an_engagement_is_no_companion(store: &dyn Store) {
    linked_by_engagement(store).await;
    store.mark(&[mark(referral("r2", true), 2)], &[entry("r2", 1)], &[], None).await.unwrap();
    assert_eq!(claim_one(store, 2).await.subject, Subject::Referral("r2".into()));
}

async fn a_referral_without_a_deal_is_work_of_its_own(store: &dyn Store) {
    assert_eq!(put(store, &[mark(referral("r1", true), 0), mark(referral("r1", true), 1)]).await, 2);
    assert_eq!(claim_one(store, 1).await.subject, Subject::Referral("r1".into()));
}

fn cursor(position: &str) -> [Cursor; 1] {
    [Cursor { source: "crm.opportunity".to_owned(), position: position.to_owned() }]
}

async fn a_cursor_moves_together_with_its_marks(store: &dyn Store) {
    assert_eq!(store.cursor("crm.opportunity").await.unwrap(), None);
    let fence = store.lease("reader", "a", at(0), at(60)).await.unwrap().unwrap();
    let marks = [mark(opportunity("006A", true), 0)];
    store.mark(&marks, &[], &cursor("page 2"), Some(&fence)).await.unwrap();
    assert_eq!(store.cursor("crm.opportunity").await.unwrap().as_deref(), Some("page 2"));
    assert_eq!(claim(store, "worker", 0, 10).await.len(), 1);
}

async fn a_reader_that_lost_its_lease_moves_nothing(store: &dyn Store) {
    let old = store.lease("reader", "a", at(0), at(60)).await.unwrap().unwrap();
    store.lease("reader", "b", at(61), at(120)).await.unwrap().expect("the lease had ended");
    let marks = [mark(opportunity("006A", true), 0)];
    let answer = store.mark(&marks, &[entry("r1", 0)], &cursor("page 2"), Some(&old)).await;
    assert!(matches!(answer, Err(StoreError::Fenced(_))), "{answer:?}");
    assert_eq!(store.cursor("crm.opportunity").await.unwrap(), None);
    assert_eq!(store.deal_of(Side::Crm, &"006A".into()).await.unwrap(), None);
    assert_eq!(store.referrals_in(&"e1".into()).await.unwrap(), []);
}

async fn the_index_keeps_the_newest_entry(store: &dyn Store) {
    let newer = IndexEntry { open: false, ..entry("r1", 20) };
    store.mark(&[], &[newer.clone(), entry("r1", 10)], &[], None).await.unwrap();
    assert_eq!(store.referrals_in(&"e1".into()).await.unwrap(), [newer]);
}
