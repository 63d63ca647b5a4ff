//! Looking after the file: backups taken while the service runs, put back while it does not, and never by half.

use deal_model::Side;
use store::{Options, SqliteStore};
use sync_engine::{Store as _, StoreError};

use crate::ground::{Ground, at, claim_one, claimed_deal, load, mark, opportunity, put};

#[tokio::test]
async fn a_backup_that_was_taken_while_the_service_ran_is_put_back_and_what_was_there_is_kept() {
    let ground = Ground::new();
    let file = ground.path().with_extension("backup");
    let store = ground.open();
    let (claim, deal) = claimed_deal(&store, "006A").await;
    assert!(SqliteStore::backup(ground.path(), &file).unwrap() > 0);
    put(&store, &[mark(opportunity("006B", true), 1)]).await;
    let refused = SqliteStore::restore(ground.path(), &file).err();
    assert!(matches!(refused, Some(StoreError::InUse(_))), "{refused:?}");
    drop(store);
    let kept = SqliteStore::restore(ground.path(), &file).unwrap().expect("there was a store");
    let store = ground.open();
    assert_eq!(load(&store, &deal.id).await, deal);
    assert_eq!(store.deal_of(Side::Crm, &"006B".into()).await.unwrap(), None, "it came after the backup");
    // What was under way then is looked at again: leases of that time are nobody's.
    store.start("next", at(2)).await.unwrap();
    assert_eq!(claim_one(&store, 2).await.subject, claim.subject);
    let aside = SqliteStore::open_read_only(kept, Options::default()).unwrap();
    assert!(aside.deal_of(Side::Crm, &"006B".into()).await.unwrap().is_some(), "nothing is lost");
}

#[cfg(unix)]
#[test]
fn a_store_is_its_owners_alone_whatever_the_backup_or_the_file_was() {
    use std::os::unix::fs::PermissionsExt as _;
    let ground = Ground::new();
    drop(ground.open());
    let mode = || std::fs::metadata(ground.path()).unwrap().permissions().mode() & 0o777;
    let open_to_all = |path: &std::path::Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    };
    let file = ground.path().with_extension("backup");
    SqliteStore::backup(ground.path(), &file).unwrap();
    open_to_all(&file);
    SqliteStore::restore(ground.path(), &file).unwrap();
    assert_eq!(mode(), 0o600, "after a restore");
    open_to_all(&ground.path());
    let looked = SqliteStore::check(ground.path()).unwrap();
    let private = looked.iter().find(|looked| looked.what == "private").unwrap();
    assert!(!private.ok && private.fix.as_ref().unwrap().starts_with("chmod 600"), "{private:?}");
    drop(ground.open());
    assert_eq!(mode(), 0o600, "after a start");
}

#[test]
fn a_backup_overwrites_nothing_and_a_damaged_one_is_not_put_back() {
    let ground = Ground::new();
    drop(ground.open());
    let file = ground.path().with_extension("backup");
    std::fs::write(&file, "something else").unwrap();
    let refused = SqliteStore::backup(ground.path(), &file).unwrap_err().to_string();
    assert!(refused.contains("overwrites nothing"), "{refused}");
    let refused = SqliteStore::restore(ground.path(), &file).err();
    assert!(matches!(refused, Some(StoreError::Damaged(_))), "{refused:?}");
    rusqlite::Connection::open(file.with_extension("foreign"))
        .unwrap()
        .execute_batch("CREATE TABLE x (y)")
        .unwrap();
    let refused = SqliteStore::restore(ground.path(), file.with_extension("foreign")).err();
    assert!(matches!(refused, Some(StoreError::Damaged(_))), "{refused:?}");
    ground.open();
}

#[test]
fn a_check_finds_a_sound_file_sound_and_a_newer_or_broken_one_not() {
    let ground = Ground::new();
    drop(ground.open());
    let bad = || -> Vec<&'static str> {
        let looked = SqliteStore::check(ground.path()).unwrap();
        looked.into_iter().filter(|looked| !looked.ok).map(|looked| looked.what).collect()
    };
    assert_eq!(bad(), Vec::<&str>::new());
    assert_eq!(SqliteStore::migrate(ground.path()).unwrap(), store::sqlite::SCHEMA, "nothing was to do");
    let raw = rusqlite::Connection::open(ground.path()).unwrap();
    raw.pragma_update(None, "foreign_keys", false).unwrap();
    raw.execute("INSERT INTO former_link (portal_id, deal, until) VALUES ('r1', 'nobody', 0)", []).unwrap();
    assert_eq!(bad(), ["integrity"]);
    raw.pragma_update(None, "user_version", 0).unwrap();
    let looked = SqliteStore::check(ground.path()).unwrap();
    assert!(looked[0].saw.contains("another program"), "nothing is brought up to date here: {:?}", looked[0]);
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    assert_eq!(bad(), ["schema", "integrity"]);
    assert!(SqliteStore::open(ground.path(), Options::default()).is_err());
}
