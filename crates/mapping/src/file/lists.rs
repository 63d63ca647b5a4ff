//! The portal's code lists: data files beside the default mapping, so that a slip in a code is told when the file is
//! loaded and not when a deal is refused.

use super::{
    mistakes::Mistakes,
    similar,
    tree::{self, Item, Node},
    typed,
};
use crate::Source;

const LISTS: &[(&str, Source<'static>)] = &[
    ("help", Source { name: "help.toml", text: include_str!("../../../../mappings/code-lists/help.toml") }),
    (
        "customer_sizes",
        Source {
            name: "customer_sizes.toml",
            text: include_str!("../../../../mappings/code-lists/customer_sizes.toml"),
        },
    ),
];

/// A list's codes.
pub(super) struct CodeList {
    name: &'static str,
    codes: Vec<String>,
}

/// The list that `node` names.
pub(super) fn named(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<CodeList> {
    let names: Vec<&str> = LISTS.iter().map(|(name, _)| *name).collect();
    let name = typed::one_of(node, &names, mistakes)?;
    let (name, source) = LISTS.iter().find(|(known, _)| *known == name)?;
    Some(CodeList { name, codes: codes(*source) })
}

fn codes(source: Source<'static>) -> Vec<String> {
    let sources = [source];
    let mut mistakes = Mistakes::new(&sources);
    let tree =
        tree::parse(0, source.text, &mut mistakes).expect("a shipped code list is TOML; a test reads each");
    tree.get("codes").map(|node| typed::texts(node, &mut mistakes)).unwrap_or_default()
}

impl CodeList {
    /// Notes `code` if the list does not have it.
    pub(super) fn check(&self, code: &str, node: &Node, mistakes: &mut Mistakes<'_>) {
        if self.codes.iter().any(|known| known == code) {
            return;
        }
        let known: Vec<&str> = self.codes.iter().map(String::as_str).collect();
        let todo = similar::hint(code, &known, |known| format!("write one of {}", typed::listed(known)));
        mistakes.add(
            node.at,
            format!("`{}` is not a code of the list `{}`", typed::shown(code), self.name),
            todo,
        );
    }

    /// The same for each text of a table.
    pub(super) fn check_table(&self, node: &Node, mistakes: &mut Mistakes<'_>) {
        let Item::Table(table) = &node.item else { return };
        for entry in &table.entries {
            if let Item::Text(code) = &entry.node.item {
                self.check(code, &entry.node, mistakes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LISTS, codes};

    #[test]
    fn every_shipped_list_can_be_read_and_is_not_empty() {
        for (name, source) in LISTS {
            assert!(!codes(*source).is_empty(), "{name}");
        }
    }
}
