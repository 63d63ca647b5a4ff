//! The webhook registration.

use partner_center::RegistrationRequest;
use ports::RetryClass;
use serde_json::{Value, json};

use crate::platform::{World, now_lane};

fn request() -> RegistrationRequest {
    RegistrationRequest {
        url: "https://cosell.example/hook".parse().unwrap(),
        events: vec!["referral-updated".to_owned(), "test-created".to_owned()],
        signature_in_ms_header: true,
    }
}

#[tokio::test]
async fn a_registration_is_read_in_either_spelling_and_may_be_absent() {
    let world = World::new();
    for body in [
        r#"{"WebhookUrl":"https://a","WebhookEvents":["referral-created"],"SubscriberId":"s"}"#,
        r#"{"webhookUrl":"https://a","webhookEvents":["referral-created"],"subscriberId":"s"}"#,
    ] {
        world.api.answer(200, body);
        let registration = world.client.registered(now_lane()).await.unwrap().unwrap();
        assert_eq!(
            (registration.url.as_str(), registration.subscriber_id.as_deref()),
            ("https://a", Some("s"))
        );
        assert_eq!(registration.events, ["referral-created"]);
    }
    world.api.answer(404, "");
    assert!(world.client.registered(now_lane()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_events_that_can_be_subscribed_to_are_listed() {
    let world = World::new();
    world.api.answer(200, r#"["referral-created","test-created",7]"#).answer(200, r#"{"events":[]}"#);
    let events = world.client.available_events(now_lane()).await.unwrap();
    assert_eq!(events, ["referral-created", "test-created"]);
    let path = "https://api.partnercenter.microsoft.com/webhooks/v1/registration/events";
    assert_eq!(world.api.last().uri(), path);
    assert!(world.client.available_events(now_lane()).await.is_err(), "an object is no list");
}

#[tokio::test]
async fn a_registration_is_made_with_the_other_audiences_token() {
    let world = World::new();
    world
        .api
        .answer(200, r#"{"SubscriberId":"s","WebhookUrl":"https://cosell.example/hook","WebhookEvents":[]}"#);
    world.client.register(now_lane(), &request()).await.unwrap();
    let sent = world.api.last();
    assert_eq!(sent.uri(), "https://api.partnercenter.microsoft.com/webhooks/v1/registration");
    let expected = json!({
        "WebhookUrl": "https://cosell.example/hook",
        "WebhookEvents": ["referral-updated", "test-created"],
        "SignatureTokenToMsSignatureHeader": true,
    });
    assert_eq!(serde_json::from_slice::<Value>(sent.body()).unwrap(), expected);
    let scope = world.login.last();
    let form = std::str::from_utf8(scope.body()).unwrap().to_owned();
    assert!(form.contains("scope=https%3A%2F%2Fapi.partnercenter.microsoft.com%2F.default"), "{form}");
}

#[tokio::test]
async fn a_registration_that_stands_is_not_displaced_by_making_one() {
    let world = World::new();
    world.api.answer(409, r#"{"code":409,"description":"use PUT"}"#).answer(200, "");
    let error = world.client.register(now_lane(), &request()).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Person);
    let replaced = world.client.replace_registration(now_lane(), &request()).await.unwrap();
    assert_eq!(replaced.events, request().events);
    assert_eq!(world.api.last().method(), http::Method::PUT);
}

#[tokio::test]
async fn a_test_event_is_asked_for_and_followed() {
    let world = World::new();
    world.api.answer(200, r#"{"CorrelationId":"04af2aea-d413-42db-824e-f328001484d1"}"#);
    let id = world.client.send_test_event(now_lane()).await.unwrap();
    world.api.answer(
        200,
        r#"{"correlationId":"04af2aea-d413-42db-824e-f328001484d1","status":"completed","callbackUrl":"https://c",
            "results":[{"responseCode":"OK","responseMessage":"","systemError":false,
            "dateTimeUtc":"2026-11-02T09:14:07.1234567Z"}]}"#,
    );
    let result = world.client.test_result(now_lane(), &id).await.unwrap().unwrap();
    assert_eq!(result.status, "completed");
    assert_eq!(result.attempts[0].response_code.as_deref(), Some("OK"));
    assert!(result.attempts[0].at.is_some() && !result.attempts[0].system_error);
    world.api.answer(404, "");
    assert!(world.client.test_result(now_lane(), &id).await.unwrap().is_none());
}
