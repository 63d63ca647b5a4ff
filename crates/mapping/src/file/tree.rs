//! A file as a tree in which every key and value knows its place.

use std::{collections::BTreeMap, fmt::Write as _};

use toml::de::{DeTable, DeValue};

use super::{
    mistakes::{At, Mistakes},
    remedy::Remedy,
    syntax,
};
use crate::{KeyPath, Step};

/// Longest file. A mapping with every field customised is under a tenth of it.
const MAX_BYTES: usize = 1 << 20;

/// Most mistakes for which a small repair is tried; what follows is most likely only their consequence.
const MAX_REPAIRS: usize = 3;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) item: Item,
}

/// A value. Numbers and dates stay text: what they mean is decided by who reads them.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Text(String),
    Integer { digits: String, radix: u32 },
    Float(String),
    Flag(bool),
    Date(String),
    List(Vec<Node>),
    Table(Table),
}

/// A key, its place and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: At,
    pub(super) node: Node,
}

/// Entries in the file's order.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// One text for one content, whatever its blanks and comments.
    pub(super) fn canonical(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// The table without these keys.
    pub(super) fn without(&self, left_out: &[&str]) -> Self {
        let kept = self.entries.iter().filter(|entry| !left_out.contains(&entry.key.as_str()));
        Self { entries: kept.cloned().collect() }
    }

    /// The table with its keys, and those of the tables in it, by name; what stands under a key of `ordered` keeps the
    /// file's order.
    pub(super) fn sorted(mut self, ordered: &[&str]) -> Self {
        for entry in &mut self.entries {
            if let Item::Table(table) = &mut entry.node.item
                && !ordered.contains(&entry.key.as_str())
            {
                *table = std::mem::take(table).sorted(ordered);
            }
        }
        self.entries.sort_by(|one, other| one.key.cmp(&other.key));
        self
    }

    fn write(&self, text: &mut String) {
        text.push('{');
        for entry in &self.entries {
            // The debug form quotes and escapes: no content can imitate structure.
            let _ = write!(text, "{:?}=", entry.key);
            entry.node.write(text);
        }
        text.push('}');
    }
}

impl Node {
    fn write(&self, text: &mut String) {
        let _ = match &self.item {
            Item::Text(content) => write!(text, "{content:?},"),
            Item::Integer { digits, radix } => write!(text, "i{radix}:{digits},"),
            Item::Float(digits) => write!(text, "f{digits},"),
            Item::Flag(flag) => write!(text, "{flag},"),
            Item::Date(date) => write!(text, "d{date},"),
            Item::List(items) => {
                text.push('[');
                for item in items {
                    item.write(text);
                }
                text.push(']');
                Ok(())
            }
            Item::Table(table) => {
                table.write(text);
                Ok(())
            }
        };
    }

    /// What kind of thing this is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.item {
            Item::Text(_) => "a text",
            Item::Integer { .. } => "a whole number",
            Item::Float(_) => "a number with a point",
            Item::Flag(_) => "true or false",
            Item::Date(_) => "a date",
            Item::List(_) => "a list",
            Item::Table(_) => "a table",
        }
    }
}

/// Where `text` says what `path` leads to, or the nearest table around it; the start if it says nothing of it.
pub(super) fn deepest(text: &str, path: &KeyPath) -> usize {
    let Ok(document) = DeTable::parse(text) else { return 0 };
    let mut place = 0;
    let mut table = Some(document.get_ref());
    for step in path.steps() {
        let Step::Key(name) = step else { break };
        let entry = table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == name.as_str()));
        let Some((key, value)) = entry else { break };
        place = key.span().start;
        table = match value.get_ref() {
            DeValue::Table(content) => Some(content),
            _ => None,
        };
    }
    place
}

/// The paths of everything that a file says, by where it begins.
#[derive(Default)]
pub(super) struct Paths {
    by_key: BTreeMap<usize, KeyPath>,
    by_value: BTreeMap<usize, KeyPath>,
}

impl Paths {
    /// Those of `text`; none if it is no TOML.
    pub(super) fn of(text: &str) -> Self {
        let mut paths = Self::default();
        if let Ok(document) = DeTable::parse(text) {
            paths.table(document.get_ref(), &mut KeyPath::default());
        }
        paths
    }

    /// The path of the entry, or of the element of a list, that begins at `offset`.
    pub(super) fn at(&self, offset: usize) -> Option<&KeyPath> {
        self.by_key.get(&offset).or_else(|| self.by_value.get(&offset))
    }

    fn table(&mut self, content: &DeTable<'_>, path: &mut KeyPath) {
        for (key, value) in content {
            path.push(Step::Key(key.get_ref().to_string()));
            self.by_key.insert(key.span().start, path.clone());
            self.value(value.span().start, value.get_ref(), path);
            path.pop();
        }
    }

    fn value(&mut self, start: usize, value: &DeValue<'_>, path: &mut KeyPath) {
        // The deepest of several that begin there is the one that is written there.
        self.by_value.insert(start, path.clone());
        match value {
            DeValue::Table(content) => self.table(content, path),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(Step::Item(index));
                    self.value(item.span().start, item.get_ref(), path);
                    path.pop();
                }
            }
            _ => {}
        }
    }
}

/// The tree of `text`, or none after noting what is wrong with it.
pub(super) fn parse(source: usize, text: &str, mistakes: &mut Mistakes<'_>) -> Option<Table> {
    if text.len() > MAX_BYTES {
        mistakes.syntax(
            At { source, offset: 0 },
            format!("the file is longer than {MAX_BYTES} bytes"),
            Remedy::edit(0..text.len(), "version = 1\nextends = \"default\"\n")
                .advised("keep only what differs from the default"),
        );
        return None;
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    for (place, error) in errors.iter().enumerate() {
        let span = error.span().unwrap_or_default();
        let at = At { source, offset: span.start };
        mistakes.syntax(
            at,
            error.message().replace('\n', " "),
            syntax::remedy(text, span, place < MAX_REPAIRS),
        );
    }
    errors.is_empty().then(|| table(source, document.get_ref()))
}

fn table(source: usize, content: &DeTable<'_>) -> Table {
    let entries = content
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_at: At { source, offset: key.span().start },
            node: node(source, value.span().start, value.get_ref()),
        })
        .collect();
    Table { entries }
}

fn node(source: usize, offset: usize, value: &DeValue<'_>) -> Node {
    let item = match value {
        DeValue::String(text) => Item::Text(text.to_string()),
        DeValue::Integer(number) => {
            Item::Integer { digits: number.as_str().to_owned(), radix: number.radix() }
        }
        DeValue::Float(number) => Item::Float(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Item::Flag(*flag),
        DeValue::Datetime(date) => Item::Date(date.to_string()),
        DeValue::Array(items) => {
            Item::List(items.iter().map(|item| node(source, item.span().start, item.get_ref())).collect())
        }
        DeValue::Table(content) => Item::Table(table(source, content)),
    };
    Node { at: At { source, offset }, item }
}
