//! Record types with sales processes of their own, in both directions (M12, M13), and sales stages as words or percentages.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Platform, World},
    scenarios::{ON_HOLD, Stage, invitation, says},
};

/// The process of services; all others have the common one. `NextStep` stands for a reason field of their own.
const MAPPING: &str = r#"
[record_types.Services.stages]
on_hold  = "Services: to answer"
active   = "Scoping"
declined = "Abandoned"
expired  = "Abandoned"
error    = "Abandoned"
"Planning"    = "active:Develop"
"Signed"      = "won"
"Abandoned"   = { stage = "lost", reason = "NextStep" }
"Closed Won"  = "off"
"Closed Lost" = "off"
[record_types.Services.reasons]
"Too dear" = "Project budget isn't adequate"
"#;

const ROUTES: &str = r#"
[[inbound.route]]
where = [{ field = "country", in = ["CH"] }]
record_type = "Services"
[[inbound.route]]
record_type = "Co_sell"
"#;

/// Both platforms, an org with two sales processes that refuses the stages of the other one, and the program.
async fn two_processes() -> Stage {
    let world = World::start();
    let stage = |name: &str, percent: u32, closed: bool, won: bool| json!({ "name": name, "probability": percent, "closed": closed, "won": won });
    let knobs = json!({
        "own_stages": [
            stage("Services: to answer", 5, false, false), stage("Scoping", 20, false, false),
            stage("Planning", 60, false, false), stage("Signed", 100, true, true), stage("Abandoned", 0, true, false),
        ],
        "sales_processes": [
            { "record_type": "Services", "stages": ["Services: to answer", "Scoping", "Planning", "Signed", "Abandoned"] },
            { "record_type": "Co_sell", "stages": [ON_HOLD, "Qualification", "Proposal/Price Quote", "Closed Won", "Closed Lost"] },
        ],
    });
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
    world.listen_for_events().await;
    world.configure("[engine]", "[engine]\nreport_every = \"1s\"");
    let path = world.folder().join("mapping.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replacen("[stages]\n", "[stages]\n\"Proposal/Price Quote\" = \"active:80\"\n", 1);
    std::fs::write(path, format!("{text}{ROUTES}{MAPPING}")).unwrap();
    let service = world.run();
    Stage { world, service }
}

fn from(country: &str, name: &str) -> Value {
    let mut invitation = invitation(name);
    invitation["customerProfile"]["address"]["country"] = json!(country);
    invitation
}

async fn record_type(stage: &Stage, name: &str) -> String {
    stage.first(&format!("SELECT Id FROM RecordType WHERE DeveloperName = '{name}'")).await
}

#[tokio::test]
async fn m13_a_received_referral_goes_the_way_of_its_record_types_process() {
    let stage = two_processes().await;
    let (services, theirs) = stage.invited(from("CH", "Managed service")).await;
    let (cosell, ours) = stage.invited(from("DE", "Licence rollout")).await;
    let row = stage.opportunity(&services).await;
    assert_eq!(row["RecordTypeId"], json!(record_type(&stage, "Services").await));
    assert_eq!(row["StageName"], "Services: to answer");
    let row = stage.opportunity(&cosell).await;
    assert_eq!(row["RecordTypeId"], json!(record_type(&stage, "Co_sell").await));
    assert_eq!(row["StageName"], ON_HOLD);

    // Leaving the on-hold stage of its own process accepts.
    stage.seller_edits(&services, json!({ "StageName": "Scoping" })).await;
    stage.seller_edits(&cosell, json!({ "StageName": "Qualification" })).await;
    stage.until_referral(&theirs, "/status", says("Active")).await;
    stage.until_referral(&ours, "/status", says("Active")).await;

    // The sales stage in words, and as a percentage.
    stage.seller_edits(&services, json!({ "StageName": "Planning" })).await;
    stage.seller_edits(&cosell, json!({ "StageName": "Proposal/Price Quote" })).await;
    stage.until_referral(&theirs, "/salesStage", says("Develop")).await;
    stage.until_referral(&ours, "/salesStage", says("80")).await;

    // Lost with the reason of the process's own field, won with its own stage.
    stage.seller_edits(&services, json!({ "StageName": "Abandoned", "NextStep": "Too dear" })).await;
    stage.seller_edits(&cosell, json!({ "StageName": "Closed Won" })).await;
    stage.until_referral(&theirs, "/substatus", says("Lost")).await;
    stage.until_referral(&theirs, "/statusReason", says("Project budget isn't adequate")).await;
    stage.until_referral(&ours, "/substatus", says("Won")).await;
}

#[tokio::test]
async fn m12_what_the_portal_says_is_written_as_a_stage_of_the_record_types_process() {
    let stage = two_processes().await;
    let mut pairs = Vec::new();
    for (name, first) in [("Services", "Scoping"), ("Services", "Scoping"), ("Co_sell", "Qualification")] {
        let opportunity = stage.new_opportunity(&format!("{name} deal"), 12_000).await;
        let record_type = record_type(&stage, name).await;
        stage.seller_edits(&opportunity, json!({ "RecordTypeId": record_type, "StageName": first })).await;
        stage.opt_in(&opportunity, false).await;
        let referral = stage.referral_of(&opportunity).await;
        pairs.push((opportunity, referral));
    }
    let [(won, by_won), (lost, by_lost), (cosell, by_cosell)] = pairs.as_slice() else {
        panic!("three pairs")
    };
    stage.colleague_edits(by_won, json!({ "/salesStage": "Develop" })).await;
    stage.colleague_edits(by_cosell, json!({ "/salesStage": "80" })).await;
    stage.until_opportunity(won, "StageName", says("Planning")).await;
    stage.until_opportunity(cosell, "StageName", says("Proposal/Price Quote")).await;

    for (referral, substatus, reason) in [
        (by_won, "Won", Value::Null),
        (by_lost, "Lost", json!("Project budget isn't adequate")),
        (by_cosell, "Lost", json!("Customer didn't respond")),
    ] {
        let close = json!({ "id": referral, "substatus": substatus, "reason": reason });
        stage.acts("portal/close", close).await;
    }
    stage.until_opportunity(won, "StageName", says("Signed")).await;
    stage.until_opportunity(lost, "StageName", says("Abandoned")).await;
    stage.until_opportunity(lost, "NextStep", says("Too dear")).await;
    stage.until_opportunity(cosell, "StageName", says("Closed Lost")).await;
    stage.until_opportunity(cosell, "Loss_Reason__c", says("Customer didn't respond")).await;
}

#[tokio::test]
async fn m1_the_stages_of_every_record_type_are_compared_with_the_org() {
    let world = World::start();
    let path = world.folder().join("mapping.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{text}{MAPPING}")).unwrap();
    let lines = world.cosell_json(&["check"]);
    let lines: Vec<&Value> = lines
        .iter()
        .flat_map(|line| line["findings"].as_array().map_or_else(|| vec![line], |all| all.iter().collect()))
        .collect();
    for id in ["salesforce.stage.scoping", "salesforce.record_types"] {
        let line =
            lines.iter().find(|line| line["id"] == id).unwrap_or_else(|| panic!("no line {id}: {lines:#?}"));
        assert_eq!(line["verdict"], "fail", "{line}");
    }
}
