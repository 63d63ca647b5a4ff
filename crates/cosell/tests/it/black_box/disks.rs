//! A full disk: under the database's server, and under the store's file. Clocks that step under a file.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;

use super::{process::Process, troubles::Troubles, world::World};
use crate::{harness, scenarios::is};

/// Bulky values, so that rows need new room at once.
fn bulky(number: usize) -> String {
    format!("{number} {}", "and what was said about it. ".repeat(100))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_the_server_stops_nobody_and_when_there_is_room_everything_arrives() {
    let world = World::start(41).await;
    let mut workers = world.workers(2).await;
    workers.iter_mut().for_each(Process::start);
    let mut pairs = Vec::new();
    for number in 0..4 {
        pairs.push(world.pair(&format!("Full {number}"), false).await);
    }
    world.server_troubles.fill_disk(true);
    let mut turn = 0;
    let full = || world.server.log().contains("No space left on device");
    let said = |workers: &[Process]| workers.iter().any(|worker| worker.log().contains("the store failed"));
    while !(full() && said(&workers)) {
        turn += 1;
        assert!(turn < 300, "the disk was never full");
        let (opportunity, _) = &pairs[turn % pairs.len()];
        world.seller_edits(opportunity, json!({ "Amount": 20_000 + turn, "Description": bulky(turn) })).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for (number, (opportunity, _)) in pairs.iter().enumerate() {
        world.seller_edits(opportunity, json!({ "Amount": 90_000 + number })).await;
    }
    world.make_room().await;
    for (number, (_, referral)) in pairs.iter().enumerate() {
        world
            .until_referral(referral, "/details/dealValue", is(90_000 + i64::try_from(number).unwrap()))
            .await;
    }
    workers.iter_mut().for_each(Process::must_run);
    world.both_judges_agree(pairs.len()).await;
}

#[tokio::test]
async fn a_full_disk_and_a_stepped_clock_under_a_file_lose_nothing() {
    let world = harness::World::seeded(42);
    let troubles = Troubles::none();
    let environment = troubles.environment();
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.to_str().unwrap())).collect();
    let mut service = world.run_with(&environment);
    let opportunity = world.new_opportunity("On a file", 10_000).await;
    world.opt_in(&opportunity, false).await;
    let referral = world.referral_of(&opportunity).await;
    world.both_judges_agree(1).await;

    troubles.fill_disk(true);
    let log = world.folder().join("cosell.log");
    let said = || std::fs::read_to_string(&log).unwrap_or_default().contains("the store failed");
    for turn in 0.. {
        if said() {
            break;
        }
        assert!(turn < 300, "the disk was never full");
        world
            .seller_edits(&opportunity, json!({ "Amount": 20_000 + turn, "Description": bulky(turn) }))
            .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.seller_edits(&opportunity, json!({ "Amount": 90_000 })).await;
    troubles.fill_disk(false);
    world.until_referral(&referral, "/details/dealValue", is(90_000)).await;
    assert!(service.is_up(), "it waited for room");

    for (minutes, amount) in [(15, 91_000), (-15, 92_000), (0, 93_000)] {
        troubles.step_clock(SignedDuration::from_mins(minutes));
        world.acts("portal/edit", json!({ "id": referral, "set": { "/details/dealValue": amount } })).await;
        world.until_opportunity(&opportunity, "Amount", is(amount)).await;
    }
    world.both_judges_agree(1).await;
    service.stop();
}
