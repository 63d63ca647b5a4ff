//! Exact decimals. No amount passes through a float: the digits that came are the digits that are kept.

use std::str::FromStr as _;

use deal_model::{Observed, Value};
use rust_decimal::Decimal;
use serde_json::{Number, Value as Json};

/// A JSON number, or a string that holds one (partner-center reference, section 3: a deal value may be either).
pub(super) fn read(json: &Json) -> Observed {
    let text = match json {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.trim().to_owned(),
        _ => return Observed::Unknown,
    };
    parse(&text).map_or(Observed::Unknown, |number| Observed::Value(Value::Number(number)))
}

/// The decimal, normalised; none if it has more digits than can be kept exactly.
pub(crate) fn parse(text: &str) -> Option<Decimal> {
    // `from_str_exact` refuses what `from_str` would round.
    let number = if text.contains(['e', 'E']) {
        Decimal::from_scientific(text).ok()?
    } else if text.contains('_') {
        return None;
    } else {
        Decimal::from_str_exact(text).ok()?
    };
    Some(number.normalize())
}

pub(super) fn write(number: Decimal) -> Json {
    let text = number.normalize().to_string();
    Number::from_str(&text).map_or(Json::String(text), Json::Number)
}
