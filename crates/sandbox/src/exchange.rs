//! One request and one response, whole and in memory: what a platform's state machine sees of the wire.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use jiff::Timestamp;
use serde_json::Value;

use crate::picture::Drawn;

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
///
/// [`kind`](Machine::kind) and [`handle`](Machine::handle) are the platform itself. The other methods are what the
/// control surface under `/_sandbox/` shows and moves; each has a default, so that a platform plugs in only what it
/// has. A machine keeps its own state behind its own lock, never waits, never reads the real clock and never draws
/// randomness but from [`World`](crate::world::World).
pub trait Machine: Send + Sync + 'static {
    /// What `request` would do. Looks, changes nothing.
    fn kind(&self, request: &Request<Bytes>) -> Kind;

    /// Answers one request at the instant `now`, with every side effect it has.
    fn handle(&self, request: Request<Bytes>, now: Timestamp) -> Response<Bytes>;

    /// Every record of the platform as its own raw wire JSON, whoever owns it, unfiltered, unpaged and regardless of
    /// read-lag knobs: what an independent oracle reads. `GET /_sandbox/state`.
    fn state(&self, now: Timestamp) -> Value {
        let mut state = Value::Null;
        self.redraw(&mut state, &mut Drawn::default(), now);
        state
    }

    /// Brings `state`, which was drawn from `drawn`, up to date: the same as [`state`](Machine::state), but for what
    /// knobs leave out of records that nobody wrote since.
    fn redraw(&self, state: &mut Value, drawn: &mut Drawn, now: Timestamp) {
        let _ = (state, drawn, now);
    }

    /// How often a record was written up to `now`: while it stays the same, so does [`state`](Machine::state), but for
    /// what knobs leave out of it.
    fn written(&self, now: Timestamp) -> u64 {
        let _ = now;
        0
    }

    /// The present setting of every knob, as one JSON object. `GET /_sandbox/knobs`.
    fn knobs(&self) -> Value {
        Value::Object(serde_json::Map::new())
    }

    /// Every knob with `name`, `about`, `value` and `default`, as far as the platform describes them. `GET /_sandbox`.
    fn described_knobs(&self) -> Value {
        let knobs = self.knobs();
        let describe = |(name, value): (&String, &Value)| serde_json::json!({ "name": name, "value": value });
        knobs.as_object().into_iter().flatten().map(describe).collect()
    }

    /// The scripted actors, each with what its body holds. `GET /_sandbox`.
    fn actors(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The page for people at `/_sandbox/page`, and what its forms do. `None`: the platform has none.
    fn page(&self, request: &Request<Bytes>, now: Timestamp) -> Option<Response<Bytes>> {
        let _ = (request, now);
        None
    }

    /// Sets the knobs that `patch`, a JSON object, names, and leaves all others. `PATCH /_sandbox/knobs`.
    ///
    /// # Errors
    /// A sentence naming the unknown knob or the unfit value; nothing is changed then.
    fn set_knobs(&self, patch: &Value, now: Timestamp) -> Result<(), String> {
        let _ = (patch, now);
        Err("this platform has no knobs".to_owned())
    }

    /// Lets a scripted person or system act on the platform, past its API. `POST /_sandbox/actor/{actor}` with the
    /// path after `actor/` as `actor` (for example `microsoft/accept`) and the body's JSON.
    ///
    /// # Errors
    /// A sentence saying why the actor could not do it; nothing is changed then.
    fn act(&self, actor: &str, body: &Value, now: Timestamp) -> Result<Value, String> {
        let _ = (body, now);
        Err(format!("this platform has no actor {actor}"))
    }

    /// The platform's URLs and ready-made credentials when it is served at `base_url` (no trailing slash), as one
    /// JSON object: this platform's part of [`Ready`](crate::serve::Ready). Called once, before the first request,
    /// so a machine that writes absolute URLs into its answers learns its address here.
    fn credentials(&self, base_url: &str) -> Value {
        let _ = base_url;
        Value::Object(serde_json::Map::new())
    }

    /// Takes the calls that the platform itself makes (webhooks) and that are due at `now`. Each is taken once; its
    /// outcome comes back through [`delivered`](Machine::delivered). At most 256 at a time.
    fn take_due(&self, now: Timestamp) -> Vec<Outgoing> {
        let _ = now;
        Vec::new()
    }

    /// When [`take_due`](Machine::take_due) next has something, if nothing else happens.
    fn next_due(&self) -> Option<Timestamp> {
        None
    }

    /// Learns the outcome of a call taken from [`take_due`](Machine::take_due).
    fn delivered(&self, id: u64, outcome: &Outcome, now: Timestamp) {
        let _ = (id, outcome, now);
    }

    /// The platform's event bus: its counters, channels and log. `GET /_sandbox/events`.
    fn events(&self, now: Timestamp) -> Value {
        let _ = now;
        Value::Null
    }

    /// The platform's own calls so far, with their results, newest last. `GET /_sandbox/webhooks`.
    fn webhooks(&self) -> Value {
        Value::Array(Vec::new())
    }
}

/// A call that the platform makes to the outside.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The machine's own number for it.
    pub id: u64,
    /// The whole request, with an absolute URI.
    pub request: Request<Bytes>,
}

/// What came of an [`Outgoing`] call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The other side answered with this status.
    Answered(StatusCode),
    /// No answer came; says why.
    Failed(String),
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
