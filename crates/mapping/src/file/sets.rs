//! Set-valued fields of the file: solutions, people and the team.

use std::collections::BTreeMap;

use deal_model::{FieldId, Measure, PerSide};

use super::{
    codecs,
    fields::Shape,
    mistakes::{At, Mistakes},
    remedy::Remedy,
    tree::{Entry, Table},
    typed,
};
use crate::{Attribute, KeyForm, PortalPath, SetBinding, SetSource, When};

pub(super) const ROW_KEYS: &[&str] = &["relationship", "object", "parent", "key", "unique_key", "primary"];
pub(super) const ATTRIBUTE_KEYS: &[&str] = &["type", "partner_center", "salesforce", "max_length", "values"];
/// Types that an attribute may have: those whose value stands in one member and one column.
pub(super) const ATTRIBUTE_TYPES: &[&str] =
    &["text", "phone", "long_text", "number", "currency", "country", "date", "flag", "choice"];
/// Most elements of a list on a deal (partner-center reference, section 4.5).
pub(super) const MOST_ELEMENTS: usize = 50;

pub(super) fn read(
    id: &str,
    type_name: &str,
    portal: Option<PortalPath>,
    table: &Table,
    at: At,
    mistakes: &mut Mistakes<'_>,
) -> Option<Shape> {
    let (crm, key_form, usual_key) = match type_name {
        "people" => (Some(SetSource::ContactRoles), KeyForm::LowerCase, "email"),
        "team" => {
            let role = table.get("role").and_then(|node| typed::text(node, mistakes)).map(str::to_owned);
            (Some(SetSource::Team { role }), KeyForm::LowerCase, "email")
        }
        _ => (rows(table, at, mistakes), KeyForm::Exact, "id"),
    };
    let key_member = table.get("key").and_then(|node| typed::text(node, mistakes)).unwrap_or(usual_key);
    let attributes = table.get("attributes").and_then(|node| typed::table(node, mistakes));
    let attributes = attributes.map(|table| table.entries.as_slice()).unwrap_or_default();
    let attributes: Vec<Attribute> =
        attributes.iter().filter_map(|entry| attribute(entry, mistakes)).collect();
    let constants: BTreeMap<_, _> = table
        .get("constants")
        .map(|node| typed::pairs(node, mistakes))
        .unwrap_or_default()
        .into_iter()
        .collect();
    let when = table
        .get("when")
        .and_then(|node| typed::meaning(node, &[("always", When::Always), ("help", When::Help)], mistakes));
    let min = table.get("min").and_then(|node| typed::count(node, 0, mistakes)).unwrap_or(0);
    let max = table.get("max").and_then(|node| typed::count(node, 1, mistakes)).unwrap_or(MOST_ELEMENTS);
    if let Some(entry) = table.entry("max")
        && max > MOST_ELEMENTS
    {
        mistakes.add(
            entry.node.at,
            format!("the portal takes no more than {MOST_ELEMENTS}"),
            Remedy::value(MOST_ELEMENTS.to_string()),
        );
    }
    if let Some(entry) = table.entry("min")
        && min > max
    {
        let remedy = Remedy::value(max.to_string());
        mistakes.add(entry.node.at, "the least number is above the most", remedy);
    }
    let remove =
        table.get("remove").map(|node| typed::per_direction(node, mistakes, typed::flag)).unwrap_or_default();
    let Some(portal_array) = portal else {
        if table.get("partner_center").is_none() {
            mistakes.add(
                at,
                "the set has no place at Partner Center",
                Remedy::remove().advised("add `partner_center` with the array's pointer"),
            );
        }
        return None;
    };
    let binding = SetBinding {
        field: FieldId::new(id),
        portal_array,
        key_member: key_member.to_owned(),
        key_form,
        attributes,
        constants,
        crm: crm?,
        when: when.unwrap_or_default(),
    };
    let remove = PerSide { portal: remove.portal.unwrap_or_default(), crm: remove.crm.unwrap_or_default() };
    Some(Shape::Set { binding: Box::new(binding), min, max, remove })
}

fn rows(table: &Table, at: At, mistakes: &mut Mistakes<'_>) -> Option<SetSource> {
    let Some(node) = table.get("rows") else {
        mistakes.add(
            at,
            "the set does not say which rows hold it",
            Remedy::remove().advised("add `rows` with the child object and its columns"),
        );
        return None;
    };
    let rows = typed::table(node, mistakes)?;
    typed::known_keys(rows, ROW_KEYS, "`rows`", mistakes);
    let mut name = |key: &str| {
        let Some(node) = rows.get(key) else {
            mistakes.add(
                node.at,
                format!("`rows` does not name `{key}`"),
                Remedy::remove().advised(format!("add `{key}` with an API name")),
            );
            return None;
        };
        typed::api_name(node, mistakes)
    };
    let [relationship, object, parent_field, key_column, unique_key_column] =
        ["relationship", "object", "parent", "key", "unique_key"].map(&mut name);
    Some(SetSource::Children {
        relationship: relationship?,
        object: object?,
        parent_field: parent_field?,
        key_column: key_column?,
        unique_key_column: unique_key_column?,
        primary_column: rows.get("primary").and_then(|node| typed::api_name(node, mistakes)),
    })
}

fn attribute(entry: &Entry, mistakes: &mut Mistakes<'_>) -> Option<Attribute> {
    let table = typed::table(&entry.node, mistakes)?;
    typed::known_keys(table, ATTRIBUTE_KEYS, "an attribute", mistakes);
    let (Some(member), Some(column)) = (table.get("partner_center"), table.get("salesforce")) else {
        let what = format!("the attribute `{}` is not on both sides", typed::shown(&entry.key));
        let remedy = Remedy::remove().advised("name its `partner_center` member and its `salesforce` column");
        mistakes.add(entry.key_at, what, remedy);
        return None;
    };
    let type_name = match table.get("type") {
        Some(node) => typed::one_of(node, ATTRIBUTE_TYPES, mistakes)?,
        None => "text",
    };
    Some(Attribute {
        name: entry.key.clone(),
        portal_member: typed::text(member, mistakes)?.to_owned(),
        crm_column: typed::api_name(column, mistakes)?,
        max_chars: table.get("max_length").and_then(|node| typed::count(node, 1, mistakes)),
        measure: Measure::default(),
        codec: codecs::read(type_name, table, None, entry.key_at, mistakes)?,
    })
}
