//! What an admin does to users in Setup, which no API call of a program may do.

use serde_json::{Value, json};

use super::{
    org::{Caller, Org},
    schema::{Kind, system},
    tables::Row,
    values::{Cell, to_second},
};

impl Org {
    /// Setup, Users: changes the user of this `Username`, or makes one. `fields` are texts and flags.
    ///
    /// # Errors
    /// A sentence when a field is not there, or holds neither a text nor a flag.
    pub(crate) fn set_user(&mut self, caller: &Caller, body: &Value) -> Result<Value, String> {
        let fields = body.get("fields").and_then(Value::as_object).ok_or("fields is required")?;
        let username = fields.get("Username").and_then(Value::as_str).ok_or("fields.Username is required")?;
        let users = self.schema.find("User").ok_or("the org has no users")?;
        let shape = self.schema.object(users);
        let at = |name: &str| shape.position(name).ok_or_else(|| format!("a user has no {name}"));
        let (named, now) = (at("Username")?, to_second(caller.now));
        let known = self.tables.all(users).find(|row| row.cell(named).as_text() == Some(username)).cloned();
        let mut writes = vec![(system::MODIFIED_DATE, Cell::At(now)), (system::MODSTAMP, Cell::At(now))];
        writes.push((system::MODIFIED_BY, Cell::Id(caller.user)));
        for (name, value) in fields {
            writes.push((
                at(name)?,
                match value {
                    Value::String(text) => Cell::text(text),
                    Value::Bool(flag) => Cell::Bool(*flag),
                    Value::Null => Cell::Null,
                    _ => return Err(format!("{name} is neither a text nor a flag")),
                },
            ));
        }
        let part = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if known.is_none() {
            writes.push((
                at("Name")?,
                Cell::text(format!("{} {}", part("FirstName"), part("LastName")).trim()),
            ));
            writes.push((at("UserType")?, Cell::text("Standard")));
            writes.push((system::CREATED_DATE, Cell::At(now)));
            writes.push((system::CREATED_BY, Cell::Id(caller.user)));
        }
        let blank = shape.fields.iter().map(|field| match field.kind {
            Kind::Boolean => Cell::Bool(false),
            _ => Cell::Null,
        });
        let blank: Vec<Cell> = blank.collect();
        let mut row = if let Some(row) = known {
            Row::clone(&row)
        } else {
            let id = self.new_id("005");
            let mut row = Row { id, cells: blank };
            row.set(system::ID, Cell::Id(id));
            row
        };
        let id = row.id;
        for (at, cell) in writes {
            row.set(at, cell);
        }
        self.tables.put(users, row, caller.now, None);
        Ok(json!({"id": id.to_string()}))
    }
}
