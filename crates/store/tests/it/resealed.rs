//! The seal key is changed: what the former one sealed is read all the while, what is new is sealed by the present one, and
//! breaking off in the middle loses nothing.

use deal_model::{DealId, Phase};
use secrecy::ExposeSecret as _;
use store::{Database, KeyPlace, Options, SealKey, postgres::Access};
use sync_engine::{ChainStep, StoreError, Subject};

use crate::{
    ground::{Ground, at},
    postgres,
    sealed::full,
};

const TOKEN: &str = "partner center";

fn key(byte: u8) -> SealKey {
    SealKey::new([byte; SealKey::BYTES])
}

/// The second key, after the first.
fn both() -> SealKey {
    key(2).after(key(1))
}

fn with(seal_key: SealKey) -> Options {
    Options { seal_key: Some(seal_key), ..Options::default() }
}

fn id(subject: &Subject) -> &DealId {
    let Subject::Deal(id) = subject else { panic!("a deal") };
    id
}

/// Everything that was sealed is read.
async fn is_whole(store: &dyn Database, deals: &[Subject]) {
    for deal in deals {
        let lines = store.history(id(deal), 9).await.unwrap();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.sentence.contains("names somebody")), "{lines:?}");
        let kept = store.archive(id(deal), 9).await.unwrap();
        assert!(kept.len() == 1 && kept[0].archived.reason.contains("typed"), "{kept:?}");
    }
    assert_eq!(store.load(TOKEN).await.unwrap().unwrap().secret.expose_secret(), "a refresh token");
}

/// Under the first key.
async fn filled(store: &dyn Database) -> Vec<Subject> {
    let mut deals = Vec::new();
    for crm in ["006A", "006B", "006C", "006D"] {
        deals.push(full(store, crm, Phase::Live).await);
    }
    store.sign_in(TOKEN, "a refresh token".to_owned().into(), None).await.unwrap();
    deals
}

/// Both keys: all is read, one deal is forgotten, a page is sealed anew, and then it is broken off.
async fn broken_off(store: &dyn Database, deals: &[Subject]) {
    is_whole(store, deals).await;
    let (forgotten, rest) = deals.split_last().unwrap();
    store.forget(forgotten, "m1", at(9)).await.unwrap();
    let page = store.reseal_keys(None, 2).await.unwrap();
    assert_eq!((page.looked, page.sealed), (2, 2));
    assert!(page.last.is_some());
    is_whole(store, rest).await;
}

/// Again with both keys, from the beginning: what is left is sealed anew.
async fn finished(store: &dyn Database, deals: &[Subject]) {
    let (_, rest) = deals.split_last().unwrap();
    is_whole(store, rest).await;
    let tokens = store.reseal_tokens().await.unwrap();
    assert_eq!((tokens.looked, tokens.sealed, tokens.unreadable), (1, 1, 0));
    let (mut looked, mut sealed, mut after) = (0, 0, None::<KeyPlace>);
    loop {
        let page = store.reseal_keys(after.as_ref(), 3).await.unwrap();
        looked += page.looked;
        sealed += page.sealed;
        if page.last.is_none() {
            break;
        }
        after = page.last;
    }
    // The one that was drawn since is the present key's already, and so are those of the page before.
    assert_eq!((looked, sealed), (4, 1));
    is_whole(store, rest).await;
}

/// The second key alone.
async fn goes_on(store: &dyn Database, deals: &[Subject]) {
    let (forgotten, rest) = deals.split_last().unwrap();
    is_whole(store, rest).await;
    let lines = store.history(id(forgotten), 9).await.unwrap();
    assert!(lines[0].sentence.contains("erased") && lines[1].sentence.is_empty(), "{lines:?}");
    for head in store.chains(None, 9).await.unwrap() {
        let step = store.prove_chain(&head, &head.beginning(), 100).await.unwrap();
        assert_eq!(step, ChainStep::Proved, "sealing anew is no change of a history");
    }
    let again = store.reseal_keys(None, 9).await.unwrap();
    assert_eq!((again.looked, again.sealed), (4, 0));
    store.require_key().await.unwrap();
    assert_eq!(store.reseal_tokens().await.unwrap().sealed, 0);
}

/// The first key alone, or none.
async fn is_refused(store: &dyn Database, deals: &[Subject]) {
    let told = |error: StoreError| matches!(&error, StoreError::Failed(why) if why.contains("fix:"));
    assert!(told(store.history(id(&deals[0]), 9).await.unwrap_err()));
    assert!(told(store.reseal_keys(None, 9).await.unwrap_err()));
    assert!(told(store.require_key().await.unwrap_err()), "who begins to serve is told at once");
}

#[tokio::test]
async fn a_file_is_sealed_anew_and_breaking_off_loses_nothing() {
    let ground = Ground::new();
    let deals = filled(&ground.open_with(with(key(1)))).await;
    broken_off(&ground.open_with(with(both())), &deals).await;
    finished(&ground.open_with(with(both())), &deals).await;
    goes_on(&ground.open_with(with(key(2))), &deals).await;
    is_refused(&ground.open_with(with(key(1))), &deals).await;
    is_refused(&ground.open_with(Options::default()), &deals).await;
}

#[tokio::test]
async fn a_database_is_sealed_anew_and_breaking_off_loses_nothing() {
    let ground = postgres::Ground::new(postgres::installed()).await;
    let store = ground.open_with(Access::Own, with(key(1))).await;
    let deals = filled(&store).await;
    store.close().await;
    let store = ground.open_with(Access::Own, with(both())).await;
    broken_off(&store, &deals).await;
    // A worker that has both keys goes on beside the command that seals anew.
    let beside = ground.open_with(Access::Beside, with(both())).await;
    finished(&beside, &deals).await;
    beside.close().await;
    store.close().await;
    let store = ground.open_with(Access::Own, with(key(2))).await;
    goes_on(&store, &deals).await;
    store.close().await;
    let store = ground.open_with(Access::Own, with(key(1))).await;
    is_refused(&store, &deals).await;
    store.close().await;
    ground.give_back().await;
}

/// Drawn without a seal key, and there is one now.
async fn is_sealed_at_last(store: &dyn Database) {
    assert_eq!(store.keys_in_clear().await.unwrap(), 1);
    assert_eq!(store.reseal_keys(None, 9).await.unwrap().sealed, 1);
    assert_eq!(store.keys_in_clear().await.unwrap(), 0);
    store.scrub().await.unwrap();
}

#[tokio::test]
async fn keys_from_before_there_was_a_seal_key_are_counted_and_sealed_and_leave_nothing_behind() {
    let ground = Ground::new();
    full(&ground.open(), "006A", Phase::Live).await;
    let raw = rusqlite::Connection::open(ground.path()).unwrap();
    let open: Vec<u8> = raw.query_row("SELECT wrapped FROM data_key", [], |row| row.get(0)).unwrap();
    drop(raw);
    assert!(ground.contains(&open[1..]), "the search finds what is there");
    is_sealed_at_last(&ground.open_with(with(key(1)))).await;
    assert!(!ground.contains(&open[1..]));

    let ground = postgres::Ground::new(postgres::installed()).await;
    let store = ground.open().await;
    full(&store, "006A", Phase::Live).await;
    store.close().await;
    let store = ground.open_with(Access::Own, with(key(1))).await;
    is_sealed_at_last(&store).await;
    store.close().await;
    ground.give_back().await;
}
