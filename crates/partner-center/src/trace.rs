//! How an exchange is found again by the platform's support.

use http::HeaderMap;

/// Longest identifier of the server's that is kept, in bytes.
const MAX_ID_BYTES: usize = 128;

/// The identifiers of one exchange, to be quoted to the platform's support (reference, sections 2.2 and 2.3). They
/// differ from attempt to attempt, so that they stand in logs, and not in texts that are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_field_names, reason = "the platform's own names")]
pub struct Trace {
    pub(crate) client_request_id: String,
    pub(crate) correlation_id: String,
    pub(crate) request_id: Option<String>,
}

impl Trace {
    /// Our name for this very request: new for each attempt.
    pub fn client_request_id(&self) -> &str {
        &self.client_request_id
    }

    /// Our name for the call: the same for all its attempts.
    pub fn correlation_id(&self) -> &str {
        &self.correlation_id
    }

    /// The server's name for the exchange, if it answered with one.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The same exchange, once its answer's headers are known.
    pub(crate) fn answered(mut self, headers: &HeaderMap) -> Self {
        let found = ["request-id", "ms-requestid"].iter().find_map(|name| headers.get(*name));
        self.request_id = found.and_then(|id| id.to_str().ok()).filter(|id| is_id(id)).map(ToOwned::to_owned);
        self
    }
}

/// Whether a text may stand in a log as an identifier: nothing of a record can hide in it.
fn is_id(text: &str) -> bool {
    let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !text.is_empty() && text.len() <= MAX_ID_BYTES && text.bytes().all(sound)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use super::*;

    #[test]
    fn the_servers_id_is_kept_in_both_spellings_and_only_if_it_is_one() {
        for (name, value, expected) in [
            ("Request-ID", "r-1", Some("r-1")),
            (
                "MS-RequestId",
                "7a1c0000-0000-4000-8000-0000000000a1",
                Some("7a1c0000-0000-4000-8000-0000000000a1"),
            ),
            ("request-id", "Jo Kunde", None),
            ("x-other", "r-1", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            let sent =
                Trace { client_request_id: "c".to_owned(), correlation_id: "k".to_owned(), request_id: None };
            assert_eq!(sent.answered(&headers).request_id(), expected, "{name}: {value}");
        }
    }
}
