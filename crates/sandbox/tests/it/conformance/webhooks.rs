//! Section 6: what `notifying` leaves: the forms of the registration, and who may ask.

use serde_json::{Value, json};

use crate::desk::{Desk, Reply, text};

const REGISTRATION: &str = "/webhooks/v1/registration";

fn token(desk: &Desk, scope: &str) -> String {
    let form: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "refresh_token"),
            ("client_id", &desk.text("client_id")),
            ("client_secret", &desk.text("client_secret")),
            ("refresh_token", &desk.text("refresh_token")),
            ("scope", &desk.text(scope)),
        ])
        .finish();
    let path = format!("/{}/oauth2/v2.0/token", desk.text("tenant_id"));
    let kind = ("content-type", "application/x-www-form-urlencoded");
    text(&desk.send("POST", &path, &[kind], &form).expect(200), "access_token").to_owned()
}

fn ask(desk: &Desk, method: &str, path: &str, more: &[(&str, &str)], body: Option<&Value>) -> Reply {
    let bearer = format!("Bearer {}", token(desk, "webhooks_scope"));
    let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
    headers.extend_from_slice(more);
    desk.send(
        method,
        &format!("{REGISTRATION}{path}"),
        &headers,
        &body.map(ToString::to_string).unwrap_or_default(),
    )
}

fn wanted(url: &str, events: &Value) -> Value {
    json!({"WebhookUrl": url, "WebhookEvents": events})
}

#[test]
fn s6_1_each_call_of_the_registration_answers_with_its_status() {
    let good = wanted("https://a.example/hook", &json!(["referral-created"]));
    let other = wanted("https://b.example/hook", &json!(["referral-updated", "test-created"]));
    let desk = Desk::new();
    // One after the other: what each answers follows from those before it.
    let table: [(&str, &str, &str, Option<&Value>, u16); 14] = [
        ("the list of events", "GET", "/events", None, 200),
        ("none yet", "GET", "", None, 404),
        ("no test without a registration", "POST", "/validationEvents", None, 404),
        ("a first one", "POST", "", Some(&good), 200),
        ("one exists: use PUT", "POST", "", Some(&other), 409),
        ("it is still the first", "GET", "", None, 200),
        ("no test without test-created", "POST", "/validationEvents", None, 400),
        ("PUT replaces URL and events", "PUT", "", Some(&other), 200),
        ("a test", "POST", "/validationEvents", None, 200),
        ("another test", "POST", "/validationEvents", None, 200),
        ("two a minute", "POST", "/validationEvents", None, 429),
        ("no test with this id", "GET", "/validationEvents/x", None, 404),
        ("no DELETE", "DELETE", "", None, 405),
        ("nothing else here", "GET", "/history", None, 404),
    ];
    for (says, method, path, body, status) in table {
        let reply = ask(&desk, method, path, &[], body);
        assert_eq!(reply.status.as_u16(), status, "{says}: {}", reply.body);
    }
    assert_eq!(ask(&desk, "GET", "", &[], None).expect(200), other);
}

#[test]
fn s6_1_names_are_read_in_either_spelling_and_values_are_checked() {
    let desk = Desk::new();
    let camel = json!({"webhookUrl": "https://a.example/hook", "webhookEvents": ["referral-created"], "signatureTokenToMsSignatureHeader": true});
    let made = ask(&desk, "POST", "", &[], Some(&camel)).expect(200);
    let names: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(names, ["SubscriberId", "WebhookEvents", "WebhookUrl"]);
    let bad = [
        json!({}),
        wanted("a.example", &json!(["referral-created"])),
        wanted("ftp://a.example", &json!(["referral-created"])),
        wanted("https://a.example", &json!([])),
        wanted("https://a.example", &json!("referral-created")),
        wanted("https://a.example", &json!(["referral-deleted"])),
        json!({"WebhookUrl": "https://a.example", "WebhookEvents": ["referral-created"], "SignatureTokenToMsSignatureHeader": "yes"}),
    ];
    for body in bad {
        assert_eq!(ask(&desk, "PUT", "", &[], Some(&body)).status.as_u16(), 400, "{body}");
    }
    let plain = [("content-type", "text/plain")];
    let bearer = format!("Bearer {}", token(&desk, "webhooks_scope"));
    let reply = desk.send("PUT", REGISTRATION, &[("authorization", bearer.as_str()), plain[0]], "{}");
    assert_eq!(reply.status.as_u16(), 415);
}

#[test]
fn s6_1_requests_are_correlated() {
    let desk = Desk::new();
    let given = [("ms-correlationid", "c-1"), ("ms-requestid", "r-1")];
    let reply = ask(&desk, "GET", "/events", &given, None);
    assert_eq!(
        [reply.header("ms-correlationid"), reply.header("ms-requestid"), reply.header("x-locale")],
        ["c-1", "r-1", "en-US"]
    );
    let reply = ask(&desk, "GET", "/events", &[], None);
    assert_eq!((reply.header("ms-correlationid").len(), reply.header("ms-requestid").len()), (36, 36));
}

#[test]
fn s1_1_the_two_services_take_no_token_of_each_other() {
    let desk = Desk::new();
    for (scope, path, status) in [
        ("referrals_scope", "/v1.0/engagements/referrals", 200),
        ("webhooks_scope", "/v1.0/engagements/referrals", 401),
        ("webhooks_scope", "/webhooks/v1/registration/events", 200),
        ("referrals_scope", "/webhooks/v1/registration/events", 401),
    ] {
        let bearer = format!("Bearer {}", token(&desk, scope));
        let reply = desk.send("GET", path, &[("authorization", &bearer)], "");
        assert_eq!(reply.status.as_u16(), status, "{scope} at {path}");
    }
}
