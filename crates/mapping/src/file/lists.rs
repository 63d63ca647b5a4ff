//! Code lists as the file names them: a list's own file, and the check of a field's codes against its list.

use super::{
    mistakes::Mistakes,
    remedy::Remedy,
    similar,
    tree::{self, Item, Node},
    typed,
};
use crate::{
    CodeLists, MappingError, Source,
    lists::{List, ListedCode},
};

const LIST_KEYS: &[&str] = &["version", "codes"];
const CODE_KEYS: &[&str] = &["code", "label", "verified"];

/// The codes of a list's file.
pub(crate) fn codes(source: Source<'_>) -> Result<Vec<ListedCode>, Vec<MappingError>> {
    let sources = [source];
    let mut mistakes = Mistakes::new(&sources);
    let mut listed = Vec::new();
    if let Some(tree) = tree::parse(0, source.text, &mut mistakes) {
        typed::known_keys(&tree, LIST_KEYS, "a code list", &mut mistakes);
        match tree.get("codes") {
            None => mistakes.at_start(0, "the file has no codes", Remedy::say(["codes"], "[]")),
            Some(node) => {
                let items = typed::list(node, &mut mistakes).unwrap_or_default();
                listed.extend(items.iter().filter_map(|item| listed_code(item, &mut mistakes)));
            }
        }
    }
    if mistakes.is_empty() { Ok(listed) } else { Err(mistakes.into_errors()) }
}

fn listed_code(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<ListedCode> {
    let Item::Table(table) = &node.item else {
        let code = typed::text(node, mistakes)?.to_owned();
        return Some(ListedCode { code, label: None, verified: true });
    };
    typed::known_keys(table, CODE_KEYS, "a code", mistakes);
    let Some(code) = table.get("code") else {
        mistakes.add(node.at, "the entry has no code", Remedy::remove().advised("add `code = \"...\"`"));
        return None;
    };
    Some(ListedCode {
        code: typed::text(code, mistakes)?.to_owned(),
        label: table.get("label").and_then(|node| typed::text(node, mistakes)).map(str::to_owned),
        verified: table.get("verified").and_then(|node| typed::flag(node, mistakes)).unwrap_or(true),
    })
}

/// The list that a field names.
#[derive(Clone, Copy)]
pub(super) struct Named<'l> {
    pub(super) name: &'static str,
    pub(super) list: &'l List,
}

/// The list that `node` names.
pub(super) fn named<'l>(node: &Node, lists: &'l CodeLists, mistakes: &mut Mistakes<'_>) -> Option<Named<'l>> {
    let names: Vec<&'static str> = CodeLists::names().filter(|name| lists.list(name).is_some()).collect();
    let name = typed::one_of(node, &names, mistakes)?;
    lists.list(name).map(|list| Named { name, list })
}

impl Named<'_> {
    /// Notes `code` if the list does not have it. A list of the company's own is newer than any table: it is asked when
    /// a value is about to be sent.
    pub(super) fn check(self, code: &str, node: &Node, mistakes: &mut Mistakes<'_>) {
        if self.list.own || self.list.codes.iter().any(|known| known.code == code) {
            return;
        }
        let known: Vec<&str> = self.list.codes.iter().map(|known| known.code.as_str()).collect();
        let remedy = similar::word(code, &known);
        mistakes.add(
            node.at,
            format!("`{}` is not a code of the list `{}`", typed::shown(code), self.name),
            remedy,
        );
    }

    /// The same for each text of a table.
    pub(super) fn check_table(self, node: &Node, mistakes: &mut Mistakes<'_>) {
        let Item::Table(table) = &node.item else { return };
        for entry in &table.entries {
            if let Item::Text(code) = &entry.node.item {
                self.check(code, &entry.node, mistakes);
            }
        }
    }

    /// The pairs (name in Salesforce, code) that the list itself tells of codes which `pairs` lack: a code without a label
    /// is its own name.
    pub(super) fn labelled(self, pairs: &[(String, String)]) -> Vec<(String, String)> {
        let lacking =
            self.list.codes.iter().filter(|listed| !pairs.iter().any(|(_, code)| *code == listed.code));
        let name = |listed: &ListedCode| listed.label.clone().unwrap_or_else(|| listed.code.clone());
        lacking.map(|listed| (name(listed), listed.code.clone())).collect()
    }
}
