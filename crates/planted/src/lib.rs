//! Mistakes on purpose: each is one that somebody would honestly make, and the simulation must find it.
//!
//! A bug stands where it would be made, as `if planted(Bug::X) { … }`. Without the feature `armed` that is a constant
//! `false`, and nothing of it is left in the program. With it, a process can be made to have one of them, once and for
//! all: `cosell simulate --plant NAME`. A judge that no planted bug can wake has shown nothing.

#[cfg(feature = "armed")]
use std::sync::OnceLock;

/// Writes the bugs down once: as variants, as names, and in the words of their sentence.
macro_rules! bugs {
    ($($bug:ident, $name:literal, $sentence:literal;)+) => {
        /// A mistake that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $(#[doc = $sentence] $bug,)+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$bug,)+];

            /// Its name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$bug => $name,)+ }
            }

            /// What is done wrong, in a sentence.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$bug => $sentence,)+ }
            }
        }
    };
}

bugs! {
    BaseBeforeReadBack, "base-before-read-back",
        "The base takes what was sent, not what was read back.";
    NoLeaseFence, "no-lease-fence",
        "A worker that lost its lease commits all the same.";
    NoLookBeforePost, "no-look-before-post",
        "A referral is created without looking whether it is there.";
    PolicySwapped, "policy-swapped",
        "A conflict goes to the side that the mapping lets lose.";
    NoIfMatch, "no-if-match",
        "A referral is changed whatever it has become meanwhile.";
    AcknowledgedBeforeCommit, "acknowledged-before-commit",
        "The portal's event is answered before its mark is kept.";
    ComparedWithoutFit, "compared-without-fit",
        "Both sides are compared beyond what both can hold.";
    CursorBeforeMarks, "cursor-before-marks",
        "A source's position is committed, and its marks a moment later.";
    AbsentReadAsEmpty, "absent-read-as-empty",
        "A field that is not shown is taken for an empty one.";
    MoneyMergedApart, "money-merged-apart",
        "Amount and currency are merged each for itself.";
    NewestByRecordTime, "newest-by-record-time",
        "The newer record wins, not the newer value.";
    MicrosoftPostedAgain, "microsoft-posted-again",
        "Help is asked for again without looking whether it was.";
    AcceptAndCloseUnguarded, "accept-and-close-unguarded",
        "Accepting and closing leave at once, in two PATCHes without a guard.";
    OverflowIgnored, "overflow-ignored",
        "An event that says that more changed than is told is passed over.";
    SecondPageSkipped, "second-page-skipped",
        "Of a list, the first page is taken for all of it.";
    DroppedForItsOrigin, "dropped-for-its-origin",
        "An event of our own user is dropped without a look at what it changed.";
    GraceLostAtRestart, "grace-lost-at-restart",
        "Nobody remembers after a restart when a waiting effect is due.";
    WithdrawnAfterSending, "withdrawn-after-sending",
        "What a person takes back is sent, and withdrawn then.";
    RowErrorTakenForSuccess, "row-error-taken-for-success",
        "The error of one row is not seen in a call that went well.";
    SetMergedAsBlob, "set-merged-as-blob",
        "Of a set that both sides changed, one side's replaces the other's.";
    WorkClearedDespiteMark, "work-cleared-despite-mark",
        "A finished pass clears its work, be it marked meanwhile or not.";
    StalePagePlannedOn, "stale-page-planned-on",
        "A read that is older than one before is planned on.";
}

impl Bug {
    /// The bug of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|bug| bug.name() == name)
    }
}

/// Whether a bug can be armed in this program.
pub const CAN_BE_ARMED: bool = cfg!(feature = "armed");

#[cfg(feature = "armed")]
static ARMED: OnceLock<Bug> = OnceLock::new();

/// Lets this process have `bug`. The first one stays; false: there was another one.
#[cfg(feature = "armed")]
pub fn arm(bug: Bug) -> bool {
    *ARMED.get_or_init(|| bug) == bug
}

/// Arms nothing: false.
#[cfg(not(feature = "armed"))]
pub const fn arm(_: Bug) -> bool {
    false
}

/// Whether this process has `bug`.
#[cfg(feature = "armed")]
pub fn planted(bug: Bug) -> bool {
    ARMED.get() == Some(&bug)
}

/// Whether this process has the bug: no.
#[cfg(not(feature = "armed"))]
#[inline]
pub const fn planted(_: Bug) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_bug_has_a_name_and_a_sentence_of_its_own() {
        let names: BTreeSet<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
        let sentences: BTreeSet<&str> = Bug::ALL.iter().map(|bug| bug.sentence()).collect();
        assert_eq!((names.len(), sentences.len()), (Bug::ALL.len(), 22));
        assert!(Bug::ALL.iter().all(|bug| Bug::named(bug.name()) == Some(*bug)));
        assert_eq!(Bug::named("none-of-them"), None);
    }

    #[test]
    fn a_program_without_the_feature_has_none_and_cannot_be_given_one() {
        assert_eq!(arm(Bug::NoIfMatch), CAN_BE_ARMED);
        assert_eq!(planted(Bug::NoIfMatch), CAN_BE_ARMED);
        assert!(!planted(Bug::NoLeaseFence), "one at a time");
    }
}
