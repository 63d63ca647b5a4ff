//! A mapping that changes on a running system rewrites nothing by itself; what it would rewrite is shown, and made so only
//! when a person asks.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Platform, World, until},
    scenarios::{Stage, says},
};

/// A field of the company's own with a table, and two stages with the meaning that Salesforce gives them.
const BEFORE: &str = r#"
[fields.notes]
direction = "off"

[fields.wish]
type = "choice"
label = "Wish"
partner_center = "/details/notes"
salesforce = "Opportunity.Description"

[fields.wish.values]
"Wants a pilot" = "Pilot"
"#;
/// The table says something else, a field is new, and a stage in which deals are means that they are won.
const AFTER: &str = r#"
[fields.notes]
direction = "off"

[fields.wish]
type = "choice"
label = "Wish"
partner_center = "/details/notes"
salesforce = "Opportunity.Description"

[fields.wish.values]
"Wants a pilot" = "Trial"
"Has a pilot" = "Pilot"

[fields.qualification]
type = "text"
label = "Qualification"
partner_center = "/qualification"
salesforce = "Opportunity.NextStep"
direction = "to_salesforce"

[stages]
"Negotiation/Review" = "won"
"#;
/// What only the program itself says on an opportunity: no field of the merge.
const REPORT: [&str; 4] = ["Audit__c", "Co_sell_Status__c", "Co_sell_Problem__c", "Co_sell_Synced_At__c"];

fn map(world: &World, more: &str) {
    let path = world.folder().join("mapping.toml");
    let base = fs::read_to_string(world.folder().join("mapping.base")).unwrap_or_else(|_| {
        let text = fs::read_to_string(&path).unwrap();
        fs::write(world.folder().join("mapping.base"), &text).unwrap();
        text
    });
    // A table of the company's own stands already; its lines go into it.
    let (stages, rest) = more.split_once("[stages]").map_or(("", more), |(rest, stages)| (stages, rest));
    let base = base.replacen("[stages]", &format!("[stages]{stages}"), 1);
    fs::write(path, format!("{base}{rest}")).unwrap();
}

/// Every field that Salesforce was asked to write, by the composite calls and by single ones.
async fn written_to_salesforce(stage: &Stage) -> Vec<String> {
    let mut written = Vec::new();
    for exchange in stage.log(Platform::Salesforce).await {
        let Ok(body) = serde_json::from_str::<Value>(exchange["request"].as_str().unwrap_or_default()) else {
            continue;
        };
        for part in body["compositeRequest"].as_array().into_iter().flatten() {
            if part["method"] != "GET" {
                written.extend(part["body"].as_object().into_iter().flat_map(|body| body.keys().cloned()));
            }
        }
    }
    written.retain(|field| !REPORT.contains(&field.as_str()));
    written
}

async fn written_to_the_portal(stage: &Stage) -> usize {
    let log = stage.log(Platform::PartnerCenter).await;
    log.iter().filter(|exchange| exchange["kind"] == "patch" || exchange["kind"] == "create").count()
}

async fn forget_traffic(world: &World) {
    for platform in [Platform::PartnerCenter, Platform::Salesforce] {
        world.control(platform, Method::DELETE, "requests", None).await;
    }
}

fn rewrites(stage: &Stage, apply: bool) -> Value {
    let mut arguments = vec!["mapping", "rewrite"];
    arguments.extend(apply.then_some("--apply"));
    stage.cosell_json(&arguments).pop().unwrap()
}

#[tokio::test]
async fn a_changed_mapping_rewrites_nothing_until_a_person_applies_it_and_then_exactly_what_was_shown() {
    let mut stage = Stage::set_after(|world| map(world, BEFORE)).await;
    let mut pairs = Vec::new();
    for (name, amount) in [("Fourth Coffee", 10_000), ("Coho winery", 20_000), ("Alpine ski house", 30_000)] {
        pairs.push(stage.pair(name, amount, false).await);
    }
    for (_, referral) in &pairs {
        stage.until_referral(referral, "/details/notes", says("Pilot")).await;
    }
    let (won, wons) = pairs[0].clone();
    let moved = won.clone();
    stage.until_opportunity(&won, "Co_sell_Status__c", says("in step")).await;
    stage.seller_edits(&won, json!({ "StageName": "Negotiation/Review" })).await;
    let seen = |deal: &Value| deal["deal"]["memory"]["life"]["crm"]["active"].is_object();
    stage.until_deal(&won, "the stage, seen as an open one", seen).await;
    stage.settle();
    let version = stage.cosell_json(&["deals", "history", &won]).pop().unwrap()["mapping"].clone();

    // The administrator edits the file; a look at the plan writes nothing and says what is remapped.
    map(&stage, AFTER);
    forget_traffic(&stage).await;
    let plan = stage.cosell_json(&["plan", &won]).pop().unwrap();
    assert_eq!(plan["plan"]["effects"], json!([]), "{plan:#}");
    assert_eq!(
        (&plan["remapped"], &plan["stage_remapped"]),
        (&json!(["qualification", "wish"]), &json!(true))
    );
    stage.service = stage.world.run();

    // Every deal is looked at under the new mapping, and says so in its history.
    for (opportunity, _) in &pairs {
        let told = until("a line of history", async || {
            let lines = stage.cosell_json(&["deals", "history", opportunity]);
            lines.into_iter().find(|line| line["what"] == "remapped")
        })
        .await;
        assert!(told["sentence"].as_str().unwrap().contains("Wish"), "{told}");
        assert_ne!(told["mapping"], version, "an audit row carries the version it was written under");
    }
    stage.settle();
    assert_eq!(written_to_the_portal(&stage).await, 0, "nothing is rewritten, accepted or closed");
    assert_eq!(written_to_salesforce(&stage).await, [""; 0]);
    assert_eq!(stage.referral(&wons).await["status"], "Active");
    let verified = stage.verified();
    assert_eq!(verified["counts"], json!({ "remapped": 2, "problem": 1 }), "{verified:#}");
    let text = |arguments: &[&str]| String::from_utf8(stage.cosell(arguments).stdout).unwrap();
    assert!(text(&["deals", "show", &won]).contains("wish, since the mapping changed"));
    let history = text(&["deals", "history", &won]);
    assert_eq!(history.lines().filter(|line| line.starts_with("mapping ")).count(), 2, "{history}");
    let told: String = stage.cosell_json(&["connections"]).iter().map(Value::to_string).collect();
    assert!(told.contains("3 deals differ since the mapping changed"), "{told}");

    // It is shown by deal and field, at 80 columns too; nothing is sent for that.
    let shown = rewrites(&stage, false);
    assert_eq!(
        shown["counts"],
        json!({ "deals": 3, "rewritten": 6, "held_back": 0, "decided_before": 0, "stages": 1, "unread": 0 }),
        "{shown:#}"
    );
    let text = String::from_utf8(stage.cosell(&["mapping", "rewrite"]).stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("nothing was written") && text.contains("never rewritten from here"), "{text}");
    assert_eq!(written_to_the_portal(&stage).await, 0);

    // Applied, exactly that is written, and no stage.
    stage.service = stage.world.run();
    rewrites(&stage, true);
    for (opportunity, referral) in &pairs {
        stage.until_referral(referral, "/details/notes", says("Trial")).await;
        stage.until_opportunity(opportunity, "NextStep", says("SalesQualified")).await;
    }
    stage.settle();
    assert_eq!(written_to_the_portal(&stage).await, 3, "one change a referral");
    let mut written = written_to_salesforce(&stage).await;
    written.sort_unstable();
    assert_eq!(written, ["NextStep"; 3]);
    assert_eq!(stage.referral(&wons).await["status"], "Active", "no stage is rewritten");
    assert_eq!(rewrites(&stage, false)["counts"]["deals"], 1, "only the stage is left");

    // A later edit flows as ever.
    stage.service = stage.world.run();
    stage.seller_edits(&moved, json!({ "Description": "Has a pilot" })).await;
    stage.until_referral(&wons, "/details/notes", says("Pilot")).await;
    // And so does a deal that begins now, under the new mapping.
    let (_, fresh) = stage.pair("Lucerne publishing", 40_000, false).await;
    stage.until_referral(&fresh, "/details/notes", says("Trial")).await;
}
