//! What more workers are worth: deals a second of one worker and of four, on one PostgreSQL, when every call of a platform
//! takes 50 ms. The sandbox, the database, the workers and this judge are processes of their own.
//!
//! Each worker has one deal in hand at a time, so that it waits more than it works, as it does with real platforms. Prints
//! both throughputs, and fails if four workers are not worth three and a half.

#![allow(clippy::unwrap_used, reason = "a judge that meets an error has judged")]
#![allow(clippy::print_stdout, reason = "the numbers are what it is for")]

#[path = "../../tests/it/calm.rs"]
#[allow(dead_code, reason = "the judge needs a part of it")]
mod calm;
#[path = "../../tests/it/harness.rs"]
#[allow(dead_code, reason = "the judge needs a part of it")]
mod harness;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use harness::{Platform, World, until};
use jiff::Timestamp;
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

/// Deals that wait at once.
const DEALS: usize = 120;
/// How long every call takes at least, in milliseconds.
const LATENCY_MS: u64 = 50;
/// How long the changes may take, and how often is looked.
const PATIENCE: Duration = Duration::from_mins(5);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A record that was read sooner after its stamp is not written yet.
const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// What four workers are worth, at the least.
const WORTH: f64 = 3.5;

#[tokio::main]
async fn main() {
    let world = World::start();
    let mut database = database(&world).await;
    let deals = born(&world, &mut database).await;
    world.configure("[engine]\n", "[engine]\nworkers = 1\nbatch = 1\nfirst_load_batch = 1\n");
    // Change events tell; what polls would read again and again belongs to no deal.
    for pace in ["1s", "500ms"] {
        world.configure(&format!("poll_every = \"{pace}\""), "poll_every = \"1h\"");
    }
    for platform in [Platform::PartnerCenter, Platform::Salesforce] {
        let slow = json!({ "latency_ms": LATENCY_MS });
        world.control(platform, Method::POST, "faults", Some(&slow)).await;
    }
    println!("{DEALS} changed opportunities, {LATENCY_MS} ms a call, one deal in hand a worker:");
    let mut rates = Vec::new();
    for workers in [1, 4] {
        let rate = measured(&world, &mut database, &deals, workers).await;
        println!("  {workers} worker{}: {rate:.2} deals/s", if workers == 1 { " " } else { "s" });
        rates.push(rate);
    }
    let worth = rates[1] / rates[0];
    println!("  4 workers are worth {worth:.2} (at least {WORTH} are demanded)");
    assert!(worth >= WORTH, "4 workers are worth {worth:.2}");
}

/// A database of the installed server's, which the configuration names from now on.
async fn database(world: &World) -> PgConnection {
    let server = postgres_server::installed();
    let mut admin = PgConnection::connect(server.url("postgres").expose_secret()).await.unwrap();
    admin.execute("CREATE DATABASE cosell").await.unwrap();
    let url = server.url("cosell");
    world.configure("path = \"cosell.sqlite3\"", "url = \"file:store.url\"");
    fs::write(world.folder().join("store.url"), url.expose_secret()).unwrap();
    PgConnection::connect(url.expose_secret()).await.unwrap()
}

/// Opportunities with a referral each, and nothing left to do.
async fn born(world: &World, database: &mut PgConnection) -> Vec<String> {
    let first = Worker::start(world, "births");
    let mut opportunities = Vec::new();
    for number in 0..DEALS {
        let opportunity = world.new_opportunity(&format!("Deal {number}"), 1_000).await;
        world.opt_in(&opportunity, false).await;
        opportunities.push(opportunity);
    }
    for opportunity in &opportunities {
        world.referral_of(opportunity).await;
    }
    rest(database).await;
    drop(first);
    opportunities
}

/// Waits until no work is left.
async fn rest(database: &mut PgConnection) {
    let began = Instant::now();
    while waiting(database).await > 0 {
        assert!(began.elapsed() < PATIENCE, "{} deals are still worked on", waiting(database).await);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn waiting(database: &mut PgConnection) -> i64 {
    database.fetch_one("SELECT count(*) FROM work").await.unwrap().get(0)
}

/// How many deals a second so many workers bring across.
async fn measured(world: &World, database: &mut PgConnection, deals: &[String], workers: usize) -> f64 {
    let running: Vec<_> =
        (0..workers).map(|number| Worker::start(world, &format!("{workers}-{number}"))).collect();
    until("every worker to begin", || async {
        running.iter().all(|worker| worker.log().contains("service begins")).then_some(())
    })
    .await;
    rest(database).await;
    world.control(Platform::PartnerCenter, Method::DELETE, "requests", None).await;
    // All changes wait, and are older than the second of their stamps, when the first is taken.
    operator(world, &["pause", "--all", "--why", "so that all begin together"]);
    let amount = 10_000 + workers;
    let row = |id: &String| json!({ "attributes": { "type": "Opportunity" }, "Id": id, "Amount": amount });
    let rows: Vec<Value> = deals.iter().map(row).collect();
    let body = json!({ "allOrNone": true, "records": rows });
    let url = world.salesforce("composite/sobjects");
    world.call(Method::PATCH, &url, Some(world.seller_token()), Some(&body)).await;
    let began = Instant::now();
    while usize::try_from(waiting(database).await).unwrap() < deals.len() {
        assert!(began.elapsed() < PATIENCE, "nobody hears of the changes");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    tokio::time::sleep(SETTLED_AFTER).await;
    operator(world, &["resume", "--all"]);
    // The platforms are asked when all is done: their logs are long, and reading them takes the processors from those who
    // are measured.
    rest(database).await;
    let sent = sent(world, amount).await;
    assert_eq!(sent.len(), deals.len(), "every change is across");
    drop(running);
    let (first, last) = (sent[0], sent[sent.len() - 1]);
    let gaps = u32::try_from(sent.len() - 1).map(f64::from).unwrap();
    gaps / last.duration_since(first).as_secs_f64()
}

/// A command beside the workers, which must succeed.
fn operator(world: &World, arguments: &[&str]) {
    let output = world.cosell(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// When each referral was first sent this amount, in order.
async fn sent(world: &World, amount: usize) -> Vec<Timestamp> {
    let report = world.control(Platform::PartnerCenter, Method::GET, "requests", None).await;
    assert_eq!(report["evicted"], 0, "every request was kept");
    let mut first = BTreeMap::new();
    for exchange in report["log"].as_array().unwrap().iter().filter(|exchange| exchange["kind"] == "patch") {
        let text = |name: &str| exchange[name].as_str().unwrap();
        if text("request").contains(&amount.to_string()) {
            first.entry(text("path").to_owned()).or_insert_with(|| text("at").parse().unwrap());
        }
    }
    let mut times: Vec<Timestamp> = first.into_values().collect();
    times.sort_unstable();
    times
}

/// One worker. Dropping it ends it.
struct Worker {
    process: Child,
    log: PathBuf,
}

impl Worker {
    fn start(world: &World, name: &str) -> Self {
        let log = world.folder().join(format!("{name}.log"));
        let process = Command::new(env!("CARGO_BIN_EXE_cosell"))
            .args(["run", "--role", "worker", "--config"])
            .arg(world.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { process, log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
