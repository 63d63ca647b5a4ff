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
    if text.contains('_') {
        return None;
    }
    // `from_str_exact` refuses what `from_str` and `from_scientific` would round.
    let Some((digits, exponent)) = text.split_once(['e', 'E']) else {
        return Some(Decimal::from_str_exact(text).ok()?.normalize());
    };
    let digits = Decimal::from_str_exact(digits).ok()?.normalize();
    let exponent: i32 = exponent.parse().ok()?;
    if digits.is_zero() {
        return Some(digits);
    }
    let scale = i32::try_from(digits.scale()).ok()?.checked_sub(exponent)?;
    let (mantissa, scale) = if let Ok(scale) = u32::try_from(scale) {
        (digits.mantissa(), scale)
    } else {
        (digits.mantissa().checked_mul(10_i128.checked_pow(scale.unsigned_abs())?)?, 0)
    };
    Some(Decimal::try_from_i128_with_scale(mantissa, scale).ok()?.normalize())
}

pub(super) fn write(number: Decimal) -> Json {
    let text = number.normalize().to_string();
    Number::from_str(&text).map_or(Json::String(text), Json::Number)
}
