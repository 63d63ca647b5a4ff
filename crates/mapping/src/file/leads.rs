//! The `[leads]` section.

use deal_model::FieldId;

use super::{
    codecs,
    mistakes::Mistakes,
    remedy::Remedy,
    tree::{Entry, Table},
    typed,
};
use crate::{LeadField, Leads};

pub(super) const KEYS: &[&str] = &["create", "owner", "status", "identifier", "note", "fields"];
pub(super) const FIELD_KEYS: &[&str] =
    &["type", "partner_center", "salesforce", "max_length", "default", "values", "none"];
/// Types whose value stands in one member and one column.
pub(super) const TYPES: &[&str] =
    &["text", "long_text", "number", "currency", "country", "date", "flag", "choice"];

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> Leads {
    let mut leads = Leads::default();
    let Some(node) = file.get("leads") else { return leads };
    let Some(section) = typed::table(node, mistakes) else { return leads };
    typed::known_keys(section, KEYS, "[leads]", mistakes);
    let get = |key: &str| section.get(key);
    leads.create = get("create").and_then(|node| typed::flag(node, mistakes)).unwrap_or_default();
    leads.owner = get("owner").and_then(|node| typed::text(node, mistakes)).map(str::to_owned);
    if let Some(status) = get("status").and_then(|node| typed::text(node, mistakes)) {
        status.clone_into(&mut leads.status);
    }
    for (key, slot) in [("identifier", &mut leads.identifier), ("note", &mut leads.note)] {
        if let Some(name) = get(key).and_then(|node| typed::api_name(node, mistakes)) {
            *slot = name;
        }
    }
    let fields = get("fields").and_then(|node| typed::table(node, mistakes));
    let entries = fields.map(|table| table.entries.as_slice()).unwrap_or_default();
    leads.fields = entries.iter().filter_map(|entry| field(entry, mistakes)).collect();
    if leads.create && leads.owner.is_none() {
        mistakes.add(
            section.entry("create").map_or(node.at, |entry| entry.key_at),
            "leads may be created, but nobody would own them",
            Remedy::say(["leads", "create"], "false")
                .advised("set `owner` to a user's name, or to the identifier of a user or a queue"),
        );
    }
    for required in ["LastName", "Company"] {
        let has = |field: &LeadField| field.column.as_str() == required && field.default.is_some();
        if leads.create && !leads.fields.iter().any(has) {
            mistakes.add(
                node.at,
                format!(
                    "no field of [leads.fields] fills {required} with a default, and Salesforce needs it"
                ),
                Remedy::say(["leads", "create"], "false")
                    .advised(format!("map one to `{required}`, with a `default`")),
            );
        }
    }
    leads
}

fn field(entry: &Entry, mistakes: &mut Mistakes<'_>) -> Option<LeadField> {
    let table = typed::table(&entry.node, mistakes)?;
    typed::known_keys(table, FIELD_KEYS, "a field of a lead", mistakes);
    let (Some(portal), Some(column)) = (table.get("partner_center"), table.get("salesforce")) else {
        let what = format!("the field `{}` is not on both sides", typed::shown(&entry.key));
        let remedy =
            Remedy::remove().advised("name its `partner_center` pointer and its `salesforce` column");
        mistakes.add(entry.key_at, what, remedy);
        return None;
    };
    let type_name = match table.get("type") {
        Some(node) => typed::one_of(node, TYPES, mistakes)?,
        None => "text",
    };
    Some(LeadField {
        field: FieldId::new(&entry.key),
        portal: typed::portal_path(portal, mistakes)?,
        column: typed::api_name(column, mistakes)?,
        codec: codecs::read(type_name, table, None, entry.key_at, mistakes)?,
        max_chars: table.get("max_length").and_then(|node| typed::count(node, 1, mistakes)),
        default: table.get("default").and_then(|node| typed::text(node, mistakes)).map(str::to_owned),
    })
}
