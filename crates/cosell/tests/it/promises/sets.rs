//! Sets of people and solutions: nothing is lost when both sides add.

use serde_json::json;

use crate::{
    harness::until,
    scenarios::{Stage, invitation},
};

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
