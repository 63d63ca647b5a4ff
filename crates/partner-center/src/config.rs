//! What a client is told: addresses, bounds, and for each call its lane and its end.

use std::time::Duration;

use jiff::Timestamp;
use ports::Lane;

/// The two services, each with a token of its own (reference, section 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// The Referrals API.
    Referrals,
    /// The webhook registration.
    Webhooks,
}

impl Audience {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Referrals, Self::Webhooks];

    /// The service's name, for people.
    pub fn service(self) -> &'static str {
        match self {
            Self::Referrals => "Partner Center's Referrals API",
            Self::Webhooks => "Partner Center's webhook registration",
        }
    }
}

/// On whose behalf a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallContext {
    /// The lane of the budget it is charged to.
    pub lane: Lane,
    /// The instant after which it may neither be started nor continued; none: only the client's deadline applies.
    pub send_before: Option<Timestamp>,
}

impl CallContext {
    /// A call in `lane` without an end of its own.
    pub fn new(lane: Lane) -> Self {
        Self { lane, send_before: None }
    }

    /// The same call, not to be sent after `end`.
    pub fn until(self, end: Timestamp) -> Self {
        Self { send_before: Some(end), ..self }
    }
}

/// Where the platform is and how it is spoken to.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Base of the Referrals API, without a slash at its end.
    pub api_url: String,
    /// Base of the webhook registration, without a slash at its end.
    pub webhooks_url: String,
    /// Sent as `X-Caller-Id` when given (reference, section 2.2).
    pub caller_id: Option<String>,
    /// Bounds of every call.
    pub limits: Limits,
}

impl Default for ClientConfig {
    /// The documented addresses (reference, section 1.1).
    fn default() -> Self {
        Self {
            api_url: "https://api.partner.microsoft.com/v1.0/engagements".to_owned(),
            webhooks_url: "https://api.partnercenter.microsoft.com/webhooks/v1".to_owned(),
            caller_id: None,
            limits: Limits::default(),
        }
    }
}

/// Bounds of the client, each with a name.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the start of a call to the last byte of its answer.
    pub deadline: Duration,
    /// Longest list page accepted, in bytes.
    pub max_page_bytes: usize,
    /// Longest other answer accepted, in bytes.
    pub max_answer_bytes: usize,
    /// Longest body sent, in bytes.
    pub max_request_bytes: usize,
    /// Longest total wait for a place in the budget; past it the call fails with `Later`.
    pub max_admission_wait: Duration,
    /// Attempts per call while no connection can be made, at least one.
    pub connect_attempts: u32,
    /// Longest wait before the next connection attempt; the wait is drawn uniformly below it.
    pub connect_wait: Duration,
    /// Shortest wait after a server asked for one: repeating at once counts against the caller (reference, section 5).
    pub min_retry_after: Duration,
    /// Longest `Retry-After` that is believed.
    pub max_retry_after: Duration,
    /// Pause after a 429 or a 509 that names no delay.
    pub throttle_pause: Duration,
    /// Pages one [`Pager`](crate::Pager) reads at most.
    pub max_pages: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            max_page_bytes: 16 << 20,
            max_answer_bytes: 2 << 20,
            max_request_bytes: 1 << 20,
            max_admission_wait: Duration::from_secs(20),
            connect_attempts: 2,
            connect_wait: Duration::from_millis(500),
            min_retry_after: Duration::from_secs(1),
            max_retry_after: Duration::from_hours(1),
            throttle_pause: Duration::from_secs(5),
            max_pages: 10_000,
        }
    }
}
