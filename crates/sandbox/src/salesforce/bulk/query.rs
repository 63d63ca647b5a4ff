//! Query jobs: which queries are taken, and their results page by page (salesforce reference, section 3).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{
    super::{
        errors::Fault,
        org::{Caller, Org},
        soql::{
            eval::{self, Found},
            plain,
        },
    },
    dialect::Table,
};

/// A page of results.
pub(super) struct Page {
    pub(super) rows: std::ops::Range<usize>,
    /// What names the next page, if there is one.
    pub(super) next: Option<String>,
}

/// The rows that a locator and `maxRecords` name.
///
/// # Errors
/// 400 for a locator that no page gave.
pub(super) fn page(all: usize, locator: Option<&str>, asked: usize) -> Result<Page, Fault> {
    let from = match locator {
        None | Some("") => 0,
        Some(locator) => URL_SAFE_NO_PAD
            .decode(locator)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok()?.strip_prefix("from-")?.parse().ok())
            .filter(|from| *from < all)
            .ok_or_else(|| Fault::bad("INVALID_LOCATOR", "invalid locator"))?,
    };
    let until = all.min(from + asked);
    Ok(Page {
        rows: from..until,
        next: (until < all).then(|| URL_SAFE_NO_PAD.encode(format!("from-{until}"))),
    })
}

impl Org {
    /// Runs a job's query.
    ///
    /// # Errors
    /// The platform's 400s for queries.
    pub(super) fn bulk_rows(&self, caller: &Caller, text: &str, all_rows: bool) -> Result<Table, Fault> {
        let paths = plain::paths(self, caller, text)?;
        let Found::Records { records, .. } = eval::run(self, caller, text, all_rows)? else {
            return Err(Fault::bad("UNSUPPORTED_QUERY", "COUNT() is not supported in a bulk query"));
        };
        let header = paths.iter().map(|path| path.join(".")).collect();
        let rows =
            records.iter().map(|record| paths.iter().map(|path| cell(record, path)).collect()).collect();
        Ok(Table { header, rows })
    }
}

fn cell(record: &Value, path: &[String]) -> String {
    let mut value = record;
    for part in path {
        value = value.get(part).unwrap_or(&Value::Null);
    }
    match value {
        Value::Null => String::new(),
        // In a table, instants end with a Z.
        Value::String(text) if text.len() == 28 && text.ends_with("+0000") => text.replace("+0000", "Z"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
