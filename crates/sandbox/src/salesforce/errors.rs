//! What the org says when it refuses: status, code, text and fields (salesforce reference, section 2.3).

use http::StatusCode;
use serde_json::{Map, Value, json};

/// Every code that a refusal may have, one a line; a judge compares them with the published ones.
#[cfg(test)]
pub(crate) const CODES: &str = include_str!("error_codes.txt");

/// One refusal, in no particular wire shape yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) fields: Vec<String>,
    /// Members besides the usual three, such as `duplicateResult`.
    pub(crate) more: Map<String, Value>,
}

impl Fault {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: Vec::new(), more: Map::new() }
    }

    /// A 400.
    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn on(mut self, field: impl Into<String>) -> Self {
        self.fields.push(field.into());
        self
    }

    /// Row and resource bodies: an array of these.
    pub(crate) fn rest(&self) -> Value {
        let mut body = self.more.clone();
        body.insert("message".into(), json!(self.message));
        body.insert("errorCode".into(), json!(self.code));
        if !self.fields.is_empty() {
            body.insert("fields".into(), json!(self.fields));
        }
        Value::Object(body)
    }

    /// Collections and the like: `statusCode` instead of `errorCode`, `fields` always there (section 2.3).
    pub(crate) fn saved(&self) -> Value {
        let mut body = self.more.clone();
        body.insert("message".into(), json!(self.message));
        body.insert("statusCode".into(), json!(self.code));
        body.insert("fields".into(), json!(self.fields));
        Value::Object(body)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")
    }

    pub(crate) fn no_session() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    pub(crate) fn deleted() -> Self {
        Self::new(StatusCode::NOT_FOUND, "ENTITY_IS_DELETED", "entity is deleted")
    }

    pub(crate) fn method(method: &str, allowed: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            format!("HTTP Method '{method}' not allowed. Allowed are {allowed}"),
        )
    }

    pub(crate) fn parser(message: impl Into<String>) -> Self {
        Self::bad("JSON_PARSER_ERROR", message)
    }

    pub(crate) fn no_column(field: &str, object: &str) -> Self {
        Self::bad("INVALID_FIELD", format!("No such column '{field}' on sobject of type {object}"))
    }

    pub(crate) fn malformed_id(text: &str) -> Self {
        Self::bad("MALFORMED_ID", format!("{object}: id value of incorrect type: {text}", object = "Id"))
            .on("Id")
    }

    pub(crate) fn halted() -> Self {
        Self::bad(
            "PROCESSING_HALTED",
            "The transaction was rolled back since another operation in the same transaction failed.",
        )
    }

    pub(crate) fn rolled_back() -> Self {
        Self::bad(
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
        )
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::CODES;

    /// Every `.rs` file below a folder, but for tests.
    fn sources(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(fs::read_to_string(path).unwrap());
            }
        }
    }

    /// The quoted words in capitals that follow where a refusal is made.
    fn made(source: &str) -> impl Iterator<Item = &str> {
        let code = |text: &&str| {
            text.len() > 3 && text.bytes().all(|letter| letter.is_ascii_uppercase() || letter == b'_')
        };
        ["Fault::new(", "Fault::bad(", "fault("].into_iter().flat_map(move |maker| {
            source.split(maker).skip(1).filter_map(move |rest| {
                let arguments = rest.split(';').next().unwrap_or_default();
                arguments.split('"').skip(1).step_by(2).take(1).find(code)
            })
        })
    }

    #[test]
    fn s2_3_every_code_of_a_refusal_is_listed_and_every_listed_one_is_used() {
        let mut all = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/salesforce"), &mut all);
        let listed: BTreeSet<&str> = CODES.lines().collect();
        let made: BTreeSet<&str> = all.iter().flat_map(|source| made(source)).collect();
        assert!(made.len() > 30, "{made:?}");
        let unlisted: Vec<_> = made.difference(&listed).collect();
        assert!(unlisted.is_empty(), "add to error_codes.txt: {unlisted:?}");
        let quoted = |code: &str| all.iter().any(|source| source.contains(&format!("\"{code}\"")));
        let unused: Vec<_> = listed.iter().filter(|code| !quoted(code)).collect();
        assert!(unused.is_empty(), "take out of error_codes.txt: {unused:?}");
    }
}
