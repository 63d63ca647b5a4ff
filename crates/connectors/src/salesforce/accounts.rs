//! The customer's account of a new opportunity: found by number, key or name and place; made only where it is allowed.

use deal_model::Observed;
use mapping::{AccountRule, Codec};
use salesforce::{
    Fields, Record, RecordId,
    soql::{Condition, Op, Select},
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
/// Where the customer's account comes from.
pub(super) enum Account {
    Found(RecordId),
    New(Fields),
    None,
}

impl Salesforce {
    /// At most three: with the holder's and the owner's they fill a call.
    pub(super) fn account_queries(&self, schema: &Schema, customer: &Fields) -> Vec<Select> {
        let mut queries = Vec::new();
        let accounts = || Select::from(&object_name(ACCOUNT));
        if let Some(duns) = text(customer, DUNS).filter(|_| schema.field(ACCOUNT, DUNS).is_some()) {
            queries.push(accounts().filter(Condition::compare(&path(DUNS), Op::Eq, duns)));
        }
        let key = self.mapping.names().account_key.as_str();
        if let (Some(value), Ok(key)) = (account_key(customer), salesforce::FieldPath::new(key))
            && schema.field(ACCOUNT, key.as_str()).is_some()
        {
            queries.push(accounts().filter(Condition::compare(&key, Op::Eq, value.as_str())));
        }
        if let (Some(name), Some(postal), Some((column, _))) =
            (text(customer, ACCOUNT_NAME), text(customer, POSTAL_CODE), country(customer))
        {
            // The country is compared here: an org may hold its code or its name.
            let here = Condition::compare(&path(ACCOUNT_NAME), Op::Eq, name).and(Condition::compare(
                &path(POSTAL_CODE),
                Op::Eq,
                postal,
            ));
            queries.push(accounts().fields([&path(column)]).filter(here));
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
                    let ids: Vec<&str> = several.iter().map(RecordId::as_str).collect();
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
                let (Some(_), Some(value)) = (field, account_key(customer)) else {
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

fn text<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    fields.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// The unique key of an account that we create: its D-U-N-S number, else a digest of name, postal code and country.
fn account_key(customer: &Fields) -> Option<String> {
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
pub(super) fn is_in_country(account: &Record, customer: &Fields) -> bool {
    let Some((column, _)) = country(customer) else { return true };
    let read = |value: Option<&Json>| value.map(|value| Codec::Country.read_crm(value));
    match read(account.at(column)) {
        None => true,
        Some(Observed::Unknown) => account.at(column) == customer.get(column),
        found => found == read(customer.get(column)),
    }
}
