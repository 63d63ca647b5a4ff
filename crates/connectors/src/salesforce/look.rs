//! One opportunity with all that the mapping reads of it, raw and read, for a person who asks for it. Nothing is kept.

use std::collections::BTreeMap;

use deal_model::{FieldId, NotComputed, Reading, RecordId as DealRecord};
use serde_json::Value as Json;
use sync_engine::{CallScope, SideError};

use super::{Salesforce, context, refusal, transform::Reader};

/// What a look at an opportunity came to.
#[derive(Debug, Clone, PartialEq)]
pub enum CrmLook {
    /// There is none that this user may see.
    Gone,
    /// It is not opted in, and nothing but the flag was read of it.
    NotOptedIn,
    /// It was read.
    Seen(Box<SeenOpportunity>),
}

/// An opportunity as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenOpportunity {
    /// What the platform sent, its children included.
    pub raw: Json,
    /// What each field means, and what it would send.
    pub readings: BTreeMap<FieldId, Reading>,
    /// Fields that the platform computes on this record, and from what.
    pub computed: BTreeMap<FieldId, String>,
    /// Why what could not be computed could not.
    pub uncomputed: BTreeMap<FieldId, NotComputed>,
    /// The referral that it says it is linked with.
    pub referral: Option<DealRecord>,
    /// Whether it is opted in.
    pub opted_in: bool,
}

impl Salesforce {
    /// Reads one opportunity by its id. Of one that is not opted in nothing is asked for but that, unless
    /// `unshared_too`.
    pub async fn look_at(
        &self,
        record: &DealRecord,
        unshared_too: bool,
        scope: CallScope,
    ) -> Result<CrmLook, SideError> {
        let Ok(id) = record.as_str().parse() else { return Ok(CrmLook::Gone) };
        let context = context(scope);
        let (schema, mut found) = self.read(&[id], context).await?;
        if let Some(error) = found.failed.remove(&id) {
            return Err(error);
        }
        let Some(first) = found.records.get(&id) else { return Ok(CrmLook::Gone) };
        // Where a rule's field cannot be read, nobody knows: it is taken not to be.
        let is_told = schema.opt_in(&self.mapping, "").is_told;
        let opted_in = is_told && self.is_opted_in(&first.record);
        if !opted_in && !unshared_too {
            return Ok(CrmLook::NotOptedIn);
        }
        if !opted_in {
            let read = self.ask(&schema.select(), &[id], context).await?;
            found = read.map_err(|refused| refusal::of_error(&refused.into()))?;
        }
        let (Some(whole), Some(date)) = (found.records.get(&id), found.dates.get(&id)) else {
            return Ok(CrmLook::Gone);
        };
        let reader = Reader {
            mapping: &self.mapping,
            schema: &schema,
            consent: self.settings.consent,
            server_date: *date,
        };
        let readings = reader.readings(whole);
        let identifier = whole.record.text(self.mapping.names().identifier.as_str());
        let identifier = identifier.map(str::trim).filter(|text| !text.is_empty());
        Ok(CrmLook::Seen(Box::new(SeenOpportunity {
            raw: Json::Object(whole.record.as_map().clone()),
            readings: readings.fields,
            uncomputed: readings.uncomputed,
            computed: reader.computed(&whole.record),
            referral: identifier.map(DealRecord::new),
            opted_in,
        })))
    }
}
