//! Partner Center's times: UTC, in steps of 100 nanoseconds, seven fractional digits.

use jiff::{SignedDuration, Timestamp, Unit, tz::TimeZone};

/// The smallest step between two stamps.
pub(super) const TICK: SignedDuration = SignedDuration::from_nanos(100);

/// Cut to whole ticks.
pub(super) fn ticks(at: Timestamp) -> Timestamp {
    let nanos = at.as_nanosecond();
    Timestamp::from_nanosecond(nanos - nanos.rem_euclid(100)).unwrap_or(at)
}

/// A server-assigned stamp, always with seven digits: `2026-11-02T09:14:07.1234567Z`.
pub(super) fn server(at: Timestamp) -> String {
    format!(
        "{}.{:07}Z",
        at.strftime("%Y-%m-%dT%H:%M:%S"),
        at.subsec_nanosecond().rem_euclid(1_000_000_000) / 100
    )
}

/// A caller's instant as the service gives it back: no more digits than it needs, at most seven.
pub(super) fn caller(at: Timestamp) -> String {
    let at = ticks(at);
    if at.subsec_nanosecond() == 0 {
        at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    } else {
        let text = server(at);
        format!("{}Z", text.trim_end_matches('Z').trim_end_matches('0'))
    }
}

/// An event's change time: `2026-11-02T09:14:07.1234567+00:00`.
pub(super) fn event(at: Timestamp) -> String {
    format!("{}+00:00", server(at).trim_end_matches('Z'))
}

/// Midnight UTC of the day `days` after `at`.
pub(super) fn midnight_after(at: Timestamp, days: i64) -> Timestamp {
    let day = at
        .to_zoned(TimeZone::UTC)
        .round(jiff::ZonedRound::new().smallest(Unit::Day).mode(jiff::RoundMode::Trunc));
    day.map_or(at, |day| day.timestamp())
        .checked_add(SignedDuration::from_hours(24 * days))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_seven_digits_and_a_caller_gets_no_more_than_needed() {
        let at: Timestamp = "2026-11-02T09:14:07.12345678Z".parse().unwrap();
        assert_eq!(server(at), "2026-11-02T09:14:07.1234567Z");
        assert_eq!(event(at), "2026-11-02T09:14:07.1234567+00:00");
        assert_eq!(caller("2027-03-31T02:00:00+02:00".parse().unwrap()), "2027-03-31T00:00:00Z");
        assert_eq!(caller("2027-03-31T00:00:00.500Z".parse().unwrap()), "2027-03-31T00:00:00.5Z");
    }

    #[test]
    fn an_invitation_expires_at_midnight_of_the_fourteenth_day() {
        let at: Timestamp = "2026-10-30T21:03:00Z".parse().unwrap();
        assert_eq!(caller(midnight_after(at, 14)), "2026-11-13T00:00:00Z");
    }
}
