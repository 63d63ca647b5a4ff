//! Solutions that sellers pick from a catalogue, as rows of opportunities.

use deal_model::{Observed, Value};
use ports::RetryClass;
use serde_json::{Value as Json, json};
use sync_engine::Side as _;

use super::{
    births::newborn,
    desk::{Desk, Put, elements, held, money, number, scope, text},
};

const USED: &str = "account = \"create\"\n[catalogue]\nuse = true";

fn entry(desk: &Desk, id: &str) -> String {
    let fields = json!({"Solution_Id__c": id, "Name": id, "Ready__c": true, "Active__c": true});
    desk.make("Microsoft_Solution_Catalog__c", fields)
}

async fn put(desk: &Desk, opportunity: &str, changes: &[Put<'_>]) -> Result<(), sync_engine::SideError> {
    let change = desk.change(opportunity, vec![elements("solutions", changes)], None).await;
    let answer = desk.side.apply(&[change], scope()).await.pop().unwrap().map(|_| ());
    desk.pass(5);
    answer
}

/// What each row says that it is, and the key that it holds.
fn rows(desk: &Desk) -> Vec<(Json, Json)> {
    let soql = "SELECT Catalog_Solution__r.Solution_Id__c,Co_sell_Key__c FROM Microsoft_Solution__c \
                ORDER BY Catalog_Solution__r.Solution_Id__c";
    let row =
        |row: Json| (row["Catalog_Solution__r"]["Solution_Id__c"].clone(), row["Co_sell_Key__c"].clone());
    desk.query(soql).into_iter().map(row).collect()
}

const NAMED: Option<&[(&str, Value)]> = Some(&[]);

#[tokio::test]
async fn a_solution_comes_back_although_a_person_made_its_row_another_ones() {
    let desk = Desk::with(USED);
    let [_, other] = [entry(&desk, "SOL-A"), entry(&desk, "SOL-B")];
    let id = desk.opportunity(&json!({}));
    put(&desk, &id, &[("SOL-A", NAMED)]).await.unwrap();
    let row = desk.query("SELECT Id FROM Microsoft_Solution__c")[0]["Id"].clone();
    desk.edit("Microsoft_Solution__c", row.as_str().unwrap(), &json!({"Catalog_Solution__c": other}));

    // The other one is edited in the same call: its row is written once.
    let edited = [("name", text("SOL-B")), ("quantity", number(7))];
    put(&desk, &id, &[("SOL-A", NAMED), ("SOL-B", Some(&edited))]).await.unwrap();
    let key = |solution: &str| json!(format!("{id}:{solution}"));
    assert_eq!(rows(&desk), [(json!("SOL-A"), key("SOL-A")), (json!("SOL-B"), key("SOL-B"))]);
    let quantity = desk.row("Microsoft_Solution__c", row.as_str().unwrap())["Quantity__c"].clone();
    assert_eq!(quantity.as_f64(), Some(7.0));
    let seen = desk.see(&id).await;
    assert!(matches!(held(&seen, "solutions"), Observed::Value(Value::Set(set)) if set.len() == 2));
}

#[tokio::test]
async fn a_key_that_has_a_holder_is_not_given_twice_and_an_emptied_row_gives_its_key_back() {
    let desk = Desk::with(USED);
    let [_, b, _] = ["SOL-A", "SOL-B", "SOL-C"].map(|id| entry(&desk, id));
    let id = desk.opportunity(&json!({}));
    put(&desk, &id, &[("SOL-A", NAMED), ("SOL-B", NAMED)]).await.unwrap();
    let of = |solution: &str| {
        let soql = format!("SELECT Id FROM Microsoft_Solution__c WHERE Co_sell_Key__c = '{id}:{solution}'");
        desk.query(&soql)[0]["Id"].as_str().unwrap().to_owned()
    };
    let (first, second) = (of("SOL-A"), of("SOL-B"));
    // Both rows are SOL-B now; then one of them is nothing at all.
    desk.edit("Microsoft_Solution__c", &first, &json!({"Catalog_Solution__c": b}));
    put(&desk, &id, &[("SOL-A", NAMED)]).await.unwrap();
    assert_eq!(desk.row("Microsoft_Solution__c", &first)["Co_sell_Key__c"], Json::Null);
    let emptied = json!({"Catalog_Solution__c": null, "Solution_Id__c": null});
    desk.edit("Microsoft_Solution__c", &first, &emptied);
    desk.edit("Microsoft_Solution__c", &second, &emptied);
    put(&desk, &id, &[("SOL-B", NAMED)]).await.unwrap();
    assert_eq!(desk.row("Microsoft_Solution__c", &second)["Co_sell_Key__c"], Json::Null);
    assert!(of("SOL-B") != second);
}

#[tokio::test]
async fn a_value_that_the_org_wants_once_is_told_and_not_tried_for_ever_where_its_holder_is_known() {
    let attribute =
        "[fields.solutions.attributes.tier]\npartner_center = \"tier\"\nsalesforce = \"acme__Tier__c\"";
    let desk = Desk::with(&format!("account = \"create\"\n{attribute}"));
    let tier = json!({
        "object": "Microsoft_Solution__c", "name": "acme__Tier__c", "label": "Tier", "length": 20, "unique": true
    });
    desk.knobs(&json!({"own_fields": [tier]}));
    let id = desk.opportunity(&json!({}));
    let gold = [("tier", text("Gold"))];
    put(&desk, &id, &[("SOL-A", Some(&gold))]).await.unwrap();
    let error = put(&desk, &id, &[("SOL-B", Some(&gold))]).await.unwrap_err();
    assert_eq!(error.class, RetryClass::Person, "the holder is what was planned with: {error:?}");
    assert_eq!(error.groups, ["solutions".into()]);
    assert_eq!(desk.query("SELECT Id FROM Microsoft_Solution__c").len(), 1);
}

#[tokio::test]
async fn a_key_that_somebody_took_after_it_was_read_is_read_again_and_mended() {
    let desk = Desk::with(USED);
    let id = desk.opportunity(&json!({}));
    put(&desk, &id, &[("SOL-A", NAMED)]).await.unwrap();
    // The row's key is another one's again, behind our back and after it was read.
    let row = desk.query("SELECT Id FROM Microsoft_Solution__c")[0]["Id"].as_str().unwrap().to_owned();
    let change = desk.change(&id, vec![elements("solutions", &[("SOL-B", NAMED)])], None).await;
    desk.edit("Microsoft_Solution__c", &row, &json!({"Co_sell_Key__c": format!("{id}:SOL-B")}));
    let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
    assert_eq!(error.class, RetryClass::Changed, "it is news: read again, and mended");
    put(&desk, &id, &[("SOL-B", NAMED)]).await.unwrap();
    assert_eq!(desk.query("SELECT Id FROM Microsoft_Solution__c").len(), 2);
}

#[tokio::test]
async fn a_catalogue_that_may_not_be_read_is_the_trouble_of_the_solutions_alone() {
    let desk = Desk::with(USED);
    entry(&desk, "SOL-1");
    let id = desk.opportunity(&json!({}));
    let put = elements("solutions", &[("SOL-1", NAMED)]);
    let change = desk.change(&id, vec![put, money(7, "EUR")], None).await;
    desk.knobs(&json!({"denied": [{"object": "Microsoft_Solution_Catalog__c", "rights": ["read"]}]}));
    let error = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap_err();
    assert_eq!((error.class, error.groups), (RetryClass::Person, vec!["solutions".into()]));
    assert!(error.told.contains("Microsoft_Solution_Catalog__c"), "{}", error.told);
    // All else goes on, and births too.
    let change = desk.change(&id, vec![money(7, "EUR")], None).await;
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    let error = desk.side.create(&newborn("REF-1"), scope()).await.unwrap_err();
    assert_eq!(error.groups, vec!["solutions".into()]);
    let mut new = newborn("REF-1");
    new.writes.retain(|write| write.group.as_str() != "solutions");
    assert!(!desk.side.create(&new, scope()).await.unwrap().existed);
}

#[tokio::test]
async fn a_catalogue_that_is_lost_during_births_holds_up_only_those_with_solutions() {
    let desk = Desk::with(USED);
    desk.side.open(scope()).await.unwrap();
    desk.knobs(&json!({"denied": [{"object": "Microsoft_Solution_Catalog__c", "rights": ["read"]}]}));
    let mut without = newborn("REF-2");
    without.writes.retain(|write| write.group.as_str() != "solutions");
    let created = desk.side.create_many(&[newborn("REF-1"), without], scope()).await;
    assert_eq!(created[0].as_ref().unwrap_err().groups, vec!["solutions".into()]);
    assert!(created[1].is_ok(), "{:?}", created[1]);
}
