//! Events are hints: with all of them lost, or without any, polling alone brings both sides together.

use reqwest::Method;
use serde_json::json;

use super::{Stage, invitation, is, says};
use crate::harness::{Platform, World};

async fn both_directions(stage: &Stage) {
    let (opportunity, referral) = stage.pair("Fabrikam fibre", 18_000, true).await;
    let engagement = stage.microsofts(&referral).await["engagementId"].clone();
    stage.acts("microsoft/accept", json!({ "engagementId": engagement })).await;
    stage.until_opportunity(&opportunity, "Microsoft_Status__c", says("Accepted")).await;
    stage.seller_edits(&opportunity, json!({ "Amount": 19_000 })).await;
    stage.colleague_edits(&referral, json!({ "/details/notes": "Seen by the poll" })).await;
    stage.until_referral(&referral, "/details/dealValue", is(19_000)).await;
    stage.until_opportunity(&opportunity, "Description", says("Seen by the poll")).await;
    let (received, invited) = stage.invited(invitation("Contoso poll")).await;
    stage.seller_edits(&received, json!({ "Co_sell_Response__c": "Accept" })).await;
    stage.until_referral(&invited, "/status", says("Active")).await;
    stage.both_judges_agree(2).await;
}

#[tokio::test]
async fn when_every_event_is_lost_polling_converges() {
    let stage = Stage::set().await;
    let lose = json!({ "webhook_lose_percent": 100 });
    stage.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&lose)).await;
    both_directions(&stage).await;
}

#[tokio::test]
async fn without_a_webhook_polling_converges() {
    let world = World::start();
    let text = std::fs::read_to_string(world.config()).unwrap();
    let (before, rest) = text.split_once("[webhook]").unwrap();
    let (_, after) = rest.split_once("[guard]").unwrap();
    std::fs::write(world.config(), format!("{before}[guard]{after}")).unwrap();
    let service = world.run();
    both_directions(&Stage { world, service }).await;
}

#[tokio::test]
async fn an_event_brings_a_change_in_when_no_poll_is_due() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Graphic design institute", 11_000, false).await;
    stage.both_judges_agree(1).await;
    stage.while_it_is_away(async |world| world.configure("poll_every = \"1s\"", "poll_every = \"1h\"")).await;
    // The poll at the start may still be under way when the first edit happens; the second has events alone.
    for notes in ["First", "Second"] {
        stage.colleague_edits(&referral, json!({ "/details/notes": notes })).await;
        stage.until_opportunity(&opportunity, "Description", says(notes)).await;
    }
    let deliveries = stage.control(Platform::PartnerCenter, Method::GET, "webhooks", None).await;
    assert!(!deliveries["deliveries"].as_array().unwrap().is_empty(), "{deliveries}");
    stage.both_judges_agree(1).await;
}
