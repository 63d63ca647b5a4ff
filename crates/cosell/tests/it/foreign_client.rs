//! An independent client of Salesforce, from the public registry, works with the sandbox as with the real platform.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::harness::World;

/// The client, exactly.
const CLIENT: &str = "jsforce@3.10.26";

/// Its newest way to speak HTTP asks for a newer Node than long-term support distributions carry; this one does not.
const PACKAGE: &str = r#"{ "private": true, "type": "module", "overrides": { "undici": "7.30.2" } }"#;

/// What the client does.
const SCRIPT: &str = include_str!("foreign_client.mjs");

/// Installs the client into a folder of its own; what was fetched before is taken from a cache beside it.
fn install(folder: &Path) {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm-cache");
    fs::write(folder.join("package.json"), PACKAGE).unwrap();
    let output = Command::new("npm")
        .args([
            "install",
            CLIENT,
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefer-offline",
            "--cache",
        ])
        .arg(cache)
        .current_dir(folder)
        .output()
        .expect("npm is a prerequisite of this test");
    assert!(output.status.success(), "npm install: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn an_opportunity_that_jsforce_creates_gets_its_referral() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path());
    fs::write(folder.path().join("client.mjs"), SCRIPT).unwrap();
    let world = World::start();
    let _service = world.run();
    let instance = world.ready["salesforce"]["instance_url"].as_str().unwrap();
    let output = Command::new("node")
        .arg("client.mjs")
        .current_dir(folder.path())
        .env("INSTANCE_URL", instance)
        .env("ACCESS_TOKEN", world.seller_token())
        .output()
        .expect("node is a prerequisite of this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let referral =
        world.referral(told["referral"].as_str().expect("the referral's identifier appeared")).await;
    assert_eq!(referral["externalReferenceId"], told["opportunity"]);
    assert_eq!(referral["details"]["dealValue"], 64_000);
    assert_eq!(referral["details"]["notes"], "Created by an independent client");
    world.both_judges_agree(1).await;
}
