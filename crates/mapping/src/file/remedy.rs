//! What puts a mistake right, as the reader that found it says it: by the place of the mistake, not yet by its path.

use std::ops::Range;

use super::{mistakes::At, tree};
use crate::{Fix, KeyPath, fix::Present};

/// A change of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    /// Another value, as TOML has it, at the mistake's place.
    Value(String),
    /// Another name for the key at the mistake's place.
    Key(String),
    /// Nothing at the mistake's place.
    Remove,
    /// A value at another place.
    Say(KeyPath, String),
    /// Nothing at another place.
    Unsay(KeyPath),
    /// Another text where the file is no TOML.
    Edit(Range<usize>, String),
}

/// What to do about a mistake: a change, and what to think of first where the change does not say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remedy {
    advice: String,
    change: Change,
}

impl Remedy {
    fn new(change: Change) -> Self {
        Self { advice: String::new(), change }
    }

    /// Puts a text in the place of the value.
    pub(super) fn text(value: &str) -> Self {
        Self::new(Change::Value(quoted(value)))
    }

    /// Puts `value`, written as TOML has it, in the place of the value.
    pub(super) fn value(value: impl Into<String>) -> Self {
        Self::new(Change::Value(value.into()))
    }

    /// Gives the key another name.
    pub(super) fn key(name: &str) -> Self {
        Self::new(Change::Key(name.to_owned()))
    }

    /// Takes the entry, section or element away.
    pub(super) fn remove() -> Self {
        Self::new(Change::Remove)
    }

    /// Sets the value, written as TOML has it, of the key that `path` leads to.
    pub(super) fn say<'k>(path: impl IntoIterator<Item = &'k str>, value: impl Into<String>) -> Self {
        Self::new(Change::Say(KeyPath::of(path), value.into()))
    }

    /// Sets a key of a field.
    pub(super) fn field(id: &str, key: &str, value: impl Into<String>) -> Self {
        Self::say(["fields", id, key], value)
    }

    /// Takes away the key that `path` leads to.
    pub(super) fn unsay<'k>(path: impl IntoIterator<Item = &'k str>) -> Self {
        Self::new(Change::Unsay(KeyPath::of(path)))
    }

    /// Puts `with` in the place of bytes of a file that is no TOML.
    pub(super) fn edit(span: Range<usize>, with: impl Into<String>) -> Self {
        Self::new(Change::Edit(span, with.into()))
    }

    /// The same, with what to think of first.
    pub(super) fn advised(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }

    /// Another change under the same advice.
    pub(super) fn replaced_by(&self, other: &Self) -> Self {
        Self { advice: self.advice.clone(), change: other.change.clone() }
    }

    /// The advice, and the fix for `target`, the last file; `at` is the place in the file whose `paths` are given.
    pub(super) fn resolve(self, at: At, paths: &tree::Paths, target: &Present<'_>) -> (String, Fix) {
        let place = || paths.at(at.offset).cloned().unwrap_or_default();
        let fix = match self.change {
            Change::Value(value) => target.set(place(), value),
            Change::Key(to) => target.rename(place(), to),
            Change::Remove => target.remove(place()),
            Change::Say(path, value) => target.set(path, value),
            Change::Unsay(path) => target.remove(path),
            Change::Edit(span, with) => {
                let old = target.text().get(span.clone()).unwrap_or_default().to_owned();
                Fix::Edit { span, old, with }
            }
        };
        (self.advice, fix)
    }
}

/// A text as TOML has it.
pub(super) fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}
