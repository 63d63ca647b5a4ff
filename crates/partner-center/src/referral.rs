//! A referral as it was read: the whole document, with typed access to what identifies and dates it.

mod registrations;
#[cfg(test)]
mod shapes;
mod views;

use std::fmt;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

pub use registrations::{Contract, DealRegistration, RegisteredSolution, RegistrationHistory};
pub use views::{
    Address, Attribute, Consent, Customer, CustomerId, Details, Invitation, Inviter, Iot, Person, Solution,
    Target, Tracking,
};

use crate::{
    ids::{ETag, EngagementId, OrganizationId, ReferralId},
    names::normalise,
    open_enums::{Direction, Qualification, ReferralType, Status, Substatus},
};
use views::read;

/// A JSON value that is no referral: not an object, or without a GUID as its `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a referral: {reason}")]
pub struct UnreadableReferral {
    /// What is missing. Holds no part of the document.
    pub reason: &'static str,
}

/// A referral document. Documented members are under their canonical names, unknown ones are preserved, numbers
/// keep the exact text the server wrote (reference, section 3).
///
/// An accessor answers nothing when the member is missing, `null`, or not of its documented form; the document
/// itself is never changed for that.
#[derive(Clone, PartialEq)]
pub struct Referral {
    id: ReferralId,
    document: Value,
}

impl fmt::Debug for Referral {
    /// Only its identifier: the document holds people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Referral").field(&self.id).finish()
    }
}

impl Referral {
    /// Reads a referral in any letter case.
    ///
    /// # Errors
    /// When `value` is not an object or has no GUID `id`.
    pub fn from_json(value: Value) -> Result<Self, UnreadableReferral> {
        if !value.is_object() {
            return Err(UnreadableReferral { reason: "not a JSON object" });
        }
        let document = normalise(value);
        let id = document.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let id = id.ok_or(UnreadableReferral { reason: "its id is missing or no GUID" })?;
        Ok(Self { id, document })
    }

    /// The whole document, unknown members included.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The whole document, unknown members included.
    pub fn into_document(self) -> Value {
        self.document
    }

    /// What stands at a JSON Pointer such as `/details/dealValue`, `null` included.
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        self.document.pointer(pointer)
    }

    /// The text at a JSON Pointer; a number in the exact digits the server wrote (`dealValue` is seen as both).
    pub fn text(&self, pointer: &str) -> Option<String> {
        match self.pointer(pointer)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The instant at a JSON Pointer; up to nine fractional digits are kept (the platform writes seven).
    pub fn instant(&self, pointer: &str) -> Option<Timestamp> {
        self.pointer(pointer)?.as_str()?.parse().ok()
    }

    /// The referral's identifier.
    pub fn id(&self) -> ReferralId {
        self.id
    }

    /// The engagement it belongs to.
    pub fn engagement_id(&self) -> Option<EngagementId> {
        self.str_at("/engagementId")?.parse().ok()
    }

    /// Its owner.
    pub fn organization_id(&self) -> Option<OrganizationId> {
        self.str_at("/organizationId")?.parse().ok()
    }

    /// Its owner's name.
    pub fn organization_name(&self) -> Option<&str> {
        self.str_at("/organizationName")
    }

    /// The partner's own identifier of the deal; an empty text counts as none.
    pub fn external_reference_id(&self) -> Option<&str> {
        self.str_at("/externalReferenceId").filter(|text| !text.is_empty())
    }

    /// Where it stands.
    pub fn status(&self) -> Option<Status> {
        self.str_at("/status").map(Status::from)
    }

    /// How it stands within its status.
    pub fn substatus(&self) -> Option<Substatus> {
        self.str_at("/substatus").map(Substatus::from)
    }

    /// Why it was lost, declined or called an error.
    pub fn status_reason(&self) -> Option<&str> {
        self.str_at("/statusReason")
    }

    /// Whether others take part.
    pub fn referral_type(&self) -> Option<ReferralType> {
        self.str_at("/type").map(ReferralType::from)
    }

    /// Who found it worth pursuing.
    pub fn qualification(&self) -> Option<Qualification> {
        self.str_at("/qualification").map(Qualification::from)
    }

    /// Who invited, from `inviteContext`; `msft` when Microsoft did (reference, section 3.5).
    pub fn invited_by(&self) -> Option<OrganizationId> {
        self.str_at("/inviteContext/invitedBy/organizationId")?.parse().ok()
    }

    /// Its version, for `If-Match`.
    pub fn etag(&self) -> Option<ETag> {
        let etag = self.str_at("/eTag").or_else(|| self.document.get("@odata.etag")?.as_str());
        etag?.parse().ok()
    }

    /// When it was created.
    pub fn created(&self) -> Option<Timestamp> {
        self.instant("/createdDateTime")
    }

    /// When it last changed; absent in documents that were never changed on some records, then as created.
    pub fn updated(&self) -> Option<Timestamp> {
        self.instant("/updatedDateTime").or_else(|| self.created())
    }

    /// When an unanswered invitation ends.
    pub fn expires(&self) -> Option<Timestamp> {
        self.instant("/expirationDateTime")
    }

    /// When it was accepted.
    pub fn accepted(&self) -> Option<Timestamp> {
        self.instant("/acceptedDateTime")
    }

    /// When it was closed.
    pub fn closed(&self) -> Option<Timestamp> {
        self.instant("/closedDateTime")
    }

    /// The deal's name.
    pub fn name(&self) -> Option<&str> {
        read::text(&self.document, "name")
    }

    /// Who brought it; not to be trusted alone (reference, section 3.1).
    pub fn direction(&self) -> Option<Direction> {
        self.str_at("/direction").map(Direction::from)
    }

    /// The partner's location that the deal belongs to.
    pub fn mpn_id(&self) -> Option<&str> {
        read::text(&self.document, "mpnId")
    }

    /// How far the sale has come: a free text, since names, percentages and numbers were all seen (reference, section
    /// 3.1).
    pub fn sales_stage(&self) -> Option<String> {
        self.text("/salesStage").filter(|text| !text.is_empty())
    }

    /// The campaign it came of.
    pub fn campaign_id(&self) -> Option<&str> {
        read::text(&self.document, "campaignId")
    }

    /// The program it belongs to.
    pub fn referral_program(&self) -> Option<&str> {
        read::text(&self.document, "referralProgram")
    }

    /// Where a marketplace lead came from; no safe sign of a lead (reference, section 3.1).
    pub fn referral_source(&self) -> Option<&str> {
        read::text(&self.document, "referralSource")
    }

    /// What a marketplace lead asked for; no safe sign of a lead (reference, section 3.1).
    pub fn call_to_action(&self) -> Option<&str> {
        read::text(&self.document, "callToAction")
    }

    /// What the platform thinks of it.
    pub fn quality(&self) -> Option<&str> {
        read::text(&self.document, "quality")
    }

    /// Whether the platform takes it for spam.
    pub fn is_spam(&self) -> Option<bool> {
        read::flag(&self.document, "isSpam")
    }

    /// Whether somebody marked it.
    pub fn favorite(&self) -> Option<bool> {
        read::flag(&self.document, "favorite")
    }

    /// How sensitive it is.
    pub fn deal_sensitivity(&self) -> Option<&str> {
        read::text(&self.document, "dealSensitivity")
    }

    /// By what means it was created.
    pub fn created_via(&self) -> Option<&str> {
        read::text(&self.document, "createdVia")
    }

    /// By what means it was last changed; always `null` where it was seen (reference, section 3.1).
    pub fn last_modified_via(&self) -> Option<&str> {
        read::text(&self.document, "lastModifiedVia")
    }

    /// Its tags, which one source describes as objects and another as texts (reference, section 3.1).
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        let tags = self.document.get("tags").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        tags.iter().filter_map(|tag| tag.as_str().or_else(|| read::text(tag, "tag")))
    }

    /// Whom or what it is addressed to.
    pub fn targets(&self) -> impl Iterator<Item = Target<'_>> {
        read::parts(&self.document, "target").map(Target)
    }

    /// The customer.
    pub fn customer(&self) -> Customer<'_> {
        Customer(read::part(&self.document, "customerProfile"))
    }

    /// What was consented to.
    pub fn consent(&self) -> Consent<'_> {
        Consent(read::part(&self.document, "consent"))
    }

    /// What the deal is about.
    pub fn details(&self) -> Details<'_> {
        Details(read::part(&self.document, "details"))
    }

    /// The deal's value, exactly.
    pub fn deal_value(&self) -> Option<Decimal> {
        self.details().deal_value()
    }

    /// Its owner's sellers. On Microsoft's referral its sellers, once it has accepted.
    pub fn team(&self) -> impl Iterator<Item = Person<'_>> {
        read::parts(&self.document, "team").map(Person)
    }

    /// What was said when somebody was invited.
    pub fn invitation(&self) -> Invitation<'_> {
        Invitation(read::part(&self.document, "inviteContext"))
    }

    /// What others' systems call it.
    pub fn tracking(&self) -> Tracking<'_> {
        Tracking(read::part(&self.document, "trackingInfo"))
    }

    /// Where its registration for incentives stands.
    pub fn registration_status(&self) -> Option<&str> {
        read::text(&self.document, "registrationStatus")
    }

    /// Its registrations for incentives. The member is absent on some records, which means none.
    pub fn registrations(&self) -> impl Iterator<Item = DealRegistration<'_>> {
        read::parts(&self.document, "registrations").map(DealRegistration)
    }

    /// Whether the document says nothing beyond its identifier (reference, section 4.3: step 2 answers `{id}`).
    pub(crate) fn is_bare(&self) -> bool {
        self.document.as_object().is_none_or(|members: &Map<String, Value>| {
            members.keys().all(|key| key == "id" || key.starts_with('@'))
        })
    }

    fn str_at(&self, pointer: &str) -> Option<&str> {
        self.pointer(pointer)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Referral {
        Referral::from_json(serde_json::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn typed_members_are_read_from_the_document_in_any_case() {
        let referral = read(
            r#"{"Id":"7a1c0000-0000-4000-8000-0000000000a1","OrganizationId":"msft","ETag":"\"84\"",
                "UpdatedDateTime":"2026-11-02T09:14:07.1234567Z","status":"Parked","SubStatus":"Accepted",
                "details":{"dealValue":"10000.50"},"externalReferenceId":""}"#,
        );
        assert_eq!(referral.etag().unwrap().as_str(), "\"84\"");
        assert_eq!(referral.updated().unwrap().subsec_nanosecond(), 123_456_700);
        assert_eq!(referral.status(), Some(Status::Other("Parked".to_owned())));
        assert_eq!(referral.substatus(), Some(Substatus::Accepted));
        assert_eq!(referral.text("/details/dealValue").unwrap(), "10000.50");
        assert!(referral.organization_id().unwrap().is_microsoft());
        assert_eq!(referral.external_reference_id(), None);
    }

    #[test]
    fn a_number_as_deal_value_keeps_its_digits() {
        let referral =
            read(r#"{"id":"7a1c0000-0000-4000-8000-0000000000a1","details":{"dealValue":48000.10}}"#);
        assert_eq!(referral.text("/details/dealValue").unwrap(), "48000.10");
    }

    #[test]
    fn the_debug_text_of_a_referral_shows_nobody() {
        let referral = read(r#"{"id":"7a1c0000-0000-4000-8000-0000000000a1","name":"Jo Kunde"}"#);
        assert!(!format!("{referral:?}").contains("Kunde"));
    }

    #[test]
    fn a_document_without_an_id_is_no_referral() {
        assert!(Referral::from_json(serde_json::json!({ "name": "x" })).is_err());
        assert!(Referral::from_json(serde_json::json!([])).is_err());
    }
}
