//! `/composite/sobjects`: up to 200 records a call, each with its own outcome (salesforce reference, section 2.10).

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    call::{Answer, Call},
    errors::Fault,
    id::Id,
    org::{Caller, Org},
    rows::Upserted,
    schema::system,
};

/// Records in one writing call.
const MAX_RECORDS: usize = 200;
/// Runs of equal type in one call.
const MAX_CHUNKS: usize = 10;
/// Ids in one retrieve by POST.
const MAX_RETRIEVED: usize = 2_000;

/// One record's outcome.
struct Outcome {
    id: Option<Id>,
    created: Option<bool>,
    fault: Option<Fault>,
}

impl Outcome {
    fn json(&self) -> Value {
        let mut body = Map::new();
        if let Some(id) = self.id.filter(|_| self.fault.is_none()) {
            body.insert("id".into(), json!(id.to_string()));
        }
        if let Some(created) = self.created.filter(|_| self.fault.is_none()) {
            body.insert("created".into(), json!(created));
        }
        body.insert("success".into(), json!(self.fault.is_none()));
        body.insert("errors".into(), json!(self.fault.iter().map(Fault::saved).collect::<Vec<_>>()));
        Value::Object(body)
    }
}

impl Org {
    /// Any call below `/composite/sobjects`.
    ///
    /// # Errors
    /// Refusals of the call as a whole.
    pub(crate) fn collections(
        &mut self,
        caller: &Caller,
        call: &Call,
        rest: &[String],
    ) -> Result<Answer, Fault> {
        match (call.method.as_str(), rest) {
            ("POST" | "PATCH", []) => self.save_many(caller, call, None),
            ("DELETE", []) => self.delete_many(caller, call),
            ("PATCH", [object, field]) => {
                let object = self.readable(caller, object)?;
                let at = if field.eq_ignore_ascii_case("Id") {
                    system::ID
                } else {
                    self.position(caller.role, object, field)
                        .filter(|at| self.tables.keyed(object, *at))
                        .ok_or_else(Fault::not_found)?
                };
                self.save_many(caller, call, Some((object, at)))
            }
            ("GET" | "POST", [object]) => self.retrieve(caller, call, object),
            _ => Err(Fault::method(call.method.as_str(), "GET,POST,PATCH,DELETE")),
        }
    }

    fn save_many(
        &mut self,
        caller: &Caller,
        call: &Call,
        key: Option<(usize, usize)>,
    ) -> Result<Answer, Fault> {
        let body = call.object()?;
        let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
        let records = body
            .get("records")
            .and_then(Value::as_array)
            .ok_or_else(|| Fault::parser("records is required and is an array"))?;
        if records.len() > MAX_RECORDS {
            return Err(Fault::bad(
                "EXCEEDED_ID_LIMIT",
                format!("record limit reached. cannot submit more than {MAX_RECORDS} records into this call"),
            ));
        }
        let kinds: Vec<Option<&str>> =
            records.iter().map(|record| record.pointer("/attributes/type").and_then(Value::as_str)).collect();
        let chunks = 1 + kinds.windows(2).filter(|pair| pair.first() != pair.last()).count();
        if chunks > MAX_CHUNKS {
            return Err(Fault::bad(
                "INVALID_INPUT",
                format!("at most {MAX_CHUNKS} chunks of one type in one call"),
            ));
        }
        let update = call.method == Method::PATCH && key.is_none();
        let mark = self.mark();
        let keys: Vec<Option<String>> = records
            .iter()
            .map(|record| {
                let (object, at) = key?;
                let name = self.schema.object(object).fields.get(at)?.name;
                member(record.as_object()?, name).map(key_text)
            })
            .collect();
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(records.len());
        for (index, (record, kind)) in records.iter().zip(&kinds).enumerate() {
            let own = keys
                .get(index)
                .and_then(Option::as_ref)
                .filter(|_| key.is_some_and(|(_, at)| at != system::ID));
            let twice = own.is_some() && keys.iter().filter(|other| other.as_ref() == own).count() > 1;
            let saved = if twice {
                Err(Fault::bad("DUPLICATE_EXTERNAL_ID", "the same external id stands twice in this request"))
            } else {
                self.save_one(caller, record, *kind, update, key)
            };
            if let (Ok((id, created)), false) = (&saved, update)
                && *created != Some(false)
                && let Some(object) = self.object_of(*id)
            {
                self.assign(call, caller, object, *id);
            }
            outcomes.push(match saved {
                Ok((id, created)) => Outcome { id: Some(id), created, fault: None },
                Err(fault) => Outcome { id: None, created: None, fault: Some(fault) },
            });
        }
        Ok(self.all_or_none(all_or_none, mark, outcomes))
    }

    fn all_or_none(
        &mut self,
        all_or_none: bool,
        mark: super::org::Mark,
        mut outcomes: Vec<Outcome>,
    ) -> Answer {
        if all_or_none && outcomes.iter().any(|outcome| outcome.fault.is_some()) {
            self.roll_back(mark);
            for outcome in outcomes.iter_mut().filter(|outcome| outcome.fault.is_none()) {
                outcome.fault = Some(Fault::rolled_back());
            }
        }
        Answer::ok(Value::Array(outcomes.iter().map(Outcome::json).collect()))
    }

    fn save_one(
        &mut self,
        caller: &Caller,
        record: &Value,
        kind: Option<&str>,
        update: bool,
        key: Option<(usize, usize)>,
    ) -> Result<(Id, Option<bool>), Fault> {
        let record = record.as_object().ok_or_else(|| Fault::parser("a record is a JSON object"))?;
        let kind = kind.ok_or_else(|| Fault::bad("INVALID_TYPE", "attributes.type is required"))?;
        let object = self
            .readable(caller, kind)
            .map_err(|_| Fault::bad("INVALID_TYPE", format!("sObject type '{kind}' is not supported.")))?;
        let mut fields = record.clone();
        if let Some((wanted, at)) = key {
            if wanted != object {
                return Err(Fault::bad(
                    "INVALID_TYPE",
                    "all records of an upsert are of the type in the URL",
                ));
            }
            let shape = self.schema.object(object);
            let name = shape.fields.get(at).map_or("Id", |field| field.name);
            let value = member(record, name).map(key_text);
            fields.retain(|own, _| !own.eq_ignore_ascii_case(name));
            if at == system::ID {
                return match value {
                    Some(text) => self.change(caller, object, &text, &fields).map(|id| (id, Some(false))),
                    None => self.insert(caller, object, &fields).map(|id| (id, Some(true))),
                };
            }
            let value = value.unwrap_or_default();
            return match self.upsert(caller, object, at, &value, &fields, false)? {
                Upserted::Created(id) => Ok((id, Some(true))),
                Upserted::Updated(id) => Ok((id, Some(false))),
                Upserted::Several(_) => Err(Fault::bad(
                    "DUPLICATE_EXTERNAL_ID",
                    format!("{name}: more than one record found for external id field"),
                )
                .on(name)),
            };
        }
        if !update {
            if member(record, "Id").is_some() {
                return Err(Fault::bad(
                    "INVALID_FIELD_FOR_INSERT_UPDATE",
                    "cannot specify Id in an insert call",
                )
                .on("Id"));
            }
            return self.insert(caller, object, &fields).map(|id| (id, None));
        }
        let id = member(record, "Id").map(key_text);
        let id =
            id.ok_or_else(|| Fault::bad("MISSING_ARGUMENT", "Id not specified in an update call").on("Id"))?;
        fields.retain(|own, _| !own.eq_ignore_ascii_case("Id"));
        self.change(caller, object, &id, &fields).map(|id| (id, None))
    }

    fn change(
        &mut self,
        caller: &Caller,
        object: usize,
        id: &str,
        fields: &Map<String, Value>,
    ) -> Result<Id, Fault> {
        let id = Id::parse(id).ok_or_else(|| Fault::malformed_id(id))?;
        self.update(caller, object, id, fields).map(|()| id).map_err(in_collection)
    }

    fn delete_many(&mut self, caller: &Caller, call: &Call) -> Result<Answer, Fault> {
        let ids = call.param("ids").ok_or_else(|| Fault::bad("MISSING_ARGUMENT", "ids is required"))?;
        let ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        if ids.len() > MAX_RECORDS {
            return Err(Fault::bad("EXCEEDED_ID_LIMIT", format!("at most {MAX_RECORDS} ids in one call")));
        }
        let all_or_none = call.param("allOrNone").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let mark = self.mark();
        let mut outcomes = Vec::with_capacity(ids.len());
        for text in ids {
            let id = Id::parse(text);
            let gone = id.ok_or_else(|| Fault::malformed_id(text)).and_then(|id| {
                let object = self.object_of(id).ok_or_else(Fault::not_found).map_err(in_collection)?;
                self.delete(caller, object, id).map_err(in_collection)
            });
            outcomes.push(Outcome { id, created: None, fault: gone.err() });
        }
        Ok(self.all_or_none(all_or_none, mark, outcomes))
    }

    fn retrieve(&mut self, caller: &Caller, call: &Call, object: &str) -> Result<Answer, Fault> {
        let object = self.readable(caller, object)?;
        let (ids, fields): (Vec<String>, Vec<String>) = if call.method == Method::GET {
            let list = |name: &str| {
                let text = call
                    .param(name)
                    .ok_or_else(|| Fault::bad("MISSING_ARGUMENT", format!("{name} is required")))?;
                Ok::<_, Fault>(text.split(',').map(|part| part.trim().to_owned()).collect())
            };
            (list("ids")?, list("fields")?)
        } else {
            let body = call.object()?;
            let list = |name: &str| {
                let all = body.get(name).and_then(Value::as_array);
                let all = all.ok_or_else(|| Fault::parser(format!("{name} is required and is an array")))?;
                let text = |value: &Value| value.as_str().map(str::to_owned);
                all.iter()
                    .map(text)
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(|| Fault::parser("an array of texts"))
            };
            (list("ids")?, list("fields")?)
        };
        if ids.len() > MAX_RETRIEVED {
            return Err(Fault::bad("EXCEEDED_ID_LIMIT", format!("at most {MAX_RETRIEVED} ids in one call")));
        }
        let mut chosen = vec![system::ID];
        for name in &fields {
            let at = self.position(caller.role, object, name);
            let at = at.ok_or_else(|| Fault::no_column(name, self.schema.object(object).name))?;
            if !chosen.contains(&at) {
                chosen.push(at);
            }
        }
        let mut records = Vec::with_capacity(ids.len());
        for text in &ids {
            let id = Id::parse(text).ok_or_else(|| Fault::malformed_id(text))?;
            let row = self.tables.see(object, id, self.lens(caller.now)).filter(|row| !row.deleted());
            records.push(row.map_or(Value::Null, |row| self.record_json(caller, object, row, Some(&chosen))));
        }
        Ok(Answer::ok(Value::Array(records)))
    }
}

/// A member by case-insensitive name.
fn member<'a>(record: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    record
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .filter(|value| !value.is_null())
}

fn key_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// In Collections, a row that is not there is a 400-class error of its record.
fn in_collection(fault: Fault) -> Fault {
    match fault.code {
        "NOT_FOUND" => Fault::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
        _ => fault,
    }
}
