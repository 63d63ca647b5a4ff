//! The one list of what may differ from the published description: `contracts/differences.toml`.

use std::{cell::Cell, fs};

use serde::Deserialize;

/// How a subject differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum How {
    /// Our contract alone has it.
    OnlyOurs,
    /// The published description alone has it.
    OnlyPublished,
    /// Another type.
    Type,
    /// Null is allowed in our contract alone.
    Nullable,
    /// Another list of values.
    Values,
    /// Required in one of them.
    Required,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// A subject, in which `*` stands for any text.
    at: String,
    how: How,
    reason: String,
    #[serde(skip)]
    used: Cell<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    difference: Vec<Entry>,
}

/// The list, which remembers what of it was needed.
#[derive(Debug)]
pub(super) struct Differences {
    entries: Vec<Entry>,
}

impl Differences {
    /// Reads the list; each entry has a reason.
    pub(super) fn read() -> Self {
        let path = super::file("differences.toml");
        let file: File = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        for entry in &file.difference {
            assert!(entry.reason.len() > 20, "{} needs a reason that explains it", entry.at);
        }
        Self { entries: file.difference }
    }

    /// Whether the list explains that `subject` differs in this way.
    pub(super) fn explain(&self, subject: &str, how: How) -> bool {
        let fits = |at: &str| {
            at.split_once('*').map_or(at == subject, |(beginning, rest)| {
                subject.strip_prefix(beginning).is_some_and(|left| matches(left, rest))
            })
        };
        let found = self.entries.iter().find(|entry| entry.how == how && fits(&entry.at));
        found.inspect(|entry| entry.used.set(true)).is_some()
    }

    /// Entries that explained nothing so far.
    pub(super) fn idle(&self) -> Vec<String> {
        let idle = self.entries.iter().filter(|entry| !entry.used.get());
        idle.map(|entry| format!("{} {:?}", entry.at, entry.how)).collect()
    }
}

/// Whether some end of `left` fits `pattern`.
fn matches(left: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => left.ends_with(pattern),
        Some((between, rest)) => {
            left.find(between).is_some_and(|at| matches(&left[at + between.len()..], rest))
        }
    }
}

#[test]
fn the_list_of_differences_can_be_read_and_each_has_its_reason() {
    let list = Differences::read();
    assert!(!list.entries.is_empty());
    assert!(!list.explain("member nobody.knows", How::OnlyPublished), "a list that explains everything");
}
