//! Referrals that become opportunities.

use deal_model::{Content, Facts, Held, Life, Observed, PortalFacts, Value, Write};
use ports::RetryClass;
use serde_json::{Value as Json, json};
use sync_engine::{NewRecord, Side as _};

use super::desk::{Desk, element, held, money, referral, scope, text, write};

pub(super) fn newborn(id: &str) -> NewRecord {
    let mut solutions = write("solutions", &[]);
    let set = [(deal_model::ElementKey("SOL-1".to_owned()), element(&[("name", text("Backup"))]))];
    solutions.content = Content::Whole([("solutions".into(), Held::Value(Value::Set(set.into())))].into());
    let mut contacts = write("contacts", &[]);
    let person = element(&[("first_name", text("Ada")), ("last_name", text("Berg"))]);
    let set = [(deal_model::ElementKey("ada@fabrikam.example".to_owned()), person)];
    contacts.content = Content::Whole([("contacts".into(), Held::Value(Value::Set(set.into())))].into());
    let writes: Vec<Write> = vec![
        write("deal_name", &[("deal_name", text("Fabrikam backup"))]),
        money(900, "USD"),
        write("closing_date", &[("closing_date", Value::Date("2027-03-31".parse().unwrap()))]),
        write("customer_name", &[("customer_name", text("Fabrikam"))]),
        write(
            "customer_address",
            &[
                ("customer_city", text("Hamburg")),
                ("customer_postal_code", text("20095")),
                ("customer_country", Value::Choice("DE".to_owned())),
            ],
        ),
        solutions,
        contacts,
    ];
    let from = referral(id, &writes);
    NewRecord { writes, life: Life::Received, from, engagement: None }
}

#[tokio::test]
async fn a_referral_becomes_an_opportunity_with_account_solutions_and_contacts() {
    let desk = Desk::with("account = \"create\"");
    let created = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    assert!(!created.existed);
    let id = created.record.as_str().to_owned();
    let after = created.after.unwrap();
    assert_eq!(after.life, Life::Received);
    assert_eq!(held(&after, "deal_value"), Observed::Value(super::desk::number(900)));
    assert_eq!(held(&after, "customer_name"), Observed::Value(text("Fabrikam")));
    assert!(matches!(held(&after, "solutions"), Observed::Value(Value::Set(set)) if set.len() == 1));
    assert!(matches!(held(&after, "contacts"), Observed::Value(Value::Set(set)) if set.len() == 1));
    let facts = after.crm().unwrap();
    assert!(facts.opted_in);
    assert_eq!(facts.claims, Some("REF-1".into()));
    assert_eq!(facts.origin, Some(created.record.clone()));
    let row = desk.row("Opportunity", &id);
    let owner = desk.row("User", row["OwnerId"].as_str().unwrap());
    assert_eq!(owner["Username"], "noa.seller@trey-research.example");
    assert_eq!(row["StageName"], super::desk::ON_HOLD);
}

#[tokio::test]
async fn a_second_birth_of_one_referral_finds_the_first() {
    let desk = Desk::with("account = \"create\"");
    let first = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    desk.pass(5);
    desk.edit("Opportunity", first.record.as_str(), &json!({"Name": "Edited by the seller"}));
    let second = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    assert!(second.existed);
    assert_eq!(second.record, first.record);
    assert_eq!(held(&second.after.unwrap(), "deal_name"), Observed::Value(text("Edited by the seller")));
    assert_eq!(desk.query("SELECT Id FROM Opportunity").len(), 1);
    let other = desk.side.create(&newborn("REF-2"), scope()).await.unwrap();
    assert!(!other.existed);
    assert_eq!(desk.query("SELECT Id FROM Account").len(), 1, "the customer is the same");
    assert_eq!(desk.query("SELECT Id FROM Contact").len(), 1, "and so is its contact");
}

#[tokio::test]
async fn several_matching_accounts_are_a_persons_to_choose_from_by_id() {
    let desk = Desk::with("account = \"create\"");
    let account = json!({"Name": "Fabrikam", "BillingPostalCode": "20095", "BillingCountry": "DE"});
    let ids = [desk.make("Account", account.clone()), desk.make("Account", account)];
    let error = desk.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    assert_eq!(error.class, RetryClass::Person);
    assert!(ids.iter().all(|id| error.what.contains(id)), "{error}");
    assert!(!error.what.contains("Fabrikam"), "{error}");
    assert!(desk.query("SELECT Id FROM Opportunity").is_empty());
}

#[tokio::test]
async fn without_a_match_the_mapping_decides_about_the_account() {
    let asked = Desk::new().side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    assert_eq!(asked.class, RetryClass::Person);
    let desk = Desk::with("account = \"match\"");
    let created = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    assert_eq!(desk.row("Opportunity", created.record.as_str())["AccountId"], Json::Null);
}

#[tokio::test]
async fn nobody_invents_a_closing_date() {
    let desk = Desk::with("account = \"match\"");
    let mut new = newborn("REF-1");
    new.writes.retain(|write| write.group.as_str() != "closing_date");
    let error = desk.side.create(&new, scope()).await.unwrap_err();
    assert_eq!((error.class, error.groups), (RetryClass::Person, vec!["closing_date".into()]));
}

#[tokio::test]
async fn the_owner_is_an_active_user_and_never_ours() {
    for owner in ["cosell@trey-research.example", "former.seller@trey-research.example"] {
        let desk = Desk::with(&format!("default_owner = \"{owner}\"\naccount = \"match\""));
        let error = desk.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
        assert_eq!(error.class, RetryClass::Person, "{owner}");
        let waits = error.waits_for.unwrap();
        assert!(waits.sentence.contains("owner") && waits.next_step.contains("default_owner"), "{waits:?}");
    }
}

#[tokio::test]
async fn a_routes_owner_who_has_left_yields_to_the_default_one() {
    let desk = Desk::with(
        "account = \"match\"\n[[inbound.route]]\nwhere = [{ field = \"country\", in = [\"DE\"] }]\n\
         owner = \"former.seller@trey-research.example\"",
    );
    let created = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    let owner = desk.row("Opportunity", created.record.as_str())["OwnerId"].clone();
    assert_eq!(desk.row("User", owner.as_str().unwrap())["Username"], "noa.seller@trey-research.example");
}

#[tokio::test]
async fn a_first_birth_that_is_not_visible_yet_stops_the_second() {
    let desk = Desk::with("account = \"match\"");
    desk.knobs(&json!({"late_visible_ms": 60_000}));
    let first = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    let error = desk.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    assert_eq!(error.class, RetryClass::LATER);
    desk.pass(61);
    let again = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    assert!(again.existed);
    assert_eq!(again.record, first.record);
    assert_eq!(desk.query("SELECT Id FROM Opportunity").len(), 1);
}

#[tokio::test]
async fn what_a_birth_left_is_found_by_its_key_and_nothing_is_made_or_changed_by_looking() {
    let desk = Desk::with("account = \"create\"");
    assert!(desk.side.born_of(&"REF-1".into(), scope()).await.unwrap().is_none(), "nothing was made yet");
    let made = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    desk.pass(5);
    let before = desk.row("Opportunity", made.record.as_str());
    let left = desk.side.born_of(&"REF-1".into(), scope()).await.unwrap().unwrap();
    assert!(left.existed);
    assert_eq!(left.record, made.record);
    assert_eq!(left.after.unwrap().life, Life::Received);
    assert_eq!(desk.row("Opportunity", made.record.as_str()), before);
    assert!(
        desk.side.born_of(&"REF-2".into(), scope()).await.unwrap().is_none(),
        "another's key is another's"
    );
}

#[tokio::test]
async fn a_birth_whose_answer_was_lost_is_doubtful_and_found_the_next_time() {
    let desk = Desk::with("account = \"create\"");
    desk.side.open(scope()).await.unwrap();
    // The look is answered, the insert is not.
    desk.lose_after(1);
    let error = desk.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    assert_eq!(error.class, RetryClass::Doubtful);
    assert!(!error.certainly_not_done);
    desk.pass(5);
    let again = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    assert!(again.existed);
    assert_eq!(
        again.after.unwrap().crm().unwrap().origin,
        Some(again.record.clone()),
        "the birth is completed"
    );
    assert_eq!(desk.query("SELECT Id FROM Opportunity").len(), 1);
    assert_eq!(desk.query("SELECT Id FROM Account").len(), 1);
}

#[tokio::test]
async fn a_birth_is_three_calls() {
    let desk = Desk::with("account = \"create\"");
    let mut new = newborn("REF-1");
    new.writes.retain(|write| write.group.as_str() != "contacts");
    desk.side.open(scope()).await.unwrap();
    desk.calls();
    desk.side.create(&new, scope()).await.unwrap();
    assert_eq!(desk.calls().len(), 3, "look, insert, complete and read back");
}

#[tokio::test]
async fn an_account_matches_by_its_countrys_code_or_name() {
    let desk = Desk::with("account = \"match\"");
    let account =
        |country: &str| json!({"Name": "Fabrikam", "BillingPostalCode": "20095", "BillingCountry": country});
    desk.make("Account", account("Austria"));
    let here = desk.make("Account", account("Germany"));
    let created = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    assert_eq!(desk.row("Opportunity", created.record.as_str())["AccountId"], json!(here));
}

#[tokio::test]
async fn a_route_by_the_partners_location_is_taken_though_the_mapping_does_not_name_it() {
    let desk = Desk::with(
        "account = \"create\"\n[[inbound.route]]\nwhere = [{ field = \"partner_id\", in = [\"1234567\"] }]\n\
         owner = \"kim.seller@trey-research.example\"",
    );
    let owner = async |id: &str, partner: Option<&str>| {
        let mut newborn = newborn(id);
        let facts = PortalFacts { partner_id: partner.map(str::to_owned), ..PortalFacts::default() };
        newborn.from.facts = Facts::Portal(facts);
        let created = desk.side.create(&newborn, scope()).await.unwrap();
        let owner = desk.row("Opportunity", created.record.as_str())["OwnerId"].clone();
        desk.row("User", owner.as_str().unwrap())["Username"].clone()
    };
    assert_eq!(owner("REF-1", Some("1234567")).await, "kim.seller@trey-research.example");
    assert_eq!(owner("REF-2", Some("7654321")).await, "noa.seller@trey-research.example");
    assert_eq!(owner("REF-3", None).await, "noa.seller@trey-research.example");
}
