//! An opportunity that was never opted in leaves no byte in the store, the logs or the portal.
//!
//! Every word of it carries one tag, so that a search for the tag, in every way bytes are commonly written, finds all of
//! them; its ids are searched for likewise. What is shared carries another tag: it must be found by the same search in
//! the store and the portal, and in no log.

mod places;
mod planted;
mod search;

use std::{cell::Cell, fs, net::TcpListener};

use reqwest::Method;
use serde_json::{Value, json};

pub(crate) use self::search::{Tagged, in_files};
use self::{
    places::Places,
    planted::{Planted, edit, merge},
    search::{Found, Search},
};
use crate::harness::{Platform, Service, World, until};

/// In every word of what was never opted in.
const SECRET: &str = "nevqzxwu";
/// In every word of what is shared.
const SHARED: &str = "sharqzxwu";
/// How often everything is edited.
const ROUNDS: usize = 4;
/// The program says all that it ever says.
const LOUD: [(&str, &str); 1] = [("RUST_LOG", "trace")];

/// A deal that is shared, with words of its own, lived through: created, accepted, edited, won.
struct Deal {
    opportunity: String,
    referral: String,
}

impl Deal {
    async fn shared(world: &World) -> Self {
        let opportunity = world.new_opportunity(&format!("{SHARED} rollout"), 5_000).await;
        world
            .seller_edits(&opportunity, json!({ "Description": format!("{SHARED} notes of the deal") }))
            .await;
        let contact = world.query("SELECT Id FROM Contact WHERE LastName = 'Kunde'").await;
        let contact = contact[0]["Id"].as_str().unwrap().to_owned();
        let named = json!({ "FirstName": format!("Jo{SHARED}"), "LastName": format!("Kunde{SHARED}"),
            "Email": format!("{SHARED}@northwind.example") });
        edit(world, "Contact", &contact, named).await;
        world.opt_in(&opportunity, true).await;
        let notes = json!({ "Notes_to_Microsoft__c": format!("{SHARED} for Microsoft") });
        world.seller_edits(&opportunity, notes).await;
        let referral = world.referral_of(&opportunity).await;
        Self { opportunity, referral }
    }

    /// An edit on each side arrives on the other: by then the program has seen all that came before it.
    async fn turn(&self, world: &World, round: usize) {
        let amount = 6_000 + i32::try_from(round).unwrap();
        world.seller_edits(&self.opportunity, json!({ "Amount": amount })).await;
        let wanted = f64::from(amount);
        world
            .until_referral(&self.referral, "/details/dealValue", |value| value.as_f64() == Some(wanted))
            .await;
        let notes = format!("{SHARED} heard in round {round}");
        let set = json!({ "/details/notes": notes });
        world.acts("portal/edit", json!({ "id": self.referral, "set": set })).await;
        world.until_opportunity(&self.opportunity, "Description", |value| *value == notes).await;
    }
}

/// A referral that comes in, waits on hold and is accepted by a seller.
async fn accepted_inbound(world: &World, like: &str) {
    let mut referral = world.referral(like).await;
    for member in ["eTag", "links", "@odata.context", "engagementId", "externalReferenceId", "id"] {
        referral.as_object_mut().unwrap().remove(member);
    }
    merge(
        &mut referral,
        json!({ "name": format!("{SHARED} invitation"), "status": "New", "substatus": "Pending" }),
    );
    let invited = world.acts("microsoft/invite", json!({ "referral": referral })).await;
    let id = invited["id"].as_str().unwrap();
    let soql = format!("SELECT Id FROM Opportunity WHERE Referral_Identifier__c = '{id}'");
    let born = until("the invited opportunity", || async {
        world.query(&soql).await.first().map(|row| row["Id"].as_str().unwrap().to_owned())
    })
    .await;
    // A seller answers an invitation that is there with all that belongs to it.
    world.until_opportunity(&born, "Co_sell_Status__c", Value::is_string).await;
    world.seller_edits(&born, json!({ "StageName": "Qualification" })).await;
    world.until_referral(id, "/status", |status| status == "Active").await;
}

#[tokio::test]
async fn an_opportunity_that_was_never_opted_in_leaves_no_byte_anywhere() {
    let world = World::start();
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.configure("[guard]\n", &format!("[admin]\nlisten = \"{admin}\"\n\n[guard]\n"));
    let mut planted = Planted::default();

    // Switched on by mistake and off again before anybody looked.
    let hasty = planted.opportunity(&world).await;
    world.seller_edits(&hasty.opportunity, json!({ "Sync_with_Partner_Center__c": true })).await;
    world.seller_edits(&hasty.opportunity, json!({ "Sync_with_Partner_Center__c": false })).await;
    let mut service = world.run_with(&LOUD);
    let plain = planted.opportunity(&world).await;
    let private = planted.opportunity(&world).await;
    let marked = json!({ "IsPrivate": true, "Sync_with_Partner_Center__c": true });
    world.seller_edits(&private.opportunity, json!({ "IsPrivate": true })).await;
    world.seller_edits(&private.opportunity, marked).await;
    let deal = Deal::shared(&world).await;
    accepted_inbound(&world, &deal.referral).await;
    // From here on, identifiers can be copied by hand.
    let knobs = json!({ "identifier_unique": false });
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
    let copied = planted.opportunity(&world).await;
    world.seller_edits(&copied.opportunity, json!({ "Referral_Identifier__c": deal.referral })).await;
    // Opted in later: allowed from then on, with what it says by then.
    let late = world.new_opportunity(&planted.word(), 7_000).await;

    let secrets = [hasty, plain, private, copied];
    for round in 0..ROUNDS {
        for secret in &secrets {
            planted.edited(&world, secret).await;
        }
        let texts = planted.texts();
        world.seller_edits(&late, texts).await;
        deal.turn(&world, round).await;
    }
    cleaned(&world, &late).await;
    world.opt_in(&late, false).await;
    world.referral_of(&late).await;
    let engagement = world.referral(&deal.referral).await["engagementId"].clone();
    world.acts("microsoft/accept", json!({ "engagementId": engagement })).await;
    for secret in &secrets {
        planted.edited(&world, secret).await;
    }
    world.seller_edits(&deal.opportunity, json!({ "StageName": "Closed Won" })).await;
    world.until_referral(&deal.referral, "/substatus", |substatus| substatus == "Won").await;

    let places = Places { world: &world, planted: &planted, admin, searched: Cell::new(0) };
    places.pass("while it runs", true).await;
    service.kill();
    places.pass("after it was killed", false).await;
    let mut service = world.run_with(&LOUD);
    reads_everything_again(&world).await;
    service.stop();
    places.pass("after an orderly stop", false).await;
    quiet_log(&world, &mut service).await;
}

/// The words of the time before are taken out by the seller, before the opportunity is opted in.
async fn cleaned(world: &World, opportunity: &str) {
    let account = world.opportunity(opportunity).await["AccountId"].as_str().unwrap().to_owned();
    edit(world, "Account", &account, json!({ "Name": "Late Bloomers" })).await;
    let clean = json!({ "Name": "Late but gladly", "Description": format!("{SHARED} from now on"),
        "Notes_to_Microsoft__c": null, "NextStep": null, "How_can_Microsoft_help__c": null });
    world.seller_edits(opportunity, clean).await;
}

/// A new start polls all sources from where they were, with their overlap.
async fn reads_everything_again(world: &World) {
    let opportunity = world.new_opportunity(&format!("{SHARED} after the kill"), 8_000).await;
    world.opt_in(&opportunity, false).await;
    world.referral_of(&opportunity).await;
}

/// Neither secrets nor anything that people wrote is in the log, at the level that says all.
async fn quiet_log(world: &World, service: &mut Service) {
    assert!(!service.is_up());
    let log = fs::read(world.folder().join("cosell.log")).unwrap();
    let mut secrets = vec![
        ("the client secret", said(world, "/partner_center/client_secret")),
        ("the first refresh token", said(world, "/partner_center/refresh_token")),
    ];
    for name in ["seal.key", "partner-center.secret", "partner-center.token"] {
        secrets.push((name, fs::read_to_string(world.folder().join(name)).unwrap().trim().to_owned()));
    }
    let key = fs::read_to_string(world.folder().join("salesforce.key")).unwrap();
    let key = key.lines().filter(|line| line.len() > 40 && !line.contains("---"));
    secrets.extend(key.map(|line| ("a line of the private key", line.to_owned())));
    let known = secrets.len();
    for platform in [Platform::PartnerCenter, Platform::Salesforce] {
        let report = world.control(platform, Method::GET, "requests", None).await;
        for exchange in
            report["log"].as_array().unwrap().iter().filter(|exchange| exchange["kind"] == "token")
        {
            let answer: Value = serde_json::from_str(exchange["response"].as_str().unwrap()).unwrap();
            for token in ["access_token", "refresh_token"] {
                let token = answer[token].as_str().map(|text| ("a token", text.to_owned()));
                secrets.extend(token);
            }
            let form = exchange["request"].as_str().unwrap().as_bytes();
            let assertion = url::form_urlencoded::parse(form).find(|(name, _)| name == "assertion");
            secrets.extend(assertion.map(|(_, text)| ("an assertion", text.into_owned())));
        }
    }
    assert!(secrets.len() >= known + 4, "tokens of both platforms were collected");
    for (what, secret) in &secrets {
        assert!(secret.len() >= 16, "{what} is too short to be searched for");
    }
    let logged = Search::of(secrets.iter().map(|(_, secret)| secret.as_str())).found(&log);
    let named =
        |found: &Found| secrets.iter().find(|(_, secret)| *secret == found.text).map(|(what, _)| *what);
    assert!(logged.is_empty(), "in the log: {:?}", logged.iter().map(named).collect::<Vec<_>>());
    let people = [SHARED, "Hafenstr. 9", "+494055500", "ada.berg@", "mika.seller@", "Late but gladly"];
    let logged = Search::of(people).found(&log);
    assert!(logged.is_empty(), "in the log: {logged:#?}");
    let levels = Search::of([" INFO ", "TRACE"]).found(&log);
    assert!(levels.len() >= 2, "the log says something at all levels");
}

fn said(world: &World, pointer: &str) -> String {
    world.ready.pointer(pointer).and_then(Value::as_str).unwrap().to_owned()
}
