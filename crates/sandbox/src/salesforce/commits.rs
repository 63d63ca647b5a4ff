//! What a committed transaction did, and who signed it: what change events are made of (salesforce reference, 4.8).

use std::sync::Arc;

use jiff::Timestamp;

use super::{id::Id, tables::Row};

/// Who writes, as change events tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) user: Id,
    /// Through which door: `rest/66.0`, empty for none.
    pub(crate) door: String,
    /// The client tag, if the caller gave one.
    pub(crate) client: Option<String>,
}

impl Signature {
    /// `com/salesforce/api/rest/66.0;client=App`, or nothing (salesforce reference, section 4.8).
    pub(crate) fn origin(&self) -> String {
        if self.door.is_empty() {
            return String::new();
        }
        let client = self.client.as_ref().map(|client| format!(";client={client}")).unwrap_or_default();
        format!("com/salesforce/api/{}{client}", self.door)
    }
}

/// What one transaction did to one row, whatever it did on the way.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) object: usize,
    pub(crate) before: Option<Arc<Row>>,
    /// The row after the transaction's first step on it: it decides what kind of change this is.
    pub(crate) first: Arc<Row>,
    pub(crate) after: Arc<Row>,
}

/// One committed transaction: its changes in the order of each row's first step.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    pub(crate) at: Timestamp,
    pub(crate) signed: Option<Arc<Signature>>,
    pub(crate) changes: Vec<Change>,
}
