//! The org's daily call budget (salesforce reference, section 2.15).

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::errors::Fault;

const MINUTES_A_DAY: i64 = 24 * 60;

/// Calls of the last 24 hours, by minute.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    minutes: BTreeMap<i64, u64>,
}

impl Usage {
    /// Calls within 24 hours before `now`.
    pub(crate) fn spent(&self, now: Timestamp) -> u64 {
        let from = now.as_second() / 60 - MINUTES_A_DAY;
        self.minutes.range(from + 1..).map(|(_, calls)| calls).sum()
    }

    /// Counts one call. A paid org goes on for `overshoot` calls above its limit.
    ///
    /// # Errors
    /// 403 when the budget is used up.
    pub(crate) fn spend(&mut self, limit: u64, overshoot: u64, now: Timestamp) -> Result<(), Fault> {
        let minute = now.as_second() / 60;
        self.minutes = self.minutes.split_off(&(minute - MINUTES_A_DAY + 1));
        if self.spent(now) >= limit.saturating_add(overshoot) {
            return Err(Fault::new(
                StatusCode::FORBIDDEN,
                "REQUEST_LIMIT_EXCEEDED",
                "TotalRequests Limit exceeded.",
            ));
        }
        *self.minutes.entry(minute).or_default() += 1;
        Ok(())
    }

    /// The value of `Sforce-Limit-Info`.
    pub(crate) fn header(&self, limit: u64, now: Timestamp) -> String {
        format!("api-usage={}/{limit}", self.spent(now))
    }

    /// The body of `GET /limits`.
    pub(crate) fn json(&self, limit: u64, now: Timestamp) -> Value {
        let unused = |max: u64| json!({"Max": max, "Remaining": max});
        json!({
            "DailyApiRequests": {"Max": limit, "Remaining": limit.saturating_sub(self.spent(now))},
            "DailyBulkApiBatches": unused(15_000),
            "DailyBulkV2QueryJobs": unused(10_000),
            "DailyBulkV2QueryFileStorageMB": unused(976_562),
            "DailyDeliveredPlatformEvents": unused(25_000),
            "MonthlyPlatformEventsUsageEntitlement": unused(0),
            "HourlyPublishedPlatformEvents": unused(50_000),
            "DataStorageMB": unused(1_024),
            "FileStorageMB": unused(10_240),
        })
    }
}
