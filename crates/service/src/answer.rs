//! What a refusal looks like on every listener: a status and a word that names the reason, as JSON.

use std::time::Duration;

use axum::{
    Json, Router,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// A refusal. Its texts are this program's own: nothing of the request is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// A short word for programs.
    pub(crate) reason: &'static str,
    /// A sentence for people.
    pub(crate) message: String,
    /// When to come back.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into(), retry_after: None }
    }

    /// A failure that is ours: the sender is asked to come back.
    pub(crate) fn come_back(reason: &'static str, message: &str, after: Duration) -> Self {
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, message);
        Self { retry_after: Some(after), ..refusal }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({ "reason": self.reason, "message": self.message }));
        let mut response = (self.status, body).into_response();
        if let Some(after) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        response
    }
}

/// The same routes; whatever they do not know is refused as JSON too, a wrong method with `Allow`.
pub(crate) fn with_refusals(routes: Router) -> Router {
    routes
        .fallback(async || Refusal::new(StatusCode::NOT_FOUND, "not-found", "there is nothing here"))
        .method_not_allowed_fallback(async || {
            let message = "this method is not for this path; the header Allow names those that are";
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", message)
        })
}
