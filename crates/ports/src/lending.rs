//! Parts of a daily allowance, lent to each process for a while, so that all of them together never spend more than one.

use std::time::Duration;

use jiff::Timestamp;

use crate::{Lane, Platform, Usage};

/// How long a block counts as lent. What a process that vanished had, comes back after this, and after the server has
/// said what of it was spent.
pub const BLOCK_LASTS: Duration = Duration::from_mins(1);

/// How long its borrower begins calls with a block, from before it asked for it. So much sooner than the block's end that
/// the server has counted the last of them by then.
pub const BLOCK_SERVES: Duration = Duration::from_secs(45);

/// What a process asks of the lender for one lane. Whatever it was lent for this lane before ends with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Borrowing {
    /// Whose allowance.
    pub platform: Platform,
    /// The process.
    pub borrower: String,
    /// What the calls are for.
    pub lane: Lane,
    /// Up to which part of the allowance the lane may call, in percent.
    pub share: u8,
    /// Calls begun for the lane that `heard` may not count yet.
    pub unseen: u64,
    /// What the server said last to this very process, and when it heard it.
    pub heard: Option<(Usage, Timestamp)>,
    /// Where nothing is left, one call of all processes goes this often, to find out whether more is free again.
    pub sound_every: Duration,
    /// The present.
    pub now: Timestamp,
}

/// What is lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loan {
    /// The server has told of no allowance: nothing is counted.
    Unbounded,
    /// So many calls; none, if the lane's part is spent or lent to others.
    Calls(u64),
}

/// A pause that a server asked for, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerPause {
    /// When it ends.
    pub until: Timestamp,
    /// The end of the last one that was asked for because the server counts calls; all processes together made them.
    pub counted: Option<Timestamp>,
}
