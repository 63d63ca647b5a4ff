//! Places that the portal refuses to change are remembered by path, and forgotten one by one.

use sync_engine::{Cursor, FixedPath, Store};

use super::on_every_store;
use crate::ground::at;

on_every_store![a_place_is_remembered_with_its_first_time_and_forgotten_once];

async fn a_place_is_remembered_with_its_first_time_and_forgotten_once(store: &dyn Store) {
    let fixed = |mapping: &str, since: i64| FixedPath {
        path: "/customerProfile/name".to_owned(),
        group: "customer_name".into(),
        mapping: mapping.to_owned(),
        since: at(since),
    };
    store.fix_path(&fixed("one", 10)).await.unwrap();
    store.fix_path(&fixed("two", 20)).await.unwrap();
    assert_eq!(store.fixed_paths().await.unwrap(), [fixed("two", 10)]);
    let then = Cursor { source: "rules".to_owned(), position: "again".to_owned() };
    let free = async |path: &str| store.free_path(path, "fixed./customerProfile/name", &then).await.unwrap();
    assert!(!free("/elsewhere").await);
    assert_eq!(store.cursor("rules").await.unwrap(), None, "nothing was known, so nothing is to be done");
    assert!(free("/customerProfile/name").await);
    assert_eq!(store.cursor("rules").await.unwrap().as_deref(), Some("again"));
    assert!(!free("/customerProfile/name").await);
    assert_eq!(store.fixed_paths().await.unwrap(), []);
}
