//! How jobs go on: by the machine's clock, in the order they came.

use jiff::{SignedDuration, Timestamp};

use super::{
    super::org::{Caller, Org},
    dialect::Table,
    job::{Outcome, State, Work},
};

/// How long a job and its results are kept.
const KEPT_HOURS: i64 = 7 * 24;
/// Rows in what the daily allowance calls a batch.
const BATCH_ROWS: usize = 10_000;

impl Org {
    /// Moves every job as far as the clock says.
    pub(crate) fn run_jobs(&mut self, now: Timestamp) {
        let kept = now.checked_sub(SignedDuration::from_hours(KEPT_HOURS)).unwrap_or(now);
        self.jobs.all.retain(|job| job.created >= kept);
        for at in 0..self.jobs.all.len() {
            let Some(job) = self.jobs.all.get_mut(at) else { break };
            let Some((begins, ends)) = job.due.filter(|_| !job.state.over()) else { continue };
            if now >= ends {
                self.run_job(at, ends);
            } else if now >= begins {
                job.state = State::InProgress;
                job.moved = begins;
            }
        }
    }

    fn run_job(&mut self, at: usize, ends: Timestamp) {
        let fail = self.knobs.bulk.fail.clone();
        let Some(job) = self.jobs.all.get_mut(at) else { return };
        let caller = Caller {
            user: job.user,
            role: job.role,
            version: job.version,
            allow_duplicates: false,
            now: ends,
        };
        let (name, dialect) = (job.object, job.dialect);
        let mut work = std::mem::replace(
            &mut job.work,
            Work::Query { text: String::new(), all_rows: false, result: Table::default() },
        );
        let object = self.schema.find(name);
        let error = match (&mut work, object) {
            (_, None) => Some("the object is gone".to_owned()),
            (Work::Query { .. }, _) if fail.is_some() => fail,
            (Work::Query { text, all_rows, result }, _) => match self.bulk_rows(&caller, text, *all_rows) {
                Ok(rows) => {
                    *result = rows;
                    None
                }
                Err(fault) => Some(format!("{}: {}", fault.code, fault.message)),
            },
            (Work::Ingest { operation, key, upload, outcome }, Some(object)) => {
                let bytes = upload.take().unwrap_or_default();
                let done = match fail {
                    Some(text) => {
                        let table = dialect.read(&bytes).unwrap_or_default();
                        let untouched =
                            Outcome { header: table.header, untouched: table.rows, ..Outcome::default() };
                        Err((text, untouched))
                    }
                    None => self.ingest(&caller, object, *operation, key.as_deref(), dialect, &bytes),
                };
                let (whole, error) = match done {
                    Ok(whole) => (whole, None),
                    Err((error, whole)) => (whole, Some(error)),
                };
                let rows = whole.done.len() + whole.failed.len();
                let batches = u64::try_from(rows.div_ceil(BATCH_ROWS)).unwrap_or(u64::MAX);
                // The rows are in; what is over the allowance is refused at the next job.
                let _ = self.usage.batches.spend(u64::MAX, batches, ends);
                *outcome = whole;
                error
            }
        };
        if let Some(job) = self.jobs.all.get_mut(at) {
            job.work = work;
            job.state = if error.is_some() { State::Failed } else { State::JobComplete };
            job.error = error;
            job.moved = ends;
        }
    }
}
