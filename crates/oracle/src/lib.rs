//! The judge: reads the raw records of both platforms and says whether each pair of them is equal.
//!
//! It is never the judged. It knows none of the rooms that keep the pairs in step: what belongs to what stands here a
//! second time, written by hand, in `table`. A codec that is wrong makes both sides look equal to whoever uses it;
//! it does not fool a reader of raw JSON.

mod duplicates;
mod pairs;
mod table;
mod values;

pub use duplicates::{Duplicate, DuplicateKind, irreversible_twice};
use serde_json::Value;

/// Two values that should be the same, as a person would read them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The opportunity's id, 18 characters.
    pub opportunity: String,
    /// The referral's id.
    pub referral: String,
    /// Which field, by the name that the hand-written table gives it.
    pub field: &'static str,
    /// What Salesforce holds.
    pub salesforce: String,
    /// What Partner Center holds.
    pub portal: String,
    /// Whether the portal takes no change of it once the referral exists.
    pub fixed: bool,
}

/// What the judge found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Opportunity and referral of every pair that is opted in.
    pub pairs: Vec<(String, String)>,
    /// How many of them are equal in every field.
    pub equal: usize,
    /// Pairs whose opportunity is opted out; they are not compared.
    pub paused: Vec<(String, String)>,
    /// Opted-in opportunities without a referral, and open referrals of ours without an opportunity.
    pub alone: Vec<String>,
    /// Everything that differs, sorted.
    pub differences: Vec<Difference>,
    /// Everything that exists more often than it may.
    pub duplicates: Vec<Duplicate>,
}

impl Verdict {
    /// Whether there are pairs, all of them equal, nothing is alone and nothing double.
    pub fn holds(&self) -> bool {
        !self.pairs.is_empty()
            && self.equal == self.pairs.len()
            && self.alone.is_empty()
            && self.duplicates.is_empty()
    }

    /// What differs of one opportunity.
    pub fn of(&self, opportunity: &str) -> Vec<&Difference> {
        self.differences.iter().filter(|difference| difference.opportunity == opportunity).collect()
    }
}

/// Everything among the records that exists more often than it may.
pub fn duplicates(salesforce: &Value, portal: &Value) -> Vec<Duplicate> {
    duplicates::of(salesforce, portal)
}

/// Judges two dumps: all records of Salesforce by object name, all referrals of Partner Center.
pub fn judge(salesforce: &Value, portal: &Value) -> Verdict {
    let found = pairs::find(salesforce, portal);
    let mut verdict =
        Verdict { alone: found.alone, duplicates: duplicates::of(salesforce, portal), ..Verdict::default() };
    for pair in found.pairs {
        let ids = (pair.opportunity_id().to_owned(), pair.referral_id().to_owned());
        if !pair.opted_in() {
            verdict.paused.push(ids);
            continue;
        }
        let differences = table::compare(&pair);
        verdict.equal += usize::from(differences.is_empty());
        verdict.differences.extend(differences);
        verdict.pairs.push(ids);
    }
    verdict.differences.sort();
    verdict
}
