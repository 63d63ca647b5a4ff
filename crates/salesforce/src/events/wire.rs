//! The port to the server of events: what is asked and answered, without gRPC. A simulation answers it in memory.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{EventsError, Interruption, Start, Topic};
use crate::OrgId;

/// What every question carries (salesforce reference, section 4.3).
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The session's token.
    pub token: SecretString,
    /// The instance that granted it, without a path.
    pub instance: String,
    /// The org.
    pub org_id: OrgId,
}

/// What the server says of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFacts {
    /// The schema that its events are written with at present; empty where several objects share the topic.
    pub schema_id: String,
    /// Whether this user may subscribe.
    pub can_subscribe: bool,
}

/// What asks for events. Topic and start are read from a stream's first request only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The topic.
    pub topic: Topic,
    /// Where to begin.
    pub start: Start,
    /// How many events to send.
    pub credit: u32,
}

/// Some events, or none and a newer position.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fetched {
    /// The events, in their order.
    pub events: Vec<RawEvent>,
    /// The newest position of the topic.
    pub latest: Vec<u8>,
    /// What the server still owes of the credit, as it counts.
    pub pending: i32,
}

/// One event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEvent {
    /// The event's position.
    pub replay_id: Vec<u8>,
    /// The schema of the payload.
    pub schema_id: String,
    /// One Avro datum.
    pub payload: Vec<u8>,
}

/// Why there is no answer, or no more of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireError {
    /// No answer came.
    Interrupted(Interruption),
    /// The server refused: gRPC status, and the `error-code` of the trailers if there was one (section 4.6).
    Refused {
        /// The gRPC status by number.
        status: i32,
        /// The code, cut to a printable length; empty if there was none.
        code: String,
    },
    /// The answer is longer than allowed, or none of this protocol.
    Unreadable(&'static str),
}

impl WireError {
    /// Whether a new session may help.
    pub(super) fn refuses_the_session(&self) -> bool {
        self.meaning() == EventsError::Unauthenticated
    }

    /// Whether the server does not know what it was asked for.
    pub(super) fn knows_not(&self) -> bool {
        const INVALID_ARGUMENT: i32 = 3;
        matches!(
            self.meaning(),
            EventsError::TopicMissing { .. } | EventsError::Refused { status: INVALID_ARGUMENT, .. }
        )
    }

    /// What it means of a question that has no topic.
    fn meaning(&self) -> EventsError {
        EventsError::of(self.clone(), &Topic::all(), false)
    }
}

/// The server of events, whoever plays it.
#[async_trait]
pub trait EventWire: Send + Sync + 'static {
    /// Asks for a topic. Bounded by a deadline.
    async fn topic(&self, credentials: &Credentials, topic: &Topic) -> Result<TopicFacts, WireError>;

    /// Asks for a schema, as JSON text. Bounded by a deadline.
    async fn schema(&self, credentials: &Credentials, schema_id: &str) -> Result<String, WireError>;

    /// Opens a stream with its first request. Does not wait for an answer: a server may say nothing before the first
    /// event.
    fn subscribe(self: Arc<Self>, credentials: Credentials, first: Fetch) -> Box<dyn EventStream>;
}

/// One open stream.
#[async_trait]
pub trait EventStream: Send {
    /// Asks for `credit` more events. A stream that is over says so at the next [`EventStream::receive`].
    fn fetch(&mut self, credit: u32);

    /// The next answer; `None` when the server ended the stream. Giving up the wait loses nothing.
    async fn receive(&mut self) -> Option<Result<Fetched, WireError>>;
}
