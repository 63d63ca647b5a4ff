//! What a person decides beside the running service: about exactly what was shown, carried out within seconds, told in
//! the history (sync rules, sections 3, 5 and 8).

use serde_json::{Value, json};

use crate::{
    harness::{World, until},
    scenarios::{Stage, is, mentions, says},
};

const PROBLEM: &str = "Co_sell_Problem__c";

/// A mapping under which a person is asked about the deal's value.
fn asks(world: &World) {
    let mapping = world.folder().join("mapping.toml");
    let text = std::fs::read_to_string(&mapping).unwrap();
    std::fs::write(&mapping, format!("{text}\n[fields.deal_value]\nconflict = \"ask\"\n")).unwrap();
}

/// Both sides change the deal's value while the service is away, and the seller another field too.
async fn conflict(stage: &mut Stage, opportunity: &str, referral: &str, ours: i64, theirs: i64) {
    stage.both_judges_agree(1).await;
    let notes = format!("Wants {ours}");
    stage
        .while_it_is_away(async |world| {
            world.seller_edits(opportunity, json!({ "Amount": ours, "Description": notes })).await;
            let set = json!({ "/details/dealValue": theirs });
            world.acts("portal/edit", json!({ "id": referral, "set": set })).await;
        })
        .await;
}

/// The same, on a new deal; the opportunity and the referral.
async fn in_conflict(stage: &mut Stage) -> (String, String) {
    let (opportunity, referral) = stage.pair("Fourth Coffee checkout", 48_000, false).await;
    conflict(stage, &opportunity, &referral, 50_000, 60_000).await;
    (opportunity, referral)
}

/// The one question about a deal, as a program reads it.
fn question(stage: &Stage, opportunity: &str) -> Value {
    let mut asked = stage.cosell_json(&["resolve", opportunity]);
    assert_eq!(asked.len(), 1, "{asked:#?}");
    asked.remove(0)
}

/// Types a command as it was shown.
fn types(stage: &Stage, command: &Value) -> (bool, String) {
    let words: Vec<&str> = command.as_str().expect("a command").split(' ').skip(1).collect();
    let output = stage.cosell(&words);
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    (output.status.success(), said)
}

async fn until_told(stage: &Stage, opportunity: &str, words: &str) {
    until(&format!("\"{words}\" in the history"), || async {
        let lines = stage.cosell_json(&["deals", "history", opportunity]);
        lines.iter().any(|line| line["sentence"].as_str().unwrap().contains(words)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn both_values_are_shown_all_other_fields_go_on_and_the_command_takes_either_side() {
    let mut stage = Stage::set_after(asks).await;
    let (opportunity, referral) = stage.pair("Fourth Coffee checkout", 48_000, false).await;
    for (take, won, lost) in [("salesforce", 50_000, "60000"), ("partner_center", 60_001, "50001")] {
        let (ours, theirs) = if take == "salesforce" { (50_000, 60_000) } else { (50_001, 60_001) };
        conflict(&mut stage, &opportunity, &referral, ours, theirs).await;
        let told = stage.until_opportunity(&opportunity, PROBLEM, mentions("changed on both sides")).await;
        let told = told.as_str().unwrap();
        for part in [&ours.to_string(), &theirs.to_string(), "saved", "cosell resolve"] {
            assert!(told.contains(part), "no {part} in {told}");
        }
        stage.until_referral(&referral, "/details/notes", says(&format!("Wants {ours}"))).await;
        assert!(is(theirs)(&stage.referral(&referral).await["details"]["dealValue"]));

        let question = question(&stage, &opportunity);
        let (done, said) = types(&stage, &question[take]["command"]);
        assert!(done, "{said}");
        stage.until_opportunity(&opportunity, "Amount", is(won)).await;
        stage.until_referral(&referral, "/details/dealValue", is(won)).await;
        stage.until_opportunity(&opportunity, PROBLEM, Value::is_null).await;
        let deal = stage.deal(&opportunity);
        let keeps = |row: &Value| row["archived"]["value"].to_string().contains(lost);
        assert!(deal["archive"].as_array().unwrap().iter().any(keeps), "the losing value is kept: {deal:#}");
        assert_eq!(deal["decisions"][0]["ended"][1], "carried_out");
        until_told(&stage, &opportunity, "Carried out what").await;
    }
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn nothing_is_decided_about_values_that_are_not_those_that_were_shown() {
    let mut stage = Stage::set_after(asks).await;
    let (opportunity, referral) = in_conflict(&mut stage).await;
    stage.until_opportunity(&opportunity, PROBLEM, mentions("changed on both sides")).await;
    let shown = question(&stage, &opportunity);
    // It changes before the command is typed: the person is shown what is there now.
    stage.seller_edits(&opportunity, json!({ "Amount": 51_000 })).await;
    let (done, said) = types(&stage, &shown["salesforce"]["command"]);
    assert!(!done && said.contains("not there any more") && said.contains("51000"), "{said}");
    // It changes between the decision and the pass: that hands it back, and asks again.
    stage.service.stop();
    let (done, said) = types(&stage, &question(&stage, &opportunity)["salesforce"]["command"]);
    assert!(done, "{said}");
    stage.colleague_edits(&referral, json!({ "/details/dealValue": 61_000 })).await;
    stage.service = stage.world.run();
    until_told(&stage, &opportunity, "Handed back what").await;
    stage.until_opportunity(&opportunity, PROBLEM, mentions("61000")).await;
    assert!(is(51_000)(&stage.opportunity(&opportunity).await["Amount"]));
    let deal = stage.deal(&opportunity);
    assert_eq!(deal["decisions"][0]["ended"][1], "handed_back", "{deal:#}");
    let (done, said) = types(&stage, &question(&stage, &opportunity)["partner_center"]["command"]);
    assert!(done, "{said}");
    stage.until_opportunity(&opportunity, "Amount", is(61_000)).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn the_second_of_two_persons_is_told_what_the_first_decided() {
    let mut stage = Stage::set_after(asks).await;
    let (opportunity, _) = in_conflict(&mut stage).await;
    stage.until_opportunity(&opportunity, PROBLEM, mentions("changed on both sides")).await;
    stage.service.stop();
    let take = |side: &str, who: &str, more: &[&str]| {
        let mut words = vec!["resolve", &opportunity, "deal_value", "--take", side, "--as", who];
        words.extend(more);
        let output = stage.cosell(&words);
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (done, said) = take("salesforce", "Ada", &[]);
    assert!(done, "{said}");
    let (done, said) = take("partner-center", "Bea", &[]);
    assert!(!done && said.contains("Ada decided about this already"), "{said}");
    let number = stage.deal(&opportunity)["decisions"][0]["id"].to_string();
    let (done, said) = take("partner-center", "Bea", &["--instead-of", &number]);
    assert!(done, "{said}");
    stage.service = stage.world.run();
    stage.until_opportunity(&opportunity, "Amount", is(60_000)).await;
    until_told(&stage, &opportunity, "Carried out what Bea decided").await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn a_value_that_lost_comes_back_on_both_sides_with_one_command() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = in_conflict(&mut stage).await;
    // Nobody can tell the order, so the mapping's owner won, and the referral's value is kept.
    stage.until_referral(&referral, "/details/dealValue", is(50_000)).await;
    let listed = stage.cosell_json(&["restore", &opportunity]);
    let lost = listed.iter().find(|row| row["archived"]["archived"]["value"].to_string().contains("60000"));
    let (done, said) = types(&stage, &lost.unwrap()["restore"]["command"]);
    assert!(done, "{said}");
    stage.until_opportunity(&opportunity, "Amount", is(60_000)).await;
    stage.until_referral(&referral, "/details/dealValue", is(60_000)).await;
    stage.both_judges_agree(1).await;
    // What it overwrote can be brought back in its turn.
    let listed = stage.cosell_json(&["restore", &opportunity]);
    assert!(listed[0]["archived"]["archived"]["value"].to_string().contains("50000"), "{listed:#?}");
}

#[tokio::test]
async fn p13_a_waiting_win_leaves_at_once_when_a_person_says_so() {
    let stage =
        Stage::set_after(|world| world.configure("close_grace = \"2s\"", "close_grace = \"30min\"")).await;
    let (opportunity, referral) = stage.pair("Fourth Coffee checkout", 48_000, false).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;
    stage.until_opportunity(&opportunity, "Co_sell_Status__c", mentions("waiting to be won")).await;
    let waits = stage.cosell_json(&["send-now", &opportunity]);
    let (done, said) = types(&stage, &waits[0]["command"]);
    assert!(done, "{said}");
    stage.until_referral(&referral, "/status", says("Closed")).await;
    stage
        .until_deal(&opportunity, "the decision carried out", |deal| {
            deal["decisions"][0]["ended"][1] == "carried_out"
        })
        .await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn p13_a_win_that_a_person_withdrew_is_not_sent_when_its_time_comes_unless_a_person_sends_it() {
    let mut stage =
        Stage::set_after(|world| world.configure("close_grace = \"2s\"", "close_grace = \"4s\"")).await;
    let (opportunity, referral) = stage.pair("Fourth Coffee checkout", 48_000, false).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;
    let waits = |deal: &Value| deal["deal"]["waiting"][0]["kind"] == "close";
    let deal = stage.until_deal(&opportunity, "the win waiting", waits).await;
    let time = deal["deal"]["waiting"][0]["not_before"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let (done, said) = types(&stage, &stage.cosell_json(&["withdraw", &opportunity])[0]["command"]);
    assert!(done, "{said}");
    stage.until_opportunity(&opportunity, PROBLEM, mentions("a person withdrew that")).await;
    until("the win's time", || async { (jiff::Timestamp::now() > time).then_some(()) }).await;
    // What is due is done, and other fields go on.
    stage.seller_edits(&opportunity, json!({ "Description": "Signed, but not ours" })).await;
    stage.until_referral(&referral, "/details/notes", says("Signed, but not ours")).await;
    stage.settle();
    assert_eq!(stage.referral(&referral).await["status"], "Active");
    stage.service = stage.world.run();
    assert!(stage.cosell(&["send-now", &opportunity, "close"]).status.success());
    stage.until_referral(&referral, "/status", says("Closed")).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn a_brake_is_released_beside_the_service() {
    let stage = Stage::set_after(|world| world.configure("brake_limit = 10000", "brake_limit = 1")).await;
    stage.pair("Fourth Coffee checkout", 48_000, false).await;
    let second = stage.new_opportunity("Relecloud hosting", 9_000).await;
    stage.opt_in(&second, false).await;
    // What rides in the creation is a kind of its own, with a brake of its own.
    for kind in ["create", "share"] {
        stage.until_opportunity(&second, PROBLEM, mentions(&format!("cosell release {kind}"))).await;
        let released = stage.cosell(&["release", kind, "--as", "Ada"]);
        assert!(released.status.success(), "{}", String::from_utf8_lossy(&released.stderr));
    }
    stage.referral_of(&second).await;
    stage.both_judges_agree(2).await;
}

#[tokio::test]
async fn the_portals_end_is_final_and_many_opportunities_follow_it_with_one_command() {
    let mut stage = Stage::set().await;
    let mut pairs = Vec::new();
    for name in ["Fourth Coffee checkout", "Relecloud hosting"] {
        pairs.push(stage.pair(name, 48_000, false).await);
    }
    stage.both_judges_agree(2).await;
    stage
        .while_it_is_away(async |world| {
            for (opportunity, referral) in &pairs {
                world.seller_edits(opportunity, json!({ "StageName": "Closed Won" })).await;
                let set = json!({ "/status": "Closed", "/substatus": "Lost" });
                world.acts("portal/edit", json!({ "id": referral, "set": set })).await;
            }
        })
        .await;
    for (opportunity, _) in &pairs {
        stage.until_opportunity(opportunity, PROBLEM, mentions("the portal's end is final")).await;
    }
    let asked = stage.cosell_json(&["resolve", "--all", "stage"]);
    assert!(asked[0]["salesforce"]["command"].is_null(), "final: {asked:#?}");
    assert!(asked[2]["all"]["partner_center"].is_string(), "{asked:#?}");
    let (done, said) = types(&stage, &asked[2]["all"]["partner_center"]);
    assert!(done, "{said}");
    for (opportunity, _) in &pairs {
        stage.until_opportunity(opportunity, "StageName", says("Closed Lost")).await;
        stage.until_opportunity(opportunity, PROBLEM, Value::is_null).await;
    }
}

#[tokio::test]
async fn what_a_person_reads_fits_eighty_columns_and_names_the_commands() {
    let mut stage = Stage::set_after(|world| {
        asks(world);
        world.configure("close_grace = \"2s\"", "close_grace = \"30min\"");
    })
    .await;
    let (opportunity, _) = in_conflict(&mut stage).await;
    stage.until_opportunity(&opportunity, PROBLEM, mentions("changed on both sides")).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;
    let waits = |deal: &Value| deal["deal"]["waiting"][0]["kind"] == "close";
    stage.until_deal(&opportunity, "the win waiting", waits).await;
    let opportunity = opportunity.as_str();
    for (words, parts) in [
        (vec!["deals", "show", opportunity], vec!["cosell resolve", "not before", "cosell withdraw"]),
        (vec!["resolve", opportunity], vec!["--take salesforce", "--take partner-center", "--shown"]),
        (vec!["send-now", opportunity], vec!["cosell send-now"]),
        (vec!["withdraw", opportunity], vec!["cosell withdraw"]),
        (vec!["restore", opportunity], vec![]),
    ] {
        let output = stage.cosell(&words);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{words:?}\n{text}");
        let text = text.replace("\\\n", "");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(parts.iter().all(|part| text.contains(part)), "{words:?}\n{text}");
    }
}
