//! Tokens at rest are sealed, versioned, and useless without their key.

use ports::TokenStore as _;
use secrecy::{ExposeSecret as _, SecretString};
use store::{Options, SealKey, SqliteStore};

use crate::ground::Ground;

const SECRET: &str = "refresh-token-0123456789-planted";

fn sealed(ground: &Ground, key: u8) -> SqliteStore {
    ground.open_with(Options { seal_key: Some(SealKey::new([key; SealKey::BYTES])), ..Options::default() })
}

fn secret() -> SecretString {
    SecretString::from(SECRET)
}

#[tokio::test]
async fn a_token_comes_back_and_its_bytes_are_in_no_file() {
    let ground = Ground::new();
    let store = sealed(&ground, 1);
    assert!(store.replace("portal-token-name", 0, secret()).await.unwrap());
    let token = store.load("portal-token-name").await.unwrap().unwrap();
    assert_eq!((token.secret.expose_secret(), token.version), (SECRET, 1));
    assert!(ground.contains(b"portal-token-name"), "the positive control is found, in the log");
    assert!(!ground.contains(SECRET.as_bytes()));
    drop(store);
    assert!(ground.contains(b"portal-token-name"), "the positive control is found, in the file");
    assert!(!ground.contains(SECRET.as_bytes()));
}

#[tokio::test]
async fn only_the_successor_of_the_present_version_is_stored() {
    let ground = Ground::new();
    let store = sealed(&ground, 1);
    assert!(store.load("portal").await.unwrap().is_none());
    assert!(store.replace("portal", 0, secret()).await.unwrap());
    assert!(!store.replace("portal", 0, SecretString::from("late")).await.unwrap());
    assert!(!store.replace("portal", 7, SecretString::from("early")).await.unwrap());
    assert!(store.replace("portal", 1, SecretString::from("next")).await.unwrap());
    let token = store.load("portal").await.unwrap().unwrap();
    assert_eq!((token.secret.expose_secret(), token.version), ("next", 2));
}

#[tokio::test]
async fn without_a_key_no_token_is_stored_or_read() {
    let ground = Ground::new();
    let error = ground.open().replace("portal", 0, secret()).await.unwrap_err();
    assert!(error.to_string().contains("no seal key"), "{error}");
    sealed(&ground, 1).replace("portal", 0, secret()).await.unwrap();
    let error = ground.open().load("portal").await.unwrap_err();
    assert!(error.to_string().contains("no seal key"), "{error}");
}

#[tokio::test]
async fn another_key_opens_nothing_and_the_error_says_no_secret() {
    let ground = Ground::new();
    sealed(&ground, 1).replace("portal", 0, secret()).await.unwrap();
    let error = sealed(&ground, 2).load("portal").await.unwrap_err();
    assert!(error.to_string().contains("does not open with this seal key"), "{error}");
    assert!(!format!("{error:?}").contains(SECRET));
}

#[tokio::test]
async fn a_sealed_text_moved_to_another_row_does_not_open() {
    let ground = Ground::new();
    sealed(&ground, 1).replace("portal", 0, secret()).await.unwrap();
    let raw = rusqlite::Connection::open(ground.path()).unwrap();
    raw.execute("UPDATE token SET name = 'other'", []).unwrap();
    drop(raw);
    sealed(&ground, 1).load("other").await.unwrap_err();
}

#[tokio::test]
async fn a_looker_beside_the_owner_stores_a_spent_tokens_successor_and_nothing_else() {
    let ground = Ground::new();
    let owner = sealed(&ground, 1);
    assert!(owner.replace("portal", 0, secret()).await.unwrap());
    let seal_key = Some(SealKey::new([1; SealKey::BYTES]));
    let looker = SqliteStore::open_beside(ground.path(), Options { seal_key, ..Options::default() }).unwrap();
    assert!(looker.replace("portal", 1, SecretString::from("next")).await.unwrap());
    assert!(!looker.replace("portal", 1, SecretString::from("late")).await.unwrap());
    let token = owner.load("portal").await.unwrap().unwrap();
    assert_eq!((token.secret.expose_secret(), token.version), ("next", 2));
    let refused = sync_engine::Store::bind(&looker, "00D", "tenant").await.unwrap_err();
    assert!(refused.to_string().contains("for reading only"), "{refused}");
}
