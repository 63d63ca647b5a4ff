//! The authorization endpoint: a person says yes in a browser, the client gets a code (reference, section 1.3).

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::LOCATION};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

use super::{
    super::{State, knobs::SignInAnswer, page},
    Bearer, MAX_PENDING,
    client::App,
    denied::{BAD_VERIFIER, Denied, NO_CODE, OLD_CODE, OTHER_CLIENT, OTHER_REDIRECT, UNREADABLE, USED_CODE},
    form,
    grant::{Granted, Scopes, scopes},
    later, make_room, pairs,
};
use crate::exchange;

/// Life of an authorization code and of the page that leads to one, in seconds.
const CODE_SECONDS: i64 = 600;
/// Characters of a code verifier and of a challenge (RFC 7636, section 4).
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

/// What a client asked for, once it was found sound.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    app: App,
    redirect: Url,
    /// The redirect address exactly as it was given: the token request must repeat it.
    redirect_given: String,
    state: Option<String>,
    scopes: Scopes,
    nonce: Option<String>,
    challenge: Option<String>,
    identity_token: bool,
    by_form: bool,
    expires: Timestamp,
}

/// A code that was given out.
#[derive(Debug)]
pub(super) struct Code {
    asked: Asked,
    person: usize,
    expires: Timestamp,
    used: bool,
}

/// What the browser is told: nothing that could be sent on, or an error for the client.
enum Wrong {
    /// The client or its address is not known, so nobody may be redirected anywhere.
    Page(&'static str),
    Client(Box<Asked>, &'static str, &'static str),
}

impl State {
    /// A browser comes with what a client asks for.
    pub(super) fn authorize(
        &mut self,
        tenant: &str,
        v2: bool,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Response<Bytes> {
        let query = pairs(request.uri().query().unwrap_or_default().as_bytes());
        let asked = match self.asked(tenant, v2, query.as_ref(), now) {
            Ok(asked) => asked,
            Err(Wrong::Page(sentence)) => return page::sign_in::refused(sentence),
            Err(Wrong::Client(asked, error, description)) => {
                return back(&asked, &[("error", error), ("error_description", description)]);
            }
        };
        let hint = query.as_ref().and_then(|query| query.get("login_hint"));
        let hinted = self.person(hint);
        match self.knobs.sign_in_answer {
            SignInAnswer::Approves => self.approve(asked, hinted.unwrap_or_default(), now),
            SignInAnswer::Declines => decline(&asked),
            SignInAnswer::Waits => {
                let number = self.secret();
                make_room(&mut self.tokens.asking, MAX_PENDING, |asked| asked.expires);
                self.tokens.asking.insert(number.clone(), asked);
                page::sign_in::consent(&number, &self.identity.people, hinted)
            }
        }
    }

    /// A person answers on the page.
    pub(super) fn authorized(&mut self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let form = form(request).unwrap_or_default();
        let asked = form.get("request").and_then(|number| self.tokens.asking.remove(number));
        let Some(asked) = asked.filter(|asked| asked.expires > now) else {
            return page::sign_in::refused("This sign-in is over. Start again in your application.");
        };
        match (form.get("decision").map(String::as_str), self.person(form.get("person"))) {
            (Some("approve"), Some(person)) => self.approve(asked, person, now),
            _ => decline(&asked),
        }
    }

    fn approve(&mut self, asked: Asked, person: usize, now: Timestamp) -> Response<Bytes> {
        let code = format!("1.{}", self.secret());
        let identity = if asked.identity_token {
            self.identity_token(asked.app, person, asked.nonce.as_deref(), now)
        } else {
            String::new()
        };
        let session = self.world.guid();
        let mut fields = vec![("code", code.as_str()), ("session_state", &session)];
        if asked.identity_token {
            fields.push(("id_token", &identity));
        }
        let response = back(&asked, &fields);
        make_room(&mut self.tokens.codes, MAX_PENDING, |code| code.expires);
        let expires = later(now, CODE_SECONDS);
        self.tokens.codes.insert(code, Code { asked, person, expires, used: false });
        response
    }

    fn asked(
        &self,
        tenant: &str,
        v2: bool,
        query: Option<&HashMap<String, String>>,
        now: Timestamp,
    ) -> Result<Asked, Wrong> {
        let query = query.ok_or(Wrong::Page("A parameter is given twice."))?;
        let field = |name: &str| query.get(name).map(String::as_str);
        self.tenant(tenant).map_err(|_| Wrong::Page("Tenant not found."))?;
        let app = field("client_id").and_then(|id| self.app(id));
        let app = app.ok_or(Wrong::Page("AADSTS700016: Application was not found in the directory."))?;
        let given = field("redirect_uri").unwrap_or_default();
        let redirect = loopback(given).ok_or(Wrong::Page(
            "AADSTS50011: The redirect address is not one that is registered for the application.",
        ))?;
        let by_form = field("response_mode") == Some("form_post");
        let mut asked = Asked {
            app,
            redirect,
            redirect_given: given.to_owned(),
            state: query.get("state").cloned(),
            scopes: Scopes { audience: super::Audience::Referrals, offline: false, openid: false },
            nonce: query.get("nonce").cloned(),
            challenge: query.get("code_challenge").cloned(),
            identity_token: false,
            by_form,
            expires: later(now, CODE_SECONDS),
        };
        let wrong = |asked: &Asked, error, description| {
            Err(Wrong::Client(Box::new(asked.clone()), error, description))
        };
        if !matches!(field("response_mode"), None | Some("query" | "form_post")) {
            return wrong(&asked, "invalid_request", "AADSTS900971: The response mode is not supported.");
        }
        match field("response_type") {
            Some("code") => {}
            // Tokens never travel in a query.
            Some("code id_token" | "id_token code") if by_form && asked.nonce.is_some() => {
                asked.identity_token = true;
            }
            None => return wrong(&asked, "invalid_request", "AADSTS900144: response_type is required."),
            Some(_) => {
                let description = "AADSTS700054: The response type is not supported with this response mode.";
                return wrong(&asked, "unsupported_response_type", description);
            }
        }
        let no_service = field("scope").is_some_and(|scope| !scope.contains("//"));
        match scopes(v2, query) {
            Ok(Some(scopes)) => asked.scopes = scopes,
            // The page of the Secure Application Model asks for openid and profile here, and for the service later.
            Ok(None) | Err(_) if no_service && !query.contains_key("resource") => {
                let named =
                    |name| field("scope").is_some_and(|scope| scope.split(' ').any(|one| one == name));
                asked.scopes.openid = named("openid");
                asked.scopes.offline = named("offline_access");
            }
            _ => return wrong(&asked, "invalid_scope", "AADSTS70011: The scope is not valid."),
        }
        match (&asked.challenge, field("code_challenge_method")) {
            (Some(challenge), Some("S256")) if VERIFIER_CHARS.contains(&challenge.len()) => {}
            (Some(_), _) => {
                let description = "AADSTS501491: The code challenge must be made by S256.";
                return wrong(&asked, "invalid_request", description);
            }
            (None, _) if self.knobs.require_pkce || app == App::Public => {
                let description = "AADSTS9002325: Proof Key for Code Exchange is required.";
                return wrong(&asked, "invalid_request", description);
            }
            (None, _) => {}
        }
        Ok(asked)
    }

    /// A client exchanges its code.
    pub(super) fn redeemed(
        &mut self,
        app: App,
        form: &HashMap<String, String>,
        asked: Option<Scopes>,
        now: Timestamp,
    ) -> Result<Granted, Denied> {
        let given = form.get("code").ok_or(UNREADABLE)?;
        let redirect = form.get("redirect_uri").ok_or(UNREADABLE)?;
        let code = self.tokens.codes.get_mut(given).ok_or(NO_CODE)?;
        if code.asked.app != app {
            return Err(OTHER_CLIENT);
        }
        if code.used {
            return Err(USED_CODE);
        }
        if code.expires <= now {
            return Err(OLD_CODE);
        }
        // Whatever comes of it, this was its one use.
        code.used = true;
        if code.asked.redirect_given != *redirect {
            return Err(OTHER_REDIRECT);
        }
        if !verified(code.asked.challenge.as_deref(), form.get("code_verifier").map(String::as_str)) {
            return Err(BAD_VERIFIER);
        }
        let (first, person, nonce) = (code.asked.scopes.clone(), code.person, code.asked.nonce.clone());
        let scopes = match asked {
            Some(asked) => Scopes {
                offline: first.offline || asked.offline,
                openid: first.openid || asked.openid,
                ..asked
            },
            None => first,
        };
        let bearer = Bearer::User { person, session: self.tokens.session() };
        Ok(Granted { bearer, app, scopes, nonce })
    }
}

/// Whether the verifier is the one that the challenge was made of.
fn verified(challenge: Option<&str>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            VERIFIER_CHARS.contains(&verifier.len())
                && URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge
        }
        _ => false,
    }
}

/// A registered redirect address: this machine, by plain http, any port and any path.
fn loopback(given: &str) -> Option<Url> {
    let url = Url::parse(given).ok()?;
    let local = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(_) => false,
    };
    (local && url.scheme() == "http" && url.fragment().is_none()).then_some(url)
}

fn decline(asked: &Asked) -> Response<Bytes> {
    let description = "AADSTS65004: The user declined to consent to the application.";
    back(asked, &[("error", "access_denied"), ("error_description", description)])
}

/// Sends the browser back to the client with these fields and the client's own state.
fn back(asked: &Asked, fields: &[(&str, &str)]) -> Response<Bytes> {
    let mut fields = fields.to_vec();
    fields.extend(asked.state.as_deref().map(|state| ("state", state)));
    if asked.by_form {
        return page::sign_in::post_back(asked.redirect.as_str(), &fields);
    }
    let mut to = asked.redirect.clone();
    to.query_pairs_mut().extend_pairs(fields);
    let mut response = exchange::empty(StatusCode::FOUND);
    if let Ok(location) = HeaderValue::from_str(to.as_str()) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
