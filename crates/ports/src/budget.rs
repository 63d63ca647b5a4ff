//! A place for every remote call in a budget that all workers share.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::lending::{Borrowing, Loan, ServerPause};

/// The two platforms whose allowances are spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// The referrals' home.
    PartnerCenter,
    /// The opportunities' home.
    Salesforce,
}

impl Platform {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::PartnerCenter, Self::Salesforce];

    /// The name used in stores, metrics and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::PartnerCenter => "partner_center",
            Self::Salesforce => "salesforce",
        }
    }
}

/// What a call is for; the scarcer the budget, the fewer lanes are admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Guards: the last to be refused.
    Guard,
    /// Events, people, due work.
    Now,
    /// Sweeps, backlog, first load.
    Background,
    /// Audit lines: the first to be refused.
    Report,
}

impl Lane {
    /// The name used in stores.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Now => "now",
            Self::Background => "background",
            Self::Report => "report",
        }
    }
}

/// What the server said about its own allowance, in one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Calls used in the server's window.
    pub used: u64,
    /// Calls allowed in the server's window.
    pub allowed: u64,
    /// The answer's own `Date`.
    pub at: Timestamp,
}

/// What became of a call, as far as the server's load is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The server answered, with whatever verdict on the call itself.
    Answered {
        /// The kind of call, of which each takes about as long as the others: only such times can be compared. As many
        /// kinds as are written in code; none, if a call's size decides how long it takes.
        kind: Option<&'static str>,
        /// From the sending to the last byte of the answer.
        took: Duration,
    },
    /// The server asked for fewer calls (429, 509). A delay that it named was told by [`Budget::pause_until`] before.
    Throttled,
    /// The server could not cope (503, 504, no answer within the deadline).
    Overloaded,
    /// Nothing is known: nothing was sent, the connection broke, or the caller stopped waiting.
    Unknown,
}

/// A place in the budget. It is free again when its outcome is told; when it is dropped, that is
/// [`Outcome::Unknown`].
pub struct Permit(Option<Box<dyn FnOnce(Outcome) + Send>>);

impl Permit {
    /// A place whose end is told to `ended`.
    pub fn new(ended: impl FnOnce(Outcome) + Send + 'static) -> Self {
        Self(Some(Box::new(ended)))
    }

    /// A place of which there are always more.
    pub fn free() -> Self {
        Self(None)
    }

    /// Gives the place back.
    pub fn end(mut self, outcome: Outcome) {
        self.give_back(outcome);
    }

    fn give_back(&mut self, outcome: Outcome) {
        if let Some(ended) = self.0.take() {
            ended(outcome);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back(Outcome::Unknown);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

/// The answer to a request for a place.
#[derive(Debug)]
#[must_use = "a place that is dropped is given back"]
pub enum Admission {
    /// Go. The place is held until the call has ended.
    Granted(Permit),
    /// No place within the time given: ask again no sooner than after this.
    Wait(Duration),
}

/// Lends places for remote calls. A pause grows, it never shrinks.
#[async_trait]
pub trait Budget: Send + Sync + 'static {
    /// Asks for a place for one call, and waits for it no longer than `within`. Places go to the lanes in turn, to
    /// guards first; cancelling the future leaves the queue.
    async fn admit(&self, platform: Platform, lane: Lane, within: Duration) -> Admission;

    /// Tells what the server said of its allowance.
    async fn observe(&self, platform: Platform, usage: Usage);

    /// Tells that the server asked for a pause until `until`.
    async fn pause_until(&self, platform: Platform, until: Timestamp);
}

/// Why what servers said of their budgets could not be kept or read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("what servers said of their budgets: {0}")]
pub struct BudgetBookError(pub String);

/// Where pauses and allowances that servers told last longer than a process, and reach the others that share them; and
/// who lends them the calls of an allowance.
#[async_trait]
pub trait BudgetBook: Send + Sync + 'static {
    /// Every pause that is known, over or not.
    async fn server_pauses(&self) -> Result<Vec<(Platform, ServerPause)>, BudgetBookError>;

    /// Keeps a pause, unless a longer one is known.
    async fn keep_pause(&self, platform: Platform, pause: ServerPause) -> Result<(), BudgetBookError>;

    /// What each server last said of its allowance, however long ago.
    async fn usages(&self) -> Result<Vec<(Platform, Usage)>, BudgetBookError>;

    /// Keeps what a server said of its allowance to this process, which heard it at `heard`; the newest counts, by the
    /// server's own date.
    async fn keep_usage(
        &self,
        platform: Platform,
        usage: Usage,
        heard: Timestamp,
    ) -> Result<(), BudgetBookError>;

    /// Lends calls of an allowance for [`BLOCK_LASTS`](crate::BLOCK_LASTS). What the server has counted, what is lent to
    /// all, and what was begun and is not counted yet, is together never more than the lane's part; but for single calls
    /// that find out whether more is free.
    async fn borrow(&self, wish: &Borrowing) -> Result<Loan, BudgetBookError>;
}

/// Grants everything: for tests of a client alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

#[async_trait]
impl Budget for Unlimited {
    async fn admit(&self, _: Platform, _: Lane, _: Duration) -> Admission {
        Admission::Granted(Permit::free())
    }

    async fn observe(&self, _: Platform, _: Usage) {}

    async fn pause_until(&self, _: Platform, _: Timestamp) {}
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_place_is_given_back_once_and_a_dropped_one_says_that_nothing_is_known() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let permit = || {
            let told = Arc::clone(&told);
            Permit::new(move |outcome| told.lock().unwrap().push(outcome))
        };
        permit().end(Outcome::Throttled);
        drop(permit());
        assert_eq!(*told.lock().unwrap(), [Outcome::Throttled, Outcome::Unknown]);
    }
}
