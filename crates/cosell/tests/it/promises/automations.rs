//! Automations as actors: a customer's flows, a portal that trims, and two that fight. At most three writes of their field
//! to one side, then a problem; every other field goes on (sync rules, section 2).

use std::ops::ControlFlow;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Platform, until},
    scenarios::{Stage, mentions, says},
};

/// Most writes of one field to one side that answer an automation.
const MOST_WRITES: usize = 3;

/// A flow of the customer's on one field of the opportunity, and what a colleague types at the portal.
struct Flow {
    kind: &'static str,
    argument: Value,
    field: &'static str,
    member: &'static str,
    typed: Value,
    /// What the opportunity keeps of it.
    kept: Value,
}

fn flows() -> [Flow; 4] {
    [
        Flow {
            kind: "prefix",
            argument: json!("EMEA: "),
            field: "Name",
            member: "/name",
            typed: json!("Renamed at the portal"),
            kept: json!("EMEA: Renamed at the portal"),
        },
        Flow {
            kind: "round",
            argument: json!(1000),
            field: "Amount",
            member: "/details/dealValue",
            typed: json!(12_345),
            kept: json!(12_000.0),
        },
        Flow {
            kind: "shift_days",
            argument: json!(3),
            field: "CloseDate",
            member: "/details/closingDateTime",
            typed: json!("2027-05-10T00:00:00Z"),
            kept: json!("2027-05-13"),
        },
        Flow {
            kind: "revert",
            argument: Value::Null,
            field: "Amount",
            member: "/details/dealValue",
            typed: json!(77_000),
            kept: json!(50_000.0),
        },
    ]
}

async fn automate(stage: &Stage, automations: Value) {
    let knobs = json!({ "automations": automations });
    stage.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
}

fn automation(flow: &Flow, when: &Value) -> Value {
    json!([{ "object": "Opportunity", "field": flow.field, "kind": flow.kind, "argument": flow.argument,
        "when": when }])
}

/// How often Cosell wrote this field of this opportunity.
async fn written_to_salesforce(stage: &Stage, opportunity: &str, field: &str) -> usize {
    let log = stage.log(Platform::Salesforce).await;
    let bodies = log.iter().filter_map(|exchange| {
        serde_json::from_str::<Value>(exchange["request"].as_str().unwrap_or_default()).ok()
    });
    let parts = bodies.flat_map(|body| body["compositeRequest"].as_array().cloned().unwrap_or_default());
    parts
        .filter(|part| {
            part["method"] == "PATCH" && part["url"].as_str().is_some_and(|url| url.contains(opportunity))
        })
        .filter(|part| part["body"].get(field).is_some())
        .count()
}

/// How often Cosell wrote this member of this referral.
async fn written_to_the_portal(stage: &Stage, referral: &str, member: &str) -> usize {
    let log = stage.log(Platform::PartnerCenter).await;
    log.iter()
        .filter(|exchange| exchange["method"] == "PATCH" && exchange["status"].as_u64() < Some(300))
        .filter(|exchange| exchange["path"].as_str().is_some_and(|path| path.contains(referral)))
        .filter_map(|exchange| serde_json::from_str::<Value>(exchange["request"].as_str()?).ok())
        .filter(|patch| patch.as_array().is_some_and(|all| all.iter().any(|one| one["path"] == member)))
        .count()
}

async fn writes(stage: &Stage, pair: &(String, String), flow: (&str, &str)) -> (usize, usize) {
    let (opportunity, referral) = pair;
    (
        written_to_salesforce(stage, opportunity, flow.0).await,
        written_to_the_portal(stage, referral, flow.1).await,
    )
}

/// Every other field of the deal goes on, in both directions.
async fn the_notes_go_on(stage: &Stage, (opportunity, referral): &(String, String), round: &str) {
    let inbound = format!("Said at the portal, {round}");
    stage.colleague_edits(referral, json!({ "/details/notes": inbound })).await;
    stage.until_opportunity(opportunity, "Description", says(&inbound)).await;
    let outbound = format!("Said by the seller, {round}");
    stage.seller_edits(opportunity, json!({ "Description": outbound })).await;
    stage.until_referral(referral, "/details/notes", says(&outbound)).await;
}

/// Whether a person is told that automations fight over a field of the deal.
fn is_stopped(deal: &Value) -> bool {
    deal["deal"]["problems"].as_array().unwrap().iter().any(|problem| problem["class"] == "fuse")
}

async fn a_flow_ends_after_few_writes(when: Value) {
    let stage = Stage::set().await;
    for flow in flows() {
        automate(&stage, json!([])).await;
        let pair = stage.pair(&format!("Deal of a {} flow", flow.kind), 50_000, false).await;
        // What changes in the second of a birth has no order.
        stage.until_opportunity(&pair.0, "Co_sell_Status__c", Value::is_string).await;
        automate(&stage, automation(&flow, &when)).await;
        stage.colleague_edits(&pair.1, json!({ flow.member: flow.typed })).await;
        let reached =
            |writes: usize| if writes == 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        until("the first write", || async {
            reached(written_to_salesforce(&stage, &pair.0, flow.field).await).break_value()
        })
        .await;
        stage.until_opportunity(&pair.0, flow.field, |value| *value == flow.kept).await;
        the_notes_go_on(&stage, &pair, "once").await;
        the_notes_go_on(&stage, &pair, "twice").await;
        let (salesforce, portal) = writes(&stage, &pair, (flow.field, flow.member)).await;
        assert!(
            salesforce <= MOST_WRITES && portal <= MOST_WRITES,
            "{}: {salesforce} writes to Salesforce, {portal} to the portal",
            flow.kind
        );
        let kept = stage.opportunity(&pair.0).await[flow.field].clone();
        assert_eq!(kept, flow.kept, "{}: the customer's flow has the last word in Salesforce", flow.kind);
    }
}

#[tokio::test]
async fn what_a_flow_makes_of_a_value_within_the_save_is_kept_and_bounces_nowhere() {
    a_flow_ends_after_few_writes(json!("before_save")).await;
}

#[tokio::test]
async fn what_a_flow_makes_of_a_value_after_the_save_is_followed_and_ends() {
    a_flow_ends_after_few_writes(json!({ "after_ms": 100 })).await;
}

#[tokio::test]
async fn a_portal_that_trims_is_told_once_and_the_seller_keeps_the_whole_text() {
    let stage = Stage::set().await;
    let pair = stage.pair("Deal at a trimming portal", 50_000, false).await;
    stage.until_opportunity(&pair.0, "Co_sell_Status__c", Value::is_string).await;
    let knobs = json!({ "cut_texts_at": 20 });
    stage.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&knobs)).await;
    let long = "Twenty characters are not enough for this";
    stage.seller_edits(&pair.0, json!({ "Description": long })).await;
    stage.until_referral(&pair.1, "/details/notes", says(&long[..20])).await;
    stage.seller_edits(&pair.0, json!({ "Amount": 61_000 })).await;
    stage.until_referral(&pair.1, "/details/dealValue", |value| value.as_f64() == Some(61_000.0)).await;
    stage.colleague_edits(&pair.1, json!({ "/details/dealValue": 62_000 })).await;
    stage.until_opportunity(&pair.0, "Amount", |value| value.as_f64() == Some(62_000.0)).await;
    assert_eq!(stage.opportunity(&pair.0).await["Description"], long, "nothing of the seller's text is lost");
    assert_eq!(writes(&stage, &pair, ("Description", "/details/notes")).await, (0, 1));
}

#[tokio::test]
async fn a_flow_that_undoes_what_is_put_right_is_stopped_at_the_third_write_and_told() {
    let mut stage = Stage::set().await;
    let pair = stage.pair("Deal of a fighting flow", 50_000, false).await;
    stage.until_opportunity(&pair.0, "Co_sell_Status__c", Value::is_string).await;
    let flow = Flow {
        kind: "revert",
        argument: Value::Null,
        field: "Referral_Link__c",
        member: "/id",
        typed: Value::Null,
        kept: json!("https://example.com/elsewhere"),
    };
    let (at_birth, _) = writes(&stage, &pair, (flow.field, flow.member)).await;
    // Somebody's own text stands there, and the flow brings it back after each write of Cosell's.
    let knobs = json!({ "automations": automation(&flow, &json!({ "after_ms": 100 })) });
    let other = json!({ "Referral_Link__c": flow.kept });
    stage
        .while_it_is_away(async |world| {
            world.seller_edits(&pair.0, other).await;
            world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
        })
        .await;
    stage.until_deal(&pair.0, "the fuse", is_stopped).await;
    stage.until_opportunity(&pair.0, "Co_sell_Problem__c", mentions("link")).await;
    the_notes_go_on(&stage, &pair, "once").await;
    the_notes_go_on(&stage, &pair, "twice").await;
    let (salesforce, _) = writes(&stage, &pair, (flow.field, flow.member)).await;
    assert_eq!(salesforce - at_birth, MOST_WRITES - 1, "the third to one side is held");
}

#[tokio::test]
async fn two_automations_that_fight_are_stopped_at_the_third_write_and_told() {
    let stage = Stage::set().await;
    let pair = stage.pair("Deal between two automations", 50_000, false).await;
    stage.until_opportunity(&pair.0, "Co_sell_Status__c", Value::is_string).await;
    let flow = Flow {
        kind: "shift_days",
        argument: json!(3),
        field: "CloseDate",
        member: "/details/closingDateTime",
        typed: json!("2027-05-10T00:00:00Z"),
        kept: Value::Null,
    };
    automate(&stage, automation(&flow, &json!({ "after_ms": 100 }))).await;
    stage.colleague_edits(&pair.1, json!({ flow.member: flow.typed })).await;
    let stage = &stage;
    let pair = &pair;
    // The portal's automation: whenever the day is another, it types its own again.
    until("the fuse", || async {
        let referral = stage.referral(&pair.1).await;
        if referral.pointer(flow.member) != Some(&flow.typed) {
            stage.colleague_edits(&pair.1, json!({ flow.member: flow.typed })).await;
        }
        is_stopped(&stage.deal(&pair.0)).then_some(())
    })
    .await;
    the_notes_go_on(stage, pair, "once").await;
    the_notes_go_on(stage, pair, "twice").await;
    let (salesforce, portal) = writes(stage, pair, (flow.field, flow.member)).await;
    assert!(salesforce <= MOST_WRITES && portal <= MOST_WRITES, "{salesforce} and {portal} writes");
}
