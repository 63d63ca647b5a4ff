//! What was asked of a platform: tallies by kind, and a bounded log of whole exchanges.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::exchange::Kind;

/// Most exchanges kept; the oldest go first.
pub const MAX_EXCHANGES: usize = 10_000;
/// Most bytes of bodies kept; the oldest exchanges go first.
pub const MAX_LOG_BYTES: usize = 64 << 20;

/// Headers as text, in the order in which they came.
pub type Headers = Vec<(String, String)>;

/// One exchange as it went over the wire. Bodies are whole, so that a test can search everything that was sent.
#[derive(Debug, Clone, Serialize)]
pub struct Exchange {
    /// When the request arrived, by the platform's clock.
    pub at: Timestamp,
    /// Its method.
    pub method: String,
    /// Its path and query, as sent.
    pub path: String,
    /// What it does.
    pub kind: Kind,
    /// The answer's status; `None` if the connection was closed without one.
    pub status: Option<u16>,
    /// The number of the fault rule it met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<u64>,
    /// The request's body.
    #[serde(serialize_with = "as_text")]
    pub request: Bytes,
    /// The answer's body; empty if there was none.
    #[serde(serialize_with = "as_text")]
    pub response: Bytes,
    /// The request's headers. Only dumps show them, without secrets.
    #[serde(skip)]
    pub request_headers: Headers,
    /// The answer's headers. Only dumps show them, without secrets.
    #[serde(skip)]
    pub response_headers: Headers,
}

fn as_text<S: serde::Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

#[derive(Debug, Default)]
struct Kept {
    by_kind: BTreeMap<Kind, u64>,
    log: VecDeque<Exchange>,
    bytes: usize,
    evicted: u64,
}

/// The traffic of one platform since it started or was last reset.
#[derive(Debug, Default)]
pub struct Traffic {
    kept: Mutex<Kept>,
}

impl Traffic {
    /// Counts a request at its arrival.
    pub fn count(&self, kind: Kind) {
        *self.lock().by_kind.entry(kind).or_default() += 1;
    }

    /// Keeps a finished exchange.
    pub fn keep(&self, exchange: Exchange) {
        let mut kept = self.lock();
        kept.bytes += size(&exchange);
        kept.log.push_back(exchange);
        while kept.log.len() > MAX_EXCHANGES || kept.bytes > MAX_LOG_BYTES {
            let Some(oldest) = kept.log.pop_front() else { break };
            kept.bytes -= size(&oldest);
            kept.evicted += 1;
        }
    }

    /// Tallies, and the log if asked for.
    pub fn report(&self, with_log: bool) -> Value {
        let kept = self.lock();
        let mut report = json!({
            "total": kept.by_kind.values().sum::<u64>(),
            "by_kind": kept.by_kind,
            "evicted": kept.evicted,
        });
        if with_log {
            report["log"] = json!(kept.log);
        }
        report
    }

    /// What `each` makes of every exchange that is kept, oldest first.
    pub fn each<T>(&self, each: impl Fn(&Exchange) -> T) -> Vec<T> {
        self.lock().log.iter().map(each).collect()
    }

    /// Forgets everything.
    pub fn reset(&self) {
        *self.lock() = Kept::default();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().expect("no code panics while holding this lock")
    }
}

fn size(exchange: &Exchange) -> usize {
    let headers = exchange.request_headers.iter().chain(&exchange.response_headers);
    let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
    exchange.path.len() + exchange.request.len() + exchange.response.len() + headers
}
