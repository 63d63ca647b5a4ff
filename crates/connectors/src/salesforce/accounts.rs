//! The customer's account of a new opportunity: found by number, key or name and place; made only where it is allowed.

use std::collections::BTreeSet;

use deal_model::Observed;
use mapping::{AccountRule, Codec};
use salesforce::{
    FieldPath, Fields, Record, RecordId,
    soql::{Condition, Select, Soql},
};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use sync_engine::SideError;

use super::{
    Salesforce, refusal,
    rows::path,
    schema::{ACCOUNT, Schema, object_name},
};

/// The columns that a customer is found by.
const ACCOUNT_NAME: &str = "Name";
const POSTAL_CODE: &str = "BillingPostalCode";
const COUNTRIES: [&str; 2] = ["BillingCountry", "BillingCountryCode"];
const DUNS: &str = "DunsNumber";

/// Most accounts that a person is given to choose from.
const MAX_CANDIDATES: usize = 20;

/// Most customers whose postal codes stand in one query, whatever their length.
const MAX_PLACES: usize = 75;

/// Where the customer's account comes from.
pub(super) enum Account {
    Found(RecordId),
    New(Fields),
    None,
}

/// How a customer is found, best first: by number, by our own key, by name and place.
#[derive(Debug, Clone, Copy)]
enum Rank {
    Number,
    Key,
    Place,
}

const RANKS: [Rank; 3] = [Rank::Number, Rank::Key, Rank::Place];

/// The accounts that may be those of some customers.
#[derive(Default)]
pub(super) struct Candidates {
    /// One list a rank.
    found: [Vec<Record>; RANKS.len()],
}

impl Candidates {
    /// Takes what a query of this rank brought.
    pub(super) fn add(&mut self, rank: usize, records: Vec<Record>) {
        if let Some(found) = self.found.get_mut(rank) {
            found.extend(records);
        }
    }

    /// The accounts of one customer by rank. Texts are compared as the platform does: without case.
    pub(super) fn of(&self, account_key: &str, customer: &Fields) -> Vec<Vec<RecordId>> {
        let same = |record: &Record, column: &str, wanted: Option<&str>| {
            let held = record.text(column).map(folded);
            held.is_some() && held == wanted.map(folded)
        };
        let key = key_of(customer);
        let is = |rank: Rank, record: &Record| match rank {
            Rank::Number => same(record, DUNS, text(customer, DUNS)),
            Rank::Key => same(record, account_key, key.as_deref()),
            Rank::Place => {
                same(record, ACCOUNT_NAME, text(customer, ACCOUNT_NAME))
                    && same(record, POSTAL_CODE, text(customer, POSTAL_CODE))
                    && country(customer).is_some()
                    && is_in_country(record, customer)
            }
        };
        let of_rank = |(rank, found): (Rank, &Vec<Record>)| {
            let his = found.iter().filter(|record| is(rank, record));
            his.filter_map(Record::id).collect()
        };
        RANKS.into_iter().zip(&self.found).map(of_rank).collect()
    }
}

impl Salesforce {
    /// What looks for the accounts of `customers`, each with its place among the ranks. For customers of few words,
    /// three queries: with the holders' and the owners' they fill a call.
    pub(super) fn account_queries(&self, schema: &Schema, customers: &[&Fields]) -> Vec<(usize, Soql)> {
        let accounts = |column: &FieldPath| Select::from(&object_name(ACCOUNT)).fields([column]);
        let mut queries = Vec::new();
        let mut ask = |rank: Rank, split: Vec<Soql>| {
            queries.extend(split.into_iter().map(|soql| (rank as usize, soql)));
        };
        if schema.field(ACCOUNT, DUNS).is_some() {
            let numbers: BTreeSet<&str> = customers.iter().filter_map(|each| text(each, DUNS)).collect();
            ask(Rank::Number, accounts(&path(DUNS)).split(&path(DUNS), numbers));
        }
        if let Ok(key) = FieldPath::new(self.mapping.names().account_key.as_str())
            && schema.field(ACCOUNT, key.as_str()).is_some()
        {
            let keys: BTreeSet<String> = customers.iter().filter_map(|each| key_of(each)).collect();
            ask(Rank::Key, accounts(&key).split(&key, keys.iter().map(String::as_str)));
        }
        let placed = customers.iter().filter_map(|customer| {
            let (column, _) = country(customer)?;
            Some((text(customer, ACCOUNT_NAME)?, text(customer, POSTAL_CODE)?, column))
        });
        let placed: BTreeSet<(&str, &str, &'static str)> = placed.collect();
        // The country is compared here: an org may hold its code or its name.
        let columns: BTreeSet<&'static str> = placed.iter().map(|(_, _, column)| *column).collect();
        let columns: Vec<FieldPath> = columns.into_iter().map(path).collect();
        let placed: Vec<_> = placed.into_iter().collect();
        for some in placed.chunks(MAX_PLACES) {
            let names: BTreeSet<&str> = some.iter().map(|(name, ..)| *name).collect();
            let codes: BTreeSet<&str> = some.iter().map(|(_, code, _)| *code).collect();
            let there = Condition::one_of(&path(POSTAL_CODE), codes);
            let select = accounts(&path(ACCOUNT_NAME)).fields([&path(POSTAL_CODE)]).fields(&columns);
            ask(Rank::Place, select.filter(there).split(&path(ACCOUNT_NAME), names));
        }
        queries
    }

    /// The account to use: found, to be made, or none.
    pub(super) fn account(
        &self,
        schema: &Schema,
        found: &[Vec<RecordId>],
        customer: &Fields,
    ) -> Result<Account, SideError> {
        if let Some(candidates) = found.iter().find(|ids| !ids.is_empty()) {
            return match candidates.as_slice() {
                [one] => Ok(Account::Found(*one)),
                several => {
                    let ids: Vec<&str> = several.iter().take(MAX_CANDIDATES).map(RecordId::as_str).collect();
                    Err(refusal::person(format!("several accounts match: {}", ids.join(", ")), Vec::new()))
                }
            };
        }
        match self.mapping.inbound().account {
            AccountRule::Match => Ok(Account::None),
            AccountRule::Ask => Err(refusal::person(
                "no account matches the customer: create one with the customer's D-U-N-S number, or allow it with inbound.account = \"create\"",
                Vec::new(),
            )),
            AccountRule::Create => {
                let key = self.mapping.names().account_key.as_str();
                let field = schema.field(ACCOUNT, key).filter(|field| field.unique && field.createable);
                let (Some(_), Some(value)) = (field, key_of(customer)) else {
                    let what = format!(
                        "an account cannot be created safely: the customer has no name, or {ACCOUNT}.{key} is not a unique field that we may write"
                    );
                    return Err(refusal::person(what, Vec::new()));
                };
                let mut fields = customer.clone();
                fields.insert(key.to_owned(), Json::String(value));
                fields.retain(|name, value| {
                    !value.is_null() && schema.field(ACCOUNT, name).is_none_or(|field| field.createable)
                });
                Ok(Account::New(fields))
            }
        }
    }
}

fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

fn text<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    fields.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// The unique key of an account that we create: its D-U-N-S number, else a digest of name, postal code and country.
fn key_of(customer: &Fields) -> Option<String> {
    if let Some(duns) = text(customer, DUNS) {
        return Some(format!("duns:{duns}"));
    }
    let name = text(customer, ACCOUNT_NAME)?;
    let country = country(customer).map(|(_, country)| country);
    let parts = [name, text(customer, POSTAL_CODE).unwrap_or_default(), country.unwrap_or_default()];
    let normal = parts.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
    let digest = Sha256::digest(normal.join("\n").as_bytes());
    let short = digest.iter().take(16).fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    Some(format!("name:{short:032x}"))
}

fn country(customer: &Fields) -> Option<(&'static str, &str)> {
    COUNTRIES.into_iter().find_map(|column| Some((column, text(customer, column)?)))
}

/// Whether an account that was found is in the customer's country; one that was found by a number or a key shows none.
fn is_in_country(account: &Record, customer: &Fields) -> bool {
    let Some((column, _)) = country(customer) else { return true };
    let read = |value: Option<&Json>| value.map(|value| Codec::Country.read_crm(value));
    match read(account.at(column)) {
        None => true,
        Some(Observed::Unknown) => account.at(column) == customer.get(column),
        found => found == read(customer.get(column)),
    }
}
