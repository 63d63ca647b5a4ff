//! The token endpoint: every grant, and both versions' answers (reference, section 1.3).

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::CACHE_CONTROL};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{
        State,
        knobs::{OldRefreshToken, SignIn},
    },
    Audience, Bearer, Refresh,
    client::App,
    days,
    denied::{
        BAD_GRANT, BAD_PASSWORD, BAD_RESOURCE, BAD_SCOPE, DEAD_TOKEN, Denied, IDLE_TOKEN, INTERACTION, MFA,
        NO_TENANT, NOT_FOR_PUBLIC, OTHER_CLIENT, REVOKED_TOKEN, UNREADABLE,
    },
    form, later,
};
use crate::exchange;

/// What is asked for: one service, and whether a refresh token and an identity token come along.
#[derive(Debug, Clone)]
pub(super) struct Scopes {
    pub(super) audience: Audience,
    pub(super) offline: bool,
    pub(super) openid: bool,
}

/// Whose token it becomes.
pub(super) struct Granted {
    pub(super) bearer: Bearer,
    pub(super) app: App,
    pub(super) scopes: Scopes,
    pub(super) nonce: Option<String>,
}

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
            Err(denied) => self.denied(&denied, now),
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache"));
        response
    }

    fn grant(
        &mut self,
        tenant: &str,
        v2: bool,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<Value, Denied> {
        self.tenant(tenant)?;
        let form = form(request).ok_or(UNREADABLE)?;
        let field = |name: &str| form.get(name).map(String::as_str);
        let app = self.client(request, &form, now)?;
        let granted = match field("grant_type").ok_or(UNREADABLE)? {
            "refresh_token" => {
                let scopes = scopes(v2, &form)?.ok_or(UNREADABLE)?;
                let bearer = self.refreshed(field("refresh_token").ok_or(UNREADABLE)?, app, now)?;
                Granted { bearer, app, scopes: Scopes { offline: true, ..scopes }, nonce: None }
            }
            "client_credentials" if app == App::Public => return Err(NOT_FOR_PUBLIC),
            "client_credentials" => {
                let scopes = scopes(v2, &form)?.ok_or(UNREADABLE)?;
                let scopes = Scopes { offline: false, openid: false, ..scopes };
                Granted { bearer: Bearer::App, app, scopes, nonce: None }
            }
            "password" => {
                let scopes = scopes(v2, &form)?.ok_or(UNREADABLE)?;
                let bearer = self.password(field("username"), field("password"))?;
                Granted { bearer, app, scopes, nonce: None }
            }
            "authorization_code" => self.redeemed(app, &form, scopes(v2, &form)?, now)?,
            "urn:ietf:params:oauth:grant-type:device_code" | "device_code" => {
                let code = field("device_code").or(field("code")).ok_or(UNREADABLE)?;
                self.device_answer(app, code, scopes(v2, &form)?, now)?
            }
            _ => return Err(BAD_GRANT),
        };
        Ok(self.answer(v2, &granted, now))
    }

    /// Whether the path names the partner's own tenant or leaves it open.
    pub(super) fn tenant(&self, tenant: &str) -> Result<(), Denied> {
        let known = tenant == self.identity.tenant_id || tenant == "common" || tenant == "organizations";
        if known { Ok(()) } else { Err(NO_TENANT) }
    }

    fn answer(&mut self, v2: bool, granted: &Granted, now: Timestamp) -> Value {
        let Granted { bearer, app, scopes, nonce } = granted;
        let life = i64::from(self.knobs.access_token_seconds);
        let expires = later(now, life);
        let access = self.access_token(scopes.audience, *bearer, now, expires);
        let lasts = (life - 1).max(0);
        let resource = scopes.audience.resource();
        let mut body = if v2 {
            json!({
                "token_type": "Bearer",
                "scope": format!("{resource}/user_impersonation"),
                "expires_in": lasts,
                "ext_expires_in": lasts,
            })
        } else {
            json!({
                "token_type": "Bearer",
                "scope": "user_impersonation",
                "expires_in": lasts.to_string(),
                "ext_expires_in": lasts.to_string(),
                "expires_on": expires.as_second().to_string(),
                "not_before": now.as_second().to_string(),
                "resource": resource,
            })
        };
        body["access_token"] = access.into();
        let Bearer::User { person, session } = *bearer else { return body };
        // The second version hands out a refresh token only to those who ask; the first one always does.
        if scopes.offline || !v2 {
            let token = format!("0.{}", self.secret());
            let expires = days(now, self.knobs.refresh_token_days);
            self.tokens.admit_refresh(token.clone(), Refresh { app: *app, person, session, expires });
            body["refresh_token"] = token.into();
        }
        if scopes.openid || !v2 {
            body["id_token"] = self.identity_token(*app, person, nonce.as_deref(), now).into();
        }
        body
    }

    /// An identity token. Its claims are right; its signature is nobody's.
    pub(super) fn identity_token(
        &self,
        app: App,
        person: usize,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> String {
        let who = &self.identity.people[person];
        let audience = match app {
            App::Confidential => &self.identity.client_id,
            App::Public => &self.identity.public_client_id,
        };
        self.token_of(&json!({
            "aud": audience,
            "iss": format!("https://login.microsoftonline.com/{}/v2.0", self.identity.tenant_id),
            "tid": self.identity.tenant_id,
            "iat": now.as_second(),
            "exp": later(now, 3600).as_second(),
            "name": who.name,
            "preferred_username": who.username,
            "nonce": nonce,
        }))
    }

    fn refreshed(&mut self, old: &str, app: App, now: Timestamp) -> Result<Bearer, Denied> {
        let held = self.tokens.refresh.get(old).ok_or(DEAD_TOKEN)?;
        if held.app != app {
            return Err(OTHER_CLIENT);
        }
        if held.expires <= now {
            return Err(IDLE_TOKEN);
        }
        let bearer = Bearer::User { person: held.person, session: held.session };
        if self.tokens.troubled(held.session) {
            match self.knobs.sign_in {
                SignIn::Works => {}
                SignIn::MfaRequired => return Err(MFA),
                SignIn::InteractionRequired => return Err(INTERACTION),
                SignIn::TokenExpired => return Err(IDLE_TOKEN),
                SignIn::TokenRevoked => return Err(REVOKED_TOKEN),
            }
        }
        if self.knobs.old_refresh_token == OldRefreshToken::Dies {
            self.tokens.refresh.remove(old);
        }
        Ok(bearer)
    }

    fn password(&mut self, username: Option<&str>, password: Option<&str>) -> Result<Bearer, Denied> {
        // The pages said in 2023 already that it is dead, because a password proves one factor (section 1.3).
        if !self.knobs.ropc || self.knobs.sign_in == SignIn::MfaRequired {
            return Err(MFA);
        }
        let (username, password) = (username.ok_or(UNREADABLE)?, password.ok_or(UNREADABLE)?);
        let person =
            self.identity.people.iter().position(|person| {
                person.username.eq_ignore_ascii_case(username) && person.password == password
            });
        let person = person.ok_or(BAD_PASSWORD)?;
        Ok(Bearer::User { person, session: self.tokens.session() })
    }
}

/// What the form asks for: `scope` in the second version, `resource` in the first. `None` if it says nothing.
pub(super) fn scopes(v2: bool, form: &HashMap<String, String>) -> Result<Option<Scopes>, Denied> {
    let scope = form.get("scope");
    let named =
        |wanted: &str| scope.is_some_and(|scope| scope.split_whitespace().any(|scope| scope == wanted));
    let (offline, openid) = (named("offline_access"), named("openid"));
    if !v2 {
        let Some(resource) = form.get("resource") else { return Ok(None) };
        let audience = Audience::of_resource(resource).ok_or(BAD_RESOURCE)?;
        return Ok(Some(Scopes { audience, offline, openid }));
    }
    let Some(scope) = scope else { return Ok(None) };
    let mut audience = None;
    for scope in scope.split_whitespace().filter(|scope| scope.contains("//")) {
        let found = Audience::of_scope(scope).ok_or(BAD_SCOPE)?;
        if audience.is_some_and(|before| before != found) {
            return Err(BAD_SCOPE);
        }
        audience = Some(found);
    }
    audience.map(|audience| Some(Scopes { audience, offline, openid })).ok_or(BAD_SCOPE)
}
