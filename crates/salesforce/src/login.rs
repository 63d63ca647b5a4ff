//! How a session is granted: one form posted to the login host, in one of the OAuth flows.

use bytes::Bytes;
use http::{Request, Response, header};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use crate::{Error, LoginConfig, Misuse, OrgId, Result, UserId};

/// How long an assertion is valid; the platform allows about three minutes (salesforce reference, section 1.3).
const ASSERTION_LIFE: SignedDuration = SignedDuration::from_secs(170);
/// Longest access token accepted, in bytes.
const MAX_TOKEN: usize = 4096;

/// What a login grants. `Debug` shows no token.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) token: SecretString,
    /// Scheme, host and port of every call; no path.
    pub(crate) instance: String,
    pub(crate) org_id: OrgId,
    pub(crate) user_id: UserId,
}

/// A login that was checked: its key is a key, its address is one.
pub(crate) struct Login {
    config: LoginConfig,
    endpoint: String,
    signing_key: Option<EncodingKey>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

#[derive(Deserialize)]
struct Grant {
    #[serde(deserialize_with = "secret")]
    access_token: SecretString,
    instance_url: String,
    id: String,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

#[derive(Deserialize)]
struct Denial {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Login {
    pub(crate) fn new(config: LoginConfig) -> Result<Self, Misuse> {
        let signing_key = match &config {
            LoginConfig::JwtBearer { private_key, .. } => Some(
                EncodingKey::from_rsa_pem(private_key.expose_secret().as_bytes())
                    .map_err(|_| Misuse::Configuration("the private key is no RSA key in PEM"))?,
            ),
            LoginConfig::ClientCredentials { .. } => None,
        };
        let endpoint = config
            .url()
            .join("/services/oauth2/token")
            .map_err(|_| Misuse::Configuration("the login address is none"))?;
        if !matches!(endpoint.scheme(), "https" | "http") || endpoint.host().is_none() {
            return Err(Misuse::Configuration("the login address is no https address"));
        }
        Ok(Self { config, endpoint: endpoint.into(), signing_key })
    }

    /// The request for a session. Signed anew each time: an assertion is short-lived.
    pub(crate) fn request(&self, now: Timestamp) -> Result<Request<Bytes>> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        match &self.config {
            LoginConfig::JwtBearer { consumer_key, username, audience, .. } => {
                let key = self.signing_key.as_ref().expect("a JWT login is built with its key");
                let exp = now.saturating_add(ASSERTION_LIFE).map_or(i64::MAX, Timestamp::as_second);
                let claims = Claims { iss: consumer_key, sub: username, aud: audience, exp };
                let assertion = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, key)
                    .map_err(|_| Misuse::Configuration("the private key cannot sign with RS256"))?;
                form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
                form.append_pair("assertion", &assertion);
            }
            LoginConfig::ClientCredentials { client_id, client_secret, .. } => {
                form.append_pair("grant_type", "client_credentials");
                form.append_pair("client_id", client_id);
                form.append_pair("client_secret", client_secret.expose_secret());
            }
        }
        Request::post(&self.endpoint)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(form.finish()))
            .map_err(|_| Misuse::Configuration("the login address is none").into())
    }

    /// Reads the answer to [`Login::request`].
    pub(crate) fn read(&self, answer: &Response<Bytes>) -> Result<Session> {
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(denied(status, answer.body()));
        }
        let unreadable = |reason| Error::Unreadable { status, reason, write: false };
        let grant: Grant = serde_json::from_slice(answer.body())
            .map_err(|_| unreadable("not the shape of a token answer"))?;
        let length = grant.access_token.expose_secret().len();
        if length == 0 || length > MAX_TOKEN {
            return Err(unreadable("the token is empty or too long"));
        }
        let (org_id, user_id) =
            identity(&grant.id).ok_or_else(|| unreadable("no org and user in the identity"))?;
        let instance = Url::parse(&grant.instance_url).ok();
        let instance = instance
            // A login over TLS must not lead to calls without it.
            .filter(|url| url.scheme() == "https" || url.scheme() == self.config.url().scheme())
            .filter(|url| url.host().is_some() && url.username().is_empty())
            .ok_or_else(|| unreadable("the instance is no https address"))?;
        Ok(Session {
            token: grant.access_token,
            instance: instance.origin().ascii_serialization(),
            org_id,
            user_id,
        })
    }
}

/// Reads `https://login.salesforce.com/id/<org>/<user>`.
fn identity(url: &str) -> Option<(OrgId, UserId)> {
    let mut segments = url.rsplit('/');
    let user_id = UserId::parse(segments.next()?).ok()?;
    let org_id = OrgId::parse(segments.next()?).ok()?;
    Some((org_id, user_id))
}

fn denied(status: u16, body: &[u8]) -> Error {
    let denial: Denial = serde_json::from_slice(body)
        .unwrap_or_else(|_| Denial { error: String::new(), error_description: String::new() });
    let known = !denial.error.is_empty()
        && denial.error.len() <= 60
        && denial.error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let advice = advice(&denial.error, &denial.error_description);
    let code = if known { denial.error } else { format!("ERROR_HTTP_{status}") };
    Error::Login { status, code, advice }
}

/// What to look at (salesforce reference, sections 1.2 to 1.4).
fn advice(code: &str, description: &str) -> &'static str {
    let says = |text: &str| description.contains(text);
    match code {
        "invalid_grant" if says("approved this consumer") => {
            "pre-authorize the integration user for the app (Admin approved users, permission set)"
        }
        "invalid_grant" if says("audience") => {
            "the audience is https://login.salesforce.com for production, https://test.salesforce.com for a sandbox"
        }
        "invalid_grant" if says("not supported on this domain") => {
            "client credentials work on the My Domain address only"
        }
        "invalid_grant" if says("no client credentials user") => "choose a Run As user in the app's policies",
        "invalid_grant" if says("assertion") => {
            "the app's certificate must belong to the private key, and this machine's clock must be right"
        }
        "invalid_grant" => "check the user's name, that it is active, and the app's policies",
        "invalid_client" | "invalid_client_id" => "check the consumer key and secret",
        "inactive_user" => "the integration user is not active",
        "inactive_org" => "the org is not active",
        "unsupported_grant_type" => "enable the flow in the app's settings",
        "invalid_app_access" => "the user is not allowed to use the app",
        "rate_limit_exceeded" => "too many logins; it is tried again later",
        _ => "see the login history of the integration user in Setup",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_names_org_and_user() {
        let (org, user) =
            identity("https://login.salesforce.com/id/00D50000000IZ3ZEAW/00550000001fg5OAAQ").unwrap();
        assert_eq!((org.as_str(), user.as_str()), ("00D50000000IZ3ZEAW", "00550000001fg5OAAQ"));
        assert!(identity("https://login.salesforce.com/id/").is_none());
    }
}
