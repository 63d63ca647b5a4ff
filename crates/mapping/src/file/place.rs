//! What writing a member of a referral means beyond the value (partner-center reference, sections 3.3 and 3.5).

use deal_model::Irreversible;

use crate::{Absent, Member, PortalPath};

/// Once true it cannot be taken back (partner-center reference, section 3.3).
const SHARE: &str = "/consent/consentToShareReferralWithMicrosoftSellers";
/// What a partner says of its own when it invites Microsoft.
const INVITATION: &str = "/inviteContext/";
const CONSENTS: &str = "/consent/";
const HELP: &str = "/inviteContext/assistanceRequestCode";

/// The documented paths.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    Member::all().map(Member::path)
}

/// What the absence of the member at `path` means, if it is documented.
pub(crate) fn documented(path: &PortalPath) -> Option<Absent> {
    Member::at(path).map(Member::absent)
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

/// Whether the member is a person's word: consent, sharing, asking for help.
pub(super) fn is_word(portal: Option<&PortalPath>, companion: Option<&PortalPath>) -> bool {
    let is_consent = |path: &&PortalPath| path.as_str().starts_with(CONSENTS);
    latch(portal, companion).is_some() || [portal, companion].iter().flatten().any(is_consent)
}
