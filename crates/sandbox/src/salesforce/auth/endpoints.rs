//! The addresses of sign-in, and what stands in a request to them (salesforce reference, section 1.1).

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;

use super::{
    super::org::Org,
    Gate, Refusal,
    host::{Host, host},
    refuse,
};
use crate::exchange;

/// What a client says of itself.
pub(super) struct Asking {
    pub(super) form: BTreeMap<String, String>,
    pub(super) client_id: String,
    pub(super) client_secret: Option<String>,
    pub(super) host: Host,
}

impl Asking {
    fn read(org: &Org, request: &Request<Bytes>) -> Self {
        let form: BTreeMap<String, String> =
            url::form_urlencoded::parse(request.body()).into_owned().collect();
        let basic = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
            .and_then(|text| String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok())
            .and_then(|pair| pair.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned())));
        let (client_id, client_secret) = match basic {
            Some((id, secret)) => (id, Some(secret)),
            None => (form.get("client_id").cloned().unwrap_or_default(), form.get("client_secret").cloned()),
        };
        Self { form, client_id, client_secret, host: host(org, request) }
    }

    pub(super) fn field(&self, name: &str) -> &str {
        self.form.get(name).map(String::as_str).unwrap_or_default()
    }
}

fn oauth((status, body): &Refusal) -> Response<Bytes> {
    exchange::json(*status, body)
}

impl Gate {
    /// Answers a request to sign-in that needs no session; nothing when it is none.
    pub(crate) fn answer(
        &mut self,
        org: &mut Org,
        request: &Request<Bytes>,
        path: &[&str],
        now: Timestamp,
    ) -> Option<Response<Bytes>> {
        let post = request.method() == Method::POST;
        let only_post = || oauth(&refuse("invalid_request", "must use HTTP POST"));
        Some(match path {
            ["services", "oauth2", "token" | "introspect"] if !post => only_post(),
            ["services", "oauth2", "token"] => {
                let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
                if !kind.unwrap_or_default().starts_with("application/x-www-form-urlencoded") {
                    return Some(oauth(&refuse("unsupported_grant_type", "grant type not supported")));
                }
                match self.token(org, &Asking::read(org, request), now) {
                    Ok(body) => exchange::json(StatusCode::OK, &body),
                    Err(refusal) => oauth(&refusal),
                }
            }
            ["services", "oauth2", "authorize"] => {
                let mut fields: BTreeMap<String, String> = exchange::query(request).into_iter().collect();
                if post {
                    fields.extend(url::form_urlencoded::parse(request.body()).into_owned());
                }
                self.authorize(org, &fields, post, now)
            }
            ["services", "oauth2", "revoke"] => {
                let mut fields: BTreeMap<String, String> = exchange::query(request).into_iter().collect();
                fields.extend(url::form_urlencoded::parse(request.body()).into_owned());
                if fields.get("token").is_some_and(|token| self.revoke(token)) {
                    exchange::empty(StatusCode::OK)
                } else {
                    oauth(&refuse("unsupported_token_type", "this token type is not supported"))
                }
            }
            ["services", "oauth2", "introspect"] => {
                let asking = Asking::read(org, request);
                match self.client(&asking, true) {
                    Ok(()) => {
                        exchange::json(StatusCode::OK, &self.introspect(org, asking.field("token"), now))
                    }
                    Err(refusal) => oauth(&refusal),
                }
            }
            ["services", "Soap", "u" | "c", version, ..] if post => {
                self.soap_login(org, version, request.body(), now)
            }
            ["services", "Soap", ..] => {
                exchange::json(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "SOAP is POST"}))
            }
            _ => return None,
        })
    }
}
