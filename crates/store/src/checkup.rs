//! What `cosell store check` finds out about a store, whichever kind it is.

use serde::Serialize;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Looked {
    /// What: `schema`, `integrity`.
    pub what: &'static str,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What was seen.
    pub saw: String,
    /// What a person does next, if it is not.
    pub fix: Option<String>,
}

impl Looked {
    pub(crate) fn good(what: &'static str, saw: impl Into<String>) -> Self {
        Self { what, ok: true, saw: saw.into(), fix: None }
    }

    pub(crate) fn bad(what: &'static str, saw: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what, ok: false, saw: saw.into(), fix: Some(fix.into()) }
    }
}
