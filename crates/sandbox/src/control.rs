//! The control surface under `/_sandbox/`: what a test or a person sees and moves behind a platform's back.
//!
//! What there is stands in [`PATHS`]; `GET /_sandbox` shows it, with the platform's actors and knobs.
//!
//! A refusal is 400 (404 for an unknown path or hold) with `{"error": sentence}`.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::LOCATION};
use jiff::SignedDuration;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    dump,
    exchange::{empty, json as answer, query, segments},
    faults::Rule,
    front::Front,
    holds::{Arm, Release},
};

/// What can be asked, and what it does.
pub const PATHS: &[(&str, &str)] = &[
    ("GET /_sandbox", "this list, the actors and the knobs with what each is about"),
    ("GET, POST /_sandbox/page", "the page for people, where the platform has one"),
    ("GET /_sandbox/credentials", "addresses and credentials, those of every person and of the application"),
    ("GET /_sandbox/state", "every record as raw wire JSON"),
    ("GET, PATCH /_sandbox/knobs", "shows the knobs, sets those named"),
    ("GET /_sandbox/requests[?log=false], DELETE", "tallies and log, secrets and all; forgets them"),
    ("GET /_sandbox/dump", "the remembered exchanges with their headers and without secrets"),
    ("GET, POST /_sandbox/faults, DELETE /_sandbox/faults[/{id}]", "lists, adds, removes fault rules"),
    ("POST /_sandbox/holds", "arms a hold, answers {id}"),
    ("GET /_sandbox/holds/{id}?wait_ms=", "waits until it holds a request, answers {held}"),
    ("DELETE /_sandbox/holds/{id}?action=proceed|drop", "lets it go, answers {held}"),
    ("GET /_sandbox/clock, POST {advance_ms}", "the platforms' time; moves it forward"),
    ("POST /_sandbox/actor/{actor}", "a scripted actor acts"),
    ("GET /_sandbox/events", "the event bus: counters, channels and log, where the platform has one"),
    (
        "GET /_sandbox/webhooks, POST",
        "deliveries with their results; sets knobs, as PATCH /_sandbox/knobs does",
    ),
];

/// First segment of every control path.
const ROOT: &str = "_sandbox";
/// Longest wait of one long poll.
pub const MAX_POLL: Duration = Duration::from_mins(1);
/// Furthest the clock moves at once: ten years.
const MAX_ADVANCE_MS: i64 = 86_400_000 * MAX_ADVANCE_DAYS as i64;
/// The same in days.
const MAX_ADVANCE_DAYS: u32 = 10 * 366;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: i64,
}

/// Whether the request is meant for the control surface.
pub(crate) fn is_control(request: &Request<Bytes>) -> bool {
    request
        .uri()
        .path()
        .strip_prefix("/_sandbox")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers a control request.
pub(crate) async fn handle(front: &Front, request: &Request<Bytes>) -> Response<Bytes> {
    match respond(front, request).await {
        Ok(response) => response,
        Err((status, sentence)) => answer(status, &json!({ "error": sentence })),
    }
}

type Answered = Result<Response<Bytes>, (StatusCode, String)>;

async fn respond(front: &Front, request: &Request<Bytes>) -> Answered {
    let path = segments(request);
    let path: Vec<&str> = path.iter().map(String::as_str).filter(|segment| *segment != ROOT).collect();
    let query: HashMap<String, String> = query(request).into_iter().collect();
    let stage = &front.stage;
    let method = request.method();
    let get = method == Method::GET;
    let post = method == Method::POST;
    let delete = method == Method::DELETE;
    let response = match path.as_slice() {
        [] if get => ok(&about(front)),
        ["page"] if post && days_asked(request).is_some() => match days_asked(request) {
            Some(days @ 1..=MAX_ADVANCE_DAYS) => {
                stage.advance(SignedDuration::from_hours(24 * i64::from(days)));
                see_page(&format!("said=The+clock+moved+by+{days}+days."))
            }
            _ => see_page(&format!("problem=Give+a+number+of+days,+at+most+{MAX_ADVANCE_DAYS}.")),
        },
        ["page"] if get || post => front.machine.page(request, stage.now()).ok_or_else(|| {
            (StatusCode::NOT_FOUND, "this platform has no page; GET /_sandbox says what it has".to_owned())
        })?,
        ["dump"] if get => ok(&front.traffic.each(|one| dump::document(front.platform, one)).into()),
        ["credentials"] if get => ok(front.credentials.get().unwrap_or(&Value::Null)),
        ["state"] if get => ok(&front.machine.state(stage.now())),
        ["knobs"] if get => ok(&front.machine.knobs()),
        ["knobs" | "webhooks"] if method == Method::PATCH || post => {
            front.machine.set_knobs(&body(request)?, stage.now()).map_err(bad)?;
            ok(&front.machine.knobs())
        }
        ["requests"] if get => {
            ok(&front.traffic.report(query.get("log").is_none_or(|log| log != "false" && log != "0")))
        }
        ["requests"] if delete => {
            front.traffic.reset();
            empty(StatusCode::NO_CONTENT)
        }
        ["faults"] if get => ok(&json!(stage.rules.list())),
        ["faults"] if post => {
            let mut rule: Rule = body(request)?;
            rule.platform = rule.platform.or(Some(front.platform));
            created(&json!({ "id": stage.rules.add(rule).map_err(bad)? }))
        }
        ["faults"] if delete => {
            stage.rules.remove(None);
            empty(StatusCode::NO_CONTENT)
        }
        ["faults", id] if delete => {
            stage.rules.remove(Some(number(id)?));
            empty(StatusCode::NO_CONTENT)
        }
        ["holds"] if post => {
            let mut arm: Arm = body(request)?;
            arm.platform = arm.platform.or(Some(front.platform));
            created(&json!({ "id": stage.holds.arm(arm).map_err(bad)? }))
        }
        ["holds", id] if get => {
            let wait = query.get("wait_ms").map(|text| number(text)).transpose()?.unwrap_or_default();
            let held = stage.holds.held(number(id)?, Duration::from_millis(wait).min(MAX_POLL)).await;
            ok(&json!({ "held": held.ok_or_else(no_hold)? }))
        }
        ["holds", id] if delete => {
            let release = match query.get("action").map(String::as_str) {
                None | Some("proceed") => Release::Proceed,
                Some("drop") => Release::Drop,
                Some(_) => return Err(bad("action is proceed or drop".to_owned())),
            };
            ok(&json!({ "held": stage.holds.release(number(id)?, release).ok_or_else(no_hold)? }))
        }
        ["clock"] if get => ok(&json!({ "now": stage.now() })),
        ["clock"] if post => {
            let Advance { advance_ms } = body(request)?;
            if !(0..=MAX_ADVANCE_MS).contains(&advance_ms) {
                return Err(bad("the clock moves forward only, at most ten years at once".to_owned()));
            }
            stage.advance(SignedDuration::from_millis(advance_ms));
            ok(&json!({ "now": stage.now() }))
        }
        ["events"] if get => ok(&front.machine.events(stage.now())),
        ["webhooks"] if get => ok(&front.machine.webhooks()),
        ["actor", actor @ ..] if post && !actor.is_empty() => {
            let done = front.machine.act(&actor.join("/"), &body_or_empty(request)?, stage.now());
            ok(&done.map_err(bad)?)
        }
        _ => return Err((StatusCode::NOT_FOUND, format!("no {method} {} here", request.uri().path()))),
    };
    Ok(response)
}

/// The days by which the page's form moves the clock, if it is that form.
fn days_asked(request: &Request<Bytes>) -> Option<u32> {
    let mut fields = url::form_urlencoded::parse(request.body());
    fields.find(|(name, _)| name == "advance_days").map(|(_, days)| days.trim().parse().unwrap_or_default())
}

fn see_page(query: &str) -> Response<Bytes> {
    let mut response = empty(StatusCode::SEE_OTHER);
    if let Ok(location) = HeaderValue::from_str(&format!("/{ROOT}/page?{query}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn about(front: &Front) -> Value {
    let table = |rows: &[(&str, &str)], name: &str| -> Value {
        rows.iter().map(|(what, about)| json!({ name: what, "about": about })).collect()
    };
    json!({
        "platform": front.platform,
        "now": front.stage.now(),
        "paths": table(PATHS, "request"),
        "actors": table(front.machine.actors(), "actor"),
        "knobs": front.machine.described_knobs(),
    })
}

fn ok(body: &Value) -> Response<Bytes> {
    answer(StatusCode::OK, body)
}

fn created(body: &Value) -> Response<Bytes> {
    answer(StatusCode::CREATED, body)
}

fn body<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, (StatusCode, String)> {
    serde_json::from_slice(request.body()).map_err(|error| bad(error.to_string()))
}

fn body_or_empty(request: &Request<Bytes>) -> Result<Value, (StatusCode, String)> {
    if request.body().is_empty() { Ok(json!({})) } else { body(request) }
}

fn number(text: &str) -> Result<u64, (StatusCode, String)> {
    text.parse().map_err(|_| bad(format!("{text} is not a number")))
}

fn bad(sentence: String) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, sentence)
}

fn no_hold() -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, "no such hold; it was released, or never armed".to_owned())
}
