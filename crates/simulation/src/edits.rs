//! The record of what every person typed and did. It is kept beside the platforms and knows nothing of the product.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sandbox::faults::Platform;

/// What can be typed on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Amount and currency together.
    Money,
    /// The closing date.
    Closing,
    /// The notes.
    Notes,
}

impl Field {
    /// The product's name of it.
    pub(crate) fn group(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Closing => "closing_date",
            Self::Notes => "notes",
        }
    }
}

/// One value that a person typed.
#[derive(Debug, Clone)]
pub struct Edit {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub side: Platform,
    /// The record's id.
    pub record: String,
    /// What.
    pub field: Field,
    /// A text that stands for this value, and for no other, wherever the value goes.
    pub needle: String,
    /// It was written on the other side.
    pub arrived: bool,
    /// Somebody typed another value over it, on the same side.
    pub superseded: bool,
    /// The product has been told of it by an answer.
    pub told: bool,
}

/// What a seller, or whoever acts for one, wanted to happen at the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// The opportunity is to be shared with the portal at all.
    OptIn,
    /// A received referral is to be accepted.
    Accept,
    /// It is to be declined.
    Decline,
    /// It is won.
    Win,
    /// It is lost.
    Lose,
}

/// Everything that people did.
#[derive(Debug, Default)]
pub struct Record {
    /// What was typed, oldest first.
    pub edits: Vec<Edit>,
    /// Every amount with the currency it was typed with.
    pub money: BTreeSet<(String, String)>,
    /// What was wanted, by opportunity.
    pub wishes: BTreeMap<String, BTreeSet<Wish>>,
    /// Opportunities that a person made by cloning another.
    pub clones: BTreeSet<String>,
    /// Words that stand in opportunities that nobody opted in.
    pub secrets: Vec<String>,
    /// Opportunities that somebody else's automation may have changed.
    pub automated: bool,
    /// How many things people did.
    pub deeds: u64,
}

impl Record {
    /// A person typed a value.
    pub(crate) fn typed(
        &mut self,
        at: Timestamp,
        side: Platform,
        record: &str,
        field: Field,
        needle: String,
    ) {
        for earlier in &mut self.edits {
            if earlier.side == side && earlier.record == record && earlier.field == field {
                earlier.superseded = true;
            }
        }
        let (arrived, superseded, told) = (false, false, false);
        let record = record.to_owned();
        self.edits.push(Edit { at, side, record, field, needle, arrived, superseded, told });
    }

    /// A seller wanted something.
    pub(crate) fn wanted(&mut self, opportunity: &str, wish: Wish) {
        self.wishes.entry(opportunity.to_owned()).or_default().insert(wish);
    }
}
