//! Codes the world agrees on: currencies by ISO 4217, countries by ISO 3166-1 alpha-2.

use std::{collections::BTreeMap, sync::LazyLock};

use deal_model::{Observed, Value};
use iso_currency::Currency;
use serde_json::Value as Json;

/// Digits after the point that need no listing.
const USUAL_MINOR_UNITS: u16 = 2;

/// Three letters, in capitals. A code that ISO does not know is kept as it came.
pub(super) fn read_currency(json: &Json) -> Observed {
    letters(json, 3)
}

pub(super) fn read_country_code(json: &Json) -> Observed {
    letters(json, 2)
}

fn letters(json: &Json, count: usize) -> Observed {
    let Json::String(text) = json else { return Observed::Unknown };
    let text = text.trim();
    if text.len() == count && text.bytes().all(|each| each.is_ascii_alphabetic()) {
        Observed::Value(Value::Choice(text.to_ascii_uppercase()))
    } else {
        Observed::Unknown
    }
}

/// Two letters, or a country's English ISO name. Any other name cannot be told to the portal: `Unknown`.
pub(super) fn read_country(json: &Json) -> Observed {
    let code = read_country_code(json);
    if code != Observed::Unknown {
        return code;
    }
    let Json::String(text) = json else { return Observed::Unknown };
    let name = text.trim();
    rust_iso3166::ALL
        .iter()
        .find(|country| country.name.eq_ignore_ascii_case(name))
        .map_or(Observed::Unknown, |country| Observed::Value(Value::Choice(country.alpha2.to_owned())))
}

/// The currencies whose digits after the point are not 2.
pub(crate) fn minor_units() -> BTreeMap<String, u32> {
    static UNITS: LazyLock<BTreeMap<String, u32>> = LazyLock::new(list_minor_units);
    UNITS.clone()
}

/// The crate names no list of its currencies: every code of three letters is tried, once in the program's life.
fn list_minor_units() -> BTreeMap<String, u32> {
    let letters = || (b'A'..=b'Z').map(char::from);
    let mut units = BTreeMap::new();
    for first in letters() {
        for second in letters() {
            for third in letters() {
                let code: String = [first, second, third].iter().collect();
                let digits = Currency::from_code(&code).and_then(Currency::exponent);
                if let Some(digits) = digits.filter(|digits| *digits != USUAL_MINOR_UNITS) {
                    units.insert(code, u32::from(digits));
                }
            }
        }
    }
    units
}
