//! `/metadata/deployRequest`: jobs that check and deploy packages (salesforce reference, section 6.3).

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    multipart,
    package::{self, MAX_ZIP, Package},
    plan::{Deed, Done, Plan},
    xml::Problem,
};
use crate::{
    exchange,
    salesforce::{
        call::Answer,
        errors::Fault,
        id::Id,
        knobs::Permission,
        org::{Caller, Org},
        values::wire_time,
    },
};

/// Jobs kept, and unzipped bytes in all of them; the oldest goes first.
const MAX_JOBS: usize = 200;
const MAX_HELD_BYTES: usize = 2 * 600 * 1024 * 1024;
/// How long a validated package can be deployed without another check.
const QUICK_DAYS: i64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum TestLevel {
    NoTestRun,
    RunSpecifiedTests,
    RunLocalTests,
    RunAllTestsInOrg,
    RunRelevantTests,
}

/// What a deploy is asked to do, and not to do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
struct Options {
    allow_missing_files: bool,
    auto_update_package: bool,
    check_only: bool,
    ignore_warnings: bool,
    perform_retrieve: bool,
    purge_on_delete: bool,
    rollback_on_error: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_tests: Option<Vec<String>>,
    single_package: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_level: Option<TestLevel>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    #[serde(default)]
    deploy_options: Options,
    validated_deploy_request_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Status {
    Pending,
    InProgress,
    Succeeded,
    SucceededPartial,
    Failed,
    Canceling,
    Canceled,
}

impl Status {
    fn done(self) -> bool {
        matches!(self, Self::Succeeded | Self::SucceededPartial | Self::Failed | Self::Canceled)
    }
}

/// One deploy.
#[derive(Debug)]
struct Job {
    id: Id,
    by: Id,
    options: Options,
    /// Let go when nothing can be deployed from it any more.
    package: std::sync::Arc<Result<Package, Problem>>,
    validated: Option<Id>,
    status: Status,
    created: Timestamp,
    completed: Option<Timestamp>,
    done: Vec<Done>,
    problems: Vec<Problem>,
}

/// The org's deploys, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Deploys {
    all: Vec<Job>,
}

impl Deploys {
    /// Gives up the oldest jobs while there are too many, or hold more than `most` bytes; the newest stays.
    fn shed(&mut self, most: usize) {
        let mut held: usize = self.all.iter().map(Job::weight).sum();
        while self.all.len() > MAX_JOBS || (held > most && self.all.len() > 1) {
            held -= self.all.remove(0).weight();
        }
    }
}

impl Org {
    /// Answers a call of `/metadata/deployRequest`; `path` is what follows.
    pub(crate) fn deploys(&mut self, caller: &Caller, request: &Request<Bytes>, path: &[&str]) -> Answer {
        self.deploys_route(caller, request, path).unwrap_or_else(|fault| Answer::fault(&fault))
    }

    fn deploys_route(
        &mut self,
        caller: &Caller,
        request: &Request<Bytes>,
        path: &[&str],
    ) -> Result<Answer, Fault> {
        self.require(caller, Permission::ModifyMetadata)?;
        match (request.method(), path) {
            (&Method::POST, []) => self.order_deploy(caller, request),
            (&Method::GET, [id]) => {
                let details = exchange::query(request)
                    .into_iter()
                    .any(|(name, value)| name == "includeDetails" && value.eq_ignore_ascii_case("true"));
                let job = self.deploy(id)?;
                Ok(Answer::ok(job.json(self.progress(job, caller.now), details)))
            }
            (&Method::PATCH, [id]) => self.cancel_deploy(caller, request, id),
            (method, []) => Err(Fault::method(method.as_str(), "POST")),
            (method, [_]) => Err(Fault::method(method.as_str(), "GET,PATCH")),
            _ => Err(Fault::not_found()),
        }
    }

    fn deploy(&self, id: &str) -> Result<&Job, Fault> {
        let id = Id::parse(id);
        self.deploys.all.iter().find(|job| Some(job.id) == id).ok_or_else(Fault::not_found)
    }

    /// Where a job stands that has not been done yet.
    fn progress(&self, job: &Job, now: Timestamp) -> Status {
        if job.status != Status::Pending {
            return job.status;
        }
        let passed = now.duration_since(job.created).as_millis();
        if passed * 2 < i128::from(self.knobs.deploy_ms) { Status::Pending } else { Status::InProgress }
    }

    fn order_deploy(&mut self, caller: &Caller, request: &Request<Bytes>) -> Result<Answer, Fault> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        let (order, zip) = if kind.starts_with("application/json") {
            (order_of(request.body())?, None)
        } else {
            let parts =
                multipart::parts(kind, request.body()).map_err(|text| Fault::bad("INVALID_INPUT", text))?;
            let zip = parts.iter().find(|part| part.name == "file");
            // The JSON part has one name in the guide and another in a well-known client.
            let options =
                parts.iter().find(|part| part.name != "file" && part.media.starts_with("application/json"));
            let options =
                options.ok_or_else(|| Fault::bad("INVALID_INPUT", "the part with the options is missing"))?;
            let zip = zip.ok_or_else(|| Fault::bad("INVALID_INPUT", "the part named file is missing"))?;
            (order_of(options.body)?, Some(zip.body))
        };
        let (package, options, validated) = match (zip, &order.validated_deploy_request_id) {
            (Some(zip), None) => {
                if zip.len() > MAX_ZIP {
                    return Err(Fault::bad(
                        "LIMIT_EXCEEDED",
                        format!("a deploy's zip has at most {MAX_ZIP} bytes"),
                    ));
                }
                let package = package::read(zip, order.deploy_options.single_package);
                (std::sync::Arc::new(package), order.deploy_options, None)
            }
            (None, Some(id)) => {
                let fresh = SignedDuration::from_hours(24 * QUICK_DAYS);
                let job = self.deploy(id).ok().filter(|job| {
                    job.options.check_only
                        && job.status == Status::Succeeded
                        && caller.now.duration_since(job.created) < fresh
                });
                let job =
                    job.ok_or_else(|| Fault::bad("INVALID_ID_FIELD", format!("no validated deploy {id}")))?;
                (job.package.clone(), Options { check_only: false, ..job.options.clone() }, Some(job.id))
            }
            _ => {
                return Err(Fault::bad(
                    "INVALID_INPUT",
                    "either a file or validatedDeployRequestId is given",
                ));
            }
        };
        let id = self.new_id("0Af");
        let job = Job {
            id,
            by: caller.user,
            options,
            package,
            validated,
            status: Status::Pending,
            created: caller.now,
            completed: None,
            done: Vec::new(),
            problems: Vec::new(),
        };
        let answer = Answer::with(StatusCode::CREATED, job.json(Status::Pending, false));
        self.deploys.all.push(job);
        self.deploys.shed(MAX_HELD_BYTES);
        Ok(answer)
    }

    fn cancel_deploy(
        &mut self,
        caller: &Caller,
        request: &Request<Bytes>,
        id: &str,
    ) -> Result<Answer, Fault> {
        let body: Value =
            serde_json::from_slice(request.body()).map_err(|error| Fault::parser(error.to_string()))?;
        if body.pointer("/deployResult/status").and_then(Value::as_str) != Some("Canceling") {
            return Err(Fault::bad("INVALID_INPUT", "a deploy is changed to Canceling alone"));
        }
        let id = self.deploy(id)?.id;
        let job = self.deploys.all.iter_mut().find(|job| job.id == id).ok_or_else(Fault::not_found)?;
        if job.status.done() {
            return Err(Fault::bad("INVALID_OPERATION", "the deploy has completed"));
        }
        job.status = Status::Canceled;
        job.completed = Some(caller.now);
        Ok(Answer::with(StatusCode::ACCEPTED, job.json(Status::Canceling, false)))
    }

    /// Does the deploys whose time has come, oldest first.
    pub(crate) fn run_deploys(&mut self, now: Timestamp) {
        let wait = SignedDuration::from_millis(i64::try_from(self.knobs.deploy_ms).unwrap_or(i64::MAX));
        for at in 0..self.deploys.all.len() {
            let Some(job) = self.deploys.all.get(at) else { break };
            let due = job.status == Status::Pending && now.duration_since(job.created) >= wait;
            if !due {
                continue;
            }
            let (package, options, by) = (job.package.clone(), job.options.clone(), job.by);
            let (done, problems, status) = match package.as_ref() {
                Err(problem) => (Vec::new(), vec![problem.clone()], Status::Failed),
                Ok(package) => {
                    let plan = self.plan(package);
                    let status =
                        match (plan.problems.is_empty(), options.rollback_on_error || plan.done.is_empty()) {
                            (true, _) => Status::Succeeded,
                            (false, true) => Status::Failed,
                            (false, false) => Status::SucceededPartial,
                        };
                    let (done, problems) = (plan.done.clone(), plan.problems.clone());
                    if status != Status::Failed && !options.check_only {
                        self.adopt(plan, by, now);
                    }
                    (done, problems, status)
                }
            };
            if let Some(job) = self.deploys.all.get_mut(at) {
                (job.done, job.problems, job.status) = (done, problems, status);
                job.completed = Some(now);
                if !job.options.check_only || status != Status::Succeeded {
                    job.package = std::sync::Arc::new(Ok(Package::default()));
                }
            }
        }
    }

    /// Makes the org what a plan says.
    pub(super) fn adopt(&mut self, plan: Plan, by: Id, now: Timestamp) {
        self.customization = plan.customization;
        self.events.channels = plan.channels;
        self.rebuild(now);
        self.show_setup(by, now);
    }
}

fn order_of(body: &[u8]) -> Result<Order, Fault> {
    serde_json::from_slice(body).map_err(|error| Fault::parser(error.to_string()))
}

impl Job {
    /// The unzipped bytes it holds.
    fn weight(&self) -> usize {
        self.package.as_ref().as_ref().map_or(0, |package| package.files.values().map(String::len).sum())
    }

    fn json(&self, status: Status, details: bool) -> Value {
        let at = |at: Timestamp| json!(wire_time(at));
        let id = self.id.to_string();
        let total = self.done.len() + self.problems.len();
        let mut result = json!({
            "id": id, "status": status, "done": status.done(), "success": status == Status::Succeeded,
            "checkOnly": self.options.check_only, "ignoreWarnings": self.options.ignore_warnings,
            "rollbackOnError": self.options.rollback_on_error, "runTestsEnabled": false,
            "numberComponentsTotal": total, "numberComponentsDeployed": self.done.len(),
            "numberComponentErrors": self.problems.len(), "numberTestsTotal": 0, "numberTestsCompleted": 0,
            "numberTestErrors": 0, "createdBy": self.by.to_string(), "createdDate": at(self.created),
            "startDate": at(self.created), "lastModifiedDate": at(self.completed.unwrap_or(self.created)),
            "completedDate": self.completed.map(at), "errorMessage": null, "errorStatusCode": null,
            "stateDetail": null,
        });
        if details {
            let successes: Vec<Value> = self.done.iter().map(success).collect();
            let failures: Vec<Value> = self.problems.iter().map(failure).collect();
            result["details"] = json!({
                "componentSuccesses": successes, "componentFailures": failures, "retrieveResult": null,
                "runTestResult": {"numFailures": 0, "numTestsRun": 0, "successes": [], "failures": [], "totalTime": 0.0},
            });
        }
        json!({
            "id": id, "validatedDeployRequestId": self.validated.map(|id| id.to_string()),
            "deployOptions": self.options, "deployResult": result,
        })
    }
}

fn success(done: &Done) -> Value {
    let absent = done.deed == Deed::Absent;
    json!({
        "fileName": done.file, "fullName": done.full_name, "componentType": done.kind, "success": true,
        "created": done.deed == Deed::Created, "changed": done.deed == Deed::Changed,
        "deleted": done.deed == Deed::Deleted, "warning": absent,
        "problem": absent.then(|| format!("No {} named: {} found", done.kind, done.full_name)),
        "problemType": absent.then_some("Warning"),
    })
}

fn failure(problem: &Problem) -> Value {
    let place = |place: u32| if place == 0 { Value::Null } else { json!(place) };
    json!({
        "fileName": problem.file, "fullName": problem.full_name, "componentType": problem.kind, "success": false,
        "created": false, "changed": false, "deleted": false, "problem": problem.text, "problemType": "Error",
        "lineNumber": place(problem.line), "columnNumber": place(problem.column),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn s6_3_the_oldest_packages_are_given_up_for_new_ones() {
        let job = |number: u64, bytes: usize| {
            let files = [("classes/A.cls".to_owned(), "x".repeat(bytes))].into();
            Job {
                id: Id::new("0Af", [b'0'; 2], number),
                by: Id::new("005", [b'0'; 2], 1),
                options: Options::default(),
                package: Arc::new(Ok(Package { files, ..Package::default() })),
                validated: None,
                status: Status::Pending,
                created: Timestamp::UNIX_EPOCH,
                completed: None,
                done: Vec::new(),
                problems: Vec::new(),
            }
        };
        let mut deploys = Deploys { all: vec![job(1, 40), job(2, 40), job(3, 20)] };
        deploys.shed(100);
        assert_eq!(deploys.all.len(), 3, "all of it fits");
        deploys.shed(60);
        assert_eq!(deploys.all.first().unwrap().id, Id::new("0Af", [b'0'; 2], 2));
        deploys.shed(10);
        assert_eq!(deploys.all.len(), 1, "the newest stays");
        deploys.all.extend((0..MAX_JOBS as u64).map(|number| job(number, 0)));
        deploys.shed(100);
        assert_eq!(deploys.all.len(), MAX_JOBS);
    }
}
