//! What a referral is: a deal, or one of the leads (partner-center reference, section 4.4).

use deal_model::Inviter;
use partner_center::{OrganizationId, Qualification, Referral, ReferralType};

use super::{PortalSettings, transform::claimed_opportunity};

/// What is read of a referral makes it one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    /// A customer found us at the marketplace.
    MarketplaceLead,
    /// Microsoft qualified a customer's interest and passed it on.
    QualifiedLead,
    /// A deal of ours, whoever began it.
    CoSell,
    /// A deal into which another partner invited us.
    PartnerToPartner,
}

/// Whether a referral of ours is a lead. One that names an opportunity of ours is none, whatever its kind: our own deals
/// may be of any kind that the configuration tells, and bear their opportunity from the first moment.
pub(super) fn is_lead(referral: &Referral, settings: &PortalSettings) -> bool {
    claimed_opportunity(referral).is_none() && category(referral, settings).is_lead()
}

impl Category {
    fn is_lead(self) -> bool {
        matches!(self, Self::MarketplaceLead | Self::QualifiedLead)
    }
}

/// Who invited to the referral's engagement.
pub(super) fn inviter(referral: &Referral, settings: &PortalSettings) -> Inviter {
    let same =
        |one: &OrganizationId, other: &OrganizationId| one.as_str().eq_ignore_ascii_case(other.as_str());
    match referral.invited_by() {
        None => Inviter::Nobody,
        Some(inviter) if same(&inviter, &settings.organization_id) => Inviter::Us,
        // Whatever its referrals carry: its own name is documented for invitations (section 3.5).
        Some(inviter) if inviter.is_microsoft() || same(&inviter, &settings.companion_organization) => {
            Inviter::Companion
        }
        Some(_) => Inviter::Third,
    }
}

/// The category of a referral of ours.
pub(super) fn category(referral: &Referral, settings: &PortalSettings) -> Category {
    let (kind, qualification) = (referral.referral_type(), referral.qualification());
    classify(kind.as_ref(), qualification.as_ref(), inviter(referral, settings))
}

/// The table of the reference, and what stands in its gaps: whatever is not certainly a lead is a deal, because a lead
/// that is taken for a deal is seen, and a deal that is taken for a lead is lost.
fn classify(
    kind: Option<&ReferralType>,
    qualification: Option<&Qualification>,
    inviter: Inviter,
) -> Category {
    let independent = kind == Some(&ReferralType::Independent);
    match (qualification, inviter) {
        (_, Inviter::Third) => Category::PartnerToPartner,
        (Some(Qualification::Direct), Inviter::Nobody | Inviter::Companion) if independent => {
            Category::MarketplaceLead
        }
        (Some(Qualification::SalesQualified | Qualification::MarketingQualified), Inviter::Companion)
            if independent =>
        {
            Category::QualifiedLead
        }
        // The gap of the table: a shared referral into which Microsoft invites us is a deal.
        _ => Category::CoSell,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use serde_json::{Value, json};

    use super::*;
    use crate::partner_center::transform::{Companion, observation};

    const US: &str = "11110000-0000-4000-8000-0000000000ff";
    const MICROSOFT: &str = "72f988bf-0000-4000-8000-000000000000";
    const ANOTHER: &str = "22220000-0000-4000-8000-0000000000ee";

    fn settings() -> PortalSettings {
        let companion_organization = MICROSOFT.parse().unwrap();
        PortalSettings { companion_organization, ..PortalSettings::new(US.parse().unwrap()) }
    }

    fn of(kind: Value, qualification: Value, inviter: Value) -> Category {
        let invited_by = if inviter.is_null() { json!(null) } else { json!({ "organizationId": inviter }) };
        let document = json!({
            "id": "7a1c0000-0000-4000-8000-0000000000a1", "type": kind, "qualification": qualification,
            "inviteContext": { "invitedBy": invited_by },
        });
        category(&Referral::from_json(document).unwrap(), &settings())
    }

    #[test]
    fn section_4_4_every_row_of_the_classification_and_its_gaps() {
        use Category::{CoSell, MarketplaceLead, PartnerToPartner, QualifiedLead};
        let rows = [
            // The table's first row: a marketplace lead.
            (json!("Independent"), json!("Direct"), json!("msft"), MarketplaceLead),
            (json!("Independent"), json!("Direct"), json!(null), MarketplaceLead),
            // Its second: a qualified lead.
            (json!("Independent"), json!("SalesQualified"), json!("msft"), QualifiedLead),
            (json!("Independent"), json!("MarketingQualified"), json!("msft"), QualifiedLead),
            (json!("independent"), json!("salesqualified"), json!("MSFT"), QualifiedLead),
            (json!("Independent"), json!("SalesQualified"), json!(MICROSOFT), QualifiedLead),
            // Its third: a deal, our own or a partner's.
            (json!("Independent"), json!("SalesQualified"), json!(US), CoSell),
            (json!("Independent"), json!("None"), json!(US), CoSell),
            (json!("Shared"), json!("SalesQualified"), json!(US), CoSell),
            (json!("Shared"), json!("None"), json!(US), CoSell),
            (json!("Independent"), json!("SalesQualified"), json!(ANOTHER), PartnerToPartner),
            (json!("Shared"), json!("None"), json!(ANOTHER), PartnerToPartner),
            // The gap: Microsoft invites us into a shared deal.
            (json!("Shared"), json!("SalesQualified"), json!("msft"), CoSell),
            (json!("Shared"), json!("Direct"), json!("msft"), CoSell),
            // What no row names.
            (json!("Independent"), json!("SalesQualified"), json!(null), CoSell),
            (json!("Independent"), json!("MarketingQualified"), json!(null), CoSell),
            (json!("Independent"), json!("None"), json!("msft"), CoSell),
            (json!("Independent"), json!(null), json!("msft"), CoSell),
            (json!("Independent"), json!("Direct"), json!(US), CoSell),
            (json!("Independent"), json!("Direct"), json!(ANOTHER), PartnerToPartner),
            (json!("Independent"), json!("ToBeNamed"), json!("msft"), CoSell),
            (json!("Shared"), json!(null), json!(null), CoSell),
            (json!(null), json!("Direct"), json!("msft"), CoSell),
            (json!(null), json!(null), json!(null), CoSell),
        ];
        for (kind, qualification, inviter, expected) in rows {
            let row = format!("{kind} {qualification} {inviter}");
            assert_eq!(of(kind, qualification, inviter), expected, "{row}");
        }
        let none = Referral::from_json(json!({ "id": "7a1c0000-0000-4000-8000-0000000000a1" })).unwrap();
        assert_eq!(category(&none, &settings()), CoSell, "nothing at all is no lead");
    }

    #[test]
    fn section_4_3_an_observation_tells_who_invited() {
        let rows = [
            (json!(null), Inviter::Nobody),
            (json!(US), Inviter::Us),
            (json!("msft"), Inviter::Companion),
            (json!(MICROSOFT.to_uppercase()), Inviter::Companion),
            (json!(ANOTHER), Inviter::Third),
        ];
        for (id, expected) in rows {
            let referral = Referral::from_json(json!({
                "id": "7a1c0000-0000-4000-8000-0000000000a1", "type": "Shared", "updatedDateTime": "2026-01-02T03:04:05Z",
                "inviteContext": { "invitedBy": { "organizationId": id } },
            }));
            let mapping = mapping::Mapping::shipped();
            let seen =
                observation(&referral.unwrap(), None, &Companion::NOT_ASKED, &mapping, &settings()).unwrap();
            assert_eq!(seen.portal().unwrap().inviter, expected, "{id}");
        }
    }
}
