//! Why events cannot be read, and what each reason means for the next step.

use std::time::Duration;

use ports::RetryClass;

use super::{ReplayId, SchemaId, Topic, WireError};

/// Why there is no event. Tells codes, names and positions only, never a record's content or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventsError {
    /// The position is corrupted, older than what is kept, or another org's: what happened since is not known. All
    /// records must be compared before reading goes on from [`Start::Earliest`](super::Start::Earliest).
    #[error("the position in the change events is lost ({code}): everything must be compared once")]
    PositionLost {
        /// The server's code.
        code: String,
    },
    /// The org's deliveries of the last 24 hours are spent: poll until the window has moved on.
    #[error("the org's allowance of delivered events is spent for now")]
    AllowanceSpent,
    /// More subscriptions at a time than the org may have.
    #[error("too many subscriptions are open at the org")]
    TooManyStreams,
    /// The session was refused, and so was the one that replaced it.
    #[error("the events' endpoint refuses a session that was just granted")]
    Unauthenticated,
    /// The org has no such topic: the object is not selected for change events, or the edition has none.
    #[error("the org has no topic {topic}: the object is not selected for change events")]
    TopicMissing {
        /// What was asked for.
        topic: Topic,
    },
    /// The user may not read the topic; it takes *View All* on the object.
    #[error("the user may not subscribe to {topic}: it takes View All on the object")]
    TopicDenied {
        /// What was asked for.
        topic: Topic,
    },
    /// The endpoint is not reached, or the stream ended: open again after a pause, from the last position.
    #[error("the stream of change events is interrupted: {reason}")]
    Unavailable {
        /// What happened.
        reason: Interruption,
    },
    /// This one event cannot be read; the subscription goes on behind it. Its records are unknown.
    #[error("the event at {replay_id} with schema {schema_id} cannot be read: {reason}")]
    Undecodable {
        /// The event's own position.
        replay_id: ReplayId,
        /// The schema it was written with.
        schema_id: SchemaId,
        /// What is wrong with it.
        reason: Unreadable,
    },
    /// The server broke the protocol; the subscription is over.
    #[error("the server of change events broke the protocol: {0}")]
    Protocol(&'static str),
    /// The server refused with a status that no section of the reference explains.
    #[error("the server of change events refused with status {status}, code {code:?}")]
    Refused {
        /// The gRPC status, such as 13 for INTERNAL.
        status: i32,
        /// The server's code; empty if it gave none.
        code: String,
    },
    /// No session was granted.
    #[error("{0}")]
    Login(#[from] crate::Error),
}

/// How a stream came to its end, or why it did not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Interruption {
    /// No connection, or one that broke.
    #[error("no connection, or one that broke")]
    Connection,
    /// The server said that it is unavailable; it does so now and then when it is replaced.
    #[error("the server said that it is unavailable")]
    Server,
    /// The server ended the stream without an error.
    #[error("the server ended the stream")]
    Ended,
    /// No answer within the deadline.
    #[error("no answer within {0:?}")]
    Deadline(Duration),
    /// The watchdog: nothing was heard for longer than a live stream is ever silent.
    #[error("nothing was heard for {0:?}, though a live stream is never silent that long")]
    Silence(Duration),
}

/// What is wrong with an event or its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The server does not know the schema.
    #[error("the server does not know its schema")]
    SchemaMissing,
    /// The schema is longer, deeper or wider than any that is accepted, or not Avro, or describes no change event.
    #[error("its schema is refused: {0}")]
    Schema(&'static str),
    /// The payload does not fit its schema: cut, with a rest, or out of bounds.
    #[error("its payload does not fit its schema: {0}")]
    Payload(&'static str),
    /// The header does not hold what a header holds.
    #[error("its header cannot be read: {0}")]
    Header(&'static str),
}

/// What every code of the service begins with.
const CODES: &str = "sfdc.platform.eventbus.grpc.";

/// The gRPC statuses that decide where no code does.
mod status {
    pub(super) const INVALID_ARGUMENT: i32 = 3;
    pub(super) const NOT_FOUND: i32 = 5;
    pub(super) const PERMISSION_DENIED: i32 = 7;
    pub(super) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(super) const UNAUTHENTICATED: i32 = 16;
    /// CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, ABORTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
    pub(super) const PASSING: [i32; 7] = [1, 2, 4, 10, 13, 14, 15];
}

impl EventsError {
    /// Reads a refusal: by its code first, then by its status (salesforce reference, section 4.6). `from_position`
    /// says that a position was given and not accepted yet: an argument that is refused is that one.
    pub(super) fn of(error: WireError, topic: &Topic, from_position: bool) -> Self {
        let (status, code) = match error {
            WireError::Interrupted(reason) => return Self::Unavailable { reason },
            WireError::Unreadable(reason) => return Self::Protocol(reason),
            WireError::Refused { status, code } => (status, code),
        };
        match code.strip_prefix(CODES).unwrap_or(&code) {
            "subscription.fetch.replayid.corrupted" | "subscription.fetch.replayid.validation.failed" => {
                return Self::PositionLost { code };
            }
            "subscription.limit.exceeded" => return Self::AllowanceSpent,
            "service.auth.error" | "service.auth.refresh.invalid" => return Self::Unauthenticated,
            "service.unavailable" => return Self::Unavailable { reason: Interruption::Server },
            known if known.ends_with("concurrent.client.limit.exceeded") => return Self::TooManyStreams,
            _ => {}
        }
        match status {
            status::UNAUTHENTICATED => Self::Unauthenticated,
            status::NOT_FOUND => Self::TopicMissing { topic: topic.clone() },
            status::PERMISSION_DENIED => Self::TopicDenied { topic: topic.clone() },
            // Which limit is not told: that of deliveries lasts longer, and polling goes on meanwhile.
            status::RESOURCE_EXHAUSTED => Self::AllowanceSpent,
            status::INVALID_ARGUMENT if from_position => Self::PositionLost { code },
            status if status::PASSING.contains(&status) => Self::Unavailable { reason: Interruption::Server },
            status => Self::Refused { status, code },
        }
    }

    /// What the error means for the next step. [`RetryClass::LATER`] is: open again, after a pause that grows.
    pub fn class(&self) -> RetryClass {
        match self {
            Self::PositionLost { .. } | Self::Undecodable { .. } => RetryClass::Changed,
            Self::Unauthenticated | Self::TopicMissing { .. } | Self::TopicDenied { .. } => {
                RetryClass::Person
            }
            Self::AllowanceSpent
            | Self::TooManyStreams
            | Self::Unavailable { .. }
            | Self::Protocol(_)
            | Self::Refused { .. } => RetryClass::LATER,
            Self::Login(error) => error.class(),
        }
    }

    /// Whether the subscription that said this can be asked again.
    pub fn goes_on(&self) -> bool {
        matches!(self, Self::Undecodable { .. })
    }
}
