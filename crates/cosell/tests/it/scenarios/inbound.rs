//! From Microsoft to Salesforce: an invitation becomes an opportunity on hold, and the seller's answer goes back.

use serde_json::{Value, json};

use super::{ON_HOLD, Stage, invitation, is, mentions, says};

#[tokio::test]
async fn an_invitation_waits_on_hold_and_leaving_the_stage_accepts_it() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.invited(invitation("Contoso ERP modernisation")).await;
    let row = stage.opportunity(&opportunity).await;
    assert_eq!(row["StageName"], ON_HOLD);
    assert_eq!(row["Sync_with_Partner_Center__c"], true);
    assert_eq!(row["Name"], "Contoso ERP modernisation");
    assert_eq!(row["CurrencyIsoCode"], "EUR");
    stage.until_opportunity(&opportunity, "Microsoft_Status__c", says("Accepted")).await;

    // On hold, the seller's edits stay here; Microsoft's come in. The second shows that the first was seen.
    stage.seller_edits(&opportunity, json!({ "CloseDate": "2027-09-30" })).await;
    stage.colleague_edits(&referral, json!({ "/details/notes": "Budget is approved" })).await;
    stage.until_opportunity(&opportunity, "Description", says("Budget is approved")).await;
    let before = stage.referral(&referral).await;
    assert_eq!(before["details"]["closingDateTime"], "2027-06-30T00:00:00Z");
    assert_eq!((&before["status"], &before["externalReferenceId"]), (&json!("New"), &Value::Null));
    assert_eq!(stage.taken("patch").await, [] as [Value; 0], "nothing was written to a referral on hold");

    // Leaving the stage accepts, and what waited follows.
    stage.seller_edits(&opportunity, json!({ "StageName": "Qualification" })).await;
    stage.until_referral(&referral, "/status", says("Active")).await;
    stage.until_referral(&referral, "/details/closingDateTime", says("2027-09-30T00:00:00Z")).await;
    stage.until_referral(&referral, "/externalReferenceId", says(&opportunity)).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn edits_on_both_sides_merge_field_by_field_and_the_loser_is_kept() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Woodgrove vault", 250_000, false).await;
    stage.both_judges_agree(1).await;
    let (seller, colleague) = (opportunity.clone(), referral.clone());
    stage
        .while_it_is_away(async |world| {
            world.seller_edits(&seller, json!({ "Amount": 275_000, "CloseDate": "2027-07-15" })).await;
            let set =
                json!({ "/details/dealValue": 260_000, "/details/notes": "Asked for a second workshop" });
            world.acts("portal/edit", json!({ "id": colleague, "set": set })).await;
        })
        .await;
    stage.until_referral(&referral, "/details/dealValue", is(275_000)).await;
    stage.until_referral(&referral, "/details/closingDateTime", says("2027-07-15T00:00:00Z")).await;
    stage.until_opportunity(&opportunity, "Description", says("Asked for a second workshop")).await;
    stage.both_judges_agree(1).await;
    assert_eq!(stage.opportunity(&opportunity).await["Amount"], 275_000.0, "Salesforce owns the amount");
    let archive = stage.deal(&opportunity)["archive"].clone();
    let kept = archive.as_array().unwrap().iter().filter(|row| row.to_string().contains("260000")).count();
    assert_eq!(kept, 1, "the colleague's amount lost, and is kept: {archive}");
}

#[tokio::test]
async fn a_win_waits_for_its_grace_and_a_closed_referral_is_never_written() {
    let mut stage =
        Stage::set_after(|world| world.configure("close_grace = \"2s\"", "close_grace = \"30min\"")).await;
    let (opportunity, referral) = stage.invited(invitation("Fourth Coffee checkout")).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Qualification" })).await;
    stage.until_referral(&referral, "/status", says("Active")).await;

    // Won by mistake: within the grace, moving back withdraws it.
    stage.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;
    let waits = |deal: &Value| !deal["deal"]["waiting"].as_array().unwrap().is_empty();
    stage.until_deal(&opportunity, "a waiting win", waits).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Qualification" })).await;
    stage.until_deal(&opportunity, "the win withdrawn", |deal| !waits(deal)).await;
    assert_eq!(stage.referral(&referral).await["status"], "Active");
    stage.both_judges_agree(1).await;

    // Won for good. (The grace is shortened, so that the test is not as long as it.)
    stage
        .while_it_is_away(async |world| world.configure("close_grace = \"30min\"", "close_grace = \"1s\""))
        .await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Closed Won", "Amount": 280_000 })).await;
    stage.until_referral(&referral, "/substatus", says("Won")).await;
    assert_eq!(stage.referral(&referral).await["details"]["dealValue"], 280_000, "the last edit went first");
    stage.both_judges_agree(1).await;

    // What the seller edits now stays here.
    let closed = stage.referral(&referral).await;
    stage.seller_edits(&opportunity, json!({ "Amount": 999_999, "Description": "Too late" })).await;
    let written = stage.taken("patch").await.len();
    stage.settle();
    assert_eq!(stage.referral(&referral).await, closed);
    assert_eq!(stage.taken("patch").await.len(), written, "nothing was written after the end");
    let fields: Vec<_> = stage.verdict().await.differences.iter().map(|found| found.field).collect();
    assert_eq!(fields, ["amount", "notes"]);
    let verified = stage.verified();
    assert_eq!(verified["counts"], json!({ "fixed_by_portal": 1 }), "{verified}");
}

#[tokio::test]
async fn a_seller_declines_by_the_response_field_and_must_say_why() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.invited(invitation("Proseware call centre")).await;
    let answer = json!({ "Co_sell_Response__c": "Decline", "Loss_Reason__c": "Not a customer" });
    stage.seller_edits(&opportunity, answer).await;
    stage.until_referral(&referral, "/substatus", says("Declined")).await;
    assert_eq!(stage.referral(&referral).await["statusReason"], "Not a customer");
    stage.until_opportunity(&opportunity, "StageName", says("Closed Lost")).await;

    let (silent, unanswered) = stage.invited(invitation("Litware archive")).await;
    stage.seller_edits(&silent, json!({ "Co_sell_Response__c": "Decline" })).await;
    stage.until_opportunity(&silent, "Co_sell_Problem__c", mentions("eason")).await;
    assert_eq!(stage.referral(&unanswered).await["status"], "New", "nothing leaves without a reason");
    stage.seller_edits(&silent, json!({ "Loss_Reason__c": "Customer requirement not met" })).await;
    stage.until_referral(&unanswered, "/substatus", says("Declined")).await;
    stage.until_opportunity(&silent, "StageName", says("Closed Lost")).await;
    stage.until_opportunity(&silent, "Co_sell_Problem__c", Value::is_null).await;
    stage.both_judges_agree(2).await;
}

#[tokio::test]
async fn a_referral_that_ends_while_on_hold_moves_the_opportunity_to_the_mapped_stage() {
    let stage = Stage::set().await;
    let (forgotten, expired) = stage.invited(invitation("Relecloud hosting")).await;
    stage.acts("expire", json!({ "id": expired })).await;
    stage.until_opportunity(&forgotten, "StageName", says("Closed Lost")).await;

    let (refused, declined) = stage.invited(invitation("Margie travel")).await;
    stage.acts("portal/decline", json!({ "id": declined, "reason": "Customer didn't respond" })).await;
    stage.until_opportunity(&refused, "StageName", says("Closed Lost")).await;

    stage.both_judges_agree(2).await;
    assert_eq!(stage.taken("patch").await, [] as [Value; 0], "nothing was written to either referral");
}
