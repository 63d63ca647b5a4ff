//! Access tokens from one refresh token.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures::future::join_all;
use partner_center::{Audience, AuthError};
use jiff::Timestamp;
use ports::{MemoryTokenStore, RetryClass, StoredToken, TokenFacts, TokenLease, TokenStore, TokenStoreError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::platform::{HandClock, Script, source};

const NAME: &str = "partner-center";

async fn stored(store: &dyn TokenStore) -> String {
    store.load(NAME).await.unwrap().unwrap().secret.expose_secret().to_owned()
}

fn form(login: &Script, at: usize) -> String {
    String::from_utf8(login.asked()[at].body().to_vec()).unwrap()
}

fn start() -> (Script, Arc<MemoryTokenStore>, Arc<HandClock>) {
    (Script::default(), Arc::default(), HandClock::at("2026-11-02T09:14:00Z"))
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_refresh_and_the_token_lasts_until_shortly_before_its_end() {
    let (login, store, clock) = start();
    login.answer(200, r#"{"access_token":"a1","expires_in":"3600","refresh_token":"r1"}"#);
    let source = source(&login, store.clone(), &clock, Some("seed"));
    let tokens = join_all((0..8).map(|_| source.token(Audience::Referrals))).await;
    assert!(tokens.iter().all(|token| token.as_ref().unwrap().expose_secret() == "a1"));
    assert!(
        form(&login, 0).contains("refresh_token=seed"),
        "the empty store is sown with the configured token"
    );
    assert_eq!(stored(&*store).await, "r1");
    clock.advance(Duration::from_secs(3299));
    source.token(Audience::Referrals).await.unwrap();
    assert_eq!(login.asked().len(), 1);
    clock.advance(Duration::from_secs(1));
    login.answer(200, r#"{"access_token":"a2","expires_in":3600}"#);
    assert_eq!(source.token(Audience::Referrals).await.unwrap().expose_secret(), "a2");
    assert!(form(&login, 1).contains("refresh_token=r1"), "the rotated token is spent next");
}

#[tokio::test]
async fn two_audiences_take_turns_with_the_one_refresh_token() {
    let (login, store, clock) = start();
    login
        .answer(200, r#"{"access_token":"a1","expires_in":3600,"refresh_token":"r1"}"#)
        .answer(200, r#"{"access_token":"b1","expires_in":3600,"refresh_token":"r2"}"#);
    let source = source(&login, store.clone(), &clock, Some("seed"));
    let (a, b) = tokio::join!(source.token(Audience::Referrals), source.token(Audience::Webhooks));
    assert_eq!((a.unwrap().expose_secret(), b.unwrap().expose_secret()), ("a1", "b1"));
    assert!(
        form(&login, 1).contains("refresh_token=r1"),
        "a platform that kills spent tokens is satisfied too"
    );
    assert_eq!(stored(&*store).await, "r2");
}

/// A store that fails, or that another process changes first.
#[derive(Default)]
struct Hindered {
    inner: MemoryTokenStore,
    fails: Mutex<bool>,
    rival: Mutex<Option<&'static str>>,
}

#[async_trait]
impl TokenStore for Hindered {
    async fn load(&self, name: &str) -> Result<Option<StoredToken>, TokenStoreError> {
        self.inner.load(name).await
    }

    async fn replace(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError> {
        if *self.fails.lock().unwrap() {
            return Err(TokenStoreError { name: name.to_owned(), reason: "disk full".to_owned() });
        }
        let rival = self.rival.lock().unwrap().take();
        if let Some(rival) = rival {
            self.inner.replace(name, version, SecretString::from(rival)).await?;
        }
        self.inner.replace(name, version, secret).await
    }

    async fn facts(&self, name: &str) -> Result<Option<TokenFacts>, TokenStoreError> {
        self.inner.facts(name).await
    }

    async fn sign_in(
        &self,
        name: &str,
        secret: SecretString,
        account: Option<String>,
    ) -> Result<(), TokenStoreError> {
        self.inner.sign_in(name, secret, account).await
    }

    async fn challenge(&self, name: &str, claims: Option<&str>) -> Result<(), TokenStoreError> {
        self.inner.challenge(name, claims).await
    }

    async fn lease(
        &self,
        name: &str,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<TokenLease>, TokenStoreError> {
        self.inner.lease(name, owner, now, until).await
    }

    async fn end_lease(&self, lease: &TokenLease) -> Result<(), TokenStoreError> {
        self.inner.end_lease(lease).await
    }
}

#[tokio::test]
async fn an_access_token_whose_refresh_token_could_not_be_stored_is_not_used() {
    let (login, _, clock) = start();
    let store = Arc::new(Hindered::default());
    store.inner.replace(NAME, 0, SecretString::from("r0")).await.unwrap();
    *store.fails.lock().unwrap() = true;
    login.answer(200, r#"{"access_token":"a1","expires_in":3600,"refresh_token":"r1"}"#);
    let source = source(&login, store.clone(), &clock, None);
    let error = source.token(Audience::Referrals).await.unwrap_err();
    assert!(matches!(error, AuthError::Store { .. }), "{error}");
    assert_eq!(error.class(), RetryClass::LATER);
}

#[tokio::test]
async fn a_lost_race_for_the_store_leaves_the_winners_token() {
    let (login, _, clock) = start();
    let store = Arc::new(Hindered::default());
    store.inner.replace(NAME, 0, SecretString::from("r0")).await.unwrap();
    *store.rival.lock().unwrap() = Some("theirs");
    login.answer(200, r#"{"access_token":"a1","expires_in":3600,"refresh_token":"ours"}"#);
    let source = source(&login, store.clone(), &clock, None);
    assert_eq!(source.token(Audience::Referrals).await.unwrap().expose_secret(), "a1");
    assert_eq!(stored(&store.inner).await, "theirs");
}

#[tokio::test]
async fn the_stored_token_wins_until_it_is_refused_then_the_configured_one_is_tried_once() {
    let (login, store, clock) = start();
    store.replace(NAME, 0, SecretString::from("old")).await.unwrap();
    let dead = r#"{"error":"invalid_grant","error_codes":[700082]}"#;
    login.answer(400, dead).answer(200, r#"{"access_token":"a1","expires_in":3600}"#);
    let fresh = source(&login, store.clone(), &clock, Some("fresh"));
    fresh.token(Audience::Referrals).await.unwrap();
    assert!(form(&login, 0).contains("refresh_token=old") && form(&login, 1).contains("refresh_token=fresh"));
    assert_eq!(stored(&*store).await, "fresh");

    let (login, store, clock) = start();
    store.replace(NAME, 0, SecretString::from("old")).await.unwrap();
    login.answer(400, dead).answer(400, dead);
    let both_dead = source(&login, store, &clock, Some("also-dead"));
    let error = both_dead.token(Audience::Referrals).await.unwrap_err();
    assert_eq!(error, AuthError::InvalidGrant { codes: vec![700_082] });
    assert!(error.next_step().unwrap().contains("cosell login partner-center"));
    // Nobody is asked again for a while, and then only about the stored token.
    assert!(both_dead.token(Audience::Webhooks).await.is_err());
    assert_eq!(login.asked().len(), 2);
    clock.advance(Duration::from_secs(61));
    login.answer(400, dead);
    assert!(both_dead.token(Audience::Referrals).await.is_err());
    assert_eq!(login.asked().len(), 3);
}

#[tokio::test]
async fn a_busy_identity_platform_is_asked_later() {
    let (login, store, clock) = start();
    login.tell(Ok(crate::platform::answer(429, &[("Retry-After", "9")], "")));
    let source = source(&login, store, &clock, Some("seed"));
    let error = source.token(Audience::Referrals).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Later { after: Some(Duration::from_secs(9)) });
}

#[tokio::test]
async fn without_any_refresh_token_a_person_is_told_what_to_do() {
    let (login, store, clock) = start();
    let error = source(&login, store, &clock, None).token(Audience::Referrals).await.unwrap_err();
    assert_eq!((&error, error.class()), (&AuthError::NoRefreshToken, RetryClass::Person));
    assert!(login.asked().is_empty());
}

#[tokio::test]
async fn a_refresh_goes_on_when_its_caller_is_cancelled_and_blocks_nobody() {
    let (login, store, clock) = start();
    login
        .answer(200, r#"{"access_token":"a1","expires_in":3600,"refresh_token":"r1"}"#)
        .answer(200, r#"{"access_token":"b1","expires_in":3600}"#);
    let source = source(&login, store.clone(), &clock, Some("seed"));
    {
        let mut cancelled = Box::pin(source.token(Audience::Referrals));
        assert!(futures::poll!(&mut cancelled).is_pending());
    }
    assert_eq!(source.token(Audience::Webhooks).await.unwrap().expose_secret(), "b1");
    assert_eq!(stored(&*store).await, "r1", "the rotated token is not lost with the caller");
    assert_eq!(source.token(Audience::Referrals).await.unwrap().expose_secret(), "a1");
    assert_eq!(login.asked().len(), 2);
}
