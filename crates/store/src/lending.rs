//! How the calls of an allowance are lent, whatever keeps the account: what the server has counted, and what processes may
//! have begun since.
//!
//! The server alone knows what is spent. A block counts in full until it is over and the server has been heard after its
//! end: whatever of it was spent is in the server's count then. So the sum of what is counted and what is lent is never
//! less than what was really spent, whoever dies when.

use jiff::{SignedDuration, Timestamp};
use ports::{BLOCK_LASTS, Borrowing, Loan, Usage};

/// The server's window: when it has passed without a word, nothing that was counted counts.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// Answers overtake each other by less than this; a newer one that looks older is a server's clock that was set back.
const MOST_OVERTAKEN: SignedDuration = SignedDuration::from_mins(2);

/// A block is this part of the allowance ...
const PART: u64 = 1000;
/// ... and no more calls than this ...
const MOST: u64 = 500;
/// ... and no more than this part of what is left, so that something is left for who asks next.
const OF_THE_REST: u64 = 4;

/// What is known of one platform's allowance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) usage: Option<Usage>,
    /// When that was heard.
    pub(crate) heard: Option<Timestamp>,
    /// When a call last went to find out whether more is free.
    pub(crate) sounded: Option<Timestamp>,
}

/// What others may spend of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Others {
    /// Calls of all blocks but the borrower's own of this lane, those left out that the server has counted by now.
    pub(crate) lent: u64,
    /// One of them is over, and nobody has heard the server since.
    pub(crate) unheard: bool,
}

/// What is lent, and what of it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lent {
    pub(crate) loan: Loan,
    /// What counts as the borrower's until `ends`.
    pub(crate) counted: u64,
    pub(crate) ends: Timestamp,
}

impl Account {
    /// Takes note of what the server said; whether that was news. Its own date says what is newer.
    pub(crate) fn hear(&mut self, said: Usage, heard: Timestamp) -> bool {
        let is_older = |known: &Usage| {
            (said.at, said.used) < (known.at, known.used)
                && (known.at.duration_since(said.at) < MOST_OVERTAKEN
                    || self.heard.is_some_and(|last| heard <= last))
        };
        if said.allowed == 0 || self.usage.as_ref().is_some_and(is_older) {
            return false;
        }
        self.usage = Some(said);
        self.heard = Some(self.heard.map_or(heard, |last| last.max(heard)));
        true
    }

    /// Lends to `wish` what is left for its lane.
    pub(crate) fn lend(&mut self, wish: &Borrowing, others: Others) -> Lent {
        let lasts = SignedDuration::try_from(BLOCK_LASTS).unwrap_or(SignedDuration::MAX);
        let ends = wish.now.saturating_add(lasts).unwrap_or(Timestamp::MAX);
        let stale = self.heard.is_none_or(|heard| wish.now.duration_since(heard) >= WINDOW);
        let Some(usage) = self.usage.filter(|_| !stale) else {
            return Lent { loan: Loan::Unbounded, counted: wish.unseen, ends };
        };
        let part = usage.allowed.saturating_mul(u64::from(wish.share)) / 100;
        let spent = usage.used.saturating_add(others.lent).saturating_add(wish.unseen);
        let left = part.saturating_sub(spent);
        let calls = if left > 0 {
            (usage.allowed / PART).clamp(1, MOST).min((left / OF_THE_REST).max(1))
        } else {
            u64::from(self.sounds(wish, others))
        };
        Lent { loan: Loan::Calls(calls), counted: wish.unseen.saturating_add(calls), ends }
    }

    /// Whether one call may find out what is free again.
    fn sounds(&mut self, wish: &Borrowing, others: Others) -> bool {
        // Whoever is gone left a block behind of which only the server knows what was spent.
        let every = if others.unheard { wish.sound_every.min(BLOCK_LASTS) } else { wish.sound_every };
        let every = SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX);
        // A clock that was set back counts as time that passed: the answer tells.
        let sounds =
            self.heard.max(self.sounded).is_none_or(|last| wish.now.duration_since(last).abs() >= every);
        if sounds {
            self.sounded = Some(wish.now);
        }
        sounds
    }
}
