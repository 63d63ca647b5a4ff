//! A scripted server: grants sessions by itself, gives the other answers in the order they were put in.

use std::{
    collections::VecDeque,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use ports::{Admission, Budget, Clock, HttpService, Lane, Permit, Platform, Rng, TransportError, Usage};
use salesforce::{CallContext, Client, ClientConfig, LoginConfig};
use secrecy::SecretString;
use tower::util::BoxCloneSyncService;

pub(crate) const ORG: &str = "00D50000000IZ3ZEAW";
pub(crate) const USER: &str = "00550000001fg5OAAQ";
/// The server's time; differs from the client's clock, so that a test sees which one was taken.
pub(crate) const SERVER_DATE: &str = "Sun, 22 Nov 2026 06:00:00 GMT";
pub(crate) const NOW: &str = "2026-11-22T07:00:00Z";

pub(crate) type Scripted = Result<Response<Bytes>, TransportError>;

pub(crate) struct Stub {
    script: Mutex<VecDeque<Scripted>>,
    /// The answers to logins, before grants are given freely.
    pub(crate) logins: Mutex<VecDeque<Scripted>>,
    pub(crate) seen: Mutex<Vec<Request<Bytes>>>,
    pub(crate) grants: AtomicU64,
    pub(crate) now: Mutex<Timestamp>,
    pub(crate) slept: Mutex<Vec<Duration>>,
    /// How long to wait before asking again, for each of the next questions; then there is always a place.
    pub(crate) waits: Mutex<VecDeque<Duration>>,
    /// How long each question was ready to wait.
    pub(crate) within: Mutex<Vec<Duration>>,
    pub(crate) usages: Mutex<Vec<Usage>>,
    pub(crate) pauses: Mutex<Vec<Timestamp>>,
    draws: AtomicU64,
}

impl Stub {
    pub(crate) fn new(script: impl IntoIterator<Item = Scripted>) -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::new(script.into_iter().collect()),
            logins: Mutex::default(),
            seen: Mutex::default(),
            grants: AtomicU64::new(0),
            now: Mutex::new(NOW.parse().unwrap()),
            slept: Mutex::default(),
            waits: Mutex::default(),
            within: Mutex::default(),
            usages: Mutex::default(),
            pauses: Mutex::default(),
            draws: AtomicU64::new(0),
        })
    }

    pub(crate) fn client(self: &Arc<Self>) -> Client {
        self.client_with(|_| {})
    }

    pub(crate) fn client_with(self: &Arc<Self>, change: impl FnOnce(&mut ClientConfig)) -> Client {
        let mut config = ClientConfig::new(LoginConfig::JwtBearer {
            login_url: "https://login.example/".parse().unwrap(),
            consumer_key: "consumer".into(),
            username: "user@example.com".into(),
            audience: "https://login.salesforce.com".into(),
            private_key: KEYS.0.clone(),
        });
        change(&mut config);
        Client::new(self.http(), self.clone(), self.clone(), self.clone(), config).unwrap()
    }

    pub(crate) fn http(self: &Arc<Self>) -> HttpService {
        let stub = Arc::clone(self);
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let stub = Arc::clone(&stub);
            async move {
                // A real server takes a while: others get their turn meanwhile.
                tokio::task::yield_now().await;
                stub.answer(request)
            }
        }))
    }

    fn answer(&self, request: Request<Bytes>) -> Scripted {
        let login = request.uri().path() == "/services/oauth2/token";
        self.seen.lock().unwrap().push(request);
        if !login {
            return self
                .script
                .lock()
                .unwrap()
                .pop_front()
                .expect("the script has an answer for each request");
        }
        if let Some(answer) = self.logins.lock().unwrap().pop_front() {
            return answer;
        }
        let number = self.grants.fetch_add(1, Ordering::SeqCst) + 1;
        grant(number, ORG)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: u64) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(Duration::from_secs(seconds)).unwrap();
    }

    /// The requests but for logins.
    pub(crate) fn calls(&self) -> Vec<Request<Bytes>> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|request| request.uri().path() != "/services/oauth2/token").cloned().collect()
    }

    pub(crate) fn last(&self) -> Request<Bytes> {
        self.calls().pop().expect("a call was made")
    }
}

pub(crate) fn grant(number: u64, org: &str) -> Scripted {
    let body = format!(
        r#"{{"access_token":"token-{number}","instance_url":"https://instance-{number}.example",
            "id":"https://login.salesforce.com/id/{org}/{USER}","token_type":"Bearer","issued_at":"1"}}"#
    );
    answer(200, body)
}

pub(crate) fn answer(status: u16, body: impl Into<Bytes>) -> Scripted {
    answer_with(status, body, &[])
}

#[allow(clippy::unnecessary_wraps, reason = "it stands in a script among failures")]
pub(crate) fn answer_with(status: u16, body: impl Into<Bytes>, headers: &[(&str, &str)]) -> Scripted {
    let mut response = Response::builder().status(status).header("Date", SERVER_DATE);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body(body.into()).unwrap())
}

pub(crate) fn dead_session() -> Scripted {
    answer(401, r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#)
}

pub(crate) fn now() -> CallContext {
    CallContext::new(Lane::Now)
}

pub(crate) fn body(request: &Request<Bytes>) -> serde_json::Value {
    serde_json::from_slice(request.body()).unwrap()
}

/// A private key in PEM, and its public half as the server would hold it.
pub(crate) static KEYS: LazyLock<(SecretString, Vec<u8>)> = LazyLock::new(|| {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(der.as_ref())
    );
    (pem.into(), pair.public_key().as_ref().to_vec())
});

#[async_trait]
impl Clock for Stub {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.slept.lock().unwrap().push(duration);
        {
            let mut now = self.now.lock().unwrap();
            *now = now.checked_add(duration).unwrap();
        }
        // Whoever is waited for gets a turn.
        tokio::task::yield_now().await;
    }
}

impl Rng for Stub {
    fn next_u64(&self) -> u64 {
        u64::MAX / 2 + self.draws.fetch_add(1, Ordering::SeqCst)
    }
}

#[async_trait]
impl Budget for Stub {
    async fn admit(&self, platform: Platform, _: Lane, within: Duration) -> Admission {
        assert_eq!(platform, Platform::Salesforce);
        self.within.lock().unwrap().push(within);
        let wait = self.waits.lock().unwrap().pop_front();
        wait.map_or_else(|| Admission::Granted(Permit::free()), Admission::Wait)
    }

    async fn observe(&self, _: Platform, usage: Usage) {
        self.usages.lock().unwrap().push(usage);
    }

    async fn pause_until(&self, _: Platform, until: Timestamp) {
        self.pauses.lock().unwrap().push(until);
    }
}
