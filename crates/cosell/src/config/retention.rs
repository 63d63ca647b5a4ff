//! `[retention]`: how long things are kept.

use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use sync_engine::Retention;

use super::Span;

/// What a person may want to look back at within a month is not let go before.
const LEAST_DAYS: u64 = 30;
/// A deal may be paused by mistake for a day.
const LEAST_DAYS_PAUSED: u64 = 1;
/// Ten years: longer than anything here is of use.
const MOST_DAYS: u64 = 3_650;

/// `[retention]`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RetentionConfig {
    /// Histories.
    history: Span,
    /// Losing values.
    archive: Span,
    /// Decisions, creations, pauses and held brakes that ended, former links, closed referrals and leads.
    ended: Span,
    /// What both sides shared of a paused deal.
    paused: Span,
    /// What both sides shared of a closed deal.
    closed: Span,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        let two_years = Span::days(730);
        Self {
            history: two_years,
            archive: two_years,
            ended: two_years,
            paused: Span::days(90),
            closed: two_years,
        }
    }
}

impl RetentionConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        let spans = [
            ("history", self.history, LEAST_DAYS),
            ("archive", self.archive, LEAST_DAYS),
            ("ended", self.ended, LEAST_DAYS),
            ("paused", self.paused, LEAST_DAYS_PAUSED),
            ("closed", self.closed, LEAST_DAYS),
        ];
        for (key, span, least) in spans {
            let bounds = Span::days(least).0..=Span::days(MOST_DAYS).0;
            if !bounds.contains(&span.0) {
                let nearest = if span.0 < *bounds.start() { least } else { MOST_DAYS };
                return Err(format!(
                    "[retention] {key} is not between {least}d and {MOST_DAYS}d\n  fix: {key} = \"{nearest}d\""
                ));
            }
        }
        Ok(())
    }

    /// The same, for the store.
    pub(crate) fn keep(&self) -> Retention {
        let signed = |span: Span| signed(span.0);
        Retention {
            history: signed(self.history),
            archive: signed(self.archive),
            ended: signed(self.ended),
            paused: signed(self.paused),
            closed: signed(self.closed),
        }
    }
}

fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Retention, String> {
        let config: RetentionConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map(|()| config.keep())
    }

    #[test]
    fn what_is_not_said_is_two_years_and_ninety_days() {
        let keep = read("").unwrap();
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let two_years = days(730);
        let expected = Retention {
            history: two_years,
            archive: two_years,
            ended: two_years,
            paused: days(90),
            closed: two_years,
        };
        assert_eq!(keep, expected);
        assert_eq!(read("paused = \"1d\"").unwrap().paused, days(1));
    }

    #[test]
    fn what_is_too_short_or_too_long_is_refused_with_the_nearest_bound() {
        let refused = read("history = \"29d\"").unwrap_err();
        assert!(
            refused.contains("[retention] history") && refused.contains("fix: history = \"30d\""),
            "{refused}"
        );
        let refused = read("archive = \"3651d\"").unwrap_err();
        assert!(refused.contains("fix: archive = \"3650d\""), "{refused}");
        let refused = read("paused = \"2h\"").unwrap_err();
        assert!(refused.contains("fix: paused = \"1d\""), "{refused}");
        assert!(read("for_ever = true").unwrap_err().contains("for_ever"));
    }
}
