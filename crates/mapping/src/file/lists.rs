//! Code lists as the file names them: a list's own file, and the check of a field's codes against its list.

use jiff::civil::Date;

use super::{
    mistakes::Mistakes,
    remedy::Remedy,
    similar, stages,
    tree::{self, Item, Node},
    typed,
};
use crate::{
    CodeLists, MappingError, Source,
    lists::{DECLINE_REASONS, ERROR_REASONS, List, ListedCode},
};

pub(super) const LIST_KEYS: &[&str] = &["version", "as_of", "source", "codes"];
pub(super) const CODE_KEYS: &[&str] = &["code", "label", "verified"];

/// A list's file.
pub(crate) fn list(source: Source<'_>, own: bool) -> Result<List, Vec<MappingError>> {
    let sources = [source];
    let mut mistakes = Mistakes::new(&sources);
    let mut list = List { codes: Vec::new(), edition: 1, as_of: None, source: None, own };
    if let Some(tree) = tree::parse(0, source.text, &mut mistakes) {
        typed::known_keys(&tree, LIST_KEYS, "a code list", &mut mistakes);
        match tree.get("version") {
            None => mistakes.at_start(0, "the list does not say its version", Remedy::say(["version"], "1")),
            Some(node) => list.edition = edition(node, &mut mistakes),
        }
        list.as_of = tree.get("as_of").and_then(|node| as_of(node, &mut mistakes));
        list.source = tree.get("source").and_then(|node| typed::text(node, &mut mistakes)).map(str::to_owned);
        match tree.get("codes") {
            None => mistakes.at_start(0, "the file has no codes", Remedy::say(["codes"], "[]")),
            Some(node) => {
                for item in typed::list(node, &mut mistakes).unwrap_or_default() {
                    let Some(code) = listed_code(item, &mut mistakes) else { continue };
                    check_twin(&list.codes, &code, item, &mut mistakes);
                    list.codes.push(code);
                }
            }
        }
    }
    if mistakes.is_empty() { Ok(list) } else { Err(mistakes.into_errors()) }
}

fn edition(node: &Node, mistakes: &mut Mistakes<'_>) -> u32 {
    let number = match &node.item {
        Item::Integer { digits, radix } => u32::from_str_radix(&digits.replace('_', ""), *radix).ok(),
        _ => None,
    };
    number.unwrap_or_else(|| {
        let remedy = Remedy::value("1").advised("count it up whenever the list changes");
        mistakes.add(node.at, "the version of a list is a whole number from 0", remedy);
        1
    })
}

fn as_of(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Date> {
    let day = match &node.item {
        Item::Date(text) | Item::Text(text) => text.parse().ok(),
        _ => None,
    };
    if day.is_none() {
        let remedy = Remedy::remove().advised("write it like 2027-01-31, without a time");
        mistakes.add(node.at, "this is not a day", remedy);
    }
    day
}

/// Notes a code that is there already, or whose label another has: nobody could choose between the two.
fn check_twin(codes: &[ListedCode], code: &ListedCode, node: &Node, mistakes: &mut Mistakes<'_>) {
    if codes.iter().any(|known| known.code == code.code) {
        mistakes.add(
            node.at,
            format!("the code `{}` is listed twice", typed::shown(&code.code)),
            Remedy::remove(),
        );
    } else if let Some(label) = &code.label
        && codes.iter().any(|known| known.label.as_ref() == Some(label))
    {
        let what = format!("the label `{}` stands for two codes", typed::shown(label));
        mistakes.add(node.at, what, Remedy::remove().advised("give it a label of its own"));
    }
}

/// Notes reasons whose words no list of reasons has.
pub(super) fn check_reasons(section: Option<&Node>, lists: &CodeLists, mistakes: &mut Mistakes<'_>) {
    let Some(Item::Table(table)) = section.map(|node| &node.item) else { return };
    let known: Vec<&List> =
        [DECLINE_REASONS, ERROR_REASONS].iter().filter_map(|name| lists.list(name)).collect();
    if known.iter().any(|list| list.own) {
        return;
    }
    let words: Vec<&str> =
        known.iter().flat_map(|list| &list.codes).map(|listed| listed.code.as_str()).collect();
    for entry in &table.entries {
        if let Item::Text(text) = &entry.node.item
            && text != stages::OFF
            && !words.contains(&text.as_str())
        {
            let what = format!("`{}` is not a reason that the portal knows", typed::shown(text));
            let remedy = similar::loosely(text, words.iter().copied())
                .map_or_else(|| Remedy::text(stages::OFF), Remedy::text)
                .advised("the words are those of the lists `decline_reasons` and `error_reasons`");
            mistakes.add(entry.node.at, what, remedy);
        }
    }
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
