//! Places that the portal was seen to refuse changes of.

use deal_model::GroupId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A place of the referral that this tenant lets nobody change: it is written at creation only, until a person or
/// another mapping asks for another try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedPath {
    /// The place, as the side names it: a JSON pointer.
    pub path: String,
    /// The group that lives there.
    pub group: GroupId,
    /// The mapping's version under which it was refused; under another one it is forgotten.
    pub mapping: String,
    /// Since when.
    pub since: Timestamp,
}
