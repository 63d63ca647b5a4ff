//! The proof over all deals (P1): in pages with progress, with few calls and within the budget, and what it was when it is
//! interrupted.

use std::process::{Command, Output, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    first_load::{filled, invited},
    recovery::{done, said},
    salesforce_allowance::used_to,
};
use crate::{
    harness::{COSELL, Platform, World, until},
    scenarios::Stage,
};

/// More than fit in a page, of which there are 100.
const DEALS: usize = 104;

/// Runs a command where a person watches: at a terminal, which `script` gives it.
fn watched(world: &World, words: &str) -> Output {
    let command = format!("{COSELL} {words} --config {}", world.config().display());
    let terminal = world.folder().join("terminal");
    Command::new("script")
        .args(["--quiet", "--return", "--command", &command])
        .arg(terminal)
        .output()
        .unwrap()
}

/// Requests that reached a platform since this was last asked, but for those of sign-ins.
async fn calls(world: &World, platform: Platform) -> Vec<Value> {
    let report = world.control(platform, Method::GET, "requests", None).await;
    world.control(platform, Method::DELETE, "requests", None).await;
    report["log"].as_array().unwrap().iter().filter(|call| call["kind"] != "token").cloned().collect()
}

/// The proof that was kept last.
fn last(world: &World) -> Value {
    world.cosell_json(&["verify", "--last"]).pop().unwrap()["proof"].clone()
}

#[tokio::test]
async fn p1_a_proof_reads_page_after_page_says_how_far_it_is_and_its_numbers_add_up() {
    let world = World::start();
    invited(&world, DEALS - 1).await;
    let service = world.run();
    let mut stage = Stage { world, service };
    // A busy machine needs its time for so many: it must go on, part by part.
    for part in 1..=4 {
        filled(&stage, (DEALS - 1) * part / 4).await;
    }
    stage.pair("The one in step", 9_000, false).await;
    stage.settle();
    for platform in [Platform::Salesforce, Platform::PartnerCenter] {
        calls(&stage, platform).await;
    }
    let watched = watched(&stage, "verify --all --as ann");
    let seen = String::from_utf8_lossy(&watched.stdout).into_owned();
    assert!(watched.status.success(), "{seen}");
    for words in [format!("100 of {DEALS} deals read"), format!("{DEALS} of {DEALS} deals read")] {
        assert!(seen.contains(&words), "no \"{words}\" in {seen:?}");
    }
    let proof = last(&stage);
    assert_eq!((&proof["by"], &proof["deals"]), (&json!("ann"), &json!(DEALS)));
    assert_eq!(proof["counts"], json!({ "equal": DEALS }), "{proof:#}");
    // A referral is read by itself; opportunities are read many at a time.
    let portal = calls(&stage, Platform::PartnerCenter).await;
    assert!(portal.len() <= 2 * DEALS, "{} calls of Partner Center", portal.len());
    let crm = calls(&stage, Platform::Salesforce).await;
    assert!(crm.len() <= DEALS / 4, "{} calls of Salesforce", crm.len());
    for call in portal.iter().chain(&crm) {
        assert_eq!(call["kind"], "read", "a proof writes nothing: {call}");
    }
}

#[tokio::test]
async fn p1_a_proof_that_is_interrupted_leaves_the_last_one_and_can_be_made_again() {
    let mut stage = Stage::set().await;
    stage.pair("Proseware press", 40_000, false).await;
    stage.pair("Proseware ink", 50_000, false).await;
    stage.both_judges_agree(2).await;
    done(&stage, &["verify", "--all", "--as", "ann"]);
    let kept = last(&stage);
    assert_eq!((&kept["by"], &kept["counts"]), (&json!("ann"), &json!({ "equal": 2 })));

    stage.service.stop();
    for signal in ["-INT", "-TERM", "-KILL"] {
        let hold = json!({ "kind": "read", "point": "before-effect" });
        let hold =
            stage.control(Platform::PartnerCenter, Method::POST, "holds", Some(&hold)).await["id"].clone();
        let mut proving = Command::new(COSELL)
            .args(["verify", "--all", "--as", "bob", "--config"])
            .arg(stage.config())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("a read of the proof", || async {
            let look = format!("holds/{hold}?wait_ms=1000");
            let held = stage.control(Platform::PartnerCenter, Method::GET, &look, None).await;
            (held["held"] == true).then_some(())
        })
        .await;
        assert!(Command::new("kill").args([signal, &proving.id().to_string()]).status().unwrap().success());
        assert!(!proving.wait().unwrap().success(), "{signal}: what was interrupted proves nothing");
        let release = format!("holds/{hold}?action=drop");
        stage.control(Platform::PartnerCenter, Method::DELETE, &release, None).await;
        assert_eq!(last(&stage), kept, "{signal}");
    }
    done(&stage, &["verify", "--all", "--as", "bob"]);
    assert_eq!((&last(&stage)["by"], &last(&stage)["deals"]), (&json!("bob"), &json!(2)));
}

#[tokio::test]
async fn p1_a_proof_stops_where_background_work_does_and_says_that_nothing_was_read() {
    let mut stage = Stage::set().await;
    stage.pair("Proseware press", 40_000, false).await;
    stage.both_judges_agree(1).await;
    for _ in 0..400 {
        stage.call(Method::GET, &stage.salesforce("sobjects"), Some(stage.seller_token()), None).await;
    }
    used_to(&stage, 72).await;
    // The service hears of it with its next call, and tells every other process of this store.
    until("the allowance is told", || async {
        let all = stage.cosell_json(&["connections"]);
        all.iter().any(|one| one["key"] == "salesforce.allowance" && one["problem"].is_object()).then_some(())
    })
    .await;
    stage.service.stop();
    calls(&stage, Platform::Salesforce).await;
    let output = stage.cosell(&["verify", "--all"]);
    assert!(!output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("1 could not be read"), "{}", said(&output));
    assert_eq!(last(&stage)["counts"], json!({ "unread": 1 }), "the numbers add up all the same");
    let crm = calls(&stage, Platform::Salesforce).await;
    assert!(crm.len() <= 1, "{crm:#?}");
}
