//! How a session is granted: one form posted to the login host, in one of the OAuth flows.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use crate::{
    ClientConfig, Error, LoginConfig, LoginFlow, Misuse, OrgId, Result, SecretPlace, UserId, denial,
};

/// How long an assertion is valid; the platform allows about three minutes (salesforce reference, section 1.3).
const ASSERTION_LIFE: SignedDuration = SignedDuration::from_secs(170);
/// Longest token accepted, in bytes. They are opaque; those in JWT format have 2 KB and more (section 1.2).
const MAX_TOKEN: usize = 16 * 1024;
/// Hosts that grant no client credentials (section 1.4).
const LOGIN_HOSTS: [&str; 2] = ["login.salesforce.com", "test.salesforce.com"];

/// What a login grants. `Debug` shows no token.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) token: SecretString,
    /// Scheme, host and port of every call; no path.
    pub(crate) instance: String,
    pub(crate) org_id: OrgId,
    pub(crate) user_id: UserId,
}

/// A session, and the refresh token that came with it.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) session: Session,
    pub(crate) refresh_token: Option<SecretString>,
}

/// What a session is asked for with.
pub(crate) enum Ask<'a> {
    /// What the configuration holds.
    Configured,
    /// A kept refresh token.
    Refresh(&'a SecretString),
    /// What a browser brought.
    Code { code: &'a SecretString, verifier: &'a SecretString, redirect: &'a str },
}

/// A login that was checked: its key is a key, its address is one.
pub(crate) struct Login {
    config: LoginConfig,
    secret_place: SecretPlace,
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
    #[serde(default)]
    refresh_token: Option<String>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

impl Login {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, Misuse> {
        let (login, secret_place) = (config.login.clone(), config.secret_place);
        let signing_key = match &login {
            LoginConfig::JwtBearer { private_key, .. } => Some(
                EncodingKey::from_rsa_pem(private_key.expose_secret().as_bytes())
                    .map_err(|_| Misuse::Configuration("the private key is no RSA key in PEM"))?,
            ),
            LoginConfig::ClientCredentials { my_domain, .. }
                if my_domain.host_str().is_some_and(|host| LOGIN_HOSTS.contains(&host)) =>
            {
                return Err(Misuse::Configuration(
                    "client credentials are granted on the My Domain host alone, not on a login host",
                ));
            }
            LoginConfig::ClientCredentials { .. } | LoginConfig::SignedIn { .. } => None,
        };
        let endpoint = login
            .url()
            .join("/services/oauth2/token")
            .map_err(|_| Misuse::Configuration("the login address is none"))?;
        if !matches!(endpoint.scheme(), "https" | "http") || endpoint.host().is_none() {
            return Err(Misuse::Configuration("the login address is no https address"));
        }
        Ok(Self { config: login, secret_place, endpoint: endpoint.into(), signing_key })
    }

    pub(crate) fn flow(&self) -> LoginFlow {
        self.config.flow()
    }

    /// The request for a session. Signed anew each time: an assertion is short-lived.
    pub(crate) fn request(&self, now: Timestamp, ask: &Ask<'_>) -> Result<Request<Bytes>> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        match ask {
            Ask::Configured => {}
            Ask::Refresh(token) => {
                form.append_pair("grant_type", "refresh_token");
                form.append_pair("refresh_token", token.expose_secret());
            }
            Ask::Code { code, verifier, redirect } => {
                form.append_pair("grant_type", "authorization_code");
                form.append_pair("code", code.expose_secret());
                form.append_pair("code_verifier", verifier.expose_secret());
                form.append_pair("redirect_uri", redirect);
            }
        }
        let app = match &self.config {
            LoginConfig::JwtBearer { consumer_key, username, audience, .. } => {
                let key = self.signing_key.as_ref().expect("a JWT login is built with its key");
                let exp = now.saturating_add(ASSERTION_LIFE).map_or(i64::MAX, Timestamp::as_second);
                let claims = Claims { iss: consumer_key, sub: username, aud: audience, exp };
                let assertion = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, key)
                    .map_err(|_| Misuse::Configuration("the private key cannot sign with RS256"))?;
                form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
                form.append_pair("assertion", &assertion);
                None
            }
            LoginConfig::ClientCredentials { client_id, client_secret, .. } => {
                form.append_pair("grant_type", "client_credentials");
                Some((client_id, Some(client_secret)))
            }
            LoginConfig::SignedIn { client_id, client_secret, .. } => {
                Some((client_id, client_secret.as_ref()))
            }
        };
        let mut basic = None;
        match (app, self.secret_place) {
            (Some((id, Some(secret))), SecretPlace::Header) => basic = Some(basic_header(id, secret)?),
            (Some((id, secret)), _) => {
                form.append_pair("client_id", id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret.expose_secret());
                }
            }
            (None, _) => {}
        }
        let mut request = Request::post(&self.endpoint)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json");
        if let Some(basic) = basic {
            request = request.header(header::AUTHORIZATION, basic);
        }
        request
            .body(Bytes::from(form.finish()))
            .map_err(|_| Misuse::Configuration("the login address is none").into())
    }

    /// Reads the answer to [`Login::request`].
    pub(crate) fn read(&self, answer: &Response<Bytes>) -> Result<Granted> {
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(denial::read(self.flow(), status, answer.body()));
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
        let refresh_token = grant
            .refresh_token
            .filter(|token| !token.is_empty() && token.len() <= MAX_TOKEN)
            .map(SecretString::from);
        let instance = instance.origin().ascii_serialization();
        let session = Session { token: grant.access_token, instance, org_id, user_id };
        Ok(Granted { session, refresh_token })
    }
}

/// HTTP Basic of an app; key and secret are encoded first (RFC 6749, section 2.3.1).
fn basic_header(id: &str, secret: &SecretString) -> Result<HeaderValue, Misuse> {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(id), encoded(secret.expose_secret()));
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair)))
        .map_err(|_| Misuse::Configuration("the consumer secret makes no header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads `https://login.salesforce.com/id/<org>/<user>`.
fn identity(url: &str) -> Option<(OrgId, UserId)> {
    let mut segments = url.rsplit('/');
    let user_id = UserId::parse(segments.next()?).ok()?;
    let org_id = OrgId::parse(segments.next()?).ok()?;
    Some((org_id, user_id))
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
