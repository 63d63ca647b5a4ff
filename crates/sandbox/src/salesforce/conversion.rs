//! Lead conversion: what `convertLead()` and the Convert button do (salesforce reference, section 5.8).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    actors::wanted,
    errors::Fault,
    id::Id,
    org::{Caller, Org, value_of},
    schema::{Object, system},
    tables::Row,
    values::{Cell, to_second},
};

/// What a lead's fields become in its contact.
const CARRIED: [(&str, &str); 5] = [
    ("LastName", "LastName"),
    ("FirstName", "FirstName"),
    ("Email", "Email"),
    ("Phone", "Phone"),
    ("Title", "Title"),
];

fn said(fault: Fault) -> String {
    format!("{}: {}", fault.code, fault.message)
}

/// The id that this member of the order names.
fn given(body: &Value, member: &str) -> Result<Option<Id>, String> {
    let Some(text) = body.get(member).and_then(Value::as_str) else { return Ok(None) };
    Id::parse(text).map(Some).ok_or_else(|| format!("{member} is no id: {text}"))
}

impl Org {
    /// Converts a lead into an account, a contact and an opportunity, or into those that are named: `accountId`,
    /// `contactId`, `into` (an opportunity), `doNotCreateOpportunity`, `opportunityName`, and in `opportunity` further
    /// fields of a new one. Answers `{account, contact, opportunity}`.
    ///
    /// # Errors
    /// A sentence with the platform's refusal.
    pub(crate) fn convert_lead(&mut self, caller: &Caller, body: &Value) -> Result<Value, String> {
        let mark = self.mark();
        let done = self.try_convert(caller, body);
        if done.is_err() {
            self.roll_back(mark);
        }
        done
    }

    fn try_convert(&mut self, caller: &Caller, body: &Value) -> Result<Value, String> {
        let (object, id) = wanted(self, body)?;
        let schema = Arc::clone(&self.schema);
        let shape = schema.object(object);
        if shape.name != "Lead" {
            return Err("only a Lead is converted".to_owned());
        }
        let row = self.live(object, id).map_err(|fault| fault.message)?;
        if value_of(shape, &row, "IsConverted").is_true() {
            return Err("the Lead is converted already".to_owned());
        }
        let company = value_of(shape, &row, "Company").as_text().unwrap_or_default().to_owned();
        let account = match given(body, "accountId")? {
            Some(account) => account,
            None => self.convert_into(caller, "Account", json!({ "Name": company }))?,
        };
        let contact = match given(body, "contactId")? {
            Some(contact) => contact,
            None => self.convert_into(caller, "Contact", contact_of(shape, &row, account))?,
        };
        let without = body.get("doNotCreateOpportunity") == Some(&Value::Bool(true));
        let opportunity = match given(body, "into")? {
            Some(opportunity) => Some(opportunity),
            None if without => None,
            None => {
                let name = body.get("opportunityName").and_then(Value::as_str);
                let name = name.map_or_else(|| format!("{company}-"), str::to_owned);
                let mut fields = json!({
                    "Name": name, "StageName": "Qualification", "CloseDate": "2027-12-31",
                    "AccountId": account.to_string(),
                });
                let more = body.get("opportunity").and_then(Value::as_object).cloned().unwrap_or_default();
                if let Some(fields) = fields.as_object_mut() {
                    fields.extend(more);
                }
                Some(self.convert_into(caller, "Opportunity", fields)?)
            }
        };
        let mut row = Row::clone(&row);
        let today = caller.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        for (field, cell) in [
            ("IsConverted", Cell::Bool(true)),
            ("ConvertedDate", Cell::Date(today)),
            ("ConvertedAccountId", Cell::Id(account)),
            ("ConvertedContactId", Cell::Id(contact)),
            ("ConvertedOpportunityId", opportunity.map_or(Cell::Null, Cell::Id)),
            ("Status", Cell::text("Closed - Converted")),
        ] {
            if let Some(at) = shape.position(field) {
                row.set(at, cell);
            }
        }
        for at in [system::MODIFIED_DATE, system::MODSTAMP] {
            row.set(at, Cell::At(to_second(caller.now)));
        }
        row.set(system::MODIFIED_BY, Cell::Id(caller.user));
        self.tables.put(object, row, caller.now, None);
        let text = |id: Id| Value::from(id.to_string());
        Ok(json!({
            "account": text(account), "contact": text(contact), "opportunity": opportunity.map_or(Value::Null, text),
        }))
    }

    fn convert_into(&mut self, caller: &Caller, name: &str, fields: Value) -> Result<Id, String> {
        let object = self.schema.find(name).ok_or_else(|| format!("no {name} in this org"))?;
        let Value::Object(fields) = fields else {
            return Err(format!("the fields of a {name} are an object"));
        };
        self.insert(caller, object, &fields).map_err(said)
    }
}

fn contact_of(lead: &Object, row: &Row, account: Id) -> Value {
    let mut fields = Map::new();
    for (own, theirs) in CARRIED {
        if let Some(text) = value_of(lead, row, own).as_text() {
            fields.insert(theirs.to_owned(), Value::from(text));
        }
    }
    fields.insert("AccountId".to_owned(), Value::from(account.to_string()));
    Value::Object(fields)
}
