//! The platform's leads: those of its list, and its own records of them.

use std::collections::{BTreeMap, BTreeSet};

use deal_model::{FieldId, GroupId, Life, Observed, RecordId};
use ports::{Clock as _, RetryClass};
use sync_engine::{CrmLead, LEAD_NOTE, LeadWrite, PortalLead, SideError};

use super::{Platform, Record, error};

/// What a platform knows of leads.
#[derive(Default)]
pub(crate) struct Leads {
    /// The CRM's own records, by the referral they carry.
    pub(crate) rows: BTreeMap<RecordId, Row>,
    /// Fields of them that are refused by name; the note is one.
    pub(crate) refuses: BTreeSet<FieldId>,
    /// Every write of them is refused, and no field is named.
    pub(crate) shut: bool,
    /// Opportunities that were converted, with what their leads name as the referral.
    pub(crate) conversions: BTreeMap<RecordId, RecordId>,
    /// ... which cannot be read.
    pub(crate) conversions_hidden: bool,
    /// No deal begins with a lead of the portal.
    pub(crate) begin_nothing: bool,
    /// The rules by which the portal's records are let in.
    pub(crate) admission: String,
}

/// One lead in the CRM.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) fields: BTreeMap<FieldId, Observed>,
    pub(crate) note: String,
    pub(crate) stamp: jiff::Timestamp,
    pub(crate) converted: bool,
}

impl Row {
    pub(super) fn seen(&self, referral: &RecordId) -> CrmLead {
        CrmLead {
            record: RecordId::new(format!("00Q-{referral}")),
            stamp: self.stamp,
            fields: self.fields.clone(),
            converted: self.converted,
        }
    }
}

impl Platform {
    pub(super) fn portal_lead(&self, referral: &RecordId, record: &Record) -> PortalLead {
        let begins = !self.state().leads.begin_nothing;
        PortalLead {
            referral: referral.clone(),
            life: record.life.clone(),
            fields: record.fields.clone(),
            deal: begins && matches!(record.life, Life::Active { .. }),
        }
    }

    pub(super) fn keep_lead(&self, write: &LeadWrite) -> Result<CrmLead, SideError> {
        let stamp = self.clock.now();
        let leads = &mut self.state().leads;
        let named = write.values.keys().filter(|field| leads.refuses.contains(*field));
        let note = FieldId::from(LEAD_NOTE);
        let note = write.note.iter().filter(|_| leads.refuses.contains(&note)).map(|_| &note);
        let groups: Vec<GroupId> = named.chain(note).map(|field| field.as_str().into()).collect();
        if leads.shut || !groups.is_empty() {
            return Err(SideError { groups, ..error(RetryClass::Person, true) });
        }
        let empty = ["name", "notes", "phone"].map(|field| (field.into(), Observed::Empty));
        let made = || Row { fields: empty.into(), note: String::new(), stamp, converted: false };
        let row = leads.rows.entry(write.referral.clone()).or_insert_with(made);
        let values = write.values.iter();
        row.fields.extend(values.map(|(field, value)| (field.clone(), Observed::Value(value.clone()))));
        row.note = write.note.clone().unwrap_or(row.note.clone());
        row.stamp = stamp;
        Ok(row.seen(&write.referral))
    }
}
