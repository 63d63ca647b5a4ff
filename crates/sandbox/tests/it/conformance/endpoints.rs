//! Sections 2, 2.2 and 2.3: operations, what a request carries, what an answer carries.

use serde_json::{Value, json};

use super::rule::{hold, rule};
use crate::bodies::{invitation, partner_led};

fn rename(to: &str) -> Value {
    json!([{"op": "replace", "path": "/name", "value": to}])
}

#[test]
fn s2_each_operation_answers_with_its_status_and_body() {
    let by_id = "/@odata.context";
    hold([
        rule("1: GET of the list gives a collection").get("").has("/@odata.context").counts("/value", 6),
        rule("2: GET of one gives the entity with its context").get("{own}").has(by_id).has("/eTag"),
        rule("2: an unknown id is itemNotFound").get("{nobody}").refused(404, "itemNotFound", "referral"),
        rule("2: what is no GUID is itemNotFound").get("me").refused(404, "itemNotFound", "referral"),
        rule("3: POST gives 200 with the entity").post(partner_led()).has("/id").has("/eTag").has("#etag"),
        rule("3: POST may give 201")
            .knobs(json!({"create_status": 201}))
            .post(partner_led())
            .gives(201)
            .has("/id")
            .has("#location"),
        rule("4: PUT needs If-Match").send("PUT", "{own}").body(partner_led()).invalid("If-Match"),
        rule("4: PUT takes the entity without links only")
            .send("PUT", "{own}")
            .header("if-match", "*")
            .body(json!({"links": {"self": {"uri": "x", "method": "GET"}}}))
            .invalid("links"),
        rule("4: PUT gives 200 with the entity")
            .send("PUT", "{own}")
            .header("if-match", "{own.eTag}")
            .body(json!({"name": "Renamed"}))
            .fact("/name", json!("Renamed"))
            .after("own", "/name", json!("Renamed")),
        rule("4: PUT replaces nothing that PATCH may not")
            .send("PUT", "{own}")
            .header("if-match", "{own.eTag}")
            .body(json!({"type": "Shared"}))
            .invalid("type"),
        rule("5: PATCH gives 204 without a body")
            .patch("{own}", rename("x"))
            .gives(204)
            .fact("", Value::Null)
            .after("own", "/name", json!("x")),
        rule("5: PATCH takes an array, not an object").patch("{own}", json!({"name": "x"})).invalid("patch"),
        rule("5: an empty patch says nothing").patch("{own}", json!([])).invalid("patch"),
        rule("6: registrations are added by PATCH, to deals that are won")
            .patch(
                "{own}",
                json!([{"op": "add", "path": "/registrations/-", "value": {"type": "AzureIPCoSell"}}]),
            )
            .invalid("registrations"),
        rule("no DELETE")
            .send("DELETE", "{own}")
            .refused(405, "invalidRequest", "")
            .fact("#allow", json!("GET, PATCH, PUT")),
        rule("no PATCH of the list")
            .send("PATCH", "")
            .body(rename("x"))
            .refused(405, "invalidRequest", "")
            .fact("#allow", json!("GET, POST")),
        rule("no notes history").get("{own}/notes").refused(404, "itemNotFound", ""),
    ]);
}

#[test]
fn s2_json_patch_knows_replace_and_add_alone() {
    let with = |op: &str| json!([{"op": op, "path": "/details/notes", "from": "/name", "value": "x"}]);
    hold(
        ["remove", "test", "move", "copy", "Replace", ""]
            .map(|op| rule("5: only replace and add").patch("{own}", with(op)).invalid("details.notes"))
            .into_iter()
            .chain(["replace", "add"].map(|op| {
                rule("5: replace and add").patch("{own}", with(op)).gives(204).after(
                    "own",
                    "/details/notes",
                    json!("x"),
                )
            })),
    );
}

#[test]
fn s2_a_patch_is_done_wholly_or_not_at_all() {
    let and_then =
        |second: Value| json!([{"op": "replace", "path": "/details/notes", "value": "kept?"}, second]);
    hold([
        rule("a path that is not allowed")
            .patch("{own}", and_then(json!({"op": "replace", "path": "/type", "value": "Shared"})))
            .invalid("type"),
        rule("a value of the wrong type")
            .patch("{own}", and_then(json!({"op": "replace", "path": "/favorite", "value": 1})))
            .invalid("favorite"),
        rule("a status without its substatus")
            .patch("{own}", and_then(json!({"op": "replace", "path": "/status", "value": "Closed"})))
            .invalid("substatus"),
        rule("a missing value")
            .patch("{own}", and_then(json!({"op": "replace", "path": "/name"})))
            .invalid("name"),
    ]);
}

#[test]
fn s2_2_what_a_request_must_carry() {
    hold([
        rule("a bearer token")
            .signed_out()
            .refused(401, "unauthenticated", "")
            .fact("#www-authenticate", json!("Bearer")),
        rule("a bearer token that is known").signed_out().header("authorization", "Bearer x").refused(
            401,
            "unauthenticated",
            "",
        ),
        rule("a token by the scheme Bearer").signed_out().header("authorization", "Basic eDp5").refused(
            401,
            "unauthenticated",
            "",
        ),
        rule("a token, whatever is asked").signed_out().post(partner_led()).refused(
            401,
            "unauthenticated",
            "",
        ),
        rule("Accept: application/json").header("accept", "application/json").gives(200),
        rule("Accept: anything").header("accept", "text/html, */*;q=0.1").gives(200),
        rule("Accept: nothing that the service has").header("accept", "text/html").refused(
            406,
            "invalidRequest",
            "",
        ),
        rule("a body of application/json").send("POST", "").raw("{}").refused(415, "invalidRequest", ""),
        rule("a patch of application/json, as in all samples")
            .patch("{own}", rename("x"))
            .header("content-type", "application/json-patch+json")
            .refused(415, "invalidRequest", ""),
        rule("a body that is JSON")
            .send("POST", "")
            .raw("{")
            .header("content-type", "application/json")
            .invalid(""),
        rule("client-request-id is not demanded").get("{own}").gives(200),
        rule("MS-CorrelationId and X-Caller-Id are optional")
            .header("ms-correlationid", "a")
            .header("x-caller-id", "60858c1b-2062-40ad-b42c-996b6b5b047d")
            .gives(200),
        rule("Prefer is for PATCH")
            .patch("{own}", rename("x"))
            .whole()
            .fact("/name", json!("x"))
            .fact("#preference-applied", json!("return=representation")),
        rule("Prefer may ask for nothing")
            .patch("{own}", rename("x"))
            .header("prefer", "return=minimal")
            .gives(204),
    ]);
}

#[test]
fn s2_3_what_every_answer_carries() {
    let headers = ["#request-id", "#timestamp", "#x-ms-ags-diagnostic", "#date"];
    let all = [
        rule("the list"),
        rule("one").get("{own}"),
        rule("a refusal").get("{nobody}").refused(404, "itemNotFound", "referral"),
        rule("a change").patch("{own}", rename("x")).gives(204),
    ];
    hold(all.map(|rule| headers.into_iter().fold(rule, super::rule::Rule::has)));
    hold([
        rule("client-request-id comes back")
            .header("client-request-id", "c0ffee")
            .fact("#client-request-id", json!("c0ffee")),
        rule("ETag is the entity's").get("{own}").fact("#etag", json!("{own.eTag}")),
        rule("ETag of a creation").post(invitation("{shared.engagementId}")).has("#etag"),
        rule("ETag of a change").patch("{own}", rename("x")).gives(204).has("#etag"),
        rule("Retry-After on 429").knobs(json!({"calls_a_minute": 1})).gives(429).has("#retry-after"),
    ]);
}
