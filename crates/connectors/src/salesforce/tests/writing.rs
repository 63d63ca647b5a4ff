//! Applying.

use deal_model::{Actor, Life, Observed, Value};
use ports::RetryClass;
use serde_json::json;
use sync_engine::{Change, Report, Side as _, What};

use super::desk::{Desk, Put, elements, held, money, number, scope, text, write};

#[tokio::test]
async fn a_change_is_written_and_read_back_in_one_call() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({"StageName": super::desk::ON_HOLD}));
    let life = Some(Life::Active { sales_stage: None });
    let mut change =
        desk.change(&id, vec![money(250, "USD"), write("notes", &[("notes", text("a\nb"))])], life).await;
    let What::Fields { report, .. } = &mut change.what else { panic!() };
    *report = Some(Report {
        status: "in step".to_owned(),
        problem: String::new(),
        audit: vec!["second".to_owned(), "first".to_owned()],
        synced_at: Some("2026-11-22T06:00:00Z".parse().unwrap()),
    });
    desk.calls();
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(desk.calls().len(), 1);
    let after = applied.after.unwrap();
    assert_eq!(held(&after, "deal_value"), Observed::Value(number(250)));
    assert_eq!(held(&after, "deal_currency"), Observed::Value(Value::Choice("USD".to_owned())));
    assert_eq!(held(&after, "notes"), Observed::Value(text("a\nb")));
    assert_eq!(after.life, life_active());
    assert_eq!(after.actor, Actor::Integration);
    let row = desk.row("Opportunity", &id);
    assert_eq!(row["StageName"], "Qualification");
    assert_eq!(row["Co_sell_Status__c"], "in step");
    assert_eq!(row["Audit__c"], "second\nfirst");
}

fn life_active() -> Life {
    Life::Active { sales_stage: None }
}

#[tokio::test]
async fn one_that_moved_is_changed_and_untouched_and_fails_no_neighbour() {
    let desk = Desk::new();
    let (moved, still) = (desk.opportunity(&json!({})), desk.opportunity(&json!({})));
    let changes = [
        desk.change(&moved, vec![money(1, "EUR")], None).await,
        desk.change(&still, vec![money(2, "EUR")], None).await,
    ];
    desk.edit("Opportunity", &moved, &json!({"Description": "somebody was here"}));
    let answers = desk.side.apply(&changes, scope()).await;
    assert_eq!(answers[0].as_ref().unwrap_err().class, RetryClass::Changed);
    assert!(answers[0].as_ref().unwrap_err().certainly_not_done);
    assert_eq!(
        held(answers[1].as_ref().unwrap().after.as_ref().unwrap(), "deal_value"),
        Observed::Value(number(2))
    );
    assert_eq!(desk.row("Opportunity", &moved)["Amount"].as_f64(), Some(100.0));
}

#[tokio::test]
async fn a_refused_value_names_its_group_and_tells_the_orgs_words() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let rule = json!({"object": "Opportunity", "field": "Amount", "condition": {"above": 1000}, "message": "Too much for us"});
    desk.knobs(&json!({"validation_rules": [rule]}));
    let change = desk.change(&id, vec![money(5_000, "EUR")], None).await;
    let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
    assert_eq!(error.class, RetryClass::Person);
    assert!(error.told.contains("Too much for us"), "{error:?}");
    assert!(!error.what.contains("Too much"), "{error}");
    assert_eq!(error.groups, ["money".into()]);
}

#[tokio::test]
async fn what_an_automation_kept_is_what_comes_back() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let round = json!({"object": "Opportunity", "field": "Amount", "kind": "round", "argument": 100, "when": "before_save"});
    desk.knobs(&json!({"automations": [round]}));
    let change = desk.change(&id, vec![money(249, "EUR")], None).await;
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(held(&applied.after.unwrap(), "deal_value"), Observed::Value(number(200)));
}

#[tokio::test]
async fn an_inactive_currency_is_told_before_anything_is_sent() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let change = desk.change(&id, vec![money(5, "JPY")], None).await;
    desk.calls();
    let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
    assert_eq!((error.class, error.groups), (RetryClass::Person, vec!["money".into()]));
    assert_eq!(desk.row("Opportunity", &id)["Amount"].as_f64(), Some(100.0));
}

#[tokio::test]
async fn a_value_that_looks_like_a_reference_is_written_all_the_same() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let change = desk.change(&id, vec![write("notes", &[("notes", text("see @{refs[0].id}"))])], None).await;
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(held(&applied.after.unwrap(), "notes"), Observed::Value(text("see @{refs[0].id}")));
}

#[tokio::test]
async fn solutions_come_change_and_go_as_rows_of_ours() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let put = |name: &str, key: &str| elements("solutions", &[(key, Some(&[("name", text(name))]))]);
    let change = desk.change(&id, vec![put("Backup", "SOL-1")], None).await;
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert!(
        matches!(held(&applied.after.unwrap(), "solutions"), Observed::Value(Value::Set(set)) if set.len() == 1)
    );
    let rows = desk.query("SELECT Id,Co_sell_Key__c FROM Microsoft_Solution__c");
    assert_eq!(rows[0]["Co_sell_Key__c"], json!(format!("{id}:SOL-1")));
    desk.pass(5);
    let both = vec![put("Backup 2", "SOL-1"), put("Vault", "SOL-2")];
    let change = desk.change(&id, both, None).await;
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(desk.query("SELECT Name FROM Microsoft_Solution__c ORDER BY Name")[0]["Name"], "Backup 2");
    desk.pass(5);
    let change = desk.change(&id, vec![elements("solutions", &[("SOL-1", None)])], None).await;
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    let left = desk.query("SELECT Solution_Id__c FROM Microsoft_Solution__c");
    assert_eq!(left.iter().map(|row| row["Solution_Id__c"].clone()).collect::<Vec<_>>(), [json!("SOL-2")]);
}

#[tokio::test]
async fn a_row_that_a_person_made_is_never_removed() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    desk.make(
        "Microsoft_Solution__c",
        json!({"Opportunity__c": id, "Solution_Id__c": "SOL-1", "Name": "Theirs"}),
    );
    let change = desk.change(&id, vec![elements("solutions", &[("SOL-1", None)])], None).await;
    let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
    assert_eq!((error.class, error.groups), (RetryClass::Person, vec!["solutions".into()]));
    assert_eq!(desk.query("SELECT Id FROM Microsoft_Solution__c").len(), 1);
}

#[tokio::test]
async fn rows_are_not_written_to_an_opportunity_that_moved() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let put = elements("solutions", &[("SOL-1", Some(&[("name", text("Backup"))]))]);
    let change = desk.change(&id, vec![put.clone()], None).await;
    desk.edit("Opportunity", &id, &json!({"Sync_with_Partner_Center__c": false}));
    let error = desk.side.apply(std::slice::from_ref(&change), scope()).await.pop().unwrap().unwrap_err();
    assert_eq!(error.class, RetryClass::Changed);
    let money_too = Change {
        what: What::Fields { writes: vec![money(9, "EUR"), put], life: None, report: None },
        ..change
    };
    let error = desk.side.apply(&[money_too], scope()).await.pop().unwrap().unwrap_err();
    assert_eq!(error.class, RetryClass::Changed);
    assert!(desk.query("SELECT Id FROM Microsoft_Solution__c").is_empty());
}

#[tokio::test]
async fn forty_rows_go_in_calls_of_twenty_four() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let keys: Vec<String> = (0..40).map(|n| format!("SOL-{n}")).collect();
    let name = [("name", text("S"))];
    let puts: Vec<Put<'_>> = keys.iter().map(|key| (key.as_str(), Some(name.as_slice()))).collect();
    let change = desk.change(&id, vec![elements("solutions", &puts)], None).await;
    desk.calls();
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert!(
        matches!(held(&applied.after.unwrap(), "solutions"), Observed::Value(Value::Set(set)) if set.len() == 40)
    );
    assert_eq!(desk.calls().len(), 2);
}

#[tokio::test]
async fn a_field_hidden_between_read_and_write_loses_no_write() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let change = desk.change(&id, vec![write("notes", &[("notes", text("new"))])], None).await;
    desk.knobs(&json!({"hidden_fields": ["Opportunity.Amount"]}));
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    let after = applied.after.unwrap();
    assert_eq!(held(&after, "notes"), Observed::Value(text("new")));
    assert_eq!(held(&after, "deal_value"), Observed::Unknown);
}

#[tokio::test]
async fn the_opportunitys_own_id_goes_where_its_identifier_goes() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let change = desk
        .change(&id, vec![write("referral_identifier", &[("referral_identifier", text("REF-1"))])], None)
        .await;
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    let after = applied.after.unwrap();
    assert_eq!(after.crm().unwrap().origin, Some(id.as_str().into()));
    assert_eq!(after.crm().unwrap().claims, Some("REF-1".into()));
}

#[tokio::test]
async fn a_report_alone_is_one_call_and_no_change_of_the_deal() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let mut change = desk.change(&id, Vec::new(), None).await;
    let before = desk.see(&id).await;
    let report =
        Report { status: "waiting".to_owned(), problem: String::new(), audit: Vec::new(), synced_at: None };
    change.what = What::Fields { writes: Vec::new(), life: None, report: Some(report) };
    desk.calls();
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(desk.calls().len(), 1);
    assert_eq!(applied.after.unwrap().fields, before.fields);
}

#[tokio::test]
async fn a_report_that_the_org_refuses_holds_up_no_deal() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let rule = json!({"object": "Opportunity", "field": "Co_sell_Status__c", "condition": "not_empty", "message": "No"});
    desk.knobs(&json!({"validation_rules": [rule]}));
    let mut change = desk.change(&id, vec![money(7, "EUR")], None).await;
    let What::Fields { report, .. } = &mut change.what else { panic!() };
    *report = Some(Report {
        status: "in step".to_owned(),
        problem: String::new(),
        audit: Vec::new(),
        synced_at: None,
    });
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(held(&applied.after.unwrap(), "deal_value"), Observed::Value(number(7)));
}

#[tokio::test]
async fn a_field_of_the_account_is_written_if_the_account_did_not_move() {
    let desk = Desk::new();
    let account = desk.make("Account", json!({"Name": "Fabrikam"}));
    let id = desk.opportunity(&json!({"AccountId": account}));
    let city = |name: &str| write("customer_address", &[("customer_city", text(name))]);
    let change = desk.change(&id, vec![city("Hamburg")], None).await;
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(held(&applied.after.unwrap(), "customer_city"), Observed::Value(text("Hamburg")));
    desk.pass(5);
    let change = desk.change(&id, vec![city("Berlin")], None).await;
    desk.edit("Account", &account, &json!({"Phone": "1"}));
    let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
    assert_eq!(error.class, RetryClass::Changed);
    assert_eq!(desk.row("Account", &account)["BillingCity"], "Hamburg");
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_doubtful_for_each_that_was_in_it() {
    let desk = Desk::new();
    let ids = [desk.opportunity(&json!({})), desk.opportunity(&json!({}))];
    let mut changes = Vec::new();
    for id in &ids {
        changes.push(desk.change(id, vec![money(7, "EUR")], None).await);
    }
    desk.lose_after(0);
    for answer in desk.side.apply(&changes, scope()).await {
        let error = answer.unwrap_err();
        assert_eq!(error.class, RetryClass::Doubtful);
        assert!(!error.certainly_not_done);
    }
}
