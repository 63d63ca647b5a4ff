//! `[verify]`: when the service proves that all deals are equal.

use std::time::Duration;

use jiff::civil;
use serde::{Deserialize, Deserializer, de::Error as _};
use sync_engine::ProofTimes;

use super::Span;

/// The shortest time between two proofs: each reads all deals.
const LEAST_EVERY: Duration = Duration::from_mins(1);

/// `[verify]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct VerifyConfig {
    /// From the beginning of one proof to that of the next; 0 for never by itself.
    pub(crate) every: Span,
    /// At this time of the day, in UTC.
    #[serde(deserialize_with = "time_of_day")]
    pub(crate) at: Option<civil::Time>,
}

impl Default for VerifyConfig {
    fn default() -> Self {
        Self { every: Span(Duration::from_hours(24)), at: None }
    }
}

impl VerifyConfig {
    /// As the engine takes it.
    pub(crate) fn times(&self) -> Option<ProofTimes> {
        let Self { every: Span(every), at } = *self;
        (!every.is_zero()).then_some(ProofTimes { every, at })
    }

    /// What is wrong with it, and how to mend it.
    pub(super) fn check(&self) -> Result<(), String> {
        let every = self.every.0;
        if !every.is_zero() && every < LEAST_EVERY {
            return Err(
                "[verify] every is shorter than a minute, and each proof reads all deals\n  fix: every = \
                        \"24h\", or \"0s\" for never"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// `03:00`.
fn time_of_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<civil::Time>, D::Error> {
    let text = String::deserialize(deserializer)?;
    civil::Time::strptime("%H:%M", &text).map(Some).map_err(|_| {
        D::Error::custom(format!("\"{text}\" is no time of the day; write it like 03:00, in UTC"))
    })
}
