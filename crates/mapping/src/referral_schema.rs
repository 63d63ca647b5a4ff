//! The documented members of a referral: what each holds, and when a partner can write it (partner-center reference,
//! sections 3, 3.8 and 4.5).

use crate::{Absent, PortalPath};

/// What a documented member holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A text, a code of a list or an identifier.
    Text,
    /// A number.
    Number,
    /// A moment in UTC.
    Time,
    /// True or false.
    Flag,
    /// A list of people.
    People,
    /// A list of solutions.
    Solutions,
    /// A list of pairs of type and id.
    Attributes,
    /// The customer's identifiers, each with its type.
    Identifiers,
    /// The reference does not say.
    Open,
}

/// When a partner can write a documented member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// The portal decides it.
    Never,
    /// It changes, but with the referral's life and never as a field.
    ByLife,
    /// When the referral is created, and never again.
    Fixed,
    /// When the referral is created; that it can be changed later is not documented, and tenants differ.
    Creation,
    /// At any time: a change of it is documented (section 3.8).
    Always,
}

/// A documented member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    path: &'static str,
    holds: Holds,
    writes: Writes,
    absent: Absent,
}

impl Member {
    /// Every documented member that one field can be mapped to.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        MEMBERS.iter()
    }

    /// The member at `path`, if it is documented.
    pub fn at(path: &PortalPath) -> Option<&'static Self> {
        Self::named(path.as_str())
    }

    /// The member whose JSON pointer is `pointer`, if it is documented.
    pub fn named(pointer: &str) -> Option<&'static Self> {
        MEMBERS.iter().find(|member| member.path == pointer)
    }

    /// Its JSON pointer.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// What it holds.
    pub fn holds(&self) -> Holds {
        self.holds
    }

    /// When a partner can write it.
    pub fn writes(&self) -> Writes {
        self.writes
    }

    /// What it means that the member is not there.
    pub fn absent(&self) -> Absent {
        self.absent
    }

    /// Whether a change of it is documented, as a field or with the referral's life.
    pub fn is_patchable(&self) -> bool {
        matches!(self.writes, Writes::ByLife | Writes::Always)
    }
}

const fn member(path: &'static str, holds: Holds, writes: Writes, absent: Absent) -> Member {
    Member { path, holds, writes, absent }
}

const MEMBERS: &[Member] = &[
    member("/id", Holds::Text, Writes::Never, Absent::Unknown),
    member("/engagementId", Holds::Text, Writes::Never, Absent::Unknown),
    member("/organizationId", Holds::Text, Writes::Never, Absent::Unknown),
    member("/organizationName", Holds::Text, Writes::Never, Absent::Unknown),
    member("/name", Holds::Text, Writes::Creation, Absent::Unknown),
    member("/externalReferenceId", Holds::Text, Writes::Always, Absent::Empty),
    member("/createdDateTime", Holds::Time, Writes::Never, Absent::Unknown),
    member("/updatedDateTime", Holds::Time, Writes::Never, Absent::Unknown),
    member("/expirationDateTime", Holds::Time, Writes::Never, Absent::Empty),
    member("/acceptedDateTime", Holds::Time, Writes::Never, Absent::Empty),
    member("/closedDateTime", Holds::Time, Writes::Never, Absent::Empty),
    member("/status", Holds::Text, Writes::ByLife, Absent::Unknown),
    member("/substatus", Holds::Text, Writes::ByLife, Absent::Empty),
    member("/statusReason", Holds::Text, Writes::ByLife, Absent::Empty),
    member("/salesStage", Holds::Text, Writes::ByLife, Absent::Empty),
    member("/type", Holds::Text, Writes::Never, Absent::Unknown),
    member("/qualification", Holds::Text, Writes::Never, Absent::Unknown),
    member("/referralSource", Holds::Text, Writes::Never, Absent::Empty),
    member("/callToAction", Holds::Text, Writes::Never, Absent::Empty),
    member("/favorite", Holds::Flag, Writes::Creation, Absent::Empty),
    member("/campaignId", Holds::Text, Writes::Always, Absent::Empty),
    member("/quality", Holds::Open, Writes::Never, Absent::Empty),
    member("/isSpam", Holds::Flag, Writes::Never, Absent::Empty),
    member("/direction", Holds::Text, Writes::Never, Absent::Unknown),
    member("/mpnId", Holds::Text, Writes::Fixed, Absent::Empty),
    member("/referralProgram", Holds::Text, Writes::Always, Absent::Empty),
    member("/dealSensitivity", Holds::Text, Writes::Never, Absent::Empty),
    member("/registrationStatus", Holds::Text, Writes::Never, Absent::Empty),
    member("/team", Holds::People, Writes::Always, Absent::Empty),
    member("/customerProfile/name", Holds::Text, Writes::Creation, Absent::Unknown),
    member("/customerProfile/size", Holds::Text, Writes::Creation, Absent::Empty),
    member("/customerProfile/isMatchingComplete", Holds::Flag, Writes::Never, Absent::Empty),
    member("/customerProfile/address/addressLine1", Holds::Text, Writes::Creation, Absent::Empty),
    member("/customerProfile/address/addressLine2", Holds::Text, Writes::Creation, Absent::Empty),
    member("/customerProfile/address/city", Holds::Text, Writes::Creation, Absent::Empty),
    member("/customerProfile/address/state", Holds::Text, Writes::Creation, Absent::Empty),
    member("/customerProfile/address/postalCode", Holds::Text, Writes::Creation, Absent::Empty),
    member("/customerProfile/address/country", Holds::Text, Writes::Creation, Absent::Unknown),
    member("/customerProfile/address/region", Holds::Text, Writes::Creation, Absent::Empty),
    member("/customerProfile/team", Holds::People, Writes::Always, Absent::Empty),
    member("/customerProfile/ids", Holds::Identifiers, Writes::Creation, Absent::Empty),
    member("/consent/consentToToShareInfoWithOthers", Holds::Flag, Writes::Creation, Absent::Unknown),
    member("/consent/consentToContact", Holds::Flag, Writes::Creation, Absent::Unknown),
    member(
        "/consent/consentToShareReferralWithMicrosoftSellers",
        Holds::Flag,
        Writes::Always,
        Absent::Unknown,
    ),
    member(
        "/consent/consentToMicrosoftToContactSpecificPartners",
        Holds::Flag,
        Writes::Creation,
        Absent::Empty,
    ),
    member("/details/notes", Holds::Text, Writes::Always, Absent::Empty),
    member("/details/dealValue", Holds::Number, Writes::Always, Absent::Unknown),
    member("/details/currency", Holds::Text, Writes::Always, Absent::Unknown),
    member("/details/closingDateTime", Holds::Time, Writes::Always, Absent::Unknown),
    member("/details/customerRequestedContact", Holds::Flag, Writes::Creation, Absent::Empty),
    member("/details/customerAction", Holds::Text, Writes::Creation, Absent::Empty),
    member("/details/incentiveLevel", Holds::Open, Writes::Creation, Absent::Empty),
    member("/details/requirements/solutions", Holds::Solutions, Writes::Always, Absent::Empty),
    member(
        "/details/requirements/additionalRequirements/attributes",
        Holds::Attributes,
        Writes::Creation,
        Absent::Empty,
    ),
    member("/inviteContext/notes", Holds::Text, Writes::Fixed, Absent::Empty),
    member("/inviteContext/assistanceRequestCode", Holds::Text, Writes::Fixed, Absent::Empty),
    member("/inviteContext/invitedMpnId", Holds::Text, Writes::Fixed, Absent::Empty),
    member("/inviteContext/invitedBy/organizationId", Holds::Text, Writes::Never, Absent::Empty),
    member("/inviteContext/invitedBy/organizationName", Holds::Text, Writes::Never, Absent::Empty),
    member("/trackingInfo/microsoftMsxId", Holds::Text, Writes::Never, Absent::Empty),
    member("/eTag", Holds::Text, Writes::Never, Absent::Unknown),
    member("/createdVia", Holds::Text, Writes::Never, Absent::Empty),
    member("/lastModifiedVia", Holds::Text, Writes::Never, Absent::Empty),
    member("/lastRunId", Holds::Text, Writes::Never, Absent::Empty),
    member("/trackingInfo/microsoftUSFedOpportunityId", Holds::Text, Writes::Never, Absent::Empty),
    member("/trackingInfo/microsoftUSFedLeadId", Holds::Text, Writes::Never, Absent::Empty),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_a_pointer_and_named_once() {
        for (place, member) in MEMBERS.iter().enumerate() {
            PortalPath::parse(member.path).unwrap();
            assert!(MEMBERS[..place].iter().all(|other| other.path != member.path), "{}", member.path);
        }
    }
}
