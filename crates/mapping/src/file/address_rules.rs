//! The file of address rules: what each country demands of the parts of an address.

use std::collections::BTreeMap;

use deal_model::{LocalRule, Need, Spelling};

use super::{
    conditions::check_country,
    mistakes::Mistakes,
    tree::{self, Node, Table},
    typed,
};
use crate::{AddressPart, AddressRules, MappingError, Source};

const KEYS: &[&str] = &["version", "general", "countries"];
const COUNTRY_KEYS: &[&str] = &["needs", "unused", "postal_codes", "state_as", "states"];
const PARTS: &[(&str, AddressPart)] = &[
    ("street", AddressPart::Street),
    ("city", AddressPart::City),
    ("state", AddressPart::State),
    ("postal_code", AddressPart::PostalCode),
];
const SPELLINGS: &[(&str, Spelling)] =
    &[("either", Spelling::Either), ("code", Spelling::Code), ("name", Spelling::Name)];

/// The rules of a file.
pub(crate) fn read(source: Source<'_>) -> Result<AddressRules, Vec<MappingError>> {
    let sources = [source];
    let mut mistakes = Mistakes::new(&sources);
    let mut rules = AddressRules::default();
    if let Some(tree) = tree::parse(0, source.text, &mut mistakes) {
        typed::known_keys(&tree, KEYS, "the address rules", &mut mistakes);
        if let Some(node) = tree.get("general") {
            rules.general = country(node, &mut mistakes);
        }
        let countries = tree.get("countries").and_then(|node| typed::table(node, &mut mistakes));
        for entry in countries.map(|table| table.entries.as_slice()).unwrap_or_default() {
            let key = Node { at: entry.key_at, item: tree::Item::Text(entry.key.clone()) };
            check_country(&key, &entry.key, &mut mistakes);
            rules.countries.insert(entry.key.to_ascii_uppercase(), country(&entry.node, &mut mistakes));
        }
    }
    if mistakes.is_empty() { Ok(rules) } else { Err(mistakes.into_errors()) }
}

fn country(node: &Node, mistakes: &mut Mistakes<'_>) -> BTreeMap<AddressPart, LocalRule> {
    let mut rules: BTreeMap<AddressPart, LocalRule> = BTreeMap::new();
    let Some(table) = typed::table(node, mistakes) else { return rules };
    typed::known_keys(table, COUNTRY_KEYS, "a country", mistakes);
    for (key, need) in [("needs", Need::Needed), ("unused", Need::Unused)] {
        for part in parts(table, key, mistakes) {
            rules.entry(part).or_default().need = need;
        }
    }
    if let Some(node) = table.get("postal_codes") {
        rules.entry(AddressPart::PostalCode).or_default().forms = typed::texts(node, mistakes);
    }
    if let Some(node) = table.get("states") {
        rules.entry(AddressPart::State).or_default().members =
            typed::pairs(node, mistakes).into_iter().collect();
    }
    if let Some(spelling) = table.get("state_as").and_then(|node| typed::meaning(node, SPELLINGS, mistakes)) {
        rules.entry(AddressPart::State).or_default().spelling = spelling;
    }
    rules
}

fn parts(table: &Table, key: &str, mistakes: &mut Mistakes<'_>) -> Vec<AddressPart> {
    let Some(node) = table.get(key) else { return Vec::new() };
    let items = typed::list(node, mistakes).unwrap_or_default();
    items.iter().filter_map(|item| typed::meaning(item, PARTS, mistakes)).collect()
}
