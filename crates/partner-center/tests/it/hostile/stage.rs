//! A client with the shipped transport and budget, and its four calls.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use partner_center::{
    Client, ClientConfig, Error, Limits, ListQuery, NewReferral, PatchOperation, ReferralId, TokenConfig,
    TokenSource,
};
use ports::{HttpService, MemoryTokenStore, Platform, RetryClass, SystemClock, SystemRng, http_service};
use secrecy::SecretString;
use serde_json::json;
use service::{BudgetSettings, SharedBudget, outbound};
use tower::service_fn;

use crate::{
    hostile::server::Server,
    platform::{ID, now_lane},
};

/// How long a call may take against a server that answers.
pub(crate) const PATIENT: Duration = Duration::from_secs(10);
/// How long it may take against one that never ends.
pub(crate) const HASTY: Duration = Duration::from_millis(500);
/// The shortest delay that the client keeps to.
pub(crate) const SHORTEST_DELAY: Duration = Duration::from_secs(5);
/// What a loaded machine may add.
const MARGIN: Duration = Duration::from_secs(5);
/// The secret that must reach no other host.
pub(crate) const TOKEN: &str = "access-token-of-this-test";
/// Longest answer the client takes.
pub(crate) const MAX_ANSWER: usize = 256 * 1024;

/// A client of one server, and the budget it spends.
pub(crate) struct Stage {
    pub(crate) client: Client,
    pub(crate) budget: SharedBudget,
    deadline: Duration,
}

/// The shipped way out to the network.
pub(crate) fn network() -> HttpService {
    outbound(Arc::new(SystemClock)).unwrap()
}

impl Stage {
    /// A client that believes `server` to be the platform.
    pub(crate) fn of(server: &Server) -> Self {
        Self::over(&network(), server, PATIENT)
    }

    /// The same over a network at hand, whose calls may take `deadline`.
    pub(crate) fn over(network: &HttpService, server: &Server, deadline: Duration) -> Self {
        let clock = Arc::new(SystemClock);
        let budget = SharedBudget::new(clock.clone(), BudgetSettings::default());
        let config = ClientConfig {
            api_url: format!("http://{}/v1.0/engagements", server.address),
            limits: Limits {
                deadline,
                max_answer_bytes: MAX_ANSWER,
                max_page_bytes: MAX_ANSWER,
                max_pages: 20,
                max_admission_wait: Duration::from_millis(200),
                // Long enough that no slow machine outlasts it.
                min_retry_after: SHORTEST_DELAY,
                ..Limits::default()
            },
            ..ClientConfig::default()
        };
        let client = Client::new(
            network.clone(),
            Arc::new(tokens()),
            clock,
            Arc::new(SystemRng),
            Arc::new(budget.clone()),
            config,
        );
        Self { client, budget, deadline }
    }

    /// Makes one call of each kind, and demands that it ends in time.
    pub(crate) async fn call(&self, what: Call) -> Result<(), Error> {
        let began = Instant::now();
        let (client, context) = (&self.client, now_lane());
        let outcome = match what {
            Call::Get => client.get(context, id()).await.map(drop),
            Call::List => client.list(context, &ListQuery::new()).await.map(drop),
            Call::Create => client.create(context, &new_referral()).await.map(drop),
            Call::Patch => client.patch(context, id(), &[change()], None).await.map(drop),
        };
        assert!(began.elapsed() < self.deadline + MARGIN, "{what:?} took {:?}", began.elapsed());
        let learnt = self.budget.learnt(Platform::PartnerCenter);
        assert_eq!(learnt.in_flight, 0, "{what:?} gave its place back");
        outcome
    }

    /// Until when the budget keeps everybody from calling.
    pub(crate) fn paused_until(&self) -> Option<Timestamp> {
        self.budget.learnt(Platform::PartnerCenter).paused_until
    }
}

/// The four kinds of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Get,
    List,
    Create,
    Patch,
}

pub(crate) const CALLS: [Call; 4] = [Call::Get, Call::List, Call::Create, Call::Patch];

/// What a caller is told, in one word.
pub(crate) fn class(outcome: &Result<(), Error>) -> Option<RetryClass> {
    outcome.as_ref().err().map(Error::class)
}

pub(crate) fn id() -> ReferralId {
    ID.parse().unwrap()
}

/// A new referral that names a person.
pub(crate) fn new_referral() -> NewReferral {
    let person = json!([{ "firstName": "Jo", "lastName": "Kunde", "email": "jo.kunde@northwind.example" }]);
    NewReferral::from_json(json!({ "name": "Deal", "customerProfile": { "team": person } })).unwrap()
}

pub(crate) fn change() -> PatchOperation {
    PatchOperation::replace("/details/notes", json!("Jo Kunde called"))
}

fn tokens() -> TokenSource {
    let mut config = TokenConfig::new("https://login.example/token", "app");
    config.seed = Some(SecretString::from("seed"));
    let store = Arc::new(MemoryTokenStore::default());
    TokenSource::new(login(), store, Arc::new(SystemClock), Arc::new(SystemRng), config)
}

/// An identity platform that always hands out the same token.
fn login() -> HttpService {
    http_service(service_fn(|_: Request<Bytes>| async {
        let body = format!(r#"{{"access_token":"{TOKEN}","expires_in":3600}}"#);
        Ok::<_, Infallible>(Response::new(Bytes::from(body)))
    }))
}
