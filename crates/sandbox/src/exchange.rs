//! One request and one response, whole and in memory: what a platform's state machine sees of the wire.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use jiff::Timestamp;
use serde_json::Value;

/// What a request does, as far as faults, hold-points and tallies are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Changes nothing.
    Read,
    /// Obtains a token.
    Token,
    /// Creates the caller's own referral.
    Create,
    /// Creates Microsoft's referral in an engagement.
    CreateCompanion,
    /// Changes a referral.
    Patch,
    /// Writes Salesforce records.
    CrmWrite,
    /// Changes the webhook registration.
    Registration,
    /// The sandbox's own control surface: never faulted, never counted.
    Control,
}

/// A platform: a state machine behind a router.
pub trait Machine: Send + Sync + 'static {
    /// What `request` would do. Looks, changes nothing.
    fn kind(&self, request: &Request<Bytes>) -> Kind;

    /// Answers one request at the instant `now`, with every side effect it has.
    fn handle(&self, request: Request<Bytes>, now: Timestamp) -> Response<Bytes>;
}

/// A JSON response.
pub fn json(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

/// A response without a body.
pub fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// The path's segments, percent-decoded, without empty ones.
pub fn segments(request: &Request<Bytes>) -> Vec<String> {
    request.uri().path().split('/').filter(|part| !part.is_empty()).map(decode).collect()
}

/// The query's pairs, decoded; `+` is a space.
pub fn query(request: &Request<Bytes>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect()
}

/// Whether `request` has this method.
pub fn is(request: &Request<Bytes>, method: &Method) -> bool {
    request.method() == method
}

fn decode(part: &str) -> String {
    // A path keeps its plus signs; only percent escapes mean something.
    let plus_kept = part.replace('+', "%2B");
    url::form_urlencoded::parse(format!("x={plus_kept}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
