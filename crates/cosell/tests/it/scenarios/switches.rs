//! What is switched off waits: one opportunity by its Sync flag, a whole flow by the configuration.

use serde_json::{Value, json};

use super::{Stage, invitation, is, says};
use crate::harness::{Platform, World};

#[tokio::test]
async fn sync_no_pauses_one_deal_and_yes_goes_on() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Alpine ski house", 40_000, false).await;
    let (other, others) = stage.pair("Coho winery", 50_000, false).await;
    stage.both_judges_agree(2).await;
    stage.seller_edits(&opportunity, json!({ "Sync_with_Partner_Center__c": false })).await;
    let paused = |deal: &Value| deal["deal"]["phase"] == "paused";
    stage.until_deal(&opportunity, "the pause", paused).await;

    // Both sides are edited; another deal's edit shows that the program had its chance.
    let portal_before = stage.log(Platform::PartnerCenter).await.len();
    let crm_before = stage.log(Platform::Salesforce).await.len();
    stage
        .seller_edits(&opportunity, json!({ "Amount": 41_000, "Description": "planted-while-paused" }))
        .await;
    stage.colleague_edits(&referral, json!({ "/details/closingDateTime": "2027-12-01T00:00:00Z" })).await;
    stage.seller_edits(&other, json!({ "Amount": 51_000 })).await;
    stage.until_referral(&others, "/details/dealValue", is(51_000)).await;
    stage.settle();
    assert_eq!(stage.opportunity(&opportunity).await["CloseDate"], "2027-03-31", "nothing comes in");
    assert_eq!(stage.referral(&referral).await["details"]["dealValue"], 40_000, "nothing goes out");
    for exchange in &stage.log(Platform::PartnerCenter).await[portal_before..] {
        assert_ne!(exchange["kind"], "create", "{exchange:#}");
        let about_it = exchange["path"].as_str().unwrap().contains(&referral);
        assert!(
            !about_it || exchange["kind"] == "read",
            "nothing is written to a paused deal's referral: {exchange:#}"
        );
    }
    // The seller looks at single rows; the program asks composites and queries, and reads nothing but the flag.
    let asks = |exchange: &&Value| {
        let path = exchange["path"].as_str().unwrap();
        path.contains("/composite") || path.contains("/query")
    };
    for exchange in stage.log(Platform::Salesforce).await[crm_before..].iter().filter(asks) {
        let answer = exchange["response"].to_string();
        assert!(!answer.contains("planted-while-paused"), "nothing is read but the flag: {exchange:#}");
    }
    let verdict = stage.verdict().await;
    assert_eq!((verdict.pairs.len(), verdict.paused.len()), (1, 1));
    assert_eq!(stage.verified()["counts"], json!({ "equal": 1, "paused_or_on_hold": 1 }));

    stage.seller_edits(&opportunity, json!({ "Sync_with_Partner_Center__c": true })).await;
    stage.service = stage.world.run();
    stage.until_referral(&referral, "/details/dealValue", is(41_000)).await;
    stage.until_referral(&referral, "/details/notes", says("planted-while-paused")).await;
    stage.until_opportunity(&opportunity, "CloseDate", says("2027-12-01")).await;
    stage.both_judges_agree(2).await;
}

fn off(world: &World, switch: &str) {
    world.configure("[guard]", &format!("[switches]\n{switch} = false\n\n[guard]"));
}

fn on(world: &World, switch: &str) {
    world.configure(&format!("{switch} = false"), &format!("{switch} = true"));
}

#[tokio::test]
async fn an_update_that_is_switched_off_is_decided_and_leaves_once_it_is_on() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Humongous insurance", 90_000, false).await;
    stage.both_judges_agree(1).await;
    stage.while_it_is_away(async |world| off(world, "update_referrals")).await;
    stage.seller_edits(&opportunity, json!({ "Amount": 91_000 })).await;
    // The other direction goes on meanwhile, and shows that the seller's edit was seen.
    stage.colleague_edits(&referral, json!({ "/details/notes": "Meanwhile" })).await;
    stage.until_opportunity(&opportunity, "Description", says("Meanwhile")).await;
    stage.settle();
    assert_eq!(stage.referral(&referral).await["details"]["dealValue"], 90_000);
    let plan = String::from_utf8(stage.cosell(&["plan", &opportunity]).stdout).unwrap();
    assert!(
        plan.contains("money waits: its flow is switched off"),
        "the plan names what waits for the switch:\n{plan}"
    );
    assert_eq!(stage.verified()["counts"], json!({ "waiting": 1 }));

    on(&stage.world, "update_referrals");
    stage.service = stage.world.run();
    stage.until_referral(&referral, "/details/dealValue", is(91_000)).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn a_referral_whose_creation_is_switched_off_is_created_once_it_is_on() {
    let mut stage = Stage::set_after(|world| off(world, "create_referrals")).await;
    let opportunity = stage.new_opportunity("Blue Yonder flights", 15_000).await;
    stage.opt_in(&opportunity, false).await;
    stage.until_opportunity(&opportunity, "Co_sell_Status__c", Value::is_string).await;
    stage.settle();
    assert_eq!(stage.state(Platform::PartnerCenter).await["referrals"], json!([]));
    on(&stage.world, "create_referrals");
    stage.service = stage.world.run();
    stage.referral_of(&opportunity).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn an_opportunity_whose_creation_is_switched_off_is_created_once_it_is_on() {
    let mut stage = Stage::set_after(|world| off(world, "create_opportunities")).await;
    let invited = json!({ "referral": invitation("Southridge video"), "withMicrosoft": true });
    let referral = stage.acts("microsoft/invite", invited).await["id"].as_str().unwrap().to_owned();
    let (other, _) = stage.pair("Northwind hub", 10_000, false).await;
    stage.settle();
    let rows = stage.query("SELECT Id FROM Opportunity").await;
    assert_eq!(rows.len(), 1, "only the seller's own: {other}");
    on(&stage.world, "create_opportunities");
    stage.service = stage.world.run();
    stage.opportunity_of(&referral).await;
    stage.both_judges_agree(2).await;
}
