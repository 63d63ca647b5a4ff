//! Sign-in: the token endpoint, sessions, and who a token is (salesforce reference, section 1).

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::{
    id::{Id, digit},
    org::{Org, Person, value_of},
    seed::{INTEGRATION, SELLERS},
};
use crate::world::World;

/// Login hosts that an assertion may name as its audience.
const AUDIENCES: [&str; 2] = ["https://login.salesforce.com", "https://test.salesforce.com"];
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Sessions kept; the oldest tokens go first.
const MAX_SESSIONS: usize = 10_000;
/// How far ahead an assertion may expire when the knob says so.
const MAX_AHEAD_SECONDS: i64 = 300;

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

#[derive(Debug)]
struct Session {
    user: Id,
    issued: u64,
    expires: Option<Timestamp>,
}

/// The app that clients sign in through, and the tokens it gave out.
#[derive(Debug)]
pub(crate) struct Gate {
    consumer_key: String,
    consumer_secret: String,
    sessions: BTreeMap<String, Session>,
    issued: u64,
    world: Arc<World>,
    seller_tokens: Vec<(&'static str, String)>,
}

/// A refusal in OAuth's shape.
pub(crate) type Refusal = (StatusCode, Value);

fn refuse(error: &str, description: &str) -> Refusal {
    (StatusCode::BAD_REQUEST, json!({"error": error, "error_description": description}))
}

impl Gate {
    /// A gate whose keys and tokens follow from the world's seed, with sellers' tokens ready.
    pub(crate) fn new(world: &Arc<World>, org: &Org) -> Self {
        let mut gate = Self {
            consumer_key: format!("3MVG9{}", letters(world, 80)),
            consumer_secret: letters(world, 64),
            sessions: BTreeMap::new(),
            issued: 0,
            world: Arc::clone(world),
            seller_tokens: Vec::new(),
        };
        for person in org.people.iter().filter(|person| person.username != INTEGRATION) {
            let token = gate.open(org.id, person.id, None);
            gate.seller_tokens.push((person.username, token));
        }
        gate
    }

    fn open(&mut self, org: Id, user: Id, expires: Option<Timestamp>) -> String {
        let token = format!("{}!{}", org.short(), letters(&self.world, 96));
        self.issued += 1;
        self.sessions.insert(token.clone(), Session { user, issued: self.issued, expires });
        if self.sessions.len() > MAX_SESSIONS {
            let oldest = self.sessions.iter().filter(|(_, session)| session.expires.is_some());
            let oldest = oldest.min_by_key(|(_, session)| session.issued).map(|(token, _)| token.clone());
            if let Some(oldest) = oldest {
                self.sessions.remove(&oldest);
            }
        }
        token
    }

    /// The user a token belongs to, while it lives.
    pub(crate) fn user(&self, token: &str, now: Timestamp) -> Option<Id> {
        let session = self.sessions.get(token)?;
        session.expires.is_none_or(|expires| now < expires).then_some(session.user)
    }

    /// Ends every session of a user that came from the token endpoint.
    pub(crate) fn revoke_user(&mut self, user: Id) {
        self.sessions.retain(|_, session| session.user != user || session.expires.is_none());
    }

    /// Ends one session.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        self.sessions.remove(token).is_some()
    }

    /// `POST /services/oauth2/token`.
    ///
    /// # Errors
    /// Status and body in OAuth's shape (section 1.2).
    pub(crate) fn token(
        &mut self,
        org: &Org,
        form: &BTreeMap<String, String>,
        basic: Option<(String, String)>,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let field = |name: &str| form.get(name).map(String::as_str);
        let person = match field("grant_type") {
            Some(JWT_BEARER) => self.by_assertion(org, field("assertion").unwrap_or_default(), now)?,
            Some("client_credentials") => {
                let (id, secret) = match basic {
                    Some(pair) => pair,
                    None => (
                        field("client_id").unwrap_or_default().to_owned(),
                        field("client_secret").unwrap_or_default().to_owned(),
                    ),
                };
                if id != self.consumer_key {
                    return Err(refuse("invalid_client_id", "client identifier invalid"));
                }
                if secret != self.consumer_secret {
                    return Err(refuse("invalid_client", "invalid client credentials"));
                }
                org.people
                    .iter()
                    .find(|person| person.username == INTEGRATION)
                    .cloned()
                    .ok_or_else(|| refuse("invalid_grant", "no client credentials user enabled"))?
            }
            _ => return Err(refuse("unsupported_grant_type", "grant type not supported")),
        };
        let life = SignedDuration::from_secs(i64::from(org.knobs.token_ttl_seconds));
        let token = self.open(org.id, person.id, Some(now.checked_add(life).unwrap_or(now)));
        let id = format!("{}/id/{}/{}", org.base_url, org.id, person.id);
        let issued = now.as_millisecond().to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.consumer_secret.as_bytes());
        let signature = STANDARD.encode(hmac::sign(&key, format!("{id}{issued}").as_bytes()));
        Ok(json!({
            "access_token": token, "instance_url": org.base_url, "id": id, "token_type": "Bearer",
            "issued_at": issued, "signature": signature, "scope": "api id",
        }))
    }

    fn by_assertion(&self, org: &Org, assertion: &str, now: Timestamp) -> Result<Person, Refusal> {
        let invalid = || refuse("invalid_grant", "invalid assertion");
        let mut validation = Validation::new(Algorithm::RS256);
        // Time and audience are looked at below: by this org's clock, and with its own texts.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_rsa_pem(app_key().public_pem.as_bytes()).map_err(|_| invalid())?;
        let claims =
            jsonwebtoken::decode::<Value>(assertion, &key, &validation).map_err(|_| invalid())?.claims;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("iss") != self.consumer_key {
            return Err(refuse("invalid_client_id", "client identifier invalid"));
        }
        let audience = text("aud").trim_end_matches('/');
        if !(AUDIENCES.contains(&audience) || (!audience.is_empty() && audience == org.base_url)) {
            return Err(refuse("invalid_grant", "audience is invalid"));
        }
        // Some clients send the number as a text (section 1.3).
        let expires = claims.get("exp").and_then(|exp| exp.as_i64().or_else(|| exp.as_str()?.parse().ok()));
        let ahead = expires.ok_or_else(invalid)? - now.as_second();
        if ahead <= 0 || (!org.knobs.accept_far_expiry && ahead > MAX_AHEAD_SECONDS) {
            return Err(invalid());
        }
        let person = org.people.iter().find(|person| person.username.eq_ignore_ascii_case(text("sub")));
        person.cloned().ok_or_else(|| refuse("invalid_grant", "user hasn't approved this consumer"))
    }

    /// What clients need to sign in, for people to read.
    pub(crate) fn credentials(&self, org: &Org) -> Value {
        let tokens: serde_json::Map<String, Value> =
            self.seller_tokens.iter().map(|(name, token)| ((*name).to_owned(), json!(token))).collect();
        let ready = |name: &str| {
            self.seller_tokens.iter().find(|(own, _)| *own == name).map(|(_, token)| token.clone())
        };
        json!({
            "instance_url": org.base_url,
            "token_url": format!("{}/services/oauth2/token", org.base_url),
            "audience": "https://login.salesforce.com",
            "org_id": org.id.to_string(),
            "username": INTEGRATION,
            "consumer_key": self.consumer_key,
            "consumer_secret": self.consumer_secret,
            "private_key_pem": app_key().private_pem,
            "access_tokens": tokens,
            "seller": {"username": SELLERS[0], "access_token": ready(SELLERS[0])},
            "users": org.people.iter().map(|person| json!({"username": person.username, "id": person.id.to_string()})).collect::<Vec<_>>(),
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

impl Org {
    /// `/services/oauth2/userinfo` and `/id/ORG/USER`.
    pub(crate) fn identity(&self, user: Id) -> Value {
        let index = self.schema.find("User");
        let row = index.and_then(|index| self.tables.get(index, user));
        let text = |field: &str| {
            let (Some(index), Some(row)) = (index, row) else { return String::new() };
            value_of(self.schema.object(index), row, field).as_text().unwrap_or_default().to_owned()
        };
        let id = format!("{}/id/{}/{user}", self.base_url, self.id);
        let service = |path: &str| format!("{}/services/{path}", self.base_url);
        json!({
            "sub": id, "id": id, "asserted_user": true, "user_id": user.to_string(),
            "organization_id": self.id.to_string(), "username": text("Username"),
            "preferred_username": text("Username"), "nick_name": text("Alias"), "display_name": text("Name"),
            "name": text("Name"), "email": text("Email"), "email_verified": true, "first_name": text("FirstName"),
            "given_name": text("FirstName"), "last_name": text("LastName"), "family_name": text("LastName"),
            "timezone": "GMT", "active": true, "user_type": "STANDARD", "language": "en_US", "locale": "en_US",
            "utcOffset": 0, "is_app_installed": true,
            "urls": {
                "rest": service("data/v{version}/"), "sobjects": service("data/v{version}/sobjects/"),
                "query": service("data/v{version}/query/"),
            },
        })
    }
}
