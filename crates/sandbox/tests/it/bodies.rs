//! The documents of the Partner Center reference, section 3.9, as it prints them.

use serde_json::{Value, json};

/// (a) A partner-led deal.
pub(crate) fn partner_led() -> Value {
    serde_json::from_str(
        r#"{"name":"Northwind analytics rollout","externalReferenceId":"006AA000001XyZ1","type":"Independent","qualification":"SalesQualified",
 "customerProfile":{"name":"Northwind Traders GmbH","size":"251to1000employees",
  "address":{"addressLine1":"Hafenstr. 9","addressLine2":"","city":"Hamburg","state":"HH","postalCode":"20457","country":"DE"},
  "team":[],"ids":[{"profileType":"Duns","id":"123456789"}]},
 "consent":{"consentToToShareInfoWithOthers":true,"consentToContact":true,"consentToShareReferralWithMicrosoftSellers":true},
 "details":{"notes":"Wants a pilot in Q1","dealValue":48000,"currency":"EUR","closingDateTime":"2027-03-31T00:00:00Z",
  "requirements":{"industries":[],"products":[],"services":[],
   "solutions":[{"id":"SOL-12345-ABC","name":"Fabrikam Insight","type":"Name","publisherName":"Fabrikam","solutionType":"3P"}],
   "additionalRequirements":{"iot":{},"attributes":[{"type":"CustomerMarketplaceIntent","id":"HaveNotDecided"}]}}},
 "team":[{"firstName":"Ada","lastName":"Berg","email":"ada.berg@fabrikam.example","phoneNumber":"+49401234567"}],
 "target":[]}"#,
    )
    .expect("the example is JSON")
}

/// (b) The second POST, inviting Microsoft into `engagement`.
pub(crate) fn invitation(engagement: &str) -> Value {
    let mut body: Value = serde_json::from_str(
        r#"{"engagementId":"0f4c0a53-0000-4000-8000-00000000e001","name":"Northwind analytics rollout","type":"Shared","qualification":"SalesQualified",
 "status":"New","substatus":"Pending","target":[{"type":"BusinessProfileLocation","id":"msft"}],
 "customerProfile":{"name":"Northwind Traders GmbH","address":{"addressLine1":"Hafenstr. 9","city":"Hamburg","postalCode":"20457","country":"DE"},
  "team":[{"firstName":"Jo","lastName":"Kunde","email":"jo.kunde@northwind.example","phoneNumber":"+494055500"}]},
 "consent":{"consentToToShareInfoWithOthers":true,"consentToContact":true,"consentToShareReferralWithMicrosoftSellers":true},
 "details":{"notes":"Need seller alignment","dealValue":48000,"currency":"EUR","closingDateTime":"2027-03-31T00:00:00Z",
  "requirements":{"solutions":[{"id":"SOL-12345-ABC","type":"Name"}]}},
 "team":[],"inviteContext":{"notes":"Customer runs an Azure estate","assistanceRequestCode":"ProofOfConceptOrDemo"}}"#,
    )
    .expect("the example is JSON");
    body["engagementId"] = json!(engagement);
    body
}

/// (c) An inbound co-sell referral before acceptance.
pub(crate) fn inbound() -> Value {
    serde_json::from_str(
        r#"{"@odata.context":"https://api.partner.microsoft.com/v1.0/engagements/referrals/$metadata#Referrals/$entity",
 "id":"7a1c0000-0000-4000-8000-0000000000a1","engagementId":"0f4c0a53-0000-4000-8000-00000000e002","organizationId":"11110000-0000-4000-8000-0000000000ff","organizationName":"Fabrikam",
 "name":"Contoso ERP modernisation","externalReferenceId":null,"createdDateTime":"2026-11-02T09:14:07.1234567Z","updatedDateTime":"2026-11-02T09:14:07.1234567Z",
 "expirationDateTime":"2026-11-16T00:00:00Z","acceptedDateTime":null,"closedDateTime":null,"status":"New","substatus":"Pending","statusReason":null,
 "qualification":"SalesQualified","type":"Shared","direction":"Incoming","mpnId":"1234567","favorite":false,"campaignId":null,"salesStage":null,
 "quality":"Unknown","isSpam":false,"referralProgram":null,"dealSensitivity":"None","tags":[],"registrationStatus":"None","registrations":[],
 "target":[{"type":"SolutionProfile","id":"SOL-12345-ABC"}],
 "customerProfile":{"name":"Contoso AG","size":"","isMatchingComplete":true,"address":{"addressLine1":"Ring 1","addressLine2":null,"city":"Zurich","state":null,"postalCode":"8001","country":"CH","region":null},
  "team":[{"firstName":"Mia","lastName":"Frei","email":"mia@contoso.example","phoneNumber":"+41440000","title":null,"contactPreference":{"locale":null,"disableNotifications":true}}],"ids":[{"profileType":"External","id":"6-ABCDEFGHI"}]},
 "consent":{"consentToToShareInfoWithOthers":true,"consentToContact":true,"consentToShareReferralWithMicrosoftSellers":true},
 "details":{"notes":null,"dealValue":250000,"currency":"CHF","closingDateTime":"2027-06-30T00:00:00Z","requirements":{"industries":[],"products":[],"services":[],"solutions":[{"id":"SOL-12345-ABC","name":"Fabrikam Insight","type":"Name"}],"offers":[],"salesPlays":[]}},
 "team":[],"inviteContext":{"notes":"Please help","assistanceRequestCode":"Unknown","invitedBy":{"organizationId":"msft","organizationName":"Microsoft"}},
 "trackingInfo":{"microsoftMsxId":"7-1ABCDEFG"},
 "eTag":"\"84001c9d-0000-0100-0000-6225a63e0000\"",
 "links":{"relatedReferrals":{"uri":"https://api.partner.microsoft.com/v1.0/engagements/referrals?$filter=engagementId eq '0f4c0a53-0000-4000-8000-00000000e002'","method":"GET"},"self":{"uri":"https://api.partner.microsoft.com/v1.0/engagements/referrals/7a1c0000-0000-4000-8000-0000000000a1","method":"GET"}}}"#,
    )
    .expect("the example is JSON")
}

/// A co-sell deal's first POST.
pub(crate) fn shared() -> Value {
    let mut body = partner_led();
    body["type"] = json!("Shared");
    body["target"] = json!([{"type": "SolutionProfile", "id": "SOL-12345-ABC"}]);
    body
}

/// `body` with the value at `pointer` replaced, created or (null pointer value `None`) removed.
pub(crate) fn with(mut body: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, member) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).expect("the parent exists").as_object_mut().expect("an object");
    match value {
        Some(value) => parent.insert(member.to_owned(), value),
        None => parent.remove(member),
    };
    body
}
