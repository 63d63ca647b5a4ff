//! One refresh at the identity platform: the request, and what its answer means.

use std::{str::FromStr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use ports::{CallLimits, HttpService};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use tower::ServiceExt as _;
use url::form_urlencoded;

use crate::{
    answer::retry_after,
    auth::{AuthError, TokenConfig},
};

/// Longest answer accepted, in bytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// Longest lifetime believed: a day.
const MAX_LIFETIME: Duration = Duration::from_hours(24);
/// Longest delay believed.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);
/// Most `AADSTS` numbers kept.
const MAX_CODES: usize = 8;
/// `AADSTS` numbers that ask for multi-factor authentication.
const MFA: [u32; 4] = [50_072, 50_074, 50_076, 50_079];

/// What a refresh gave.
pub(super) struct Granted {
    pub(super) access_token: SecretString,
    pub(super) lifetime: Duration,
    pub(super) refresh_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    /// A number in v2, a text in v1 (reference, section 1.3).
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    refresh_token: Option<String>,
}

/// Spends `refresh_token` for an access token of `scope`.
pub(super) async fn refresh(
    http: &HttpService,
    config: &TokenConfig,
    scope: &str,
    refresh_token: &SecretString,
) -> Result<Granted, AuthError> {
    let mut request = Request::post(&config.token_url)
        .header(header::ACCEPT, HeaderValue::from_static("application/json"))
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
        .body(Bytes::from(form(config, scope, refresh_token)))
        .map_err(|_| AuthError::Refused {
            status: 0,
            code: Some("invalid_token_url".to_owned()),
            codes: vec![],
        })?;
    request
        .extensions_mut()
        .insert(CallLimits { deadline: config.deadline, max_response_bytes: MAX_ANSWER_BYTES });
    let answer = http.clone().oneshot(request).await.map_err(AuthError::Unreachable)?;
    if answer.status().is_success() {
        read_grant(answer.body())
    } else {
        Err(read_refusal(answer.status(), answer.headers(), answer.body()))
    }
}

fn form(config: &TokenConfig, scope: &str, refresh_token: &SecretString) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token")
        .append_pair("client_id", &config.client_id)
        .append_pair("scope", scope)
        .append_pair("refresh_token", refresh_token.expose_secret());
    if let Some(secret) = &config.client_secret {
        form.append_pair("client_secret", secret.expose_secret());
    }
    form.finish()
}

fn read_grant(body: &[u8]) -> Result<Granted, AuthError> {
    let reason = "it is no whole token document";
    let answer: TokenAnswer = serde_json::from_slice(body).map_err(|_| AuthError::Unreadable { reason })?;
    if answer.access_token.is_empty() {
        return Err(AuthError::Unreadable { reason: "its access token is empty" });
    }
    let seconds = match &answer.expires_in {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => u64::from_str(text.trim()).ok(),
        _ => None,
    };
    // Without a lifetime the token serves the calls of the next minutes, no longer.
    let lifetime = Duration::from_secs(seconds.unwrap_or(300)).min(MAX_LIFETIME);
    let refresh_token = answer.refresh_token.filter(|token| !token.is_empty()).map(SecretString::from);
    Ok(Granted { access_token: SecretString::from(answer.access_token), lifetime, refresh_token })
}

fn read_refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> AuthError {
    if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
        let after = retry_after(headers).map(|delay| delay.min(MAX_RETRY_AFTER));
        return AuthError::Unavailable { status: status.as_u16(), after };
    }
    let document = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let word = |name: &str| document.get(name).and_then(Value::as_str);
    let codes = aadsts(&document);
    match word("error") {
        _ if codes.iter().any(|code| MFA.contains(code)) => AuthError::MfaRequired { codes },
        Some("interaction_required" | "consent_required" | "login_required") => {
            AuthError::InteractionRequired { codes }
        }
        Some("invalid_grant") => match word("suberror") {
            Some("consent_required" | "basic_action" | "additional_action") => {
                AuthError::InteractionRequired { codes }
            }
            _ => AuthError::InvalidGrant { codes },
        },
        Some("invalid_client" | "unauthorized_client") => AuthError::ClientRefused { codes },
        Some("temporarily_unavailable") => AuthError::Unavailable { status: status.as_u16(), after: None },
        other => {
            let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            let code =
                other.filter(|code| code.len() <= 64 && code.bytes().all(sound)).map(ToOwned::to_owned);
            AuthError::Refused { status: status.as_u16(), code, codes }
        }
    }
}

/// The numbers of `error_codes`; failing that, those that stand in the description.
fn aadsts(document: &Value) -> Vec<u32> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let listed = document.get("error_codes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let listed: Vec<_> = listed.iter().take(MAX_CODES).filter_map(number).collect();
    if !listed.is_empty() {
        return listed;
    }
    let prose = document.get("error_description").and_then(Value::as_str).unwrap_or_default();
    let numbers = prose.split("AADSTS").skip(1).take(MAX_CODES).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> AuthError {
        read_refusal(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn a_lifetime_is_a_number_or_a_text() {
        for text in
            [r#"{"access_token":"a","expires_in":3599}"#, r#"{"access_token":"a","expires_in":"3599"}"#]
        {
            assert_eq!(
                read_grant(text.as_bytes()).ok().unwrap().lifetime,
                Duration::from_secs(3599),
                "{text}"
            );
        }
    }

    #[test]
    fn each_refusal_has_its_own_reason_and_next_step() {
        let table = [
            (
                r#"{"error":"invalid_grant","error_codes":[700082]}"#,
                AuthError::InvalidGrant { codes: vec![700_082] },
            ),
            (
                r#"{"error":"invalid_grant","error_description":"AADSTS50076: jo@x.example must use MFA"}"#,
                AuthError::MfaRequired { codes: vec![50_076] },
            ),
            (r#"{"error":"interaction_required"}"#, AuthError::InteractionRequired { codes: vec![] }),
            (
                r#"{"error":"invalid_client","error_codes":[7000215]}"#,
                AuthError::ClientRefused { codes: vec![7_000_215] },
            ),
            ("<html>", AuthError::Refused { status: 400, code: None, codes: vec![] }),
        ];
        for (body, expected) in table {
            let error = refused(body);
            assert_eq!(error, expected, "{body}");
            assert!(error.next_step().is_some() && !error.to_string().contains("jo@"), "{error}");
        }
    }
}
