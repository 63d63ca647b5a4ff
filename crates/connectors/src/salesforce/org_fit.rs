//! What this org can hold of a value, asked of its own descriptions before anything is sent.

use salesforce::{FieldDescribe, FieldType, Fields};
use serde_json::Value as Json;

use super::{explain, features::code_field, schema::Schema};

/// Puts `value` into the column `name` of `object`, where this org keeps it; or the clause that says why it cannot.
pub(super) fn put(
    schema: &Schema,
    object: &str,
    name: &str,
    value: Json,
    columns: &mut Fields,
) -> Result<(), String> {
    let Some(described) = schema.object(object) else {
        columns.insert(name.to_owned(), value);
        return Ok(());
    };
    if let Some(code) = code_field(described, name) {
        let value = coded(code, value)?;
        columns.insert(code.name.clone(), value);
        return Ok(());
    }
    if let Some(field) = described.field(name) {
        fits(field, object, &value)?;
    }
    columns.insert(name.to_owned(), value);
    Ok(())
}

/// A country or a state as the code that this org has for it: its text must be a configured label, the code need not be
/// guessed (salesforce reference, section 5.3).
fn coded(code: &FieldDescribe, value: Json) -> Result<Json, String> {
    let Json::String(text) = &value else { return Ok(value) };
    let is = |name: &str| name.eq_ignore_ascii_case(text.trim());
    let known = code.picklist_values.iter().filter(|each| each.active);
    let found = known.clone().find(|each| is(&each.value)).or_else(|| {
        let mut labelled = known.clone();
        labelled.find(|each| each.label.as_deref().is_some_and(is))
    });
    found.map(|each| Json::String(each.value.clone())).ok_or_else(|| {
        format!(
            "\"{text}\" is not among the {} of the Salesforce org; an administrator can add it in Setup, under State \
             and Country/Territory Picklists",
            if code.name.contains("Country") { "countries" } else { "states" }
        )
    })
}

/// The first column of a record that this org cannot hold as it is, with the clause that says why.
pub(super) fn misfit<'f>(schema: &Schema, object: &str, columns: &'f Fields) -> Option<(&'f str, String)> {
    let described = schema.object(object)?;
    columns.iter().find_map(|(name, value)| {
        let told = fits(described.field(name)?, object, value).err()?;
        Some((name.as_str(), told))
    })
}

/// Whether the field holds the value as it is.
fn fits(field: &FieldDescribe, object: &str, value: &Json) -> Result<(), String> {
    let Json::String(text) = value else { return Ok(()) };
    let record = explain::record(object);
    let is_text = matches!(
        field.kind,
        FieldType::String | FieldType::Textarea | FieldType::Phone | FieldType::Url | FieldType::Email
    );
    let (most, has) = (field.length as usize, text.chars().count());
    if is_text && most > 0 && has > most {
        return Err(format!(
            "it has {has} characters, and {} of the {record} in Salesforce holds {most}; shorten it",
            field.name
        ));
    }
    if field.kind == FieldType::Picklist && field.restricted_picklist {
        let known = field.picklist_values.iter().any(|each| each.active && each.value == *text);
        if !known {
            return Err(format!(
                "the picklist {} of the {record} in Salesforce does not have \"{text}\"; choose a value it has, or \
                 have it added",
                field.name
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(described: Json) -> FieldDescribe {
        serde_json::from_value(described).unwrap()
    }

    #[test]
    fn a_restricted_picklist_says_which_value_it_lacks() {
        let values = json!([{"value": "Gold", "active": true}, {"value": "Silver", "active": false}]);
        let described = |restricted: bool| {
            field(
                json!({"name": "Tier__c", "type": "picklist", "length": 255, "restrictedPicklist": restricted,
                "picklistValues": values}),
            )
        };
        let fits = |restricted: bool, value: &str| fits(&described(restricted), "Opportunity", &json!(value));
        assert_eq!(fits(true, "Gold"), Ok(()));
        let told = fits(true, "Silver").unwrap_err();
        assert!(told.contains("Tier__c") && told.contains("\"Silver\""), "{told}");
        assert_eq!(fits(false, "Silver"), Ok(()), "an unrestricted one takes any text");
    }

    #[test]
    fn a_text_is_measured_in_characters() {
        let described = field(json!({"name": "Name", "type": "string", "length": 3}));
        assert_eq!(fits(&described, "Account", &json!("äöü")), Ok(()));
        let told = fits(&described, "Account", &json!("äöüß")).unwrap_err();
        assert!(told.contains("4 characters") && told.contains("holds 3"), "{told}");
        assert_eq!(fits(&described, "Account", &Json::Null), Ok(()));
    }

    #[test]
    fn a_state_is_known_by_its_code_or_its_label() {
        let values = json!([{"value": "CA", "label": "California", "active": true},
            {"value": "NV", "label": "Nevada", "active": false}]);
        let code = field(json!({"name": "BillingStateCode", "type": "picklist", "picklistValues": values}));
        for text in ["CA", "ca", " California "] {
            assert_eq!(coded(&code, json!(text)), Ok(json!("CA")), "{text}");
        }
        assert_eq!(coded(&code, Json::Null), Ok(Json::Null));
        assert!(coded(&code, json!("Nevada")).unwrap_err().contains("states"), "it is not active");
    }
}
