//! `/composite`, `/composite/batch` and `/composite/graph`: calls in a call (salesforce reference, 2.9, 2.11, 2.12).

use std::collections::{BTreeMap, HashSet};

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    call::{Answer, Call},
    errors::Fault,
    org::{Caller, Org},
    references::{self, Results},
    routes::split_url,
};

/// Subrequests of a composite or batch.
const MAX_SUBREQUESTS: usize = 25;
/// Of them queries and collections.
const MAX_HEAVY: usize = 5;
/// Graphs in a payload, and nodes in all of them.
const MAX_GRAPHS: usize = 75;
const MAX_NODES: usize = 500;
/// Longest chain of references in a graph, and different kinds of nodes.
const MAX_DEPTH: usize = 15;
const MAX_KINDS: usize = 15;
/// After so many failed graphs the rest is not tried.
const MAX_FAILED_GRAPHS: usize = 14;
/// Headers a subrequest may not set.
const OWN_HEADERS: [&str; 3] = ["accept", "authorization", "content-type"];

/// One subrequest as given.
struct Sub {
    method: Method,
    url: String,
    reference: String,
    body: Option<Value>,
    headers: BTreeMap<String, String>,
}

fn invalid(text: impl Into<String>) -> Fault {
    Fault::bad("INVALID_INPUT", text)
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str, Fault> {
    object
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| Fault::parser(format!("{name} is required and is a text")))
}

fn list<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a Vec<Value>, Fault> {
    object
        .get(name)
        .and_then(Value::as_array)
        .ok_or_else(|| Fault::parser(format!("{name} is required and is an array")))
}

fn subrequests(requests: &[Value]) -> Result<Vec<Sub>, Fault> {
    let mut names = HashSet::new();
    let mut subs = Vec::with_capacity(requests.len());
    for request in requests {
        let request = request.as_object().ok_or_else(|| Fault::parser("a subrequest is an object"))?;
        let reference = text(request, "referenceId")?;
        let legal = reference.starts_with(|c: char| c.is_ascii_alphanumeric())
            && reference.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !legal {
            return Err(invalid(format!("Provided referenceId '{reference}' is invalid")));
        }
        if !names.insert(reference.to_owned()) {
            return Err(invalid(format!("Duplicate ReferenceId provided: {reference}")));
        }
        let url = text(request, "url")?;
        if !url.starts_with("/services/data/v") {
            return Err(invalid(format!("The url of a subrequest begins with /services/data/vXX.X/: {url}")));
        }
        let method = text(request, "method")?;
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
            .ok()
            .filter(|method| matches!(method.as_str(), "GET" | "POST" | "PUT" | "PATCH" | "DELETE"))
            .ok_or_else(|| invalid(format!("unknown method {method}")))?;
        let mut headers = BTreeMap::new();
        if let Some(given) = request.get("httpHeaders") {
            let given = given.as_object().ok_or_else(|| Fault::parser("httpHeaders is an object"))?;
            for (name, value) in given {
                let name = name.to_ascii_lowercase();
                if OWN_HEADERS.contains(&name.as_str()) {
                    return Err(invalid(format!("httpHeaders must not set {name}")));
                }
                let value = value.as_str().ok_or_else(|| Fault::parser("a header is a text"))?;
                headers.insert(name, value.to_owned());
            }
        }
        let body = request.get("body").filter(|body| !body.is_null()).cloned();
        subs.push(Sub { method, url: url.to_owned(), reference: reference.to_owned(), body, headers });
    }
    Ok(subs)
}

/// Queries and collections are few per composite.
fn heavy(url: &str) -> bool {
    let rest = url.splitn(5, '/').nth(4).unwrap_or_default();
    ["query/", "query?", "queryAll/", "queryAll?", "composite/sobjects"]
        .iter()
        .any(|start| rest.starts_with(start))
}

fn response(answer: &Answer, reference: &str) -> Value {
    let headers: Map<String, Value> =
        answer.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({
        "body": answer.body.clone().unwrap_or(Value::Null),
        "httpHeaders": headers,
        "httpStatusCode": answer.status.as_u16(),
        "referenceId": reference,
    })
}

/// What a run of subrequests came to.
struct Run {
    answers: Vec<(String, Answer)>,
    failed: bool,
}

impl Run {
    fn json(&self) -> Value {
        Value::Array(self.answers.iter().map(|(reference, answer)| response(answer, reference)).collect())
    }
}

impl Org {
    /// `POST /composite`.
    ///
    /// # Errors
    /// Refusals of the request as a whole.
    pub(crate) fn composite(&mut self, caller: &Caller, call: &Call) -> Result<Answer, Fault> {
        let body = call.object()?;
        let requests = list(body, "compositeRequest")?;
        if requests.is_empty() || requests.len() > MAX_SUBREQUESTS {
            return Err(Fault::bad(
                "LIMIT_EXCEEDED",
                format!("between 1 and {MAX_SUBREQUESTS} subrequests in a composite request"),
            ));
        }
        let subs = subrequests(requests)?;
        if subs.iter().filter(|sub| heavy(&sub.url)).count() > MAX_HEAVY {
            return Err(Fault::bad(
                "LIMIT_EXCEEDED",
                format!("at most {MAX_HEAVY} queries and collections in a composite request"),
            ));
        }
        let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
        let run = self.run_all(caller, subs, all_or_none);
        Ok(Answer::ok(json!({"compositeResponse": run.json()})))
    }

    /// Runs subrequests one after the other; with `atomic`, all or none.
    fn run_all(&mut self, caller: &Caller, subs: Vec<Sub>, atomic: bool) -> Run {
        let mark = self.mark();
        let mut results = Results::default();
        let mut answers: Vec<(String, Answer)> = Vec::with_capacity(subs.len());
        let mut failure = None;
        for (index, sub) in subs.iter().enumerate() {
            let answer = if failure.is_some() {
                Answer::fault(&Fault::halted())
            } else {
                self.run_one(caller, sub, &results)
            };
            if !atomic {
                self.tables.cut();
            }
            let fine = answer.status.as_u16() < 400 && answer.status != StatusCode::MULTIPLE_CHOICES;
            // A collection with allOrNone false may fail in part while its status says 200.
            if fine {
                results.add(&sub.reference, answer.body.as_ref());
            } else if atomic && failure.is_none() {
                failure = Some(index);
            }
            answers.push((sub.reference.clone(), answer));
        }
        if let Some(culprit) = failure {
            self.roll_back(mark);
            for (index, (_, answer)) in answers.iter_mut().enumerate() {
                if index != culprit {
                    *answer = Answer::fault(&Fault::halted());
                }
            }
        }
        self.tables.cut();
        Run { answers, failed: failure.is_some() }
    }

    fn run_one(&mut self, caller: &Caller, sub: &Sub, results: &Results) -> Answer {
        let resolved = references::in_text(&sub.url, results).and_then(|url| {
            let body = sub.body.as_ref().map(|body| references::in_json(body, results)).transpose()?;
            Ok((url, body))
        });
        let (url, body) = match resolved {
            Ok(resolved) => resolved,
            Err(text) => return Answer::fault(&Fault::bad("PROCESSING_HALTED", text)),
        };
        let (path, query) = split_url(&url);
        let [_, _, version, path @ ..] = path.as_slice() else { return Answer::fault(&Fault::not_found()) };
        let version = match super::routes::version(version) {
            Ok(version) => version,
            Err(fault) => return Answer::fault(&fault),
        };
        let nested = path.first().is_some_and(|first| first == "composite")
            && path.get(1).is_none_or(|second| second != "sobjects");
        if nested {
            return Answer::fault(&invalid("a composite request cannot hold another"));
        }
        let mut caller = caller.clone();
        caller.version = version;
        if let Some(value) = sub.headers.get("sforce-duplicate-rule-header") {
            caller.allow_duplicates = super::routes::allows_duplicates(value);
        }
        let mut headers = sub.headers.clone();
        if self.knobs.composite_ignores_conditions {
            headers.retain(|name, _| !name.starts_with("if-"));
        }
        let call =
            Call { method: sub.method.clone(), path: path.to_vec(), query, headers, body: body.map(Ok) };
        self.answer(&caller, &call)
    }

    /// `POST /composite/graph`: each graph stands or falls by itself.
    ///
    /// # Errors
    /// Refusals of the request as a whole.
    pub(crate) fn graphs(&mut self, caller: &Caller, call: &Call) -> Result<Answer, Fault> {
        let body = call.object()?;
        let given = list(body, "graphs")?;
        if given.len() > MAX_GRAPHS {
            return Err(Fault::bad("LIMIT_EXCEEDED", format!("at most {MAX_GRAPHS} graphs in a payload")));
        }
        let mut graphs = Vec::new();
        let mut nodes = 0;
        for graph in given {
            let graph = graph.as_object().ok_or_else(|| Fault::parser("a graph is an object"))?;
            let id = text(graph, "graphId")?;
            if id.is_empty() || id.len() >= 40 || id.contains('.') {
                return Err(invalid(format!("graphId has fewer than 40 characters and no dot: {id}")));
            }
            if graphs.iter().any(|(other, _): &(String, Vec<Sub>)| other == id) {
                return Err(invalid(format!("Duplicate graphId: {id}")));
            }
            let subs = subrequests(list(graph, "compositeRequest")?)?;
            nodes += subs.len();
            check_shape(id, &subs)?;
            if let Some(sub) = subs.iter().find(|sub| !row_url(&sub.url)) {
                return Err(invalid(format!("a graph holds row resources only: {}", sub.url)));
            }
            graphs.push((id.to_owned(), subs));
        }
        if nodes > MAX_NODES {
            return Err(Fault::bad("LIMIT_EXCEEDED", format!("at most {MAX_NODES} nodes in a payload")));
        }
        let mut answers = Vec::new();
        let mut failed = 0;
        for (id, subs) in graphs {
            let run = if failed >= MAX_FAILED_GRAPHS {
                let halted = |sub: &Sub| (sub.reference.clone(), Answer::fault(&Fault::halted()));
                Run { answers: subs.iter().map(halted).collect(), failed: true }
            } else {
                self.run_all(caller, subs, true)
            };
            failed += usize::from(run.failed);
            answers.push(json!({
                "graphId": id,
                "graphResponse": {"compositeResponse": run.json()},
                "isSuccessful": !run.failed,
            }));
        }
        Ok(Answer::ok(json!({"graphs": answers})))
    }

    /// `POST /composite/batch`: independent calls.
    ///
    /// # Errors
    /// Refusals of the request as a whole.
    pub(crate) fn batch(&mut self, caller: &Caller, call: &Call) -> Result<Answer, Fault> {
        let body = call.object()?;
        let requests = list(body, "batchRequests")?;
        if requests.len() > MAX_SUBREQUESTS {
            return Err(Fault::bad(
                "LIMIT_EXCEEDED",
                format!("at most {MAX_SUBREQUESTS} subrequests in a batch"),
            ));
        }
        let halt = body.get("haltOnError").and_then(Value::as_bool).unwrap_or(false);
        let mut results = Vec::new();
        let mut failed = false;
        for request in requests {
            let answer = if failed && halt {
                Answer::with(
                    StatusCode::PRECONDITION_FAILED,
                    json!([{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}]),
                )
            } else {
                self.batched(caller, call, request)
            };
            self.tables.cut();
            failed |= answer.status.as_u16() >= 400;
            results.push(json!({"statusCode": answer.status.as_u16(), "result": answer.body}));
        }
        Ok(Answer::ok(json!({"hasErrors": failed, "results": results})))
    }

    fn batched(&mut self, caller: &Caller, outer: &Call, request: &Value) -> Answer {
        let Some(request) = request.as_object() else {
            return Answer::fault(&Fault::parser("a subrequest is an object"));
        };
        let (method, url) = match (text(request, "method"), text(request, "url")) {
            (Ok(method), Ok(url)) => (method, url),
            (Err(fault), _) | (_, Err(fault)) => return Answer::fault(&fault),
        };
        let Ok(method) = Method::from_bytes(method.to_ascii_uppercase().as_bytes()) else {
            return Answer::fault(&invalid("unknown method"));
        };
        // Batch urls may leave "/services/data/" out.
        let (path, query) = split_url(url.trim_start_matches("/services/data/"));
        let Some((version, path)) = path.split_first() else { return Answer::fault(&Fault::not_found()) };
        let mut caller = caller.clone();
        match super::routes::version(version) {
            Ok(version) => caller.version = version,
            Err(fault) => return Answer::fault(&fault),
        }
        if path.first().is_some_and(|first| first == "composite") {
            return Answer::fault(&invalid("a batch cannot hold a composite"));
        }
        let body = request.get("richInput").filter(|body| !body.is_null()).cloned().map(Ok);
        let call = Call { method, path: path.to_vec(), query, headers: outer.headers.clone(), body };
        self.answer(&caller, &call)
    }
}

/// A graph is neither deep nor varied. Of one kind are nodes of equal method and object (inferred).
///
/// # Errors
/// 400 naming the limit.
fn check_shape(graph: &str, subs: &[Sub]) -> Result<(), Fault> {
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kinds = HashSet::new();
    for sub in subs {
        let words = format!("{} {}", sub.url, sub.body.as_ref().map(Value::to_string).unwrap_or_default());
        let parents = words.split("@{").skip(1).filter_map(|rest| rest.split(['.', '[', '}']).next());
        let above = parents.filter_map(|parent| depths.get(parent)).max().copied().unwrap_or_default();
        depths.insert(&sub.reference, above + 1);
        let (path, _) = split_url(&sub.url);
        kinds.insert((sub.method.clone(), path.get(4).map(|object| object.to_lowercase())));
    }
    let limit = |what: &str, most: usize| {
        Err(Fault::bad("LIMIT_EXCEEDED", format!("graph {graph}: at most {most} {what}")))
    };
    if depths.values().any(|depth| *depth > MAX_DEPTH) {
        return limit("levels of references", MAX_DEPTH);
    }
    if kinds.len() > MAX_KINDS {
        return limit("different kinds of nodes", MAX_KINDS);
    }
    Ok(())
}

/// Rows by id or external id, or an object to insert into.
fn row_url(url: &str) -> bool {
    let (path, _) = split_url(url);
    matches!(path.as_slice(), [_, _, _, sobjects, _, rest @ ..] if sobjects == "sobjects" && rest.len() <= 2
        && !rest.iter().any(|part| matches!(part.as_str(), "describe" | "updated" | "deleted")))
}
