//! Many referrals that become opportunities at once: few calls, and each for itself.

use deal_model::{Content, ElementKey, Held, Value};
use ports::RetryClass;
use salesforce::{MAX_FAILED_GRAPHS, MAX_GRAPHS};
use serde_json::json;
use sync_engine::{NewRecord, Side as _};

use super::{
    births::newborn,
    desk::{Desk, element, scope, text},
};

/// The referral `number`, of the customer `customer`, whose contact is always the same.
fn referral(number: usize, customer: usize) -> NewRecord {
    let mut new = newborn(&format!("REF-{number}"));
    for write in &mut new.writes {
        let Content::Whole(group) = &mut write.content else { continue };
        for (field, held) in group {
            match field.as_str() {
                "customer_name" => *held = Held::Value(text(&format!("Customer {customer}"))),
                "deal_name" => *held = Held::Value(text(&format!("Deal {number}"))),
                "contacts" => {
                    let person = element(&[("first_name", text("Ada")), ("last_name", text("Berg"))]);
                    let email = ElementKey(format!("ada@customer-{customer}.example"));
                    *held = Held::Value(Value::Set([(email, person)].into()));
                }
                _ => {}
            }
        }
    }
    new
}

fn refuse(desk: &Desk, deals: &[usize]) {
    let rule = |number: &usize| {
        json!({"object": "Opportunity", "field": "Name", "condition": {"equals": format!("Deal {number}")},
            "message": "Ask the deal desk"})
    };
    desk.knobs(&json!({"validation_rules": deals.iter().map(rule).collect::<Vec<_>>()}));
}

#[tokio::test]
async fn seventy_five_births_of_as_many_customers_are_a_look_a_call_and_a_read_back() {
    let desk = Desk::with("account = \"create\"");
    desk.side.open(scope()).await.unwrap();
    desk.calls();
    let new: Vec<NewRecord> = (0..MAX_GRAPHS).map(|number| referral(number, number)).collect();
    let created = desk.side.create_many(&new, scope()).await;
    let calls = desk.calls();
    let [_, made, _, rest @ ..] = calls.as_slice() else { panic!("{calls:?}") };
    assert!(made.ends_with("/composite/graph"), "{calls:?}");
    assert!(rest.len() <= 1, "records with their children may come in two pages: {calls:?}");
    for (new, created) in new.iter().zip(created) {
        let after = created.unwrap().after.unwrap();
        assert_eq!(
            after.crm().unwrap().claims.as_ref(),
            Some(&new.from.record),
            "in the order of the question"
        );
    }
    assert_eq!(desk.query("SELECT Id FROM Account").len(), MAX_GRAPHS);
    let again = desk.side.create_many(&new, scope()).await;
    assert!(again.iter().all(|created| created.as_ref().unwrap().existed));
    assert!(desk.calls().len() <= 3, "look, read");
    assert_eq!(desk.query("SELECT Id FROM Opportunity").len(), MAX_GRAPHS);
}

#[tokio::test]
async fn births_of_one_customer_share_its_account_and_its_contact() {
    let desk = Desk::with("account = \"create\"");
    desk.side.open(scope()).await.unwrap();
    desk.calls();
    let new: Vec<NewRecord> = (0..60).map(|number| referral(number, number % 20)).collect();
    let created = desk.side.create_many(&new, scope()).await;
    assert!(created.iter().all(|created| !created.as_ref().unwrap().existed));
    let calls = desk.calls();
    assert_eq!(calls.len(), 5, "look, make, contacts, make, read back: {calls:?}");
    for (object, count) in
        [("Account", 20), ("Contact", 20), ("OpportunityContactRole", 60), ("Opportunity", 60)]
    {
        assert_eq!(desk.query(&format!("SELECT Id FROM {object}")).len(), count, "{object}");
    }
    let first = desk.row("Opportunity", created[0].as_ref().unwrap().record.as_str());
    let last = desk.row("Opportunity", created[40].as_ref().unwrap().record.as_str());
    assert_eq!(first["AccountId"], last["AccountId"]);
}

#[tokio::test]
async fn births_without_an_account_share_the_contact_that_the_first_makes() {
    let desk = Desk::with("account = \"match\"");
    let new: Vec<NewRecord> = (0..5).map(|number| referral(number, 1)).collect();
    let created = desk.side.create_many(&new, scope()).await;
    assert!(created.iter().all(Result::is_ok));
    assert_eq!(desk.query("SELECT Id FROM Contact").len(), 1);
    assert_eq!(desk.query("SELECT Id FROM OpportunityContactRole").len(), 5);
}

#[tokio::test]
async fn the_platform_gives_a_call_up_after_some_failures_and_still_every_good_one_is_born() {
    let desk = Desk::with("account = \"create\"");
    let bad: Vec<usize> = (0..=2 * MAX_FAILED_GRAPHS).collect();
    refuse(&desk, &bad);
    let new: Vec<NewRecord> = (0..40).map(|number| referral(number, number)).collect();
    let created = desk.side.create_many(&new, scope()).await;
    for (number, created) in created.iter().enumerate() {
        match created {
            Ok(_) => assert!(!bad.contains(&number), "{number}"),
            Err(error) => {
                assert!(bad.contains(&number), "{number}: {error:?}");
                assert_eq!(error.class, RetryClass::Person);
                assert!(error.certainly_not_done && error.told.contains("Ask the deal desk"), "{error:?}");
            }
        }
    }
    assert_eq!(desk.query("SELECT Id FROM Opportunity").len(), 40 - bad.len());
    assert_eq!(desk.query("SELECT Id FROM Account").len(), 40 - bad.len(), "nothing is left of the others");
}

#[tokio::test]
async fn when_the_first_of_a_customer_is_refused_the_next_one_makes_the_account() {
    let desk = Desk::with("account = \"create\"");
    refuse(&desk, &[0]);
    let new: Vec<NewRecord> = (0..3).map(|number| referral(number, 1)).collect();
    let created = desk.side.create_many(&new, scope()).await;
    assert!(created[0].is_err() && created[1].is_ok() && created[2].is_ok(), "{created:?}");
    assert_eq!(desk.query("SELECT Id FROM Account").len(), 1);
    assert_eq!(desk.query("SELECT Id FROM Contact").len(), 1);
}

#[tokio::test]
async fn a_lost_answer_leaves_all_of_its_births_in_doubt_and_they_are_found_by_their_keys() {
    let desk = Desk::with("account = \"create\"");
    desk.side.open(scope()).await.unwrap();
    desk.lose_after(1);
    let new: Vec<NewRecord> = (0..10).map(|number| referral(number, number)).collect();
    let lost = desk.side.create_many(&new, scope()).await;
    assert!(lost.iter().all(|lost| !lost.as_ref().unwrap_err().certainly_not_done));
    let again = desk.side.create_many(&new, scope()).await;
    assert!(again.iter().all(|created| created.as_ref().unwrap().existed));
    assert_eq!(desk.query("SELECT Id FROM Opportunity").len(), 10);
}
