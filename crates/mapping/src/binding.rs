//! One field tied to its place on each side.

use deal_model::{FieldId, Observed, PerSide, Value};
use serde_json::Value as Json;

use crate::{Codec, CrmPath, PortalPath};

/// What a member means that the portal's document does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The member is documented as optional: the portal holds nothing there.
    Empty,
    /// The portal always sends the member: it was hidden or cut off.
    Unknown,
}

/// A single-valued field: where it lives, and how it is read and written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The field.
    pub field: FieldId,
    /// Its place in our referral.
    pub portal: Option<PortalPath>,
    /// Its place in Microsoft's referral of the same engagement.
    pub companion: Option<PortalPath>,
    /// Its place seen from the opportunity.
    pub crm: Option<CrmPath>,
    /// How it is written.
    pub codec: Codec,
    /// What is sent to a side when the other has nothing.
    pub default: PerSide<Option<Value>>,
    /// What the member's absence means at the portal.
    pub absent: Absent,
}

impl Binding {
    /// What our referral holds; `Unknown` if the field has no place there.
    pub fn observe_portal(&self, referral: &Json) -> Observed {
        self.portal.as_ref().map_or(Observed::Unknown, |path| self.observe(path, referral))
    }

    /// What Microsoft's referral holds; `Empty` if there is none, `Unknown` if the field has no place there.
    pub fn observe_companion(&self, companion: Option<&Json>) -> Observed {
        match (&self.companion, companion) {
            (Some(path), Some(document)) => self.observe(path, document),
            (Some(_), None) => Observed::Empty,
            (None, _) => Observed::Unknown,
        }
    }

    /// What the opportunity holds; `Unknown` if the field was not in the answer or has no place there.
    pub fn observe_crm(&self, opportunity: &Json) -> Observed {
        let field = self.crm.as_ref().and_then(|path| path.read(opportunity));
        field.map_or(Observed::Unknown, |field| self.codec.read_crm(field))
    }

    fn observe(&self, path: &PortalPath, document: &Json) -> Observed {
        match path.read(document) {
            Some(member) => self.codec.read_portal(member),
            None if path.through_null(document) => Observed::Empty,
            None => match self.absent {
                Absent::Empty => Observed::Empty,
                Absent::Unknown => Observed::Unknown,
            },
        }
    }
}
