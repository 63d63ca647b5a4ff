//! Queries: pages, bounds, the server's time, descriptions.

use ports::RetryClass;
use salesforce::{Error, FieldType, Misuse, ObjectName, soql::Soql};

use crate::stub::{SERVER_DATE, Stub, answer, answer_with, now};

fn soql() -> Soql {
    Soql::trusted("SELECT Id FROM Opportunity WHERE Name = 'a+b & c'")
}

fn page(total: u32, next: Option<&str>, ids: &[&str]) -> String {
    let records: Vec<_> = ids.iter().map(|id| serde_json::json!({ "Id": id })).collect();
    let mut page = serde_json::json!({ "totalSize": total, "done": next.is_none(), "records": records });
    if let Some(next) = next {
        page["nextRecordsUrl"] = next.into();
    }
    page.to_string()
}

const NEXT: &str = "/services/data/v66.0/query/01gD0000002HU6KIAW-2000";

#[tokio::test]
async fn a_query_is_encoded_and_its_page_says_the_servers_time() {
    let stub = Stub::new([answer(200, page(1, None, &["006000000000001"]))]);
    let page = stub.client().query(now(), &soql()).await.unwrap();
    assert_eq!(page.server_date, salesforce::parse_http_date(SERVER_DATE).unwrap());
    assert_eq!(page.records[0].id().unwrap().short(), "006000000000001");
    let uri = stub.last().uri().to_string();
    let query = "SELECT%20Id%20FROM%20Opportunity%20WHERE%20Name%20%3D%20%27a%2Bb%20%26%20c%27";
    assert_eq!(uri, format!("https://instance-1.example/services/data/v66.0/query?q={query}"));
}

#[tokio::test]
async fn all_pages_are_followed() {
    let first = page(3, Some(NEXT), &["006000000000001", "006000000000002"]);
    let stub = Stub::new([answer(200, first), answer(200, page(3, None, &["006000000000003"]))]);
    let all = stub.client().query_all(now(), &soql(), 10).await.unwrap();
    assert_eq!((all.records.len(), all.next), (3, None));
    assert_eq!(stub.last().uri().path(), NEXT);
}

#[tokio::test]
async fn more_records_than_allowed_for_are_not_fetched() {
    let stub = Stub::new([answer(200, page(3_000, Some(NEXT), &["006000000000001"]))]);
    let error = stub.client().query_all(now(), &soql(), 2_000).await.unwrap_err();
    assert_eq!(error, Error::Misuse(Misuse::TooManyRecords { most: 2_000 }));
    assert_eq!(stub.calls().len(), 1);
}

#[tokio::test]
async fn a_next_page_elsewhere_is_not_followed() {
    for next in ["https://evil.example/services/data/x", "//evil.example/", "@evil.example/services/data/"] {
        let stub = Stub::new([answer(200, page(3, Some(next), &[]))]);
        let error = stub.client().query(now(), &soql()).await.unwrap_err();
        assert!(matches!(error, Error::Unreadable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_gives_empty_pages_without_end_is_left() {
    let empty = || answer(200, page(3, Some(NEXT), &[]));
    let stub = Stub::new([empty(), empty()]);
    assert!(stub.client().query_all(now(), &soql(), 10).await.is_err());
}

#[tokio::test]
async fn records_without_the_servers_time_are_not_taken() {
    let mut response = answer(200, page(0, None, &[])).unwrap();
    response.headers_mut().remove("date");
    let stub = Stub::new([Ok(response)]);
    let error = stub.client().query(now(), &soql()).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::LATER);
}

#[tokio::test]
async fn a_query_too_long_for_an_address_is_not_sent() {
    let stub = Stub::new([]);
    let long = Soql::trusted(format!("SELECT Id FROM User WHERE Name = '{}'", "x".repeat(13_000)));
    let error = stub.client().query(now(), &long).await.unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::AddressTooLong { .. })), "{error:?}");
}

const DESCRIPTION: &str = r#"{
    "name": "Opportunity", "keyPrefix": "006", "createable": true, "updateable": true, "deletable": false,
    "fields": [
        {"name": "Name", "label": "Name", "type": "string", "length": 120, "nillable": false, "createable": true,
         "updateable": true, "defaultedOnCreate": false, "precision": 0, "scale": 0, "unknownKey": {"a": 1}},
        {"name": "Amount", "type": "currency", "precision": 18, "scale": 2, "nillable": true},
        {"name": "Key__c", "type": "string", "length": 36, "unique": true, "externalId": true, "nillable": true},
        {"name": "StageName", "type": "picklist", "restrictedPicklist": true,
         "picklistValues": [{"active": true, "defaultValue": false, "label": "Won", "validFor": null, "value": "W"}]},
        {"name": "AccountId", "type": "reference", "referenceTo": ["Account"], "relationshipName": "Account"},
        {"name": "New__c", "type": "hologram"}
    ],
    "childRelationships": [{"childSObject": "Row__c", "field": "Opp__c", "relationshipName": null}],
    "recordTypeInfos": [{"recordTypeId": "012000000000000AAA", "name": "Master", "master": true, "available": true}]
}"#;

#[tokio::test]
async fn a_description_is_kept_while_the_server_says_it_holds() {
    let stub = Stub::new([answer(200, DESCRIPTION), answer(304, ""), answer(200, DESCRIPTION)]);
    let client = stub.client();
    let object = ObjectName::new("opportunity").unwrap();
    let first = client.describe(now(), &object).await.unwrap();
    let second = client.describe(now(), &object).await.unwrap();
    assert_eq!(first, second);
    let second_before =
        salesforce::parse_http_date(SERVER_DATE).unwrap() - jiff::SignedDuration::from_secs(1);
    assert_eq!(stub.last().headers()["if-modified-since"], salesforce::http_date(second_before).as_str());
    client.describe_anew(now(), &object).await.unwrap();
    assert!(!stub.last().headers().contains_key("if-modified-since"));

    assert!(first.field("name").unwrap().is_required());
    assert_eq!((first.field("Amount").unwrap().precision, first.field("Amount").unwrap().scale), (18, 2));
    assert!(first.field("Key__c").unwrap().unique && first.field("Key__c").unwrap().external_id);
    assert_eq!(first.field("StageName").unwrap().picklist_values[0].value, "W");
    assert_eq!(first.field("AccountId").unwrap().reference_to, ["Account"]);
    assert_eq!(first.field("New__c").unwrap().kind, FieldType::Other("hologram".into()));
    assert_eq!(first.field("Hidden__c"), None);
    assert_eq!(first.child_relationships[0].child_object, "Row__c");
    assert!(first.record_type_infos[0].master);
}

const OBJECTS: &str = r#"{"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [
    {"name": "Opportunity", "keyPrefix": "006", "createable": true, "queryable": true, "triggerable": true},
    {"name": "Microsoft_Solution__c", "keyPrefix": "a00", "custom": true, "label": "Microsoft Solution"}]}"#;

#[tokio::test]
async fn the_list_of_objects_is_kept_by_the_servers_own_date_and_asked_for_anew_on_demand() {
    let changed = "Thu, 01 Oct 2026 08:00:00 GMT";
    let list = || answer_with(200, OBJECTS, &[("Last-Modified", changed)]);
    let stub = Stub::new([list(), answer(304, ""), list(), answer(200, r#"{"sobjects": 7}"#)]);
    let client = stub.client();
    let first = client.objects(now()).await.unwrap();
    assert!(first.has("opportunity") && first.object("MICROSOFT_solution__c").unwrap().custom);
    assert!(!first.has("OpportunityTeamMember") && first.len() == 2);
    assert_eq!(client.objects(now()).await.unwrap(), first);
    assert_eq!(stub.last().headers()["if-modified-since"], changed);
    client.objects_anew(now()).await.unwrap();
    assert!(!stub.last().headers().contains_key("if-modified-since"));
    let error = client.objects_anew(now()).await.unwrap_err();
    assert!(error.to_string().contains("not the shape of a list of objects"), "{error}");
}

#[tokio::test]
async fn an_unchanged_description_that_nobody_asked_for_is_unreadable() {
    let stub = Stub::new([answer(304, "")]);
    let object = ObjectName::new("Opportunity").unwrap();
    let error = stub.client().describe(now(), &object).await.unwrap_err();
    assert!(error.to_string().contains("never asked for"), "{error}");
}
