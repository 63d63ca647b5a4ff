//! What the referral's schema says of a member (partner-center reference, sections 3 and 4.5).

use deal_model::Irreversible;

use crate::{Absent, PortalPath};

/// Whether a partner can write a member at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writable {
    /// The portal decides it.
    Never,
    /// At creation; later at the portal's mercy.
    Yes,
}

/// A documented member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    path: &'static str,
    pub(super) writable: Writable,
    pub(super) absent: Absent,
}

const fn always(path: &'static str) -> Member {
    Member { path, writable: Writable::Yes, absent: Absent::Unknown }
}

const fn optional(path: &'static str) -> Member {
    Member { path, writable: Writable::Yes, absent: Absent::Empty }
}

const fn told(path: &'static str) -> Member {
    Member { path, writable: Writable::Never, absent: Absent::Unknown }
}

const fn told_at_times(path: &'static str) -> Member {
    Member { path, writable: Writable::Never, absent: Absent::Empty }
}

const MEMBERS: &[Member] = &[
    told("/id"),
    told("/engagementId"),
    told("/organizationId"),
    told("/organizationName"),
    always("/name"),
    optional("/externalReferenceId"),
    told("/createdDateTime"),
    told("/updatedDateTime"),
    told_at_times("/expirationDateTime"),
    told_at_times("/acceptedDateTime"),
    told_at_times("/closedDateTime"),
    // The life is written by the life, never as a field.
    told("/status"),
    told_at_times("/substatus"),
    told_at_times("/statusReason"),
    told_at_times("/salesStage"),
    told("/type"),
    told("/qualification"),
    told_at_times("/referralSource"),
    told_at_times("/callToAction"),
    optional("/favorite"),
    optional("/campaignId"),
    told_at_times("/quality"),
    told_at_times("/isSpam"),
    told("/direction"),
    optional("/mpnId"),
    optional("/referralProgram"),
    told_at_times("/dealSensitivity"),
    told_at_times("/registrationStatus"),
    optional("/team"),
    always("/customerProfile/name"),
    optional("/customerProfile/size"),
    told_at_times("/customerProfile/isMatchingComplete"),
    optional("/customerProfile/address/addressLine1"),
    optional("/customerProfile/address/addressLine2"),
    optional("/customerProfile/address/city"),
    optional("/customerProfile/address/state"),
    optional("/customerProfile/address/postalCode"),
    always("/customerProfile/address/country"),
    optional("/customerProfile/address/region"),
    optional("/customerProfile/team"),
    optional("/customerProfile/ids"),
    always("/consent/consentToToShareInfoWithOthers"),
    always("/consent/consentToContact"),
    always("/consent/consentToShareReferralWithMicrosoftSellers"),
    optional("/consent/consentToMicrosoftToContactSpecificPartners"),
    optional("/details/notes"),
    always("/details/dealValue"),
    always("/details/currency"),
    always("/details/closingDateTime"),
    optional("/details/customerRequestedContact"),
    optional("/details/customerAction"),
    optional("/details/incentiveLevel"),
    optional("/details/requirements/solutions"),
    optional("/details/requirements/additionalRequirements/attributes"),
    optional("/inviteContext/notes"),
    optional("/inviteContext/assistanceRequestCode"),
    optional("/inviteContext/invitedMpnId"),
    told_at_times("/inviteContext/invitedBy/organizationId"),
    told_at_times("/inviteContext/invitedBy/organizationName"),
    told_at_times("/trackingInfo/microsoftMsxId"),
];

/// Once true it cannot be taken back (partner-center reference, section 3.3).
const SHARE: &str = "/consent/consentToShareReferralWithMicrosoftSellers";
/// What a partner says of its own when it invites Microsoft.
const INVITATION: &str = "/inviteContext/";
const HELP: &str = "/inviteContext/assistanceRequestCode";

/// The member at `path`, if it is documented.
pub(super) fn member(path: &PortalPath) -> Option<&'static Member> {
    MEMBERS.iter().find(|member| member.path == path.as_str())
}

/// The documented paths.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    MEMBERS.iter().map(|member| member.path)
}

/// Whether we write this member of Microsoft's referral, which is ours to fill only while we invite.
pub(super) fn is_invitation(path: &PortalPath) -> bool {
    path.as_str().starts_with(INVITATION)
}

/// The irreversible effect that writing this member is. A file cannot say otherwise.
pub(super) fn latch(portal: Option<&PortalPath>, companion: Option<&PortalPath>) -> Option<Irreversible> {
    if portal.is_some_and(|path| path.as_str() == SHARE) {
        Some(Irreversible::Share)
    } else if [portal, companion].into_iter().flatten().any(|path| path.as_str() == HELP) {
        Some(Irreversible::AskHelp)
    } else {
        None
    }
}
