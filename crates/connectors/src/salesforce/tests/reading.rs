//! Observing.

use deal_model::{Actor, CrmFacts, ElementKey, Facts, Life, Observed, Sight, Value};
use ports::RetryClass;
use serde_json::json;
use sync_engine::{Side as _, Wanted};

use super::desk::{Desk, element, held, number, scope, text};

#[tokio::test]
async fn an_opted_in_opportunity_is_read_with_its_account_and_its_rows() {
    let desk = Desk::new();
    let account = desk
        .make("Account", json!({"Name": "Fabrikam", "BillingCity": "Hamburg", "DunsNumber": "123456789"}));
    let id = desk.opportunity(&json!({"AccountId": account, "Consent_to_Share__c": true}));
    desk.make(
        "Microsoft_Solution__c",
        json!({"Opportunity__c": id, "Solution_Id__c": "SOL-1", "Name": "Backup", "Quantity__c": 3}),
    );
    let contact = desk
        .make("Contact", json!({"LastName": "Berg", "Email": "Ada@Fabrikam.Example", "AccountId": account}));
    desk.make(
        "OpportunityContactRole",
        json!({"OpportunityId": id, "ContactId": contact, "IsPrimary": true}),
    );
    let silent = desk.make("Contact", json!({"LastName": "Still", "AccountId": account}));
    desk.make("OpportunityContactRole", json!({"OpportunityId": id, "ContactId": silent}));
    desk.pass(5);
    desk.side.open(scope()).await.unwrap();
    desk.calls();
    let seen = desk.see(&id).await;
    assert_eq!(held(&seen, "deal_value"), Observed::Value(number(100)));
    assert_eq!(held(&seen, "deal_currency"), Observed::Value(Value::Choice("EUR".to_owned())));
    assert_eq!(held(&seen, "customer_city"), Observed::Value(text("Hamburg")));
    assert_eq!(held(&seen, "notes"), Observed::Empty);
    assert_eq!(held(&seen, "external_reference"), Observed::Value(text(&id)));
    let Observed::Value(Value::Set(solutions)) = held(&seen, "solutions") else { panic!("no solutions") };
    assert_eq!(
        solutions.into_iter().map(|(key, element)| (key.0, element)).collect::<Vec<_>>(),
        [("SOL-1".to_owned(), element(&[("name", text("Backup")), ("quantity", number(3))]))]
    );
    let contacts = seen.reading(&"contacts".into());
    let Observed::Value(Value::Set(people)) = &contacts.held else { panic!("no contacts") };
    assert_eq!(people.keys().map(|key| key.0.as_str()).collect::<Vec<_>>(), ["ada@fabrikam.example"]);
    let facts = seen.crm().unwrap();
    assert_eq!(facts.primary[&"contacts".into()], [ElementKey("ada@fabrikam.example".to_owned())]);
    assert_eq!(facts.keyless[&"contacts".into()], 1, "who has no e-mail is nobody's element");
    assert_eq!(contacts.sends, Observed::Empty, "nobody asked for help: the customer's people stay here");
    assert_eq!(seen.life, Life::Active { sales_stage: None });
    assert_eq!(seen.actor, Actor::Person);
    let facts = seen.crm().unwrap();
    assert!(facts.opted_in && facts.consent && !facts.unsettled && !facts.asks_help, "{facts:?}");
    let calls = desk.calls();
    assert_eq!(calls.len(), 1, "the org was looked at before: {calls:?}");
}

#[tokio::test]
async fn one_that_is_not_opted_in_is_a_flag_and_a_version() {
    let desk = Desk::new();
    let never = desk.opportunity(&json!({"Sync_with_Partner_Center__c": false, "Description": "Planted"}));
    let private = desk.opportunity(&json!({"IsPrivate": true, "Description": "Planted"}));
    for id in [never, private] {
        let seen = desk.see(&id).await;
        assert!(seen.fields.is_empty(), "{seen:?}");
        assert_eq!(seen.facts, Facts::Crm(CrmFacts::default()));
    }
}

#[tokio::test]
async fn answers_stand_in_the_order_of_what_was_asked() {
    let desk = Desk::new();
    let (first, second) = (desk.opportunity(&json!({})), desk.opportunity(&json!({"Amount": 7})));
    desk.act("delete", &json!({"object": "Opportunity", "id": first}));
    let wanted = [second.as_str(), first.as_str(), "no id", second.as_str()].map(|id| Wanted {
        record: id.into(),
        engagement: None,
        companion: None,
        read_companion: false,
    });
    let sights = desk.side.observe(&wanted, scope()).await;
    let amounts: Vec<_> = sights.iter().map(|sight| sight.as_ref().ok().and_then(Sight::seen)).collect();
    assert_eq!(held(amounts[0].unwrap(), "deal_value"), Observed::Value(number(7)));
    assert_eq!(sights[1], Ok(Sight::Gone));
    assert_eq!(sights[2].as_ref().unwrap_err().class, RetryClass::Bug);
    assert_eq!(amounts[3], amounts[0]);
}

#[tokio::test]
async fn a_record_read_within_two_seconds_of_its_stamp_is_unsettled() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    desk.edit("Opportunity", &id, &json!({"Amount": 5}));
    assert!(!desk.see(&id).await.crm().unwrap().unsettled);
    desk.seller("PATCH", &format!("/sobjects/Opportunity/{id}"), &json!({"Amount": 6}));
    desk.pass(1);
    assert!(desk.see(&id).await.crm().unwrap().unsettled);
}

#[tokio::test]
async fn a_field_hidden_in_mid_run_is_unknown_and_told_and_comes_back() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    assert_eq!(held(&desk.see(&id).await, "deal_value"), Observed::Value(number(100)));
    desk.knobs(&json!({"hidden_fields": ["Opportunity.Amount", "Account.BillingCity"]}));
    let seen = desk.see(&id).await;
    assert_eq!(held(&seen, "deal_value"), Observed::Unknown);
    assert_eq!(held(&seen, "customer_city"), Observed::Unknown);
    assert_eq!(held(&seen, "closing_date"), Observed::Value(Value::Date("2027-01-31".parse().unwrap())));
    let blind = desk.side.blind();
    let sentence = &blind["Opportunity.Amount"];
    assert!(sentence.contains("not installed") && sentence.contains("field-level access"), "{sentence}");
    desk.knobs(&json!({"hidden_fields": []}));
    for _ in 0..3 {
        desk.pass(61);
        desk.see(&id).await;
    }
    assert_eq!(held(&desk.see(&id).await, "deal_value"), Observed::Value(number(100)));
    assert_eq!(desk.side.blind().get("Opportunity.Amount"), None);
}

#[tokio::test]
async fn hidden_rows_make_their_set_unknown() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    desk.see(&id).await;
    desk.knobs(&json!({"hidden_fields": ["Microsoft_Solution__c.Solution_Id__c"]}));
    assert_eq!(held(&desk.see(&id).await, "solutions"), Observed::Unknown);
    assert!(
        desk.side.blind().contains_key("Microsoft_Solutions__r.Solution_Id__c"),
        "{:?}",
        desk.side.blind()
    );
}

#[tokio::test]
async fn an_unreadable_sync_flag_is_an_error_never_a_no() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    desk.see(&id).await;
    desk.knobs(&json!({"hidden_fields": ["Opportunity.Sync_with_Partner_Center__c"]}));
    let error = desk.sight(&id).await.unwrap_err();
    assert_eq!(error.class, RetryClass::Person);
    assert!(error.what.contains("Sync_with_Partner_Center__c"), "{error}");
}

#[tokio::test]
async fn a_hidden_identifier_origin_or_answer_is_an_error_never_an_empty_one() {
    for hidden in ["Referral_Identifier__c", "Co_sell_Origin__c", "Co_sell_Response__c"] {
        let desk = Desk::new();
        let id = desk.opportunity(&json!({"Referral_Identifier__c": "REF-1"}));
        desk.see(&id).await;
        desk.knobs(&json!({"hidden_fields": [format!("Opportunity.{hidden}")]}));
        let error = desk.sight(&id).await.unwrap_err();
        assert_eq!(error.class, RetryClass::Person, "{hidden}");
        assert!(error.what.contains(hidden), "{error}");
    }
}

#[tokio::test]
async fn a_clone_carries_its_originals_origin() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({"Referral_Identifier__c": "REF-1"}));
    desk.edit("Opportunity", &id, &json!({"Co_sell_Origin__c": &id[..15]}));
    let copy = desk.act("clone", &json!({"object": "Opportunity", "id": id}));
    let copy = copy["id"].as_str().unwrap().to_owned();
    let seen = desk.see(&copy).await;
    assert_eq!(seen.crm().unwrap().origin, Some(id.as_str().into()));
    assert_ne!(seen.record.as_str(), id);
}

#[tokio::test]
async fn pages_and_rows_are_followed_to_their_end() {
    let desk = Desk::new();
    desk.knobs(&json!({"page_size": 2}));
    let ids: Vec<String> = (0..5).map(|_| desk.opportunity(&json!({}))).collect();
    for key in 0..5 {
        desk.make(
            "Microsoft_Solution__c",
            json!({"Opportunity__c": ids[0], "Solution_Id__c": format!("SOL-{key}"), "Name": "S"}),
        );
    }
    let wanted: Vec<Wanted> = ids
        .iter()
        .map(|id| Wanted {
            record: id.as_str().into(),
            engagement: None,
            companion: None,
            read_companion: false,
        })
        .collect();
    let sights = desk.side.observe(&wanted, scope()).await;
    assert!(sights.iter().all(|sight| matches!(sight, Ok(Sight::Seen(_)))), "{sights:?}");
    let first = sights[0].as_ref().unwrap().seen().unwrap();
    let Observed::Value(Value::Set(solutions)) = held(first, "solutions") else { panic!("no solutions") };
    assert_eq!(solutions.len(), 5);
}

#[tokio::test]
async fn many_opportunities_are_read_in_one_call() {
    let desk = Desk::new();
    // Rows with several long texts come in pages of two hundred (salesforce reference, section 2.8).
    let ids: Vec<String> = (0..200).map(|_| desk.opportunity(&json!({}))).collect();
    desk.see(&ids[0]).await;
    desk.calls();
    let wanted: Vec<Wanted> = ids
        .iter()
        .map(|id| Wanted {
            record: id.as_str().into(),
            engagement: None,
            companion: None,
            read_companion: false,
        })
        .collect();
    let sights = desk.side.observe(&wanted, scope()).await;
    assert!(sights.iter().all(|sight| matches!(sight, Ok(Sight::Seen(_)))));
    assert_eq!(desk.calls(), ["POST /services/data/v66.0/composite"]);
}

#[tokio::test]
async fn an_org_with_one_currency_takes_it_from_the_configuration() {
    let desk = Desk::new();
    desk.knobs(&json!({"multi_currency": false}));
    let id = desk.make(
        "Opportunity",
        json!({"Name": "Deal", "StageName": "Qualification", "CloseDate": "2027-01-31", "Amount": 1, "Sync_with_Partner_Center__c": true}),
    );
    assert_eq!(held(&desk.see(&id).await, "deal_currency"), Observed::Unknown);
    assert!(!desk.side.blind().contains_key("Opportunity.CurrencyIsoCode"));
}
