//! Calendar dates: midnight UTC at the portal, a plain date in Salesforce. No time zone enters.

use deal_model::{Observed, Value};
use jiff::{SignedDuration, Timestamp, civil::Date, civil::DateTime, tz::TimeZone};
use serde_json::Value as Json;

const HALF_A_DAY: SignedDuration = SignedDuration::from_hours(12);

pub(super) fn read_portal(json: &Json, nearest_midnight: bool) -> Observed {
    let Json::String(text) = json else { return Observed::Unknown };
    observed(portal_date(text.trim(), nearest_midnight))
}

fn portal_date(text: &str, nearest_midnight: bool) -> Option<Date> {
    // Dates without a time, and times without an offset, have been seen in samples; both are meant as UTC.
    let instant = match text.parse::<Timestamp>() {
        Ok(instant) => instant,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    let moved = if nearest_midnight { instant.checked_add(HALF_A_DAY).ok()? } else { instant };
    Some(moved.to_zoned(TimeZone::UTC).date())
}

/// A date, or the date of a date and time in UTC.
pub(super) fn read_crm(json: &Json) -> Observed {
    let Json::String(text) = json else { return Observed::Unknown };
    let text = text.trim();
    let is_date = text.len() == "2027-03-31".len();
    observed(if is_date { text.parse::<Date>().ok() } else { portal_date(text, false) })
}

pub(super) fn write_portal(date: Date) -> Json {
    Json::String(format!("{date}T00:00:00Z"))
}

fn observed(date: Option<Date>) -> Observed {
    date.map_or(Observed::Unknown, |date| Observed::Value(Value::Date(date)))
}
