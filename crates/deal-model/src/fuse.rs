//! The fuse: two automations that answer each other are stopped at the third write (sync rules, section 2).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Side;

/// Writes within this time belong to one chain.
pub const CHAIN_TIME: SignedDuration = SignedDuration::from_hours(1);

/// The write that the fuse does not allow.
pub const CHAIN_LIMIT: u32 = 3;

/// Our own writes of one group, as long as each answered a change that came after the one before it.
///
/// Two automations that fight make us write to one side, then to the other, then to the first again. A person who
/// edits one side many times makes us write many times to the same side, which is no fight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fuse {
    /// The side last written.
    pub side: Side,
    /// When.
    pub at: Timestamp,
    /// How many writes the chain has.
    pub length: u32,
}

impl Fuse {
    /// The chain with one more write to `side`. A person's edit of the source begins a new chain; putting the same
    /// side right `again` does not.
    pub fn extend(before: Option<&Self>, side: Side, at: Timestamp, by_person: bool, again: bool) -> Self {
        let answers = |fuse: &Self| again || fuse.side != side;
        let length = match before {
            Some(fuse) if !by_person && answers(fuse) && at.duration_since(fuse.at) <= CHAIN_TIME => {
                fuse.length + 1
            }
            _ => 1,
        };
        Self { side, at, length }
    }

    /// Whether one more write to `side` would be one too many.
    pub fn blows(before: Option<&Self>, side: Side, at: Timestamp, by_person: bool, again: bool) -> bool {
        Self::extend(before, side, at, by_person, again).length >= CHAIN_LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[test]
    fn the_third_write_in_alternating_directions_blows_the_fuse() {
        let first = Fuse::extend(None, Side::Crm, at(0), false, false);
        assert!(!Fuse::blows(Some(&first), Side::Portal, at(1), false, false));
        let second = Fuse::extend(Some(&first), Side::Portal, at(1), false, false);
        assert!(Fuse::blows(Some(&second), Side::Crm, at(2), false, false));
    }

    #[test]
    fn a_person_or_an_hour_or_the_same_direction_begins_a_new_chain() {
        let chain = Fuse { side: Side::Portal, at: at(0), length: 2 };
        assert!(!Fuse::blows(Some(&chain), Side::Crm, at(1), true, false));
        assert!(!Fuse::blows(Some(&chain), Side::Crm, at(61), false, false));
        assert!(!Fuse::blows(Some(&chain), Side::Portal, at(1), false, false));
    }

    #[test]
    fn putting_the_same_side_right_for_the_third_time_blows_the_fuse() {
        let chain = Fuse { side: Side::Crm, at: at(0), length: 2 };
        assert!(Fuse::blows(Some(&chain), Side::Crm, at(1), false, true));
    }
}
