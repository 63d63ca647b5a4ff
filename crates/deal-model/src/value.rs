//! What a field can hold, and what an observation can say of it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::FieldId;

/// A canonical value. Two values are the same exactly when they are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Text, never empty.
    Text(String),
    /// An exact decimal, normalised (1.50 and 1.5 are one number).
    Number(Decimal),
    /// A calendar date, without time or zone.
    Date(Date),
    /// A yes or a no.
    Flag(bool),
    /// A code out of a list; an unknown code is kept as it came.
    Choice(String),
    /// Elements by their key; the empty set is a value, not an absence.
    Set(Elements),
}

/// A set's elements, by key.
pub type Elements = BTreeMap<ElementKey, Element>;

/// What makes an element the same one on both sides: a solution's id, a person's e-mail in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ElementKey(pub String);

/// An element's attributes by name; an empty attribute is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Element(pub BTreeMap<String, Value>);

/// A field as last read from one side: a type of three, never an `Option` (sync rules, section 1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// The side holds this.
    Value(Value),
    /// The side sent it, null or "".
    Empty,
    /// Not readable, not selected, hidden, cut off or unparsable. Never "changed", never a source, never overwritten.
    Unknown,
}

impl Observed {
    /// What is held, if it is known.
    pub fn held(&self) -> Option<Held> {
        match self {
            Self::Value(value) => Some(Held::Value(value.clone())),
            Self::Empty => Some(Held::Empty),
            Self::Unknown => None,
        }
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Empty | Self::Unknown => None,
        }
    }

    /// Text as an observation: empty text is `Empty`.
    pub fn text(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Value(Value::Text(text.to_owned())) }
    }
}

/// What a side is known to hold. Bases and writes are made of this: they cannot say "unknown".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// This value.
    Value(Value),
    /// Nothing.
    Empty,
}

impl Held {
    /// The value, if there is one.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Empty => None,
        }
    }

    /// A set's elements; `Empty` is the empty set.
    pub fn elements(&self) -> Elements {
        match self {
            Self::Value(Value::Set(elements)) => elements.clone(),
            _ => Elements::new(),
        }
    }
}

/// A whole group as held by one side, member by member.
pub type GroupHeld = BTreeMap<FieldId, Held>;

/// The group's values for a person: members joined, sets by their keys.
pub fn display(group: &GroupHeld) -> String {
    let parts: Vec<String> = group.values().filter_map(|held| held.value().map(display_value)).collect();
    if parts.is_empty() { "(empty)".to_owned() } else { parts.join(" ") }
}

fn display_value(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Choice(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Set(elements) if elements.is_empty() => "(none)".to_owned(),
        Value::Set(elements) => elements.keys().map(|key| key.0.as_str()).collect::<Vec<_>>().join(", "),
    }
}
