//! Which opportunities may be opted in at all.

use crate::{Condition, CrmPath};

/// What an opportunity must be, beside having the flag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OptIn {
    /// Developer names of record types; none for all.
    pub record_types: Vec<String>,
    /// All of these must hold. The paths begin at the opportunity.
    pub conditions: Vec<Condition<CrmPath>>,
    /// Whether private opportunities may be.
    pub private: bool,
}

/// The rule by which an opportunity with the flag is left out all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOut {
    /// It is private.
    Private,
    /// Its record type is not among those that may be.
    RecordType,
    /// A condition on this field does not hold.
    Field(CrmPath),
}

impl OptIn {
    /// Whether opportunities of this record type may be opted in. Names are compared without case.
    pub fn admits_type(&self, record_type: Option<&str>) -> bool {
        let fits = |name: &str| self.record_types.iter().any(|known| known.eq_ignore_ascii_case(name));
        self.record_types.is_empty() || record_type.is_some_and(fits)
    }

    /// The first rule that leaves an opportunity out; none if it may be opted in.
    pub fn leaves_out(
        &self,
        record_type: Option<&str>,
        is_private: bool,
        values: impl Fn(&CrmPath) -> Vec<serde_json::Value>,
    ) -> Option<LeftOut> {
        if is_private && !self.private {
            return Some(LeftOut::Private);
        }
        if !self.admits_type(record_type) {
            return Some(LeftOut::RecordType);
        }
        let broken = self.conditions.iter().find(|condition| !condition.holds(&values));
        broken.map(|condition| LeftOut::Field(condition.subject.clone()))
    }
}
