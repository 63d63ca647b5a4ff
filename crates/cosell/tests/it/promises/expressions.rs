//! Fields that the mapping computes: written when what they are computed from changes, and at no other time (M12).

use serde_json::{Value, json};

use crate::{
    harness::{Platform, World},
    scenarios::{Stage, invitation, mentions, says},
};

const MINE: &str = r#"
[fields.deal_name]
to_salesforce = '{{ referral.name ~ " (" ~ referral.customerProfile.name ~ ")" }}'

[fields.notes]
default.to_partner_center = '{{ opportunity.Account.Name ~ " co-sell" }}'
"#;

fn map(world: &World, lines: &str) {
    let path = world.folder().join("mapping.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{text}\n{lines}\n")).unwrap();
}

/// How many requests changed something that is mapped, on both platforms.
async fn writes(stage: &Stage) -> usize {
    let mut count = 0;
    for platform in [Platform::Salesforce, Platform::PartnerCenter] {
        let log = stage.log(platform).await;
        count += log
            .iter()
            .filter(|exchange| {
                let request = exchange["request"].as_str().unwrap_or_default();
                exchange["method"] == "PATCH" || request.contains("\"PATCH\"")
            })
            .count();
    }
    count
}

/// Nothing is left to do, nothing is done when everything is looked at again, and every pair counts as equal.
async fn all_is_quiet(stage: &mut Stage) {
    stage.settle();
    let before = writes(stage).await;
    assert!(stage.cosell(&["sync", "--once"]).status.success());
    assert_eq!(writes(stage).await, before, "a second look writes nothing");
    let verified = stage.verified();
    assert_eq!(verified["counts"], json!({ "equal": verified["deals"] }), "{verified:#}");
}

#[tokio::test]
async fn m12_a_computed_name_follows_what_it_is_computed_from_and_leaves_alone_what_people_type() {
    let mut stage = Stage::set_after(|world| map(world, MINE)).await;
    let (opportunity, referral) = stage.invited(invitation("Wind farm")).await;
    assert_eq!(stage.opportunity(&opportunity).await["Name"], "Wind farm (Contoso AG)");
    assert_eq!(stage.referral(&referral).await["name"], "Wind farm", "nothing bounces");

    stage.colleague_edits(&referral, json!({ "/name": "Solar park" })).await;
    stage.until_opportunity(&opportunity, "Name", says("Solar park (Contoso AG)")).await;

    // What the seller types stays there, and is not overwritten by a change of something else.
    stage.seller_edits(&opportunity, json!({ "Name": "My own words" })).await;
    stage.colleague_edits(&referral, json!({ "/details/notes": "Said at the portal" })).await;
    stage.until_opportunity(&opportunity, "Description", says("Said at the portal")).await;
    assert_eq!(stage.opportunity(&opportunity).await["Name"], "My own words");
    assert_eq!(stage.referral(&referral).await["name"], "Solar park");
    all_is_quiet(&mut stage).await;
    assert_eq!(stage.opportunity(&opportunity).await["Name"], "My own words");

    // Only a change of the expression's own result writes again.
    stage.service = stage.world.run();
    stage.colleague_edits(&referral, json!({ "/name": "Solar park II" })).await;
    stage.until_opportunity(&opportunity, "Name", says("Solar park II (Contoso AG)")).await;
    all_is_quiet(&mut stage).await;
}

#[tokio::test]
async fn m12_a_default_is_computed_where_the_source_is_empty_and_gives_way_to_what_is_typed() {
    let mut stage = Stage::set_after(|world| map(world, MINE)).await;
    let opportunity = stage.new_opportunity("Northwind", 48_000).await;
    stage.seller_edits(&opportunity, json!({ "Description": null })).await;
    stage.opt_in(&opportunity, false).await;
    let referral = stage.referral_of(&opportunity).await;
    let born = stage.referral(&referral).await;
    assert_eq!(born.pointer("/details/notes"), Some(&json!("Northwind customer co-sell")));
    // The name goes along at creation as it is; what is computed for Salesforce does not come back for it.
    assert_eq!(born["name"], "Northwind");
    stage.until_opportunity(&opportunity, "Co_sell_Status__c", Value::is_string).await;
    all_is_quiet(&mut stage).await;
    let seen = stage.opportunity(&opportunity).await;
    assert_eq!((&seen["Name"], &seen["Description"]), (&json!("Northwind"), &Value::Null));

    stage.service = stage.world.run();
    stage.seller_edits(&opportunity, json!({ "Description": "Wants a pilot" })).await;
    stage.until_referral(&referral, "/details/notes", says("Wants a pilot")).await;
    all_is_quiet(&mut stage).await;
}

#[tokio::test]
async fn m12_a_record_that_an_expression_cannot_use_is_a_problem_of_that_field_alone() {
    let lines = r#"
[fields.deal_name]
to_salesforce = '{{ referral.name ~ " / " ~ referral.customerProfile.address.state }}'
required = { to_salesforce = false }
"#;
    let mut stage = Stage::set_after(|world| map(world, lines)).await;
    let mut with_state = invitation("Wind farm");
    with_state["customerProfile"]["address"]["state"] = json!("ZH");
    let (opportunity, referral) = stage.invited(with_state).await;
    assert_eq!(stage.opportunity(&opportunity).await["Name"], "Wind farm / ZH");

    // The state is gone: the name stays what it was, and a person reads which place is empty.
    stage
        .colleague_edits(&referral, json!({ "/customerProfile/address/state": null, "/name": "Solar park" }))
        .await;
    let told = stage
        .until_opportunity(&opportunity, "Co_sell_Problem__c", mentions("customerProfile.address.state"))
        .await;
    assert!(told.as_str().unwrap().contains("cannot be worked out"), "{told}");
    stage.colleague_edits(&referral, json!({ "/details/dealValue": 300_000 })).await;
    stage.until_opportunity(&opportunity, "Amount", |value| value.as_f64() == Some(300_000.0)).await;
    assert_eq!(stage.opportunity(&opportunity).await["Name"], "Wind farm / ZH", "never a wrong value");

    // The problem clears by itself.
    stage.colleague_edits(&referral, json!({ "/customerProfile/address/state": "BE" })).await;
    stage.until_opportunity(&opportunity, "Name", says("Solar park / BE")).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", Value::is_null).await;
    stage.settle();
}

#[tokio::test]
async fn m12_a_default_that_cannot_be_computed_is_told_and_the_deal_is_born_without_the_field() {
    let lines = "[fields.notes]\ndefault.to_partner_center = '{{ opportunity.NextStep ~ \"!\" }}'\n";
    let mut stage = Stage::set_after(|world| map(world, lines)).await;
    let opportunity = stage.new_opportunity("Northwind", 48_000).await;
    stage.seller_edits(&opportunity, json!({ "Description": null })).await;
    stage.opt_in(&opportunity, false).await;
    let referral = stage.referral_of(&opportunity).await;
    stage
        .until_opportunity(
            &opportunity,
            "Co_sell_Problem__c",
            mentions("`NextStep` of the opportunity is empty"),
        )
        .await;
    let born = stage.referral(&referral).await;
    assert_eq!(born["name"], "Northwind");
    assert_eq!(born.pointer("/details/notes").and_then(Value::as_str).unwrap_or_default(), "");
    // What comes from the other side is let through, and then nothing is missing.
    stage.colleague_edits(&referral, json!({ "/details/notes": "Said at the portal" })).await;
    stage.until_opportunity(&opportunity, "Description", says("Said at the portal")).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", Value::is_null).await;
    all_is_quiet(&mut stage).await;
}
