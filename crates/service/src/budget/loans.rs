//! What this process was lent of an allowance, lane by lane, and what it began of it.

use jiff::{SignedDuration, Timestamp};
use ports::{BLOCK_SERVES, Lane, Loan, Usage};

/// How long it is believed that nothing is left.
const BELIEVE_NOTHING: SignedDuration = SignedDuration::from_secs(2);
/// Answers overtake each other by less than this; a newer one that looks older is a server's clock that was set back.
const MOST_OVERTAKEN: SignedDuration = SignedDuration::from_mins(2);

/// The lanes that borrow. Guards do not: they must not wait for a lender, and the last part of the allowance is theirs.
pub(super) const BORROWING: [Lane; 3] = [Lane::Now, Lane::Background, Lane::Report];

/// Whether a lane has a call to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cover {
    /// It has.
    Covered,
    /// The lender is to be asked.
    Ask,
    /// The lender was asked just now, and had nothing.
    Nothing,
}

/// The loans of one platform.
#[derive(Debug, Default)]
pub(super) struct Loans {
    purses: [Purse; BORROWING.len()],
    /// What the server said last to this very process, and when it was heard.
    heard: Option<(Usage, Timestamp)>,
}

#[derive(Debug, Default)]
struct Purse {
    /// The newest loan, less what was begun of it, and when it was asked for.
    left: Option<(Loan, Timestamp)>,
    under_way: u64,
    /// Calls begun that the newest word of the server may not count.
    unseen: u64,
}

/// What the lender has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) unseen: u64,
    pub(super) heard: Option<(Usage, Timestamp)>,
}

impl Loans {
    pub(super) fn cover(&mut self, lane: Lane, now: Timestamp) -> Cover {
        let Some(purse) = self.purse(lane) else { return Cover::Covered };
        let Some((loan, asked)) = purse.left else { return Cover::Ask };
        let serves = match loan {
            Loan::Calls(0) => BELIEVE_NOTHING,
            _ => SignedDuration::try_from(BLOCK_SERVES).unwrap_or(SignedDuration::MAX),
        };
        // By a clock that was set back nobody knows how old it is.
        if now < asked || now.duration_since(asked) >= serves {
            return Cover::Ask;
        }
        if loan == Loan::Calls(0) { Cover::Nothing } else { Cover::Covered }
    }

    /// What the lender lent at a question of `asked`.
    pub(super) fn lent(&mut self, lane: Lane, loan: Loan, asked: Timestamp) {
        if let Some(purse) = self.purse(lane) {
            purse.left = Some((loan, asked));
        }
    }

    pub(super) fn begin(&mut self, lane: Lane) {
        let Some(purse) = self.purse(lane) else { return };
        purse.under_way += 1;
        purse.unseen += 1;
        purse.left = match purse.left {
            // The last one is gone: the lender is asked, not believed to have nothing.
            Some((Loan::Calls(..=1), _)) => None,
            Some((Loan::Calls(calls), asked)) => Some((Loan::Calls(calls - 1), asked)),
            other => other,
        };
    }

    pub(super) fn end(&mut self, lane: Lane) {
        if let Some(purse) = self.purse(lane) {
            purse.under_way = purse.under_way.saturating_sub(1);
        }
    }

    /// The server said to this very process what it has counted: every call that has ended by now, at least.
    pub(super) fn told(&mut self, usage: Usage, now: Timestamp) {
        let is_older = |(known, heard): &(Usage, Timestamp)| {
            (usage.at, usage.used) < (known.at, known.used)
                && now.duration_since(*heard).abs() < MOST_OVERTAKEN
        };
        if usage.allowed == 0 || self.heard.as_ref().is_some_and(is_older) {
            return;
        }
        self.heard = Some((usage, now));
        for purse in &mut self.purses {
            purse.unseen = purse.under_way;
            // There is an allowance after all.
            purse.left.take_if(|(loan, _)| *loan == Loan::Unbounded);
        }
    }

    pub(super) fn spent(&mut self, lane: Lane) -> Spent {
        let heard = self.heard;
        Spent { unseen: self.purse(lane).map_or(0, |purse| purse.unseen), heard }
    }

    fn purse(&mut self, lane: Lane) -> Option<&mut Purse> {
        let place = BORROWING.iter().position(|borrowing| *borrowing == lane)?;
        self.purses.get_mut(place)
    }
}
