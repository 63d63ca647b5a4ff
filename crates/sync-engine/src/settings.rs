//! The engine's numbers. Every bound has its name here.

use std::time::Duration;

/// Most rounds of one pass, the first included: a birth, its links, its companion, and what they bring to light.
pub const ROUNDS: usize = 5;

/// How often one pass plans a deal anew because a record moved, before it backs off (ARCHITECTURE.md, invariant 7).
pub const REPLANS: usize = 3;

/// Most births that the end of a poll wakes; any more look again by themselves.
pub const WAITING_BIRTHS: usize = 10_000;

/// Failures in a row after which `sync --once` gives a source up.
pub const SOURCE_TRIES: u32 = 5;

/// Most calls that finding one bad field may cost (sync rules, section 3).
pub const BISECT_CALLS: usize = 8;

/// A birth is sent only if its lease outlasts the call's deadline by this much (sync rules, section 6).
pub const BIRTH_MARGIN: Duration = Duration::from_secs(5);

/// Most keys of an overlap that are remembered per source, so that repeats cost nothing.
pub const REMEMBERED_KEYS: usize = 100_000;

/// Most pages that one turn of a source reads before it lets others at the store.
pub const PAGES_A_TURN: usize = 50;

/// Most pages of a source that the preview of a replay reads: it costs calls, and a person waits for it.
pub(crate) const PREVIEW_PAGES: usize = 200;

/// Most leads that a person is told of at once because the CRM refuses them.
pub(crate) const LEADS_TOLD: usize = 20;

/// How long a problem that only an admin can end is left alone.
pub const LOOK_AT_PROBLEMS_AGAIN: Duration = Duration::from_mins(15);

/// How long a deal that waits for a person is left alone at most. Each look that finds nothing new doubles the wait; any
/// mark or decision looks at once, and begins anew.
pub const LOOK_AT_PROBLEMS_MOST: Duration = Duration::from_hours(6);

/// The engine's settings.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// The name under which this process holds leases.
    pub owner: String,
    /// How many batches are worked on at once.
    pub workers: usize,
    /// Most deals in one batch.
    pub batch: usize,
    /// Most deals in one batch while there is backlog: the first load. One call of the CRM makes so many.
    pub first_load_batch: usize,
    /// Most referrals written at once within a batch.
    pub portal_concurrency: usize,
    /// How long a claim lasts.
    pub lease: Duration,
    /// The deadline of a remote write.
    pub deadline: Duration,
    /// How long after its `send_before` a doubtful creation is left to show up.
    pub settling: Duration,
    /// How old the last poll of the portal may be when a referral is born.
    pub fresh: Duration,
    /// Shortest wait after a failure.
    pub retry_first: Duration,
    /// Longest wait after a failure.
    pub retry_most: Duration,
    /// Reports of one deal that travel alone are this far apart.
    pub report_every: Duration,
    /// How often the companions that may still answer are looked at, where lists do not show them.
    pub companion_sweep_every: Duration,
    /// Most companions of one such round; 0 for none ever.
    pub companion_sweep_most: usize,
    /// How often the store is told that the service is alive.
    pub heartbeat: Duration,
    /// When all deals are proven to be equal; `None` for never by itself.
    pub proof: Option<crate::ProofTimes>,
    /// Whether a pair that this program linked, and that the store does not know, is taken over by itself.
    pub adopts: bool,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            owner: "cosell".to_owned(),
            workers: 2,
            batch: 24,
            first_load_batch: 75,
            portal_concurrency: 8,
            lease: Duration::from_secs(90),
            deadline: Duration::from_secs(20),
            settling: Duration::from_mins(5),
            fresh: Duration::from_mins(3),
            retry_first: Duration::from_secs(1),
            retry_most: Duration::from_mins(15),
            report_every: Duration::from_mins(1),
            companion_sweep_every: Duration::from_mins(15),
            companion_sweep_most: 50,
            heartbeat: Duration::from_secs(5),
            proof: None,
            adopts: true,
        }
    }
}

impl EngineSettings {
    /// The wait of a deal for a person whose problem is there since `lasts`, after `looks` that ended nothing.
    ///
    /// Other failures count among the looks: no wait is longer than the problem has lasted.
    pub fn wait_for_person(looks: u32, lasts: Duration) -> Duration {
        let doubled = LOOK_AT_PROBLEMS_AGAIN.saturating_mul(1_u32 << looks.min(16));
        doubled.min(lasts.max(LOOK_AT_PROBLEMS_AGAIN)).min(LOOK_AT_PROBLEMS_MOST)
    }

    /// The wait after the `attempts`-th failure in a row: doubling, with full jitter above the first half.
    pub fn back_off(&self, attempts: u32, fraction: f64) -> Duration {
        let doubled = self.retry_first.saturating_mul(1_u32 << attempts.min(16));
        let capped = doubled.min(self.retry_most);
        capped.mul_f64(0.5 + fraction / 2.0)
    }
}
