//! What both platforms share: one seed, and one clock that a test can move.

use std::sync::{
    Mutex,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

/// The sandbox's seed and clock. The machines never ask the operating system for either.
#[derive(Debug)]
pub struct World {
    seed: u64,
    drawn: AtomicU64,
    offset_ms: AtomicI64,
    last: Mutex<Timestamp>,
}

impl World {
    /// A world whose random choices follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            drawn: AtomicU64::new(0),
            offset_ms: AtomicI64::new(0),
            last: Mutex::new(Timestamp::UNIX_EPOCH),
        }
    }

    /// The next number of the seed's sequence.
    pub fn draw(&self) -> u64 {
        let index = self.drawn.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::digest([self.seed.to_be_bytes(), index.to_be_bytes()].concat());
        digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }

    /// A version 4 GUID from the sequence.
    pub fn guid(&self) -> String {
        let bits = (u128::from(self.draw()) << 64) | u128::from(self.draw());
        uuid::Builder::from_u128(bits).with_version(uuid::Version::Random).into_uuid().to_string()
    }

    /// The platforms' time, for a real instant: shifted by what tests asked for, never going backwards.
    pub fn time(&self, real: Timestamp) -> Timestamp {
        let shifted = real
            .checked_add(SignedDuration::from_millis(self.offset_ms.load(Ordering::Relaxed)))
            .unwrap_or(real);
        let mut last = self.last.lock().expect("no code panics while holding this lock");
        *last = shifted.max(*last);
        *last
    }

    /// Moves the platforms' clock forward, for both of them.
    pub fn advance(&self, by: SignedDuration) {
        self.offset_ms.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}
