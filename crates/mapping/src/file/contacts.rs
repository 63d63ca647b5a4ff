//! The `[contacts]` section: how a person of the referral is found among the contacts.

use super::{mistakes::Mistakes, remedy::Remedy, tree::Table, typed};
use crate::{ContactKey, ContactRules, ContactScope};

pub(super) const KEYS: &[&str] = &["match", "among", "create", "role", "primary"];
const RULES: &[(&str, ContactKey)] = &[("email", ContactKey::Email), ("name", ContactKey::Name)];
const SCOPES: &[(&str, ContactScope)] =
    &[("account", ContactScope::Account), ("everywhere", ContactScope::Everywhere)];

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> ContactRules {
    let mut rules = ContactRules::default();
    let Some(section) = file.get("contacts").and_then(|node| typed::table(node, mistakes)) else {
        return rules;
    };
    typed::known_keys(section, KEYS, "[contacts]", mistakes);
    if let Some(node) = section.get("match") {
        let listed = typed::list(node, mistakes).unwrap_or_default();
        rules.rules = listed.iter().filter_map(|rule| typed::meaning(rule, RULES, mistakes)).collect();
        if rules.rules.first().is_some_and(|first| *first != ContactKey::Email) || listed.is_empty() {
            mistakes.add(
                node.at,
                "a contact is found by its e-mail address first: that is what ties it to the referral's person",
                Remedy::value(if rules.rules.contains(&ContactKey::Name) {
                    "[\"email\", \"name\"]"
                } else {
                    "[\"email\"]"
                })
                .advised("name it first"),
            );
        }
    }
    if let Some(scope) = section.get("among").and_then(|node| typed::meaning(node, SCOPES, mistakes)) {
        rules.scope = scope;
    }
    if let Some(create) = section.get("create").and_then(|node| typed::flag(node, mistakes)) {
        rules.create = create;
    }
    rules.role = section.get("role").and_then(|node| typed::text(node, mistakes)).map(str::to_owned);
    if let Some(primary) = section.get("primary").and_then(|node| typed::flag(node, mistakes)) {
        rules.primary = primary;
    }
    rules
}
