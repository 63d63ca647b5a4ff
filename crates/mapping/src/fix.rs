//! What would put a mistake right, as an edit that a program can make: said in one line, applied to the file's text.

use std::{fmt, ops::Range};

use toml_edit::{DocumentMut, InlineTable, Item, Key, Table, TableLike, Value};

/// Longest text that is quoted in a sentence.
const MAX_QUOTED_CHARS: usize = 48;

/// One step from a file's top to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The entry of a table.
    Key(String),
    /// The element of a list, from 0.
    Item(usize),
}

/// Where a value stands in a file, however the file spells the way: `fields.notes.on[0]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyPath(Vec<Step>);

impl KeyPath {
    /// The path through tables by these keys.
    pub fn of<'k>(keys: impl IntoIterator<Item = &'k str>) -> Self {
        Self(keys.into_iter().map(|key| Step::Key(key.to_owned())).collect())
    }

    /// The steps, from the top.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    /// The table or list that holds the value, and the last step.
    fn split(&self) -> Option<(Self, &Step)> {
        let (last, above) = self.0.split_last()?;
        Some((Self(above.to_vec()), last))
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    let dot = if place == 0 { "" } else { "." };
                    write!(out, "{dot}{}", spelled(key))?;
                }
                Step::Item(index) => write!(out, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// What to change so that a mistake is gone. It never opens a direction, and never makes more leave than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// Another value at a place, or the first one there.
    Set {
        /// The place.
        path: KeyPath,
        /// The value, as TOML has it.
        value: String,
        /// What the file says there now.
        old: Option<String>,
    },
    /// Another name for a key.
    Rename {
        /// The key.
        path: KeyPath,
        /// Its new name.
        to: String,
    },
    /// Nothing at a place.
    Remove {
        /// The place: an entry with its value, a whole section, or an element of a list.
        path: KeyPath,
    },
    /// Another text where the file is no TOML.
    Edit {
        /// Bytes of the file.
        span: Range<usize>,
        /// What stands there.
        old: String,
        /// What goes there.
        with: String,
    },
    /// Another name for the file; its text stays.
    RenameFile {
        /// The new name, with its ending.
        to: String,
    },
}

impl Fix {
    /// The place in the file, if the fix is about one.
    pub fn path(&self) -> Option<&KeyPath> {
        match self {
            Self::Set { path, .. } | Self::Rename { path, .. } | Self::Remove { path } => Some(path),
            Self::Edit { .. } | Self::RenameFile { .. } => None,
        }
    }

    /// `text` with the fix made: the same text if the fix is about the file's name, or does not fit the text.
    pub fn apply(&self, text: &str) -> String {
        match self {
            Self::Edit { span, with, .. } => match (text.get(..span.start), text.get(span.end..)) {
                (Some(before), Some(after)) => format!("{before}{with}{after}"),
                _ => text.to_owned(),
            },
            Self::RenameFile { .. } => text.to_owned(),
            Self::Set { .. } | Self::Rename { .. } | Self::Remove { .. } => {
                self.edited(text).unwrap_or_else(|| text.to_owned())
            }
        }
    }

    fn edited(&self, text: &str) -> Option<String> {
        let mut document: DocumentMut = text.parse().ok()?;
        match self {
            Self::Set { path, value, .. } => {
                set(document.as_item_mut(), path.steps(), value.parse().ok()?)?;
            }
            Self::Rename { path, to } => rename(document.as_item_mut(), path, to)?,
            Self::Remove { path } => remove(document.as_item_mut(), path)?,
            Self::Edit { .. } | Self::RenameFile { .. } => return None,
        }
        Some(document.to_string())
    }
}

impl fmt::Display for Fix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { value, old: Some(old), .. } => {
                write!(out, "replace {} by {}", quoted(old), quoted(value))
            }
            Self::Set { path, value, old: None } => match path.split() {
                Some((above, Step::Key(key))) if above.steps().is_empty() => {
                    write!(out, "add the line {} = {value} at the top", spelled(key))
                }
                Some((above, Step::Key(key))) => {
                    write!(out, "add {} = {value} under [{above}]", spelled(key))
                }
                _ => write!(out, "write {value} at {path}"),
            },
            Self::Rename { path, to } => match path.split() {
                Some((_, Step::Key(key))) => write!(out, "replace {} by {}", spelled(key), spelled(to)),
                _ => write!(out, "rename {path} to {}", spelled(to)),
            },
            Self::Remove { path } => match path.split() {
                Some((above, Step::Key(key))) if !above.steps().is_empty() => {
                    write!(out, "remove {} from [{above}]", spelled(key))
                }
                _ => write!(out, "remove {path}"),
            },
            Self::Edit { old, with, .. } => match (old.trim(), with.trim()) {
                ("", "") => out.write_str("remove this blank"),
                ("", with) => write!(out, "add {}", quoted(with)),
                (old, "") if old.contains('\n') => {
                    write!(out, "remove these {} lines", old.lines().count())
                }
                (old, "") => write!(out, "remove {}", quoted(old)),
                (old, with) => write!(out, "replace {} by {}", quoted(old), quoted(with)),
            },
            Self::RenameFile { to } => write!(out, "rename the file to {to}"),
        }
    }
}

/// A key as TOML spells it.
fn spelled(key: &str) -> String {
    Key::new(key).to_string()
}

/// A piece of a file on one line, not too long.
fn quoted(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MAX_QUOTED_CHARS {
        return line;
    }
    let start: String = line.chars().take(MAX_QUOTED_CHARS - 4).collect();
    format!("{start} ...")
}

/// A file as it is, for fixes that are told with what they replace.
pub(crate) struct Present<'t> {
    text: &'t str,
    document: Option<DocumentMut>,
}

impl<'t> Present<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, document: text.parse().ok() }
    }

    pub(crate) fn text(&self) -> &'t str {
        self.text
    }

    /// The fix that says `value` at `path`.
    pub(crate) fn set(&self, path: KeyPath, value: String) -> Fix {
        let old = self.at(&path).map(|item| item.to_string().trim().to_owned());
        Fix::Set { path, value, old }
    }

    /// The fix that gives a key another name; what another file says can only be switched off.
    pub(crate) fn rename(&self, path: KeyPath, to: String) -> Fix {
        if self.at(&path).is_some() { Fix::Rename { path, to } } else { self.elsewhere(path) }
    }

    /// The fix that takes away what is said at `path`; what another file says can only be switched off.
    pub(crate) fn remove(&self, path: KeyPath) -> Fix {
        if self.at(&path).is_some() { Fix::Remove { path } } else { self.elsewhere(path) }
    }

    /// What another file says of a field is overruled by taking the field out.
    fn elsewhere(&self, path: KeyPath) -> Fix {
        match path.steps() {
            [Step::Key(section), Step::Key(id), ..] if section == "fields" => {
                let path = KeyPath::of(["fields", id, "direction"]);
                self.set(path, "\"off\"".to_owned())
            }
            _ => Fix::Remove { path },
        }
    }

    fn at(&self, path: &KeyPath) -> Option<&Item> {
        let root = self.document.as_ref()?.as_item();
        path.steps().iter().try_fold(root, |item, step| match step {
            Step::Key(key) => item.get(key),
            Step::Item(index) => item.get(*index),
        })
    }
}

/// The item at `steps`, if it is there.
fn find<'i>(mut item: &'i mut Item, steps: &[Step]) -> Option<&'i mut Item> {
    for step in steps {
        item = match step {
            // Asking for a key to change would make it.
            Step::Key(key) if item.get(key).is_some() => item.get_mut(key)?,
            Step::Item(index) if item.get(*index).is_some() => item.get_mut(*index)?,
            _ => return None,
        };
    }
    Some(item)
}

fn set(mut item: &mut Item, steps: &[Step], value: Value) -> Option<()> {
    let (last, above) = steps.split_last()?;
    for (depth, step) in above.iter().enumerate() {
        let absent = match step {
            Step::Key(key) => item.get(key).is_none(),
            Step::Item(index) => item.get(*index).is_none(),
        };
        if absent {
            let Step::Key(key) = step else { return None };
            // A table that only holds tables has no heading of its own.
            let heading = depth + 1 == above.len();
            make_table(item, key, heading)?;
        }
        item = find(item, std::slice::from_ref(step))?;
    }
    match last {
        Step::Key(key) => {
            let table = item.as_table_like_mut()?;
            if let Some(Item::Value(present)) = table.get_mut(key) {
                let decor = present.decor().clone();
                *present = value;
                *present.decor_mut() = decor;
            } else {
                first_line(table, key, value);
            }
        }
        Step::Item(index) => {
            let array = item.as_array_mut()?;
            if *index >= array.len() {
                return None;
            }
            array.replace(*index, value);
        }
    }
    Some(())
}

fn make_table(item: &mut Item, key: &str, heading: bool) -> Option<()> {
    match item {
        Item::Table(table) => {
            let mut made = Table::new();
            made.set_implicit(!heading);
            table.insert(key, Item::Table(made));
        }
        Item::Value(Value::InlineTable(table)) => {
            table.insert(key, Value::InlineTable(InlineTable::new()));
        }
        _ => return None,
    }
    Some(())
}

/// A new entry; it is written before the table's other tables in any case.
fn first_line(table: &mut dyn TableLike, key: &str, value: Value) {
    table.insert(key, Item::Value(value));
}

fn rename(root: &mut Item, path: &KeyPath, to: &str) -> Option<()> {
    let (above, last) = path.split()?;
    let Step::Key(key) = last else { return None };
    let table = find(root, above.steps())?.as_table_like_mut()?;
    if table.contains_key(to) {
        // The right name is there already: the wrong one goes.
        table.remove(key)?;
        return Some(());
    }
    let item = table.remove(key)?;
    table.insert(to, item);
    Some(())
}

fn remove(root: &mut Item, path: &KeyPath) -> Option<()> {
    let (above, last) = path.split()?;
    let holder = find(root, above.steps())?;
    match last {
        Step::Key(key) => {
            holder.as_table_like_mut()?.remove(key)?;
        }
        Step::Item(index) => match holder {
            Item::ArrayOfTables(tables) if *index < tables.len() => {
                tables.remove(*index);
            }
            Item::Value(Value::Array(array)) if *index < array.len() => {
                array.remove(*index);
            }
            _ => return None,
        },
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_to(text: &str, path: &[&str], value: &str) -> String {
        Fix::Set { path: KeyPath::of(path.iter().copied()), value: value.to_owned(), old: None }.apply(text)
    }

    #[test]
    fn a_value_is_set_however_the_file_spells_its_table() {
        for text in [
            "[fields.notes]\nclear = \"ignore\" # why\n",
            "fields.notes.clear = \"ignore\"\n",
            "fields = { notes = { clear = \"ignore\" } }\n",
            "[fields]\nnotes = { clear = \"ignore\" }\n",
        ] {
            let set = set_to(text, &["fields", "notes", "direction"], "\"off\"");
            let read: toml::Table = set.parse().unwrap();
            assert_eq!(read["fields"]["notes"]["direction"].as_str(), Some("off"), "{set}");
            assert_eq!(read["fields"]["notes"]["clear"].as_str(), Some("ignore"), "{set}");
        }
        assert_eq!(
            set_to(
                "[fields.notes]\n# why\nclear = \"ignore\" # so\n",
                &["fields", "notes", "clear"],
                "\"refill\""
            ),
            "[fields.notes]\n# why\nclear = \"refill\" # so\n"
        );
    }

    #[test]
    fn a_table_that_is_not_there_is_made() {
        let set = set_to("version = 1\n", &["fields", "notes", "direction"], "\"off\"");
        assert_eq!(set, "version = 1\n\n[fields.notes]\ndirection = \"off\"\n");
        let set = set_to("[stages]\non_hold = \"A\"\n", &["version"], "1");
        assert!(set.parse::<toml::Table>().unwrap().contains_key("version"), "{set}");
    }

    #[test]
    fn a_key_is_renamed_and_a_list_loses_an_element() {
        let rename = Fix::Rename { path: KeyPath::of(["stage"]), to: "stages".to_owned() };
        let renamed = rename.apply("[stage]\non_hold = \"A\"\n");
        assert_eq!(renamed.parse::<toml::Table>().unwrap()["stages"]["on_hold"].as_str(), Some("A"));
        let mut path = KeyPath::of(["inbound", "route"]);
        path.push(Step::Item(0));
        let removed = Fix::Remove { path }
            .apply("[[inbound.route]]\nowner = \"a\"\n\n[[inbound.route]]\nowner = \"b\"\n");
        assert_eq!(removed.matches("owner").count(), 1, "{removed}");
    }

    #[test]
    fn a_fix_that_does_not_fit_changes_nothing() {
        let fix = Fix::Remove { path: KeyPath::of(["fields", "none"]) };
        assert_eq!(fix.apply("version = 1\n"), "version = 1\n");
        assert_eq!(fix.apply("no = toml = here"), "no = toml = here");
        let edit = Fix::Edit { span: 90..99, old: String::new(), with: "x".to_owned() };
        assert_eq!(edit.apply("version"), "version");
    }
}
