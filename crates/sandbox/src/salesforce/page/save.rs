//! What the forms of the page do, under every rule of the org: a refusal is shown in the org's own words.

use serde_json::{Map, Number, Value};

use super::{
    super::{
        errors::Fault,
        id::Id,
        org::{Caller, Org},
        schema::Kind,
    },
    Form,
    opportunity::EDITED,
};

/// What was done: the opportunity to show then, and a sentence.
type Done = Result<(Option<Id>, String), String>;

impl Org {
    /// Does what a form says.
    ///
    /// # Errors
    /// The org's refusal, or what the form lacks; nothing is changed then.
    pub(super) fn do_as_told(&mut self, caller: &Caller, form: &Form) -> Done {
        let deed = form.get("deed").map_or("", String::as_str);
        if deed == "create" {
            let mark = self.mark();
            return self.create_all(caller, form).map_err(|fault| {
                self.roll_back(mark);
                said(&fault)
            });
        }
        let id = form.get("id").and_then(|text| Id::parse(text)).ok_or("The form names no opportunity.")?;
        let opportunity = self.object("Opportunity").map_err(|fault| said(&fault))?;
        let done = match deed {
            "save" => {
                let body = self.changed(opportunity, form)?;
                if body.is_empty() {
                    return Ok((Some(id), "Nothing was changed.".to_owned()));
                }
                self.update(caller, opportunity, id, &body).map(|()| (Some(id), "Saved."))
            }
            "add-solution" => self.add_solution(caller, id, form).map(|_| (Some(id), "Added.")),
            "remove" => {
                let row = form.get("row").and_then(|text| Id::parse(text)).ok_or("The form names no row.")?;
                let solutions = self.object("Microsoft_Solution__c").map_err(|fault| said(&fault))?;
                self.delete(caller, solutions, row).map(|()| (Some(id), "Removed."))
            }
            "delete" => self.delete(caller, opportunity, id).map(|()| (None, "Deleted.")),
            _ => return Err("The form says nothing that can be done here.".to_owned()),
        };
        done.map(|(id, sentence)| (id, sentence.to_owned())).map_err(|fault| said(&fault))
    }

    /// A customer, a contact and an opportunity, all or none.
    fn create_all(&mut self, caller: &Caller, form: &Form) -> Result<(Option<Id>, String), Fault> {
        let text = |name: &str| form.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
        let put = |body: &mut Map<String, Value>, name: &str, value: Option<&str>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), Value::String(value.to_owned()));
            }
        };
        let mut customer = Map::new();
        for (name, from) in [
            ("Name", "customer"),
            ("BillingStreet", "street"),
            ("BillingPostalCode", "postcode"),
            ("BillingCity", "city"),
            ("BillingCountry", "country"),
        ] {
            put(&mut customer, name, text(from));
        }
        let account = self.insert(caller, self.object("Account")?, &customer)?.to_string();
        let mut body = Map::new();
        for name in ["Name", "StageName", "CloseDate"] {
            put(&mut body, name, text(name));
        }
        put(&mut body, "AccountId", Some(&account));
        if let Some(amount) = text("Amount") {
            body.insert("Amount".to_owned(), number(amount));
        }
        if text("last").is_some() {
            let mut contact = Map::new();
            for (name, from) in
                [("FirstName", "first"), ("LastName", "last"), ("Email", "email"), ("Phone", "phone")]
            {
                put(&mut contact, name, text(from));
            }
            put(&mut contact, "AccountId", Some(&account));
            let contact = self.insert(caller, self.object("Contact")?, &contact)?.to_string();
            put(&mut body, "ContactId", Some(&contact));
        }
        let id = self.insert(caller, self.object("Opportunity")?, &body)?;
        Ok((Some(id), "Created.".to_owned()))
    }

    fn add_solution(&mut self, caller: &Caller, id: Id, form: &Form) -> Result<Id, Fault> {
        let mut body = Map::new();
        body.insert("Opportunity__c".to_owned(), Value::String(id.to_string()));
        for (name, from) in [("Solution_Id__c", "Solution_Id__c"), ("Name", "Solution_Name")] {
            let value = form.get(from).cloned().unwrap_or_default();
            body.insert(name.to_owned(), Value::String(value));
        }
        body.insert("Primary__c".to_owned(), Value::Bool(form.contains_key("Primary__c")));
        self.insert(caller, self.object("Microsoft_Solution__c")?, &body)
    }

    /// The fields that the seller changed on the form. What others changed meanwhile stays as it is.
    fn changed(&self, object: usize, form: &Form) -> Result<Map<String, Value>, String> {
        let mut body = Map::new();
        for name in EDITED {
            let Some(was) = form.get(&format!("was-{name}")) else { continue };
            let field = self.schema.object(object).position(name);
            let Some(field) = field.and_then(|at| self.schema.object(object).fields.get(at)) else {
                continue;
            };
            if matches!(field.kind, Kind::Boolean) {
                let ticked = form.contains_key(name);
                if ticked != (was == "true") {
                    body.insert(name.to_owned(), Value::Bool(ticked));
                }
                continue;
            }
            // A browser sends line ends of its own.
            let now = form.get(name).ok_or_else(|| format!("The form lacks {name}."))?.replace("\r\n", "\n");
            if now == was.replace("\r\n", "\n") {
                continue;
            }
            let value = match &field.kind {
                _ if now.is_empty() => Value::Null,
                Kind::Currency { .. } | Kind::Double { .. } | Kind::Percent { .. } | Kind::Int { .. } => {
                    number(&now)
                }
                _ => Value::String(now),
            };
            body.insert(name.to_owned(), value);
        }
        Ok(body)
    }
}

/// A number as it was typed; what is none goes to the org as text, which refuses it by name.
fn number(text: &str) -> Value {
    text.parse::<Number>().map_or_else(|_| Value::String(text.to_owned()), Value::Number)
}

fn said(fault: &Fault) -> String {
    format!("{} ({})", fault.message, fault.code)
}
