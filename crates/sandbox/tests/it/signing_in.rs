//! Section 1.3: how people sign in, by device code and in a browser, and how that fails.

use std::collections::HashMap;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::desk::{Desk, REFERRALS, Reply, text};

const REDIRECT: &str = "http://localhost:53124/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(crate) type Fields<'f> = Vec<(&'f str, String)>;

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, VERIFIER.as_bytes()))
}

fn encoded(fields: &Fields<'_>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

pub(crate) fn changed<'f>(fields: &Fields<'f>, name: &'f str, value: Option<&str>) -> Fields<'f> {
    let mut changed: Fields<'f> = fields.iter().filter(|(own, _)| *own != name).cloned().collect();
    changed.extend(value.map(|value| (name, value.to_owned())));
    changed
}

impl Desk {
    pub(crate) fn entra(&self, endpoint: &str, fields: &Fields<'_>) -> Reply {
        let path = format!("/{}/oauth2/{endpoint}", self.text("tenant_id"));
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.send("POST", &path, &[kind], &encoded(fields))
    }

    pub(crate) fn public(&self) -> Fields<'static> {
        vec![("client_id", self.text("public_client_id"))]
    }

    pub(crate) fn secret(&self) -> Fields<'static> {
        vec![("client_id", self.text("client_id")), ("client_secret", self.text("client_secret"))]
    }

    pub(crate) fn scope(&self) -> (&'static str, String) {
        ("scope", format!("{} offline_access openid", self.text("referrals_scope")))
    }

    pub(crate) fn authorization(&self, client: &str) -> Fields<'static> {
        vec![
            ("client_id", self.text(client)),
            ("response_type", "code".to_owned()),
            ("redirect_uri", REDIRECT.to_owned()),
            self.scope(),
            ("state", "a&b=c".to_owned()),
            ("code_challenge", challenge()),
            ("code_challenge_method", "S256".to_owned()),
        ]
    }

    fn browse(&self, fields: &Fields<'_>) -> Reply {
        let path = format!("/{}/oauth2/v2.0/authorize?{}", self.text("tenant_id"), encoded(fields));
        self.send("GET", &path, &[], "")
    }

    /// The fields with which the browser is sent back.
    #[track_caller]
    pub(crate) fn sent_back(&self, fields: &Fields<'_>) -> HashMap<String, String> {
        let reply = self.browse(fields);
        assert_eq!(reply.status, 302);
        let to = url::Url::parse(reply.header("location")).unwrap();
        assert_eq!((to.port(), to.path()), (Some(53124), "/callback"));
        to.query_pairs().into_owned().collect()
    }

    pub(crate) fn redemption(&self, code: &str) -> Fields<'static> {
        let mut fields = self.secret();
        fields.extend([
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", REDIRECT.to_owned()),
            ("code_verifier", VERIFIER.to_owned()),
            self.scope(),
        ]);
        fields
    }

    pub(crate) fn refreshing(&self, token: &str) -> Reply {
        let mut fields = self.secret();
        fields.extend([
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token.to_owned()),
            self.scope(),
        ]);
        self.entra("v2.0/token", &fields)
    }

    pub(crate) fn polling(&self, code: &str) -> Reply {
        let mut fields = self.public();
        fields.extend([
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code".to_owned()),
            ("device_code", code.to_owned()),
        ]);
        self.entra("v2.0/token", &fields)
    }

    pub(crate) fn device(&self) -> Value {
        let mut fields = self.public();
        fields.push(self.scope());
        self.entra("v2.0/devicecode", &fields).expect(200)
    }

    #[track_caller]
    pub(crate) fn opens(&self, token: &Value) -> u16 {
        let bearer = format!("Bearer {}", text(token, "access_token"));
        self.send("GET", REFERRALS, &[("authorization", &bearer)], "").status.as_u16()
    }
}

#[track_caller]
pub(crate) fn denied(reply: Reply, error: &str, code: u32) {
    let body = reply.body;
    assert_eq!((text(&body, "error"), &body["error_codes"]), (error, &json!([code])), "{body}");
    assert!(text(&body, "error_description").starts_with(&format!("AADSTS{code}: ")), "{body}");
}

#[test]
fn s1_3_a_device_code_waits_for_a_person_and_then_gives_tokens_once() {
    let desk = Desk::new();
    let device = desk.device();
    assert_eq!((&device["expires_in"], &device["interval"]), (&json!(900), &json!(5)));
    let (code, typed) = (text(&device, "device_code"), text(&device, "user_code"));
    assert!(text(&device, "message").contains(typed));
    denied(desk.polling(code), "authorization_pending", 70016);
    desk.pass(SignedDuration::from_secs(5));
    denied(desk.polling(code), "authorization_pending", 70016);
    desk.act("sign-in/approve", &json!({"user_code": typed.to_lowercase(), "person": "user"}));
    let token = desk.polling(code).expect(200);
    assert_eq!(desk.opens(&token), 200);
    assert!(token["refresh_token"].is_string() && token["id_token"].is_string());
    denied(desk.polling(code), "bad_verification_code", 70019);
}

#[test]
fn s1_3_a_device_that_polls_too_fast_must_slow_down_by_five_seconds() {
    let desk = Desk::new();
    let device = desk.device();
    let code = text(&device, "device_code");
    denied(desk.polling(code), "authorization_pending", 70016);
    desk.pass(SignedDuration::from_secs(4));
    denied(desk.polling(code), "slow_down", 70016);
    desk.pass(SignedDuration::from_secs(9));
    denied(desk.polling(code), "slow_down", 70016);
    desk.pass(SignedDuration::from_secs(15));
    denied(desk.polling(code), "authorization_pending", 70016);
}

#[test]
fn s1_3_how_often_a_device_may_poll_is_a_knob() {
    let desk = Desk::new().knob(json!({"device_code_interval_seconds": 0}));
    let device = desk.device();
    assert_eq!(device["interval"], json!(0));
    for _ in 0..3 {
        denied(desk.polling(text(&device, "device_code")), "authorization_pending", 70016);
    }
}

#[test]
fn s1_3_a_device_code_is_declined_or_runs_out() {
    let desk = Desk::new();
    let device = desk.device();
    desk.act("sign-in/decline", &json!({"user_code": device["user_code"]}));
    denied(desk.polling(text(&device, "device_code")), "authorization_declined", 70017);
    let device = desk.device();
    desk.pass(SignedDuration::from_mins(15));
    denied(desk.polling(text(&device, "device_code")), "expired_token", 70020);
    let desk = desk.knob(json!({"sign_in_answer": "approves", "device_code_minutes": 1}));
    let device = desk.device();
    assert_eq!(device["expires_in"], json!(60));
    desk.polling(text(&device, "device_code")).expect(200);
}

#[test]
fn s1_3_the_device_page_takes_a_code_and_an_answer() {
    let desk = Desk::new();
    let device = desk.device();
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let answer = |code: &str| {
        let fields = vec![
            ("user_code", code.to_owned()),
            ("person", "admin".to_owned()),
            ("decision", "approve".to_owned()),
        ];
        desk.send("POST", "/devicelogin", &[kind], &encoded(&fields)).status.as_u16()
    };
    assert_eq!(desk.send("GET", "/devicelogin", &[], "").header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer("BBBBBBBBB"), 400);
    assert_eq!(answer(text(&device, "user_code")), 200);
    assert_eq!(answer(text(&device, "user_code")), 400);
    desk.polling(text(&device, "device_code")).expect(200);
}

#[test]
fn s1_3_the_first_version_of_the_device_code_gives_numbers_as_text() {
    let desk = Desk::new();
    let mut fields = desk.public();
    fields.push(("resource", "https://api.partner.microsoft.com".to_owned()));
    let device = desk.entra("devicecode", &fields).expect(200);
    assert_eq!((text(&device, "expires_in"), text(&device, "interval")), ("900", "5"));
    desk.act("sign-in/approve", &json!({"user_code": device["user_code"]}));
    fields.extend([
        ("grant_type", "device_code".to_owned()),
        ("code", text(&device, "device_code").to_owned()),
    ]);
    let token = desk.entra("token", &fields).expect(200);
    assert_eq!(text(&token, "resource"), "https://api.partner.microsoft.com");
    assert!(token["refresh_token"].is_string());
}

#[test]
fn s1_3_an_authorization_code_needs_its_verifier_its_address_and_works_once() {
    let desk = Desk::new().knob(json!({"sign_in_answer": "approves"}));
    let asked = desk.authorization("client_id");
    let code = |desk: &Desk| desk.sent_back(&asked)["code"].clone();
    assert_eq!(desk.sent_back(&asked)["state"], "a&b=c");

    let good = desk.redemption(&code(&desk));
    let token = desk.entra("v2.0/token", &good).expect(200);
    assert_eq!(desk.opens(&token), 200);
    desk.refreshing(text(&token, "refresh_token")).expect(200);
    denied(desk.entra("v2.0/token", &good), "invalid_grant", 54005);

    let cases = [
        ("code_verifier", Some("x".repeat(43)), 501_481),
        ("code_verifier", None, 501_481),
        ("redirect_uri", Some("http://localhost:53125/callback".to_owned()), 500_112),
        ("code", Some("1.nonsense".to_owned()), 9_002_313),
    ];
    for (name, value, refused) in cases {
        let fields = changed(&desk.redemption(&code(&desk)), name, value.as_deref());
        denied(desk.entra("v2.0/token", &fields), "invalid_grant", refused);
    }
    // A failed attempt used the code up.
    let code = code(&desk);
    let spoiled = changed(&desk.redemption(&code), "code_verifier", Some(&"x".repeat(43)));
    denied(desk.entra("v2.0/token", &spoiled), "invalid_grant", 501_481);
    denied(desk.entra("v2.0/token", &desk.redemption(&code)), "invalid_grant", 54005);

    let late = desk.redemption(&desk.sent_back(&asked)["code"]);
    desk.pass(SignedDuration::from_mins(10));
    denied(desk.entra("v2.0/token", &late), "invalid_grant", 70008);
}

#[test]
fn s1_3_the_authorization_page_asks_and_sends_the_answer_back() {
    let desk = Desk::new();
    let asked = desk.authorization("public_client_id");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let path = format!("/{}/oauth2/v2.0/authorize", desk.text("tenant_id"));
    for (decision, field) in [("approve", "code"), ("decline", "error")] {
        let page = desk.page(&format!("{path}?{}", encoded(&asked)));
        let number = page.split("name=\"request\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let answer = vec![
            ("request", number.to_owned()),
            ("person", "user".to_owned()),
            ("decision", decision.to_owned()),
        ];
        let reply = desk.send("POST", &path, &[kind], &encoded(&answer));
        let to = url::Url::parse(reply.header("location")).unwrap();
        let back: HashMap<String, String> = to.query_pairs().into_owned().collect();
        assert!(back.contains_key(field) && back["state"] == "a&b=c", "{back:?}");
        // The page's request was answered; it cannot be answered again.
        assert_eq!(desk.send("POST", &path, &[kind], &encoded(&answer)).status, 400);
    }
}

#[test]
fn s1_3_a_wrong_authorization_request_goes_back_to_the_client_or_nowhere() {
    let desk = Desk::new().knob(json!({"sign_in_answer": "approves"}));
    let asked = desk.authorization("public_client_id");
    for (name, value) in [
        ("client_id", "7a1c0000-0000-4000-8000-0000000000a1"),
        ("redirect_uri", "https://evil.example/callback"),
        ("redirect_uri", "http://localhost.evil.example/callback"),
        ("redirect_uri", "https://localhost:53124/callback"),
    ] {
        let reply = desk.browse(&changed(&asked, name, Some(value)));
        assert_eq!((reply.status.as_u16(), reply.header("location")), (400, ""), "{value}");
    }
    for (name, value, error) in [
        ("response_type", Some("token"), "unsupported_response_type"),
        ("response_type", None, "invalid_request"),
        ("scope", Some("https://graph.microsoft.com/.default"), "invalid_scope"),
        ("code_challenge_method", Some("plain"), "invalid_request"),
        ("code_challenge_method", None, "invalid_request"),
        ("code_challenge", None, "invalid_request"),
    ] {
        let back = desk.sent_back(&changed(&asked, name, value));
        assert_eq!((back["error"].as_str(), back["state"].as_str()), (error, "a&b=c"), "{name}");
    }
    let desk = desk.knob(json!({"sign_in_answer": "declines"}));
    assert_eq!(desk.sent_back(&asked)["error"], "access_denied");
}

#[test]
fn s1_3_the_secure_application_model_gets_code_and_identity_by_form_without_a_proof() {
    let desk = Desk::new().knob(json!({"sign_in_answer": "approves"}));
    let asked = vec![
        ("client_id", desk.text("client_id")),
        ("response_mode", "form_post".to_owned()),
        ("response_type", "code id_token".to_owned()),
        ("scope", "openid profile".to_owned()),
        ("nonce", "n-1".to_owned()),
        ("redirect_uri", REDIRECT.to_owned()),
    ];
    let page = desk.page(&format!("/common/oauth2/authorize?{}", encoded(&asked)));
    assert!(page.contains(&format!("action=\"{REDIRECT}\"")) && page.contains("name=\"id_token\""), "{page}");
    let code = page.split("name=\"code\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let mut fields = desk.secret();
    fields.extend([
        ("grant_type", "authorization_code".to_owned()),
        ("code", code.to_owned()),
        ("redirect_uri", REDIRECT.to_owned()),
        ("resource", "https://api.partner.microsoft.com".to_owned()),
    ]);
    let token = desk.entra("token", &fields).expect(200);
    assert_eq!((desk.opens(&token), text(&token, "expires_in")), (200, "3599"));
    let with_resource = changed(&asked, "resource", Some("https://graph.microsoft.com"));
    for (fields, error) in [(&asked, "invalid_request"), (&with_resource, "invalid_scope")] {
        let desk = Desk::new().knob(json!({"sign_in_answer": "approves", "require_pkce": true}));
        let fields = changed(fields, "client_id", Some(&desk.text("client_id")));
        let page = desk.page(&format!("/common/oauth2/authorize?{}", encoded(&fields)));
        assert!(page.contains(&format!("name=\"error\" value=\"{error}\"")), "{page}");
    }
}
