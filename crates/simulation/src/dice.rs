//! Chance: every draw of a world follows from its seed.

use std::sync::atomic::{AtomicU64, Ordering};

use ports::Rng;
use sha2::{Digest as _, Sha256};

/// One sequence of draws (SplitMix64). Each purpose has its own, so that fewer draws for one leave the others alone.
#[derive(Debug)]
pub struct Dice(AtomicU64);

/// The step of SplitMix64: the odd number nearest to 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Dice {
    /// The sequence of `purpose` in the world of `seed`.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let digest = Sha256::digest([&seed.to_be_bytes(), purpose.as_bytes()].concat());
        Self(AtomicU64::new(digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))))
    }

    /// The next number.
    pub fn draw(&self) -> u64 {
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`; 0 if `bound` is 0. The bias is far below anything that a run could show.
    pub fn below(&self, bound: u64) -> u64 {
        self.draw().checked_rem(bound).unwrap_or(0)
    }

    /// A number in `from..=to`.
    pub fn between(&self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// True in `percent` of 100 cases.
    pub fn percent(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them; none of nothing.
    pub fn pick<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        let at = self.below(of.len() as u64);
        of.get(usize::try_from(at).unwrap_or_default())
    }

    /// One of them, the likelier the heavier; none if nothing weighs anything.
    pub fn weighed<'a, T>(&self, of: &'a [(u64, T)]) -> Option<&'a T> {
        let mut at = self.below(of.iter().map(|(weight, _)| weight).sum());
        of.iter().find_map(|(weight, one)| {
            if at < *weight {
                return Some(one);
            }
            at -= weight;
            None
        })
    }
}

impl Rng for Dice {
    fn next_u64(&self) -> u64 {
        self.draw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_purpose_give_one_sequence_and_no_other() {
        let sequence = |seed, purpose| {
            let dice = Dice::new(seed, purpose);
            [dice.draw(), dice.draw(), dice.draw()]
        };
        assert_eq!(sequence(1, "people"), sequence(1, "people"));
        assert_ne!(sequence(1, "people"), sequence(1, "faults"));
        assert_ne!(sequence(1, "people"), sequence(2, "people"));
    }

    #[test]
    fn the_heavier_is_drawn_more_often_and_what_weighs_nothing_never() {
        let dice = Dice::new(7, "weights");
        let of = [(1, 'a'), (0, 'b'), (9, 'c')];
        let drawn: Vec<char> = (0..1_000).filter_map(|_| dice.weighed(&of).copied()).collect();
        let count = |wanted| drawn.iter().filter(|one| **one == wanted).count();
        assert_eq!((drawn.len(), count('b')), (1_000, 0));
        assert!((50..200).contains(&count('a')), "{}", count('a'));
    }
}
