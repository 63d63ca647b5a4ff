//! One entry of the referral's list of typed attributes, `{type, id}` (partner-center reference, section 3.4).

use deal_model::{Observed, Value};
use serde_json::{Value as Json, json};

/// The id of this type's entry; an unknown id is kept as it came.
pub(super) fn read_portal(json: &Json, attribute: &str) -> Observed {
    match json {
        Json::Object(members) if members.is_empty() => Observed::Empty,
        Json::Array(entries) => {
            match entries
                .iter()
                .find(|entry| entry["type"].as_str() == Some(attribute))
                .map(|entry| &entry["id"])
            {
                None | Some(Json::Null) => Observed::Empty,
                Some(Json::String(id)) if id.trim().is_empty() => Observed::Empty,
                Some(Json::String(id)) => Observed::Value(Value::Choice(id.trim().to_owned())),
                Some(_) => Observed::Unknown,
            }
        }
        _ => Observed::Unknown,
    }
}

pub(super) fn write_portal(attribute: &str, id: &str) -> Json {
    json!([{ "type": attribute, "id": id }])
}
