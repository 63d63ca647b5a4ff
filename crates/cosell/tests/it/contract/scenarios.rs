//! The two end-to-end scenarios through the validating proxy.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    differences::{Differences, How},
    file,
    proxy::Proxy,
    published,
};
use crate::{
    harness::World,
    scenarios::{invitation, is, says},
};

/// A world whose program reaches Partner Center through the proxy alone.
async fn watched(description: &Path) -> (World, Proxy) {
    let world = World::start();
    let upstream = world.ready["partner_center"]["api_url"].as_str().unwrap().to_owned();
    let proxy = Proxy::before(&upstream, description, world.folder()).await;
    world.configure(&format!("api_url = \"{upstream}\""), &format!("api_url = \"{}\"", proxy.url));
    world.listen_for_events().await;
    (world, proxy)
}

/// Every kind of call that the program makes: lists, reads, both creations, patches of every field, both endings.
async fn play(world: &World) {
    // Out: shared first, help asked later, edits on both sides, won.
    let opportunity = world.new_opportunity("Northwind analytics rollout", 48_000).await;
    world.opt_in(&opportunity, false).await;
    let referral = world.referral_of(&opportunity).await;
    let help =
        json!({ "How_can_Microsoft_help__c": "Quotes or licensing", "Notes_to_Microsoft__c": "Licences" });
    world.seller_edits(&opportunity, help).await;
    world.until_opportunity(&opportunity, "Microsoft_Status__c", says("Pending")).await;
    let engagement = world.referral(&referral).await["engagementId"].clone();
    world.acts("microsoft/accept", json!({ "engagementId": engagement, "microsoftMsxId": "7-1NORTH" })).await;
    world.until_opportunity(&opportunity, "Microsoft_CRM_Identifier__c", says("7-1NORTH")).await;
    let edits = json!({ "Amount": 52_000.50, "CloseDate": "2027-05-15", "Description": "Pilot signed" });
    world.seller_edits(&opportunity, edits).await;
    world.until_referral(&referral, "/details/dealValue", |value| *value == json!(52_000.5)).await;
    world.until_referral(&referral, "/details/notes", says("Pilot signed")).await;
    world
        .seller_creates(
            "Microsoft_Solution__c",
            json!({ "Opportunity__c": opportunity, "Name": "Fabrikam Flow", "Solution_Id__c": "SOL-67890-XYZ" }),
        )
        .await;
    world.until_referral(&referral, "/details/requirements/solutions/1/id", says("SOL-67890-XYZ")).await;
    let edits = json!({ "/details/notes": "Steering committee said yes", "/details/dealValue": 61_500 });
    world.acts("portal/edit", json!({ "id": referral, "set": edits })).await;
    world.until_opportunity(&opportunity, "Amount", is(61_500)).await;
    world.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;

    // In: accepted by leaving the stage, edited.
    let invited = json!({ "referral": invitation("Contoso ERP modernisation"), "withMicrosoft": true });
    let inbound = world.acts("microsoft/invite", invited).await["id"].as_str().unwrap().to_owned();
    let received = received(world, &inbound).await;
    world.seller_edits(&received, json!({ "StageName": "Qualification" })).await;
    world.until_referral(&inbound, "/substatus", says("Accepted")).await;
    world.seller_edits(&received, json!({ "Amount": 260_000, "Description": "Met twice" })).await;
    world.until_referral(&inbound, "/details/dealValue", is(260_000)).await;
    // In: declined.
    let invited = json!({ "referral": invitation("Contoso ERP modernisation"), "withMicrosoft": true });
    let unwanted = world.acts("microsoft/invite", invited).await["id"].as_str().unwrap().to_owned();
    let declined = self::received(world, &unwanted).await;
    let answer = json!({ "Co_sell_Response__c": "Decline", "Loss_Reason__c": "Not a customer" });
    world.seller_edits(&declined, answer).await;
    world.until_referral(&unwanted, "/substatus", says("Declined")).await;

    world.until_referral(&referral, "/substatus", says("Won")).await;
}

/// Waits for the opportunity of an invitation, told to people; its id.
async fn received(world: &World, referral: &str) -> String {
    let soql = format!("SELECT Id FROM Opportunity WHERE Referral_Identifier__c = '{referral}'");
    let soql = &soql;
    let id = crate::harness::until("the invitation's opportunity", || async move {
        Some(world.query(soql).await.first()?["Id"].as_str().unwrap().to_owned())
    })
    .await;
    world.until_opportunity(&id, "Co_sell_Status__c", Value::is_string).await;
    id
}

/// One wrong request and one wrong answer: a judge that lets them pass judges nothing.
async fn control(world: &World, proxy: &Proxy) {
    let before = proxy.violations().len();
    let url = format!("{}/referrals", proxy.url);
    let token = world.ready["partner_center"]["portal_user_token"].as_str();
    let wrong = json!({ "type": "Shared", "customerProfile": {}, "consent": {}, "details": {}, "name": 5 });
    assert_eq!(world.try_call(Method::POST, &url, token, Some(&wrong)).await.0, 400);
    let wrong = json!([{ "op": "remove", "path": "/details/notes" }]);
    assert_eq!(world.try_call(Method::PATCH, &format!("{url}/x"), token, Some(&wrong)).await.0, 404);
    let spoilt = json!({ "status": 200, "times": 1, "body": { "value": [{ "favorite": "yes" }] } });
    let platform = crate::harness::Platform::PartnerCenter;
    world.control(platform, Method::POST, "faults", Some(&spoilt)).await;
    world.call(Method::GET, &url, token, None).await;
    let found = proxy.violations();
    for expected in ["request.body.name ", "request.body.0.op ", "response.body.value.0.favorite "] {
        assert!(
            found.len() > before && found.iter().any(|violation| violation.starts_with(expected)),
            "the proxy did not notice {expected}: {found:#?}"
        );
    }
}

#[tokio::test]
async fn the_program_and_the_sandbox_keep_to_our_contract() {
    let (world, proxy) = watched(&file("referrals.openapi.json")).await;
    let mut service = world.run();
    play(&world).await;
    service.stop();
    assert!(proxy.exchanges() > 20, "the program did not use the proxy: {}", proxy.said());
    assert_eq!(proxy.violations(), [""; 0]);
    control(&world, &proxy).await;
}

#[tokio::test]
async fn they_break_the_published_contract_only_where_the_list_says_why() {
    let Some(description) = published() else {
        println!("the published description is not at hand: not judged by it");
        return;
    };
    let (world, proxy) = watched(&description).await;
    let mut service = world.run();
    play(&world).await;
    service.stop();
    let list = Differences::read();
    let unexplained: Vec<String> =
        proxy.violations().into_iter().filter(|violation| !explained(violation, &list)).collect();
    assert_eq!(unexplained, [""; 0], "without a reason in contracts/differences.toml");
    control(&world, &proxy).await;
}

/// Whether a difference of the descriptions is what the proxy did not like. That a value of another kind is null,
/// and nothing worse, is what the same play through our own contract proves.
fn explained(violation: &str, list: &Differences) -> bool {
    let (place, what) = violation.split_once(' ').unwrap_or((violation, ""));
    let member = place.strip_prefix("response.body.").map(|path| format!("member {}", plain(path)));
    match member {
        Some(member) if what.contains("allowed values") => list.explain(&member, How::Values),
        Some(member) => list.explain(&member, How::Nullable) || list.explain(&member, How::Type),
        None if place == "request.header" => {
            let name = what.split('\'').nth(1).unwrap_or_default();
            list.explain(&format!("parameter GET /referrals header {name}"), How::OnlyPublished)
        }
        // Which paths were sent is checked against our own list of paths, and that list is compared.
        None if place.starts_with("request.body.") && place.rsplit('.').next() == Some("path") => {
            list.explain("patch path /name", How::OnlyOurs)
        }
        None if what.contains("returned status code") => {
            list.explain("status PATCH /referrals/{id} 200", How::OnlyOurs)
        }
        None => false,
    }
}

/// `value.0.team.1.email` as the contract names it: `team[].email`.
fn plain(path: &str) -> String {
    let mut names = path.split('.').peekable();
    if path.starts_with("value.") {
        names.next();
        names.next();
    }
    let mut plain = String::new();
    for name in names {
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            plain.push_str("[]");
        } else {
            plain.push_str(if plain.is_empty() { "" } else { "." });
            plain.push_str(name);
        }
    }
    plain
}
