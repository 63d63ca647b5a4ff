//! A scripted platform: answers what a test tells it and keeps what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use partner_center::{CallContext, Client, ClientConfig, TokenConfig, TokenSource};
use ports::{
    Admission, Budget, Clock, HttpService, Lane, MemoryTokenStore, Outcome as Ended, Permit, Platform,
    SystemRng, TokenStore, TransportError, Usage,
};
use secrecy::SecretString;
use tower::{service_fn, util::BoxCloneSyncService};

pub(crate) const TOKEN_URL: &str = "https://login.example/tenant/oauth2/v2.0/token";
pub(crate) const ID: &str = "7a1c0000-0000-4000-8000-0000000000a1";

pub(crate) type Outcome = Result<Response<Bytes>, TransportError>;

/// Answers one request after the other, in the order told; one that nobody told of is a failure of the test.
#[derive(Clone, Default)]
pub(crate) struct Script {
    outcomes: Arc<Mutex<VecDeque<Outcome>>>,
    asked: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Script {
    pub(crate) fn tell(&self, outcome: Outcome) -> &Self {
        self.outcomes.lock().unwrap().push_back(outcome);
        self
    }

    pub(crate) fn answer(&self, status: u16, body: &str) -> &Self {
        self.tell(Ok(answer(status, &[], body)))
    }

    pub(crate) fn asked(&self) -> Vec<Request<Bytes>> {
        self.asked.lock().unwrap().iter().map(clone_request).collect()
    }

    pub(crate) fn last(&self) -> Request<Bytes> {
        self.asked().pop().expect("the platform was asked")
    }

    pub(crate) fn service(&self) -> HttpService {
        let script = self.clone();
        BoxCloneSyncService::new(service_fn(move |request: Request<Bytes>| {
            let script = script.clone();
            async move {
                // Lets other callers run in between, as a socket would.
                tokio::task::yield_now().await;
                let shown = format!("{} {}", request.method(), request.uri());
                script.asked.lock().unwrap().push(request);
                let outcome = script.outcomes.lock().unwrap().pop_front();
                outcome.unwrap_or_else(|| panic!("nobody told what to answer to {shown}"))
            }
        }))
    }
}

fn clone_request(request: &Request<Bytes>) -> Request<Bytes> {
    let mut copy = Request::new(request.body().clone());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    copy
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut response = Response::builder().status(status).header("Date", "Mon, 02 Nov 2026 09:14:08 GMT");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

/// A clock that a sleep moves on.
pub(crate) struct HandClock(Mutex<Timestamp>);

impl HandClock {
    pub(crate) fn at(text: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(text.parse().unwrap())))
    }

    pub(crate) fn advance(&self, duration: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(duration).unwrap();
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

/// A budget that answers what it is told and keeps what it was told.
#[derive(Default)]
pub(crate) struct HandBudget {
    /// How long to wait before asking again, for each of the next questions; then there is always a place.
    pub(crate) waits: Mutex<VecDeque<Duration>>,
    pub(crate) pauses: Mutex<Vec<Timestamp>>,
    /// Each question: its lane, and how long it was ready to wait.
    pub(crate) asked: Mutex<Vec<(Lane, Duration)>>,
    /// How the calls that had a place ended.
    pub(crate) ended: Arc<Mutex<Vec<Ended>>>,
}

#[async_trait]
impl Budget for HandBudget {
    async fn admit(&self, _: Platform, lane: Lane, within: Duration) -> Admission {
        self.asked.lock().unwrap().push((lane, within));
        if let Some(wait) = self.waits.lock().unwrap().pop_front() {
            return Admission::Wait(wait);
        }
        let ended = Arc::clone(&self.ended);
        Admission::Granted(Permit::new(move |outcome| ended.lock().unwrap().push(outcome)))
    }

    async fn observe(&self, _: Platform, _: Usage) {}

    async fn pause_until(&self, _: Platform, until: Timestamp) {
        self.pauses.lock().unwrap().push(until);
    }
}

/// A client with everything around it at hand.
pub(crate) struct World {
    /// Answers the API's calls.
    pub(crate) api: Script,
    /// Answers the token calls.
    pub(crate) login: Script,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) budget: Arc<HandBudget>,
    pub(crate) client: Client,
}

impl World {
    /// A world that hands out one access token for each of `tokens`.
    pub(crate) fn with_tokens(tokens: &[&str]) -> Self {
        let (api, login) = (Script::default(), Script::default());
        for token in tokens {
            login.answer(200, &format!(r#"{{"access_token":"{token}","expires_in":3600}}"#));
        }
        let clock = HandClock::at("2026-11-02T09:14:00Z");
        let budget = Arc::new(HandBudget::default());
        let source = source(&login, Arc::new(MemoryTokenStore::default()), &clock, Some("seed"));
        let config = ClientConfig { caller_id: Some("cosell".to_owned()), ..ClientConfig::default() };
        let rng = Arc::new(SystemRng);
        let client = Client::new(api.service(), Arc::new(source), clock.clone(), rng, budget.clone(), config);
        Self { api, login, clock, budget, client }
    }

    pub(crate) fn new() -> Self {
        Self::with_tokens(&["access-1"])
    }
}

pub(crate) fn source(
    login: &Script,
    store: Arc<dyn TokenStore>,
    clock: &Arc<HandClock>,
    seed: Option<&str>,
) -> TokenSource {
    let config = TokenConfig { seed: seed.map(SecretString::from), ..TokenConfig::new(TOKEN_URL, "app") };
    TokenSource::new(login.service(), store, clock.clone(), Arc::new(SystemRng), config)
}

pub(crate) fn now_lane() -> CallContext {
    CallContext::new(Lane::Now)
}
