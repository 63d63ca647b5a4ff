//! The watch under a paused clock: days pass in no time.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use partner_center::TokenConfig;
use ports::{HttpService, MemoryTokenStore, SystemRng, TokenStore, TransportError};
use secrecy::{ExposeSecret as _, SecretString};
use store::{Options, SqliteStore};
use tokio::time::{Instant, advance, sleep};
use tower::{service_fn, util::BoxCloneSyncService};

use super::*;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Time as the paused runtime counts it.
struct PausedClock(Instant);

#[async_trait]
impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.0.elapsed()).unwrap();
        "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + passed
    }

    async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
    }
}

/// What the identity platform does.
#[derive(Default)]
struct Platform {
    refreshes: Mutex<u32>,
    posts: AtomicU32,
    is_down: AtomicBool,
    is_revoked: AtomicBool,
}

impl Platform {
    fn service(self: &Arc<Self>) -> HttpService {
        let platform = Arc::clone(self);
        BoxCloneSyncService::new(service_fn(move |_: Request<Bytes>| {
            let platform = Arc::clone(&platform);
            async move { platform.answer() }
        }))
    }

    fn answer(&self) -> Result<Response<Bytes>, TransportError> {
        self.posts.fetch_add(1, Ordering::Relaxed);
        if self.is_down.load(Ordering::Relaxed) {
            return Err(TransportError::Connect {
                host: "login.example".to_owned(),
                reason: "refused".to_owned(),
            });
        }
        if self.is_revoked.load(Ordering::Relaxed) {
            let body = r#"{"error":"invalid_grant","error_codes":[50173]}"#;
            return Ok(Response::builder().status(400).body(Bytes::from(body)).unwrap());
        }
        let mut refreshes = self.refreshes.lock().unwrap();
        *refreshes += 1;
        let body =
            format!(r#"{{"access_token":"a{0}","expires_in":3600,"refresh_token":"r{0}"}}"#, *refreshes);
        Ok(Response::new(Bytes::from(body)))
    }

    fn refreshes(&self) -> u32 {
        *self.refreshes.lock().unwrap()
    }
}

/// A service that nobody needs: it watches, and nothing else.
struct Idle {
    platform: Arc<Platform>,
    tokens: Arc<MemoryTokenStore>,
    source: Arc<TokenSource>,
    store: Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
    _folder: tempfile::TempDir,
}

impl Idle {
    /// Somebody signed in just now.
    async fn signed_in() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(PausedClock(Instant::now()));
        let platform = Arc::new(Platform::default());
        let tokens = Arc::new(MemoryTokenStore::dated_by(Arc::clone(&clock)));
        tokens.sign_in(TokenConfig::STORE_NAME, SecretString::from("r0"), None).await.unwrap();
        let source = Arc::new(TokenSource::new(
            platform.service(),
            Arc::clone(&tokens) as Arc<dyn TokenStore>,
            Arc::clone(&clock),
            Arc::new(SystemRng),
            TokenConfig::new("https://login.example/t/oauth2/v2.0/token", "app"),
        ));
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("s.db"), Options::default()).unwrap());
        Self { platform, tokens, source, store, clock, _folder: folder }
    }

    fn watch(&self, probes: Vec<Arc<dyn Probe>>) {
        let watch = ConnectionWatch {
            tokens: Arc::clone(&self.source),
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            clock: Arc::clone(&self.clock),
            probes,
            times: SignInTimes::default(),
            salesforce_certificate_ends: None,
        };
        tokio::spawn(watch.run());
    }

    async fn token(&self) -> String {
        self.tokens.load(TokenConfig::STORE_NAME).await.unwrap().unwrap().secret.expose_secret().to_owned()
    }

    async fn problems(&self) -> Vec<(String, String, String)> {
        let problems = self.store.connection_problems().await.unwrap();
        problems.into_iter().map(|problem| (problem.key, problem.sentence, problem.next_step)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_service_renews_its_sign_in_after_a_week_and_again_a_week_later() {
    let idle = Idle::signed_in().await;
    advance(6 * DAY + 23 * HOUR).await;
    idle.watch(Vec::new());
    sleep(HOUR / 2).await;
    assert_eq!((idle.platform.refreshes(), idle.token().await.as_str()), (0, "r0"), "six days are no age");
    sleep(HOUR).await;
    assert_eq!((idle.platform.refreshes(), idle.token().await.as_str()), (1, "r1"));
    advance(6 * DAY + 23 * HOUR).await;
    sleep(2 * HOUR).await;
    assert_eq!((idle.platform.refreshes(), idle.token().await.as_str()), (2, "r2"));
    assert_eq!(idle.problems().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_cannot_be_renewed_is_told_two_weeks_before_its_end_and_is_over_when_it_can() {
    let idle = Idle::signed_in().await;
    idle.platform.is_down.store(true, Ordering::Relaxed);
    advance(75 * DAY + 23 * HOUR).await;
    idle.watch(Vec::new());
    sleep(HOUR / 2).await;
    assert_eq!(idle.problems().await, [], "14 days and more are left");
    sleep(HOUR).await;
    let problems = idle.problems().await;
    let [(key, sentence, next)] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!(key, AGE_PROBLEM);
    assert!(sentence.contains("ends in 13 days") && sentence.contains("login.example"), "{sentence}");
    assert!(next.contains("cosell login partner-center"), "{next}");
    idle.platform.is_down.store(false, Ordering::Relaxed);
    sleep(2 * TRY_AGAIN_AFTER).await;
    assert_eq!(idle.problems().await, [], "it is over by itself");
    assert_eq!(idle.token().await, "r1");
}

#[tokio::test(start_paused = true)]
async fn a_dead_sign_in_that_nobody_mends_for_a_week_is_asked_about_once_a_minute_at_most() {
    for probes in [0, 2] {
        let idle = Idle::signed_in().await;
        idle.platform.is_revoked.store(true, Ordering::Relaxed);
        advance(8 * DAY).await;
        let probe = || Arc::new(NeedsToken(Arc::clone(&idle.source))) as Arc<dyn Probe>;
        idle.watch((0..probes).map(|_| probe()).collect());
        // Without a wait between two looks the paused clock would stand still: this would not end.
        sleep(HOUR).await;
        let posts = idle.platform.posts.load(Ordering::Relaxed);
        assert!((1..=62).contains(&posts), "{posts} with {probes}");
    }
}

/// Asks for a token, as every call does.
struct NeedsToken(Arc<TokenSource>);

#[async_trait]
impl Probe for NeedsToken {
    fn key(&self) -> &'static str {
        REFERRALS_CONNECTION
    }

    fn name(&self) -> &'static str {
        "Partner Center referrals"
    }

    async fn probe(&self) -> Seen {
        match self.0.token(partner_center::Audience::Referrals).await {
            Ok(_) => Seen::Works("a token".to_owned()),
            Err(error) => Seen::NeedsPerson(error.to_string(), error.next_step().unwrap().to_owned()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_that_any_call_meets_is_told_at_once_and_a_new_sign_in_ends_it_within_seconds() {
    let idle = Idle::signed_in().await;
    idle.watch(vec![Arc::new(NeedsToken(Arc::clone(&idle.source)))]);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(idle.problems().await, []);
    idle.platform.is_revoked.store(true, Ordering::Relaxed);
    // Somebody else's call is refused, long before the watch would have tried.
    let audience = partner_center::Audience::Referrals;
    idle.source.refused(audience, &idle.source.token(audience).await.unwrap());
    idle.source.token(audience).await.unwrap_err();
    sleep(Duration::from_millis(1)).await;
    let problems = idle.problems().await;
    assert!(problems.len() == 1 && problems[0].1.contains("revoked"), "{problems:?}");

    idle.platform.is_revoked.store(false, Ordering::Relaxed);
    idle.tokens.sign_in(TokenConfig::STORE_NAME, SecretString::from("fresh"), None).await.unwrap();
    sleep(2 * LOOK_EVERY).await;
    assert_eq!(idle.problems().await, []);
    assert_eq!(idle.store.connections_worked().await.unwrap().len(), 1);
}
