//! Sign-in: grants, sessions, and who a token is (salesforce reference, section 1).
//!
//! [`endpoints`] reads requests, [`Gate::token`] gives tokens out; each kind of grant has a file. All hosts are this
//! machine: [`host`] tells them apart.

mod assertion;
mod codes;
mod endpoints;
pub(crate) mod host;
mod identity;
pub(crate) mod knobs;
mod refresh;
mod sessions;
mod soap;

use std::sync::{Arc, OnceLock};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use self::{
    codes::Codes,
    endpoints::Asking,
    host::{Host, login_url},
    refresh::RefreshTokens,
    sessions::{Origin, Sessions},
};
use super::{
    id::{Id, digit},
    org::{Org, Person},
    seed::{INTEGRATION, SELLERS},
};
use crate::world::World;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The key pair of the connected app, made once a process: making one takes long.
struct AppKey {
    private_pem: String,
    public_pem: String,
}

fn app_key() -> &'static AppKey {
    static KEY: OnceLock<AppKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)
            .expect("the crypto library makes RSA keys of 2048 bits");
        AppKey { private_pem: pair.serialize_pem(), public_pem: pair.public_key_pem() }
    })
}

/// A user's own way in, for the flows that take it.
#[derive(Debug)]
struct Password {
    user: Id,
    secret: String,
    security_token: String,
}

/// The app that clients sign in through, and the tokens it gave out.
#[derive(Debug)]
pub(crate) struct Gate {
    consumer_key: String,
    consumer_secret: String,
    sessions: Sessions,
    refreshes: RefreshTokens,
    codes: Codes,
    passwords: Vec<Password>,
    world: Arc<World>,
    seller_tokens: Vec<(&'static str, String)>,
}

/// A refusal in OAuth's shape.
type Refusal = (StatusCode, Value);

fn refuse(error: &str, description: &str) -> Refusal {
    (StatusCode::BAD_REQUEST, json!({"error": error, "error_description": description}))
}

impl Gate {
    /// A gate whose keys and tokens follow from the world's seed, with sellers' tokens ready.
    pub(crate) fn new(world: &Arc<World>, org: &Org) -> Self {
        let mut gate = Self {
            consumer_key: format!("3MVG9{}", letters(world, 80)),
            consumer_secret: letters(world, 64),
            sessions: Sessions::default(),
            refreshes: RefreshTokens::default(),
            codes: Codes::new(),
            passwords: Vec::new(),
            world: Arc::clone(world),
            seller_tokens: Vec::new(),
        };
        for person in org.people.iter().filter(|person| person.username != INTEGRATION) {
            let token = gate.opaque(org);
            gate.sessions.open(token.clone(), person.id, Origin::Standing, "full", Timestamp::UNIX_EPOCH, 0);
            gate.seller_tokens.push((person.username, token));
        }
        gate.passwords = org
            .people
            .iter()
            .map(|person| Password {
                user: person.id,
                secret: letters(world, 16),
                security_token: letters(world, 24),
            })
            .collect();
        gate
    }

    /// A new opaque access token, not yet anybody's.
    fn opaque(&self, org: &Org) -> String {
        format!("{}!{}", org.id.short(), letters(&self.world, 96))
    }

    /// The user a token belongs to, while it lives.
    pub(crate) fn user(&self, token: &str, now: Timestamp) -> Option<Id> {
        self.sessions.get(token, now).map(|session| session.user)
    }

    /// Notes that a living token was used, which prolongs its life.
    pub(crate) fn used(&mut self, token: &str, now: Timestamp) {
        self.sessions.used(token, now);
    }

    /// Ends every session and refresh token of a user that came from the token endpoint.
    pub(crate) fn revoke_user(&mut self, user: Id) {
        self.sessions.end_of_user(user);
        self.refreshes.end_of_user(user);
    }

    /// Ends a session, or a refresh token with every session that came from it.
    fn revoke(&mut self, token: &str) -> bool {
        if self.refreshes.end(token) {
            self.sessions.end_of_refresh(token);
            return true;
        }
        self.sessions.end(token)
    }

    /// Whether the client is this app, and knows its secret if it has to.
    fn client(&self, asking: &Asking, secret_needed: bool) -> Result<(), Refusal> {
        if asking.client_id != self.consumer_key {
            return Err(refuse("invalid_client_id", "client identifier invalid"));
        }
        match &asking.client_secret {
            None if !secret_needed => Ok(()),
            Some(secret) if *secret == self.consumer_secret => Ok(()),
            _ => Err(refuse("invalid_client", "invalid client credentials")),
        }
    }

    fn by_password(&self, org: &Org, username: &str, given: &str) -> Option<Person> {
        let person = org.people.iter().find(|person| person.username.eq_ignore_ascii_case(username))?;
        let known = self.passwords.iter().find(|known| known.user == person.id)?;
        (given == format!("{}{}", known.secret, known.security_token)).then(|| person.clone())
    }

    /// `POST /services/oauth2/token`.
    ///
    /// # Errors
    /// Status and body in OAuth's shape (section 1.2).
    fn token(&mut self, org: &mut Org, asking: &Asking, now: Timestamp) -> Result<Value, Refusal> {
        let settings = &mut org.knobs.sign_in;
        if let Some(refused) = &mut settings.refuse {
            let (error, text) = refused.error.words();
            refused.times = refused.times.map(|times| times.saturating_sub(1));
            if refused.times == Some(0) {
                settings.refuse = None;
            }
            return Err(refuse(error, text));
        }
        let settings = settings.clone();
        match asking.field("grant_type") {
            JWT_BEARER => {
                let person = self.by_assertion(org, asking.field("assertion"), now)?;
                Ok(self.granted(org, &person, "api id", None, now))
            }
            "client_credentials" => {
                if asking.host == Host::Login {
                    return Err(refuse("invalid_grant", "request not supported on this domain"));
                }
                self.client(asking, true)?;
                let nobody = || refuse("invalid_grant", "no client credentials user enabled");
                let person = org.person(settings.run_as.as_deref().ok_or_else(nobody)?)?;
                Ok(self.granted(org, &person.ok_or_else(nobody)?, "api id", None, now))
            }
            "authorization_code" => {
                self.client(asking, settings.secret_required_for_code)?;
                let (person, scope, refreshes) = self.by_code(org, &asking.form, now)?;
                let refresh = refreshes.then(|| self.refresh_token(person.id, &scope));
                let mut body = self.granted(org, &person, &scope, refresh.as_deref(), now);
                if let (Some(refresh), Value::Object(body)) = (refresh, &mut body) {
                    body.insert("refresh_token".into(), json!(refresh));
                }
                Ok(body)
            }
            "refresh_token" => {
                self.client(asking, settings.secret_required_for_refresh)?;
                let (person, scope, token, new) = self.by_refresh(org, asking.field("refresh_token"))?;
                let mut body = self.granted(org, &person, &scope, Some(&token), now);
                if let (true, Value::Object(body)) = (new, &mut body) {
                    body.insert("refresh_token".into(), json!(token));
                }
                Ok(body)
            }
            "password" if settings.password_grant => {
                self.client(asking, true)?;
                let person = self.by_password(org, asking.field("username"), asking.field("password"));
                let person = person.ok_or_else(|| refuse("invalid_grant", "authentication failure"))?;
                Ok(self.granted(org, &person, "api id", None, now))
            }
            "password" => Err(refuse("invalid_grant", "authentication failure")),
            _ => Err(refuse("unsupported_grant_type", "grant type not supported")),
        }
    }

    /// Opens a session and says so. There is no `expires_in`.
    fn granted(
        &mut self,
        org: &Org,
        person: &Person,
        scope: &str,
        refresh: Option<&str>,
        now: Timestamp,
    ) -> Value {
        let token = if org.knobs.sign_in.jwt_tokens {
            self.signed(org, person, scope, now)
        } else {
            self.opaque(org)
        };
        let origin = refresh.map_or(Origin::Grant, |refresh| Origin::Refresh(refresh.to_owned()));
        self.sessions.open(token.clone(), person.id, origin, scope, now, org.knobs.token_ttl_seconds);
        let id = org.identity_url(person.id);
        let issued = now.as_millisecond().to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.consumer_secret.as_bytes());
        let signature = STANDARD.encode(hmac::sign(&key, format!("{id}{issued}").as_bytes()));
        json!({
            "access_token": token, "instance_url": org.instance_url(), "id": id, "token_type": "Bearer",
            "issued_at": issued, "signature": signature, "scope": scope,
        })
    }

    /// An access token in JWT format: longer than an opaque one, and as opaque to clients.
    fn signed(&self, org: &Org, person: &Person, scope: &str, now: Timestamp) -> String {
        let seconds = now.as_second();
        let claims = json!({
            "iss": org.base_url, "sub": format!("uid:{}", person.id), "aud": [org.base_url], "scp": scope,
            "client_id": self.consumer_key, "iat": seconds, "nbf": seconds, "jti": letters(&self.world, 22),
            "exp": seconds + i64::from(org.knobs.token_ttl_seconds), "sfi": letters(&self.world, 60),
        });
        EncodingKey::from_rsa_pem(app_key().private_pem.as_bytes())
            .and_then(|key| jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key))
            .expect("the app's own key signs")
    }

    /// What clients need to sign in, for people to read.
    pub(crate) fn credentials(&self, org: &Org) -> Value {
        let tokens: serde_json::Map<String, Value> =
            self.seller_tokens.iter().map(|(name, token)| ((*name).to_owned(), json!(token))).collect();
        let ready = |name: &str| {
            self.seller_tokens.iter().find(|(own, _)| *own == name).map(|(_, token)| token.clone())
        };
        let users: Vec<Value> = org
            .people
            .iter()
            .zip(&self.passwords)
            .map(|(person, known)| {
                json!({
                    "username": person.username, "id": person.id.to_string(), "password": known.secret,
                    "security_token": known.security_token,
                })
            })
            .collect();
        let oauth = |name: &str| format!("{}/services/oauth2/{name}", org.base_url);
        let login = login_url(&org.base_url);
        json!({
            "instance_url": org.base_url,
            "my_domain_url": org.base_url,
            "page_url": format!("{}/_sandbox/page", org.base_url),
            "login_url": login,
            "token_url": oauth("token"),
            "authorize_url": format!("{login}/services/oauth2/authorize"),
            "revoke_url": oauth("revoke"),
            "introspect_url": oauth("introspect"),
            "userinfo_url": oauth("userinfo"),
            "callback_url": org.knobs.sign_in.callback_urls.first(),
            "audience": "https://login.salesforce.com",
            "org_id": org.id.to_string(),
            "username": INTEGRATION,
            "consumer_key": self.consumer_key,
            "consumer_secret": self.consumer_secret,
            "private_key_pem": app_key().private_pem,
            "access_tokens": tokens,
            "seller": {"username": SELLERS[0], "access_token": ready(SELLERS[0])},
            "users": users,
        })
    }
}

fn letters(world: &World, count: usize) -> String {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let mut number = world.draw();
        for _ in 0..10 {
            if text.len() < count {
                text.push(char::from(digit(number)));
                number /= 62;
            }
        }
    }
    text
}
