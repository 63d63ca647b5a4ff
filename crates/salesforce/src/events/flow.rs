//! The rules of a subscription as a pure machine: how much credit stands out, and how long silence may last.
//!
//! Credit is asked for in lumps: only when nothing is owed any more. So it never exceeds what was configured, a burst
//! of a thousand events takes ten requests, and since it is asked for when the consumer comes back for more, a slow
//! consumer is sent nothing that it has no room for. A consumer that stays away longer than the server waits (60 s,
//! salesforce reference, section 4.4) finds the stream ended, which costs it an opening.

use std::time::Duration;

use jiff::Timestamp;

/// What one stream owes, and since when nothing was heard of it.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    credit: u32,
    owed: u32,
    watchdog: Duration,
    /// Since when somebody waits without having heard anything.
    silent_since: Option<Timestamp>,
}

impl Flow {
    /// A stream whose first request asked for `credit`.
    pub(super) fn new(credit: u32, watchdog: Duration) -> Self {
        Self { credit, owed: credit, watchdog, silent_since: None }
    }

    /// What to ask for before waiting: nothing as long as something is owed.
    pub(super) fn refill(&mut self) -> Option<u32> {
        if self.owed > 0 {
            return None;
        }
        self.owed = self.credit;
        Some(self.credit)
    }

    /// An answer came with so many events; the server says what it still owes.
    pub(super) fn heard(&mut self, events: usize, pending: i32) {
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let pending = u32::try_from(pending).unwrap_or(0);
        // The smaller of both counts: a server that thinks it owes less would wait for a request, in vain; one that
        // thinks it owes more can at worst be asked too early, and caps the sum itself.
        self.owed = self.owed.saturating_sub(events).min(pending);
        self.silent_since = None;
    }

    /// Somebody waits from `now` on, or still does. Returns how long the stream may stay silent.
    pub(super) fn patience(&mut self, now: Timestamp) -> Duration {
        let since = *self.silent_since.get_or_insert(now);
        let silent = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        self.watchdog.saturating_sub(silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> Flow {
        Flow::new(100, Duration::from_mins(5))
    }

    #[test]
    fn credit_is_asked_for_only_when_nothing_is_owed() {
        let mut flow = flow();
        assert_eq!(flow.refill(), None);
        flow.heard(99, 1);
        assert_eq!(flow.refill(), None);
        flow.heard(1, 0);
        assert_eq!(flow.refill(), Some(100));
        assert_eq!(flow.refill(), None, "it was just asked for");
    }

    #[test]
    fn a_thousand_events_take_ten_requests() {
        let mut flow = flow();
        let (mut requests, mut owed) = (1, 100);
        for _ in 0..1000 {
            if let Some(credit) = flow.refill() {
                requests += 1;
                owed += credit;
            }
            assert!((1..=100).contains(&owed), "{owed} outstanding");
            owed -= 1;
            flow.heard(1, i32::try_from(owed).unwrap());
        }
        assert_eq!(requests, 10);
    }

    #[test]
    fn a_server_that_counts_otherwise_neither_starves_nor_overflows() {
        let mut less = flow();
        less.heard(1, 0);
        assert_eq!(less.refill(), Some(100), "it owes nothing in its own eyes");
        let mut negative = flow();
        negative.heard(0, -7);
        assert_eq!(negative.refill(), Some(100));
        let mut more = flow();
        more.heard(100, i32::MAX);
        assert_eq!(more.refill(), Some(100), "all that was asked for has come");
        let mut unasked = flow();
        unasked.heard(usize::MAX, 50);
        assert_eq!(unasked.refill(), Some(100));
    }

    #[test]
    fn silence_is_counted_while_somebody_waits_and_over_several_waits() {
        let mut flow = flow();
        let start = Timestamp::UNIX_EPOCH;
        let after = |minutes| start + Duration::from_mins(minutes);
        assert_eq!(flow.patience(start), Duration::from_mins(5));
        assert_eq!(flow.patience(after(4)), Duration::from_mins(1));
        flow.heard(0, 100);
        // A consumer that was busy for an hour has not heard silence.
        assert_eq!(flow.patience(after(64)), Duration::from_mins(5));
        assert_eq!(flow.patience(after(70)), Duration::ZERO);
        assert_eq!(flow.patience(after(60)), Duration::from_mins(5), "a clock that went back");
    }
}
