//! The base never says what was not read: a value in it stood in an answer before.

use super::{Violation, privacy::contains};
use crate::{edits::Record, product::DealSeen, world::Seen};

/// Notes which values the product was told by answers.
pub(crate) fn hear(record: &mut Record, seen: &[Seen]) {
    for one in seen {
        for edit in record.edits.iter_mut().filter(|edit| !edit.told) {
            edit.told = contains(&one.answer, &edit.needle);
        }
    }
}

pub(super) fn judge(record: &Record, deals: &[DealSeen]) -> Vec<Violation> {
    let mut found = Vec::new();
    for deal in deals {
        for edit in record.edits.iter().filter(|edit| !edit.told && !edit.arrived) {
            if deal.base.contains(&edit.needle) {
                let what = format!("deal {} says {:?}, which no answer held", deal.id, edit.needle);
                found.push(Violation::new("base", what));
            }
        }
    }
    found
}
