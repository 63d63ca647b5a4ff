//! What is paused is not begun and does not age, and who paused and resumed it is kept.

use deal_model::{Irreversible, WaitingEffect};
use sync_engine::{
    Commit, Cursor, Disposition, Flow, MOST_PAUSES, PauseScope, PauseWish, Prepared, Store, StoreError,
    Subject, WriteAhead,
};

use super::on_every_store;
use crate::ground::{
    ahead, at, claim, claim_one, claimed_deal, ending, load, mark, opportunity, put, referral,
};

on_every_store![
    a_pause_is_kept_with_who_when_and_why_and_so_is_its_end,
    while_everything_is_paused_nothing_is_claimed_and_marks_are_kept,
    a_paused_deal_is_claimed_but_nothing_that_cannot_be_taken_back_leaves,
    what_was_planned_before_its_flow_was_paused_does_not_leave_if_it_cannot_be_taken_back,
    pausing_and_resuming_a_deal_stand_in_its_history_and_mark_it,
    what_waits_is_put_off_by_the_time_of_a_pause_and_overlapping_ones_count_once,
    what_was_put_off_while_a_pass_had_the_deal_stays_put_off,
    time_away_in_a_pause_counts_once,
    a_flow_and_everything_move_the_cursor_when_they_are_resumed,
    a_deal_that_is_not_there_cannot_be_paused_and_pauses_are_bounded,
    work_on_referrals_that_failed_is_due_when_a_person_asks,
];

fn wish(scope: PauseScope, second: i64) -> PauseWish {
    PauseWish {
        scope,
        by: "ann".to_owned(),
        why: Some("quarter's end".to_owned()),
        mapping: "1".to_owned(),
        now: at(second),
    }
}

fn then() -> Cursor {
    Cursor { source: "rules".to_owned(), position: "again".to_owned() }
}

async fn pause(store: &dyn Store, scope: PauseScope, second: i64) {
    assert_eq!(store.pause(&wish(scope, second)).await.unwrap(), None);
}

async fn resume(store: &dyn Store, scope: PauseScope, second: i64) {
    store.resume(&wish(scope, second), &then()).await.unwrap().expect("it was paused");
}

async fn a_pause_is_kept_with_who_when_and_why_and_so_is_its_end(store: &dyn Store) {
    let scope = PauseScope::Flow(Flow::UpdateReferrals);
    assert_eq!(store.resume(&wish(scope.clone(), 1), &then()).await.unwrap(), None);
    pause(store, scope.clone(), 5).await;
    let open = store.pauses().await.unwrap();
    assert_eq!((open.len(), open[0].since, open[0].by.as_str()), (1, at(5), "ann"));
    assert_eq!(open[0].why.as_deref(), Some("quarter's end"));
    let again = store.pause(&wish(scope.clone(), 9)).await.unwrap();
    assert_eq!(again.as_ref(), open.first(), "what is paused stays as it was");
    assert_eq!(store.resume(&wish(scope.clone(), 20), &then()).await.unwrap().as_ref(), open.first());
    assert_eq!(store.pauses().await.unwrap(), []);
    pause(store, scope, 30).await;
    let past = store.pause_history(10).await.unwrap();
    assert_eq!(past.len(), 2);
    assert_eq!((past[0].since, past[0].resumed.is_none()), (at(30), true));
    assert_eq!(past[1].resumed.as_ref().map(|end| (end.at, end.by.as_str())), Some((at(20), "ann")));
    assert_eq!(store.pause_history(1).await.unwrap().len(), 1);
}

async fn while_everything_is_paused_nothing_is_claimed_and_marks_are_kept(store: &dyn Store) {
    put(store, &[mark(opportunity("006A", true), 0)]).await;
    pause(store, PauseScope::All, 1).await;
    put(store, &[mark(opportunity("006B", true), 2)]).await;
    assert_eq!(claim(store, "worker", 10, 100).await, []);
    assert_eq!(store.next_due().await.unwrap(), None);
    resume(store, PauseScope::All, 20).await;
    assert!(store.next_due().await.unwrap().is_some());
    assert_eq!(claim(store, "worker", 21, 100).await.len(), 2);
}

async fn a_paused_deal_is_claimed_but_nothing_that_cannot_be_taken_back_leaves(store: &dyn Store) {
    let (claimed, deal) = claimed_deal(store, "006A").await;
    let closing = || {
        let mut ahead = ahead(&claimed, &deal.id, 1);
        ahead.braked = vec!["close".to_owned()];
        ahead
    };
    assert_eq!(store.write_ahead(&closing()).await.unwrap(), Prepared::Go);
    pause(store, PauseScope::All, 2).await;
    assert_eq!(store.write_ahead(&closing()).await.unwrap(), Prepared::Changed);
    let reversible = ahead(&claimed, &deal.id, 3);
    assert_eq!(store.write_ahead(&reversible).await.unwrap(), Prepared::Go, "it is of a pass under way");
    resume(store, PauseScope::All, 4).await;
    assert_eq!(store.write_ahead(&closing()).await.unwrap(), Prepared::Go);
    pause(store, PauseScope::Flow(Flow::Solutions), 5).await;
    assert_eq!(store.write_ahead(&closing()).await.unwrap(), Prepared::Go, "a flow is no deal");
    pause(store, PauseScope::Deal(deal.id.clone()), 6).await;
    assert_eq!(store.write_ahead(&closing()).await.unwrap(), Prepared::Changed);
    store.commit(&ending(&claimed, Disposition::Done, 7)).await.unwrap();
    assert_eq!(claim_one(store, 8).await.subject, Subject::Deal(deal.id), "its seller is to be told");
}

async fn what_was_planned_before_its_flow_was_paused_does_not_leave_if_it_cannot_be_taken_back(
    store: &dyn Store,
) {
    let (claimed, deal) = claimed_deal(store, "006A").await;
    let with = |flows: &[Flow], braked: &[&str], second| WriteAhead {
        flows: flows.to_vec(),
        braked: braked.iter().map(|kind| (*kind).to_owned()).collect(),
        ..ahead(&claimed, &deal.id, second)
    };
    let both = [Flow::UpdateReferrals, Flow::CreateReferrals];
    pause(store, PauseScope::Flow(Flow::CreateReferrals), 1).await;
    assert_eq!(store.write_ahead(&with(&both, &["create"], 2)).await.unwrap(), Prepared::Changed);
    assert_eq!(
        store.write_ahead(&with(&both[..1], &["close"], 3)).await.unwrap(),
        Prepared::Go,
        "planned without it"
    );
    assert_eq!(store.write_ahead(&with(&both, &[], 4)).await.unwrap(), Prepared::Go, "it can be taken back");
    resume(store, PauseScope::Flow(Flow::CreateReferrals), 5).await;
    assert_eq!(store.write_ahead(&with(&both, &["create"], 6)).await.unwrap(), Prepared::Go);
}

async fn pausing_and_resuming_a_deal_stand_in_its_history_and_mark_it(store: &dyn Store) {
    let (claimed, deal) = claimed_deal(store, "006A").await;
    store.commit(&ending(&claimed, Disposition::Done, 1)).await.unwrap();
    let scope = PauseScope::Deal(deal.id.clone());
    for (second, pausing) in [(10, true), (20, false)] {
        if pausing {
            pause(store, scope.clone(), second).await;
        } else {
            resume(store, scope.clone(), second).await;
        }
        let claimed = claim_one(store, second).await;
        assert!(claimed.hints.crm && claimed.hints.portal, "everything is read");
        store.commit(&ending(&claimed, Disposition::Done, second)).await.unwrap();
    }
    let lines = store.history(&deal.id, 10).await.unwrap();
    let said: Vec<_> =
        lines.iter().map(|line| (line.what.as_str(), line.sentence.as_str(), line.at)).collect();
    assert_eq!(
        said,
        [
            ("resumed", "ann resumed the deal: quarter's end.", at(20)),
            ("paused", "ann paused the deal: quarter's end.", at(10)),
        ]
    );
}

/// A deal with a close that waits until second 600.
async fn waiting_deal(store: &dyn Store, crm: &str) -> deal_model::DealId {
    let (claimed, mut deal) = claimed_deal(store, crm).await;
    deal.waiting.push(WaitingEffect {
        kind: Irreversible::Close,
        target: "won".to_owned(),
        since: at(0),
        not_before: at(600),
        withdrawn: false,
    });
    let id = deal.id.clone();
    let commit = sync_engine::Commit { deal: Some(deal), ..ending(&claimed, Disposition::Done, 0) };
    store.commit(&commit).await.unwrap();
    id
}

async fn leaves_at(store: &dyn Store, deal: &deal_model::DealId) -> i64 {
    load(store, deal).await.waiting[0].not_before.duration_since(at(0)).as_secs()
}

async fn what_waits_is_put_off_by_the_time_of_a_pause_and_overlapping_ones_count_once(store: &dyn Store) {
    let (one, other) = (waiting_deal(store, "006A").await, waiting_deal(store, "006B").await);
    pause(store, PauseScope::Deal(one.clone()), 100).await;
    pause(store, PauseScope::All, 150).await;
    resume(store, PauseScope::Deal(one.clone()), 200).await;
    resume(store, PauseScope::All, 250).await;
    assert_eq!(leaves_at(store, &one).await, 600 + 150, "from 100 to 250");
    assert_eq!(leaves_at(store, &other).await, 600 + 100, "from 150 to 250");
    pause(store, PauseScope::All, 300).await;
    pause(store, PauseScope::Deal(one.clone()), 310).await;
    resume(store, PauseScope::All, 320).await;
    resume(store, PauseScope::Deal(one.clone()), 330).await;
    pause(store, PauseScope::Flow(Flow::Solutions), 340).await;
    resume(store, PauseScope::Flow(Flow::Solutions), 350).await;
    assert_eq!(leaves_at(store, &one).await, 750 + 30);
    assert_eq!(leaves_at(store, &other).await, 700 + 20);
}

async fn what_was_put_off_while_a_pass_had_the_deal_stays_put_off(store: &dyn Store) {
    let id = waiting_deal(store, "006A").await;
    pause(store, PauseScope::Deal(id.clone()), 100).await;
    let claimed = claim_one(store, 100).await;
    let read = load(store, &id).await;
    resume(store, PauseScope::Deal(id.clone()), 200).await;
    let ending = |claimed, deal, second| Commit {
        deal: Some(deal),
        ..crate::ground::ending(&claimed, Disposition::Done, second)
    };
    store.commit(&ending(claimed, read.clone(), 201)).await.unwrap();
    assert_eq!(leaves_at(store, &id).await, 600 + 100, "the pass knew nothing of it");
    // Another wish has a grace of its own, sooner or later.
    let mut other = read;
    other.waiting[0] =
        WaitingEffect { target: "lost".to_owned(), not_before: at(400), ..other.waiting[0].clone() };
    store.commit(&ending(claim_one(store, 202).await, other, 203)).await.unwrap();
    assert_eq!(leaves_at(store, &id).await, 400);
}

async fn time_away_in_a_pause_counts_once(store: &dyn Store) {
    store.start("worker", at(0)).await.unwrap();
    let (one, other) = (waiting_deal(store, "006A").await, waiting_deal(store, "006B").await);
    store.heartbeat(at(100)).await.unwrap();
    // Away from 100 to 200; one is paused from 150 on.
    pause(store, PauseScope::Deal(one.clone()), 150).await;
    store.start("worker", at(200)).await.unwrap();
    assert_eq!(leaves_at(store, &other).await, 700);
    resume(store, PauseScope::Deal(one.clone()), 250).await;
    assert_eq!(leaves_at(store, &one).await, 600 + 150, "from 100 to 250");
    // Paused and resumed while the service was away from 300 to 400.
    store.heartbeat(at(300)).await.unwrap();
    pause(store, PauseScope::All, 320).await;
    resume(store, PauseScope::All, 340).await;
    store.start("worker", at(400)).await.unwrap();
    assert_eq!(leaves_at(store, &one).await, 750 + 100);
    assert_eq!(leaves_at(store, &other).await, 700 + 100);
}

async fn a_flow_and_everything_move_the_cursor_when_they_are_resumed(store: &dyn Store) {
    let (_, deal) = claimed_deal(store, "006A").await;
    pause(store, PauseScope::Deal(deal.id.clone()), 1).await;
    resume(store, PauseScope::Deal(deal.id), 2).await;
    assert_eq!(store.cursor("rules").await.unwrap(), None, "the deal itself was marked");
    for scope in [PauseScope::All, PauseScope::Flow(Flow::CreateReferrals)] {
        store.ask(&[Cursor { source: "rules".to_owned(), position: "known".to_owned() }]).await.unwrap();
        pause(store, scope.clone(), 3).await;
        assert_eq!(store.cursor("rules").await.unwrap().as_deref(), Some("known"));
        resume(store, scope, 4).await;
        assert_eq!(store.cursor("rules").await.unwrap().as_deref(), Some("again"));
    }
}

async fn a_deal_that_is_not_there_cannot_be_paused_and_pauses_are_bounded(store: &dyn Store) {
    let refused = store.pause(&wish(PauseScope::Deal("none".into()), 1)).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Failed(reason) if reason.contains("no deal none")), "{refused}");
    assert_eq!(store.pauses().await.unwrap(), []);
    let marks: Vec<_> = (0..=MOST_PAUSES).map(|at| mark(opportunity(&format!("006{at}"), true), 0)).collect();
    put(store, &marks).await;
    let deals = store.list(None, MOST_PAUSES + 1).await.unwrap();
    for deal in &deals[..MOST_PAUSES] {
        pause(store, PauseScope::Deal(deal.id.clone()), 2).await;
    }
    let refused = store.pause(&wish(PauseScope::Deal(deals[MOST_PAUSES].id.clone()), 3)).await.unwrap_err();
    assert!(refused.to_string().contains("pause a flow or everything instead"), "{refused}");
}

async fn work_on_referrals_that_failed_is_due_when_a_person_asks(store: &dyn Store) {
    put(store, &[mark(referral("r1", true), 0), mark(referral("r2", true), 0)]).await;
    for (claimed, attempts) in claim(store, "worker", 0, 10).await.into_iter().zip([7, 0]) {
        let again = Disposition::Again { at: at(900), hints: claimed.hints, attempts };
        store.commit(&ending(&claimed, again, 1)).await.unwrap();
    }
    assert_eq!(claim(store, "worker", 2, 10).await, []);
    assert_eq!(store.hurry(at(3), 10).await.unwrap(), 1, "the other one never failed");
    let claimed = claim_one(store, 3).await;
    assert_eq!(claimed.attempts, 0);
    assert_eq!(store.hurry(at(3), 10).await.unwrap(), 0);
}
