//! Change events of the org, in seconds, over the Pub/Sub API (salesforce reference, section 4).
//!
//! A commit in the org becomes an event, and an event a line on a stream that the client holds open. The story of one:
//!
//! 1. [`Events::open`] asks for the topic, so that one that is missing or closed is told at once, and for the schema
//!    that its events are written with at present, because the first question for a schema takes about a second. Then
//!    it opens the stream, with a hundred events of credit, behind the position that the caller kept ([`Start`]).
//! 2. [`Subscription::next`] hands over what comes, one answer of the server's at a time, as a [`Batch`]: events, and
//!    the position behind them. The position is opaque ([`ReplayId`]); whoever commits what the events led to commits it
//!    along. An answer without events moves the position, too: a position that stands still is lost after 72 hours.
//! 3. Asking for more says that the last batch is dealt with. Only then, and only when nothing is owed any more, the
//!    server is given new credit (`flow`): a slow consumer is its own brake, and a burst of a thousand events takes ten
//!    requests.
//! 4. Each event names its schema, which changes whenever the object's fields do; schemas are kept by name, each asked
//!    for once (`schemas`), and weighed before they are believed (`schema`).
//! 5. A payload is read to its last byte (`datum`): one that is cut is refused, never filled up with nulls. What changed
//!    is in the header's [bitmaps](bitmap); the body holds every field, most of them null, and a null means nothing
//!    unless a bitmap names the field ([`ChangeEvent::value`]).
//! 6. An event that cannot be read stops nothing: it is named ([`EventsError::Undecodable`]), its records are for the
//!    caller to look at, and the subscription goes on behind it.
//!
//! A stream ends now and then, and may also die without a word: the connection is asked for a sign of life every half
//! minute, and a stream that says nothing for five minutes, though it owes events, is given up. Every end has a reason
//! ([`EventsError`]), and every reason a next step: open again later behind the last position; poll, because the
//! allowance is spent; compare everything, because the position is lost. A session that is refused is replaced once,
//! inside, by the client's own: everything shares one sign-in.
//!
//! Reading events costs no call of the org's allowance, so it takes no place in the budget of calls: its own bounds are
//! one stream a subscription, the credit, and a deadline for each question.
//!
//! What waits here waits by the client's clock, and speaks through [`EventWire`]: a simulation drives the same
//! subscription without a socket ([`Events::over`]).

pub mod bitmap;
mod change;
mod channel;
mod config;
mod datum;
mod decode;
mod error;
mod flow;
mod position;
mod schema;
mod schemas;
mod subscription;
mod topic;
mod value;
mod wire;

use std::{sync::Arc, time::Duration};

use futures::FutureExt as _;
use ports::Clock;

use channel::GrpcWire;
use flow::Flow;
use schemas::Schemas;

pub use change::{ChangeEvent, ChangeKind, Origin, Records};
pub use config::{DEFAULT_ENDPOINT, EventsConfig, EventsLimits, MAX_CREDIT};
pub use error::{EventsError, Interruption, Unreadable};
pub use position::{InvalidReplayId, ReplayId, Start};
pub use schema::EventSchema;
pub use schemas::SchemaId;
pub use subscription::{Batch, Subscription};
pub use topic::{InvalidTopic, Topic};
pub use value::Value;
pub use wire::{Credentials, EventStream, EventWire, Fetch, Fetched, RawEvent, TopicFacts, WireError};

use crate::{Client, Misuse, login::Session};

/// The types of the contract, as they are on the wire.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated")]
mod proto {
    tonic::include_proto!("eventbus.v1");
}

/// The events of one org. Cheap to clone; clones share the connection and the kept schemas.
#[derive(Clone)]
pub struct Events {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    wire: Arc<dyn EventWire>,
    schemas: Arc<Schemas>,
    limits: EventsLimits,
}

impl Events {
    /// Checks the configuration; calls nobody yet. Sessions are the client's.
    pub fn new(client: &Client, config: &EventsConfig) -> Result<Self, Misuse> {
        let wire = Arc::new(GrpcWire::new(config, Arc::clone(client.clock()))?);
        Self::over(client, wire, config.limits)
    }

    /// The same over any wire: a simulation, or a test.
    pub fn over(client: &Client, wire: Arc<dyn EventWire>, limits: EventsLimits) -> Result<Self, Misuse> {
        if !(1..=MAX_CREDIT).contains(&limits.credit) {
            return Err(Misuse::Configuration("the credit of change events is 1 to 100"));
        }
        let waits = [
            limits.connect_deadline,
            limits.deadline,
            limits.keepalive,
            limits.keepalive_deadline,
            limits.watchdog,
        ];
        if waits.iter().any(Duration::is_zero) {
            return Err(Misuse::Configuration("no wait of change events may be zero"));
        }
        let schemas = Arc::new(Schemas::new(limits.max_schemas));
        Ok(Self { shared: Arc::new(Shared { client: client.clone(), wire, schemas, limits }) })
    }

    /// Asks for the topic and its present schema, then opens a subscription. What the server says of `start` is told
    /// by the first [`Subscription::next`].
    pub async fn open(&self, topic: &Topic, start: Start) -> Result<Subscription, EventsError> {
        let (facts, session) = self.allowed(topic).await?;
        if let Some(id) = SchemaId::new(&facts.schema_id) {
            // The first question for a schema takes about a second; what is wrong with it, its events will tell.
            let _ = self.schema(&id, topic).await?;
        }
        Ok(Subscription::open(self.clone(), topic.clone(), start, session))
    }

    /// Asks whether this user may listen to `topic`, and opens nothing.
    ///
    /// # Errors
    /// [`EventsError::TopicMissing`] and [`EventsError::TopicDenied`] are the answers; any other says that there is none.
    pub async fn may_open(&self, topic: &Topic) -> Result<(), EventsError> {
        self.allowed(topic).await.map(drop)
    }

    async fn allowed(&self, topic: &Topic) -> Result<(TopicFacts, Arc<Session>), EventsError> {
        let (facts, session) = self
            .asking(|credentials| async move { self.shared.wire.topic(&credentials, topic).await })
            .await
            .map_err(|failure| failure.of(topic))?;
        if facts.can_subscribe {
            Ok((facts, session))
        } else {
            Err(EventsError::TopicDenied { topic: topic.clone() })
        }
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.shared.client.clock()
    }

    fn limits(&self) -> &EventsLimits {
        &self.shared.limits
    }

    fn flow(&self) -> Flow {
        Flow::new(self.shared.limits.credit, self.shared.limits.watchdog)
    }

    fn stream(&self, session: &Session, topic: &Topic, start: &Start) -> Box<dyn EventStream> {
        let first = Fetch { topic: topic.clone(), start: start.clone(), credit: self.shared.limits.credit };
        Arc::clone(&self.shared.wire).subscribe(credentials(session), first)
    }

    /// The session that replaces a dead one.
    async fn session_after(&self, dead: &Arc<Session>) -> Result<Arc<Session>, EventsError> {
        Ok(self.shared.client.session(Some(dead)).await?)
    }

    /// Asks with the present session, and once more with a new one if it is refused.
    async fn asking<T, F>(&self, ask: impl Fn(Credentials) -> F) -> Result<(T, Arc<Session>), Failure>
    where
        F: Future<Output = Result<T, WireError>>,
    {
        let session = self.shared.client.session(None).await.map_err(Failure::Login)?;
        match ask(credentials(&session)).await {
            Err(error) if error.refuses_the_session() => {}
            answer => return answer.map(|answer| (answer, session)).map_err(Failure::Wire),
        }
        let session = self.shared.client.session(Some(&session)).await.map_err(Failure::Login)?;
        ask(credentials(&session)).await.map(|answer| (answer, session)).map_err(Failure::Wire)
    }

    /// Decodes an event with its own schema.
    async fn decode(&self, raw: &RawEvent, topic: &Topic) -> Result<ChangeEvent, EventsError> {
        let replay_id = subscription::position(&raw.replay_id)?;
        let schema_id =
            SchemaId::new(&raw.schema_id).ok_or(EventsError::Protocol("an event names no schema"))?;
        self.schema(&schema_id, topic)
            .await?
            .and_then(|schema| ChangeEvent::read(&schema, replay_id.clone(), &raw.payload))
            .map_err(|reason| EventsError::Undecodable { replay_id, schema_id, reason })
    }

    async fn schema(&self, id: &SchemaId, topic: &Topic) -> Result<schemas::Read, EventsError> {
        let fetch = || {
            let (events, id, topic) = (self.clone(), id.clone(), topic.clone());
            async move { events.fetch_schema(&id, &topic).await }.boxed()
        };
        self.shared.schemas.get(id, fetch).await
    }

    async fn fetch_schema(&self, id: &SchemaId, topic: &Topic) -> Result<schemas::Read, EventsError> {
        let asked = self
            .asking(|credentials| async move { self.shared.wire.schema(&credentials, id.as_str()).await })
            .await;
        match asked {
            Ok((text, _)) => Ok(EventSchema::read(&text).map(Arc::new)),
            Err(Failure::Wire(error)) if error.knows_not() => Ok(Err(Unreadable::SchemaMissing)),
            Err(failure) => Err(failure.of(topic)),
        }
    }
}

/// Why a question got no answer.
enum Failure {
    Login(crate::Error),
    Wire(WireError),
}

impl Failure {
    fn of(self, topic: &Topic) -> EventsError {
        match self {
            Self::Login(error) => EventsError::Login(error),
            Self::Wire(error) => EventsError::of(error, topic, false),
        }
    }
}

fn credentials(session: &Session) -> Credentials {
    Credentials { token: session.token.clone(), instance: session.instance.clone(), org_id: session.org_id }
}
