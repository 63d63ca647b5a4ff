//! What only the bytes of the file show: that values are sealed, that forgetting takes them out of every file, and that
//! whoever writes to the file beside the program is found out.

use deal_model::{Archived, Held, PerSide, Phase, Side, Value, Version};
use rusqlite::Connection;
use store::{Options, SealKey, SqliteStore};
use sync_engine::{
    AuditLine, ChainBreak, ChainHead, ChainStep, Commit, Disposition, Store, StoreError, Subject, WriteAhead,
};

use crate::ground::{Ground, ahead, at, claim_one, claimed_deal, ending, mark, opportunity, put};

const TOLD: &str = "a sentence that names somebody";
const KEPT: &str = "a value that somebody typed";
pub(crate) const REMEMBERED: &str = "a value that both sides hold";

fn sealed_with(byte: u8) -> Options {
    Options { seal_key: Some(SealKey::new([byte; SealKey::BYTES])), ..Options::default() }
}

fn line(second: i64, sentence: &str) -> AuditLine {
    AuditLine {
        at: at(second),
        what: "updated".to_owned(),
        side: None,
        groups: Vec::new(),
        sentence: sentence.to_owned(),
        took_ms: None,
        mapping: "m1".to_owned(),
        erased: None,
    }
}

fn text(text: &str) -> deal_model::GroupHeld {
    [("notes".into(), Held::Value(Value::Text(text.to_owned())))].into()
}

/// A deal that was told of, lost a value, and remembers one.
pub(crate) async fn full(store: &dyn Store, crm: &str, phase: Phase) -> Subject {
    let (claim, mut deal) = claimed_deal(store, crm).await;
    let lost = Archived {
        group: "notes".into(),
        side: Side::Crm,
        value: text(KEPT),
        reason: KEPT.to_owned(),
        version: Version { stamp: at(0), tag: None },
    };
    store.write_ahead(&WriteAhead { archive: vec![lost], ..ahead(&claim, &deal.id, 1) }).await.unwrap();
    deal.phase = phase;
    // Long enough for pages of its own, as a description is.
    deal.memory.base.insert("notes".into(), PerSide::new(text(&REMEMBERED.repeat(300)), text("")));
    let audit = vec![line(1, TOLD), line(2, TOLD)];
    let commit = Commit { deal: Some(deal.clone()), audit, ..ending(&claim, Disposition::Done, 1) };
    store.commit(&commit).await.unwrap();
    Subject::Deal(deal.id)
}

fn found(ground: &Ground, what: &str) -> bool {
    ground.contains(what.as_bytes())
}

#[tokio::test]
async fn history_and_archive_stand_in_no_file_in_the_clear() {
    let ground = Ground::new();
    let store = ground.open_with(sealed_with(1));
    full(&store, "006A", Phase::Live).await;
    for _ in ["in the log", "in the file"] {
        assert!(!found(&ground, TOLD) && !found(&ground, KEPT));
        assert!(found(&ground, REMEMBERED), "the search finds what is there");
        store.checkpoint().unwrap();
    }
}

#[tokio::test]
async fn what_was_forgotten_stands_in_no_file_even_with_the_seal_key_at_hand() {
    let ground = Ground::new();
    let store = ground.open_with(sealed_with(1));
    // Neighbours, so that pages are split and joined.
    let mut subjects = Vec::new();
    for number in 0..40 {
        subjects.push(full(&store, &format!("006{number}"), Phase::Paused).await);
    }
    let wrapped = |ground: &Ground| -> Vec<Vec<u8>> {
        let raw = Connection::open(ground.path()).unwrap();
        let mut rows = raw.prepare("SELECT wrapped FROM data_key WHERE wrapped IS NOT NULL").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let keys = wrapped(&ground);
    assert!(keys.len() == 40 && keys.iter().all(|key| ground.contains(key)), "keys are found where they are");
    for subject in &subjects {
        store.forget(subject, "m1", at(5)).await.unwrap();
    }
    store.scrub().await.unwrap();
    assert!(!found(&ground, REMEMBERED));
    for key in &keys {
        assert!(!ground.contains(key), "a destroyed key is in no page and no log");
    }
}

#[tokio::test]
async fn forgetting_beside_the_owner_empties_its_files_too() {
    let ground = Ground::new();
    let owner = ground.open_with(sealed_with(1));
    let subject = full(&owner, "006A", Phase::Finished).await;
    let beside = SqliteStore::open_beside(ground.path(), sealed_with(1)).unwrap();
    beside.forget(&subject, "m1", at(5)).await.unwrap();
    beside.scrub().await.unwrap();
    assert!(!found(&ground, REMEMBERED));
    // The owner goes on, and sees it.
    let Subject::Deal(id) = &subject else { panic!("a deal") };
    assert_eq!(owner.forgotten(id).await.unwrap(), Some(at(5)));
    put(&owner, &[mark(opportunity("006B", true), 6)]).await;
    claim_one(&owner, 6).await;
}

#[tokio::test]
async fn without_the_key_or_with_another_one_nothing_is_read_and_the_next_step_is_told() {
    let ground = Ground::new();
    let subject = full(&ground.open_with(sealed_with(1)), "006A", Phase::Live).await;
    let Subject::Deal(id) = subject else { panic!("a deal") };
    for options in [Options::default(), sealed_with(2)] {
        let store = SqliteStore::open_read_only(ground.path(), options).unwrap();
        for refused in [
            store.history(&id, 9).await.map(drop).unwrap_err(),
            store.archive(&id, 9).await.map(drop).unwrap_err(),
        ] {
            let told = matches!(&refused, StoreError::Failed(why) if why.contains("fix:"));
            assert!(told, "{refused:?}");
        }
        assert_eq!(store.list(None, 9).await.unwrap().len(), 1, "what is not sealed is read");
        let head = store.chains(None, 9).await.unwrap().remove(0);
        assert_eq!(ends(&store, &head).await, ChainStep::Proved, "and proofs need no key");
    }
    let store = ground.open_with(sealed_with(1));
    assert_eq!(store.history(&id, 9).await.unwrap()[0].sentence, TOLD);
}

async fn ends(store: &SqliteStore, head: &ChainHead) -> ChainStep {
    store.prove_chain(head, &head.beginning(), 100).await.unwrap()
}

/// What somebody does to the file, and the line at which the proof stops; 0: only the totals tell.
const TAMPERING: [(&str, u64); 12] = [
    ("UPDATE audit SET what = 'created' WHERE number = 2", 2),
    ("UPDATE audit SET at = at + 1 WHERE number = 1", 1),
    ("UPDATE audit SET mapping = 'm2' WHERE number = 3", 3),
    ("UPDATE audit SET groups = '[\"money\"]' WHERE number = 2", 2),
    ("UPDATE audit SET groups = 'no json' WHERE number = 2", 2),
    ("UPDATE audit SET side = 'crm' WHERE number = 2", 2),
    ("UPDATE audit SET took_ms = 1 WHERE number = 2", 2),
    ("UPDATE audit SET key = 2 WHERE number = 2", 2),
    ("UPDATE audit SET sealed = (SELECT sealed FROM audit WHERE number = 1) WHERE number = 2", 2),
    ("DELETE FROM audit WHERE number = 2", 2),
    ("DELETE FROM audit WHERE number = 3", 3),
    ("INSERT INTO audit SELECT NULL, subject, 9, at, what, side, groups, took_ms, mapping, key, sealed, link
      FROM audit WHERE number = 3", 0),
];

#[tokio::test]
async fn whoever_changes_a_history_in_the_file_is_found_out_at_the_line() {
    for (tampering, line_at) in TAMPERING {
        let ground = Ground::new();
        let store = ground.open_with(sealed_with(1));
        let (claim, _) = claimed_deal(&store, "006A").await;
        let audit = vec![line(1, "one"), line(2, "two"), line(3, "three")];
        store.commit(&Commit { audit, ..ending(&claim, Disposition::Done, 1) }).await.unwrap();
        let head = store.chains(None, 9).await.unwrap().remove(0);
        assert_eq!(ends(&store, &head).await, ChainStep::Proved);
        Connection::open(ground.path()).unwrap().execute(tampering, []).unwrap();
        let totals = store.history_totals().await.unwrap();
        match ends(&store, &head).await {
            ChainStep::Broken(ChainBreak { line, .. }) => assert_eq!(line, line_at, "{tampering}"),
            ChainStep::Proved => assert!(line_at == 0 && totals.lines != totals.chained, "{tampering}"),
            other => panic!("{tampering}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_history_that_was_made_anew_is_told_from_a_head_that_was_kept() {
    let ground = Ground::new();
    let store = ground.open_with(sealed_with(1));
    let (claim, deal) = claimed_deal(&store, "006A").await;
    let commit = |second, text: &str, disposition| Commit {
        audit: vec![line(second, text)],
        ..ending(&claim, disposition, second)
    };
    store.commit(&commit(1, "as it was", Disposition::Keep)).await.unwrap();
    let kept = store.chains(None, 9).await.unwrap().remove(0);
    Connection::open(ground.path()).unwrap().execute_batch("DELETE FROM audit; DELETE FROM chain;").unwrap();
    store.commit(&commit(1, "as somebody wants it", Disposition::Done)).await.unwrap();
    let anew = store.chains(None, 9).await.unwrap().remove(0);
    assert_eq!(ends(&store, &anew).await, ChainStep::Proved, "by itself it looks sound");
    let ChainStep::Broken(broken) = ends(&store, &kept).await else { panic!("{}", deal.id) };
    assert_eq!(broken.line, 1);
}
