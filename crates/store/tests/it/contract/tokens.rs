//! Tokens and facts about the org: what the program keeps besides the engine's state.

use jiff::Timestamp;
use ports::TokenStore;
use secrecy::{ExposeSecret as _, SecretString};
use store::{Database, OrgFact};

use super::on_every_store;
use crate::ground::at;

on_every_store![
    only_the_successor_of_the_present_version_is_stored,
    a_sign_in_replaces_whatever_stood_there_and_a_rotation_leaves_it_dated,
    the_right_to_spend_a_token_is_one_owners_until_it_ends,
    the_newer_look_at_the_org_counts,
];

fn secret() -> SecretString {
    SecretString::from("refresh-token-0123456789-planted")
}

async fn only_the_successor_of_the_present_version_is_stored(store: &dyn Database) {
    assert!(store.load("portal").await.unwrap().is_none());
    assert!(store.replace("portal", 0, secret()).await.unwrap());
    assert!(!store.replace("portal", 0, SecretString::from("late")).await.unwrap());
    assert!(!store.replace("portal", 7, SecretString::from("early")).await.unwrap());
    assert!(store.replace("portal", 1, SecretString::from("next")).await.unwrap());
    let token = store.load("portal").await.unwrap().unwrap();
    assert_eq!((token.secret.expose_secret(), token.version), ("next", 2));
}

async fn a_sign_in_replaces_whatever_stood_there_and_a_rotation_leaves_it_dated(store: &dyn Database) {
    assert_eq!(store.facts("portal").await.unwrap(), None);
    store.sign_in("portal", SecretString::from("first"), Some("jo@x.example".to_owned())).await.unwrap();
    let first = store.facts("portal").await.unwrap().unwrap();
    assert_eq!((first.version, first.account.as_deref()), (1, Some("jo@x.example")));
    assert!(!format!("{first:?}").contains("jo@"));
    assert!(store.replace("portal", 1, secret()).await.unwrap());
    let rotated = store.facts("portal").await.unwrap().unwrap();
    assert_eq!((rotated.version, rotated.signed_in_at), (2, first.signed_in_at));
    assert_eq!(rotated.account, first.account);
    assert!(rotated.stored_at >= first.stored_at);

    // What came of a configured token is nobody's sign-in.
    assert!(!store.sow("portal", 1, SecretString::from("late")).await.unwrap());
    assert!(store.sow("portal", 2, secret()).await.unwrap());
    let sown = store.facts("portal").await.unwrap().unwrap();
    assert_eq!((sown.version, sown.account), (3, None));
    assert!(sown.signed_in_at > first.signed_in_at);

    store.challenge("portal", Some("{}")).await.unwrap();
    assert_eq!(store.facts("portal").await.unwrap().unwrap().challenge.as_deref(), Some("{}"));
    store.sign_in("portal", SecretString::from("second"), None).await.unwrap();
    let second = store.facts("portal").await.unwrap().unwrap();
    assert_eq!((second.version, second.account, second.challenge), (4, None, None));
    assert!(!store.replace("portal", 3, SecretString::from("late")).await.unwrap());
    assert_eq!(store.load("portal").await.unwrap().unwrap().secret.expose_secret(), "second");
}

async fn the_right_to_spend_a_token_is_one_owners_until_it_ends(store: &dyn Database) {
    let tokens: &dyn TokenStore = store;
    let first = tokens.lease("portal", "a", at(0), at(60)).await.unwrap().unwrap();
    assert_eq!(tokens.lease("portal", "b", at(59), at(99)).await.unwrap(), None);
    let second = tokens.lease("portal", "b", at(60), at(99)).await.unwrap().unwrap();
    assert!(second.number > first.number);
    tokens.end_lease(&first).await.unwrap();
    assert_eq!(tokens.lease("portal", "c", at(61), at(99)).await.unwrap(), None, "it was not a's to end");
    tokens.end_lease(&second).await.unwrap();
    tokens.lease("portal", "c", at(61), at(99)).await.unwrap().expect("it was given back");
}

fn fact(value: &str, at: Timestamp) -> OrgFact {
    OrgFact { name: "team selling".to_owned(), value: value.to_owned(), at }
}

async fn the_newer_look_at_the_org_counts(store: &dyn Database) {
    assert_eq!(store.org_facts().await.unwrap(), []);
    store.keep_org_facts(&[fact("on", at(20))]).await.unwrap();
    store.keep_org_facts(&[fact("off or hidden", at(10))]).await.unwrap();
    assert_eq!(store.org_facts().await.unwrap(), [fact("on", at(20))]);
    store.keep_org_facts(&[fact("off or hidden", at(30))]).await.unwrap();
    assert_eq!(store.org_facts().await.unwrap(), [fact("off or hidden", at(30))]);
}
