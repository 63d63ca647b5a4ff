//! What people decide, as rows: each is one transaction beside whoever works on the deal.

use deal_model::{DealId, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A person's decision, to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDecision {
    /// The deal.
    pub deal: DealId,
    /// What is decided, with the exact values that were shown.
    pub verdict: Verdict,
    /// Who decides.
    pub by: String,
    /// The line of history: who decided what, for a person.
    pub sentence: String,
    /// The mapping's version under which it was shown.
    pub mapping: String,
    /// The open decision about the same matter that this one takes the place of, as the person saw it.
    pub instead_of: Option<i64>,
    /// The present instant.
    pub now: Timestamp,
}

/// What became of the wish to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// It is written down, under this number.
    Taken(i64),
    /// Somebody decided about the same matter before, and that is not carried out yet. Nothing was written.
    Open(Box<DecisionRow>),
}

/// How a decision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionEnd {
    /// A commit carried it out.
    CarriedOut,
    /// What it was about changed meanwhile, may not be written any more, or was refused.
    HandedBack,
    /// A person decided otherwise before it was carried out.
    Replaced,
}

/// A decision as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRow {
    /// Its number.
    pub id: i64,
    /// What was decided.
    pub verdict: Verdict,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The mapping's version under which it was shown.
    pub mapping: String,
    /// When and how it ended; `None` while it is open.
    pub ended: Option<(Timestamp, DecisionEnd)>,
}
