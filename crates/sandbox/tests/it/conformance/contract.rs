//! The sandbox and `contracts/referrals.openapi.json` describe the same referral and the same paths.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use crate::{
    bodies::{inbound, invitation, partner_led, shared},
    desk::{Desk, REFERRALS, text},
};

fn contract() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/referrals.openapi.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn followed<'c>(contract: &'c Value, node: &'c Value) -> &'c Value {
    node["$ref"].as_str().map_or(node, |reference| contract.pointer(&reference[1..]).unwrap())
}

/// What of `value` the schema does not describe.
fn undescribed(contract: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let schema = followed(contract, schema);
    match value {
        Value::Object(members) if schema["properties"].is_object() => {
            for (name, value) in members {
                let path = format!("{path}/{name}");
                match schema["properties"].get(name) {
                    Some(member) => undescribed(contract, member, value, &path, found),
                    None => found.push(path),
                }
            }
        }
        Value::Array(items) if schema["items"].is_object() => {
            for item in items {
                undescribed(contract, &schema["items"], item, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

fn described(contract: &Value, schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, member) in followed(contract, schema)["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        described(contract, member, &path, found);
        found.insert(path);
    }
}

#[test]
fn s3_the_contract_describes_every_member_that_is_served() {
    let desk = Desk::new();
    let contract = contract();
    let entity = &contract["components"]["schemas"]["Referral"];
    let own = desk.post(&shared()).expect(200);
    desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    desk.act("microsoft/invite", &inbound());
    desk.act("microsoft/accept", &json!({"engagementId": own["engagementId"]}));
    let mut found = Vec::new();
    for one in desk.list("").expect(200)["value"].as_array().unwrap() {
        let whole = desk.get(&format!("{REFERRALS}/{}", text(one, "id"))).expect(200);
        undescribed(&contract, entity, &whole, "", &mut found);
    }
    assert_eq!(found, [""; 0]);
    let served: BTreeSet<&String> = own.as_object().unwrap().keys().collect();
    let all = entity["properties"].as_object().unwrap().keys().collect();
    assert_eq!(served, all, "the top level is served whole");
}

#[test]
fn s3_8_exactly_the_paths_of_the_contract_can_be_patched() {
    let contract = contract();
    let listed = &contract["components"]["schemas"]["Patch"]["items"]["properties"]["path"]["enum"];
    let listed: BTreeSet<String> =
        listed.as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect();
    let mut all = BTreeSet::new();
    described(&contract, &contract["components"]["schemas"]["Referral"], "", &mut all);
    let lists = [
        "/customerProfile/team",
        "/details/requirements/solutions",
        "/team",
        "/target",
        "/registrations",
        "/customerProfile/ids",
        "/tags",
    ];
    let elements =
        lists.iter().flat_map(|list| [format!("{list}/-"), format!("{list}/0"), format!("{list}/0/id")]);
    let desk = Desk::new();
    let id = text(&desk.post(&partner_led()).expect(200), "id").to_owned();
    for path in all.into_iter().chain(elements).chain(listed.clone()) {
        // A value that fits nowhere: only whether the path is allowed is asked.
        let refused = desk
            .patch(&id, &json!([{"op": "add", "path": path, "value": {"nothing": {"like": "it"}}}]))
            .expect(400);
        let barred = refused["error"]["innerError"]["code"] == "pathNotAllowed";
        assert_eq!(barred, !listed.contains(&path), "{path}: {refused}");
    }
}
