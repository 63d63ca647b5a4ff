//! The fuse: two automations that answer each other are stopped at the third write (sync rules, section 2).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Actor, Observation, PerSide, Side, Why};

/// Writes within this time belong to one chain.
pub const CHAIN_TIME: SignedDuration = SignedDuration::from_hours(1);

/// The write of one group to one side within [`CHAIN_TIME`] that the fuse does not allow.
pub const CHAIN_LIMIT: usize = 3;

/// Our own writes of one group, as long as each answered something that no person did.
///
/// Two automations that fight make us write to one side, then to the other, then to the first again, or to the same
/// side over and over because what we wrote does not stay. Edits that flow one way make us write many times to the same
/// side too, but there what we wrote does stay: that is no fight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fuse {
    /// The side last written.
    pub side: Side,
    /// When each side was written in this chain; at most `CHAIN_LIMIT - 1` times are kept.
    pub writes: PerSide<Vec<Timestamp>>,
    /// The versions after the last write: a person's edit in between has a later stamp.
    pub seen: PerSide<Option<Timestamp>>,
}

/// A write that the fuse looks at.
pub(crate) struct Spark {
    pub(crate) to: Side,
    pub(crate) why: Why,
    pub(crate) at: Timestamp,
}

impl Fuse {
    /// The chain with one more write.
    pub(crate) fn extend(
        before: Option<&Self>,
        spark: &Spark,
        read: PerSide<Option<&Observation>>,
        seen: PerSide<Option<Timestamp>>,
    ) -> Self {
        let mut writes = match before {
            Some(fuse) if fuse.goes_on(spark, read) => fuse.recent(spark.at),
            _ => PerSide::default(),
        };
        let times = writes.at_mut(spark.to);
        times.push(spark.at);
        let surplus = times.len().saturating_sub(CHAIN_LIMIT - 1);
        times.drain(..surplus);
        Self { side: spark.to, writes, seen }
    }

    /// Whether one more write would be one too many.
    pub(crate) fn blows(&self, spark: &Spark, read: PerSide<Option<&Observation>>) -> bool {
        self.goes_on(spark, read) && self.recent(spark.at).at(spark.to).len() + 1 >= CHAIN_LIMIT
    }

    /// Whether the write answers what came of the one before it, with no person's edit in between.
    fn goes_on(&self, spark: &Spark, read: PerSide<Option<&Observation>>) -> bool {
        let by_person = Side::BOTH.into_iter().any(|side| {
            read.at(side).is_some_and(|now| {
                now.actor == Actor::Person && self.seen.at(side).is_none_or(|seen| now.version.stamp > seen)
            })
        });
        let undone = match spark.why {
            Why::Enforced | Why::Refilled | Why::Newest | Why::OrderUnknown | Why::Policy => true,
            Why::Changed | Why::Filled | Why::Born | Why::Created => self.side != spark.to,
            Why::Decided => false,
        };
        undone && !by_person
    }

    fn recent(&self, now: Timestamp) -> PerSide<Vec<Timestamp>> {
        let young = |times: &Vec<Timestamp>| {
            times.iter().copied().filter(|time| now.duration_since(*time) <= CHAIN_TIME).collect()
        };
        PerSide::new(young(&self.writes.portal), young(&self.writes.crm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: PerSide<Option<&Observation>> = PerSide { portal: None, crm: None };

    fn spark(to: Side, minute: i64, why: Why) -> Spark {
        Spark { to, why, at: Timestamp::from_second(minute * 60).unwrap() }
    }

    fn chain(sparks: &[(Side, i64, Why)]) -> Fuse {
        sparks
            .iter()
            .fold(None, |fuse: Option<Fuse>, (to, minute, why)| {
                Some(Fuse::extend(fuse.as_ref(), &spark(*to, *minute, *why), NOBODY, PerSide::default()))
            })
            .unwrap()
    }

    #[test]
    fn the_third_write_to_one_side_of_a_fight_blows_the_fuse() {
        use Side::{Crm, Portal};
        let two = chain(&[(Crm, 0, Why::Changed), (Portal, 1, Why::Changed), (Crm, 2, Why::Changed)]);
        assert!(!two.blows(&spark(Portal, 3, Why::Changed), NOBODY), "the portal's second write");
        let four = Fuse::extend(Some(&two), &spark(Portal, 3, Why::Changed), NOBODY, PerSide::default());
        assert!(four.blows(&spark(Crm, 4, Why::Changed), NOBODY), "the opportunity's third write");
        assert!(!four.blows(&spark(Crm, 61, Why::Changed), NOBODY), "the first is over an hour ago");
    }

    #[test]
    fn edits_that_flow_one_way_are_no_fight() {
        let many = chain(&[(Side::Portal, 0, Why::Changed), (Side::Portal, 1, Why::Changed)]);
        assert!(!many.blows(&spark(Side::Portal, 2, Why::Changed), NOBODY));
    }

    #[test]
    fn putting_the_same_side_right_for_the_third_time_blows_the_fuse() {
        let twice = chain(&[(Side::Crm, 0, Why::Enforced), (Side::Crm, 1, Why::Enforced)]);
        assert!(twice.blows(&spark(Side::Crm, 2, Why::Enforced), NOBODY));
        assert!(!twice.blows(&spark(Side::Crm, 2, Why::Decided), NOBODY), "a person decided");
    }
}
