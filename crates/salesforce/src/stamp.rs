//! The platform's ways of writing an instant: in records, in queries and in headers.

use http::{HeaderMap, header::DATE};
use jiff::{Timestamp, fmt::rfc2822};

/// Reads a record's `datetime`, such as `2026-11-22T06:00:00.000+0000` (salesforce reference, section 2.2).
pub fn parse_datetime(text: &str) -> Option<Timestamp> {
    Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).or_else(|_| text.parse()).ok()
}

/// Writes an instant as an HTTP date. Fractions of a second are cut: HTTP knows none.
pub fn http_date(instant: Timestamp) -> String {
    let printer = rfc2822::DateTimePrinter::new();
    let mut text = String::with_capacity(29);
    // Only years outside 0..=9999 cannot be written; the epoch is a precondition that nothing meets.
    if printer.print_timestamp_rfc9110(&instant, &mut text).is_err() {
        "Thu, 01 Jan 1970 00:00:00 GMT".clone_into(&mut text);
    }
    text
}

/// Reads an HTTP date.
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// The server's own time of an answer: the only clock that decides whether a record read in it is settled.
pub(crate) fn server_date(headers: &HeaderMap) -> Option<Timestamp> {
    parse_http_date(headers.get(DATE)?.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_of_a_datetime_is_read() {
        let expected: Timestamp = "2026-11-22T06:00:00Z".parse().unwrap();
        for text in ["2026-11-22T06:00:00.000+0000", "2026-11-22T07:00:00+0100", "2026-11-22T06:00:00Z"] {
            assert_eq!(parse_datetime(text), Some(expected), "{text}");
        }
        assert_eq!(parse_datetime("2026-11-22"), None);
    }

    #[test]
    fn an_http_date_goes_there_and_back_without_its_fraction() {
        let instant: Timestamp = "2026-11-22T06:00:00.75Z".parse().unwrap();
        assert_eq!(http_date(instant), "Sun, 22 Nov 2026 06:00:00 GMT");
        assert_eq!(
            parse_http_date("Sun, 22 Nov 2026 06:00:00 GMT").unwrap().to_string(),
            "2026-11-22T06:00:00Z"
        );
    }
}
