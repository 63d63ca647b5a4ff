//! Who sees which referral: by role, by owner, by category (reference, sections 1.4, 4.2 and 4.4).

use serde_json::Value;

use super::{
    State,
    book::{Document, Owner, Record, text},
    create::MICROSOFT,
    knobs::RelatedVisibility,
    refusal::Refusal,
    rules,
    token::Role,
};

/// What a referral is (reference, section 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    /// From a marketplace listing.
    MarketplaceLead,
    /// From Microsoft's marketing or sales, for the partner alone.
    QualifiedLead,
    /// A deal, whoever began it.
    CoSell,
}

impl State {
    /// The category of a referral. One that Microsoft invited to, Shared, is a deal: no row of the table holds it.
    pub(super) fn category(&self, document: &Document) -> Category {
        let by = rules::at(document, "/inviteContext/invitedBy/organizationId").and_then(Value::as_str);
        let by_microsoft = by.is_some_and(|by| self.is_microsoft(by));
        match (text(document, "type"), text(document, "qualification")) {
            ("Independent", "Direct") if by_microsoft || by.is_none() => Category::MarketplaceLead,
            ("Independent", "SalesQualified" | "MarketingQualified") if by_microsoft => {
                Category::QualifiedLead
            }
            _ => Category::CoSell,
        }
    }

    /// Whether an organisation's id is Microsoft's.
    pub(super) fn is_microsoft(&self, organization: &str) -> bool {
        organization == MICROSOFT || organization == self.knobs.microsoft_organization_id
    }

    /// The referral with this id, if `who` may know of it.
    pub(super) fn visible(&self, id: &str, who: usize) -> Result<usize, Refusal> {
        let hidden = self.knobs.related_visibility == RelatedVisibility::Hidden;
        self.book
            .find(id)
            .filter(|at| {
                let record = self.book.get(*at);
                !(hidden && record.owner == Owner::Microsoft) && self.sees(who, record)
            })
            .ok_or_else(|| Refusal::not_found("The referral was not found.").on("referral"))
    }

    /// Whether `who` may know of a referral, as far as their role and its category go.
    pub(super) fn sees(&self, who: usize, record: &Record) -> bool {
        if !self.knobs.marketplace_leads && self.category(&record.document) == Category::MarketplaceLead {
            return false;
        }
        let person = &self.identity.people[who];
        match person.role {
            Role::Admin => true,
            Role::None => false,
            // Its own deals, and what others hold in the same engagements.
            Role::User => self.book.engagement(record.text("engagementId")).any(|at| {
                let ours = self.book.get(at);
                ours.owner == Owner::Ours && on_team(&ours.document, &person.username)
            }),
        }
    }

    /// Whether a referral of the partner's may only be read: another partner invited to it, and a knob says so.
    pub(super) fn read_only(&self, document: &Document) -> bool {
        let by = rules::at(document, "/inviteContext/invitedBy/organizationId").and_then(Value::as_str);
        let ours = self.identity.organization_id.as_str();
        self.knobs.p2p_read_only && by.is_some_and(|by| by != ours && !self.is_microsoft(by))
    }
}

fn on_team(document: &Document, email: &str) -> bool {
    let team = document.get("team").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    team.iter().any(|one| one["email"].as_str().is_some_and(|mail| mail.eq_ignore_ascii_case(email)))
}
