//! Single records and collections.

use jiff::Timestamp;
use ports::RetryClass;
use salesforce::{Error, FieldPath, Fields, MAX_RETRIEVE, MAX_ROWS, Misuse, ObjectName, RecordId};
use serde_json::{Value, json};

use crate::stub::{Stub, answer, body, now};

fn account() -> ObjectName {
    ObjectName::new("Account").unwrap()
}

fn id() -> RecordId {
    RecordId::parse("001D000000IRFma").unwrap()
}

fn fields(value: Value) -> Fields {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn an_insert_gives_the_new_id_and_sends_numbers_as_they_are() {
    let stub = Stub::new([answer(201, r#"{"id":"001D000000IRFmaIAH","success":true,"errors":[]}"#)]);
    let values: Fields = serde_json::from_str(r#"{"Name":"N","Amount":1234567890123456.10}"#).unwrap();
    assert_eq!(stub.client().insert(now(), &account(), &values).await.unwrap(), id());
    let sent = String::from_utf8(stub.last().body().to_vec()).unwrap();
    assert!(sent.contains("1234567890123456.10"), "{sent}");
}

#[tokio::test]
async fn an_update_is_a_compare_and_set() {
    let precondition = r#"[{"errorCode":"MATCH_PRECONDITION_FAILED","message":"m"}]"#;
    let stub = Stub::new([answer(204, ""), answer(412, precondition)]);
    let client = stub.client();
    let stamp: Timestamp = "2026-11-22T05:59:58Z".parse().unwrap();
    let values = fields(json!({"Name": null}));
    client.update(now(), &account(), id(), &values, Some(stamp)).await.unwrap();
    let call = stub.last();
    assert_eq!(
        (call.method().as_str(), call.uri().path()),
        ("PATCH", "/services/data/v66.0/sobjects/Account/001D000000IRFmaIAH")
    );
    assert_eq!(call.headers()["if-unmodified-since"], "Sun, 22 Nov 2026 05:59:58 GMT");
    assert_eq!(body(&call), json!({"Name": null}));
    let error = client.update(now(), &account(), id(), &values, Some(stamp)).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Changed);
}

#[tokio::test]
async fn a_deleted_record_is_gone() {
    let stub = Stub::new([
        answer(204, ""),
        answer(404, r#"[{"errorCode":"ENTITY_IS_DELETED","message":"entity is deleted"}]"#),
        answer(404, r#"[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]"#),
    ]);
    let client = stub.client();
    client.delete(now(), &account(), id()).await.unwrap();
    assert!(client.delete(now(), &account(), id()).await.unwrap_err().refusal().unwrap().is_gone());
    let name = [FieldPath::new("Name").unwrap()];
    assert!(client.get(now(), &account(), id(), &name).await.unwrap_err().refusal().unwrap().is_gone());
}

#[tokio::test]
async fn each_row_of_a_collection_has_its_own_result() {
    let stub = Stub::new([answer(
        200,
        r#"[{"id":"001D000000IRFmaIAH","success":true,"errors":[]},
            {"success":false,"errors":[{"statusCode":"REQUIRED_FIELD_MISSING","message":"m","fields":["Name"]}]},
            {"success":false,"errors":[{"statusCode":"ALL_OR_NONE_OPERATION_ROLLED_BACK","message":"m","fields":[]}]}]"#,
    )]);
    let rows: Vec<_> = (0..3).map(|n| (account(), fields(json!({"Name": n})))).collect();
    let results = stub.client().create_many(now(), &rows, false).await.unwrap();
    assert_eq!(results[0], Ok(id()));
    let refusal = results[1].as_ref().unwrap_err();
    assert_eq!((refusal.code(), refusal.class()), (Some("REQUIRED_FIELD_MISSING"), RetryClass::Person));
    assert!(results[2].as_ref().unwrap_err().is_bystander());
    let sent = body(&stub.last());
    assert_eq!(sent["records"][0], json!({"attributes": {"type": "Account"}, "Name": 0}));
}

#[tokio::test]
async fn changed_rows_carry_their_ids() {
    let stub = Stub::new([answer(200, r#"[{"id":"001D000000IRFmaIAH","success":true,"errors":[]}]"#)]);
    let rows = [(account(), id(), fields(json!({"Name": "N"})))];
    stub.client().update_many(now(), &rows, true).await.unwrap();
    let call = stub.last();
    assert_eq!(call.method(), "PATCH");
    let expected = json!({"attributes": {"type": "Account"}, "id": id(), "Name": "N"});
    assert_eq!(body(&call)["records"][0], expected);
}

#[tokio::test]
async fn a_collection_with_too_few_results_is_doubtful() {
    let stub = Stub::new([answer(200, "[]")]);
    let error = stub.client().create_many(now(), &[(account(), Fields::new())], false).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Doubtful);
}

#[tokio::test]
async fn records_are_retrieved_in_the_order_of_their_ids() {
    let stub = Stub::new([answer(200, r#"[{"Id":"001D000000IRFmaIAH"},null]"#)]);
    let other = RecordId::parse("001000000000002").unwrap();
    let name = [FieldPath::new("Name").unwrap()];
    let rows = stub.client().retrieve_many(now(), &account(), &[id(), other], &name).await.unwrap();
    assert_eq!(rows.records[0].as_ref().unwrap().id(), Some(id()));
    assert_eq!(rows.records[1], None);
    assert_eq!(rows.server_date.to_string(), "2026-11-22T06:00:00Z");
    assert_eq!(body(&stub.last()), json!({"ids": [id(), other], "fields": ["Name"]}));
}

#[tokio::test]
async fn bounds_are_checked_before_sending() {
    let stub = Stub::new([]);
    let client = stub.client();
    let too_many = |error| matches!(error, Error::Misuse(Misuse::TooMany { .. }));
    let rows = vec![(account(), Fields::new()); MAX_ROWS + 1];
    assert!(too_many(client.create_many(now(), &rows, false).await.unwrap_err()));
    let ids = vec![id(); MAX_RETRIEVE + 1];
    assert!(too_many(client.retrieve_many(now(), &account(), &ids, &[]).await.unwrap_err()));
    assert!(stub.seen.lock().unwrap().is_empty());
}
