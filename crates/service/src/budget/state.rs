//! What is known of one platform at a moment: its pause, its allowance, and what was learnt of calls at once and pace.

use jiff::{SignedDuration, Timestamp};

use super::{BudgetSettings, allowance::Allowance, concurrency::Concurrency, pace::Pace, queue::Queue};

/// A pause that is longer than this was not asked for by a server: the clock was set back since.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(2);

pub(super) struct State {
    paused_until: Option<Timestamp>,
    pub(super) allowance: Allowance,
    pub(super) concurrency: Concurrency,
    pub(super) pace: Pace,
    pub(super) queue: Queue,
}

impl State {
    /// Nothing is known yet.
    pub(super) fn new(settings: BudgetSettings) -> Self {
        Self {
            paused_until: None,
            allowance: Allowance::new(settings.sound_every),
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
}
