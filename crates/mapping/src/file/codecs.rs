//! The codec that a field's type and its own keys make, and literals of that codec.

use deal_model::{Side, Value};

use super::{
    fields, lists,
    mistakes::{At, Mistakes},
    remedy::Remedy,
    tree::{Entry, Item, Node, Table},
    typed,
};
use crate::{ChoiceTable, Codec, LinkTemplate, PortalPath, Range, RangeTable, codec::parse_number};

/// Where Partner Center shows a referral.
const REFERRAL_PAGE: &str = "https://partner.microsoft.com/referrals/v2/inbox?id={id}";
/// The key with the place of a second line.
const SECOND_LINE: &str = "second_line";
/// The sides, as a key of the file names them.
const SIDES: &[(&str, Side)] = &[("salesforce", Side::Crm), ("partner_center", Side::Portal)];

/// The codec of a single-valued type.
pub(super) fn read(
    type_name: &str,
    table: &Table,
    list: Option<lists::Named<'_>>,
    at: At,
    mistakes: &mut Mistakes<'_>,
) -> Option<Codec> {
    Some(match type_name {
        "text" => match table.get(SECOND_LINE) {
            Some(node) => Codec::Lines { second: second_line(node, table, mistakes)? },
            None => Codec::Text,
        },
        "phone" => Codec::Phone,
        "long_text" => match table.get("html").and_then(|node| typed::meaning(node, SIDES, mistakes)) {
            Some(side) => Codec::Html(side),
            None => Codec::LongText,
        },
        "number" => Codec::Number,
        "money" => Codec::Money,
        "currency" => Codec::Currency,
        "country" => Codec::Country,
        "flag" => Codec::Flag,
        "record_id" => Codec::RecordId,
        "names" => Codec::Names,
        "date" => Codec::Date {
            nearest_midnight: table
                .get("nearest_midnight")
                .and_then(|node| typed::flag(node, mistakes))
                .unwrap_or_default(),
        },
        "choice" => Codec::Choice(choices(table, list, mistakes)),
        "attribute" => {
            let Some(node) = table.get("attribute") else {
                mistakes.add(
                    at,
                    "the attribute's type is missing",
                    Remedy::remove().advised("add `attribute = \"CustomerMarketplaceIntent\"` or the like"),
                );
                return None;
            };
            let attribute = typed::text(node, mistakes)?.to_owned();
            Codec::Attribute { attribute, choices: choices(table, list, mistakes) }
        }
        "range" => {
            let Some(node) = table.get("ranges") else {
                let remedy = Remedy::remove().advised("add `ranges = { code = [from, to] }`");
                mistakes.add(at, "a range field needs its ranges", remedy);
                return None;
            };
            Codec::Range(ranges(node, list, mistakes)?)
        }
        "link" => {
            let Some(node) = table.get("template") else {
                let remedy = Remedy::remove().advised("add `template = \"https://...{id}\"`");
                mistakes.add(at, "a link needs a template", remedy);
                return None;
            };
            let template = LinkTemplate::parse(typed::text(node, mistakes)?);
            if template.is_none() {
                mistakes.add(
                    node.at,
                    "this is not a link's template",
                    Remedy::text(REFERRAL_PAGE).advised("write an https address that holds `{id}` once"),
                );
            }
            Codec::Link(template?)
        }
        "profile_id" => {
            let Some(node) = table.get("profile") else {
                mistakes.add(
                    at,
                    "the identifier's type is missing",
                    Remedy::remove().advised("add `profile = \"Duns\"` or `\"External\"`"),
                );
                return None;
            };
            let profile = typed::one_of(node, &["Duns", "External"], mistakes)?;
            Codec::ProfileId { profile_type: profile.to_owned() }
        }
        _ => return None,
    })
}

/// The member with the second line of a text whose first line stands elsewhere.
fn second_line(node: &Node, table: &Table, mistakes: &mut Mistakes<'_>) -> Option<PortalPath> {
    let second = fields::portal_path(node, table, mistakes)?;
    let first = match table.get("partner_center").map(|node| &node.item) {
        Some(Item::Text(first)) => Some(first.as_str()),
        _ => None,
    };
    let what = match first {
        Some(first) if first != second.as_str() => return Some(second),
        Some(_) => format!("`{second}` cannot hold both lines"),
        None => "a second line needs `partner_center`, the member with the first one".to_owned(),
    };
    mistakes.add(node.at, what, Remedy::remove().advised("name the two members"));
    None
}

/// Names in Salesforce against codes: the field's own table, and what its list adds.
fn choices(table: &Table, list: Option<lists::Named<'_>>, mistakes: &mut Mistakes<'_>) -> ChoiceTable {
    let values = table.get("values");
    let none = table.get("none");
    if let Some(list) = list {
        values.inspect(|node| list.check_table(node, mistakes));
        if let Some(Node { item: Item::Text(code), .. }) = none {
            none.inspect(|node| list.check(code, node, mistakes));
        }
    }
    let mut pairs = values.map(|node| typed::pairs(node, mistakes)).unwrap_or_default();
    let none = none.and_then(|node| typed::text(node, mistakes)).map(str::to_owned);
    if let Some(Node { item: Item::Table(table), .. }) = values {
        check_twins(table, none.as_deref(), mistakes);
    }
    if let Some(list) = list {
        let labelled = list.labelled(&pairs).into_iter();
        pairs.extend(labelled.filter(|(_, code)| none.as_ref() != Some(code)));
    }
    ChoiceTable::new(pairs, none)
}

/// Notes lines of a value table that Salesforce does not tell apart, or that contradict what stands for no choice.
///
/// Several names of one code are no mistake: each is read as the code, and the first is written.
fn check_twins(table: &Table, none: Option<&str>, mistakes: &mut Mistakes<'_>) {
    for (place, entry) in table.entries.iter().enumerate() {
        let Item::Text(code) = &entry.node.item else { continue };
        let mut earlier = table.entries[..place].iter();
        let same = |other: &&Entry| other.key.trim().eq_ignore_ascii_case(entry.key.trim());
        if none == Some(code.as_str()) {
            let what = format!("`{}` stands for no choice, and is one", typed::shown(code));
            mistakes.add(entry.key_at, what, Remedy::remove().advised("leave it out of one of the two"));
        } else if let Some(twin) = earlier.find(same) {
            let what = format!(
                "`{}` differs from `{}` only in its capitals",
                typed::shown(&entry.key),
                typed::shown(&twin.key)
            );
            mistakes.add(entry.key_at, what, Remedy::remove());
        }
    }
}

/// Notes numbers between two ranges that belong to none.
fn check_holes(table: &Table, ranges: &[Range], mistakes: &mut Mistakes<'_>) {
    let mut sorted: Vec<&Range> = ranges.iter().collect();
    sorted.sort_by_key(|range| range.from);
    for pair in sorted.windows(2) {
        let (Some(to), next) = (pair[0].to, pair[1].from) else { continue };
        if let Some(last) = next.checked_sub(1)
            && to < last
            && let Some(node) = table.get(&pair[0].code)
        {
            mistakes.add(
                node.at,
                format!("no code stands for the numbers from {} to {last}", to.saturating_add(1)),
                Remedy::value(format!("[{}, {last}]", pair[0].from)),
            );
        }
    }
}

fn ranges(node: &Node, list: Option<lists::Named<'_>>, mistakes: &mut Mistakes<'_>) -> Option<RangeTable> {
    let mut ranges = Vec::new();
    for entry in &typed::table(node, mistakes)?.entries {
        if let Some(list) = list {
            list.check(&entry.key, &Node { at: entry.key_at, item: Item::Flag(true) }, mistakes);
        }
        let ends: Vec<i64> = typed::list(&entry.node, mistakes)
            .unwrap_or_default()
            .iter()
            .filter_map(|item| typed::integer(item, mistakes))
            .collect();
        match ends[..] {
            [from] => ranges.push(Range { code: entry.key.clone(), from, to: None }),
            [from, to] => ranges.push(Range { code: entry.key.clone(), from, to: Some(to) }),
            _ => mistakes.add(
                entry.node.at,
                "a range has one or two ends",
                Remedy::remove().advised("write `[1, 9]`, or `[20001]` for no end"),
            ),
        }
    }
    let table = RangeTable::new(ranges.clone());
    if let (Some(_), Item::Table(entries)) = (&table, &node.item) {
        check_holes(entries, &ranges, mistakes);
    } else {
        mistakes.add(
            node.at,
            "two ranges overlap, or one ends before it begins",
            Remedy::remove().advised("let each number belong to one code"),
        );
    }
    table
}

/// A literal of the codec's type.
pub(super) fn literal(node: &Node, codec: &Codec, mistakes: &mut Mistakes<'_>) -> Option<Value> {
    let value = match (codec, &node.item) {
        (Codec::Flag, Item::Flag(flag)) => Some(Value::Flag(*flag)),
        (Codec::Number | Codec::Money, Item::Integer { .. }) => {
            typed::integer(node, mistakes).map(|number| Value::Number(number.into()))
        }
        (Codec::Number | Codec::Money, Item::Float(text) | Item::Text(text)) => {
            parse_number(&text.replace('_', "")).map(Value::Number)
        }
        (Codec::Date { .. }, Item::Date(text) | Item::Text(text)) => text.parse().ok().map(Value::Date),
        (Codec::Lines { .. }, Item::Text(text)) => {
            codec.read_crm(&serde_json::Value::String(text.clone())).value().cloned()
        }
        (Codec::Text | Codec::LongText | Codec::Html(_) | Codec::Phone, Item::Text(text)) => {
            Codec::LongText.read_crm(&serde_json::Value::String(text.clone())).value().cloned()
        }
        (Codec::Currency, Item::Text(code)) => {
            iso_currency::Currency::from_code(code).map(|_| Value::Choice(code.clone()))
        }
        (Codec::Country, Item::Text(code)) => {
            rust_iso3166::from_alpha2(code).map(|_| Value::Choice(code.clone()))
        }
        (Codec::Choice(table) | Codec::Attribute { choices: table, .. }, Item::Text(text)) => {
            table.code_of(text).map(|code| Value::Choice(code.to_owned()))
        }
        (Codec::Range(table), Item::Text(code)) => table.has(code).then(|| Value::Choice(code.clone())),
        _ => None,
    };
    if value.is_none() {
        let what = format!("{} cannot be the default of this field", node.kind());
        let remedy =
            Remedy::remove().advised("write a value of the field's type, one of its codes if it has a table");
        mistakes.add(node.at, what, remedy);
    }
    value
}
