//! What goes wrong: mishaps of single calls (`network`) and troubles of a platform that last a while (`troubles`).

pub(crate) mod network;
pub(crate) mod troubles;

use std::sync::Mutex;

use sandbox::{exchange::Kind, faults::Platform};

use crate::{
    dice::Dice,
    faults::network::{MISHAPS, Mishap},
    world::LOCK,
};

/// How likely calls meet a mishap, and which.
pub struct Weather {
    dice: Dice,
    state: Mutex<State>,
}

struct State {
    /// Mishaps in ten thousand calls.
    rate: u64,
    /// Those that may happen.
    may: Vec<Mishap>,
}

impl Weather {
    /// Fair weather.
    pub(crate) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed, "weather"), state: Mutex::new(State { rate: 0, may: MISHAPS.to_vec() }) }
    }

    /// Lets `rate` of ten thousand calls meet one of `may`.
    pub(crate) fn turn(&self, rate: u64, may: Vec<Mishap>) {
        *self.state.lock().expect(LOCK) = State { rate, may };
    }

    /// What a call meets.
    pub(crate) fn over(&self, platform: Platform, kind: Kind) -> Option<Mishap> {
        let state = self.state.lock().expect(LOCK);
        if state.rate == 0 || self.dice.below(10_000) >= state.rate {
            return None;
        }
        let fit: Vec<Mishap> = state.may.iter().copied().filter(|one| one.fits(platform, kind)).collect();
        self.dice.pick(&fit).copied()
    }
}
