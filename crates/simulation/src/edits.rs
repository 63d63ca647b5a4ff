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
    /// One more solution; each stands for itself.
    Solution,
}

impl Field {
    /// Whether it is one of several rows.
    pub(crate) fn is_row(self) -> bool {
        self == Self::Solution
    }

    /// The product's name of it.
    pub(crate) fn group(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Closing => "closing_date",
            Self::Notes => "notes",
            Self::Solution => "solutions",
        }
    }

    /// The field of this group, by the product's name.
    pub(crate) fn of_group(group: &str) -> Option<Self> {
        [Self::Money, Self::Closing, Self::Notes, Self::Solution]
            .into_iter()
            .find(|field| field.group() == group)
    }

    /// Where it stands in Salesforce, as problems of the connection name it.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Money => &["Opportunity.Amount", "Opportunity.CurrencyIsoCode"],
            Self::Closing => &["Opportunity.CloseDate"],
            Self::Notes => &["Opportunity.Description"],
            Self::Solution => &[],
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
    /// When.
    pub arrived_at: Option<Timestamp>,
    /// The other side was made to say the same in the same instant: there is nothing to be written.
    pub alike: bool,
    /// When one of the two who had typed the same typed something else.
    pub parted: Option<Timestamp>,
    /// When somebody typed another value over it, on the same side.
    pub superseded: Option<Timestamp>,
    /// When the product was first told of it by an answer of the side where it was typed.
    pub told: Option<Timestamp>,
    /// When it was first told of it by an answer of the other side.
    pub told_across: Option<Timestamp>,
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
    /// When it was wanted, each time, oldest first.
    pub wished: BTreeMap<(String, Wish), Vec<Timestamp>>,
    /// Waiting effects that a person took back: the opportunity, what it was to come to, and when. A seller's next move
    /// is another wish.
    pub withdrawn: BTreeMap<String, (String, Timestamp)>,
    /// Opportunities of which a waiting effect was sent before its time.
    pub sent_now: BTreeSet<String>,
    /// Opportunities that carry a referral's identifier, and since when.
    pub linked: BTreeMap<String, Timestamp>,
    /// The customer's mapping, by its number, ...
    pub mapping: u64,
    /// ... and since when both it and the store's memory have been what they are.
    pub settled_since: Timestamp,
    /// When the newest copy of the store was made.
    pub copied: Timestamp,
    /// When copies of the store were made that were brought back later, and when they were: what was archived in between
    /// is gone.
    pub gone: Vec<(Timestamp, Timestamp)>,
    /// Which opportunity each referral was seen to belong to, by the referral's lower-case id.
    pub pairs: BTreeMap<String, String>,
    /// Fields of which the product says that it cannot read them: one problem of the connection for all deals.
    pub hidden: Vec<String>,
    /// Opportunities that a person made the second of their identifier: by cloning another, or from the bin.
    pub clones: BTreeSet<String>,
    /// Words that stand in opportunities that nobody opted in.
    pub secrets: Vec<String>,
    /// Opportunities that somebody else's automation may have changed.
    pub automated: bool,
    /// An automation puts back what a person overwrote.
    pub reverting: bool,
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
        let mut no_longer_alike = Vec::new();
        for earlier in &mut self.edits {
            let is_whole = field != Field::Solution;
            if is_whole && earlier.side == side && earlier.record == record && earlier.field == field {
                earlier.superseded.get_or_insert(at);
                no_longer_alike.extend(earlier.alike.then(|| earlier.needle.clone()));
            }
        }
        // What one side typed over, the other side may win with.
        for earlier in self.edits.iter_mut().filter(|edit| no_longer_alike.contains(&edit.needle)) {
            earlier.alike = false;
            earlier.parted = Some(at);
        }
        self.edits.push(Edit {
            at,
            side,
            record: record.to_owned(),
            field,
            needle,
            arrived: false,
            arrived_at: None,
            alike: false,
            parted: None,
            superseded: None,
            told: None,
            told_across: None,
        });
    }

    /// A seller wanted something.
    pub(crate) fn wanted(&mut self, at: Timestamp, opportunity: &str, wish: Wish) {
        self.wishes.entry(opportunity.to_owned()).or_default().insert(wish);
        self.wished.entry((opportunity.to_owned(), wish)).or_default().push(at);
        self.withdrawn.remove(opportunity);
    }

    /// Whether somebody typed the same field on the other side, too, and one of both had to give way at a time of which
    /// the store's archive was taken away.
    pub(crate) fn may_be_gone(&self, edit: &Edit) -> bool {
        let is_pair = |other: &Edit| {
            let (opportunity, referral) = match edit.side {
                Platform::Salesforce => (&edit.record, &other.record),
                Platform::PartnerCenter => (&other.record, &edit.record),
            };
            self.pairs.get(&referral.to_lowercase()) == Some(opportunity)
        };
        let mut others =
            self.edits.iter().filter(|other| other.side != edit.side && other.field == edit.field);
        others.any(|other| self.was_gone(edit.at.max(other.at)) && is_pair(other))
    }

    /// Whether the store forgot by being put back what it was told at this time.
    pub(crate) fn was_gone(&self, at: Timestamp) -> bool {
        self.gone.iter().any(|(copied, brought_back)| at >= *copied && at < *brought_back)
    }

    /// Whether the product says that it cannot read the field.
    pub(crate) fn is_hidden(&self, field: Field) -> bool {
        field.columns().iter().any(|column| self.hidden.iter().any(|hidden| hidden == column))
    }

    /// The product's memory is another one from now on, or means something else.
    pub(crate) fn unsettled(&mut self, at: Timestamp) {
        self.settled_since = at;
        self.withdrawn.clear();
    }
}
