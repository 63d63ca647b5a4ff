//! From writes and reports to columns, as this org can hold them.

use std::collections::BTreeMap;

use deal_model::{
    Content, ElementChange, ElementKey, FieldId, GroupHeld, GroupId, Held, Kind, Measure, Value, Write,
};
use mapping::{Mapping, SetBinding, SetSource};
use salesforce::Fields;
use serde_json::Value as Json;
use sync_engine::{Report, SideError};

use super::{
    org_fit, refusal,
    schema::{Currencies, OPPORTUNITY, Schema},
    transform::is_currency,
};

/// How much of the audit field is used, in hundredths (sync rules, section 7).
const AUDIT_SHARE: usize = 90;

/// What a list of writes comes to in columns.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// The opportunity's own.
    pub(super) own: Fields,
    /// Of records that the opportunity points to: (relationship, columns).
    pub(super) parents: BTreeMap<String, Fields>,
    /// Changes of the sets' elements.
    pub(super) sets: Vec<(FieldId, Vec<(ElementKey, ElementChange)>)>,
    /// The groups that write through a parent.
    pub(super) parent_groups: Vec<GroupId>,
}

/// Turns `writes` into columns; a value that this org cannot hold is told before anything is sent.
pub(super) fn columns(mapping: &Mapping, schema: &Schema, writes: &[Write]) -> Result<Columns, SideError> {
    let mut columns = Columns::default();
    for write in writes {
        match &write.content {
            Content::Whole(group) => whole_group(mapping, schema, &write.group, group, &mut columns)?,
            Content::Elements(changes) => {
                let set = mapping.specs().group(&write.group).map(|group| group.lead().id.clone());
                let field =
                    set.ok_or_else(|| refusal::bug("a write names a group that the mapping does not have"))?;
                columns.sets.push((field, changes.clone()));
            }
        }
    }
    Ok(columns)
}

fn whole_group(
    mapping: &Mapping,
    schema: &Schema,
    id: &GroupId,
    group: &GroupHeld,
    columns: &mut Columns,
) -> Result<(), SideError> {
    for (field, held) in group {
        if mapping.set(field).is_some() {
            let puts = held.elements().into_iter().map(|(key, element)| (key, ElementChange::Put(element)));
            columns.sets.push((field.clone(), puts.collect()));
            continue;
        }
        let Some(binding) = mapping.binding(field) else {
            return Err(refusal::bug("a write names a field that the mapping does not have"));
        };
        let Some(path) = &binding.crm else { continue };
        if is_currency(binding) && !currency_fits(schema, id, group, held)? {
            continue;
        }
        let value = match held {
            // A checkbox cannot be empty.
            Held::Empty if binding.codec.kind() == Kind::Flag => Json::Bool(false),
            held => binding.codec.write_crm(held),
        };
        match (path.own_field(), path.parents().next()) {
            (Some("Id"), _) | (None, None) => {}
            (Some(name), _) => {
                org_fit::put(schema, OPPORTUNITY, name, value, &mut columns.own)
                    .map_err(|told| refusal::unfit(OPPORTUNITY, name, told, id))?;
            }
            (None, Some(parent)) => {
                let object = schema.parent(parent).unwrap_or_else(|| parent.to_owned());
                let fields = columns.parents.entry(parent.to_owned()).or_default();
                org_fit::put(schema, &object, path.field(), value, fields)
                    .map_err(|told| refusal::unfit(&object, path.field(), told, id))?;
                if !columns.parent_groups.contains(id) {
                    columns.parent_groups.push(id.clone());
                }
            }
        }
    }
    Ok(())
}

/// Whether the currency is to be written; an error if the org cannot hold it, or if an amount would be left without.
fn currency_fits(schema: &Schema, id: &GroupId, group: &GroupHeld, held: &Held) -> Result<bool, SideError> {
    let refuse = |what: String| Err(refusal::person(what, vec![id.clone()]));
    let Some(Value::Choice(code) | Value::Text(code)) = held.value() else {
        let has_amount = group.values().any(|held| matches!(held.value(), Some(Value::Number(_))));
        return if has_amount { refuse("an amount has no currency".to_owned()) } else { Ok(false) };
    };
    match &schema.currencies {
        Currencies::Many(active) if active.is_empty() || active.contains(code) => Ok(true),
        Currencies::Many(_) => refuse(format!("the currency {code} is not active in the Salesforce org")),
        Currencies::One(Some(only)) if only == code => Ok(false),
        Currencies::One(Some(only)) => {
            refuse(format!("the Salesforce org has one currency, {only}, and the referral is in {code}"))
        }
        Currencies::One(None) => {
            refuse("the Salesforce org has one currency, and the configuration does not say which".to_owned())
        }
    }
}

/// The columns of a row of the set: those of the child, or of the contact.
pub(super) fn row_columns(
    schema: &Schema,
    set: &SetBinding,
    key: &ElementKey,
    element: &deal_model::Element,
    new: bool,
) -> Fields {
    let object = match &set.crm {
        SetSource::Children { object, .. } => object.as_str(),
        SetSource::ContactRoles => super::schema::CONTACT,
        // Users are never written.
        SetSource::Team { .. } => return Fields::new(),
    };
    let mut columns = set.crm_columns(key, element);
    columns.retain(|name, value| {
        let field = schema.field(object, name);
        // An automatic number can be read and not written.
        let writable = field.is_none_or(|field| if new { field.createable } else { field.updateable });
        writable && !(new && value.is_null())
    });
    columns
}

/// The report's columns that this org has and lets us write.
pub(super) fn report_columns(mapping: &Mapping, schema: &Schema, report: &Report) -> Fields {
    let names = mapping.names();
    let mut columns = Fields::new();
    let mut put = |name: &mapping::ApiName, value: &dyn Fn(usize) -> Json| {
        if let Some(field) = schema.field(OPPORTUNITY, name.as_str()).filter(|field| field.updateable) {
            columns.insert(name.as_str().to_owned(), value(field.length as usize));
        }
    };
    let measure = schema.measure;
    put(&names.status, &|length| cut(measure, &report.status, length));
    put(&names.problem, &|length| cut(measure, &report.problem, length));
    put(&names.audit, &|length| whole_lines(measure, &report.audit, length));
    if let Some(at) = report.synced_at {
        put(&names.synced_at, &|_| Json::String(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
    }
    columns
}

fn cut(measure: Measure, text: &str, length: usize) -> Json {
    let text = if length == 0 { text } else { measure.cut(text, length) };
    if text.trim().is_empty() { Json::Null } else { Json::String(text.to_owned()) }
}

/// The newest lines that fit whole.
fn whole_lines(measure: Measure, lines: &[String], length: usize) -> Json {
    let most =
        if length == 0 { usize::MAX } else { length / 100 * AUDIT_SHARE + length % 100 * AUDIT_SHARE / 100 };
    let mut text = String::new();
    let mut has = 0;
    for line in lines {
        let more = measure.count(line) + usize::from(!text.is_empty());
        if has + more > most {
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(line);
        has += more;
    }
    if text.is_empty() { Json::Null } else { Json::String(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_field_keeps_the_newest_whole_lines_within_nine_tenths() {
        let lines: Vec<String> = ["newest", "older", "oldest"].map(str::to_owned).to_vec();
        let kept = |length| whole_lines(Measure::Characters, &lines, length);
        assert_eq!(kept(100), Json::from("newest\nolder\noldest"));
        assert_eq!(kept(14), Json::from("newest\nolder"));
        assert_eq!(kept(13), Json::from("newest"));
        assert_eq!(kept(3), Json::Null);
    }

    #[test]
    fn the_report_is_cut_as_the_org_counts_and_never_inside_of_a_character() {
        let smile = "ab\u{1F600}";
        assert_eq!(cut(Measure::Characters, smile, 3), Json::from(smile));
        assert_eq!(cut(Measure::Utf16, smile, 3), Json::from("ab"));
        let lines = [smile.to_owned(), "c".to_owned()];
        assert_eq!(whole_lines(Measure::Characters, &lines, 6), Json::from("ab\u{1F600}\nc"));
        assert_eq!(whole_lines(Measure::Utf16, &lines, 6), Json::from(smile));
    }
}
