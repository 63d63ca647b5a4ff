//! What an expression works on, what sort that is, and why it stops.

use rust_decimal::Decimal;

/// A value on its way. Nothing is not among them: it stops the evaluation unless it is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Datum {
    Text(String),
    Number(Decimal),
    Flag(bool),
    List(Vec<Datum>),
}

/// The kind of a value, as far as it can be told before there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Text,
    Number,
    Flag,
    List,
    /// Only the record will tell.
    Any,
}

impl Sort {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Flag => "a yes or no",
            Self::List => "a list",
            Self::Any => "a value",
        }
    }

    /// Whether a value of this sort may be where `wanted` is.
    pub(super) fn fits(self, wanted: Self) -> bool {
        self == wanted || self == Self::Any || wanted == Self::Any
    }

    /// What is known of a value that is one or the other.
    pub(super) fn or(self, other: Self) -> Self {
        if self == other { self } else { Self::Any }
    }
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// This place is empty.
    Missing(String),
    /// A place cannot be read: nothing is known.
    Hidden,
    /// Anything else, as the end of a sentence, and what to do.
    Failed { why: String, next_step: String },
}

impl Stop {
    pub(super) fn failed(why: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self::Failed { why: why.into(), next_step: next_step.into() }
    }

    pub(super) fn too_long(most: usize) -> Self {
        let why = format!("it is longer than the {most} characters that are taken");
        Self::failed(why, "Shorten what it is made of, or add `| truncate(...)` to the expression")
    }

    fn sort(found: Sort, wanted: Sort) -> Self {
        let why = format!("{} stands where {} is needed", found.name(), wanted.name());
        Self::failed(why, "Correct the value, or the expression in the mapping")
    }
}

impl Datum {
    pub(super) fn sort(&self) -> Sort {
        match self {
            Self::Text(_) => Sort::Text,
            Self::Number(_) => Sort::Number,
            Self::Flag(_) => Sort::Flag,
            Self::List(_) => Sort::List,
        }
    }

    pub(super) fn text(&self) -> Result<&str, Stop> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(Stop::sort(other.sort(), Sort::Text)),
        }
    }

    pub(super) fn number(&self) -> Result<Decimal, Stop> {
        match self {
            Self::Number(number) => Ok(*number),
            other => Err(Stop::sort(other.sort(), Sort::Number)),
        }
    }

    pub(super) fn flag(&self) -> Result<bool, Stop> {
        match self {
            Self::Flag(flag) => Ok(*flag),
            other => Err(Stop::sort(other.sort(), Sort::Flag)),
        }
    }

    pub(super) fn list(&self) -> Result<&[Datum], Stop> {
        match self {
            Self::List(list) => Ok(list),
            other => Err(Stop::sort(other.sort(), Sort::List)),
        }
    }

    /// A text, or a number as its digits: what can stand in a text. A yes or no has no words of its own.
    pub(super) fn shown(&self) -> Result<String, Stop> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Number(number) => Ok(number.to_string()),
            other => Err(Stop::sort(other.sort(), Sort::Text)),
        }
    }
}
