//! Section 2.3 and the checklist 8.4: what the customer's rules, locks and rights make of a save.

use serde_json::{Value, json};

use super::rule::{hold, rule};

const DEAL: &str = "/sobjects/Opportunity/{opportunity}";

fn failure(kind: &str, more: &Value) -> Value {
    let mut failure =
        json!({"object": "Opportunity", "kind": kind, "name": "DealGuard", "message": "Ask Noa first"});
    failure.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "save_failures": [failure] })
}

#[test]
fn s2_3_the_customers_own_code_refuses_with_the_customers_text() {
    let rename = json!({"Name": "New"});
    hold([
        rule("a trigger that throws")
            .then_knobs(failure("trigger", &json!({})))
            .patch(DEAL, rename.clone())
            .refused(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")
            .holds("/0/message", "Ask Noa first")
            .after(DEAL, "/Name", json!("Deal")),
        rule("a flow that fails")
            .then_knobs(failure("flow", &json!({})))
            .patch(DEAL, rename.clone())
            .refused(400, "CANNOT_EXECUTE_FLOW_TRIGGER")
            .holds("/0/message", "Ask Noa first"),
        rule("only where its field is written")
            .then_knobs(failure("trigger", &json!({"field": "Amount"})))
            .patch(DEAL, rename.clone())
            .gives(204),
        rule("only so many times")
            .knobs(failure("flow", &json!({"times": 0})))
            .patch(DEAL, rename.clone())
            .gives(204),
        rule("a validation rule")
            .then_knobs(json!({"validation_rules": [
                {"object": "Opportunity", "field": "Amount", "condition": {"above": 5000}, "message": "Too much"}]}))
            .patch(DEAL, json!({"Amount": 6000}))
            .refused(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
            .fact("/0/message", json!("Too much"))
            .fact("/0/fields/0", json!("Amount")),
        rule("in a collection it is the record's error")
            .then_knobs(failure("flow", &json!({})))
            .patch("/composite/sobjects", json!({"records": [
                {"attributes": {"type": "Opportunity"}, "id": "{opportunity}", "Name": "New"}]}))
            .refused(200, "CANNOT_EXECUTE_FLOW_TRIGGER")
            .fact("/0/success", json!(false)),
    ]);
}

#[test]
fn s2_3_locks_hold_rows_and_their_parents() {
    let locked = |id: &str| json!({"locked_rows": [{"id": id, "times": 1}]});
    hold([
        rule("a row that is held cannot be locked")
            .then_knobs(locked("{opportunity}"))
            .patch(DEAL, json!({"Name": "New"}))
            .refused(400, "UNABLE_TO_LOCK_ROW"),
        rule("nor can a child of an account that a sibling's write holds")
            .then_knobs(locked("{account}"))
            .patch(DEAL, json!({"Name": "New"}))
            .refused(400, "UNABLE_TO_LOCK_ROW"),
        rule("a lock may be refused as the server's own error")
            .knobs(json!({"lock_status": 500}))
            .then_knobs(locked("{opportunity}"))
            .patch(DEAL, json!({"Name": "New"}))
            .refused(500, "UNABLE_TO_LOCK_ROW"),
        rule("a row in an approval is an administrator's")
            .then_knobs(json!({"approval_locked": ["{opportunity}"]}))
            .patch(DEAL, json!({"Name": "New"}))
            .refused(400, "ENTITY_IS_LOCKED"),
        rule("and is not deleted")
            .then_knobs(json!({"approval_locked": ["{opportunity}"]}))
            .send("DELETE", DEAL)
            .refused(400, "ENTITY_IS_LOCKED"),
        rule("but read").then_knobs(json!({"approval_locked": ["{opportunity}"]})).get(DEAL),
    ]);
}

#[test]
fn s2_3_a_full_org_takes_no_new_row() {
    let body = json!({"Name": "New"});
    hold([
        rule("a new row")
            .then_knobs(json!({"storage_full": true}))
            .post("/sobjects/Account", body.clone())
            .refused(400, "STORAGE_LIMIT_EXCEEDED"),
        rule("with the other status")
            .then_knobs(json!({"storage_full": true, "storage_full_status": 403}))
            .post("/sobjects/Account", body)
            .refused(403, "STORAGE_LIMIT_EXCEEDED"),
        rule("rows that are there are changed")
            .then_knobs(json!({"storage_full": true}))
            .patch("/sobjects/Account/{account}", json!({"Phone": "1"}))
            .gives(204),
    ]);
}

#[test]
fn s1_9_what_the_integration_user_may_not_do_is_refused() {
    let denied = |object: &str, right: &str| json!({"denied": [{"object": object, "rights": [right]}]});
    let solution = json!({"Opportunity__c": "{opportunity}", "Solution_Id__c": "s"});
    hold([
        rule("no right to create")
            .then_knobs(denied("Microsoft_Solution__c", "create"))
            .post("/sobjects/Microsoft_Solution__c", solution.clone())
            .refused(400, "INSUFFICIENT_ACCESS"),
        rule("describe says so")
            .then_knobs(denied("Microsoft_Solution__c", "create"))
            .get("/sobjects/Microsoft_Solution__c/describe")
            .fact("/createable", json!(false)),
        rule("others still may")
            .then_knobs(denied("Microsoft_Solution__c", "create"))
            .post("/sobjects/Microsoft_Solution__c", solution)
            .by_seller()
            .gives(201),
        rule("no right to edit")
            .then_knobs(denied("Opportunity", "edit"))
            .patch(DEAL, json!({"Name": "New"}))
            .refused(400, "INSUFFICIENT_ACCESS_OR_READONLY"),
        rule("no right to delete")
            .then_knobs(denied("Opportunity", "delete"))
            .send("DELETE", DEAL)
            .refused(400, "INSUFFICIENT_ACCESS_OR_READONLY"),
        rule("what cannot be read is not there")
            .then_knobs(denied("Opportunity", "read"))
            .get(DEAL)
            .refused(404, "NOT_FOUND"),
        rule("not in queries")
            .then_knobs(denied("Opportunity", "read"))
            .query("SELECT Id FROM Opportunity")
            .refused(400, "INVALID_TYPE"),
        rule("a reference to what cannot be read")
            .then_knobs(denied("Campaign", "read"))
            .first("POST", "/sobjects/Campaign", json!({"Name": "Fair"}))
            .patch(DEAL, json!({"CampaignId": "{1}"}))
            .refused(400, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"),
        rule("without View Setup there are no limits")
            .knobs(json!({"permissions": ["ViewAllData"]}))
            .get("/limits")
            .refused(403, "INSUFFICIENT_ACCESS"),
        rule("a hidden field is not there")
            .knobs(json!({"hidden_fields": ["Opportunity.Amount"]}))
            .patch(DEAL, json!({"Amount": 1}))
            .refused(400, "INVALID_FIELD"),
        rule("a field may be lost between two calls")
            .then_knobs(json!({"hidden_fields": ["Opportunity.Referral_Identifier__c"]}))
            .get("/sobjects/Opportunity/Referral_Identifier__c/x")
            .refused(404, "NOT_FOUND"),
    ]);
}

#[test]
fn s2_6_upserts_find_by_external_id() {
    let path = |value: &str| format!("/sobjects/Opportunity/Referral_Identifier__c/{value}");
    let deal = json!({"Name": "New", "StageName": "Prospecting", "CloseDate": "2027-01-31"});
    let loose = json!({"identifier_unique": false});
    let mut keyed = deal.clone();
    keyed["Referral_Identifier__c"] = json!("r1");
    hold([
        rule("no match creates").patch(&path("r1"), deal.clone()).gives(201).fact("/created", json!(true)),
        rule("one match changes")
            .first("PATCH", DEAL, json!({"Referral_Identifier__c": "r1"}))
            .patch(&path("R1"), json!({"Name": "New"}))
            .fact("/created", json!(false))
            .fact("/id", json!("{opportunity}")),
        rule("older versions answer without a body")
            .first("PATCH", DEAL, json!({"Referral_Identifier__c": "r1"}))
            .patch(&format!("/services/data/v45.0{}", path("r1")), json!({"Name": "New"}))
            .gives(204),
        rule("several matches change nothing")
            .knobs(loose.clone())
            .first("PATCH", DEAL, json!({"Referral_Identifier__c": "r1"}))
            .first("POST", "/sobjects/Opportunity", keyed.clone())
            .patch(&path("r1"), json!({"Name": "New"}))
            .gives(300)
            .counts("", 2),
        rule("without View All Data only own rows match")
            .knobs(loose)
            .knobs(json!({"permissions": []}))
            .first("PATCH", DEAL, json!({"Referral_Identifier__c": "r1"}))
            .patch(&path("r1"), deal.clone())
            .gives(201),
        rule("updateOnly creates nothing")
            .patch(&format!("{}?updateOnly=true", path("r1")), deal.clone())
            .refused(404, "NOT_FOUND"),
        rule("POST with _HttpMethod=PATCH is an upsert too")
            .post(&format!("{}?_HttpMethod=PATCH", path("r1")), deal.clone())
            .gives(201),
        rule("the body names the key neither as itself nor as Id")
            .patch(&path("r1"), keyed)
            .refused(400, "INVALID_FIELD"),
        rule("an unknown external id field")
            .patch("/sobjects/Opportunity/Nix__c/x", deal.clone())
            .refused(404, "NOT_FOUND"),
        rule("a value like a domain name is lost in the path")
            .patch(&path("contoso.com"), deal.clone())
            .refused(404, "NOT_FOUND"),
        rule("unless what stands in front lets it pass")
            .knobs(json!({"domain_like_keys_lost": false}))
            .patch(&path("contoso.com"), deal.clone())
            .gives(201),
        rule("in a collection it is found")
            .patch(
                "/composite/sobjects/Opportunity/Referral_Identifier__c",
                json!({"records": [{
                "attributes": {"type": "Opportunity"}, "Referral_Identifier__c": "contoso.com", "Name": "New",
                "StageName": "Prospecting", "CloseDate": "2027-01-31"}]}),
            )
            .fact("/0/created", json!(true)),
        rule("POST to Id creates").post("/sobjects/Opportunity/Id", deal.clone()).gives(201),
        rule("a parent is named by its external id")
            .first("PATCH", "/sobjects/Account/{account}", json!({"Co_sell_Key__c": "a1"}))
            .post("/sobjects/Opportunity", {
                let mut deal = deal.clone();
                deal["Account"] = json!({"Co_sell_Key__c": "a1"});
                deal
            })
            .gives(201)
            .after(
                "SELECT AccountId FROM Opportunity WHERE Name = 'New'",
                "/records/0/AccountId",
                json!("{account}"),
            ),
        rule("an unknown parent")
            .post("/sobjects/Opportunity", {
                let mut deal = deal;
                deal["Account"] = json!({"Co_sell_Key__c": "nix"});
                deal
            })
            .refused(400, "INVALID_FIELD"),
    ]);
}

#[test]
fn s2_7_describe_is_the_truth_about_writing() {
    let of = |object: &str| format!("/sobjects/{object}/describe");
    hold([
        rule("describe global lists what can be read, once")
            .get("/sobjects")
            .fact("/maxBatchSize", json!(200)),
        rule("and is conditional").get("/sobjects").header("if-modified-since", "{tomorrow}").gives(304),
        rule("so is describe").get(of("Opportunity")).header("if-modified-since", "{tomorrow}").gives(304),
        rule("what has no details is said so").get(of("Nix")).refused(404, "NOT_FOUND"),
    ]);
}

#[test]
fn s2_7_a_changed_feature_is_a_changed_schema() {
    let mut desk = super::rule::Desk::new();
    let since = desk.filled("{now}");
    desk.pass(jiff::SignedDuration::from_hours(1));
    let ask = |desk: &super::rule::Desk| {
        let header = [("if-modified-since", since.as_str())];
        desk.ask("GET", "/sobjects/Opportunity/describe", &header, None, false).status
    };
    assert_eq!(ask(&desk), 304);
    desk.knobs(&json!({"record_types": false}));
    assert_eq!(ask(&desk), 200);
}

#[test]
fn s2_7_a_dependent_picklist_tells_what_fits_by_bitmap() {
    let desk = super::rule::Desk::new();
    desk.knobs(&json!({"state_country_picklists": true}));
    let body = desk.ask("GET", "/sobjects/Account/describe", &[], None, false).body;
    let field = |name: &str| {
        body["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).cloned().unwrap()
    };
    let (states, countries) = (field("BillingStateCode"), field("BillingCountryCode"));
    assert_eq!(
        (&states["dependentPicklist"], &states["controllerName"]),
        (&json!(true), &json!("BillingCountryCode"))
    );
    let texas =
        states["picklistValues"].as_array().unwrap().iter().find(|value| value["value"] == "TX").unwrap();
    assert_eq!(texas["label"], "Texas");
    let bits = {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        STANDARD.decode(texas["validFor"].as_str().unwrap()).unwrap()
    };
    let fits: Vec<&str> = countries["picklistValues"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .filter(|(at, _)| bits[at / 8] & (0x80 >> (at % 8)) != 0)
        .map(|(_, value)| value["value"].as_str().unwrap())
        .collect();
    assert_eq!(fits, ["US"]);
}
