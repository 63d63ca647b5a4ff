//! Proofs are kept newest first, so many of them, and their problem with them.

use std::collections::BTreeMap;

use sync_engine::{
    ConnectionProblem, Cursor, KEPT_PROOFS, KeptProof, NamedDeal, Standing, Store, StoreError,
};

use super::on_every_store;
use crate::ground::at;

const KEY: &str = "verify.proof";

/// A proof that began at `second`.
fn proof(second: i64) -> KeptProof {
    KeptProof {
        began: at(second),
        ended: at(second + 5),
        mapping: "1".to_owned(),
        by: "ann".to_owned(),
        deals: 3,
        counts: BTreeMap::from([(Standing::Equal, 2), (Standing::Different, 1)]),
        first: vec![NamedDeal {
            deal: "d1".into(),
            standing: Standing::Different,
            fields: vec!["money".into()],
        }],
    }
}

fn problem() -> ConnectionProblem {
    ConnectionProblem {
        key: KEY.to_owned(),
        sentence: "It differs.".to_owned(),
        next_step: "Look.".to_owned(),
        since: at(5),
    }
}

on_every_store![
    a_proof_is_kept_with_its_problem_and_the_oldest_go,
    what_a_later_proof_found_stands_when_an_earlier_one_ends_after_it,
    a_worker_that_lost_its_lease_keeps_no_proof,
];

async fn a_proof_is_kept_with_its_problem_and_the_oldest_go(store: &dyn Store) {
    let problem = problem();
    assert_eq!(store.proofs(1).await.unwrap(), []);
    store.keep_proof(&proof(0), KEY, Some(&problem), None).await.unwrap();
    assert_eq!(store.proofs(9).await.unwrap(), [proof(0)]);
    assert_eq!(store.connection_problems().await.unwrap(), [problem]);
    for second in 1..=i64::try_from(KEPT_PROOFS).unwrap() {
        store.keep_proof(&proof(second), KEY, None, None).await.unwrap();
    }
    assert_eq!(store.connection_problems().await.unwrap(), []);
    let kept = store.proofs(2 * KEPT_PROOFS).await.unwrap();
    assert_eq!(kept.len(), KEPT_PROOFS);
    assert_eq!(kept[0], proof(i64::try_from(KEPT_PROOFS).unwrap()));
    assert!(!kept.contains(&proof(0)), "the oldest is gone");
}

async fn what_a_later_proof_found_stands_when_an_earlier_one_ends_after_it(store: &dyn Store) {
    store.keep_proof(&proof(20), KEY, None, None).await.unwrap();
    store.keep_proof(&proof(10), KEY, Some(&problem()), None).await.unwrap();
    assert_eq!(store.connection_problems().await.unwrap(), [], "it was well when somebody looked later");
    assert_eq!(store.proofs(9).await.unwrap(), [proof(20), proof(10)]);
    store.keep_proof(&proof(30), KEY, Some(&problem()), None).await.unwrap();
    store.keep_proof(&proof(25), KEY, None, None).await.unwrap();
    assert_eq!(
        store.connection_problems().await.unwrap(),
        [problem()],
        "and wrong when somebody looked later"
    );
    assert_eq!(store.proofs(1).await.unwrap(), [proof(30)]);
}

async fn a_worker_that_lost_its_lease_keeps_no_proof(store: &dyn Store) {
    let cursor = |position: &str| Cursor { source: "proof".to_owned(), position: position.to_owned() };
    let old = store.lease("seat", "one", at(0), at(10)).await.unwrap().expect("it is free");
    store.end_lease(&old).await.unwrap();
    let new = store.lease("seat", "two", at(10), at(20)).await.unwrap().expect("it is free again");
    store.keep_proof(&proof(2), KEY, None, Some((&new, &cursor("two")))).await.unwrap();
    let late = store.keep_proof(&proof(2), KEY, Some(&problem()), Some((&old, &cursor("one")))).await;
    assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
    assert_eq!(store.proofs(9).await.unwrap(), [proof(2)]);
    assert_eq!(store.connection_problems().await.unwrap(), []);
    assert_eq!(
        store.cursor("proof").await.unwrap().as_deref(),
        Some("two"),
        "the cursor moves with its proof"
    );
}
