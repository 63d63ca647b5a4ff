//! Referrals that are leads: what both sides show of one, what is kept of it, and what is written.
//!
//! A lead is no deal. It goes one way, from the portal to the CRM's own lead record: made once under a unique column, then
//! followed field by field where the portal alone changed it. Nothing is ever emptied: a lead that expired hides its
//! contact. Accepted, it becomes a deal like any other; converted by a person, its opportunity becomes the deal's.

use std::collections::BTreeMap;

use deal_model::{FieldId, Fingerprint, Life, Observed, PerSide, RecordId, Value, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A referral that is a lead, as the portal shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalLead {
    /// The referral.
    pub referral: RecordId,
    /// Where it stands.
    pub life: Life,
    /// What it holds, for the CRM's lead.
    pub fields: BTreeMap<FieldId, Observed>,
    /// Whether a deal may begin with it: it was accepted, and passes the inbound filter.
    pub deal: bool,
}

/// The CRM's record of a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrmLead {
    /// The record.
    pub record: RecordId,
    /// Its stamp, for a conditional write.
    pub stamp: Timestamp,
    /// What it holds.
    pub fields: BTreeMap<FieldId, Observed>,
    /// Whether a person converted it: it can then no longer be written.
    pub converted: bool,
}

/// What an error's `groups` call the note of a lead; fields go by their own names.
pub const LEAD_NOTE: &str = "lead.note";

/// A write of the CRM's lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadWrite {
    /// The referral whose identifier the record carries.
    pub referral: RecordId,
    /// The record, if it is as it was read; without it, one is made.
    pub record: Option<(RecordId, Timestamp)>,
    /// What changes.
    pub values: BTreeMap<FieldId, Value>,
    /// What the note for a person becomes.
    pub note: Option<String>,
}

/// What is kept of a lead between two looks. It names persons, and only equality is ever asked: no value is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadMemory {
    /// What both sides held when they were reconciled.
    pub base: LeadBase,
    /// The note that was written last.
    pub note: Option<String>,
}

/// Per field, the fingerprints of what both sides held.
pub type LeadBase = BTreeMap<FieldId, PerSide<Fingerprint>>;

/// The fingerprint of what a side holds in a lead's field.
fn print(held: &Observed) -> Fingerprint {
    let text = serde_json::to_string(held).expect("canonical values have string keys and no failing parts");
    digest(&text)
}

/// What goes to the CRM's lead: where the portal changed and the seller did not.
pub(crate) fn changed(
    base: &LeadBase,
    portal: &BTreeMap<FieldId, Observed>,
    crm: &BTreeMap<FieldId, Observed>,
) -> BTreeMap<FieldId, Value> {
    let mut values = BTreeMap::new();
    for (field, told) in portal {
        let (Observed::Value(value), Some(held)) = (told, crm.get(field)) else { continue };
        let free = match base.get(field) {
            Some(base) => base.portal != print(told) && base.crm == print(held),
            // Found, and not made by us: only what is empty is filled.
            None => *held == Observed::Empty,
        };
        if free && held != told {
            values.insert(field.clone(), value.clone());
        }
    }
    values
}

/// The base after a look: it takes what was written, what is alike, and what was seen for the first time. A seller's own
/// value stays a change, so that it is never written over; what differs from what was just written is taken for one. What
/// was refused is tried again at the next look.
pub(crate) fn advanced(
    mut base: LeadBase,
    portal: &BTreeMap<FieldId, Observed>,
    after: &BTreeMap<FieldId, Observed>,
    written: &BTreeMap<FieldId, Value>,
    refused: &[FieldId],
) -> LeadBase {
    for (field, told) in portal {
        let Some(held) = after.get(field).filter(|held| **held != Observed::Unknown) else { continue };
        if *told == Observed::Unknown || refused.contains(field) {
            continue;
        }
        let holds = match written.get(field) {
            Some(sent) => print(&Observed::Value(sent.clone())),
            None if held == told || !base.contains_key(field) => print(held),
            None => continue,
        };
        base.insert(field.clone(), PerSide::new(print(told), holds));
    }
    base
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use super::*;

    fn text(text: &str) -> Observed {
        Observed::Value(Value::Text(text.to_owned()))
    }

    fn one(held: Observed) -> BTreeMap<FieldId, Observed> {
        [("phone".into(), held)].into()
    }

    fn base(portal: Observed, crm: Observed) -> LeadBase {
        [("phone".into(), PerSide::new(print(&portal), print(&crm)))].into()
    }

    #[test]
    fn a_field_follows_the_portal_only_where_the_portal_alone_changed_it() {
        use Observed::{Empty, Unknown};
        // Base at the portal and in the CRM, the portal now, the CRM now, and whether it is written.
        let rows = [
            (Some((text("1"), text("1"))), text("2"), text("1"), true),
            (Some((text("1"), text("1"))), text("1"), text("1"), false),
            (Some((text("1"), text("1"))), text("1"), text("9"), false),
            (Some((text("1"), text("1"))), text("2"), text("9"), false),
            (Some((text("1"), text("1"))), text("2"), text("2"), false),
            // Emptied or hidden at the portal: nothing is blanked.
            (Some((text("1"), text("1"))), Empty, text("1"), false),
            (Some((text("1"), text("1"))), Unknown, text("1"), false),
            // The CRM kept something else than it was told: that is no change of the seller's.
            (Some((text("1"), text("one"))), text("2"), text("one"), true),
            (Some((Empty, Empty)), text("2"), Empty, true),
            (Some((text("1"), Empty)), text("2"), Unknown, false),
            // Found, not made.
            (None, text("2"), Empty, true),
            (None, text("2"), text("9"), false),
        ];
        for (before, portal, crm, written) in rows {
            let row = format!("{before:?} {portal:?} {crm:?}");
            let known = before.map_or_else(BTreeMap::new, |(portal, crm)| base(portal, crm));
            assert_eq!(!changed(&known, &one(portal), &one(crm)).is_empty(), written, "{row}");
        }
    }

    #[test]
    fn a_sellers_value_stays_a_change_until_both_sides_are_alike() {
        let known = base(text("1"), text("1"));
        let nothing = BTreeMap::new();
        let known = advanced(known, &one(text("2")), &one(text("9")), &nothing, &[]);
        assert_eq!(known, base(text("1"), text("1")), "neither is taken while they differ");
        assert!(changed(&known, &one(text("3")), &one(text("9"))).is_empty());
        let known = advanced(known, &one(text("9")), &one(text("9")), &nothing, &[]);
        assert_eq!(known, base(text("9"), text("9")));
        assert!(!changed(&known, &one(text("4")), &one(text("9"))).is_empty(), "the portal alone changed it");
    }

    #[test]
    fn what_a_seller_saves_before_our_write_is_read_back_is_theirs() {
        let sent = [("phone".into(), Value::Text("1".to_owned()))].into();
        let known = advanced(BTreeMap::new(), &one(text("1")), &one(text("9")), &sent, &[]);
        assert!(changed(&known, &one(text("2")), &one(text("9"))).is_empty());
    }

    #[test]
    fn what_was_refused_stays_as_it_was_and_is_tried_again() {
        let (nothing, refused) = (BTreeMap::new(), [FieldId::from("phone")]);
        let known = advanced(BTreeMap::new(), &one(text("1")), &one(Observed::Empty), &nothing, &refused);
        assert_eq!(changed(&known, &one(text("1")), &one(Observed::Empty)).len(), 1, "when it was made");
        let known = base(text("1"), text("1"));
        let known = advanced(known, &one(text("2")), &one(text("1")), &nothing, &refused);
        assert_eq!(changed(&known, &one(text("2")), &one(text("1"))).len(), 1, "when it was changed");
    }

    #[test]
    fn nothing_that_names_a_person_is_kept() {
        let sent = [("phone".into(), Value::Text("+41 44 000".to_owned()))].into();
        let base = advanced(BTreeMap::new(), &one(text("+41 44 000")), &one(text("+41 44 000")), &sent, &[]);
        let kept = serde_json::to_string(&LeadMemory { base, note: None }).unwrap();
        assert!(kept.contains("phone") && !kept.contains("44 000"), "{kept}");
    }
}
