//! What the identity platform's refusal means.

use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::time::Duration;

use super::{
    AuthError,
    aadsts::{self, Kind},
    claims::Claims,
};
use crate::answer::retry_after;

/// Longest delay believed.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);
/// Most `AADSTS` numbers kept.
const MAX_CODES: usize = 8;
/// Longest OAuth error code kept, in bytes.
const MAX_WORD: usize = 64;

/// A refused token request.
#[derive(Debug)]
pub(super) struct Refused {
    /// What it means.
    pub(super) error: AuthError,
    /// OAuth's own word for it, for flows that wait for another answer.
    pub(super) word: Option<String>,
}

impl From<AuthError> for Refused {
    fn from(error: AuthError) -> Self {
        Self { error, word: None }
    }
}

pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refused {
    if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
        let after = retry_after(headers).map(|delay| delay.min(MAX_RETRY_AFTER));
        return AuthError::Unavailable { status: status.as_u16(), after }.into();
    }
    let document = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let word =
        text("error").filter(|word| word.len() <= MAX_WORD && word.bytes().all(sound)).map(ToOwned::to_owned);
    let claims = text("claims").and_then(Claims::parse);
    let error = meaning(status, word.as_deref(), text("suberror"), numbers(&document), claims);
    Refused { error, word }
}

fn meaning(
    status: StatusCode,
    word: Option<&str>,
    suberror: Option<&str>,
    codes: Vec<u32>,
    claims: Option<Claims>,
) -> AuthError {
    match aadsts::known(&codes).map(|known| known.kind) {
        Some(Kind::Dead) => return AuthError::InvalidGrant { codes },
        Some(Kind::Mfa) => return AuthError::MfaRequired { codes, claims },
        Some(Kind::Policy) => return AuthError::ConditionalAccess { codes, claims },
        Some(Kind::Consent) => return AuthError::ConsentMissing { codes },
        Some(Kind::Client) => return AuthError::ClientRefused { codes },
        Some(Kind::Request) | None => {}
    }
    match (word, suberror) {
        (Some("consent_required"), _) | (Some("invalid_grant"), Some("consent_required")) => {
            AuthError::ConsentMissing { codes }
        }
        (Some("interaction_required" | "login_required"), _)
        | (Some("invalid_grant"), Some("basic_action" | "additional_action")) => {
            AuthError::InteractionRequired { codes, claims }
        }
        (Some("invalid_grant"), _) => AuthError::InvalidGrant { codes },
        (Some("invalid_client" | "unauthorized_client"), _) => AuthError::ClientRefused { codes },
        (Some("temporarily_unavailable"), _) => {
            AuthError::Unavailable { status: status.as_u16(), after: None }
        }
        (word, _) => AuthError::Refused { status: status.as_u16(), code: word.map(ToOwned::to_owned), codes },
    }
}

/// The numbers of `error_codes`; failing that, those that stand in the description.
fn numbers(document: &Value) -> Vec<u32> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let listed = document.get("error_codes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let listed: Vec<_> = listed.iter().take(MAX_CODES).filter_map(number).collect();
    if !listed.is_empty() {
        return listed;
    }
    let prose = document.get("error_description").and_then(Value::as_str).unwrap_or_default();
    read_numbers(prose)
}

/// The numbers that stand as `AADSTS...` in a text. Nothing else of it is kept: it may name people.
pub(super) fn read_numbers(prose: &str) -> Vec<u32> {
    let numbers = prose.split("AADSTS").skip(1).take(MAX_CODES).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    });
    numbers.collect()
}

/// What an authorization endpoint's redirect with `error` means.
pub(super) fn of_redirect(word: Option<&str>, description: &str) -> AuthError {
    meaning(StatusCode::FOUND, word, None, read_numbers(description), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> AuthError {
        read(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes()).error
    }

    #[test]
    fn each_refusal_has_its_own_reason_and_next_step() {
        let demand = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
        let claims = Claims::parse(demand);
        let with_claims =
            serde_json::json!({ "error": "interaction_required", "claims": demand }).to_string();
        let table = [
            (
                r#"{"error":"invalid_grant","error_codes":[700082]}"#,
                AuthError::InvalidGrant { codes: vec![700_082] },
                "expired",
            ),
            (
                r#"{"error":"invalid_grant","error_codes":[50173]}"#,
                AuthError::InvalidGrant { codes: vec![50_173] },
                "revoked",
            ),
            (
                r#"{"error":"invalid_grant","error_description":"AADSTS50076: jo@x.example must use MFA"}"#,
                AuthError::MfaRequired { codes: vec![50_076], claims: None },
                "multi-factor",
            ),
            (
                r#"{"error":"invalid_grant","error_codes":[53003]}"#,
                AuthError::ConditionalAccess { codes: vec![53_003], claims: None },
                "Conditional Access",
            ),
            (&with_claims, AuthError::InteractionRequired { codes: vec![], claims }, "sign in again"),
            (
                r#"{"error":"invalid_grant","suberror":"consent_required"}"#,
                AuthError::ConsentMissing { codes: vec![] },
                "consent",
            ),
            (
                r#"{"error":"invalid_grant","error_codes":[65001]}"#,
                AuthError::ConsentMissing { codes: vec![65_001] },
                "consent",
            ),
            (
                r#"{"error":"invalid_client","error_codes":[7000215]}"#,
                AuthError::ClientRefused { codes: vec![7_000_215] },
                "secret is wrong",
            ),
            (
                r#"{"error":"invalid_client","error_codes":[7000222]}"#,
                AuthError::ClientRefused { codes: vec![7_000_222] },
                "secret has expired",
            ),
            (
                r#"{"error":"invalid_client","error_codes":[700027]}"#,
                AuthError::ClientRefused { codes: vec![700_027] },
                "certificate",
            ),
            ("<html>", AuthError::Refused { status: 400, code: None, codes: vec![] }, "400"),
        ];
        for (body, expected, says) in table {
            let error = refused(body);
            assert_eq!(error, expected, "{body}");
            let text = error.to_string();
            assert!(error.next_step().is_some() && text.contains(says) && !text.contains("jo@"), "{text}");
        }
    }
}
