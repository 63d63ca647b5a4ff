//! A local Salesforce org: sign-in, objects, rows, queries and composites, strictly as the reference says.
//!
//! [`Salesforce`] is the machine: it finds out who calls, counts the call, and lets the org answer it. Everything
//! below is synchronous and knows no clock but the `now` it is handed.

mod actors;
mod assignment;
mod auth;
mod automations;
mod bulk;
mod call;
mod checks;
mod collections;
mod commits;
mod composite;
mod conditional;
mod content;
mod conversion;
mod cursors;
mod deletes;
mod derived;
mod describe;
mod errors;
mod id;
mod knobs;
mod limits;
mod metadata;
mod org;
mod own_fields;
mod page;
mod places;
mod processes;
pub mod pubsub;
mod references;
mod replication;
mod rights;
mod routes;
mod row_routes;
mod rows;
mod schema;
mod schema_tables;
mod seed;
mod sharing;
mod soql;
mod staff;
mod stages;
mod tables;
#[cfg(test)]
mod tests;
mod tree;
mod values;

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::{
    auth::{
        Gate,
        host::{Host, host},
    },
    call::{Answer, Call},
    errors::Fault,
    id::Id,
    knobs::Knobs,
    org::{Caller, Org},
};
use crate::{
    exchange::{self, Kind, Machine},
    picture::Drawn,
    world::World,
};

/// Longest request line (salesforce reference, section 2.3).
const MAX_URI: usize = 16_384;

/// The org's state behind the machine's lock.
#[derive(Debug)]
struct State {
    org: Org,
    gate: Gate,
    /// The rows of a fresh org are put in at the first instant anybody tells.
    seeded: bool,
}

/// A local Salesforce org.
#[derive(Debug)]
pub struct Salesforce {
    state: Mutex<State>,
}

impl Salesforce {
    /// An org without business data, whose ids, keys and tokens follow from the world's seed.
    pub fn new(world: &Arc<World>) -> Self {
        let draw = world.draw();
        let pod = [id::digit(draw), id::digit(draw / 62)];
        let mut org = Org::bare(pod, draw / 3_844 % 10_000_000_000);
        org.seed(Timestamp::UNIX_EPOCH);
        let gate = Gate::new(world, &org);
        Self { state: Mutex::new(State { org, gate, seeded: false }) }
    }

    fn open(&self, now: Timestamp) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if !state.seeded {
            state.seeded = true;
            state.org.restamp(now);
            // An org's first rows are no changes.
            state.org.tables.take_committed();
        }
        state.org.run_due(now);
        state.org.run_deploys(now);
        state.org.run_jobs(now);
        state.org.publish();
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while answering leaves a half-done row; going on would judge by it.
        self.state.lock().expect("no code panics while holding this lock")
    }
}

impl Machine for Salesforce {
    fn kind(&self, request: &Request<Bytes>) -> Kind {
        let path = request.uri().path();
        if path.starts_with("/services/oauth2/token") || path.starts_with("/services/Soap/u/") {
            return Kind::Token;
        }
        let reads = match request.method().as_str() {
            "GET" | "HEAD" => true,
            "POST" => only_reads(&exchange::segments(request), request.body()),
            _ => false,
        };
        if reads || !path.starts_with("/services/data") { Kind::Read } else { Kind::CrmWrite }
    }

    fn handle(&self, request: Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let mut state = self.open(now);
        if state.org.base_url.is_empty()
            && let Some(host) = request.headers().get(header::HOST).and_then(|host| host.to_str().ok())
        {
            state.org.base_url = format!("http://{host}");
        }
        let State { org, gate, .. } = &mut *state;
        let mut response = answer(org, gate, &request, now);
        let skew = SignedDuration::from_secs(org.knobs.date_skew_seconds.into());
        let told = now.saturating_add(skew).unwrap_or(now);
        if let Ok(date) = HeaderValue::from_str(&conditional::http_date(told)) {
            response.headers_mut().insert(header::DATE, date);
        }
        org.publish();
        response
    }

    fn redraw(&self, state: &mut Value, drawn: &mut Drawn, now: Timestamp) {
        self.open(now).org.redraw(state, drawn);
    }

    fn written(&self, now: Timestamp) -> u64 {
        self.open(now).org.tables.written
    }

    fn knobs(&self) -> Value {
        serde_json::to_value(&self.lock().org.knobs).unwrap_or_default()
    }

    fn set_knobs(&self, patch: &Value, now: Timestamp) -> Result<(), String> {
        let mut state = self.open(now);
        let knobs = state.org.knobs.patched(patch)?;
        let seen = |knobs: &Knobs| {
            let features = (knobs.multi_currency, knobs.identifier_unique, knobs.team_selling, knobs.notes);
            let shapes = (knobs.state_country_picklists, knobs.person_accounts, knobs.record_types);
            let stages = (knobs.stages_restricted, knobs.package_installed, knobs.denied.clone());
            let processes =
                (knobs.sales_processes.clone(), knobs.own_stages.clone(), knobs.own_fields.clone());
            (
                features,
                shapes,
                stages,
                processes,
                knobs.hidden_fields.clone(),
                (knobs.active_currencies.clone(), knobs.packaged_fields),
            )
        };
        let moved = seen(&knobs) != seen(&state.org.knobs);
        state.org.set_knobs(knobs)?;
        if moved {
            state.org.schema_changed = values::to_second(now);
        }
        if let Some(admin) = state.org.people.first().map(|person| person.id) {
            state.org.seed_currencies(admin, now);
            state.org.seed_processes(admin, now);
            state.org.tables.settle();
        }
        state.org.publish();
        state.org.events.stir();
        Ok(())
    }

    /// `clone`, `convert`, `touch`, `delete` and `undelete` take `{id, user?}`, `empty-bin` nothing, `revoke` `{user}`,
    /// `select-events` `{entity, channel?, enriched?, filter?, selected?}`, `emit-event` `{entity, change_type,
    /// record_ids}`.
    fn act(&self, actor: &str, body: &Value, now: Timestamp) -> Result<Value, String> {
        let mut state = self.open(now);
        let State { org, gate, .. } = &mut *state;
        let username = body.get("user").and_then(Value::as_str).unwrap_or(seed::SELLERS[0]);
        let person = org.people.iter().find(|person| person.username.eq_ignore_ascii_case(username)).cloned();
        let person = person.ok_or_else(|| format!("no user {username}"))?;
        let caller = Caller { user: person.id, role: person.role, version: 66, allow_duplicates: false, now };
        org.sign_as_person(person.id);
        let before = org.mark();
        let done = match actor.trim_start_matches("salesforce/") {
            "select-events" => org.select_events(body),
            "emit-event" => org.emit_event(&caller, body),
            "clone" => org.clone_row(&caller, body),
            "convert" => org.convert_lead(&caller, body),
            "touch" => org.touch_row(&caller, body),
            "user" => org.set_user(&caller, body),
            "delete" => org.bin_row(&caller, body, true),
            "undelete" => org.bin_row(&caller, body, false),
            "empty-bin" => Ok(org.empty_bin()),
            "revoke" => {
                gate.revoke_user(person.id);
                Ok(json!({"user": person.username}))
            }
            _ => Err(format!(
                "Salesforce has no actor {actor}: clone, convert, touch, user, delete, undelete, empty-bin, \
                 revoke, select-events, emit-event"
            )),
        };
        if done.is_err() {
            org.roll_back(before);
        }
        org.tables.settle();
        org.publish();
        done
    }

    fn page(&self, request: &Request<Bytes>, now: Timestamp) -> Option<Response<Bytes>> {
        let mut state = self.open(now);
        let shown = state.org.page(request, now);
        state.org.tables.settle();
        state.org.publish();
        Some(shown)
    }

    fn events(&self, now: Timestamp) -> Value {
        self.open(now).org.show_events()
    }

    fn credentials(&self, base_url: &str) -> Value {
        let mut state = self.lock();
        base_url.trim_end_matches('/').clone_into(&mut state.org.base_url);
        let State { org, gate, .. } = &*state;
        gate.credentials(org)
    }
}

/// Whether a POST changes nothing: a retrieve, or a composite of reads.
fn only_reads(path: &[String], body: &Bytes) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let reads = |requests: Option<&Value>| {
        requests.and_then(Value::as_array).is_some_and(|requests| {
            requests.iter().all(|sub| {
                let method = sub.get("method").and_then(Value::as_str).unwrap_or_default();
                method.eq_ignore_ascii_case("GET")
            })
        })
    };
    match path.as_slice() {
        ["services", "data", _, "composite", "sobjects", _] | ["services", "data", _, "jobs", "query"] => {
            true
        }
        ["services", "data", _, "composite"] => {
            serde_json::from_slice::<Value>(body).is_ok_and(|body| reads(body.get("compositeRequest")))
        }
        ["services", "data", _, "composite", "batch"] => {
            serde_json::from_slice::<Value>(body).is_ok_and(|body| reads(body.get("batchRequests")))
        }
        _ => false,
    }
}

fn answer(org: &mut Org, gate: &mut Gate, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
    let segments = exchange::segments(request);
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some(fault) = unfit(request) {
        return wire(Answer::fault(&fault));
    }
    if let Some(response) = gate.answer(org, request, &path, now) {
        return response;
    }
    if path == ["services", "data"] {
        return if matches!(*request.method(), Method::GET | Method::HEAD) {
            exchange::json(StatusCode::OK, &routes::versions())
        } else {
            wire(Answer::fault(&Fault::method(request.method().as_str(), "GET,HEAD")))
        };
    }
    let caller = match caller(org, gate, request, now) {
        Ok(caller) => caller,
        Err(fault) => return wire(Answer::fault(&fault)),
    };
    match path.as_slice() {
        ["services", "oauth2", "userinfo"] => exchange::json(StatusCode::OK, &org.identity(caller.user)),
        ["id", owner, user] => {
            let known = Id::parse(owner) == Some(org.id);
            match Id::parse(user).filter(|user| known && org.people.iter().any(|person| person.id == *user)) {
                Some(user) => exchange::json(StatusCode::OK, &org.identity(user)),
                None => wire(Answer::fault(&Fault::not_found())),
            }
        }
        ["services", "data", version, ..] => {
            let limit = org.knobs.daily_limit;
            let counted = org.usage.spend(limit, org.knobs.daily_overshoot, now);
            let answer = match counted.and_then(|()| routes::version(version)) {
                Ok(version) if path.get(3) == Some(&"jobs") => {
                    let rest = path.get(4..).unwrap_or_default();
                    let mut response = org.jobs(&Caller { version, ..caller }, request, rest);
                    org.tables.settle();
                    if let Ok(used) = HeaderValue::from_str(&org.usage.header(limit, now)) {
                        response.headers_mut().insert("sforce-limit-info", used);
                    }
                    return response;
                }
                Ok(version) if path.get(3..5) == Some(&["metadata", "deployRequest"]) => {
                    let caller = Caller { version, ..caller };
                    let answer = org.deploys(&caller, request, path.get(5..).unwrap_or_default());
                    org.tables.settle();
                    answer
                }
                Ok(version) => {
                    let caller = Caller { version, ..caller };
                    let file = path.get(3..).and_then(|path| org.blob(&caller, path));
                    if let Some(bytes) = file.filter(|_| request.method() == Method::GET) {
                        let mut response = exchange::empty(StatusCode::OK);
                        let kind = HeaderValue::from_static("application/octet-stream");
                        response.headers_mut().insert(header::CONTENT_TYPE, kind);
                        *response.body_mut() = Bytes::from(bytes);
                        if let Ok(used) = HeaderValue::from_str(&org.usage.header(limit, now)) {
                            response.headers_mut().insert("sforce-limit-info", used);
                        }
                        return response;
                    }
                    let call = call(request, segments.get(3..).unwrap_or_default());
                    let answer = org.answer(&caller, &call);
                    org.tables.settle();
                    answer
                }
                Err(fault) => Answer::fault(&fault),
            };
            wire(answer.header("Sforce-Limit-Info", org.usage.header(limit, now)))
        }
        _ => wire(Answer::fault(&Fault::not_found())),
    }
}

/// Whether the request is one that nobody looks into: too long, or of a kind that is not read (section 2.3).
fn unfit(request: &Request<Bytes>) -> Option<Fault> {
    let line = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    let headers: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if line > MAX_URI {
        return Some(Fault::new(StatusCode::URI_TOO_LONG, "UNKNOWN_EXCEPTION", "URI too long"));
    }
    if line + headers > MAX_URI {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some(Fault::new(status, "UNKNOWN_EXCEPTION", "Request header fields too large"));
    }
    let kind = request.headers().get(header::CONTENT_TYPE)?.to_str().unwrap_or_default();
    let known = ["application/json", "text/csv", "application/xml", "text/xml", "multipart/form-data"];
    let form = "application/x-www-form-urlencoded";
    let api = request.uri().path().starts_with("/services/data/");
    let read = !api
        || request.body().is_empty()
        || known.iter().any(|known| kind.to_ascii_lowercase().starts_with(known))
        // What command-line tools send when nobody says anything; taken where nothing is read.
        || (kind.starts_with(form) && matches!(*request.method(), Method::GET | Method::HEAD | Method::DELETE));
    (!read).then(|| {
        Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            format!("Content type '{kind}' is not supported"),
        )
    })
}

fn parameter(request: &Request<Bytes>, name: &str) -> Option<String> {
    exchange::query(request).into_iter().find(|(own, _)| own == name).map(|(_, value)| value)
}

/// Who calls: the token's user, unless the token is dead or the user shut out.
fn caller(org: &Org, gate: &mut Gate, request: &Request<Bytes>, now: Timestamp) -> Result<Caller, Fault> {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given
        .and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            (scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("OAuth"))
                .then(|| token.trim().to_owned())
        })
        .or_else(|| parameter(request, "oauth_token").filter(|_| request.uri().path().starts_with("/id/")));
    let below_services = request.uri().path().starts_with("/services/data");
    if let Some(shut) = org.knobs.sign_in.shut.filter(|_| below_services) {
        return Err(Fault::new(StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", shut.text()));
    }
    match host(org, request) {
        Host::Login if below_services && !org.knobs.sign_in.login_host_answers_api => {
            return Err(Fault::not_found());
        }
        Host::Former => return Err(Fault::no_session()),
        _ => {}
    }
    let token = token.ok_or_else(Fault::no_session)?;
    let user = gate.user(&token, now).ok_or_else(Fault::no_session)?;
    gate.used(&token, now);
    let person = org.people.iter().find(|person| person.id == user).ok_or_else(Fault::no_session)?;
    let listed = |list: &[String]| list.iter().any(|name| name.eq_ignore_ascii_case(person.username));
    if listed(&org.knobs.revoked_users) {
        return Err(Fault::no_session());
    }
    if listed(&org.knobs.deny_users) {
        let text = "API is not enabled for this Organization or Partner";
        return Err(Fault::new(StatusCode::FORBIDDEN, "API_DISABLED_FOR_ORG", text));
    }
    let allow = request
        .headers()
        .get("sforce-duplicate-rule-header")
        .and_then(|value| value.to_str().ok())
        .is_some_and(routes::allows_duplicates);
    Ok(Caller { user, role: person.role, version: 66, allow_duplicates: allow, now })
}

fn call(request: &Request<Bytes>, path: &[String]) -> Call {
    let headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let body = (!request.body().is_empty())
        .then(|| serde_json::from_slice(request.body()).map_err(|error| format!("Unexpected JSON: {error}")));
    Call {
        method: request.method().clone(),
        path: path.to_vec(),
        query: exchange::query(request),
        headers,
        body,
    }
}

fn wire(answer: Answer) -> Response<Bytes> {
    let mut response = match &answer.body {
        Some(body) => exchange::json(answer.status, body),
        None => exchange::empty(answer.status),
    };
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
