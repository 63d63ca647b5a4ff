//! Composite calls: what is sent, what each part answers, what is never sent.

use jiff::Timestamp;
use ports::RetryClass;
use salesforce::{
    Error, Fields, MAX_SUBREQUESTS, Misuse, ObjectName, RecordId, ReferenceId, Subrequest, soql::Soql,
};
use serde_json::{Value, json};

use crate::stub::{Stub, answer, body, now};

/// Whether a misuse is the one that was to be found.
type Expected = fn(&Misuse) -> bool;

fn opportunity() -> ObjectName {
    ObjectName::new("Opportunity").unwrap()
}

fn id() -> RecordId {
    RecordId::parse("006000000000001").unwrap()
}

fn fields(value: Value) -> Fields {
    serde_json::from_value(value).unwrap()
}

fn update(number: usize, value: Value) -> Subrequest {
    Subrequest::update(ReferenceId::numbered(number), &opportunity(), id(), fields(value))
}

fn part(reference: &str, status: u16, body: Value) -> Value {
    json!({ "referenceId": reference, "httpStatusCode": status, "httpHeaders": {"X-Own": "1"}, "body": body })
}

fn answering(parts: &[Value]) -> crate::stub::Scripted {
    answer(200, json!({ "compositeResponse": parts }).to_string())
}

#[tokio::test]
async fn each_write_carries_its_own_precondition_and_tag() {
    let stub = Stub::new([answering(&[
        part("r1", 204, Value::Null),
        part(
            "r2",
            200,
            json!({
                "totalSize": 1, "done": true, "records": [{"Id": id(), "Amount": 0.10}]
            }),
        ),
    ])]);
    let stamp: Timestamp = "2026-11-22T05:59:58Z".parse().unwrap();
    let requests = vec![
        update(1, json!({"Amount": null})).if_unmodified_since(stamp).without_assignment_rules(),
        Subrequest::query(ReferenceId::numbered(2), &Soql::trusted("SELECT Id,Amount FROM Opportunity")),
    ];
    let answer = stub.client().composite(now(), requests, false).await.unwrap();

    assert_eq!(
        body(&stub.last()),
        json!({
            "allOrNone": false,
            "collateSubrequests": false,
            "compositeRequest": [
                {
                    "method": "PATCH",
                    "url": format!("/services/data/v66.0/sobjects/Opportunity/{}", id()),
                    "referenceId": "r1",
                    "httpHeaders": {
                        "If-Unmodified-Since": "Sun, 22 Nov 2026 05:59:58 GMT",
                        "Sforce-Auto-Assign": "FALSE",
                        "Sforce-Call-Options": "client=Cosell",
                    },
                    "body": {"Amount": null},
                },
                {
                    "method": "GET",
                    "url": "/services/data/v66.0/query?q=SELECT%20Id%2CAmount%20FROM%20Opportunity",
                    "referenceId": "r2",
                },
            ],
        })
    );
    assert!(answer.parts[0].outcome().is_ok());
    assert_eq!(answer.parts[0].headers["X-Own"], "1");
    let page = answer.part(&ReferenceId::numbered(2)).unwrap().page(answer.server_date).unwrap();
    assert_eq!(page.server_date.to_string(), "2026-11-22T06:00:00Z");
    assert_eq!(page.records[0].id(), Some(id()));
}

#[tokio::test]
async fn one_bad_part_does_not_fail_its_neighbours() {
    let stub = Stub::new([answering(&[
        part("r1", 412, json!([{"errorCode": "MATCH_PRECONDITION_FAILED", "message": "m"}])),
        part("r2", 204, Value::Null),
        part("r3", 400, json!([{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "m", "fields": []}])),
        part("r4", 412, Value::Null),
        part("r5", 300, json!(["/services/data/v66.0/sobjects/X/1"])),
    ])]);
    let requests = (1..=5).map(|number| update(number, json!({}))).collect();
    let answer = stub.client().composite(now(), requests, false).await.unwrap();
    let classes: Vec<_> =
        answer.parts.iter().map(|part| part.outcome().err().map(|refusal| refusal.class())).collect();
    let changed = Some(RetryClass::Changed);
    assert_eq!(classes, [changed.clone(), None, Some(RetryClass::LATER), changed, Some(RetryClass::Person)]);
}

#[tokio::test]
async fn the_part_at_fault_is_told_from_those_that_fell_with_it() {
    let halted = json!([{"errorCode": "PROCESSING_HALTED", "message": "The transaction was rolled back"}]);
    let fault =
        json!([{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "m", "fields": ["Amount"]}]);
    let stub = Stub::new([answering(&[part("r1", 400, halted), part("r2", 400, fault)])]);
    let requests = vec![update(1, json!({})), update(2, json!({}))];
    let answer = stub.client().composite(now(), requests, true).await.unwrap();
    assert_eq!(body(&stub.last())["allOrNone"], true);
    let refusals: Vec<_> = answer.parts.iter().map(|part| part.outcome().unwrap_err()).collect();
    assert!(refusals[0].is_bystander() && !refusals[1].is_bystander());
    assert_eq!(refusals[1].class(), RetryClass::Person);
    assert_eq!(refusals[1].fields().collect::<Vec<_>>(), ["Amount"]);
}

#[tokio::test]
async fn an_insert_can_point_to_the_one_before_it() {
    let new = json!({"id": "a00000000000001", "success": true, "errors": []});
    let stub = Stub::new([answering(&[part("r1", 201, new.clone()), part("r2", 201, new)])]);
    let parent = ReferenceId::numbered(1);
    let requests = vec![
        Subrequest::insert(parent.clone(), &opportunity(), fields(json!({"Name": "N"}))),
        Subrequest::insert(ReferenceId::numbered(2), &opportunity(), Fields::new()).refer("Opp__c", &parent),
    ];
    let answer = stub.client().composite(now(), requests, true).await.unwrap();
    assert_eq!(body(&stub.last())["compositeRequest"][1]["body"]["Opp__c"], "@{r1.id}");
    assert_eq!(answer.parts[0].inserted_id().unwrap().short(), "a00000000000001");
}

#[tokio::test]
async fn what_the_platform_would_refuse_is_not_sent() {
    let stub = Stub::new([]);
    let client = stub.client();
    let query =
        |number| Subrequest::query(ReferenceId::numbered(number), &Soql::trusted("SELECT Id FROM User"));
    let plain = |number| update(number, json!({}));
    let cases: Vec<(Vec<Subrequest>, Expected)> = vec![
        ((0..=MAX_SUBREQUESTS).map(plain).collect(), |wrong| {
            matches!(wrong, Misuse::TooMany { most: 25, .. })
        }),
        ((0..6).map(query).collect(), |wrong| matches!(wrong, Misuse::TooMany { most: 5, .. })),
        (vec![plain(1), plain(1)], |wrong| matches!(wrong, Misuse::ReferenceId(_))),
        (vec![plain(1).header("Authorization", "x")], |wrong| matches!(wrong, Misuse::Header(_))),
        (vec![plain(1).header("X-A", "a\r\nb")], |wrong| matches!(wrong, Misuse::Header(_))),
        (vec![update(1, json!({"id": "x"}))], |wrong| matches!(wrong, Misuse::ReservedField(_))),
        (vec![update(1, json!({"Description": "see @{r0.id}"}))], |wrong| {
            matches!(wrong, Misuse::LooksLikeReference { .. })
        }),
    ];
    for (requests, expected) in cases {
        match client.composite(now(), requests, false).await.unwrap_err() {
            Error::Misuse(wrong) => assert!(expected(&wrong), "{wrong}"),
            error => panic!("{error:?}"),
        }
    }
    assert!(stub.calls().is_empty());
    for reference in ["", "_a", "a-b", "a.b", "é"] {
        assert!(ReferenceId::new(reference).is_err(), "{reference}");
    }
}

#[tokio::test]
async fn a_missing_part_makes_the_writes_doubtful() {
    let stub = Stub::new([answering(&[part("r2", 204, Value::Null)])]);
    let error = stub.client().composite(now(), vec![update(1, json!({}))], false).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Doubtful);
}

#[tokio::test]
async fn a_part_does_not_show_what_it_holds() {
    let planted = json!([{"errorCode": "STRING_TOO_LONG", "message": "Planted", "fields": ["Name"]}]);
    let stub = Stub::new([answering(&[part("r1", 400, planted)])]);
    let request = update(1, json!({"Name": "Planted"}));
    assert!(!format!("{request:?}").contains("Planted"));
    let answer = stub.client().composite(now(), vec![request], false).await.unwrap();
    let refusal = answer.parts[0].outcome().unwrap_err();
    assert!(!format!("{answer:?} {refusal:?} {refusal}").contains("Planted"));
    assert_eq!(refusal.errors()[0].message(), "Planted");
    assert_eq!(refusal.to_string(), "refused with status 400: STRING_TOO_LONG (Name)");
}
