//! Each row of the default mapping, in each direction, at creation and later: the raw values of both platforms against a
//! table written by hand, and the oracle beside it.

mod table;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use self::table::{BY_NAME, Place, Row, Travels, rows};
use crate::{
    harness::{Platform, until},
    scenarios::{Stage, mentions, says},
};

/// The shipped mapping, as an administrator reads it.
const DEFAULT: &str = include_str!("../../../../mappings/default.toml");

/// Whether two values are the same, however a platform writes a number.
fn alike(held: &Value, wanted: &Value) -> bool {
    match (held.as_f64(), wanted.as_f64()) {
        (Some(held), Some(wanted)) => (held - wanted).abs() < 1e-9,
        _ => held == wanted,
    }
}

/// What Salesforce holds of a row.
async fn held(stage: &Stage, opportunity: &str, place: Place) -> Value {
    let (object, field) = match place {
        Place::Opportunity(field) => return stage.opportunity(opportunity).await[field].clone(),
        Place::Account(field) => ("Account", field),
        Place::Solution(field) => ("Solution", field),
        Place::Contact(field) => ("Contact", field),
    };
    let soql = match object {
        "Account" => format!("SELECT Account.{field} FROM Opportunity WHERE Id = '{opportunity}'"),
        "Solution" => {
            format!("SELECT {field} FROM Microsoft_Solution__c WHERE Opportunity__c = '{opportunity}'")
        }
        _ => format!(
            "SELECT Contact.{field} FROM OpportunityContactRole WHERE OpportunityId = '{opportunity}'"
        ),
    };
    let found = stage.query(&soql).await;
    let Some(row) = found.first() else { return Value::Null };
    if object == "Solution" { row[field].clone() } else { row[object][field].clone() }
}

async fn until_salesforce(stage: &Stage, opportunity: &str, row: &Row, wanted: &Value) {
    until(&format!("{} in Salesforce: {wanted}", row.field), || async {
        alike(&held(stage, opportunity, row.place).await, wanted).then_some(())
    })
    .await;
}

async fn until_portal(stage: &Stage, referral: &str, row: &Row, wanted: &Value) {
    until(&format!("{} at the portal: {wanted}", row.field), || async {
        let held = stage.referral(referral).await;
        held.pointer(row.member).is_some_and(|held| alike(held, wanted)).then_some(())
    })
    .await;
}

/// The oracle reads both platforms' raw records and finds nothing that should be the same and is not.
async fn the_oracle_agrees(stage: &Stage, opportunity: &str) {
    until("the oracle's consent", || async {
        let verdict = stage.verdict().await;
        verdict.of(opportunity).iter().all(|difference| difference.fixed).then_some(())
    })
    .await;
}

/// Puts `value` where a JSON pointer says, making what is on the way.
fn put(document: &mut Value, pointer: &str, value: Value) {
    let mut place = document;
    for name in pointer.trim_start_matches('/').split('/') {
        place = match name.parse::<usize>() {
            Ok(at) => {
                if place.is_null() {
                    *place = json!([]);
                }
                let list = place.as_array_mut().unwrap();
                while list.len() <= at {
                    list.push(Value::Null);
                }
                &mut list[at]
            }
            Err(_) => &mut place[name],
        };
    }
    *place = value;
}

/// What Microsoft's seller sends, with the first value of every row.
fn invited_with_every_row() -> Value {
    let mut referral = json!({ "type": "Shared", "qualification": "SalesQualified",
        "consent": { "consentToToShareInfoWithOthers": true, "consentToContact": true } });
    put(&mut referral, "/details/requirements/solutions/0/type", json!("Name"));
    for row in rows() {
        put(&mut referral, row.member, row.first.portal);
    }
    referral
}

/// An opportunity with the first value of every row, opted in; its id.
async fn opted_in_with_every_row(stage: &Stage) -> String {
    let filled = |of: fn(Place) -> Option<&'static str>, mut fixed: Value| {
        for row in rows().into_iter().filter(|row| row.to_portal != Travels::Never) {
            if let Some(field) = of(row.place) {
                fixed[field] = row.first.salesforce;
            }
        }
        fixed
    };
    let account =
        filled(|place| if let Place::Account(field) = place { Some(field) } else { None }, json!({}));
    let account = stage.seller_creates("Account", account).await;
    let contact = filled(
        |place| if let Place::Contact(field) = place { Some(field) } else { None },
        json!({ "AccountId": account }),
    );
    let contact = stage.seller_creates("Contact", contact).await;
    let opportunity = filled(
        |place| if let Place::Opportunity(field) = place { Some(field) } else { None },
        json!({ "StageName": "Qualification", "AccountId": account }),
    );
    let opportunity = stage.seller_creates("Opportunity", opportunity).await;
    let role = json!({ "OpportunityId": opportunity, "ContactId": contact, "IsPrimary": true });
    stage.seller_creates("OpportunityContactRole", role).await;
    let solution = filled(
        |place| if let Place::Solution(field) = place { Some(field) } else { None },
        json!({ "Opportunity__c": opportunity }),
    );
    stage.seller_creates("Microsoft_Solution__c", solution).await;
    stage.opt_in(&opportunity, true).await;
    opportunity
}

#[test]
fn the_table_has_every_row_of_the_shipped_mapping_and_no_other() {
    let shipped: toml::Table = DEFAULT.parse().unwrap();
    let mut wanted = BTreeSet::new();
    for (name, field) in shipped["fields"].as_table().unwrap() {
        wanted.insert(name.clone());
        let attributes = field.get("attributes").and_then(toml::Value::as_table);
        wanted
            .extend(attributes.into_iter().flat_map(|table| table.keys().map(|key| format!("{name}.{key}"))));
    }
    let mut tested: BTreeSet<String> = rows().iter().map(|row| row.field.to_owned()).collect();
    tested.extend(BY_NAME.iter().map(|&name| name.to_owned()));
    assert_eq!(tested, wanted);
}

#[tokio::test]
async fn every_row_reaches_salesforce_when_the_opportunity_is_created() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.invited(invited_with_every_row()).await;
    for row in rows() {
        let wanted = if row.to_salesforce.at_creation() { row.first.salesforce.clone() } else { Value::Null };
        until_salesforce(&stage, &opportunity, &row, &wanted).await;
    }
    let held = stage.opportunity(&opportunity).await;
    assert_eq!(held["Referral_Identifier__c"], json!(referral), "referral_identifier");
    assert!(held["Referral_Link__c"].as_str().unwrap().ends_with(&referral), "referral_link");
    for field in ["Partner_Role__c", "Solution_Area__c", "Solution_Play__c"] {
        assert!(held[field].is_null(), "{field} is off");
    }
    the_oracle_agrees(&stage, &opportunity).await;
}

#[tokio::test]
async fn every_row_that_may_reaches_salesforce_later_and_no_other() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.invited(invited_with_every_row()).await;
    stage.acts("portal/accept", json!({ "id": referral })).await;
    stage.until_opportunity(&opportunity, "StageName", says("Qualification")).await;
    // What stays where it was comes first, so that it had its time when the others have arrived.
    let (later, never): (Vec<Row>, Vec<Row>) =
        rows().into_iter().partition(|row| row.to_salesforce == Travels::Always);
    for row in never.iter().chain(&later) {
        stage.colleague_edits(&referral, json!({ row.member: row.second.portal })).await;
    }
    for row in &later {
        until_salesforce(&stage, &opportunity, row, &row.second.salesforce).await;
    }
    for row in &never {
        let wanted = if row.to_salesforce.at_creation() { &row.first.salesforce } else { &Value::Null };
        let held = held(&stage, &opportunity, row.place).await;
        assert!(alike(&held, wanted), "{}: {held}, and not {wanted}", row.field);
    }
}

#[tokio::test]
async fn every_row_reaches_the_portal_when_the_referral_is_created() {
    let stage = Stage::set().await;
    let opportunity = opted_in_with_every_row(&stage).await;
    let referral = stage.referral_of(&opportunity).await;
    let created = stage.referral(&referral).await;
    for row in rows() {
        let held = created.pointer(row.member).unwrap_or(&Value::Null);
        if row.to_portal.at_creation() {
            assert!(alike(held, &row.first.portal), "{}: {held}, and not {}", row.field, row.first.portal);
        } else if row.field != "referral_expires" {
            assert!(held.is_null(), "{}: {held}, though it never travels", row.field);
        }
    }
    for consent in
        ["consentToToShareInfoWithOthers", "consentToContact", "consentToMicrosoftToContactSpecificPartners"]
    {
        assert_eq!(created["consent"][consent], json!(true), "{consent}");
    }
    assert_eq!(created["externalReferenceId"], json!(opportunity), "external_reference");
    assert_eq!(created["team"][0]["email"], json!("noa.seller@trey-research.example"), "team: the owner");
    let microsofts = stage.microsofts(&referral).await;
    assert_eq!(microsofts["inviteContext"]["assistanceRequestCode"], json!("ProofOfConceptOrDemo"), "help");
    assert_eq!(
        microsofts["inviteContext"]["notes"],
        json!("The customer runs an Azure estate"),
        "help_notes"
    );
    the_oracle_agrees(&stage, &opportunity).await;
}

#[tokio::test]
async fn every_row_that_may_reaches_the_portal_later_and_no_other() {
    let stage = Stage::set().await;
    let opportunity = opted_in_with_every_row(&stage).await;
    let referral = stage.referral_of(&opportunity).await;
    stage.until_opportunity(&opportunity, "Co_sell_Status__c", Value::is_string).await;
    let before = stage.referral(&referral).await;
    let account = stage.opportunity(&opportunity).await["AccountId"].as_str().unwrap().to_owned();
    let contact = stage
        .query(&format!("SELECT ContactId FROM OpportunityContactRole WHERE OpportunityId = '{opportunity}'"))
        .await[0]["ContactId"]
        .as_str()
        .unwrap()
        .to_owned();
    let solution = stage
        .first(&format!("SELECT Id FROM Microsoft_Solution__c WHERE Opportunity__c = '{opportunity}'"))
        .await;
    let types = |row: &Row| {
        let (object, id, field) = match row.place {
            Place::Opportunity(field) => ("Opportunity", &opportunity, field),
            Place::Account(field) => ("Account", &account, field),
            Place::Contact(field) => ("Contact", &contact, field),
            Place::Solution(field) => ("Microsoft_Solution__c", &solution, field),
        };
        (object, id.clone(), json!({ field: row.second.salesforce }))
    };
    let (later, never): (Vec<Row>, Vec<Row>) = rows()
        .into_iter()
        .filter(|row| row.to_portal != Travels::Never)
        .partition(|row| row.to_portal == Travels::Always);
    for row in never.iter().chain(&later) {
        let (object, id, change) = types(row);
        stage.seller_changes(object, &id, change).await;
    }
    for row in &later {
        until_portal(&stage, &referral, row, &row.second.portal).await;
    }
    let after = stage.referral(&referral).await;
    for row in &never {
        let (was, is) = (before.pointer(row.member), after.pointer(row.member));
        assert_eq!(was, is, "{} is fixed when the referral is created", row.field);
    }
}

#[tokio::test]
async fn what_microsoft_says_of_its_own_referral_reaches_salesforce_and_nothing_goes_back() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Deal with Microsoft's word", 40_000, true).await;
    let microsofts = stage.microsofts(&referral).await;
    let id = microsofts["id"].clone();
    let expires = microsofts["expirationDateTime"].as_str().unwrap()[.."2027-01-31".len()].to_owned();
    stage.until_opportunity(&opportunity, "Microsoft_Expires__c", says(&expires)).await;
    stage.until_opportunity(&opportunity, "Microsoft_Status__c", says("Pending")).await;
    let sellers = json!([{ "firstName": "Ines", "lastName": "Sol", "email": "ines@microsoft.example", "phoneNumber": "+1425" }]);
    stage.acts("microsoft/accept", json!({ "id": id, "sellers": sellers, "microsoftMsxId": "7-ABC" })).await;
    stage.until_opportunity(&opportunity, "Microsoft_Status__c", says("Accepted")).await;
    stage.until_opportunity(&opportunity, "Microsoft_Sellers__c", mentions("Ines Sol")).await;
    stage.until_opportunity(&opportunity, "Microsoft_CRM_Identifier__c", says("7-ABC")).await;
    // A seller's own text there is nobody's news.
    stage
        .seller_edits(
            &opportunity,
            json!({ "Microsoft_Reason__c": Value::Null, "Referral_Program__c": "Mine" }),
        )
        .await;
    stage.acts("microsoft/lose", json!({ "id": id, "reason": "Customer chose another vendor" })).await;
    stage.until_opportunity(&opportunity, "Microsoft_Reason__c", says("Customer chose another vendor")).await;
    stage.until_opportunity(&opportunity, "Microsoft_Status__c", says("Lost")).await;
    let after = stage.referral(&referral).await;
    assert_eq!((&after["status"], &after["referralProgram"]), (&json!("Active"), &Value::Null));
}

#[tokio::test]
async fn help_is_put_right_and_sharing_is_a_one_way_switch() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Deal with help", 40_000, true).await;
    stage.microsofts(&referral).await;
    stage.until_opportunity(&opportunity, "Co_sell_Status__c", Value::is_string).await;
    let changed =
        json!({ "How_can_Microsoft_help__c": "General or other", "Share_with_Microsoft__c": false });
    stage.seller_edits(&opportunity, changed).await;
    stage
        .until_opportunity(&opportunity, "How_can_Microsoft_help__c", says("Proof of concept or demo"))
        .await;
    stage.until_opportunity(&opportunity, "Share_with_Microsoft__c", |value| *value == json!(true)).await;
    let microsofts = stage.microsofts(&referral).await;
    assert_eq!(microsofts["inviteContext"]["assistanceRequestCode"], json!("ProofOfConceptOrDemo"));

    let private = stage.new_opportunity("Private deal", 40_000).await;
    let opted_in = json!({ "Sync_with_Partner_Center__c": true, "Consent_to_Share__c": true });
    stage.seller_edits(&private, opted_in).await;
    let referral = stage.referral_of(&private).await;
    let share = "/consent/consentToShareReferralWithMicrosoftSellers";
    assert_ne!(stage.referral(&referral).await.pointer(share), Some(&json!(true)));
    stage.seller_edits(&private, json!({ "Share_with_Microsoft__c": true })).await;
    stage.until_referral(&referral, share, |value| *value == json!(true)).await;
    the_oracle_agrees(&stage, &private).await;
}

#[tokio::test]
async fn the_team_grows_on_both_sides() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Deal of a team", 40_000, false).await;
    stage.until_opportunity(&opportunity, "Co_sell_Status__c", Value::is_string).await;
    let colleague =
        json!({ "fields": { "Username": "kim.seller@trey-research.example", "Phone": "+4940200" } });
    let kim = stage.control(Platform::Salesforce, Method::POST, "actor/user", Some(&colleague)).await;
    let row = json!({ "OpportunityId": opportunity, "UserId": kim["id"], "OpportunityAccessLevel": "Read" });
    stage.seller_creates("OpportunityTeamMember", row).await;
    let has_kim = |team: &Value| {
        let mut team = team.as_array().into_iter().flatten();
        team.any(|member| member["email"] == "kim.seller@trey-research.example")
    };
    stage.until_referral(&referral, "/team", has_kim).await;
    the_oracle_agrees(&stage, &opportunity).await;
}
