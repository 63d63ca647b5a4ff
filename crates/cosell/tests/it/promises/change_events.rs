//! Change events: what a seller does is across within a second, without polls; and whatever becomes of the stream,
//! nothing is lost, nothing doubled, and the program says how it finds changes (M9, P2, P6, P12).

use std::{
    fs,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{PATIENCE, Platform, Service, World, until};

/// How a configuration names the ordinary pace of polls, and the one beside events.
const POLLS: &str = "poll_every = \"500ms\"";
const BESIDE: &str = "poll_every = \"10s\"";
const NEVER: &str = "poll_every = \"1h\"";
const PROBLEM: &str = "live.crm.events";

/// A sandbox whose events prove themselves at once, and the program between its two platforms.
struct Ground {
    world: World,
    service: Service,
}

impl std::ops::Deref for Ground {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

async fn knobs(world: &World, events: Value) {
    let knobs = json!({ "events": events });
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
}

impl Ground {
    /// Polls of Salesforce are an hour apart: what arrives was told by an event.
    async fn without_polls() -> Self {
        Self::configured(|world| {
            world.configure(POLLS, NEVER);
            world.configure(BESIDE, NEVER);
        })
        .await
    }

    /// Polls find changes at their ordinary pace where no events come.
    async fn with_polls() -> Self {
        Self::configured(|world| world.configure(BESIDE, NEVER)).await
    }

    async fn configured(configure: impl FnOnce(&World)) -> Self {
        let world = World::start();
        // A sandbox that is quiet says so sooner than the platform does: the first position comes with that.
        knobs(&world, json!({ "keepalive_ms": 200 })).await;
        configure(&world);
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        world.configure("[guard]", &format!("[admin]\nlisten = \"{free}\"\n\n[guard]"));
        let service = world.run();
        let ground = Self { world, service };
        ground.until_it_hears(true).await;
        ground
    }

    /// What the bus counted, by name.
    async fn count(&self, name: &str) -> u64 {
        let events = self.control(Platform::Salesforce, Method::GET, "events", None).await;
        events["counters"][name].as_u64().unwrap()
    }

    /// What the service says of its live source.
    async fn hearing(&self) -> Option<Value> {
        let config = fs::read_to_string(self.config()).unwrap();
        let admin = config.split("[admin]\nlisten = \"").nth(1).unwrap().split('"').next().unwrap();
        let url = format!("http://{admin}/healthz");
        let client = reqwest::Client::new();
        let health: Value = client.get(url).send().await.ok()?.json().await.ok()?;
        health["live_sources"].as_array()?.first().cloned()
    }

    async fn until_it_hears(&self, hears: bool) -> Value {
        until("the live source to turn", || async {
            self.hearing().await.filter(|source| source["hears"] == hears)
        })
        .await
    }

    /// A shared deal at rest: its opportunity and its referral.
    async fn deal(&self, name: &str) -> (String, String) {
        let opportunity = self.new_opportunity(name, 1_000).await;
        self.opt_in(&opportunity, false).await;
        let referral = self.referral_of(&opportunity).await;
        (opportunity, referral)
    }

    /// The seller changes the amount, and it is across.
    async fn changed(&self, opportunity: &str, referral: &str, amount: i64) {
        self.seller_edits(opportunity, json!({ "Amount": amount })).await;
        self.until_referral(referral, "/details/dealValue", |value| {
            // With or without an empty fraction.
            value.to_string().trim_end_matches(".0") == amount.to_string()
        })
        .await;
    }

    /// What `cosell connections` says of the events, if anything is wrong.
    fn problem(&self) -> Option<Value> {
        self.cosell_json(&["connections"]).into_iter().find(|shown| shown["problem"]["key"] == PROBLEM)
    }

    async fn until_it_is_told(&self, sentence: &str) -> Value {
        let told = until("the problem of the connection", || async {
            self.problem().filter(|shown| shown["problem"]["sentence"].as_str().unwrap().contains(sentence))
        });
        told.await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn m9_p6_whatever_a_seller_changes_is_across_in_seconds_without_a_poll() {
    let ground = Ground::without_polls().await;
    let (opportunity, referral) = ground.deal("Told by events").await;
    let began = Instant::now();
    ground.changed(&opportunity, &referral, 2_000).await;
    // Rows below the opportunity are told as well: a solution and a contact role.
    let solution = json!({ "Opportunity__c": opportunity, "Name": "Second", "Solution_Id__c": "SOL-2" });
    let row = ground.seller_creates("Microsoft_Solution__c", solution).await;
    let solutions =
        |wanted: usize| move |value: &Value| value.as_array().is_some_and(|all| all.len() == wanted);
    ground.until_referral(&referral, "/details/requirements/solutions", solutions(2)).await;
    let url = ground.salesforce(&format!("sobjects/Microsoft_Solution__c/{row}"));
    ground.call(Method::DELETE, &url, Some(ground.seller_token()), None).await;
    ground.until_referral(&referral, "/details/requirements/solutions", solutions(1)).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(ground.problem(), None);
    ground.both_judges_agree(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_p10_streams_that_end_after_every_second_event_lose_nothing_and_double_nothing() {
    let mut ground = Ground::without_polls().await;
    knobs(&ground, json!({ "kill_every": 2, "double_every": 3 })).await;
    let mut deals = Vec::new();
    for number in 0..6 {
        let opportunity = ground.new_opportunity(&format!("Killed {number}"), 1_000).await;
        ground.opt_in(&opportunity, false).await;
        deals.push(opportunity);
    }
    for (number, opportunity) in deals.iter().enumerate() {
        if number == 3 {
            // In the middle of everything, the program itself is killed, and comes back where the stream was.
            ground.service.kill();
            ground.service = ground.world.run();
        }
        ground.seller_edits(opportunity, json!({ "Amount": 2_000 + number })).await;
    }
    ground.both_judges_agree(6).await;
    assert!(ground.count("streams_opened").await > 3, "streams were killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_a_lost_position_makes_everything_be_compared_and_nothing_is_jumped_over() {
    let mut ground = Ground::without_polls().await;
    let (opportunity, referral) = ground.deal("Away for long").await;
    ground.service.stop();
    ground.seller_edits(&opportunity, json!({ "Amount": 7_000 })).await;
    let second = ground.new_opportunity("Born meanwhile", 500).await;
    ground.opt_in(&second, false).await;
    // The bus forgets what it told and keeps nothing of what happened meanwhile.
    knobs(&ground, json!({ "retention_hours": 0 })).await;
    let moved = json!({ "advance_ms": 1_000 });
    ground.control(Platform::Salesforce, Method::POST, "clock", Some(&moved)).await;
    ground.service = ground.world.run();
    ground.until_referral(&referral, "/details/dealValue", |value| value.as_f64() == Some(7_000.0)).await;
    ground.referral_of(&second).await;
    let source = ground.until_it_hears(true).await;
    assert!(source["reconciles"].as_u64().unwrap() >= 1, "{source}");
    knobs(&ground, json!({ "retention_hours": 72 })).await;
    ground.both_judges_agree(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_an_org_without_events_is_polled_and_says_so_and_events_are_taken_up_when_they_come_back() {
    for (without, with, sentence) in [
        (json!({ "edition": false }), json!({ "edition": true }), "has no change events"),
        (json!({ "delivery_limit": 0 }), json!({ "delivery_limit": 10_000 }), "allowance"),
    ] {
        let mut ground = Ground::with_polls().await;
        let (opportunity, referral) = ground.deal("Polled").await;
        ground.service.stop();
        // Whoever demands events is told that there are none.
        ground.configure("[salesforce.events]", "[salesforce.events]\nenabled = true");
        knobs(&ground, without).await;
        ground.service = ground.world.run();
        let told = ground.until_it_is_told(sentence).await;
        assert!(told["problem"]["sentence"].as_str().unwrap().contains("Polls alone"), "{told}");
        assert!(!told["next_step"].as_str().unwrap().is_empty());
        ground.changed(&opportunity, &referral, 3_000).await;
        assert_eq!(ground.hearing().await.unwrap()["hears"], false);
        let log = fs::read_to_string(ground.folder().join("cosell.log")).unwrap();
        assert_eq!(log.matches("a live source hears nothing").count(), 1, "told once");
        knobs(&ground, with).await;
        // Nobody waits a quarter of an hour in a test: a new start tries at once.
        ground.service.stop();
        ground.service = ground.world.run();
        ground.until_it_hears(true).await;
        assert_eq!(ground.problem(), None);
        ground.changed(&opportunity, &referral, 4_000).await;
        ground.both_judges_agree(1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_an_org_without_events_is_no_problem_where_nobody_demands_them() {
    let mut ground = Ground::with_polls().await;
    let (opportunity, referral) = ground.deal("Polled").await;
    ground.service.stop();
    knobs(&ground, json!({ "edition": false })).await;
    ground.service = ground.world.run();
    let source = until("the silence", || async {
        ground.hearing().await.filter(|source| source["silence"].is_string())
    })
    .await;
    assert!(source["silence"].as_str().unwrap().contains("has no change events"), "{source}");
    ground.changed(&opportunity, &referral, 3_000).await;
    assert_eq!(ground.problem(), None);
    ground.both_judges_agree(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_an_object_that_is_not_selected_is_polled_as_if_there_were_no_events() {
    let mut ground = Ground::with_polls().await;
    let (opportunity, referral) = ground.deal("Half told").await;
    ground.service.stop();
    let taken = json!({ "entity": "OpportunityChangeEvent", "selected": false });
    ground.control(Platform::Salesforce, Method::POST, "actor/select-events", Some(&taken)).await;
    ground.service = ground.world.run();
    let source = ground.until_it_hears(true).await;
    assert_eq!(source["untold"], json!(["crm.opportunities"]));
    ground.changed(&opportunity, &referral, 3_000).await;
    ground.both_judges_agree(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_an_endpoint_that_answers_nothing_is_told_and_polls_go_on_until_it_is_back() {
    let ground = Ground::with_polls().await;
    let (opportunity, referral) = ground.deal("Unavailable").await;
    knobs(&ground, json!({ "unavailable": true, "kill_every": 1 })).await;
    // The stream that is open ends with its next event, and no other opens.
    ground.changed(&opportunity, &referral, 3_000).await;
    ground.until_it_is_told("unavailable").await;
    ground.until_it_hears(false).await;
    ground.changed(&opportunity, &referral, 4_000).await;
    knobs(&ground, json!({ "unavailable": false, "kill_every": 0 })).await;
    ground.until_it_hears(true).await;
    assert_eq!(ground.problem(), None, "it came back by itself");
    ground.both_judges_agree(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_gaps_overflows_and_events_that_cannot_be_read_lose_no_change() {
    let ground = Ground::without_polls().await;
    let (opportunity, referral) = ground.deal("With gaps").await;
    knobs(&ground, json!({ "gap_next": 1 })).await;
    ground.changed(&opportunity, &referral, 2_000).await;
    knobs(&ground, json!({ "corrupt_next": 1 })).await;
    ground.changed(&opportunity, &referral, 3_000).await;
    let source = ground.hearing().await.unwrap();
    assert_eq!(source["unread"], 1, "{source}");
    knobs(&ground, json!({ "overflow_from": 1 })).await;
    let many: Vec<Value> = [(&opportunity, 4_000)]
        .iter()
        .map(|(id, amount)| json!({ "attributes": { "type": "Opportunity" }, "Id": id, "Amount": amount }))
        .chain([
            json!({ "attributes": { "type": "Opportunity" }, "Id": ground.new_opportunity("Other", 5).await,
            "Amount": 6 }),
        ])
        .collect();
    let body = json!({ "allOrNone": true, "records": many });
    let url = ground.salesforce("composite/sobjects");
    ground.call(Method::PATCH, &url, Some(ground.seller_token()), Some(&body)).await;
    ground.until_referral(&referral, "/details/dealValue", |value| value.as_f64() == Some(4_000.0)).await;
    assert_eq!(ground.hearing().await.unwrap()["hears"], true, "the stream goes on");
    ground.both_judges_agree(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_deleted_opportunity_is_known_by_its_deal_and_goes_on_when_it_is_restored() {
    let ground = Ground::without_polls().await;
    let (opportunity, referral) = ground.deal("Deleted").await;
    let url = ground.salesforce(&format!("sobjects/Opportunity/{opportunity}"));
    ground.call(Method::DELETE, &url, Some(ground.seller_token()), None).await;
    let problem = until("the deal's problem", || async {
        let deals = ground.cosell_json(&["deals", "list"]);
        let found = deals.into_iter().find(|deal| deal["opportunity"] == json!(opportunity))?;
        found["problems"].as_array().unwrap().first().cloned()
    })
    .await;
    assert!(problem["sentence"].as_str().unwrap().contains("opportunity"), "{problem}");
    ground
        .control(Platform::Salesforce, Method::POST, "actor/undelete", Some(&json!({ "id": opportunity })))
        .await;
    ground.changed(&opportunity, &referral, 9_000).await;
    ground.both_judges_agree(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m14_events_of_what_is_not_opted_in_leave_no_trace_enriched_or_not() {
    let ground = Ground::without_polls().await;
    let (opportunity, referral) = ground.deal("Shared").await;
    let mut ids = Vec::new();
    for enriched in [json!(["Sync_with_Partner_Center__c", "IsPrivate", "Referral_Identifier__c"]), json!([])]
    {
        let member = json!({ "entity": "OpportunityChangeEvent", "enriched": enriched });
        ground.control(Platform::Salesforce, Method::POST, "actor/select-events", Some(&member)).await;
        let off = ground.new_opportunity("Off", 1).await;
        let hidden = ground.new_opportunity("Hidden", 1).await;
        ground.seller_edits(&hidden, json!({ "IsPrivate": true, "Sync_with_Partner_Center__c": true })).await;
        for id in [&off, &hidden] {
            ground.seller_edits(id, json!({ "Amount": 77 })).await;
            let solution = json!({ "Opportunity__c": id, "Name": "X", "Solution_Id__c": "SOL-9" });
            ids.push(ground.seller_creates("Microsoft_Solution__c", solution).await);
        }
        let url = ground.salesforce(&format!("sobjects/Opportunity/{off}"));
        ground.call(Method::DELETE, &url, Some(ground.seller_token()), None).await;
        ids.extend([off, hidden]);
        // What comes after them has arrived: so have they.
        ground.changed(&opportunity, &referral, i64::try_from(ids.len()).unwrap() * 1_000).await;
    }
    assert!(ground.hearing().await.unwrap()["changes"].as_u64().unwrap() > 10);
    for entry in fs::read_dir(ground.folder()).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        for id in &ids {
            assert!(!text.contains(&id[..15]), "{id} is in {}", path.display());
        }
    }
    ground.both_judges_agree(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m11_events_can_be_switched_off_and_polls_do_the_work() {
    let world = World::start();
    world.configure("[salesforce.events]", "[salesforce.events]\nenabled = false");
    let service = world.run();
    let ground = Ground { world, service };
    let (opportunity, referral) = ground.deal("Polled").await;
    ground.changed(&opportunity, &referral, 2_000).await;
    assert_eq!(ground.count("streams_opened").await, 0);
    assert_eq!(ground.problem(), None);
    ground.both_judges_agree(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_our_own_writes_are_told_too_and_cost_no_more_than_without_events() {
    let ground = Ground::without_polls().await;
    let (opportunity, referral) = ground.deal("Quiet").await;
    let notes = "From the portal";
    ground.acts("portal/edit", json!({ "id": referral, "set": { "/details/notes": notes } })).await;
    ground.until_opportunity(&opportunity, "Description", |value| *value == notes).await;
    ground.both_judges_agree(1).await;
    // The wire comes to rest: no event of a write of ours begets another.
    let quiet = until("no further call", || async {
        let before = calls(&ground).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        (calls(&ground).await == before).then_some(before)
    });
    let began = Instant::now();
    quiet.await;
    assert!(began.elapsed() < PATIENCE / 2);
}

/// Calls of Salesforce so far, but for those that look whether the connection stands.
async fn calls(ground: &Ground) -> usize {
    let requests = ground.control(Platform::Salesforce, Method::GET, "requests", None).await;
    let seller = ground.seller_token();
    let log = requests["log"].as_array().unwrap().iter();
    log.filter(|exchange| !exchange.to_string().contains(seller))
        .filter(|exchange| exchange["kind"] == "composite")
        .count()
}
