//! Single records: read, created, changed, deleted.

use http::Method;
use jiff::Timestamp;
use serde::Deserialize as _;
use serde_json::Value;

use crate::{
    CallContext, Client, FieldPath, Fields, Misuse, ObjectName, Record, RecordId, Result,
    client::{Answer, Call},
    http_date,
    refusal::refused_inside,
};

/// A record and when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrievedRecord {
    /// The record.
    pub record: Record,
    /// The server's own time of the answer.
    pub server_date: Timestamp,
}

/// The identifier belongs to the call, never to the values: the platform refuses it there.
pub(crate) fn check_fields(fields: &Fields) -> Result<(), Misuse> {
    match fields.keys().find(|name| name.eq_ignore_ascii_case("id") || *name == "attributes") {
        Some(name) => Err(Misuse::ReservedField(name.clone())),
        None => Ok(()),
    }
}

/// A change or a deletion answers 204 and nothing. Any other good status must bear no refusal, and no stranger's page.
fn done(answer: &Answer) -> Result<()> {
    if answer.status == 204 || answer.is_empty() {
        return Ok(());
    }
    refused_inside(&answer.json()?, true).map_or(Ok(()), |refused| Err(refused.into()))
}

impl Client {
    /// Reads fields of one record. Missing, or not visible to us: a refusal that [`crate::Refusal::is_gone`].
    pub async fn get(
        &self,
        context: CallContext,
        object: &ObjectName,
        id: RecordId,
        fields: &[FieldPath],
    ) -> Result<RetrievedRecord> {
        let fields: Vec<&str> = fields.iter().map(FieldPath::as_str).collect();
        let path = format!("{}/sobjects/{object}/{id}?fields={}", self.version_root(), fields.join(","));
        let answer = self.call(context, Call::new(Method::GET, path)).await?;
        let record = Record::deserialize(answer.json()?).map_err(|_| answer.unreadable("not a record"))?;
        Ok(RetrievedRecord { record, server_date: answer.server_date()? })
    }

    /// Creates a record. Not idempotent: let the fields carry a unique key, and read
    /// [`crate::Error::duplicate_of`] when it is held already.
    pub async fn insert(
        &self,
        context: CallContext,
        object: &ObjectName,
        fields: &Fields,
    ) -> Result<RecordId> {
        check_fields(fields)?;
        let path = format!("{}/sobjects/{object}", self.version_root());
        let answer = self.call(context, Call::new(Method::POST, path).json(fields).writing()).await?;
        let body = answer.json()?;
        if let Some(refused) = refused_inside(&body, true) {
            return Err(refused.into());
        }
        let id = body.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        id.ok_or_else(|| answer.unreadable("no id of the new record"))
    }

    /// Changes the given fields of a record, if nobody changed it after `unmodified_since`, its `SystemModstamp` as
    /// read; otherwise [`ports::RetryClass::Changed`]. Whole seconds are compared.
    pub async fn update(
        &self,
        context: CallContext,
        object: &ObjectName,
        id: RecordId,
        fields: &Fields,
        unmodified_since: Option<Timestamp>,
    ) -> Result<()> {
        check_fields(fields)?;
        let path = format!("{}/sobjects/{object}/{id}", self.version_root());
        let mut call = Call::new(Method::PATCH, path).json(fields).writing();
        if let Some(stamp) = unmodified_since {
            call = call.header("If-Unmodified-Since", http_date(stamp));
        }
        done(&self.call(context, call).await?)
    }

    /// Puts a record into the recycle bin. The platform knows no condition for it.
    pub async fn delete(&self, context: CallContext, object: &ObjectName, id: RecordId) -> Result<()> {
        let path = format!("{}/sobjects/{object}/{id}", self.version_root());
        done(&self.call(context, Call::new(Method::DELETE, path).writing()).await?)
    }
}
