//! A new opportunity and all that belongs to it: one graph, the whole of it or nothing.

use deal_model::{Content, ElementKey, Held, Observed, Value};
use ports::RetryClass;
use serde_json::json;
use sync_engine::{NewRecord, Side as _};

use super::{
    births::newborn,
    desk::{Desk, element, held, scope, text, write},
};

/// A referral with `solutions` and as many contacts.
fn large(id: &str, count: usize) -> NewRecord {
    let mut new = newborn(id);
    new.writes.retain(|write| !matches!(write.group.as_str(), "solutions" | "contacts"));
    let mut put = |group: &str, elements: Vec<(ElementKey, deal_model::Element)>| {
        let mut whole = write(group, &[]);
        let set = Held::Value(Value::Set(elements.into_iter().collect()));
        whole.content = Content::Whole([(group.into(), set)].into());
        new.writes.push(whole);
    };
    let solution = |number: usize| (ElementKey(format!("SOL-{number}")), element(&[("name", text("S"))]));
    put("solutions", (0..count).map(solution).collect());
    let person = |number: usize| {
        let names = element(&[("first_name", text("Ada")), ("last_name", text("Berg"))]);
        (ElementKey(format!("ada.{number}@fabrikam.example")), names)
    };
    put("contacts", (0..count).map(person).collect());
    new
}

#[tokio::test]
async fn fifty_solutions_and_fifty_contacts_are_born_with_their_opportunity_in_one_call() {
    let desk = Desk::with("account = \"create\"");
    desk.side.open(scope()).await.unwrap();
    desk.calls();
    let created = desk.side.create(&large("REF-1", 50), scope()).await.unwrap();
    let calls = desk.calls();
    let graphs = calls.iter().filter(|call| call.ends_with("/composite/graph")).count();
    assert_eq!((graphs, calls.len()), (1, 3), "look, make, read back: {calls:?}");
    let after = created.after.unwrap();
    for set in ["solutions", "contacts"] {
        assert!(matches!(held(&after, set), Observed::Value(Value::Set(set)) if set.len() == 50), "{set}");
    }
    assert_eq!(after.crm().unwrap().origin, Some(created.record));
}

#[tokio::test]
async fn nothing_is_left_behind_when_one_of_the_family_is_refused() {
    let desk = Desk::with("account = \"create\"");
    let rule = json!({"object": "Contact", "field": "LastName", "condition": {"equals": "Berg"},
        "message": "No Bergs here"});
    desk.knobs(&json!({"validation_rules": [rule]}));
    let error = desk.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    assert_eq!((&error.class, &error.groups), (&RetryClass::Person, &vec!["contacts".into()]));
    assert!(error.certainly_not_done && error.told.contains("No Bergs here"), "{error:?}");
    for object in ["Opportunity", "Account", "Microsoft_Solution__c"] {
        assert!(desk.query(&format!("SELECT Id FROM {object}")).is_empty(), "{object}");
    }
    let mut without = newborn("REF-1");
    without.writes.retain(|write| write.group.as_str() != "contacts");
    desk.side.create(&without, scope()).await.unwrap();
}

#[tokio::test]
async fn a_row_that_came_with_a_birth_is_not_made_again_before_it_is_seen() {
    let desk = Desk::with("account = \"match\"");
    let created = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    let id = created.record.as_str().to_owned();
    let rows = desk.query("SELECT Co_sell_Key__c FROM Microsoft_Solution__c");
    assert_eq!(rows[0]["Co_sell_Key__c"], "REF-1:SOL-1");
    desk.pass(5);
    // A later row of the same opportunity begins with the same key.
    let put = super::desk::elements("solutions", &[("SOL-2", Some(&[("name", text("Vault"))]))]);
    let change = desk.change(&id, vec![put], None).await;
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    let rows = desk.query("SELECT Co_sell_Key__c FROM Microsoft_Solution__c ORDER BY Co_sell_Key__c");
    assert_eq!(rows[1]["Co_sell_Key__c"], "REF-1:SOL-2");
}

#[tokio::test]
async fn a_locked_account_delays_a_birth_within_the_pass() {
    let desk = Desk::with("account = \"match\"");
    let account = json!({"Name": "Fabrikam", "BillingPostalCode": "20095", "BillingCountry": "DE"});
    let account = desk.make("Account", account);
    desk.knobs(&json!({"locked_rows": [{"id": account, "times": 2}]}));
    let created = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    assert_eq!(desk.row("Opportunity", created.record.as_str())["AccountId"], json!(account));
    assert_eq!(desk.query("SELECT Id FROM Opportunity").len(), 1);
}

#[tokio::test]
async fn a_duplicate_rule_on_accounts_is_told_by_name_and_stops_the_birth_whole() {
    for (action, hint) in [("alert", true), ("block", false)] {
        let desk = Desk::with("account = \"create\"");
        desk.make("Account", json!({"Name": "Fabrikam"}));
        let rule =
            json!({"name": "One Fabrikam only", "object": "Account", "fields": ["Name"], "action": action});
        desk.knobs(&json!({"duplicate_rules": [rule]}));
        let error = desk.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
        let waits = error.waits_for.as_ref().unwrap();
        assert!(waits.sentence.contains("One Fabrikam only"), "{waits:?}");
        assert!(waits.sentence.contains("Use one of these records?"), "{waits:?}");
        assert_eq!(waits.next_step.contains("allow_duplicate_alerts"), hint, "{waits:?}");
        assert!(!error.what.contains("Fabrikam"), "{error}");
        assert!(desk.query("SELECT Id FROM Opportunity").is_empty());
    }
}

#[tokio::test]
async fn a_key_that_a_record_out_of_sight_holds_is_said_and_looked_at_again() {
    let desk = Desk::with("account = \"match\"");
    desk.knobs(&json!({"late_visible_ms": 60_000}));
    desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    let error = desk.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    assert_eq!(error.class, RetryClass::LATER);
    assert!(error.waits_for.unwrap().sentence.contains("key of this referral's opportunity"));
}

#[tokio::test]
async fn with_country_picklists_the_code_is_written_and_an_unknown_country_is_explained() {
    let desk = Desk::with("account = \"create\"");
    desk.knobs(&json!({"state_country_picklists": true}));
    let created = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    let row = desk.row("Opportunity", created.record.as_str());
    let account = desk.row("Account", row["AccountId"].as_str().unwrap());
    assert_eq!(
        (&account["BillingCountryCode"], &account["BillingCountry"]),
        (&json!("DE"), &json!("Germany"))
    );
    let seen = desk.see(created.record.as_str()).await;
    assert_eq!(held(&seen, "customer_country"), Observed::Value(Value::Choice("DE".to_owned())));

    let mut far = newborn("REF-2");
    for write in &mut far.writes {
        if let Content::Whole(group) = &mut write.content
            && group.contains_key(&"customer_country".into())
        {
            group.insert("customer_country".into(), Held::Value(Value::Choice("TV".to_owned())));
        }
    }
    let error = desk.side.create(&far, scope()).await.unwrap_err();
    assert_eq!((error.class, &error.groups), (RetryClass::Person, &vec!["customer_address".into()]));
    assert!(error.told.contains("TV") && error.told.contains("countries"), "{}", error.told);
}
