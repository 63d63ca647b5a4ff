//! Access tokens from one refresh token.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures::future::join_all;
use jiff::Timestamp;
use partner_center::{Audience, AuthError};
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

    async fn sow(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError> {
        self.inner.sow(name, version, secret).await
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
    // It may be the only one that lives: nothing is spent before it is stored, and then it is what is spent.
    source.token(Audience::Webhooks).await.unwrap_err();
    assert_eq!(login.asked().len(), 1);
    *store.fails.lock().unwrap() = false;
    login.answer(200, r#"{"access_token":"a2","expires_in":3600}"#);
    assert_eq!(source.token(Audience::Referrals).await.unwrap().expose_secret(), "a2");
    assert!(form(&login, 1).contains("refresh_token=r1"), "{}", form(&login, 1));
    assert_eq!(stored(&store.inner).await, "r1");
}

#[tokio::test]
async fn a_successor_that_was_kept_in_memory_does_not_displace_a_new_sign_in() {
    let (login, _, clock) = start();
    let store = Arc::new(Hindered::default());
    store.inner.replace(NAME, 0, SecretString::from("r0")).await.unwrap();
    *store.fails.lock().unwrap() = true;
    login.answer(200, r#"{"access_token":"a1","expires_in":3600,"refresh_token":"late"}"#);
    let source = source(&login, store.clone(), &clock, None);
    source.token(Audience::Referrals).await.unwrap_err();
    store.inner.sign_in(NAME, SecretString::from("signed-in"), None).await.unwrap();
    *store.fails.lock().unwrap() = false;
    login.answer(200, r#"{"access_token":"a2","expires_in":3600}"#);
    source.token(Audience::Referrals).await.unwrap();
    assert_eq!(stored(&store.inner).await, "signed-in");
    assert!(form(&login, 1).contains("refresh_token=signed-in"));
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
    // Until then nobody asks again, for whatever reason.
    clock.advance(Duration::from_secs(8));
    for audience in Audience::BOTH {
        let error = source.token(audience).await.unwrap_err();
        assert_eq!(error.class(), RetryClass::Later { after: Some(Duration::from_secs(1)) });
    }
    source.renew().await.unwrap_err();
    assert_eq!(login.asked().len(), 1);
    clock.advance(Duration::from_secs(1));
    login.answer(503, "");
    source.token(Audience::Referrals).await.unwrap_err();
    clock.advance(Duration::from_secs(4));
    source.token(Audience::Webhooks).await.unwrap_err();
    assert_eq!(login.asked().len(), 2, "one that does not say how long is left alone for a few seconds");
    clock.advance(Duration::from_secs(1));
    // One that asks for too much is asked again after a while all the same.
    login.tell(Ok(crate::platform::answer(429, &[("Retry-After", "86400")], "")));
    source.token(Audience::Referrals).await.unwrap_err();
    clock.advance(Duration::from_mins(5));
    login.answer(200, r#"{"access_token":"a1","expires_in":3600}"#);
    source.token(Audience::Referrals).await.unwrap();
}

#[tokio::test]
async fn a_partner_center_that_refuses_every_token_does_not_cost_two_refreshes_a_call() {
    let world = crate::platform::World::with_tokens(&["a1", "a2"]);
    world.api.answer(401, "").answer(401, "");
    let query = partner_center::ListQuery::new();
    let list = || world.client.list(crate::platform::now_lane(), &query);
    assert_eq!(list().await.unwrap_err().class(), RetryClass::Authenticate);
    let held = list().await.unwrap_err();
    assert_eq!(held.class(), RetryClass::Authenticate);
    let partner_center::Error::Auth { source, .. } = &held else { panic!("{held}") };
    assert_eq!(*source, AuthError::TokenRefused { audience: Audience::Referrals });
    assert!(source.next_step().unwrap().contains("Referrals admin"));
    assert_eq!((world.api.asked().len(), world.login.asked().len()), (2, 2));
    world.clock.advance(Duration::from_mins(1));
    world.login.answer(200, r#"{"access_token":"a3","expires_in":3600}"#);
    world.api.answer(200, r#"{"value":[]}"#);
    list().await.unwrap();
}

#[tokio::test]
async fn a_sign_in_that_lives_is_not_given_up_for_an_old_configured_token() {
    for (code, is_dead) in [(50_076, false), (53_003, false), (700_082, true)] {
        let (login, store, clock) = start();
        store.sign_in(NAME, SecretString::from("live"), Some("jo@x.example".to_owned())).await.unwrap();
        let signed_in = store.facts(NAME).await.unwrap().unwrap();
        login.answer(400, &format!(r#"{{"error":"invalid_grant","error_codes":[{code}]}}"#));
        login.answer(200, r#"{"access_token":"a1","expires_in":3600,"refresh_token":"sown"}"#);
        let source = source(&login, store.clone(), &clock, Some("old"));
        assert!(!source.adopt_new_sign_in().await.unwrap());
        let outcome = source.token(Audience::Referrals).await;
        let facts = store.facts(NAME).await.unwrap().unwrap();
        if is_dead {
            outcome.unwrap();
            assert_eq!(stored(&*store).await, "sown");
            // It is another sign-in, of nobody known; but no person's, that would have to be taken up.
            assert_eq!(facts.account, None);
            assert!(facts.signed_in_at > signed_in.signed_in_at);
            assert!(!source.adopt_new_sign_in().await.unwrap());
        } else {
            outcome.unwrap_err();
            assert_eq!((stored(&*store).await.as_str(), facts), ("live", signed_in), "{code}");
            assert_eq!(login.asked().len(), 1);
        }
    }
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

// ── One refresh at a time, over all processes ───────────────────────────────────────────────────────────────────────

/// A platform whose refresh tokens die when they are spent, and that takes its time.
fn strict_platform(now: &'static str) -> (ports::HttpService, Arc<Mutex<Vec<String>>>) {
    let spent: Arc<Mutex<Vec<String>>> = Arc::default();
    let (alive, seen) = (Arc::new(Mutex::new(now.to_owned())), Arc::clone(&spent));
    let service = tower::service_fn(move |request: http::Request<bytes::Bytes>| {
        let (alive, spent) = (Arc::clone(&alive), Arc::clone(&spent));
        async move {
            let form: std::collections::BTreeMap<String, String> =
                url::form_urlencoded::parse(request.body()).into_owned().collect();
            let token = form["refresh_token"].clone();
            tokio::task::yield_now().await;
            let mut present = alive.lock().unwrap();
            spent.lock().unwrap().push(token.clone());
            if *present != token {
                return Ok(crate::platform::answer(400, &[], r#"{"error":"invalid_grant"}"#));
            }
            *present = format!("{token}+");
            let body =
                format!(r#"{{"access_token":"a-{token}","expires_in":3600,"refresh_token":"{token}+"}}"#);
            Ok::<_, ports::TransportError>(crate::platform::answer(200, &[], &body))
        }
    });
    (tower::util::BoxCloneSyncService::new(service), seen)
}

/// Time as the paused runtime counts it.
struct PausedClock(tokio::time::Instant);

#[async_trait]
impl ports::Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let passed = jiff::SignedDuration::try_from(self.0.elapsed()).unwrap();
        "2026-11-02T09:14:00Z".parse::<Timestamp>().unwrap() + passed
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_three_processes_one_spends_the_token_and_the_others_its_successors() {
    let (http, spent) = strict_platform("r0");
    let store = Arc::new(MemoryTokenStore::default());
    let clock = Arc::new(PausedClock(tokio::time::Instant::now()));
    store.replace(NAME, 0, SecretString::from("r0")).await.unwrap();
    let process = || {
        let config = partner_center::TokenConfig::new(crate::platform::TOKEN_URL, "app");
        partner_center::TokenSource::new(
            http.clone(),
            store.clone(),
            clock.clone(),
            Arc::new(ports::SystemRng),
            config,
        )
    };
    let processes = [process(), process(), process()];
    let tokens = join_all(
        processes.iter().flat_map(|one| [one.token(Audience::Referrals), one.token(Audience::Webhooks)]),
    )
    .await;
    assert!(tokens.iter().all(Result::is_ok), "{:?}", tokens.iter().find_map(|token| token.as_ref().err()));
    let spent = spent.lock().unwrap().clone();
    assert_eq!(spent, ["r0", "r0+", "r0++", "r0+++", "r0++++", "r0+++++"], "each token once, in turn");
    assert_eq!(stored(&*store).await, "r0++++++");
}

#[tokio::test]
async fn a_process_that_died_while_renewing_is_waited_for_no_longer_than_its_lease() {
    let (login, store, clock) = start();
    store.replace(NAME, 0, SecretString::from("r0")).await.unwrap();
    let began = ports::Clock::now(&*clock);
    let until = began + jiff::SignedDuration::from_secs(25);
    store.lease(NAME, "dead", began, until).await.unwrap().unwrap();
    login.answer(200, r#"{"access_token":"a1","expires_in":3600,"refresh_token":"r1"}"#);
    source(&login, store.clone(), &clock, None).token(Audience::Referrals).await.unwrap();
    let waited = ports::Clock::now(&*clock).duration_since(began).as_secs();
    assert!((25..=26).contains(&waited), "{waited}");

    // One that renews its lease again and again is not waited for for ever.
    clock.advance(Duration::from_hours(2));
    let for_ever = ports::Clock::now(&*clock) + jiff::SignedDuration::from_hours(24);
    store.lease(NAME, "busy", ports::Clock::now(&*clock), for_ever).await.unwrap().unwrap();
    let error = source(&login, store, &clock, None).token(Audience::Referrals).await.unwrap_err();
    assert_eq!((&error, error.class()), (&AuthError::Leased, RetryClass::LATER));
    assert_eq!(login.asked().len(), 1, "nothing is spent without the lease");
}

#[tokio::test]
async fn a_refresh_may_not_outlive_its_lease_and_a_lease_of_others_is_not_ended() {
    let (login, store, clock) = start();
    store.replace(NAME, 0, SecretString::from("r0")).await.unwrap();
    login.answer(200, r#"{"access_token":"a1","expires_in":3600,"refresh_token":"r1"}"#);
    source(&login, store.clone(), &clock, None).token(Audience::Referrals).await.unwrap();
    let end = login.last().extensions().get::<ports::SendBefore>().unwrap().0;
    assert_eq!(end.duration_since(ports::Clock::now(&*clock)).as_secs(), 25);

    let now = ports::Clock::now(&*clock);
    let lost =
        store.lease(NAME, "slow", now, now + jiff::SignedDuration::from_secs(1)).await.unwrap().unwrap();
    let later = now + jiff::SignedDuration::from_secs(2);
    store.lease(NAME, "next", later, later + jiff::SignedDuration::from_mins(1)).await.unwrap().unwrap();
    store.end_lease(&lost).await.unwrap();
    assert_eq!(store.lease(NAME, "third", later, later).await.unwrap(), None, "the next one still has it");
}

#[tokio::test]
async fn a_sign_in_during_a_refresh_is_not_overwritten_by_what_the_refresh_brings() {
    let (login, _, clock) = start();
    let store = Arc::new(Hindered::default());
    store.inner.replace(NAME, 0, SecretString::from("r0")).await.unwrap();
    *store.rival.lock().unwrap() = Some("signed-in");
    login.answer(200, r#"{"access_token":"a1","expires_in":3600,"refresh_token":"late"}"#);
    source(&login, store.clone(), &clock, None).token(Audience::Referrals).await.unwrap();
    assert_eq!(stored(&store.inner).await, "signed-in");
}

// ── A new sign-in, and what stands before it ────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn a_new_sign_in_ends_what_was_remembered_of_the_former_one() {
    let (login, store, clock) = start();
    store.replace(NAME, 0, SecretString::from("dead")).await.unwrap();
    let source = source(&login, store.clone(), &clock, None);
    assert!(!source.adopt_new_sign_in().await.unwrap(), "the first look only looks");
    login.answer(400, r#"{"error":"invalid_grant","error_codes":[50173]}"#);
    source.token(Audience::Referrals).await.unwrap_err();
    source.token(Audience::Webhooks).await.unwrap_err();
    assert_eq!(login.asked().len(), 1, "the refusal is remembered");
    source.trouble().await;
    assert!(!source.adopt_new_sign_in().await.unwrap());
    // The store dates by the machine's clock: a second sign-in is a later one.
    store.sign_in(NAME, SecretString::from("fresh"), None).await.unwrap();
    assert!(source.adopt_new_sign_in().await.unwrap());
    login.answer(200, r#"{"access_token":"a1","expires_in":3600}"#);
    source.token(Audience::Referrals).await.unwrap();
    assert!(form(&login, 1).contains("refresh_token=fresh"));
}

#[tokio::test]
async fn the_first_sign_in_of_all_is_taken_up_too_and_a_configured_token_is_no_sign_in() {
    let (login, store, clock) = start();
    let unsigned = source(&login, store.clone(), &clock, None);
    assert!(!unsigned.adopt_new_sign_in().await.unwrap());
    assert_eq!(unsigned.token(Audience::Referrals).await.unwrap_err(), AuthError::NoRefreshToken);
    store.sign_in(NAME, SecretString::from("fresh"), None).await.unwrap();
    assert!(unsigned.adopt_new_sign_in().await.unwrap());
    login.answer(200, r#"{"access_token":"a1","expires_in":3600}"#);
    unsigned.token(Audience::Referrals).await.unwrap();

    let (login, store, clock) = start();
    login.answer(200, r#"{"access_token":"a1","expires_in":3600}"#);
    let sown = source(&login, store, &clock, Some("seed"));
    assert!(!sown.adopt_new_sign_in().await.unwrap());
    sown.token(Audience::Referrals).await.unwrap();
    assert!(!sown.adopt_new_sign_in().await.unwrap());
}

#[tokio::test]
async fn consent_that_one_service_lacks_does_not_stop_the_other() {
    let (login, store, clock) = start();
    login
        .answer(400, r#"{"error":"invalid_grant","error_codes":[65001]}"#)
        .answer(200, r#"{"access_token":"a1","expires_in":3600}"#);
    let source = source(&login, store, &clock, Some("seed"));
    let error = source.token(Audience::Webhooks).await.unwrap_err();
    assert_eq!(error, AuthError::ConsentMissing { codes: vec![65_001] });
    assert!(error.next_step().unwrap().contains("Grant admin consent"));
    source.token(Audience::Referrals).await.unwrap();
}

#[tokio::test]
async fn a_token_is_renewed_although_nobody_needs_it() {
    let (login, store, clock) = start();
    login
        .answer(200, r#"{"access_token":"a1","expires_in":3600,"refresh_token":"r1"}"#)
        .answer(200, r#"{"access_token":"a2","expires_in":3600,"refresh_token":"r2"}"#);
    let source = source(&login, store.clone(), &clock, Some("seed"));
    source.token(Audience::Referrals).await.unwrap();
    source.renew().await.unwrap();
    assert_eq!(stored(&*store).await, "r2");
    assert_eq!(source.token(Audience::Referrals).await.unwrap().expose_secret(), "a2");
}

// ── Claims challenges ───────────────────────────────────────────────────────────────────────────────────────────────

const DEMAND: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

fn challenged() -> http::Response<bytes::Bytes> {
    use base64::Engine as _;
    let claims = base64::engine::general_purpose::STANDARD.encode(DEMAND);
    let header = format!(r#"Bearer error="insufficient_claims", claims="{claims}""#);
    crate::platform::answer(403, &[("WWW-Authenticate", &header)], "")
}

#[tokio::test]
async fn a_challenge_is_first_answered_by_a_refresh_that_asks_for_the_claims() {
    let world = crate::platform::World::with_tokens(&["access-1", "access-2"]);
    world.api.tell(Ok(challenged())).answer(200, r#"{"value":[]}"#);
    let query = partner_center::ListQuery::new();
    world.client.list(crate::platform::now_lane(), &query).await.unwrap();
    let second = form(&world.login, 1);
    let claims = url::form_urlencoded::parse(second.as_bytes()).find(|(name, _)| name == "claims").unwrap();
    assert_eq!(claims.1, DEMAND);
    assert_eq!(world.api.last().headers()["authorization"], "Bearer access-2");
}

#[tokio::test]
async fn a_challenge_that_a_refresh_does_not_end_becomes_a_persons_problem_and_is_kept_for_the_next_sign_in()
{
    let (login, store, clock) = start();
    let api = Script::default();
    for token in ["a1", "a2"] {
        login.answer(200, &format!(r#"{{"access_token":"{token}","expires_in":3600}}"#));
    }
    let tokens = Arc::new(source(&login, store.clone(), &clock, Some("seed")));
    let client = partner_center::Client::new(
        api.service(),
        Arc::clone(&tokens),
        clock.clone(),
        Arc::new(ports::SystemRng),
        Arc::new(ports::Unlimited),
        partner_center::ClientConfig::default(),
    );
    api.tell(Ok(challenged())).tell(Ok(challenged()));
    let query = partner_center::ListQuery::new();
    let error = client.list(crate::platform::now_lane(), &query).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Person);
    let partner_center::Error::Auth { source, .. } = &error else { panic!("{error}") };
    assert!(source.next_step().unwrap().contains("cosell login partner-center"), "{source}");
    assert_eq!(tokens.facts().await.unwrap().unwrap().challenge.as_deref(), Some(DEMAND));
    // It is not hammered.
    client.list(crate::platform::now_lane(), &query).await.unwrap_err();
    assert_eq!((api.asked().len(), login.asked().len()), (2, 2));
    // A sign-in answers it.
    store.sign_in(NAME, SecretString::from("fresh"), None).await.unwrap();
    assert_eq!(tokens.facts().await.unwrap().unwrap().challenge, None);
}
