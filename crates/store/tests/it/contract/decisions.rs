//! Decisions: rows of people, written beside whoever works on the deal, and ended once.

use deal_model::{Deal, Fingerprint, Irreversible, PerSide, Side, Verdict};
use sync_engine::{
    Commit, Decided, DecisionEnd, DecisionRow, Disposition, NewDecision, Prepared, Store, StoreError,
    WriteAhead,
};

use super::on_every_store;
use crate::ground::{ahead, at, claim, claim_one, claimed_deal, ending, load};

on_every_store![
    a_decision_marks_its_deal_and_stays_until_it_is_carried_out,
    a_decision_keeps_the_values_that_were_shown_who_decided_and_the_mapping,
    a_decision_is_a_line_of_history_at_once,
    a_decision_is_consumed_once,
    a_decision_that_was_handed_back_is_open_no_more,
    a_commit_under_a_lost_lease_ends_no_decision,
    a_decision_survives_a_commit_that_did_not_see_it,
    a_decision_during_a_pass_is_looked_at_after_it,
    what_cannot_be_taken_back_does_not_leave_over_a_decision_that_was_not_planned_with,
    the_second_of_two_persons_is_told_of_the_first,
    the_second_may_take_the_place_of_the_decision_that_they_saw_and_of_no_other,
    decisions_about_other_matters_stand_side_by_side,
    nobody_decides_about_an_unknown_deal,
];

fn resolve(winner: Side) -> Verdict {
    let shown = PerSide::new(Fingerprint("p".to_owned()), Fingerprint("s".to_owned()));
    Verdict::Resolve { group: "notes".into(), winner, shown }
}

fn by(deal: &Deal, who: &str, verdict: Verdict, second: i64) -> NewDecision {
    NewDecision {
        deal: deal.id.clone(),
        verdict,
        by: who.to_owned(),
        sentence: format!("{who} decided."),
        mapping: "7".to_owned(),
        instead_of: None,
        now: at(second),
    }
}

async fn taken(store: &dyn Store, decision: &NewDecision) -> i64 {
    match store.decide(decision).await.unwrap() {
        Decided::Taken(number) => number,
        Decided::Open(open) => panic!("{open:?}"),
    }
}

async fn a_decision_marks_its_deal_and_stays_until_it_is_carried_out(store: &dyn Store) {
    let (claimed, deal) = claimed_deal(store, "006A").await;
    store.commit(&ending(&claimed, Disposition::Done, 1)).await.unwrap();
    let number = taken(store, &by(&deal, "Ada", Verdict::Push, 5)).await;
    let claimed = claim_one(store, 5).await;
    let open = deal_model::Decision { id: number, verdict: Verdict::Push, by: "Ada".to_owned() };
    assert_eq!(load(store, &deal.id).await, Deal { decisions: vec![open], ..deal.clone() });
    let commit = Commit { consumed: vec![number], ..ending(&claimed, Disposition::Done, 6) };
    store.commit(&commit).await.unwrap();
    assert_eq!(load(store, &deal.id).await.decisions, []);
}

async fn a_decision_keeps_the_values_that_were_shown_who_decided_and_the_mapping(store: &dyn Store) {
    let (_, deal) = claimed_deal(store, "006A").await;
    let id = taken(store, &by(&deal, "Ada", resolve(Side::Crm), 5)).await;
    let row = DecisionRow {
        id,
        verdict: resolve(Side::Crm),
        by: "Ada".to_owned(),
        at: at(5),
        mapping: "7".to_owned(),
        ended: None,
    };
    assert_eq!(store.decisions(&deal.id, 9).await.unwrap(), [row]);
}

async fn a_decision_is_a_line_of_history_at_once(store: &dyn Store) {
    let (_, deal) = claimed_deal(store, "006A").await;
    taken(store, &by(&deal, "Ada", Verdict::Push, 5)).await;
    let [line] = store.history(&deal.id, 9).await.unwrap().try_into().unwrap();
    assert_eq!((line.at, line.what.as_str()), (at(5), "decided"));
    assert_eq!((line.sentence.as_str(), line.mapping.as_str()), ("Ada decided.", "7"));
}

async fn ends(store: &dyn Store, deal: &Deal) -> Vec<Option<(jiff::Timestamp, DecisionEnd)>> {
    store.decisions(&deal.id, 9).await.unwrap().into_iter().map(|row| row.ended).collect()
}

async fn a_decision_is_consumed_once(store: &dyn Store) {
    let (claimed, deal) = claimed_deal(store, "006A").await;
    let number = taken(store, &by(&deal, "Ada", Verdict::Push, 1)).await;
    for second in [6, 7] {
        let commit = Commit { consumed: vec![number], ..ending(&claimed, Disposition::Keep, second) };
        store.commit(&commit).await.unwrap();
    }
    assert_eq!(ends(store, &deal).await, [Some((at(6), DecisionEnd::CarriedOut))]);
}

async fn a_decision_that_was_handed_back_is_open_no_more(store: &dyn Store) {
    let (claimed, deal) = claimed_deal(store, "006A").await;
    let number = taken(store, &by(&deal, "Ada", resolve(Side::Crm), 1)).await;
    let commit = Commit { handed_back: vec![number], ..ending(&claimed, Disposition::Keep, 6) };
    store.commit(&commit).await.unwrap();
    assert_eq!(load(store, &deal.id).await.decisions, []);
    assert_eq!(ends(store, &deal).await, [Some((at(6), DecisionEnd::HandedBack))]);
    taken(store, &by(&deal, "Ada", resolve(Side::Portal), 7)).await;
}

async fn a_commit_under_a_lost_lease_ends_no_decision(store: &dyn Store) {
    let (old, deal) = claimed_deal(store, "006A").await;
    let number = taken(store, &by(&deal, "Ada", Verdict::Push, 1)).await;
    claim_one(store, 60).await;
    let commit = Commit { consumed: vec![number], ..ending(&old, Disposition::Done, 61) };
    let answer = store.commit(&commit).await;
    assert!(matches!(answer, Err(StoreError::Fenced(_))), "{answer:?}");
    assert_eq!(ends(store, &deal).await, [None]);
}

async fn a_decision_survives_a_commit_that_did_not_see_it(store: &dyn Store) {
    let (claimed, deal) = claimed_deal(store, "006A").await;
    taken(store, &by(&deal, "Ada", Verdict::Push, 1)).await;
    let commit = Commit { deal: Some(deal.clone()), ..ending(&claimed, Disposition::Done, 2) };
    store.commit(&commit).await.unwrap();
    assert_eq!(load(store, &deal.id).await.decisions.len(), 1);
}

async fn a_decision_during_a_pass_is_looked_at_after_it(store: &dyn Store) {
    let (claimed, deal) = claimed_deal(store, "006A").await;
    taken(store, &by(&deal, "Ada", Verdict::Push, 1)).await;
    assert_eq!(claim(store, "another", 1, 9).await, [], "the deal is in one pass at a time");
    store.commit(&ending(&claimed, Disposition::Done, 2)).await.unwrap();
    claim_one(store, 2).await;
}

async fn what_cannot_be_taken_back_does_not_leave_over_a_decision_that_was_not_planned_with(
    store: &dyn Store,
) {
    let (claimed, deal) = claimed_deal(store, "006A").await;
    let withdraw = Verdict::Withdraw { kind: Irreversible::Close, target: "closed".to_owned() };
    taken(store, &by(&deal, "Ada", withdraw, 1)).await;
    let closes = |claim| WriteAhead { braked: vec!["close".to_owned()], ..ahead(claim, &deal.id, 2) };
    let born =
        WriteAhead { intents: vec![super::commit::intent("i1", &deal.id)], ..ahead(&claimed, &deal.id, 2) };
    assert_eq!(store.write_ahead(&closes(&claimed)).await.unwrap(), Prepared::Changed);
    assert_eq!(store.write_ahead(&born).await.unwrap(), Prepared::Changed);
    assert_eq!(store.open_intents(&deal.id).await.unwrap(), [], "nothing was written down");
    let reversible = ahead(&claimed, &deal.id, 2);
    assert_eq!(store.write_ahead(&reversible).await.unwrap(), Prepared::Go);
    store.commit(&ending(&claimed, Disposition::Done, 2)).await.unwrap();
    let again = claim_one(store, 3).await;
    assert_eq!(store.write_ahead(&closes(&again)).await.unwrap(), Prepared::Go, "planned with the decision");
}

async fn the_second_of_two_persons_is_told_of_the_first(store: &dyn Store) {
    let (_, deal) = claimed_deal(store, "006A").await;
    let first = taken(store, &by(&deal, "Ada", resolve(Side::Crm), 1)).await;
    for other in [resolve(Side::Portal), resolve(Side::Crm)] {
        let answer = store.decide(&by(&deal, "Bea", other, 2)).await.unwrap();
        let Decided::Open(open) = answer else { panic!("{answer:?}") };
        assert_eq!((open.id, open.by.as_str(), open.verdict), (first, "Ada", resolve(Side::Crm)));
    }
    assert_eq!(ends(store, &deal).await, [None], "nothing was written");
    assert_eq!(store.history(&deal.id, 9).await.unwrap().len(), 1);
}

async fn the_second_may_take_the_place_of_the_decision_that_they_saw_and_of_no_other(store: &dyn Store) {
    let (_, deal) = claimed_deal(store, "006A").await;
    let first = taken(store, &by(&deal, "Ada", resolve(Side::Crm), 1)).await;
    let instead =
        |of: i64| NewDecision { instead_of: Some(of), ..by(&deal, "Bea", resolve(Side::Portal), 2) };
    let answer = store.decide(&instead(first + 1)).await.unwrap();
    assert!(matches!(answer, Decided::Open(_)), "{answer:?}");
    let second = taken(store, &instead(first)).await;
    assert_eq!(ends(store, &deal).await, [None, Some((at(2), DecisionEnd::Replaced))]);
    let open: Vec<i64> = load(store, &deal.id).await.decisions.iter().map(|decision| decision.id).collect();
    assert_eq!(open, [second]);
}

async fn decisions_about_other_matters_stand_side_by_side(store: &dyn Store) {
    let (_, deal) = claimed_deal(store, "006A").await;
    let close = || (Irreversible::Close, "won".to_owned());
    let (kind, target) = close();
    taken(store, &by(&deal, "Ada", Verdict::Withdraw { kind, target }, 1)).await;
    taken(store, &by(&deal, "Bea", resolve(Side::Crm), 1)).await;
    let (kind, target) = close();
    let answer = store.decide(&by(&deal, "Bea", Verdict::SendNow { kind, target }, 1)).await.unwrap();
    assert!(matches!(answer, Decided::Open(_)), "to send and to withdraw is one matter: {answer:?}");
    assert_eq!(load(store, &deal.id).await.decisions.len(), 2);
}

async fn nobody_decides_about_an_unknown_deal(store: &dyn Store) {
    let nobody = Deal::born("nobody".into(), Side::Crm, "006".into());
    store.decide(&by(&nobody, "Ada", Verdict::Push, 0)).await.unwrap_err();
    assert_eq!(store.next_due().await.unwrap(), None);
}
