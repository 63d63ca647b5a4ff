//! Countries and states as Setup's picklists of them hold them (salesforce reference, section 5.3).

use super::parts::strict_pick;
use crate::salesforce::schema::{Controller, Field};

/// One configured country: its code, its label, and its states by code and label.
#[derive(Debug)]
pub(crate) struct Country {
    pub(crate) code: &'static str,
    pub(crate) label: &'static str,
    pub(crate) states: &'static [(&'static str, &'static str)],
}

const fn plain(code: &'static str, label: &'static str) -> Country {
    Country { code, label, states: &[] }
}

/// The countries that an admin of this org has configured. Countries with states take no other state.
pub(crate) const COUNTRIES: [Country; 16] = [
    plain("AT", "Austria"),
    Country {
        code: "AU",
        label: "Australia",
        states: &[("NSW", "New South Wales"), ("QLD", "Queensland"), ("VIC", "Victoria")],
    },
    plain("BE", "Belgium"),
    Country {
        code: "CA",
        label: "Canada",
        states: &[("BC", "British Columbia"), ("ON", "Ontario"), ("QC", "Quebec")],
    },
    plain("CH", "Switzerland"),
    plain("DE", "Germany"),
    plain("DK", "Denmark"),
    plain("ES", "Spain"),
    plain("FR", "France"),
    plain("GB", "United Kingdom"),
    plain("IT", "Italy"),
    plain("JP", "Japan"),
    plain("NL", "Netherlands"),
    plain("PL", "Poland"),
    plain("SE", "Sweden"),
    Country {
        code: "US",
        label: "United States",
        states: &[("CA", "California"), ("NY", "New York"), ("TX", "Texas"), ("WA", "Washington")],
    },
];

/// The country with this label, whatever its letters' case.
pub(crate) fn labelled(label: &str) -> Option<&'static Country> {
    COUNTRIES.iter().find(|country| country.label.eq_ignore_ascii_case(label))
}

/// The country with this code.
pub(crate) fn coded(code: &str) -> Option<&'static Country> {
    COUNTRIES.iter().find(|country| country.code.eq_ignore_ascii_case(code))
}

/// The two fields that an address gets with the feature, the state's depending on the country's.
pub(super) fn country_codes(prefix: &'static str) -> [Field; 2] {
    let (country, state) = match prefix {
        "Billing" => ("BillingCountryCode", "BillingStateCode"),
        "Shipping" => ("ShippingCountryCode", "ShippingStateCode"),
        _ => ("MailingCountryCode", "MailingStateCode"),
    };
    let codes: Vec<&'static str> = COUNTRIES.iter().map(|country| country.code).collect();
    let mut countries = strict_pick(country, &codes);
    countries.labels = COUNTRIES.iter().map(|country| (country.code, country.label)).collect();
    let mut fits: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
    let mut labels = Vec::new();
    for (home, (code, label)) in
        COUNTRIES.iter().flat_map(|country| country.states.iter().map(move |state| (country.code, state)))
    {
        if let Some((_, homes)) = fits.iter_mut().find(|(known, _)| known == code) {
            homes.push(home);
        } else {
            fits.push((*code, vec![home]));
            labels.push((*code, *label));
        }
    }
    let codes: Vec<&'static str> = fits.iter().map(|(code, _)| *code).collect();
    let mut states = strict_pick(state, &codes).depends_on(Controller { field: country, fits });
    states.labels = labels;
    [states, countries]
}
