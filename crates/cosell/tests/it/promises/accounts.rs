//! A referral's customer: which account it is, who is the primary contact, and what an address needs before it is sent.

use std::fs;

use serde_json::{Value, json};

use crate::{
    harness::{World, until},
    scenarios::{Stage, invitation, mentions},
};

/// What is said when nobody can tell which account is the customer's.
const SEVERAL: &str = "Several accounts match";

/// Changes the company's mapping file.
fn map(world: &World, from: &str, to: &str) {
    let file = world.folder().join("mapping.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "the mapping has no {from}");
    fs::write(&file, text.replace(from, to)).unwrap();
}

/// A customer that the org knows twice, and an invitation for it under a rule of `inbound.account`; the accounts and the
/// referral.
async fn known_twice(rule: &str) -> (Stage, [String; 2], String) {
    let account = format!("account = \"{rule}\"");
    let stage = Stage::set_after(|world| map(world, "account = \"create\"", &account)).await;
    let contoso = json!({ "Name": "Contoso AG", "BillingStreet": "Ring 1", "BillingCity": "Zurich",
        "BillingPostalCode": "8001", "BillingCountry": "CH" });
    let accounts = [
        stage.seller_creates("Account", contoso.clone()).await,
        stage.seller_creates("Account", contoso).await,
    ];
    let invited = json!({ "referral": invitation("Known twice"), "withMicrosoft": true });
    let referral = stage.acts("microsoft/invite", invited).await["id"].as_str().unwrap().to_owned();
    (stage, accounts, referral)
}

/// Waits until a person is asked which account it is: on the deal, in the list and by `verify`.
async fn asked(stage: &Stage, accounts: &[String; 2], referral: &str) {
    let problem = until("the question which account it is", || async {
        let deal = stage.cosell_json(&["deals", "show", referral]).pop()?;
        let problems = deal["deal"]["problems"].as_array()?;
        problems.iter().find(|problem| mentions(SEVERAL)(&problem["sentence"])).cloned()
    })
    .await;
    let sentence = problem["sentence"].as_str().unwrap();
    assert!(accounts.iter().all(|account| sentence.contains(account)), "{sentence}");
    assert!(!problem.to_string().contains("Contoso"), "of the candidates only the identifiers: {problem}");
    assert_eq!(problem["class"], "link");
    assert!(mentions("Merge them")(&problem["next_step"]), "{problem}");
    let shown = String::from_utf8(stage.cosell(&["deals", "show", referral]).stdout).unwrap();
    assert!(
        accounts.iter().all(|account| shown.contains(account)) && shown.contains("Merge them"),
        "{shown}"
    );
    let listed = stage.cosell_json(&["deals", "list"]);
    assert!(mentions(SEVERAL)(&listed[0]["problems"][0]["sentence"]), "{listed:#?}");
    assert_eq!(stage.verified()["counts"], json!({ "problem": 1 }));
    assert_eq!(stage.query("SELECT Id FROM Opportunity").await, [] as [Value; 0]);
    assert_eq!(stage.query("SELECT Id FROM Account").await.len(), 2);
}

/// A person tidied up: the opportunity is made, hangs on `account`, and nothing is asked any more.
async fn goes_on(stage: &Stage, account: &str, referral: &str) {
    // Looked at again by itself within a quarter of an hour; a change brings it back at once.
    stage.colleague_edits(referral, json!({ "/details/notes": "Any news?" })).await;
    let opportunity = stage.opportunity_of(referral).await;
    assert_eq!(stage.opportunity(&opportunity).await["AccountId"], account);
    stage.until_deal(referral, "no question", |deal| deal["deal"]["problems"] == json!([])).await;
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn of_several_accounts_that_match_a_person_is_given_the_identifiers_and_it_goes_on_once_one_is_left() {
    let (stage, accounts, referral) = known_twice("create").await;
    asked(&stage, &accounts, &referral).await;
    stage.seller_changes("Account", &accounts[0], json!({ "Name": "Contoso Old" })).await;
    goes_on(&stage, &accounts[1], &referral).await;
}

#[tokio::test]
async fn of_several_accounts_the_one_that_a_merge_leaves_is_taken() {
    let (stage, accounts, referral) = known_twice("match").await;
    asked(&stage, &accounts, &referral).await;
    // Merged: the loser of a merge is deleted.
    stage.seller_deletes("Account", &accounts[0]).await;
    goes_on(&stage, &accounts[1], &referral).await;
}

#[tokio::test]
async fn of_several_accounts_a_rule_of_the_mapping_tells_which_one_is_meant() {
    let (mut stage, accounts, referral) = known_twice("ask").await;
    asked(&stage, &accounts, &referral).await;
    stage.seller_changes("Account", &accounts[1], json!({ "Industry": "Energy" })).await;
    let rule = "[accounts]\nwhere = [{ field = \"Industry\", in = [\"Energy\"] }]\n\n[inbound]";
    stage.while_it_is_away(async |world| map(world, "[inbound]", rule)).await;
    goes_on(&stage, &accounts[1], &referral).await;
}

#[tokio::test]
async fn an_opportunity_born_of_a_referral_has_the_customers_first_contact_as_its_primary_one() {
    let stage = Stage::set().await;
    let (opportunity, _) = stage.invited(invitation("Primary contact")).await;
    let soql = format!(
        "SELECT Contact.Email, IsPrimary FROM OpportunityContactRole WHERE OpportunityId = '{opportunity}'"
    );
    let rows = stage.query(&soql).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["Contact"]["Email"], "mia@contoso.example");
    assert_eq!(rows[0]["IsPrimary"], true);
}

/// An opportunity whose customer sits in the United States, with no state.
async fn in_no_state(stage: &Stage) -> (String, String) {
    let opportunity = stage.new_opportunity("Seattle ferry", 40_000).await;
    let account = stage.opportunity(&opportunity).await["AccountId"].as_str().unwrap().to_owned();
    stage.seller_changes("Account", &account, json!({ "BillingCountry": "US", "BillingState": null })).await;
    stage.opt_in(&opportunity, false).await;
    (opportunity, account)
}

#[tokio::test]
async fn a_state_is_asked_for_by_no_shipped_rule_because_the_portal_takes_an_address_without_one() {
    let stage = Stage::set().await;
    let (opportunity, _) = in_no_state(&stage).await;
    let referral = stage.referral_of(&opportunity).await;
    assert_eq!(stage.referral(&referral).await["customerProfile"]["address"]["country"], "US");
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn a_state_that_the_companys_own_rules_need_is_told_with_what_to_type_before_anything_is_sent() {
    let stage = Stage::set_after(|world| {
        let folder = world.folder().join("lists");
        fs::create_dir(&folder).unwrap();
        let rules = "version = 1\n[countries.US]\nneeds = [\"state\"]\nstates = { WA = \"Washington\" }\n";
        fs::write(folder.join("address_rules.toml"), rules).unwrap();
        world.configure("[mapping]\n", "[mapping]\ncode_lists = \"lists\"\n");
    })
    .await;
    let (opportunity, account) = in_no_state(&stage).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", mentions("an address in US needs it")).await;
    assert!(stage.taken("create").await.is_empty());
    stage.seller_changes("Account", &account, json!({ "BillingState": "WA" })).await;
    stage.seller_edits(&opportunity, json!({ "NextStep": "Sent again" })).await;
    stage.referral_of(&opportunity).await;
}
