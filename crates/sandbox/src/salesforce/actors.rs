//! What a person does in Salesforce's own user interface, beyond what tests do over REST.

use serde_json::{Map, Value, json};

use super::{
    id::Id,
    knobs::CloneUnique,
    org::{Caller, Org},
    schema::{Kind, system},
    tables::Row,
    values::{Cell, to_second},
};

pub(super) fn wanted(org: &Org, body: &Value) -> Result<(usize, Id), String> {
    let text = body.get("id").and_then(Value::as_str).ok_or("id is required")?;
    let id = Id::parse(text).ok_or_else(|| format!("no id: {text}"))?;
    let object = org.object_of(id).ok_or_else(|| format!("no object has ids like {text}"))?;
    Ok((object, id))
}

impl Org {
    /// The Clone button: a new row with every field copied that can be written on create.
    ///
    /// # Errors
    /// A sentence with the platform's refusal.
    pub(crate) fn clone_row(&mut self, caller: &Caller, body: &Value) -> Result<Value, String> {
        let (object, id) = wanted(self, body)?;
        let row = self.live(object, id).map_err(|fault| fault.message)?;
        let shape = self.schema.object(object);
        let mut copy = Map::new();
        for (at, field) in shape.fields.iter().enumerate() {
            let written = field.enabled && field.createable && !row.cell(at).is_null();
            // The primary contact is a role row, which a plain clone does not copy.
            if !written || at == system::ID || matches!(field.kind, Kind::Id) || field.name == "ContactId" {
                continue;
            }
            if field.unique && self.knobs.clone_unique == CloneUnique::Empty {
                continue;
            }
            copy.insert(field.name.to_owned(), row.cell(at).json(&field.kind));
        }
        if let Some(changes) = body.get("changes").and_then(Value::as_object) {
            copy.extend(changes.clone());
        }
        let clone = self
            .insert(caller, object, &copy)
            .map_err(|fault| format!("{}: {}", fault.code, fault.message))?;
        Ok(json!({"id": clone.to_string()}))
    }

    /// A background job: moves `SystemModstamp` and nothing else (salesforce reference, section 4.10).
    ///
    /// # Errors
    /// A sentence when there is no such row.
    pub(crate) fn touch_row(&mut self, caller: &Caller, body: &Value) -> Result<Value, String> {
        let (object, id) = wanted(self, body)?;
        let mut row = Row::clone(&*self.live(object, id).map_err(|fault| fault.message)?);
        row.set(system::MODSTAMP, Cell::At(to_second(caller.now)));
        self.tables.put(object, row, caller.now, None);
        Ok(json!({"id": id.to_string()}))
    }

    /// The Delete button, and the recycle bin's Undelete.
    ///
    /// # Errors
    /// A sentence with the platform's refusal.
    pub(crate) fn bin_row(&mut self, caller: &Caller, body: &Value, delete: bool) -> Result<Value, String> {
        let (object, id) = wanted(self, body)?;
        let done = if delete { self.delete(caller, object, id) } else { self.undelete(caller, object, id) };
        done.map(|()| json!({"id": id.to_string()}))
            .map_err(|fault| format!("{}: {}", fault.code, fault.message))
    }

    /// The recycle bin's Empty: its rows are in no query, in no list of deleted ones and in no event any more
    /// (salesforce reference, sections 2.13 and 4.8). The bin of this org does not empty itself.
    pub(crate) fn empty_bin(&mut self) -> Value {
        let objects: Vec<usize> =
            (0..self.schema.objects.len()).filter(|at| self.schema.object(*at).bin).collect();
        let rows: usize = objects.into_iter().map(|object| self.tables.forget_deleted(object)).sum();
        json!({"rows": rows})
    }
}
