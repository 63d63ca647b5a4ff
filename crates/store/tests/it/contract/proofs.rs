//! Proofs are kept newest first, so many of them, and their problem with them.

use std::collections::BTreeMap;

use sync_engine::{ConnectionProblem, KEPT_PROOFS, KeptProof, NamedDeal, Standing, Store};

use super::on_every_store;
use crate::ground::at;

on_every_store![a_proof_is_kept_with_its_problem_and_the_oldest_go];

async fn a_proof_is_kept_with_its_problem_and_the_oldest_go(store: &dyn Store) {
    let proof = |second: i64| KeptProof {
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
    };
    let problem = ConnectionProblem {
        key: "verify.proof".to_owned(),
        sentence: "It differs.".to_owned(),
        next_step: "Look.".to_owned(),
        since: at(5),
    };
    assert_eq!(store.proofs(1).await.unwrap(), []);
    store.keep_proof(&proof(0), "verify.proof", Some(&problem)).await.unwrap();
    assert_eq!(store.proofs(9).await.unwrap(), [proof(0)]);
    assert_eq!(store.connection_problems().await.unwrap(), [problem]);
    for second in 1..=i64::try_from(KEPT_PROOFS).unwrap() {
        store.keep_proof(&proof(second), "verify.proof", None).await.unwrap();
    }
    assert_eq!(store.connection_problems().await.unwrap(), []);
    let kept = store.proofs(2 * KEPT_PROOFS).await.unwrap();
    assert_eq!(kept.len(), KEPT_PROOFS);
    assert_eq!(kept[0], proof(i64::try_from(KEPT_PROOFS).unwrap()));
    assert!(!kept.contains(&proof(0)), "the oldest is gone");
}
