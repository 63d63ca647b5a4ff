//! A description of the Referrals API, OpenAPI 3 or Swagger 2, as a flat table of facts that can be compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

/// Deepest nesting that is followed; a schema that contains itself ends here.
const MAX_DEPTH: usize = 12;

/// What a description says: subject → facts of it. A subject is one of
///
/// | subject | facts |
/// |---|---|
/// | `operation GET /referrals` | |
/// | `parameter GET /referrals query $top` | type, whether required |
/// | `status GET /referrals 404` | |
/// | `member details.dealValue` | type, whether nullable, list of values |
/// | `patch path /status`, `patch op add` | |
pub(super) type Facts = BTreeMap<String, Fact>;

/// What is said of one subject.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) kind: String,
    pub(super) required: bool,
    pub(super) nullable: bool,
    pub(super) values: BTreeSet<String>,
}

/// Reads a description.
pub(super) fn read(path: &Path) -> Facts {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let whole: Value = serde_json::from_str(&text).unwrap();
    let mut facts = Facts::new();
    let reader = Reader { whole: &whole };
    for (path, item) in whole["paths"].as_object().unwrap() {
        let shared = item["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        let operations = ["get", "put", "post", "patch", "delete"];
        for method in operations.into_iter().filter(|method| item.get(method).is_some()) {
            reader.operation(&format!("{} {path}", method.to_uppercase()), shared, &item[method], &mut facts);
        }
    }
    facts
}

struct Reader<'d> {
    whole: &'d Value,
}

impl<'d> Reader<'d> {
    fn operation(&self, name: &str, shared: &'d [Value], operation: &'d Value, facts: &mut Facts) {
        facts.insert(format!("operation {name}"), Fact::default());
        let own = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        let mut body = operation.pointer("/requestBody/content/application~1json/schema");
        for parameter in shared.iter().chain(own).map(|parameter| self.followed(parameter)) {
            let place = parameter["in"].as_str().unwrap();
            if place == "body" {
                body = Some(&parameter["schema"]);
                continue;
            }
            // Names of headers are the same in any letter case.
            let label = parameter["name"].as_str().unwrap();
            let label = if place == "header" { label.to_lowercase() } else { label.to_owned() };
            let schema = parameter.get("schema").unwrap_or(parameter);
            let required = parameter["required"] == true;
            let fact = Fact { kind: text(schema, "type"), required, ..Fact::default() };
            facts.insert(format!("parameter {name} {place} {label}"), fact);
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            facts.insert(format!("status {name} {status}"), Fact::default());
            let response = self.followed(response);
            let modern = response.pointer("/content/application~1json/schema");
            if name == "GET /referrals/{id}" && status == "200" {
                let entity = modern.unwrap_or(&response["schema"]);
                self.members(entity, "", 0, facts);
            }
        }
        if let (Some(body), "PATCH /referrals/{id}") = (body, name) {
            self.patch(body, facts);
        }
    }

    fn patch(&self, body: &'d Value, facts: &mut Facts) {
        let operation = self.followed(&self.followed(body)["items"]);
        for subject in ["path", "op"] {
            for value in values(&operation["properties"][subject]) {
                facts.insert(format!("patch {subject} {value}"), Fact::default());
            }
        }
    }

    fn members(&self, schema: &'d Value, prefix: &str, depth: usize, facts: &mut Facts) {
        assert!(depth < MAX_DEPTH, "{prefix} is nested too deeply");
        let schema = self.followed(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.members(part, prefix, depth + 1, facts);
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let member = self.followed(member);
            let fact = Fact {
                kind: text(member, "type"),
                required: false,
                nullable: member["nullable"] == true,
                values: values(member),
            };
            facts.insert(format!("member {path}"), fact);
            // The published description gives an object `items` and an array `properties` here and there; what it
            // means is plain.
            let many = if member["type"] == "array" { "[]" } else { "" };
            if let Some(items) = member.get("items") {
                self.members(items, &format!("{path}{many}"), depth + 1, facts);
            }
            self.members(
                member,
                &if member["type"] == "array" { format!("{path}[]") } else { path },
                depth + 1,
                facts,
            );
        }
    }

    fn followed(&self, node: &'d Value) -> &'d Value {
        match node["$ref"].as_str() {
            None => node,
            Some(reference) => {
                let pointer = reference.strip_prefix('#').expect("references stay within the file");
                self.whole.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
            }
        }
    }
}

fn text(schema: &Value, member: &str) -> String {
    schema[member].as_str().unwrap_or("anything").to_owned()
}

fn values(schema: &Value) -> BTreeSet<String> {
    let values = schema["enum"].as_array().into_iter().flatten();
    values.map(|value| value.as_str().unwrap().to_owned()).collect()
}
