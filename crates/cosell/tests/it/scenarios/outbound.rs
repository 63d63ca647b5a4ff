//! From Salesforce to Partner Center: an opportunity with Sync = Yes becomes a referral, and both stay the same.

use serde_json::{Value, json};

use super::{Stage, is, mentions, says};

fn solutions(referral: &Value) -> Vec<(String, String)> {
    let of = |solution: &Value, member: &str| solution[member].as_str().unwrap_or_default().to_owned();
    let all = referral["details"]["requirements"]["solutions"].as_array().unwrap();
    all.iter().map(|solution| (of(solution, "id"), of(solution, "name"))).collect()
}

#[tokio::test]
async fn an_opportunity_with_help_becomes_a_referral_beside_microsofts_and_both_follow_each_other() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Northwind analytics rollout", 48_000, true).await;
    let created = stage.referral(&referral).await;
    assert_eq!((&created["status"], &created["substatus"]), (&json!("Active"), &json!("Accepted")));
    assert_eq!(created["externalReferenceId"], opportunity.as_str());
    let microsofts = stage.microsofts(&referral).await;
    assert_eq!(microsofts["inviteContext"]["assistanceRequestCode"], "ProofOfConceptOrDemo");
    assert_eq!(microsofts["inviteContext"]["notes"], "The customer runs an Azure estate");
    stage.until_opportunity(&opportunity, "Microsoft_Status__c", says("Pending")).await;

    // Microsoft's seller accepts: the answer, the person and the CRM id appear on the opportunity.
    let seller = json!({ "firstName": "Mika", "lastName": "Saarinen", "email": "mika@microsoft.example",
        "phoneNumber": "+14255550100" });
    let engagement = microsofts["engagementId"].clone();
    let accept = json!({ "engagementId": engagement, "sellers": [seller], "microsoftMsxId": "7-1NORTHWIND" });
    stage.acts("microsoft/accept", accept).await;
    stage.until_opportunity(&opportunity, "Microsoft_Status__c", says("Accepted")).await;
    stage.until_opportunity(&opportunity, "Microsoft_CRM_Identifier__c", says("7-1NORTHWIND")).await;
    stage.until_opportunity(&opportunity, "Microsoft_Sellers__c", mentions("Saarinen")).await;

    // Microsoft's seller edits.
    let edit =
        json!({ "engagementId": engagement, "set": { "/trackingInfo/microsoftMsxId": "7-1SOUTHWIND" } });
    stage.acts("microsoft/edit", edit).await;
    stage.until_opportunity(&opportunity, "Microsoft_CRM_Identifier__c", says("7-1SOUTHWIND")).await;

    // The seller changes amount, date and notes, one after the other and all at once.
    stage.seller_edits(&opportunity, json!({ "Amount": 52_000.50 })).await;
    stage.until_referral(&referral, "/details/dealValue", |value| value.as_f64() == Some(52_000.5)).await;
    stage.seller_edits(&opportunity, json!({ "CloseDate": "2027-05-15" })).await;
    stage.until_referral(&referral, "/details/closingDateTime", says("2027-05-15T00:00:00Z")).await;
    let all =
        json!({ "Amount": 60_000, "CloseDate": "2027-06-01", "Description": "Pilot signed\nRollout in May" });
    stage.seller_edits(&opportunity, all).await;
    stage.until_referral(&referral, "/details/notes", says("Pilot signed\nRollout in May")).await;
    stage.until_referral(&referral, "/details/dealValue", is(60_000)).await;
    stage.until_referral(&referral, "/details/closingDateTime", says("2027-06-01T00:00:00Z")).await;

    // A colleague edits in Partner Center: the opportunity follows.
    let edit = json!({ "/details/notes": "Steering committee said yes", "/details/dealValue": 61_500,
        "/details/closingDateTime": "2027-07-01T00:00:00Z" });
    stage.colleague_edits(&referral, edit).await;
    stage.until_opportunity(&opportunity, "Description", says("Steering committee said yes")).await;
    stage.until_opportunity(&opportunity, "Amount", is(61_500)).await;
    stage.until_opportunity(&opportunity, "CloseDate", says("2027-07-01")).await;

    stage.both_judges_agree(1).await;
    let patches = stage.taken("patch").await;
    assert_eq!(
        patches.len(),
        3,
        "one write for each of the seller's three edits, none for an echo: {patches:?}"
    );
}

#[tokio::test]
async fn solution_rows_added_changed_and_removed_arrive_at_the_referral_and_come_back() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Tailwind planning", 30_000, false).await;
    assert_eq!(
        solutions(&stage.referral(&referral).await),
        [("SOL-12345-ABC".to_owned(), "Fabrikam Insight".to_owned())]
    );
    let at_referral = "/details/requirements/solutions";
    let named = |id: &'static str, name: &'static str| {
        move |list: &Value| {
            list.as_array().unwrap().iter().any(|solution| solution["id"] == id && solution["name"] == name)
        }
    };

    let row =
        json!({ "Opportunity__c": opportunity, "Name": "Fabrikam Flow", "Solution_Id__c": "SOL-67890-XYZ" });
    let row = stage.seller_creates("Microsoft_Solution__c", row).await;
    stage.until_referral(&referral, at_referral, named("SOL-67890-XYZ", "Fabrikam Flow")).await;

    stage.seller_changes("Microsoft_Solution__c", &row, json!({ "Name": "Fabrikam Flow Premium" })).await;
    stage.until_referral(&referral, at_referral, named("SOL-67890-XYZ", "Fabrikam Flow Premium")).await;

    stage.seller_deletes("Microsoft_Solution__c", &row).await;
    stage.until_referral(&referral, at_referral, |list| list.as_array().unwrap().len() == 1).await;
    stage.both_judges_agree(1).await;

    // A colleague adds one in Partner Center: a row appears, and goes when the colleague thinks better of it.
    let two = json!([
        { "id": "SOL-12345-ABC", "name": "Fabrikam Insight", "type": "Name" },
        { "id": "SOL-24680-DEF", "name": "Fabrikam Edge", "type": "Name", "publisherName": "Fabrikam" },
    ]);
    stage.colleague_edits(&referral, json!({ "/details/requirements/solutions": two })).await;
    let rows = format!(
        "SELECT Id, Publisher__c FROM Microsoft_Solution__c WHERE Opportunity__c = '{opportunity}' AND Solution_Id__c = 'SOL-24680-DEF'"
    );
    let rows = &rows;
    let stage = &stage;
    let added = crate::harness::until("the new row", || async move { stage.query(rows).await.pop() }).await;
    assert_eq!(added["Publisher__c"], "Fabrikam");
    stage.both_judges_agree(1).await;
    let one = json!([{ "id": "SOL-12345-ABC", "name": "Fabrikam Insight", "type": "Name" }]);
    stage.colleague_edits(&referral, json!({ "/details/requirements/solutions": one })).await;
    crate::harness::until("the row gone", || async move { stage.query(rows).await.is_empty().then_some(()) })
        .await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn help_asked_later_creates_microsofts_referral_only_then() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Adventure portal", 75_000, false).await;
    stage.seller_edits(&opportunity, json!({ "Amount": 76_000 })).await;
    stage.until_referral(&referral, "/details/dealValue", is(76_000)).await;
    assert_eq!(stage.microsofts_now(&referral).await, None, "nobody asked for help yet");
    stage.both_judges_agree(1).await;

    let help = json!({ "How_can_Microsoft_help__c": "Quotes or licensing", "Notes_to_Microsoft__c": "Licences for 900" });
    stage.seller_edits(&opportunity, help).await;
    let microsofts = stage.microsofts(&referral).await;
    assert_eq!(microsofts["inviteContext"]["assistanceRequestCode"], "QuotesOrLicensing");
    assert_eq!(microsofts["inviteContext"]["notes"], "Licences for 900");
    assert_eq!(microsofts["customerProfile"]["team"][0]["email"], "jo.kunde@northwind.example");
    stage.until_opportunity(&opportunity, "Microsoft_Status__c", says("Pending")).await;
    assert_eq!(stage.taken("create").await.len(), 1);
    assert_eq!(stage.taken("create-companion").await.len(), 1);
}
