//! Webhooks: registration, events, signature, attempts.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, StatusCode};
use jiff::SignedDuration;
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject as _};
use sandbox::exchange::{Machine as _, Outcome, Outgoing};
use serde_json::{Value, json};

use crate::{
    bodies::{inbound, invitation, partner_led, shared},
    desk::{Desk, Reply, text},
};

const REGISTRATION: &str = "/webhooks/v1/registration";
const ALL: [&str; 5] = [
    "referral-created",
    "referral-updated",
    "related-referral-created",
    "related-referral-updated",
    "test-created",
];

impl Desk {
    fn hooks(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "refresh_token"),
                ("client_id", &self.text("client_id")),
                ("client_secret", &self.text("client_secret")),
                ("refresh_token", &self.text("refresh_token")),
                ("scope", &self.text("webhooks_scope")),
            ])
            .finish();
        let path_of_token = format!("/{}/oauth2/v2.0/token", self.text("tenant_id"));
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let token = self.send("POST", &path_of_token, &[kind], &form).expect(200);
        let bearer = format!("Bearer {}", text(&token, "access_token"));
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.send(method, path, &headers, &body.map(ToString::to_string).unwrap_or_default())
    }

    fn register(&self, more: Value) {
        let mut body = json!({"WebhookUrl": "http://127.0.0.1:7002/hook", "WebhookEvents": ALL});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.hooks("POST", REGISTRATION, Some(&body)).expect(200);
    }

    fn due(&self) -> Vec<Outgoing> {
        self.machine.take_due(self.now.get())
    }

    /// Event and last segment of the resource's URI, of everything due.
    fn events(&self) -> Vec<(String, String)> {
        let read = |outgoing: Outgoing| {
            let body: Value = serde_json::from_slice(outgoing.request.body()).unwrap();
            let id = text(&body, "ResourceUri").rsplit('/').next().unwrap().to_owned();
            (text(&body, "EventName").to_owned(), id)
        };
        self.due().into_iter().map(read).collect()
    }
}

#[test]
fn one_registration_exists_and_is_replaced_by_put() {
    let desk = Desk::new();
    desk.hooks("GET", REGISTRATION, None).expect(404);
    let body = json!({"webhookUrl": "https://a.example/h", "webhookEvents": ["referral-updated"]});
    desk.hooks("PUT", REGISTRATION, Some(&body)).expect(404);
    let made = desk.hooks("POST", REGISTRATION, Some(&body)).expect(200);
    assert_eq!(made["WebhookUrl"], "https://a.example/h");
    assert!(made["SubscriberId"].is_string());
    desk.hooks("POST", REGISTRATION, Some(&body)).expect(409);
    let other = json!({"WebhookUrl": "https://b.example/h", "WebhookEvents": ["referral-created"]});
    desk.hooks("PUT", REGISTRATION, Some(&other)).expect(200);
    assert_eq!(desk.hooks("GET", REGISTRATION, None).expect(200), other);
    let events = desk.hooks("GET", &format!("{REGISTRATION}/events"), None).expect(200);
    assert!(ALL.iter().all(|event| events.as_array().unwrap().contains(&json!(event))));
    for bad in [
        json!({"WebhookEvents": ALL}),
        json!({"WebhookUrl": "hook", "WebhookEvents": ALL}),
        json!({"WebhookUrl": "https://a.example", "WebhookEvents": ["x"]}),
        json!({"WebhookUrl": "https://a.example", "WebhookEvents": []}),
    ] {
        desk.hooks("PUT", REGISTRATION, Some(&bad)).expect(400);
    }
}

#[test]
fn each_change_raises_its_event_with_the_documented_body() {
    let desk = Desk::new();
    desk.register(json!({}));
    let own = desk.post(&shared()).expect(200);
    let engagement = text(&own, "engagementId").to_owned();
    let sent = desk.due().pop().expect("an event");
    let body: Value = serde_json::from_slice(sent.request.body()).unwrap();
    assert_eq!(
        body,
        json!({
            "EventName": "referral-created",
            "ResourceUri": format!("https://api.partnercenter.microsoft.com/engagements/v1/referrals/{}", text(&own, "id")),
            "ResourceName": "referral",
            "AuditUri": null,
            "ResourceChangeUtcDate": "2026-11-22T10:00:00.0000000+00:00",
        })
    );
    let theirs = desk.post(&invitation(&engagement)).expect(200);
    desk.replace(text(&own, "id"), &[("/name", json!("x"))]).expect(200);
    desk.act("microsoft/accept", &json!({"engagementId": engagement}));
    let pair = |event: &str, one: &Value| (event.to_owned(), text(one, "id").to_owned());
    assert_eq!(
        desk.events(),
        [
            pair("related-referral-created", &theirs),
            pair("referral-updated", &own),
            pair("related-referral-updated", &theirs)
        ]
    );
    let desk = desk.knob(json!({"related_event_id": "ours", "webhook_own_changes": false}));
    desk.replace(text(&own, "id"), &[("/name", json!("y"))]).expect(200);
    desk.act("microsoft/win", &json!({"engagementId": engagement}));
    assert_eq!(desk.events(), [pair("related-referral-updated", &own)]);
}

#[test]
fn a_delivery_is_signed_under_a_chain_that_leads_to_the_trust_anchor() {
    for ms_header in [false, true] {
        let desk = Desk::new();
        desk.register(json!({"SignatureTokenToMsSignatureHeader": ms_header}));
        desk.act("microsoft/invite", &inbound());
        let sent = desk.due().remove(0).request;
        let header = |name: &str| sent.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (used, unused) =
            if ms_header { ("x-ms-signature", "authorization") } else { ("authorization", "x-ms-signature") };
        assert_eq!(header(unused), None);
        let signature = header(used).unwrap();
        let signature = STANDARD.decode(signature.strip_prefix("Signature ").unwrap()).unwrap();
        assert_eq!(header("x-ms-signature-algorithm").unwrap(), "rsa-sha256");
        let url = header("x-ms-certificate-url").unwrap();
        assert_eq!(url, desk.text("certificate_url"));

        let leaf = certificate(&desk, &url);
        let (_, parsed) = x509_parser::parse_x509_certificate(&leaf).unwrap();
        assert!(parsed.subject().to_string().contains("CN=pcnotifications-dispatch.microsoft.com"));
        assert!(parsed.issuer().to_string().contains("O=Microsoft Corporation"));
        let key = &parsed.public_key().subject_public_key.data;
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
        assert!(key.verify(sent.body(), &signature).is_ok());
        assert!(key.verify(b"{}", &signature).is_err());
        verify(&desk, &leaf, desk.text("webhook_intermediate_pem").as_bytes()).expect("the chain holds");
    }
}

#[test]
fn a_signer_that_must_not_be_trusted_is_not() {
    for signer in ["expired", "foreign", "other-organization"] {
        let desk = Desk::new().knob(json!({"webhook_signer": signer}));
        desk.register(json!({}));
        desk.act("microsoft/invite", &inbound());
        let sent = desk.due().remove(0).request;
        let url = sent.headers()["x-ms-certificate-url"].to_str().unwrap().to_owned();
        let leaf = certificate(&desk, &url);
        let chain = desk.fetch(&format!("{url}?chain=1"));
        let intermediate = CertificateDer::pem_slice_iter(&chain).nth(1).unwrap().unwrap();
        let trusted = verify_with(&desk, &leaf, &[intermediate]).is_ok();
        let (_, parsed) = x509_parser::parse_x509_certificate(&leaf).unwrap();
        let microsoft = parsed.issuer().to_string().contains("O=Microsoft Corporation");
        assert!(!(trusted && microsoft), "{signer}");
    }
}

#[test]
fn a_notification_is_tried_ten_times_and_never_again() {
    let desk = Desk::new();
    desk.register(json!({}));
    desk.act("microsoft/invite", &inbound());
    let mut attempts = 0;
    for _ in 0..100 {
        for outgoing in desk.due() {
            attempts += 1;
            let failed = Outcome::Answered(StatusCode::INTERNAL_SERVER_ERROR);
            desk.machine.delivered(outgoing.id, &failed, desk.now.get());
        }
        desk.pass(SignedDuration::from_secs(60));
    }
    // The partner's referral and Microsoft's beside it.
    assert_eq!(attempts, 20);
    let fates: Vec<Value> = desk.machine.webhooks()["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["fate"].clone())
        .collect();
    assert_eq!(fates, [json!("parked"), json!("parked")]);
}

#[test]
fn deliveries_are_doubled_delayed_lost_and_turned_round_by_knobs() {
    let made = |knobs: Value| {
        let desk = Desk::new().knob(knobs);
        desk.register(json!({}));
        desk.act("microsoft/invite", &inbound());
        desk
    };
    assert_eq!(made(json!({"webhook_duplicates": 2})).due().len(), 6);
    assert_eq!(made(json!({"webhook_lose_percent": 100})).due().len(), 0);
    assert_eq!(made(json!({"webhook_newest_first": true})).events()[0].0, "related-referral-created");
    let late = made(json!({"webhook_delay_ms": 500}));
    assert_eq!(
        (late.due().len(), late.machine.next_due()),
        (0, Some("2026-11-22T10:00:00.5Z".parse().unwrap()))
    );
    late.pass(SignedDuration::from_millis(500));
    assert_eq!(late.due().len(), 2);
}

#[test]
fn a_test_notification_can_be_asked_for_twice_a_minute_and_reports_its_attempts() {
    let desk = Desk::new();
    desk.hooks("POST", &format!("{REGISTRATION}/validationEvents"), None).expect(404);
    desk.register(json!({}));
    let ask = || desk.hooks("POST", &format!("{REGISTRATION}/validationEvents"), None);
    let id = text(&ask().expect(200), "correlationId").to_owned();
    let path = format!("{REGISTRATION}/validationEvents/{id}");
    assert_eq!(text(&desk.hooks("GET", &path, None).expect(200), "status"), "pending");
    let sent = desk.due().remove(0);
    desk.machine.delivered(sent.id, &Outcome::Answered(StatusCode::OK), desk.now.get());
    let report = desk.hooks("GET", &path, None).expect(200);
    assert_eq!((text(&report, "status"), text(&report["results"][0], "responseCode")), ("completed", "OK"));
    ask().expect(200);
    let refused = ask();
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "60"));
    desk.pass(SignedDuration::from_hours(24 * 7));
    desk.hooks("GET", &path, None).expect(404);
}

#[test]
fn s6_4_events_overtake_each_other_when_each_is_late_by_its_own_draw() {
    let desk = Desk::new().knob(json!({"webhook_jitter_ms": 60_000}));
    desk.register(json!({}));
    let made: Vec<String> =
        (0..20).map(|_| text(&desk.post(&partner_led()).expect(200), "id").to_owned()).collect();
    let mut arrived = Vec::new();
    for _ in 0..=60 {
        arrived.extend(desk.events().into_iter().map(|(_, id)| id));
        desk.pass(SignedDuration::from_secs(1));
    }
    assert_ne!(arrived, made);
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(arrived), sorted(made));
}

#[test]
fn s6_4_the_wait_after_a_failed_attempt_doubles_from_what_the_knob_says() {
    let desk = Desk::new().knob(json!({"webhook_retry_ms": 100}));
    desk.register(json!({}));
    desk.post(&partner_led()).expect(200);
    for wait in [100, 200, 400, 800] {
        let sent = desk.due().remove(0);
        desk.machine.delivered(sent.id, &Outcome::Answered(StatusCode::NOT_FOUND), desk.now.get());
        desk.pass(SignedDuration::from_millis(wait - 1));
        assert!(desk.due().is_empty(), "after {wait}");
        desk.pass(SignedDuration::from_millis(1));
    }
    assert_eq!(desk.due().len(), 1);
}

#[test]
fn s6_1_a_test_notification_needs_its_subscription_and_reports_each_attempt() {
    let desk = Desk::new();
    let path = format!("{REGISTRATION}/validationEvents");
    desk.register(json!({"WebhookEvents": ["referral-created"]}));
    desk.hooks("POST", &path, None).expect(400);
    let body = json!({"WebhookUrl": "http://127.0.0.1:7002/hook", "WebhookEvents": ["test-created"]});
    desk.hooks("PUT", REGISTRATION, Some(&body)).expect(200);
    let id = text(&desk.hooks("POST", &path, None).expect(200), "correlationId").to_owned();
    let report = || desk.hooks("GET", &format!("{path}/{id}"), None).expect(200);
    for outcome in [
        Outcome::Failed("connection refused".to_owned()),
        Outcome::Answered(StatusCode::INTERNAL_SERVER_ERROR),
        Outcome::Answered(StatusCode::OK),
    ] {
        assert_eq!(text(&report(), "status"), "pending");
        let sent = desk.due().remove(0);
        let event: Value = serde_json::from_slice(sent.request.body()).unwrap();
        assert_eq!((text(&event, "EventName"), text(&event, "ResourceName")), ("test-created", "test"));
        desk.machine.delivered(sent.id, &outcome, desk.now.get());
        desk.pass(SignedDuration::from_mins(1));
    }
    let report = report();
    assert_eq!(
        (text(&report, "status"), text(&report, "callbackUrl")),
        ("completed", "http://127.0.0.1:7002/hook")
    );
    let results: Vec<(&str, bool)> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(one, "responseCode"), one["systemError"].as_bool().unwrap()))
        .collect();
    assert_eq!(results, [("None", true), ("InternalServerError", false), ("OK", false)]);
}

#[test]
fn s6_1_every_answer_carries_its_correlation_its_request_and_a_locale() {
    let desk = Desk::new();
    let reply = desk.hooks("GET", REGISTRATION, None);
    let lengths = ["ms-correlationid", "ms-requestid"].map(|name| reply.header(name).len());
    assert_eq!((reply.status.as_u16(), lengths, reply.header("x-locale")), (404, [36, 36], "en-US"));
    let given = [("ms-correlationid", "c-1"), ("ms-requestid", "r-1")];
    let reply = desk.send("GET", &format!("{REGISTRATION}/events"), &given, "");
    assert_eq!((reply.header("ms-correlationid"), reply.header("ms-requestid")), ("c-1", "r-1"));
}

#[test]
fn s6_1_names_are_written_in_both_ways_and_read_in_any() {
    let desk = Desk::new().knob(json!({"webhook_camel_case": true, "webhook_audit_url": true}));
    let body = json!({"WEBHOOKURL": "https://a.example/h", "webhookEvents": ["referral-created"],
        "signatureTokenToMsSignatureHeader": true});
    let made = desk.hooks("POST", REGISTRATION, Some(&body)).expect(200);
    assert_eq!(
        (text(&made, "webhookUrl"), &made["webhookEvents"]),
        ("https://a.example/h", &json!(["referral-created"]))
    );
    desk.act("microsoft/invite", &inbound());
    let sent = desk.due().remove(0).request;
    let event: Value = serde_json::from_slice(sent.body()).unwrap();
    assert!(sent.headers().contains_key("x-ms-signature"));
    assert_eq!((event.get("AuditUrl"), event.get("AuditUri")), (Some(&Value::Null), None));
}

impl Desk {
    fn fetch(&self, url: &str) -> Bytes {
        let path = url.strip_prefix(crate::desk::BASE).unwrap();
        let response = self.machine.handle(Request::get(path).body(Bytes::new()).unwrap(), self.now.get());
        assert_eq!(response.status(), 200, "{url}");
        response.into_body()
    }
}

fn certificate(desk: &Desk, url: &str) -> Vec<u8> {
    desk.fetch(url).to_vec()
}

fn verify(desk: &Desk, leaf: &[u8], intermediate_pem: &[u8]) -> Result<(), webpki::Error> {
    verify_with(desk, leaf, &[CertificateDer::from_pem_slice(intermediate_pem).unwrap()])
}

fn verify_with(desk: &Desk, leaf: &[u8], intermediates: &[CertificateDer<'_>]) -> Result<(), webpki::Error> {
    let root = CertificateDer::from_pem_slice(desk.text("webhook_trust_anchor_pem").as_bytes()).unwrap();
    let anchor = webpki::anchor_from_trusted_cert(&root)?;
    let leaf = CertificateDer::from(leaf);
    let at = u64::try_from(desk.now.get().as_second()).unwrap();
    webpki::EndEntityCert::try_from(&leaf)?.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[anchor],
        intermediates,
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(at)),
        webpki::KeyUsage::server_auth(),
        None,
        None,
    )?;
    Ok(())
}
