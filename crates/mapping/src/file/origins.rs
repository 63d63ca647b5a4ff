//! Collects from each file's tree what it says, before the trees are merged.

use super::{
    merge::by_key,
    tree::{Item, Node, Table},
};
use crate::{
    Place, Provenance, Said, Setting, Source,
    provenance::{quoted, written_key},
};

/// Puts what the source of this number says on top of what was said before it.
pub(super) fn add(provenance: &mut Provenance, layer: usize, source: &Source<'_>, tree: &Table) {
    let lines = Lines::of(source.text);
    let mut walk = Walk { provenance, layer, source, lines, path: Vec::new() };
    walk.table(tree);
}

struct Walk<'w> {
    provenance: &'w mut Provenance,
    layer: usize,
    source: &'w Source<'w>,
    lines: Lines<'w>,
    path: Vec<String>,
}

impl Walk<'_> {
    fn table(&mut self, table: &Table) {
        for entry in &table.entries {
            self.path.push(entry.key.clone());
            match &entry.node.item {
                Item::Table(inner) if by_key(&self.path) => self.table(inner),
                _ => self.setting(entry.key_at.offset, &entry.node),
            }
            self.path.pop();
        }
    }

    fn setting(&mut self, offset: usize, node: &Node) {
        let (line, column) = self.lines.at(offset);
        let place = Place { file: self.source.name.to_owned(), line, column };
        let said = Said { layer: self.layer, place, value: written(node) };
        match self.provenance.settings.iter_mut().find(|setting| setting.path == self.path) {
            Some(setting) => setting.said.push(said),
            None => self.provenance.settings.push(Setting { path: self.path.clone(), said: vec![said] }),
        }
    }
}

/// Where each line of a text begins.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after).collect() }
    }

    fn at(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        let before = self.text.get(start..offset).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

/// A value as TOML on one line.
fn written(node: &Node) -> String {
    match &node.item {
        Item::Text(text) => quoted(text),
        Item::Integer { digits, radix } => match radix {
            2 => format!("0b{digits}"),
            8 => format!("0o{digits}"),
            16 => format!("0x{digits}"),
            _ => digits.clone(),
        },
        Item::Float(digits) => digits.clone(),
        Item::Flag(flag) => flag.to_string(),
        Item::Date(date) => date.clone(),
        Item::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Item::Table(table) if table.entries.is_empty() => "{}".to_owned(),
        Item::Table(table) => {
            let entries = table.entries.iter();
            let entries: Vec<String> = entries
                .map(|entry| format!("{} = {}", written_key(&entry.key), written(&entry.node)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}
