//! Referrals that are leads become Salesforce leads when that is switched on (M18).

use serde_json::{Value, json};

use crate::{
    harness::{Platform, World, until},
    scenarios::{Stage, invitation, says},
};

/// A lead of this kind, from this company.
fn lead(kind: &str, company: &str) -> Value {
    let mut referral = invitation(&format!("{company} wants to know more"));
    referral["customerProfile"]["name"] = json!(company);
    referral["details"]["notes"] = json!("Asked at the fair");
    for decided in ["type", "qualification", "inviteContext"] {
        referral.as_object_mut().unwrap().remove(decided);
    }
    json!({ "kind": kind, "referral": referral })
}

/// Leads are wanted.
fn switched_on(world: &World) {
    let path = world.folder().join("mapping.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let owner = text.lines().find_map(|line| line.strip_prefix("default_owner = ")).unwrap().to_owned();
    std::fs::write(path, format!("{text}\n[leads]\ncreate = true\nowner = {owner}\n")).unwrap();
}

async fn leads(stage: &Stage) -> Vec<Value> {
    stage
        .query(
            "SELECT Id, LastName, FirstName, Company, Phone, Email, Status, Description, Co_sell_Note__c, \
             Referral_Identifier__c FROM Lead ORDER BY Company",
        )
        .await
}

/// Waits for the one Lead of a referral.
async fn lead_of(stage: &Stage, referral: &Value) -> Value {
    until("the Lead of a referral", || async move {
        leads(stage).await.into_iter().find(|lead| &lead["Referral_Identifier__c"] == referral)
    })
    .await
}

/// Waits until a referral's Lead is as wanted.
async fn until_lead(stage: &Stage, referral: &Value, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let wanted = &wanted;
    until(what, || async move {
        let all = leads(stage).await;
        all.into_iter().find(|lead| &lead["Referral_Identifier__c"] == referral).filter(|lead| wanted(lead))
    })
    .await
}

fn notes(word: &'static str) -> impl Fn(&Value) -> bool {
    move |lead| lead["Co_sell_Note__c"].as_str().is_some_and(|note| note.contains(word))
}

#[tokio::test]
async fn m18_leads_are_ignored_until_they_are_switched_on() {
    let mut stage = Stage::set().await;
    for kind in ["marketplace", "marketing-qualified", "sales-qualified"] {
        stage.acts("microsoft/lead", lead(kind, kind)).await;
    }
    let accepted = stage.acts("microsoft/lead", lead("sales-qualified", "Accepted")).await;
    stage.acts("portal/accept", json!({ "id": accepted["id"] })).await;
    // What comes after them is seen: they were, too.
    stage.invited(invitation("A deal")).await;
    stage.settle();
    assert_eq!(leads(&stage).await, [] as [Value; 0]);
    assert_eq!(stage.query("SELECT Id FROM Opportunity").await.len(), 1);
    // Switched on, what waits for an answer is met, though nothing of it changed.
    switched_on(&stage.world);
    stage.service = stage.world.run();
    until("the three leads", || async { (leads(&stage).await.len() == 3).then_some(()) }).await;
}

#[tokio::test]
async fn m18_each_kind_of_lead_becomes_one_salesforce_lead_that_follows_the_portal_but_for_the_sellers_own() {
    let mut stage = Stage::set_after(switched_on).await;
    let referral = stage.acts("microsoft/lead", lead("marketplace", "Adatum")).await["id"].clone();
    stage.acts("microsoft/lead", lead("marketing-qualified", "Bellows")).await;
    stage.acts("microsoft/lead", lead("sales-qualified", "Contoso")).await;
    let made = lead_of(&stage, &referral).await;
    assert_eq!((&made["LastName"], &made["Company"]), (&json!("Frei"), &json!("Adatum")));
    assert_eq!((&made["Phone"], &made["Email"]), (&json!("+41440000"), &json!("mia@contoso.example")));
    assert_eq!(made["Status"], "Open - Not Contacted");

    // The seller's own value stays; what the portal alone changes follows.
    let id = made["Id"].as_str().unwrap();
    stage.seller_changes("Lead", id, json!({ "Phone": "+49 1" })).await;
    let set = json!({ "/details/notes": "Asked again", "/customerProfile/team/0/phoneNumber": "+41 2" });
    stage.colleague_edits(referral.as_str().unwrap(), set).await;
    until_lead(&stage, &referral, "the new notes", |lead| lead["Description"] == "Asked again").await;
    stage.settle();
    let after = lead_of(&stage, &referral).await;
    assert_eq!(after["Phone"], "+49 1");
    let all = leads(&stage).await;
    let companies: Vec<&Value> = all.iter().map(|lead| &lead["Company"]).collect();
    assert_eq!(companies, ["Adatum", "Bellows", "Contoso"], "one each");
    assert_eq!(stage.query("SELECT Id FROM Opportunity").await, [] as [Value; 0]);
    assert_eq!(stage.taken("patch").await, [] as [Value; 0], "nothing of a Lead goes back");
}

#[tokio::test]
async fn m18_a_lead_that_expires_and_hides_its_contact_blanks_nothing() {
    let mut stage = Stage::set_after(switched_on).await;
    let referral = stage.acts("microsoft/lead", lead("sales-qualified", "Contoso")).await["id"].clone();
    let before = lead_of(&stage, &referral).await;
    let hidden = json!({ "/customerProfile/team": [], "/details/notes": null });
    stage.colleague_edits(referral.as_str().unwrap(), hidden).await;
    stage.acts("expire", json!({ "id": referral })).await;
    let after = until_lead(&stage, &referral, "the note of its end", notes("Closed in Partner Center")).await;
    for field in ["LastName", "FirstName", "Phone", "Email", "Description"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    stage.settle();
    assert_eq!(leads(&stage).await.len(), 1);
}

#[tokio::test]
async fn m18_an_accepted_lead_gets_its_opportunity_and_the_lead_a_note_to_convert_it_by_hand() {
    let mut stage = Stage::set_after(switched_on).await;
    let referral = stage.acts("microsoft/lead", lead("sales-qualified", "Contoso")).await["id"].clone();
    until_lead(&stage, &referral, "a Lead that waits", notes("Accept or decline it there")).await;
    stage.acts("portal/accept", json!({ "id": referral })).await;
    let opportunity = stage.opportunity_of(referral.as_str().unwrap()).await;
    until_lead(&stage, &referral, "the note to convert it", notes("Convert this lead by hand")).await;
    // The seller does, into the opportunity that is there.
    let id = lead_of(&stage, &referral).await["Id"].clone();
    let convert = json!({ "id": id, "into": opportunity });
    stage.control(Platform::Salesforce, reqwest::Method::POST, "actor/convert", Some(&convert)).await;
    stage.settle();
    assert_eq!(stage.query("SELECT Id FROM Opportunity").await.len(), 1);
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn m18_a_converted_lead_moves_its_referral_to_its_opportunity_once_that_is_opted_in() {
    let mut stage = Stage::set_after(switched_on).await;
    let referral = stage.acts("microsoft/lead", lead("sales-qualified", "Contoso")).await["id"].clone();
    let id = lead_of(&stage, &referral).await["Id"].clone();
    let convert = json!({ "id": id, "opportunity": {
        "Amount": 1_000, "CurrencyIsoCode": "EUR", "CloseDate": "2031-12-31", "Description": "Not yet looked at",
    } });
    let converted =
        stage.control(Platform::Salesforce, reqwest::Method::POST, "actor/convert", Some(&convert)).await;
    let opportunity = converted["opportunity"].as_str().unwrap().to_owned();
    // Accepted meanwhile: no second opportunity is made for it.
    stage.acts("portal/accept", json!({ "id": referral })).await;
    stage.settle();
    assert_eq!(stage.query("SELECT Id FROM Opportunity").await.len(), 1);
    assert_eq!(stage.opportunity(&opportunity).await["Referral_Identifier__c"], Value::Null, "not opted in");
    stage.service = stage.world.run();

    let opt_in = json!({ "Sync_with_Partner_Center__c": true, "Consent_to_Share__c": true });
    stage.seller_edits(&opportunity, opt_in).await;
    let linked = stage.referral_of(&opportunity).await;
    assert_eq!(linked, referral.as_str().unwrap());
    // What the conversion filled in by itself yields to what the customer said.
    stage.until_opportunity(&opportunity, "Description", says("Asked at the fair")).await;
    stage.settle();
    let closing = &stage.referral(referral.as_str().unwrap()).await["details"]["closingDateTime"];
    let closing = closing.as_str().unwrap();
    assert!(!closing.starts_with("2031"), "{closing}");
    assert_eq!(stage.opportunity(&opportunity).await["CloseDate"], closing[..10]);
    assert_eq!(stage.taken("create").await, [] as [Value; 0], "no referral is created for it");
}

#[tokio::test]
async fn m18_a_lead_that_expired_before_it_was_converted_leaves_its_opportunity_to_be_shared_as_any_other() {
    let mut stage = Stage::set_after(switched_on).await;
    let referral = stage.acts("microsoft/lead", lead("sales-qualified", "Contoso")).await["id"].clone();
    let id = lead_of(&stage, &referral).await["Id"].clone();
    stage.acts("expire", json!({ "id": referral })).await;
    until_lead(&stage, &referral, "the note of its end", notes("Closed in Partner Center")).await;
    let convert = json!({ "id": id, "opportunity": { "Amount": 1_000, "CurrencyIsoCode": "EUR" } });
    let converted =
        stage.control(Platform::Salesforce, reqwest::Method::POST, "actor/convert", Some(&convert)).await;
    let opportunity = converted["opportunity"].as_str().unwrap().to_owned();
    let opt_in = json!({ "Sync_with_Partner_Center__c": true, "Consent_to_Share__c": true });
    stage.seller_edits(&opportunity, opt_in).await;
    stage.settle();
    // A referral of its own is asked of it, and nothing of the closed one is in it.
    let row = stage.opportunity(&opportunity).await;
    let problem = row["Co_sell_Problem__c"].as_str().unwrap_or_default();
    assert!(problem.starts_with("Solutions is empty, and a referral needs it."), "{problem}");
    assert_eq!((&row["Referral_Identifier__c"], &row["Description"]), (&Value::Null, &Value::Null));
}
