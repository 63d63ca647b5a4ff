//! The owner and the team (salesforce reference, section 5.5): read as one set, added to and nothing else.

use deal_model::{ElementKey, Observed, Value};
use serde_json::{Value as Json, json};
use sync_engine::{Change, Side as _};

use super::desk::{Desk, elements, held, scope, text};

const OWNER: &str = "noa.seller@trey-research.example";
const KIM: &str = "kim.seller@trey-research.example";

fn user(desk: &Desk, name: &str, fields: &Json) -> String {
    let mut fields = fields.clone();
    fields["Username"] = json!(name);
    desk.act("user", &json!({ "fields": fields }))["id"].as_str().unwrap().to_owned()
}

fn rows(desk: &Desk, opportunity: &str) -> Vec<(Json, Json)> {
    let soql = format!(
        "SELECT OpportunityAccessLevel, TeamMemberRole FROM OpportunityTeamMember WHERE OpportunityId = '{opportunity}'"
    );
    let pair = |row: &Json| (row["OpportunityAccessLevel"].clone(), row["TeamMemberRole"].clone());
    desk.query(&soql).iter().map(pair).collect()
}

async fn putting(desk: &Desk, opportunity: &str, email: &str) -> Change {
    let attributes = [("last_name", text("Seller"))];
    desk.change(opportunity, vec![elements("team", &[(email, Some(&attributes))])], None).await
}

async fn apply(desk: &Desk, change: Change) {
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
}

#[tokio::test]
async fn the_owner_and_the_team_are_one_set_and_who_left_is_not_active() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let lou =
        user(&desk, "lou", &json!({ "LastName": "Left", "Email": "Lou.Left@x.example", "IsActive": true }));
    desk.make("OpportunityTeamMember", json!({ "OpportunityId": id, "UserId": lou }));
    user(&desk, "lou", &json!({ "IsActive": false }));
    user(&desk, OWNER, &json!({ "Phone": "+4940100" }));
    let seen = desk.see(&id).await;
    let Observed::Value(Value::Set(people)) = held(&seen, "team") else { panic!("{seen:?}") };
    let of = |email: &str| people.get(&ElementKey(email.to_owned())).unwrap().0.clone();
    assert_eq!(people.len(), 2);
    assert_eq!(of(OWNER)["phone"], text("+4940100"));
    assert_eq!(of(OWNER).get("active"), Some(&Value::Flag(true)));
    assert_eq!(of("lou.left@x.example").get("active"), None);
}

#[tokio::test]
async fn a_member_is_added_with_read_access_and_the_configured_role() {
    let desk = Desk::with("\n[fields.team]\nrole = \"Sales Rep\"\n");
    let id = desk.opportunity(&json!({}));
    let change = putting(&desk, &id, KIM).await;
    apply(&desk, change).await;
    assert_eq!(rows(&desk, &id), [(json!("Read"), json!("Sales Rep"))]);
}

#[tokio::test]
async fn who_joined_meanwhile_keeps_the_access_that_a_person_gave() {
    let desk = Desk::new();
    let kim = user(&desk, KIM, &json!({}));
    let id = desk.opportunity(&json!({}));
    let change = putting(&desk, &id, KIM).await;
    desk.make(
        "OpportunityTeamMember",
        json!({ "OpportunityId": id, "UserId": kim, "OpportunityAccessLevel": "Edit" }),
    );
    apply(&desk, change).await;
    assert_eq!(rows(&desk, &id), [(json!("Edit"), Json::Null)], "the platform would have lowered it");
}

#[tokio::test]
async fn an_org_without_team_selling_has_its_owners_hides_nothing_and_takes_nobody() {
    let desk = Desk::new();
    desk.knobs(&json!({ "team_selling": false }));
    let id = desk.opportunity(&json!({}));
    let seen = desk.see(&id).await;
    let Observed::Value(Value::Set(people)) = held(&seen, "team") else { panic!("{seen:?}") };
    assert_eq!(people.keys().map(|key| key.0.as_str()).collect::<Vec<_>>(), [OWNER]);
    assert!(seen.crm().unwrap().closed.contains_key(&"team".into()));
    assert!(desk.side.blind().is_empty());
}
