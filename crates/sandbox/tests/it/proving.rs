//! Section 1.3: how applications prove themselves, how long tokens live, and what a policy may demand.

use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::{
    desk::{Desk, REFERRALS, text},
    signing_in::{changed, denied},
};

/// An assertion of the confidential application, `set` replacing claims (null removes).
fn assertion(desk: &Desk, set: Value, x5t: &str) -> String {
    let second = desk.now.get().as_second();
    let mut claims = json!({
        "aud": desk.text("token_url"), "iss": desk.text("client_id"), "sub": desk.text("client_id"),
        "jti": "one", "nbf": second, "exp": second + 600,
    });
    claims.as_object_mut().unwrap().extend(set.as_object().unwrap().clone());
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let mut header = Header::new(Algorithm::RS256);
    header.x5t = Some(x5t.to_owned());
    let key = EncodingKey::from_rsa_pem(desk.text("client_key_pem").as_bytes()).unwrap();
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

#[test]
fn s1_3_an_application_proves_itself_by_its_certificate() {
    let desk = Desk::new();
    let x5t = desk.text("client_certificate_x5t");
    let with = |assertion: String| {
        let fields = vec![
            ("client_id", desk.text("client_id")),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()),
            ("client_assertion", assertion),
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", desk.text("refresh_token")),
            desk.scope(),
        ];
        desk.entra("v2.0/token", &fields)
    };
    let token = with(assertion(&desk, json!({}), &x5t)).expect(200);
    assert_eq!(desk.opens(&token), 200);
    let cases = [
        (json!({}), 700_027),
        (json!({"jti": null}), 700_027),
        (json!({"jti": "2", "aud": "https://login.salesforce.com"}), 700_023),
        (json!({"jti": "3", "iss": "somebody"}), 700_021),
        (json!({"jti": "4", "sub": "somebody"}), 700_021),
        (json!({"jti": "5", "exp": 1}), 700_024),
        (json!({"jti": "6", "nbf": desk.now.get().as_second() + 3600}), 700_024),
    ];
    for (set, code) in cases {
        denied(with(assertion(&desk, set, &x5t)), "invalid_client", code);
    }
    denied(with(assertion(&desk, json!({"jti": "7"}), "AAAA")), "invalid_client", 700_027);
    let mut broken = assertion(&desk, json!({"jti": "8"}), &x5t);
    broken.truncate(broken.rfind('.').unwrap() + 1);
    broken.push_str(&"A".repeat(342));
    denied(with(broken), "invalid_client", 700_027);
    denied(with("x.y".to_owned()), "invalid_client", 50027);
}

#[test]
fn s1_3_an_assertion_may_name_its_certificate_by_sha_256_and_be_signed_by_pss() {
    let desk = Desk::new();
    let second = desk.now.get().as_second();
    let key = EncodingKey::from_rsa_pem(desk.text("client_key_pem").as_bytes()).unwrap();
    for (algorithm, jti, audience) in [
        (Algorithm::RS256, "a", desk.text("token_url")),
        (Algorithm::PS256, "b", format!("https://login.microsoftonline.com/{}/v2.0", desk.text("tenant_id"))),
    ] {
        let claims = json!({
            "aud": audience, "iss": desk.text("client_id"), "sub": desk.text("client_id"), "jti": jti,
            "exp": second + 600,
        });
        let mut header = Header::new(algorithm);
        header.x5t_s256 = Some(desk.text("client_certificate_x5t_s256"));
        let fields = vec![
            ("client_id", desk.text("client_id")),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()),
            ("client_assertion", jsonwebtoken::encode(&header, &claims, &key).unwrap()),
            ("grant_type", "client_credentials".to_owned()),
            ("scope", desk.text("webhooks_scope")),
        ];
        desk.entra("v2.0/token", &fields).expect(200);
    }
}

#[test]
fn s1_3_a_public_client_has_no_secret_and_a_confidential_one_needs_one() {
    let desk = Desk::new();
    let device = desk.device();
    desk.act("sign-in/approve", &json!({"user_code": device["user_code"]}));
    let token = desk.polling(text(&device, "device_code")).expect(200);
    let mut fields = desk.public();
    fields.extend([
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", text(&token, "refresh_token").to_owned()),
        desk.scope(),
    ]);
    desk.entra("v2.0/token", &fields).expect(200);
    let secret = desk.text("client_secret");
    denied(
        desk.entra("v2.0/token", &changed(&fields, "client_secret", Some(&secret))),
        "invalid_client",
        700_025,
    );
    // One application's token is no other's.
    denied(desk.refreshing(text(&token, "refresh_token")), "invalid_grant", 700_003);
    let confidential = desk.text("client_id");
    denied(
        desk.entra("v2.0/token", &changed(&fields, "client_id", Some(&confidential))),
        "invalid_client",
        7_000_218,
    );
    let desk = desk.knob(json!({"secret_expired": true}));
    denied(desk.refreshing(&desk.text("refresh_token")), "invalid_client", 7_000_222);
}

#[test]
fn s1_3_a_refresh_token_lives_for_ninety_days_of_idleness() {
    let desk = Desk::new();
    let first = desk.text("refresh_token");
    desk.pass(SignedDuration::from_hours(24 * 89));
    let second = text(&desk.refreshing(&first).expect(200), "refresh_token").to_owned();
    desk.pass(SignedDuration::from_hours(24));
    denied(desk.refreshing(&first), "invalid_grant", 700_082);
    desk.refreshing(&second).expect(200);
    let desk = desk.knob(json!({"refresh_token_days": 1}));
    let third = text(&desk.refreshing(&second).expect(200), "refresh_token").to_owned();
    desk.pass(SignedDuration::from_hours(24));
    denied(desk.refreshing(&third), "invalid_grant", 700_082);
}

#[test]
fn s1_3_trouble_meets_who_is_signed_in_and_ends_by_signing_in_again() {
    for (knob, error, code) in [
        ("mfa-required", "invalid_grant", 50076),
        ("interaction-required", "interaction_required", 50158),
        ("token-expired", "invalid_grant", 700_082),
        ("token-revoked", "invalid_grant", 50173),
    ] {
        let desk = Desk::new().knob(json!({"sign_in": knob, "sign_in_answer": "approves"}));
        denied(desk.refreshing(&desk.text("refresh_token")), error, code);
        let code = desk.sent_back(&desk.authorization("client_id"))["code"].clone();
        let token = desk.entra("v2.0/token", &desk.redemption(&code)).expect(200);
        desk.refreshing(text(&token, "refresh_token")).expect(200);
    }
}

#[test]
fn s1_3_a_policy_may_answer_insufficient_claims_until_somebody_signs_in_again() {
    let desk = Desk::new().knob(json!({"claims_challenge": true, "sign_in_answer": "approves"}));
    let reply = desk.get(REFERRALS);
    reply.refused(403, "accessDenied", "");
    assert_eq!(reply.body["error"]["innerError"]["code"], "insufficient_claims");
    assert!(reply.header("www-authenticate").contains("error=\"insufficient_claims\", claims=\""));
    let code = desk.sent_back(&desk.authorization("client_id"))["code"].clone();
    assert_eq!(desk.opens(&desk.entra("v2.0/token", &desk.redemption(&code)).expect(200)), 200);
}

#[test]
fn s1_3_a_password_is_dead_unless_the_knob_says_otherwise() {
    let desk = Desk::new();
    let people = &desk.ready["people"]["admin"];
    let mut fields = desk.secret();
    fields.extend([
        ("grant_type", "password".to_owned()),
        ("username", text(people, "username").to_owned()),
        ("password", text(people, "password").to_owned()),
        ("resource", "https://api.partner.microsoft.com".to_owned()),
        ("scope", "openid".to_owned()),
    ]);
    denied(desk.entra("token", &fields), "invalid_grant", 50076);
    let desk = desk.knob(json!({"ropc": true}));
    assert_eq!(desk.opens(&desk.entra("token", &fields).expect(200)), 200);
    denied(desk.entra("token", &changed(&fields, "password", Some("wrong"))), "invalid_grant", 50126);
}

#[test]
fn s1_3_an_application_alone_reaches_no_referral_operation_but_the_webhooks() {
    let desk = Desk::new();
    let mut fields = desk.secret();
    fields.push(("grant_type", "client_credentials".to_owned()));
    let alone = |scope: &str| {
        let fields = changed(&fields, "scope", Some(scope));
        format!("Bearer {}", text(&desk.entra("v2.0/token", &fields).expect(200), "access_token"))
    };
    let bearer = alone(&desk.text("referrals_scope"));
    let one = format!("{REFERRALS}/7a1c0000-0000-4000-8000-0000000000a1");
    for (method, path) in
        [("GET", REFERRALS), ("POST", REFERRALS), ("GET", &one), ("PATCH", &one), ("PUT", &one)]
    {
        desk.send(method, path, &[("authorization", &bearer)], "").refused(403, "accessDenied", "");
    }
    let bearer = alone(&desk.text("webhooks_scope"));
    let events = "/webhooks/v1/registration/events";
    assert_eq!(desk.send("GET", events, &[("authorization", &bearer)], "").status, 200);
    let public =
        changed(&changed(&fields, "client_secret", None), "client_id", Some(&desk.text("public_client_id")));
    denied(desk.entra("v2.0/token", &public), "unauthorized_client", 700_016);
}

#[test]
fn s1_3_the_second_version_gives_a_refresh_token_to_who_asks_for_one() {
    let desk = Desk::new().knob(json!({"sign_in_answer": "approves"}));
    let plain = desk.text("referrals_scope");
    let asked = changed(&desk.authorization("client_id"), "scope", Some(&plain));
    let fields = changed(&desk.redemption(&desk.sent_back(&asked)["code"]), "scope", Some(&plain));
    let token = desk.entra("v2.0/token", &fields).expect(200);
    assert_eq!((token.get("refresh_token"), token.get("id_token")), (None, None));
}

#[test]
fn s1_3_an_access_token_lives_as_long_as_the_knob_says() {
    let desk = Desk::new().knob(json!({"access_token_seconds": 60}));
    let token = desk.refreshing(&desk.text("refresh_token")).expect(200);
    assert_eq!(token["expires_in"], json!(59));
    desk.pass(SignedDuration::from_secs(59));
    assert_eq!(desk.opens(&token), 200);
    desk.pass(SignedDuration::from_secs(1));
    assert_eq!(desk.opens(&token), 401);
}

#[test]
fn s1_3_whether_an_application_alone_may_register_webhooks_is_a_knob() {
    for (knob, status) in [(true, 200), (false, 403)] {
        let desk = Desk::new().knob(json!({"webhook_app_only": knob}));
        let mut fields = desk.secret();
        fields.extend([
            ("grant_type", "client_credentials".to_owned()),
            ("scope", desk.text("webhooks_scope")),
        ]);
        let token = desk.entra("v2.0/token", &fields).expect(200);
        let path = "/webhooks/v1/registration/events";
        assert_eq!(desk.with_token(path, text(&token, "access_token")), status);
    }
}
