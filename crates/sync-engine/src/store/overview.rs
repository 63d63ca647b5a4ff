//! What a person sees of the store: lists, holds, problems of connections, numbers.

use deal_model::{Archived, DealId, Phase, Problem, RecordId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One deal in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DealSummary {
    /// The deal.
    pub id: DealId,
    /// The opportunity.
    pub opportunity: Option<RecordId>,
    /// The referral.
    pub referral: Option<RecordId>,
    /// Microsoft's referral.
    pub companion: Option<RecordId>,
    /// Whether it is worked on.
    pub phase: Phase,
    /// When the referral expires that nobody of ours answered.
    pub expires: Option<Timestamp>,
    /// When Microsoft's referral expires that Microsoft did not answer.
    pub companion_expires: Option<Timestamp>,
    /// Effects that wait for their time.
    pub waiting: usize,
    /// Why it cannot go on.
    pub problems: Vec<Problem>,
    /// When it was last committed.
    pub updated: Timestamp,
    /// How often looking at it failed in a row.
    pub attempts: u32,
    /// When it is looked at next, if that is known.
    pub due: Option<Timestamp>,
}

/// A losing value that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedRow {
    /// Its number in the store.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What; of an erased one the group and the side alone.
    pub archived: Archived,
    /// When the value was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Timestamp>,
}

/// A brake that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrakeHold {
    /// The kind: `close`, `clear:notes`.
    pub kind: String,
    /// Since when.
    pub since: Timestamp,
    /// Deals that it stopped, at most 1,000.
    pub deals: Vec<DealId>,
}

/// A problem of a whole connection, not of one deal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionProblem {
    /// What it is about: `salesforce.field.Opportunity.Amount`.
    pub key: String,
    /// What is wrong.
    pub sentence: String,
    /// What a person does next.
    pub next_step: String,
    /// Since when.
    pub since: Timestamp,
}

/// A connection that was seen to work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionWorked {
    /// Which one.
    pub key: String,
    /// When, the last time.
    pub at: Timestamp,
    /// What was seen, for a person.
    pub saw: String,
}

/// Numbers over the whole store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All deals.
    pub deals: u64,
    /// Deals with both halves.
    pub pairs: u64,
    /// Deals with a problem.
    pub problems: u64,
    /// Effects that wait.
    pub waiting: u64,
    /// Paused deals.
    pub paused: u64,
    /// Finished deals.
    pub finished: u64,
    /// Work rows that are due.
    pub due: u64,
    /// Intents without an outcome.
    pub open_intents: u64,
    /// Deals that differ since the mapping changed.
    pub remapped: u64,
}
