//! Workers whose clocks are wrong.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use super::{process::Process, world::World};
use crate::{
    harness::{Platform, until},
    scenarios::is,
};

/// How long is watched that nothing happens: far less than the settling time of a doubtful creation (20 s here), and more
/// than the other worker needs for a pass.
const WATCHED: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_machines_clock_is_ahead_takes_nothing_that_another_works_on() {
    let world = World::start(31).await;
    world.configure("settling = \"3s\"", "settling = \"20s\"");
    let mut workers = world.workers(2).await;
    // Alone at first, so that it is known who works.
    workers[0].start();
    world.pair("Known to be visible", false).await;
    let hold = json!({ "kind": "create", "point": "before-effect" });
    let hold = world.control(Platform::PartnerCenter, Method::POST, "holds", Some(&hold)).await;
    let hold = hold["id"].as_u64().unwrap();
    let opportunity = world.new_opportunity("Created once", 10_000).await;
    world.opt_in(&opportunity, false).await;
    until("the creation is on the wire", || async {
        let path = format!("holds/{hold}?wait_ms=500");
        let held = world.control(Platform::PartnerCenter, Method::GET, &path, None).await;
        (held["held"] == true).then_some(())
    })
    .await;
    workers[1].troubles.step_clock(SignedDuration::from_mins(20));
    workers[1].start();
    let creations = || async {
        let requests = world.requests().await;
        let log = requests["log"].as_array().unwrap();
        log.iter().filter(|exchange| exchange["kind"] == "create").count()
    };
    let before = creations().await;
    let began = Instant::now();
    while began.elapsed() < WATCHED {
        assert_eq!(creations().await, before, "nobody creates it a second time");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let path = format!("holds/{hold}?action=proceed");
    world.control(Platform::PartnerCenter, Method::DELETE, &path, None).await;
    let referral = world.referral_of(&opportunity).await;
    until("it says whose clock counts", || async {
        workers[1].log().contains("not the store's server's, which counts").then_some(())
    })
    .await;
    // It works, wrong as its machine is, and alone.
    workers[0].stop();
    world.seller_edits(&opportunity, json!({ "Amount": 12_000 })).await;
    world.until_referral(&referral, "/details/dealValue", is(12_000)).await;
    workers[1].stop();
    let verdict = world.verdict().await;
    assert_eq!(verdict.duplicates, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grace_takes_its_time_whatever_the_machines_clocks_say() {
    let world = World::start(32).await;
    world.configure("close_grace = \"2s\"", "close_grace = \"10s\"");
    let mut workers = world.workers(2).await;
    workers[0].start();
    let (opportunity, referral) = world.pair("Closed in time", false).await;
    workers[1].troubles.step_clock(SignedDuration::from_mins(30));
    workers[1].start();
    let won = Instant::now();
    world.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;
    world.until_referral(&referral, "/status", |status| status == "Closed").await;
    assert!(won.elapsed() >= Duration::from_secs(10), "it was closed after {:?}", won.elapsed());
    workers.iter_mut().for_each(Process::stop);
}
