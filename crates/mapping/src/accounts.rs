//! How a customer's account is found, and what one that is made gets (sync rules, section 6).

use crate::{ApiName, Condition, company_names::NameForm};

/// How a column of an account is compared with what the referral says of the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// As texts, without case.
    Text,
    /// As names of companies, in the form that the file asks for.
    Name,
    /// As countries: an org may hold the code or the name.
    Country,
    /// As the unique key that an account gets when it is made for a referral.
    OwnKey,
}

/// One thing that must agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchKey {
    /// The account's column.
    pub column: ApiName,
    /// How it is compared.
    pub how: Compare,
}

/// A column as it is seen from an account: its own, or one of a record it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPath(pub(crate) String);

impl AccountPath {
    /// What to `SELECT`: `Type`, `RecordType.DeveloperName`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where an account holds what tells customers apart: the columns that the file's own fields name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomerColumns {
    /// The D-U-N-S number.
    pub duns: Option<ApiName>,
    /// The name.
    pub name: Option<ApiName>,
    /// The postal code.
    pub postal_code: Option<ApiName>,
    /// The city.
    pub city: Option<ApiName>,
    /// The state.
    pub state: Option<ApiName>,
    /// The country.
    pub country: Option<ApiName>,
}

/// What is done about accounts that are persons (salesforce reference, section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Persons {
    /// They are no customers: none matches, none is made.
    Never,
    /// One that matches is taken; none is made.
    #[default]
    Match,
    /// One that matches is taken; one is made of a customer who is called as the first of its own people.
    Create,
}

/// Who owns an account that is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AccountOwner {
    /// Whoever owns the opportunity.
    #[default]
    Opportunity,
    /// This user, by name or identifier.
    User(String),
}

/// How accounts are found and made. Whether one may be made at all is said by `[inbound] account`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountRules {
    /// The rules, best first. The first that finds an account ends the search; all keys of a rule must agree.
    pub rules: Vec<Vec<MatchKey>>,
    /// How names are compared.
    pub names: NameForm,
    /// What an account must be to match.
    pub among: Vec<Condition<AccountPath>>,
    /// What is done about persons.
    pub persons: Persons,
    /// The record type of one that is made, by its developer name; none for the user's own default.
    pub record_type: Option<String>,
    /// The owner of one that is made.
    pub owner: AccountOwner,
    /// Where the account holds what tells customers apart.
    pub columns: CustomerColumns,
}
