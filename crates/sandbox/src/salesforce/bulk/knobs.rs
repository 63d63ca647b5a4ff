//! How quickly the bulk queue works, and when it fails.

use serde::{Deserialize, Serialize};

/// The settings of Bulk API 2.0. A patch names what it changes; the rest stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BulkKnobs {
    /// How long a job waits before it is taken up, in milliseconds.
    pub(crate) queue_ms: u32,
    /// How long a job then runs, in milliseconds; its rows are written at the end.
    pub(crate) run_ms: u32,
    /// Jobs fail with this text instead of running.
    pub(crate) fail: Option<String>,
    /// Most rows in one answer of query results, whatever `maxRecords` says.
    pub(crate) page_rows: usize,
    /// Most bytes of one upload (salesforce reference, section 3: 100 MB before encoding).
    pub(crate) max_upload_bytes: usize,
    /// Batches of 10,000 rows a rolling day.
    pub(crate) daily_batches: u64,
    /// Query jobs a rolling day.
    pub(crate) daily_query_jobs: u64,
}

impl Default for BulkKnobs {
    fn default() -> Self {
        Self {
            queue_ms: 30,
            run_ms: 30,
            fail: None,
            page_rows: 50_000,
            max_upload_bytes: 100 << 20,
            daily_batches: 15_000,
            daily_query_jobs: 10_000,
        }
    }
}
