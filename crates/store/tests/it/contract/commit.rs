//! Write-ahead and commit: what is durable before sending, and what a pass leaves behind.

use deal_model::{Archived, Deal, DealId, Phase, Side, Version};
use ports::EffectKind;
use sync_engine::{
    AuditLine, Commit, Disposition, Intent, IntentOutcome, Prepared, Store, StoreError, Subject, WriteAhead,
};

use super::on_every_store;
use crate::ground::{
    ahead, at, claim_one, claimed_deal, ending, entry, load, mark, opportunity, put, referral,
};

on_every_store![
    write_ahead_keeps_archive_and_intents,
    a_write_ahead_under_a_lost_lease_writes_nothing,
    an_intent_is_open_until_its_outcome_is_committed,
    an_intent_is_written_down_once,
    a_failed_commit_leaves_nothing,
    a_deal_born_of_a_referral_takes_its_work_over,
    a_mark_during_a_birth_survives_it,
    a_second_link_to_one_record_is_refused,
    a_deal_that_was_not_claimed_is_not_written,
    a_relinked_deal_remembers_its_former_referral,
    history_and_propagation_come_newest_first,
    a_commit_teaches_the_index,
];

pub(crate) fn intent(id: &str, deal: &DealId) -> Intent {
    Intent {
        id: id.to_owned(),
        deal: deal.clone(),
        kind: EffectKind::Create,
        key: "external".to_owned(),
        made: at(1),
        send_before: at(30),
        server_date: Some(at(0)),
    }
}

fn archived(reason: &str) -> Archived {
    Archived {
        group: "notes".into(),
        side: Side::Crm,
        value: [("notes".into(), deal_model::Held::Value(deal_model::Value::Text("old".to_owned())))].into(),
        reason: reason.to_owned(),
        version: Version { stamp: at(0), tag: None },
    }
}

async fn write_ahead_keeps_archive_and_intents(store: &dyn Store) {
    let (claim, deal) = claimed_deal(store, "006A").await;
    let request = WriteAhead {
        archive: vec![archived("first"), archived("second")],
        intents: vec![intent("i1", &deal.id)],
        ..ahead(&claim, &deal.id, 1)
    };
    assert_eq!(store.write_ahead(&request).await.unwrap(), Prepared::Go);
    assert_eq!(store.open_intents(&deal.id).await.unwrap(), [intent("i1", &deal.id)]);
    let rows = store.archive(&deal.id, 1).await.unwrap();
    assert_eq!(
        rows,
        [sync_engine::ArchivedRow { id: 2, at: at(1), archived: archived("second"), erased: None }]
    );
}

async fn a_write_ahead_under_a_lost_lease_writes_nothing(store: &dyn Store) {
    let (old, deal) = claimed_deal(store, "006A").await;
    claim_one(store, 60).await;
    let request = WriteAhead { intents: vec![intent("i1", &deal.id)], ..ahead(&old, &deal.id, 61) };
    let answer = store.write_ahead(&request).await;
    assert!(matches!(answer, Err(StoreError::Fenced(_))), "{answer:?}");
    assert_eq!(store.open_intents(&deal.id).await.unwrap(), []);
}

async fn with_intent(store: &dyn Store) -> (sync_engine::Claim, Deal) {
    let (claim, deal) = claimed_deal(store, "006A").await;
    let request = WriteAhead { intents: vec![intent("i1", &deal.id)], ..ahead(&claim, &deal.id, 1) };
    store.write_ahead(&request).await.unwrap();
    (claim, deal)
}

async fn an_intent_is_open_until_its_outcome_is_committed(store: &dyn Store) {
    let (claim, deal) = with_intent(store).await;
    assert_eq!(store.counts(at(1)).await.unwrap().open_intents, 1);
    let outcome = vec![("i1".to_owned(), IntentOutcome::Done("r1".into()))];
    let commit = Commit { intents: outcome, ..ending(&claim, Disposition::Keep, 2) };
    store.commit(&commit).await.unwrap();
    assert_eq!(store.open_intents(&deal.id).await.unwrap(), []);
}

async fn an_intent_is_written_down_once(store: &dyn Store) {
    let (claim, deal) = with_intent(store).await;
    let request = WriteAhead { intents: vec![intent("i1", &deal.id)], ..ahead(&claim, &deal.id, 2) };
    let answer = store.write_ahead(&request).await;
    assert!(matches!(answer, Err(StoreError::Duplicate(_))), "{answer:?}");
}

async fn a_failed_commit_leaves_nothing(store: &dyn Store) {
    let (claim, mut deal) = claimed_deal(store, "006A").await;
    deal.links.portal = Some("r1".into());
    let commit = Commit {
        deal: Some(deal.clone()),
        audit: vec![line("created", None)],
        index: vec![entry("r1", 0)],
        // Fails last: nobody wrote this intent down.
        intents: vec![("unknown".to_owned(), IntentOutcome::NotDone)],
        ..ending(&claim, Disposition::Done, 1)
    };
    store.commit(&commit).await.unwrap_err();
    assert_eq!(load(store, &deal.id).await.links.portal, None);
    assert_eq!(store.history(&deal.id, 9).await.unwrap(), []);
    assert_eq!(store.referrals_in(&"e1".into()).await.unwrap(), []);
    assert_eq!(store.next_due().await.unwrap(), Some(claim.lease_until), "the row is still leased");
}

async fn a_deal_born_of_a_referral_takes_its_work_over(store: &dyn Store) {
    put(store, &[mark(referral("r1", true), 0)]).await;
    let claim = claim_one(store, 0).await;
    let deal = Deal::born("d1".into(), Side::Portal, "r1".into());
    let born = Commit { deal: Some(deal.clone()), ..ending(&claim, Disposition::Keep, 1) };
    store.commit(&born).await.unwrap();
    assert_eq!(store.deal_of(Side::Portal, &"r1".into()).await.unwrap(), Some("d1".into()));
    // The same claim goes on, now with the deal.
    let request = WriteAhead { intents: vec![intent("i1", &deal.id)], ..ahead(&claim, &deal.id, 2) };
    assert_eq!(store.write_ahead(&request).await.unwrap(), Prepared::Go);
    let again = Disposition::Again { at: at(30), hints: sync_engine::Hints::ALL, attempts: 1 };
    store.commit(&Commit { deal: Some(deal), ..ending(&claim, again, 3) }).await.unwrap();
    assert_eq!(claim_one(store, 30).await.subject, Subject::Deal("d1".into()));
}

async fn a_mark_during_a_birth_survives_it(store: &dyn Store) {
    put(store, &[mark(referral("r1", true), 0)]).await;
    let claim = claim_one(store, 0).await;
    put(store, &[mark(referral("r1", true), 1)]).await;
    let deal = Deal::born("d1".into(), Side::Portal, "r1".into());
    store.commit(&Commit { deal: Some(deal), ..ending(&claim, Disposition::Done, 2) }).await.unwrap();
    assert_eq!(claim_one(store, 2).await.subject, Subject::Deal("d1".into()));
}

async fn a_second_link_to_one_record_is_refused(store: &dyn Store) {
    claimed_deal(store, "006A").await;
    put(store, &[mark(referral("r1", true), 0)]).await;
    let claim = claim_one(store, 0).await;
    let mut deal = Deal::born("d1".into(), Side::Portal, "r1".into());
    deal.links.crm = Some("006A".into());
    let answer = store.commit(&Commit { deal: Some(deal), ..ending(&claim, Disposition::Done, 1) }).await;
    assert!(matches!(answer, Err(StoreError::Duplicate(_))), "{answer:?}");
    assert_eq!(store.deal_of(Side::Portal, &"r1".into()).await.unwrap(), None);
}

async fn a_deal_that_was_not_claimed_is_not_written(store: &dyn Store) {
    let (claim, _) = claimed_deal(store, "006A").await;
    let other = Deal::born("d9".into(), Side::Portal, "r9".into());
    let answer = store.commit(&Commit { deal: Some(other), ..ending(&claim, Disposition::Done, 1) }).await;
    assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
    assert_eq!(store.deals(&["d9".into()]).await.unwrap(), []);
}

async fn a_relinked_deal_remembers_its_former_referral(store: &dyn Store) {
    let (claim, mut deal) = claimed_deal(store, "006A").await;
    for portal in ["r1", "r2"] {
        assert!(!store.was_linked(&"r1".into()).await.unwrap());
        deal.links.portal = Some(portal.into());
        let commit = Commit { deal: Some(deal.clone()), ..ending(&claim, Disposition::Keep, 1) };
        store.commit(&commit).await.unwrap();
    }
    assert!(store.was_linked(&"r1".into()).await.unwrap());
    assert!(!store.was_linked(&"r2".into()).await.unwrap());
}

fn line(what: &str, took_ms: Option<i64>) -> AuditLine {
    AuditLine {
        at: at(1),
        what: what.to_owned(),
        side: took_ms.map(|_| Side::Portal),
        groups: vec!["notes".to_owned()],
        sentence: "Notes written.".to_owned(),
        took_ms,
        erased: None,
        mapping: "1".to_owned(),
    }
}

async fn history_and_propagation_come_newest_first(store: &dyn Store) {
    let (claim, mut deal) = claimed_deal(store, "006A").await;
    deal.phase = Phase::Paused;
    let lines = vec![line("created", Some(5)), line("paused", None), line("updated", Some(7))];
    let commit =
        Commit { deal: Some(deal.clone()), audit: lines.clone(), ..ending(&claim, Disposition::Done, 1) };
    store.commit(&commit).await.unwrap();
    assert_eq!(store.history(&deal.id, 2).await.unwrap(), [lines[2].clone(), lines[1].clone()]);
    assert_eq!(store.propagation(9).await.unwrap(), [7, 5]);
    put(store, &[mark(opportunity("006B", true), 0)]).await;
    assert_eq!(store.propagation(1).await.unwrap(), [7]);
}

async fn a_commit_teaches_the_index(store: &dyn Store) {
    let (claim, _) = claimed_deal(store, "006A").await;
    let commit = Commit { index: vec![entry("r1", 3)], ..ending(&claim, Disposition::Done, 1) };
    store.commit(&commit).await.unwrap();
    assert_eq!(store.referrals_in(&"e1".into()).await.unwrap(), [entry("r1", 3)]);
}
