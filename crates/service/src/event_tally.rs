//! What became of the events that arrived: counted by reason, and logged no oftener than a person can read.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use serde::Serialize;

/// A refusal for the same reason is logged once in this time, with how many there were since.
const LOG_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// What became of the events that arrived since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EventCounts {
    /// Taken: their mark is durable.
    pub taken: u64,
    /// Genuine, and taken before.
    pub repeated: u64,
    /// Refused, or asked to come again, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// When the last genuine event arrived.
    pub last_genuine: Option<Timestamp>,
}

/// Counts events. Clones count together.
#[derive(Clone)]
pub struct EventTally {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    counts: EventCounts,
    logged: BTreeMap<&'static str, Logged>,
}

struct Logged {
    at: Timestamp,
    unsaid: u64,
}

impl EventTally {
    /// Nothing arrived yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// The counts so far.
    pub fn counts(&self) -> EventCounts {
        self.lock().counts.clone()
    }

    pub(crate) fn taken(&self) {
        let now = self.clock.now();
        let counts = &mut self.lock().counts;
        counts.taken += 1;
        counts.last_genuine = Some(now);
    }

    pub(crate) fn repeated(&self) {
        let now = self.clock.now();
        let counts = &mut self.lock().counts;
        counts.repeated += 1;
        counts.last_genuine = Some(now);
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        if let Some(events) = self.count_refusal(reason) {
            tracing::warn!(reason, events, "events were refused");
        }
    }

    /// Counts a refusal; how many of its reason are to be logged now, if any.
    fn count_refusal(&self, reason: &'static str) -> Option<u64> {
        let now = self.clock.now();
        let mut state = self.lock();
        *state.counts.refused.entry(reason).or_insert(0) += 1;
        let Some(logged) = state.logged.get_mut(reason) else {
            state.logged.insert(reason, Logged { at: now, unsaid: 0 });
            return Some(1);
        };
        logged.unsaid += 1;
        (now.duration_since(logged.at) >= LOG_AGAIN).then(|| {
            logged.at = now;
            std::mem::take(&mut logged.unsaid)
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while holding this lock")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::hand_clock::HandClock;

    #[test]
    fn a_flood_writes_one_line_a_minute_and_reason() {
        let clock = HandClock::new();
        let tally = EventTally::new(clock.clone());
        assert_eq!(tally.count_refusal("a"), Some(1));
        for _ in 0..1000 {
            assert_eq!(tally.count_refusal("a"), None);
        }
        assert_eq!(tally.count_refusal("b"), Some(1));
        clock.advance(Duration::from_mins(1));
        assert_eq!(tally.count_refusal("a"), Some(1001));
        assert_eq!(tally.counts().refused, BTreeMap::from([("a", 1002), ("b", 1)]));
    }
}
