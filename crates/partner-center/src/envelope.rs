//! Reads a refusal's body in each of its shapes: the error envelope, the gateway's object, a page, or nothing.

use std::{ops::RangeInclusive, time::Duration};

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use crate::{
    answer::{retry_after, without_mark},
    error::Operation,
    names::{canonical, member},
    refusal::{ApiError, ErrorCode},
    trace::Trace,
};

/// Deepest `innerError` that is followed.
const MAX_DEPTH: usize = 16;
/// Most targets that are kept.
const MAX_TARGETS: usize = 32;
/// Longest code or target that is kept, in bytes.
const MAX_NAME_BYTES: usize = 128;
/// Longest message that is kept, in characters: the documented bound (reference, section 5).
const MAX_MESSAGE_CHARS: usize = 1024;

/// Makes the typed refusal of an answer that is no success. A delay outside `delays` is brought to its nearer end.
pub(crate) fn refusal(
    operation: Operation,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    delays: RangeInclusive<Duration>,
    trace: Trace,
) -> ApiError {
    let mut found = Findings::default();
    if let Ok(Value::Object(outer)) = serde_json::from_slice::<Value>(without_mark(body)) {
        match member(&outer, "error") {
            Some(Value::Object(error)) => found.walk(error),
            // A bare OAuth-like code in place of the envelope.
            Some(Value::String(code)) => found.code(code),
            _ => found.gateway(&outer),
        }
    }
    let delay = retry_after(headers).or_else(|| found.message.as_deref().and_then(spoken_delay));
    let fields = found.targets.iter().filter_map(|target| field(target)).collect::<Vec<_>>();
    ApiError {
        operation,
        status,
        codes: found.codes,
        targets: found.targets,
        fields,
        message: found.message,
        trace,
        retry_after: delay
            .filter(|_| matches!(status.as_u16(), 408 | 423 | 429 | 500..=599))
            .map(|delay| delay.clamp(*delays.start(), *delays.end())),
    }
}

/// Whether a 404 is the API's own word that a record is not there, rather than a wrong address.
pub(crate) fn is_own_not_found(error: &ApiError) -> bool {
    error.status == StatusCode::NOT_FOUND && error.code().is_some()
}

#[derive(Default)]
struct Findings {
    codes: Vec<ErrorCode>,
    targets: Vec<String>,
    message: Option<String>,
}

impl Findings {
    fn walk(&mut self, outermost: &Map<String, Value>) {
        let mut level = Some(outermost);
        for _ in 0..MAX_DEPTH {
            let Some(error) = level else { break };
            if let Some(Value::String(code)) = member(error, "code") {
                self.code(code);
            }
            if let Some(Value::String(target)) = member(error, "target") {
                self.target(target);
            }
            // The innermost sentence is the most exact one.
            self.message(member(error, "message"));
            if let Some(Value::Array(details)) = member(error, "details") {
                for detail in details.iter().take(MAX_TARGETS).filter_map(Value::as_object) {
                    if let Some(Value::String(target)) = member(detail, "target") {
                        self.target(target);
                    }
                }
            }
            level = member(error, "innerError").and_then(Value::as_object);
        }
    }

    /// `{"statusCode":429,"message":"..."}` (reference, section 5).
    fn gateway(&mut self, outer: &Map<String, Value>) {
        self.message(member(outer, "message"));
    }

    fn code(&mut self, code: &str) {
        if is_name(code) {
            self.codes.push(ErrorCode::from(code));
        }
    }

    fn target(&mut self, target: &str) {
        if is_name(target) && self.targets.len() < MAX_TARGETS && !self.targets.iter().any(|t| t == target) {
            self.targets.push(target.to_owned());
        }
    }

    fn message(&mut self, message: Option<&Value>) {
        if let Some(text) = message.and_then(Value::as_str).filter(|text| !text.is_empty()) {
            self.message = Some(text.chars().take(MAX_MESSAGE_CHARS).collect());
        }
    }
}

/// Whether a text looks like the name of something, so that it may stand in an error text: a value or a sentence
/// put there by mistake is dropped.
fn is_name(text: &str) -> bool {
    let sound =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'_' | b'-' | b'[' | b']' | b'$');
    !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.bytes().all(sound)
}

/// Turns `details.currency`, `Details/Currency` or `team[0].email` into `/details/currency`, `/team/0/email`.
/// Nothing, if the target is the referral as a whole or holds a name that is no member of one.
fn field(target: &str) -> Option<String> {
    let mut pointer = String::new();
    let segments = target.split(['.', '/', '[', ']']).filter(|segment| !segment.is_empty());
    for (at, segment) in segments.enumerate() {
        let whole = at == 0 && (segment == "$" || segment.eq_ignore_ascii_case("referral"));
        if whole {
            continue;
        }
        pointer.push('/');
        if segment == "-" || segment.bytes().all(|b| b.is_ascii_digit()) {
            pointer.push_str(segment);
        } else {
            pointer.push_str(canonical(segment)?);
        }
    }
    (!pointer.is_empty()).then_some(pointer)
}

/// The delay in "Try again in 57 seconds.", for a gateway that forgot its header.
fn spoken_delay(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    let (_, rest) = lower.split_once("try again in ")?;
    let (number, unit) = rest.split_once(' ')?;
    let unit = match unit {
        unit if unit.starts_with("second") => 1,
        unit if unit.starts_with("minute") => 60,
        unit if unit.starts_with("hour") => 3600,
        _ => return None,
    };
    number.parse::<u64>().ok().map(|number| Duration::from_secs(number.saturating_mul(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> ApiError {
        let status = StatusCode::from_u16(status).unwrap();
        let headers = HeaderMap::new();
        let delays = Duration::from_secs(1)..=Duration::from_hours(1);
        let trace =
            Trace { client_request_id: String::new(), correlation_id: String::new(), request_id: None };
        refusal(Operation::PatchReferral, status, &headers, body.as_bytes(), delays, trace)
    }

    #[test]
    fn the_deepest_known_code_counts_and_both_spellings_of_inner_error_are_followed() {
        let error = read(
            400,
            r#"{"Error":{"Code":"generalException","message":"a","innererror":{"code":"INVALIDREQUEST",
                "innerError":{"code":"currencyInvalid","message":"b","target":"Details.Currency"}}}}"#,
        );
        assert_eq!(error.code(), Some(&ErrorCode::InvalidRequest));
        assert_eq!(error.deepest_code().unwrap().as_str(), "currencyInvalid");
        assert_eq!(error.fields(), ["/details/currency"]);
        assert_eq!(error.server_text(), Some("b"));
    }

    #[test]
    fn the_gateways_429_is_read_and_its_spoken_delay_is_used_when_the_header_is_missing() {
        let error =
            read(429, r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 57 seconds."}"#);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(57)));
        assert_eq!(error.code(), None);
    }

    #[test]
    fn a_spoken_delay_is_bounded_on_both_sides() {
        for (spoken, expected) in [
            ("Try again in 0 seconds.", Some(1)),
            ("try again in 2 minutes", Some(120)),
            ("Try again in 99999999999999 hours.", Some(3600)),
            ("Try again in a while.", None),
            ("Try again in 57", None),
        ] {
            let error = read(429, &format!(r#"{{"statusCode":429,"message":"{spoken}"}}"#));
            assert_eq!(error.retry_after(), expected.map(Duration::from_secs), "{spoken}");
        }
    }

    #[test]
    fn a_page_a_cut_body_and_an_empty_one_are_refusals_without_a_code() {
        for body in ["<html><body>Bad Gateway</body></html>", r#"{"error":{"code":"inv"#, "", "null", "[]"] {
            let error = read(400, body);
            assert_eq!((error.code(), error.server_text()), (None, None), "{body}");
        }
    }

    #[test]
    fn a_message_is_bounded_and_a_sentence_in_place_of_a_target_is_dropped() {
        let long = "x".repeat(5000);
        let error = read(
            400,
            &format!(r#"{{"error":{{"code":"invalidRequest","message":"{long}","target":"Jo Kunde"}}}}"#),
        );
        assert_eq!(error.server_text().unwrap().len(), 1024);
        assert!(error.targets().is_empty());
    }

    #[test]
    fn targets_become_pointers_into_the_document() {
        let table = [
            ("referral", None),
            ("details.currency", Some("/details/currency")),
            ("/details/dealvalue", Some("/details/dealValue")),
            ("Referral.Team[0].Email", Some("/team/0/email")),
            ("team/-", Some("/team/-")),
            ("somethingElse", None),
        ];
        for (target, expected) in table {
            assert_eq!(field(target).as_deref(), expected, "{target}");
        }
    }
}
