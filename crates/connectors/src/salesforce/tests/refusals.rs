//! What the org refuses, and what becomes of it: again at once, later with a sentence, or a value left out.

use deal_model::ProblemClass;
use ports::RetryClass;
use serde_json::json;
use sync_engine::{Side as _, SideError};

use super::{
    births::newborn,
    desk::{Desk, elements, money, number, scope, text, write},
};
use crate::salesforce::ConditionalWrites;

fn composites(desk: &Desk) -> usize {
    desk.calls().iter().filter(|call| call.ends_with("/composite")).count()
}

/// The change is refused; why.
async fn refused(desk: &Desk, id: &str, writes: Vec<deal_model::Write>) -> SideError {
    let change = desk.change(id, writes, None).await;
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err()
}

#[tokio::test]
async fn a_row_that_somebody_holds_for_a_moment_is_written_in_the_same_pass() {
    let desk = Desk::new();
    let (held, free) = (desk.opportunity(&json!({})), desk.opportunity(&json!({})));
    let changes = [
        desk.change(&held, vec![money(1, "EUR")], None).await,
        desk.change(&free, vec![money(2, "EUR")], None).await,
    ];
    desk.knobs(&json!({"locked_rows": [{"id": held, "times": 2}]}));
    desk.calls();
    for answer in desk.side.apply(&changes, scope()).await {
        answer.unwrap();
    }
    assert_eq!(composites(&desk), 3, "the neighbour is not sent again");
    assert_eq!(desk.row("Opportunity", &held)["Amount"].as_f64(), Some(1.0));
    assert_eq!(desk.row("Opportunity", &free)["Amount"].as_f64(), Some(2.0));
}

#[tokio::test]
async fn an_opportunity_with_its_rows_is_tried_again_as_a_whole() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let put = elements("solutions", &[("SOL-1", Some(&[("name", text("Backup"))]))]);
    let change = desk.change(&id, vec![money(5, "EUR"), put], None).await;
    desk.knobs(&json!({"locked_rows": [{"id": id, "times": 2}]}));
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(desk.query("SELECT Id FROM Microsoft_Solution__c").len(), 1);
}

#[tokio::test]
async fn a_row_that_is_held_for_long_waits_without_blaming_a_value() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    desk.knobs(&json!({"locked_rows": [{"id": id, "times": 100}]}));
    let change = desk.change(&id, vec![money(5, "EUR")], None).await;
    desk.calls();
    let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
    assert_eq!((error.class, error.certainly_not_done), (RetryClass::LATER, true));
    assert!(error.waits_for.is_none(), "it passes by itself");
    assert_eq!(composites(&desk), 4, "tried a bounded number of times");
}

#[tokio::test]
async fn what_keeps_the_whole_record_from_being_written_blames_no_value() {
    let words = [
        (json!({"approval_locked": true}), ProblemClass::Permission, "approval"),
        (
            json!({"denied": [{"object": "Opportunity", "rights": ["edit"]}]}),
            ProblemClass::Permission,
            "integration user",
        ),
    ];
    for (mut knob, class, word) in words {
        let desk = Desk::new();
        let id = desk.opportunity(&json!({}));
        let change = desk.change(&id, vec![money(5, "EUR")], None).await;
        if knob["approval_locked"] == true {
            knob = json!({"approval_locked": [id]});
        }
        desk.knobs(&knob);
        let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
        assert_eq!((error.class.clone(), &error.groups), (RetryClass::Person, &vec![]), "{word}: {error:?}");
        let waits = error.waits_for.unwrap();
        assert_eq!(waits.class, class, "{word}");
        assert!(waits.sentence.contains(word) && !waits.next_step.is_empty(), "{waits:?}");
    }
}

#[tokio::test]
async fn a_flow_or_trigger_that_fails_is_told_in_the_customers_own_words_and_never_logged() {
    for kind in ["trigger", "flow"] {
        let desk = Desk::new();
        let id = desk.opportunity(&json!({}));
        let failure = json!({"object": "Opportunity", "kind": kind, "name": "Sync_ERP",
            "message": "The ERP has closed this order"});
        desk.knobs(&json!({"save_failures": [failure]}));
        let error = refused(&desk, &id, vec![money(5, "EUR")]).await;
        assert_eq!(error.class, RetryClass::Person, "{kind}");
        assert!(error.told.contains("The ERP has closed this order"), "{kind}: {}", error.told);
        assert!(error.told.contains("flow or trigger"), "{kind}: {}", error.told);
        assert!(!error.what.contains("ERP"), "{kind}: {error}");
    }
}

#[tokio::test]
async fn a_text_that_is_too_long_for_this_org_is_told_before_anything_is_sent() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let change = desk.change(&id, vec![write("notes", &[("notes", text(&"x".repeat(32_001)))])], None).await;
    desk.calls();
    let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
    assert_eq!(desk.calls(), [""; 0]);
    assert_eq!((error.class, error.groups), (RetryClass::Person, vec!["notes".into()]));
    assert!(error.told.contains("32001") && error.told.contains("32000"), "{}", error.told);
}

#[tokio::test]
async fn a_row_or_a_person_that_this_org_cannot_hold_is_told_before_anything_is_sent() {
    let desk = Desk::new();
    let account = desk.make("Account", json!({"Name": "Fabrikam"}));
    let id = desk.opportunity(&json!({"AccountId": account}));
    let long = text(&"x".repeat(500));
    let rows = [
        ("solutions", elements("solutions", &[("SOL-1", Some(&[("name", long.clone())]))]), "Name"),
        (
            "contacts",
            elements("contacts", &[("ada@fabrikam.example", Some(&[("last_name", long.clone())]))]),
            "LastName",
        ),
    ];
    for (group, put, column) in rows {
        let change = desk.change(&id, vec![put], None).await;
        desk.calls();
        let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
        assert!(!desk.calls().iter().any(|call| call.ends_with("/composite")), "{group}: nothing was sent");
        assert_eq!((error.class, error.groups), (RetryClass::Person, vec![group.into()]));
        assert!(error.told.contains("500 characters") && error.told.contains(column), "{}", error.told);
    }
}

#[tokio::test]
async fn with_products_the_amount_is_theirs_and_the_reading_says_so() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({"CurrencyIsoCode": "USD"}));
    assert!(desk.see(&id).await.crm().unwrap().computed.is_empty());
    let entry = desk.query("SELECT Id FROM PricebookEntry ORDER BY UnitPrice DESC LIMIT 1")[0]["Id"].clone();
    desk.make(
        "OpportunityLineItem",
        json!({"OpportunityId": id, "PricebookEntryId": entry, "Quantity": 2, "UnitPrice": 300}),
    );
    desk.pass(5);
    let seen = desk.see(&id).await;
    let computed = &seen.crm().unwrap().computed;
    let fields: Vec<&str> = computed.keys().map(deal_model::FieldId::as_str).collect();
    assert_eq!(fields, ["deal_currency", "deal_value"]);
    assert!(computed.values().all(|why| why.contains("products")), "{computed:?}");
    assert_eq!(super::desk::held(&seen, "deal_value"), deal_model::Observed::Value(number(600)));
}

#[tokio::test]
async fn an_org_that_ignores_a_precondition_inside_a_call_is_written_to_one_by_one() {
    for (conditional, kept) in
        [(ConditionalWrites::InComposite, false), (ConditionalWrites::OnePerCall, true)]
    {
        let mut desk = Desk::new();
        desk.side.settings.conditional = conditional;
        desk.knobs(&json!({"composite_ignores_conditions": true}));
        let (moved, still) = (desk.opportunity(&json!({})), desk.opportunity(&json!({})));
        let with_rows = desk.opportunity(&json!({}));
        let put = elements("solutions", &[("SOL-1", Some(&[("name", text("Backup"))]))]);
        let changes = [
            desk.change(&moved, vec![money(1, "EUR")], None).await,
            desk.change(&still, vec![money(2, "EUR")], None).await,
            desk.change(&with_rows, vec![money(3, "EUR"), put], None).await,
        ];
        desk.edit("Opportunity", &moved, &json!({"Amount": 77}));
        desk.edit("Opportunity", &with_rows, &json!({"Amount": 88}));
        let answers = desk.side.apply(&changes, scope()).await;
        let amount = |id: &str| desk.row("Opportunity", id)["Amount"].as_f64();
        assert_eq!(amount(&moved) == Some(77.0), kept, "the control shows what the org does");
        assert_eq!(amount(&with_rows) == Some(88.0), kept);
        if kept {
            assert_eq!(answers[0].as_ref().unwrap_err().class, RetryClass::Changed);
            assert_eq!(answers[2].as_ref().unwrap_err().class, RetryClass::Changed);
            assert!(desk.query("SELECT Id FROM Microsoft_Solution__c").is_empty());
            assert!(answers[1].as_ref().unwrap().after.is_some(), "what was written is read back");
        }
        assert_eq!(amount(&still), Some(2.0));
    }
}

#[tokio::test]
async fn a_row_key_that_another_opportunity_holds_is_a_persons_and_no_endless_round() {
    let desk = Desk::new();
    let (id, other) = (desk.opportunity(&json!({})), desk.opportunity(&json!({})));
    desk.make(
        "Microsoft_Solution__c",
        json!({"Opportunity__c": other, "Solution_Id__c": "X", "Name": "X", "Co_sell_Key__c": format!("{id}:SOL-1")}),
    );
    let put = elements("solutions", &[("SOL-1", Some(&[("name", text("Backup"))]))]);
    let error = refused(&desk, &id, vec![put]).await;
    assert_eq!((error.class, error.groups), (RetryClass::Person, vec!["solutions".into()]));
    assert!(error.told.contains("holds it already"), "{}", error.told);
}

#[tokio::test]
async fn no_refusal_tells_the_id_of_another_opportunity() {
    let desk =
        Desk::with("account = \"create\"\n[fields.notes]\nsalesforce = \"Opportunity.acme__Notes__c\"");
    let notes = json!({
        "object": "Opportunity", "name": "acme__Notes__c", "label": "Notes", "length": 200, "unique": true
    });
    desk.knobs(&json!({"own_fields": [notes]}));
    let id = desk.opportunity(&json!({}));
    let private = desk.opportunity(&json!({"acme__Notes__c": "taken", "Sync_with_Partner_Center__c": false}));
    let holder = &private[..15];

    let taken = refused(&desk, &id, vec![write("notes", &[("notes", text("taken"))])]).await;
    assert_eq!(taken.class, RetryClass::Person);
    assert!(taken.told.contains("another opportunity holds it already"), "{}", taken.told);

    let says =
        format!("As on {private}: https://org.example/lightning/r/Opportunity/{private}/view, ID{holder}.");
    let rule = json!({
        "object": "Opportunity", "field": "Amount", "condition": {"above": 1000}, "message": says
    });
    desk.knobs(&json!({"validation_rules": [rule]}));
    let ruled = refused(&desk, &id, vec![money(5_000, "EUR")]).await;
    let words = "As on (an opportunity): https://org.example/lightning/r/Opportunity/(an opportunity)/view, \
                 ID(an opportunity).";
    assert!(ruled.told.contains(words), "{}", ruled.told);
    for error in [&taken, &ruled] {
        assert!(!format!("{error:?}{error}").contains(holder), "{error:?}");
    }
}

#[tokio::test]
async fn a_row_key_whose_holder_is_not_shown_is_a_persons_and_no_endless_round() {
    let desk = Desk::new();
    let (id, other) = (desk.opportunity(&json!({})), desk.opportunity(&json!({})));
    let put = elements("solutions", &[("SOL-1", Some(&[("name", text("Backup"))]))]);
    let change = desk.change(&id, vec![put], None).await;
    desk.knobs(&json!({"late_visible_ms": 3_600_000}));
    desk.make(
        "Microsoft_Solution__c",
        json!({"Opportunity__c": other, "Solution_Id__c": "X", "Name": "X", "Co_sell_Key__c": format!("{id}:SOL-1")}),
    );
    let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
    assert_eq!((error.class, error.groups), (RetryClass::Person, vec!["solutions".into()]));
}

#[tokio::test]
async fn an_account_that_may_not_be_written_holds_up_what_lives_there_and_nothing_else() {
    let locked = |account: &str| json!({"approval_locked": [account]});
    let denied = |_: &str| json!({"denied": [{"object": "Account", "rights": ["edit"]}]});
    for word in ["approval", "may not change"] {
        let desk = Desk::new();
        let account = desk.make("Account", json!({"Name": "Fabrikam"}));
        let knob = if word == "approval" { locked(&account) } else { denied(&account) };
        let id = desk.opportunity(&json!({"AccountId": account}));
        let city = write("customer_address", &[("customer_city", text("Hamburg"))]);
        let change = desk.change(&id, vec![money(5, "EUR"), city], None).await;
        desk.knobs(&knob);
        let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
        assert_eq!((&error.class, &error.waits_for), (&RetryClass::Person, &None), "{word}");
        assert!(error.groups.contains(&"customer_address".into()), "{error:?}");
        assert!(!error.groups.contains(&"money".into()), "{error:?}");
        assert!(error.told.contains(word) && error.told.contains("account"), "{}", error.told);
        let change = desk.change(&id, vec![money(5, "EUR")], None).await;
        desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_person_account_has_itself_as_its_only_contact_and_that_is_said() {
    let desk = Desk::new();
    desk.knobs(&json!({"person_accounts": true}));
    let person = desk.make("Account", json!({"FirstName": "Jo", "LastName": "Kunde"}));
    let id = desk.opportunity(&json!({"AccountId": person}));
    let new = [("first_name", text("Ada")), ("last_name", text("Berg"))];
    let error =
        refused(&desk, &id, vec![elements("contacts", &[("ada@fabrikam.example", Some(&new))])]).await;
    assert_eq!((error.class, error.groups), (RetryClass::Person, vec!["contacts".into()]));
    assert!(error.told.contains("person account"), "{}", error.told);
}

#[tokio::test]
async fn a_currency_that_the_org_does_not_use_holds_the_whole_group() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    desk.see(&id).await;
    // Deactivated after the descriptions were read: the org itself refuses.
    desk.knobs(&json!({"active_currencies": ["EUR"]}));
    let error = refused(&desk, &id, vec![money(5, "USD")]).await;
    assert_eq!((error.class, error.groups), (RetryClass::Person, vec!["money".into()]));
    assert!(error.told.contains("currency"), "{}", error.told);
}

#[tokio::test]
async fn a_full_org_makes_nothing_and_says_so() {
    let desk = Desk::with("account = \"create\"");
    desk.side.open(scope()).await.unwrap();
    for status in [400, 403] {
        desk.knobs(&json!({"storage_full": true, "storage_full_status": status}));
        let error = desk.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
        let waits = error.waits_for.unwrap();
        assert!(waits.sentence.contains("no room"), "{waits:?}");
        assert!(error.certainly_not_done);
    }
    desk.knobs(&json!({"storage_full": false}));
    desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
}
