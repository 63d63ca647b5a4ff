//! The authorization code with PKCE: the page that asks a person, and the code that comes of it (sections 1.2, 1.5).

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
};

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::{
    super::{
        id::Id,
        org::{Org, Person},
        seed::SELLERS,
    },
    Gate, Refusal,
    knobs::Approval,
    letters, refuse,
};
use crate::{
    exchange,
    html::{escape, page},
};

/// How long a code lives.
const CODE_MINUTES: i64 = 15;
/// Codes remembered, used ones included; the oldest go first.
const MAX_CODES: usize = 1_000;
/// What the app may ask for.
pub(super) const SCOPES: [&str; 7] =
    ["api", "refresh_token", "offline_access", "id", "openid", "web", "full"];

/// A code that was given out.
#[derive(Debug)]
pub(super) struct Code {
    text: String,
    user: Id,
    callback: String,
    challenge: Option<String>,
    scope: String,
    issued: Timestamp,
    used: bool,
}

/// What an application asks a person for.
struct Asked<'a> {
    callback: Url,
    callback_given: &'a str,
    state: Option<&'a str>,
    challenge: Option<&'a str>,
    scope: String,
}

/// The scopes that were asked for in the app's words; all that the app has when nothing was.
pub(super) fn scope(asked: &str) -> Result<String, Refusal> {
    let asked: Vec<&str> = asked.split_whitespace().collect();
    if asked.is_empty() {
        return Ok("refresh_token api id".to_owned());
    }
    if asked.iter().any(|scope| !SCOPES.contains(scope)) {
        return Err(refuse("invalid_scope", "the requested scope is not allowed"));
    }
    Ok(asked.join(" ").replace("offline_access", "refresh_token"))
}

/// Whether a session with these scopes has a refresh token.
fn refreshes(scope: &str) -> bool {
    scope.split(' ').any(|scope| matches!(scope, "refresh_token" | "full"))
}

impl Gate {
    /// `GET` and `POST /services/oauth2/authorize`; `fields` are those of query and form.
    pub(super) fn authorize(
        &mut self,
        org: &Org,
        fields: &BTreeMap<String, String>,
        answered: bool,
        now: Timestamp,
    ) -> Response<Bytes> {
        let asked = match self.asked(org, fields) {
            Ok(asked) => asked,
            Err(Wrong::Page(error, sentence)) => return refused(error, sentence),
            Err(Wrong::Client(callback, state, error, description)) => {
                return back(*callback, state, &[("error", error), ("error_description", description)]);
            }
        };
        let named =
            fields.get("username").or_else(|| fields.get("login_hint")).map_or(SELLERS[0], String::as_str);
        let person = org.people.iter().find(|person| person.username.eq_ignore_ascii_case(named)).cloned();
        let approved = match (org.knobs.sign_in.approval, answered) {
            (Approval::Waits, false) => return consent(org, fields, named),
            (Approval::Waits, true) => fields.get("decision").is_some_and(|decision| decision == "approve"),
            (Approval::Approves, _) => true,
            (Approval::Declines, _) => false,
        };
        let no = |error, text| {
            back(asked.callback.clone(), asked.state, &[("error", error), ("error_description", text)])
        };
        let Some(person) = person.filter(|_| approved) else {
            return no("access_denied", "end-user denied authorization");
        };
        if !org.approved(&person) {
            return no("invalid_app_access", "user is not admin approved to access this app");
        }
        let text = format!("aPrx{}", letters(&self.world, 80));
        self.codes.push_back(Code {
            text: text.clone(),
            user: person.id,
            callback: asked.callback_given.to_owned(),
            challenge: asked.challenge.map(str::to_owned),
            scope: asked.scope,
            issued: now,
            used: false,
        });
        if self.codes.len() > MAX_CODES {
            self.codes.pop_front();
        }
        back(asked.callback, asked.state, &[("code", &text)])
    }

    fn asked<'a>(&self, org: &Org, fields: &'a BTreeMap<String, String>) -> Result<Asked<'a>, Wrong<'a>> {
        let field = |name: &str| fields.get(name).map(String::as_str);
        if field("client_id") != Some(self.consumer_key.as_str()) {
            return Err(Wrong::Page("invalid_client_id", "client identifier invalid"));
        }
        let mismatch = || Wrong::Page("redirect_uri_mismatch", "redirect_uri must match configuration");
        let given = field("redirect_uri").ok_or_else(mismatch)?;
        let callback = Url::parse(given).map_err(|_| mismatch())?;
        if !registered(org, given, &callback) {
            return Err(mismatch());
        }
        let state = field("state");
        let wrong = |error, text| Err(Wrong::Client(Box::new(callback.clone()), state, error, text));
        if field("response_type") != Some("code") {
            return wrong("unsupported_response_type", "response type must be code");
        }
        let challenge = field("code_challenge");
        if challenge.is_none() && org.knobs.sign_in.pkce_required {
            return wrong("invalid_request", "missing required code challenge");
        }
        if challenge.is_some() && field("code_challenge_method").is_some_and(|method| method != "S256") {
            return wrong("invalid_request", "code challenge method must be S256");
        }
        let Ok(scope) = scope(field("scope").unwrap_or_default()) else {
            return wrong("invalid_scope", "the requested scope is not allowed");
        };
        Ok(Asked { callback, callback_given: given, state, challenge, scope })
    }

    /// Takes a code: whose it is, what for, and whether a refresh token belongs to it.
    pub(super) fn by_code(
        &mut self,
        org: &Org,
        form: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(Person, String, bool), Refusal> {
        let field = |name: &str| form.get(name).map(String::as_str);
        let expired = || refuse("invalid_grant", "expired authorization code");
        let code = self
            .codes
            .iter_mut()
            .find(|code| Some(code.text.as_str()) == field("code"))
            .ok_or_else(|| refuse("invalid_grant", "invalid authorization code"))?;
        if code.used || now.duration_since(code.issued) > SignedDuration::from_mins(CODE_MINUTES) {
            return Err(expired());
        }
        if field("redirect_uri") != Some(code.callback.as_str()) {
            return Err(refuse("redirect_uri_mismatch", "redirect_uri must match configuration"));
        }
        if let Some(challenge) = &code.challenge {
            let verifier = field("code_verifier").unwrap_or_default();
            let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
            if URL_SAFE_NO_PAD.encode(digest) != challenge.trim_end_matches('=') {
                return Err(refuse("invalid_grant", "invalid code verifier"));
            }
        }
        code.used = true;
        let (user, scope) = (code.user, code.scope.clone());
        let person = org.people.iter().find(|person| person.id == user).cloned().ok_or_else(expired)?;
        let refreshes = refreshes(&scope);
        Ok((person, scope, refreshes))
    }
}

/// Codes given out, oldest first.
pub(super) type Codes = VecDeque<Code>;

/// Why nobody is asked: told to the person where the application is not known, else to the application.
enum Wrong<'a> {
    Page(&'static str, &'static str),
    Client(Box<Url>, Option<&'a str>, &'static str, &'static str),
}

fn registered(org: &Org, given: &str, callback: &Url) -> bool {
    let settings = &org.knobs.sign_in;
    settings.callback_urls.iter().any(|own| {
        let Ok(own_url) = Url::parse(own) else { return false };
        let loopback = matches!(callback.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let but_for_port = settings.loopback_port_free
            && loopback
            && callback.scheme() == "http"
            && own_url.host_str() == callback.host_str()
            && own_url.path() == callback.path()
            && callback.query().is_none();
        own == given || but_for_port
    })
}

fn back(mut to: Url, state: Option<&str>, fields: &[(&str, &str)]) -> Response<Bytes> {
    {
        let mut pairs = to.query_pairs_mut();
        for (name, value) in fields {
            pairs.append_pair(name, value);
        }
        if let Some(state) = state {
            pairs.append_pair("state", state);
        }
    }
    let mut response = exchange::empty(StatusCode::FOUND);
    if let Ok(location) = HeaderValue::from_str(to.as_str()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn refused(error: &str, sentence: &str) -> Response<Bytes> {
    let main = format!(
        "<main class=\"narrow\"><h1>Sign-in is not possible</h1>\n<p role=\"alert\">error={}&amp;error_description={}</p></main>",
        escape(error),
        escape(sentence)
    );
    page(StatusCode::BAD_REQUEST, "Sign-in is not possible", &main)
}

/// Asks a person whether the application may act for them; the form brings everything back.
fn consent(org: &Org, fields: &BTreeMap<String, String>, named: &str) -> Response<Bytes> {
    let mut inputs = String::new();
    for (name, value) in fields.iter().filter(|(name, _)| *name != "username" && *name != "decision") {
        let (name, value) = (escape(name), escape(value));
        let _ = writeln!(inputs, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    inputs.push_str("<fieldset><legend>Who are you?</legend>\n");
    for person in &org.people {
        let checked = if person.username.eq_ignore_ascii_case(named) { " checked" } else { "" };
        let name = escape(person.username);
        let _ = writeln!(
            inputs,
            "<label><input type=\"radio\" name=\"username\" value=\"{name}\"{checked}> {name}</label>"
        );
    }
    inputs.push_str("</fieldset>\n");
    let main = format!(
        "<main class=\"narrow\"><h1>Allow access?</h1>\n<p>An application asks to work with your Salesforce \
         data.</p>\n<form method=\"post\">\n{inputs}<div class=\"row\"><button name=\"decision\" \
         value=\"approve\">Allow</button>\n<button class=\"plain\" name=\"decision\" value=\"decline\">Deny\
         </button></div>\n</form></main>"
    );
    page(StatusCode::OK, "Allow access?", &main)
}
