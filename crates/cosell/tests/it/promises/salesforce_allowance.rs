//! The org's daily calls: what stops at which part of them, told from each bound on and taken back by itself.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Platform, World, until};

/// Calls that another app of the org made already, so that one more call is a small part.
const OTHERS: u64 = 400;

/// How long a service with nothing left to spend is watched.
const OBSERVED: Duration = Duration::from_secs(6);

/// Lets the org allow so many calls that what was used is `percent` of them.
pub(super) async fn used_to(world: &World, percent: u64) {
    let client = reqwest::Client::new();
    let answer =
        client.get(world.salesforce("sobjects")).bearer_auth(world.seller_token()).send().await.unwrap();
    let told = answer.headers()["sforce-limit-info"].to_str().unwrap().to_owned();
    let used: u64 = told.trim_start_matches("api-usage=").split('/').next().unwrap().parse().unwrap();
    // Well inside the part: whoever calls meanwhile moves it by little.
    let allowed = used * 1000 / (percent * 10 + 15);
    world
        .control(Platform::Salesforce, Method::PATCH, "knobs", Some(&json!({ "daily_limit": allowed })))
        .await;
}

fn problem(world: &World) -> Option<String> {
    let all = world.cosell_json(&["connections"]);
    let found = all.into_iter().find(|one| one["key"] == "salesforce.allowance")?;
    Some(found["problem"]["sentence"].as_str().unwrap().to_owned())
}

async fn health(address: &str) -> Value {
    reqwest::get(format!("http://{address}/healthz")).await.unwrap().json().await.unwrap()
}

/// A seller's edit, which makes the service call: its answers bring the news.
async fn nudge(world: &World, opportunity: &str) {
    let amount = world.opportunity(opportunity).await["Amount"].as_f64().unwrap() + 1.0;
    world.seller_edits(opportunity, json!({ "Amount": amount })).await;
}

#[tokio::test]
async fn what_is_used_of_the_days_calls_is_told_at_each_bound_survives_a_restart_and_is_taken_back() {
    let world = World::start();
    let admin = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    world.configure("[guard]\n", &format!("[admin]\nlisten = \"{admin}\"\n\n[guard]\n"));
    for _ in 0..OTHERS {
        world.call(Method::GET, &world.salesforce("sobjects"), Some(world.seller_token()), None).await;
    }
    let mut service = world.run();
    let opportunity = world.new_opportunity("Counted", 1000).await;
    world.opt_in(&opportunity, false).await;
    world.referral_of(&opportunity).await;
    assert_eq!(problem(&world), None);

    used_to(&world, 72).await;
    let told = until("background work stops", || async { problem(&world) }).await;
    assert!(told.contains("background work waits") && told.contains("all apps of the org"), "{told}");
    let seen = health(&admin).await;
    assert_eq!(seen["salesforce"]["allowance"]["halted"], "background", "{seen}");
    assert_eq!(seen["salesforce"]["flow"], "JWT bearer");
    assert_eq!(seen["salesforce"]["org_id"], world.ready["salesforce"]["org_id"]);
    assert!(!world.cosell(&["connections"]).status.success());

    // A restart knows without a call.
    service.kill();
    let mut service = world.run();
    let seen = until("the service is back", || async {
        let answer = reqwest::get(format!("http://{admin}/healthz")).await.ok()?;
        answer.json::<Value>().await.ok()
    })
    .await;
    assert_eq!(seen["salesforce"]["allowance"]["halted"], "background", "{seen}");

    used_to(&world, 82).await;
    nudge(&world, &opportunity).await;
    let told =
        until("status lines stop", || async { problem(&world).filter(|told| told.contains("status lines")) })
            .await;
    assert!(told.contains("background work and status lines wait"), "{told}");

    // The window slides: more is free again, and nobody has to say so.
    used_to(&world, 40).await;
    nudge(&world, &opportunity).await;
    until("it is taken back", || async { problem(&world).is_none().then_some(()) }).await;

    used_to(&world, 96).await;
    nudge(&world, &opportunity).await;
    until("all but guards stop", || async {
        problem(&world).filter(|told| told.contains("everything waits"))
    })
    .await;
    let seen = health(&admin).await;
    assert!(seen["salesforce"]["allowance"]["percent"].as_u64().unwrap() >= 95, "{seen}");
    assert!(service.is_up());
}

/// Calls that reached the org's API since this was last asked.
async fn new_calls(world: &World) -> usize {
    let report = world.control(Platform::Salesforce, Method::GET, "requests", None).await;
    world.control(Platform::Salesforce, Method::DELETE, "requests", None).await;
    let log = report["log"].as_array().unwrap();
    log.iter().filter(|one| one["path"].as_str().unwrap().starts_with("/services/data/")).count()
}

#[tokio::test]
async fn when_the_days_calls_are_spent_calling_stops_a_person_is_told_and_it_goes_on_by_itself() {
    let world = World::start();
    // Ten minutes otherwise.
    let looks = "[salesforce.allowance]\nlook_again = \"2s\"\n\n# Change events come within a second";
    world.configure("# Change events come within a second", looks);
    let mut service = world.run();
    let opportunity = world.new_opportunity("Spent", 1000).await;
    world.opt_in(&opportunity, false).await;
    let referral = world.referral_of(&opportunity).await;

    // From now on every call is refused: 403, REQUEST_LIMIT_EXCEEDED.
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&json!({ "daily_limit": 1 }))).await;
    let told = until("the spent day is told", || async { problem(&world) }).await;
    assert!(told.contains("everything waits"), "{told}");
    let notes = json!({ "id": referral, "set": { "/details/notes": "Written on a spent day" } });
    world.acts("portal/edit", notes).await;
    // What was under way ends; then one call goes in two seconds, where polls alone were four in two seconds.
    new_calls(&world).await;
    let began = Instant::now();
    until("some pauses are over", || async { (began.elapsed() >= OBSERVED).then_some(()) }).await;
    let calls = new_calls(&world).await;
    assert!(calls <= 6, "{calls} calls in {OBSERVED:?}");
    assert!(service.is_up());

    // The window slides: nobody has to say so, and nothing was lost.
    let free = json!({ "daily_limit": 100_000 });
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&free)).await;
    until("the portal's change arrives", || async {
        let row = world.opportunity(&opportunity).await;
        (row["Description"] == "Written on a spent day").then_some(())
    })
    .await;
    until("the problem is taken back", || async { problem(&world).is_none().then_some(()) }).await;
    assert!(service.is_up());
}
