//! Each wanted field against its description: there, of the right type, long enough, unique, writable, complete.

use salesforce::{FieldDescribe, FieldType};

use super::wishes::{Wish, Wishes};
use crate::{Finding, salesforce::schema::Schema};

/// Most missing values that a line names.
const MAX_NAMED: usize = 5;

/// A line for every field of the product's own, and one for each other field that does not fit. Fields of an object
/// that cannot be seen are told with the object.
pub(super) fn compared(schema: &Schema, wishes: &Wishes) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((object, name), wish) in &wishes.0 {
        let Some(described) = schema.object(object) else { continue };
        let (id, title) = (format!("salesforce.field.{object}.{name}"), format!("{object}.{name}"));
        match described.field(name) {
            None => findings.push(Finding::fail(
                id,
                title,
                "The field is not installed, or the integration user has no field-level access to it: both look \
                 the same.",
                format!(
                    "Install the field, or give the integration user's permission set read{} access to it.",
                    if wish.create || wish.update { " and edit" } else { "" }
                ),
            )),
            Some(field) => match unfit(field, wish) {
                Some((evidence, mend)) => findings.push(Finding::fail(id, title, evidence, mend)),
                None if wish.ours => findings.push(Finding::pass(id, title, shape(field))),
                None => {}
            },
        }
    }
    findings
}

/// What is wrong with the field, and how to mend it.
fn unfit(field: &FieldDescribe, wish: &Wish) -> Option<(String, String)> {
    if !wish.kinds.is_empty() && !wish.kinds.contains(&field.kind) {
        let wanted: Vec<String> = wish.kinds.iter().map(type_name).collect();
        let evidence = format!("Its type is {}; it must be {}.", type_name(&field.kind), wanted.join(" or "));
        return Some((evidence, "Map another field, or replace this one in Setup.".to_owned()));
    }
    let is_text = matches!(field.kind, FieldType::String | FieldType::Textarea | FieldType::Url);
    if is_text && field.length < wish.length {
        let evidence = format!("It holds {} characters; {} are needed.", field.length, wish.length);
        let mend = if wish.unique {
            "Make it longer in Setup, or map a longer field.".to_owned()
        } else {
            format!(
                "Make it longer in Setup, or set max_length = {} on the field of the mapping.",
                field.length
            )
        };
        return Some((evidence, mend));
    }
    if wish.unique && !(field.unique && field.external_id) {
        let lacks = match (field.unique, field.external_id) {
            (false, false) => "neither unique nor an external id",
            (false, true) => "an external id, but not unique",
            _ => "unique, but no external id",
        };
        return Some((
            format!("It is {lacks}: a lost answer could create a second record."),
            "Tick \"Unique\" and \"External ID\" on the field in Setup, or name another field that is both under \
             [names] unique_key of the mapping."
                .to_owned(),
        ));
    }
    let lacking = match (wish.create && !field.createable, wish.update && !field.updateable) {
        (true, true) => "neither set on new records nor changed",
        (true, false) => "not be set on new records",
        (false, true) => "not be changed",
        (false, false) => return missing_values(field, wish),
    };
    let why = if field.calculated { "it is a formula" } else { "it is read-only, or access is" };
    let evidence = format!("It can {lacking} by the integration user: {why}.");
    let mend = "Give the integration user's permission set edit access, or set the field's direction to \
                to_partner_center in the mapping.";
    Some((evidence, mend.to_owned()))
}

fn missing_values(field: &FieldDescribe, wish: &Wish) -> Option<(String, String)> {
    if !field.restricted_picklist {
        return None;
    }
    let offered = |value: &&String| !field.picklist_values.iter().any(|it| it.active && it.value == **value);
    let missing: Vec<&str> = wish.values.iter().filter(offered).map(String::as_str).collect();
    if missing.is_empty() {
        return None;
    }
    let named = missing.iter().take(MAX_NAMED).map(|value| format!("\"{value}\"")).collect::<Vec<_>>();
    let more = missing.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let evidence =
        format!("The picklist is restricted and lacks {}{more}: such a value is refused.", named.join(", "));
    Some((evidence, "Add the values to the picklist in Setup, or change the mapping's table.".to_owned()))
}

fn shape(field: &FieldDescribe) -> String {
    let mut parts = vec![type_name(&field.kind)];
    if field.length > 0 && !matches!(field.kind, FieldType::Picklist | FieldType::Url) {
        parts.push(format!("{} characters", field.length));
    }
    if field.unique {
        parts.push("unique".to_owned());
    }
    if field.external_id {
        parts.push("external id".to_owned());
    }
    if !field.picklist_values.is_empty() {
        parts.push(format!("{} values", field.picklist_values.iter().filter(|value| value.active).count()));
    }
    parts.join(", ")
}

/// The type as Setup calls it.
fn type_name(kind: &FieldType) -> String {
    match kind {
        FieldType::String => "text",
        FieldType::Textarea => "long text",
        FieldType::Boolean => "checkbox",
        FieldType::Int | FieldType::Double => "number",
        FieldType::Currency => "currency",
        FieldType::Percent => "percent",
        FieldType::Date => "date",
        FieldType::Datetime => "date/time",
        FieldType::Picklist => "picklist",
        FieldType::Multipicklist => "multi-select picklist",
        FieldType::Combobox => "combobox",
        FieldType::Reference => "lookup",
        FieldType::Email => "e-mail",
        FieldType::Phone => "phone",
        FieldType::Url => "URL",
        FieldType::Id => "id",
        FieldType::Other(name) => name,
    }
    .to_owned()
}
