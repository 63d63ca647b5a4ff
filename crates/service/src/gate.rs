//! How much of the webhook endpoint strangers may use.
//!
//! Proving a signature is the one costly thing an unknown sender can ask for. So many proofs run at once, and so
//! many may fail in a row; past that, senders are asked to come back. A genuine event that is turned away is sent
//! again by the portal, and found by the poll if it is not.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use ports::Clock;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Most events that are proven and kept at once.
const PLACES: usize = 64;
/// How long an event waits for a place.
const PLACE_WITHIN: Duration = Duration::from_secs(5);
/// Most failed proofs in a row ...
const FAILURES: f64 = 500.0;
/// ... and how many of them are forgiven each second.
const FORGIVEN_PER_SECOND: f64 = 50.0;

/// The gate before the proofs.
pub(crate) struct Gate {
    clock: Arc<dyn Clock>,
    places: Semaphore,
    failures: Mutex<Failures>,
}

struct Failures {
    count: f64,
    at: Timestamp,
}

impl Gate {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let failures = Mutex::new(Failures { count: 0.0, at: clock.now() });
        Self { clock, places: Semaphore::new(PLACES), failures }
    }

    /// A place for one event; none if the gate is full, or strangers have failed too often lately.
    pub(crate) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        if self.forgive() >= FAILURES {
            return None;
        }
        tokio::select! {
            biased;
            place = self.places.acquire() => place.ok(),
            () = self.clock.sleep(PLACE_WITHIN) => None,
        }
    }

    /// Notes that a proof failed.
    pub(crate) fn failed(&self) {
        self.forgive();
        self.lock().count += 1.0;
    }

    /// Forgives what time forgives, and says how many failures are left.
    fn forgive(&self) -> f64 {
        let now = self.clock.now();
        let mut failures = self.lock();
        // A clock that was put back forgives nothing.
        let passed = Duration::try_from(now.duration_since(failures.at)).unwrap_or_default();
        failures.count = (failures.count - passed.as_secs_f64() * FORGIVEN_PER_SECOND).max(0.0);
        failures.at = now;
        failures.count
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().expect("no code panics while holding this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand_clock::HandClock;

    #[tokio::test]
    async fn a_flood_of_failures_shuts_the_gate_and_time_opens_it() {
        let clock = HandClock::new();
        let gate = Gate::new(clock.clone());
        for _ in 0..500 {
            assert!(gate.enter().await.is_some());
            gate.failed();
        }
        assert!(gate.enter().await.is_none(), "the gate is shut");
        clock.advance(Duration::from_secs(1));
        for _ in 0..50 {
            assert!(gate.enter().await.is_some());
            gate.failed();
        }
        assert!(gate.enter().await.is_none(), "fifty a second are forgiven, and no more");
    }

    #[tokio::test]
    async fn whoever_finds_no_place_is_sent_away_after_a_while() {
        let clock = HandClock::new();
        let gate = Gate::new(clock.clone());
        let mut inside = Vec::new();
        for _ in 0..PLACES {
            inside.push(gate.enter().await.unwrap());
        }
        // The clock of the test is over every wait at once.
        assert!(gate.enter().await.is_none());
        inside.pop();
        assert!(gate.enter().await.is_some());
    }
}
