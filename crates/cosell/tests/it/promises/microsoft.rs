//! What Microsoft's sellers do shows on the opportunity, and what comes from Microsoft is answered there (M7, M8, M13).

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Platform, World},
    scenarios::{ON_HOLD, Stage, invitation, is, mentions, says},
};

const STATUS: &str = "Microsoft_Status__c";

/// How a portal may tell of Microsoft's referral (partner-center reference, sections 4.2 and 6.2: not documented).
struct Told {
    event_id: &'static str,
    visibility: &'static str,
    events: bool,
}

/// The two platforms and the program, told of Microsoft's referral in this way.
async fn told(told: &Told) -> Stage {
    let world = World::start();
    let knobs = json!({ "related_event_id": told.event_id, "related_visibility": told.visibility });
    world.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&knobs)).await;
    if told.events {
        world.listen_for_events().await;
    } else {
        sweeps_every_second(&world);
    }
    world.configure("[engine]", "[engine]\nreport_every = \"1s\"");
    let service = world.run();
    Stage { world, service }
}

fn sweeps_every_second(world: &World) {
    world.configure("[partner_center]\n", "[partner_center]\ncompanion_sweep_every = \"1s\"\n");
}

/// A deal of ours for which Microsoft was asked for help, and the engagement.
async fn asked(stage: &Stage, name: &str) -> (String, String, Value) {
    let (opportunity, referral) = stage.pair(name, 48_000, true).await;
    let engagement = stage.microsofts(&referral).await["engagementId"].clone();
    stage.until_opportunity(&opportunity, STATUS, says("Pending")).await;
    (opportunity, referral, engagement)
}

/// Everything that Microsoft's sellers can do, on deals of their own.
async fn microsoft_does_everything(stage: &Stage) {
    let (won, ours, engagement) = asked(stage, "Northwind rollout").await;
    let seller = json!({ "firstName": "Mika", "lastName": "Saarinen", "email": "mika@microsoft.example",
        "phoneNumber": "+14255550100" });
    let accept = json!({ "engagementId": engagement, "sellers": [seller], "microsoftMsxId": "7-1NORTHWIND" });
    stage.acts("microsoft/accept", accept).await;
    stage.until_opportunity(&won, STATUS, says("Accepted")).await;
    stage.until_opportunity(&won, "Microsoft_Sellers__c", mentions("Saarinen")).await;
    stage.until_opportunity(&won, "Microsoft_CRM_Identifier__c", says("7-1NORTHWIND")).await;
    let edit =
        json!({ "engagementId": engagement, "set": { "/trackingInfo/microsoftMsxId": "7-1SOUTHWIND" } });
    stage.acts("microsoft/edit", edit).await;
    stage.until_opportunity(&won, "Microsoft_CRM_Identifier__c", says("7-1SOUTHWIND")).await;
    stage.acts("microsoft/win", json!({ "engagementId": engagement })).await;
    stage.until_opportunity(&won, STATUS, says("Won")).await;

    let (declined, _, engagement) = asked(stage, "Woodgrove vault").await;
    let reason = "No seller manages this customer";
    stage.acts("microsoft/decline", json!({ "engagementId": engagement, "reason": reason })).await;
    stage.until_opportunity(&declined, STATUS, says("Declined")).await;
    stage.until_opportunity(&declined, "Microsoft_Reason__c", says(reason)).await;

    // None of it is the partner's own deal.
    for opportunity in [&won, &declined] {
        assert_eq!(stage.opportunity(opportunity).await["StageName"], "Qualification");
    }
    assert_eq!(stage.referral(&ours).await["status"], "Active");
    stage.both_judges_agree(2).await;
}

#[tokio::test]
async fn m7_what_microsoft_does_shows_when_events_carry_their_id() {
    let stage = told(&Told { event_id: "theirs", visibility: "everywhere", events: true }).await;
    microsoft_does_everything(&stage).await;
}

#[tokio::test]
async fn m7_what_microsoft_does_shows_when_events_carry_our_id() {
    let stage = told(&Told { event_id: "ours", visibility: "engagement", events: true }).await;
    microsoft_does_everything(&stage).await;
}

#[tokio::test]
async fn m7_what_microsoft_does_shows_when_their_referral_is_seen_in_the_engagement_alone() {
    let stage = told(&Told { event_id: "theirs", visibility: "engagement", events: true }).await;
    microsoft_does_everything(&stage).await;
}

#[tokio::test]
async fn m7_what_microsoft_does_shows_without_any_event_by_the_list() {
    let stage = told(&Told { event_id: "theirs", visibility: "everywhere", events: false }).await;
    microsoft_does_everything(&stage).await;
}

#[tokio::test]
async fn m7_what_microsoft_does_shows_without_any_event_by_looking_into_the_engagements() {
    let stage = told(&Told { event_id: "theirs", visibility: "engagement", events: false }).await;
    microsoft_does_everything(&stage).await;
}

#[tokio::test]
async fn m7_microsoft_lets_an_invitation_expire_or_loses_the_deal_and_ours_goes_on() {
    let mut stage = told(&Told { event_id: "theirs", visibility: "everywhere", events: true }).await;
    let (expired, _, engagement) = asked(&stage, "Relecloud hosting").await;
    let theirs = stage.microsofts(&stage.referral_of(&expired).await).await["id"].clone();
    stage.until_opportunity(&expired, "Microsoft_Expires__c", Value::is_string).await;
    stage.acts("expire", json!({ "id": theirs })).await;
    stage.until_opportunity(&expired, STATUS, says("Expired")).await;
    assert!(engagement.is_string());

    let (lost, _, engagement) = asked(&stage, "Fourth Coffee checkout").await;
    stage.acts("microsoft/accept", json!({ "engagementId": engagement })).await;
    stage.until_opportunity(&lost, STATUS, says("Accepted")).await;
    let lose = json!({ "engagementId": engagement, "reason": "Customer chose another vendor" });
    stage.acts("microsoft/lose", lose).await;
    stage.until_opportunity(&lost, STATUS, says("Lost")).await;
    stage.until_opportunity(&lost, "Microsoft_Reason__c", says("Customer chose another vendor")).await;
    stage.settle();
    stage.both_judges_agree(2).await;
}

#[tokio::test]
async fn m7_a_referral_that_is_hidden_or_not_looked_at_leaves_the_fields_empty_and_nothing_breaks() {
    let world = World::start();
    let knobs = json!({ "related_visibility": "hidden" });
    world.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&knobs)).await;
    world.listen_for_events().await;
    world.configure("[partner_center]\n", "[partner_center]\ncompanion_visible = false\n");
    world.configure("[engine]", "[engine]\nreport_every = \"1s\"");
    let service = world.run();
    let mut stage = Stage { world, service };
    let (opportunity, referral) = stage.pair("Proseware call centre", 48_000, true).await;
    let engagement = stage.microsofts(&referral).await["engagementId"].clone();
    stage.acts("microsoft/accept", json!({ "engagementId": engagement })).await;
    // The deal itself goes on.
    stage.seller_edits(&opportunity, json!({ "Amount": 50_000 })).await;
    stage.until_referral(&referral, "/details/dealValue", is(50_000)).await;
    stage.settle();
    assert_eq!(stage.opportunity(&opportunity).await[STATUS], Value::Null);
    let listed = stage.log(Platform::PartnerCenter).await;
    let by_engagement =
        listed.iter().filter(|exchange| exchange["path"].to_string().contains("engagementId"));
    assert_eq!(by_engagement.count(), 1, "the look before help was asked for, and none after it");
}

#[tokio::test]
async fn m13_microsoft_is_not_asked_for_help_in_a_deal_that_it_began_though_its_referral_be_hidden() {
    let world = World::start();
    let knobs = json!({ "related_visibility": "hidden" });
    world.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&knobs)).await;
    world.configure("[partner_center]\n", "[partner_center]\ncompanion_visible = false\n");
    world.configure("[engine]", "[engine]\nreport_every = \"1s\"");
    let service = world.run();
    let mut stage = Stage { world, service };
    let (opportunity, referral) = stage.invited(invitation("Contoso ERP modernisation")).await;
    stage.seller_edits(&opportunity, json!({ "Co_sell_Response__c": "Accept" })).await;
    stage.until_opportunity(&opportunity, "StageName", says("Qualification")).await;
    let help = json!({ "How_can_Microsoft_help__c": "General or other", "Consent_to_Share__c": true });
    stage.seller_edits(&opportunity, help).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", mentions("began this deal")).await;
    assert_eq!(stage.deal(&opportunity)["shown"]["kind"], "co-sell");
    stage.settle();
    assert_eq!(stage.taken("create").await, [] as [Value; 0], "nothing is posted into its engagement");
    assert_eq!(stage.referral(&referral).await["status"], "Active");
}

#[tokio::test]
async fn m7_another_partners_referral_in_the_engagement_is_attached_and_shown_nowhere() {
    let mut stage = told(&Told { event_id: "theirs", visibility: "everywhere", events: true }).await;
    let (opportunity, _, engagement) = asked(&stage, "Litware archive").await;
    let mut another = invitation("Litware archive, another partner's part");
    another["engagementId"] = engagement;
    another["substatus"] = json!("Accepted");
    another["status"] = json!("Active");
    stage.acts("other/create", another).await;
    stage.settle();
    let row = stage.opportunity(&opportunity).await;
    assert_eq!(row[STATUS], "Pending", "it is Microsoft's that is shown");
    let all = stage.query("SELECT Id FROM Opportunity").await;
    assert_eq!(all.len(), 1, "nobody else's referral becomes an opportunity");
    stage.both_judges_agree(1).await;
}

/// The values that were written to Salesforce's opportunities since the log was emptied, but for reports.
async fn written(stage: &Stage) -> Vec<String> {
    let reports = ["Audit__c", "Co_sell_Status__c", "Co_sell_Problem__c", "Co_sell_Synced_At__c"];
    let mut names = Vec::new();
    for exchange in stage.log(Platform::Salesforce).await {
        let Ok(body) = serde_json::from_str::<Value>(exchange["request"].as_str().unwrap_or_default()) else {
            continue;
        };
        for part in body["compositeRequest"].as_array().into_iter().flatten() {
            let fields = part["body"].as_object().into_iter().flatten();
            names.extend(
                fields.map(|(name, _)| name.clone()).filter(|name| !reports.contains(&name.as_str())),
            );
        }
    }
    names
}

#[tokio::test]
async fn m8_a_referral_creates_its_opportunity_and_changes_it_only_where_they_differ() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.invited(invitation("Contoso ERP modernisation")).await;
    let row = stage.opportunity(&opportunity).await;
    assert_eq!(
        (&row["Name"], &row["CloseDate"]),
        (&json!("Contoso ERP modernisation"), &json!("2027-06-30"))
    );
    stage.settle();
    stage.control(Platform::Salesforce, Method::DELETE, "requests", None).await;
    stage.service = stage.world.run();
    let set = json!({ "/details/notes": "Budget is approved", "/details/dealValue": 250_000 });
    stage.colleague_edits(&referral, set).await;
    stage.until_opportunity(&opportunity, "Description", says("Budget is approved")).await;
    stage.settle();
    assert_eq!(written(&stage).await, ["Description"], "the value was the same, and is not written");
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn m13_a_received_referral_is_accepted_from_the_opportunity_by_stage_or_by_answer() {
    let stage = Stage::set().await;
    let (by_stage, first) = stage.invited(invitation("Contoso ERP modernisation")).await;
    assert_eq!(stage.opportunity(&by_stage).await["StageName"], ON_HOLD);
    // On hold, the seller's edits do not sync. (The second deal's acceptance shows that this one was seen.)
    stage.seller_edits(&by_stage, json!({ "Amount": 300_000 })).await;

    let (by_answer, second) = stage.invited(invitation("Relecloud hosting")).await;
    stage.seller_edits(&by_answer, json!({ "Co_sell_Response__c": "Accept" })).await;
    stage.until_referral(&second, "/substatus", says("Accepted")).await;
    stage.until_opportunity(&by_answer, "StageName", says("Qualification")).await;
    let waiting = stage.referral(&first).await;
    assert_eq!((&waiting["status"], &waiting["details"]["dealValue"]), (&json!("New"), &json!(250_000)));

    stage.seller_edits(&by_stage, json!({ "StageName": "Qualification" })).await;
    stage.until_referral(&first, "/substatus", says("Accepted")).await;
    stage.until_referral(&first, "/details/dealValue", is(300_000)).await;
    stage.both_judges_agree(2).await;
}

#[tokio::test]
async fn m13_a_received_referral_is_declined_from_the_opportunity_with_its_reason() {
    let stage = Stage::set().await;
    let (by_answer, first) = stage.invited(invitation("Proseware call centre")).await;
    let answer = json!({ "Co_sell_Response__c": "Decline", "Loss_Reason__c": "Not a customer" });
    stage.seller_edits(&by_answer, answer).await;
    let (by_stage, second) = stage.invited(invitation("Margie travel")).await;
    let closed = json!({ "StageName": "Closed Lost", "Loss_Reason__c": "Customer didn't respond" });
    stage.seller_edits(&by_stage, closed).await;
    for (referral, reason) in [(&first, "Not a customer"), (&second, "Customer didn't respond")] {
        stage.until_referral(referral, "/substatus", says("Declined")).await;
        assert_eq!(stage.referral(referral).await["statusReason"], reason);
    }
    stage.until_opportunity(&by_answer, "StageName", says("Closed Lost")).await;
    stage.both_judges_agree(2).await;
}

#[tokio::test]
async fn m13_what_another_partner_invites_to_is_read_and_never_written() {
    let mut stage = Stage::set().await;
    let invited = stage.acts("other/invite", invitation("A partner's deal")).await;
    let referral = invited["id"].as_str().unwrap().to_owned();
    let opportunity = stage.opportunity_of(&referral).await;
    stage.colleague_edits(&referral, json!({ "/details/notes": "Theirs to say" })).await;
    stage.until_opportunity(&opportunity, "Description", says("Theirs to say")).await;
    stage.settle();
    let untouched = stage.deal(&opportunity);
    assert_eq!(untouched["deal"]["problems"], json!([]), "nobody changed anything: {untouched}");
    stage.service = stage.world.run();
    stage.seller_edits(&opportunity, json!({ "Amount": 1, "StageName": "Qualification" })).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", mentions("Answer it in the portal")).await;
    stage.settle();
    assert_eq!(stage.taken("patch").await, [] as [Value; 0]);
    assert_eq!(stage.referral(&referral).await["status"], "New");
    let shown = stage.deal(&opportunity);
    assert_eq!(shown["shown"]["kind"], "partner-to-partner", "{shown}");
}

#[tokio::test]
async fn m7_a_deal_is_shown_with_its_kind_and_what_microsoft_said() {
    let stage = told(&Told { event_id: "theirs", visibility: "everywhere", events: true }).await;
    let (opportunity, referral, engagement) = asked(&stage, "Tailwind sensors").await;
    let accept = json!({ "engagementId": engagement, "microsoftMsxId": "7-1TAILWIND" });
    stage.acts("microsoft/accept", accept).await;
    stage.until_opportunity(&opportunity, "Microsoft_CRM_Identifier__c", says("7-1TAILWIND")).await;
    let shown = stage
        .until_deal(&opportunity, "Microsoft's answer in the store", |deal| {
            deal["shown"]["microsoft"]["Microsoft's status"] == "Accepted"
        })
        .await;
    assert_eq!(shown["shown"]["kind"], "co-sell");
    assert_eq!(shown["shown"]["microsoft"]["Microsoft CRM identifier"], "7-1TAILWIND");
    let text = String::from_utf8(stage.cosell(&["deals", "show", &referral]).stdout).unwrap();
    for said in ["co-sell", "Accepted", "7-1TAILWIND", "Mika Seller", engagement.as_str().unwrap()] {
        assert!(text.contains(said), "{said} in\n{text}");
    }

    let (shared, _) = stage.pair("Adatum portal", 10_000, false).await;
    stage.until_deal(&shared, "a partner-led deal", |deal| deal["shown"]["kind"] == "partner-led").await;
    let private = stage.new_opportunity("Private pilot", 5_000).await;
    let opt_in = json!({ "Sync_with_Partner_Center__c": true, "Consent_to_Share__c": true });
    stage.seller_edits(&private, opt_in).await;
    stage.referral_of(&private).await;
    stage.until_deal(&private, "a private deal", |deal| deal["shown"]["kind"] == "private").await;
}
