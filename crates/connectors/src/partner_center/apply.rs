//! Changes and creates referrals. One PATCH a change, under the version it was planned on; one POST a creation, never
//! repeated here.

use std::collections::BTreeSet;

use deal_model::{FieldId, Life, RecordId, Value, Version, Write};
use futures::{StreamExt as _, stream};
use mapping::{DealField, portal_life_ops};
use partner_center::{CallContext, ETag, EngagementId, NewReferral, PatchOperation, ReferralId};
use planted::{Bug, planted};
use serde_json::{Value as Json, json};
use sync_engine::{Applied, CallScope, Change, Created, NewRecord, SideError, What};

use super::{
    PartnerCenter,
    compose::{Birth, Draft, needs_document, operations},
    context,
    failure::{self, is_absent, is_hidden, side_error},
    transform::{Companion, engagement, normalise_reference, record_id},
};

/// Where the opportunity's identifier is written.
const EXTERNAL_REFERENCE: &str = "/externalReferenceId";
/// Where the solutions are.
const SOLUTIONS: &str = "/details/requirements/solutions";
/// Where the sales stage is written.
const SALES_STAGE: &str = "/salesStage";

impl PartnerCenter {
    pub(super) async fn apply_all(
        &self,
        changes: &[Change],
        scope: CallScope,
    ) -> Vec<Result<Applied, SideError>> {
        let calls: Vec<_> = changes.iter().map(|change| self.apply_one(change, context(scope))).collect();
        stream::iter(calls).buffered(self.settings.concurrency.max(1)).collect().await
    }

    async fn apply_one(&self, change: &Change, context: CallContext) -> Result<Applied, SideError> {
        let id =
            change.record.as_str().parse().map_err(|_| failure::bug("it is no referral that is changed"))?;
        let etag = self.etag_of(id, &change.expect, context).await?;
        let operations = match &change.what {
            What::Fields { writes, life, .. } => {
                self.fields(id, &etag, writes, life.as_ref(), context).await?
            }
            What::Move { to, external_reference } => movement(to, external_reference.as_ref())?,
        };
        if operations.is_empty() {
            return Err(failure::bug("a change of the referral has nothing that the referral holds"));
        }
        let unguarded = planted(Bug::NoIfMatch)
            || (planted(Bug::AcceptAndCloseUnguarded) && matches!(change.what, What::Move { .. }));
        let if_match = Some(&etag).filter(|_| !unguarded);
        let patched = self.client.patch(context, id, &operations, if_match).await;
        let patched = patched.map_err(|error| {
            // The referral is refused, not the values: a read tells whether it is gone.
            if is_absent(&error) || is_hidden(&error) {
                return failure::changed("the referral is gone, or hidden from us");
            }
            match &change.what {
                What::Fields { .. } => {
                    let sent: BTreeSet<&str> = operations.iter().map(PatchOperation::path).collect();
                    let sent: Vec<&str> = sent.into_iter().collect();
                    failure::refused_change(&error, id, &sent, &self.places, &self.mapping)
                }
                What::Move { to, .. } => failure::refused_move(&error, to, &self.mapping),
            }
        })?;
        for operation in &operations {
            self.places.took(operation.path());
        }
        // Without a document the new state is not known: an eTag alone says nothing of the values.
        let after = patched.referral.and_then(|referral| {
            let after = self.observation(&referral, patched.server_date, &Companion::NOT_ASKED);
            self.documents.keep(referral);
            after
        });
        Ok(Applied { after })
    }

    /// The tag to be sent. A version that was seen without one is found again by its stamp.
    async fn etag_of(
        &self,
        id: ReferralId,
        expect: &Version,
        context: CallContext,
    ) -> Result<ETag, SideError> {
        if let Some(tag) = &expect.tag {
            return tag.parse().map_err(|_| failure::bug("the version's tag cannot stand in a header"));
        }
        let present = self.fetch(id, context).await?;
        let present = present.ok_or_else(|| failure::changed("the referral is gone, or hidden from us"))?;
        let present = self.documents.keep(present.referral);
        if present.updated() != Some(expect.stamp) {
            return Err(failure::changed("the referral was changed since it was read"));
        }
        present.etag().ok_or_else(|| {
            failure::person("the portal sends no eTag for this referral, so it cannot be changed safely")
        })
    }

    async fn fields(
        &self,
        id: ReferralId,
        etag: &ETag,
        writes: &[Write],
        life: Option<&Life>,
        context: CallContext,
    ) -> Result<Vec<PatchOperation>, SideError> {
        let current = if needs_document(writes, &self.mapping) {
            Some(self.document_at(id, etag, context).await?)
        } else {
            self.documents.at(id, etag)
        };
        let mut made = operations(writes, current.as_ref().map(|current| current.document()), &self.mapping);
        match life {
            Some(Life::Active { sales_stage }) => {
                made.extend(
                    sales_stage.as_ref().map(|stage| PatchOperation::replace(SALES_STAGE, json!(stage))),
                );
            }
            // Every other step is irreversible and leaves as a move, through the guard.
            Some(_) => return Err(failure::bug("a change of fields would move the referral in its life")),
            None => {}
        }
        Ok(made)
    }

    pub(super) async fn create_own(&self, new: &NewRecord, scope: CallScope) -> Result<Created, SideError> {
        let asks_help = new.from.crm().is_some_and(|facts| facts.asks_help);
        let document = self.draft(new, Birth::Own { asks_help }, None);
        if document.pointer("/team").and_then(Json::as_array).is_none_or(Vec::is_empty) {
            return Err(failure::person(
                "a referral needs a seller in its team; name a default team member in the configuration",
            ));
        }
        self.post(document, scope).await
    }

    pub(super) async fn invite(&self, new: &NewRecord, scope: CallScope) -> Result<Created, SideError> {
        let engagement = new.engagement.as_ref().and_then(|id| id.as_str().parse::<EngagementId>().ok());
        let engagement =
            engagement.ok_or_else(|| failure::bug("an invitation needs the engagement it is made in"))?;
        let document = self.draft(new, Birth::Companion, Some(engagement.to_string()));
        let created = self.post(document, scope).await?;
        let engagement = RecordId::new(engagement.to_string());
        Ok(Created { engagement: created.engagement.or(Some(engagement)), ..created })
    }

    fn draft(&self, new: &NewRecord, birth: Birth, engagement: Option<String>) -> Json {
        let facts = new.from.crm();
        let solutions = |field: &&FieldId| {
            self.mapping.set(field).is_some_and(|set| set.portal_array.as_str() == SOLUTIONS)
        };
        let marked = facts.and_then(|facts| facts.primary.iter().find(|(field, _)| solutions(field)));
        Draft {
            birth,
            writes: &new.writes,
            consent: facts.is_some_and(|facts| facts.consent),
            primary: marked.and_then(|(_, marked)| marked.first()),
            marked: facts.map(|facts| &facts.primary),
            reference: normalise_reference(new.from.record.as_str()),
            engagement,
            partner_id: self.partner_id(new),
        }
        .document(&self.mapping, &self.settings)
    }

    /// Which of our partner ids the referral of this opportunity gets.
    fn partner_id(&self, new: &NewRecord) -> Option<&str> {
        self.mapping.partner_ids().of(|field| match field {
            DealField::RecordType => {
                let held = new.from.crm().and_then(|facts| facts.record_type.clone());
                held.map(Json::String).into_iter().collect()
            }
            DealField::Mapped(field) => match new.from.reading(field).sends.value() {
                Some(Value::Set(elements)) => elements.keys().map(|key| json!(key.0)).collect(),
                Some(value) => vec![plain(value)],
                None => Vec::new(),
            },
        })
    }

    async fn post(&self, document: Json, scope: CallScope) -> Result<Created, SideError> {
        let referral =
            NewReferral::from_json(document).ok_or_else(|| failure::bug("a new referral is no document"))?;
        let created = self.client.create(context(scope), &referral).await;
        let created = created.map_err(|error| side_error(&error, &self.mapping))?;
        let record = RecordId::new(created.id.to_string());
        let Some(referral) = created.referral else {
            return Ok(Created { record, engagement: None, after: None, existed: false });
        };
        let after = self.observation(&referral, created.server_date, &Companion::NOT_ASKED);
        let created = Created {
            record: record_id(&referral),
            engagement: engagement(&referral),
            after,
            existed: false,
        };
        self.documents.keep(referral);
        Ok(created)
    }
}

/// A step in the referral's life: status and substatus together, and with an acceptance the opportunity's identifier.
fn movement(to: &Life, reference: Option<&RecordId>) -> Result<Vec<PatchOperation>, SideError> {
    let steps = portal_life_ops(to);
    if steps.is_empty() {
        return Err(failure::bug("nobody but the portal can bring a referral there"));
    }
    let reference = reference
        .map(|id| PatchOperation::replace(EXTERNAL_REFERENCE, json!(normalise_reference(id.as_str()))));
    let steps = steps.into_iter().map(|(path, value)| PatchOperation::replace(path.patch_path(), value));
    Ok(steps.chain(reference).collect())
}

/// A single value as the file's conditions compare it.
fn plain(value: &Value) -> Json {
    match value {
        Value::Text(text) | Value::Choice(text) => json!(text),
        Value::Number(number) => json!(number.to_string()),
        Value::Date(date) => json!(date.to_string()),
        Value::Flag(flag) => json!(flag),
        Value::Set(_) => Json::Null,
    }
}
