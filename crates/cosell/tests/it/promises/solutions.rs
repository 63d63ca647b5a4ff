//! Solutions that a seller picks from a catalogue, filled from a file and from ids seen (M19).

use std::fs;

use serde_json::{Value, json};

use crate::{
    harness::{Platform, World, until},
    scenarios::{Stage, invitation},
};

const FILE: &str = "id,name,publisher,type,ready,active\n\
                    SOL-1,Fabrikam Insight,Fabrikam,IP,true,true\n\
                    SOL-2,\"Fabrikam, the works\",Fabrikam,IP,true,true\n\
                    SOL-3,Fabrikam Next,Fabrikam,IP,false,true\n";

/// The mapping uses the org's catalogue.
fn catalogue(world: &World) {
    let path = world.folder().join("mapping.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{text}\n[catalogue]\nuse = true\n")).unwrap();
}

/// What an import of this file answers.
fn imported(world: &World, text: &str, more: &[&str]) -> Value {
    let path = world.folder().join("solutions.csv");
    fs::write(&path, text).unwrap();
    let mut arguments = vec!["solutions", "import", path.to_str().unwrap()];
    arguments.extend(more);
    world.cosell_json(&arguments).pop().unwrap()
}

fn deeds(answer: &Value) -> Vec<String> {
    let steps = answer["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            assert_eq!(step["refused"], Value::Null, "{step}");
            format!("{} {}", step["deed"].as_str().unwrap(), step["solution"]["id"].as_str().unwrap())
        })
        .collect()
}

async fn entries(world: &World) -> Vec<Value> {
    let soql = "SELECT Id, Solution_Id__c, Name, Ready__c, Active__c FROM Microsoft_Solution_Catalog__c \
                ORDER BY Solution_Id__c";
    world.query(soql).await
}

async fn entry(world: &World, id: &str) -> Value {
    entries(world).await.into_iter().find(|entry| entry["Solution_Id__c"] == id).unwrap()["Id"].clone()
}

/// An opportunity whose only solution is one that its seller picked.
async fn picked(stage: &Stage, name: &str, id: &str) -> String {
    let opportunity = stage.new_opportunity(name, 90_000).await;
    let typed = stage
        .first(&format!("SELECT Id FROM Microsoft_Solution__c WHERE Opportunity__c = '{opportunity}'"))
        .await;
    stage.seller_deletes("Microsoft_Solution__c", &typed).await;
    let row = json!({ "Opportunity__c": opportunity, "Catalog_Solution__c": entry(stage, id).await });
    stage.seller_creates("Microsoft_Solution__c", row).await;
    opportunity
}

#[tokio::test]
async fn m19_a_file_fills_the_catalogue_once_and_a_second_import_does_nothing() {
    let world = World::start();
    catalogue(&world);
    let shown = imported(&world, FILE, &[]);
    assert_eq!(deeds(&shown), ["create SOL-1", "create SOL-2", "create SOL-3"]);
    assert_eq!(entries(&world).await, [] as [Value; 0], "nothing is written without --apply");
    assert_eq!(deeds(&imported(&world, FILE, &["--apply"])).len(), 3);
    let filled = entries(&world).await;
    assert_eq!(filled.len(), 3);
    assert_eq!(filled[1]["Name"], "Fabrikam, the works");
    assert_eq!(deeds(&imported(&world, FILE, &["--apply"])), [] as [&str; 0]);

    // A file that lacks some deactivates them only when it is told to; nothing is deleted.
    let less = "id,name\nSOL-1,Fabrikam Insight 2\n";
    assert_eq!(deeds(&imported(&world, less, &["--apply"])), ["change SOL-1"]);
    let told = imported(&world, less, &["--apply", "--deactivate-missing"]);
    assert_eq!(deeds(&told), ["deactivate SOL-2", "deactivate SOL-3"]);
    let after = entries(&world).await;
    assert_eq!(after.iter().map(|entry| &entry["Active__c"]).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(after[0]["Name"], "Fabrikam Insight 2");
    let text = String::from_utf8(world.cosell(&["solutions", "list"]).stdout).unwrap();
    assert!(text.contains("SOL-1") && text.lines().all(|line| line.chars().count() <= 80), "{text}");

    let broken = world.cosell(&["solutions", "import", "/nowhere/solutions.csv"]);
    assert!(!broken.status.success() && String::from_utf8_lossy(&broken.stderr).contains("fix: "));
    // The org has all that the mapping names.
    let checked = world.cosell_json(&["check"]);
    let line = checked
        .iter()
        .flat_map(|line| line["findings"].as_array().cloned().unwrap_or_else(|| vec![line.clone()]));
    let line = line.into_iter().find(|line| line["id"] == "salesforce.object.Microsoft_Solution_Catalog__c");
    assert_eq!(line.expect("a line for the catalogue")["verdict"], "pass");
}

#[tokio::test]
async fn m19_a_solution_that_the_seller_picks_is_the_referrals_with_its_id_and_name_and_the_primary_is_its_target()
 {
    let stage = Stage::set_after(catalogue).await;
    imported(&stage.world, FILE, &["--apply"]);
    let opportunity = picked(&stage, "Picked", "SOL-1").await;
    let primary = entry(&stage, "SOL-2").await;
    let row = json!({ "Opportunity__c": opportunity, "Catalog_Solution__c": primary, "Primary__c": true });
    stage.seller_creates("Microsoft_Solution__c", row).await;
    stage.opt_in(&opportunity, true).await;
    let referral = stage.referral_of(&opportunity).await;
    let posted = stage.referral(&referral).await;
    let mut solutions = posted["details"]["requirements"]["solutions"].as_array().unwrap().clone();
    solutions.sort_by_key(|solution| solution["id"].to_string());
    let told: Vec<_> = solutions.iter().map(|it| (&it["id"], &it["name"], &it["publisherName"])).collect();
    assert_eq!(
        told,
        [
            (&json!("SOL-1"), &json!("Fabrikam Insight"), &json!("Fabrikam")),
            (&json!("SOL-2"), &json!("Fabrikam, the works"), &json!("Fabrikam")),
        ]
    );
    until("Microsoft's invitation", || stage.microsofts_now(&referral)).await;
    let invitation = stage.taken("create").await.pop().unwrap();
    assert_eq!(invitation["target"][0]["id"], "SOL-2", "{invitation}");
}

#[tokio::test]
async fn m19_a_solution_of_a_referral_refers_to_its_entry_and_an_unseen_one_is_added_neither_active_nor_ready()
 {
    let stage = Stage::set_after(catalogue).await;
    imported(&stage.world, FILE, &["--apply"]);
    let mut received = invitation("Two solutions");
    received["details"]["requirements"]["solutions"] = json!([
        { "id": "SOL-1", "name": "Fabrikam Insight", "type": "Name" },
        { "id": "SOL-9", "name": "Never seen", "type": "Name" },
    ]);
    let (opportunity, _) = stage.invited(received).await;
    let soql = format!(
        "SELECT Solution_Id__c, Catalog_Solution__c FROM Microsoft_Solution__c WHERE Opportunity__c = \
         '{opportunity}' ORDER BY Solution_Id__c"
    );
    let rows = stage.query(&soql).await;
    let all = entries(&stage).await;
    assert_eq!(all.len(), 4);
    let added = all.iter().find(|entry| entry["Solution_Id__c"] == "SOL-9").unwrap();
    assert_eq!(
        (&added["Name"], &added["Ready__c"], &added["Active__c"]),
        (&json!("Never seen"), &json!(false), &json!(false))
    );
    assert_eq!(rows[0]["Catalog_Solution__c"], entry(&stage, "SOL-1").await);
    assert_eq!(rows[1]["Catalog_Solution__c"], added["Id"]);
    let known = all.iter().find(|entry| entry["Solution_Id__c"] == "SOL-1").unwrap();
    assert_eq!((&known["Ready__c"], &known["Active__c"]), (&json!(true), &json!(true)), "never overwritten");
}

#[tokio::test]
async fn m19_a_solution_that_is_not_ready_is_told_before_anything_is_posted_and_goes_once_it_is_ready() {
    let stage = Stage::set_after(catalogue).await;
    imported(&stage.world, FILE, &["--apply"]);
    let opportunity = picked(&stage, "Too early", "SOL-3").await;
    stage.opt_in(&opportunity, false).await;
    let told = stage
        .until_opportunity(&opportunity, "Co_sell_Problem__c", |told| {
            told.as_str().is_some_and(|told| told.contains("\"SOL-3\" is not co-sell ready"))
        })
        .await;
    assert!(told.as_str().unwrap().contains("Pick another solution"), "{told}");
    let posts = stage.log(Platform::PartnerCenter).await;
    assert!(posts.iter().all(|exchange| exchange["kind"] != "create"), "nothing is posted");
    let ready = FILE.replace("IP,false,true", "IP,true,true");
    let told = imported(&stage.world, &ready, &["--apply"]);
    assert_eq!((deeds(&told), &told["looked_at"]), (vec!["change SOL-3".to_owned()], &json!(1)));
    // Nobody saves the opportunity: the import has it looked at.
    let referral = stage.referral_of(&opportunity).await;
    assert_eq!(stage.referral(&referral).await["details"]["requirements"]["solutions"][0]["id"], "SOL-3");
}
