//! Sections 2.9 to 2.12: calls in a call.

use serde_json::{Value, json};

use super::{Desk, Reply};

const BASE: &str = "/services/data/v66.0";

fn composite(desk: &Desk, all_or_none: bool, requests: &Value) -> Reply {
    desk.call("POST", "/composite", &json!({"allOrNone": all_or_none, "compositeRequest": requests}))
}

fn codes(reply: &Reply) -> Vec<u64> {
    let all = reply.body["compositeResponse"].as_array().unwrap();
    all.iter().map(|sub| sub["httpStatusCode"].as_u64().unwrap()).collect()
}

fn sub(method: &str, url: &str, reference: &str, body: Value) -> Value {
    json!({"method": method, "url": format!("{BASE}{url}"), "referenceId": reference, "body": body})
}

fn opportunity(name: &str) -> Value {
    json!({"Name": name, "StageName": "Prospecting", "CloseDate": "2027-01-31"})
}

#[test]
fn s2_9_references_carry_results_onwards() {
    let desk = Desk::new();
    let mut with_account = opportunity("A");
    with_account["AccountId"] = json!("@{acc.id}");
    let reply = composite(
        &desk,
        true,
        &json!([
            sub("POST", "/sobjects/Account", "acc", json!({"Name": "Contoso"})),
            sub("POST", "/sobjects/Opportunity", "opp", with_account),
            sub("PATCH", "/sobjects/Opportunity/@{opp.id}", "change", json!({"NextStep": "for @{acc.id}"})),
            sub(
                "GET",
                "/query?q=SELECT+Id,NextStep+FROM+Opportunity+WHERE+Id='@{opp.id}'",
                "read",
                Value::Null
            ),
            sub("GET", "/sobjects/Opportunity/@{read.records[0].Id}?fields=AccountId", "again", Value::Null),
        ]),
    );
    assert_eq!(codes(&reply), [201, 201, 204, 200, 200], "{}", reply.body);
    let all = &reply.body["compositeResponse"];
    let account = all[0]["body"]["id"].as_str().unwrap();
    assert_eq!(all[0]["httpHeaders"]["Location"], format!("{BASE}/sobjects/Account/{account}"));
    assert_eq!(all[2]["body"], Value::Null);
    assert_eq!(all[3]["body"]["records"][0]["NextStep"], format!("for {account}"));
    assert_eq!(all[4]["body"]["AccountId"], account);
    assert_eq!(all[4]["referenceId"], "again");
    assert_eq!(reply.header("sforce-limit-info"), "api-usage=1/100000", "one call");
}

#[test]
fn s2_9_all_or_none_rolls_everything_back() {
    let desk = Desk::new();
    let requests = json!([
        sub("POST", "/sobjects/Opportunity", "a", opportunity("A")),
        sub("POST", "/sobjects/Opportunity", "b", json!({"Name": "B"})),
        sub("POST", "/sobjects/Opportunity", "c", opportunity("C")),
    ]);
    let reply = composite(&desk, true, &requests);
    assert_eq!((reply.status, codes(&reply)), (200, vec![400, 400, 400]));
    let code = |index: usize| reply.body["compositeResponse"][index]["body"][0]["errorCode"].clone();
    assert_eq!(
        [code(0), code(1), code(2)],
        ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    );
    assert_eq!(desk.query("SELECT Id FROM Opportunity").body["totalSize"], 0);
    assert_eq!(desk.query("SELECT Id FROM OpportunityHistory").body["totalSize"], 0);
    let reply = composite(&desk, false, &requests);
    assert_eq!(codes(&reply), [201, 400, 201]);
    assert_eq!(desk.query("SELECT Id FROM Opportunity").body["totalSize"], 2);
}

#[test]
fn s2_9_an_item_that_references_a_failed_one_is_halted() {
    let desk = Desk::new();
    let reply = composite(
        &desk,
        false,
        &json!([
            sub("POST", "/sobjects/Account", "acc", json!({})),
            sub("PATCH", "/sobjects/Account/@{acc.id}", "next", json!({"Phone": "1"})),
        ]),
    );
    assert_eq!(reply.body["compositeResponse"][1]["body"][0]["errorCode"], "PROCESSING_HALTED");
}

#[test]
fn s2_9_the_request_as_a_whole_is_refused() {
    let desk = Desk::new();
    let limits = |count: usize, url: &str| -> Value {
        (0..count).map(|index| sub("GET", url, &format!("r{index}"), Value::Null)).collect()
    };
    let with_header = |name: &str| {
        let mut one = sub("GET", "/limits", "a", Value::Null);
        one["httpHeaders"] = json!({name: "x"});
        json!([one])
    };
    for (requests, status) in [
        (limits(25, "/limits"), 200),
        (limits(26, "/limits"), 400),
        (limits(5, "/query?q=SELECT+Id+FROM+User"), 200),
        (limits(6, "/query?q=SELECT+Id+FROM+User"), 400),
        (json!([sub("GET", "/limits", "_a", Value::Null)]), 400),
        (json!([sub("GET", "/limits", "a-b", Value::Null)]), 400),
        (json!([sub("GET", "/limits", "a", Value::Null), sub("GET", "/limits", "a", Value::Null)]), 400),
        (json!([{"method": "GET", "url": "/limits", "referenceId": "a"}]), 400),
        (with_header("Authorization"), 400),
        (with_header("content-type"), 400),
        (with_header("Sforce-Call-Options"), 200),
    ] {
        assert_eq!(composite(&desk, false, &requests).status, status, "{requests}");
    }
}

#[test]
fn s2_14_a_subrequest_carries_its_own_condition() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    let conditional = |date: &str, step: &str| {
        let mut one = sub("PATCH", &format!("/sobjects/Opportunity/{id}"), "w", json!({"NextStep": step}));
        one["httpHeaders"] = json!({"If-Unmodified-Since": date});
        let read = format!("/query?q=SELECT+NextStep+FROM+Opportunity+WHERE+Id='{id}'");
        composite(&desk, false, &json!([one, sub("GET", &read, "r", Value::Null)]))
    };
    for (date, step, status, kept) in [
        ("Sun, 22 Nov 2026 06:00:00 GMT", "one", 204, "one"),
        ("Sun, 22 Nov 2026 05:59:59 GMT", "two", 412, "one"),
        ("never", "three", 400, "one"),
    ] {
        let reply = conditional(date, step);
        assert_eq!(codes(&reply), [status, 200], "{date}");
        assert_eq!(reply.body["compositeResponse"][1]["body"]["records"][0]["NextStep"], kept, "{date}");
    }
}

#[test]
fn s2_10_collections_answer_row_by_row() {
    let desk = Desk::new();
    let record = |name: Value| json!({"attributes": {"type": "Opportunity"}, "Name": name, "StageName": "Prospecting", "CloseDate": "2027-01-31"});
    let records = json!([record(json!("A")), record(Value::Null), record(json!("C"))]);
    let reply = desk.call("POST", "/composite/sobjects", &json!({"allOrNone": false, "records": records}));
    let flags: Vec<&Value> = reply.body.as_array().unwrap().iter().map(|row| &row["success"]).collect();
    assert_eq!(flags, [&json!(true), &json!(false), &json!(true)]);
    assert_eq!(
        reply.body[1],
        json!({"success": false, "errors": [{"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [Name]", "fields": ["Name"]}]})
    );
    let halted = desk.call("POST", "/composite/sobjects", &json!({"allOrNone": true, "records": records}));
    assert_eq!(halted.body[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(halted.body[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(desk.query("SELECT Id FROM Opportunity").body["totalSize"], 2);
    let (first, last) = (reply.body[0]["id"].clone(), reply.body[2]["id"].clone());
    let update = json!({"records": [
        {"attributes": {"type": "Opportunity"}, "id": first, "NextStep": "x"},
        {"attributes": {"type": "Opportunity"}, "id": "006000000000000AAA", "NextStep": "x"},
        {"attributes": {"type": "Opportunity"}, "NextStep": "x"},
    ]});
    let reply = desk.call("PATCH", "/composite/sobjects", &update);
    let codes: Vec<&Value> =
        reply.body.as_array().unwrap().iter().map(|row| &row["errors"][0]["statusCode"]).collect();
    assert_eq!(codes, [&Value::Null, &json!("INVALID_CROSS_REFERENCE_KEY"), &json!("MISSING_ARGUMENT")]);
    let path = format!(
        "/composite/sobjects?ids={},{}&allOrNone=true",
        first.as_str().unwrap(),
        last.as_str().unwrap()
    );
    assert_eq!(desk.call("DELETE", &path, &Value::Null).body[1]["success"], true);
    let reply = desk.call("DELETE", &path, &Value::Null);
    assert_eq!(reply.body[0]["errors"][0]["statusCode"], "ENTITY_IS_DELETED");
    let many: Vec<Value> = (0..201).map(|_| record(json!("x"))).collect();
    assert_eq!(desk.call("POST", "/composite/sobjects", &json!({"records": many})).status, 400);
}

#[test]
fn s2_10_collections_upsert_says_what_was_created() {
    let desk = Desk::new();
    let record = |key: &str| json!({"attributes": {"type": "Account"}, "Name": "A", "Co_sell_Key__c": key});
    let send = |keys: &[&str]| {
        let records: Vec<Value> = keys.iter().map(|key| record(key)).collect();
        desk.call("PATCH", "/composite/sobjects/Account/Co_sell_Key__c", &json!({"records": records}))
    };
    let reply = send(&["a"]);
    assert_eq!(reply.body[0]["created"], true, "{}", reply.body);
    let reply = send(&["a", "b"]);
    assert_eq!((&reply.body[0]["created"], &reply.body[1]["created"]), (&json!(false), &json!(true)));
    let reply = send(&["c", "c"]);
    assert_eq!(reply.body[0]["errors"][0]["statusCode"], "DUPLICATE_EXTERNAL_ID");
    assert_eq!(desk.call("PATCH", "/composite/sobjects/Account/Phone", &json!({"records": []})).status, 404);
}

#[test]
fn s2_10_retrieve_puts_null_where_nothing_is() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    let body = json!({"ids": [id, "006000000000000AAA", &id[..15]], "fields": ["Name"]});
    let reply = desk.call("POST", "/composite/sobjects/Opportunity", &body);
    let names: Vec<&Value> = reply.body.as_array().unwrap().iter().map(|row| &row["Name"]).collect();
    assert_eq!(names, [&json!("Deal"), &Value::Null, &json!("Deal")]);
    assert_eq!(reply.body[1], Value::Null);
    let reply = desk.get(&format!("/composite/sobjects/Opportunity?ids={id}&fields=Id,Name"));
    assert_eq!(reply.body[0]["Id"], id.as_str());
    let reply =
        desk.call("POST", "/composite/sobjects/Opportunity", &json!({"ids": [id], "fields": ["Nothing"]}));
    assert_eq!(reply.code(), "INVALID_FIELD");
    let ids = vec!["006000000000000AAA"; 2_001];
    assert_eq!(
        desk.call("POST", "/composite/sobjects/Opportunity", &json!({"ids": ids, "fields": ["Id"]})).status,
        400
    );
}

#[test]
fn s2_11_a_batch_is_not_transactional() {
    let desk = Desk::new();
    let requests = json!([
        {"method": "POST", "url": "v66.0/sobjects/Account", "richInput": {"Name": "A"}},
        {"method": "GET", "url": "v66.0/sobjects/Account/001000000000000AAA"},
        {"method": "GET", "url": "v66.0/limits"},
    ]);
    for (halt, last) in [(false, 200), (true, 412)] {
        let reply =
            desk.call("POST", "/composite/batch", &json!({"haltOnError": halt, "batchRequests": requests}));
        assert_eq!(reply.body["hasErrors"], true);
        assert_eq!(reply.body["results"][0]["statusCode"], 201);
        assert_eq!(reply.body["results"][1]["statusCode"], 404);
        assert_eq!(reply.body["results"][2]["statusCode"], last, "{halt}");
    }
    assert_eq!(desk.query("SELECT Id FROM Account").body["totalSize"], 2);
}

#[test]
fn s2_12_each_graph_stands_or_falls_by_itself() {
    let desk = Desk::new();
    let graph = |id: &str, stage: Value| {
        let mut deal = opportunity(id);
        deal["AccountId"] = json!("@{acc.id}");
        deal["StageName"] = stage;
        json!({"graphId": id, "compositeRequest": [
            sub("POST", "/sobjects/Account", "acc", json!({"Name": id})),
            sub("POST", "/sobjects/Opportunity", "opp", deal),
        ]})
    };
    let body = json!({"graphs": [graph("good", json!("Prospecting")), graph("bad", Value::Null)]});
    let reply = desk.call("POST", "/composite/graph", &body);
    let graphs = &reply.body["graphs"];
    assert_eq!(
        (&graphs[0]["isSuccessful"], &graphs[1]["isSuccessful"]),
        (&json!(true), &json!(false)),
        "{}",
        reply.body
    );
    let failed = &graphs[1]["graphResponse"]["compositeResponse"];
    assert_eq!(failed[0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(failed[1]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(desk.column("SELECT Name FROM Account", "Name"), ["good"]);
    let query = json!({"graphs": [{"graphId": "q", "compositeRequest": [sub("GET", "/query?q=SELECT+Id+FROM+User", "q", Value::Null)]}]});
    assert_eq!(desk.call("POST", "/composite/graph", &query).status, 400);
}

#[test]
fn s2_11_a_tree_has_five_levels_at_most() {
    let desk = Desk::new();
    let grow = |levels: usize| {
        let mut tree = Value::Null;
        for level in (0..levels).rev() {
            let mut record =
                json!({"attributes": {"type": "Account", "referenceId": format!("r{level}")}, "Name": "A"});
            if !tree.is_null() {
                record["ChildAccounts"] = tree;
            }
            tree = json!({ "records": [record] });
        }
        desk.call("POST", "/composite/tree/Account", &tree).status
    };
    assert_eq!((grow(5), grow(6)), (201, 400));
}
