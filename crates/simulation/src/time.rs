//! Time: the platforms' clock, which stands still while nothing moves, and the product's, which may be wrong.

use std::{
    panic::resume_unwind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use tokio::time::Instant;

use crate::crashes::{Crashes, Died, Place};

/// How often the product may look at its clock, or begin to wait, before time goes on. A batch of a hundred deals looks
/// a few thousand times; whoever looks a million times turns in a circle, and the world would stand still for ever.
const MOST_LOOKS: u64 = 1_000_000;

/// Why the lock is never poisoned.
const LOCK: &str = "no code panics while holding this lock";

/// The world's time. It follows the paused clock of the life that is under way, and goes on from where one ended.
#[derive(Debug)]
pub struct WorldClock(Mutex<(Timestamp, Option<Instant>)>);

impl WorldClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Mutex::new((start, None)))
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        let (base, began) = *self.0.lock().expect(LOCK);
        let passed = began.map_or(Duration::ZERO, |began| began.elapsed());
        base.saturating_add(SignedDuration::try_from(passed).unwrap_or_default()).unwrap_or(Timestamp::MAX)
    }

    /// A life begins: from now on the clock follows the runtime that calls this.
    pub(crate) fn begin(&self) {
        self.0.lock().expect(LOCK).1 = Some(Instant::now());
    }

    /// The life ends, in the same runtime; the clock stands `later` after its end.
    pub(crate) fn end(&self, later: Duration) {
        let now = self.now();
        let later = SignedDuration::try_from(later).unwrap_or_default();
        *self.0.lock().expect(LOCK) = (now.saturating_add(later).unwrap_or(now), None);
    }
}

/// The product's machine: its clock may be ahead or behind, and jump.
#[derive(Clone)]
pub struct MachineClock {
    world: Arc<WorldClock>,
    crashes: Arc<Crashes>,
    ahead_ms: Arc<AtomicI64>,
    /// The instant that was seen last, and how often.
    looks: Arc<Mutex<(Timestamp, u64)>>,
}

impl MachineClock {
    /// A clock that is right.
    pub(crate) fn new(world: Arc<WorldClock>, crashes: Arc<Crashes>) -> Self {
        Self { world, crashes, ahead_ms: Arc::default(), looks: Arc::default() }
    }

    /// The world's time. Ends the life if it stands still however often it is looked at.
    fn look(&self) -> Timestamp {
        let now = self.world.now();
        let looks = {
            let mut looks = self.looks.lock().expect(LOCK);
            *looks = (now, if looks.0 == now { looks.1 + 1 } else { 0 });
            looks.1
        };
        if looks > MOST_LOOKS {
            self.crashes.spin();
            // Whoever turns in a circle waits for nothing: only this ends it.
            resume_unwind(Box::new(Died));
        }
        now
    }

    /// Puts it ahead of the world's, or behind it.
    pub fn set_ahead(&self, by: SignedDuration) {
        self.ahead_ms.store(i64::try_from(by.as_millis()).unwrap_or_default(), Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed));
        let now = self.look();
        now.saturating_add(ahead).unwrap_or(now)
    }

    async fn sleep(&self, duration: Duration) {
        self.look();
        self.crashes.reach(Place::InSleep).await;
        tokio::time::sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_looks_at_a_clock_that_stands_still_for_ever_ends_and_who_waits_between_does_not() {
        let clock = || {
            let world = Arc::new(WorldClock::new(Timestamp::UNIX_EPOCH));
            world.begin();
            let crashes = Arc::<Crashes>::default();
            (MachineClock::new(world, Arc::clone(&crashes)), crashes)
        };
        let (patient, crashes) = clock();
        for _ in 0..4 {
            for _ in 0..MOST_LOOKS / 2 {
                patient.now();
            }
            patient.sleep(Duration::from_millis(1)).await;
        }
        assert!(!crashes.spun());
        let (restless, crashes) = clock();
        let circle = || -> Timestamp {
            loop {
                restless.now();
            }
        };
        assert!(catch_unwind(AssertUnwindSafe(circle)).is_err());
        assert!(crashes.spun());
    }
}
