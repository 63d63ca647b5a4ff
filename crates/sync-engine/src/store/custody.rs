//! What is proved, forgotten and let go of what is kept: chains of history, erasure, retention.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Subject;

/// The head of one subject's history: how many lines there ever were, and what they add up to.
#[derive(Clone, PartialEq, Eq)]
pub struct ChainHead {
    /// Whose history: `deal ID`, or `referral ID` for one that became no deal.
    pub subject: String,
    /// Lines that were ever written.
    pub length: u64,
    /// The link of the last of them (SHA-256).
    pub link: [u8; 32],
    /// Lines at the beginning that their time has taken.
    pub pruned: u64,
    /// The link of the last of those.
    pub anchor: [u8; 32],
}

impl fmt::Debug for ChainHead {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ChainHead({}: {} to {})", self.subject, self.pruned, self.length)
    }
}

/// How far the proof of one chain has come: lines passed, and the link of the last of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainPlace {
    /// Lines that were passed, those that their time has taken included.
    pub passed: u64,
    /// The link of the last of them.
    pub link: [u8; 32],
}

impl ChainHead {
    /// Where a proof of this chain begins.
    pub fn beginning(&self) -> ChainPlace {
        ChainPlace { passed: self.pruned, link: self.anchor }
    }
}

/// What a page of a chain's proof came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainStep {
    /// There is more of it.
    Further(ChainPlace),
    /// All lines up to the head are as they were written.
    Proved,
    /// Its beginning was taken by its time meanwhile: read the head again.
    Moved,
    /// It is not as it was written.
    Broken(ChainBreak),
}

/// The first place of a chain that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainBreak {
    /// The line, from 1.
    pub line: u64,
    /// What of it: `is missing`.
    pub what: String,
}

/// Lines of history in the store, and as the heads of all chains count them, at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryTotals {
    /// Lines that are there.
    pub lines: u64,
    /// Lines that should be.
    pub chained: u64,
}

/// What became of the values that the store held of one subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Lines of history whose sentences can be read no more.
    pub lines: u64,
    /// Losing values that can be read no more.
    pub archived: u64,
    /// Decisions that are gone.
    pub decisions: u64,
    /// Whether what both sides hold stays known, because the deal is kept in step.
    pub in_step: bool,
}

impl Forgotten {
    /// Counts what went with it.
    pub fn add(&mut self, more: &Self) {
        self.lines += more.lines;
        self.archived += more.archived;
        self.decisions += more.decisions;
    }
}

/// A page of the search for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mentions {
    /// Those of whom the store holds the address.
    pub found: Vec<Subject>,
    /// Those of `found` where it may be a part of another address.
    pub doubtful: Vec<Subject>,
    /// How many were looked at.
    pub looked: usize,
    /// The last that was looked at; `None` at the end.
    pub last: Option<Subject>,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Lines of history.
    pub history: SignedDuration,
    /// Losing values.
    pub archive: SignedDuration,
    /// Intents, decisions, pauses and held brakes that ended, former links, and what is known of closed referrals.
    pub ended: SignedDuration,
    /// What both sides shared of a deal that is paused (sync rules, section 6).
    pub paused: SignedDuration,
    /// What both sides shared of a deal that is closed.
    pub closed: SignedDuration,
}

/// What a page of letting go took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Lines of history.
    pub lines: u64,
    /// Losing values.
    pub archived: u64,
    /// Intents, decisions, pauses and held brakes that ended.
    pub ended: u64,
    /// Former links, closed referrals, and leads that came to nothing more.
    pub referrals: u64,
    /// Paused deals whose values were let go.
    pub paused: u64,
    /// Closed deals whose values were let go.
    pub closed: u64,
    /// Keys, destroyed or not, under which nothing is sealed any more.
    pub keys: u64,
}

impl Pruned {
    /// Whether nothing was left to take.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
