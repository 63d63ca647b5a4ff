//! The customer's account of a new opportunity: found by the rules of the mapping; made only where it is allowed.

use std::collections::BTreeSet;

use deal_model::{Element, Observed, ProblemClass, Value};
use mapping::{
    AccountOwner, AccountPath, AccountRule, AccountRules, Codec, Compare, MatchKey, NameForm, Persons,
};
use salesforce::{
    FieldPath, Fields, Record, RecordId,
    soql::{Condition, Select, Soql},
};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use sync_engine::SideError;

use super::{
    Salesforce,
    features::code_field,
    refusal,
    schema::{ACCOUNT, Schema, object_name},
};

const IS_PERSON: &str = "IsPersonAccount";
/// Columns that only an account which is a person takes, and the attributes of the contact that they hold.
const OF_PERSONS: [(&str, &str); 2] = [("FirstName", "first_name"), ("LastName", "last_name")];
const PERSON_EMAIL: &str = "PersonEmail";

/// Most accounts that a person is given to choose from.
const MAX_CANDIDATES: usize = 20;

/// Most customers whose values stand in one query, whatever their length.
const MAX_CUSTOMERS: usize = 75;

/// Fewest letters that names are looked for by.
const MIN_BEGINNING: usize = 2;

/// Where the customer's account comes from.
pub(super) enum Account {
    Found(RecordId),
    /// To be made; a person is its own and only contact.
    New {
        fields: Fields,
        person: bool,
    },
    None,
}

/// The accounts that may be those of some customers: one list a rule.
#[derive(Default)]
pub(super) struct Candidates {
    found: Vec<Vec<Record>>,
}

impl Candidates {
    /// Takes what a query for this rule brought.
    pub(super) fn add(&mut self, rule: usize, records: Vec<Record>) {
        if self.found.len() <= rule {
            self.found.resize_with(rule + 1, Vec::new);
        }
        self.found[rule].extend(records);
    }

    /// The accounts of one customer by rule.
    pub(super) fn of(&self, schema: &Schema, rules: &AccountRules, customer: &Fields) -> Vec<Vec<RecordId>> {
        let of_rule = |(keys, found): (&Vec<MatchKey>, &Vec<Record>)| {
            let agrees =
                |record: &&Record| keys.iter().all(|key| agree(schema, rules, key, record, customer));
            let may = |record: &&Record| {
                let passes = |held: &AccountPath| vec![record.at(held.as_str()).cloned().unwrap_or_default()];
                let is_person = record.at(IS_PERSON) == Some(&Json::Bool(true));
                rules.among.iter().all(|condition| condition.holds(passes))
                    && !(is_person && rules.persons == Persons::Never)
            };
            let his = found.iter().filter(agrees).filter(may);
            his.filter_map(Record::id).collect::<BTreeSet<_>>().into_iter().collect()
        };
        rules.rules.iter().zip(&self.found).map(of_rule).collect()
    }
}

/// Whether the account is the customer's as far as one key tells. What either leaves empty tells nothing, and agrees with
/// nothing.
fn agree(schema: &Schema, rules: &AccountRules, key: &MatchKey, account: &Record, customer: &Fields) -> bool {
    let Some(wanted) = wanted(schema, rules, key, customer) else { return false };
    let held = account.text(kept_in(schema, key.column.as_str())).map(str::trim);
    let Some(held) = held.filter(|held| !held.is_empty()) else { return false };
    match key.how {
        // The platform compares texts without case.
        Compare::Text | Compare::OwnKey => held.to_lowercase() == wanted.to_lowercase(),
        Compare::Name => rules.names.of(held) == rules.names.of(&wanted),
        Compare::Country => {
            let read = |text: &str| Codec::Country.read_crm(&Json::String(text.to_owned()));
            match read(held) {
                // No country that we know: then it must be written alike.
                Observed::Unknown => held == wanted,
                found => found == read(&wanted),
            }
        }
    }
}

/// What the customer's account holds in a rule's column, if it is the customer's.
fn wanted(schema: &Schema, rules: &AccountRules, key: &MatchKey, customer: &Fields) -> Option<String> {
    match key.how {
        Compare::OwnKey => key_of(schema, rules, customer),
        Compare::Text | Compare::Name | Compare::Country => {
            text(customer, kept_in(schema, key.column.as_str())).map(str::to_owned)
        }
    }
}

/// Where this org keeps what a column of an account says: of a country or a state with picklists, the code beside it,
/// which is where the customer's own is put too.
fn kept_in<'a>(schema: &'a Schema, column: &'a str) -> &'a str {
    let code = schema.object(ACCOUNT).and_then(|account| code_field(account, column));
    code.map_or(column, |code| code.name.as_str())
}

impl Salesforce {
    /// What looks for the accounts of `customers`, each with the place of its rule. For customers of few words, a query a
    /// rule: with the holders' and the owners' they fill a call.
    pub(super) fn account_queries(&self, schema: &Schema, customers: &[&Fields]) -> Vec<(usize, Soql)> {
        let rules = self.mapping.accounts();
        let mut queries = Vec::new();
        if hidden(rules, schema).is_some() {
            // Nobody can tell which accounts may match; it is told when an account is wanted.
            return queries;
        }
        for (place, keys) in rules.rules.iter().enumerate() {
            let seen = |key: &MatchKey| schema.field(ACCOUNT, kept_in(schema, key.column.as_str())).is_some();
            if keys.iter().all(seen) {
                let soql = rule_queries(rules, schema, keys, customers);
                queries.extend(soql.into_iter().map(|soql| (place, soql)));
            }
        }
        queries
    }

    /// The account to use: found, to be made, or none. `owner`: of one that is made. `person`: the first of the customer's
    /// own people, with the e-mail address.
    pub(super) fn account(
        &self,
        schema: &Schema,
        found: &[Vec<RecordId>],
        customer: &Fields,
        owner: Option<RecordId>,
        person: Option<(&str, &Element)>,
    ) -> Result<Account, SideError> {
        let rules = self.mapping.accounts();
        if let Some(column) = hidden(rules, schema) {
            let what = format!(
                "accounts cannot be matched: accounts.where names {ACCOUNT}.{column}, which is not installed, or the \
                 integration user has no field-level access to it"
            );
            return Err(refusal::person(what, Vec::new()));
        }
        if let Some(candidates) = found.iter().find(|ids| !ids.is_empty()) {
            return match candidates.as_slice() {
                [one] => Ok(Account::Found(*one)),
                several => Err(several_match(several)),
            };
        }
        match self.mapping.inbound().account {
            AccountRule::Match => Ok(Account::None),
            AccountRule::Ask => Err(refusal::waits(
                ProblemClass::Link,
                "No account matches the customer of this referral, and no opportunity is made without one.",
                "Create the customer's account, with its D-U-N-S number or its name, postal code and country as the \
                 referral has them; or set inbound.account to \"create\" or \"match\" in the mapping file.",
            )),
            AccountRule::Create => self.new_customer(schema, customer, owner, person),
        }
    }

    fn new_customer(
        &self,
        schema: &Schema,
        customer: &Fields,
        owner: Option<RecordId>,
        person: Option<(&str, &Element)>,
    ) -> Result<Account, SideError> {
        let rules = self.mapping.accounts();
        let key = self.mapping.names().account_key.as_str();
        let field = schema.field(ACCOUNT, key).filter(|field| field.unique && field.createable);
        let (Some(_), Some(value)) = (field, key_of(schema, rules, customer)) else {
            let what = format!(
                "an account cannot be created safely: the customer has no name, or {ACCOUNT}.{key} is not a unique field that we may write"
            );
            return Err(refusal::person(what, Vec::new()));
        };
        let mut fields = customer.clone();
        fields.insert(key.to_owned(), Json::String(value));
        if let Some(name) = &rules.record_type {
            let of_type = schema.record_type(ACCOUNT, name)?;
            fields.insert("RecordTypeId".to_owned(), Json::String(of_type.to_string()));
        }
        if let Some(owner) = owner {
            fields.insert("OwnerId".to_owned(), Json::String(owner.to_string()));
        } else if let AccountOwner::User(_) = rules.owner {
            return Err(refusal::person(
                "the owner of new accounts is no active user of the org, or is the integration user: name an active \
                 user as accounts.owner in the mapping file",
                Vec::new(),
            ));
        }
        let person = person.filter(|(_, person)| is_called_as(rules, customer, person));
        let is_person = rules.persons == Persons::Create && person.is_some();
        if is_person && schema.field(ACCOUNT, IS_PERSON).is_none() {
            return Err(refusal::person(
                "the customer is a person, and the org has no person accounts: switch them on in Salesforce, or set \
                 accounts.person_accounts = \"match\" so that an ordinary account is made",
                Vec::new(),
            ));
        }
        if let Some((email, person)) = person.filter(|_| is_person) {
            // A person's name is put together by the platform.
            fields.retain(|name, _| {
                Some(name.as_str()) != rules.columns.name.as_ref().map(mapping::ApiName::as_str)
            });
            for (column, attribute) in OF_PERSONS {
                if let Some(Value::Text(text)) = person.0.get(attribute) {
                    fields.insert(column.to_owned(), Json::String(text.clone()));
                }
            }
            fields.insert(PERSON_EMAIL.to_owned(), Json::String(email.to_owned()));
        }
        fields.retain(|name, value| {
            !value.is_null() && schema.field(ACCOUNT, name).is_none_or(|field| field.createable)
        });
        Ok(Account::New { fields, person: is_person })
    }
}

/// Several accounts of one customer: which they are, and what a person can do. Nothing of them but their identifiers.
fn several_match(candidates: &[RecordId]) -> SideError {
    let ids: Vec<&str> = candidates.iter().take(MAX_CANDIDATES).map(RecordId::as_str).collect();
    let more = if candidates.len() > MAX_CANDIDATES { ", ..." } else { "" };
    refusal::waits(
        ProblemClass::Link,
        format!("Several accounts match the customer of this referral: {}{more}.", ids.join(", ")),
        "Merge them, or change what they share on all but one, or write the customer's D-U-N-S number into the right \
         one alone; or tell them apart by accounts.match or accounts.where in the mapping file.",
    )
}

/// The first column of `accounts.where` that cannot be read.
fn hidden<'r>(rules: &'r AccountRules, schema: &Schema) -> Option<&'r str> {
    let mut paths = rules.among.iter().map(|condition| condition.subject.as_str());
    // Record types and users are seen by everybody.
    paths.find(|path| !path.contains('.') && schema.field(ACCOUNT, path).is_none())
}

/// The queries of one rule: by what the platform can compare as the rule does. The rest is compared here: an org may hold a
/// country's code or its name, and knows nothing of legal forms.
fn rule_queries(
    rules: &AccountRules,
    schema: &Schema,
    keys: &[MatchKey],
    customers: &[&Fields],
) -> Vec<Soql> {
    let path = |key: &MatchKey| FieldPath::new(kept_in(schema, key.column.as_str())).ok();
    let among = rules.among.iter().filter_map(|condition| FieldPath::new(condition.subject.as_str()).ok());
    let person = schema.field(ACCOUNT, IS_PERSON).and_then(|_| FieldPath::new(IS_PERSON).ok());
    let columns: Vec<FieldPath> = keys.iter().filter_map(path).chain(among).chain(person).collect();
    let select = Select::from(&object_name(ACCOUNT)).fields(&columns);
    let by_platform = |key: &&MatchKey| match key.how {
        Compare::Text | Compare::OwnKey => true,
        Compare::Name => !rules.names.is_loose(),
        Compare::Country => false,
    };
    let asked: BTreeSet<Vec<String>> = customers
        .iter()
        .filter_map(|each| keys.iter().map(|key| wanted(schema, rules, key, each)).collect())
        .collect();
    let asked: Vec<Vec<String>> = asked.into_iter().collect();
    let mut queries = Vec::new();
    for some in asked.chunks(MAX_CUSTOMERS) {
        let values = |key: &MatchKey| -> BTreeSet<&str> {
            let place = keys.iter().position(|each| each == key).unwrap_or_default();
            some.iter().filter_map(|values| values.get(place)).map(String::as_str).collect()
        };
        let mut by_value = keys.iter().filter(by_platform).filter_map(|key| Some((path(key)?, values(key))));
        if let Some((first, held)) = by_value.next() {
            let select = by_value.fold(select.clone(), |select, (column, held)| {
                select.filter(Condition::one_of(&column, held))
            });
            queries.extend(select.split(&first, held));
        } else if let Some(name) = keys.iter().find(|key| key.how == Compare::Name)
            && let Some(column) = path(name)
        {
            let condition = values(name).into_iter().map(|name| match beginning(name) {
                Some(beginning) => Condition::begins_with(&column, beginning),
                None => Condition::one_of(&column, [name]),
            });
            let condition = condition.reduce(Condition::or).unwrap_or_else(Condition::never);
            queries.push(select.clone().filter(condition).build());
        }
    }
    queries
}

/// What a name begins with in every form that may be the same: the letters without accents of its first word; none if they
/// are too few to look by.
fn beginning(name: &str) -> Option<&str> {
    let name = name.trim();
    let end = name.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(name.len());
    (end >= MIN_BEGINNING).then(|| &name[..end])
}

/// Whether the customer has the person's name.
fn is_called_as(rules: &AccountRules, customer: &Fields, person: &Element) -> bool {
    let part = |attribute: &str| match person.0.get(attribute) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let Some(name) = rules.columns.name.as_ref().and_then(|column| text(customer, column.as_str())) else {
        return false;
    };
    let parts: Vec<&str> = OF_PERSONS.iter().filter_map(|(_, attribute)| part(attribute)).collect();
    let form = NameForm { without_accents: false, legal_forms: Vec::new() };
    part("last_name").is_some() && form.of(&parts.join(" ")) == form.of(name)
}

fn text<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    fields.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// The unique key of an account that we create: its D-U-N-S number, else a digest of name, postal code and country.
fn key_of(schema: &Schema, rules: &AccountRules, customer: &Fields) -> Option<String> {
    let columns = &rules.columns;
    let held = |column: &Option<mapping::ApiName>| text(customer, kept_in(schema, column.as_ref()?.as_str()));
    if let Some(duns) = held(&columns.duns) {
        return Some(format!("duns:{duns}"));
    }
    let name = held(&columns.name)?;
    let parts =
        [name, held(&columns.postal_code).unwrap_or_default(), held(&columns.country).unwrap_or_default()];
    let normal = parts.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
    let digest = Sha256::digest(normal.join("\n").as_bytes());
    let short = digest.iter().take(16).fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    Some(format!("name:{short:032x}"))
}
