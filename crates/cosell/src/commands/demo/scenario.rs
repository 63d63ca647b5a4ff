//! The two end-to-end scenarios of Microsoft's page, and more pairs for the figures.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::people::People;

/// An amount of money, however it is written.
fn is_amount(value: &Value, amount: i64) -> bool {
    value.as_f64().is_some_and(|number| {
        #[allow(clippy::cast_precision_loss)]
        let wanted = amount as f64;
        (number - wanted).abs() < 0.005
    })
}

fn after(took: Duration) -> String {
    format!("{:>6.2} s", took.as_secs_f64())
}

pub(crate) async fn play(people: &People, pairs: usize, tell: &(impl Fn(&str) + Sync)) -> anyhow::Result<()> {
    tell("");
    tell("From Salesforce to Partner Center");
    outbound(people, tell).await?;
    tell("");
    tell("From Microsoft to Salesforce");
    inbound(people, tell).await?;
    if pairs > 0 {
        tell("");
        tell(&format!("{pairs} more pairs, edited on both sides"));
        more(people, pairs, tell).await?;
    }
    Ok(())
}

async fn outbound(people: &People, tell: &(impl Fn(&str) + Sync)) -> anyhow::Result<()> {
    let opportunity = new_opportunity(people, "Northwind analytics rollout", 48_000, true).await?;
    tell("  a seller sets Sync = Yes and asks Microsoft for help");
    let (referral, took) =
        people.until_opportunity(&opportunity, "Referral_Identifier__c", Value::is_string).await?;
    let referral = referral.as_str().context("an identifier is text")?.to_owned();
    tell(&format!("  {}  the referral exists, its identifier is on the opportunity", after(took)));

    people.breathe().await;
    let engagement = people.referral(&referral).await?["engagementId"].clone();
    let (_, took) = people
        .until("Microsoft's referral exists", || async {
            let answer = people.acts("microsoft/accept", &json!({ "engagementId": engagement })).await;
            Ok(answer.ok())
        })
        .await?;
    tell(&format!("  {}  Microsoft's referral stands beside it; Microsoft's seller accepts", after(took)));
    let accepted = |value: &Value| {
        value.as_str().is_some_and(|text| text.contains("Active") || text.contains("Accepted"))
    };
    let (_, took) = people.until_opportunity(&opportunity, "Microsoft_Status__c", accepted).await?;
    tell(&format!("  {}  the seller reads Microsoft's answer on the opportunity", after(took)));
    people
        .acts(
            "microsoft/edit",
            &json!({ "engagementId": engagement, "set": { "/trackingInfo/microsoftMsxId": "7-DEMO00042" } }),
        )
        .await?;
    let (_, took) = people
        .until_opportunity(&opportunity, "Microsoft_CRM_Identifier__c", |value| value == "7-DEMO00042")
        .await?;
    tell(&format!("  {}  Microsoft's seller edits; their CRM id follows", after(took)));

    people.breathe().await;
    people.seller_edits(&opportunity, json!({ "Amount": 52_000 })).await?;
    let (_, took) =
        people.until_referral(&referral, "/details/dealValue", |value| is_amount(value, 52_000)).await?;
    tell(&format!("  {}  the seller changes the amount; the referral follows", after(took)));
    people.breathe().await;
    people.colleague_edits(&referral, json!({ "/details/notes": "Pilot agreed for Q1" })).await?;
    let (_, took) =
        people.until_opportunity(&opportunity, "Description", |value| value == "Pilot agreed for Q1").await?;
    tell(&format!("  {}  a colleague edits the notes in Partner Center; Salesforce follows", after(took)));
    Ok(())
}

async fn inbound(people: &People, tell: &(impl Fn(&str) + Sync)) -> anyhow::Result<()> {
    let invited =
        people.acts("microsoft/invite", &json!({ "referral": invitation(), "withMicrosoft": true })).await?;
    let referral = invited["id"].as_str().context("an invited referral has an id")?.to_owned();
    tell("  Microsoft sends a referral");
    let (opportunity, took) =
        people.until("the opportunity exists", || async { people.opportunity_of(&referral).await }).await?;
    tell(&format!("  {}  the opportunity exists, in the on-hold stage", after(took)));

    people.breathe().await;
    people.seller_edits(&opportunity, json!({ "StageName": "Qualification" })).await?;
    let (_, took) = people.until_referral(&referral, "/status", |value| value == "Active").await?;
    tell(&format!("  {}  the seller leaves the on-hold stage: accepted (grace 1 s)", after(took)));

    people.breathe().await;
    // Both sides at once, one field in conflict: the mapping's owner wins, the loser is kept.
    let seller = people.seller_edits(&opportunity, json!({ "Amount": 275_000, "CloseDate": "2027-07-15" }));
    let colleague = people.colleague_edits(
        &referral,
        json!({ "/details/dealValue": 260_000, "/details/notes": "Asked for a second workshop" }),
    );
    let (seller, colleague) = tokio::join!(seller, colleague);
    seller.and(colleague)?;
    let ((), took) = people
        .until("both sides agree", || async {
            let (row, document) =
                (people.opportunity(&opportunity).await?, people.referral(&referral).await?);
            let amount = document.pointer("/details/dealValue").and_then(Value::as_f64);
            let alike = row["Amount"].as_f64() == amount
                && row["Description"] == document["details"]["notes"]
                && document["details"]["closingDateTime"]
                    .as_str()
                    .is_some_and(|date| date.starts_with("2027-07-15"));
            Ok(alike.then_some(()))
        })
        .await?;
    tell(&format!("  {}  edits on both sides at once, one in conflict: merged field by field", after(took)));

    people.breathe().await;
    people.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await?;
    let (_, took) = people.until_referral(&referral, "/substatus", |value| value == "Won").await?;
    tell(&format!("  {}  Closed Won (grace 2 s here): the referral is won", after(took)));
    Ok(())
}

async fn more(people: &People, pairs: usize, tell: &(impl Fn(&str) + Sync)) -> anyhow::Result<()> {
    let mut opportunities = Vec::with_capacity(pairs);
    for number in 0..pairs {
        let amount = 10_000 + i64::try_from(number).unwrap_or(0);
        opportunities.push(new_opportunity(people, &format!("Pair {number}"), amount, false).await?);
    }
    let mut referrals = Vec::with_capacity(pairs);
    for opportunity in &opportunities {
        let (referral, _) =
            people.until_opportunity(opportunity, "Referral_Identifier__c", Value::is_string).await?;
        referrals.push(referral.as_str().context("an identifier is text")?.to_owned());
    }
    tell("  all referrals exist");
    people.breathe().await;
    for (number, (opportunity, referral)) in opportunities.iter().zip(&referrals).enumerate() {
        people.seller_edits(opportunity, json!({ "Amount": 20_000 + number })).await?;
        people.colleague_edits(referral, json!({ "/details/notes": format!("Note {number}") })).await?;
    }
    for (number, (opportunity, referral)) in opportunities.iter().zip(&referrals).enumerate() {
        let amount = 20_000 + i64::try_from(number).unwrap_or(0);
        people.until_referral(referral, "/details/dealValue", |value| is_amount(value, amount)).await?;
        let note = format!("Note {number}");
        people.until_opportunity(opportunity, "Description", |value| *value == note.as_str()).await?;
    }
    tell("  every edit is on the other side");
    Ok(())
}

/// An opportunity with everything a referral needs, and opted in last, as a seller does.
async fn new_opportunity(people: &People, name: &str, amount: i64, help: bool) -> anyhow::Result<String> {
    let account = people
        .seller_creates(
            "Account",
            json!({ "Name": format!("{name} customer"), "BillingStreet": "Hafenstr. 9", "BillingCity": "Hamburg",
                "BillingPostalCode": "20457", "BillingCountry": "DE" }),
        )
        .await?;
    let contact = people
        .seller_creates(
            "Contact",
            json!({ "FirstName": "Jo", "LastName": "Kunde", "Email": "jo.kunde@northwind.example",
                "Phone": "+494055500", "AccountId": account }),
        )
        .await?;
    let opportunity = people
        .seller_creates(
            "Opportunity",
            json!({ "Name": name, "StageName": "Qualification", "CloseDate": "2027-03-31", "Amount": amount,
                "CurrencyIsoCode": "EUR", "AccountId": account, "Description": "Wants a pilot" }),
        )
        .await?;
    people
        .seller_creates(
            "OpportunityContactRole",
            json!({ "OpportunityId": opportunity, "ContactId": contact, "IsPrimary": true }),
        )
        .await?;
    people
        .seller_creates(
            "Microsoft_Solution__c",
            json!({ "Opportunity__c": opportunity, "Name": "Fabrikam Insight", "Solution_Id__c": "SOL-12345-ABC" }),
        )
        .await?;
    let mut opt_in = json!({ "Sync_with_Partner_Center__c": true, "Consent_to_Share__c": true, "Share_with_Microsoft__c": true });
    if help {
        opt_in["How_can_Microsoft_help__c"] = json!("Proof of concept or demo");
        opt_in["Notes_to_Microsoft__c"] = json!("The customer runs an Azure estate");
    }
    people.seller_edits(&opportunity, opt_in).await?;
    Ok(opportunity)
}

/// What Microsoft's seller fills in.
fn invitation() -> Value {
    json!({
        "name": "Contoso ERP modernisation", "type": "Shared", "qualification": "SalesQualified",
        "customerProfile": {
            "name": "Contoso AG",
            "address": { "addressLine1": "Ring 1", "city": "Zurich", "postalCode": "8001", "country": "CH" },
            "team": [{ "firstName": "Mia", "lastName": "Frei", "email": "mia@contoso.example", "phoneNumber": "+41440000" }]
        },
        "consent": { "consentToToShareInfoWithOthers": true, "consentToContact": true,
            "consentToShareReferralWithMicrosoftSellers": true },
        "details": {
            "dealValue": 250_000, "currency": "CHF", "closingDateTime": "2027-06-30T00:00:00Z",
            "requirements": { "solutions": [{ "id": "SOL-12345-ABC", "name": "Fabrikam Insight", "type": "Name" }] }
        },
        "inviteContext": { "notes": "Please help", "assistanceRequestCode": "Unknown" }
    })
}
