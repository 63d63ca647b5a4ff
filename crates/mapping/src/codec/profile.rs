//! Lists of the portal that one text of Salesforce stands for: identifiers by type, people by name.

use deal_model::{Observed, Value};
use serde_json::{Value as Json, json};

/// The identifier of this type. The list comes as `[]` or as `{}` when it is empty.
pub(super) fn read_portal(json: &Json, profile_type: &str) -> Observed {
    match json {
        Json::Object(members) if members.is_empty() => Observed::Empty,
        Json::Array(ids) => {
            let id =
                ids.iter().find(|id| id["profileType"].as_str() == Some(profile_type)).map(|id| &id["id"]);
            match id {
                None | Some(Json::Null) => Observed::Empty,
                Some(Json::String(id)) => Observed::text(id.trim()),
                Some(_) => Observed::Unknown,
            }
        }
        _ => Observed::Unknown,
    }
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
