//! Sections 1.1 to 1.7: the flows of sign-in and how tokens end.

use aws_lc_rs::{digest, hmac};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Desk, Reply,
    auth::{bearer, claims},
};

const CALLBACK: &str = "http://localhost:1717/OauthRedirect";
const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-one-0123456789";

impl Desk {
    fn said(&self, name: &str) -> &str {
        self.credentials[name].as_str().unwrap()
    }

    /// A form with the app's id and secret.
    fn as_app(&self, more: &[(&str, &str)]) -> String {
        let (id, secret) = (self.said("consumer_key"), self.said("consumer_secret"));
        let own = [("client_id", id), ("client_secret", secret)];
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(own.iter().chain(more)).finish()
    }

    fn authorize(&self, more: &[(&str, &str)]) -> Reply {
        let digest = digest::digest(&digest::SHA256, VERIFIER.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(digest);
        let mut fields: Vec<(&str, &str)> = vec![
            ("response_type", "code"),
            ("client_id", self.said("consumer_key")),
            ("redirect_uri", CALLBACK),
            ("code_challenge", &challenge),
            ("state", "s&1"),
        ];
        fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        fields.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.raw("GET", &format!("/services/oauth2/authorize?{query}"), &[], Bytes::new())
    }

    fn code(&self) -> String {
        self.knob(json!({"sign_in": {"approval": "approves"}}));
        returned(&self.authorize(&[]), "code").unwrap()
    }

    fn exchange(&self, code: &str) -> Reply {
        self.token(&self.as_app(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ]))
    }

    fn refresh(&self, token: &str) -> Reply {
        self.token(&self.as_app(&[("grant_type", "refresh_token"), ("refresh_token", token)]))
    }

    fn works(&self, token: &str) -> u16 {
        self.with(token, "GET", "/limits", &[], &Value::Null).status
    }
}

fn returned(reply: &Reply, name: &str) -> Option<String> {
    let to = url::Url::parse(reply.header("location")).ok()?;
    to.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

fn error(reply: &Reply) -> (u16, &str, &str) {
    let text = |name: &str| reply.body[name].as_str().unwrap_or_default();
    (reply.status, text("error"), text("error_description"))
}

#[test]
fn s1_1_client_credentials_and_rows_belong_to_my_domain_and_not_to_the_login_host() {
    let desk = Desk::new();
    desk.machine_at("http://127.0.0.1:8080");
    let form = desk.as_app(&[("grant_type", "client_credentials")]);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let ask = |host: &str| {
        desk.raw("POST", "/services/oauth2/token", &[kind, ("host", host)], Bytes::from(form.clone()))
    };
    assert_eq!(ask("127.0.0.1:8080").status, 200);
    let login = ask("localhost:8080");
    assert_eq!(error(&login), (400, "invalid_grant", "request not supported on this domain"));
    let bearer = format!("Bearer {}", desk.seller);
    let rows = |host: &str| {
        desk.raw(
            "GET",
            "/services/data/v66.0/limits",
            &[("authorization", &bearer), ("host", host)],
            Bytes::new(),
        )
        .status
    };
    assert_eq!((rows("127.0.0.1:8080"), rows("localhost:8080")), (200, 404));
    desk.knob(json!({"sign_in": {"login_host_answers_api": true}}));
    assert_eq!(rows("localhost:8080"), 200);
}

#[test]
fn s1_1_after_a_move_new_tokens_name_the_new_host_and_the_old_one_knows_nobody() {
    let desk = Desk::new();
    desk.machine_at("http://127.0.0.1:8080");
    desk.knob(json!({"sign_in": {"instance_url": "http://localhost:8080"}}));
    let reply = bearer(&desk, &claims(&desk));
    assert_eq!(reply.body["instance_url"], "http://localhost:8080");
    assert!(reply.body["id"].as_str().unwrap().starts_with("http://localhost:8080/id/"));
    let token = format!("Bearer {}", reply.body["access_token"].as_str().unwrap());
    let ask = |host: &str| {
        desk.raw(
            "GET",
            "/services/data/v66.0/limits",
            &[("authorization", &token), ("host", host)],
            Bytes::new(),
        )
    };
    assert_eq!((ask("localhost:8080").status, ask("127.0.0.1:8080").status), (200, 401));
}

#[test]
fn s1_2_the_signature_is_an_hmac_of_id_and_instant_under_the_secret() {
    let desk = Desk::new();
    let body = bearer(&desk, &claims(&desk)).body;
    let text = |name: &str| body[name].as_str().unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, desk.said("consumer_secret").as_bytes());
    let signed = format!("{}{}", text("id"), text("issued_at"));
    hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(text("signature")).unwrap()).unwrap();
}

#[test]
fn s1_2_grants_are_refused_for_as_long_as_they_are_made_to_be() {
    let desk = Desk::new();
    for code in ["invalid_app_access", "inactive_user", "inactive_org", "rate_limit_exceeded"] {
        desk.knob(json!({"sign_in": {"refuse": {"error": code, "times": 2}}}));
        for _ in 0..2 {
            assert_eq!(bearer(&desk, &claims(&desk)).body["error"], code);
        }
        assert_eq!(bearer(&desk, &claims(&desk)).status, 200, "{code}");
    }
    desk.knob(json!({"sign_in": {"refuse": {"error": "rate_limit_exceeded"}}}));
    let refusals: Vec<_> = (0..5).map(|_| bearer(&desk, &claims(&desk)).status).collect();
    assert_eq!(refusals, [400; 5]);
    desk.knob(json!({"sign_in": {"refuse": null}}));
    assert_eq!(bearer(&desk, &claims(&desk)).status, 200);
}

#[test]
fn s1_3_users_who_are_inactive_or_not_approved_get_no_token() {
    let desk = Desk::new();
    let mut inactive = claims(&desk);
    inactive["sub"] = json!("former.seller@trey-research.example");
    assert_eq!(error(&bearer(&desk, &inactive)).1, "inactive_user");
    desk.knob(json!({"sign_in": {"unapproved_users": [desk.credentials["username"]]}}));
    let text = "user hasn't approved this consumer";
    assert_eq!(error(&bearer(&desk, &claims(&desk))), (400, "invalid_grant", text));
}

#[test]
fn s1_3_an_assertion_that_expires_far_ahead_passes_unless_it_must_not() {
    let desk = Desk::new();
    let mut far = claims(&desk);
    far["exp"] = json!(desk.now.get().as_millisecond());
    assert_eq!(bearer(&desk, &far).status, 200);
    desk.knob(json!({"accept_far_expiry": false}));
    assert_eq!(error(&bearer(&desk, &far)).1, "invalid_grant");
    assert_eq!(bearer(&desk, &claims(&desk)).status, 200);
    for (ahead, status) in [(300, 200), (302, 400)] {
        far["exp"] = json!(desk.now.get().as_second() + ahead);
        assert_eq!(bearer(&desk, &far).status, status, "{ahead} s ahead");
    }
}

#[test]
fn s1_4_without_a_run_as_user_client_credentials_give_nothing() {
    let desk = Desk::new();
    desk.knob(json!({"sign_in": {"run_as": null}}));
    let reply = desk.token(&desk.as_app(&[("grant_type", "client_credentials")]));
    assert_eq!(error(&reply), (400, "invalid_grant", "no client credentials user enabled"));
    desk.knob(json!({"sign_in": {"run_as": "kim.seller@trey-research.example"}}));
    let reply = desk.token(&desk.as_app(&[("grant_type", "client_credentials")]));
    assert_eq!((reply.status, reply.body.get("refresh_token")), (200, None));
}

#[test]
fn s1_5_a_person_approves_on_the_page_and_the_code_is_good_once_and_not_for_long() {
    let desk = Desk::new();
    let page = desk.authorize(&[]);
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Allow access?") && page.text.contains("kim.seller@"), "{}", page.text);
    // The form sends back what it was given, and who decided what.
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (before, _) in page.text.match_indices("<input type=\"hidden\"") {
        let input = &page.text[before..];
        let value = |name: &str| {
            let rest = input.split_once(&format!("{name}=\"")).unwrap().1;
            rest.split_once('"').unwrap().0.replace("&amp;", "&")
        };
        form.append_pair(&value("name"), &value("value"));
    }
    form.append_pair("username", "kim.seller@trey-research.example").append_pair("decision", "approve");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let sent = desk.raw("POST", "/services/oauth2/authorize", &kind, Bytes::from(form.finish()));
    assert_eq!((sent.status, returned(&sent, "state").as_deref()), (302, Some("s&1")));
    let code = returned(&sent, "code").unwrap();
    let granted = desk.exchange(&code);
    assert_eq!(granted.status, 200, "{}", granted.body);
    assert!(granted.body["refresh_token"].is_string());
    assert_eq!(granted.body["scope"], "refresh_token api id");
    assert_eq!(error(&desk.exchange(&code)), (400, "invalid_grant", "expired authorization code"));
    let late = desk.code();
    desk.wait(901.0);
    assert_eq!(error(&desk.exchange(&late)).2, "expired authorization code");
}

#[test]
fn s1_5_an_authorization_is_refused_for_each_wrong_part() {
    let desk = Desk::new();
    desk.knob(json!({"sign_in": {"approval": "approves"}}));
    for (field, value) in [("client_id", "nobody"), ("redirect_uri", "http://localhost:1718/OauthRedirect")] {
        let reply = desk.authorize(&[(field, value)]);
        assert_eq!((reply.status, reply.header("location")), (400, ""), "{field}: nobody is sent anywhere");
    }
    for (field, value, code) in [
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "api everything", "invalid_scope"),
    ] {
        let reply = desk.authorize(&[(field, value)]);
        assert_eq!(returned(&reply, "error").as_deref(), Some(code), "{field}");
        assert_eq!(returned(&reply, "state").as_deref(), Some("s&1"));
    }
    desk.knob(json!({"sign_in": {"approval": "declines"}}));
    assert_eq!(returned(&desk.authorize(&[]), "error").as_deref(), Some("access_denied"));
    desk.knob(json!({"sign_in": {"loopback_port_free": true, "approval": "approves"}}));
    let free = "http://localhost:40001/OauthRedirect";
    assert!(returned(&desk.authorize(&[("redirect_uri", free)]), "code").is_some());
    let code = desk.code();
    for (name, value, wrong) in [
        ("code_verifier", "another", "invalid_grant"),
        ("redirect_uri", free, "redirect_uri_mismatch"),
        ("client_secret", "no", "invalid_client"),
    ] {
        let form = desk.as_app(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            (name, value),
        ]);
        assert_eq!(error(&desk.token(&form)).1, wrong, "{name}");
    }
    assert_eq!(desk.exchange(&code).status, 200, "a refused exchange does not spend the code");
}

#[test]
fn s1_5_with_rotation_the_old_refresh_token_dies_and_without_it_lives() {
    let desk = Desk::new();
    let first = desk.exchange(&desk.code()).body["refresh_token"].as_str().unwrap().to_owned();
    let second = desk.refresh(&first);
    let successor = second.body["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(error(&desk.refresh(&first)), (400, "invalid_grant", "expired access/refresh token"));
    desk.knob(json!({"sign_in": {"refresh_rotation": false}}));
    for _ in 0..2 {
        let reply = desk.refresh(&successor);
        assert_eq!((reply.status, reply.body.get("refresh_token")), (200, None), "the same one goes on");
    }
}

#[test]
fn s1_5_a_refresh_needs_the_secret_unless_the_app_does_without() {
    let desk = Desk::new();
    let token = desk.exchange(&desk.code()).body["refresh_token"].as_str().unwrap().to_owned();
    let bare =
        format!("grant_type=refresh_token&refresh_token={token}&client_id={}", desk.said("consumer_key"));
    assert_eq!(error(&desk.token(&bare)).1, "invalid_client");
    desk.knob(json!({"sign_in": {"secret_required_for_refresh": false}}));
    assert_eq!(desk.token(&bare).status, 200);
}

#[test]
fn s1_6_passwords_are_refused_unless_an_admin_lets_them_in() {
    let desk = Desk::new();
    let user = &desk.credentials["users"][2];
    let secret =
        format!("{}{}", user["password"].as_str().unwrap(), user["security_token"].as_str().unwrap());
    let name = user["username"].as_str().unwrap();
    let form = desk.as_app(&[("grant_type", "password"), ("username", name), ("password", &secret)]);
    assert_eq!(error(&desk.token(&form)), (400, "invalid_grant", "authentication failure"));
    desk.knob(json!({"sign_in": {"password_grant": true}}));
    assert_eq!(desk.token(&form).status, 200);
    let wrong = desk.as_app(&[("grant_type", "password"), ("username", name), ("password", "no")]);
    assert_eq!(error(&desk.token(&wrong)).2, "authentication failure");
}

#[test]
fn s1_6_soap_login_answers_with_every_element_in_order_up_to_version_64() {
    let desk = Desk::new();
    let user = &desk.credentials["users"][2];
    let login = |version: &str, password: &str| {
        let body = format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
             <login xmlns=\"urn:partner.soap.sforce.com\"><username>{}</username><password>{password}</password>\
             </login></e:Body></e:Envelope>",
            user["username"].as_str().unwrap()
        );
        desk.raw(
            "POST",
            &format!("/services/Soap/u/{version}"),
            &[("content-type", "text/xml")],
            Bytes::from(body),
        )
    };
    let secret =
        format!("{}{}", user["password"].as_str().unwrap(), user["security_token"].as_str().unwrap());
    let reply = login("60.0", &secret);
    assert_eq!(reply.status, 200, "{}", reply.text);
    let document = roxmltree::Document::parse(&reply.text).unwrap();
    let named = |name: &str| document.descendants().find(|node| node.tag_name().name() == name).unwrap();
    let info: Vec<_> = named("userInfo").children().map(|node| node.tag_name().name().to_owned()).collect();
    assert_eq!(
        (info.len(), info[8].as_str(), info[22].as_str()),
        (24, "organizationId", "userType"),
        "{info:?}"
    );
    assert_eq!(desk.works(named("sessionId").text().unwrap()), 200);
    assert!(login("60.0", "wrong").text.contains("INVALID_LOGIN"));
    assert!(login("65.0", &secret).text.contains("UNSUPPORTED_API_VERSION"));
}

#[test]
fn s1_7_a_session_ends_when_nobody_used_it_for_long_enough() {
    let desk = Desk::new();
    desk.knob(json!({"token_ttl_seconds": 900}));
    let token = desk.grant();
    for _ in 0..4 {
        desk.wait(800.0);
        assert_eq!(desk.works(&token), 200, "use prolongs it");
    }
    desk.wait(901.0);
    assert_eq!(desk.works(&token), 401);
}

#[test]
fn s1_7_a_revoked_token_is_dead_and_a_refresh_token_takes_its_sessions_along() {
    let desk = Desk::new();
    let granted = desk.exchange(&desk.code()).body;
    let (access, refresh) =
        (granted["access_token"].as_str().unwrap(), granted["refresh_token"].as_str().unwrap());
    let tell = |token: &str| {
        let form = desk.as_app(&[("token", token)]);
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        desk.raw("POST", "/services/oauth2/introspect", &kind, Bytes::from(form)).body
    };
    assert_eq!(
        (&tell(access)["active"], &tell(access)["token_type"]),
        (&json!(true), &json!("access_token"))
    );
    assert_eq!(tell(refresh)["token_type"], "refresh_token");
    let revoke =
        |token: &str| desk.raw("GET", &format!("/services/oauth2/revoke?token={token}"), &[], Bytes::new());
    assert_eq!(revoke(refresh).status, 200);
    assert_eq!((desk.works(access), &tell(access)), (401, &json!({"active": false})));
    assert_eq!(error(&desk.refresh(refresh)).1, "invalid_grant");
    assert_eq!(error(&revoke(refresh)).1, "unsupported_token_type");
}

#[test]
fn s1_7_two_texts_of_a_401_are_cured_by_no_new_token() {
    let desk = Desk::new();
    for (knob, text) in [
        ("app_not_attached", "Connected app is not attached to Agent"),
        ("session_not_for_rest", "This session is not valid for use with the REST API"),
    ] {
        desk.knob(json!({"sign_in": {"shut": knob}}));
        let token = desk.grant();
        let reply = desk.with(&token, "GET", "/limits", &[], &Value::Null);
        assert_eq!((reply.status, reply.code(), reply.message()), (401, "INVALID_SESSION_ID", text));
    }
    desk.knob(json!({"sign_in": {"shut": null}}));
    assert_eq!(desk.works(&desk.product), 200);
}

#[test]
fn s1_2_a_token_in_jwt_format_has_three_parts_and_is_used_like_any_other() {
    let desk = Desk::new();
    desk.knob(json!({"sign_in": {"jwt_tokens": true}}));
    let token = desk.grant();
    assert_eq!(token.split('.').count(), 3);
    assert!(token.len() > 500 && token.len() < 2_048, "{}", token.len());
    assert_eq!(desk.works(&token), 200);
}
