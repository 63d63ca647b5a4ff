//! Section 1: sign-in and sessions.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::Desk;

pub(super) fn bearer(desk: &Desk, claims: &Value) -> super::Reply {
    let key =
        EncodingKey::from_rsa_pem(desk.credentials["private_key_pem"].as_str().unwrap().as_bytes()).unwrap();
    let assertion = encode(&Header::new(Algorithm::RS256), claims, &key).unwrap();
    desk.token(&format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
    ))
}

pub(super) fn claims(desk: &Desk) -> Value {
    json!({
        "iss": desk.credentials["consumer_key"], "sub": desk.credentials["username"],
        "aud": "https://login.salesforce.com", "exp": desk.now.get().as_second() + 180,
    })
}

#[test]
fn s1_2_a_token_answer_has_the_documented_members() {
    let desk = Desk::new();
    let reply = bearer(&desk, &claims(&desk));
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["instance_url"], "http://sf.test");
    assert_eq!(reply.body["token_type"], "Bearer");
    assert_eq!(reply.body["issued_at"], desk.now.get().as_millisecond().to_string());
    let org = desk.credentials["org_id"].as_str().unwrap();
    assert!(reply.body["id"].as_str().unwrap().contains(org), "{}", reply.body);
    assert!(reply.body["access_token"].as_str().unwrap().starts_with(&org[..15]));
    assert_eq!(reply.body.get("refresh_token"), None);
    assert_eq!(reply.body.get("expires_in"), None);
}

#[test]
fn s1_3_an_assertion_is_refused_for_each_wrong_claim() {
    let desk = Desk::new();
    let past = desk.now.get().as_second() - 1;
    for (name, value, error) in [
        ("iss", json!("somebody"), "invalid_client_id"),
        ("sub", json!("nobody@nowhere.example"), "invalid_grant"),
        ("aud", json!("https://example.com"), "invalid_grant"),
        ("exp", json!(past), "invalid_grant"),
        ("exp", json!(null), "invalid_grant"),
    ] {
        let mut claims = claims(&desk);
        claims[name] = value.clone();
        let reply = bearer(&desk, &claims);
        assert_eq!((reply.status, reply.body["error"].as_str()), (400, Some(error)), "{name} = {value}");
    }
    for (name, value) in [
        ("aud", json!("https://test.salesforce.com")),
        ("aud", json!("http://sf.test")),
        ("exp", json!((past + 100).to_string())),
    ] {
        let mut claims = claims(&desk);
        claims[name] = value.clone();
        assert_eq!(bearer(&desk, &claims).status, 200, "{name} = {value}");
    }
    let reply = desk.token("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c");
    assert_eq!((reply.status, reply.body["error"].as_str()), (400, Some("invalid_grant")));
}

#[test]
fn s1_4_client_credentials_need_the_right_secret() {
    let desk = Desk::new();
    let key = desk.credentials["consumer_key"].as_str().unwrap();
    for (form, error) in [
        (format!("grant_type=client_credentials&client_id={key}&client_secret=no"), "invalid_client"),
        ("grant_type=client_credentials&client_id=no&client_secret=no".to_owned(), "invalid_client_id"),
        ("grant_type=implicit".to_owned(), "unsupported_grant_type"),
    ] {
        let reply = desk.token(&form);
        assert_eq!((reply.status, reply.body["error"].as_str()), (400, Some(error)), "{form}");
    }
}

#[test]
fn s1_7_a_dead_token_is_answered_401() {
    let desk = Desk::new();
    let dead = [
        ("unknown", "nonsense".to_owned()),
        ("expired", {
            let token = desk.product.clone();
            desk.wait(7_201.0);
            token
        }),
        ("revoked", {
            let token = desk.grant();
            desk.act("revoke", &json!({"user": desk.credentials["username"]})).unwrap();
            token
        }),
    ];
    for (why, token) in dead {
        let reply = desk.with(&token, "GET", "/limits", &[], &Value::Null);
        assert_eq!((reply.status, reply.code()), (401, "INVALID_SESSION_ID"), "{why}");
        assert_eq!(reply.message(), "Session expired or invalid");
    }
    assert_eq!(desk.get("/limits").status, 200, "a seller's token lives on");
}

#[test]
fn s1_7_a_revoked_or_denied_user_is_shut_out_by_knob() {
    let desk = Desk::new();
    let name = desk.credentials["username"].clone();
    desk.knob(json!({"revoked_users": [name]}));
    assert_eq!(desk.product("GET", "/limits", &Value::Null).status, 401);
    desk.knob(json!({"revoked_users": [], "deny_users": [name]}));
    assert_eq!(desk.product("GET", "/limits", &Value::Null).status, 403);
    desk.knob(json!({"deny_users": []}));
    assert_eq!(desk.product("GET", "/limits", &Value::Null).status, 200);
}

#[test]
fn s1_2_the_identity_urls_name_the_user() {
    let desk = Desk::new();
    let identity = desk.get("/").body["identity"].as_str().unwrap().to_owned();
    let path = identity.strip_prefix("http://sf.test").unwrap();
    let reply =
        desk.raw("GET", &format!("{path}?format=json&oauth_token={}", desk.seller), &[], bytes::Bytes::new());
    assert_eq!(reply.body["username"], desk.credentials["seller"]["username"]);
    let bearer = format!("Bearer {}", desk.product);
    let reply =
        desk.raw("GET", "/services/oauth2/userinfo", &[("authorization", &bearer)], bytes::Bytes::new());
    assert_eq!(reply.body["preferred_username"], desk.credentials["username"]);
}

#[test]
fn s2_1_versions_need_no_token_and_retired_ones_are_gone() {
    let desk = Desk::new();
    let reply = desk.raw("GET", "/services/data/", &[], bytes::Bytes::new());
    let newest = reply.body.as_array().unwrap().last().unwrap();
    assert_eq!(*newest, json!({"label": "Winter '27", "url": "/services/data/v68.0", "version": "68.0"}));
    assert_eq!(reply.header("sforce-limit-info"), "");
    let bearer = format!("Bearer {}", desk.seller);
    for (version, status) in
        [("v31.0", 200), ("v68.0", 200), ("v30.0", 410), ("v20.0", 404), ("v69.0", 404), ("x", 404)]
    {
        let reply = desk.raw(
            "GET",
            &format!("/services/data/{version}/"),
            &[("authorization", &bearer)],
            bytes::Bytes::new(),
        );
        assert_eq!(reply.status, status, "{version}");
    }
}

#[test]
fn s2_15_calls_are_counted_and_the_budget_ends_in_403() {
    let desk = Desk::new();
    let first = desk.get("/limits");
    assert_eq!(first.header("sforce-limit-info"), "api-usage=1/100000");
    assert_eq!(first.header("date"), "Sun, 22 Nov 2026 06:00:00 GMT");
    assert_eq!(first.body["DailyApiRequests"], json!({"Max": 100_000, "Remaining": 99_999}));
    desk.knob(json!({"daily_limit": 2}));
    assert_eq!(desk.get("/limits/").status, 200);
    let reply = desk.get("/limits");
    assert_eq!((reply.status, reply.code()), (403, "REQUEST_LIMIT_EXCEEDED"));
    assert_eq!(reply.header("sforce-limit-info"), "api-usage=2/2");
    desk.wait(86_400.0);
    assert_eq!(desk.get("/limits").status, 200, "the day rolls on");
}
