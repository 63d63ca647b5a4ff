//! The changes that can be asked of a referral.

use std::fmt;

use serde_json::{Value, json};

/// One change of a referral, as JSON Patch: only `add` and `replace` exist (reference, section 2, row 5).
#[derive(Clone, PartialEq)]
pub struct PatchOperation {
    op: &'static str,
    path: String,
    value: Value,
}

impl fmt::Debug for PatchOperation {
    /// Without the value, which may be somebody's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PatchOperation({} {})", self.op, self.path)
    }
}

impl PatchOperation {
    /// Puts `value` in place of what stands at `path`, a JSON Pointer such as `/details/dealValue`.
    pub fn replace(path: impl Into<String>, value: Value) -> Self {
        Self { op: "replace", path: path.into(), value }
    }

    /// Adds `value` at `path`, a JSON Pointer such as `/team/-`.
    pub fn add(path: impl Into<String>, value: Value) -> Self {
        Self { op: "add", path: path.into(), value }
    }

    /// The JSON Pointer this operation writes.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value it writes.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Whether the path is a JSON Pointer to a member: the whole document cannot be replaced.
    pub(crate) fn is_sound(&self) -> bool {
        self.path.len() > 1 && self.path.starts_with('/')
    }

    /// The operation as it goes over the wire.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "op": self.op, "path": self.path, "value": self.value })
    }
}
