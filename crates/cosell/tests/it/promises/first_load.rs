//! A tenant with many referrals is connected to an org that has none of them: a few calls fill it, a referral that the
//! org refuses is told, and nothing is made twice, however often the program is killed on the way.

use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Platform, World, until},
    scenarios::{Stage, invitation, mentions},
};

/// Referrals of each customer.
const EACH: usize = 3;

/// Microsoft has invited so many times, before anybody listened; the referrals' ids.
pub(super) async fn invited(world: &World, count: usize) -> Vec<String> {
    let mut referrals = Vec::new();
    for number in 0..count {
        let mut invited = invitation(&format!("Deal {number}"));
        let customer = number / EACH;
        invited["customerProfile"]["name"] = json!(format!("Customer {customer}"));
        invited["customerProfile"]["team"][0]["email"] = json!(format!("mia@customer-{customer}.example"));
        let made =
            world.acts("microsoft/invite", json!({ "referral": invited, "withMicrosoft": true })).await;
        referrals.push(made["id"].as_str().unwrap().to_owned());
    }
    referrals
}

/// The records of an object, past the API.
async fn rows(world: &World, object: &str) -> Vec<Value> {
    world.state(Platform::Salesforce).await[object].as_array().unwrap().clone()
}

pub(super) async fn filled(world: &World, count: usize) {
    until("the org is filled", || async { (rows(world, "Opportunity").await.len() >= count).then_some(()) })
        .await;
}

/// So many calls looked for births, made them, read them back and told of them: polls and descriptions are others.
async fn calls(world: &World) -> usize {
    let requests = world.control(Platform::Salesforce, Method::GET, "requests", None).await;
    let log = requests["log"].as_array().unwrap();
    let is_composite = |call: &&Value| call["path"].as_str().unwrap().contains("/composite");
    log.iter().filter(is_composite).count()
}

/// Each of `referrals` has one opportunity, and each customer one account with one contact.
async fn each_is_there_once(world: &World, referrals: &[String], customers: usize) {
    let opportunities = rows(world, "Opportunity").await;
    for referral in referrals {
        let his = opportunities.iter().filter(|row| row["Referral_Identifier__c"] == json!(referral));
        assert_eq!(his.count(), 1, "{referral}");
    }
    assert_eq!(opportunities.len(), referrals.len());
    for object in ["Account", "Contact"] {
        assert_eq!(rows(world, object).await.len(), customers, "{object}");
    }
}

/// The oracle sees so many equal pairs. That nobody has answered the invitations yet is what `verify` would add.
async fn in_step(world: &World, pairs: usize) {
    until("equal pairs", || async {
        let verdict = world.verdict().await;
        (verdict.holds() && verdict.pairs.len() == pairs).then_some(())
    })
    .await;
}

#[tokio::test]
async fn m21_referrals_fill_an_empty_org_with_few_calls_and_one_that_it_refuses_is_told() {
    // More of them for a measurement: COSELL_FIRST_LOAD=300.
    let size = std::env::var("COSELL_FIRST_LOAD").ok().and_then(|size| size.parse().ok()).unwrap_or(60);
    let world = World::start();
    let mut referrals = invited(&world, size).await;
    let words = "Deals with this customer go to the deal desk first";
    let rule = json!({ "object": "Opportunity", "field": "Name", "condition": { "equals": "Deal 7" },
        "message": words });
    world
        .control(Platform::Salesforce, Method::PATCH, "knobs", Some(&json!({ "validation_rules": [rule] })))
        .await;
    let began = Instant::now();
    let service = world.run();
    let mut stage = Stage { world, service };
    let refused = referrals.remove(7);
    filled(&stage, referrals.len()).await;
    let took = began.elapsed();
    until("the refusal is told", || async {
        let shown = stage.cosell_json(&["deals", "show", &refused]).pop()?;
        let problems = shown["deal"]["problems"].as_array()?.clone();
        problems.iter().any(|problem| mentions(words)(&problem["sentence"])).then_some(())
    })
    .await;
    let calls = calls(&stage).await;
    println!("{size} referrals: {calls} calls of Salesforce, {:.1} seconds", took.as_secs_f64());
    assert!(calls < size, "{calls} calls of Salesforce for {size} births: one by one they are three each");

    // Somebody gives it another name, as the rule wants.
    stage.colleague_edits(&refused, json!({ "/name": "Deal 7, agreed" })).await;
    filled(&stage, size).await;
    stage.settle();
    referrals.push(refused);
    each_is_there_once(&stage, &referrals, size.div_ceil(EACH)).await;
    in_step(&stage, size).await;
}

#[tokio::test]
async fn m21_a_first_load_that_is_killed_before_it_is_written_down_makes_nothing_twice() {
    let world = World::start();
    let referrals = invited(&world, 45).await;
    let held = world.folder().join("held");
    let hold = format!("after-answer:crm-write:{}", held.display());
    let mut service = world.run_with(&[("COSELL_TEST_HOLD", &hold)]);
    until("a batch is made and not written down", || async { held.exists().then_some(()) }).await;
    assert!(!rows(&world, "Opportunity").await.is_empty());
    service.kill();
    let service = world.run();
    let mut stage = Stage { world, service };
    filled(&stage, referrals.len()).await;
    stage.settle();
    each_is_there_once(&stage, &referrals, referrals.len() / EACH).await;
    in_step(&stage, referrals.len()).await;
}
