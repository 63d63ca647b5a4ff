//! What one pass makes durable: before anything is sent, and after it was answered.

use deal_model::{Archived, Deal, DealId, Side};
use jiff::{SignedDuration, Timestamp};
use ports::EffectKind;
use serde::{Deserialize, Serialize};

use super::{Claim, Disposition, Fence, Flow, IndexEntry, Intent, IntentOutcome};

/// One line of a deal's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// When.
    pub at: Timestamp,
    /// In a word: `created`, `updated`, `accepted`, `won`, `problem`, ...
    pub what: String,
    /// The side that was written, if one was.
    pub side: Option<Side>,
    /// The groups that were written.
    pub groups: Vec<String>,
    /// A sentence for a person.
    pub sentence: String,
    /// From hearing of the change to the answer of its write, in milliseconds.
    pub took_ms: Option<i64>,
    /// The mapping's version.
    pub mapping: String,
    /// When the sentence was erased; it is empty then. Only of lines that were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Timestamp>,
}

/// What must be durable before anything is sent.
#[derive(Debug, Clone)]
pub struct WriteAhead {
    /// The claim under which it is sent.
    pub fence: Fence,
    /// The generation that was claimed: what is marked or decided since then was not planned with.
    pub generation: u64,
    /// The deal.
    pub deal: DealId,
    /// The flows that it was planned with: none of them was paused then.
    pub flows: Vec<Flow>,
    /// Losing values.
    pub archive: Vec<Archived>,
    /// What is about to be sent.
    pub intents: Vec<Intent>,
    /// Irreversible effects and clears, to be counted by the brake: `close`, `clear:notes`.
    pub braked: Vec<String>,
    /// The present instant.
    pub now: Timestamp,
    /// The brake's numbers.
    pub brake: BrakeLimit,
}

/// The brake's numbers (sync rules, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrakeLimit {
    /// So many of one kind may leave ...
    pub most: u32,
    /// ... within this time.
    pub within: SignedDuration,
}

/// Whether what was written down may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// It may.
    Go,
    /// The brake holds this kind; nothing was written down.
    Braked(String),
    /// The deal was marked, or somebody decided about it, since it was claimed, or a flow that it was planned with is
    /// paused; nothing was written down. Only said of intents and of what the brake counts: these cannot be taken back,
    /// so they are planned again first.
    Changed,
}

/// The end of a pass, or of one of its rounds.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The claim.
    pub claim: Claim,
    /// The deal's row as it is now; inserted if it is new. Decisions are not written by this.
    pub deal: Option<Deal>,
    /// Its new history.
    pub audit: Vec<AuditLine>,
    /// Intents that ended.
    pub intents: Vec<(String, IntentOutcome)>,
    /// What was learned for the births' index.
    pub index: Vec<IndexEntry>,
    /// Decisions of people that were carried out.
    pub consumed: Vec<i64>,
    /// Decisions of people that are not carried out: their values changed meanwhile, or were refused.
    pub handed_back: Vec<i64>,
    /// What becomes of the work row.
    pub disposition: Disposition,
    /// The present instant.
    pub now: Timestamp,
    /// The effect whose outcome this commits, for the hold-point inside the transaction.
    pub effect: Option<EffectKind>,
}
