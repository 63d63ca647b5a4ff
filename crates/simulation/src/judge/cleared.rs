//! Nobody empties a field in this world: whatever is written empty is a value that nobody typed.

use sandbox::exchange::Kind;
use serde_json::Value;

use super::Violation;
use crate::{edits::Record, scene::list, world::Seen};

/// Members of the referral that people fill.
const AT_PORTAL: [&str; 4] =
    ["/details/dealValue", "/details/currency", "/details/closingDateTime", "/details/notes"];
/// Fields of the opportunity that people fill.
const IN_ORG: [&str; 4] = ["Amount", "CurrencyIsoCode", "CloseDate", "Description"];

pub(super) fn judge(record: &Record, seen: &[Seen]) -> Vec<Violation> {
    // A flow that puts back what was there before may have emptied one.
    if record.reverting {
        return Vec::new();
    }
    let cleared = |one: &&Seen| {
        let body: Value = serde_json::from_slice(&one.body).unwrap_or_default();
        match one.kind {
            Kind::Patch => list(&body)
                .iter()
                .any(|op| AT_PORTAL.iter().any(|path| op["path"] == *path) && is_empty(&op["value"])),
            Kind::CrmWrite => list(&body["compositeRequest"]).iter().any(|part| {
                part["method"] == "PATCH"
                    && IN_ORG.iter().any(|name| part["body"].get(*name).is_some_and(is_empty))
            }),
            _ => false,
        }
    };
    let cleared = seen.iter().filter(|one| one.status < 300).filter(cleared);
    cleared
        .map(|one| {
            let what = format!("{} {}", one.line, String::from_utf8_lossy(&one.body));
            Violation::new("cleared", what)
        })
        .collect()
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value == ""
}
