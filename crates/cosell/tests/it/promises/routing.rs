//! Rules of where deals go: inbound filter, owner, record type and campaign (M21), and the partner id of ours (M19).

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{World, until},
    scenarios::{Stage, invitation, says},
};

fn map(world: &World, change: impl FnOnce(String) -> String) {
    let path = world.folder().join("mapping.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, change(text)).unwrap();
}

/// An invitation with these members.
fn from(name: &str, country: &str, value: i64, currency: &str) -> Value {
    let mut invitation = invitation(name);
    invitation["customerProfile"]["address"]["country"] = json!(country);
    invitation["details"]["dealValue"] = json!(value);
    invitation["details"]["currency"] = json!(currency);
    invitation
}

async fn names(stage: &Stage) -> Vec<String> {
    let rows = stage.query("SELECT Name FROM Opportunity ORDER BY Name").await;
    rows.iter().map(|row| row["Name"].as_str().unwrap().to_owned()).collect()
}

async fn owner(stage: &Stage, opportunity: &str) -> Value {
    stage.query(&format!("SELECT Owner.Username FROM Opportunity WHERE Id = '{opportunity}'")).await[0]["Owner"]["Username"].clone()
}

#[tokio::test]
async fn m21_inbound_deals_are_filtered_and_routed_by_rules() {
    let world = World::start();
    let token = world.seller_token().to_owned();
    let campaign = json!({ "Name": "Spring", "IsActive": true });
    let url = world.salesforce("sobjects/Campaign");
    let campaign = world.call(Method::POST, &url, Some(&token), Some(&campaign)).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.listen_for_events().await;
    world.configure("[engine]", "[engine]\nreport_every = \"1s\"");
    map(&world, |text| {
        let filter = "[inbound]\nwhere = [\n  { field = \"country\", not_in = [\"US\"] },\n  \
            { field = \"invited_by\", in = [\"microsoft\"] },\n  { field = \"deal_value\", at_least = 10000 },\n]\n";
        let routes = format!(
            "\n[[inbound.route]]\nwhere = [{{ field = \"country\", in = [\"CH\"] }}, {{ field = \"qualification\", in = [\"SalesQualified\"] }}]\n\
             owner = \"kim.seller@trey-research.example\"\nrecord_type = \"Co_sell\"\ncampaign = \"{campaign}\"\n\
             [[inbound.route]]\nwhere = [{{ field = \"currency\", in = [\"CHF\"] }}]\nowner = \"former.seller@trey-research.example\"\n"
        );
        text.replacen("[inbound]\n", filter, 1) + &routes
    });
    let service = world.run();
    let stage = Stage { world, service };
    for (name, country, value) in [("Abroad", "US", 90_000), ("Too small", "DE", 9_999)] {
        stage
            .acts(
                "microsoft/invite",
                json!({ "referral": from(name, country, value, "EUR"), "withMicrosoft": true }),
            )
            .await;
    }
    let (routed, _) = stage.invited(from("Swiss", "CH", 10_000, "EUR")).await;
    let row = stage.opportunity(&routed).await;
    assert_eq!(row["CampaignId"], json!(campaign));
    let record_type = stage.first("SELECT Id FROM RecordType WHERE DeveloperName = 'Co_sell'").await;
    assert_eq!(row["RecordTypeId"], json!(record_type));
    assert_eq!(owner(&stage, &routed).await, "kim.seller@trey-research.example");
    // An owner who has left yields to the default one.
    let (other, _) = stage.invited(from("Francs", "DE", 10_000, "CHF")).await;
    assert_eq!(owner(&stage, &other).await, "noa.seller@trey-research.example");
    assert_eq!(names(&stage).await, ["Francs", "Swiss"], "the others stay where they are");
}

#[tokio::test]
async fn m21_an_owner_who_may_not_own_is_told_before_and_at_the_birth() {
    let world = World::start();
    map(&world, |text| {
        let line = text.lines().find(|line| line.starts_with("default_owner")).unwrap().to_owned();
        text.replace(&line, "default_owner = \"cosell@trey-research.example\"")
            + "\n[[inbound.route]]\nwhere = [{ field = \"country\", in = [\"US\"] }]\nowner = \"former.seller@trey-research.example\"\n"
    });
    let lines = world.cosell_json(&["check"]);
    let text = json!(lines).to_string();
    assert!(text.contains("salesforce.owners"), "{text}");
    assert!(text.contains("former.seller@trey-research.example is not active"), "{text}");
    assert!(text.contains("cosell@trey-research.example is the integration user"), "{text}");
    world.listen_for_events().await;
    let service = world.run();
    let stage = Stage { world, service };
    let invited = json!({ "referral": invitation("Nobody's"), "withMicrosoft": true });
    let referral = stage.acts("microsoft/invite", invited).await["id"].as_str().unwrap().to_owned();
    until("the problem of a deal that nobody may own", || async {
        let shown = stage.cosell_json(&["deals", "show", &referral]).pop()?.to_string();
        shown.contains("is the integration user").then_some(())
    })
    .await;
    assert_eq!(names(&stage).await, [] as [String; 0]);
}

#[tokio::test]
async fn m19_several_partner_ids_are_chosen_by_rule() {
    let stage = Stage::set_after(|world| {
        map(world, |text| {
            text + "\n[partner_ids]\ndefault = \"1234567\"\n\
                [[partner_ids.rule]]\nwhere = [{ field = \"customer_country\", in = [\"CH\", \"AT\"] }]\npartner_id = \"2345678\"\n\
                [[partner_ids.rule]]\nwhere = [{ field = \"record_type\", in = [\"Co_sell\"] }]\npartner_id = \"3456789\"\n\
                [[partner_ids.rule]]\nwhere = [{ field = \"solutions\", in = [\"SOL-12345-ABC\"] }, \
                { field = \"deal_value\", at_least = 100000 }]\npartner_id = \"4567890\"\n"
        });
    })
    .await;
    let record_type = stage.first("SELECT Id FROM RecordType WHERE DeveloperName = 'Co_sell'").await;
    for (country, value, row, expected) in [
        ("CH", 1_000, json!({ "RecordTypeId": record_type }), "2345678"),
        ("DE", 1_000, json!({ "RecordTypeId": record_type }), "3456789"),
        ("DE", 100_000, json!({}), "4567890"),
        ("DE", 99_999, json!({}), "1234567"),
    ] {
        let opportunity = stage.new_opportunity(&format!("From {country}, {value}"), value).await;
        let account = stage.opportunity(&opportunity).await["AccountId"].as_str().unwrap().to_owned();
        stage.seller_changes("Account", &account, json!({ "BillingCountry": country })).await;
        if row != json!({}) {
            stage.seller_edits(&opportunity, row).await;
        }
        stage.opt_in(&opportunity, false).await;
        let referral = stage.referral_of(&opportunity).await;
        stage.until_referral(&referral, "/mpnId", says(expected)).await;
    }
    let check = json!(stage.cosell_json(&["check"])).to_string();
    assert!(check.contains("1234567, 2345678, 3456789, 4567890 seen on referrals"), "{check}");
}

#[tokio::test]
async fn the_name_of_a_campaign_goes_with_a_deal_that_is_created() {
    let stage = Stage::set_after(|world| {
        map(world, |text| text + "\n[fields.campaign]\ndirection = \"to_partner_center\"\n");
    })
    .await;
    let campaign = stage.seller_creates("Campaign", json!({ "Name": "Spring 2027" })).await;
    let opportunity = stage.new_opportunity("Sprung", 1_000).await;
    stage.seller_edits(&opportunity, json!({ "CampaignId": campaign })).await;
    stage.opt_in(&opportunity, false).await;
    let referral = stage.referral_of(&opportunity).await;
    assert_eq!(stage.referral(&referral).await["campaignId"], "Spring 2027");
}
