//! Histories are chains: what was written is proved, page by page, and what was not is found.

use deal_model::DealId;
use sync_engine::{AuditLine, ChainBreak, ChainHead, ChainStep, Commit, Disposition, Store, Subject};

use super::on_every_store;
use crate::ground::{at, claim_one, claimed_deal, ending, mark, put, referral};

on_every_store! {
    a_history_is_proved_page_by_page,
    each_subject_has_a_chain_of_its_own,
    a_head_that_was_kept_is_proved_though_lines_came_since,
    a_head_that_was_never_there_is_not_proved,
    a_line_without_a_deal_is_chained_too,
}

pub(super) fn line(second: i64, sentence: &str) -> AuditLine {
    AuditLine {
        at: at(second),
        what: "updated".to_owned(),
        side: Some(deal_model::Side::Crm),
        groups: vec!["notes".to_owned(), "money".to_owned()],
        sentence: sentence.to_owned(),
        took_ms: Some(second),
        mapping: "m1".to_owned(),
        erased: None,
    }
}

/// A deal with so many lines of history, the first at second 1.
pub(super) async fn with_history(store: &dyn Store, crm: &str, lines: i64) -> DealId {
    let (claim, deal) = claimed_deal(store, crm).await;
    for second in 1..=lines {
        let audit = vec![line(second, &format!("line {second} of {crm}"))];
        let disposition = if second == lines { Disposition::Done } else { Disposition::Keep };
        let commit = Commit { deal: Some(deal.clone()), audit, ..ending(&claim, disposition, second) };
        store.commit(&commit).await.unwrap();
    }
    deal.id
}

/// Walks along a chain with pages of `most` lines; how many pages, and how it ended.
pub(super) async fn proved(store: &dyn Store, head: &ChainHead, most: usize) -> (usize, ChainStep) {
    let mut place = head.beginning();
    for page in 1.. {
        match store.prove_chain(head, &place, most).await.unwrap() {
            ChainStep::Further(next) => {
                assert!(next.passed > place.passed, "it gets on");
                place = next;
            }
            end => return (page, end),
        }
    }
    unreachable!("a chain ends")
}

pub(super) async fn head(store: &dyn Store, deal: &DealId) -> ChainHead {
    let heads = store.chains(None, 100).await.unwrap();
    heads.into_iter().find(|head| head.subject == format!("deal {deal}")).expect("it has a history")
}

async fn a_history_is_proved_page_by_page(store: &dyn Store) {
    let deal = with_history(store, "006A", 5).await;
    let head = head(store, &deal).await;
    assert_eq!((head.length, head.pruned), (5, 0));
    assert_eq!(proved(store, &head, 2).await, (3, ChainStep::Proved));
    assert_eq!(proved(store, &head, 5).await, (1, ChainStep::Proved));
    let sentences: Vec<String> =
        store.history(&deal, 9).await.unwrap().into_iter().map(|line| line.sentence).collect();
    assert_eq!(sentences[0], "line 5 of 006A", "the newest comes first, and can be read");
    let totals = store.history_totals().await.unwrap();
    assert_eq!((totals.lines, totals.chained), (5, 5));
}

async fn each_subject_has_a_chain_of_its_own(store: &dyn Store) {
    let mut deals = [with_history(store, "006A", 2).await, with_history(store, "006B", 3).await];
    deals.sort();
    let first = store.chains(None, 1).await.unwrap();
    assert_eq!(first[0].subject, format!("deal {}", deals[0]));
    let second = store.chains(Some(&first[0].subject), 9).await.unwrap();
    assert_eq!(second.len(), 1);
    assert_eq!(second[0].subject, format!("deal {}", deals[1]));
    assert_eq!(first[0].length + second[0].length, 5);
}

async fn a_head_that_was_kept_is_proved_though_lines_came_since(store: &dyn Store) {
    let (claim, deal) = claimed_deal(store, "006A").await;
    let commit = |second, disposition| Commit {
        audit: vec![line(second, "a line")],
        ..ending(&claim, disposition, second)
    };
    store.commit(&commit(1, Disposition::Keep)).await.unwrap();
    let kept = head(store, &deal.id).await;
    store.commit(&commit(2, Disposition::Done)).await.unwrap();
    assert_eq!(proved(store, &kept, 9).await.1, ChainStep::Proved);
    assert_eq!(proved(store, &head(store, &deal.id).await, 9).await.1, ChainStep::Proved);
}

async fn a_head_that_was_never_there_is_not_proved(store: &dyn Store) {
    let deal = with_history(store, "006A", 2).await;
    let true_head = head(store, &deal).await;
    let other = ChainHead { link: [7; 32], ..true_head.clone() };
    assert!(matches!(proved(store, &other, 9).await.1, ChainStep::Broken(ChainBreak { line: 2, .. })));
    let longer = ChainHead { length: 3, ..true_head };
    assert!(matches!(proved(store, &longer, 9).await.1, ChainStep::Broken(ChainBreak { line: 3, .. })));
}

async fn a_line_without_a_deal_is_chained_too(store: &dyn Store) {
    put(store, &[mark(referral("r1", true), 0)]).await;
    let claim = claim_one(store, 0).await;
    assert_eq!(claim.subject, Subject::Referral("r1".into()));
    let commit = Commit { audit: vec![line(1, "a lead")], ..ending(&claim, Disposition::Done, 1) };
    store.commit(&commit).await.unwrap();
    let heads = store.chains(None, 9).await.unwrap();
    assert_eq!(heads.len(), 1);
    assert_eq!((heads[0].subject.as_str(), heads[0].length), ("referral r1", 1));
    assert_eq!(proved(store, &heads[0], 9).await.1, ChainStep::Proved);
}
