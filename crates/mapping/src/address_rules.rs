//! What each country demands of the parts of a customer's address: data beside the code lists.

use std::collections::BTreeMap;

use deal_model::{FieldId, LocalRule, LocalRules};

use crate::PortalPath;

/// A part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressPart {
    /// The first line.
    Street,
    /// The city.
    City,
    /// The state, province or canton.
    State,
    /// The postal code.
    PostalCode,
}

/// The members of the customer's address, and which part each is (partner-center reference, section 3.2).
const PARTS: &[(&str, AddressPart)] = &[
    ("/customerProfile/address/addressLine1", AddressPart::Street),
    ("/customerProfile/address/city", AddressPart::City),
    ("/customerProfile/address/state", AddressPart::State),
    ("/customerProfile/address/postalCode", AddressPart::PostalCode),
];

/// Where the customer's country stands in a referral.
pub(crate) const COUNTRY: &str = "/customerProfile/address/country";

/// The rules of all countries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressRules {
    pub(crate) general: BTreeMap<AddressPart, LocalRule>,
    pub(crate) countries: BTreeMap<String, BTreeMap<AddressPart, LocalRule>>,
}

impl AddressRules {
    /// What is demanded of the field at `path`, whose country stands in `country`; none for what is no part.
    pub(crate) fn of(&self, path: &PortalPath, country: FieldId) -> Option<LocalRules> {
        let (_, part) = PARTS.iter().find(|(known, _)| *known == path.as_str())?;
        let rule = |rules: &BTreeMap<AddressPart, LocalRule>| rules.get(part).cloned().unwrap_or_default();
        let countries = self.countries.iter().map(|(country, rules)| (country.clone(), rule(rules)));
        Some(LocalRules { country, general: rule(&self.general), countries: countries.collect() })
    }
}
