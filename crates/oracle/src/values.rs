//! Single values, read leniently: two spellings of one thing are the same thing.

use rust_decimal::Decimal;
use serde_json::Value;

/// A text; null, absent and blank are the empty one. Platforms trim, and end lines in their own way.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace("\r\n", "\n").replace('\u{2028}', "\n").trim().to_owned(),
        other => other.to_string(),
    }
}

/// A number, written as a number or as a text; empty if there is none.
pub(crate) fn number(value: &Value) -> String {
    let raw = text(value);
    let parsed: Option<Decimal> = raw.parse().ok().or_else(|| Decimal::from_scientific(&raw).ok());
    parsed.map_or(raw, |number| number.normalize().to_string())
}

/// A day: a date, or the UTC day of an instant. An instant at an offset of its own is left as it is, and so differs.
pub(crate) fn day(value: &Value) -> String {
    let raw = text(value);
    match raw.split_once('T') {
        Some((day, time)) if ["Z", "+00:00", "+0000"].iter().any(|utc| time.ends_with(utc)) => day.to_owned(),
        _ => raw,
    }
}

/// A yes or no; null and absent are no.
pub(crate) fn flag(value: &Value) -> bool {
    value.as_bool().unwrap_or(false)
}

/// The part of a Salesforce id that identifies: 15 characters, in their own case.
pub(crate) fn short_id(value: &Value) -> &str {
    let id = value.as_str().unwrap_or_default();
    id.get(..15).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn two_spellings_of_one_number_are_the_same() {
        for (one, other) in [
            (json!(48_000), json!("48000.00")),
            (json!(48_000.0), json!(48_000)),
            (json!(0.1), json!("0.10")),
            (json!(1e6), json!("1000000")),
            (json!(null), json!("")),
        ] {
            assert_eq!(number(&one), number(&other));
        }
        assert_ne!(number(&json!(48_000)), number(&json!(48_000.01)));
        assert_ne!(number(&json!(0)), number(&json!(null)), "zero is a value");
    }

    #[test]
    fn a_date_is_the_utc_day_of_an_instant() {
        assert_eq!(day(&json!("2027-03-31")), day(&json!("2027-03-31T00:00:00Z")));
        assert_eq!(day(&json!("2027-03-31")), day(&json!("2027-03-31T23:59:59.1234567Z")));
        assert_ne!(day(&json!("2027-03-31")), day(&json!("2027-03-31T00:00:00+02:00")));
        assert_ne!(day(&json!("2027-03-31")), day(&json!("2027-04-01T00:00:00Z")));
    }

    #[test]
    fn null_is_the_empty_text_and_blanks_around_do_not_count() {
        assert_eq!(text(&json!(null)), text(&json!("")));
        assert_eq!(text(&json!("a\r\nb ")), text(&json!("a\nb")));
        assert_eq!(text(&json!("a\u{2028}b ")), text(&json!("a\nb")), "as word processors end a line");
        assert_ne!(text(&json!("a")), text(&json!("A")));
    }
}
