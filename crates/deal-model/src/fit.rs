//! The one projection onto what both sides can hold (sync rules, section 2).

use std::{collections::BTreeMap, fmt::Write as _};

use rust_decimal::{Decimal, RoundingStrategy};
use sha2::{Digest as _, Sha256};

use crate::{Element, Fingerprint, Fit, GroupHeld, GroupSpec, Held, Kind, Value};

/// Digits after the point of a currency that is not listed.
pub const DEFAULT_MINOR_UNITS: u32 = 2;

/// `group` as both sides can hold it. Idempotent: `fit(fit(v)) = fit(v)`.
pub fn fit_group(spec: &GroupSpec, minor_units: &BTreeMap<String, u32>, group: &GroupHeld) -> GroupHeld {
    spec.members
        .iter()
        .map(|field| {
            let held = group.get(&field.id).cloned().unwrap_or(Held::Empty);
            let scale = field.fit.currency.as_ref().map_or(field.fit.scale, |currency| {
                let code = match group.get(currency) {
                    Some(Held::Value(Value::Choice(code) | Value::Text(code))) => Some(code),
                    _ => None,
                };
                let digits =
                    code.and_then(|code| minor_units.get(code)).copied().unwrap_or(DEFAULT_MINOR_UNITS);
                Some(field.fit.scale.map_or(digits, |scale| scale.min(digits)))
            });
            (field.id.clone(), fit_field(field.kind, &field.fit, scale, &held))
        })
        .collect()
}

fn fit_field(kind: Kind, fit: &Fit, scale: Option<u32>, held: &Held) -> Held {
    match held {
        Held::Empty if kind == Kind::Set => Held::Value(Value::Set(BTreeMap::new())),
        // A flag has no third state: an empty checkbox is "no" on every side.
        Held::Empty if kind == Kind::Flag => Held::Value(Value::Flag(false)),
        Held::Empty => Held::Empty,
        Held::Value(value) => fit_value(value, fit.max_chars, scale),
    }
}

fn fit_value(value: &Value, max_chars: Option<usize>, scale: Option<u32>) -> Held {
    let fitted = match value {
        Value::Text(text) => {
            // Every carriage return goes, or a second pass would find a pair that the first one made.
            let unified = text.replace("\r\n", "\n").replace('\r', "\n");
            let trimmed = unified.trim();
            let cut: String = match max_chars {
                Some(max) => trimmed.chars().take(max).collect(),
                None => trimmed.to_owned(),
            };
            // Cutting may bare a blank, which no side would keep.
            let cut = cut.trim_end();
            if cut.is_empty() {
                return Held::Empty;
            }
            Value::Text(cut.to_owned())
        }
        Value::Number(number) => Value::Number(fit_number(*number, scale)),
        Value::Set(elements) => {
            Value::Set(elements.iter().map(|(key, element)| (key.clone(), fit_element(element))).collect())
        }
        Value::Date(_) | Value::Flag(_) | Value::Choice(_) => value.clone(),
    };
    Held::Value(fitted)
}

fn fit_element(element: &Element) -> Element {
    Element(
        element
            .0
            .iter()
            .filter_map(|(name, value)| match fit_value(value, None, None) {
                Held::Value(value) => Some((name.clone(), value)),
                Held::Empty => None,
            })
            .collect(),
    )
}

fn fit_number(number: Decimal, scale: Option<u32>) -> Decimal {
    let rounded = match scale {
        Some(scale) => number.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero),
        None => number,
    };
    rounded.normalize()
}

/// A fingerprint of a group's values, stable across runs and versions.
pub fn fingerprint(group: &GroupHeld) -> Fingerprint {
    let text = serde_json::to_string(group).expect("canonical values have string keys and no failing parts");
    digest(&text)
}

/// A fingerprint of a text.
pub fn digest(text: &str) -> Fingerprint {
    let hash = Sha256::digest(text.as_bytes());
    let mut hex = String::with_capacity(32);
    for byte in hash.iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Fingerprint(hex)
}
