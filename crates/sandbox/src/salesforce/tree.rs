//! `/composite/tree/X`: parents created with their children, all or nothing (salesforce reference, section 2.11).

use std::collections::{BTreeSet, HashSet};

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    call::{Answer, Call},
    errors::Fault,
    id::Id,
    org::{Caller, Org},
};

/// Records in one call, kinds of objects, and levels.
const MAX_RECORDS: usize = 200;
const MAX_TYPES: usize = 5;
const MAX_LEVELS: usize = 5;

/// What is under way in one call.
#[derive(Default)]
struct Growth {
    made: Vec<(String, Id)>,
    names: HashSet<String>,
    types: BTreeSet<usize>,
}

/// A refusal of one record.
struct Broken {
    reference: String,
    fault: Fault,
}

fn whole(text: impl Into<String>) -> Broken {
    Broken { reference: String::new(), fault: Fault::bad("INVALID_INPUT", text) }
}

impl Org {
    /// `POST /composite/tree/X`.
    ///
    /// # Errors
    /// Refusals of the request as a whole.
    pub(crate) fn tree(&mut self, caller: &Caller, call: &Call, object: usize) -> Result<Answer, Fault> {
        let records = call.object()?.get("records").and_then(Value::as_array);
        let records = records.ok_or_else(|| Fault::parser("records is required and is an array"))?;
        let mark = self.mark();
        let mut growth = Growth::default();
        match self.grow(caller, &mut growth, object, None, records, 1) {
            Ok(()) => {
                let results: Vec<Value> = growth
                    .made
                    .iter()
                    .map(|(reference, id)| json!({"referenceId": reference, "id": id.to_string()}))
                    .collect();
                Ok(Answer::with(StatusCode::CREATED, json!({"hasErrors": false, "results": results})))
            }
            Err(broken) => {
                self.roll_back(mark);
                let results = json!([{"referenceId": broken.reference, "errors": [broken.fault.saved()]}]);
                Ok(Answer::with(StatusCode::BAD_REQUEST, json!({"hasErrors": true, "results": results})))
            }
        }
    }

    fn grow(
        &mut self,
        caller: &Caller,
        growth: &mut Growth,
        object: usize,
        parent: Option<(&str, Id)>,
        records: &[Value],
        level: usize,
    ) -> Result<(), Broken> {
        let schema = std::sync::Arc::clone(&self.schema);
        let shape = schema.object(object);
        growth.types.insert(object);
        if level > MAX_LEVELS {
            return Err(whole(format!("a tree has at most {MAX_LEVELS} levels")));
        }
        if growth.types.len() > MAX_TYPES {
            return Err(whole(format!("a tree has at most {MAX_TYPES} types of records")));
        }
        for record in records {
            let attributes = record.get("attributes");
            let word = |name: &str| attributes.and_then(|own| own.get(name)).and_then(Value::as_str);
            let reference = word("referenceId").unwrap_or_default().to_owned();
            let refuse = |fault: Fault| Broken { reference: reference.clone(), fault };
            if reference.is_empty() || !growth.names.insert(reference.clone()) {
                let text = "each record has a referenceId of its own in its attributes";
                return Err(refuse(Fault::bad("INVALID_INPUT", text)));
            }
            if !word("type").is_some_and(|kind| kind.eq_ignore_ascii_case(shape.name)) {
                let text = format!("attributes.type is {} here", shape.name);
                return Err(refuse(Fault::bad("INVALID_INPUT", text)));
            }
            if growth.made.len() >= MAX_RECORDS {
                return Err(whole(format!("a tree has at most {MAX_RECORDS} records")));
            }
            let mut own = Map::new();
            let mut below = Vec::new();
            for (name, value) in record.as_object().into_iter().flatten() {
                match value.get("records").and_then(Value::as_array) {
                    Some(children) => below.push((name, children)),
                    None => {
                        own.insert(name.clone(), value.clone());
                    }
                }
            }
            if let Some((field, id)) = parent {
                own.insert(field.to_owned(), Value::from(id.to_string()));
            }
            let id = self.insert(caller, object, &own).map_err(refuse)?;
            growth.made.push((reference.clone(), id));
            for (name, children) in below {
                let link = schema.children(shape.name).into_iter().find(|link| {
                    link.reference.children.is_some_and(|known| known.eq_ignore_ascii_case(name))
                });
                let refuse = |fault: Fault| Broken { reference: reference.clone(), fault };
                let link = link.ok_or_else(|| refuse(Fault::no_column(name, shape.name)))?;
                let field = schema.object(link.object).fields.get(link.field).map_or("", |field| field.name);
                self.grow(caller, growth, link.object, Some((field, id)), children, level + 1)?;
            }
        }
        Ok(())
    }
}
