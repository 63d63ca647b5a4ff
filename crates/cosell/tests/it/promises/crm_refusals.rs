//! What Salesforce refuses is told in the customer's own words, with what to do, and stops nothing else (P1, P9, P10).

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Platform, World, until},
    scenarios::{Stage, invitation, is, mentions, says},
};

/// How the customer has set up the org.
async fn org(world: &World, knobs: Value) {
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
}

/// The deal's problem whose sentence says this, with its next step.
fn problem(deal: &Value, words: &str) -> Option<Value> {
    let mut problems = deal["deal"]["problems"].as_array().into_iter().flatten();
    problems.find(|problem| mentions(words)(&problem["sentence"])).cloned()
}

/// Waits until the deal tells its people this; every problem names a next step.
async fn told(stage: &Stage, record: &str, words: &str) -> Value {
    let problem = until(words, || async {
        // The deal of a referral that just arrived may not be there yet.
        let shown = stage.cosell_json(&["deals", "show", record]).pop()?;
        problem(&shown, words)
    })
    .await;
    assert!(problem["next_step"].as_str().is_some_and(|step| step.ends_with('.')), "{problem}");
    problem
}

async fn no_problem(stage: &Stage, record: &str) {
    stage.until_deal(record, "no problem any more", |deal| deal["deal"]["problems"] == json!([])).await;
}

/// What the program wrote into its log.
fn log(stage: &Stage) -> String {
    std::fs::read_to_string(stage.folder().join("cosell.log")).unwrap()
}

#[tokio::test]
async fn p9_a_validation_rule_speaks_in_its_own_words_on_the_opportunity_and_stops_no_other_field() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Alpine ski resort", 48_000, false).await;
    stage.both_judges_agree(1).await;
    let words = "Deals of this size go to the deal desk first";
    let rule = json!({ "object": "Opportunity", "field": "Amount", "condition": { "above": 100_000 },
        "message": words });
    org(&stage, json!({ "validation_rules": [rule] })).await;
    let edit = json!({ "/details/dealValue": 250_000, "/details/notes": "They like the pilot" });
    stage.colleague_edits(&referral, edit).await;

    stage.until_opportunity(&opportunity, "Description", says("They like the pilot")).await;
    let problem = told(&stage, &opportunity, words).await;
    assert!(mentions("validation rule")(&problem["sentence"]), "{problem}");
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", mentions(words)).await;
    assert_eq!(stage.opportunity(&opportunity).await["Amount"], 48_000.0);
    assert!(!log(&stage).contains(words), "the customer's words are for its people, not for the log");

    stage.colleague_edits(&referral, json!({ "/details/dealValue": 90_000 })).await;
    stage.until_opportunity(&opportunity, "Amount", is(90_000)).await;
    no_problem(&stage, &opportunity).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn p1_an_opportunity_in_an_approval_is_left_alone_says_so_and_is_written_when_it_is_over() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Borealis network", 48_000, false).await;
    stage.both_judges_agree(1).await;
    org(&stage, json!({ "approval_locked": [opportunity] })).await;
    stage.colleague_edits(&referral, json!({ "/details/notes": "Approved by the board" })).await;
    let problem = told(&stage, &opportunity, "approval").await;
    assert!(mentions("approval finished or recalled")(&problem["next_step"]), "{problem}");
    assert_ne!(stage.opportunity(&opportunity).await["Description"], "Approved by the board");

    // Approved: the approver's own save is what brings the deal back at once.
    org(&stage, json!({ "approval_locked": [] })).await;
    stage.seller_edits(&opportunity, json!({ "NextStep": "Send the contract" })).await;
    stage.until_opportunity(&opportunity, "Description", says("Approved by the board")).await;
    no_problem(&stage, &opportunity).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn p2_a_row_that_somebody_holds_for_a_moment_needs_nobody() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Cirrus weather data", 48_000, false).await;
    stage.both_judges_agree(1).await;
    org(&stage, json!({ "locked_rows": [{ "id": opportunity, "times": 3 }] })).await;
    stage.colleague_edits(&referral, json!({ "/details/dealValue": 61_000 })).await;
    stage.until_opportunity(&opportunity, "Amount", is(61_000)).await;
    assert_eq!(stage.deal(&opportunity)["deal"]["problems"], json!([]));
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn p9_an_amount_that_products_add_up_to_is_not_written_over_and_the_seller_is_told_why() {
    let stage = Stage::set().await;
    let opportunity = stage.new_opportunity("Delta freight", 10).await;
    stage.seller_edits(&opportunity, json!({ "CurrencyIsoCode": "USD" })).await;
    let entry = stage.first("SELECT Id FROM PricebookEntry WHERE CurrencyIsoCode = 'USD' LIMIT 1").await;
    let line = stage
        .seller_creates(
            "OpportunityLineItem",
            json!({ "OpportunityId": opportunity, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 70_000 }),
        )
        .await;
    stage.opt_in(&opportunity, false).await;
    let referral = stage.referral_of(&opportunity).await;
    stage.until_referral(&referral, "/details/dealValue", is(70_000)).await;

    stage
        .colleague_edits(&referral, json!({ "/details/dealValue": 80_000, "/details/notes": "Fleet grew" }))
        .await;
    stage.until_opportunity(&opportunity, "Description", says("Fleet grew")).await;
    let problem = told(&stage, &opportunity, "products").await;
    assert!(mentions("80000")(&problem["sentence"]) && mentions("70000")(&problem["sentence"]), "{problem}");
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", mentions("products")).await;
    assert_eq!(stage.opportunity(&opportunity).await["Amount"], 70_000.0);
    assert_eq!(stage.referral(&referral).await["details"]["dealValue"], 80_000, "nobody's value is lost");

    stage.seller_changes("OpportunityLineItem", &line, json!({ "UnitPrice": 80_000 })).await;
    no_problem(&stage, &opportunity).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn p10_a_duplicate_rule_is_named_and_never_passed_over_unless_the_company_says_so() {
    let mut stage = Stage::set().await;
    stage.seller_creates("Account", json!({ "Name": "Contoso AG" })).await;
    let rule = json!({ "name": "One account a customer", "object": "Account", "fields": ["Name"],
        "action": "alert" });
    org(&stage, json!({ "duplicate_rules": [rule] })).await;
    let invited = json!({ "referral": invitation("Contoso again"), "withMicrosoft": true });
    let referral = stage.acts("microsoft/invite", invited).await["id"].as_str().unwrap().to_owned();
    let problem = told(&stage, &referral, "One account a customer").await;
    assert!(mentions("Use one of these records?")(&problem["sentence"]), "the rule's own words: {problem}");
    assert!(mentions("allow_duplicate_alerts")(&problem["next_step"]), "{problem}");
    assert_eq!(
        stage.query("SELECT Id FROM Opportunity WHERE Name = 'Contoso again'").await,
        [] as [Value; 0]
    );

    stage
        .while_it_is_away(async |world| {
            world.configure("[salesforce]\n", "[salesforce]\nallow_duplicate_alerts = true\n");
            // Looked at again by itself within a quarter of an hour; a change brings it back at once.
            let set = json!({ "/details/notes": "They ask when we begin" });
            world.acts("portal/edit", json!({ "id": referral, "set": set })).await;
        })
        .await;
    let opportunity = stage.opportunity_of(&referral).await;
    stage.until_opportunity(&opportunity, "Description", says("They ask when we begin")).await;
    let twins = stage.query("SELECT Id FROM Opportunity WHERE Name = 'Contoso again'").await;
    assert_eq!(twins.len(), 1);
    no_problem(&stage, &referral).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn p1_an_org_without_room_is_told_as_that_and_makes_half_of_nothing() {
    let stage = Stage::set().await;
    org(&stage, json!({ "storage_full": true })).await;
    let invited = json!({ "referral": invitation("Echo canyon"), "withMicrosoft": true });
    let referral = stage.acts("microsoft/invite", invited).await["id"].as_str().unwrap().to_owned();
    let problem = told(&stage, &referral, "no room left").await;
    assert!(mentions("administrator")(&problem["next_step"]), "{problem}");
    for object in ["Account", "Contact", "Opportunity", "Microsoft_Solution__c"] {
        assert_eq!(stage.query(&format!("SELECT Id FROM {object}")).await, [] as [Value; 0], "{object}");
    }
    org(&stage, json!({ "storage_full": false })).await;
    stage.colleague_edits(&referral, json!({ "/details/notes": "Still interested" })).await;
    let opportunity = stage.opportunity_of(&referral).await;
    stage.until_opportunity(&opportunity, "Description", says("Still interested")).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn p9_a_flow_that_fails_on_a_value_is_told_with_its_text_and_the_value_waits() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Foxtrot logistics", 48_000, false).await;
    stage.both_judges_agree(1).await;
    let words = "The booking system rejects a new closing date";
    let failure = json!({ "object": "Opportunity", "field": "CloseDate", "kind": "flow", "name": "Booking",
        "message": words });
    org(&stage, json!({ "save_failures": [failure] })).await;
    let edit =
        json!({ "/details/closingDateTime": "2027-08-31T00:00:00Z", "/details/notes": "Later, please" });
    stage.colleague_edits(&referral, edit).await;
    stage.until_opportunity(&opportunity, "Description", says("Later, please")).await;
    let problem = told(&stage, &opportunity, words).await;
    assert!(mentions("flow or trigger")(&problem["sentence"]), "{problem}");
    assert_eq!(stage.opportunity(&opportunity).await["CloseDate"], "2027-03-31");
    assert!(!log(&stage).contains(words));
    // Somebody decides for the old date at the portal, and nothing is left to tell.
    stage.colleague_edits(&referral, json!({ "/details/closingDateTime": "2027-03-31T00:00:00Z" })).await;
    no_problem(&stage, &opportunity).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn p9_where_countries_are_a_picklist_the_code_is_written_and_an_unknown_one_is_explained() {
    let stage = Stage::set().await;
    org(&stage, json!({ "state_country_picklists": true })).await;
    let (opportunity, _) = stage.invited(invitation("Golf resort Zurich")).await;
    let account = stage.opportunity(&opportunity).await["AccountId"].as_str().unwrap().to_owned();
    let soql = format!("SELECT BillingCountry,BillingCountryCode FROM Account WHERE Id = '{account}'");
    let row = stage.query(&soql).await.remove(0);
    assert_eq!((&row["BillingCountry"], &row["BillingCountryCode"]), (&json!("Switzerland"), &json!("CH")));

    let mut far = invitation("Hotel Funafuti");
    far["customerProfile"]["name"] = json!("Funafuti Ltd");
    far["customerProfile"]["address"]["country"] = json!("TV");
    let invited = json!({ "referral": far, "withMicrosoft": true });
    let referral = stage.acts("microsoft/invite", invited).await["id"].as_str().unwrap().to_owned();
    let problem = told(&stage, &referral, "not among the countries").await;
    assert!(mentions("\"TV\"")(&problem["sentence"]) && mentions("Setup")(&problem["sentence"]), "{problem}");
    // The deal is seen all the same: only the address is left out.
    stage.opportunity_of(&referral).await;
}

#[tokio::test]
async fn p9_a_currency_that_the_org_gave_up_holds_amount_and_currency_together_and_nothing_else() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Hotel Iris", 48_000, false).await;
    stage.both_judges_agree(1).await;
    org(&stage, json!({ "active_currencies": ["USD", "EUR"] })).await;
    let pounds =
        json!({ "/details/dealValue": 61_000, "/details/currency": "GBP", "/details/notes": "In pounds" });
    stage.colleague_edits(&referral, pounds).await;
    stage.until_opportunity(&opportunity, "Description", says("In pounds")).await;
    let problem = told(&stage, &opportunity, "currency").await;
    assert!(mentions("not active")(&problem["sentence"]), "{problem}");
    let row = stage.opportunity(&opportunity).await;
    assert_eq!(
        (&row["Amount"], &row["CurrencyIsoCode"]),
        (&json!(48_000.0), &json!("EUR")),
        "nobody's amount"
    );

    let euros = json!({ "/details/dealValue": 62_000, "/details/currency": "EUR" });
    stage.colleague_edits(&referral, euros).await;
    stage.until_opportunity(&opportunity, "Amount", is(62_000)).await;
    no_problem(&stage, &opportunity).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn p1_an_owner_who_may_not_own_it_is_named_as_the_reason_and_the_deal_comes_when_that_is_mended() {
    let stage = Stage::set().await;
    org(&stage, json!({ "cannot_own": ["noa.seller@trey-research.example"] })).await;
    let invited = json!({ "referral": invitation("Juniper mills"), "withMicrosoft": true });
    let referral = stage.acts("microsoft/invite", invited).await["id"].as_str().unwrap().to_owned();
    let problem = told(&stage, &referral, "owner of the customer's account").await;
    assert!(mentions("active user")(&problem["next_step"]), "{problem}");
    assert_eq!(stage.query("SELECT Id FROM Account").await, [] as [Value; 0], "half of nothing");

    org(&stage, json!({ "cannot_own": [] })).await;
    stage.colleague_edits(&referral, json!({ "/details/notes": "Still interested" })).await;
    let opportunity = stage.opportunity_of(&referral).await;
    stage.until_opportunity(&opportunity, "Description", says("Still interested")).await;
    no_problem(&stage, &referral).await;
}

#[tokio::test]
async fn p2_an_org_that_keeps_to_a_precondition_only_alone_is_written_to_one_record_a_call() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Kilo press", 48_000, false).await;
    stage
        .while_it_is_away(async |world| {
            org(world, json!({ "composite_ignores_conditions": true })).await;
            world.cosell(&["check", "--write-probe"]);
        })
        .await;
    let before = stage.log(Platform::Salesforce).await.len();
    stage.colleague_edits(&referral, json!({ "/details/dealValue": 61_000 })).await;
    stage.until_opportunity(&opportunity, "Amount", is(61_000)).await;
    stage.both_judges_agree(1).await;
    let log = stage.log(Platform::Salesforce).await;
    let packed = |exchange: &&Value| mentions("\"method\":\"PATCH\"")(&exchange["request"]);
    assert!(log[..before].iter().any(|exchange| packed(&exchange)), "the control: the log shows such calls");
    assert_eq!(log[before..].iter().filter(packed).count(), 0);
}
