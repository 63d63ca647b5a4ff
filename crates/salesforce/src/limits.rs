//! The org's allowances: what every answer says of them, and the full table.

use std::collections::BTreeMap;

use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};

use crate::{CallContext, Client, Refusal, Result, client::Call};

/// Calls used and allowed in the org's rolling 24 hours, shared by all its apps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiUsage {
    /// Calls used.
    pub used: u64,
    /// Calls allowed.
    pub allowed: u64,
}

impl ApiUsage {
    /// Reads `Sforce-Limit-Info: api-usage=10018/100000, per-app-api-usage=...` (salesforce reference, section 2.5).
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get("sforce-limit-info")?.to_str().ok()?;
        let of_org = text.split([',', ';']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
        let (used, allowed) = of_org.split_once('/')?;
        Some(Self { used: used.trim().parse().ok()?, allowed: allowed.trim().parse().ok()? })
    }
}

/// Which bound a `REQUEST_LIMIT_EXCEEDED` means: one code for two (salesforce reference, section 2.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// The day's calls: nothing goes until the window has slid.
    Day,
    /// Long calls at once: fewer of them go.
    AtOnce,
}

impl Exceeded {
    /// Told apart by the text; one that is none of the known is told apart by what the same answer says of the day.
    pub(crate) fn of(refusal: &Refusal, usage: Option<ApiUsage>) -> Option<Self> {
        if !refusal.allowance_is_spent() {
            return None;
        }
        let says = |text: &str| refusal.errors().iter().any(|error| error.message().contains(text));
        let day_has_some = usage.is_some_and(|usage| usage.used < usage.allowed);
        let at_once = says("Concurrent") || (day_has_some && !says("TotalRequests"));
        Some(if at_once { Self::AtOnce } else { Self::Day })
    }
}

/// One allowance of the org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct OrgLimit {
    /// What is allowed in its window.
    pub max: i64,
    /// What is left; below zero when a soft bound was passed.
    pub remaining: i64,
}

impl Client {
    /// The org's allowances by name, such as `DailyApiRequests`; about five minutes old. Needs *View Setup*.
    pub async fn limits(&self, context: CallContext) -> Result<BTreeMap<String, OrgLimit>> {
        let answer =
            self.call(context, Call::new(Method::GET, format!("{}/limits", self.version_root()))).await?;
        let Some(map) = answer.json()?.as_object().cloned() else {
            return Err(answer.unreadable("not a table of limits"));
        };
        // Entries of another shape are new kinds of limits, nobody's mistake.
        Ok(map
            .into_iter()
            .filter_map(|(name, limit)| Some((name, OrgLimit::deserialize(limit).ok()?)))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_orgs_own_usage_is_read_not_the_apps() {
        let usage = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("Sforce-Limit-Info", text.parse().unwrap());
            ApiUsage::of(&headers)
        };
        let expected = Some(ApiUsage { used: 10_018, allowed: 100_000 });
        assert_eq!(usage("api-usage=10018/100000"), expected);
        assert_eq!(usage("per-app-api-usage=17/250(appName=x), api-usage=10018/100000"), expected);
        assert_eq!(usage("api-usage=many"), None);
    }
}
