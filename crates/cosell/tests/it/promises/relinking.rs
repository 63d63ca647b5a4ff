//! A person moves a deal's link to another record, beside the running service: it is shown first, the deal goes on in both
//! directions, its history tells, and nothing follows that cannot be taken back.

use std::fs;

use serde_json::{Value, json};

use super::recovery::{done, said};
use crate::{
    harness::{Platform, World, until},
    scenarios::{Stage, is, mentions, says},
};

const PROBLEM: &str = "Co_sell_Problem__c";
/// What this program alone writes, and another connector does not.
const ORIGIN: &str = "Co_sell_Origin__c";

/// What a relink would do, as a program reads it.
fn shown(stage: &Stage, words: &[&str]) -> Value {
    let mut words = words.to_vec();
    words.insert(0, "relink");
    stage.cosell_json(&words).pop().unwrap()
}

/// Types the command that was shown, as ann.
fn types(stage: &Stage, shown: &Value) -> String {
    let command = shown["command"].as_str().unwrap_or_else(|| panic!("no command in {shown:#}"));
    let mut words: Vec<&str> = command.split(' ').skip(1).collect();
    words.extend(["--as", "ann"]);
    done(stage, &words)
}

async fn until_linked(stage: &Stage, opportunity: &str, referral: &str) {
    until("the new link", || async {
        let deals = stage.cosell_json(&["deals", "list"]);
        let linked = |deal: &Value| deal["opportunity"] == opportunity && deal["referral"] == referral;
        deals.iter().any(linked).then_some(())
    })
    .await;
}

/// An edit of either side arrives at the other.
async fn goes_on(stage: &Stage, opportunity: &str, referral: &str, amount: i64) {
    stage.seller_edits(opportunity, json!({ "Amount": amount })).await;
    stage.until_referral(referral, "/details/dealValue", is(amount)).await;
    let notes = format!("Theirs of {amount}");
    stage.colleague_edits(referral, json!({ "/details/notes": notes })).await;
    stage.until_opportunity(opportunity, "Description", says(&notes)).await;
    stage.until_opportunity(opportunity, PROBLEM, Value::is_null).await;
}

/// The deal's history has a line with these words.
fn told(stage: &Stage, record: &str, words: &str) {
    let lines = stage.cosell_json(&["deals", "history", record]);
    let has = |line: &Value| line["sentence"].as_str().is_some_and(|sentence| sentence.contains(words));
    assert!(lines.iter().any(has), "no \"{words}\" in {lines:#?}");
}

/// A colleague makes a referral in Partner Center like the one that was taken first; its id.
async fn made_by_a_colleague(stage: &Stage, name: &str) -> String {
    let mut body = stage.taken("create").await.remove(0);
    body["name"] = json!(name);
    body.as_object_mut().unwrap().remove("externalReferenceId");
    stage.acts("portal/create", body).await["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_deal_goes_on_with_the_copy_of_its_opportunity_and_the_first_one_is_left_alone() {
    let stage = Stage::set().await;
    let (original, referral) = stage.pair("Litware looms", 40_000, false).await;
    stage.both_judges_agree(1).await;
    let knobs = json!({ "identifier_unique": false });
    stage.control(Platform::Salesforce, reqwest::Method::PATCH, "knobs", Some(&knobs)).await;
    let copying = json!({ "id": original, "changes": {} });
    let copy =
        stage.control(Platform::Salesforce, reqwest::Method::POST, "actor/clone", Some(&copying)).await;
    let copy = copy["id"].as_str().unwrap();
    stage.until_opportunity(copy, PROBLEM, mentions("copy of one that is already shared")).await;
    let half = stage.deal(copy)["deal"]["id"].clone();

    let preview = shown(&stage, &[&original, "--opportunity", copy]);
    assert_eq!((&preview["from"]["crm"], &preview["to"]["crm"]), (&json!(original), &json!(copy)));
    assert_eq!(preview["absorbs"], half, "the copy's own deal gives it up: {preview:#}");
    assert_eq!(preview["doubts"], json!([]));
    let text = done(&stage, &["relink", &original, "--opportunity", copy]);
    assert!(text.contains("instead of") && text.contains("Nothing was decided"), "{text}");
    assert_eq!(stage.deal(&original)["deal"]["links"]["crm"], original, "showing it decides nothing");
    types(&stage, &preview);
    until_linked(&stage, copy, &referral).await;

    goes_on(&stage, copy, &referral, 41_000).await;
    told(&stage, copy, "ann relinked the deal");
    told(&stage, half.as_str().unwrap(), "Gave its opportunity to deal");
    let verified = stage.cosell_json(&["verify", copy]).pop().unwrap();
    assert_eq!(verified["counts"], json!({ "equal": 1 }), "{verified:#}");
    // Now the first one is the copy: told so, and nothing of it is sent.
    stage.seller_edits(&original, json!({ "Amount": 77_777 })).await;
    stage.until_opportunity(&original, PROBLEM, mentions("copy of one that is already shared")).await;
    goes_on(&stage, copy, &referral, 42_000).await;
    assert_eq!(stage.taken("create").await.len(), 1, "no second referral was made");
}

#[tokio::test]
async fn a_deal_goes_on_with_the_referral_that_a_colleague_made_anew_and_the_old_one_is_left_alone() {
    let stage = Stage::set().await;
    let (opportunity, old) = stage.pair("Litware yarns", 50_000, false).await;
    stage.both_judges_agree(1).await;
    // Else the new referral would beget an opportunity of its own.
    done(&stage, &["pause", "--flow", "create_opportunities"]);
    let new = made_by_a_colleague(&stage, "Litware yarns, made anew").await;
    until("the new referral's half of a deal", || async {
        stage.cosell(&["deals", "show", &new]).status.success().then_some(())
    })
    .await;
    types(&stage, &shown(&stage, &[&opportunity, "--referral", &new]));
    until_linked(&stage, &opportunity, &new).await;
    done(&stage, &["resume", "--flow", "create_opportunities"]);
    stage.until_opportunity(&opportunity, "Referral_Identifier__c", says(&new)).await;
    goes_on(&stage, &opportunity, &new, 51_000).await;
    told(&stage, &opportunity, "ann relinked the deal");

    // Whatever becomes of the old one, it neither comes back nor begets a second deal.
    let before = stage.referral(&old).await["details"].clone();
    stage.colleague_edits(&old, json!({ "/details/notes": "Still there" })).await;
    goes_on(&stage, &opportunity, &new, 52_000).await;
    assert_eq!(stage.referral(&old).await["status"], "Active", "nobody closed it");
    assert_eq!(stage.referral(&old).await["details"]["dealValue"], before["dealValue"]);
    let rows = stage.query("SELECT Id FROM Opportunity").await;
    assert_eq!(rows.len(), 1, "no second opportunity: {rows:?}");
    assert_eq!(stage.taken("create").await.len(), 1, "and no second referral of ours");
}

/// The store is lost, as if another connector had linked everything that is there.
fn the_store_is_another_ones(world: &World) {
    for entry in fs::read_dir(world.folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("cosell.sqlite3") {
            fs::remove_file(path).unwrap();
        }
    }
}

#[tokio::test]
async fn a_pair_that_another_connector_linked_is_taken_over_and_kept_in_step() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Adventure works", 40_000, false).await;
    stage.both_judges_agree(1).await;
    stage
        .while_it_is_away(async |world| {
            the_store_is_another_ones(world);
            world.seller_edits(&opportunity, json!({ "Amount": 41_000, ORIGIN: null })).await;
        })
        .await;
    stage.until_opportunity(&opportunity, PROBLEM, mentions("does not know")).await;
    let preview = shown(&stage, &[&opportunity, "--referral", &referral]);
    let differs: Vec<&Value> =
        preview["differences"].as_array().unwrap().iter().map(|each| &each["field"]).collect();
    assert_eq!(differs, ["money"], "{preview:#}");
    types(&stage, &preview);
    until_linked(&stage, &opportunity, &referral).await;
    stage.both_judges_agree(1).await;
    goes_on(&stage, &opportunity, &referral, 43_000).await;
    told(&stage, &opportunity, "ann relinked the deal");
    stage.both_judges_agree(1).await;
    assert_eq!(stage.taken("create").await.len(), 1, "nothing was made a second time");
}

#[tokio::test]
async fn a_win_from_before_a_relink_closes_nothing_by_itself() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Adventure tours", 40_000, false).await;
    stage.both_judges_agree(1).await;
    stage
        .while_it_is_away(async |world| {
            the_store_is_another_ones(world);
            world.seller_edits(&opportunity, json!({ "StageName": "Closed Won", ORIGIN: null })).await;
        })
        .await;
    stage.until_opportunity(&opportunity, PROBLEM, Value::is_string).await;
    types(&stage, &shown(&stage, &[&opportunity, "--referral", &referral]));
    until_linked(&stage, &opportunity, &referral).await;
    stage.colleague_edits(&referral, json!({ "/details/notes": "Signed?" })).await;
    stage.until_opportunity(&opportunity, "Description", says("Signed?")).await;
    stage.settle();
    assert_eq!(stage.referral(&referral).await["status"], "Active", "a person decides that");
    assert_eq!(stage.deal(&opportunity)["deal"]["waiting"], json!([]), "and nothing waits for its time");
}

#[tokio::test]
async fn before_a_relink_a_person_is_told_that_a_referral_of_ours_is_in_doubt() {
    let mut stage = Stage::set().await;
    stage.pair("Litware dyes", 20_000, false).await;
    stage.service.stop();
    let held = stage.folder().join("held");
    let hold = format!("after-answer:create:{}", held.display());
    let mut service = stage.run_with(&[("COSELL_TEST_HOLD", &hold)]);
    let opportunity = stage.new_opportunity("Litware cottons", 30_000).await;
    stage.opt_in(&opportunity, false).await;
    until("the answer of the creation", || async { held.exists().then_some(()) }).await;
    service.kill();
    let other = made_by_a_colleague(&stage, "Litware cottons, by hand").await;

    let preview = shown(&stage, &[&opportunity, "--referral", &other]);
    assert_eq!(preview["doubts"][0]["kind"], "create", "{preview:#}");
    let text = done(&stage, &["relink", &opportunity, "--referral", &other]);
    assert!(text.contains("in doubt") && text.contains("began to create a referral"), "{text}");

    // Without a relink the one that was made is found, and linked.
    stage.service = stage.world.run();
    let made = stage.referral_of(&opportunity).await;
    assert_ne!(made, other);
    stage.until_deal(&opportunity, "the doubt's end", |deal| deal["deal"]["links"]["portal"] == made).await;
    let linked = shown(&stage, &[&opportunity, "--referral", &made]);
    assert!(linked["refused"]["sentence"].as_str().unwrap().contains("already"), "{linked:#}");
}

#[tokio::test]
async fn a_deal_is_not_relinked_with_what_is_linked_missing_or_not_opted_in() {
    let stage = Stage::set().await;
    let (opportunity, _) = stage.pair("Litware looms", 40_000, false).await;
    let (_, others) = stage.pair("Litware yarns", 50_000, false).await;
    stage.both_judges_agree(2).await;
    let linked = stage.cosell(&["relink", &opportunity, "--referral", &others]);
    assert!(
        !linked.status.success() && said(&linked).contains("Relink or pause that deal first"),
        "{}",
        said(&linked)
    );
    let nowhere = "00000000-0000-4000-8000-0000000000ff";
    let missing = stage.cosell(&["relink", &opportunity, "--referral", nowhere]);
    assert!(!missing.status.success() && said(&missing).contains("no such referral"), "{}", said(&missing));
    let private = stage.new_opportunity("Litware secrets", 60_000).await;
    let refused = stage.cosell(&["relink", &opportunity, "--opportunity", &private]);
    assert!(!refused.status.success() && said(&refused).contains("not opted in"), "{}", said(&refused));
    assert!(!said(&refused).contains("secrets"), "nothing of it is shown");
}
