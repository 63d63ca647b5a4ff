//! The JSON Schema of a mapping file, for editors: made from the constants that the readers use, so that no key of theirs
//! can be missing. What only several keys together can break, the schema does not see.

use serde_json::{Map, Value, json};

use super::{
    BASES, SECTIONS, VERSION, accounts, catalogue, conditions, contacts, creation, fields, inbound, leads,
    opt_in, partner_ids, policy, sets, stages, text, typed,
};
use crate::Names;

/// A key whose value the schema says more of.
type Known<'k> = (&'k str, Value);

pub(crate) fn schema() -> Value {
    let mut schema = table(
        SECTIONS,
        vec![
            ("version", json!({ "const": VERSION })),
            ("extends", json!({ "enum": BASES })),
            ("stages", named(stage())),
            ("reasons", named(words())),
            ("sales_stages", named(words())),
            ("record_types", named(record_type())),
            ("text", table(text::KEYS, Vec::new())),
            ("fields", named(field())),
            ("names", table(Names::KEYS, Names::KEYS.iter().map(|key| (*key, words())).collect())),
            ("inbound", inbound_section()),
            ("leads", leads_section()),
            ("opt_in", table(opt_in::KEYS, vec![("where", wheres()), ("private", flag())])),
            (
                "creation",
                table(creation::KEYS, vec![("qualification", json!({ "enum": creation::QUALIFICATIONS }))]),
            ),
            ("partner_ids", partner_ids_section()),
            ("accounts", table(accounts::KEYS, vec![("where", wheres())])),
            ("contacts", table(contacts::KEYS, Vec::new())),
            ("catalogue", catalogue_section()),
        ],
    );
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Cosell mapping");
    schema["required"] = json!(["version"]);
    schema
}

/// A table with these keys and no others.
fn table(keys: &[&str], known: Vec<Known<'_>>) -> Value {
    let mut properties: Map<String, Value> =
        keys.iter().map(|key| ((*key).to_owned(), json!(true))).collect();
    for (key, value) in known {
        if let Some(property) = properties.get_mut(key) {
            *property = value;
        }
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// A table whose keys are names.
fn named(value: Value) -> Value {
    json!({ "type": "object", "additionalProperties": value })
}

fn list(item: Value) -> Value {
    json!({ "type": "array", "items": item })
}

fn words() -> Value {
    json!({ "type": "string", "pattern": "\\S" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn count(least: u32) -> Value {
    json!({ "type": "integer", "minimum": least })
}

fn one_of(words: &[&str]) -> Value {
    json!({ "enum": words })
}

/// A value for both directions, or one for each.
fn by_direction(value: &Value) -> Value {
    let each = typed::DIRECTIONS.iter().map(|key| (*key, value.clone())).collect();
    json!({ "anyOf": [value, table(typed::DIRECTIONS, each)] })
}

fn condition() -> Value {
    let values = list(words());
    let known = vec![
        ("in", values.clone()),
        ("not_in", values),
        ("at_least", json!({ "type": "integer" })),
        ("is", flag()),
    ];
    let mut condition = table(conditions::KEYS, known);
    condition["required"] = json!(["field"]);
    condition
}

fn wheres() -> Value {
    list(condition())
}

fn stage() -> Value {
    json!({ "anyOf": [words(), table(stages::LINE_KEYS, vec![("stage", words()), ("reason", words())])] })
}

fn record_type() -> Value {
    let known =
        vec![("stages", named(stage())), ("reasons", named(words())), ("sales_stages", named(words()))];
    table(stages::TYPE_KEYS, known)
}

fn field() -> Value {
    let moments = list(one_of(policy::MOMENTS));
    let attribute_types = one_of(sets::ATTRIBUTE_TYPES);
    let attribute = table(
        sets::ATTRIBUTE_KEYS,
        vec![
            ("type", attribute_types),
            ("partner_center", words()),
            ("salesforce", words()),
            ("max_length", count(1)),
        ],
    );
    let types: Vec<&str> = fields::types().collect();
    table(
        fields::KEYS,
        vec![
            ("type", one_of(&types)),
            ("label", words()),
            ("salesforce_label", words()),
            ("partner_center", pointer()),
            ("microsoft_referral", pointer()),
            ("salesforce", json!({ "type": "string", "pattern": "^Opportunity\\.[A-Za-z]" })),
            ("direction", one_of(&policy::WAYS.map(|(word, _)| word))),
            ("on", by_direction(&moments)),
            ("conflict", one_of(&policy::CONFLICTS.map(|(word, _)| word))),
            ("owner", one_of(&policy::OWNERS.map(|(word, _)| word))),
            ("clear", by_direction(&one_of(&policy::CLEARS.map(|(word, _)| word)))),
            ("group", words()),
            ("required", by_direction(&flag())),
            ("enforce", flag()),
            ("active_only", flag()),
            ("undocumented", flag()),
            ("nearest_midnight", flag()),
            ("max_length", count(1)),
            ("scale", count(0)),
            ("values", named(words())),
            ("none", words()),
            ("list", words()),
            (
                "ranges",
                named(
                    json!({ "type": "array", "items": { "type": "integer" }, "minItems": 1, "maxItems": 2 }),
                ),
            ),
            ("template", words()),
            ("profile", words()),
            ("attribute", words()),
            ("rows", table(sets::ROW_KEYS, sets::ROW_KEYS.iter().map(|key| (*key, words())).collect())),
            ("key", words()),
            ("attributes", named(attribute)),
            ("constants", named(words())),
            ("min", count(0)),
            ("max", json!({ "type": "integer", "minimum": 1, "maximum": sets::MOST_ELEMENTS })),
            ("remove", by_direction(&flag())),
            ("role", words()),
        ],
    )
}

fn pointer() -> Value {
    json!({ "type": "string", "pattern": "^/[^/]" })
}

fn inbound_section() -> Value {
    let route = table(inbound::ROUTE_KEYS, vec![("where", wheres()), ("record_type", words())]);
    let accounts = inbound::ACCOUNT_RULES.iter().map(|(word, _)| *word).collect::<Vec<_>>();
    table(
        inbound::KEYS,
        vec![("create", flag()), ("where", wheres()), ("account", one_of(&accounts)), ("route", list(route))],
    )
}

fn leads_section() -> Value {
    let field = table(
        leads::FIELD_KEYS,
        vec![
            ("type", one_of(leads::TYPES)),
            ("partner_center", pointer()),
            ("salesforce", words()),
            ("max_length", count(1)),
        ],
    );
    table(
        leads::KEYS,
        vec![("create", flag()), ("owner", words()), ("status", words()), ("fields", named(field))],
    )
}

fn catalogue_section() -> Value {
    let said = |key: &&'static str| (*key, if catalogue::FLAGS.contains(key) { flag() } else { words() });
    table(catalogue::KEYS, catalogue::KEYS.iter().map(said).collect())
}

fn partner_ids_section() -> Value {
    let rule = table(partner_ids::RULE_KEYS, vec![("where", wheres()), ("partner_id", words())]);
    table(partner_ids::KEYS, vec![("default", words()), ("rule", list(rule))])
}
