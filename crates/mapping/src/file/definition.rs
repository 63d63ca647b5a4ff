//! What groups and stages mean, as fingerprints: what a deal remembers of the mapping that it was reconciled under.

use deal_model::{Definitions, FieldId, Fingerprint, GroupSpec, digest};

use super::tree::{Item, Node, Table};
use crate::{Catalogue, CodeLists, SetBinding, SetSource};

/// Keys of a field that say how it is called, who wins and what is demanded of it, and not what its value is. A key that
/// is not among them counts as meaning: what is new to the file is never rewritten by itself.
const NO_MEANING: &[&str] =
    &["label", "salesforce_label", "conflict", "owner", "required", "default", "undocumented", "examples"];
/// Keys of a field whose lines mean something by their order: the first of several that match is the one that is written.
const ORDERED: &[&str] = &["values", "ranges"];
/// The sections that say where a deal stands.
const LIFE: &[&str] = &["stages", "sales_stages", "reasons", "record_types"];
/// The section of what the rows of solutions point to.
const CATALOGUE: &str = "catalogue";
/// The name under `[names]` whose field answers a received referral.
const ANSWER: &str = "response";

/// What the fields compiled to.
pub(super) struct Compiled<'m> {
    pub(super) groups: &'m [GroupSpec],
    pub(super) sets: &'m [SetBinding],
    pub(super) catalogue: &'m Catalogue,
    pub(super) lists: &'m CodeLists,
}

/// The definitions of the groups and of the lifecycle.
pub(super) fn definitions(effective: &Table, compiled: &Compiled<'_>) -> Definitions {
    let of_group = |group: &GroupSpec| (group.id.clone(), compiled.of_group(effective, group));
    let answer = answer(effective);
    Definitions {
        groups: compiled.groups.iter().map(of_group).collect(),
        life: Some(of_life(effective, answer)),
        answer: answer.map(digest),
    }
}

impl Compiled<'_> {
    fn of_group(&self, effective: &Table, group: &GroupSpec) -> Fingerprint {
        let fields = effective.get("fields").and_then(table_in);
        let mut text = String::new();
        for member in &group.members {
            let Some(field) = fields.and_then(|fields| fields.get(member.id.as_str())).and_then(table_in)
            else {
                continue;
            };
            text.push_str(member.id.as_str());
            text.push_str(&field.without(NO_MEANING).sorted(ORDERED).canonical());
            if let Some(Node { item: Item::Text(list), .. }) = field.get("list") {
                text.push_str(&self.lists.canonical_of(list));
            }
            if self.reads_catalogue(&member.id) {
                let section = effective.get(CATALOGUE).and_then(table_in).cloned().unwrap_or_default();
                text.push_str(CATALOGUE);
                text.push_str(&section.sorted(ORDERED).canonical());
            }
        }
        digest(&text)
    }

    /// Whether the catalogue's entries say what the rows of `field` hold: it lies over the first set in child records.
    fn reads_catalogue(&self, field: &FieldId) -> bool {
        let is_child = |set: &&SetBinding| matches!(set.crm, SetSource::Children { .. });
        self.catalogue.used && self.sets.iter().find(is_child).is_some_and(|set| &set.field == field)
    }
}

/// The name of the field that answers a received referral.
fn answer(effective: &Table) -> Option<&str> {
    match effective.get("names").and_then(table_in)?.get(ANSWER)? {
        Node { item: Item::Text(answer), .. } => Some(answer),
        _ => None,
    }
}

fn of_life(effective: &Table, answer: Option<&str>) -> Fingerprint {
    let mut text = String::new();
    for section in LIFE {
        text.push_str(section);
        text.push_str(&effective.get(section).and_then(table_in).map(Table::canonical).unwrap_or_default());
    }
    text.push_str(answer.unwrap_or_default());
    digest(&text)
}

fn table_in(node: &Node) -> Option<&Table> {
    match &node.item {
        Item::Table(table) => Some(table),
        _ => None,
    }
}
