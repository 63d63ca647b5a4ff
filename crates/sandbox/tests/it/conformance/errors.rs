//! Section 5: eTags, throttling, idempotency, the error envelope.

use serde_json::{Value, json};

use super::rule::{hold, rule};
use crate::bodies::{partner_led, with};

#[test]
fn s5_an_etag_guards_a_write() {
    let name = [("/name", json!("x"))];
    let patch = |says, tag: &str| rule(says).replace("{own}", &name).header("if-match", tag);
    let moved_meanwhile = json!({"id": "{own}", "set": {"/details/notes": "meanwhile"}});
    hold([
        patch("the present one", "{own.eTag}").gives(204),
        patch("one of several", "\"x\", {own.eTag}").gives(204),
        patch("any", "*").gives(204),
        rule("none: the last writer wins")
            .once("portal/edit", moved_meanwhile)
            .replace("{own}", &name)
            .gives(204)
            .after("own", "/details/notes", json!("meanwhile")),
        patch("another's", "{shared.eTag}").refused(412, "preconditionFailed", ""),
        patch("without its inner quotes", "00000000-0000-0100-0000-000000000000").refused(
            412,
            "preconditionFailed",
            "",
        ),
        patch("409 by knob", "\"x\"").knobs(json!({"stale_status": 409})).refused(
            409,
            "resourceModified",
            "",
        ),
        rule("PUT needs one").send("PUT", "{own}").body(json!({"name": "x"})).invalid("If-Match"),
        rule("PUT of a stale one")
            .send("PUT", "{own}")
            .header("if-match", "\"x\"")
            .body(json!({"name": "x"}))
            .refused(412, "preconditionFailed", ""),
        rule("it changes on each write").replace("{own}", &name).whole().fact("/name", json!("x")),
    ]);
}

#[test]
fn s5_throttling_speaks_the_gateways_words() {
    hold([rule("not the envelope")
        .knobs(json!({"calls_a_minute": 1}))
        .gives(429)
        .fact("/statusCode", json!(429))
        .has("/message")
        .lacks("/error")
        .has("#retry-after")]);
}

#[test]
fn s5_every_refusal_has_code_and_message() {
    let long = "x".repeat(5000);
    let refusals = [
        rule("400").get("?$top=x").invalid("$top"),
        rule("401").signed_out().refused(401, "unauthenticated", ""),
        rule("403").replace("{theirs}", &[("/name", json!("x"))]).refused(403, "accessDenied", ""),
        rule("404").get("{nobody}").refused(404, "itemNotFound", "referral"),
        rule("405").send("DELETE", "{own}").refused(405, "invalidRequest", ""),
        rule("406").header("accept", "text/plain").refused(406, "invalidRequest", ""),
        rule("412").replace("{own}", &[("/name", json!("x"))]).header("if-match", "\"x\"").refused(
            412,
            "preconditionFailed",
            "",
        ),
        rule("415").send("POST", "").raw("x").refused(415, "invalidRequest", ""),
    ];
    hold(refusals.map(|rule| rule.has("/error/code").has("/error/message")));
    hold([
        rule("an inner code says more")
            .post(with(partner_led(), "/details/currency", Some(json!("XXY"))))
            .invalid("details.currency")
            .fact("/error/innerError/code", json!("currencyInvalid")),
        rule("the target may be the referral")
            .knobs(json!({"whole_error_target": true}))
            .post(with(partner_led(), "/details/currency", Some(json!("XXY"))))
            .invalid("referral"),
        rule("a message has at most 1024 characters")
            .get(&format!("?$filter={long} eq 'x'"))
            .invalid("$filter"),
        rule("no refusal holds what was sent as secret")
            .signed_out()
            .header("authorization", "Bearer SECRET")
            .refused(401, "unauthenticated", ""),
    ]);
}

#[test]
fn s5_a_creation_that_is_sent_twice_happens_twice() {
    let id = ("client-request-id", "0f4c0a53-0000-4000-8000-00000000e001");
    hold([
        rule("there is no idempotency key")
            .once("portal/create", partner_led())
            .post(partner_led())
            .header(id.0, id.1)
            .has("/id"),
        rule("both are there")
            .once("portal/create", partner_led())
            .get("?$filter=type eq 'Independent'")
            .counts("/value", 3),
    ]);
}

#[test]
fn s5_a_message_is_cut_at_its_longest() {
    let desk = crate::desk::Desk::new();
    let reply = desk.list(&format!("$filter={} eq 'x'", "y".repeat(3000)));
    let message = reply.expect(400)["error"]["message"].clone();
    assert_eq!(message.as_str().map(|message| message.chars().count()), Some(1024), "{message}");
    assert_ne!(message, Value::Null);
}
