//! Customers and their people: found by the rules of the mapping, made where it allows it, shared by many deals.

use deal_model::{Content, ElementKey, Facts, Held, Observed, PortalFacts, Value};
use ports::RetryClass;
use serde_json::{Value as Json, json};
use sync_engine::{NewRecord, Side as _};

use super::{
    births::newborn,
    desk::{Desk, elements, held, scope, text, write},
};
use crate::Verdict;

const EMAIL: &str = "ada@fabrikam.example";

/// A referral whose first person is known.
fn newborn_of_first(id: &str) -> NewRecord {
    let mut new = newborn(id);
    let first_people = [("contacts".into(), ElementKey(EMAIL.to_owned()))].into();
    new.from.facts = Facts::Portal(PortalFacts { first_people, ..PortalFacts::default() });
    new
}

async fn account_of(desk: &Desk, id: &str) -> Json {
    let created = desk.side.create(&newborn_of_first(id), scope()).await.unwrap();
    desk.row("Opportunity", created.record.as_str())["AccountId"].clone()
}

fn fabrikam(name: &str) -> Json {
    json!({"Name": name, "BillingPostalCode": "20095", "BillingCountry": "DE"})
}

#[tokio::test]
async fn a_legal_form_and_accents_count_only_if_the_mapping_says_so() {
    for (settings, matches) in [
        ("", false),
        ("legal_forms = [\"GmbH\"]", true),
        ("match = [[\"name\"]]\nlegal_forms = [\"GmbH\"]\naccents = \"ignore\"", true),
    ] {
        let desk = Desk::with(&format!("account = \"match\"\n[accounts]\n{settings}"));
        let account = desk.make("Account", fabrikam("FABRIKAM  GmbH"));
        let wanted = if matches { json!(account) } else { Json::Null };
        assert_eq!(account_of(&desk, "REF-1").await, wanted, "{settings}");
    }
}

#[tokio::test]
async fn customers_of_one_call_whose_names_are_the_same_by_the_mapping_get_one_account() {
    for (settings, accounts) in [("", 2), ("accents = \"ignore\"\nlegal_forms = [\"GmbH\"]", 1)] {
        let desk = Desk::with(&format!("account = \"create\"\n[accounts]\n{settings}"));
        let born = [("REF-1", "Müller GmbH"), ("REF-2", "MULLER")].map(|(id, name)| {
            let mut new = newborn(id);
            for each in &mut new.writes {
                if each.group.as_str() == "customer_name" {
                    *each = write("customer_name", &[("customer_name", text(name))]);
                }
            }
            new
        });
        for created in desk.side.create_many(&born, scope()).await {
            created.unwrap();
        }
        assert_eq!(desk.query("SELECT Id FROM Account").len(), accounts, "{settings}");
    }
}

#[tokio::test]
async fn an_account_is_found_however_it_is_spelled_where_spelling_does_not_count() {
    let settings =
        "account = \"ask\"\n[accounts]\nmatch = [[\"name\"]]\naccents = \"ignore\"\nlegal_forms = [\"GmbH\"]";
    for (there, customer) in [
        ("Cåfé  Nord", "Cafe Nord"),
        ("Cafe Nord", "Café Nord GmbH"),
        ("Müller, GmbH", "Muller"),
        ("Muller", "Müller"),
        ("Ö GmbH", "O"),
        ("100%_Wein", "100%_Wein GmbH"),
        ("Cafe\u{301} Nord", "Cafe Nord"),
    ] {
        let desk = Desk::with(settings);
        let account = desk.make("Account", json!({"Name": there}));
        desk.make("Account", json!({"Name": "Contoso"}));
        let mut new = newborn("REF-1");
        for each in &mut new.writes {
            if each.group.as_str() == "customer_name" {
                *each = write("customer_name", &[("customer_name", text(customer))]);
            }
        }
        let created = desk.side.create(&new, scope()).await;
        let created = created.unwrap_or_else(|error| panic!("{there} {customer}: {error:?}"));
        let row = desk.row("Opportunity", created.record.as_str());
        assert_eq!(row["AccountId"], json!(account), "{there} {customer}");
    }
}

#[tokio::test]
async fn more_accounts_than_are_looked_at_are_told_with_the_rule_and_never_taken_for_one() {
    let settings = "account = \"create\"\n[accounts]\nmatch = [[\"name\"]]\naccents = \"ignore\"";
    let desk = Desk::with(settings);
    for number in 0..2_001 {
        desk.make("Account", json!({"Name": format!("Fabrikam {number}")}));
    }
    let error = desk.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    let waits = error.waits_for.unwrap();
    assert!(
        waits.sentence.contains("More than 2000 accounts") && waits.sentence.contains("Account.Name"),
        "{waits:?}"
    );
    assert!(waits.next_step.contains("postal_code"), "{waits:?}");
    assert!(desk.query("SELECT Id FROM Opportunity").is_empty());

    // Each customer is asked for alone before several are told apart from nobody.
    let settings =
        "account = \"match\"\n[accounts]\nmatch = [[\"postal_code\", \"name\"]]\naccents = \"ignore\"";
    let desk = Desk::with(settings);
    let mut ours = Vec::new();
    for number in 0..2_002 {
        let place = ["20095", "80331"][number % 2];
        let name = if number < 2 { "Fabrikam".to_owned() } else { format!("Other {number}") };
        let account =
            desk.make("Account", json!({"Name": name, "BillingPostalCode": place, "BillingCountry": "DE"}));
        if number < 2 {
            ours.push(json!(account));
        }
    }
    let of = |id: &str, place: &str| {
        let mut new = newborn(id);
        for write in &mut new.writes {
            if let Content::Whole(group) = &mut write.content
                && write.group.as_str() == "customer_address"
            {
                group.insert("customer_postal_code".into(), Held::Value(text(place)));
            }
        }
        new
    };
    let created = desk.side.create_many(&[of("REF-1", "20095"), of("REF-2", "80331")], scope()).await;
    let accounts = created
        .into_iter()
        .map(|created| desk.row("Opportunity", created.unwrap().record.as_str())["AccountId"].clone());
    assert_eq!(accounts.collect::<Vec<_>>(), ours);
}

#[tokio::test]
async fn only_an_account_that_meets_the_conditions_matches() {
    let settings = "account = \"match\"\n[accounts]\nwhere = [{ field = \"Industry\", in = [\"Energy\"] }]";
    let desk = Desk::with(settings);
    desk.make("Account", fabrikam("Fabrikam"));
    let mut other = fabrikam("Fabrikam");
    other["Industry"] = json!("Energy");
    let meant = desk.make("Account", other);
    assert_eq!(account_of(&desk, "REF-1").await, json!(meant));

    let hidden =
        Desk::with("account = \"match\"\n[accounts]\nwhere = [{ field = \"Nowhere__c\", in = [\"x\"] }]");
    let error = hidden.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    assert!(error.what.contains("Account.Nowhere__c") && error.what.contains("accounts.where"), "{error}");
}

#[tokio::test]
async fn a_new_account_belongs_to_the_opportunitys_owner_or_to_whom_the_mapping_names() {
    let owner = async |settings: &str| {
        let desk = Desk::with(&format!("account = \"create\"\n{settings}"));
        let account = account_of(&desk, "REF-1").await;
        let owner = desk.row("Account", account.as_str().unwrap())["OwnerId"].clone();
        desk.row("User", owner.as_str().unwrap())["Username"].clone()
    };
    assert_eq!(owner("").await, "noa.seller@trey-research.example");
    assert_eq!(
        owner("[accounts]\nowner = \"kim.seller@trey-research.example\"").await,
        "kim.seller@trey-research.example"
    );
    let nobody = Desk::with("account = \"create\"\n[accounts]\nowner = \"nobody@trey-research.example\"");
    let error = nobody.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    assert!(error.class == RetryClass::Person && error.what.contains("accounts.owner"), "{error}");
    let nowhere = Desk::with("account = \"create\"\n[accounts]\nrecord_type = \"Nowhere\"");
    let error = nowhere.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    assert!(error.what.contains("the record type Nowhere of Account"), "{error}");
}

/// A referral of a customer who is a person.
fn newborn_of_person(id: &str) -> NewRecord {
    let mut new = newborn_of_first(id);
    for write in &mut new.writes {
        if write.group.as_str() == "customer_name" {
            *write = super::desk::write("customer_name", &[("customer_name", text("Ada Berg"))]);
        }
    }
    new
}

#[tokio::test]
async fn a_customer_who_is_a_person_becomes_a_person_account_where_the_org_and_the_mapping_have_them() {
    let settings = "account = \"create\"\n[accounts]\nperson_accounts = \"create\"";
    let desk = Desk::with(settings);
    let error = desk.side.create(&newborn_of_person("REF-1"), scope()).await.unwrap_err();
    assert!(error.what.contains("the org has no person accounts"), "{error}");

    let desk = Desk::with(settings);
    desk.knobs(&json!({"person_accounts": true}));
    let created = desk.side.create(&newborn_of_person("REF-1"), scope()).await.unwrap();
    let account = desk.row("Opportunity", created.record.as_str())["AccountId"].clone();
    let account = desk.row("Account", account.as_str().unwrap());
    assert_eq!((&account["IsPersonAccount"], &account["PersonEmail"]), (&json!(true), &json!(EMAIL)));
    // A company stays a company.
    let company = account_of(&desk, "REF-2").await;
    assert_eq!(desk.row("Account", company.as_str().unwrap())["IsPersonAccount"], json!(false));
}

#[tokio::test]
async fn the_first_person_of_a_referral_is_the_primary_contact_with_the_role_of_the_mapping() {
    let primary = async |settings: &str| {
        let desk = Desk::with(&format!("account = \"create\"\n{settings}"));
        desk.side.create(&newborn_of_first("REF-1"), scope()).await.unwrap();
        let rows = desk.query("SELECT IsPrimary, Role FROM OpportunityContactRole");
        (rows[0]["IsPrimary"].clone(), rows[0]["Role"].clone())
    };
    assert_eq!(
        primary("[contacts]\nrole = \"Decision Maker\"").await,
        (json!(true), json!("Decision Maker"))
    );
    assert_eq!(primary("[contacts]\nprimary = false").await, (json!(false), Json::Null));
}

#[tokio::test]
async fn a_contact_without_an_address_is_found_by_name_where_the_mapping_says_so_and_gets_it() {
    let desk = Desk::with("account = \"create\"\n[contacts]\nmatch = [\"email\", \"name\"]");
    let account = desk.make("Account", fabrikam("Fabrikam"));
    let contact = desk.make("Contact", json!({"FirstName": "ADA", "LastName": "Berg", "AccountId": account}));
    desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    assert_eq!(desk.query("SELECT Id FROM Contact").len(), 1);
    assert_eq!(desk.row("Contact", &contact)["Email"], json!(EMAIL));
    assert_eq!(desk.row("Contact", &contact)["FirstName"], json!("ADA"), "what is filled stays");
}

#[tokio::test]
async fn several_contacts_are_told_by_their_identifiers_and_none_is_made_where_that_is_off() {
    let desk = Desk::with("account = \"create\"");
    let account = desk.make("Account", fabrikam("Fabrikam"));
    let row = json!({"FirstName": "Ada", "LastName": "Berg", "Email": EMAIL, "AccountId": account});
    let ids = [desk.make("Contact", row.clone()), desk.make("Contact", row)];
    let error = desk.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    assert_eq!(error.groups, vec!["contacts".into()]);
    assert!(ids.iter().all(|id| error.what.contains(id)) && !error.what.contains("ada"), "{error}");

    let desk = Desk::with("account = \"create\"\n[contacts]\ncreate = false");
    let error = desk.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    assert!(error.what.contains("contacts.create = false"), "{error}");
}

#[tokio::test]
async fn a_contact_of_another_account_is_the_customers_where_the_mapping_looks_everywhere() {
    for (settings, contacts) in [("", 2), ("[contacts]\namong = \"everywhere\"", 1)] {
        let desk = Desk::with(&format!("account = \"create\"\n{settings}"));
        let consultants = desk.make("Account", json!({"Name": "Consultants"}));
        desk.make("Contact", json!({"LastName": "Berg", "Email": EMAIL, "AccountId": consultants}));
        desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
        assert_eq!(desk.query("SELECT Id FROM Contact").len(), contacts, "{settings}");
    }
}

#[tokio::test]
async fn a_name_finds_nobody_of_another_account_even_where_the_mapping_looks_everywhere() {
    let settings = "[contacts]\nmatch = [\"email\", \"name\"]\namong = \"everywhere\"";
    for is_known in [false, true] {
        let desk = Desk::with(&format!("account = \"create\"\n{settings}"));
        let consultants = desk.make("Account", json!({"Name": "Consultants"}));
        if is_known {
            desk.make("Account", fabrikam("Fabrikam"));
        }
        let ada = json!({"FirstName": "Ada", "LastName": "Berg"});
        let mut theirs = ada.clone();
        theirs["AccountId"] = json!(consultants);
        let strangers = [desk.make("Contact", theirs), desk.make("Contact", ada)];
        desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
        assert_eq!(desk.query("SELECT Id FROM Contact").len(), 3, "{is_known}");
        assert!(strangers.iter().all(|id| desk.row("Contact", id)["Email"].is_null()), "{is_known}");
    }
}

#[tokio::test]
async fn who_is_added_later_alone_to_an_opportunity_without_anybody_is_its_primary_contact() {
    let desk = Desk::new();
    let account = desk.make("Account", json!({"Name": "Fabrikam"}));
    let id = desk.opportunity(&json!({"AccountId": account}));
    let put = elements("contacts", &[(EMAIL, Some(&[("last_name", text("Berg"))]))]);
    let change = desk.change(&id, vec![put], None).await;
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(desk.query("SELECT IsPrimary FROM OpportunityContactRole")[0]["IsPrimary"], json!(true));
}

#[tokio::test]
async fn the_sellers_primary_contact_stays_although_it_has_no_address() {
    let desk = Desk::new();
    let account = desk.make("Account", json!({"Name": "Fabrikam"}));
    let id = desk.opportunity(&json!({"AccountId": account}));
    let theirs = desk.make("Contact", json!({"LastName": "Roth", "AccountId": account}));
    let role = json!({"OpportunityId": id, "ContactId": theirs, "IsPrimary": true});
    let role = desk.make("OpportunityContactRole", role);
    desk.pass(5);
    let put = elements("contacts", &[(EMAIL, Some(&[("last_name", text("Berg"))]))]);
    let change = desk.change(&id, vec![put], None).await;
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(desk.query("SELECT Id FROM OpportunityContactRole").len(), 2);
    assert_eq!(desk.row("OpportunityContactRole", &role)["IsPrimary"], json!(true));
}

#[tokio::test]
async fn what_stands_in_a_shared_account_is_overwritten_only_while_no_other_open_deal_hangs_on_it() {
    let desk = Desk::with(
        "account = \"match\"\n[fields.customer_name]\non = [\"create\", \"update\"]\nshared = \"overwrite\"",
    );
    let account = desk.make("Account", json!({"Name": "Fabrikam"}));
    let id = desk.opportunity(&json!({"AccountId": account}));
    let rename = |name: &str| {
        let mut write = write("customer_name", &[("customer_name", text(name))]);
        write.instead_of = [("customer_name".into(), Held::Value(text("Fabrikam")))].into();
        write
    };
    let change = desk.change(&id, vec![rename("Fabrikam Two")], None).await;
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(desk.row("Account", &account)["Name"], json!("Fabrikam Two"));

    let other = desk.opportunity(&json!({"AccountId": account, "Referral_Identifier__c": "REF-9"}));
    desk.pass(5);
    let change = desk.change(&id, vec![rename("Fabrikam Three")], None).await;
    let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
    assert_eq!((error.class, &error.groups), (RetryClass::Person, &vec!["customer_name".into()]));
    assert!(
        error.told.contains(&other) && error.told.contains("shared with other open deals"),
        "{}",
        error.told
    );
    assert_eq!(desk.row("Account", &account)["Name"], json!("Fabrikam Two"));
}

#[tokio::test]
async fn who_hangs_on_shared_records_is_asked_once_for_all_changes_of_a_call() {
    let desk = Desk::with(
        "account = \"match\"\n[fields.customer_name]\non = [\"create\", \"update\"]\nshared = \"overwrite\"",
    );
    let mut ids = Vec::new();
    for number in 0..10 {
        let account = desk.make("Account", json!({"Name": format!("Fabrikam {number}")}));
        ids.push(
            desk.opportunity(
                &json!({"AccountId": account, "Referral_Identifier__c": format!("REF-{number}")}),
            ),
        );
        if number == 0 {
            desk.opportunity(&json!({"AccountId": account, "Referral_Identifier__c": "REF-shared"}));
        } else if number == 1 {
            // Who is not opted in is not told, and stands in nobody's way.
            let private =
                json!({"AccountId": account, "Referral_Identifier__c": "REF-private", "IsPrivate": true});
            desk.opportunity(&private);
        }
    }
    let mut changes = Vec::new();
    for id in &ids {
        let mut write = write("customer_name", &[("customer_name", text("New name"))]);
        write.instead_of = [("customer_name".into(), Held::Value(text("Fabrikam")))].into();
        changes.push(desk.change(id, vec![write], None).await);
    }
    desk.calls();
    let answers = desk.side.apply(&changes, scope()).await;
    assert_eq!(desk.calls().len(), 1 + 9, "one look for all, and a write each");
    assert!(answers[0].as_ref().unwrap_err().told.contains("shared with other open deals"));
    assert!(answers[1..].iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn with_country_picklists_the_mapped_code_columns_are_written_and_read_and_the_check_names_them() {
    let codes = "account = \"create\"\n\
        [fields.customer_state]\nsalesforce = \"Opportunity.Account.BillingStateCode\"\n\
        [fields.customer_country]\nsalesforce = \"Opportunity.Account.BillingCountryCode\"";
    let desk = Desk::with(codes);
    desk.knobs(&json!({"state_country_picklists": true}));
    let mut new = newborn("REF-1");
    for write in &mut new.writes {
        if let Content::Whole(group) = &mut write.content
            && write.group.as_str() == "customer_address"
        {
            group.insert("customer_country".into(), Held::Value(Value::Choice("US".to_owned())));
            group.insert("customer_state".into(), Held::Value(text("CA")));
        }
    }
    let created = desk.side.create(&new, scope()).await.unwrap();
    let row = desk.row("Opportunity", created.record.as_str());
    let account = desk.row("Account", row["AccountId"].as_str().unwrap());
    let places = ["BillingStateCode", "BillingState", "BillingCountryCode", "BillingCountry"];
    assert_eq!(places.map(|place| account[place].clone()), ["CA", "California", "US", "United States"]);
    let seen = desk.see(created.record.as_str()).await;
    assert_eq!(held(&seen, "customer_state"), Observed::Value(text("CA")));
    assert_eq!(held(&seen, "customer_country"), Observed::Value(Value::Choice("US".to_owned())));

    // With the shipped mapping the state goes across by its name: the check says what to map for codes.
    for (mapped, told) in [("", true), (codes, false)] {
        let desk = Desk::with(mapped);
        desk.knobs(&json!({"state_country_picklists": true}));
        let survey = desk.side.survey(scope()).await.unwrap();
        let finding =
            survey.findings.iter().find(|finding| finding.id == "salesforce.country_picklists").unwrap();
        assert_eq!(finding.verdict, Verdict::Pass);
        let names = finding.evidence.contains("map Opportunity.Account.BillingStateCode");
        assert_eq!(names, told, "{}", finding.evidence);
        let holds = finding.evidence.contains("Account.BillingCountryCode holds the code");
        assert_eq!(holds, told, "{}", finding.evidence);
    }
}

#[tokio::test]
async fn with_country_picklists_a_customer_is_told_by_the_codes_of_country_and_state() {
    for rules in ["", "[accounts]\nmatch = [[\"name\", \"state\", \"country\"]]"] {
        let desk = Desk::with(&format!("account = \"create\"\n{rules}"));
        desk.knobs(&json!({"state_country_picklists": true}));
        let account = |country: &str, state: &str| {
            let place =
                json!({"Name": "Fabrikam", "BillingPostalCode": "20095", "BillingCountryCode": country});
            let mut place = place.as_object().unwrap().clone();
            place.insert("BillingStateCode".to_owned(), json!(state));
            desk.make("Account", Json::Object(place))
        };
        let [_, meant] = [account("US", "NY"), account("US", "CA")];
        if rules.is_empty() {
            // The rule of the shipped mapping asks for no state.
            desk.edit("Account", &meant, &json!({"BillingPostalCode": "90001"}));
        }
        let of = |id: &str, country: &str, postal_code: &str| {
            let mut new = newborn(id);
            for write in &mut new.writes {
                if let Content::Whole(group) = &mut write.content
                    && write.group.as_str() == "customer_address"
                {
                    group.insert("customer_country".into(), Held::Value(Value::Choice(country.to_owned())));
                    group.insert("customer_postal_code".into(), Held::Value(text(postal_code)));
                    if country == "US" {
                        group.insert("customer_state".into(), Held::Value(text("California")));
                    }
                }
            }
            new
        };
        let account_of = async |new: NewRecord| {
            let created = desk.side.create(&new, scope()).await.unwrap();
            desk.row("Opportunity", created.record.as_str())["AccountId"].clone()
        };
        assert_eq!(account_of(of("REF-1", "US", "90001")).await, json!(meant), "{rules}");
        // Of one name and one postal code, in two countries: two customers.
        let [german, canadian] =
            [account_of(of("REF-2", "DE", "20095")).await, account_of(of("REF-3", "CA", "20095")).await];
        assert!(german != canadian && ![&german, &canadian].contains(&&json!(meant)), "{rules}");
    }
}
