//! A way out that lets reads through and writes down everything else instead of sending it: for looking at the exact
//! requests of a plan.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use ports::{HttpService, TransportError};
use serde::Serialize;
use serde_json::{Map, Value};
use sync_engine::Listener;
use tower::{ServiceExt as _, service_fn, util::BoxCloneSyncService};

/// Headers that say what a write depends on and what it asks for. No other header is ever kept: one of them carries the
/// sign-in.
const SHOWN_HEADERS: [&str; 4] = ["content-type", "if-match", "if-unmodified-since", "prefer"];
/// Most requests that are written down of one deal.
const MOST: usize = 200;
/// Why the lock is never poisoned.
const LOCK: &str = "no code panics while holding this lock";

/// One request that a pass would send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Recorded {
    /// The place of the effect in the plan that it belongs to; none for a report that travels alone.
    pub(crate) effect: Option<usize>,
    /// The method.
    pub(crate) method: String,
    /// Host, path and query.
    pub(crate) url: String,
    /// The headers that matter.
    pub(crate) headers: Map<String, Value>,
    /// The exact body.
    pub(crate) text: String,
    /// The body, parsed.
    pub(crate) body: Value,
}

/// Writes requests down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Recording>>);

#[derive(Debug, Default)]
struct Recording {
    effect: Option<usize>,
    requests: Vec<Recorded>,
}

impl Recorder {
    /// `http`, with writes written down and never sent.
    pub(crate) fn over(&self, http: HttpService) -> HttpService {
        let recorder = self.clone();
        BoxCloneSyncService::new(service_fn(move |request: Request<Bytes>| {
            let (http, recorder) = (http.clone(), recorder.clone());
            async move {
                if is_read(&request) {
                    return http.oneshot(request).await;
                }
                recorder.keep(&request);
                // Certainly not sent, and not to be tried again.
                let host = request.uri().host().unwrap_or_default().to_owned();
                Err(TransportError::Late { host })
            }
        }))
    }

    /// What was written down since the last time, in order.
    pub(crate) fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.0.lock().expect(LOCK).requests)
    }

    fn keep(&self, request: &Request<Bytes>) {
        let mut recording = self.0.lock().expect(LOCK);
        if recording.requests.len() >= MOST {
            return;
        }
        let text = String::from_utf8_lossy(request.body()).into_owned();
        let recorded = Recorded {
            effect: recording.effect,
            method: request.method().to_string(),
            url: request.uri().to_string(),
            headers: shown(request.headers()),
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        };
        recording.requests.push(recorded);
    }
}

impl Listener for Recorder {
    fn next(&self, effect: Option<usize>) {
        self.0.lock().expect(LOCK).effect = effect;
    }
}

fn shown(headers: &HeaderMap) -> Map<String, Value> {
    let held = |name: &str| Some((name.to_owned(), Value::from(headers.get(name)?.to_str().ok()?)));
    SHOWN_HEADERS.into_iter().filter_map(held).collect()
}

/// Whether the request changes nothing: a sign-in, a read, or a call that bundles reads.
fn is_read(request: &Request<Bytes>) -> bool {
    if [Method::GET, Method::HEAD].contains(request.method()) || request.uri().path().contains("/oauth2/") {
        return true;
    }
    let Ok(body) = serde_json::from_slice::<Value>(request.body()) else { return false };
    // Records by their ids: a read that is too long for an address (salesforce reference, section 2.10).
    if *request.method() == Method::POST && body["ids"].is_array() && body["fields"].is_array() {
        return true;
    }
    let bundles = body["graphs"].as_array().map_or_else(|| vec![&body], |graphs| graphs.iter().collect());
    let mut parts =
        bundles.iter().flat_map(|bundle| bundle["compositeRequest"].as_array().into_iter().flatten());
    let mut any = false;
    parts.all(|part| {
        any = true;
        part["method"] == "GET"
    }) && any
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use super::*;

    fn request(method: Method, path: &str, body: &str) -> Request<Bytes> {
        let uri = format!("https://org.example{path}");
        Request::builder().method(method).uri(uri).body(Bytes::from(body.to_owned())).unwrap()
    }

    #[test]
    fn only_what_changes_nothing_is_let_through() {
        let get = r#"{"compositeRequest":[{"method":"GET","url":"/q"}]}"#;
        let mixed = r#"{"compositeRequest":[{"method":"GET","url":"/q"},{"method":"PATCH","url":"/x"}]}"#;
        let graph = r#"{"graphs":[{"compositeRequest":[{"method":"POST"}]}]}"#;
        for (method, path, body, reads) in [
            (Method::GET, "/referrals", "", true),
            (Method::POST, "/services/oauth2/token", "grant_type=x", true),
            (Method::POST, "/composite", get, true),
            (Method::POST, "/composite/sobjects/Opportunity", r#"{"ids":["1"],"fields":["Id"]}"#, true),
            (Method::POST, "/composite", mixed, false),
            (Method::POST, "/composite/graph", graph, false),
            (Method::POST, "/composite", r#"{"compositeRequest":[]}"#, false),
            (Method::POST, "/referrals", "{}", false),
            (Method::PATCH, "/referrals/1", "[]", false),
            (Method::DELETE, "/x", "", false),
            (Method::POST, "/x", "no JSON", false),
        ] {
            assert_eq!(is_read(&request(method.clone(), path, body)), reads, "{method} {path} {body}");
        }
    }

    #[test]
    fn no_secret_is_written_down() {
        let recorder = Recorder::default();
        let mut patch = request(Method::PATCH, "/referrals/1", "[]");
        patch.headers_mut().insert("authorization", "Bearer secret".parse().unwrap());
        patch.headers_mut().insert("if-match", "\"7\"".parse().unwrap());
        recorder.keep(&patch);
        let written = format!("{:?}", recorder.take());
        assert!(written.contains("if-match") && !written.contains("secret"), "{written}");
    }
}
