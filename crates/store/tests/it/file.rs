//! What only an embedded file can do wrong: crashes, two owners, foreign, newer, damaged, full and read-only files.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
    sync::Arc,
};

use deal_model::Side;
use ports::{EffectKind, HoldPoint, HoldPoints};
use rusqlite::Connection;
use store::{Options, SqliteStore};
use sync_engine::{Commit, Disposition, Store as _, StoreError};

use crate::ground::{Ground, at, claim, claim_one, claimed_deal, ending, load, mark, opportunity, put};

struct Crash;

impl HoldPoints for Crash {
    fn reach(&self, point: HoldPoint, kind: EffectKind) {
        assert_eq!((point, kind), (HoldPoint::InCommit, EffectKind::Patch));
        panic!("the power went out");
    }
}

fn crashing(commit: Commit) -> Commit {
    Commit { effect: Some(EffectKind::Patch), ..commit }
}

#[test]
fn a_crash_inside_a_commit_leaves_nothing_of_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ground = Ground::new();
    let store = ground.open_with(Options { holds: Arc::new(Crash), ..Options::default() });
    let (claim, before) = runtime.block_on(claimed_deal(&store, "006A"));
    let mut after = before.clone();
    after.links.portal = Some("r1".into());
    let commit = crashing(Commit { deal: Some(after), ..ending(&claim, Disposition::Done, 1) });
    let crash = catch_unwind(AssertUnwindSafe(|| runtime.block_on(store.commit(&commit))));
    assert!(crash.is_err(), "the hold-point was reached");
    runtime.block_on(async {
        assert_eq!(load(&store, &before.id).await, before);
        drop(store);
        let store = ground.open();
        assert_eq!(load(&store, &before.id).await, before);
        assert_eq!(claim_one(&store, 60).await.subject, claim.subject);
    });
}

#[tokio::test]
async fn a_commit_without_an_effect_reaches_no_hold() {
    let ground = Ground::new();
    let store = ground.open_with(Options { holds: Arc::new(Crash), ..Options::default() });
    let (claim, _) = claimed_deal(&store, "006A").await;
    store.commit(&ending(&claim, Disposition::Done, 1)).await.unwrap();
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let ground = Ground::new();
    let (claim, deal) = claimed_deal(&ground.open(), "006A").await;
    let store = ground.open();
    assert_eq!(load(&store, &deal.id).await, deal);
    store.commit(&ending(&claim, Disposition::Done, 1)).await.unwrap();
}

#[test]
fn a_second_owner_is_refused_and_told_the_path() {
    let ground = Ground::new();
    let owner = ground.open();
    let refused = SqliteStore::open(ground.path(), Options::default()).err();
    let path = ground.path().display().to_string();
    assert!(matches!(&refused, Some(StoreError::InUse(named)) if named.ends_with(&path)), "{refused:?}");
    drop(owner);
    ground.open();
}

const CHILD: &str = "COSELL_TEST_STORE_PATH";

#[test]
fn a_second_process_is_refused() {
    if let Ok(path) = std::env::var(CHILD) {
        // This is the second process.
        let refused = SqliteStore::open(path, Options::default()).err();
        assert!(matches!(refused, Some(StoreError::InUse(_))), "{refused:?}");
        return;
    }
    let ground = Ground::new();
    let _owner = ground.open();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "file::a_second_process_is_refused"])
        .env(CHILD, ground.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && told.contains("1 passed"), "{told}");
}

#[tokio::test]
async fn a_reader_reads_while_a_service_owns_the_store_and_writes_nothing() {
    let ground = Ground::new();
    let owner = ground.open();
    let (_, deal) = claimed_deal(&owner, "006A").await;
    let reader = SqliteStore::open_read_only(ground.path(), Options::default()).unwrap();
    assert_eq!(load(&reader, &deal.id).await, deal);
    let refused = reader.mark(&[mark(opportunity("006B", true), 0)], &[], &[], None).await.unwrap_err();
    assert!(refused.to_string().contains("for reading only"), "{refused}");
    put(&owner, &[mark(opportunity("006B", true), 0)]).await;
    assert_eq!(reader.counts(at(0)).await.unwrap().deals, 2, "it sees what was committed since");
}

#[tokio::test]
async fn a_reader_reads_a_store_that_was_closed() {
    let ground = Ground::new();
    let (_, deal) = claimed_deal(&ground.open(), "006A").await;
    let reader = SqliteStore::open_read_only(ground.path(), Options::default()).unwrap();
    assert_eq!(load(&reader, &deal.id).await, deal);
}

#[test]
fn a_reader_makes_no_store() {
    let ground = Ground::new();
    let refused = SqliteStore::open_read_only(ground.path(), Options::default()).err();
    assert!(matches!(refused, Some(StoreError::Failed(_))), "{refused:?}");
    assert!(!ground.path().exists());
}

#[test]
fn a_newer_schema_is_refused_by_owner_and_reader() {
    let ground = Ground::new();
    drop(ground.open());
    Connection::open(ground.path()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let owner = SqliteStore::open(ground.path(), Options::default()).err();
    assert!(matches!(owner, Some(StoreError::Schema { found: 99, .. })), "{owner:?}");
    let reader = SqliteStore::open_read_only(ground.path(), Options::default()).err();
    assert!(matches!(reader, Some(StoreError::Schema { found: 99, .. })), "{reader:?}");
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let ground = Ground::new();
    Connection::open(ground.path()).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let refused = SqliteStore::open(ground.path(), Options::default()).err();
    assert!(matches!(refused, Some(StoreError::Damaged(_))), "{refused:?}");
}

#[test]
fn a_file_that_is_no_database_is_damaged() {
    let ground = Ground::new();
    std::fs::write(ground.path(), "This is not a database. ".repeat(400)).unwrap();
    let refused = SqliteStore::open(ground.path(), Options::default()).err();
    assert!(matches!(refused, Some(StoreError::Damaged(_))), "{refused:?}");
}

#[tokio::test]
async fn a_row_that_does_not_parse_is_damaged_and_its_text_is_not_told() {
    let ground = Ground::new();
    let (_, deal) = claimed_deal(&ground.open(), "006A").await;
    let raw = Connection::open(ground.path()).unwrap();
    raw.execute("UPDATE deal SET base = '{\"planted-name\": 1'", []).unwrap();
    drop(raw);
    let refused = ground.open().deals(&[deal.id]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Damaged(_)), "{refused:?}");
    assert!(!refused.to_string().contains("planted-name"), "{refused}");
}

#[tokio::test]
async fn a_full_store_fails_whole_and_goes_on_when_there_is_room() {
    let ground = Ground::new();
    let store = ground.open_with(Options { max_bytes: Some(400 << 10), ..Options::default() });
    let marks: Vec<_> = (0..5_000).map(|id| mark(opportunity(&format!("006{id}"), true), 0)).collect();
    let refused = store.mark(&marks, &[], &[], None).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Failed(reason) if reason.contains("make room")), "{refused:?}");
    assert_eq!(store.deal_of(Side::Crm, &"0060".into()).await.unwrap(), None, "nothing of it was kept");
    assert_eq!(put(&store, &marks[..1]).await, 1);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let ground = Ground::new();
    let path = ground.path().join("missing").join("cosell.db");
    let refused = SqliteStore::open(&path, Options::default()).err();
    assert!(
        matches!(&refused, Some(StoreError::Failed(reason)) if reason.contains("missing")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_orderly_close_leaves_no_write_ahead_log() {
    let ground = Ground::new();
    claimed_deal(&ground.open(), "006A").await;
    let mut log = ground.path().into_os_string();
    log.push("-wal");
    assert!(!std::path::Path::new(&log).exists());
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owners_eyes_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let ground = Ground::new();
    let _store = ground.open();
    let mode = std::fs::metadata(ground.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
}

#[tokio::test]
async fn a_cleared_value_lingers_in_no_file() {
    const PLANTED: &str = "a sentence that somebody wants forgotten";
    let ground = Ground::new();
    let store = ground.open();
    let (claim, mut deal) = claimed_deal(&store, "006A").await;
    for (text, found) in [(PLANTED, true), ("", false)] {
        // Long enough for pages of its own, which become free ones.
        deal.links.companion = Some(text.repeat(500).as_str().into());
        let commit = Commit { deal: Some(deal.clone()), ..ending(&claim, Disposition::Keep, 1) };
        store.commit(&commit).await.unwrap();
        store.checkpoint().unwrap();
        assert_eq!(ground.contains(PLANTED.as_bytes()), found, "{text:?}");
    }
}

#[tokio::test]
async fn an_idle_claim_writes_nothing_to_the_disk() {
    let ground = Ground::new();
    let store = ground.open();
    put(&store, &[mark(opportunity("006A", true), 500)]).await;
    store.checkpoint().unwrap();
    let mut log = ground.path().into_os_string();
    log.push("-wal");
    assert_eq!(claim(&store, "worker", 1, 10).await, []);
    assert_eq!(std::fs::metadata(log).unwrap().len(), 0);
}
