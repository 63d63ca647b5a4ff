//! The contacts that a referral's people may be: found by the rules of the mapping, told by identifier where they are several.

use std::collections::{BTreeMap, BTreeSet};

use deal_model::{Element, ElementKey, Value};
use jiff::Timestamp;
use mapping::{ContactKey, ContactRules, ContactScope, SetBinding};
use salesforce::{
    FieldPath, Fields, Record, RecordId,
    soql::{Condition, Literal, Op, Select, Soql},
};
use serde_json::Value as Json;

use super::{
    rows::path,
    schema::{CONTACT, object_name},
    steps::Step,
};

const EMAIL: &str = "Email";
const ACCOUNT_ID: &str = "AccountId";
const FIRST_NAME: &str = "FirstName";
const LAST_NAME: &str = "LastName";
const STAMP: &str = "SystemModstamp";
/// Most contacts that a person is given to choose from.
const MAX_CANDIDATES: usize = 20;

/// Whose contacts are looked through, and for whom.
#[derive(Default)]
pub(super) struct Wanted<'w> {
    /// Those of these accounts.
    pub(super) accounts: BTreeSet<RecordId>,
    /// Also those of no account.
    pub(super) of_none: bool,
    pub(super) people: Vec<(&'w ElementKey, &'w Element)>,
}

/// Contacts that were found.
#[derive(Default)]
pub(super) struct Contacts {
    found: Vec<Contact>,
}

/// One of them.
pub(super) struct Contact {
    pub(super) id: RecordId,
    account: Option<RecordId>,
    email: Option<ElementKey>,
    name: String,
    stamp: Option<Timestamp>,
    record: Record,
}

impl Contact {
    /// What an update puts into a contact that was found by name: the e-mail address that ties it to its person, and what
    /// else is empty; with the version that it was read in. None for one that was found by its address.
    pub(super) fn filled(&self, columns: &Fields) -> Option<(Fields, Timestamp)> {
        let stamp = self.stamp.filter(|_| self.email.is_none())?;
        let is_empty =
            |name: &str| self.record.at(name).is_none_or(|held| held.as_str().is_none_or(str::is_empty));
        let mut fields = columns.clone();
        fields.retain(|name, value| !value.is_null() && is_empty(name));
        Some((fields, stamp))
    }
}

impl Contacts {
    /// The records that the queries brought.
    pub(super) fn read(records: impl Iterator<Item = Record>) -> Self {
        let mut known = BTreeSet::new();
        let contact = |record: Record| {
            let text = |name: &str| record.text(name).map(str::trim).filter(|text| !text.is_empty());
            let id = record.id()?;
            let contact = Contact {
                id,
                account: text(ACCOUNT_ID).and_then(|account| account.parse().ok()),
                email: text(EMAIL).map(same),
                name: folded(text(FIRST_NAME), text(LAST_NAME)),
                stamp: record.datetime(STAMP),
                record,
            };
            known.insert(id).then_some(contact)
        };
        Self { found: records.filter_map(contact).collect() }
    }

    /// Takes note of addresses that were written since: whoever was found by name has one now, however late that is seen.
    pub(super) fn learn(&mut self, addressed: &BTreeMap<RecordId, ElementKey>) {
        for contact in &mut self.found {
            if let Some(email) = addressed.get(&contact.id) {
                contact.email = Some(email.clone());
            }
        }
    }

    /// The contact that a person of the customer is, by the first rule that finds any; an error names several. A name
    /// tells nobody apart but within the account: one that `is_new` is yet to be made, and has no contacts. `taken`: those
    /// that another person was found to be.
    pub(super) fn of(
        &self,
        rules: &ContactRules,
        account: Option<RecordId>,
        is_new: bool,
        taken: &BTreeSet<RecordId>,
        key: &ElementKey,
        person: &Element,
    ) -> Result<Option<&Contact>, String> {
        let name = name_of(person);
        for rule in &rules.rules {
            let is = |contact: &&Contact| match rule {
                ContactKey::Email => contact.email.as_ref() == Some(&same(&key.0)),
                ContactKey::Name => {
                    let is_free = contact.email.is_none() && !taken.contains(&contact.id);
                    is_free && !name.is_empty() && contact.name == name
                }
            };
            let all: Vec<&Contact> = self.found.iter().filter(is).collect();
            let is_his = |contact: &&Contact| !is_new && contact.account == account;
            let of_account: Vec<&Contact> = all.iter().copied().filter(is_his).collect();
            let is_far = of_account.is_empty() && looks_everywhere(rules, *rule);
            let candidates = if is_far { all } else { of_account };
            match candidates.as_slice() {
                [] => {}
                [one] => return Ok(Some(one)),
                several => {
                    let ids: Vec<&str> =
                        several.iter().take(MAX_CANDIDATES).map(|contact| contact.id.as_str()).collect();
                    let what = match rule {
                        ContactKey::Email => "the same e-mail",
                        ContactKey::Name => "the same name and no e-mail",
                    };
                    return Err(format!(
                        "several contacts have {what}: {}; merge them, or correct the wrong ones",
                        ids.join(", ")
                    ));
                }
            }
        }
        Ok(None)
    }
}

/// What looks for the contacts that `wanted` people may be.
pub(super) fn queries(rules: &ContactRules, set: Option<&SetBinding>, wanted: &Wanted<'_>) -> Vec<Soql> {
    let mut columns: Vec<FieldPath> = [EMAIL, ACCOUNT_ID, FIRST_NAME, LAST_NAME, STAMP].map(path).to_vec();
    let attributes = set.map(|set| set.attributes.as_slice()).unwrap_or_default();
    columns.extend(attributes.iter().filter_map(|each| FieldPath::new(each.crm_column.as_str()).ok()));
    let contacts = || Select::from(&object_name(CONTACT)).fields(&columns);
    let mut near = Vec::new();
    if !wanted.accounts.is_empty() {
        let of_these = Condition::one_of(&path(ACCOUNT_ID), wanted.accounts.iter().copied());
        near.push(contacts().filter(of_these));
    }
    if wanted.of_none {
        let of_none = Condition::compare(&path(ACCOUNT_ID), Op::Eq, Literal::null());
        near.push(contacts().filter(of_none));
    }
    let emails: BTreeSet<&str> = wanted.people.iter().map(|(key, _)| key.0.as_str()).collect();
    let last_names: BTreeSet<&str> =
        wanted.people.iter().filter_map(|(_, person)| text(person, "last_name")).collect();
    let mut queries = Vec::new();
    for rule in &rules.rules {
        let places = if looks_everywhere(rules, *rule) { vec![contacts()] } else { near.clone() };
        for place in places {
            queries.extend(match rule {
                ContactKey::Email => place.split(&path(EMAIL), emails.iter().copied()),
                ContactKey::Name => place
                    .clone()
                    .filter(Condition::compare(&path(EMAIL), Op::Eq, Literal::null()))
                    .split(&path(LAST_NAME), last_names.iter().copied()),
            });
        }
    }
    queries
}

/// That more may be meant than are read.
pub(super) fn too_many() -> String {
    "too many contacts have the e-mail addresses or the names of the referral's people, so nobody can tell who is meant: \
     correct Contact.Email where it stands in more contacts than one, or leave \"name\" out of contacts.match in the \
     mapping file"
        .to_owned()
}

/// Whether a rule takes contacts of other accounts: an address is its owner's anywhere, a name is many people's.
fn looks_everywhere(rules: &ContactRules, rule: ContactKey) -> bool {
    rules.scope == ContactScope::Everywhere && rule == ContactKey::Email
}

fn text<'e>(person: &'e Element, attribute: &str) -> Option<&'e str> {
    match person.0.get(attribute) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// First and last name as they are compared; nothing without a last name.
fn name_of(person: &Element) -> String {
    folded(text(person, "first_name"), text(person, "last_name"))
}

fn folded(first: Option<&str>, last: Option<&str>) -> String {
    let Some(last) = last else { return String::new() };
    [first.unwrap_or_default(), last]
        .join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// The contact that a step gives an address, with that address.
pub(super) fn addressed(step: &Step) -> Option<(RecordId, ElementKey)> {
    match step {
        Step::Update { object, id, fields, .. } if object == CONTACT => {
            Some((*id, same(fields.get(EMAIL)?.as_str()?)))
        }
        _ => None,
    }
}

/// The platform compares e-mails without case.
fn same(email: &str) -> ElementKey {
    ElementKey(email.trim().to_lowercase())
}

/// What a new contact role gets beside its two records.
pub(super) fn role_fields(rules: &ContactRules, is_first: bool) -> Fields {
    let mut role = Fields::new();
    role.extend(rules.role.as_ref().map(|name| ("Role".to_owned(), Json::String(name.clone()))));
    if rules.primary && is_first {
        role.insert("IsPrimary".to_owned(), Json::Bool(true));
    }
    role
}
