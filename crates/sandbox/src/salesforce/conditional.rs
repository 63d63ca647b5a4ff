//! Conditional headers on rows, the only optimistic lock there is (salesforce reference, section 2.14).

use http::{Method, StatusCode};
use jiff::{Timestamp, fmt::rfc2822};

use super::{
    call::Call, errors::Fault, knobs::Stamp, org::Org, schema::system, tables::Row, values::to_second,
};

/// An HTTP-date: one second is its resolution.
pub(crate) fn parse_http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

/// The `Date` header's form.
pub(crate) fn http_date(at: Timestamp) -> String {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}

/// The tag of an account row.
pub(crate) fn etag(row: &Row) -> String {
    let stamp = row.cell(system::MODSTAMP).as_time().map_or(0, Timestamp::as_second);
    format!("\"{}-{stamp}\"", row.id.short())
}

impl Org {
    /// Lets a read or change of `row` pass, or says why not.
    ///
    /// # Errors
    /// 304, 412, or 400 for a date that is none.
    pub(crate) fn check_conditions(&self, call: &Call, object: usize, row: &Row) -> Result<(), Fault> {
        // DELETE takes no conditions: they are not looked at.
        if call.method == Method::DELETE {
            return Ok(());
        }
        let at = match self.knobs.conditional_stamp {
            Stamp::LastModifiedDate => system::MODIFIED_DATE,
            Stamp::SystemModstamp => system::MODSTAMP,
        };
        let changed = row.cell(at).as_time().map_or(Timestamp::UNIX_EPOCH, to_second);
        if let Some(text) = call.header("if-unmodified-since")
            && changed > date(text, "If-Unmodified-Since")?
        {
            return Err(failed());
        }
        if self.schema.object(object).name == "Account" {
            let tag = etag(row);
            let named =
                |list: &str| list.split(',').any(|one| matches!(one.trim(), "*") || one.trim() == tag);
            if call.header("if-match").is_some_and(|list| !named(list)) {
                return Err(failed());
            }
            if call.header("if-none-match").is_some_and(named) {
                return Err(if call.method == Method::GET { unchanged() } else { failed() });
            }
        }
        if call.method == Method::GET {
            return since(call, changed);
        }
        Ok(())
    }
}

/// `If-Modified-Since` on something last changed at `changed`.
pub(crate) fn since(call: &Call, changed: Timestamp) -> Result<(), Fault> {
    match call.header("if-modified-since") {
        Some(text) if changed <= date(text, "If-Modified-Since")? => Err(unchanged()),
        _ => Ok(()),
    }
}

fn date(text: &str, header: &str) -> Result<Timestamp, Fault> {
    parse_http_date(text)
        .ok_or_else(|| Fault::bad("INVALID_DATE_FORMAT", format!("{header} is no HTTP date")))
}

fn failed() -> Fault {
    Fault::new(StatusCode::PRECONDITION_FAILED, "MATCH_PRECONDITION_FAILED", "The precondition was not met")
}

fn unchanged() -> Fault {
    Fault::new(StatusCode::NOT_MODIFIED, "NOT_MODIFIED", "")
}
