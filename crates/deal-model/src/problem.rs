//! Why a deal cannot go on without a person (sync rules, section 8).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::GroupId;

/// What kind of trouble it is, and so who can end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemClass {
    /// A value is missing or was refused; the seller can mend it.
    Data,
    /// Both sides changed, and a person decides.
    Conflict,
    /// The two sides stand at different points of the deal's life.
    Lifecycle,
    /// Something may not be read or written; an admin can mend it.
    Permission,
    /// The record is copied, missing, doubled or linked wrongly.
    Link,
    /// Two automations fight over a field.
    Fuse,
    /// Time runs out: nobody has answered, and the referral expires.
    Expiry,
    /// A brake holds the effect until a person releases it.
    Brake,
    /// The program itself is wrong.
    Bug,
}

/// One problem of one deal, at most one for each class and field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of trouble.
    pub class: ProblemClass,
    /// The field or group, if it is about one.
    pub field: Option<GroupId>,
    /// What is wrong, in a plain sentence.
    pub sentence: String,
    /// What a person does next.
    pub next_step: String,
    /// Since when.
    pub since: Timestamp,
}

impl Problem {
    /// Whether `other` is the same trouble, seen again.
    pub fn same(&self, other: &Self) -> bool {
        self.class == other.class && self.field == other.field
    }
}
