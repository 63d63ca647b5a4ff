//! What a request must look like and what an answer carries, whatever it is about (reference, sections 2.2 and 2.3).

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, ETAG},
};
use serde_json::Value;

use super::{
    book::{Document, text},
    refusal::Refusal,
};

/// The request's body, as JSON and nothing else.
pub(super) fn body(request: &Request<Bytes>) -> Result<Value, Refusal> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let message = "The body must be application/json.";
        return Err(Refusal::form(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    serde_json::from_slice(request.body())
        .map_err(|_| Refusal::invalid("The body is not JSON.").because("malformed"))
}

/// Whether the caller takes what the service answers in.
pub(super) fn accepts_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(accept) = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()) else { return Ok(()) };
    let accepted = |range: &str| {
        let range = range.split(';').next().unwrap_or_default().trim();
        matches!(range, "*/*" | "application/*" | "application/json" | "")
    };
    if accept.split(',').any(accepted) {
        return Ok(());
    }
    Err(Refusal::form(StatusCode::NOT_ACCEPTABLE, "The service answers in application/json only."))
}

/// Whether the caller wants the changed referral back.
pub(super) fn prefers_representation(headers: &HeaderMap) -> bool {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .any(|preference| preference.trim().eq_ignore_ascii_case("return=representation"))
}

/// Writes a referral's eTag into an answer.
pub(super) fn tag(response: &mut Response<Bytes>, document: &Document) {
    if let Ok(tag) = HeaderValue::from_str(text(document, "eTag")) {
        response.headers_mut().insert(ETAG, tag);
    }
}
