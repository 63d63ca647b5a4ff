//! How Partner Center says no: the error envelope of the Referrals API (reference, section 5).

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::knobs::{ErrorSpelling, Knobs};
use crate::exchange;

/// Longest message, in characters (reference, section 5).
const MAX_MESSAGE_CHARS: usize = 1024;

/// A refused request.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    inner: Option<&'static str>,
    message: String,
    target: Option<String>,
    header: Option<(&'static str, &'static str)>,
}

/// What a claims challenge asks for: base64 of `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`.
const CLAIMS_CHALLENGE: &str = "Bearer error=\"insufficient_claims\", \
    claims=\"eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19\"";

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, inner: None, message: message.into(), target: None, header: None }
    }

    /// 400: the request cannot be read or breaks a rule.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalidRequest", message)
    }

    /// 400: one member, named by its dotted path, breaks a rule. The inner code is this sandbox's own; Microsoft
    /// publishes none.
    pub(super) fn member(path: &str, inner: &'static str, what: &str) -> Self {
        let mut refusal = Self::invalid(format!("{path} {what}"));
        refusal.target = Some(path.to_owned());
        refusal.inner = Some(inner);
        refusal
    }

    /// 401: no token, or not one for this service.
    pub(super) fn unauthenticated(message: &str) -> Self {
        let mut refusal = Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", message);
        refusal.header = Some(("www-authenticate", "Bearer"));
        refusal
    }

    /// 403.
    pub(super) fn denied(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "accessDenied", message)
    }

    /// 403: a policy demands a claim that the token lacks (reference, section 1.3).
    pub(super) fn challenge(message: &str) -> Self {
        let mut refusal = Self::denied(message).because("insufficient_claims");
        refusal.header = Some(("www-authenticate", CLAIMS_CHALLENGE));
        refusal
    }

    /// 404.
    pub(super) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "itemNotFound", message)
    }

    /// 405, with what is allowed.
    pub(super) fn method(allowed: &'static str) -> Self {
        let mut refusal =
            Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalidRequest", "The method is not allowed here.");
        refusal.header = Some(("allow", allowed));
        refusal
    }

    /// 406, 413, 415: the request's form is not one the service deals with.
    pub(super) fn form(status: StatusCode, message: &str) -> Self {
        Self::new(status, "invalidRequest", message)
    }

    /// The referral is not the one the caller has read: 412 or, by knob, 409.
    pub(super) fn stale(status: u16) -> Self {
        if status == 409 {
            let message = "The resource has changed since it was last read; usually an eTag mismatch.";
            Self::new(StatusCode::CONFLICT, "resourceModified", message)
        } else {
            let message =
                "A precondition provided in the request does not match the resource's current state.";
            Self::new(StatusCode::PRECONDITION_FAILED, "preconditionFailed", message)
        }
    }

    /// Names the inner code.
    pub(super) fn because(mut self, inner: &'static str) -> Self {
        self.inner = Some(inner);
        self
    }

    /// Names the member.
    pub(super) fn on(mut self, target: &str) -> Self {
        self.target = Some(target.to_owned());
        self
    }

    /// The sentence.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// As it goes over the wire.
    pub(super) fn response(&self, knobs: &Knobs) -> Response<Bytes> {
        let message: String = self.message.chars().take(MAX_MESSAGE_CHARS).collect();
        let sampled = knobs.error_spelling == ErrorSpelling::Sampled;
        let code = if sampled && self.code == "unauthenticated" { "unAuthorized" } else { self.code };
        let mut error = json!({ "code": code, "message": message });
        if let Some(target) = &self.target {
            error["target"] =
                Value::from(if knobs.whole_error_target { "referral" } else { target.as_str() });
        }
        if let Some(inner) = self.inner {
            let deepest = json!({ "code": inner, "message": message });
            if sampled {
                error["innererror"] = json!({ "code": self.code, "message": message, "innererror": deepest });
            } else {
                error["innerError"] = deepest;
            }
        }
        let mut response = exchange::json(self.status, &json!({ "error": error }));
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        response
    }
}
