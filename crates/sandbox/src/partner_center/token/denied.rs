//! How Entra says no to a token request.
//!
//! The codes are Microsoft's own where its pages name them; they are for people, a client goes by `error`.

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use super::super::State;
use crate::exchange;

/// A refused request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Denied {
    status: StatusCode,
    /// What a program goes by.
    pub(super) error: &'static str,
    code: u32,
    sentence: &'static str,
    suberror: Option<&'static str>,
}

const fn bad(error: &'static str, code: u32, sentence: &'static str) -> Denied {
    Denied { status: StatusCode::BAD_REQUEST, error, code, sentence, suberror: None }
}

const fn stranger(code: u32, sentence: &'static str) -> Denied {
    Denied { status: StatusCode::UNAUTHORIZED, error: "invalid_client", code, sentence, suberror: None }
}

const fn challenged(error: &'static str, code: u32, sentence: &'static str) -> Denied {
    Denied { suberror: Some("basic_action"), ..bad(error, code, sentence) }
}

pub(super) const UNREADABLE: Denied =
    bad("invalid_request", 900_144, "A parameter is missing or given twice.");
pub(super) const NO_TENANT: Denied = bad("invalid_request", 90_002, "Tenant not found.");
pub(super) const NO_CLIENT: Denied =
    bad("unauthorized_client", 700_016, "Application was not found in the directory.");
pub(super) const NOT_FOR_PUBLIC: Denied =
    bad("unauthorized_client", 700_016, "A public client cannot use this grant.");
pub(super) const NO_SECRET: Denied = stranger(
    7_000_218,
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
);
pub(super) const BAD_SECRET: Denied = stranger(7_000_215, "Invalid client secret provided.");
pub(super) const SECRET_EXPIRED: Denied = stranger(7_000_222, "The provided client secret keys are expired.");
pub(super) const PUBLIC_SECRET: Denied = stranger(
    700_025,
    "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
);
pub(super) const ASSERTION_UNREADABLE: Denied = stranger(50_027, "The client assertion cannot be read.");
pub(super) const ASSERTION_SIGNATURE: Denied =
    stranger(700_027, "The client assertion was not signed by a certificate registered on the application.");
pub(super) const ASSERTION_ISSUER: Denied =
    stranger(700_021, "The assertion's issuer or subject is not the application.");
pub(super) const ASSERTION_AUDIENCE: Denied =
    stranger(700_023, "The assertion's audience is not this token endpoint.");
pub(super) const ASSERTION_TIME: Denied =
    stranger(700_024, "The client assertion is not within its valid time range.");
pub(super) const ASSERTION_USED: Denied =
    stranger(700_027, "The client assertion has no identifier, or one that was used before.");
pub(super) const BAD_GRANT: Denied =
    bad("unsupported_grant_type", 70_003, "The grant type is not supported.");
pub(super) const MFA: Denied =
    challenged("invalid_grant", 50_076, "You must use multi-factor authentication.");
pub(super) const INTERACTION: Denied =
    challenged("interaction_required", 50_158, "A Conditional Access policy demands interaction.");
pub(super) const BAD_PASSWORD: Denied = bad("invalid_grant", 50_126, "Invalid username or password.");
pub(super) const DEAD_TOKEN: Denied =
    bad("invalid_grant", 70_008, "The refresh token has expired or is invalid.");
pub(super) const IDLE_TOKEN: Denied =
    bad("invalid_grant", 700_082, "The refresh token has expired due to inactivity.");
pub(super) const REVOKED_TOKEN: Denied =
    bad("invalid_grant", 50_173, "The provided grant has expired due to it being revoked.");
pub(super) const OTHER_CLIENT: Denied =
    bad("invalid_grant", 700_003, "The grant was issued to another application.");
pub(super) const NO_CODE: Denied = bad("invalid_grant", 9_002_313, "The authorization code is malformed.");
pub(super) const USED_CODE: Denied =
    bad("invalid_grant", 54_005, "The authorization code was already redeemed.");
pub(super) const OLD_CODE: Denied = bad("invalid_grant", 70_008, "The authorization code has expired.");
pub(super) const OTHER_REDIRECT: Denied =
    bad("invalid_grant", 500_112, "The redirect address is not the one that the code was asked for with.");
pub(super) const BAD_VERIFIER: Denied =
    bad("invalid_grant", 501_481, "The code verifier does not match the code challenge.");
pub(super) const BAD_RESOURCE: Denied =
    bad("invalid_resource", 500_011, "The resource was not found in the tenant.");
pub(super) const BAD_SCOPE: Denied = bad("invalid_scope", 70_011, "The scope is not valid for one resource.");
pub(super) const PENDING: Denied =
    bad("authorization_pending", 70_016, "The user has not answered yet. Continue polling.");
pub(super) const SLOW_DOWN: Denied =
    bad("slow_down", 70_016, "Polling is too fast. Wait five seconds longer between two requests.");
pub(super) const DECLINED: Denied = bad("authorization_declined", 70_017, "The user declined.");
pub(super) const OLD_DEVICE: Denied = bad("expired_token", 70_020, "The device code has expired.");
pub(super) const NO_DEVICE: Denied = bad("bad_verification_code", 70_019, "The device code is not known.");

impl Denied {
    /// The sentence for people, as it goes into an answer or a redirect.
    pub(super) fn description(&self) -> String {
        format!("AADSTS{}: {}", self.code, self.sentence)
    }
}

impl State {
    /// A refusal as it goes over the wire.
    pub(super) fn denied(&self, denied: &Denied, now: Timestamp) -> Response<Bytes> {
        let mut body = json!({
            "error": denied.error,
            "error_description": denied.description(),
            "error_codes": [denied.code],
            "timestamp": now.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            "trace_id": self.world.guid(),
            "correlation_id": self.world.guid(),
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", denied.code),
        });
        if let Some(suberror) = denied.suberror {
            body["suberror"] = suberror.into();
            body["claims"] =
                r#"{"access_token":{"capolids":{"essential":true,"values":["sandbox"]}}}"#.into();
        }
        exchange::json(denied.status, &body)
    }
}
