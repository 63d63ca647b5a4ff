//! The fuse: two automations that answer each other are stopped at the third write (sync rules, section 2).
//!
//! A blown fuse ends when a person ends it, and by nothing else: by a decision about the group, be there something to
//! write for it or not; by an edit of the group that is sent; or by one that makes both sides equal. That automations
//! come to hold the same for a while ends nothing.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Actor, GroupHeld, Observation, PerSide, Side, Why, Window, fingerprint};

/// Writes within this time belong to one chain.
pub const CHAIN_TIME: SignedDuration = SignedDuration::from_hours(1);

/// The length at which a chain is cut: its next write would be the third one to the same side.
///
/// A write to the side across adds one, one more to the same side adds two: in a chain that goes back and forth the
/// first, third and fifth go to one side, in a chain that stays on one side the same numbers do.
pub const CHAIN_LIMIT: u32 = 5;

/// Our own writes of one group, as long as each answered something that no person did.
///
/// Two automations that fight make us write to one side, then to the other, then to the first again, or to the same
/// side over and over because what we wrote does not stay. Edits that flow one way make us write many times to the same
/// side too, but there what we wrote does stay: that is no fight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fuse {
    /// The side last written.
    pub side: Side,
    /// When the chain began.
    pub at: Timestamp,
    /// How long the chain is; see [`CHAIN_LIMIT`].
    pub length: u32,
    /// It was cut: only a person ends that, no passing of time.
    #[serde(default)]
    pub blown: bool,
}

/// A write that the fuse looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spark {
    pub(crate) to: Side,
    pub(crate) why: Why,
    pub(crate) at: Timestamp,
    /// A person made the change that the write answers.
    pub(crate) by_person: bool,
}

impl Fuse {
    /// The chain with one more write.
    pub(crate) fn extend(before: Option<&Self>, spark: Spark) -> Self {
        match before {
            Some(fuse) if fuse.goes_on(spark) => {
                let step = if fuse.side == spark.to { 2 } else { 1 };
                let length = fuse.length.saturating_add(step);
                Self { side: spark.to, length, ..fuse.clone() }
            }
            _ => Self { side: spark.to, at: spark.at, length: 1, blown: false },
        }
    }

    /// Whether one more write would be one too many.
    pub(crate) fn blows(before: Option<&Self>, spark: Spark) -> bool {
        let chain = Self::extend(before, spark);
        chain.blown || chain.length >= CHAIN_LIMIT
    }

    /// Whether the write answers what came of the one before it, with no person's edit in between.
    fn goes_on(&self, spark: Spark) -> bool {
        let undone = match spark.why {
            Why::Decided | Why::Restored => return false,
            Why::Enforced | Why::Refilled | Why::Newest | Why::OrderUnknown | Why::Policy => true,
            Why::Changed | Why::Filled | Why::Born | Why::Created => self.side != spark.to,
        };
        // Once it is cut, whatever an automation says next belongs to the fight, in whichever direction.
        let lasts = undone && spark.at.duration_since(self.at) <= CHAIN_TIME;
        !spark.by_person && (self.blown || lasts)
    }
}

/// What is known of a group's change on one side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) seen: &'a Observation,
    pub(crate) held: &'a GroupHeld,
    /// When the value came, as far as it was known before this reading.
    pub(crate) window: Option<&'a Window>,
}

impl Change<'_> {
    /// Whether a person typed the value: it came with the record's last save, and that was a person's. Who saves another
    /// field later has typed nothing of this one.
    pub(crate) fn is_typed(&self) -> bool {
        let stamp = self.seen.version.stamp;
        let window = Window::observe(self.window, fingerprint(self.held), stamp);
        self.seen.actor == Actor::Person && window.until == Some(stamp)
    }
}

/// Whether a person changed one of the sides since they were reconciled.
pub(crate) fn by_person(base: Option<&PerSide<GroupHeld>>, changes: PerSide<Option<Change<'_>>>) -> bool {
    Side::BOTH.into_iter().any(|side| {
        let differs = |change: &Change<'_>| base.is_none_or(|base| change.held != base.at(side));
        changes.at(side).is_some_and(|change| differs(&change) && change.is_typed())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spark(to: Side, minute: i64, why: Why) -> Spark {
        Spark { to, why, at: Timestamp::from_second(minute * 60).unwrap(), by_person: false }
    }

    fn chain(sparks: &[Spark]) -> Option<Fuse> {
        sparks.iter().fold(None, |fuse: Option<Fuse>, spark| Some(Fuse::extend(fuse.as_ref(), *spark)))
    }

    #[test]
    fn the_third_write_to_one_side_of_a_fight_blows_the_fuse() {
        let fight = |minute| {
            let side = if minute % 2 == 0 { Side::Crm } else { Side::Portal };
            spark(side, minute, Why::Changed)
        };
        let four: Vec<Spark> = (0..4).map(fight).collect();
        assert!(!Fuse::blows(chain(&four[..3]).as_ref(), four[3]), "the portal's second write");
        let chain = chain(&four);
        assert!(Fuse::blows(chain.as_ref(), fight(4)), "the opportunity's third write");
        assert!(!Fuse::blows(chain.as_ref(), fight(62)), "the chain began over an hour ago");
        assert!(!Fuse::blows(chain.as_ref(), Spark { by_person: true, ..fight(4) }), "a person's edit");
        assert!(!Fuse::blows(chain.as_ref(), Spark { why: Why::Decided, ..fight(4) }), "a person's decision");
    }

    #[test]
    fn a_blown_fuse_is_ended_by_a_person_and_by_no_passing_of_time() {
        let blown = Fuse { side: Side::Portal, at: Timestamp::UNIX_EPOCH, length: 4, blown: true };
        let much_later = spark(Side::Crm, 10_000, Why::Changed);
        assert!(Fuse::blows(Some(&blown), much_later));
        assert!(Fuse::blows(Some(&blown), Spark { to: Side::Portal, ..much_later }), "the same side again");
        let short = Fuse { length: 3, ..blown.clone() };
        assert!(Fuse::blows(Some(&short), much_later), "the next write adds less than the one that was held");
        assert!(!Fuse::blows(Some(&blown), Spark { by_person: true, ..much_later }), "a person's edit");
        let decided = Spark { why: Why::Decided, ..much_later };
        let after = Fuse::extend(Some(&blown), decided);
        assert_eq!((after.length, after.blown), (1, false), "a person's decision begins anew");
    }

    #[test]
    fn edits_that_flow_one_way_are_no_fight() {
        let many: Vec<Spark> = (0..9).map(|minute| spark(Side::Portal, minute, Why::Changed)).collect();
        assert!(!Fuse::blows(chain(&many).as_ref(), spark(Side::Portal, 9, Why::Changed)));
    }

    #[test]
    fn putting_the_same_side_right_for_the_third_time_blows_the_fuse() {
        let twice = [spark(Side::Crm, 0, Why::Enforced), spark(Side::Crm, 1, Why::Enforced)];
        assert!(!Fuse::blows(chain(&twice[..1]).as_ref(), twice[1]));
        assert!(Fuse::blows(chain(&twice).as_ref(), spark(Side::Crm, 2, Why::Enforced)));
    }
}
