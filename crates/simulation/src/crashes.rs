//! Where the product dies: at a call, at a hold-point, inside a wait, or between two steps. Its futures are dropped where
//! they stand; the store is all that is left.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use ports::{EffectKind, HoldPoint, HoldPoints};
use tokio::sync::Notify;

use crate::world::LOCK;

/// Where a life can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A call was decided on and is not sent yet.
    BeforeSending,
    /// It is on its way.
    BeforeEffect,
    /// It took effect; the answer is on its way.
    AfterEffect,
    /// The answer is there; nobody has read it.
    AfterAnswer,
    /// The answer was read; nothing of it is committed.
    HoldAfterAnswer,
    /// Everything is written inside the transaction, which is not committed.
    HoldInCommit,
    /// In a wait for time to pass.
    InSleep,
    /// Between two steps of the world, whatever the product does then.
    AnyTime,
}

/// All of them.
pub(crate) const PLACES: [Place; 8] = [
    Place::BeforeSending,
    Place::BeforeEffect,
    Place::AfterEffect,
    Place::AfterAnswer,
    Place::HoldAfterAnswer,
    Place::HoldInCommit,
    Place::InSleep,
    Place::AnyTime,
];

impl Place {
    /// Its name in counters and in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BeforeSending => "before_sending",
            Self::BeforeEffect => "before_effect",
            Self::AfterEffect => "after_effect",
            Self::AfterAnswer => "after_answer",
            Self::HoldAfterAnswer => "hold_after_answer",
            Self::HoldInCommit => "hold_in_commit",
            Self::InSleep => "in_sleep",
            Self::AnyTime => "any_time",
        }
    }
}

/// The panic with which a hold-point ends a task that cannot be left waiting there.
pub struct Died;

/// The next death.
#[derive(Default)]
pub struct Crashes {
    armed: Mutex<Option<(Place, u64)>>,
    last: Mutex<Option<Place>>,
    dead: AtomicBool,
    spun: AtomicBool,
    died: Notify,
}

impl Crashes {
    /// The product dies when it is at `place` for the `nth` time from now, counted from 0.
    pub(crate) fn arm(&self, place: Place, nth: u64) {
        *self.armed.lock().expect(LOCK) = Some((place, nth));
    }

    /// A new life begins; nothing is armed.
    pub(crate) fn revive(&self) {
        *self.armed.lock().expect(LOCK) = None;
        self.dead.store(false, Ordering::SeqCst);
    }

    /// The product turns in a circle: time does not go on, however often it looks. Its life ends.
    pub(crate) fn spin(&self) {
        self.spun.store(true, Ordering::SeqCst);
        self.dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
    }

    /// Whether a life ended because it turned in a circle.
    pub(crate) fn spun(&self) -> bool {
        self.spun.load(Ordering::SeqCst)
    }

    /// Where the product died last.
    pub(crate) fn place(&self) -> Option<Place> {
        *self.last.lock().expect(LOCK)
    }

    /// Waits until the product is dead.
    pub(crate) async fn death(&self) {
        loop {
            if self.dead.load(Ordering::SeqCst) {
                return;
            }
            self.died.notified().await;
        }
    }

    /// The product is at `place`. Never comes back if it dies there, or is dead already.
    pub(crate) async fn reach(&self, place: Place) {
        if self.dies(place) {
            std::future::pending::<()>().await;
        }
    }

    fn dies(&self, place: Place) -> bool {
        if self.dead.load(Ordering::SeqCst) {
            return true;
        }
        let mut armed = self.armed.lock().expect(LOCK);
        match &mut *armed {
            Some((wanted, left)) if *wanted == place => {
                if *left > 0 {
                    *left -= 1;
                    return false;
                }
                *self.last.lock().expect(LOCK) = Some(place);
                self.dead.store(true, Ordering::SeqCst);
                self.died.notify_one();
                true
            }
            _ => false,
        }
    }
}

/// The product's hold-points, where it may die.
pub(crate) struct DeadlyHolds(pub(crate) Arc<crate::world::World>);

impl HoldPoints for DeadlyHolds {
    fn reach(&self, point: HoldPoint, _: EffectKind) {
        let place = match point {
            HoldPoint::AfterAnswer => Place::HoldAfterAnswer,
            HoldPoint::InCommit => Place::HoldInCommit,
        };
        if self.0.crashes.dies(place) {
            // Nothing may be awaited here, and the thread must go on. A panic that is no mistake: what it unwinds is
            // rolled back, as by a process that ends.
            std::panic::resume_unwind(Box::new(Died));
        }
    }
}
