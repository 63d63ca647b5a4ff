//! What is known of one platform at a moment: its pause, its allowance, and what was learnt of calls at once and pace.

use jiff::{SignedDuration, Timestamp};
use ports::Usage;

use super::{BudgetSettings, concurrency::Concurrency, pace::Pace, queue::Queue};

/// A sample older than this says nothing any more: the server's window has moved on.
const SAMPLE_LASTS: SignedDuration = SignedDuration::from_hours(1);

/// A pause that is longer than this was not asked for by a server: the clock was set back since.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(2);

pub(super) struct State {
    paused_until: Option<Timestamp>,
    /// The newest sample, and when it was taken by our clock.
    usage: Option<(Usage, Timestamp)>,
    pub(super) concurrency: Concurrency,
    pub(super) pace: Pace,
    pub(super) queue: Queue,
}

impl State {
    /// Nothing is known yet.
    pub(super) fn new(settings: BudgetSettings) -> Self {
        Self {
            paused_until: None,
            usage: None,
            concurrency: Concurrency::new(settings.concurrency),
            pace: Pace::new(settings.pace),
            queue: Queue::default(),
        }
    }

    /// Whether the pause grew.
    pub(super) fn pause_until(&mut self, until: Timestamp, now: Timestamp) -> bool {
        let grows =
            until.duration_since(now) < LONGEST_PAUSE && self.pause(now).is_none_or(|known| known < until);
        if grows {
            self.paused_until = Some(until);
        }
        grows
    }

    /// The end of the present pause.
    pub(super) fn pause(&mut self, now: Timestamp) -> Option<Timestamp> {
        // Forgotten for good, so that it neither comes back later nor stands before what a server asks for now.
        self.paused_until =
            self.paused_until.filter(|until| *until > now && until.duration_since(now) < LONGEST_PAUSE);
        self.paused_until
    }

    /// Takes note of what the server counted. Answers may overtake each other; its own date says which is newer.
    pub(super) fn observe(&mut self, usage: Usage, now: Timestamp) {
        if self.usage.is_none_or(|(known, _)| usage.at >= known.at) {
            self.usage = Some((usage, now));
        }
    }

    /// Whether this part of the allowance, in percent, is used up.
    pub(super) fn share_is_spent(&self, share: u8, now: Timestamp) -> bool {
        self.usage.is_some_and(|(usage, taken)| {
            now.duration_since(taken) < SAMPLE_LASTS
                && usage.used.saturating_mul(100) >= usage.allowed.saturating_mul(u64::from(share))
        })
    }
}
