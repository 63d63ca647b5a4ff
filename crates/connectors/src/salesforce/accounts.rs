//! The customer's account of a new opportunity: found by the rules of the mapping; made only where it is allowed.

use std::collections::BTreeSet;

use deal_model::{Element, Observed, ProblemClass, Value};
use mapping::{
    AccountOwner, AccountPath, AccountRule, AccountRules, Codec, Compare, MatchKey, NameForm, Persons, Piece,
};
use salesforce::{
    FieldPath, Fields, Record, RecordId,
    soql::{Condition, Pattern, Select, Soql},
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

/// Most accounts that one query may bring. Of more, nobody can tell which is the customer's.
const MAX_LOOKED_AT: u32 = 2_000;

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

/// A query for the accounts of some customers.
pub(super) struct AccountQuery {
    pub(super) soql: Soql,
    /// The place of its rule.
    rule: usize,
    /// What the rule's keys are for these customers.
    of: Vec<Vec<String>>,
}

impl AccountQuery {
    /// The queries that ask for each of its customers alone, if `found` is more than is looked at and may be for several.
    pub(super) fn apart(&self, rules: &AccountRules, schema: &Schema, found: &[Record]) -> Vec<Self> {
        if !is_cut(found) || self.of.len() < 2 {
            return Vec::new();
        }
        self.of.iter().flat_map(|one| queries_of(rules, schema, self.rule, vec![one.clone()])).collect()
    }
}

fn is_cut(found: &[Record]) -> bool {
    found.len() > MAX_LOOKED_AT as usize
}

/// What a rule finds for one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matches {
    /// These accounts, or none.
    These(Vec<RecordId>),
    /// More may match than are looked at.
    TooMany,
}

/// The accounts that may be those of some customers: one list a rule.
#[derive(Default)]
pub(super) struct Candidates {
    found: Vec<Vec<Record>>,
    /// For whom a rule's query brought more than are looked at.
    cut: BTreeSet<(usize, Vec<String>)>,
}

impl Candidates {
    /// Takes what a query brought.
    pub(super) fn add(&mut self, query: AccountQuery, records: Vec<Record>) {
        let AccountQuery { rule, of, .. } = query;
        if self.found.len() <= rule {
            self.found.resize_with(rule + 1, Vec::new);
        }
        if is_cut(&records) {
            self.cut.extend(of.into_iter().map(|keys| (rule, keys)));
        }
        self.found[rule].extend(records);
    }

    /// The accounts of one customer by rule.
    pub(super) fn of(&self, schema: &Schema, rules: &AccountRules, customer: &Fields) -> Vec<Matches> {
        let of_rule = |(place, (keys, found)): (usize, (&Vec<MatchKey>, &Vec<Record>))| {
            let is_cut = |wanted: Vec<String>| self.cut.contains(&(place, wanted));
            if all_wanted(schema, rules, keys, customer).is_some_and(is_cut) {
                return Matches::TooMany;
            }
            let agrees =
                |record: &&Record| keys.iter().all(|key| agree(schema, rules, key, record, customer));
            let may = |record: &&Record| {
                let passes = |held: &AccountPath| vec![record.at(held.as_str()).cloned().unwrap_or_default()];
                let is_person = record.at(IS_PERSON) == Some(&Json::Bool(true));
                rules.among.iter().all(|condition| condition.holds(passes))
                    && !(is_person && rules.persons == Persons::Never)
            };
            let his = found.iter().filter(agrees).filter(may);
            Matches::These(his.filter_map(Record::id).collect::<BTreeSet<_>>().into_iter().collect())
        };
        rules.rules.iter().zip(&self.found).enumerate().map(of_rule).collect()
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
        Compare::Name => {
            let form = rules.names.of(held);
            !form.is_empty() && form == rules.names.of(&wanted)
        }
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

/// What all keys of a rule are for a customer; none if the referral lacks one.
fn all_wanted(
    schema: &Schema,
    rules: &AccountRules,
    keys: &[MatchKey],
    customer: &Fields,
) -> Option<Vec<String>> {
    keys.iter().map(|key| wanted(schema, rules, key, customer)).collect()
}

/// Where this org keeps what a column of an account says: of a country or a state with picklists, the code beside it,
/// which is where the customer's own is put too.
fn kept_in<'a>(schema: &'a Schema, column: &'a str) -> &'a str {
    let code = schema.object(ACCOUNT).and_then(|account| code_field(account, column));
    code.map_or(column, |code| code.name.as_str())
}

impl Salesforce {
    /// What looks for the accounts of `customers`. For customers of few words, a query a rule: with the holders' and the
    /// owners' they fill a call. Where a rule has nothing that the platform can compare as it does, one for each customer.
    pub(super) fn account_queries(&self, schema: &Schema, customers: &[&Fields]) -> Vec<AccountQuery> {
        let rules = self.mapping.accounts();
        let mut queries = Vec::new();
        if hidden(rules, schema).is_some() {
            // Nobody can tell which accounts may match; it is told when an account is wanted.
            return queries;
        }
        for (place, keys) in rules.rules.iter().enumerate() {
            let seen = |key: &MatchKey| schema.field(ACCOUNT, kept_in(schema, key.column.as_str())).is_some();
            if keys.iter().all(seen) {
                let asked = customers.iter().filter_map(|each| all_wanted(schema, rules, keys, each));
                let asked: BTreeSet<Vec<String>> = asked.collect();
                queries.extend(queries_of(rules, schema, place, asked.into_iter().collect()));
            }
        }
        queries
    }

    /// The account to use: found, to be made, or none. `owner`: of one that is made. `person`: the first of the customer's
    /// own people, with the e-mail address.
    pub(super) fn account(
        &self,
        schema: &Schema,
        found: &[Matches],
        customer: &Fields,
        owner: Option<RecordId>,
        person: Option<(&str, &Element)>,
    ) -> Result<Account, SideError> {
        let rules = self.mapping.accounts();
        if let Some(column) = hidden(rules, schema) {
            return Err(refusal::waits(
                ProblemClass::Permission,
                format!(
                    "The customer's account cannot be looked for: accounts.where asks for {ACCOUNT}.{column}, which is not \
                     installed, or the integration user has no field-level access to it."
                ),
                "Give the integration user access to the field, or take the condition out of accounts.where in the \
                 mapping file.",
            ));
        }
        for (place, matches) in found.iter().enumerate() {
            match matches {
                Matches::TooMany => return Err(too_many_match(rules, place)),
                Matches::These(ids) => match ids.as_slice() {
                    [] => {}
                    [one] => return Ok(Account::Found(*one)),
                    several => return Err(several_match(several)),
                },
            }
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

    /// Why an account cannot be made: `is_there`, its unique key can be written, so the customer lacks a name.
    fn no_key(&self, is_there: bool) -> SideError {
        let key = self.mapping.names().account_key.as_str();
        if is_there {
            return refusal::waits(
                ProblemClass::Data,
                "The customer has no name, so no account can be made for it.",
                "Name the customer at Partner Center, or make its account by hand, with its D-U-N-S number.",
            );
        }
        refusal::waits(
            ProblemClass::Permission,
            format!(
                "No account can be made for the customer: {ACCOUNT}.{key} keeps a customer from getting two, and it is not \
                 installed, not unique, or not writable for the integration user."
            ),
            "Make it a unique external id that the integration user may write, name another such field as names.account_key \
             in the mapping file, or make the customer's account by hand.",
        )
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
            return Err(self.no_key(field.is_some()));
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
            return Err(refusal::waits(
                ProblemClass::Data,
                "The customer's account has no owner: accounts.owner names nobody who is an active user of the org, or \
                 the integration user.",
                "Name an active user: accounts.owner in the mapping file.",
            ));
        }
        let person = person.filter(|(_, person)| is_called_as(rules, customer, person));
        let is_person = rules.persons == Persons::Create && person.is_some();
        if is_person && schema.field(ACCOUNT, IS_PERSON).is_none() {
            return Err(refusal::waits(
                ProblemClass::Permission,
                "The customer is a person, and the org has no person accounts, or the integration user may not see them.",
                "Switch person accounts on in Salesforce, or set accounts.person_accounts = \"match\" in the mapping file, \
                 so that an ordinary account is made.",
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

/// More accounts than are looked at may be the customer's by a rule.
fn too_many_match(rules: &AccountRules, place: usize) -> SideError {
    let columns = rules.rules.get(place).into_iter().flatten().map(|key| format!("{ACCOUNT}.{}", key.column));
    refusal::waits(
        ProblemClass::Link,
        format!(
            "More than {MAX_LOOKED_AT} accounts may be the customer's by a rule of accounts.match, {}, so nobody can tell \
             which is.",
            columns.collect::<Vec<_>>().join(" and ")
        ),
        "Write the customer's D-U-N-S number into its account; or add a key to the rule that Salesforce compares by \
         itself, like postal_code, or set accounts.accents = \"keep\", in the mapping file.",
    )
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

fn queries_of(
    rules: &AccountRules,
    schema: &Schema,
    rule: usize,
    asked: Vec<Vec<String>>,
) -> impl Iterator<Item = AccountQuery> {
    let keys = rules.rules.get(rule).map(Vec::as_slice).unwrap_or_default();
    let queries = rule_queries(rules, schema, keys, asked).into_iter();
    queries.map(move |(soql, of)| AccountQuery { soql, rule, of })
}

/// The queries of one rule, and for whom each is: by what the platform can compare as the rule does. The rest is compared
/// here: an org may hold a country's code or its name, and knows nothing of legal forms.
fn rule_queries(
    rules: &AccountRules,
    schema: &Schema,
    keys: &[MatchKey],
    asked: Vec<Vec<String>>,
) -> Vec<(Soql, Vec<Vec<String>>)> {
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
    let most = select.limit(MAX_LOOKED_AT + 1);
    let mut queries = Vec::new();
    if !keys.iter().any(|key| by_platform(&key)) {
        for wanted in asked {
            let named = keys.iter().zip(&wanted).find(|(key, _)| key.how == Compare::Name);
            let Some((column, name)) = named.and_then(|(key, name)| Some((path(key)?, name))) else {
                continue;
            };
            let spellings = rules.names.spellings(name);
            let found = most.split_any(spellings.iter().map(|each| Condition::like(&column, &pattern(each))));
            queries.extend(found.into_iter().map(|soql| (soql, vec![wanted.clone()])));
        }
        return queries;
    }
    for some in asked.chunks(MAX_CUSTOMERS) {
        let values = |place: usize| -> BTreeSet<&str> {
            some.iter().filter_map(|values| values.get(place)).map(String::as_str).collect()
        };
        let compared = keys.iter().enumerate().filter(|(_, key)| by_platform(key));
        let mut compared = compared.filter_map(|(place, key)| Some((path(key)?, values(place))));
        let Some((first, held)) = compared.next() else { continue };
        let select = compared
            .fold(most.clone(), |select, (column, held)| select.filter(Condition::one_of(&column, held)));
        queries.extend(select.split(&first, held).into_iter().map(|soql| (soql, some.to_vec())));
    }
    queries
}

/// A spelling as the platform takes it.
fn pattern(spelling: &[Piece]) -> Pattern {
    spelling.iter().fold(Pattern::default(), |pattern, piece| match piece {
        Piece::Text(text) => pattern.text(text),
        Piece::AnyLetter => pattern.any_letter(),
        Piece::Anything => pattern.anything(),
    })
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
    // What does not count where names are compared makes no second account either.
    let form = rules.names.of(name);
    let name = if form.is_empty() { name } else { &form };
    let parts =
        [name, held(&columns.postal_code).unwrap_or_default(), held(&columns.country).unwrap_or_default()];
    let normal = parts.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
    let digest = Sha256::digest(normal.join("\n").as_bytes());
    let short = digest.iter().take(16).fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    Some(format!("name:{short:032x}"))
}
