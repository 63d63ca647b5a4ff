//! The record of every edit that a platform acknowledged to a person, and the judgement of it: each is on both sides, or
//! a later one stands there in its place, or it is in the archive with a reason.

use std::{collections::BTreeMap, fmt};

/// What people edit on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Amount,
    ClosingDate,
    Notes,
}

impl Field {
    pub(super) const ALL: [Self; 3] = [Self::Amount, Self::ClosingDate, Self::Notes];
}

/// Who edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A seller, in Salesforce.
    Seller,
    /// A colleague, in Partner Center.
    Colleague,
}

/// An edit that was acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    pub(super) by: By,
    /// As the oracle writes it. No two edits of a run have the same.
    pub(super) value: String,
}

/// A number of a deal among the people's.
pub(super) type DealNumber = usize;

/// All acknowledged edits since the last judgement, in their order.
#[derive(Debug, Default)]
pub(super) struct Record {
    edits: BTreeMap<(DealNumber, Field), Vec<Edit>>,
    taken: usize,
}

/// An edit that is nowhere, or a value that nobody typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) deal: DealNumber,
    pub(super) field: Field,
    pub(super) why: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deal {}, {:?}: {}", self.deal, self.field, self.why)
    }
}

impl Record {
    /// Notes an edit that was acknowledged.
    pub(super) fn take(&mut self, deal: DealNumber, field: Field, edit: Edit) {
        self.edits.entry((deal, field)).or_default().push(edit);
        self.taken += 1;
    }

    /// How many were taken in all.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Judges all: `held` is what both sides hold in the end, `archived` whether a value is kept with a reason.
    pub(super) fn judge(
        &self,
        held: impl Fn(DealNumber, Field) -> String,
        archived: impl Fn(DealNumber, Field, &str) -> bool,
    ) -> Vec<Lost> {
        let mut lost = Vec::new();
        for ((deal, field), edits) in &self.edits {
            let (deal, field) = (*deal, *field);
            let held = held(deal, field);
            let last = edits.last().expect("a place was made for an edit");
            if last.value == held {
                continue;
            }
            if !edits.iter().any(|edit| edit.value == held) {
                let typed: Vec<&str> = edits.iter().map(|edit| edit.value.as_str()).collect();
                lost.push(Lost {
                    deal,
                    field,
                    why: format!("{held:?} is held, and people typed {typed:?} since they were last asked"),
                });
            }
            // A later edit stands in the place of an earlier one; nothing stands in the place of the last.
            if !archived(deal, field, &last.value) {
                let why = format!(
                    "{:?} of a {:?} was acknowledged last, {held:?} is held, and nothing of it is archived",
                    last.value, last.by
                );
                lost.push(Lost { deal, field, why });
            }
        }
        lost
    }

    /// Everything up to now was judged: what is held is the beginning of what comes.
    pub(super) fn begin_anew(&mut self, held: impl Fn(DealNumber, Field) -> String) {
        for ((deal, field), edits) in &mut self.edits {
            *edits = vec![Edit { by: By::Seller, value: held(*deal, *field) }];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(edits: &[(By, &str)]) -> Record {
        let mut record = Record::default();
        for (by, value) in edits {
            record.take(0, Field::Notes, Edit { by: *by, value: (*value).to_owned() });
        }
        record
    }

    fn lost(record: &Record, held: &str, archived: &[&str]) -> usize {
        record.judge(|_, _| held.to_owned(), |_, _, value| archived.contains(&value)).len()
    }

    #[test]
    fn an_edit_is_held_or_followed_by_another_or_archived_or_else_lost() {
        let both = record(&[(By::Seller, "one"), (By::Colleague, "two")]);
        assert_eq!(lost(&both, "two", &[]), 0, "the last is held");
        assert_eq!(lost(&both, "one", &["two"]), 0, "the last lost and is kept");
        assert_eq!(lost(&both, "one", &[]), 1, "the last is nowhere");
        assert_eq!(lost(&both, "three", &["two"]), 1, "nobody typed what is held");
        assert_eq!(lost(&both, "three", &[]), 2, "both");
    }
}
