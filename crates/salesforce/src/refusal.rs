//! What the platform says when it refuses: its codes, its fields, its text, in each of the documented shapes.

use std::{fmt, time::Duration};

use ports::RetryClass;
use serde_json::Value;

use crate::{Meaning, RecordId};

/// Most errors kept of one answer; the rest says nothing new.
const MAX_ERRORS: usize = 50;
/// Longest code kept.
const MAX_CODE: usize = 80;
/// The 401 texts after which a new session changes nothing (salesforce reference, section 1.7).
pub(crate) const NO_SESSION_HELPS: [&str; 2] =
    ["Connected app is not attached to Agent", "This session is not valid for use with the REST API"];

/// One error of an answer.
///
/// `Debug` and `Display` show the code and the fields. The text may quote a record or be written by the customer's
/// administrators: it is asked for by [`ApiError::message`] and never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiError {
    code: String,
    fields: Vec<String>,
    message: String,
    duplicate_rule: Option<DuplicateRule>,
}

/// The customer's duplicate rule that caught a row. Its words are the customer's: never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct DuplicateRule {
    /// The rule's name.
    pub name: String,
    /// What the rule tells whoever saves; empty if it says nothing.
    pub text: String,
    /// Whether it only warns: whoever asks for it may save all the same.
    pub alert_only: bool,
}

impl DuplicateRule {
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let alert_only = value.get("allowSave").and_then(Value::as_bool).unwrap_or(false);
        value.is_object().then(|| Self {
            name: text("duplicateRule"),
            text: text("errorMessage"),
            alert_only,
        })
    }
}

impl fmt::Debug for DuplicateRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplicateRule").field("alert_only", &self.alert_only).finish_non_exhaustive()
    }
}

impl ApiError {
    /// The platform's code, such as `FIELD_CUSTOM_VALIDATION_EXCEPTION`; `UNKNOWN` if it gave none.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The API names of the fields it names.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// The platform's or the customer's own words. May hold personal data: for a person's eyes, never for a log.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The customer's duplicate rule that it is about, if it is about one.
    pub fn duplicate_rule(&self) -> Option<&DuplicateRule> {
        self.duplicate_rule.as_ref()
    }

    /// Whether this row was well, and only fell with another one of the same transaction.
    pub fn is_bystander(&self) -> bool {
        Meaning::of(&self.code) == Meaning::Bystander
    }

    /// Reads `{message, errorCode, fields}`, `{message, statusCode, fields}` or OAuth's `{error, ...}`.
    fn read(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let code = text("errorCode").or_else(|| text("statusCode")).or_else(|| text("error"));
        let message = text("message").or_else(|| text("error_description"));
        if code.is_none() && message.is_none() {
            return None;
        }
        let fields = object.get("fields").and_then(Value::as_array).into_iter().flatten();
        Some(Self {
            code: code.filter(|code| is_plain(code)).unwrap_or("UNKNOWN").to_owned(),
            fields: fields
                .filter_map(Value::as_str)
                .filter(|field| is_plain(field))
                .take(MAX_ERRORS)
                .map(ToOwned::to_owned)
                .collect(),
            message: message.unwrap_or_default().to_owned(),
            duplicate_rule: object.get("duplicateResult").and_then(DuplicateRule::read),
        })
    }

    fn meaning(&self, status: u16) -> Meaning {
        match Meaning::of(&self.code) {
            Meaning::Unknown => match Meaning::of_status(status) {
                // A code is there: it is no page of a gateway, and no query of ours.
                Meaning::NotFound | Meaning::NoAccess | Meaning::Session => Meaning::Unknown,
                of_status => of_status,
            },
            known => known,
        }
    }

    fn class(&self, status: u16) -> RetryClass {
        match self.meaning(status) {
            Meaning::Session if self.no_session_helps() => RetryClass::Person,
            meaning => meaning.class(),
        }
    }

    fn no_session_helps(&self) -> bool {
        NO_SESSION_HELPS.iter().any(|text| self.message.contains(text))
    }
}

/// The refusal inside an answer whose status says that all is well: `success` is false, or the body is a list of errors.
pub(crate) fn refused_inside(body: &Value, write: bool) -> Option<Refusal> {
    let is_error = |each: &Value| each.get("errorCode").is_some() && each.get("message").is_some();
    let refused = match body {
        Value::Object(object) => object.get("success") == Some(&Value::Bool(false)),
        Value::Array(errors) => !errors.is_empty() && errors.iter().all(is_error),
        _ => false,
    };
    refused.then(|| Refusal::from_value(400, body, write))
}

/// Only such texts are shown as codes and field names: nothing of a record can hide in them.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_CODE
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if !self.fields.is_empty() {
            write!(f, " ({})", self.fields.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("code", &self.code)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

/// A refused call, subrequest or row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    errors: Vec<ApiError>,
    candidates: Vec<RecordId>,
    retry_after: Option<Duration>,
    write: bool,
}

impl Refusal {
    /// Reads the body of an answer with an error status. Any body gives a refusal, if only an empty one.
    pub(crate) fn read(status: u16, body: &[u8], write: bool) -> Self {
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        Self::from_value(status, &body, write)
    }

    /// Reads the body of a refused subrequest.
    pub(crate) fn from_value(status: u16, body: &Value, write: bool) -> Self {
        let errors = match body {
            Value::Array(errors) => errors.iter().filter_map(ApiError::read).take(MAX_ERRORS).collect(),
            Value::Object(object) => match object.get("errors") {
                Some(Value::Array(errors)) => {
                    errors.iter().filter_map(ApiError::read).take(MAX_ERRORS).collect()
                }
                _ => ApiError::read(body).into_iter().collect(),
            },
            _ => Vec::new(),
        };
        // Several records by one identifier: an array of their addresses (salesforce reference, section 2.6).
        let addresses = body.as_array().filter(|_| status == 300).into_iter().flatten();
        let candidates = addresses
            .filter_map(|address| address.as_str()?.rsplit('/').next()?.parse().ok())
            .take(MAX_ERRORS)
            .collect();
        Self { status, errors, candidates, retry_after: None, write }
    }

    pub(crate) fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }

    /// The HTTP status; 400 for a refused row of a collection.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// All errors, as the platform ordered them; empty if the body was none of the platform's.
    pub fn errors(&self) -> &[ApiError] {
        &self.errors
    }

    /// The first code, if the platform gave one.
    pub fn code(&self) -> Option<&str> {
        self.errors.first().map(ApiError::code)
    }

    /// The fields named by any of the errors.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.errors.iter().flat_map(|error| error.fields.iter().map(String::as_str))
    }

    /// Whether the call, subrequest or row was well, and only fell with another one.
    pub fn is_bystander(&self) -> bool {
        !self.errors.is_empty() && self.errors.iter().all(ApiError::is_bystander)
    }

    /// Whether the record is gone, or hidden from us, which looks the same.
    pub fn is_gone(&self) -> bool {
        self.code() == Some("ENTITY_IS_DELETED")
            || (self.status == 404 && self.code().is_none_or(|c| c == "NOT_FOUND"))
    }

    /// The holder of the unique value, if this is a `DUPLICATE_VALUE` whose text names it.
    ///
    /// The text is translated into the user's language, so the identifier is looked for, not the words around it.
    /// Read the record before trusting it.
    pub fn duplicate_of(&self) -> Option<RecordId> {
        let error = self.errors.iter().find(|error| error.code == "DUPLICATE_VALUE")?;
        error
            .message
            .rsplit(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| word.bytes().any(|byte| byte.is_ascii_digit()))
            .find_map(|word| RecordId::parse(word).ok())
    }

    /// Whether a new session might change the answer (salesforce reference, section 1.7).
    pub fn session_is_dead(&self) -> bool {
        self.status == 401 && !self.errors.iter().any(ApiError::no_session_helps)
    }

    /// What the refusal means for the next step (salesforce reference, section 2.3).
    ///
    /// Several errors: the one that nobody but a person can mend decides, then the one that is last to mend.
    pub fn class(&self) -> RetryClass {
        if self.status == 401 {
            return if self.session_is_dead() { RetryClass::Authenticate } else { RetryClass::Person };
        }
        let class =
            self.cause().map_or_else(|| self.class_without_errors(), |error| error.class(self.status));
        match class {
            RetryClass::Later { .. } => RetryClass::Later { after: self.retry_after },
            class => class,
        }
    }

    /// The error that decides what the refusal means.
    pub fn cause(&self) -> Option<&ApiError> {
        self.errors.iter().max_by_key(|error| weight(&error.class(self.status)))
    }

    /// What the refusal is about.
    pub fn meaning(&self) -> Meaning {
        self.cause().map_or_else(|| Meaning::of_status(self.status), |error| error.meaning(self.status))
    }

    /// The records that one identifier stood for, where it stood for several (status 300); at most fifty.
    pub fn candidates(&self) -> &[RecordId] {
        &self.candidates
    }

    /// An answer that is none of the platform's own: a gateway's page, an empty body.
    fn class_without_errors(&self) -> RetryClass {
        match self.status {
            // Something between us and the platform lost the answer, not necessarily the request.
            500 | 502 | 504 if self.write => RetryClass::Doubtful,
            status => Meaning::of_status(status).class(),
        }
    }

    /// Whether the org's allowance is spent.
    pub(crate) fn allowance_is_spent(&self) -> bool {
        self.errors.iter().any(|error| Meaning::of(&error.code) == Meaning::Allowance)
    }

    /// The server's own delay, if it gave one.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

fn weight(class: &RetryClass) -> u8 {
    match class {
        RetryClass::Later { .. } => 0,
        RetryClass::Doubtful => 1,
        RetryClass::Changed => 2,
        RetryClass::Authenticate => 3,
        RetryClass::Bug => 4,
        RetryClass::Person => 5,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with status {}", self.status)?;
        for (index, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { ": " } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}
