//! A refusal by the server: what it said, which class it has, and what of it may be shown.

use std::{fmt, time::Duration};

use http::StatusCode;
use ports::RetryClass;

use crate::{error::Operation, trace::Trace};

/// A code of the error envelope (reference, section 5). Compared without letter case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The role or the record's sharing forbids it.
    AccessDenied,
    /// An unspecified failure on the server.
    GeneralException,
    /// The request is malformed or a value is not accepted.
    InvalidRequest,
    /// There is no such record, or it is not visible.
    ItemNotFound,
    /// `If-Match` does not match.
    PreconditionFailed,
    /// The record changed since it was read.
    ResourceModified,
    /// The service is down or busy.
    ServiceNotAvailable,
    /// The token is missing, dead or for another audience; also spelt `unAuthorized`.
    Unauthenticated,
    /// A code this program does not know, as the server wrote it.
    Other(String),
}

impl ErrorCode {
    const KNOWN: [(&'static str, Self); 9] = [
        ("accessDenied", Self::AccessDenied),
        ("generalException", Self::GeneralException),
        ("invalidRequest", Self::InvalidRequest),
        ("itemNotFound", Self::ItemNotFound),
        ("preconditionFailed", Self::PreconditionFailed),
        ("resourceModified", Self::ResourceModified),
        ("serviceNotAvailable", Self::ServiceNotAvailable),
        ("unauthenticated", Self::Unauthenticated),
        ("unAuthorized", Self::Unauthenticated),
    ];

    /// The code in the documented spelling.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(text) => text,
            known => Self::KNOWN.iter().find(|(_, code)| code == known).map_or("", |(text, _)| text),
        }
    }

    pub(crate) fn is_known(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

impl From<&str> for ErrorCode {
    fn from(text: &str) -> Self {
        Self::KNOWN
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(text))
            .map_or_else(|| Self::Other(text.to_owned()), |(_, code)| code)
    }
}

/// A refusal by the server, in whatever shape it came: envelope, gateway object, page or nothing.
#[derive(Clone)]
pub struct ApiError {
    pub(crate) operation: Operation,
    pub(crate) status: StatusCode,
    /// Outermost first.
    pub(crate) codes: Vec<ErrorCode>,
    pub(crate) targets: Vec<String>,
    pub(crate) fields: Vec<String>,
    pub(crate) message: Option<String>,
    pub(crate) trace: Trace,
    pub(crate) retry_after: Option<Duration>,
}

impl ApiError {
    /// The answer's status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What was being done.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The deepest code that is documented; else the outermost one; none if the answer was no envelope.
    pub fn code(&self) -> Option<&ErrorCode> {
        self.codes.iter().rev().find(|code| code.is_known()).or_else(|| self.codes.first())
    }

    /// The deepest code of all, documented or not.
    pub fn deepest_code(&self) -> Option<&ErrorCode> {
        self.codes.last()
    }

    /// What the server complains about, outermost first, in its own words (names, not values).
    pub fn targets(&self) -> &[String] {
        &self.targets
    }

    /// The document paths the complaint names, as JSON Pointers such as `/details/currency`; empty when it names
    /// none, or only the referral as a whole.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// The server's own sentence, at most 1024 characters. **May hold personal data**: for the person who owns
    /// the record, never for a log.
    pub fn server_text(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The server's name for this exchange, to be quoted to its support.
    pub fn request_id(&self) -> Option<&str> {
        self.trace.request_id()
    }

    /// What the exchange can be found by.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The delay the server asked for, already bounded.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What this means for the next step. Statuses and codes: reference, section 5.
    pub fn class(&self) -> RetryClass {
        let later = RetryClass::Later { after: self.retry_after };
        let stale =
            |code: &ErrorCode| matches!(code, ErrorCode::PreconditionFailed | ErrorCode::ResourceModified);
        if self.status.is_client_error() && self.codes.iter().any(stale) {
            return RetryClass::Changed;
        }
        match self.status.as_u16() {
            401 => RetryClass::Authenticate,
            412 => RetryClass::Changed,
            // The method, length, type or range of a request is the program's own doing.
            405 | 406 | 411 | 415 | 416 | 501 => RetryClass::Bug,
            // Refused before it was worked on.
            408 | 423 | 429 | 507 | 509 => later,
            // A server that names a delay did not work on the request; one that broke off may have.
            503 if self.retry_after.is_some() => later,
            500..=599 if self.operation.has_effect() => RetryClass::Doubtful,
            500..=599 => later,
            // 400, 403, 404, 409, 410, 413, 422, redirects and whatever is not documented.
            _ => RetryClass::Person,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: Partner Center answered {}", self.operation, self.status.as_u16())?;
        for (at, code) in self.codes.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { " " } else { "/" }, code.as_str())?;
        }
        if let Some(target) = self.targets.last() {
            write!(f, " about {target}")?;
        }
        if let Some(id) = self.request_id() {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ApiError {
    /// The text a log may show: the server's own sentence is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiError({self})")
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(operation: Operation, status: u16, code: Option<&str>) -> ApiError {
        ApiError {
            operation,
            status: StatusCode::from_u16(status).unwrap(),
            codes: code.map(ErrorCode::from).into_iter().collect(),
            targets: Vec::new(),
            fields: Vec::new(),
            message: None,
            trace: Trace {
                client_request_id: String::new(),
                correlation_id: String::new(),
                request_id: None,
            },
            retry_after: None,
        }
    }

    #[test]
    fn every_documented_status_has_its_class_for_reads_and_for_effects() {
        use RetryClass::{Authenticate, Bug, Changed, Doubtful, Person};
        let later = || RetryClass::LATER;
        let table = [
            (400, Person, Person),
            (401, Authenticate, Authenticate),
            (403, Person, Person),
            (404, Person, Person),
            (405, Bug, Bug),
            (406, Bug, Bug),
            (409, Person, Person),
            (410, Person, Person),
            (411, Bug, Bug),
            (412, Changed, Changed),
            (413, Person, Person),
            (415, Bug, Bug),
            (416, Bug, Bug),
            (422, Person, Person),
            (423, later(), later()),
            (429, later(), later()),
            (500, later(), Doubtful),
            (501, Bug, Bug),
            (503, later(), Doubtful),
            (504, later(), Doubtful),
            (507, later(), later()),
            (509, later(), later()),
        ];
        for (status, read, effect) in table {
            assert_eq!(refusal(Operation::GetReferral, status, None).class(), read, "{status} of a read");
            assert_eq!(
                refusal(Operation::CreateReferral, status, None).class(),
                effect,
                "{status} of a create"
            );
        }
    }

    #[test]
    fn a_stale_version_is_a_change_under_either_status() {
        for (status, code) in
            [(409, "ResourceModified"), (412, "preconditionfailed"), (400, "preconditionFailed")]
        {
            assert_eq!(
                refusal(Operation::PatchReferral, status, Some(code)).class(),
                RetryClass::Changed,
                "{code}"
            );
        }
    }

    #[test]
    fn a_server_that_names_a_delay_did_not_do_the_work() {
        let mut error = refusal(Operation::CreateReferral, 503, Some("serviceNotAvailable"));
        error.retry_after = Some(Duration::from_secs(7));
        assert_eq!(error.class(), RetryClass::Later { after: Some(Duration::from_secs(7)) });
    }

    #[test]
    fn the_text_of_an_error_shows_status_and_codes_but_never_the_servers_sentence() {
        let mut error = refusal(Operation::PatchReferral, 400, Some("invalidRequest"));
        error.message = Some("Jo Kunde is no valid contact".to_owned());
        error.targets = vec!["details.currency".to_owned()];
        let texts = format!("{error} {error:?}");
        assert!(!texts.contains("Kunde"), "{texts}");
        assert!(texts.contains("400 invalidRequest about details.currency"), "{texts}");
    }
}
