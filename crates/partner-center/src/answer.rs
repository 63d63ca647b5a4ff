//! What is read from an answer's headers: its date, its version, its delay.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    error::{Error, Operation},
    ids::ETag,
    trace::Trace,
};

/// A whole answer of the server that was a success.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) operation: Operation,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trace: Box<Trace>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, Error> {
        serde_json::from_slice(without_mark(&self.body))
            .map_err(|_| self.unreadable("it is no whole JSON document"))
    }

    /// The error that says what is wrong with this answer.
    pub(crate) fn unreadable(&self, reason: &'static str) -> Error {
        Error::Unreadable {
            operation: self.operation,
            status: self.status,
            reason,
            trace: self.trace.clone(),
        }
    }

    /// Whether the body holds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        without_mark(&self.body).iter().all(u8::is_ascii_whitespace)
    }

    /// The server's own date.
    pub(crate) fn server_date(&self) -> Option<Timestamp> {
        http_date(self.headers.get(header::DATE)?.to_str().ok()?)
    }

    /// The version in the `ETag` header.
    pub(crate) fn etag(&self) -> Option<ETag> {
        self.headers.get(header::ETAG)?.to_str().ok()?.parse().ok()
    }
}

/// A body without the byte order mark that some servers put before JSON.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// An HTTP date, one-second precision.
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// The delay of a `Retry-After` header: seconds, or a date measured against the answer's own `Date`.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(text)?;
    let from = http_date(headers.get(header::DATE)?.to_str().ok()?)?;
    Some(Duration::try_from(until.duration_since(from)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_seconds_or_a_date() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, "57".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(57)));
        headers.insert(header::RETRY_AFTER, "Wed, 21 Oct 2026 07:28:30 GMT".parse().unwrap());
        assert_eq!(retry_after(&headers), None);
        headers.insert(header::DATE, "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(30)));
    }
}
