//! Sets of people and solutions: nothing is lost when both sides add.

use serde_json::json;

use crate::{
    harness::until,
    scenarios::{Stage, invitation},
};

/// A contact role on the opportunity, for a new contact of its account.
async fn seller_adds(stage: &crate::harness::World, opportunity: &str, email: &str) {
    let account = stage.opportunity(opportunity).await["AccountId"].clone();
    let contact = json!({ "FirstName": "Ola", "LastName": "Own", "Email": email, "Phone": "+4140000", "AccountId": account });
    let contact = stage.seller_creates("Contact", contact).await;
    let role = json!({ "OpportunityId": opportunity, "ContactId": contact });
    stage.seller_creates("OpportunityContactRole", role).await;
}

/// The mapping under which contacts also go to the portal after creation.
fn later_too(world: &crate::harness::World) {
    let file = world.folder().join("mapping.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let on =
        "on = { to_salesforce = [\"create\", \"update\"], to_partner_center = [\"create\", \"update\"] }";
    std::fs::write(&file, format!("{text}\n[fields.contacts]\nwhen = \"always\"\n{on}\n")).unwrap();
}

/// The e-mail addresses of people of a referral.
fn emails(team: &serde_json::Value) -> Vec<&str> {
    let mut emails: Vec<&str> =
        team.as_array().unwrap().iter().filter_map(|person| person["email"].as_str()).collect();
    emails.sort_unstable();
    emails
}

#[tokio::test]
async fn solutions_that_both_sides_add_are_all_on_both_sides() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Both add", 60_000, false).await;
    stage.both_judges_agree(1).await;
    stage
        .while_it_is_away(async |world| {
            let row =
                json!({ "Opportunity__c": opportunity, "Name": "Ours", "Solution_Id__c": "SOL-00001-AAA" });
            world.seller_creates("Microsoft_Solution__c", row).await;
            let mut solutions =
                world.referral(&referral).await["details"]["requirements"]["solutions"].clone();
            let theirs = json!({ "id": "SOL-00002-BBB", "name": "Theirs", "type": "Name", "price": 9.5 });
            solutions.as_array_mut().unwrap().push(theirs);
            let set = json!({ "id": referral, "set": { "/details/requirements/solutions": solutions } });
            world.acts("portal/edit", set).await;
        })
        .await;
    let all = |value: &serde_json::Value| value.as_array().is_some_and(|items| items.len() == 3);
    let solutions = stage.until_referral(&referral, "/details/requirements/solutions", all).await;
    let theirs = solutions.as_array().unwrap().iter().find(|item| item["id"] == "SOL-00002-BBB").unwrap();
    assert_eq!(theirs["price"], 9.5, "members that are not mapped stay");
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn a_contact_that_is_added_at_the_portal_later_joins_the_opportunity_beside_the_sellers_own() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.invited(invitation("Contacts later")).await;
    let account = stage.opportunity(&opportunity).await["AccountId"].clone();
    let own = json!({ "LastName": "Own", "Email": "own@contoso.example", "AccountId": account });
    let own = stage.seller_creates("Contact", own).await;
    stage
        .seller_creates("OpportunityContactRole", json!({ "OpportunityId": opportunity, "ContactId": own }))
        .await;
    let mut team = stage.referral(&referral).await["customerProfile"]["team"].clone();
    let late = json!({ "firstName": "Lou", "lastName": "Late", "email": "lou@contoso.example", "phoneNumber": "+411" });
    team.as_array_mut().unwrap().push(late);
    stage.colleague_edits(&referral, json!({ "/customerProfile/team": team })).await;
    let soql = format!(
        "SELECT Contact.Email, IsPrimary FROM OpportunityContactRole WHERE OpportunityId = '{opportunity}' \
         ORDER BY Contact.Email"
    );
    let rows = until("all three contacts", || async {
        let rows = stage.query(&soql).await;
        (rows.len() == 3).then_some(rows)
    })
    .await;
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row["Contact"]["Email"].as_str().unwrap(), row["IsPrimary"] == true))
        .collect();
    let wanted =
        [("lou@contoso.example", false), ("mia@contoso.example", true), ("own@contoso.example", false)];
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn a_contact_that_the_seller_adds_later_joins_the_portals_own_where_the_mapping_says_update() {
    let stage = Stage::set_after(later_too).await;
    let (opportunity, referral) = stage.invited(invitation("Contacts later too")).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Qualification" })).await;
    stage.until_referral(&referral, "/status", |status| status == "Active").await;

    seller_adds(&stage, &opportunity, "ola@contoso.example").await;
    let two = |team: &serde_json::Value| team.as_array().is_some_and(|people| people.len() == 2);
    let team = stage.until_referral(&referral, "/customerProfile/team", two).await;
    assert_eq!(emails(&team), ["mia@contoso.example", "ola@contoso.example"]);
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn contacts_and_colleagues_that_both_sides_add_are_all_on_both_sides() {
    let mut stage = Stage::set_after(later_too).await;
    let (opportunity, referral) = stage.invited(invitation("Both add people")).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Qualification" })).await;
    stage.until_referral(&referral, "/status", |status| status == "Active").await;
    stage.both_judges_agree(1).await;
    stage
        .while_it_is_away(async |world| {
            seller_adds(world, &opportunity, "ola@contoso.example").await;
            let now = world.referral(&referral).await;
            let mut contacts = now["customerProfile"]["team"].clone();
            let late = json!({ "firstName": "Lou", "lastName": "Late", "email": "lou@contoso.example", "phoneNumber": "+411" });
            contacts.as_array_mut().unwrap().push(late);
            let set = json!({ "id": referral, "set": { "/customerProfile/team": contacts } });
            world.acts("portal/edit", set).await;
        })
        .await;
    let three = |team: &serde_json::Value| team.as_array().is_some_and(|people| people.len() == 3);
    let contacts = stage.until_referral(&referral, "/customerProfile/team", three).await;
    let all = ["lou@contoso.example", "mia@contoso.example", "ola@contoso.example"];
    assert_eq!(emails(&contacts), all);
    let soql = format!(
        "SELECT Contact.Email FROM OpportunityContactRole WHERE OpportunityId = '{opportunity}' \
         ORDER BY Contact.Email"
    );
    let rows = until("all three contacts", || async {
        let rows = stage.query(&soql).await;
        (rows.len() == 3).then_some(rows)
    })
    .await;
    let held: Vec<_> = rows.iter().map(|row| row["Contact"]["Email"].as_str().unwrap()).collect();
    assert_eq!(held, all);
    stage.both_judges_agree(1).await;
}
