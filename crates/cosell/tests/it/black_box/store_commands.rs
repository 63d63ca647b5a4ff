//! `cosell store` as a person uses it: what it says of a database, and of one that cannot be used.

use std::{fs, process::Command};

use postgres_server::{GUARDED, Programs, Server, Setup, installed};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::{
    harness::{self, PATIENCE},
    scenarios::is,
};

/// Widest line that a person is shown, in columns; an address or a command that is to be copied stays whole.
const WIDTH: usize = 80;

/// A configuration whose database is named anew for each case.
struct Desk(harness::World);

impl Desk {
    fn new() -> Self {
        let world = harness::World::start();
        // Nobody of these cases waits for a server.
        world.configure("path = \"cosell.sqlite3\"", "url = \"file:store.url\"\nwait_for_database = \"0s\"");
        Self(world)
    }

    /// Runs a command on the database at `url`: whether it succeeded, what it printed, and what it complained of.
    fn at(&self, url: &str, words: &[&str]) -> (bool, String, String) {
        fs::write(self.0.folder().join("store.url"), url).unwrap();
        let output = self.0.cosell(words);
        let [printed, complained] =
            [&output.stdout, &output.stderr].map(|said| String::from_utf8(said.clone()).unwrap());
        for line in printed.lines() {
            assert!(line.chars().count() <= WIDTH || words.contains(&"json"), "{words:?}: {line}");
        }
        (output.status.success(), printed, complained)
    }

    /// Demands that it succeeds; what it printed.
    fn well(&self, url: &str, words: &[&str]) -> String {
        let (ok, printed, complained) = self.at(url, words);
        assert!(ok, "{words:?}: {printed}{complained}");
        printed
    }

    /// Demands that it fails, says this and what to do, and shows no password.
    fn refused(&self, url: &str, words: &[&str], reason: &str, fix: &str) {
        let (ok, printed, complained) = self.at(url, words);
        let told = printed + &complained;
        assert!(!ok && told.contains(reason), "{words:?} does not say {reason:?}: {told}");
        let (_, mended) = told.split_once("fix: ").unwrap_or_else(|| panic!("{words:?} says no fix: {told}"));
        assert!(mended.contains(fix), "{words:?} does not say {fix:?}: {told}");
        assert!(!told.contains("planted") && !told.contains("panicked"), "{told}");
    }
}

async fn database(server: &Server, name: &str) -> String {
    execute(server, "postgres", &format!("CREATE DATABASE {name}")).await;
    server.url(name).expose_secret().to_owned()
}

async fn execute(server: &Server, database: &str, statement: &str) {
    let mut session = PgConnection::connect(server.url(database).expose_secret()).await.unwrap();
    session.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    session.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_brings_an_empty_database_up_to_date_and_checks_it() {
    let desk = Desk::new();
    let server = Server::start_with(&Programs::installed(), &Setup { durable: true, ..Setup::default() });
    let url = database(&server, "cosell").await;
    desk.refused(&url, &["store", "check"], "FAIL  schema: version 0", "cosell store migrate");
    desk.refused(&url, &["deals", "list"], "schema is version 0", "cosell store migrate");
    assert!(desk.well(&url, &["store", "migrate"]).contains("brought from schema 0 to 1"));
    assert!(desk.well(&url, &["store", "migrate"]).contains("nothing to do"));
    let checked = desk.well(&url, &["store", "check"]);
    for what in ["server: PostgreSQL", "schema: version 1", "permissions:", "durability:", "primary:"] {
        assert!(checked.contains(&format!("  pass  {what}")), "{what}: {checked}");
    }
    let (_, json, _) = desk.at(&url, &["store", "check", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["ok"], json["looked"].as_array().unwrap().len()), (&json!(true), 5));
    // What was acknowledged must survive the machine.
    execute(&server, "postgres", "ALTER SYSTEM SET fsync = off").await;
    execute(&server, "postgres", "SELECT pg_reload_conf()").await;
    let began = std::time::Instant::now();
    while desk.at(&url, &["store", "check"]).0 {
        assert!(began.elapsed() < PATIENCE, "the server never took the setting in");
    }
    desk.refused(&url, &["store", "check"], "FAIL  durability: fsync is off", "ALTER SYSTEM SET fsync = on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_be_used_is_told_with_the_next_step_and_no_password() {
    let desk = Desk::new();
    let server = installed();
    let url = database(server, "refusals").await;
    desk.well(&url, &["store", "migrate"]);
    let nowhere = "postgres://postgres:planted@127.0.0.1:1/cosell?sslmode=disable";
    let missing = server.url("missing").expose_secret().to_owned();
    let role = format!("CREATE ROLE {GUARDED} LOGIN PASSWORD 'right'");
    execute(server, "postgres", &role).await;
    let as_guarded = |password: &str| url.replace("postgres@", &format!("{GUARDED}:{password}@"));
    let foreign = database(server, "of_others").await;
    execute(server, "of_others", "CREATE TABLE theirs (a int)").await;
    for words in [
        &["store", "check"] as &[&str],
        &["store", "migrate"],
        &["run", "--role", "worker"],
        &["deals", "list"],
    ] {
        desk.refused(nowhere, words, "does not answer", "host and port");
        desk.refused(&missing, words, "\"missing\" does not exist", "CREATE DATABASE");
        desk.refused(
            &as_guarded("planted"),
            words,
            "password authentication failed",
            "the password in [store] url",
        );
        desk.refused(&as_guarded("right"), words, "permission denied", "own the schema");
    }
    for words in [&["store", "check"] as &[&str], &["store", "migrate"], &["run"]] {
        desk.refused(&foreign, words, "tables of another program", "an empty database");
    }
    execute(server, "refusals", "UPDATE cosell_schema SET version = 99").await;
    for words in [&["store", "check"] as &[&str], &["store", "migrate"], &["run"], &["deals", "list"]] {
        let (ok, printed, complained) = desk.at(&url, words);
        let told = printed + &complained;
        assert!(
            !ok && told.contains("version 99") && told.contains("install the newer program"),
            "{words:?}: {told}"
        );
    }
    execute(server, "refusals", "UPDATE cosell_schema SET version = 1").await;
    desk.well(&url, &["deals", "list"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_other_than_all_needs_a_database_and_says_so() {
    let world = harness::World::start();
    for role in ["web", "worker"] {
        let output = world.cosell(&["run", "--role", role]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("fix: leave --role away"), "{told}");
    }
}

/// What was sent since the backup is not sent again: the pair is found, and linked as it was.
async fn is_linked_again(world: &harness::World, opportunity: &str, referral: &str) {
    harness::until("the pair that the backup does not know is linked again", || async {
        let deals = world.cosell_json(&["deals", "list"]);
        let deal = deals.into_iter().find(|deal| deal["opportunity"] == opportunity)?;
        (deal["referral"] == referral && deal["problems"] == json!([])).then_some(())
    })
    .await;
    let told = world.cosell_json(&["deals", "history", opportunity]);
    let says = |line: &Value| line["sentence"].as_str().is_some_and(|said| said.contains("linked again"));
    assert!(told.iter().any(says), "{told:#?}");
    world.seller_edits(opportunity, json!({ "Amount": 21_000 })).await;
    world.until_referral(referral, "/details/dealValue", is(21_000)).await;
}

/// Runs what was said to be run, with a service file as it was said.
fn by_hand(desk: &Desk, told: &str, server: &Server, database: &str) {
    let command =
        told.split_once("fix: ").and_then(|(_, told)| told.lines().next()).expect("the command is told");
    let service = desk.0.folder().join("pg_service.conf");
    let port = server.port();
    fs::write(&service, format!("[cosell]\nhost=127.0.0.1\nport={port}\nuser=postgres\ndbname={database}\n"))
        .unwrap();
    let programs = Programs::installed().path("initdb");
    let path =
        format!("{}:{}", programs.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", command])
        .env("PGSERVICEFILE", service)
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_backed_up_and_put_back_by_the_commands_that_are_told() {
    let desk = Desk::new();
    let server = installed();
    let url = database(server, "kept").await;
    let backup = desk.0.folder().join("backup");
    let backup = backup.to_str().unwrap();
    desk.well(&url, &["store", "migrate"]);
    let mut service = desk.0.run();
    let opportunity = desk.0.new_opportunity("Kept", 10_000).await;
    desk.0.opt_in(&opportunity, true).await;
    let referral = desk.0.referral_of(&opportunity).await;
    desk.0.both_judges_agree(1).await;
    let (ok, _, told) = desk.at(&url, &["store", "backup", backup]);
    assert!(!ok, "PostgreSQL's own program does it");
    by_hand(&desk, &told, server, "kept");
    // What happens after the backup, and is not in it.
    let later = desk.0.new_opportunity("Not in the backup", 20_000).await;
    desk.0.opt_in(&later, true).await;
    let of_later = desk.0.referral_of(&later).await;
    desk.0.both_judges_agree(2).await;
    service.stop();

    let (ok, _, told) = desk.at(&url, &["store", "restore", backup]);
    assert!(!ok, "PostgreSQL's own program does it");
    by_hand(&desk, &told, server, "kept");
    assert_eq!(desk.0.cosell_json(&["deals", "list"]).len(), 1, "it is as it was");
    let mut service = desk.0.run();
    desk.0.seller_edits(&opportunity, json!({ "Amount": 11_000 })).await;
    desk.0.until_referral(&referral, "/details/dealValue", is(11_000)).await;
    is_linked_again(&desk.0, &later, &of_later).await;
    desk.0.both_judges_agree(2).await;
    service.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_brought_up_to_date_checked_backed_up_and_put_back() {
    let world = harness::World::start();
    let well = |words: &[&str]| {
        let output = world.cosell(words);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{words:?}: {printed}{}", String::from_utf8_lossy(&output.stderr));
        assert!(printed.lines().all(|line| line.chars().count() <= WIDTH || line.contains('/')), "{printed}");
        printed
    };
    let backup = world.folder().join("backup.sqlite3");
    let backup = backup.to_str().unwrap();
    assert!(well(&["store", "migrate"]).contains("brought from schema 0"));
    let mut service = world.run();
    let opportunity = world.new_opportunity("Kept", 10_000).await;
    world.opt_in(&opportunity, false).await;
    let referral = world.referral_of(&opportunity).await;
    world.both_judges_agree(1).await;
    assert!(well(&["store", "check"]).contains("  pass  schema"));
    assert!(well(&["store", "backup", backup]).contains("Keep the seal key apart"), "while the service runs");
    let output = world.cosell(&["store", "backup", backup]);
    assert!(!output.status.success(), "nothing is overwritten");
    let output = world.cosell(&["store", "restore", backup]);
    assert!(!output.status.success(), "nothing is put back while a service owns the file");
    let later = world.new_opportunity("Not in the backup", 20_000).await;
    world.opt_in(&later, false).await;
    let of_later = world.referral_of(&later).await;
    world.both_judges_agree(2).await;
    service.stop();

    assert!(well(&["store", "restore", backup]).contains("What was there is in"));
    assert_eq!(world.cosell_json(&["deals", "list"]).len(), 1, "it is as it was");
    let mut service = world.run();
    world.seller_edits(&opportunity, json!({ "Amount": 11_000 })).await;
    world.until_referral(&referral, "/details/dealValue", is(11_000)).await;
    is_linked_again(&world, &later, &of_later).await;
    world.both_judges_agree(2).await;
    service.stop();
}
