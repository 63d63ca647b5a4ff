//! Many records in one call, each with its own result.

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    CallContext, Client, FieldPath, Fields, Misuse, ObjectName, Record, RecordId, Refusal, Result,
    client::Call, refusal::refused_inside, rows::check_fields,
};

/// Most rows of one writing call (salesforce reference, section 2.10).
pub const MAX_ROWS: usize = 200;
/// Most records of one reading call.
pub const MAX_RETRIEVE: usize = 2_000;

/// What became of one row: its identifier, or why it was refused.
pub type RowResult = Result<RecordId, Refusal>;

/// The records of a reading call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrievedRows {
    /// One for each identifier, in their order; none where the record is missing or not visible to us.
    pub records: Vec<Option<Record>>,
    /// The server's own time of the answer.
    pub server_date: Timestamp,
}

#[derive(Deserialize)]
struct RawRow {
    id: Option<RecordId>,
    success: bool,
    #[serde(default)]
    errors: Value,
}

impl Client {
    /// Creates up to 200 records. The results stand in the rows' order.
    ///
    /// `all_or_none`: one bad row undoes all, and the others fail as bystanders. Not idempotent: let each row carry a
    /// unique key.
    pub async fn create_many(
        &self,
        context: CallContext,
        rows: &[(ObjectName, Fields)],
        all_or_none: bool,
    ) -> Result<Vec<RowResult>> {
        let records = rows
            .iter()
            .map(|(object, fields)| row(object, None, fields))
            .collect::<Result<Vec<_>, Misuse>>()?;
        self.write_many(context, Method::POST, records, all_or_none).await
    }

    /// Changes up to 200 records, unconditionally: this call of the platform knows no precondition. For rows that
    /// nobody else writes.
    pub async fn update_many(
        &self,
        context: CallContext,
        rows: &[(ObjectName, RecordId, Fields)],
        all_or_none: bool,
    ) -> Result<Vec<RowResult>> {
        let records = rows
            .iter()
            .map(|(object, id, fields)| row(object, Some(*id), fields))
            .collect::<Result<Vec<_>, Misuse>>()?;
        self.write_many(context, Method::PATCH, records, all_or_none).await
    }

    async fn write_many(
        &self,
        context: CallContext,
        method: Method,
        records: Vec<Value>,
        all_or_none: bool,
    ) -> Result<Vec<RowResult>> {
        let given = records.len();
        if given > MAX_ROWS {
            return Err(Misuse::TooMany { what: "rows", given, most: MAX_ROWS }.into());
        }
        let path = format!("{}/composite/sobjects", self.version_root());
        let body = json!({ "allOrNone": all_or_none, "records": records });
        let answer = self.call(context, Call::new(method, path).json(&body).writing()).await?;
        let body = answer.json()?;
        if let Some(refused) = refused_inside(&body, true) {
            return Err(refused.into());
        }
        let rows = Vec::<RawRow>::deserialize(body)
            .map_err(|_| answer.unreadable("not the shape of a collection's answer"))?;
        if rows.len() != given {
            return Err(answer.unreadable("not as many results as rows"));
        }
        rows.into_iter()
            .map(|row| match (row.success, row.id) {
                (true, Some(id)) => Ok(Ok(id)),
                (true, None) => Err(answer.unreadable("a row without its id")),
                (false, _) => Ok(Err(Refusal::from_value(400, &row.errors, true))),
            })
            .collect()
    }

    /// Reads up to 2,000 records of one object by their identifiers.
    pub async fn retrieve_many(
        &self,
        context: CallContext,
        object: &ObjectName,
        ids: &[RecordId],
        fields: &[FieldPath],
    ) -> Result<RetrievedRows> {
        if ids.len() > MAX_RETRIEVE {
            return Err(Misuse::TooMany { what: "identifiers", given: ids.len(), most: MAX_RETRIEVE }.into());
        }
        let fields: Vec<&str> = fields.iter().map(FieldPath::as_str).collect();
        let path = format!("{}/composite/sobjects/{object}", self.version_root());
        let body = json!({ "ids": ids, "fields": fields });
        let answer = self.call(context, Call::new(Method::POST, path).json(&body)).await?;
        let records = Vec::<Option<Record>>::deserialize(answer.json()?)
            .map_err(|_| answer.unreadable("not the shape of a collection's records"))?;
        if records.len() != ids.len() {
            return Err(answer.unreadable("not as many records as identifiers"));
        }
        Ok(RetrievedRows { records, server_date: answer.server_date()? })
    }
}

fn row(object: &ObjectName, id: Option<RecordId>, fields: &Fields) -> Result<Value, Misuse> {
    check_fields(fields)?;
    let mut row = Fields::with_capacity(fields.len() + 2);
    row.insert("attributes".to_owned(), json!({ "type": object.as_str() }));
    if let Some(id) = id {
        row.insert("id".to_owned(), id.as_str().into());
    }
    row.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(Value::Object(row))
}
