//! Which opportunities may be opted in at all: what a rule leaves out is told so, and nothing of it leaves (M14).

use serde_json::{Value, json};

use crate::{
    harness::{Platform, World},
    scenarios::{Stage, mentions, says},
};

fn map(world: &World, lines: &str) {
    let path = world.folder().join("mapping.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{text}\n{lines}\n")).unwrap();
}

const RULES: &str = r#"
[opt_in]
where = [
  { field = "Opportunity.Type", not_in = ["Existing Customer - Downgrade"] },
  { field = "Opportunity.Amount", at_least = 5000 },
]
"#;

/// What Partner Center was ever told.
async fn told(stage: &Stage) -> String {
    stage.control(Platform::PartnerCenter, reqwest::Method::GET, "requests", None).await.to_string()
}

#[tokio::test]
async fn m14_what_a_rule_leaves_out_says_so_and_leaves_nothing_behind() {
    let mut stage = Stage::set_after(|world| map(world, RULES)).await;
    let small = stage.new_opportunity("Qzxsmall", 4_999).await;
    stage.opt_in(&small, false).await;
    stage.until_opportunity(&small, "Co_sell_Problem__c", mentions("Opportunity.Amount")).await;
    let downgrade = stage.new_opportunity("Qzxdowngrade", 50_000).await;
    stage.seller_edits(&downgrade, json!({ "Type": "Existing Customer - Downgrade" })).await;
    stage.opt_in(&downgrade, true).await;
    let told_to_seller =
        stage.until_opportunity(&downgrade, "Co_sell_Problem__c", mentions("Opportunity.Type")).await;
    let text = told_to_seller.as_str().unwrap();
    assert_eq!(text.lines().count(), 1, "one sentence, and no other: {text}");
    assert!(text.contains("[opt_in]"), "{text}");

    // One that meets the rules goes, with what is empty passing `not_in`.
    let (_, _) = stage.pair("Fabrikam rollout", 5_000, false).await;
    let everything = told(&stage).await;
    assert!(!everything.contains("Qzx") && everything.contains("Fabrikam rollout"));
    for left_out in [&small, &downgrade] {
        assert!(!everything.contains(left_out.as_str()), "its id included");
    }

    // Once it meets them it goes by itself, and the problem is gone.
    stage.seller_edits(&small, json!({ "Amount": 5_001 })).await;
    let referral = stage.referral_of(&small).await;
    stage.until_opportunity(&small, "Co_sell_Problem__c", Value::is_null).await;

    // The rules are read again with every change: what a rule leaves out later stops where it stands.
    stage
        .seller_edits(&small, json!({ "Type": "Existing Customer - Downgrade", "Description": "Qzxlater" }))
        .await;
    stage.until_opportunity(&small, "Co_sell_Problem__c", mentions("Opportunity.Type")).await;
    stage.seller_edits(&small, json!({ "StageName": "Closed Won" })).await;
    stage.settle();
    assert_eq!(stage.referral(&referral).await["status"], "Active");
    assert!(!told(&stage).await.contains("Qzxlater"));
}

#[tokio::test]
async fn m14_a_record_type_that_may_not_be_shared_is_told_so() {
    let stage = Stage::set_after(|world| map(world, "[opt_in]\nrecord_types = [\"Co_sell\"]")).await;
    let opportunity = stage.new_opportunity("Qzxplain", 9_000).await;
    stage.opt_in(&opportunity, false).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", mentions("record type")).await;
    assert!(!told(&stage).await.contains("Qzxplain"));
    let record_type = stage.first("SELECT Id FROM RecordType WHERE DeveloperName = 'Co_sell'").await;
    stage.seller_edits(&opportunity, json!({ "RecordTypeId": record_type })).await;
    let referral = stage.referral_of(&opportunity).await;
    stage.until_referral(&referral, "/name", says("Qzxplain")).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", Value::is_null).await;
}

#[tokio::test]
async fn m14_a_private_opportunity_leaves_no_trace_whoever_asked_for_it() {
    let mut stage = Stage::set_after(|world| map(world, RULES)).await;
    let private = stage.new_opportunity("Qzxprivate", 9_000).await;
    stage.seller_edits(&private, json!({ "IsPrivate": true })).await;
    stage.opt_in(&private, false).await;
    // What came later was seen, and so was this.
    stage.pair("Fabrikam rollout", 9_000, false).await;
    stage.settle();
    let row = stage.opportunity(&private).await;
    assert_eq!((&row["Co_sell_Status__c"], &row["Co_sell_Problem__c"]), (&Value::Null, &Value::Null));
    assert!(!told(&stage).await.contains("Qzxprivate"));
}
