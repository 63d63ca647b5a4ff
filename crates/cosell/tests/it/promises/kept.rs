//! What the referral holds beyond the mapping stays as it is, and what it cannot hold is told (M10, P9, P19).

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Platform, World},
    scenarios::says,
};

#[tokio::test]
async fn p19_registrations_and_attributes_that_no_field_is_mapped_to_survive_every_change_of_ours() {
    let world = World::start();
    let _service = world.run();
    let opportunity = world.new_opportunity("Northwind analytics rollout", 48_000).await;
    world.opt_in(&opportunity, false).await;
    let referral = world.referral_of(&opportunity).await;

    let registrations = json!([{ "id": "2c1b7a34-0000-4000-8000-00000000000f", "type": "AzureIPCoSell",
        "status": "ReviewPending" }]);
    let foreign = json!({ "type": "SolutionArea", "id": "DataAndAI" });
    let attributes = "/details/requirements/additionalRequirements/attributes";
    let mut listed = world.referral(&referral).await.pointer(attributes).unwrap().clone();
    listed.as_array_mut().unwrap().push(foreign.clone());
    let set = json!({ "/registrations": registrations, attributes: listed });
    world.acts("portal/edit", json!({ "id": referral, "set": set })).await;

    world
        .seller_creates(
            "Microsoft_Solution__c",
            json!({ "Opportunity__c": opportunity, "Name": "Fabrikam Edge", "Solution_Id__c": "SOL-67890-DEF" }),
        )
        .await;
    world.seller_edits(&opportunity, json!({ "Description": "The pilot went well", "Amount": 52_000 })).await;
    world.until_referral(&referral, "/details/notes", says("The pilot went well")).await;
    world.until_referral(&referral, "/details/requirements/solutions/1/id", says("SOL-67890-DEF")).await;

    let after = world.referral(&referral).await;
    assert_eq!(after["registrations"], registrations);
    assert!(after.pointer(attributes).unwrap().as_array().unwrap().contains(&foreign), "{after}");
    world.both_judges_agree(1).await;
}

#[tokio::test]
async fn p9_more_solutions_than_a_referral_holds_are_told_and_nothing_is_sent_until_one_is_gone() {
    let world = World::start();
    let _service = world.run();
    let opportunity = world.new_opportunity("Everything at once", 48_000).await;
    for number in 1..=50 {
        let id = format!("SOL-{number:05}-XYZ");
        world
            .seller_creates(
                "Microsoft_Solution__c",
                json!({ "Opportunity__c": opportunity, "Name": id, "Solution_Id__c": id }),
            )
            .await;
    }
    world.opt_in(&opportunity, false).await;
    let told = world.until_opportunity(&opportunity, "Co_sell_Problem__c", Value::is_string).await;
    assert!(told.as_str().is_some_and(|told| told.contains("50") && told.contains("olutions")), "{told}");
    let requests = world.control(Platform::PartnerCenter, Method::GET, "requests", None).await;
    let posts = requests["log"].as_array().unwrap().iter().filter(|exchange| exchange["kind"] == "create");
    assert_eq!(posts.count(), 0, "nothing was sent");

    let one = world
        .query(&format!(
            "SELECT Id FROM Microsoft_Solution__c WHERE Opportunity__c = '{opportunity}' AND Solution_Id__c = 'SOL-00001-XYZ'"
        ))
        .await;
    let row = format!("sobjects/Microsoft_Solution__c/{}", one[0]["Id"].as_str().unwrap());
    world.call(Method::DELETE, &world.salesforce(&row), Some(world.seller_token()), None).await;
    world.referral_of(&opportunity).await;
    world.until_opportunity(&opportunity, "Co_sell_Problem__c", Value::is_null).await;
    world.both_judges_agree(1).await;
}
