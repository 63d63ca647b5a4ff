//! What a test may turn on the event bus: limits, what the reference leaves open, and misfortunes (salesforce reference,
//! sections 4 and 10).

use serde::{Deserialize, Serialize};

/// What a subscriber of one object's topic gets when nobody selected the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unselected {
    /// `NOT_FOUND`.
    Refused,
    /// A stream on which nothing ever comes.
    Silent,
}

/// How a stream ends that a test kills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Death {
    /// `UNAVAILABLE` with its error code.
    Unavailable,
    /// The HTTP/2 stream is reset: no trailers.
    Reset,
}

/// Every knob of the event bus; they stand under `events` among the org's knobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EventKnobs {
    /// Whether this org's edition has change events at all.
    pub(crate) edition: bool,
    /// How long events are kept. Hours.
    pub(crate) retention_hours: u32,
    /// Events delivered in a rolling day, counted per subscriber.
    pub(crate) delivery_limit: u64,
    /// Streams open at once.
    pub(crate) concurrent_streams: usize,
    /// Length of the replay ids given out: 10, or 8 for clients that read them as a number.
    pub(crate) replay_id_bytes: usize,
    /// After so long with nothing to deliver an empty response is sent. Milliseconds, at most 270,000.
    pub(crate) keepalive_ms: u64,
    /// A stream without credit is closed after so long. Milliseconds.
    pub(crate) idle_close_ms: u64,
    /// Largest response, in bytes.
    pub(crate) response_bytes: usize,
    /// What a topic of an object that nobody selected answers.
    pub(crate) unselected: Unselected,
    /// Whether the enrichment of the channel with all events is also on the objects' own topics.
    pub(crate) enrich_single_topics: bool,
    /// Equal changes of several rows in one transaction become one event.
    pub(crate) merge: bool,
    /// Whether a compound of which a part changed has its own bit as well.
    pub(crate) compound_bit: bool,
    /// Long texts of so many characters change by diff; 0 for never.
    pub(crate) diff_from: usize,
    /// An event of so many bytes becomes a gap.
    pub(crate) gap_from_bytes: usize,
    /// More changes than this in one transaction become an overflow.
    pub(crate) overflow_from: usize,
    /// Whether the client tag of a composite request reaches the events of its subrequests.
    pub(crate) tag_of_composite: bool,
    /// Whether the client tag in a subrequest's own headers does.
    pub(crate) tag_of_subrequest: bool,
    /// Whether that of a collections request reaches its events.
    pub(crate) tag_of_collections: bool,
    /// Objects on which the integration user lacks View All.
    pub(crate) no_view_all: Vec<String>,
    /// Topics that the integration user may not open.
    pub(crate) denied_topics: Vec<String>,
    /// Every call is refused as unavailable, and open streams end so.
    pub(crate) unavailable: bool,
    /// Events are delivered so long after their commit. Milliseconds.
    pub(crate) delay_ms: u64,
    /// Every stream ends after delivering so many events; 0 for never.
    pub(crate) kill_every: u32,
    /// How it ends.
    pub(crate) kill_by: Death,
    /// Every stream says nothing more, and stays open, after delivering so many events.
    pub(crate) hang_after: Option<u32>,
    /// Every so manyeth event of a stream is delivered twice; 0 for none.
    pub(crate) double_every: u32,
    /// So many more changes become gap events.
    pub(crate) gap_next: u32,
    /// So many more payloads arrive cut off.
    pub(crate) corrupt_next: u32,
}

/// The longest that a stream may be without a word while it owes events.
const LONGEST_SILENCE_MS: u64 = 270_000;

impl Default for EventKnobs {
    fn default() -> Self {
        Self {
            edition: true,
            retention_hours: 72,
            delivery_limit: 10_000,
            concurrent_streams: 1_000,
            replay_id_bytes: 10,
            keepalive_ms: LONGEST_SILENCE_MS,
            idle_close_ms: 60_000,
            response_bytes: 3_000_000,
            unselected: Unselected::Refused,
            enrich_single_topics: true,
            merge: true,
            compound_bit: false,
            diff_from: 1_000,
            gap_from_bytes: 1_000_000,
            overflow_from: 100_000,
            tag_of_composite: false,
            tag_of_subrequest: true,
            tag_of_collections: false,
            no_view_all: Vec::new(),
            denied_topics: Vec::new(),
            unavailable: false,
            delay_ms: 0,
            kill_every: 0,
            kill_by: Death::Unavailable,
            hang_after: None,
            double_every: 0,
            gap_next: 0,
            corrupt_next: 0,
        }
    }
}

impl EventKnobs {
    /// # Errors
    /// A sentence naming the unfit value.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !matches!(self.replay_id_bytes, 8 | 10) {
            return Err("events.replay_id_bytes is 8 or 10".to_owned());
        }
        if !(1..=LONGEST_SILENCE_MS).contains(&self.keepalive_ms) {
            return Err(format!("events.keepalive_ms is 1 to {LONGEST_SILENCE_MS}"));
        }
        if self.response_bytes == 0 || self.overflow_from == 0 || self.idle_close_ms == 0 {
            return Err("events.response_bytes, overflow_from and idle_close_ms are at least 1".to_owned());
        }
        Ok(())
    }
}
