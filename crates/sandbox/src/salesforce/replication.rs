//! `updated` and `deleted`: ids by window, seconds ignored (salesforce reference, section 2.13).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    call::{Answer, Call},
    errors::Fault,
    org::{Caller, Org},
    schema::system,
    values::{parse_time, wire_time},
};

const UPDATED_DAYS: i64 = 30;
const DELETED_DAYS: i64 = 15;
fn minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second() - at.as_second().rem_euclid(60)).unwrap_or(at)
}

fn before(now: Timestamp, days: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(days * 24)).unwrap_or(now)
}

fn window(call: &Call, now: Timestamp, days: i64) -> Result<(Timestamp, Timestamp), Fault> {
    let read = |name: &str| {
        let text =
            call.param(name).ok_or_else(|| Fault::bad("MISSING_ARGUMENT", format!("{name} is required")))?;
        // A plus sign that was not escaped arrives as a space.
        let text = text.trim().replace(' ', "+");
        parse_time(&text)
            .map(minute)
            .ok_or_else(|| Fault::bad("INVALID_REPLICATION_DATE", format!("{name} is no date: {text}")))
    };
    let (start, end) = (read("start")?, read("end")?);
    let refused = |text: &str| Err(Fault::bad("INVALID_REPLICATION_DATE", text));
    if start < before(now, days) {
        return refused(&format!("startDate cannot be more than {days} days ago"));
    }
    if end <= start {
        return refused("endDate must be greater than startDate by at least one minute");
    }
    Ok((start, end))
}

impl Org {
    /// `GET /sobjects/X/updated` and `/deleted`.
    ///
    /// # Errors
    /// 400 for a bad window or too many ids.
    pub(crate) fn replicate(
        &self,
        caller: &Caller,
        call: &Call,
        object: usize,
        deleted: bool,
    ) -> Result<Answer, Fault> {
        let days = if deleted { DELETED_DAYS } else { UPDATED_DAYS };
        let (start, end) = window(call, caller.now, days)?;
        let mut found: Vec<(String, Timestamp)> = Vec::new();
        for row in self.tables.scan(object, self.lens(caller.now)) {
            let Some(stamp) = row.cell(system::MODSTAMP).as_time() else { continue };
            let inside = start <= minute(stamp) && minute(stamp) < end;
            if inside && row.deleted() == deleted {
                found.push((row.id.to_string(), stamp));
            }
        }
        if found.len() > self.knobs.replication_max_ids {
            return Err(Fault::bad("EXCEEDED_ID_LIMIT", "too many ids in the window"));
        }
        let covered = wire_time(end.min(minute(caller.now)));
        Ok(Answer::ok(if deleted {
            let records: Vec<Value> =
                found.into_iter().map(|(id, at)| json!({"id": id, "deletedDate": wire_time(at)})).collect();
            json!({
                "deletedRecords": records,
                "earliestDateAvailable": wire_time(minute(before(caller.now, DELETED_DAYS))),
                "latestDateCovered": covered,
            })
        } else {
            let ids: Vec<String> = found.into_iter().map(|(id, _)| id).collect();
            json!({"ids": ids, "latestDateCovered": covered})
        }))
    }
}
