//! Bulk API 2.0: jobs that load and query many rows, by the machine's clock (salesforce reference, section 3).

mod dialect;
mod ingest;
mod job;
pub(crate) mod knobs;
mod query;
mod running;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use self::{
    dialect::{Delimiter, Dialect, LineEnding, Table},
    job::{Job, Operation, Outcome, State, Work},
};
use super::{
    call::Answer,
    errors::Fault,
    id::Id,
    org::{Caller, Org},
    soql::plain,
};
use crate::exchange;

/// Jobs kept at once, and bytes of uploads and results in all of them; the oldest goes first.
const MAX_JOBS: usize = 2_000;
const MAX_HELD_BYTES: usize = 1 << 30;

/// The org's jobs, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    all: Vec<Job>,
}

impl Jobs {
    /// Gives up the oldest jobs until there is room for another with `more` bytes among `most`.
    fn make_room(&mut self, more: usize, most: usize) {
        let mut held = self.all.iter().map(Job::weight).sum::<usize>().saturating_add(more);
        let heavy = self.all.iter().take_while(|job| {
            let too_much = held > most;
            held = held.saturating_sub(job.weight());
            too_much
        });
        let gone = heavy.count().max((self.all.len() + 1).saturating_sub(MAX_JOBS));
        self.all.drain(..gone);
    }
}

/// What creates a job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    operation: String,
    object: Option<String>,
    query: Option<String>,
    external_id_field_name: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    column_delimiter: Delimiter,
    #[serde(default)]
    line_ending: LineEnding,
}

/// An answer in CSV.
fn table(text: String) -> Response<Bytes> {
    let mut response = exchange::empty(StatusCode::OK);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv"));
    *response.body_mut() = Bytes::from(text);
    response
}

fn told(body: &Value) -> Response<Bytes> {
    exchange::json(StatusCode::OK, body)
}

fn too_early(job: &Job) -> Fault {
    let state = json!(job.state);
    let state = state.as_str().unwrap_or_default();
    Fault::bad("INVALID_REQUEST_STATE", format!("the job is {state}; this is not possible now"))
}

impl Org {
    /// Answers a call below `/jobs`; `path` is what follows.
    pub(crate) fn jobs(
        &mut self,
        caller: &Caller,
        request: &Request<Bytes>,
        path: &[&str],
    ) -> Response<Bytes> {
        self.jobs_route(caller, request, path).unwrap_or_else(|fault| super::wire(Answer::fault(&fault)))
    }

    fn jobs_route(
        &mut self,
        caller: &Caller,
        request: &Request<Bytes>,
        path: &[&str],
    ) -> Result<Response<Bytes>, Fault> {
        let (kind, rest) = match path {
            [kind @ ("query" | "ingest"), rest @ ..] => (*kind, rest),
            _ => return Err(Fault::not_found()),
        };
        let queries = kind == "query";
        self.jobs.make_room(request.body().len(), MAX_HELD_BYTES);
        let method = request.method();
        let wrong = |allowed: &str| Err(Fault::method(method.as_str(), allowed));
        if rest.is_empty() {
            return match *method {
                Method::POST => self.open_job(caller, request, queries),
                Method::GET => {
                    let records: Vec<Value> = self
                        .jobs
                        .all
                        .iter()
                        .filter(|job| job.is_query() == queries)
                        .map(Job::brief)
                        .collect();
                    Ok(told(&json!({"done": true, "records": records, "nextRecordsUrl": null})))
                }
                _ => wrong("GET,POST"),
            };
        }
        let (name, part) = match rest {
            [name] => (*name, None),
            [name, part] => (*name, Some(*part)),
            _ => return Err(Fault::not_found()),
        };
        let at = Id::parse(name)
            .and_then(|id| self.jobs.all.iter().position(|job| job.id == id && job.is_query() == queries))
            .ok_or_else(Fault::not_found)?;
        match (part, method) {
            (None, &Method::GET) => Ok(told(&self.job(at).full(caller.now))),
            (None, &Method::PATCH) => self.move_job(caller, request, at),
            (None, &Method::DELETE) => {
                if !self.job(at).state.over() {
                    return Err(too_early(self.job(at)));
                }
                self.jobs.all.remove(at);
                Ok(exchange::empty(StatusCode::NO_CONTENT))
            }
            (None, _) => wrong("GET,PATCH,DELETE"),
            (Some("results"), &Method::GET) if queries => self.results(request, at),
            (Some("batches"), &Method::PUT) if !queries => self.upload(request, at),
            (Some(part), &Method::GET) if !queries => self.outcome(at, part),
            _ => Err(Fault::not_found()),
        }
    }

    fn job(&self, at: usize) -> &Job {
        self.jobs.all.get(at).expect("positions are looked up in this list")
    }

    fn open_job(
        &mut self,
        caller: &Caller,
        request: &Request<Bytes>,
        queries: bool,
    ) -> Result<Response<Bytes>, Fault> {
        let order: Order = serde_json::from_slice(request.body())
            .map_err(|error| Fault::parser(format!("Unexpected JSON: {error}")))?;
        if order.content_type.as_deref().is_some_and(|kind| kind != "CSV") {
            return Err(Fault::bad("INVALID_INPUT", "contentType must be CSV"));
        }
        let dialect = Dialect { delimiter: order.column_delimiter, ending: order.line_ending };
        let (object, work) =
            if queries { self.query_order(caller, &order)? } else { self.ingest_order(caller, &order)? };
        let id = self.new_id("750");
        let mut job = Job {
            id,
            user: caller.user,
            role: caller.role,
            version: caller.version,
            object,
            work,
            dialect,
            created: caller.now,
            moved: caller.now,
            state: State::Open,
            due: None,
            error: None,
        };
        if queries {
            self.usage.queries.spend(self.knobs.bulk.daily_query_jobs, 1, caller.now)?;
            job.queue(caller.now, self.knobs.bulk.queue_ms, self.knobs.bulk.run_ms);
        } else {
            // How many batches it needs is not known yet: none may be left.
            self.usage.batches.spend(self.knobs.bulk.daily_batches, 0, caller.now)?;
        }
        let body = job.brief();
        self.jobs.all.push(job);
        Ok(told(&body))
    }

    fn query_order(&self, caller: &Caller, order: &Order) -> Result<(&'static str, Work), Fault> {
        let all_rows = match order.operation.as_str() {
            "query" => false,
            "queryAll" => true,
            other => return Err(Fault::bad("INVALID_INPUT", format!("unknown operation {other}"))),
        };
        let missing = || Fault::bad("MISSING_ARGUMENT", "query is required");
        let text = order.query.clone().ok_or_else(missing)?;
        let object = plain::object(self, caller, &text)?;
        Ok((self.schema.object(object).name, Work::Query { text, all_rows, result: Table::default() }))
    }

    fn ingest_order(&self, caller: &Caller, order: &Order) -> Result<(&'static str, Work), Fault> {
        let operation: Operation = serde_json::from_value(json!(order.operation))
            .map_err(|_| Fault::bad("INVALID_INPUT", format!("unknown operation {}", order.operation)))?;
        if operation == Operation::HardDelete {
            let text = "hardDelete operation requires special user profile permission, please contact your \
                        system administrator";
            return Err(Fault::bad("FUNCTIONALITY_NOT_ENABLED", text));
        }
        let name =
            order.object.as_deref().ok_or_else(|| Fault::bad("MISSING_ARGUMENT", "object is required"))?;
        let object = self
            .schema
            .find(name)
            .ok_or_else(|| Fault::bad("INVALID_TYPE", format!("sObject type '{name}' is not supported.")))?;
        let key = order.external_id_field_name.clone();
        if operation == Operation::Upsert {
            let name = key.as_deref().unwrap_or_default();
            let known = name.eq_ignore_ascii_case("Id")
                || self.position(caller.role, object, name).is_some_and(|at| self.tables.keyed(object, at));
            if !known {
                return Err(Fault::bad(
                    "INVALID_FIELD",
                    format!("externalIdFieldName names no external id: {name}"),
                ));
            }
        }
        let work = Work::Ingest { operation, key, upload: None, outcome: Outcome::default() };
        Ok((self.schema.object(object).name, work))
    }

    /// `PATCH {"state"}`: the upload is complete, or the job is given up.
    fn move_job(
        &mut self,
        caller: &Caller,
        request: &Request<Bytes>,
        at: usize,
    ) -> Result<Response<Bytes>, Fault> {
        let body: Value = serde_json::from_slice(request.body())
            .map_err(|error| Fault::parser(format!("Unexpected JSON: {error}")))?;
        let (queue, run) = (self.knobs.bulk.queue_ms, self.knobs.bulk.run_ms);
        let job = self.jobs.all.get_mut(at).expect("positions are looked up in this list");
        match body.get("state").and_then(Value::as_str) {
            Some("UploadComplete") => {
                let ready = matches!(&job.work, Work::Ingest { upload: Some(_), .. });
                if job.state != State::Open || !ready {
                    return Err(too_early(job));
                }
                job.queue(caller.now, queue, run);
            }
            Some("Aborted") => {
                if job.state.over() {
                    return Err(too_early(job));
                }
                job.state = State::Aborted;
                job.moved = caller.now;
                if let Work::Ingest { upload, outcome, .. } = &mut job.work
                    && let Some(table) = upload.take().and_then(|bytes| job.dialect.read(&bytes).ok())
                {
                    *outcome = Outcome { header: table.header, untouched: table.rows, ..Outcome::default() };
                }
            }
            _ => return Err(Fault::bad("INVALID_INPUT", "state is UploadComplete or Aborted")),
        }
        Ok(told(&self.job(at).brief()))
    }

    fn upload(&mut self, request: &Request<Bytes>, at: usize) -> Result<Response<Bytes>, Fault> {
        let most = self.knobs.bulk.max_upload_bytes;
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.unwrap_or_default().starts_with("text/csv") {
            return Err(Fault::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "an upload is text/csv",
            ));
        }
        let job = self.jobs.all.get_mut(at).expect("positions are looked up in this list");
        let early = too_early(job);
        match &mut job.work {
            Work::Ingest { upload: upload @ None, .. } if job.state == State::Open => {
                if request.body().len() > most {
                    return Err(Fault::new(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "LIMIT_EXCEEDED",
                        format!("an upload has at most {most} bytes"),
                    ));
                }
                *upload = Some(request.body().clone());
                Ok(exchange::empty(StatusCode::CREATED))
            }
            _ => Err(early),
        }
    }

    fn results(&self, request: &Request<Bytes>, at: usize) -> Result<Response<Bytes>, Fault> {
        let job = self.job(at);
        let Work::Query { result, .. } = &job.work else { return Err(Fault::not_found()) };
        if job.state != State::JobComplete {
            return Err(too_early(job));
        }
        let query = exchange::query(request);
        let param = |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let asked = match param("maxRecords").map(str::parse::<usize>) {
            None => self.knobs.bulk.page_rows,
            Some(Ok(asked @ 1..)) => asked.min(self.knobs.bulk.page_rows),
            Some(_) => {
                return Err(Fault::bad("ILLEGAL_QUERY_PARAMETER_VALUE", "maxRecords is a positive number"));
            }
        };
        let page = query::page(result.rows.len(), param("locator"), asked)?;
        let rows = result.rows.get(page.rows.clone()).unwrap_or_default();
        let mut response = table(job.dialect.write(&result.header, rows.iter().map(Vec::as_slice)));
        let headers = response.headers_mut();
        // The word null, not nothing, ends the results.
        let next = page.next.as_deref().unwrap_or("null");
        headers.insert(
            "sforce-locator",
            HeaderValue::from_str(next).unwrap_or(HeaderValue::from_static("null")),
        );
        headers.insert("sforce-numberofrecords", HeaderValue::from(page.rows.len()));
        Ok(response)
    }

    fn outcome(&self, at: usize, part: &str) -> Result<Response<Bytes>, Fault> {
        let job = self.job(at);
        let Work::Ingest { outcome, .. } = &job.work else { return Err(Fault::not_found()) };
        let (first, rows): (&[&str], &[Vec<String>]) = match part {
            "successfulResults" => (&["sf__Id", "sf__Created"], &outcome.done),
            "failedResults" => (&["sf__Id", "sf__Error"], &outcome.failed),
            "unprocessedrecords" => (&[], &outcome.untouched),
            _ => return Err(Fault::not_found()),
        };
        if !job.state.over() {
            return Err(too_early(job));
        }
        let header: Vec<String> =
            first.iter().map(|name| (*name).to_owned()).chain(outcome.header.iter().cloned()).collect();
        Ok(table(job.dialect.write(&header, rows.iter().map(Vec::as_slice))))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{super::org::Role, *};

    #[test]
    fn s3_the_oldest_jobs_are_given_up_for_the_bytes_of_new_ones() {
        let job = |number: u64, bytes: usize| Job {
            id: Id::new("750", [b'0'; 2], number),
            user: Id::new("005", [b'0'; 2], 1),
            role: Role::Seller,
            version: 66,
            object: "Account",
            work: Work::Ingest {
                operation: Operation::Insert,
                key: None,
                upload: Some(Bytes::from(vec![b'x'; bytes])),
                outcome: Outcome::default(),
            },
            dialect: Dialect { delimiter: Delimiter::default(), ending: LineEnding::default() },
            created: Timestamp::UNIX_EPOCH,
            moved: Timestamp::UNIX_EPOCH,
            state: State::Open,
            due: None,
            error: None,
        };
        let mut jobs = Jobs { all: vec![job(1, 40), job(2, 40), job(3, 10)] };
        jobs.make_room(10, 100);
        assert_eq!(jobs.all.len(), 3, "all of it fits");
        jobs.make_room(11, 100);
        assert_eq!(jobs.all.first().unwrap().id, Id::new("750", [b'0'; 2], 2));
        jobs.make_room(200, 100);
        assert!(jobs.all.is_empty());
        jobs.all.extend((0..MAX_JOBS as u64).map(|number| job(number, 0)));
        jobs.make_room(0, 100);
        assert_eq!(jobs.all.len(), MAX_JOBS - 1, "room for one more");
    }
}
