//! The mapped fields against each other and against what a seller may choose: values without a code, two writers of one
//! field, paths that lead nowhere, and the stage in which new opportunities start.

use std::collections::BTreeMap;

use deal_model::{Endings, Side};
use mapping::{Codec, Mapping};
use salesforce::{FieldDescribe, PicklistValue};

use super::wishes::object_of;
use crate::{
    Finding,
    salesforce::schema::{OPPORTUNITY, Schema},
};

/// Most missing values that a line names.
const MAX_NAMED: usize = 5;

/// A line for each field that a seller chooses from a picklist: whether each value has a code at the portal.
pub(super) fn codes(mapping: &Mapping, schema: &Schema) -> Vec<Finding> {
    let mut findings = Vec::new();
    for binding in mapping.bindings() {
        let (Codec::Choice(table) | Codec::Attribute { choices: table, .. }) = &binding.codec else {
            continue;
        };
        let groups = &mapping.specs().groups;
        let group = groups.iter().find(|group| group.members.iter().any(|it| it.id == binding.field));
        // A table without lines passes every name on as it is.
        if table.pairs().is_empty() || !group.is_some_and(|group| group.to.at(Side::Portal).flows()) {
            continue;
        }
        let Some(path) = &binding.crm else { continue };
        let field = object_of(path, schema).and_then(|object| schema.field(&object, path.field()));
        let Some(field) = field.filter(|field| !field.picklist_values.is_empty()) else { continue };
        let has_code =
            |value: &str| table.pairs().iter().any(|(name, _)| name.eq_ignore_ascii_case(value.trim()));
        findings.push(told(
            format!("salesforce.codes.{}", binding.field),
            format!("Values of {}", field.name),
            field,
            has_code,
            &format!("Add them under [fields.{}.values] of the mapping", binding.field),
        ));
    }
    let Endings { reasons, error_reasons, .. } = &mapping.specs().endings;
    let lists: Vec<_> = [reasons, error_reasons].into_iter().flatten().collect();
    for name in mapping.reason_fields() {
        let field =
            schema.field(OPPORTUNITY, name.as_str()).filter(|field| !field.picklist_values.is_empty());
        let Some(field) = field.filter(|_| !lists.is_empty()) else { continue };
        let has_code = |value: &str| {
            let words = mapping.stages().reason_to_portal(value);
            lists.iter().any(|list| list.codes.iter().any(|code| code.code == words))
        };
        findings.push(told(
            format!("salesforce.codes.{name}"),
            format!("Reasons of {name}"),
            field,
            has_code,
            "Add them under [reasons] of the mapping",
        ));
    }
    findings
}

fn told(
    id: String,
    title: String,
    field: &FieldDescribe,
    has_code: impl Fn(&str) -> bool,
    by: &str,
) -> Finding {
    let offered = field.picklist_values.iter().filter(|value| value.active).map(|value| value.value.as_str());
    let offered: Vec<&str> = offered.collect();
    let lacking: Vec<&str> = offered.iter().copied().filter(|value| !has_code(value)).collect();
    if lacking.is_empty() {
        return Finding::pass(
            id,
            title,
            format!("each of {} values has a code at the portal", offered.len()),
        );
    }
    let named: Vec<String> = lacking.iter().take(MAX_NAMED).map(|value| format!("\"{value}\"")).collect();
    let more = lacking.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Finding::fail(
        id,
        title,
        format!("A seller may choose {}{more}, which the portal has no code for.", named.join(", ")),
        format!("{by}, or deactivate them in Setup: a deal with such a value waits for a person."),
    )
}

/// Whether each column of Salesforce is written by one field alone, names compared as the platform does.
pub(super) fn targets(mapping: &Mapping, schema: &Schema) -> Finding {
    let (id, title) = ("salesforce.targets", "Fields that are written");
    let mut writers: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for group in mapping.specs().groups.iter().filter(|group| group.to.at(Side::Crm).flows()) {
        for member in &group.members {
            let path = mapping.binding(&member.id).and_then(|binding| binding.crm.as_ref());
            let Some((path, object)) = path.and_then(|path| Some((path, object_of(path, schema)?))) else {
                continue;
            };
            let target = (object, path.field().to_ascii_lowercase());
            writers.entry(target).or_default().push(member.id.as_str());
        }
    }
    let count = writers.len();
    let doubled = writers.into_iter().filter(|(_, fields)| fields.len() > 1);
    let doubled: Vec<String> = doubled
        .map(|((object, name), fields)| format!("{object}.{name} by {}", fields.join(" and ")))
        .collect();
    if doubled.is_empty() {
        return Finding::pass(id, title, format!("{count}, each by one field of the mapping"));
    }
    Finding::fail(
        id,
        title,
        format!("Two fields of the mapping write one: {}.", doubled.join("; ")),
        "Let one of the two go to_partner_center alone, or set its direction = \"off\".",
    )
}

/// A line for each path over relationships that leads nowhere.
pub(super) fn paths(mapping: &Mapping, schema: &Schema) -> Vec<Finding> {
    let lost = mapping.bindings().iter().filter_map(|binding| {
        let path = binding.crm.as_ref()?;
        object_of(path, schema).is_none().then(|| {
            Finding::fail(
                format!("salesforce.path.{}", binding.field),
                format!("Path of {}", binding.field),
                format!(
                    "{path} leads to no object that this user sees: a relationship is misspelt or not there, or the \
                     user has no field-level access to the lookup, or none to the object: all look the same."
                ),
                "Correct `salesforce` of the field, or give the permission set access to the lookup and its object.",
            )
        })
    });
    lost.collect()
}

/// Whether new opportunities start in the stage in which received referrals wait.
pub(super) fn start(mapping: &Mapping, schema: &Schema) -> Option<Finding> {
    let stages = &schema.field(OPPORTUNITY, "StageName")?.picklist_values;
    starts_elsewhere(mapping.stages().on_hold()?, stages)
}

/// Nothing is told where Setup names no stage that new opportunities get.
fn starts_elsewhere(on_hold: &str, stages: &[PicklistValue]) -> Option<Finding> {
    let (id, title) = ("salesforce.on_hold", "Where referrals wait");
    let first = stages.iter().find(|value| value.default_value)?;
    Some(if first.value == on_hold {
        Finding::fail(
            id,
            title,
            format!(
                "New opportunities start in \"{on_hold}\": each would look like a referral that waits for an answer."
            ),
            "Choose another stage for on_hold under [stages], or another default value of the stage in Setup.",
        )
    } else {
        Finding::pass(id, title, format!("\"{on_hold}\"; new opportunities start in \"{}\"", first.value))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Verdict;

    #[test]
    fn the_stage_that_new_opportunities_start_in_cannot_be_the_one_where_referrals_wait() {
        let stages: Vec<PicklistValue> = serde_json::from_value(json!([
            { "value": "Prospecting", "active": true, "defaultValue": true },
            { "value": "To answer", "active": true },
        ]))
        .unwrap();
        let verdict = |on_hold| starts_elsewhere(on_hold, &stages).map(|line| line.verdict);
        assert_eq!(verdict("Prospecting"), Some(Verdict::Fail));
        assert_eq!(verdict("To answer"), Some(Verdict::Pass));
        assert_eq!(starts_elsewhere("To answer", &stages[1..]), None, "Setup names none");
    }

    #[test]
    fn a_value_that_a_seller_may_choose_needs_a_code_and_one_that_is_off_needs_none() {
        let field: FieldDescribe = serde_json::from_value(json!({ "name": "Help__c", "type": "picklist",
            "picklistValues": [{ "value": "Demo", "active": true }, { "value": "Old", "active": false },
                { "value": "Lunch", "active": true }] }))
        .unwrap();
        let told = |codes: &[&str]| {
            let has = |value: &str| codes.contains(&value);
            told(String::new(), String::new(), &field, has, "Add them")
        };
        assert_eq!(told(&["Demo", "Lunch"]).verdict, Verdict::Pass);
        let lacking = told(&["Demo"]);
        assert_eq!(lacking.verdict, Verdict::Fail);
        assert!(lacking.evidence.contains("\"Lunch\"") && !lacking.evidence.contains("Old"), "{lacking:?}");
    }
}
