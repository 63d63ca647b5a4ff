//! One grammar of conditions for everything that the file decides by rules: what is let in, where it goes, what may be
//! opted in, which partner id a referral gets.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::Value as Json;

/// A thing that is looked at, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition<S> {
    /// What is looked at.
    pub subject: S,
    /// What it must be.
    pub test: Test,
}

/// What a value must be. Texts are compared without case, as Salesforce compares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// One of these. What is empty is none of them. Of several values one suffices.
    In(BTreeSet<String>),
    /// None of these. What is empty passes. Of several values none may be among them.
    NotIn(BTreeSet<String>),
    /// A number of at least so much. What is empty is no number.
    AtLeast(i64),
    /// A checkbox that is set, or not. What is empty is not set.
    Is(bool),
}

impl Test {
    /// Whether `values` pass: none for an empty field, several for a list.
    pub fn passes(&self, values: &[Json]) -> bool {
        let held = || values.iter().filter_map(text);
        let among = |set: &BTreeSet<String>| {
            let known: BTreeSet<String> = set.iter().map(|each| each.to_lowercase()).collect();
            held().any(|each| known.contains(&each.to_lowercase()))
        };
        match self {
            Self::In(set) => among(set),
            Self::NotIn(set) => !among(set),
            Self::AtLeast(least) => {
                let numbers = held().filter_map(|each| each.parse::<Decimal>().ok());
                numbers.max().is_some_and(|most| most >= Decimal::from(*least))
            }
            Self::Is(wanted) => values.contains(&Json::Bool(true)) == *wanted,
        }
    }
}

impl<S> Condition<S> {
    /// Whether what `values` tells of the subject passes.
    pub fn holds(&self, values: impl Fn(&S) -> Vec<Json>) -> bool {
        self.test.passes(&values(&self.subject))
    }
}

/// A plain value as a text; nothing for what is empty or is none.
fn text(value: &Json) -> Option<String> {
    let text = match value {
        Json::String(text) => text.trim().to_owned(),
        Json::Number(number) => number.to_string(),
        Json::Bool(flag) => flag.to_string(),
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(values: &[&str]) -> BTreeSet<String> {
        values.iter().map(|each| (*each).to_owned()).collect()
    }

    #[test]
    fn each_test_says_what_an_empty_value_is() {
        for (test, passes) in [
            (Test::In(set(&["a"])), false),
            (Test::NotIn(set(&["a"])), true),
            (Test::AtLeast(0), false),
            (Test::Is(true), false),
            (Test::Is(false), true),
        ] {
            for nothing in [vec![], vec![Json::Null], vec![json!(" ")]] {
                assert_eq!(test.passes(&nothing), passes, "{test:?} {nothing:?}");
            }
        }
    }

    #[test]
    fn texts_are_compared_without_case_and_numbers_as_numbers() {
        assert!(Test::In(set(&["de"])).passes(&[json!("x"), json!(" DE ")]));
        assert!(!Test::NotIn(set(&["de"])).passes(&[json!("x"), json!("DE")]));
        assert!(Test::AtLeast(10).passes(&[json!("10.0")]) && Test::AtLeast(10).passes(&[json!(10.5)]));
        assert!(!Test::AtLeast(10).passes(&[json!(9.99)]) && !Test::AtLeast(10).passes(&[json!("many")]));
        assert!(Test::Is(true).passes(&[json!(true)]) && !Test::Is(true).passes(&[json!("true")]));
    }
}
