//! The one projection onto what both sides can hold (sync rules, section 2).

use std::{collections::BTreeMap, fmt::Write as _};

use rust_decimal::{Decimal, RoundingStrategy};
use sha2::{Digest as _, Sha256};

use crate::{Element, Fingerprint, Fit, GroupHeld, GroupSpec, Held, Kind, Measure, Sameness, Value};

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

/// What a group says, of one that fits: two that say the same are one, however they are written. For comparing only.
pub(crate) fn said(spec: &GroupSpec, fitted: GroupHeld) -> GroupHeld {
    fitted
        .into_iter()
        .map(|(id, held)| {
            let field = spec.members.iter().find(|field| field.id == id);
            let held = match (field, held) {
                (Some(field), Held::Value(value)) => Held::Value(say(&field.fit, value)),
                (_, held) => held,
            };
            (id, held)
        })
        .collect()
}

/// Whether two values of one attribute say the same; an absent one is empty.
pub(crate) fn says_same(fit: Option<&Fit>, one: Option<&Value>, other: Option<&Value>) -> bool {
    let plain = Fit::default();
    let fit = fit.unwrap_or(&plain);
    let said = |value: Option<&Value>| match value.map(|value| fit_value(value, fit, fit.scale)) {
        None | Some(Held::Empty) => None,
        Some(Held::Value(value)) => Some(say(fit, value)),
    };
    one == other || said(one) == said(other)
}

fn say(fit: &Fit, value: Value) -> Value {
    match value {
        Value::Text(text) if fit.sameness == Sameness::Dialled => Value::Text(dialled(&text)),
        Value::Set(elements) if !fit.attributes.is_empty() => {
            let element = |element: Element| {
                Element(
                    element
                        .0
                        .into_iter()
                        .map(|(name, value)| match fit.attributes.get(&name) {
                            Some(fit) => (name, say(fit, value)),
                            None => (name, value),
                        })
                        .collect(),
                )
            };
            Value::Set(elements.into_iter().map(|(key, each)| (key, element(each))).collect())
        }
        value => value,
    }
}

fn fit_field(kind: Kind, fit: &Fit, scale: Option<u32>, held: &Held) -> Held {
    match held {
        Held::Empty if kind == Kind::Set => Held::Value(Value::Set(BTreeMap::new())),
        // A flag has no third state: an empty checkbox is "no" on every side.
        Held::Empty if kind == Kind::Flag => Held::Value(Value::Flag(false)),
        Held::Empty => Held::Empty,
        Held::Value(value) => fit_value(value, fit, scale),
    }
}

fn fit_value(value: &Value, fit: &Fit, scale: Option<u32>) -> Held {
    let fitted = match value {
        Value::Text(text) => {
            let clean = clean(text);
            let trimmed = clean.trim();
            let cut = fit.max_chars.map_or(trimmed, |max| fit.measure.cut(trimmed, max));
            // Cutting may bare a blank, which no side would keep.
            let cut = cut.trim_end();
            if cut.is_empty() {
                return Held::Empty;
            }
            Value::Text(cut.to_owned())
        }
        Value::Number(number) => Value::Number(fit_number(*number, scale)),
        Value::Set(elements) => Value::Set(
            elements.iter().map(|(key, element)| (key.clone(), fit_element(fit, element))).collect(),
        ),
        Value::Date(_) | Value::Flag(_) | Value::Choice(_) => value.clone(),
    };
    Held::Value(fitted)
}

/// The text with `\n` for every line end, and without the control characters that nobody types and no side promises to
/// keep. A tab is typed.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut after_return = false;
    for each in text.chars() {
        match each {
            '\n' if after_return => {}
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\t' => clean.push('\t'),
            control if control.is_control() => {}
            other => clean.push(other),
        }
        after_return = each == '\r';
    }
    clean
}

impl Fit {
    /// How long a text is in the form in which both sides keep it.
    pub(crate) fn length_of(&self, text: &str) -> usize {
        self.measure.count(clean(text).trim())
    }
}

impl Measure {
    /// What is counted, for a person.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Utf16 => "characters (an emoji is two)",
        }
    }

    /// How long `text` is.
    pub fn count(self, text: &str) -> usize {
        match self {
            Self::Characters => text.chars().count(),
            Self::Utf16 => text.encode_utf16().count(),
        }
    }

    /// The beginning of `text` that is at most `most` long. No character is cut in two.
    pub fn cut(self, text: &str, most: usize) -> &str {
        let mut length = 0;
        let end = text.char_indices().find(|(_, each)| {
            length += match self {
                Self::Characters => 1,
                Self::Utf16 => each.len_utf16(),
            };
            length > most
        });
        end.map_or(text, |(end, _)| &text[..end])
    }
}

fn fit_element(fit: &Fit, element: &Element) -> Element {
    let plain = Fit::default();
    let fitted = element.0.iter().filter_map(|(name, value)| {
        let fit = fit.attributes.get(name).unwrap_or(&plain);
        match fit_value(value, fit, fit.scale) {
            Held::Value(value) => Some((name.clone(), value)),
            Held::Empty => None,
        }
    });
    Element(fitted.collect())
}

fn fit_number(number: Decimal, scale: Option<u32>) -> Decimal {
    let rounded = match scale {
        Some(scale) => number.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero),
        None => number,
    };
    rounded.normalize()
}

/// What a text dials: a leading plus, or the 00 that stands for it, the digits, and an extension's behind an `x`. A text
/// that holds other words says what it says.
fn dialled(text: &str) -> String {
    const EXTENSION: [&str; 3] = ["x", "ext", "extension"];
    let lower = text.to_ascii_lowercase();
    let abroad = lower.trim_start_matches(|each: char| each.is_whitespace() || each == '(').starts_with('+');
    // The zero that is dialled only from within the country.
    let lower = if abroad { lower.replacen("(0)", "", 1) } else { lower };
    let (mut main, mut extension, mut word) = (String::new(), None::<String>, String::new());
    for each in lower.chars().chain([' ']) {
        if each.is_alphabetic() {
            word.push(each);
            continue;
        }
        if !word.is_empty() {
            if main.is_empty() || extension.is_some() || !EXTENSION.contains(&word.as_str()) {
                return text.to_owned();
            }
            word.clear();
            extension = Some(String::new());
        }
        if each.is_ascii_digit() {
            extension.as_mut().unwrap_or(&mut main).push(each);
        }
    }
    if main.is_empty() {
        return text.to_owned();
    }
    let abroad_by_zeros = if abroad { None } else { main.strip_prefix("00") };
    let number = match abroad_by_zeros {
        Some(rest) => format!("+{rest}"),
        None if abroad => format!("+{main}"),
        None => main,
    };
    match extension.filter(|digits| !digits.is_empty()) {
        Some(digits) => format!("{number}x{digits}"),
        None => number,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_dialled_alike_are_one() {
        for (written, number) in [
            ("+49 (30) 123-456", "+4930123456"),
            ("0049 30 123 456", "+4930123456"),
            ("+49 (0)30 123456", "+4930123456"),
            ("(030) 123456", "030123456"),
            ("+1 555 0100 ext. 12", "+15550100x12"),
            ("+1 555 0100x12", "+15550100x12"),
            ("1-800-FLOWERS", "1-800-FLOWERS"),
            ("ask Ada, room 12", "ask Ada, room 12"),
            ("+", "+"),
        ] {
            assert_eq!(dialled(written), number, "{written}");
            assert_eq!(dialled(number), number, "{number} is not its own number");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters_as_it_is_counted() {
        for (measure, most, cut) in [
            (Measure::Characters, 2, "a\u{1F600}"),
            (Measure::Utf16, 2, "a"),
            (Measure::Utf16, 3, "a\u{1F600}"),
            (Measure::Characters, 0, ""),
            (Measure::Utf16, 9, "a\u{1F600}b"),
        ] {
            assert_eq!(measure.cut("a\u{1F600}b", most), cut, "{measure:?} {most}");
            assert!(measure.count(cut) <= most);
        }
    }

    #[test]
    fn line_ends_are_one_and_control_characters_none() {
        for (text, kept) in [
            ("a\r\nb\rc\u{85}d\u{2028}e", "a\nb\nc\nd\ne"),
            ("a\r\r\nb", "a\n\nb"),
            ("a\u{0}\u{7}b\u{9f}\tc", "ab\tc"),
            ("\u{200b}a\u{301}", "\u{200b}a\u{301}"),
        ] {
            assert_eq!(clean(text), kept, "{text:?}");
        }
    }
}
