//! What nobody can take back waits, and what runs out is told of before it does (P13).

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::Platform,
    scenarios::{Stage, invitation, mentions, says},
};

const PROBLEM: &str = "Co_sell_Problem__c";
const DAY: i64 = 86_400;

/// An invitation that expires so many seconds from now.
fn expiring(name: &str, seconds: i64) -> Value {
    let mut invitation = invitation(name);
    let expires = Timestamp::now() + SignedDuration::from_secs(seconds);
    invitation["expirationDateTime"] = json!(expires.to_string());
    invitation
}

#[tokio::test]
async fn p13_an_accidental_won_is_withdrawn_within_its_grace() {
    let mut stage =
        Stage::set_after(|world| world.configure("close_grace = \"2s\"", "close_grace = \"30min\"")).await;
    let (opportunity, referral) = stage.pair("Fourth Coffee checkout", 48_000, false).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;
    stage.until_opportunity(&opportunity, "Co_sell_Status__c", mentions("waiting to be won")).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Qualification" })).await;
    let waits = |deal: &Value| !deal["deal"]["waiting"].as_array().unwrap().is_empty();
    stage.until_deal(&opportunity, "the win withdrawn", |deal| !waits(deal)).await;
    stage.settle();
    assert_eq!(stage.referral(&referral).await["status"], "Active");
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn p13_an_unanswered_referral_is_told_of_at_four_days_and_at_one_and_no_more_once_it_is_answered() {
    let stage = Stage::set().await;
    let (four, first) = stage.invited(expiring("Contoso ERP modernisation", 4 * DAY + 3)).await;
    let (one, second) = stage.invited(expiring("Relecloud hosting", DAY + 5)).await;
    // Nothing happens to either: the time comes by itself.
    stage.until_opportunity(&four, PROBLEM, mentions("in less than 4 days")).await;
    stage.until_opportunity(&one, PROBLEM, mentions("in less than 1 day")).await;
    let day = &stage.opportunity(&one).await["Referral_Expires__c"];
    assert!(day.is_string(), "the days left are a formula over the date");
    let listed = stage.cosell_json(&["deals", "list"]);
    for deal in &listed {
        let wanted = if deal["referral"] == first.as_str() { &first } else { &second };
        let expires =
            stage.referral(wanted).await["expirationDateTime"].as_str().unwrap().parse::<Timestamp>();
        assert_eq!(deal["expires"].as_str().unwrap().parse::<Timestamp>().unwrap(), expires.unwrap());
    }
    let text = String::from_utf8(stage.cosell(&["deals"]).stdout).unwrap();
    assert!(text.contains("3 days left") && text.contains("23 h left"), "{text}");

    stage.seller_edits(&four, json!({ "Co_sell_Response__c": "Accept" })).await;
    stage.until_opportunity(&four, PROBLEM, Value::is_null).await;
    stage.acts("expire", json!({ "id": second })).await;
    stage.until_opportunity(&one, PROBLEM, Value::is_null).await;
    stage.until_opportunity(&one, "StageName", says("Closed Lost")).await;
    stage.both_judges_agree(2).await;
}

#[tokio::test]
async fn p13_the_times_of_the_warnings_are_a_setting_and_outlast_a_restart() {
    let mut stage = Stage::set_after(|world| {
        world.configure("[guard]\n", "[guard]\nexpiry_warnings = [\"13d\"]\n");
    })
    .await;
    let (opportunity, _) = stage.invited(expiring("Woodgrove vault", 13 * DAY + 4)).await;
    stage.while_it_is_away(async |_| {}).await;
    stage.until_opportunity(&opportunity, PROBLEM, mentions("in less than 13 days")).await;
}

#[tokio::test]
async fn p13_help_that_microsoft_did_not_answer_is_told_of_and_no_more_once_it_is_answered() {
    let stage = Stage::set_after(|_| {}).await;
    let knobs = json!({ "expiry_days": 2 });
    stage.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&knobs)).await;
    let (opportunity, referral) = stage.pair("Northwind rollout", 48_000, true).await;
    stage.until_opportunity(&opportunity, PROBLEM, mentions("help is not answered")).await;
    stage.until_opportunity(&opportunity, PROBLEM, mentions("or go on alone")).await;
    let engagement = stage.referral(&referral).await["engagementId"].clone();
    stage.acts("microsoft/accept", json!({ "engagementId": engagement })).await;
    stage.until_opportunity(&opportunity, "Co_sell_Status__c", says("in step")).await;
    stage.until_opportunity(&opportunity, PROBLEM, Value::is_null).await;
}

#[tokio::test]
async fn p13_a_close_of_an_accepted_invitation_waits_its_grace_after_the_invitations_own_date() {
    let mut stage =
        Stage::set_after(|world| world.configure("close_grace = \"2s\"", "close_grace = \"30min\"")).await;
    let (opportunity, referral) = stage.invited(expiring("Margie travel", DAY)).await;
    stage.seller_edits(&opportunity, json!({ "Co_sell_Response__c": "Accept" })).await;
    stage.until_referral(&referral, "/substatus", says("Accepted")).await;
    stage.until_opportunity(&opportunity, "StageName", says("Qualification")).await;
    let over = (Timestamp::now() - SignedDuration::from_secs(DAY)).to_string();
    stage.colleague_edits(&referral, json!({ "/expirationDateTime": over })).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;
    stage.until_opportunity(&opportunity, "Co_sell_Status__c", mentions("waiting to be won")).await;
    stage.settle();
    assert_eq!(stage.referral(&referral).await["status"], "Active");
}

#[tokio::test]
async fn p13_no_grace_runs_past_one_hour_before_the_referral_expires() {
    let stage =
        Stage::set_after(|world| world.configure("accept_grace = \"1s\"", "accept_grace = \"30min\"")).await;
    let (opportunity, referral) = stage.invited(expiring("Margie travel", 3_600 + 4)).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Qualification" })).await;
    stage.until_referral(&referral, "/substatus", says("Accepted")).await;
}
