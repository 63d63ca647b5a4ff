//! The JSON Schema for editors: the committed one is the generated one, and it knows every key that the readers take.

use std::fs;

use mapping::{Mapping, MappingError};
use serde_json::Value;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../mappings/mapping.schema.json");
/// No key of any table, and near to none.
const NO_KEY: &str = "qqqqqqqqqqqqqqqqqq";

#[test]
fn the_committed_schema_is_the_generated_one() {
    let generated = format!("{:#}\n", Mapping::json_schema());
    if std::env::var_os("BLESS").is_some() {
        fs::write(COMMITTED, &generated).unwrap();
    }
    assert!(
        fs::read_to_string(COMMITTED).unwrap_or_default() == generated,
        "run the test with BLESS=1 and commit"
    );
}

#[test]
fn every_key_that_a_reader_takes_is_in_the_schema() {
    let schema = Mapping::json_schema();
    // A key that no reader knows makes it list those that it does.
    for (place, file) in [
        ("", format!("{NO_KEY} = 1")),
        ("/properties/fields/additionalProperties", format!("[fields.notes]\n{NO_KEY} = 1")),
        ("/properties/text", format!("[text]\n{NO_KEY} = 1")),
        ("/properties/names", format!("[names]\n{NO_KEY} = \"A\"")),
        ("/properties/inbound", format!("[inbound]\n{NO_KEY} = 1")),
        ("/properties/inbound/properties/route/items", format!("[[inbound.route]]\n{NO_KEY} = 1")),
        ("/properties/leads", format!("[leads]\n{NO_KEY} = 1")),
        (
            "/properties/leads/properties/fields/additionalProperties",
            format!("[leads.fields.phone]\n{NO_KEY} = 1"),
        ),
        ("/properties/opt_in", format!("[opt_in]\n{NO_KEY} = 1")),
        ("/properties/creation", format!("[creation]\n{NO_KEY} = 1")),
        ("/properties/partner_ids", format!("[partner_ids]\n{NO_KEY} = 1")),
        ("/properties/accounts", format!("[accounts]\n{NO_KEY} = 1")),
        ("/properties/contacts", format!("[contacts]\n{NO_KEY} = 1")),
        ("/properties/catalogue", format!("[catalogue]\n{NO_KEY} = 1")),
        ("/properties/record_types/additionalProperties", format!("[record_types.Co_sell]\n{NO_KEY} = 1")),
    ] {
        let errors = Mapping::with_company("ours.toml", &format!("version = 1\n{file}\n")).unwrap_err();
        let taken = listed(&errors);
        assert!(!taken.is_empty(), "{file} lists no keys: {errors:#?}");
        let known = schema.pointer(&format!("{place}/properties")).and_then(Value::as_object).unwrap();
        for key in taken {
            assert!(known.contains_key(&key), "the schema lacks `{key}` at {place}");
        }
    }
}

/// The keys that the advice on an unknown one names.
fn listed(errors: &[MappingError]) -> Vec<String> {
    let about = errors.iter().find(|error| error.what.contains(NO_KEY));
    let advice = about.map(|error| error.advice.as_str()).unwrap_or_default();
    let names = advice.split_once("may hold").map_or("", |(_, names)| names);
    names
        .split(',')
        .map(|name| name.trim().trim_matches('`').to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}
