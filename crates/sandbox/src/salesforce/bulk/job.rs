//! A bulk job: what was asked, how far it is, and how it looks on the wire (salesforce reference, section 3).

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{id::Id, org::Role, values::wire_time},
    dialect::{Dialect, Table},
};

/// What an ingest job does with its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Operation {
    Insert,
    Update,
    Upsert,
    Delete,
    HardDelete,
}

/// What a job is for.
#[derive(Debug)]
pub(super) enum Work {
    Query { text: String, all_rows: bool, result: Table },
    Ingest { operation: Operation, key: Option<String>, upload: Option<Bytes>, outcome: Outcome },
}

/// What became of an upload's rows.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) header: Vec<String>,
    /// Each with id and whether it was created in front.
    pub(super) done: Vec<Vec<String>>,
    /// Each with id, if it has one, and error in front.
    pub(super) failed: Vec<Vec<String>>,
    pub(super) untouched: Vec<Vec<String>>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum State {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

impl State {
    pub(super) fn over(self) -> bool {
        matches!(self, Self::JobComplete | Self::Failed | Self::Aborted)
    }
}

/// One job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: Id,
    pub(super) user: Id,
    pub(super) role: Role,
    pub(super) version: u32,
    pub(super) object: &'static str,
    pub(super) work: Work,
    pub(super) dialect: Dialect,
    pub(super) created: Timestamp,
    pub(super) moved: Timestamp,
    pub(super) state: State,
    /// When it is taken up and when it ends, once its data are complete.
    pub(super) due: Option<(Timestamp, Timestamp)>,
    pub(super) error: Option<String>,
}

impl Job {
    /// Puts a job whose data are complete into the queue.
    pub(super) fn queue(&mut self, now: Timestamp, queue_ms: u32, run_ms: u32) {
        let after = |from: Timestamp, wait: u32| {
            from.checked_add(SignedDuration::from_millis(i64::from(wait))).unwrap_or(from)
        };
        let begins = after(now, queue_ms);
        self.due = Some((begins, after(begins, run_ms)));
        self.state = State::UploadComplete;
        self.moved = now;
    }

    pub(super) fn is_query(&self) -> bool {
        matches!(self.work, Work::Query { .. })
    }

    /// About how many bytes of uploads and results it holds.
    pub(super) fn weight(&self) -> usize {
        /// A cell's text with what is around it.
        const CELL_BYTES: usize = 32;
        match &self.work {
            Work::Query { result, .. } => result.rows.len() * result.header.len() * CELL_BYTES,
            Work::Ingest { upload, outcome, .. } => {
                let rows = outcome.done.len() + outcome.failed.len() + outcome.untouched.len();
                upload.as_ref().map_or(0, Bytes::len) + rows * outcome.header.len() * CELL_BYTES
            }
        }
    }

    /// Rows done and failed.
    pub(super) fn counts(&self) -> (usize, usize) {
        match &self.work {
            Work::Query { result, .. } => (result.rows.len(), 0),
            Work::Ingest { outcome, .. } => (outcome.done.len() + outcome.failed.len(), outcome.failed.len()),
        }
    }

    /// The job as it is told at its creation.
    pub(super) fn brief(&self) -> Value {
        let mut body = json!({
            "id": self.id.to_string(), "object": self.object, "createdById": self.user.to_string(),
            "createdDate": wire_time(self.created), "systemModstamp": wire_time(self.moved), "state": self.state,
            "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": f64::from(self.version),
            "lineEnding": self.dialect.ending, "columnDelimiter": self.dialect.delimiter,
        });
        let own = match &self.work {
            Work::Query { all_rows, .. } => {
                json!({"operation": if *all_rows { "queryAll" } else { "query" }})
            }
            Work::Ingest { operation, key, .. } => json!({
                "operation": operation,
                "externalIdFieldName": key,
                "contentUrl": format!("services/data/v{}.0/jobs/ingest/{}/batches", self.version, self.id),
            }),
        };
        extend(&mut body, own);
        body
    }

    /// The job as it is told when asked for.
    pub(super) fn full(&self, now: Timestamp) -> Value {
        let mut body = self.brief();
        let (processed, failed) = self.counts();
        let begun = self.due.map_or(self.moved, |(begins, _)| begins);
        let until = if self.state.over() { self.moved } else { now };
        let took = until.duration_since(begun).as_millis().max(0);
        extend(
            &mut body,
            json!({
                "numberRecordsProcessed": processed, "retries": 0,
                "totalProcessingTime": i64::try_from(took).unwrap_or(i64::MAX),
            }),
        );
        extend(
            &mut body,
            if self.is_query() {
                json!({"jobType": "V2Query", "isPkChunkingSupported": false})
            } else {
                json!({
                    "jobType": "V2Ingest", "numberRecordsFailed": failed, "apiActiveProcessingTime": 0,
                    "apexProcessingTime": 0,
                })
            },
        );
        if let Some(error) = &self.error {
            extend(&mut body, json!({"errorMessage": error}));
        }
        body
    }
}

fn extend(body: &mut Value, more: Value) {
    if let (Value::Object(body), Value::Object(more)) = (body, more) {
        body.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
    }
}
