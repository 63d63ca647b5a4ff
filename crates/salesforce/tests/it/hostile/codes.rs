//! Every code of the reference's table (salesforce reference, section 2.3), in both shapes, wherever it may stand.

use ports::RetryClass::{self, Authenticate, Bug, Changed, Person};
use salesforce::{Error, Fields, Graph, ObjectName, RecordId, ReferenceId, Result, Subrequest, soql::Soql};
use serde_json::{Value, json};

use crate::stub::{Stub, answer, now};

const LATER: RetryClass = RetryClass::LATER;

/// Code, the status that the reference gives it, and what follows. Written down here a second time on purpose.
const TABLE: [(&str, u16, RetryClass); 53] = [
    ("REQUEST_LIMIT_EXCEEDED", 403, LATER),
    ("API_DISABLED_FOR_ORG", 403, Person),
    ("API_CURRENTLY_DISABLED", 403, Person),
    ("INSUFFICIENT_ACCESS", 403, Person),
    ("INSUFFICIENT_ACCESS_OR_READONLY", 400, Person),
    ("NOT_FOUND", 404, Person),
    ("ENTITY_IS_DELETED", 404, Changed),
    ("INVALID_TYPE", 400, Person),
    ("INVALID_FIELD", 400, Person),
    ("MALFORMED_QUERY", 400, Bug),
    ("MALFORMED_ID", 400, Bug),
    ("QUERY_TOO_COMPLICATED", 400, Bug),
    ("INVALID_QUERY_FILTER_OPERATOR", 400, Bug),
    ("NUMBER_OUTSIDE_VALID_RANGE", 400, Bug),
    ("INVALID_QUERY_LOCATOR", 400, LATER),
    ("JSON_PARSER_ERROR", 400, Bug),
    ("REQUIRED_FIELD_MISSING", 400, Person),
    ("STRING_TOO_LONG", 400, Person),
    ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", 400, Person),
    ("FIELD_CUSTOM_VALIDATION_EXCEPTION", 400, Person),
    ("FIELD_INTEGRITY_EXCEPTION", 400, Person),
    ("INVALID_FIELD_FOR_INSERT_UPDATE", 400, Person),
    ("INVALID_CROSS_REFERENCE_KEY", 400, Person),
    ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", 400, Person),
    ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", 400, Person),
    ("CANNOT_EXECUTE_FLOW_TRIGGER", 400, Person),
    ("APEX_ERROR", 400, Person),
    ("DUPLICATE_VALUE", 400, Person),
    ("DUPLICATES_DETECTED", 400, Person),
    ("DUPLICATE_EXTERNAL_ID", 400, Person),
    ("UNABLE_TO_LOCK_ROW", 500, LATER),
    ("ENTITY_IS_LOCKED", 400, LATER),
    ("INACTIVE_OWNER_OR_USER", 400, Person),
    ("TRANSFER_REQUIRES_READ", 400, Person),
    ("INVALID_CURRENCY_ISO", 400, Person),
    ("STORAGE_LIMIT_EXCEEDED", 403, Person),
    ("CANNOT_UPDATE_CONVERTED_LEAD", 400, Person),
    ("ALL_OR_NONE_OPERATION_ROLLED_BACK", 400, LATER),
    ("PROCESSING_HALTED", 400, LATER),
    ("EXCEEDED_ID_LIMIT", 400, Bug),
    ("INVALID_REPLICATION_DATE", 400, Bug),
    ("MATCH_PRECONDITION_FAILED", 412, Changed),
    ("MATCH_PRECONDITION_REQUIRED", 428, Bug),
    ("ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE", 400, Changed),
    ("QUERY_TIMEOUT", 400, LATER),
    ("REQUEST_RUNNING_TOO_LONG", 500, LATER),
    ("SERVER_UNAVAILABLE", 503, LATER),
    ("ORG_IN_MAINTENANCE", 503, LATER),
    ("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", 400, LATER),
    ("CIRCUIT_BREAKER_OPEN_EXCEPTION", 503, LATER),
    ("UNKNOWN_EXCEPTION", 500, LATER),
    // A code of tomorrow: a person reads its text; a failing server is asked again.
    ("NEW_NEXT_SUMMER", 400, Person),
    ("NEW_NEXT_SUMMER", 500, LATER),
];

/// Where a refusal may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Get,
    Insert,
    /// A good status, and the refusal in its body.
    InsertInside,
    Update,
    UpdateInside,
    Delete,
    Query,
    Composite,
    CompositeInside,
    Collection,
    Graph,
}

const PLACES: [Place; 11] = [
    Place::Get,
    Place::Insert,
    Place::InsertInside,
    Place::Update,
    Place::UpdateInside,
    Place::Delete,
    Place::Query,
    Place::Composite,
    Place::CompositeInside,
    Place::Collection,
    Place::Graph,
];

fn object() -> ObjectName {
    ObjectName::new("Opportunity").unwrap()
}

fn id() -> RecordId {
    RecordId::parse("006000000000001").unwrap()
}

fn writes() -> Vec<Subrequest> {
    let update = |number| Subrequest::update(ReferenceId::numbered(number), &object(), id(), Fields::new());
    vec![update(0), update(1)]
}

fn parts(status: u16, body: &Value) -> Value {
    json!([
        { "referenceId": "r0", "httpStatusCode": 204, "httpHeaders": {}, "body": null },
        { "referenceId": "r1", "httpStatusCode": status, "httpHeaders": {}, "body": body },
    ])
}

/// One call whose answer holds the refusal at `place`; what it came to.
async fn meet(place: Place, status: u16, error: &Value) -> Result<()> {
    let errors = json!([error]);
    let inside = json!({ "id": null, "success": false, "errors": [error] });
    let (status, body) = match place {
        Place::Get | Place::Insert | Place::Update | Place::Delete | Place::Query => (status, errors),
        Place::InsertInside => (201, inside),
        Place::UpdateInside => (200, inside),
        Place::Composite => (200, json!({ "compositeResponse": parts(status, &errors) })),
        Place::CompositeInside => (200, json!({ "compositeResponse": parts(201, &inside) })),
        Place::Collection => (200, json!([{ "id": id(), "success": true, "errors": [] }, inside])),
        Place::Graph => {
            let response = json!({ "compositeResponse": parts(status, &errors) });
            let graph = json!({ "graphId": "g", "isSuccessful": false, "graphResponse": response });
            (200, json!({ "graphs": [graph] }))
        }
    };
    let stub = Stub::new([answer(status, body.to_string())]);
    let (client, object) = (stub.client(), object());
    match place {
        Place::Get => client.get(now(), &object, id(), &[]).await.map(drop),
        Place::Insert | Place::InsertInside => client.insert(now(), &object, &Fields::new()).await.map(drop),
        Place::Update | Place::UpdateInside => {
            client.update(now(), &object, id(), &Fields::new(), None).await
        }
        Place::Delete => client.delete(now(), &object, id()).await,
        Place::Query => client.query(now(), &Soql::trusted("SELECT Id FROM Opportunity")).await.map(drop),
        Place::Composite | Place::CompositeInside => {
            let answer = client.composite(now(), writes(), false).await?;
            assert!(answer.parts[0].outcome().is_ok(), "one bad part fails no neighbour");
            answer.parts[1].outcome().map(drop).map_err(Error::from)
        }
        Place::Collection => {
            let row = (object, id(), Fields::new());
            let rows = client.update_many(now(), &[row.clone(), row], false).await?;
            assert!(rows[0].is_ok(), "one bad row fails no neighbour");
            rows[1].as_ref().map(drop).map_err(|refused| refused.clone().into())
        }
        Place::Graph => {
            let answers = client.graphs(now(), vec![Graph::new("g", writes())]).await?;
            let (node, refused) = answers.graphs[0].outcome().map(drop).unwrap_err();
            assert_eq!(node, 1, "the node at fault is told");
            Err(refused.into())
        }
    }
}

#[tokio::test]
async fn every_code_has_its_class_in_both_shapes_at_every_place() {
    for (code, status, class) in TABLE {
        for shape in ["errorCode", "statusCode"] {
            let error = json!({ shape: code, "message": "Planted words", "fields": ["Amount"] });
            for place in PLACES {
                // There the status is the call's or 400, not the code's own.
                let inside =
                    matches!(place, Place::InsertInside | Place::UpdateInside | Place::CompositeInside);
                if code == "NEW_NEXT_SUMMER" && status == 500 && (inside || place == Place::Collection) {
                    continue;
                }
                let case = format!("{code} as {shape} at {place:?}");
                let Err(error) = meet(place, status, &error).await else { panic!("{case} was overheard") };
                assert_eq!(error.class(), class, "{case}: {error}");
                assert_eq!(error.refusal().and_then(|refused| refused.code()), Some(code), "{case}");
                assert_eq!(error.fields().collect::<Vec<_>>(), ["Amount"], "{case}");
                assert!(!format!("{error} {error:?}").contains("Planted"), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_dead_session_inside_another_call_is_told_and_not_looped_over() {
    let error = json!({ "errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid" });
    for place in [Place::Composite, Place::Collection, Place::Graph] {
        assert_eq!(meet(place, 401, &error).await.unwrap_err().class(), Authenticate, "{place:?}");
    }
}

#[tokio::test]
async fn several_records_by_one_identifier_are_named_for_a_person() {
    let urls = json!(["/services/data/v66.0/sobjects/Opportunity/006000000000001", 7, "nonsense"]);
    let stub = Stub::new([answer(300, urls.to_string())]);
    let error = stub.client().update(now(), &object(), id(), &Fields::new(), None).await.unwrap_err();
    assert_eq!(error.class(), Person);
    assert_eq!(error.refusal().unwrap().candidates(), [id()]);
}

#[tokio::test]
async fn a_duplicate_rule_is_told_by_its_name_and_words_and_never_logged() {
    let error = json!({
        "errorCode": "DUPLICATES_DETECTED", "message": "Planted message",
        "duplicateResult": { "allowSave": true, "duplicateRule": "Planted rule", "errorMessage": "Planted text",
            "duplicateRuleEntityType": "Account", "matchResults": [] },
    });
    let error = meet(Place::Insert, 400, &error).await.unwrap_err();
    let rule = error.refusal().unwrap().errors()[0].duplicate_rule().unwrap().clone();
    assert_eq!(
        (rule.name.as_str(), rule.text.as_str(), rule.alert_only),
        ("Planted rule", "Planted text", true)
    );
    assert!(!format!("{error:?} {rule:?}").contains("Planted"));
}

#[tokio::test]
async fn alerts_of_duplicate_rules_pass_only_where_the_configuration_says_so() {
    const HEADER: &str = "Sforce-Duplicate-Rule-Header";
    for allow in [false, true] {
        let created = json!({ "id": id(), "success": true, "errors": [] });
        let made = json!({ "compositeResponse": parts(201, &created) });
        let read = json!({ "Id": id() });
        let stub = Stub::new([
            answer(201, created.to_string()),
            answer(200, made.to_string()),
            answer(200, read.to_string()),
        ]);
        let client = stub.client_with(|config| config.allow_duplicate_alerts = allow);
        client.insert(now(), &object(), &Fields::new()).await.unwrap();
        client.composite(now(), writes(), true).await.unwrap();
        client.get(now(), &object(), id(), &[]).await.unwrap();
        let calls = stub.calls();
        let outer: Vec<_> = calls.iter().map(|call| call.headers().contains_key(HEADER)).collect();
        assert_eq!(outer, [allow, allow, false]);
        let inner = &crate::stub::body(&calls[1])["compositeRequest"][1]["httpHeaders"];
        assert_eq!(inner.get(HEADER), allow.then(|| json!("allowSave=true")).as_ref());
    }
}
