//! Proofs that were kept: how the deals stood at a time, without any value of theirs.

use std::collections::BTreeMap;

use deal_model::{DealId, GroupId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Standing;

/// Most proofs that a store keeps; the oldest go first. A year and more of daily ones.
pub const KEPT_PROOFS: usize = 400;

/// Most deals that a kept proof names.
pub const NAMED_DEALS: usize = 100;

/// A proof over all deals, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptProof {
    /// When the first deal was read.
    pub began: Timestamp,
    /// When the last one was.
    pub ended: Timestamp,
    /// The mapping's version.
    pub mapping: String,
    /// Who asked for it: a person, or `the service`.
    pub by: String,
    /// How many deals were read. The counts add up to it.
    pub deals: u64,
    /// How they stood.
    pub counts: BTreeMap<Standing, u64>,
    /// The first deals that are not simply equal, the worst first, at most [`NAMED_DEALS`].
    pub first: Vec<NamedDeal>,
}

/// A deal that a proof names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedDeal {
    /// The deal.
    pub deal: DealId,
    /// How it stood.
    pub standing: Standing,
    /// What differed; `stage` for the lifecycle.
    pub fields: Vec<GroupId>,
}

impl KeptProof {
    /// How many deals stood so.
    pub fn count(&self, standing: Standing) -> u64 {
        self.counts.get(&standing).copied().unwrap_or(0)
    }

    /// Whether no deal differed without a reason, and every one could be read.
    pub fn holds(&self) -> bool {
        self.count(Standing::Different) == 0 && self.count(Standing::Unread) == 0
    }
}
