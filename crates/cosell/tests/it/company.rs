//! One company, end to end: two sales processes with 14 stages of which 4 are closed, a restricted picklist of reasons,
//! country codes, three currencies, a package's fields one of which is required, products that make up the amount of half
//! of the deals, a flow that renames what is saved, private sharing, and an old identifier that is not unique. Its whole
//! mapping is `company/mapping.toml`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Platform, World},
    scenarios::{Stage, invitation, is, mentions, says},
};

const MAPPING: &str = include_str!("company/mapping.toml");
const ORG: &str = include_str!("company/org.json");

/// Most lines that the mapping of a company should need.
const MOST_LINES: usize = 60;

async fn org(world: &World, knobs: Value) {
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
}

/// The company's org and its mapping, and nobody at work yet.
async fn company() -> World {
    let world = World::start();
    org(&world, serde_json::from_str(ORG).unwrap()).await;
    std::fs::write(world.folder().join("mapping.toml"), MAPPING).unwrap();
    world.listen_for_events().await;
    world.configure("[engine]", "[engine]\nreport_every = \"1s\"");
    world
}

async fn at_work() -> Stage {
    let world = company().await;
    let service = world.run();
    Stage { world, service }
}

/// A deal of the company's own, with products if `products`; its id.
async fn direct_deal(stage: &Stage, name: &str, products: bool) -> String {
    let account = stage
        .seller_creates(
            "Account",
            json!({ "Name": format!("{name} customer"), "BillingStreet": "Hafenstr. 9", "BillingCity": "Hamburg",
                "BillingPostalCode": "20457", "BillingCountryCode": "DE" }),
        )
        .await;
    let opportunity = stage
        .seller_creates(
            "Opportunity",
            json!({ "Name": name, "StageName": "Discovery", "CloseDate": "2027-03-31", "Amount": 20_000,
                "CurrencyIsoCode": "USD", "AccountId": account, "acme__Region__c": "EMEA" }),
        )
        .await;
    let row = json!({ "Opportunity__c": opportunity, "Name": "Fabrikam Insight", "Solution_Id__c": "SOL-12345-ABC" });
    stage.seller_creates("Microsoft_Solution__c", row).await;
    if products {
        let entry = stage.first("SELECT Id FROM PricebookEntry WHERE CurrencyIsoCode = 'USD' LIMIT 1").await;
        let line = json!({ "OpportunityId": opportunity, "PricebookEntryId": entry, "Quantity": 2, "UnitPrice": 35_000 });
        stage.seller_creates("OpportunityLineItem", line).await;
    }
    stage.opt_in(&opportunity, false).await;
    opportunity
}

#[test]
fn the_companys_mapping_is_short() {
    assert!(MAPPING.lines().count() < MOST_LINES, "{} lines", MAPPING.lines().count());
}

#[tokio::test]
async fn the_companys_mapping_passes_the_check_against_its_org() {
    let world = company().await;
    let lines = world.cosell_json(&["mapping", "check"]);
    let lines: Vec<&Value> = lines
        .iter()
        .flat_map(|line| line["lines"].as_array().map_or_else(|| vec![line], |all| all.iter().collect()))
        .collect();
    let failed: Vec<&&Value> =
        lines.iter().filter(|line| line["outcome"] == "fail" || line["verdict"] == "fail").collect();
    assert!(!lines.is_empty() && failed.is_empty(), "{failed:#?}");
}

#[tokio::test]
async fn deals_of_the_direct_process_go_to_the_portal_through_all_their_stages() {
    let stage = at_work().await;
    for (name, products, value) in [("Typed amount", false, 20_000), ("Amount of products", true, 70_000)] {
        let opportunity = direct_deal(&stage, name, products).await;
        let referral = stage.referral_of(&opportunity).await;
        let created = stage.referral(&referral).await;
        assert_eq!(
            created["name"],
            json!(format!("ACME | {name}")),
            "the flow renamed it before anybody read it"
        );
        assert!(is(value)(&created["details"]["dealValue"]), "{created:#}");
        assert_eq!(created["customerProfile"]["address"]["country"], "DE");
        for (own, sales_stage) in [("Solution fit", "Develop"), ("Proposal", "Propose")] {
            stage.seller_edits(&opportunity, json!({ "StageName": own })).await;
            stage.until_referral(&referral, "/salesStage", says(sales_stage)).await;
        }
        stage
            .seller_edits(&opportunity, json!({ "StageName": "Verbal yes", "CloseDate": "2027-05-31" }))
            .await;
        stage.until_referral(&referral, "/details/closingDateTime", says("2027-05-31T00:00:00Z")).await;
        let (end, substatus) = if products { ("Direct lost", "Lost") } else { ("Direct won", "Won") };
        stage
            .seller_edits(&opportunity, json!({ "StageName": end, "acme__Loss_Reason__c": "Competitor" }))
            .await;
        stage.until_referral(&referral, "/substatus", says(substatus)).await;
        if products {
            stage.until_referral(&referral, "/statusReason", says("Customer chose another vendor")).await;
        }
    }
}

#[tokio::test]
async fn what_microsoft_sends_goes_through_the_partner_process_in_the_companys_own_words() {
    let stage = at_work().await;
    let (opportunity, referral) = stage.invited(invitation("Grid renewal")).await;
    let born = stage.opportunity(&opportunity).await;
    let record_type = stage.first("SELECT Id FROM RecordType WHERE DeveloperName = 'Partner_Sale'").await;
    assert_eq!(born["RecordTypeId"], json!(record_type));
    assert_eq!(
        (&born["StageName"], &born["acme__Region__c"]),
        (&json!("Partner: to answer"), &json!("EMEA"))
    );
    assert_eq!(born["Co_sell_Key__c"], json!(referral), "the unique key stands beside the old identifier");
    assert_eq!(born["Name"], "ACME | Grid renewal", "the flow has the last word in Salesforce");
    let account = stage
        .query(&format!("SELECT Account.BillingCountryCode FROM Opportunity WHERE Id = '{opportunity}'"))
        .await;
    assert_eq!(account[0]["Account"]["BillingCountryCode"], "CH");

    stage.seller_edits(&opportunity, json!({ "StageName": "Joint plan" })).await;
    stage.until_referral(&referral, "/status", says("Active")).await;
    stage
        .colleague_edits(&referral, json!({ "/details/dealValue": 260_000, "/salesStage": "Propose" }))
        .await;
    stage.until_opportunity(&opportunity, "Amount", is(260_000)).await;
    stage.until_opportunity(&opportunity, "StageName", says("Partner proposal")).await;
    assert_eq!(stage.referral(&referral).await["name"], "Grid renewal", "what the flow did bounces nowhere");

    stage
        .acts(
            "portal/close",
            json!({ "id": referral, "substatus": "Lost", "reason": "Customer didn't respond" }),
        )
        .await;
    stage.until_opportunity(&opportunity, "StageName", says("Partner lost")).await;
    stage.until_opportunity(&opportunity, "acme__Loss_Reason__c", says("No answer")).await;
}

#[tokio::test]
async fn a_currency_that_the_company_does_not_have_is_told_and_never_converted() {
    let stage = at_work().await;
    let mut francs = invitation("Deal in francs");
    francs["details"]["currency"] = json!("CHF");
    let (opportunity, _) = stage.invited(francs).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", mentions("CHF")).await;
    let held = stage.opportunity(&opportunity).await;
    assert_ne!(held["Amount"], json!(250_000.0), "francs are never shown as another currency");
}

#[tokio::test]
async fn a_deal_that_private_sharing_hides_is_told_and_goes_on_once_it_is_shown() {
    let stage = at_work().await;
    let opportunity = direct_deal(&stage, "Hidden deal", false).await;
    let referral = stage.referral_of(&opportunity).await;
    stage.until_opportunity(&opportunity, "Co_sell_Status__c", Value::is_string).await;
    org(&stage, json!({ "private": ["Opportunity", "Account"] })).await;
    stage.colleague_edits(&referral, json!({ "/details/dealValue": 99_000 })).await;
    stage
        .until_deal(&referral, "a problem that says what is missing", |deal| {
            let mut problems = deal["deal"]["problems"].as_array().unwrap().iter();
            problems.any(|problem| problem["class"] == "permission" || problem["class"] == "link")
        })
        .await;
    assert_eq!(stage.referral(&referral).await["details"]["dealValue"], 99_000, "nothing is taken back");
    // Shown again, and a person's next edit is heard.
    org(&stage, json!({ "private": [] })).await;
    stage.seller_edits(&opportunity, json!({ "acme__Code__c": "D-17" })).await;
    stage.until_opportunity(&opportunity, "Amount", is(99_000)).await;
    stage.until_deal(&referral, "no problem any more", |deal| deal["deal"]["problems"] == json!([])).await;
}
