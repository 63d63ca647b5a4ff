//! The documented examples (partner-center reference, section 3.9), through the whole path.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::{ON_HOLD, Stage, is, says};
use crate::harness::Platform;

/// Example (a): a partner-led deal, as it is posted.
const PARTNER_LED: &str = r#"{"name":"Northwind analytics rollout","externalReferenceId":"006AA000001XyZ1","type":"Independent","qualification":"SalesQualified",
 "customerProfile":{"name":"Northwind Traders GmbH","size":"251to1000employees",
  "address":{"addressLine1":"Hafenstr. 9","addressLine2":"","city":"Hamburg","state":"HH","postalCode":"20457","country":"DE"},
  "team":[],"ids":[{"profileType":"Duns","id":"123456789"}]},
 "consent":{"consentToToShareInfoWithOthers":true,"consentToContact":true,"consentToShareReferralWithMicrosoftSellers":true},
 "details":{"notes":"Wants a pilot in Q1","dealValue":48000,"currency":"EUR","closingDateTime":"2027-03-31T00:00:00Z",
  "requirements":{"industries":[],"products":[],"services":[],
   "solutions":[{"id":"SOL-12345-ABC","name":"Fabrikam Insight","type":"Name","publisherName":"Fabrikam","solutionType":"3P"}],
   "additionalRequirements":{"iot":{},"attributes":[{"type":"CustomerMarketplaceIntent","id":"HaveNotDecided"}]}}},
 "team":[{"firstName":"Ada","lastName":"Berg","email":"ada.berg@fabrikam.example","phoneNumber":"+49401234567"}],
 "target":[]}"#;

/// Example (b): the second POST, which invites Microsoft.
const INVITING: &str = r#"{"engagementId":"0f4c0a53-0000-4000-8000-00000000e001","name":"Northwind analytics rollout","type":"Shared","qualification":"SalesQualified",
 "status":"New","substatus":"Pending","target":[{"type":"BusinessProfileLocation","id":"msft"}],
 "customerProfile":{"name":"Northwind Traders GmbH","address":{"addressLine1":"Hafenstr. 9","city":"Hamburg","postalCode":"20457","country":"DE"},
  "team":[{"firstName":"Jo","lastName":"Kunde","email":"jo.kunde@northwind.example","phoneNumber":"+494055500"}]},
 "consent":{"consentToToShareInfoWithOthers":true,"consentToContact":true,"consentToShareReferralWithMicrosoftSellers":true},
 "details":{"notes":"Need seller alignment","dealValue":48000,"currency":"EUR","closingDateTime":"2027-03-31T00:00:00Z",
  "requirements":{"solutions":[{"id":"SOL-12345-ABC","type":"Name"}]}},
 "team":[],"inviteContext":{"notes":"Customer runs an Azure estate","assistanceRequestCode":"ProofOfConceptOrDemo"}}"#;

/// Example (c): an invitation, as the partner reads it before acceptance.
const RECEIVED: &str = r#"{"@odata.context":"https://api.partner.microsoft.com/v1.0/engagements/referrals/$metadata#Referrals/$entity",
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
 "links":{"relatedReferrals":{"uri":"https://api.partner.microsoft.com/v1.0/engagements/referrals?$filter=engagementId eq '0f4c0a53-0000-4000-8000-00000000e002'","method":"GET"},"self":{"uri":"https://api.partner.microsoft.com/v1.0/engagements/referrals/7a1c0000-0000-4000-8000-0000000000a1","method":"GET"}}}"#;

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Every single value by its JSON pointer; an empty list, object or text is as good as absent.
fn leaves(value: &Value) -> BTreeMap<String, Value> {
    fn walk(at: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    walk(&format!("{at}/{name}"), member, into);
                }
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    walk(&format!("{at}/{index}"), element, into);
                }
            }
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            other => drop(into.insert(at.to_owned(), other.clone())),
        }
    }
    let mut found = BTreeMap::new();
    walk("", value, &mut found);
    found
}

/// Compares what was posted with the example, member by member; `but` names each that may differ, with what it is.
fn is_like(posted: &Value, example: &Value, but: &[(&str, Value)]) {
    let mut wanted = leaves(example);
    for (pointer, value) in but {
        match value {
            Value::Null => drop(wanted.remove(*pointer)),
            other => drop(wanted.insert((*pointer).to_owned(), other.clone())),
        }
    }
    let posted = leaves(posted);
    for (pointer, value) in &wanted {
        assert_eq!(posted.get(pointer), Some(value), "{pointer} of what was posted: {posted:#?}");
    }
    for (pointer, value) in &posted {
        assert!(wanted.contains_key(pointer), "{pointer} = {value} is not in the example");
    }
}

/// The opportunity that the examples (a) and (b) are of.
async fn northwind(stage: &Stage) -> String {
    // The seller of the examples.
    let seller = json!({ "Username": "noa.seller@trey-research.example", "FirstName": "Ada", "LastName": "Berg",
        "Email": "ada.berg@fabrikam.example", "Phone": "+49401234567" });
    stage.control(Platform::Salesforce, Method::POST, "actor/user", Some(&json!({ "fields": seller }))).await;
    let account = json!({ "Name": "Northwind Traders GmbH", "BillingStreet": "Hafenstr. 9", "BillingCity": "Hamburg",
        "BillingState": "HH", "BillingPostalCode": "20457", "BillingCountry": "DE", "DunsNumber": "123456789",
        "NumberOfEmployees": 400 });
    let account = stage.seller_creates("Account", account).await;
    let contact = json!({ "FirstName": "Jo", "LastName": "Kunde", "Email": "jo.kunde@northwind.example",
        "Phone": "+494055500", "AccountId": account });
    let contact = stage.seller_creates("Contact", contact).await;
    let row = json!({ "Name": "Northwind analytics rollout", "StageName": "Qualification", "CloseDate": "2027-03-31",
        "Amount": 48_000, "CurrencyIsoCode": "EUR", "AccountId": account, "Description": "Wants a pilot in Q1" });
    let opportunity = stage.seller_creates("Opportunity", row).await;
    let role = json!({ "OpportunityId": opportunity, "ContactId": contact, "IsPrimary": true });
    stage.seller_creates("OpportunityContactRole", role).await;
    let solution = json!({ "Opportunity__c": opportunity, "Name": "Fabrikam Insight", "Publisher__c": "Fabrikam",
        "Solution_Type__c": "3P", "Solution_Id__c": "SOL-12345-ABC" });
    stage.seller_creates("Microsoft_Solution__c", solution).await;
    opportunity
}

#[tokio::test]
async fn a_partner_led_deal_is_posted_like_the_documented_example() {
    let stage = Stage::set().await;
    let opportunity = northwind(&stage).await;
    stage.opt_in(&opportunity, false).await;
    stage.referral_of(&opportunity).await;
    let posted = stage.taken("create").await.pop().unwrap();
    is_like(
        &posted,
        &document(PARTNER_LED),
        &[
            ("/externalReferenceId", json!(opportunity)),
            ("/consent/consentToMicrosoftToContactSpecificPartners", json!(true)),
        ],
    );
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn a_co_sell_deal_is_posted_in_two_steps_like_the_documented_examples() {
    let stage = Stage::set().await;
    let opportunity = northwind(&stage).await;
    let help = json!({ "Sync_with_Partner_Center__c": true, "Consent_to_Share__c": true,
        "Share_with_Microsoft__c": true, "How_can_Microsoft_help__c": "Proof of concept or demo",
        "Notes_to_Microsoft__c": "Customer runs an Azure estate" });
    stage.seller_edits(&opportunity, help).await;
    let referral = stage.referral_of(&opportunity).await;
    let engagement = stage.microsofts(&referral).await["engagementId"].clone();
    let people = [
        ("/customerProfile/team/0/firstName", json!("Jo")),
        ("/customerProfile/team/0/lastName", json!("Kunde")),
        ("/customerProfile/team/0/email", json!("jo.kunde@northwind.example")),
        ("/customerProfile/team/0/phoneNumber", json!("+494055500")),
    ];
    let mut but = vec![
        ("/externalReferenceId", json!(opportunity)),
        ("/type", json!("Shared")),
        ("/target/0/type", json!("SolutionProfile")),
        ("/target/0/id", json!("SOL-12345-ABC")),
        ("/consent/consentToMicrosoftToContactSpecificPartners", json!(true)),
    ];
    but.extend(people);
    is_like(&stage.taken("create").await.pop().unwrap(), &document(PARTNER_LED), &but);
    let second = [
        ("/engagementId", engagement),
        ("/details/notes", json!("Wants a pilot in Q1")),
        ("/consent/consentToMicrosoftToContactSpecificPartners", json!(true)),
        ("/customerProfile/size", json!("251to1000employees")),
        ("/customerProfile/address/state", json!("HH")),
        ("/customerProfile/ids/0/profileType", json!("Duns")),
        ("/customerProfile/ids/0/id", json!("123456789")),
        ("/details/requirements/solutions/0/name", json!("Fabrikam Insight")),
        ("/details/requirements/solutions/0/publisherName", json!("Fabrikam")),
        ("/details/requirements/solutions/0/solutionType", json!("3P")),
    ];
    is_like(&stage.taken("create-companion").await.pop().unwrap(), &document(INVITING), &second);
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn the_documented_invitation_becomes_an_opportunity_and_is_accepted() {
    let stage = Stage::set().await;
    let currencies = json!({ "active_currencies": ["USD", "EUR", "CHF"] });
    stage.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&currencies)).await;
    let (opportunity, referral) = stage.invited(document(RECEIVED)).await;
    assert_eq!(referral, "7a1c0000-0000-4000-8000-0000000000a1");
    let row = stage.opportunity(&opportunity).await;
    for (field, value) in [
        ("Name", json!("Contoso ERP modernisation")),
        ("StageName", json!(ON_HOLD)),
        ("Amount", json!(250_000.0)),
        ("CurrencyIsoCode", json!("CHF")),
        ("CloseDate", json!("2027-06-30")),
        ("Description", Value::Null),
        ("Share_with_Microsoft__c", json!(true)),
        ("How_can_Microsoft_help__c", Value::Null),
        ("Referral_Identifier__c", json!(referral)),
    ] {
        assert_eq!(row[field], value, "{field}");
    }
    stage.until_opportunity(&opportunity, "Microsoft_CRM_Identifier__c", says("7-1ABCDEFG")).await;
    let account =
        &stage.query("SELECT Name, BillingCity, BillingPostalCode, BillingCountry FROM Account").await[0];
    assert_eq!((&account["Name"], &account["BillingCountry"]), (&json!("Contoso AG"), &json!("CH")));
    let contact = &stage.query("SELECT LastName, Email FROM Contact").await[0];
    assert_eq!((&contact["LastName"], &contact["Email"]), (&json!("Frei"), &json!("mia@contoso.example")));

    stage.seller_edits(&opportunity, json!({ "Co_sell_Response__c": "Accept", "Amount": 255_000 })).await;
    stage.until_referral(&referral, "/status", says("Active")).await;
    stage.until_referral(&referral, "/details/dealValue", is(255_000)).await;
    stage.both_judges_agree(1).await;
}
