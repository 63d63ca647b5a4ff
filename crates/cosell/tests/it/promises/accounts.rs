//! A referral's customer: who is the primary contact, and what an address needs before it is sent.

use serde_json::json;

use crate::scenarios::{Stage, invitation, mentions};

#[tokio::test]
async fn an_opportunity_born_of_a_referral_has_the_customers_first_contact_as_its_primary_one() {
    let stage = Stage::set().await;
    let (opportunity, _) = stage.invited(invitation("Primary contact")).await;
    let soql = format!(
        "SELECT Contact.Email, IsPrimary FROM OpportunityContactRole WHERE OpportunityId = '{opportunity}'"
    );
    let rows = stage.query(&soql).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["Contact"]["Email"], "mia@contoso.example");
    assert_eq!(rows[0]["IsPrimary"], true);
}

#[tokio::test]
async fn a_state_that_the_country_needs_is_told_with_what_to_type_before_anything_is_sent() {
    let stage = Stage::set().await;
    let opportunity = stage.new_opportunity("Seattle ferry", 40_000).await;
    let account = stage.opportunity(&opportunity).await["AccountId"].as_str().unwrap().to_owned();
    stage.seller_changes("Account", &account, json!({ "BillingCountry": "US" })).await;
    stage.opt_in(&opportunity, false).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", mentions("an address in US needs it")).await;
    assert!(stage.taken("create").await.is_empty());
    stage.seller_changes("Account", &account, json!({ "BillingState": "WA" })).await;
    stage.seller_edits(&opportunity, json!({ "NextStep": "Sent again" })).await;
    stage.referral_of(&opportunity).await;
}
