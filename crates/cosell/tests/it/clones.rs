//! A copy of an opted-in opportunity is nobody's deal: it causes no request, says why, and leaves the original alone.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Platform, World, until};

/// The referrals there are, of every organisation.
async fn referrals(world: &World) -> Vec<Value> {
    world.state(Platform::PartnerCenter).await["referrals"].as_array().unwrap().clone()
}

/// How often the portal was asked to create or change something.
async fn writes(world: &World) -> u64 {
    let report = world.control(Platform::PartnerCenter, Method::GET, "requests?log=false", None).await;
    let of = |kind: &str| report["by_kind"][kind].as_u64().unwrap_or(0);
    of("create") + of("create-companion") + of("patch")
}

/// Every request that reached the portal, as one text.
async fn requests(world: &World) -> String {
    let report = world.control(Platform::PartnerCenter, Method::GET, "requests", None).await;
    let log = report["log"].as_array().unwrap();
    let lines: Vec<String> =
        log.iter().map(|exchange| format!("{} {}", exchange["path"], exchange["request"])).collect();
    lines.join("\n")
}

/// The Clone button.
async fn cloned(world: &World, opportunity: &str, changes: Value) -> String {
    let body = json!({ "id": opportunity, "changes": changes });
    let answer = world.control(Platform::Salesforce, Method::POST, "actor/clone", Some(&body)).await;
    answer["id"].as_str().unwrap().to_owned()
}

async fn says_it_is_a_copy(world: &World, clone: &str) {
    world
        .until_opportunity(clone, "Co_sell_Problem__c", |problem| {
            problem.as_str().is_some_and(|problem| problem.contains("copy of one that is already shared"))
        })
        .await;
}

/// The original is edited on both sides, and each edit arrives.
async fn goes_on(world: &World, opportunity: &str, referral: &str, amount: i32, notes: &str) {
    world.seller_edits(opportunity, json!({ "Amount": amount })).await;
    world
        .until_referral(referral, "/details/dealValue", |value| value.as_f64() == Some(f64::from(amount)))
        .await;
    world.acts("portal/edit", json!({ "id": referral, "set": { "/details/notes": notes } })).await;
    world.until_opportunity(opportunity, "Description", |value| value == notes).await;
    let problem = &world.opportunity(opportunity).await["Co_sell_Problem__c"];
    assert!(problem.is_null(), "the original has no problem: {problem}");
}

/// A clone is made, seen, told, and no request of it ever left; both ways of the original stay open.
async fn a_clone_is_left_alone(world: &World) -> (String, String) {
    let original = world.new_opportunity("Fourth Coffee roll-out", 9_000).await;
    world.opt_in(&original, false).await;
    let referral = world.referral_of(&original).await;
    goes_on(world, &original, &referral, 9_100, "Before the copy").await;
    let (before, known) = (writes(world).await, referrals(world).await.len());

    let clone = cloned(world, &original, json!({ "Name": "Fourth Coffee renewal" })).await;
    says_it_is_a_copy(world, &clone).await;
    assert_eq!(writes(world).await, before, "the copy caused no write");
    // The copy's edits stay at home too.
    world.seller_edits(&clone, json!({ "Amount": 77_777, "Description": "An edit of the copy" })).await;
    goes_on(world, &original, &referral, 9_200, "After the copy").await;
    assert_eq!(writes(world).await, before + 1, "one write for the original's edit, none for the copy's");
    assert_eq!(referrals(world).await.len(), known, "no referral was born");
    let said = requests(world).await;
    for word in [clone.as_str(), &clone[..15], "Fourth Coffee renewal", "77777", "An edit of the copy"] {
        assert!(!said.contains(word), "{word} was told to the portal");
    }
    assert!(said.contains(&original), "the original was");
    let notes = &world.opportunity(&clone).await["Description"];
    assert_eq!(notes, "An edit of the copy", "the original's changes stay off the copy");
    (original, clone)
}

/// Cleared, the copy becomes a deal of its own.
async fn a_cleared_clone_is_born(world: &World, original: &str, clone: &str) {
    let cleared = json!({ "Referral_Identifier__c": null, "Co_sell_Origin__c": null, "Referral_Link__c": null,
        "Sync_with_Partner_Center__c": true });
    // A plain copy has no solutions yet.
    world
        .seller_creates(
            "Microsoft_Solution__c",
            json!({ "Opportunity__c": clone, "Name": "Fabrikam Insight", "Solution_Id__c": "SOL-12345-ABC" }),
        )
        .await;
    world.seller_edits(clone, cleared).await;
    let own = world.referral_of(clone).await;
    let first = &world.opportunity(original).await["Referral_Identifier__c"];
    assert_ne!(first, &json!(own), "a referral of its own");
    assert_eq!(world.referral(&own).await["externalReferenceId"], clone);
    world.until_opportunity(clone, "Co_sell_Problem__c", Value::is_null).await;
}

#[tokio::test]
async fn a_clone_whose_identifier_is_emptied_by_the_platform_is_left_alone_until_it_is_cleared() {
    let world = World::start();
    let _service = world.run();
    let (original, clone) = a_clone_is_left_alone(&world).await;
    assert!(
        world.opportunity(&clone).await["Referral_Identifier__c"].is_null(),
        "unique values are not copied"
    );
    a_cleared_clone_is_born(&world, &original, &clone).await;
}

#[tokio::test]
async fn a_clone_with_a_copied_identifier_is_left_alone_until_it_is_cleared() {
    let world = World::start();
    let knobs = json!({ "identifier_unique": false });
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
    let _service = world.run();
    let (original, clone) = a_clone_is_left_alone(&world).await;
    let copied = &world.opportunity(&clone).await["Referral_Identifier__c"];
    assert_eq!(
        copied,
        &world.opportunity(&original).await["Referral_Identifier__c"],
        "the identifier was copied"
    );
    a_cleared_clone_is_born(&world, &original, &clone).await;
}

#[tokio::test]
async fn an_identifier_altered_by_hand_is_restored_and_bears_nothing() {
    let world = World::start();
    let knobs = json!({ "identifier_unique": false });
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
    let _service = world.run();
    let first = world.new_opportunity("Tailspin kiosks", 1_000).await;
    world.opt_in(&first, false).await;
    let own = world.referral_of(&first).await;
    let second = world.new_opportunity("Tailspin tills", 2_000).await;
    world.opt_in(&second, false).await;
    let other = world.referral_of(&second).await;
    goes_on(&world, &first, &own, 1_100, "First").await;
    goes_on(&world, &second, &other, 2_100, "Second").await;
    let (before, known) = (writes(&world).await, referrals(&world).await.len());

    let altered = ["11111111-aaaa-4000-8000-000000000001".to_owned(), other.clone(), String::new()];
    for wrong in altered {
        let value = if wrong.is_empty() { Value::Null } else { json!(wrong) };
        world.seller_edits(&first, json!({ "Referral_Identifier__c": value })).await;
        world.until_opportunity(&first, "Referral_Identifier__c", |held| held == &own).await;
    }
    assert_eq!(writes(&world).await, before, "nothing was written to the portal");
    goes_on(&world, &first, &own, 1_200, "First again").await;
    goes_on(&world, &second, &other, 2_200, "Second again").await;
    assert_eq!(referrals(&world).await.len(), known, "no referral was born");
}

#[tokio::test]
async fn a_second_opportunity_with_a_linked_identifier_gets_the_problem_alone() {
    let world = World::start();
    let knobs = json!({ "identifier_unique": false });
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
    let _service = world.run();
    let first = world.new_opportunity("Wingtip fleet", 3_000).await;
    world.opt_in(&first, false).await;
    let referral = world.referral_of(&first).await;
    goes_on(&world, &first, &referral, 3_100, "First").await;
    let (before, known) = (writes(&world).await, referrals(&world).await.len());
    let second = world.new_opportunity("Wingtip lounge", 4_000).await;
    world.seller_edits(&second, json!({ "Referral_Identifier__c": referral })).await;
    world.opt_in(&second, false).await;
    says_it_is_a_copy(&world, &second).await;
    goes_on(&world, &first, &referral, 3_200, "First again").await;
    assert_eq!(writes(&world).await, before + 1, "one write for the first one's edit, none for the second");
    assert_eq!(referrals(&world).await.len(), known, "no referral was born");
    let said = requests(&world).await;
    assert!(!said.contains(&second[..15]) && !said.contains("Wingtip lounge"), "nothing of it was sent");
    until("the deals", || async {
        let deals = world.cosell_json(&["deals", "list"]);
        let problems = |deal: &&Value| deal["problems"].as_array().is_some_and(|all| !all.is_empty());
        (deals.len() == 2 && deals.iter().filter(problems).count() == 1).then_some(())
    })
    .await;
}
