//! What is known of one platform at a moment: its pause, its allowance and what was lent of it, and what was learnt of
//! calls at once and pace.

use jiff::{SignedDuration, Timestamp};
use ports::ServerPause;

use super::{
    BudgetSettings, allowance::Allowance, concurrency::Concurrency, loans::Loans, pace::Pace, queue::Queue,
};

/// A pause that is longer than this was not asked for by a server: the clock was set back since.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(2);

pub(super) struct State {
    paused_until: Option<Timestamp>,
    /// The newest pause that the server asked for because it counts, and whether the others know of it.
    counted: Option<(Timestamp, Told)>,
    pub(super) allowance: Allowance,
    pub(super) loans: Loans,
    pub(super) concurrency: Concurrency,
    pub(super) pace: Pace,
    pub(super) queue: Queue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    NotYet,
    Yes,
}

impl State {
    /// Nothing is known yet.
    pub(super) fn new(settings: BudgetSettings) -> Self {
        Self {
            paused_until: None,
            counted: None,
            allowance: Allowance::new(settings.sound_every),
            loans: Loans::default(),
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

    /// The server refused a call of this process because of its count, and asked for `pause` or for none.
    pub(super) fn counted(&mut self, pause: Option<Timestamp>, now: Timestamp) {
        self.pace.refused(pause.unwrap_or(now), now);
        if let Some(until) = pause {
            self.counted = Some((until, Told::NotYet));
        }
    }

    /// What the others do not know yet.
    pub(super) fn untold(&self) -> Option<ServerPause> {
        let (until, told) = self.counted?;
        (told == Told::NotYet).then_some(ServerPause { until, counted: Some(until) })
    }

    /// The others know of it.
    pub(super) fn told(&mut self, pause: ServerPause) {
        if let Some((until, told)) = &mut self.counted
            && Some(*until) == pause.counted
        {
            *told = Told::Yes;
        }
    }

    /// Another process was asked for a pause. If that was for the count, the calls of this one were counted too: of what
    /// the server let through, each process leaves the same part, and so do all together.
    pub(super) fn hear_of_pause(&mut self, pause: ServerPause, now: Timestamp) {
        self.pause_until(pause.until, now);
        let Some(counted) = pause.counted else { return };
        if self.counted.is_some_and(|(known, _)| known >= counted) {
            return;
        }
        self.counted = Some((counted, Told::Yes));
        if self.pause(now).is_some() {
            self.concurrency.paused();
            self.pace.refused(counted, now);
        }
    }
}
