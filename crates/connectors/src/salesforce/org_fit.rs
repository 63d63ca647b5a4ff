//! What this org can hold of a value, asked of its own descriptions before anything is sent.

use std::ops::RangeInclusive;

use deal_model::Measure;
use salesforce::{FieldDescribe, FieldType, Fields, PicklistValue};
use serde_json::Value as Json;

use super::{explain, features::code_field, schema::Schema};

/// The years that a date of the platform can have.
const YEARS: RangeInclusive<u16> = 1700..=4000;
/// The characters of a date without a time.
const DATE_CHARS: usize = "2027-03-31".len();
/// The time at which a day stands in a field that holds a time too: noon in UTC is the same day for nearly everybody
/// who looks at it, and it is read as its day in UTC.
const NOON: &str = "T12:00:00Z";

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
    let value = match described.field(name) {
        Some(field) => whole(schema.measure, field, object, value)?,
        None => value,
    };
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

/// Puts the columns of a record into the forms that this org keeps them in; else the first that it cannot hold, with the
/// clause that says why.
pub(super) fn keep(schema: &Schema, object: &str, columns: &mut Fields) -> Result<(), (String, String)> {
    let Some(described) = schema.object(object) else { return Ok(()) };
    for (name, value) in columns {
        if let Some(field) = described.field(name) {
            let kept = whole(schema.measure, field, object, value.take());
            *value = kept.map_err(|told| (name.clone(), told))?;
        }
    }
    Ok(())
}

/// What the field keeps of the value, if that is not too long for it as this org counts. That it counts characters is
/// documented, what an emoji is to it is not (salesforce reference, section 2.7): the mapping's `[text] count` says so.
fn whole(measure: Measure, field: &FieldDescribe, object: &str, value: Json) -> Result<Json, String> {
    let kept = as_kept(field, object, value)?;
    let (most, has) = (field.length as usize, kept.as_str().map_or(0, |text| measure.count(text)));
    let is_free = matches!(
        field.kind,
        FieldType::String | FieldType::Textarea | FieldType::Phone | FieldType::Url | FieldType::Email
    );
    if is_free && most > 0 && has > most {
        return Err(format!(
            "it has {has} {}, and {} of the {} in Salesforce holds {most}; shorten it",
            measure.unit(),
            field.name,
            explain::record(object)
        ));
    }
    Ok(kept)
}

/// What the field keeps of the value, in its own form; or the clause that says why it cannot keep it whole.
fn as_kept(field: &FieldDescribe, object: &str, value: Json) -> Result<Json, String> {
    match value {
        Json::String(text) => words(field, object, text),
        Json::Number(_) => amount(field, object, value),
        Json::Bool(flag) if field.kind != FieldType::Boolean => answer(field, object, flag),
        other => Ok(other),
    }
}

fn words(field: &FieldDescribe, object: &str, text: String) -> Result<Json, String> {
    let record = explain::record(object);
    match field.kind {
        FieldType::Picklist => {
            return match entry(field, &text) {
                Some(entry) => Ok(Json::String(entry.value.clone())),
                None if field.restricted_picklist => Err(format!(
                    "the picklist {} of the {record} in Salesforce does not have \"{text}\"; choose a value it has, \
                     or have it added",
                    field.name
                )),
                None => Ok(Json::String(text)),
            };
        }
        FieldType::Date | FieldType::Datetime => {
            let year = text.get(..4).and_then(|year| year.parse::<u16>().ok());
            if !year.is_some_and(|year| YEARS.contains(&year)) {
                return Err(format!(
                    "{} of the {record} in Salesforce holds the years {} to {}; correct the date",
                    field.name,
                    YEARS.start(),
                    YEARS.end()
                ));
            }
            if field.kind == FieldType::Datetime && text.len() == DATE_CHARS {
                return Ok(Json::String(format!("{text}{NOON}")));
            }
        }
        _ => {}
    }
    Ok(Json::String(text))
}

/// A number with as many digits before the point as the field has places for. Digits behind it are rounded by the
/// platform, which the read-back tells; before it, nothing may be cut.
fn amount(field: &FieldDescribe, object: &str, value: Json) -> Result<Json, String> {
    let text = value.to_string();
    let whole = text.trim_start_matches('-').split('.').next().unwrap_or_default().trim_start_matches('0');
    let places = field.precision.saturating_sub(field.scale) as usize;
    if field.precision > 0 && whole.len() > places {
        return Err(format!(
            "it has {} digits before the point, and {} of the {} in Salesforce holds {places}; correct it, or have the \
             field widened",
            whole.len(),
            field.name,
            explain::record(object)
        ));
    }
    Ok(value)
}

/// A yes or a no in a field of words: the picklist's own entry for it, or the word.
fn answer(field: &FieldDescribe, object: &str, flag: bool) -> Result<Json, String> {
    let names = if flag { ["true", "yes"] } else { ["false", "no"] };
    if field.kind != FieldType::Picklist {
        return Ok(Json::String(names[0].to_owned()));
    }
    let found = names.into_iter().find_map(|name| entry(field, name));
    found.map(|entry| Json::String(entry.value.clone())).ok_or_else(|| {
        format!(
            "the picklist {} of the {} in Salesforce has neither \"{}\" nor \"{}\"; have it added, or map a checkbox",
            field.name,
            explain::record(object),
            names[0],
            names[1]
        )
    })
}

/// The active entry of a picklist that is meant by `text`: its value, or the label that people see, if only one has it.
/// Case is the org's own affair.
fn entry<'f>(field: &'f FieldDescribe, text: &str) -> Option<&'f PicklistValue> {
    let active = || field.picklist_values.iter().filter(|each| each.active);
    let is = |name: &str| name.eq_ignore_ascii_case(text.trim());
    let labelled = || active().filter(|each| each.label.as_deref().is_some_and(is));
    active().find(|each| each.value == text).or_else(|| active().find(|each| is(&each.value))).or_else(|| {
        let mut found = labelled();
        found.next().filter(|_| found.next().is_none())
    })
}

/// The label that people see for the value of a picklist, inactive ones among them: a mapping may name either.
pub(super) fn label<'f>(field: &'f FieldDescribe, value: &str) -> Option<&'f str> {
    let found = field.picklist_values.iter().find(|each| each.value.eq_ignore_ascii_case(value.trim()))?;
    found.label.as_deref()
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
        let kept =
            |restricted: bool, value: &str| as_kept(&described(restricted), "Opportunity", json!(value));
        assert_eq!(kept(true, "Gold"), Ok(json!("Gold")));
        let told = kept(true, "Silver").unwrap_err();
        assert!(told.contains("Tier__c") && told.contains("\"Silver\""), "{told}");
        assert_eq!(kept(false, "Silver"), Ok(json!("Silver")), "an unrestricted one takes any text");
    }

    #[test]
    fn a_text_is_measured_as_the_mapping_says_that_the_org_counts() {
        let described = field(json!({"name": "Name", "type": "string", "length": 3}));
        let kept = |measure, text: &str| whole(measure, &described, "Account", json!(text));
        for measure in [Measure::Characters, Measure::Utf16] {
            assert_eq!(kept(measure, "äöü"), Ok(json!("äöü")));
            let told = kept(measure, "äöüß").unwrap_err();
            assert!(told.contains("4 characters") && told.contains("holds 3"), "{told}");
            assert_eq!(whole(measure, &described, "Account", Json::Null), Ok(Json::Null));
        }
        assert!(kept(Measure::Characters, "ab\u{1F600}").is_ok());
        let told = kept(Measure::Utf16, "ab\u{1F600}").unwrap_err();
        assert!(told.contains("4 characters (an emoji is two)"), "{told}");
    }

    #[test]
    fn a_picklist_is_written_by_its_value_whether_the_mapping_names_the_value_or_the_label() {
        let described = field(json!({"name": "Help__c", "type": "picklist", "restrictedPicklist": true,
        "picklistValues": [
            {"value": "POC", "label": "Proof of concept", "active": true},
            {"value": "QUOTE", "label": "Quote", "active": true},
            {"value": "QUOTE_OLD", "label": "Quote (old)", "active": false},
            {"value": "A", "label": "Twice", "active": true},
            {"value": "B", "label": "Twice", "active": true},
        ]}));
        for (named, stored) in [
            ("POC", Some("POC")),
            ("poc", Some("POC")),
            ("Proof of concept", Some("POC")),
            ("Quote", Some("QUOTE")),
            ("Quote (old)", None),
            ("Twice", None),
        ] {
            let kept = as_kept(&described, "Opportunity", json!(named)).ok();
            assert_eq!(kept, stored.map(|stored| json!(stored)), "{named}");
        }
        assert_eq!(label(&described, "POC"), Some("Proof of concept"));
        assert_eq!(label(&described, "QUOTE_OLD"), Some("Quote (old)"), "what a record still holds");
        assert_eq!(label(&described, "nothing"), None);
    }

    #[test]
    fn a_number_too_long_before_the_point_is_told_and_never_cut() {
        let described = field(json!({"name": "Amount", "type": "currency", "precision": 18, "scale": 2}));
        let kept = |text: &str| {
            let number: Json = serde_json::from_str(text).unwrap();
            as_kept(&described, "Opportunity", number)
        };
        for fits in ["0", "-0.001", "9999999999999999.99", "-9999999999999999"] {
            assert!(kept(fits).is_ok(), "{fits}");
        }
        let told = kept("10000000000000000").unwrap_err();
        assert!(told.contains("17 digits") && told.contains("holds 16"), "{told}");
        let any = field(json!({"name": "Quantity__c", "type": "double"}));
        assert!(as_kept(&any, "Opportunity", json!(1_000_000_000_000_i64)).is_ok(), "no precision is told");
    }

    #[test]
    fn a_day_stands_at_noon_where_the_field_holds_a_time_and_within_the_platforms_years() {
        let day = field(json!({"name": "CloseDate", "type": "date"}));
        let time = field(json!({"name": "Due__c", "type": "datetime"}));
        let kept = |described: &FieldDescribe, text: &str| as_kept(described, "Opportunity", json!(text));
        assert_eq!(kept(&day, "2027-03-31"), Ok(json!("2027-03-31")));
        assert_eq!(kept(&time, "2027-03-31"), Ok(json!("2027-03-31T12:00:00Z")));
        assert_eq!(kept(&time, "2027-03-31T08:00:00Z"), Ok(json!("2027-03-31T08:00:00Z")));
        for fits in ["1700-01-01", "2024-02-29", "4000-12-31"] {
            assert!(kept(&day, fits).is_ok() && kept(&time, fits).is_ok(), "{fits}");
        }
        for beyond in ["1699-12-31", "4001-01-01", "0001-01-01", "-000044-03-15"] {
            assert!(kept(&day, beyond).unwrap_err().contains("1700 to 4000"), "{beyond}");
        }
    }

    #[test]
    fn a_yes_is_the_word_that_the_field_has_for_it() {
        let yes_no = field(json!({"name": "Ok__c", "type": "picklist", "restrictedPicklist": true,
            "picklistValues": [{"value": "Yes", "active": true}, {"value": "No", "active": true}]}));
        assert_eq!(as_kept(&yes_no, "Opportunity", json!(true)), Ok(json!("Yes")));
        assert_eq!(as_kept(&yes_no, "Opportunity", json!(false)), Ok(json!("No")));
        let colours = field(json!({"name": "Colour__c", "type": "picklist",
            "picklistValues": [{"value": "Red", "active": true}]}));
        assert!(as_kept(&colours, "Opportunity", json!(true)).unwrap_err().contains("map a checkbox"));
        let checkbox = field(json!({"name": "Share__c", "type": "boolean"}));
        assert_eq!(as_kept(&checkbox, "Opportunity", json!(true)), Ok(json!(true)));
        let text = field(json!({"name": "Note__c", "type": "string", "length": 9}));
        assert_eq!(as_kept(&text, "Opportunity", json!(true)), Ok(json!("true")));
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
