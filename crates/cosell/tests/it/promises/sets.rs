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

/// A deal that both sides work on, whose one contact came from the portal, with a preference that is mapped nowhere; the
/// opportunity, the referral, and the contact.
async fn with_a_contact(stage: &Stage, name: &str) -> (String, String, String) {
    let mut invited = invitation(name);
    invited["customerProfile"]["team"][0]["contactPreference"] = preference();
    let (opportunity, referral) = stage.invited(invited).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Qualification" })).await;
    stage.until_referral(&referral, "/status", |status| status == "Active").await;
    stage.both_judges_agree(1).await;
    let contact = contact_of(stage, "mia@contoso.example").await;
    (opportunity, referral, contact)
}

fn preference() -> serde_json::Value {
    json!({ "locale": "de-CH", "disableNotifications": true })
}

async fn contact_of(stage: &Stage, email: &str) -> String {
    stage.first(&format!("SELECT Id FROM Contact WHERE Email = '{email}'")).await
}

/// A correction, and the next save of the deal, with which it is seen.
async fn seller_corrects(world: &crate::harness::World, opportunity: &str, corrections: &[(&str, &str)]) {
    for (contact, email) in corrections {
        world.seller_changes("Contact", contact, json!({ "Email": email })).await;
    }
    world.seller_edits(opportunity, json!({ "NextStep": "Write to them" })).await;
}

/// The contacts with a role on the opportunity, by identifier, each with its address.
async fn roles(stage: &Stage, opportunity: &str) -> Vec<(String, String)> {
    let soql = format!(
        "SELECT ContactId, Contact.Email FROM OpportunityContactRole WHERE OpportunityId = '{opportunity}' \
         ORDER BY Contact.Email"
    );
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let rows = stage.query(&soql).await;
    rows.iter().map(|row| (text(&row["ContactId"]), text(&row["Contact"]["Email"]))).collect()
}

#[tokio::test]
async fn an_address_that_the_seller_corrects_is_corrected_in_the_same_element_of_the_referral() {
    let mut stage = Stage::set_after(later_too).await;
    let (opportunity, referral, mia) = with_a_contact(&stage, "Corrected here").await;
    seller_corrects(&stage, &opportunity, &[(&mia, "Mia.Frei@contoso.example")]).await;
    let corrected = |team: &serde_json::Value| {
        emails(team).iter().any(|email| email.eq_ignore_ascii_case("mia.frei@contoso.example"))
    };
    let team = stage.until_referral(&referral, "/customerProfile/team", corrected).await;
    assert_eq!(team.as_array().unwrap().len(), 1, "nobody was added: {team}");
    assert_eq!(team[0]["contactPreference"], preference(), "what is not mapped stays with the person");
    assert_eq!(team[0]["firstName"], "Mia");
    stage.both_judges_agree(1).await;
    // Its case alone is no other address.
    stage.settle();
    let patches = stage.taken("patch").await.len();
    seller_corrects(&stage, &opportunity, &[(&mia, "MIA.FREI@contoso.example")]).await;
    assert!(stage.world.cosell(&["sync", "--once"]).status.success());
    assert_eq!(stage.taken("patch").await.len(), patches);
    assert_eq!(roles(&stage, &opportunity).await.len(), 1);
    let log = std::fs::read_to_string(stage.folder().join("cosell.log")).unwrap();
    assert!(!log.to_lowercase().contains("mia.frei"), "people are for people, not for the log");
}

#[tokio::test]
async fn an_address_that_is_corrected_at_the_portal_makes_no_second_contact_and_the_next_one_here_goes_across()
 {
    let mut stage = Stage::set_after(later_too).await;
    let (opportunity, referral, mia) = with_a_contact(&stage, "Corrected there").await;
    let mut team = stage.referral(&referral).await["customerProfile"]["team"].clone();
    team[0]["email"] = json!("mia.f@contoso.example");
    let set = json!({ "/customerProfile/team": team, "/details/notes": "Corrected her address" });
    stage.colleague_edits(&referral, set).await;
    stage.until_opportunity(&opportunity, "Description", crate::scenarios::mentions("Corrected")).await;
    stage.settle();
    let unchanged = [(mia.clone(), "mia@contoso.example".to_owned())];
    assert_eq!(
        roles(&stage, &opportunity).await,
        unchanged,
        "a contact is shared by many deals, and keeps its address"
    );
    let all = stage.query("SELECT Id FROM Contact WHERE LastName = 'Frei'").await;
    assert_eq!(all.len(), 1, "there is no second contact of that name");
    let team = stage.referral(&referral).await["customerProfile"]["team"].clone();
    assert_eq!(emails(&team), ["mia.f@contoso.example"], "nor is the correction taken back");
    let verified = stage.world.cosell(&["verify", "--format", "json"]);
    assert!(verified.status.success(), "a person is told why, and nothing is wrong: {verified:?}");
    let verified: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified["counts"], json!({ "kept_apart": 1 }), "{verified}");
    let why = verified["findings"][0]["differences"][0]["kept"].as_str().unwrap();
    assert!(why.contains("each side keeps its own"), "{verified}");

    stage.service = stage.world.run();
    seller_corrects(&stage, &opportunity, &[(&mia, "mia.new@contoso.example")]).await;
    let corrected = |team: &serde_json::Value| emails(team) == ["mia.new@contoso.example"];
    let team = stage.until_referral(&referral, "/customerProfile/team", corrected).await;
    assert_eq!(team[0]["contactPreference"], preference());
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn two_contacts_that_swap_addresses_stay_who_they_are() {
    let mut stage = Stage::set_after(later_too).await;
    let (opportunity, referral, mia) = with_a_contact(&stage, "Swapped").await;
    seller_adds(&stage, &opportunity, "ola@contoso.example").await;
    let two = |team: &serde_json::Value| team.as_array().is_some_and(|people| people.len() == 2);
    stage.until_referral(&referral, "/customerProfile/team", two).await;
    stage.both_judges_agree(1).await;
    let ola = contact_of(&stage, "ola@contoso.example").await;
    stage
        .while_it_is_away(async |world| {
            let swap = [(&*mia, "ola@contoso.example"), (&*ola, "mia@contoso.example")];
            seller_corrects(world, &opportunity, &swap).await;
        })
        .await;
    let is_mia =
        |person: &serde_json::Value| person["email"] == "ola@contoso.example" && person["firstName"] == "Mia";
    let swapped = |team: &serde_json::Value| team.as_array().is_some_and(|people| people.iter().any(is_mia));
    let team = stage.until_referral(&referral, "/customerProfile/team", swapped).await;
    let people = team.as_array().unwrap();
    assert_eq!(emails(&team), ["mia@contoso.example", "ola@contoso.example"]);
    let of_mia = people.iter().find(|person| is_mia(person)).unwrap();
    assert_eq!(of_mia["contactPreference"], preference(), "what is not mapped went with her: {team}");
    assert!(people.iter().find(|person| !is_mia(person)).unwrap()["contactPreference"].is_null());
    stage.settle();
    let expected = [(ola, "mia@contoso.example".to_owned()), (mia, "ola@contoso.example".to_owned())];
    assert_eq!(roles(&stage, &opportunity).await, expected);
    stage.both_judges_agree(1).await;
}
