//! One API call and its answer, the same for a whole request and for a subrequest of a composite.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Map, Value};

use super::errors::Fault;

/// A call below `/services/data/vXX.X/`.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Decoded path segments after the version.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    /// `None` when there was none; an error when it is not JSON.
    pub(crate) body: Option<Result<Value, String>>,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<&Value, Fault> {
        match &self.body {
            Some(Ok(value)) => Ok(value),
            Some(Err(text)) => Err(Fault::parser(text.clone())),
            None => {
                Err(Fault::parser("The HTTP entity body is required, but this request has no entity body."))
            }
        }
    }

    /// The body as a JSON object.
    pub(crate) fn object(&self) -> Result<&Map<String, Value>, Fault> {
        self.json()?.as_object().ok_or_else(|| Fault::parser("Unexpected JSON: an object is expected"))
    }
}

/// What a call is answered with.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<Value>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body), headers: Vec::new() }
    }

    pub(crate) fn with(status: StatusCode, body: Value) -> Self {
        Self { status, body: Some(body), headers: Vec::new() }
    }

    pub(crate) fn bare(status: StatusCode) -> Self {
        Self { status, body: None, headers: Vec::new() }
    }

    pub(crate) fn fault(fault: &Fault) -> Self {
        // An unchanged row is answered without a body.
        if fault.status == StatusCode::NOT_MODIFIED {
            return Self::bare(fault.status);
        }
        Self::with(fault.status, Value::Array(vec![fault.rest()]))
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}
