//! Lists of the portal that one text of Salesforce stands for: identifiers by type, people by name.

use deal_model::{Observed, Value};
use serde_json::{Value as Json, json};

/// The type of D-U-N-S numbers.
const DUNS: &str = "Duns";
const DUNS_DIGITS: usize = 9;

/// The identifier of this type. The list comes as `[]` or as `{}` when it is empty.
pub(super) fn read_portal(json: &Json, profile_type: &str) -> Observed {
    match json {
        Json::Object(members) if members.is_empty() => Observed::Empty,
        Json::Array(ids) => {
            let id =
                ids.iter().find(|id| id["profileType"].as_str() == Some(profile_type)).map(|id| &id["id"]);
            match id {
                None | Some(Json::Null) => Observed::Empty,
                Some(id) => read_crm(id, profile_type),
            }
        }
        _ => Observed::Unknown,
    }
}

/// The identifier in Salesforce's field.
pub(super) fn read_crm(json: &Json, profile_type: &str) -> Observed {
    let Json::String(id) = json else { return Observed::Unknown };
    let id = id.trim();
    match (profile_type, bare_duns(id)) {
        (DUNS, Some(digits)) => Observed::text(&digits),
        _ => Observed::text(id),
    }
}

/// The nine digits of a D-U-N-S number, leading zeros and all, without the dashes and blanks between them; none for
/// anything else, which is kept as it came.
fn bare_duns(id: &str) -> Option<String> {
    let digits: String = id.chars().filter(|each| !matches!(each, '-' | ' ')).collect();
    let whole = digits.len() == DUNS_DIGITS && digits.bytes().all(|each| each.is_ascii_digit());
    whole.then_some(digits)
}

pub(super) fn write_portal(profile_type: &str, id: &str) -> Json {
    json!([{ "profileType": profile_type, "id": id }])
}

/// One person a line: `Ada Berg <ada.berg@fabrikam.example>`.
pub(super) fn read_names(json: &Json) -> Observed {
    let Json::Array(people) = json else { return Observed::Unknown };
    let lines: Vec<String> = people.iter().map(line).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { Observed::Empty } else { Observed::Value(Value::Text(lines.join("\n"))) }
}

fn line(person: &Json) -> String {
    let part = |name: &str| person[name].as_str().unwrap_or_default().trim().to_owned();
    let mail = part("email");
    let mail = if mail.is_empty() { mail } else { format!("<{mail}>") };
    let parts = [part("firstName"), part("lastName"), mail];
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
}
