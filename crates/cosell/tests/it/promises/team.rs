//! Who works on a deal: the owner and the team go to the portal, the portal's people come into the team (M7, M8, M9).
//! Members are only added, on both sides.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Platform, World, until},
    scenarios::{Stage, mentions},
};

const OWNER: &str = "noa.seller@trey-research.example";
const COLLEAGUE: &str = "kim.seller@trey-research.example";

/// The admin changes a user, or makes one; the user's id.
async fn user(world: &World, name: &str, fields: Value) -> String {
    let mut fields = fields;
    fields["Username"] = json!(name);
    let body = json!({ "fields": fields });
    let answer = world.control(Platform::Salesforce, Method::POST, "actor/user", Some(&body)).await;
    answer["id"].as_str().unwrap().to_owned()
}

async fn phones(world: &World) -> String {
    user(world, COLLEAGUE, json!({ "Phone": "+4940200" })).await
}

/// The opportunity's team: who, and with which access.
async fn team(world: &World, opportunity: &str) -> Vec<(String, String)> {
    let soql = format!(
        "SELECT User.Email, OpportunityAccessLevel FROM OpportunityTeamMember WHERE OpportunityId = '{opportunity}' \
         ORDER BY User.Email"
    );
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = world.query(&soql).await;
    rows.iter().map(|row| (text(&row["User"]["Email"]), text(&row["OpportunityAccessLevel"]))).collect()
}

async fn until_members(world: &World, opportunity: &str, wanted: &[(&str, &str)]) {
    let alike = |team: &[(String, String)]| {
        team.iter().map(|(email, access)| (email.as_str(), access.as_str())).eq(wanted.iter().copied())
    };
    until("the team's members", || async move { alike(&team(world, opportunity).await).then_some(()) }).await;
}

fn emails(team: &Value) -> Vec<String> {
    let members = team.as_array().into_iter().flatten();
    let mut emails: Vec<String> =
        members.map(|member| member["email"].as_str().unwrap().to_lowercase()).collect();
    emails.sort();
    emails
}

async fn until_team(world: &World, referral: &str, wanted: &[&str]) -> Value {
    world.until_referral(referral, "/team", |team| emails(team) == wanted).await
}

async fn join(world: &World, opportunity: &str, user: &str, access: &str) -> String {
    let row = json!({ "OpportunityId": opportunity, "UserId": user, "OpportunityAccessLevel": access });
    world.seller_creates("OpportunityTeamMember", row).await
}

/// A colleague adds somebody at the portal.
async fn colleague_adds(stage: &Stage, referral: &str, email: &str) {
    let mut team = stage.referral(referral).await["team"].clone();
    let member = json!({ "firstName": "Lou", "lastName": "Late", "email": email, "phoneNumber": "+4940300" });
    team.as_array_mut().unwrap().push(member);
    stage.colleague_edits(referral, json!({ "/team": team })).await;
}

/// Waits until the seller reads this on the opportunity.
async fn audited(stage: &Stage, opportunity: &str, words: &str) {
    stage.until_opportunity(opportunity, "Audit__c", mentions(words)).await;
}

#[tokio::test]
async fn m9_the_owner_and_the_team_reach_the_referral_at_its_creation_and_later() {
    let stage = Stage::set().await;
    let colleague = phones(&stage).await;
    let opportunity = stage.new_opportunity("Harbour cranes", 90_000).await;
    join(&stage, &opportunity, &colleague, "Edit").await;
    stage.opt_in(&opportunity, false).await;
    let referral = stage.referral_of(&opportunity).await;
    let created = stage.taken("create").await;
    assert_eq!(emails(&created[0]["team"]), [COLLEAGUE, OWNER], "{created:?}");
    assert_eq!(created[0]["team"][0]["firstName"], "Kim");
    assert_eq!(created[0]["team"][0]["phoneNumber"], "+4940200");

    let details = json!({ "FirstName": "Lea", "LastName": "Later", "Email": "Lea.Later@Trey-Research.example",
        "Phone": "+4940400", "IsActive": true });
    let lea = user(&stage, "lea@trey-research.example", details).await;
    join(&stage, &opportunity, &lea, "Read").await;
    until_team(&stage, &referral, &[COLLEAGUE, "lea.later@trey-research.example", OWNER]).await;

    // The opportunity changes hands: the new owner joins, and nobody leaves.
    let details = json!({ "FirstName": "Max", "LastName": "Moved", "Email": "max@trey-research.example",
        "Phone": "+4940500", "IsActive": true });
    let max = user(&stage, "max@trey-research.example", details).await;
    stage.seller_edits(&opportunity, json!({ "OwnerId": max })).await;
    let all = [COLLEAGUE, "lea.later@trey-research.example", "max@trey-research.example", OWNER];
    until_team(&stage, &referral, &all).await;
    stage.both_judges_agree(1).await;
    let in_team: Vec<(String, String)> = team(&stage, &opportunity).await;
    assert_eq!(in_team[0], (COLLEAGUE.to_owned(), "Edit".to_owned()), "nobody is raised or lowered");
}

#[tokio::test]
async fn m9_a_member_without_full_details_is_left_out_with_a_note_and_follows_when_complete() {
    let stage = Stage::set().await;
    let colleague = user(&stage, COLLEAGUE, json!({})).await;
    let opportunity = stage.new_opportunity("Dry dock", 70_000).await;
    join(&stage, &opportunity, &colleague, "Read").await;
    stage.opt_in(&opportunity, false).await;
    let referral = stage.referral_of(&opportunity).await;
    let note = format!("Kim Seller ({COLLEAGUE}) is left out of the referral: no phone.");
    audited(&stage, &opportunity, &note).await;
    assert_eq!(emails(&stage.referral(&referral).await["team"]), [OWNER]);
    stage.both_judges_agree(1).await;
    let log = std::fs::read_to_string(stage.folder().join("cosell.log")).unwrap();
    assert!(!log.contains(COLLEAGUE), "people are for people, not for the log");

    user(&stage, COLLEAGUE, json!({ "Phone": "+4940200" })).await;
    stage.seller_edits(&opportunity, json!({ "Description": "They decide in May" })).await;
    until_team(&stage, &referral, &[COLLEAGUE, OWNER]).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn m9_a_referral_with_nobody_complete_gets_the_default_member_who_stays_out_of_the_team() {
    let mut stage = Stage::set().await;
    user(&stage, OWNER, json!({ "Phone": null })).await;
    let (opportunity, referral) = stage.pair("Slipway", 50_000, false).await;
    stage.both_judges_agree(1).await;
    stage.settle();
    assert_eq!(emails(&stage.referral(&referral).await["team"]), ["ada.berg@fabrikam.example"]);
    assert_eq!(team(&stage, &opportunity).await, []);
    let audit = stage.opportunity(&opportunity).await["Audit__c"].as_str().unwrap().to_owned();
    assert!(!audit.contains("ada.berg"), "{audit}");
}

#[tokio::test]
async fn m8_the_portals_member_joins_the_team_with_read_and_whom_a_seller_takes_out_stays_out() {
    let mut stage = Stage::set().await;
    phones(&stage).await;
    let (opportunity, referral) = stage.pair("Lighthouse", 60_000, false).await;
    stage.both_judges_agree(1).await;
    colleague_adds(&stage, &referral, &COLLEAGUE.to_uppercase()).await;
    until_members(&stage, &opportunity, &[(COLLEAGUE, "Read")]).await;
    stage.both_judges_agree(1).await;
    stage.settle();
    let patches = stage.taken("patch").await.len();
    let settled = stage.world.cosell(&["sync", "--once"]);
    assert!(settled.status.success());
    assert_eq!(stage.taken("patch").await.len(), patches, "our own addition causes no echo");

    let row = stage
        .first(&format!("SELECT Id FROM OpportunityTeamMember WHERE OpportunityId = '{opportunity}'"))
        .await;
    stage.seller_deletes("OpportunityTeamMember", &row).await;
    stage.service = stage.world.run();
    stage.colleague_edits(&referral, json!({ "/details/notes": "After the holidays" })).await;
    stage.until_opportunity(&opportunity, "Description", mentions("After the holidays")).await;
    stage.settle();
    assert_eq!(team(&stage, &opportunity).await, [], "whom a seller took out is not brought back");
    assert!(emails(&stage.referral(&referral).await["team"]).contains(&COLLEAGUE.to_owned()));
}

#[tokio::test]
async fn m8_an_unknown_or_ambiguous_e_mail_is_noted_and_adds_nobody() {
    let mut stage = Stage::set().await;
    phones(&stage).await;
    for name in ["twin.one@trey-research.example", "twin.two@trey-research.example"] {
        let details = json!({ "FirstName": "Tom", "LastName": "Twin", "Email": "twin@trey-research.example",
            "IsActive": true });
        user(&stage, name, details).await;
    }
    let (opportunity, referral) = stage.pair("Pilot boat", 40_000, false).await;
    stage.both_judges_agree(1).await;
    for email in
        ["o'stranger@elsewhere.example", "twin@trey-research.example", "fred.former@trey-research.example"]
    {
        colleague_adds(&stage, &referral, email).await;
        let note = format!("({email}) is left out of the opportunity: there is not exactly one active user");
        audited(&stage, &opportunity, &note).await;
    }
    stage.both_judges_agree(1).await;
    stage.settle();
    assert_eq!(team(&stage, &opportunity).await, []);
    assert_eq!(emails(&stage.referral(&referral).await["team"]).len(), 4, "the portal's people stay");
}

#[tokio::test]
async fn m1_without_team_selling_the_owner_is_the_whole_team_and_it_is_said() {
    let stage = Stage::set().await;
    phones(&stage).await;
    let off = json!({ "team_selling": false });
    stage.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&off)).await;
    let (opportunity, referral) = stage.pair("Tug boat", 30_000, false).await;
    until_team(&stage, &referral, &[OWNER]).await;
    colleague_adds(&stage, &referral, COLLEAGUE).await;
    audited(&stage, &opportunity, "this org has no opportunity teams").await;
    stage.both_judges_agree(1).await;
    let checked = stage.cosell(&["check"]);
    let told = String::from_utf8(checked.stdout).unwrap();
    assert!(told.to_lowercase().contains("team selling"), "{told}");
}

#[tokio::test]
async fn m9_whom_both_sides_add_at_the_same_time_is_on_both_sides() {
    let mut stage = Stage::set().await;
    let colleague = phones(&stage).await;
    let details = json!({ "FirstName": "Max", "LastName": "Moved", "Email": "max@trey-research.example",
        "Phone": "+4940500", "IsActive": true });
    user(&stage, "max@trey-research.example", details).await;
    let (opportunity, referral) = stage.pair("Drawbridge", 70_000, false).await;
    stage.both_judges_agree(1).await;
    stage
        .while_it_is_away(async |world| {
            join(world, &opportunity, &colleague, "Edit").await;
            let mut members = world.referral(&referral).await["team"].clone();
            let max = json!({ "firstName": "Max", "lastName": "Moved", "email": "max@trey-research.example",
                "phoneNumber": "+4940500" });
            members.as_array_mut().unwrap().push(max);
            world.acts("portal/edit", json!({ "id": referral, "set": { "/team": members } })).await;
        })
        .await;
    until_team(&stage, &referral, &[COLLEAGUE, "max@trey-research.example", OWNER]).await;
    until_members(&stage, &opportunity, &[(COLLEAGUE, "Edit"), ("max@trey-research.example", "Read")]).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn m9_a_colleagues_corrected_address_is_corrected_on_the_referral_and_nobody_is_there_twice() {
    const CORRECTED: &str = "kim.new@trey-research.example";
    let mut stage = Stage::set().await;
    let colleague = phones(&stage).await;
    let (opportunity, referral) = stage.pair("Breakwater", 80_000, false).await;
    join(&stage, &opportunity, &colleague, "Edit").await;
    until_team(&stage, &referral, &[COLLEAGUE, OWNER]).await;
    stage.both_judges_agree(1).await;
    user(&stage, COLLEAGUE, json!({ "Email": CORRECTED })).await;
    stage.seller_edits(&opportunity, json!({ "Description": "Kim has married" })).await;
    until_team(&stage, &referral, &[CORRECTED, OWNER]).await;
    stage.both_judges_agree(1).await;

    // The other way a user is nobody's to change, and joins no second time.
    let mut members = stage.referral(&referral).await["team"].clone();
    let kim = members.as_array_mut().unwrap().iter_mut().find(|member| member["email"] == CORRECTED).unwrap();
    kim["email"] = json!("kim.other@trey-research.example");
    stage.colleague_edits(&referral, json!({ "/team": members, "/details/notes": "Another address" })).await;
    stage.until_opportunity(&opportunity, "Description", mentions("Another address")).await;
    stage.settle();
    assert_eq!(team(&stage, &opportunity).await, [(CORRECTED.to_owned(), "Edit".to_owned())]);
    assert_eq!(emails(&stage.referral(&referral).await["team"]).len(), 2);
}
