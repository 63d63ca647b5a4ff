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

fn wanted(org: &Org, body: &Value) -> Result<(usize, Id), String> {
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

    /// The Convert button of a Lead: an account and an opportunity of its company, or the opportunity in `into`; answers
    /// `{opportunity}`. `opportunity` holds further fields of a new one.
    ///
    /// # Errors
    /// A sentence with the platform's refusal.
    pub(crate) fn convert_lead(&mut self, caller: &Caller, body: &Value) -> Result<Value, String> {
        let (object, id) = wanted(self, body)?;
        let schema = std::sync::Arc::clone(&self.schema);
        let shape = schema.object(object);
        if shape.name != "Lead" {
            return Err("only a Lead is converted".to_owned());
        }
        let row = self.live(object, id).map_err(|fault| fault.message)?;
        let at = |name: &str| shape.position(name).ok_or_else(|| format!("a Lead has no {name}"));
        if row.cell(at("IsConverted")?).is_true() {
            return Err("the Lead is converted already".to_owned());
        }
        let company = row.cell(at("Company")?).as_text().unwrap_or_default().to_owned();
        let places =
            ["IsConverted", "ConvertedDate", "ConvertedAccountId", "ConvertedOpportunityId", "Status"];
        let places = places.map(at);
        let said = |fault: super::errors::Fault| format!("{}: {}", fault.code, fault.message);
        let find = |name: &str| schema.find(name).ok_or_else(|| format!("no {name} in this org"));
        let (accounts, opportunities) = (find("Account")?, find("Opportunity")?);
        let mut account = Map::new();
        account.insert("Name".to_owned(), company.clone().into());
        let account = self.insert(caller, accounts, &account).map_err(said)?;
        let opportunity = if let Some(text) = body.get("into").and_then(Value::as_str) {
            Id::parse(text).ok_or_else(|| format!("no id: {text}"))?
        } else {
            let mut fields = Map::new();
            fields.insert("Name".to_owned(), format!("{company}-").into());
            fields.insert("StageName".to_owned(), "Qualification".into());
            fields.insert("CloseDate".to_owned(), "2027-12-31".into());
            fields.insert("AccountId".to_owned(), account.to_string().into());
            fields.extend(body.get("opportunity").and_then(Value::as_object).cloned().unwrap_or_default());
            self.insert(caller, opportunities, &fields).map_err(said)?
        };
        let mut row = Row::clone(&row);
        let today = caller.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let cells = [
            Cell::Bool(true),
            Cell::Date(today),
            Cell::Id(account),
            Cell::Id(opportunity),
            Cell::text("Closed - Converted"),
        ];
        for (place, cell) in places.into_iter().zip(cells) {
            row.set(place?, cell);
        }
        row.set(system::MODSTAMP, Cell::At(to_second(caller.now)));
        self.tables.put(object, row, caller.now, None);
        Ok(json!({ "opportunity": opportunity.to_string() }))
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
}
