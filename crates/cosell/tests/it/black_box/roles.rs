//! What each role does and leaves alone, and who goes on where a worker died.

use std::{
    fs,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Row as _;

use super::{door::Way, process::Process, world::World};
use crate::{
    harness::{PATIENCE, Platform, until},
    scenarios::is,
};

/// The lease of these tests.
const LEASE: Duration = Duration::from_secs(10);

/// How many addresses a process listens at.
fn listeners(process: &Process) -> usize {
    let id = process.id();
    let inodes: Vec<String> = fs::read_dir(format!("/proc/{id}/fd"))
        .unwrap()
        .flatten()
        .filter_map(|file| {
            let target = fs::read_link(file.path()).ok()?;
            Some(target.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
        })
        .collect();
    // Column 3 is the connection's state, where 0A listens; column 9 its inode.
    let tables = ["tcp", "tcp6"]
        .map(|table| fs::read_to_string(format!("/proc/{id}/net/{table}")).unwrap_or_default());
    let listens = |line: &&str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns.get(3) == Some(&"0A")
            && columns.get(9).is_some_and(|inode| inodes.iter().any(|own| own == inode))
    };
    tables.iter().map(|table| table.lines().filter(listens).count()).sum()
}

/// How often the platforms were asked anything but for the certificate of an event's signer.
async fn asked(world: &World) -> usize {
    let mut sum = 0;
    for platform in [Platform::PartnerCenter, Platform::Salesforce] {
        let report = world.control(platform, Method::GET, "requests", None).await;
        let log = report["log"].as_array().unwrap();
        let certificate = |exchange: &&Value| exchange["path"].as_str().unwrap().contains("/cert/");
        sum += log.iter().filter(|exchange| !certificate(exchange)).count();
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_role_takes_events_in_and_does_no_work_and_a_worker_works_and_listens_nowhere() {
    let world = World::start(21).await;
    world.listen_for_events().await;
    let (mut web, mut worker) =
        (world.process("web", "web").await, world.process("worker-1", "worker").await);
    web.start();
    world.until_healthy(&web).await;
    worker.start();
    let (opportunity, referral) = world.pair("Two roles", false).await;
    assert_eq!((listeners(&web), listeners(&worker)), (2, 0), "events and health; and nothing");
    worker.stop();

    let taken = |health: &Value| health["events"]["taken"].as_u64().unwrap_or_default();
    let before = taken(&world.health(&web).await.unwrap());
    let calls = asked(&world).await;
    world.acts("portal/edit", json!({ "id": referral, "set": { "/details/dealValue": 77_000 } })).await;
    let due = until("the event is taken in and its deal is due", || async {
        let health = world.health(&web).await?;
        (taken(&health) > before && health["counts"]["due"] == 1).then_some(health)
    });
    due.await;
    assert_eq!(asked(&world).await, calls, "who takes events in asks no platform for anything");
    assert_eq!(world.opportunity(&opportunity).await["Amount"], json!(10_000.0), "and writes nothing");

    worker.start();
    world.until_opportunity(&opportunity, "Amount", is(77_000)).await;
    worker.stop();
    web.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_starts_while_the_database_is_away_waits_for_it_and_says_so() {
    let world = World::start(25).await;
    let mut workers = world.workers(2).await;
    for worker in &mut workers {
        worker.database.set(Way::Shut);
        worker.start();
        worker.says("does not answer; waiting for it").await;
    }
    workers[1].stop();
    workers[0].database.set(Way::Open);
    workers[0].says("the database answers").await;
    world.pair("Late database", false).await;
    workers[0].stop();

    world.configure("url = \"file:store.url\"", "url = \"file:store.url\"\nwait_for_database = \"2s\"");
    let mut impatient = world.process("impatient", "worker").await;
    impatient.database.set(Way::Shut);
    let began = Instant::now();
    impatient.start();
    assert!(!impatient.ends().await, "it fails");
    assert!(began.elapsed() >= Duration::from_secs(1), "and not at once");
    assert!(impatient.log().contains("host and port"), "it says what to do: {}", impatient.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_of_role_all_takes_events_in_and_works() {
    let world = World::start(22).await;
    world.listen_for_events().await;
    // What is found is found by the event.
    world.configure(
        "poll_every = \"200ms\"\noverlap = \"10s\"\n\n[partner_center.default",
        "poll_every = \"1h\"\noverlap = \"10s\"\n\n[partner_center.default",
    );
    let mut all = world.process("all", "all").await;
    all.start();
    world.until_healthy(&all).await;
    let (opportunity, referral) = world.pair("One role", false).await;
    assert_eq!(listeners(&all), 2);
    world.acts("portal/edit", json!({ "id": referral, "set": { "/details/dealValue": 77_000 } })).await;
    world.until_opportunity(&opportunity, "Amount", is(77_000)).await;
    all.stop();
}

/// Which worker the name of a lease's owner means.
fn owner(workers: &[Process], name: &str) -> usize {
    let process = |worker: &Process| name.starts_with(&format!("cosell-{}-", worker.id()));
    workers.iter().position(process).unwrap_or_else(|| panic!("{name} is none of the workers"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_worker_was_working_on_another_takes_over_when_the_lease_ends_and_not_before() {
    let world = World::start(23).await;
    let mut workers = world.workers(2).await;
    workers.iter_mut().for_each(Process::start);
    let (opportunity, referral) = world.pair("Taken over", false).await;
    let hold = json!({ "kind": "patch", "point": "before-effect" });
    let hold = world.control(Platform::PartnerCenter, Method::POST, "holds", Some(&hold)).await;
    let hold = hold["id"].as_u64().unwrap();
    world.seller_edits(&opportunity, json!({ "Amount": 81_000 })).await;
    until("a worker's write is on the wire", || async {
        let path = format!("holds/{hold}?wait_ms=500");
        let held = world.control(Platform::PartnerCenter, Method::GET, &path, None).await;
        (held["held"] == true).then_some(())
    })
    .await;
    let mut session = world.session().await;
    let row = sqlx::query("SELECT lease_owner, lease_until FROM work WHERE state = 'leased'")
        .fetch_one(&mut session)
        .await
        .unwrap();
    let ends = Timestamp::from_microsecond(row.get::<i64, _>(1)).unwrap();
    let dies = owner(&workers, row.get(0));
    workers[dies].kill();
    // The dead one's write never arrives.
    let path = format!("holds/{hold}?action=drop");
    world.control(Platform::PartnerCenter, Method::DELETE, &path, None).await;
    world.until_referral(&referral, "/details/dealValue", is(81_000)).await;
    let over = Timestamp::now();
    assert!(over >= ends, "nobody took it before the lease's end: {over} is before {ends}");
    let late = over.duration_since(ends);
    assert!(late < SignedDuration::try_from(3 * LEASE).unwrap(), "and soon after it, not after {late}");
    workers[1 - dies].stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_source_has_one_reader_and_when_it_dies_another_takes_its_seat_at_once() {
    let world = World::start(24).await;
    world.configure("lease = \"10s\"", "lease = \"30s\"");
    let mut workers = world.workers(3).await;
    workers.iter_mut().for_each(Process::start);
    let (opportunity, referral) = world.pair("Read by one", false).await;
    let mut session = world.session().await;
    let readers = "SELECT name, owner, until,
            (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
             AND ((classid::bigint << 32) | objid::bigint) = hashtextextended('cosell seat ' || lease.name, 0)) AS seats
        FROM lease WHERE name LIKE 'reader%' ORDER BY name";
    let rows = sqlx::query(readers).fetch_all(&mut session).await.unwrap();
    assert!(rows.len() >= 2, "both sides are read");
    for row in &rows {
        assert_eq!(row.get::<i64, _>("seats"), 1, "one seat of {}", row.get::<&str, _>("name"));
    }
    let portal =
        rows.iter().find(|row| row.get::<&str, _>("name").contains("portal")).expect("the portal is read");
    let (name, dies) = (portal.get::<String, _>("name"), owner(&workers, portal.get("owner")));
    let ends = Timestamp::from_microsecond(portal.get("until")).unwrap();
    workers[dies].kill();
    let began = Instant::now();
    loop {
        let row =
            sqlx::query("SELECT owner FROM lease WHERE name = $1").bind(&name).fetch_one(&mut session).await;
        let now: String = row.unwrap().get(0);
        if let Some(living) = workers
            .iter()
            .enumerate()
            .find(|(at, worker)| *at != dies && now.starts_with(&format!("cosell-{}-", worker.id())))
        {
            assert_ne!(living.0, dies);
            break;
        }
        assert!(began.elapsed() < PATIENCE, "nobody takes the seat of {name}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let over = Timestamp::now();
    assert!(over < ends, "before the lease's end: {over} is after {ends}");
    // Without events, what a colleague types is found by the reader alone.
    world.acts("portal/edit", json!({ "id": referral, "set": { "/details/dealValue": 82_000 } })).await;
    world.until_opportunity(&opportunity, "Amount", is(82_000)).await;
}
