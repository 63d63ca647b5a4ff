//! The `[inbound]` and `[opt_in]` sections.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{
    mistakes::Mistakes,
    tree::{Item, Node, Table},
    typed,
};
use crate::{AccountRule, Condition, ConditionField, Inbound, OptIn, Route, RouteRule};

const KEYS: &[&str] = &["create", "since", "where", "account", "default_owner", "route"];
const ROUTE_KEYS: &[&str] = &["where", "owner", "record_type", "campaign"];
const ACCOUNT_RULES: &[(&str, AccountRule)] =
    &[("match", AccountRule::Match), ("create", AccountRule::Create), ("ask", AccountRule::Ask)];
const CONDITION_FIELDS: &[(&str, ConditionField)] = &[
    ("country", ConditionField::Country),
    ("solution", ConditionField::Solution),
    ("partner_id", ConditionField::PartnerId),
];

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> Inbound {
    let mut inbound = Inbound::default();
    let Some(node) = file.get("inbound") else { return inbound };
    let Some(section) = typed::table(node, mistakes) else { return inbound };
    typed::known_keys(section, KEYS, "[inbound]", mistakes);
    let get = |key: &str| section.get(key);
    if let Some(create) = get("create").and_then(|node| typed::flag(node, mistakes)) {
        inbound.create = create;
    }
    inbound.since = get("since").and_then(|node| date(node, mistakes));
    inbound.conditions = get("where").map(|node| conditions(node, mistakes)).unwrap_or_default();
    if let Some(rule) = get("account").and_then(|node| typed::meaning(node, ACCOUNT_RULES, mistakes)) {
        inbound.account = rule;
    }
    inbound.default_owner =
        get("default_owner").and_then(|node| typed::text(node, mistakes)).map(str::to_owned);
    let routes = get("route").and_then(|node| typed::list(node, mistakes)).unwrap_or_default();
    inbound.routes = routes.iter().filter_map(|node| route(node, mistakes)).collect();
    if inbound.create && section.get("default_owner").is_none() {
        mistakes.add(
            section.entry("create").map_or(node.at, |entry| entry.key_at),
            "opportunities may be created, but nobody would own them",
            "set `default_owner` to the user who gets what no route assigns; never the integration user",
        );
    }
    inbound
}

pub(super) fn read_opt_in(file: &Table, mistakes: &mut Mistakes<'_>) -> OptIn {
    let mut opt_in = OptIn::default();
    let Some(section) = file.get("opt_in").and_then(|node| typed::table(node, mistakes)) else {
        return opt_in;
    };
    typed::known_keys(section, &["record_types", "private"], "[opt_in]", mistakes);
    opt_in.record_types =
        section.get("record_types").map(|node| typed::texts(node, mistakes)).unwrap_or_default();
    opt_in.private = section.get("private").and_then(|node| typed::flag(node, mistakes)).unwrap_or_default();
    opt_in
}

fn route(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<RouteRule> {
    let table = typed::table(node, mistakes)?;
    typed::known_keys(table, ROUTE_KEYS, "[[inbound.route]]", mistakes);
    let conditions = table.get("where").map(|node| conditions(node, mistakes)).unwrap_or_default();
    let mut text = |key: &str| table.get(key).and_then(|node| typed::text(node, mistakes)).map(str::to_owned);
    let route = Route { owner: text("owner"), record_type: text("record_type"), campaign: text("campaign") };
    Some(RouteRule { conditions, route })
}

fn conditions(node: &Node, mistakes: &mut Mistakes<'_>) -> Vec<Condition> {
    let items = typed::list(node, mistakes).unwrap_or_default();
    items.iter().filter_map(|item| condition(item, mistakes)).collect()
}

fn condition(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Condition> {
    let table = typed::table(node, mistakes)?;
    typed::known_keys(table, &["field", "in"], "a condition", mistakes);
    let (Some(field), Some(values)) = (table.get("field"), table.get("in")) else {
        mistakes.add(
            node.at,
            "the condition is not whole",
            "write `{ field = \"country\", in = [\"DE\", \"AT\"] }`",
        );
        return None;
    };
    let field = typed::meaning(field, CONDITION_FIELDS, mistakes)?;
    let mut accepted = BTreeSet::new();
    for item in typed::list(values, mistakes)? {
        let Some(text) = typed::text(item, mistakes) else { continue };
        if field != ConditionField::Country {
            accepted.insert(text.trim().to_owned());
        } else if rust_iso3166::from_alpha2(&text.trim().to_ascii_uppercase()).is_some() {
            accepted.insert(text.trim().to_ascii_uppercase());
        } else {
            let what = format!("`{}` is not a country", typed::shown(text));
            mistakes.add(item.at, what, "write the two letters of ISO 3166-1, like `DE`");
        }
    }
    if accepted.is_empty() {
        mistakes.add(
            values.at,
            "no value would pass this condition",
            "name at least one, or leave the condition out",
        );
    }
    Some(Condition { field, values: accepted })
}

fn date(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Date> {
    let parsed = match &node.item {
        Item::Date(text) | Item::Text(text) => {
            text.parse::<Date>().ok().filter(|_| text.len() == "2027-01-31".len())
        }
        _ => None,
    };
    if parsed.is_none() {
        mistakes.add(node.at, "this is not a day", "write it like 2027-01-31, without a time");
    }
    parsed
}
