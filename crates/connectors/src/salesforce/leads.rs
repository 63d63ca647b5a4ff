//! The org's own Lead records of referrals that are leads: found by their unique column, made once, changed as a
//! compare-and-set (sync rules, section 6; salesforce reference, unique keys).

use deal_model::{GroupId, RecordId as DealRecord};
use mapping::{LeadField, Leads};
use ports::RetryClass;
use salesforce::{
    CallContext, FieldPath, Fields, Record, RecordId,
    soql::{Condition, Op, Select},
};
use serde_json::Value as Json;
use sync_engine::{CrmLead, LEAD_NOTE, LeadWrite, SideError};

use super::{
    Salesforce,
    births::is_duplicate,
    refusal,
    rows::path,
    schema::{LEAD, USER, object_name},
};

impl Salesforce {
    /// The Lead that carries the referral's identifier.
    pub(super) async fn find_lead(
        &self,
        referral: &DealRecord,
        context: CallContext,
    ) -> Result<Option<CrmLead>, SideError> {
        let leads = self.mapping.leads();
        let identifier = column(leads.identifier.as_str())?;
        let mut columns = vec![path("Id"), path("SystemModstamp"), path("IsConverted"), identifier.clone()];
        for field in &leads.fields {
            columns.push(column(field.column.as_str())?);
        }
        columns.sort_unstable();
        columns.dedup();
        let select = Select::from(&object_name(LEAD))
            .fields(&columns)
            .filter(Condition::compare(&identifier, Op::Eq, referral.as_str()))
            .limit(1);
        let page =
            self.client.query(context, &select.build()).await.map_err(|error| refusal::of_error(&error))?;
        Ok(page.records.first().and_then(|record| seen(record, leads)))
    }

    /// Makes or changes a Lead, and reads it back.
    pub(super) async fn put_lead(
        &self,
        write: &LeadWrite,
        context: CallContext,
    ) -> Result<CrmLead, SideError> {
        let leads = self.mapping.leads();
        let object = object_name(LEAD);
        let mut fields = Fields::new();
        for field in &leads.fields {
            if let Some(value) = write.values.get(&field.field) {
                fields.insert(field.column.as_str().to_owned(), field.write_crm(value));
            }
        }
        if let Some(note) = &write.note {
            fields.insert(leads.note.as_str().to_owned(), Json::String(note.clone()));
        }
        if let Some((record, stamp)) = &write.record {
            let id = record.as_str().parse::<RecordId>();
            let id = id.map_err(|_| refusal::bug("a lead's record has no identifier of this platform"))?;
            let changed = self.client.update(context, &object, id, &fields, Some(*stamp)).await;
            changed.map_err(|error| refused(leads, &error))?;
        } else {
            self.complete_lead(write, &mut fields, context).await?;
            match self.client.insert(context, &object, &fields).await {
                Ok(_) => {}
                // It is there already: the next look follows it, and nothing of it is written over.
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(refused(leads, &error)),
            }
        }
        let after = self.find_lead(&write.referral, context).await?;
        after.ok_or_else(|| refusal::changed("the lead was not there when it was read back"))
    }

    /// What a new Lead has beside the referral's values.
    async fn complete_lead(
        &self,
        write: &LeadWrite,
        fields: &mut Fields,
        context: CallContext,
    ) -> Result<(), SideError> {
        let leads = self.mapping.leads();
        let description = self
            .client
            .describe(context, &object_name(LEAD))
            .await
            .map_err(|error| refusal::of_error(&error))?;
        let identifier = leads.identifier.as_str();
        if !description.fields.iter().any(|field| field.name == identifier && field.unique) {
            let what = format!("{LEAD}.{identifier} is not there, hidden, or not unique: no lead is created");
            return Err(refusal::person(what, Vec::new()));
        }
        for LeadField { column, default, .. } in &leads.fields {
            if let (Some(default), false) = (default, fields.contains_key(column.as_str())) {
                fields.insert(column.as_str().to_owned(), Json::String(default.clone()));
            }
        }
        fields.insert(identifier.to_owned(), Json::String(write.referral.as_str().to_owned()));
        fields.insert("Status".to_owned(), Json::String(leads.status.clone()));
        let owner = self.lead_owner(context).await?;
        fields.insert("OwnerId".to_owned(), Json::String(owner.to_string()));
        Ok(())
    }

    /// A user or a queue by its identifier, or an active user by name.
    async fn lead_owner(&self, context: CallContext) -> Result<RecordId, SideError> {
        let owner = self.mapping.leads().owner.as_deref().unwrap_or_default();
        if let Ok(id) = owner.parse() {
            return Ok(id);
        }
        let named = Condition::compare(&path("Username"), Op::Eq, owner);
        let active = Condition::compare(&path("IsActive"), Op::Eq, true);
        let select = Select::from(&object_name(USER)).filter(named.and(active)).limit(1);
        let page =
            self.client.query(context, &select.build()).await.map_err(|error| refusal::of_error(&error))?;
        let found = page.records.first().and_then(Record::id);
        found.ok_or_else(|| {
            refusal::person(
                "the configured owner of leads is no active user of the org: see leads.owner",
                Vec::new(),
            )
        })
    }

    /// The referral of the Lead that a person converted into this opportunity. Where the identifier cannot be read, only
    /// an opportunity that was converted at all is in doubt.
    pub(super) async fn lead_behind(
        &self,
        opportunity: &DealRecord,
        context: CallContext,
    ) -> Result<Option<DealRecord>, SideError> {
        let leads = self.mapping.leads();
        let (true, Ok(id)) = (leads.create, opportunity.as_str().parse::<RecordId>()) else {
            return Ok(None);
        };
        let identifier = column(leads.identifier.as_str())?;
        let converted = Condition::compare(&path("ConvertedOpportunityId"), Op::Eq, id)
            .and(Condition::compare(&identifier, Op::Ne, salesforce::soql::Literal::null()));
        let select =
            Select::from(&object_name(LEAD)).fields(&[path("Id"), identifier]).filter(converted).limit(1);
        let page = match self.client.query(context, &select.build()).await {
            Ok(page) => page,
            Err(error)
                if matches!(error.class(), RetryClass::Person | RetryClass::Bug)
                    && self.was_converted(id, context).await == Ok(false) =>
            {
                tracing::warn!(%error, "the leads' identifier cannot be read");
                return Ok(None);
            }
            Err(error) => return Err(refusal::of_error(&error)),
        };
        let referral = page.records.first().and_then(|record| record.text(leads.identifier.as_str()));
        Ok(referral.map(DealRecord::new))
    }

    /// Whether any Lead was converted into this opportunity.
    async fn was_converted(&self, opportunity: RecordId, context: CallContext) -> Result<bool, SideError> {
        let converted = Condition::compare(&path("ConvertedOpportunityId"), Op::Eq, opportunity);
        let select = Select::from(&object_name(LEAD)).fields(&[path("Id")]).filter(converted).limit(1);
        let page = self.client.query(context, &select.build()).await;
        Ok(!page.map_err(|error| refusal::of_error(&error))?.records.is_empty())
    }
}

/// A refused write, with the fields that the platform names. A lead that was converted meanwhile is looked at again, so
/// that its opportunity is not made a second time.
fn refused(leads: &Leads, error: &salesforce::Error) -> SideError {
    let mut side = refusal::of_record(error);
    for named in error.fields() {
        let is = |column: &mapping::ApiName| column.as_str().eq_ignore_ascii_case(named);
        let fields = leads.fields.iter().filter(|field| is(&field.column));
        side.groups.extend(fields.map(|field| GroupId::from(field.field.as_str())));
        if is(&leads.note) {
            side.groups.push(GroupId::from(LEAD_NOTE));
        }
    }
    side
}

fn column(name: &str) -> Result<FieldPath, SideError> {
    FieldPath::new(name).map_err(|_| refusal::bug("a column of the leads' table is no name"))
}

fn seen(record: &Record, leads: &Leads) -> Option<CrmLead> {
    let row = Json::Object(record.as_map().clone());
    Some(CrmLead {
        record: DealRecord::new(record.id()?.to_string()),
        stamp: record.system_modstamp()?,
        fields: leads.fields.iter().map(|field| (field.field.clone(), field.observe_crm(&row))).collect(),
        converted: record.at("IsConverted") == Some(&Json::Bool(true)),
    })
}
