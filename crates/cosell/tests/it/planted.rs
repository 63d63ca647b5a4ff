//! Planted differences: the oracle and `cosell verify`, which share no line of code, name exactly the same ones.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::World;

/// Who plants, and what.
enum Plant {
    /// The seller, on the opportunity.
    Seller(Value),
    /// The seller, on the account.
    Account(Value),
    /// The seller, a new solution row.
    Row(&'static str),
    /// The seller, on the solution row.
    Solution(Value),
    /// A colleague, on the referral.
    Colleague(Value),
    /// Microsoft's seller, on theirs.
    Microsoft(Value),
    /// A colleague closes the referral.
    Close,
}

/// The oracle's name of the field, `verify`'s name of it, and the plant.
fn plants() -> Vec<(&'static str, &'static str, Plant)> {
    use Plant::{Account, Close, Colleague, Microsoft, Row, Seller, Solution};
    let two = json!([
        { "id": "SOL-12345-ABC", "name": "Fabrikam Insight", "type": "Name" },
        { "id": "SOL-24680-DEF", "name": "Fabrikam Edge", "type": "Name" },
    ]);
    vec![
        ("amount", "money", Seller(json!({ "Amount": 10_000.01 }))),
        ("amount", "money", Colleague(json!({ "/details/dealValue": 9_999 }))),
        ("currency", "money", Seller(json!({ "CurrencyIsoCode": "USD" }))),
        ("currency", "money", Colleague(json!({ "/details/currency": "GBP" }))),
        ("closing_date", "closing_date", Seller(json!({ "CloseDate": "2027-04-01" }))),
        (
            "closing_date",
            "closing_date",
            Colleague(json!({ "/details/closingDateTime": "2027-03-30T00:00:00Z" })),
        ),
        ("notes", "notes", Seller(json!({ "Description": "Wants a Pilot" }))),
        ("notes", "notes", Colleague(json!({ "/details/notes": "Wants two pilots" }))),
        ("share", "share", Seller(json!({ "Share_with_Microsoft__c": false }))),
        ("identifier", "referral_identifier", Seller(json!({ "Referral_Identifier__c": "mistyped" }))),
        ("link", "referral_link", Seller(json!({ "Referral_Link__c": "https://partner.microsoft.com/" }))),
        (
            "external_reference",
            "external_reference",
            Colleague(json!({ "/externalReferenceId": "unreadable" })),
        ),
        ("stage", "stage", Seller(json!({ "StageName": "Closed Won" }))),
        ("stage", "stage", Close),
        ("solutions", "solutions", Row("SOL-67890-XYZ")),
        ("solutions", "solutions", Colleague(json!({ "/details/requirements/solutions": two }))),
        ("solution_name", "solutions", Solution(json!({ "Name": "Fabrikam Insights" }))),
        ("solution_quantity", "solutions", Solution(json!({ "Quantity__c": 3 }))),
        ("program", "referral_program", Colleague(json!({ "/referralProgram": "Solution partner" }))),
        ("expires", "referral_expires", Seller(json!({ "Referral_Expires__c": "2027-01-01" }))),
        ("name", "deal_name", Seller(json!({ "Name": "Renamed by the seller" }))),
        ("customer_name", "customer_name", Account(json!({ "Name": "Renamed customer" }))),
        (
            "microsoft_crm_id",
            "microsoft_crm_id",
            Microsoft(json!({ "/trackingInfo": { "microsoftMsxId": "7-1PLANTED" } })),
        ),
        ("microsoft_status", "microsoft_status", Seller(json!({ "Microsoft_Status__c": "Won" }))),
        ("microsoft_reason", "microsoft_reason", Seller(json!({ "Microsoft_Reason__c": "Nobody said so" }))),
        ("microsoft_expires", "microsoft_expires", Seller(json!({ "Microsoft_Expires__c": "2027-01-01" }))),
        (
            "microsoft_sellers",
            "microsoft_sellers",
            Seller(json!({ "Microsoft_Sellers__c": "Somebody Else" })),
        ),
    ]
}

/// Pairs with nothing planted, which nobody may name.
const UNTOUCHED: usize = 2;

async fn plant(world: &World, opportunity: &str, referral: &str, plant: &Plant) {
    let changes = |object: &'static str, id: String, changes: Value| async move {
        let url = world.salesforce(&format!("sobjects/{object}/{id}"));
        world.call(Method::PATCH, &url, Some(world.seller_token()), Some(&changes)).await;
    };
    match plant {
        Plant::Seller(change) => world.seller_edits(opportunity, change.clone()).await,
        Plant::Account(change) => {
            let account = world.opportunity(opportunity).await["AccountId"].as_str().unwrap().to_owned();
            changes("Account", account, change.clone()).await;
        }
        Plant::Solution(change) => {
            let rows = world
                .query(&format!(
                    "SELECT Id FROM Microsoft_Solution__c WHERE Opportunity__c = '{opportunity}'"
                ))
                .await;
            changes("Microsoft_Solution__c", rows[0]["Id"].as_str().unwrap().to_owned(), change.clone())
                .await;
        }
        Plant::Row(solution) => {
            let row =
                json!({ "Opportunity__c": opportunity, "Name": "One more", "Solution_Id__c": solution });
            world.seller_creates("Microsoft_Solution__c", row).await;
        }
        Plant::Colleague(set) => drop(world.acts("portal/edit", json!({ "id": referral, "set": set })).await),
        Plant::Microsoft(set) => {
            let engagement = world.referral(referral).await["engagementId"].clone();
            world.acts("microsoft/edit", json!({ "engagementId": engagement, "set": set })).await;
        }
        Plant::Close => {
            let close = json!({ "id": referral, "substatus": "Lost", "reason": "Others" });
            world.acts("portal/close", close).await;
        }
    }
}

#[tokio::test]
async fn the_oracle_and_verify_name_the_same_planted_differences() {
    let world = World::start();
    let mut service = world.run();
    let plants = plants();
    let mut pairs = Vec::new();
    for number in 0..plants.len() + UNTOUCHED {
        let opportunity = world.new_opportunity(&format!("Planted {number}"), 10_000).await;
        let microsofts = plants.get(number).is_some_and(|(field, ..)| field.starts_with("microsoft"));
        world.opt_in(&opportunity, microsofts).await;
        pairs.push(opportunity);
    }
    let mut referrals = Vec::new();
    for opportunity in &pairs {
        referrals.push(world.referral_of(opportunity).await);
    }
    world.both_judges_agree(pairs.len()).await;
    // Microsoft's people and identifier show once Microsoft has accepted.
    for ((.., what), referral) in plants.iter().zip(&referrals) {
        if matches!(what, Plant::Microsoft(_)) {
            let engagement = world.referral(referral).await["engagementId"].clone();
            world.acts("microsoft/accept", json!({ "engagementId": engagement })).await;
        }
    }
    world.both_judges_agree(pairs.len()).await;
    service.stop();

    for (number, (.., what)) in plants.iter().enumerate() {
        plant(&world, &pairs[number], &referrals[number], what).await;
    }

    let wanted: BTreeSet<(String, &str)> =
        plants.iter().zip(&pairs).map(|((field, ..), opportunity)| (opportunity.clone(), *field)).collect();
    let verdict = world.verdict().await;
    let oracle: BTreeSet<(String, &str)> =
        verdict.differences.iter().map(|found| (found.opportunity.clone(), found.field)).collect();
    assert_eq!(oracle, wanted, "the oracle names what was planted");
    assert_eq!((verdict.pairs.len(), verdict.equal), (pairs.len(), UNTOUCHED));

    let deals: BTreeMap<String, String> = world
        .cosell_json(&["deals", "list"])
        .into_iter()
        .map(|deal| {
            (deal["id"].as_str().unwrap().to_owned(), deal["opportunity"].as_str().unwrap().to_owned())
        })
        .collect();
    let output = world.cosell(&["verify", "--format", "json"]);
    let verified: Value = serde_json::from_slice(&output.stdout).unwrap();
    let named = named_by(&verified, &deals);
    let mapped: BTreeSet<(String, String)> = plants
        .iter()
        .zip(&pairs)
        .map(|((_, field, _), opportunity)| (opportunity.clone(), (*field).to_owned()))
        .collect();
    assert_eq!(named, mapped, "verify names what the oracle names: {verified:#}");

    let counts = verified["counts"].as_object().unwrap();
    let count = |standing: &str| counts.get(standing).and_then(Value::as_u64).unwrap_or(0);
    let all: u64 = counts.values().filter_map(Value::as_u64).sum();
    assert_eq!(
        (all, verified["deals"].as_u64()),
        (pairs.len() as u64, Some(pairs.len() as u64)),
        "{counts:?}"
    );
    assert_eq!(count("equal"), UNTOUCHED as u64, "{counts:?}");
    assert_eq!(output.status.success(), count("different") + count("unread") == 0, "{counts:?}");
    assert_eq!(count("unread"), 0, "{counts:?}");

    // The proof over all deals says the same, and what is kept of it adds up and holds no value.
    let output = world.cosell(&["verify", "--all", "--format", "json"]);
    let proved: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(named_by(&proved, &deals), mapped, "the whole proof names what the oracle names: {proved:#}");
    assert_eq!(
        (&proved["proof"]["counts"], &proved["proof"]["deals"]),
        (&verified["counts"], &verified["deals"])
    );
    assert_eq!(proved["findings_left_out"], 0);
    assert_eq!(output.status.success(), count("different") == 0, "{counts:?}");
    let last = world.cosell_json(&["verify", "--last"]).pop().unwrap();
    for member in ["counts", "deals", "first", "mapping"] {
        assert_eq!(last["proof"][member], proved["proof"][member], "{member} of what is kept");
    }
    let first = last["proof"]["first"].as_array().unwrap();
    assert_eq!(first.len(), plants.len(), "each that is not equal is named: {last:#}");
    assert!(!last.to_string().contains("Wants"), "a kept proof holds no value: {last}");
}

/// The opportunities and fields that a verification names.
fn named_by(verified: &Value, deals: &BTreeMap<String, String>) -> BTreeSet<(String, String)> {
    let mut named = BTreeSet::new();
    for finding in verified["findings"].as_array().unwrap() {
        for difference in finding["differences"].as_array().unwrap() {
            let opportunity = deals[finding["deal"].as_str().unwrap()].clone();
            named.insert((opportunity, difference["field"].as_str().unwrap().to_owned()));
        }
    }
    named
}

#[tokio::test]
async fn a_verification_that_could_not_look_fails() {
    let world = World::start();
    let mut service = world.run();
    let opportunity = world.new_opportunity("Unreadable", 10_000).await;
    world.opt_in(&opportunity, false).await;
    world.referral_of(&opportunity).await;
    world.both_judges_agree(1).await;
    service.stop();
    world.configure("client_secret = \"file:partner-center.secret\"", "client_secret = \"file:seal.key\"");
    let output = world.cosell(&["verify", "--format", "json"]);
    let verified: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verified["counts"], json!({ "unread": 1 }));
    assert!(!output.status.success(), "what was not looked at is not proven");
}
