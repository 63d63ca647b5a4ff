//! A won deal is registered for incentives from a file that a person wrote, once, and only if nothing is lacking (P19).

use std::{fs, process::Output};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Platform, World},
    scenarios::Stage,
};

/// The portal wants so much between a deal's creation and its win.
const LEAST_AGE: SignedDuration = SignedDuration::from_hours(72);

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

/// The command, and what it printed for programs.
fn register(world: &World, deal: &str, more: &[&str]) -> (Output, Value) {
    let mut arguments = vec!["register", deal, "--file", "", "--format", "json"];
    let file = world.folder().join("registration.toml");
    arguments[3] = file.to_str().unwrap();
    arguments.extend(more);
    let output = world.cosell(&arguments);
    let told = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, told)
}

/// A deal in euros with Microsoft's help, the platforms' day, and nobody working on it any more.
async fn helped() -> (Stage, String, String, Date) {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Northwind rollout", 60_000, true).await;
    let engagement = stage.microsofts(&referral).await["engagementId"].clone();
    stage.acts("microsoft/accept", json!({ "engagementId": engagement })).await;
    stage.service.stop();
    let pass = json!({ "advance_ms": (LEAST_AGE + SignedDuration::from_hours(1)).as_millis() });
    let clock = stage.control(Platform::PartnerCenter, Method::POST, "clock", Some(&pass)).await;
    let now: Timestamp = clock["now"].as_str().unwrap().parse().unwrap();
    (stage, opportunity, referral, now.to_zoned(TimeZone::UTC).date())
}

/// The same, won by a colleague in Partner Center, with a file that says all there is to say.
async fn won() -> (Stage, String, String) {
    let (stage, opportunity, referral, today) = helped().await;
    stage.acts("portal/close", json!({ "id": referral, "substatus": "Won" })).await;
    states(&stage, today);
    (stage, opportunity, referral)
}

/// A person fills in the template.
fn states(world: &World, today: Date) {
    let mut filled = text(&world.cosell(&["register", "--template"]).stdout);
    for (from, to) in [
        ("signed = 2026-11-16", format!("signed = {}", today.yesterday().unwrap())),
        ("starts = 2026-12-01", format!("starts = {today}")),
        ("ends = 2027-12-01", "perpetual = true".to_owned()),
        ("value = 60_000 ", "value = 180_000.50 ".to_owned()),
        ("managed_customer = false", "managed_customer = true".to_owned()),
        ("azure_ip_solutions = []", "azure_ip_solutions = [\"SOL-12345-ABC\"]".to_owned()),
        ("# deal_value = 60_000", "deal_value = 65_000".to_owned()),
    ] {
        assert!(filled.contains(from), "the template has {from}");
        filled = filled.replacen(from, &to, 1);
    }
    fs::write(world.folder().join("registration.toml"), filled).unwrap();
}

/// The registrations of a referral, as a colleague sees them.
async fn registrations(stage: &Stage, referral: &str) -> Vec<Value> {
    stage.referral(referral).await["registrations"].as_array().unwrap().clone()
}

/// How often a registration was sent, answered or not.
async fn sent(stage: &Stage) -> usize {
    let log = stage.log(Platform::PartnerCenter).await;
    let about =
        |exchange: &&Value| exchange["request"].as_str().is_some_and(|body| body.contains("AzureIPCoSell"));
    log.iter().filter(about).count()
}

#[tokio::test]
async fn p19_a_won_deal_is_registered_from_a_file_and_a_second_run_does_not_register_it_twice() {
    let (stage, opportunity, referral) = won().await;
    let (looked, told) = register(&stage, &opportunity, &[]);
    assert!(looked.status.success(), "{told} {}", text(&looked.stderr));
    assert_eq!(
        (&told["outcome"], &told["lacks"], &told["registrations"]),
        (&json!("ready"), &json!([]), &json!([]))
    );
    assert_eq!((sent(&stage).await, registrations(&stage, &referral).await.len()), (0, 0), "it only looked");

    let (done, told) = register(&stage, &opportunity, &["--apply"]);
    assert!(done.status.success(), "{told} {}", text(&done.stderr));
    assert_eq!((&told["outcome"], &told["read_again"]), (&json!("registered"), &json!(false)));
    assert_eq!(told["registrations"][0]["status"], "ReviewPending");
    let [there] = registrations(&stage, &referral).await.try_into().unwrap();
    assert_eq!(there["contract"]["value"], json!(180_000.5));
    assert_eq!(there["contract"]["term"], "Perpetual");
    assert_eq!(there["solutionDetails"][0]["name"], "Fabrikam Insight", "as the deal names it");
    assert_eq!(told["patch"][0]["value"]["contract"], there["contract"], "what was shown was sent");

    let (again, told) = register(&stage, &opportunity, &["--apply"]);
    assert!(!again.status.success());
    assert_eq!((&told["outcome"], &told["in_the_way"]["id"]), (&json!("already_registered"), &there["id"]));
    assert_eq!((sent(&stage).await, registrations(&stage, &referral).await.len()), (1, 1));

    // Microsoft's review fails: a person reads why, and may try again.
    let failed = json!({ "id": referral, "status": "Failed", "reason": "The contract is not legible" });
    stage.acts("microsoft/registration", failed).await;
    let shown = text(&stage.cosell(&["register", &referral]).stdout);
    assert!(shown.contains("# registered: Failed") && shown.contains("not legible"), "{shown}");
    assert!(shown.contains("# solution of the deal: SOL-12345-ABC (Fabrikam Insight)"), "{shown}");
    let file = stage.folder().join("registration.toml");
    let arguments = ["register", opportunity.as_str(), "--apply", "--file", file.to_str().unwrap()];
    let printed = stage.cosell(&arguments);
    let printed = text(&printed.stdout) + &text(&printed.stderr);
    assert!(printed.contains("outcome      registered"), "{printed}");
    for line in shown.lines().chain(printed.lines()) {
        assert!(line.chars().count() <= 80, "wider than 80 columns: {line}");
    }
    assert_eq!(registrations(&stage, &referral).await.len(), 2);
}

#[tokio::test]
async fn p19_what_is_lacking_is_told_and_nothing_is_sent() {
    let (stage, opportunity, referral, today) = helped().await;
    states(&stage, today);
    let (refused, told) = register(&stage, &opportunity, &["--apply"]);
    assert!(!refused.status.success());
    assert_eq!(
        (&told["outcome"], &told["lacks"]),
        (&json!("lacking"), &json!(["The deal has to be won first."]))
    );

    stage.acts("portal/close", json!({ "id": referral, "substatus": "Won" })).await;
    let file = stage.folder().join("registration.toml");
    let stated = fs::read_to_string(&file).unwrap();
    let spoilt = stated
        .replace("managed_customer = true", "managed_customer = false")
        .replace("deal_value = 65_000", "")
        .replace("value = 180_000.50", "value = 150_000")
        .replace("id = \"SOL-12345-ABC\"", "id = \"SOL-9\"");
    fs::write(&file, spoilt).unwrap();
    let (refused, told) = register(&stage, &opportunity, &["--apply"]);
    assert!(!refused.status.success());
    let lacks = told["lacks"].to_string();
    for what in ["Microsoft manages", "nothing is converted", "for a year", "no solution SOL-9"] {
        assert!(lacks.contains(what), "{what}: {lacks}");
    }
    assert_eq!((sent(&stage).await, registrations(&stage, &referral).await.len()), (0, 0));
}

#[tokio::test]
async fn p19_a_lost_answer_ends_with_exactly_one_registration_or_says_that_there_is_none() {
    let (stage, opportunity, referral) = won().await;
    let loses = async |fault: Value| {
        stage.control(Platform::PartnerCenter, Method::POST, "faults", Some(&fault)).await;
        register(&stage, &opportunity, &["--apply"])
    };
    let (unknown, told) = loses(json!({ "kind": "patch", "cut": "before-effect", "times": 1 })).await;
    assert!(!unknown.status.success());
    assert_eq!(told["outcome"], "unknown", "{told}");
    let error = text(&unknown.stderr);
    assert!(error.contains("does not show the registration") && error.contains("fix: "), "{error}");
    assert_eq!(registrations(&stage, &referral).await.len(), 0);

    let changed = json!({ "kind": "patch", "status": 412, "times": 1 });
    let (refused, told) = loses(changed).await;
    assert_eq!((refused.status.success(), &told["outcome"]), (false, &json!("failed")));
    assert!(text(&refused.stderr).contains("at this very moment"));

    let silent = json!({ "kind": "patch", "timeout": "after-effect", "timeout_ms": 300, "times": 1 });
    let (done, told) = loses(silent).await;
    assert!(done.status.success(), "{told} {}", text(&done.stderr));
    assert_eq!((&told["outcome"], &told["read_again"]), (&json!("registered"), &json!(true)));
    assert_eq!(registrations(&stage, &referral).await.len(), 1);
    assert_eq!(sent(&stage).await, 3, "each run sent it once");
}

#[tokio::test]
async fn p19_a_deal_that_is_opted_out_is_not_even_read() {
    let mut stage = Stage::set().await;
    let (opportunity, _) = stage.pair("Northwind rollout", 60_000, false).await;
    stage.seller_edits(&opportunity, json!({ "Sync_with_Partner_Center__c": false })).await;
    stage.until_deal(&opportunity, "the pause", |deal| deal["deal"]["phase"] == "paused").await;
    stage.service.stop();
    let asked = stage.log(Platform::PartnerCenter).await.len();
    states(&stage, "2026-11-20".parse().unwrap());
    let (refused, _) = register(&stage, &opportunity, &["--apply"]);
    let error = text(&refused.stderr);
    assert!(!refused.status.success() && error.contains("opted out") && error.contains("fix: "), "{error}");
    assert_eq!(stage.log(Platform::PartnerCenter).await.len(), asked);
}

#[tokio::test]
async fn p19_a_broken_file_says_where_and_what_to_do_before_anybody_is_called() {
    let world = World::start();
    let template = text(&world.cosell(&["register", "--template"]).stdout);
    let file = world.folder().join("registration.toml");
    for (from, to, what) in [
        ("currency = \"USD\"", "currency = \"EUR\"", "line 11, column"),
        ("pricing = ", "prcing = ", "unknown field `prcing`"),
        ("\"Customer\"", "\"Theirs\"", "`Customer` or `Partner`"),
        ("ends = 2027-12-01", "", "perpetual = true"),
    ] {
        fs::write(&file, template.replacen(from, to, 1)).unwrap();
        let (refused, _) = register(&world, "any", &["--apply"]);
        let error = text(&refused.stderr);
        assert!(!refused.status.success() && error.contains(what) && error.contains("fix: "), "{error}");
    }
    fs::remove_file(&file).unwrap();
    let (refused, _) = register(&world, "any", &[]);
    assert!(text(&refused.stderr).contains("register --template"), "{}", text(&refused.stderr));
    let requests = world.control(Platform::PartnerCenter, Method::GET, "requests", None).await;
    assert_eq!(requests["log"], json!([]));
}

#[tokio::test]
async fn m16_a_rehearsal_registers_no_deal_at_the_real_portal() {
    let world = World::start();
    assert!(world.cosell(&["sync", "--once"]).status.success(), "a store is there");
    states(&world, "2026-11-20".parse().unwrap());
    let portal = world.ready["partner_center"]["api_url"].as_str().unwrap();
    // Without an address of its own, the portal is the real one.
    world.configure(&format!("api_url = \"{portal}\"\n"), "");
    let sandbox_org = json!({ "path_contains": "IsSandbox", "status": 200, "body": { "totalSize": 1, "done": true,
        "records": [{ "attributes": { "type": "Organization" }, "IsSandbox": true }] } });
    world.control(Platform::Salesforce, Method::POST, "faults", Some(&sandbox_org)).await;
    let (refused, _) = register(&world, "any", &["--apply"]);
    let error = text(&refused.stderr);
    assert!(!refused.status.success() && error.contains("sandbox org") && error.contains("fix: "), "{error}");
}
