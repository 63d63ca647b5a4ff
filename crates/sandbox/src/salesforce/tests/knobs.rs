//! Section 8.4: what the org can be told to do to its callers.

use serde_json::{Value, json};

use super::Desk;
use crate::exchange::{Kind, Machine as _};

#[test]
fn s8_4_a_hidden_field_is_gone_for_the_integration_user_only() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({"Amount": 5}));
    desk.knob(json!({"hidden_fields": ["Opportunity.Amount"]}));
    let path = format!("/sobjects/Opportunity/{id}");
    let soql = "/query?q=SELECT+Amount+FROM+Opportunity";
    assert_eq!(desk.product("GET", soql, &Value::Null).code(), "INVALID_FIELD");
    assert_eq!(desk.product("GET", &format!("{path}?fields=Amount"), &Value::Null).code(), "INVALID_FIELD");
    assert_eq!(desk.product("PATCH", &path, &json!({"Amount": 6})).code(), "INVALID_FIELD");
    assert_eq!(desk.product("GET", &path, &Value::Null).body.get("Amount"), None);
    let shown = |reply: super::Reply| {
        reply.body["fields"].as_array().unwrap().iter().any(|field| field["name"] == "Amount")
    };
    assert!(!shown(desk.product("GET", "/sobjects/Opportunity/describe", &Value::Null)));
    assert!(shown(desk.get("/sobjects/Opportunity/describe")));
    assert_eq!(desk.read("Opportunity", &id)["Amount"].to_string(), "5.0");
    assert!(
        desk.machine.set_knobs(&json!({"hidden_fields": ["Opportunity.Nothing"]}), desk.now.get()).is_err()
    );
}

#[test]
fn s8_4_reads_lag_behind_writes() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({"NextStep": "old"}));
    desk.wait(10.0);
    desk.knob(json!({"read_lag_ms": 2_000}));
    desk.call("PATCH", &format!("/sobjects/Opportunity/{id}"), &json!({"NextStep": "new"}));
    let born = desk.opportunity(json!({"NextStep": "new"}));
    let soql = "SELECT NextStep FROM Opportunity WHERE NextStep = 'new'";
    for (wait, step, count, status) in [(1.0, "old", 0, 404), (1.5, "new", 2, 200)] {
        desk.wait(wait);
        assert_eq!(desk.read("Opportunity", &id)["NextStep"], step);
        assert_eq!(desk.query(soql).body["totalSize"], count);
        assert_eq!(desk.get(&format!("/sobjects/Opportunity/{born}")).status, status);
    }
    let requests = json!([
        {"method": "PATCH", "url": format!("/services/data/v66.0/sobjects/Opportunity/{id}"), "referenceId": "w", "body": {"NextStep": "own"}},
        {"method": "GET", "url": format!("/services/data/v66.0/sobjects/Opportunity/{id}"), "referenceId": "r"},
    ]);
    let reply = desk.call("POST", "/composite", &json!({"compositeRequest": requests}));
    assert_eq!(
        reply.body["compositeResponse"][1]["body"]["NextStep"], "own",
        "a request sees its own writes"
    );
}

#[test]
fn s8_4_a_late_row_appears_with_an_old_stamp() {
    let desk = Desk::new();
    desk.knob(json!({"late_visible_ms": 5_000, "late_visible_rows": 1}));
    let late = desk.opportunity(json!({}));
    let path = format!("/sobjects/Opportunity/{late}");
    desk.wait(3.0);
    assert_eq!(desk.get(&path).status, 404);
    desk.wait(3.0);
    assert_eq!(desk.read("Opportunity", &late)["SystemModstamp"], "2026-11-22T06:00:00.000+0000");
    desk.create("Account", &json!({"Name": "A"}));
    assert_eq!(desk.query("SELECT Id FROM Account").body["totalSize"], 1, "only so many rows are late");
}

#[test]
fn s1_9_private_sharing_hides_what_others_own_from_the_integration_user_only() {
    let desk = Desk::new();
    let account = desk.create("Account", &json!({"Name": "Contoso"}));
    let id = desk.opportunity(json!({"AccountId": account}));
    desk.knob(json!({"private": ["Opportunity", "Account"]}));
    let path = format!("/sobjects/Opportunity/{id}");
    assert_eq!(desk.product("GET", &path, &Value::Null).status, 404);
    assert_eq!(desk.product("PATCH", &path, &json!({"NextStep": "x"})).code(), "NOT_FOUND");
    assert_eq!(desk.product("GET", "/query?q=SELECT+Id+FROM+Account", &Value::Null).body["totalSize"], 0);
    assert_eq!(desk.get(&path).status, 200, "the seller sees everything");
    let me =
        desk.query("SELECT Id FROM User WHERE Username = 'cosell@trey-research.example'").body["records"][0]
            ["Id"]
            .clone();
    let member = json!({"OpportunityId": id, "UserId": me, "OpportunityAccessLevel": "Read"});
    desk.create("OpportunityTeamMember", &member);
    assert_eq!(desk.product("GET", &path, &Value::Null).status, 200);
    assert_eq!(desk.product("GET", "/query?q=SELECT+Id+FROM+Account", &Value::Null).body["totalSize"], 1);
}

#[test]
fn s5_1_a_customer_has_fields_of_its_own_some_of_them_required() {
    let desk = Desk::new();
    desk.knob(json!({"own_fields": [
        {"object": "Opportunity", "name": "acme__Region__c", "label": "Region", "values": ["EMEA", "APAC"], "required": true},
        {"object": "Opportunity", "name": "acme__Code__c", "label": "Code", "length": 3},
    ]}));
    let deal = |region: Value| json!({"Name": "A", "StageName": "Prospecting", "CloseDate": "2027-01-31", "acme__Region__c": region});
    let create = |body: &Value| desk.call("POST", "/sobjects/Opportunity", body);
    assert_eq!(create(&deal(Value::Null)).code(), "REQUIRED_FIELD_MISSING");
    assert_eq!(create(&deal(json!("LATAM"))).code(), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
    let id = create(&deal(json!("APAC"))).body["id"].as_str().unwrap().to_owned();
    let long = json!({"acme__Code__c": "four"});
    assert_eq!(
        desk.product("PATCH", &format!("/sobjects/Opportunity/{id}"), &long).code(),
        "STRING_TOO_LONG"
    );
    assert_eq!(desk.read("Opportunity", &id)["acme__Region__c"], "APAC");
    let nowhere = json!({"own_fields": [{"object": "Nothing", "name": "a__c", "label": "A"}]});
    assert!(desk.machine.set_knobs(&nowhere, desk.now.get()).is_err());
}

#[test]
fn s8_4_rules_locks_and_duplicates_refuse() {
    let desk = Desk::new();
    let account = desk.create("Account", &json!({"Name": "Contoso"}));
    let id = desk.opportunity(json!({"AccountId": account}));
    desk.knob(json!({
        "locked_rows": [{"id": &id[..15], "times": 1}],
        "validation_rules": [{"object": "Opportunity", "field": "Amount", "condition": {"above": 100}, "message": "Too much."}],
        "duplicate_rules": [{"name": "Accounts", "object": "Account", "fields": ["Name"], "action": "alert"}],
    }));
    let path = format!("/sobjects/Opportunity/{id}");
    assert_eq!(desk.call("PATCH", &path, &json!({})).code(), "UNABLE_TO_LOCK_ROW");
    assert_eq!(desk.call("PATCH", &path, &json!({})).status, 204);
    let reply = desk.call("PATCH", &path, &json!({"Amount": 101}));
    assert_eq!((reply.code(), reply.message()), ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Too much."));
    let twin = json!({"Name": "contoso"});
    let reply = desk.call("POST", "/sobjects/Account", &twin);
    assert_eq!(reply.code(), "DUPLICATES_DETECTED");
    assert_eq!(reply.body[0]["duplicateResult"]["allowSave"], true);
    let allow = [("sforce-duplicate-rule-header", "allowSave=true")];
    assert_eq!(desk.with(&desk.seller, "POST", "/sobjects/Account", &allow, &twin).status, 201);
    desk.knob(json!({"duplicate_rules": [{"name": "A", "object": "Account", "fields": ["Name"], "action": "block"}]}));
    let reply = desk.with(&desk.seller, "POST", "/sobjects/Account", &allow, &twin);
    assert_eq!(reply.code(), "DUPLICATES_DETECTED");
}

#[test]
fn s8_4_automations_change_what_was_written() {
    let desk = Desk::new();
    let flow = |field: &str, kind: &str, argument: Value, when: Value| json!({"object": "Opportunity", "field": field, "kind": kind, "argument": argument, "when": when});
    desk.knob(json!({"automations": [
        flow("Name", "prefix", json!("ACME: "), json!("before_save")),
        flow("Amount", "round", json!(100), json!("before_save")),
        flow("CloseDate", "shift_days", json!(3), json!("before_save")),
        flow("NextStep", "revert", Value::Null, json!({"after_ms": 1_500})),
    ]}));
    let reply = desk.product(
        "POST",
        "/sobjects/Opportunity",
        &json!({"Name": "A", "StageName": "Prospecting", "CloseDate": "2027-01-30", "Amount": 149.99}),
    );
    let id = reply.body["id"].as_str().unwrap().to_owned();
    let row = desk.read("Opportunity", &id);
    assert_eq!((&row["Name"], &row["CloseDate"]), (&json!("ACME: A"), &json!("2027-02-02")));
    assert_eq!(row["Amount"].to_string(), "100.0");
    desk.product("PATCH", &format!("/sobjects/Opportunity/{id}"), &json!({"NextStep": "mine"}));
    assert_eq!(desk.read("Opportunity", &id)["NextStep"], "mine");
    desk.wait(2.0);
    let row = desk.read("Opportunity", &id);
    assert_eq!(row["NextStep"], Value::Null);
    assert_eq!(row["LastModifiedDate"], "2026-11-22T06:00:01.000+0000", "a save of its own");
    assert_eq!(row["LastModifiedById"], row["CreatedById"], "under the writer's user");
}

#[test]
fn s8_4_a_single_currency_org_knows_no_currency() {
    let desk = Desk::new();
    desk.knob(json!({"multi_currency": false}));
    assert_eq!(desk.query("SELECT CurrencyIsoCode FROM Opportunity").code(), "INVALID_FIELD");
    assert_eq!(desk.query("SELECT IsoCode FROM CurrencyType").code(), "INVALID_TYPE");
    let id = desk.opportunity(json!({}));
    assert_eq!(desk.read("Opportunity", &id).get("CurrencyIsoCode"), None);
    desk.knob(json!({"multi_currency": true, "active_currencies": ["NOK", "JPY"]}));
    assert_eq!(
        desk.column("SELECT IsoCode FROM CurrencyType WHERE IsActive = true ORDER BY IsoCode", "IsoCode"),
        ["JPY", "NOK"]
    );
    let id = desk.opportunity(json!({}));
    assert_eq!(desk.read("Opportunity", &id)["CurrencyIsoCode"], "NOK");
}

#[test]
fn s8_4_the_stamp_of_conditions_can_be_chosen() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    desk.wait(5.0);
    desk.act("touch", &json!({"id": id})).unwrap();
    let row = desk.read("Opportunity", &id);
    assert_eq!(row["LastModifiedDate"], "2026-11-22T06:00:00.000+0000");
    assert_eq!(row["SystemModstamp"], "2026-11-22T06:00:05.000+0000");
    for (stamp, status) in [("SystemModstamp", 412), ("LastModifiedDate", 204)] {
        desk.knob(json!({"conditional_stamp": stamp}));
        let headers = [("if-unmodified-since", "Sun, 22 Nov 2026 06:00:00 GMT")];
        let path = format!("/sobjects/Opportunity/{id}");
        assert_eq!(desk.with(&desk.seller, "PATCH", &path, &headers, &json!({})).status, status, "{stamp}");
    }
}

#[test]
fn s8_4_an_unknown_knob_changes_nothing() {
    let desk = Desk::new();
    for bad in [json!({"nonsense": 1}), json!({"page_size": 0}), json!([]), json!({"read_lag_ms": 999_999})] {
        assert!(desk.machine.set_knobs(&bad, desk.now.get()).is_err(), "{bad}");
    }
    assert_eq!(desk.machine.knobs()["page_size"], Value::Null);
}

#[test]
fn a_clone_copies_the_flag_and_drops_or_blocks_unique_values() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({"Sync_with_Partner_Center__c": true, "Referral_Identifier__c": "R1", "Referral_Link__c": "https://x.example"}));
    let clone = |desk: &Desk| desk.act("clone", &json!({"id": id}));
    let copy = clone(&desk).unwrap()["id"].as_str().unwrap().to_owned();
    let row = desk.read("Opportunity", &copy);
    assert_eq!(
        (&row["Sync_with_Partner_Center__c"], &row["Referral_Identifier__c"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(row["Referral_Link__c"], "https://x.example");
    desk.knob(json!({"clone_unique": "block"}));
    assert!(clone(&desk).unwrap_err().starts_with("DUPLICATE_VALUE"));
    desk.knob(json!({"identifier_unique": false}));
    let copy = clone(&desk).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(desk.read("Opportunity", &copy)["Referral_Identifier__c"], "R1");
}

#[test]
fn the_state_shows_every_row_with_every_field() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({"Description": "planted words"}));
    desk.knob(json!({"hidden_fields": ["Opportunity.Description"], "read_lag_ms": 3_000}));
    let state = desk.machine.state(desk.now.get());
    let row = &state["Opportunity"][0];
    assert_eq!(
        (&row["Id"], &row["Description"], &row["IsDeleted"]),
        (&json!(id), &json!("planted words"), &json!(false))
    );
    assert!(state["OpportunityStage"].as_array().unwrap().len() >= 13);
}

#[test]
fn a_skewed_clock_shows_in_the_date_of_answers_and_nowhere_else() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    let before = desk.get(&format!("/sobjects/Opportunity/{id}"));
    desk.knob(json!({"date_skew_seconds": -120}));
    let after = desk.get(&format!("/sobjects/Opportunity/{id}"));
    let date = |text: &str| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).unwrap();
    let apart = date(before.header("date")).duration_since(date(after.header("date")));
    assert_eq!(apart.as_secs(), 120);
    assert_eq!(before.body["SystemModstamp"], after.body["SystemModstamp"]);
}

#[test]
fn two_orgs_of_one_seed_are_the_same_org() {
    let (one, two) = (Desk::new(), Desk::new());
    assert_eq!(one.opportunity(json!({})), two.opportunity(json!({})));
    assert_eq!(one.seller, two.seller);
}

#[test]
fn calls_are_classed_by_what_they_do() {
    let desk = Desk::new();
    let get = json!({"compositeRequest": [{"method": "GET"}]});
    let patch = json!({"compositeRequest": [{"method": "GET"}, {"method": "PATCH"}]});
    for (method, path, body, kind) in [
        ("POST", "/services/oauth2/token", Value::Null, Kind::Token),
        ("GET", "/services/data/v66.0/query?q=x", Value::Null, Kind::Read),
        ("POST", "/services/data/v66.0/composite", get, Kind::Read),
        ("POST", "/services/data/v66.0/composite", patch, Kind::CrmWrite),
        ("POST", "/services/data/v66.0/composite/sobjects/Opportunity", Value::Null, Kind::Read),
        ("POST", "/services/data/v66.0/composite/sobjects", Value::Null, Kind::CrmWrite),
        ("PATCH", "/services/data/v66.0/sobjects/Opportunity/006", Value::Null, Kind::CrmWrite),
        ("DELETE", "/services/data/v66.0/sobjects/Opportunity/006", Value::Null, Kind::CrmWrite),
    ] {
        let request =
            http::Request::builder().method(method).uri(path).body(body.to_string().into()).unwrap();
        assert_eq!(desk.machine.kind(&request), kind, "{method} {path}");
    }
}
