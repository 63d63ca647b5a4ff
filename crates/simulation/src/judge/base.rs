//! The base never says what was not read: a value in one of its halves stood in an answer of that side before.

use jiff::SignedDuration;
use sandbox::faults::Platform;
use serde_json::Value;

use super::{Violation, privacy::contains};
use crate::{
    edits::{Edit, Field, Record},
    product::DealSeen,
    world::Seen,
};

/// How long after a value was typed over some answer may still tell of it: longer than any read lags behind.
const FADES: SignedDuration = SignedDuration::from_mins(10);

/// Notes which values the product was told by answers.
pub(crate) fn hear(record: &mut Record, seen: &[Seen]) {
    // A flow may put back what was there before.
    let fades = !record.reverting;
    for one in seen {
        for edit in &mut record.edits {
            // What both typed alike may still stand on the other side.
            let unheard = edit.told.is_none() && edit.told_across.is_none();
            let fades = fades && unheard && !edit.alike && edit.parted.is_none();
            if fades && edit.superseded.is_some_and(|at| one.at.duration_since(at) > FADES) {
                continue;
            }
            let told = if edit.side == one.platform { &mut edit.told } else { &mut edit.told_across };
            if told.is_none() && contains(&one.answer, &edit.needle) {
                *told = Some(one.at);
            }
        }
    }
}

pub(super) fn judge(record: &Record, deals: &[DealSeen]) -> Vec<Violation> {
    let mut found = Vec::new();
    for deal in deals {
        let ours = |edit: &&Edit| match edit.side {
            Platform::Salesforce => deal.opportunity.as_deref() == Some(&edit.record),
            Platform::PartnerCenter => deal.referral.as_deref() == Some(&edit.record),
        };
        // A date that a flow moved may be the one that somebody types next.
        let ours = record.edits.iter().filter(ours).filter(|edit| {
            let everywhere = edit.told.is_some() && edit.told_across.is_some();
            let moved_here = record.automated && edit.field == Field::Closing;
            !(everywhere || moved_here)
        });
        let mut halves = None;
        for edit in ours {
            let (portal, org) = halves.get_or_insert_with(|| halves_of(&deal.base));
            for (half, side) in [(&*portal, Platform::PartnerCenter), (&*org, Platform::Salesforce)] {
                let told = if side == edit.side { edit.told } else { edit.told_across };
                if told.is_none() && half.contains(&edit.needle) {
                    let what = format!(
                        "deal {} says that {side:?} holds {:?}, which no answer of it held",
                        deal.id, edit.needle
                    );
                    found.push(Violation::new("base", what));
                }
            }
        }
    }
    found
}

/// All that the base says of each side, the portal's first.
fn halves_of(base: &str) -> (String, String) {
    let base: Value = serde_json::from_str(base).unwrap_or_default();
    let half = |side: &str| {
        let groups = base.as_object().into_iter().flatten();
        groups.map(|(_, pair)| pair[side].to_string()).collect::<Vec<_>>().join(" ")
    };
    (half("portal"), half("crm"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_half_that_says_what_its_side_never_answered_is_seen() {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let mut record = Record::default();
        record.typed(at, Platform::PartnerCenter, "r", Field::Notes, "note 000001".to_owned());
        record.edits[0].told = Some(at);
        let deal = |crm: &str| DealSeen {
            id: "d".to_owned(),
            opportunity: Some("o".to_owned()),
            referral: Some("r".to_owned()),
            phase: "live".to_owned(),
            waiting: 0,
            problems: Vec::new(),
            remapped: Vec::new(),
            base: json!({ "notes": { "portal": { "notes": "note 000001" }, "crm": { "notes": crm } } })
                .to_string(),
            read: [None, None],
        };
        assert!(judge(&record, &[deal("what was there")]).is_empty());
        assert_eq!(judge(&record, &[deal("note 000001")]).len(), 1, "sent, and never read back");
        record.edits[0].told_across = Some(at);
        assert!(judge(&record, &[deal("note 000001")]).is_empty());
    }
}
