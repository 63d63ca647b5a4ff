//! Workers that began with different rules: those of the last are in force, and what the others do comes to nothing.

use sync_engine::{Claim, ClaimRequest, Cursor, Disposition, Entry, Store, StoreError, StoreResult, Target};

use super::on_every_store;
use crate::ground::{at, claimed_deal, ending, mark, opportunity, put};

on_every_store![
    under_other_rules_than_the_last_nothing_is_claimed_and_the_work_is_left_as_it_was,
    a_page_that_was_read_by_other_rules_is_not_committed_and_its_list_begins_anew,
    beginning_with_the_rules_in_force_takes_nothing_from_anybody,
    a_cursor_is_replaced_only_where_it_still_stands,
];

fn cursor(source: &str, position: &str) -> Cursor {
    Cursor { source: source.to_owned(), position: position.to_owned() }
}

fn entry(rules: &str, admission: &str) -> Entry {
    Entry {
        rules: cursor("in_force", rules),
        admission: cursor("admission", admission),
        lists: vec![cursor("portal.list", ""), cursor("portal.never_read", "")],
    }
}

async fn claim_by(store: &dyn Store, rules: &str, second: i64) -> StoreResult<Vec<Claim>> {
    let (now, lease_until) = (at(second), at(second + 60));
    let rules = Some(cursor("in_force", rules));
    let owner = "worker".to_owned();
    store.claim(&ClaimRequest { owner, now, lease_until, most: 9, most_of_backlog: 9, rules }).await
}

async fn under_other_rules_than_the_last_nothing_is_claimed_and_the_work_is_left_as_it_was(
    store: &dyn Store,
) {
    store.enter(&entry("old", "all")).await.unwrap();
    put(store, &[mark(opportunity("006A", true), 0)]).await;
    let before = claim_by(store, "old", 1).await.unwrap().remove(0);
    let hints = before.hints;
    let later = Disposition::Again { at: at(5), hints, attempts: 3 };
    store.commit(&ending(&before, later, 2)).await.unwrap();
    store.enter(&entry("new", "all")).await.unwrap();
    let refused = claim_by(store, "old", 6).await;
    assert!(matches!(refused, Err(StoreError::OtherRules)), "{refused:?}");
    assert_eq!(store.next_due().await.unwrap(), Some(at(5)), "it is not leased");
    let after = claim_by(store, "new", 7).await.unwrap().remove(0);
    assert_eq!((after.attempts, after.hints, after.generation), (3, hints, before.generation));
}

async fn a_page_that_was_read_by_other_rules_is_not_committed_and_its_list_begins_anew(store: &dyn Store) {
    store.enter(&entry("old", "some")).await.unwrap();
    let fence = store.lease("reader.portal.list", "old", at(0), at(60)).await.unwrap().unwrap();
    let other = store.lease("account", "old", at(0), at(60)).await.unwrap().unwrap();
    let read = [cursor("portal.list", "page 7"), cursor("crm.list", "page 3")];
    store.mark(&[], &[], &read, Some(&fence)).await.unwrap();
    // The next page is on its way when another worker begins.
    store.enter(&entry("new", "all")).await.unwrap();
    let late = [cursor("portal.list", "page 8")];
    let late = store.mark(&[mark(opportunity("006A", true), 1)], &[], &late, Some(&fence)).await;
    assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
    assert_eq!(store.cursor("portal.list").await.unwrap().as_deref(), Some(""));
    assert_eq!(store.cursor("portal.never_read").await.unwrap(), None);
    assert_eq!(
        store.cursor("crm.list").await.unwrap().as_deref(),
        Some("page 3"),
        "nothing else is let in there"
    );
    assert!(store.lease("reader.portal.list", "new", at(2), at(62)).await.unwrap().is_some());
    store.mark(&[], &[], &[], Some(&other)).await.expect("what is not read is left alone");
}

async fn beginning_with_the_rules_in_force_takes_nothing_from_anybody(store: &dyn Store) {
    store.enter(&entry("same", "all")).await.unwrap();
    let fence = store.lease("reader.portal.list", "first", at(0), at(60)).await.unwrap().unwrap();
    let (claimed, deal) = claimed_deal(store, "006A").await;
    store.enter(&entry("same", "all")).await.unwrap();
    store.mark(&[], &[], &[cursor("portal.list", "page 7")], Some(&fence)).await.unwrap();
    store.commit(&ending(&claimed, Disposition::Done, 1)).await.unwrap();
    put(store, &[mark(Target::Deal(deal.id), 2)]).await;
    assert_eq!(claim_by(store, "same", 3).await.unwrap().len(), 1);
    // Other rules that let the same in begin no list anew.
    store.enter(&entry("other", "all")).await.unwrap();
    assert_eq!(store.cursor("portal.list").await.unwrap().as_deref(), Some("page 7"));
}

async fn a_cursor_is_replaced_only_where_it_still_stands(store: &dyn Store) {
    let replace =
        async |from: Option<&str>, to: &str| store.replace_cursor(from, &cursor("looked", to)).await.unwrap();
    assert!(!replace(Some("one"), "two").await, "it stands nowhere");
    assert!(replace(None, "one").await);
    assert!(!replace(None, "two").await);
    store.ask(&[cursor("looked", "a wish")]).await.unwrap();
    assert!(!replace(Some("one"), "two").await);
    assert_eq!(store.cursor("looked").await.unwrap().as_deref(), Some("a wish"));
    assert!(replace(Some("a wish"), "two").await);
    assert_eq!(store.cursor("looked").await.unwrap().as_deref(), Some("two"));
}
