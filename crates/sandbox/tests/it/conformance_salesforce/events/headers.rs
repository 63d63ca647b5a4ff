//! Sections 4.8 and 4.9: headers, merged events and gaps, and whose writes they were.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::desk::{Desk, EVERYTHING, LATEST, OPPORTUNITIES};

#[test]
fn s4_8_one_transaction_has_one_key_and_numbers_with_holes() {
    let desk = Desk::new();
    let account = desk.create("Account", &json!({"Name": "Ada Ltd"}));
    let graph = json!({"graphs": [{"graphId": "1", "compositeRequest": [
        {"method": "POST", "url": "/services/data/v66.0/sobjects/Opportunity", "referenceId": "deal",
         "body": {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2027-01-31", "AccountId": account}},
        {"method": "POST", "url": "/services/data/v66.0/sobjects/Contact", "referenceId": "person",
         "body": {"LastName": "Berg"}},
        {"method": "POST", "url": "/services/data/v66.0/sobjects/Microsoft_Solution__c", "referenceId": "solution",
         "body": {"Opportunity__c": "@{deal.id}", "Solution_Id__c": "s"}},
    ]}]});
    assert_eq!(desk.call("POST", "/composite/graph", &graph).0, 200);
    let told = desk.all(EVERYTHING);
    let [deal, solution] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(deal.header["transactionKey"], solution.header["transactionKey"]);
    assert_eq!((deal.entity(), solution.entity()), ("Opportunity", "Microsoft_Solution__c"));
    assert_eq!(deal.header["sequenceNumber"], json!(1));
    assert!(solution.header["sequenceNumber"].as_i64().unwrap() > 2, "the contact leaves a hole");
    assert_eq!(deal.header["commitTimestamp"], json!(1_795_327_200_400_i64));
    desk.opportunity(json!({}));
    let next = desk.last(EVERYTHING);
    assert_ne!(next.header["transactionKey"], deal.header["transactionKey"]);
    assert!(next.header["commitNumber"].as_i64() > deal.header["commitNumber"].as_i64());
    let users: BTreeSet<&str> = desk.credentials["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["id"].as_str().unwrap())
        .collect();
    assert!(users.contains(next.header["commitUser"].as_str().unwrap()));
}

#[test]
fn s4_8_subrequests_that_stand_alone_are_transactions_of_their_own() {
    let desk = Desk::new();
    let (one, two) = (desk.opportunity(json!({})), desk.opportunity(json!({})));
    let step = |id: &str, name: &str, reference: &str| {
        json!({"method": "PATCH", "url": format!("/services/data/v66.0/sobjects/Opportunity/{id}"),
               "referenceId": reference, "body": {"Name": name}})
    };
    for (all_or_none, keys) in [(false, 3), (true, 1)] {
        let before = desk.all(OPPORTUNITIES).len();
        let body = json!({"allOrNone": all_or_none, "compositeRequest": [
            step(&one, &format!("A{all_or_none}"), "a"), step(&two, &format!("B{all_or_none}"), "b"),
            step(&one, &format!("C{all_or_none}"), "c"),
        ]});
        assert_eq!(desk.call("POST", "/composite", &body).0, 200);
        let told = desk.all(OPPORTUNITIES).split_off(before);
        let found: BTreeSet<String> =
            told.iter().map(|told| told.header["transactionKey"].to_string()).collect();
        assert_eq!(found.len(), keys);
        let named: Vec<&str> = told.iter().map(|told| told.body["Name"].as_str().unwrap()).collect();
        if all_or_none {
            // Several steps on one record in one transaction are one event, with what came of them.
            assert_eq!(named, ["Ctrue", "Btrue"]);
        } else {
            assert_eq!(named, ["Afalse", "Bfalse", "Cfalse"]);
        }
    }
    // What was rolled back was never told.
    let before = desk.all(OPPORTUNITIES).len();
    let body = json!({"allOrNone": true, "compositeRequest": [
        step(&one, "Never", "a"), step(&two, &"x".repeat(500), "b"),
    ]});
    desk.call("POST", "/composite", &body);
    assert_eq!(desk.all(OPPORTUNITIES).len(), before);
}

#[test]
fn s4_8_the_first_step_of_a_transaction_says_what_kind_of_change_it_was() {
    let desk = Desk::new();
    let body = json!({"allOrNone": true, "compositeRequest": [
        {"method": "POST", "url": "/services/data/v66.0/sobjects/Opportunity", "referenceId": "deal",
         "body": {"Name": "First", "StageName": "Prospecting", "CloseDate": "2027-01-31"}},
        {"method": "PATCH", "url": "/services/data/v66.0/sobjects/Opportunity/@{deal.id}", "referenceId": "again",
         "body": {"Name": "Last"}},
    ]});
    assert_eq!(desk.call("POST", "/composite", &body).0, 200);
    let told = desk.all(OPPORTUNITIES);
    assert_eq!((told.len(), told[0].kind(), &told[0].body["Name"]), (1, "CREATE", &json!("Last")));
}

#[test]
fn s4_8_equal_changes_of_several_rows_are_merged() {
    let desk = Desk::new();
    let ids: Vec<String> = (0..3).map(|_| desk.opportunity(json!({}))).collect();
    let records = |field: &dyn Fn(usize) -> Value| -> Value {
        let record = |(at, id): (usize, &String)| json!({"attributes": {"type": "Opportunity"}, "id": id, "NextStep": field(at)});
        json!({"allOrNone": true, "records": ids.iter().enumerate().map(record).collect::<Vec<_>>()})
    };
    let before = desk.all(OPPORTUNITIES).len();
    desk.wait(2);
    assert_eq!(desk.call("PATCH", "/composite/sobjects", &records(&|_| json!("Same"))).0, 200);
    let told = desk.all(OPPORTUNITIES).split_off(before);
    assert_eq!((told.len(), told[0].ids()), (1, ids.iter().map(String::as_str).collect()));
    desk.call("PATCH", "/composite/sobjects", &records(&|at| json!(format!("Step {at}"))));
    assert_eq!(desk.all(OPPORTUNITIES).len(), before + 4);
    desk.knob(json!({"merge": false}));
    desk.call("PATCH", "/composite/sobjects", &records(&|_| json!("Again")));
    assert_eq!(desk.all(OPPORTUNITIES).len(), before + 7);
}

#[test]
fn s4_8_what_cannot_be_told_is_a_gap_and_too_much_an_overflow() {
    let desk = Desk::new();
    desk.knob(json!({"gap_from_bytes": 10_000}));
    let id = desk.opportunity(json!({"Description": "x".repeat(11_000)}));
    let gap = desk.last(OPPORTUNITIES);
    assert_eq!((gap.kind(), gap.ids(), gap.said().len()), ("GAP_CREATE", vec![id.as_str()], 0));
    desk.knob(json!({"gap_next": 3}));
    desk.change("Opportunity", &id, json!({"NextStep": "a"}));
    assert_eq!(desk.last(OPPORTUNITIES).kind(), "GAP_UPDATE");
    desk.delete("Opportunity", &id);
    assert_eq!(desk.last(OPPORTUNITIES).kind(), "GAP_DELETE");
    desk.act("undelete", json!({"id": id})).unwrap();
    assert_eq!(desk.last(OPPORTUNITIES).kind(), "GAP_UNDELETE");
    desk.change("Opportunity", &id, json!({"NextStep": "b"}));
    assert_eq!(desk.last(OPPORTUNITIES).kind(), "UPDATE", "only three were to be gaps");

    desk.knob(json!({"overflow_from": 2}));
    let before = desk.all(EVERYTHING).len();
    let many: Vec<Value> = (0..5)
        .map(|number| {
            json!({"attributes": {"type": "Opportunity"}, "Name": format!("Deal {number}"),
                             "StageName": "Prospecting", "CloseDate": "2027-01-31"})
        })
        .collect();
    assert_eq!(desk.call("POST", "/composite/sobjects", &json!({"records": many})).0, 200);
    let told = desk.all(EVERYTHING).split_off(before);
    let overflow = told.last().unwrap();
    assert_eq!((overflow.kind(), overflow.ids()), ("GAP_OVERFLOW", vec!["000000000000000AAA"]));
    assert_eq!(told.iter().filter(|told| told.kind() == "GAP_OVERFLOW").count(), 1, "one for the entity");
    assert_eq!(told.iter().filter(|told| told.kind() == "CREATE").count(), 1);

    let wildcard =
        json!({"entity": "OpportunityChangeEvent", "change_type": "GAP_UPDATE", "record_ids": ["006*"]});
    desk.act("emit-event", wildcard).unwrap();
    assert_eq!(desk.last(OPPORTUNITIES).ids(), ["006*"]);
}

#[test]
fn s4_8_a_converted_lead_is_told_in_one_transaction() {
    let desk = Desk::new();
    let team = json!({"entity": "OpportunityTeamMemberChangeEvent", "selected": false});
    desk.act("select-events", team).unwrap();
    desk.act("select-events", json!({"entity": "AccountChangeEvent"})).unwrap();
    desk.act("select-events", json!({"entity": "LeadChangeEvent"})).unwrap();
    let lead = desk.create("Lead", &json!({"LastName": "Berg", "Company": "Ada Ltd"}));
    let before = desk.all(EVERYTHING).len();
    desk.act("convert", json!({"id": lead})).unwrap();
    let told = desk.all(EVERYTHING).split_off(before);
    let kinds: Vec<(&str, &str)> = told.iter().map(|told| (told.entity(), told.kind())).collect();
    assert!(
        kinds.contains(&("Account", "CREATE")) && kinds.contains(&("Opportunity", "CREATE")),
        "{kinds:?}"
    );
    assert_eq!(kinds.last(), Some(&("Lead", "UPDATE")));
    let keys: BTreeSet<String> = told.iter().map(|told| told.header["transactionKey"].to_string()).collect();
    assert_eq!(keys.len(), 1);
}

#[test]
fn s4_9_the_clients_tag_is_told_where_it_is_known_to_arrive() {
    let desk = Desk::new();
    let options = ("Sforce-Call-Options", "client=Cosell");
    let lower = [("sforce-call-options", "client=Cosell")];
    let id = desk.opportunity(json!({}));
    let origin = || desk.last(OPPORTUNITIES).header["changeOrigin"].as_str().unwrap().to_owned();
    assert_eq!(origin(), "com/salesforce/api/rest/66.0");
    let row = format!("/sobjects/Opportunity/{id}");
    desk.call_with("PATCH", &row, &json!({"NextStep": "a"}), &[options]);
    assert_eq!(origin(), "com/salesforce/api/rest/66.0;client=Cosell");
    desk.act("clone", json!({"id": id})).unwrap();
    assert_eq!(origin(), "com/salesforce/api/rest/60.0;client=SfdcInternalAPI/");

    let url = format!("/services/data/v66.0{row}");
    let composite = |headers: Value| {
        json!({"compositeRequest": [{"method": "PATCH", "url": url, "referenceId": "a", "httpHeaders": headers,
                                     "body": {"NextStep": desk.now().as_millisecond().to_string()}}]})
    };
    let collection = json!({"records": [{"attributes": {"type": "Opportunity"}, "id": id, "NextStep": "c"}]});
    let none = "com/salesforce/api/rest/66.0";
    desk.wait(1);
    desk.call_with("POST", "/composite", &composite(json!({})), &lower);
    assert_eq!(origin(), none, "unverified: the outer tag does not arrive");
    desk.wait(1);
    desk.call_with("POST", "/composite", &composite(json!({"Sforce-Call-Options": "client=Inner"})), &lower);
    assert_eq!(origin(), format!("{none};client=Inner"));
    desk.call_with("PATCH", "/composite/sobjects", &collection, &lower);
    assert_eq!(origin(), none);
    desk.knob(json!({"tag_of_composite": true, "tag_of_subrequest": false, "tag_of_collections": true}));
    desk.wait(1);
    desk.call_with("POST", "/composite", &composite(json!({"Sforce-Call-Options": "client=Inner"})), &lower);
    assert_eq!(origin(), format!("{none};client=Cosell"));
    desk.call_with("PATCH", "/composite/sobjects", &collection, &lower);
    assert_eq!(origin(), format!("{none};client=Cosell"));
}

#[test]
fn s4_9_a_flow_in_the_same_save_is_told_under_the_writers_origin_and_a_later_one_under_none() {
    let desk = Desk::new();
    let flow = |when: Value| json!({"automations": [{"object": "Opportunity", "field": "Name", "kind": "prefix", "argument": "X ", "when": when}]});
    desk.org_knob(flow(json!("before_save")));
    let lower = [("sforce-call-options", "client=Cosell")];
    let id = desk.opportunity(json!({}));
    let row = format!("/sobjects/Opportunity/{id}");
    desk.call_with("PATCH", &row, &json!({"Name": "Renamed"}), &lower);
    let told = desk.last(OPPORTUNITIES);
    assert_eq!(told.body["Name"], "X Renamed");
    assert_eq!(told.header["changeOrigin"], "com/salesforce/api/rest/66.0;client=Cosell");
    desk.org_knob(flow(json!({"after_ms": 1_500})));
    desk.call_with("PATCH", &row, &json!({"Name": "Again"}), &lower);
    assert_eq!(desk.last(OPPORTUNITIES).body["Name"], "Again");
    let mut stream = desk.open(OPPORTUNITIES, LATEST, 10);
    assert!(desk.told(&mut stream).is_empty());
    desk.wait(2);
    let later = desk.told(&mut stream).remove(0);
    assert_eq!((&later.body["Name"], &later.header["changeOrigin"]), (&json!("X Again"), &json!("")));
}
