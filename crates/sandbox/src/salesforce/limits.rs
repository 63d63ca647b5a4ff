//! The org's daily call budget (salesforce reference, section 2.15).

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{bulk::knobs::BulkKnobs, errors::Fault};

const MINUTES_A_DAY: i64 = 24 * 60;

/// What was used in the last 24 hours, by minute.
#[derive(Debug, Default)]
pub(crate) struct Rolling {
    minutes: BTreeMap<i64, u64>,
}

impl Rolling {
    /// What was used within 24 hours before `now`.
    fn spent(&self, now: Timestamp) -> u64 {
        let from = now.as_second() / 60 - MINUTES_A_DAY;
        self.minutes.range(from + 1..).map(|(_, used)| used).sum()
    }

    /// Uses some.
    ///
    /// # Errors
    /// 403 when the allowance is used up.
    pub(crate) fn spend(&mut self, limit: u64, some: u64, now: Timestamp) -> Result<(), Fault> {
        let minute = now.as_second() / 60;
        self.minutes = self.minutes.split_off(&(minute - MINUTES_A_DAY + 1));
        if self.spent(now) >= limit {
            return Err(Fault::new(
                StatusCode::FORBIDDEN,
                "REQUEST_LIMIT_EXCEEDED",
                "TotalRequests Limit exceeded.",
            ));
        }
        *self.minutes.entry(minute).or_default() += some;
        Ok(())
    }
}

/// The org's allowances.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    calls: Rolling,
    /// Batches of ingest jobs.
    pub(crate) batches: Rolling,
    /// Query jobs.
    pub(crate) queries: Rolling,
}

impl Usage {
    /// Calls within 24 hours before `now`.
    pub(crate) fn spent(&self, now: Timestamp) -> u64 {
        self.calls.spent(now)
    }

    /// Counts one call; `overshoot` are those that an org may make past its limit.
    ///
    /// # Errors
    /// 403 when the budget is used up.
    pub(crate) fn spend(&mut self, limit: u64, overshoot: u64, now: Timestamp) -> Result<(), Fault> {
        self.calls.spend(limit.saturating_add(overshoot), 1, now)
    }

    /// The value of `Sforce-Limit-Info`.
    pub(crate) fn header(&self, limit: u64, now: Timestamp) -> String {
        format!("api-usage={}/{limit}", self.spent(now))
    }

    /// The body of `GET /limits`.
    pub(crate) fn json(&self, limit: u64, bulk: &BulkKnobs, now: Timestamp) -> Value {
        let left =
            |max: u64, used: &Rolling| json!({"Max": max, "Remaining": max.saturating_sub(used.spent(now))});
        let unused = |max: u64| json!({"Max": max, "Remaining": max});
        json!({
            "DailyApiRequests": {"Max": limit, "Remaining": limit.saturating_sub(self.spent(now))},
            "DailyBulkApiBatches": left(bulk.daily_batches, &self.batches),
            "DailyBulkV2QueryJobs": left(bulk.daily_query_jobs, &self.queries),
            "DailyBulkV2QueryFileStorageMB": unused(976_562),
            "DailyDeliveredPlatformEvents": unused(25_000),
            "MonthlyPlatformEventsUsageEntitlement": unused(0),
            "HourlyPublishedPlatformEvents": unused(50_000),
            "DataStorageMB": unused(1_024),
            "FileStorageMB": unused(10_240),
        })
    }
}
