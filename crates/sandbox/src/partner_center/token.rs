//! The token endpoint, in the shapes of Microsoft Entra, and what a bearer token opens (reference, section 1).

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{State, knobs::OldRefreshToken, refusal::Refusal};
use crate::exchange;

/// Most access tokens remembered; the ones that expire first are forgotten first.
const MAX_TOKENS: usize = 10_000;
/// Life of a refresh token.
const REFRESH_DAYS: i64 = 90;
/// Life of the token made ready for an ordinary client.
const READY_DAYS: i64 = 3650;

/// The service a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// The Referrals API.
    Referrals,
    /// The webhook registration API.
    Webhooks,
}

impl Audience {
    const ALL: [Self; 2] = [Self::Referrals, Self::Webhooks];

    /// The resource identifier.
    pub(super) fn resource(self) -> &'static str {
        match self {
            Self::Referrals => "https://api.partner.microsoft.com",
            Self::Webhooks => "https://api.partnercenter.microsoft.com",
        }
    }

    fn of_resource(resource: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|audience| audience.resource() == resource.trim_end_matches('/'))
    }

    fn of_scope(scope: &str) -> Option<Self> {
        let (resource, permission) = scope.rsplit_once('/')?;
        matches!(permission, ".default" | "user_impersonation").then(|| Self::of_resource(resource)).flatten()
    }
}

/// On whose behalf a token acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bearer {
    /// An application and its user.
    User,
    /// An application alone.
    App,
}

#[derive(Debug)]
struct Access {
    audience: Audience,
    bearer: Bearer,
    expires: Timestamp,
}

/// The tokens that are alive.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    access: HashMap<String, Access>,
    refresh: HashMap<String, Timestamp>,
}

impl Tokens {
    /// Lets this refresh token in.
    pub(super) fn admit_refresh(&mut self, token: String, now: Timestamp) {
        self.refresh.retain(|_, expires| *expires > now);
        self.refresh.insert(token, days(now, REFRESH_DAYS));
    }

    fn admit(&mut self, token: String, access: Access, now: Timestamp) {
        if self.access.len() >= MAX_TOKENS {
            self.access.retain(|_, access| access.expires > now);
        }
        if self.access.len() >= MAX_TOKENS {
            let first =
                self.access.iter().min_by_key(|(_, access)| access.expires).map(|(token, _)| token.clone());
            first.and_then(|token| self.access.remove(&token));
        }
        self.access.insert(token, access);
    }

    /// Who comes with this request, if its token is for `audience`.
    pub(super) fn bearer(
        &self,
        request: &Request<Bytes>,
        audience: Audience,
        now: Timestamp,
    ) -> Result<Bearer, &'static str> {
        let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
        let header = header.ok_or("The request has no bearer token.")?;
        let (scheme, token) = header.split_once(' ').ok_or("The authorization header cannot be read.")?;
        let known = self.access.get(token).filter(|_| scheme.eq_ignore_ascii_case("bearer"));
        match known {
            None => Err("The token is not one that this service knows."),
            Some(access) if access.expires <= now => Err("The token has expired."),
            Some(access) if access.audience != audience => Err("The token is for another audience."),
            Some(access) => Ok(access.bearer),
        }
    }
}

/// A refused token request, in Entra's shape.
struct Denied {
    status: StatusCode,
    error: &'static str,
    code: u32,
    sentence: &'static str,
}

const fn denied(status: StatusCode, error: &'static str, code: u32, sentence: &'static str) -> Denied {
    Denied { status, error, code, sentence }
}

const UNREADABLE: Denied =
    denied(StatusCode::BAD_REQUEST, "invalid_request", 900_144, "A parameter is missing or given twice.");
const NO_TENANT: Denied = denied(StatusCode::BAD_REQUEST, "invalid_request", 90_002, "Tenant not found.");
const NO_CLIENT: Denied = denied(
    StatusCode::BAD_REQUEST,
    "unauthorized_client",
    700_016,
    "Application was not found in the directory.",
);
const NO_SECRET: Denied =
    denied(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_218, "A client secret must be presented.");
const BAD_SECRET: Denied =
    denied(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_215, "Invalid client secret provided.");
const BAD_GRANT: Denied =
    denied(StatusCode::BAD_REQUEST, "unsupported_grant_type", 70_003, "The grant type is not supported.");
const MFA: Denied =
    denied(StatusCode::BAD_REQUEST, "invalid_grant", 50_076, "You must use multi-factor authentication.");
const DEAD_TOKEN: Denied =
    denied(StatusCode::BAD_REQUEST, "invalid_grant", 70_008, "The refresh token has expired or is invalid.");
const BAD_RESOURCE: Denied =
    denied(StatusCode::BAD_REQUEST, "invalid_resource", 500_011, "The resource was not found in the tenant.");
const BAD_SCOPE: Denied =
    denied(StatusCode::BAD_REQUEST, "invalid_scope", 70_011, "The scope is not valid for one resource.");

impl State {
    /// A token request at `/{tenant}/oauth2/token` (`v2` false) or `/{tenant}/oauth2/v2.0/token`.
    pub(super) fn token(
        &mut self,
        tenant: &str,
        v2: bool,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Response<Bytes> {
        let mut response = match self.grant(tenant, v2, request, now) {
            Ok(body) => exchange::json(StatusCode::OK, &body),
            Err(denied) => {
                let body = json!({
                    "error": denied.error,
                    "error_description": format!("AADSTS{}: {}", denied.code, denied.sentence),
                    "error_codes": [denied.code],
                    "timestamp": now.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                    "trace_id": self.world.guid(),
                    "correlation_id": self.world.guid(),
                    "error_uri": format!("https://login.microsoftonline.com/error?code={}", denied.code),
                });
                exchange::json(denied.status, &body)
            }
        };
        let cache = http::HeaderValue::from_static("no-store, no-cache");
        response.headers_mut().insert(http::header::CACHE_CONTROL, cache);
        response
    }

    fn grant(
        &mut self,
        tenant: &str,
        v2: bool,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<Value, Denied> {
        if tenant != self.identity.tenant_id && tenant != "common" && tenant != "organizations" {
            return Err(NO_TENANT);
        }
        let form = form(request).ok_or(UNREADABLE)?;
        let field = |name: &str| form.get(name).map(String::as_str);
        let (client, secret) = credentials(request, &form);
        if client.ok_or(UNREADABLE)? != self.identity.client_id {
            return Err(NO_CLIENT);
        }
        let kind = field("grant_type").ok_or(UNREADABLE)?;
        if !matches!(kind, "refresh_token" | "client_credentials" | "password") {
            return Err(BAD_GRANT);
        }
        if secret.ok_or(NO_SECRET)? != self.identity.client_secret {
            return Err(BAD_SECRET);
        }
        let (audience, scope) = if v2 {
            let scope = field("scope").ok_or(UNREADABLE)?;
            let resources: Vec<Audience> = scope.split_whitespace().filter_map(Audience::of_scope).collect();
            let strange = scope
                .split_whitespace()
                .any(|scope| scope.contains("//") && Audience::of_scope(scope).is_none());
            match resources.as_slice() {
                [audience] if !strange => (*audience, format!("{}/user_impersonation", audience.resource())),
                _ => return Err(BAD_SCOPE),
            }
        } else {
            let resource = field("resource").ok_or(UNREADABLE)?;
            (Audience::of_resource(resource).ok_or(BAD_RESOURCE)?, "user_impersonation".to_owned())
        };
        let (bearer, refresh) = match kind {
            "client_credentials" => (Bearer::App, None),
            "password" => return Err(MFA),
            _ => (Bearer::User, Some(self.rotate(field("refresh_token").ok_or(UNREADABLE)?, now)?)),
        };
        let life = i64::from(self.knobs.access_token_seconds);
        let expires = now.checked_add(SignedDuration::from_secs(life)).unwrap_or(Timestamp::MAX);
        let access = self.access_token(audience, bearer, now, expires);
        let lasts = (life - 1).max(0);
        let mut body = if v2 {
            json!({ "token_type": "Bearer", "scope": scope, "expires_in": lasts, "ext_expires_in": lasts })
        } else {
            json!({
                "token_type": "Bearer",
                "scope": scope,
                "expires_in": lasts.to_string(),
                "ext_expires_in": lasts.to_string(),
                "expires_on": expires.as_second().to_string(),
                "not_before": now.as_second().to_string(),
                "resource": audience.resource(),
            })
        };
        body["access_token"] = access.into();
        if let Some(refresh) = refresh {
            body["refresh_token"] = refresh.into();
        }
        Ok(body)
    }

    fn rotate(&mut self, old: &str, now: Timestamp) -> Result<String, Denied> {
        if self.tokens.refresh.get(old).is_none_or(|expires| *expires <= now) {
            return Err(DEAD_TOKEN);
        }
        if self.knobs.old_refresh_token == OldRefreshToken::Dies {
            self.tokens.refresh.remove(old);
        }
        let new = format!("0.{}", self.secret());
        self.tokens.admit_refresh(new.clone(), now);
        Ok(new)
    }

    /// Makes an access token and lets it in.
    fn access_token(
        &mut self,
        audience: Audience,
        bearer: Bearer,
        now: Timestamp,
        expires: Timestamp,
    ) -> String {
        let mut claims = json!({
            "aud": audience.resource(),
            "tid": self.identity.tenant_id,
            "appid": self.identity.client_id,
            "iat": now.as_second(),
            "exp": expires.as_second(),
        });
        if bearer == Bearer::User {
            claims["scp"] = "user_impersonation".into();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token =
            format!("{}.{}.{}", part(&json!({"typ": "JWT", "alg": "RS256"})), part(&claims), self.secret());
        self.tokens.admit(token.clone(), Access { audience, bearer, expires }, now);
        token
    }

    /// A token of an ordinary client and its user for the Referrals API, that lasts.
    pub(super) fn ready_token(&mut self, now: Timestamp) -> String {
        self.access_token(Audience::Referrals, Bearer::User, now, days(now, READY_DAYS))
    }

    /// An unguessable text, from the seed.
    pub(super) fn secret(&self) -> String {
        let numbers = [self.world.draw(), self.world.draw(), self.world.draw(), self.world.draw()];
        URL_SAFE_NO_PAD.encode(numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>())
    }

    /// Lets a request of the Referrals API in: an application and its user, never an application alone.
    pub(super) fn admit(&self, request: &Request<Bytes>, now: Timestamp) -> Result<(), Refusal> {
        match self.tokens.bearer(request, Audience::Referrals, now) {
            Ok(Bearer::User) => Ok(()),
            Ok(Bearer::App) => Err(Refusal::denied("The operation needs an application and its user.")),
            Err(sentence) => Err(Refusal::unauthenticated(sentence)),
        }
    }
}

fn form(request: &Request<Bytes>) -> Option<HashMap<String, String>> {
    let kind = request.headers().get(http::header::CONTENT_TYPE)?.to_str().ok()?;
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    let mut form = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(request.body()).into_owned() {
        if form.insert(name, value).is_some() {
            return None;
        }
    }
    Some(form)
}

/// The client's id and secret, from the form or from basic authorization.
fn credentials(request: &Request<Bytes>, form: &HashMap<String, String>) -> (Option<String>, Option<String>) {
    let basic = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let basic = basic.and_then(|header| header.strip_prefix("Basic "));
    let basic = basic.and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
    let basic = basic.and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = |text: &str| {
        url::form_urlencoded::parse(format!("x={text}").as_bytes()).next().map(|(_, v)| v.into_owned())
    };
    match basic.as_deref().and_then(|text| text.split_once(':')) {
        Some((id, secret)) => (decoded(id), decoded(secret)),
        None => (form.get("client_id").cloned(), form.get("client_secret").cloned()),
    }
}

fn days(now: Timestamp, days: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
}
