//! One exchange with the identity platform: the form that is posted, and what its answer grants.

use std::{str::FromStr, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use jiff::Timestamp;
use ports::{CallLimits, HttpService, Rng, SendBefore};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use tower::ServiceExt as _;
use url::form_urlencoded;

use super::{
    AuthError, TokenConfig,
    refusal::{self, Refused},
};

/// Longest answer accepted, in bytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// Longest lifetime believed: a day.
const MAX_LIFETIME: Duration = Duration::from_hours(24);

/// What a token request gave.
pub(super) struct Granted {
    pub(super) access_token: SecretString,
    pub(super) lifetime: Duration,
    pub(super) refresh_token: Option<SecretString>,
    pub(super) id_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    /// A number in v2, a text in v1 (reference, section 1.3).
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    id_token: Option<String>,
}

/// The fields of a form; secret, because most of them are.
pub(super) type Fields = Vec<(&'static str, SecretString)>;

/// Asks the token endpoint with `fields` and the application's proof. `until`: not sent, nor waited for, after it.
pub(super) async fn ask(
    http: &HttpService,
    config: &TokenConfig,
    rng: &dyn Rng,
    now: Timestamp,
    mut fields: Fields,
    until: Option<Timestamp>,
) -> Result<Granted, Refused> {
    fields.push(("client_id", SecretString::from(config.client_id.as_str())));
    fields.extend(config.client.fields(config, now, rng)?);
    let answer = post(http, &config.token_url, &fields, config.deadline, until).await?;
    if answer.status().is_success() {
        Ok(read_grant(answer.body())?)
    } else {
        Err(refusal::read(answer.status(), answer.headers(), answer.body()))
    }
}

/// Posts a form.
pub(super) async fn post(
    http: &HttpService,
    url: &str,
    fields: &Fields,
    deadline: Duration,
    until: Option<Timestamp>,
) -> Result<Response<Bytes>, AuthError> {
    let mut request = Request::post(url)
        .header(header::ACCEPT, HeaderValue::from_static("application/json"))
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
        .body(Bytes::from(form(fields)))
        .map_err(|_| AuthError::Refused {
            status: 0,
            code: Some("invalid_token_url".to_owned()),
            codes: vec![],
        })?;
    let extensions = request.extensions_mut();
    extensions.insert(CallLimits { deadline, max_response_bytes: MAX_ANSWER_BYTES });
    if let Some(until) = until {
        extensions.insert(SendBefore(until));
    }
    http.clone().oneshot(request).await.map_err(AuthError::Unreachable)
}

fn form(fields: &Fields) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        form.append_pair(name, value.expose_secret());
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
    let kept = |token: Option<String>| token.filter(|token| !token.is_empty()).map(SecretString::from);
    Ok(Granted {
        access_token: SecretString::from(answer.access_token),
        lifetime,
        refresh_token: kept(answer.refresh_token),
        id_token: kept(answer.id_token),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
