//! What reading of events must be told: where, whom to trust, and its bounds.

use std::time::Duration;

use url::Url;

/// Where events are served unless the configuration says otherwise (salesforce reference, section 4.3).
pub const DEFAULT_ENDPOINT: &str = "https://api.pubsub.salesforce.com:7443";

/// Most credit that the server grants, in events (section 4.4).
pub const MAX_CREDIT: u32 = 100;

/// Everything that reading of events is told.
#[derive(Debug, Clone)]
pub struct EventsConfig {
    /// `https` only; the EU's data residency has a host of its own.
    pub endpoint: Url,
    /// Certificates to trust besides the public roots, PEM.
    pub extra_roots: Option<String>,
    /// Bounds.
    pub limits: EventsLimits,
}

impl Default for EventsConfig {
    fn default() -> Self {
        let endpoint = Url::parse(DEFAULT_ENDPOINT).expect("the default endpoint is an address");
        Self { endpoint, extra_roots: None, limits: EventsLimits::default() }
    }
}

/// The bounds of reading events.
#[derive(Debug, Clone, Copy)]
pub struct EventsLimits {
    /// Events asked for at a time, 1 to [`MAX_CREDIT`].
    pub credit: u32,
    /// From the start of a connection to the end of its handshake.
    pub connect_deadline: Duration,
    /// From the start of a single question (topic, schema) to its answer.
    pub deadline: Duration,
    /// How often the connection is asked for a sign of life.
    pub keepalive: Duration,
    /// How long that sign may take.
    pub keepalive_deadline: Duration,
    /// Longest silence of a stream that owes events. The server promises a sign every 270 s (section 4.4).
    pub watchdog: Duration,
    /// Longest single answer, in bytes. The server promises 3 MB (section 4.3).
    pub max_response_bytes: usize,
    /// Most schemas kept; past it the one that was unused longest is forgotten.
    pub max_schemas: usize,
}

impl Default for EventsLimits {
    fn default() -> Self {
        Self {
            credit: MAX_CREDIT,
            connect_deadline: Duration::from_secs(15),
            deadline: Duration::from_secs(30),
            keepalive: Duration::from_secs(30),
            keepalive_deadline: Duration::from_secs(20),
            watchdog: Duration::from_mins(5),
            max_response_bytes: 4 << 20,
            max_schemas: 64,
        }
    }
}
