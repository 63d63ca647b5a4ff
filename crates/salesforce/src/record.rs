//! Records as they are read: a map of exact values, reached by name, by path, by relationship.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{FieldPath, RecordId, query::Locator, stamp::parse_datetime};

/// Field values to be written, by API name. `null` clears a field; an absent name leaves it alone.
pub type Fields = Map<String, Value>;

/// One record as the platform sent it. Numbers keep the digits they came with.
///
/// `Debug` shows the kind and the number of fields only: records hold personal data.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Record(Map<String, Value>);

impl Record {
    /// The object's name from the record's `attributes`.
    pub fn object(&self) -> Option<&str> {
        self.attribute("type")
    }

    /// The record's own address from its `attributes`, relative to the instance.
    pub fn url(&self) -> Option<&str> {
        self.attribute("url")
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.0.get("attributes")?.get(name)?.as_str()
    }

    /// The record's identifier, if it was asked for.
    pub fn id(&self) -> Option<RecordId> {
        self.0.get("Id")?.as_str()?.parse().ok()
    }

    /// When the record was last changed by anybody or anything, if it was asked for. Precision: one second.
    pub fn system_modstamp(&self) -> Option<Timestamp> {
        parse_datetime(self.0.get("SystemModstamp")?.as_str()?)
    }

    /// The value at `path`: absent if it was not asked for, `null` if it is empty or if a parent on the way is.
    pub fn get(&self, path: &FieldPath) -> Option<&Value> {
        self.at(path.as_str())
    }

    /// The same for a path known to be well-formed, such as a literal. Names are compared without case.
    pub fn at(&self, path: &str) -> Option<&Value> {
        let mut steps = path.split('.');
        let mut value = member(&self.0, steps.next()?)?;
        for step in steps {
            match value {
                Value::Null => return Some(value),
                Value::Object(parent) => value = member(parent, step)?,
                _ => return None,
            }
        }
        Some(value)
    }

    /// The text at `path`, if it is one.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.at(path)?.as_str()
    }

    /// The instant at `path`, if it is one.
    pub fn datetime(&self, path: &str) -> Option<Timestamp> {
        parse_datetime(self.text(path)?)
    }

    /// The records of a subquery: absent if it was not asked for or is none, empty if there are no children.
    pub fn children(&self, relationship: &str) -> Option<Children> {
        match member(&self.0, relationship)? {
            Value::Null => Some(Children::default()),
            value => {
                let raw = RawChildren::deserialize(value).ok()?;
                let next = match (raw.done, raw.next_records_url) {
                    (true, _) => None,
                    (false, url) => Some(Locator::new(url?)?),
                };
                Some(Children { records: raw.records, next })
            }
        }
    }

    /// All of it, `attributes` included.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// All of it, `attributes` included.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

impl From<Map<String, Value>> for Record {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("object", &self.object()).field("fields", &self.0.len()).finish()
    }
}

/// The platform answers in its own spelling, whatever was asked for.
fn member<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.get(name)
        .or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The records of a subquery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Children {
    /// Those that came with their parent.
    pub records: Vec<Record>,
    /// Where the others are, if they did not all fit. Who ignores it has not seen all children.
    pub next: Option<Locator>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawChildren {
    done: bool,
    next_records_url: Option<String>,
    records: Vec<Record>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(value: Value) -> Record {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_empty_parent_makes_its_fields_empty_not_unknown() {
        let record = record(json!({"Account": null, "Owner": {"Name": "N"}}));
        assert_eq!(record.at("Account.Name"), Some(&Value::Null));
        assert_eq!(record.text("owner.name"), Some("N"));
        assert_eq!(record.at("Owner.Email"), None);
        assert_eq!(record.at("Contact.Name"), None);
    }

    #[test]
    fn a_number_keeps_its_digits() {
        let record: Record = serde_json::from_str(r#"{"Amount": 1234567890123456.10}"#).unwrap();
        assert_eq!(record.at("Amount").unwrap().to_string(), "1234567890123456.10");
    }

    #[test]
    fn children_say_when_there_are_more_of_them() {
        let all = record(
            json!({"Rows__r": {"totalSize": 1, "done": true, "records": [{"Id": "1"}]}, "None__r": null}),
        );
        assert_eq!(all.children("Rows__r").unwrap().records.len(), 1);
        assert_eq!(all.children("None__r"), Some(Children::default()));
        assert_eq!(all.children("Other__r"), None);

        let url = "/services/data/v66.0/query/01g-200";
        let some =
            record(json!({"R": {"totalSize": 9, "done": false, "nextRecordsUrl": url, "records": []}}));
        assert!(some.children("R").unwrap().next.is_some());
        let cut = record(json!({"R": {"totalSize": 9, "done": false, "records": []}}));
        assert_eq!(cut.children("R"), None);
    }

    #[test]
    fn a_record_does_not_show_its_values() {
        let record = record(json!({"attributes": {"type": "Contact", "url": "/x"}, "LastName": "Planted"}));
        assert!(!format!("{record:?}").contains("Planted"));
    }
}
