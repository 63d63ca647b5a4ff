//! Sections 2.7, 5.1 and 5.2: record types of opportunities and their sales processes.

use serde_json::{Value, json};

use super::Desk;

/// An org with a process of its own for one record type.
fn with_services(default: bool) -> Desk {
    let desk = Desk::new();
    let knobs = json!({
        "own_stages": [{"name": "Scoping", "probability": 20},
            {"name": "Signed", "probability": 100, "closed": true, "won": true}],
        "sales_processes": [{"record_type": "Services", "stages": ["Scoping", "Signed"], "default": default}],
    });
    desk.knob(knobs);
    desk
}

fn record_type(desk: &Desk, name: &str) -> String {
    let rows =
        desk.query(&format!("SELECT Id FROM RecordType WHERE DeveloperName = '{name}'")).body["records"]
            .clone();
    rows[0]["Id"].as_str().unwrap().to_owned()
}

#[test]
fn s5_2_a_stage_is_one_of_the_record_types_process() {
    let desk = with_services(false);
    let services = record_type(&desk, "Services");
    let id = desk.opportunity(json!({"RecordTypeId": services, "StageName": "Scoping"}));
    let path = format!("/sobjects/Opportunity/{id}");
    let refused = desk.call("PATCH", &path, &json!({"StageName": "Closed Won"}));
    assert_eq!((refused.status, refused.code()), (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"));
    assert_eq!(desk.call("PATCH", &path, &json!({"StageName": "signed"})).status, 204);
    let row = desk.read("Opportunity", &id);
    assert_eq!((&row["IsWon"], &row["Probability"]), (&json!(true), &json!(100.0)));
    // Without a record type there is no process; and what stands in a stage stays there when it gets one.
    let plain = desk.opportunity(json!({"StageName": "Closed Lost"}));
    let path = format!("/sobjects/Opportunity/{plain}");
    assert_eq!(desk.call("PATCH", &path, &json!({"RecordTypeId": services})).status, 204);
    assert_eq!(desk.read("Opportunity", &plain)["StageName"], "Closed Lost");
}

#[test]
fn s2_7_the_default_record_type_is_given_and_described() {
    for default in [false, true] {
        let desk = with_services(default);
        let services = record_type(&desk, "Services");
        let id = desk.opportunity(json!({"StageName": "Scoping"}));
        let given = desk.read("Opportunity", &id)["RecordTypeId"].clone();
        assert_eq!(given, if default { json!(services) } else { Value::Null });
        let described = desk.call("GET", "/sobjects/Opportunity/describe", &Value::Null).body;
        let infos = described["recordTypeInfos"].as_array().unwrap();
        let defaults: Vec<&Value> =
            infos.iter().filter(|each| each["defaultRecordTypeMapping"] == true).collect();
        assert_eq!(defaults.len(), 1);
        assert_eq!(defaults[0]["developerName"], if default { "Services" } else { "Master" });
    }
}

#[test]
fn s5_2_a_stage_that_the_customer_added_stands_in_the_list_of_stages() {
    let desk = with_services(false);
    let rows = desk
        .query("SELECT ApiName, IsClosed, IsWon FROM OpportunityStage WHERE ApiName = 'Signed'")
        .body["records"]
        .clone();
    assert_eq!((&rows[0]["IsClosed"], &rows[0]["IsWon"]), (&json!(true), &json!(true)));
}
