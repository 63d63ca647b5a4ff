//! Countries and states when they are picklists, and accounts that are persons (salesforce reference, section 5.3).

use serde_json::{Map, Value};

use super::{
    errors::Fault,
    org::{Caller, Org, value_of},
    rows::Draft,
    schema::Object,
    schema_tables::countries::{self, Country},
    values::Cell,
};

/// Addresses by object.
const ADDRESSES: [(&str, &str); 3] =
    [("Account", "Billing"), ("Account", "Shipping"), ("Contact", "Mailing")];
/// What only a person account has, of what a caller writes.
const OF_A_PERSON: [&str; 4] = ["Salutation", "FirstName", "LastName", "PersonEmail"];

fn unknown(what: &str, list: &str, prefix: &str, field: &str) -> Fault {
    let text = format!(
        "There's a problem with this {what}, even though it may appear correct. Please select a {what} from the list of \
         valid {list}.: {prefix} {}",
        if what == "state" { "State/Province" } else { "Country" }
    );
    Fault::bad("FIELD_INTEGRITY_EXCEPTION", text).on(field)
}

impl Org {
    /// Makes country and state agree with their codes; whichever is written leads.
    ///
    /// # Errors
    /// 400 for a country or state that Setup does not know.
    pub(crate) fn settle_places(&self, draft: &mut Draft) -> Result<(), Fault> {
        if !self.knobs.state_country_picklists {
            return Ok(());
        }
        let object = self.schema.object(draft.object);
        for (_, prefix) in ADDRESSES.iter().filter(|(name, _)| *name == object.name) {
            settle_country(object, prefix, draft)?;
            settle_state(object, prefix, draft)?;
        }
        Ok(())
    }

    /// Tells persons from companies: by the last name on create, for good afterwards.
    ///
    /// # Errors
    /// 400 for the other kind's fields: a person's Name is put together, a company has no last name.
    pub(crate) fn check_person(&self, draft: &mut Draft) -> Result<(), Fault> {
        let object = self.schema.object(draft.object);
        if object.name != "Account" || !self.knobs.person_accounts {
            return Ok(());
        }
        let person = match &draft.before {
            Some(before) => value_of(object, before, "IsPersonAccount").is_true(),
            None => !value_of(object, &draft.row, "LastName").is_null(),
        };
        let wrong: &[&str] = if person { &["Name"] } else { &OF_A_PERSON };
        let wrong: Vec<&&str> = wrong.iter().filter(|field| draft.writes(object, field)).collect();
        if let Some(first) = wrong.first() {
            let kind = if person { "person" } else { "business" };
            let text =
                format!("Unable to create/update fields: {first}. It is not a field of a {kind} account.");
            let mut fault = Fault::bad("INVALID_FIELD_FOR_INSERT_UPDATE", text);
            fault.fields = wrong.iter().map(|field| (**field).to_owned()).collect();
            return Err(fault);
        }
        draft.set(object, "IsPersonAccount", Cell::Bool(person));
        Ok(())
    }

    /// A person account's other half: the contact that comes and changes with it.
    ///
    /// # Errors
    /// The platform's refusal of the contact.
    pub(crate) fn mirror_person(
        &mut self,
        caller: &Caller,
        object: &Object,
        draft: &Draft,
    ) -> Result<(), Fault> {
        if !value_of(object, &draft.row, "IsPersonAccount").is_true() {
            return Ok(());
        }
        let contacts = self.object("Contact")?;
        let text =
            |field: &str| value_of(object, &draft.row, field).as_text().map_or(Value::Null, Value::from);
        let mut body = Map::new();
        for (own, theirs) in [
            ("LastName", "LastName"),
            ("FirstName", "FirstName"),
            ("PersonEmail", "Email"),
            ("Salutation", "Salutation"),
        ] {
            if draft.changes(object, own) {
                body.insert(theirs.to_owned(), text(own));
            }
        }
        if let Some(contact) = value_of(object, &draft.row, "PersonContactId").as_id() {
            return if body.is_empty() { Ok(()) } else { self.update(caller, contacts, contact, &body) };
        }
        body.insert("AccountId".to_owned(), Value::from(draft.row.id.to_string()));
        let contact = self.insert(caller, contacts, &body)?;
        let mut account = draft.row.clone();
        if let Some(at) = object.position("PersonContactId") {
            account.set(at, Cell::Id(contact));
        }
        self.tables.put(draft.object, account, caller.now, None);
        let flag = self.schema.object(contacts).position("IsPersonAccount");
        if let (Some(at), Some(row)) = (flag, self.tables.get(contacts, contact)) {
            let mut row = super::tables::Row::clone(row);
            row.set(at, Cell::Bool(true));
            self.tables.put(contacts, row, caller.now, None);
        }
        Ok(())
    }
}

fn settle_country(object: &Object, prefix: &str, draft: &mut Draft) -> Result<(), Fault> {
    let (name, code) = (format!("{prefix}Country"), format!("{prefix}CountryCode"));
    let (lead, find): (&str, fn(&str) -> Option<&'static Country>) = if draft.writes(object, &code) {
        (&code, countries::coded)
    } else if draft.writes(object, &name) {
        (&name, countries::labelled)
    } else {
        return Ok(());
    };
    let (label, own) = match value_of(object, &draft.row, lead).as_text() {
        None => (Cell::Null, Cell::Null),
        Some(text) => {
            let country = find(text).ok_or_else(|| unknown("country", "countries", prefix, lead))?;
            (Cell::text(country.label), Cell::text(country.code))
        }
    };
    draft.set(object, &name, label);
    draft.set(object, &code, own);
    Ok(())
}

fn settle_state(object: &Object, prefix: &str, draft: &mut Draft) -> Result<(), Fault> {
    let (name, code) = (format!("{prefix}State"), format!("{prefix}StateCode"));
    let home =
        value_of(object, &draft.row, &format!("{prefix}CountryCode")).as_text().and_then(countries::coded);
    let by_code = draft.writes(object, &code);
    let lead = if by_code { &code } else { &name };
    if !by_code && !draft.writes(object, &name) && !draft.changes(object, &format!("{prefix}CountryCode")) {
        return Ok(());
    }
    let Some(text) = value_of(object, &draft.row, lead).as_text() else {
        draft.set(object, &name, Cell::Null);
        draft.set(object, &code, Cell::Null);
        return Ok(());
    };
    let Some(home) = home else {
        let text = format!(
            "A country/territory must be specified before specifying a state value for field: {prefix} State/Province"
        );
        return Err(Fault::bad("FIELD_INTEGRITY_EXCEPTION", text).on(lead.as_str()));
    };
    let state = home
        .states
        .iter()
        .find(|(own, label)| (if by_code { own } else { label }).eq_ignore_ascii_case(text));
    let (own, label) = state.ok_or_else(|| unknown("state", "states", prefix, lead))?;
    draft.set(object, &name, Cell::text(label));
    draft.set(object, &code, Cell::text(own));
    Ok(())
}
