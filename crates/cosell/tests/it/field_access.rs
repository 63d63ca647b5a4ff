//! Access withdrawn in mid-run: what cannot be seen is never taken for empty, and goes on where it stopped.

use std::net::TcpListener;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Platform, Service, World, until};

/// By how much the platforms' clock is moved so that a hidden field is looked for again.
const PROBE_MS: u64 = 20 * 60_000;

/// The program with health on an address of its own.
struct Watched {
    world: World,
    _service: Service,
    health: String,
}

impl Watched {
    fn start() -> Self {
        let world = World::start();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        world.configure("[guard]", &format!("[admin]\nlisten = \"127.0.0.1:{port}\"\n\n[guard]"));
        // What a seller reads is checked: it must not wait for a minute.
        world.configure("[engine]", "[engine]\nreport_every = \"200ms\"");
        let service = world.run();
        Self { world, _service: service, health: format!("http://127.0.0.1:{port}/healthz") }
    }

    /// An opportunity with its referral, in step.
    async fn deal(&self, name: &str, amount: i64) -> (String, String) {
        let opportunity = self.world.new_opportunity(name, amount).await;
        self.world.opt_in(&opportunity, false).await;
        let referral = self.world.referral_of(&opportunity).await;
        self.world.until_opportunity(&opportunity, "Co_sell_Status__c", |status| status == "in step").await;
        (opportunity, referral)
    }

    async fn hide(&self, fields: &[&str]) {
        let knobs = json!({ "hidden_fields": fields });
        self.world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
    }

    /// Gives everything back, and lets the time pass after which the program looks again.
    async fn give_back(&self) {
        self.hide(&[]).await;
        let advance = json!({ "advance_ms": PROBE_MS });
        self.world.control(Platform::Salesforce, Method::POST, "clock", Some(&advance)).await;
    }

    async fn problems(&self) -> Vec<Value> {
        let health = self.world.call(Method::GET, &self.health, None, None).await;
        health["connection_problems"].as_array().unwrap().clone()
    }

    /// Waits until the connection's problems name exactly these fields.
    async fn until_problems(&self, fields: &[&str]) {
        until(&format!("the connection's problems to be {fields:?}"), || async {
            let problems = self.problems().await;
            let named = |field: &&str| {
                let about = |problem: &&Value| problem["sentence"].as_str().unwrap().contains(field);
                problems.iter().filter(about).count() == 1
            };
            (problems.len() == fields.len() && fields.iter().all(named)).then_some(())
        })
        .await;
    }

    /// The requests that changed something on a platform, as text.
    async fn writes(&self, platform: Platform) -> Vec<String> {
        let report = self.world.control(platform, Method::GET, "requests", None).await;
        let writes = ["create", "create-companion", "patch", "crm-write"];
        let log = report["log"].as_array().unwrap().iter();
        let log = log.filter(|exchange| writes.contains(&exchange["kind"].as_str().unwrap()));
        log.map(|exchange| format!("{} {} {}", exchange["method"], exchange["path"], exchange["request"]))
            .collect()
    }

    /// What was written since there were `before` writes.
    async fn written_since(&self, platform: Platform, before: usize) -> Vec<String> {
        self.writes(platform).await.split_off(before)
    }
}

#[tokio::test]
async fn a_hidden_field_is_one_problem_of_the_connection_and_its_edits_arrive_when_it_is_back() {
    let watched = Watched::start();
    let world = &watched.world;
    let (first, first_referral) = watched.deal("Litware lights", 1_000).await;
    let (second, second_referral) = watched.deal("Litware lamps", 2_000).await;
    watched.until_problems(&[]).await;
    let before = watched.writes(Platform::PartnerCenter).await.len();

    watched.hide(&["Opportunity.Amount", "Opportunity.Description"]).await;
    // Edited on both sides while hidden; another field of the same record goes on.
    world.seller_edits(&first, json!({ "Amount": 1_500, "CloseDate": "2027-05-31" })).await;
    world
        .until_referral(&first_referral, "/details/closingDateTime", |date| {
            date.as_str().is_some_and(|date| date.starts_with("2027-05-31"))
        })
        .await;
    let set = json!({ "/details/notes": "Written while nobody could see", "/details/closingDateTime": "2027-06-30T00:00:00Z" });
    world.acts("portal/edit", json!({ "id": second_referral, "set": set })).await;
    world.until_opportunity(&second, "CloseDate", |date| date == "2027-06-30").await;
    watched.until_problems(&["Opportunity.Amount", "Opportunity.Description"]).await;
    for write in watched.written_since(Platform::PartnerCenter, before).await {
        assert!(
            !write.contains("dealValue") && !write.contains("notes"),
            "an unseen field was written: {write}"
        );
    }
    assert_eq!(world.referral(&first_referral).await["details"]["dealValue"].as_f64(), Some(1_000.0));
    assert_eq!(world.opportunity(&second).await["Amount"].as_f64(), Some(2_000.0), "nothing was emptied");
    for opportunity in [&first, &second] {
        let problem = &world.opportunity(opportunity).await["Co_sell_Problem__c"];
        assert!(problem.is_null(), "it is no problem of the deal: {problem}");
    }

    watched.give_back().await;
    watched.until_problems(&[]).await;
    world
        .until_referral(&first_referral, "/details/dealValue", |value| value.as_f64() == Some(1_500.0))
        .await;
    world.until_opportunity(&second, "Description", |notes| notes == "Written while nobody could see").await;
}

#[tokio::test]
async fn hidden_solutions_are_not_removed_from_the_referral() {
    let watched = Watched::start();
    let world = &watched.world;
    let (opportunity, referral) = watched.deal("Proseware pumps", 3_000).await;
    let solutions = world.referral(&referral).await["details"]["requirements"]["solutions"].clone();
    assert_eq!(solutions.as_array().map(Vec::len), Some(1));
    watched.hide(&["Microsoft_Solution__c.Solution_Id__c", "Microsoft_Solution__c.Publisher__c"]).await;
    // Added unseen.
    world
        .seller_creates(
            "Microsoft_Solution__c",
            json!({ "Opportunity__c": opportunity, "Name": "Fabrikam Vision", "Solution_Id__c": "SOL-98765-XYZ" }),
        )
        .await;
    world.seller_edits(&opportunity, json!({ "Amount": 3_300 })).await;
    world.until_referral(&referral, "/details/dealValue", |value| value.as_f64() == Some(3_300.0)).await;
    watched.until_problems(&["Solution_Id__c", "Publisher__c"]).await;
    assert_eq!(world.referral(&referral).await["details"]["requirements"]["solutions"], solutions);
    watched.give_back().await;
    watched.until_problems(&[]).await;
    world
        .until_referral(&referral, "/details/requirements/solutions", |all| {
            all.as_array().is_some_and(|all| all.len() == 2)
        })
        .await;
}

#[tokio::test]
async fn an_unreadable_sync_flag_sends_nothing_and_pauses_nothing() {
    let watched = Watched::start();
    let world = &watched.world;
    let (opportunity, referral) = watched.deal("Lucerne labels", 4_000).await;
    let never = world.new_opportunity("Lucerne secrets", 5_000).await;
    let portal = watched.writes(Platform::PartnerCenter).await.len();
    watched.hide(&["Opportunity.Sync_with_Partner_Center__c"]).await;
    world.seller_edits(&opportunity, json!({ "Amount": 4_400 })).await;
    world.seller_edits(&never, json!({ "Amount": 5_500 })).await;
    let set = json!({ "/details/notes": "Said to closed ears" });
    world.acts("portal/edit", json!({ "id": referral, "set": set })).await;
    watched.until_problems(&["Opportunity.Sync_with_Partner_Center__c"]).await;
    // A read of the referral after its edit shows that the pass came to it.
    let sent = watched.written_since(Platform::PartnerCenter, portal).await;
    assert!(sent.is_empty(), "nothing is sent: {sent:?}");
    let deals = world.cosell_json(&["deals", "list"]);
    assert_eq!(deals.len(), 1, "{deals:?}");
    assert_eq!(deals[0]["phase"], "live", "the deal is not paused: {deals:?}");

    watched.give_back().await;
    watched.until_problems(&[]).await;
    world.until_referral(&referral, "/details/dealValue", |value| value.as_f64() == Some(4_400.0)).await;
    world.until_opportunity(&opportunity, "Description", |notes| notes == "Said to closed ears").await;
    let told = watched.written_since(Platform::PartnerCenter, portal).await.concat();
    assert!(!told.contains(&never[..15]) && !told.contains("Lucerne secrets"), "never opted in, never sent");
}

#[tokio::test]
async fn a_referral_that_may_not_be_seen_is_a_problem_of_its_deal_and_deletes_nothing() {
    for status in [403, 404] {
        let watched = Watched::start();
        let world = &watched.world;
        let (opportunity, referral) = watched.deal("Adatum arches", 6_000).await;
        let path = format!("referrals/{referral}");
        let body = json!({ "error": { "code": "accessDenied", "message": "The user has no access." } });
        let mut rules = Vec::new();
        for method in ["GET", "PATCH"] {
            let rule = json!({ "method": method, "path_contains": path, "status": status, "body": body });
            let rule = world.control(Platform::PartnerCenter, Method::POST, "faults", Some(&rule)).await;
            rules.push(rule["id"].as_u64().unwrap());
        }
        world.seller_edits(&opportunity, json!({ "Amount": 6_600 })).await;
        let told = world.until_opportunity(&opportunity, "Co_sell_Problem__c", Value::is_string).await;
        let held = world.opportunity(&opportunity).await;
        assert_eq!(held["Referral_Identifier__c"], referral, "{status}: still linked: {told}");
        assert_eq!(held["Amount"].as_f64(), Some(6_600.0), "{status}");
        assert_eq!(held["IsDeleted"], false);
        for rule in rules {
            let url = format!("faults/{rule}");
            world.control(Platform::PartnerCenter, Method::DELETE, &url, None).await;
        }
        // Back: the next look is the seller's next edit.
        world.seller_edits(&opportunity, json!({ "CloseDate": "2027-08-31" })).await;
        world.until_referral(&referral, "/details/dealValue", |value| value.as_f64() == Some(6_600.0)).await;
        world.until_opportunity(&opportunity, "Co_sell_Problem__c", Value::is_null).await;
    }
}
