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
/// Most requests that are written down of one deal, unless all are wanted.
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
    most: Option<usize>,
    requests: Vec<Recorded>,
    cut: usize,
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

    /// Writes everything down, however much it is.
    pub(crate) fn whole() -> Self {
        Self::at_most(usize::MAX)
    }

    fn at_most(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Recording { most: Some(most), ..Recording::default() })))
    }

    /// What was written down since the last time, in order, and how many more requests there were.
    pub(crate) fn take(&self) -> (Vec<Recorded>, usize) {
        let mut recording = self.0.lock().expect(LOCK);
        (std::mem::take(&mut recording.requests), std::mem::take(&mut recording.cut))
    }

    fn keep(&self, request: &Request<Bytes>) {
        let mut recording = self.0.lock().expect(LOCK);
        if recording.requests.len() >= recording.most.unwrap_or(MOST) {
            recording.cut += 1;
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

/// Whether the request changes nothing: a sign-in, a read, or a call that bundles reads. A body alone proves nothing: what
/// is a read at one address is ignored, or means something else, at another.
fn is_read(request: &Request<Bytes>) -> bool {
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return true;
    }
    if *request.method() != Method::POST {
        return false;
    }
    let place: Vec<&str> = request.uri().path().split('/').skip(1).collect();
    match place.as_slice() {
        // Salesforce's, and Microsoft's with and without its version (their references, sections 1 and 2).
        [_, "oauth2", "token"] | [_, "oauth2", "v2.0", "token"] => true,
        ["services", "data", version, "composite", rest @ ..] if version.starts_with('v') => {
            bundles_reads(rest, request.body())
        }
        _ => false,
    }
}

/// The same of a call that bundles others. `place`: what follows `composite` in its path.
fn bundles_reads(place: &[&str], body: &Bytes) -> bool {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return false };
    let all_read = |bundle: &Value| {
        let parts = bundle["compositeRequest"].as_array();
        parts.is_some_and(|parts| !parts.is_empty() && parts.iter().all(|part| part["method"] == "GET"))
    };
    match place {
        [] => all_read(&body),
        ["graph"] => {
            body["graphs"].as_array().is_some_and(|graphs| !graphs.is_empty() && graphs.iter().all(all_read))
        }
        // Records by their ids: a read that is too long for an address (salesforce reference, section 2.10).
        ["sobjects", _] => body["ids"].is_array() && body["fields"].is_array() && body["records"].is_null(),
        _ => false,
    }
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
        let both =
            r#"{"graphs":[{"compositeRequest":[{"method":"GET"}]}],"compositeRequest":[{"method":"PATCH"}]}"#;
        let ids = r#"{"ids":["1"],"fields":["Id"]}"#;
        let rows = r#"{"ids":["1"],"fields":["Id"],"records":[{"Name":"x"}]}"#;
        let at = |place: &str| format!("/services/data/v66.0{place}");
        for (method, path, body, reads) in [
            (Method::GET, "/referrals".to_owned(), "", true),
            (Method::POST, "/services/oauth2/token".to_owned(), "grant_type=x", true),
            (Method::POST, "/tenant.example/oauth2/token".to_owned(), "grant_type=x", true),
            (Method::POST, "/tenant.example/oauth2/v2.0/token".to_owned(), "grant_type=x", true),
            (Method::POST, at("/composite"), get, true),
            (Method::POST, at("/composite/sobjects/Opportunity"), ids, true),
            (Method::POST, at("/composite"), mixed, false),
            (Method::POST, at("/composite"), both, false),
            (Method::POST, at("/composite/graph"), graph, false),
            (Method::POST, at("/composite"), r#"{"compositeRequest":[]}"#, false),
            // What looks like a read, and is sent elsewhere.
            (Method::POST, "/referrals".to_owned(), ids, false),
            (Method::POST, "/referrals".to_owned(), get, false),
            (Method::POST, at("/sobjects/Opportunity"), ids, false),
            (Method::POST, at("/composite/sobjects"), ids, false),
            (Method::POST, at("/composite/sobjects/Opportunity/Key__c"), ids, false),
            (Method::POST, at("/composite/sobjects/Opportunity"), rows, false),
            (Method::PATCH, at("/composite/sobjects/Opportunity"), ids, false),
            (Method::DELETE, "/services/oauth2/token".to_owned(), "", false),
            (Method::POST, "/referrals/oauth2/1".to_owned(), "{}", false),
            (Method::POST, "/referrals".to_owned(), "{}", false),
            (Method::PATCH, "/referrals/1".to_owned(), "[]", false),
            (Method::DELETE, "/x".to_owned(), "", false),
            (Method::POST, "/x".to_owned(), "no JSON", false),
        ] {
            assert_eq!(is_read(&request(method.clone(), &path, body)), reads, "{method} {path} {body}");
        }
    }

    #[test]
    fn no_secret_is_written_down() {
        let recorder = Recorder::default();
        let mut patch = request(Method::PATCH, "/referrals/1", "[]");
        patch.headers_mut().insert("authorization", "Bearer secret".parse().unwrap());
        patch.headers_mut().insert("if-match", "\"7\"".parse().unwrap());
        recorder.keep(&patch);
        let written = format!("{:?}", recorder.take().0);
        assert!(written.contains("if-match") && !written.contains("secret"), "{written}");
    }

    #[test]
    fn what_is_not_written_down_is_counted_and_all_of_it_can_be_had() {
        let patch = request(Method::PATCH, "/referrals/1", "[]");
        let recorder = Recorder::at_most(2);
        for _ in 0..2 {
            (0..5).for_each(|_| recorder.keep(&patch));
            let (written, cut) = recorder.take();
            assert_eq!((written.len(), cut), (2, 3));
        }
        let whole = Recorder::whole();
        (0..=MOST).for_each(|_| whole.keep(&patch));
        let (written, cut) = whole.take();
        assert_eq!((written.len(), cut), (MOST + 1, 0));
    }
}
