//! What is missing is said on the opportunity, nothing is sent, and it goes on by itself once it is there.

use serde_json::{Value, json};

use super::{Stage, mentions};
use crate::harness::Platform;

async fn nothing_is_posted(stage: &Stage) {
    let state = stage.state(Platform::PartnerCenter).await;
    assert_eq!(state["referrals"], json!([]), "nothing is posted while something is missing");
    let log = stage.log(Platform::PartnerCenter).await;
    assert!(!log.iter().any(|exchange| exchange["kind"] == "create"), "nothing was even tried");
}

/// The gap is told, closed, and forgotten.
async fn closes(stage: &Stage, opportunity: &str) {
    stage.referral_of(opportunity).await;
    stage.until_opportunity(opportunity, "Co_sell_Problem__c", Value::is_null).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn without_a_solution_nothing_is_posted_until_there_is_one() {
    let stage = Stage::set().await;
    let opportunity = stage.new_opportunity("Wingtip toys", 12_000).await;
    let row = stage.first("SELECT Id FROM Microsoft_Solution__c").await;
    stage.seller_deletes("Microsoft_Solution__c", &row).await;
    stage.opt_in(&opportunity, false).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", mentions("olution")).await;
    nothing_is_posted(&stage).await;
    let row =
        json!({ "Opportunity__c": opportunity, "Name": "Fabrikam Flow", "Solution_Id__c": "SOL-67890-XYZ" });
    stage.seller_creates("Microsoft_Solution__c", row).await;
    closes(&stage, &opportunity).await;
}

#[tokio::test]
async fn without_a_contact_no_help_is_asked_until_there_is_one() {
    let stage = Stage::set().await;
    let opportunity = stage.new_opportunity("Lucerne publishing", 22_000).await;
    let role = stage.first("SELECT Id FROM OpportunityContactRole").await;
    stage.seller_deletes("OpportunityContactRole", &role).await;
    stage.opt_in(&opportunity, true).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", mentions("ontact")).await;
    nothing_is_posted(&stage).await;
    let contact = stage.first("SELECT Id FROM Contact").await;
    let role = json!({ "OpportunityId": opportunity, "ContactId": contact, "IsPrimary": true });
    stage.seller_creates("OpportunityContactRole", role).await;
    let referral = stage.referral_of(&opportunity).await;
    stage.microsofts(&referral).await;
    closes(&stage, &opportunity).await;
}

#[tokio::test]
async fn without_the_customers_consent_nothing_is_posted_until_it_is_recorded() {
    let stage = Stage::set().await;
    let opportunity = stage.new_opportunity("Trey nursery", 32_000).await;
    let without = json!({ "Sync_with_Partner_Center__c": true, "Share_with_Microsoft__c": true });
    stage.seller_edits(&opportunity, without).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", mentions("onsent")).await;
    nothing_is_posted(&stage).await;
    stage.seller_edits(&opportunity, json!({ "Consent_to_Share__c": true })).await;
    closes(&stage, &opportunity).await;
}
