//! The token endpoint and what its tokens open.

use jiff::SignedDuration;
use serde_json::json;

use crate::desk::{Desk, REFERRALS, Reply, text};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

impl Desk {
    fn grant(&self, version: &str, fields: &[(&str, &str)]) -> Reply {
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let path = format!("/{}/oauth2/{version}token", self.text("tenant_id"));
        self.send("POST", &path, &[FORM], &body)
    }

    pub(crate) fn refresh(&self, token: &str, scope: &str) -> Reply {
        let (id, secret) = (self.text("client_id"), self.text("client_secret"));
        self.grant(
            "v2.0/",
            &[
                ("grant_type", "refresh_token"),
                ("client_id", &id),
                ("client_secret", &secret),
                ("refresh_token", token),
                ("scope", scope),
            ],
        )
    }

    pub(crate) fn with_token(&self, path: &str, token: &str) -> u16 {
        self.send("GET", path, &[("authorization", &format!("Bearer {token}"))], "").status.as_u16()
    }
}

#[test]
fn a_refresh_token_gives_a_token_for_each_audience_and_each_opens_only_its_own() {
    let desk = Desk::new();
    let refresh = desk.text("refresh_token");
    let referrals = desk.refresh(&refresh, &desk.text("referrals_scope")).expect(200);
    let webhooks = desk
        .refresh(&refresh, "https://api.partnercenter.microsoft.com/user_impersonation offline_access")
        .expect(200);
    assert_eq!((text(&referrals, "token_type"), &referrals["expires_in"]), ("Bearer", &json!(3599)));
    let (list, events) = (REFERRALS, "/webhooks/v1/registration/events");
    let opened = [&referrals, &webhooks]
        .map(|token| [list, events].map(|path| desk.with_token(path, text(token, "access_token"))));
    assert_eq!(opened, [[200, 401], [401, 200]]);
    desk.pass(SignedDuration::from_secs(3600));
    assert_eq!(desk.with_token(list, text(&referrals, "access_token")), 401);
}

#[test]
fn a_used_refresh_token_stays_or_dies_by_knob() {
    let desk = Desk::new();
    let (old, scope) = (desk.text("refresh_token"), desk.text("referrals_scope"));
    let new = text(&desk.refresh(&old, &scope).expect(200), "refresh_token").to_owned();
    assert_ne!(old, new);
    desk.refresh(&old, &scope).expect(200);
    let desk = desk.knob(json!({"old_refresh_token": "dies"}));
    desk.refresh(&old, &scope).expect(200);
    let refused = desk.refresh(&old, &scope).expect(400);
    assert_eq!((text(&refused, "error"), &refused["error_codes"]), ("invalid_grant", &json!([70008])));
    desk.refresh(&new, &scope).expect(200);
}

#[test]
fn the_first_version_gives_its_numbers_as_text() {
    let desk = Desk::new();
    let body = desk
        .grant(
            "",
            &[
                ("grant_type", "refresh_token"),
                ("client_id", &desk.text("client_id")),
                ("client_secret", &desk.text("client_secret")),
                ("refresh_token", &desk.text("refresh_token")),
                ("resource", "https://api.partner.microsoft.com"),
            ],
        )
        .expect(200);
    assert_eq!(
        (text(&body, "expires_in"), text(&body, "resource")),
        ("3599", "https://api.partner.microsoft.com")
    );
}

#[test]
fn wrong_credentials_are_refused_in_entras_shape() {
    let desk = Desk::new();
    let good = [
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", desk.text("client_id")),
        ("client_secret", desk.text("client_secret")),
        ("scope", desk.text("referrals_scope")),
    ];
    let cases = [
        ("client_secret", "wrong", 401, "invalid_client"),
        ("client_id", "7a1c0000-0000-4000-8000-0000000000a1", 400, "unauthorized_client"),
        ("grant_type", "magic", 400, "unsupported_grant_type"),
        ("grant_type", "password", 400, "invalid_grant"),
        ("scope", "https://graph.microsoft.com/.default", 400, "invalid_scope"),
        ("scope", "openid", 400, "invalid_scope"),
    ];
    for (field, value, status, error) in cases {
        let fields: Vec<(&str, &str)> = good
            .iter()
            .map(|(name, own)| (*name, if *name == field { value } else { own.as_str() }))
            .collect();
        let body = desk.grant("v2.0/", &fields).expect(status);
        assert_eq!(text(&body, "error"), error, "{field}={value}");
        assert!(text(&body, "error_description").starts_with("AADSTS"));
    }
    // An application alone gets a token that opens no referral.
    let fields: Vec<(&str, &str)> = good.iter().map(|(name, own)| (*name, own.as_str())).collect();
    let app = desk.grant("v2.0/", &fields).expect(200);
    assert!(app.get("refresh_token").is_none());
    assert_eq!(desk.with_token(REFERRALS, text(&app, "access_token")), 403);
}
