//! Refusals: every documented shape is read, every code has one meaning.

use ports::RetryClass;
use salesforce::{Error, Fields, ObjectName, Refusal};

use crate::stub::{Stub, answer, now};

async fn refused(status: u16, body: &str) -> Refusal {
    let stub = Stub::new([answer(status, body.to_owned())]);
    let object = ObjectName::new("Account").unwrap();
    match stub.client().insert(now(), &object, &Fields::new()).await.unwrap_err() {
        Error::Refused(refusal) => refusal,
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn every_code_has_its_class() {
    let cases = [
        (400, "UNABLE_TO_LOCK_ROW", RetryClass::LATER),
        (500, "UNABLE_TO_LOCK_ROW", RetryClass::LATER),
        (403, "REQUEST_LIMIT_EXCEEDED", RetryClass::LATER),
        (500, "UNKNOWN_EXCEPTION", RetryClass::LATER),
        (503, "SERVER_UNAVAILABLE", RetryClass::LATER),
        (400, "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", RetryClass::LATER),
        (412, "MATCH_PRECONDITION_FAILED", RetryClass::Changed),
        (400, "DUPLICATE_VALUE", RetryClass::Person),
        (400, "DUPLICATES_DETECTED", RetryClass::Person),
        (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", RetryClass::Person),
        (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", RetryClass::Person),
        (400, "CANNOT_EXECUTE_FLOW_TRIGGER", RetryClass::Person),
        (400, "INVALID_FIELD", RetryClass::Person),
        (403, "INSUFFICIENT_ACCESS", RetryClass::Person),
        (403, "API_DISABLED_FOR_ORG", RetryClass::Person),
        (400, "A_CODE_OF_TOMORROW", RetryClass::Person),
        (500, "A_CODE_OF_TOMORROW", RetryClass::LATER),
        (400, "JSON_PARSER_ERROR", RetryClass::Bug),
        (400, "MALFORMED_QUERY", RetryClass::Bug),
    ];
    for (status, code, class) in cases {
        let refusal = refused(status, &format!(r#"[{{"message":"m","errorCode":"{code}"}}]"#)).await;
        assert_eq!((refusal.code(), refusal.class()), (Some(code), class), "{status} {code}");
    }
}

#[tokio::test]
async fn an_answer_without_a_code_is_classed_by_its_status() {
    let cases = [
        (412, "", RetryClass::Changed),
        (420, "", RetryClass::LATER),
        (429, "slow down", RetryClass::LATER),
        (503, "<html><body>maintenance</body></html>", RetryClass::LATER),
        (502, "<html>", RetryClass::Doubtful),
        (404, "{}", RetryClass::Person),
        (410, "[]", RetryClass::Person),
        (414, "", RetryClass::Bug),
        (300, r#"["/services/data/v66.0/sobjects/X/1"]"#, RetryClass::Person),
    ];
    for (status, body, class) in cases {
        assert_eq!(refused(status, body).await.class(), class, "{status} {body}");
    }
}

#[tokio::test]
async fn a_user_or_an_edition_without_the_api_is_told_what_to_give() {
    let step = async |code: &str| {
        let body = format!(r#"[{{"message":"m","errorCode":"{code}"}}]"#);
        salesforce::Error::from(refused(403, &body).await).next_step()
    };
    for code in ["API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"] {
        assert!(step(code).await.unwrap().contains("API Enabled"), "{code}");
    }
    assert_eq!(step("INSUFFICIENT_ACCESS").await, None);
}

#[tokio::test]
async fn both_names_of_the_code_and_several_errors_are_read() {
    let body = r#"[{"message":"a","errorCode":"UNABLE_TO_LOCK_ROW","fields":null},
                   {"message":"b","statusCode":"STRING_TOO_LONG","fields":["Name","Bad name!"]}, 7]"#;
    let refusal = refused(400, body).await;
    assert_eq!(refusal.errors().len(), 2);
    assert_eq!(refusal.class(), RetryClass::Person);
    assert_eq!(refusal.fields().collect::<Vec<_>>(), ["Name"]);

    let body = r#"{"id":null,"success":false,"errors":[{"statusCode":"DUPLICATES_DETECTED","message":"m"}]}"#;
    assert_eq!(refused(400, body).await.code(), Some("DUPLICATES_DETECTED"));
}

#[tokio::test]
async fn the_holder_of_a_unique_value_is_found_in_any_language() {
    for text in [
        "duplicate value found: Key__c duplicates value on record with id: 001D000000IRFma",
        "Doppelter Wert: Key__c dupliziert Wert im Datensatz mit ID: 001D000000IRFmaIAH.",
    ] {
        let body = format!(r#"[{{"message":"{text}","errorCode":"DUPLICATE_VALUE","fields":[]}}]"#);
        assert_eq!(
            refused(400, &body).await.duplicate_of().unwrap().as_str(),
            "001D000000IRFmaIAH",
            "{text}"
        );
    }
    let silent = r#"[{"message":"duplicate value found: <unknown> duplicates value on record with id: <unknown>",
                      "errorCode":"DUPLICATE_VALUE"}]"#;
    assert_eq!(refused(400, silent).await.duplicate_of(), None);
    let other = r#"[{"message":"id: 001D000000IRFma","errorCode":"STRING_TOO_LONG"}]"#;
    assert_eq!(refused(400, other).await.duplicate_of(), None);
}

#[tokio::test]
async fn the_customers_text_is_shown_only_when_asked_for() {
    let body = r#"[{"message":"Planted Person","errorCode":"Planted person!","fields":["Planted person"]}]"#;
    let refusal = refused(400, body).await;
    assert_eq!(refusal.code(), Some("UNKNOWN"));
    assert!(!format!("{refusal} {refusal:?}").contains("Planted"));
    assert_eq!(refusal.errors()[0].message(), "Planted Person");
}
