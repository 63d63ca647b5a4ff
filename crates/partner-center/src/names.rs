//! The platform's member names in their one canonical spelling.
//!
//! Documentation, samples and captures disagree about letter case (reference, section 3), so names are matched
//! without it. Names nobody documented are left exactly as they are.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::{Map, Value};

/// Every documented member of a referral, at any depth (reference, sections 3.1 to 3.7).
const NAMES: &[&str] = &[
    // top level
    "id",
    "engagementId",
    "organizationId",
    "organizationName",
    "name",
    "externalReferenceId",
    "createdDateTime",
    "updatedDateTime",
    "expirationDateTime",
    "acceptedDateTime",
    "closedDateTime",
    "status",
    "substatus",
    "statusReason",
    "type",
    "qualification",
    "referralSource",
    "callToAction",
    "eTag",
    "favorite",
    "campaignId",
    "salesStage",
    "quality",
    "isSpam",
    "direction",
    "mpnId",
    "referralProgram",
    "dealSensitivity",
    "createdVia",
    "lastModifiedVia",
    "lastRunId",
    "tags",
    "registrationStatus",
    "target",
    "customerProfile",
    "consent",
    "details",
    "team",
    "inviteContext",
    "links",
    "trackingInfo",
    "registrations",
    // customerProfile, members
    "size",
    "isMatchingComplete",
    "address",
    "addressLine1",
    "addressLine2",
    "city",
    "state",
    "postalCode",
    "country",
    "region",
    "ids",
    "profileType",
    "firstName",
    "lastName",
    "phoneNumber",
    "email",
    "title",
    "emailValidationStatus",
    "phoneValidationStatus",
    "contactPreference",
    "locale",
    "disableNotifications",
    // consent, the doubled "To" included
    "consentToToShareInfoWithOthers",
    "consentToContact",
    "consentToShareReferralWithMicrosoftSellers",
    "consentToMicrosoftToContactSpecificPartners",
    // details
    "notes",
    "dealValue",
    "currency",
    "closingDateTime",
    "customerRequestedContact",
    "customerAction",
    "incentiveLevel",
    "requirements",
    "industries",
    "products",
    "services",
    "solutions",
    "price",
    "quantity",
    "publisherName",
    "solutionType",
    "offers",
    "salesPlays",
    "additionalRequirements",
    "iot",
    "customerLicenseAgreementNumber",
    "deviceCategory",
    "siliconType",
    "azureCertifiedDevice",
    "attachServices",
    "attributes",
    // inviteContext, trackingInfo, links
    "assistanceRequestCode",
    "invitedMpnId",
    "invitedBy",
    "microsoftMsxId",
    "microsoftUSFedOpportunityId",
    "microsoftUSFedLeadId",
    "migratedPSCDealId",
    "migratedPSCPartnerDealId",
    "relatedReferrals",
    "self",
    "uri",
    "method",
    "tag",
    // registrations
    "registrationDateTime",
    "contract",
    "value",
    "startDateTime",
    "endDateTime",
    "signDateTime",
    "term",
    "solutionDetails",
    "isDeployedOnAzure",
    "primaryDeploymentOn",
    "pricingModel",
    "marketplaceTransactionDetails",
    "isMarketplaceTransacted",
    "marketplaceTransactionDateTime",
    "statusHistory",
    "reviewPendingDateTime",
    "actionRequiredDateTime",
    "passedDateTime",
    "failedDateTime",
    "approvedDateTime",
];

static BY_LOWER_CASE: LazyLock<HashMap<String, &'static str>> =
    LazyLock::new(|| NAMES.iter().map(|name| (name.to_ascii_lowercase(), *name)).collect());

/// The documented spelling of `name`, if it is documented in any letter case.
pub(crate) fn canonical(name: &str) -> Option<&'static str> {
    BY_LOWER_CASE.get(&name.to_ascii_lowercase()).copied()
}

/// The member called `name`, in whatever letter case it is written.
pub(crate) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Renames documented members to their canonical spelling at every level. A member that no page describes stays as it
/// is, with everything below it: what it would mean in another spelling is not known, and it may have to be sent back.
///
/// Recursion is as deep as the document, which the JSON parser bounds at 128 levels.
pub(crate) fn normalise(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(normalise).collect()),
        Value::Object(members) => {
            let mut renamed = Map::new();
            for (key, value) in members {
                let Some(name) = canonical(&key) else {
                    renamed.insert(key, value);
                    continue;
                };
                let value = normalise(value);
                match name {
                    // Of two spellings of one name the canonical one holds, wherever it stands.
                    name if name != key && renamed.contains_key(name) => {}
                    "ids" if value.as_object().is_some_and(Map::is_empty) => {
                        renamed.insert("ids".to_owned(), Value::Array(Vec::new()));
                    }
                    name => {
                        renamed.insert(name.to_owned(), value);
                    }
                }
            }
            Value::Object(renamed)
        }
        scalar => scalar,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documented_names_are_renamed_at_every_level_and_unknown_ones_are_kept() {
        let read = json!({
            "ID": "x", "ETag": "\"1\"", "NewThing": { "DealValue": 1 }, "@odata.context": "c",
            "Consent": { "ConsentToToShareInfoWithOthers": true },
            "customerProfile": { "ids": {}, "Team": [{ "EMAIL": "e" }] },
        });
        let expected = json!({
            "id": "x", "eTag": "\"1\"", "NewThing": { "DealValue": 1 }, "@odata.context": "c",
            "consent": { "consentToToShareInfoWithOthers": true },
            "customerProfile": { "ids": [], "team": [{ "email": "e" }] },
        });
        assert_eq!(normalise(read), expected);
    }

    #[test]
    fn of_two_spellings_the_canonical_one_holds() {
        for text in [r#"{"Status":"a","status":"b"}"#, r#"{"status":"b","STATUS":"a"}"#] {
            assert_eq!(normalise(serde_json::from_str(text).unwrap()), json!({ "status": "b" }), "{text}");
        }
    }

    #[test]
    fn numbers_keep_their_text() {
        let read: Value = serde_json::from_str(r#"{"DealValue":21889.800374940594000}"#).unwrap();
        assert_eq!(normalise(read).to_string(), r#"{"dealValue":21889.800374940594000}"#);
    }
}
