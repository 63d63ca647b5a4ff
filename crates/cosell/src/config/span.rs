//! A length of time as a person writes it.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// A length of time as a person writes it: `10s`, `5min`, `500ms`, `4d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || {
            D::Error::custom(format!("\"{text}\" is not a length of time; write it like 10s, 5min or 500ms"))
        };
        // A day has 24 hours here: no clock that is waited for knows of daylight saving.
        if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()) {
            return Ok(Self::days(days.into()));
        }
        let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
        Duration::try_from(span).map(Self).map_err(|_| wrong())
    }
}

impl Span {
    /// Days of 24 hours.
    pub(super) fn days(days: u64) -> Self {
        Self(Duration::from_hours(24 * days))
    }

    /// Whole seconds, rounded up, as far as they fit.
    pub(crate) fn seconds(self) -> u32 {
        u32::try_from(self.0.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
    }
}
