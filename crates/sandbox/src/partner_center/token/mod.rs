//! Sign-in, in the shapes of Microsoft Entra, and what a bearer token opens (reference, section 1).
//!
//! | what | file |
//! |---|---|
//! | `POST /{tenant}/oauth2[/v2.0]/token` | `grant` |
//! | which application asks: secret, certificate, or neither | `client` |
//! | `POST /{tenant}/oauth2[/v2.0]/devicecode`, and the page where a person types the code | `device` |
//! | `GET /{tenant}/oauth2[/v2.0]/authorize`, and its page | `authorize` |
//! | how Entra says no | `denied` |
//! | who has an account | `people` |

mod authorize;
mod client;
mod denied;
mod device;
mod grant;
mod people;

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Request, Response, header::AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::{authorize::Code, client::App, device::Device};
pub(super) use self::{
    client::certificate,
    people::{Person, Role, staff},
};
use super::{State, refusal::Refusal};

/// Most access tokens, refresh tokens and assertions remembered, each; those that expire first are forgotten first.
const MAX_TOKENS: usize = 10_000;
/// Most sign-ins under way, of each kind; the oldest are forgotten first.
const MAX_PENDING: usize = 1000;
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
    /// An application and its user: who, by number, and since which sign-in.
    User {
        /// The person's number among the staff.
        person: usize,
        /// The number of the sign-in; 0 for what was there from the start.
        session: u64,
    },
    /// An application alone.
    App,
}

#[derive(Debug)]
struct Access {
    audience: Audience,
    bearer: Bearer,
    expires: Timestamp,
}

#[derive(Debug)]
struct Refresh {
    app: App,
    person: usize,
    session: u64,
    expires: Timestamp,
}

/// The tokens that are alive, and the sign-ins under way.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    /// Assertions that were used, by their `jti`, until they expire.
    assertions: HashMap<String, Timestamp>,
    /// Requests that the page of the authorization endpoint was shown for, by number.
    asking: HashMap<String, authorize::Asked>,
    codes: HashMap<String, Code>,
    devices: HashMap<String, Device>,
    sessions: u64,
    /// Sign-ins below this number meet what the knobs say about sign-in; later ones satisfied it.
    troubled_below: u64,
}

impl Tokens {
    /// Lets the refresh token of somebody who is signed in from the start in.
    pub(super) fn admit_ready(&mut self, token: String, person: usize, now: Timestamp, life: u32) {
        self.admit_refresh(
            token,
            Refresh { app: App::Confidential, person, session: 0, expires: days(now, life) },
        );
    }

    /// From now on, everybody signed in so far meets the trouble that the knobs name.
    pub(super) fn trouble(&mut self) {
        self.troubled_below = self.sessions + 1;
    }

    fn troubled(&self, session: u64) -> bool {
        session < self.troubled_below
    }

    fn session(&mut self) -> u64 {
        self.sessions += 1;
        self.sessions
    }

    fn admit_refresh(&mut self, token: String, refresh: Refresh) {
        make_room(&mut self.refresh, MAX_TOKENS, |refresh| refresh.expires);
        self.refresh.insert(token, refresh);
    }

    fn admit(&mut self, token: String, access: Access) {
        make_room(&mut self.access, MAX_TOKENS, |access| access.expires);
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

impl State {
    /// A request below `/{tenant}/oauth2`; `path` is what follows. `None` if nothing answers there.
    pub(super) fn sign_in(
        &mut self,
        tenant: &str,
        path: &[&str],
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Option<Response<Bytes>> {
        let (v2, last) = match path {
            [last] => (false, *last),
            ["v2.0", last] => (true, *last),
            _ => return None,
        };
        match (last, request.method()) {
            ("token", &Method::POST) => Some(self.token(tenant, v2, request, now)),
            ("devicecode", &Method::POST) => Some(self.device_code(tenant, v2, request, now)),
            ("authorize", &Method::GET) => Some(self.authorize(tenant, v2, request, now)),
            ("authorize", &Method::POST) => Some(self.authorized(request, now)),
            _ => None,
        }
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
        if let Bearer::User { person, .. } = bearer {
            claims["scp"] = "user_impersonation".into();
            claims["upn"] = self.identity.people[person].username.clone().into();
        }
        let token = self.token_of(&claims);
        self.tokens.admit(token.clone(), Access { audience, bearer, expires });
        token
    }

    /// A text in the shape of a signed token. Nobody but this service reads its own, so the signature is random.
    fn token_of(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{}", part(&json!({"typ": "JWT", "alg": "RS256"})), part(claims), self.secret())
    }

    /// A token of an ordinary client and this person for the Referrals API, that lasts.
    pub(super) fn ready_token(&mut self, person: usize, now: Timestamp) -> String {
        let lasts = now.checked_add(SignedDuration::from_hours(24 * READY_DAYS)).unwrap_or(Timestamp::MAX);
        self.access_token(Audience::Referrals, Bearer::User { person, session: 0 }, now, lasts)
    }

    /// An unguessable text, from the seed.
    pub(super) fn secret(&self) -> String {
        let numbers = [self.world.draw(), self.world.draw(), self.world.draw(), self.world.draw()];
        URL_SAFE_NO_PAD.encode(numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>())
    }

    /// Lets a request of the Referrals API in: an application and its user with a role, never an application alone.
    /// Says who it is.
    pub(super) fn admit(&self, request: &Request<Bytes>, now: Timestamp) -> Result<usize, Refusal> {
        match self.tokens.bearer(request, Audience::Referrals, now) {
            Ok(Bearer::User { session, .. })
                if self.knobs.claims_challenge && self.tokens.troubled(session) =>
            {
                Err(Refusal::challenge("The token lacks a claim that a policy demands."))
            }
            Ok(Bearer::User { person, .. }) if self.identity.people[person].role == Role::None => {
                Err(Refusal::denied("The user has no referrals role."))
            }
            Ok(Bearer::User { person, .. }) => Ok(person),
            Ok(Bearer::App) => Err(Refusal::denied("The operation needs an application and its user.")),
            Err(sentence) => Err(Refusal::unauthenticated(sentence)),
        }
    }
}

/// Removes what expires first until there is room for one more.
fn make_room<T>(map: &mut HashMap<String, T>, most: usize, expires: impl Fn(&T) -> Timestamp) {
    while map.len() >= most {
        let first = map.iter().min_by_key(|(_, held)| expires(held)).map(|(key, _)| key.clone());
        let Some(first) = first else { return };
        map.remove(&first);
    }
}

fn form(request: &Request<Bytes>) -> Option<HashMap<String, String>> {
    let kind = request.headers().get(http::header::CONTENT_TYPE)?.to_str().ok()?;
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    pairs(request.body())
}

/// The pairs of a form or query; `None` if one is given twice.
fn pairs(encoded: &[u8]) -> Option<HashMap<String, String>> {
    let mut form = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(encoded).into_owned() {
        if form.insert(name, value).is_some() {
            return None;
        }
    }
    Some(form)
}

fn days(now: Timestamp, days: u32) -> Timestamp {
    later(now, 86_400 * i64::from(days))
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
