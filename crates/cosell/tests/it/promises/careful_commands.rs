//! Commands that decide or write only by what the service runs and what was shown, and that tell all of what they did.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Platform, World, until},
    scenarios::{Stage, invitation, mentions},
};

const PROBLEM: &str = "Co_sell_Problem__c";

fn asks(world: &World) {
    map(world, "[fields.deal_value]\nconflict = \"ask\"");
}

fn map(world: &World, lines: &str) {
    let path = world.folder().join("mapping.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{text}\n{lines}\n")).unwrap();
}

/// What a command that does not succeed complains of.
fn refused(stage: &Stage, words: &[&str]) -> String {
    let output = stage.cosell(words);
    assert!(!output.status.success(), "{words:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// New deals about whose value a person is asked.
async fn in_conflict(stage: &mut Stage, names: &[&str]) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for name in names {
        pairs.push(stage.pair(name, 48_000, false).await);
    }
    stage.both_judges_agree(pairs.len()).await;
    stage
        .while_it_is_away(async |world| {
            for (opportunity, referral) in &pairs {
                world.seller_edits(opportunity, json!({ "Amount": 50_000 })).await;
                let set = json!({ "/details/dealValue": 60_000 });
                world.acts("portal/edit", json!({ "id": referral, "set": set })).await;
            }
        })
        .await;
    for (opportunity, _) in &pairs {
        stage.until_opportunity(opportunity, PROBLEM, mentions("changed on both sides")).await;
    }
    pairs
}

#[tokio::test]
async fn what_is_decided_by_a_newer_mapping_waits_until_the_service_runs_it() {
    let mut stage = Stage::set_after(asks).await;
    let (opportunity, _) = in_conflict(&mut stage, &["Fourth Coffee checkout"]).await.remove(0);
    let take = ["resolve", opportunity.as_str(), "deal_value", "--take", "salesforce"];
    map(&stage.world, "\n[fields.notes]\nlabel = \"Remarks\"");
    for words in [&take[..], &["mapping", "rewrite", "--apply"]] {
        let told = refused(&stage, words);
        assert!(told.contains("the service runs the mapping") && told.contains("fix: restart"), "{told}");
    }
    assert_eq!(stage.deal(&opportunity)["decisions"], json!([]));
    assert!(stage.cosell(&["resolve", &opportunity]).status.success(), "looking is free");
    stage.service.stop();
    stage.service = stage.world.run();
    stage.until_opportunity(&opportunity, PROBLEM, mentions("changed on both sides")).await;
    let began = std::time::Instant::now();
    while !stage.cosell(&take).status.success() {
        assert!(began.elapsed() < crate::harness::PATIENCE, "{}", refused(&stage, &take));
    }
    stage.until_opportunity(&opportunity, PROBLEM, Value::is_null).await;
}

#[tokio::test]
async fn a_push_shows_what_it_would_create_and_creates_only_that() {
    let stage = Stage::set().await;
    let opportunity = stage.new_opportunity("Fourth Coffee checkout", 48_000).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;
    stage.opt_in(&opportunity, false).await;
    stage.until_opportunity(&opportunity, "Co_sell_Status__c", Value::is_string).await;
    let shown = |stage: &Stage| stage.cosell_json(&["push", &opportunity]).pop().unwrap()["push"].clone();
    let first = shown(&stage);
    assert!(first["outcome"]["written"].to_string().contains("48000"), "{first:#}");
    assert_eq!(stage.deal(&opportunity)["decisions"], json!([]), "nothing was decided");
    let types = |stage: &Stage, command: &Value| {
        let words: Vec<String> = command.as_str().unwrap().split(' ').skip(1).map(str::to_owned).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = stage.cosell(&words);
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    stage.seller_edits(&opportunity, json!({ "Amount": 51_000 })).await;
    let (done, said) = types(&stage, &first["command"]);
    assert!(!done && said.contains("not there any more") && said.contains("51000"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    assert_eq!(stage.deal(&opportunity)["decisions"], json!([]));
    let (done, said) = types(&stage, &shown(&stage)["command"]);
    assert!(done, "{said}");
    let referral = stage.referral_of(&opportunity).await;
    assert_eq!(stage.referral(&referral).await["details"]["dealValue"].as_f64(), Some(51_000.0));
    let told = refused(&stage, &["push", &opportunity]);
    assert!(told.contains("has its referral already"), "{told}");
}

#[tokio::test]
async fn one_deal_that_cannot_be_read_hides_no_other_question() {
    let mut stage = Stage::set_after(asks).await;
    let pairs = in_conflict(&mut stage, &["Fourth Coffee checkout", "Relecloud hosting"]).await;
    stage.service.stop();
    let hidden = json!({ "method": "GET", "path_contains": pairs[0].1, "status": 403, "times": 100 });
    stage.control(Platform::PartnerCenter, Method::POST, "faults", Some(&hidden)).await;
    for words in [&["resolve"][..], &["resolve", "--all", "deal_value"]] {
        let lines = stage.cosell_json(words);
        let unread: Vec<&Value> = lines.iter().filter(|line| line["unread"].is_string()).collect();
        let asked: Vec<&Value> = lines.iter().filter(|line| line["field"].is_string()).collect();
        assert_eq!((unread.len(), asked.len()), (1, 1), "{lines:#?}");
        let output = stage.cosell(words);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success(), "not all could be read");
        assert!(text.contains("could not be read") && text.contains("--take salesforce"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
    let told = refused(&stage, &["resolve", &pairs[0].0]);
    assert!(told.contains("could not be read"), "{told}");
}

#[tokio::test]
async fn a_list_of_deals_shows_every_id_whole_within_eighty_columns() {
    let stage = Stage::set().await;
    stage.pair("Fourth Coffee checkout", 48_000, false).await;
    // A deal without an opportunity is known by its referral, whose id is long. No opportunity is without a name.
    let rule =
        json!({ "object": "Opportunity", "field": "Name", "condition": "not_empty", "message": "Not here" });
    let rules = json!({ "validation_rules": [rule] });
    stage.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&rules)).await;
    let invitation = json!({ "referral": invitation("Relecloud hosting"), "withMicrosoft": true });
    let referral = stage.acts("microsoft/invite", invitation).await["id"].as_str().unwrap().to_owned();
    until("the referral's deal", || async {
        stage.cosell(&["deals", "show", &referral]).status.success().then_some(())
    })
    .await;
    let text = String::from_utf8(stage.cosell(&["deals", "list"]).stdout).unwrap();
    assert!(text.contains(&referral), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}
