//! Typed reading of a tree's values. A reader that meets another type notes it and gives nothing.

use deal_model::PerSide;

use super::{
    mistakes::Mistakes,
    place,
    remedy::{Remedy, quoted},
    similar,
    tree::{Item, Node, Table},
};
use crate::{ApiName, CrmPath, PathError, PortalPath, ROOT_OBJECT};

/// The two directions, as the file calls them.
pub(super) const DIRECTIONS: &[&str] = &["to_salesforce", "to_partner_center"];

/// Notes every key that is not `known`. `owner` is what the keys belong to.
pub(super) fn known_keys(table: &Table, known: &[&str], owner: &str, mistakes: &mut Mistakes<'_>) {
    for entry in &table.entries {
        if !known.contains(&entry.key.as_str()) {
            let remedy = similar::key(&entry.key, known)
                .unwrap_or_else(|| Remedy::remove().advised(format!("{owner} may hold {}", listed(known))));
            mistakes.add(entry.key_at, format!("`{}` is not a key of {owner}", shown(&entry.key)), remedy);
        }
    }
}

/// Names as a sentence has them.
pub(super) fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A key as a message shows it: on one line, not too long.
pub(super) fn shown(key: &str) -> String {
    key.escape_debug().to_string().chars().take(80).collect()
}

fn wrong_type(node: &Node, wanted: &str, remedy: Remedy, mistakes: &mut Mistakes<'_>) {
    mistakes.add(node.at, format!("this is {}, and should be {wanted}", node.kind()), remedy);
}

/// The value's content in quotes, if it has any.
fn in_quotes(node: &Node) -> Remedy {
    match &node.item {
        Item::Integer { digits: text, .. } | Item::Float(text) | Item::Date(text) => Remedy::text(text),
        Item::List(items) => match items.first().map(|first| &first.item) {
            Some(Item::Text(text)) if !text.trim().is_empty() => Remedy::text(text),
            _ => Remedy::remove(),
        },
        Item::Text(_) | Item::Flag(_) | Item::Table(_) => Remedy::remove(),
    }
}

/// What a word or a number means as a flag. No is the safe answer where it says neither, unless leaving out says more.
fn yes_or_no(node: &Node) -> Remedy {
    match &node.item {
        Item::Text(text) => match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Remedy::value("true"),
            "false" | "no" | "off" | "0" => Remedy::value("false"),
            _ => Remedy::remove(),
        },
        Item::Integer { digits, .. } if digits == "0" || digits == "1" => {
            Remedy::value(if digits == "1" { "true" } else { "false" })
        }
        _ => Remedy::remove(),
    }
}

/// The number that stands in quotes, or before the point.
fn whole(node: &Node) -> Remedy {
    let text = match &node.item {
        Item::Text(text) | Item::Float(text) => text.trim().split(['.', ',']).next().unwrap_or_default(),
        _ => "",
    };
    text.parse::<i64>().map_or_else(|_| Remedy::remove(), |number| Remedy::value(number.to_string()))
}

/// The one value as a list of one.
fn listed_alone(node: &Node) -> Remedy {
    match &node.item {
        Item::Text(text) if !text.trim().is_empty() => Remedy::value(format!("[{}]", quoted(text))),
        Item::Integer { digits, radix: 10 } => Remedy::value(format!("[{digits}]")),
        _ => Remedy::remove(),
    }
}

pub(super) fn table<'n>(node: &'n Node, mistakes: &mut Mistakes<'_>) -> Option<&'n Table> {
    let Item::Table(table) = &node.item else {
        wrong_type(node, "a table", Remedy::remove(), mistakes);
        return None;
    };
    Some(table)
}

pub(super) fn list<'n>(node: &'n Node, mistakes: &mut Mistakes<'_>) -> Option<&'n [Node]> {
    let Item::List(items) = &node.item else {
        wrong_type(node, "a list in square brackets", listed_alone(node), mistakes);
        return None;
    };
    Some(items)
}

/// Text that says something: an empty one is a mistake too.
pub(super) fn text<'n>(node: &'n Node, mistakes: &mut Mistakes<'_>) -> Option<&'n str> {
    match &node.item {
        Item::Text(text) if text.trim().is_empty() => {
            let remedy = Remedy::remove().advised("fill it in or leave the key out");
            mistakes.add(node.at, "the text is empty", remedy);
            None
        }
        Item::Text(text) => Some(text),
        _ => {
            wrong_type(node, "a text in quotes", in_quotes(node), mistakes);
            None
        }
    }
}

pub(super) fn texts(node: &Node, mistakes: &mut Mistakes<'_>) -> Vec<String> {
    let items = list(node, mistakes).unwrap_or_default();
    items.iter().filter_map(|item| text(item, mistakes).map(str::to_owned)).collect()
}

pub(super) fn flag(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<bool> {
    let Item::Flag(flag) = &node.item else {
        wrong_type(node, "true or false", yes_or_no(node), mistakes);
        return None;
    };
    Some(*flag)
}

pub(super) fn integer(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<i64> {
    let Item::Integer { digits, radix } = &node.item else {
        wrong_type(node, "a whole number", whole(node), mistakes);
        return None;
    };
    let number = i64::from_str_radix(&digits.replace('_', ""), *radix).ok();
    if number.is_none() {
        mistakes.add(node.at, "the number is out of bounds", Remedy::remove().advised("write a smaller one"));
    }
    number
}

/// A whole number of at least `least`.
pub(super) fn count(node: &Node, least: usize, mistakes: &mut Mistakes<'_>) -> Option<usize> {
    let number = integer(node, mistakes)?;
    let count = usize::try_from(number).ok().filter(|count| *count >= least);
    if count.is_none() {
        let remedy = Remedy::value(least.to_string()).advised(format!("write {least} or more"));
        mistakes.add(node.at, format!("{number} is out of bounds"), remedy);
    }
    count
}

/// One of a few words.
pub(super) fn one_of<'w>(node: &Node, words: &[&'w str], mistakes: &mut Mistakes<'_>) -> Option<&'w str> {
    let text = text(node, mistakes)?;
    let word = words.iter().copied().find(|word| *word == text);
    if word.is_none() {
        let remedy = similar::word(text, words);
        mistakes.add(node.at, format!("`{}` is not known here", shown(text)), remedy);
    }
    word
}

/// The same, with what each word means.
pub(super) fn meaning<T: Copy>(node: &Node, words: &[(&str, T)], mistakes: &mut Mistakes<'_>) -> Option<T> {
    let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let word = one_of(node, &names, mistakes)?;
    words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
}

pub(super) fn api_name(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<ApiName> {
    let likely = |text: &str| {
        let name: String =
            text.chars().take_while(|each| each.is_ascii_alphanumeric() || *each == '_').collect();
        ApiName::parse(&name).ok().map(|_| name)
    };
    parsed(node, ApiName::parse, likely, "write the API name that Salesforce's setup shows", mistakes)
}

pub(super) fn portal_path(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<PortalPath> {
    let likely = |text: &str| {
        similar::nearest(
            &format!("/{}", text.trim().trim_start_matches('/').replace(['.', ' '], "/")),
            place::paths(),
        )
        .map(str::to_owned)
    };
    parsed(node, PortalPath::parse, likely, "write a pointer like `/details/dealValue`", mistakes)
}

pub(super) fn crm_path(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<CrmPath> {
    let likely = |text: &str| {
        let path = format!("{ROOT_OBJECT}.{text}");
        CrmPath::parse(&path).ok().map(|_| path)
    };
    parsed(
        node,
        CrmPath::parse,
        likely,
        "write a path like `Opportunity.Amount` or `Opportunity.Account.Name`",
        mistakes,
    )
}

fn parsed<T>(
    node: &Node,
    parse: fn(&str) -> Result<T, PathError>,
    likely: impl Fn(&str) -> Option<String>,
    advice: &str,
    mistakes: &mut Mistakes<'_>,
) -> Option<T> {
    let text = text(node, mistakes)?;
    match parse(text) {
        Ok(value) => Some(value),
        Err(error) => {
            let remedy = likely(text).map_or_else(Remedy::remove, |likely| Remedy::text(&likely));
            mistakes.add(node.at, error.to_string(), remedy.advised(advice));
            None
        }
    }
}

/// A table of texts, in the file's order.
pub(super) fn pairs(node: &Node, mistakes: &mut Mistakes<'_>) -> Vec<(String, String)> {
    let Some(table) = table(node, mistakes) else { return Vec::new() };
    let pairs = table.entries.iter().map(|entry| (&entry.key, text(&entry.node, mistakes)));
    pairs.filter_map(|(key, text)| text.map(|text| (key.clone(), text.to_owned()))).collect()
}

/// A value for both directions, or a table with one for each: `on.to_salesforce = [...]`.
pub(super) fn per_direction<'s, T>(
    node: &Node,
    mistakes: &mut Mistakes<'s>,
    mut read: impl FnMut(&Node, &mut Mistakes<'s>) -> Option<T>,
) -> PerSide<Option<T>> {
    match &node.item {
        Item::Table(table) => {
            known_keys(table, DIRECTIONS, "a value by direction", mistakes);
            PerSide {
                portal: table.get("to_partner_center").and_then(|node| read(node, mistakes)),
                crm: table.get("to_salesforce").and_then(|node| read(node, mistakes)),
            }
        }
        _ => PerSide { portal: read(node, mistakes), crm: read(node, mistakes) },
    }
}
