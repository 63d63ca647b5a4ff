//! Which contact a person of a referral is: one contact for one person, whoever else is looked for in the same call.

use deal_model::{Content, ElementKey, Held, Value};
use serde_json::{Value as Json, json};
use sync_engine::{NewRecord, Side as _};

use super::{
    births::newborn,
    desk::{Desk, element, elements, scope, text, write},
};

const BY_NAME: &str = "account = \"create\"\n[contacts]\nmatch = [\"email\", \"name\"]";

/// A referral whose people are all called Ada Berg.
fn newborn_of(id: &str, emails: &[&str]) -> NewRecord {
    let mut new = newborn(id);
    for write in &mut new.writes {
        if write.group.as_str() == "contacts" {
            let ada = || element(&[("first_name", text("Ada")), ("last_name", text("Berg"))]);
            let people = emails.iter().map(|email| (ElementKey((*email).to_owned()), ada()));
            let set = Held::Value(Value::Set(people.collect()));
            write.content = Content::Whole([("contacts".into(), set)].into());
        }
    }
    new
}

/// A customer with a contact of the same name that has no address.
fn ada_of_fabrikam(desk: &Desk) -> String {
    let account = json!({"Name": "Fabrikam", "BillingPostalCode": "20095", "BillingCountry": "DE"});
    let account = desk.make("Account", account);
    let ada = desk.make("Contact", json!({"FirstName": "Ada", "LastName": "Berg", "AccountId": account}));
    desk.pass(5);
    ada
}

fn addresses(desk: &Desk) -> Vec<Json> {
    let found = desk.query("SELECT Email FROM Contact ORDER BY Email");
    found.into_iter().map(|contact| contact["Email"].clone()).collect()
}

#[tokio::test]
async fn two_people_of_one_name_in_one_referral_are_two_contacts() {
    let desk = Desk::with(BY_NAME);
    let there = ada_of_fabrikam(&desk);
    desk.side
        .create(&newborn_of("REF-1", &["a@fabrikam.example", "b@fabrikam.example"]), scope())
        .await
        .unwrap();
    assert_eq!(addresses(&desk), ["a@fabrikam.example", "b@fabrikam.example"]);
    assert_eq!(
        desk.row("Contact", &there)["Email"],
        "a@fabrikam.example",
        "the first of them is who was there"
    );
    assert_eq!(desk.query("SELECT Id FROM OpportunityContactRole").len(), 2);
}

#[tokio::test]
async fn two_people_of_one_name_in_two_births_of_one_call_are_two_contacts_however_late_the_first_is_seen() {
    for late in [0, 60_000] {
        let desk = Desk::with(BY_NAME);
        let there = ada_of_fabrikam(&desk);
        desk.pass(70);
        desk.knobs(&json!({"read_lag_ms": late}));
        let new =
            [newborn_of("REF-1", &["a@fabrikam.example"]), newborn_of("REF-2", &["b@fabrikam.example"])];
        for created in desk.side.create_many(&new, scope()).await {
            created.unwrap();
        }
        desk.knobs(&json!({"read_lag_ms": 0}));
        assert_eq!(addresses(&desk), ["a@fabrikam.example", "b@fabrikam.example"], "{late}");
        assert_eq!(desk.row("Contact", &there)["Email"], "a@fabrikam.example", "{late}");
    }
}

#[tokio::test]
async fn a_person_whom_two_calls_want_at_one_time_is_made_once() {
    let desk = Desk::with("account = \"create\"");
    let account = json!({"Name": "Fabrikam", "BillingPostalCode": "20095", "BillingCountry": "DE"});
    let account = desk.make("Account", account);
    let id = desk.opportunity(&json!({"AccountId": account}));
    let people = ["a@fabrikam.example"];
    let names = [("first_name", text("Ada")), ("last_name", text("Berg"))];
    let change = desk.change(&id, vec![elements("contacts", &[(people[0], Some(&names))])], None).await;
    let (changes, born) = ([change], [newborn_of("REF-1", &people), newborn_of("REF-2", &people)]);
    let (applied, first, second) = tokio::join!(
        desk.side.apply(&changes, scope()),
        desk.side.create(&born[0], scope()),
        desk.side.create(&born[1], scope()),
    );
    assert!(applied[0].is_ok() && first.is_ok() && second.is_ok(), "{applied:?} {first:?} {second:?}");
    assert_eq!(addresses(&desk), people);
    assert_eq!(desk.query("SELECT Id FROM OpportunityContactRole").len(), 3);
}

#[tokio::test]
async fn a_customer_whom_two_births_make_at_one_time_is_one_account_with_one_contact() {
    let desk = Desk::with("account = \"create\"");
    desk.side.open(scope()).await.unwrap();
    let born = ["REF-1", "REF-2"].map(|id| newborn_of(id, &["a@fabrikam.example"]));
    let (first, second) =
        tokio::join!(desk.side.create(&born[0], scope()), desk.side.create(&born[1], scope()));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(desk.query("SELECT Id FROM Account").len(), 1);
    assert_eq!(addresses(&desk), ["a@fabrikam.example"]);
}

#[tokio::test]
async fn one_person_in_two_births_of_one_call_is_the_one_contact_that_was_found_by_name() {
    let desk = Desk::with(BY_NAME);
    ada_of_fabrikam(&desk);
    let new = ["REF-1", "REF-2"].map(|id| newborn_of(id, &["a@fabrikam.example"]));
    for created in desk.side.create_many(&new, scope()).await {
        created.unwrap();
    }
    assert_eq!(addresses(&desk), ["a@fabrikam.example"]);
    assert_eq!(desk.query("SELECT Id FROM OpportunityContactRole").len(), 2);
}

#[tokio::test]
async fn one_person_of_two_customers_in_one_call_is_one_contact_only_where_the_mapping_looks_everywhere() {
    for (among, is_there, contacts) in
        [("account", false, 2), ("account", true, 2), ("everywhere", false, 1), ("everywhere", true, 1)]
    {
        let desk = Desk::with(&format!("account = \"create\"\n[contacts]\namong = \"{among}\""));
        let born = [("REF-1", "Fabrikam"), ("REF-2", "Contoso")].map(|(id, name)| {
            if is_there {
                let place = json!({"Name": name, "BillingPostalCode": "20095", "BillingCountry": "DE"});
                desk.make("Account", place);
            }
            let mut new = newborn_of(id, &["a@consultants.example"]);
            for each in &mut new.writes {
                if each.group.as_str() == "customer_name" {
                    *each = write("customer_name", &[("customer_name", text(name))]);
                }
            }
            new
        });
        desk.pass(5);
        for created in desk.side.create_many(&born, scope()).await {
            created.unwrap();
        }
        assert_eq!(addresses(&desk).len(), contacts, "{among} {is_there}");
        assert_eq!(desk.query("SELECT Id FROM Account").len(), 2, "{among} {is_there}");
        assert_eq!(desk.query("SELECT Id FROM OpportunityContactRole").len(), 2, "{among} {is_there}");
    }
}

#[tokio::test]
async fn a_contact_whom_the_seller_gave_a_role_gets_the_address_and_no_second_role() {
    let desk = Desk::with(BY_NAME);
    let ada = ada_of_fabrikam(&desk);
    let account = desk.row("Contact", &ada)["AccountId"].clone();
    let id = desk.opportunity(&json!({"AccountId": account}));
    desk.make("OpportunityContactRole", json!({"OpportunityId": id, "ContactId": ada, "Role": "Evaluator"}));
    desk.pass(5);
    let names = [("first_name", text("Ada")), ("last_name", text("Berg"))];
    let put = elements("contacts", &[("a@fabrikam.example", Some(&names))]);
    let change = desk.change(&id, vec![put], None).await;
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(addresses(&desk), ["a@fabrikam.example"]);
    assert_eq!(desk.query("SELECT Role FROM OpportunityContactRole")[0]["Role"], "Evaluator");
    assert_eq!(desk.query("SELECT Id FROM OpportunityContactRole").len(), 1);
}

#[tokio::test]
async fn more_contacts_than_can_be_told_apart_are_the_trouble_of_the_contacts_alone() {
    let desk = Desk::new();
    let account = desk.make("Account", json!({"Name": "Fabrikam"}));
    for number in 0..501 {
        let contact = json!({"LastName": format!("Berg {number}"), "Email": "a@fabrikam.example", "AccountId": account});
        desk.make("Contact", contact);
    }
    let id = desk.opportunity(&json!({"AccountId": account}));
    let put = elements("contacts", &[("a@fabrikam.example", Some(&[("last_name", text("Berg"))]))]);
    let change = desk.change(&id, vec![put], None).await;
    let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
    assert_eq!((error.class, error.groups), (ports::RetryClass::Person, vec!["contacts".into()]));
    assert!(error.told.contains("Contact.Email") && error.told.contains("contacts.match"), "{}", error.told);
}

#[tokio::test]
async fn what_a_row_holds_is_written_in_the_orgs_own_form() {
    let attributes = "account = \"create\"\n[fields.solutions.attributes.tier]\npartner_center = \"tier\"\n\
        salesforce = \"acme__Tier__c\"";
    let desk = Desk::with(attributes);
    let tier = json!({"object": "Microsoft_Solution__c", "name": "acme__Tier__c", "label": "Tier", "values": ["Gold"]});
    desk.knobs(&json!({"own_fields": [tier]}));
    let id = desk.opportunity(&json!({}));
    let backup = [("name", text("Backup")), ("tier", text("gold"))];
    let change = desk.change(&id, vec![elements("solutions", &[("SOL-1", Some(&backup))])], None).await;
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(desk.query("SELECT acme__Tier__c FROM Microsoft_Solution__c")[0]["acme__Tier__c"], "Gold");
}
