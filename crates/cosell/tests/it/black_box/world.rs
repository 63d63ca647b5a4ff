//! The world of these tests: both platforms, a database server, and the program's processes, with a door between each two.

use std::{
    fs,
    net::TcpListener,
    ops::{Deref, Range},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use postgres_server::{Programs, Server, Setup};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{door::Door, process::Process, troubles::Troubles};
use crate::harness::{self, until};

/// The database's name.
const DATABASE: &str = "cosell";

/// Both platforms, a server, and doors to all of them.
pub(super) struct World {
    platforms: harness::World,
    pub(super) server: Server,
    /// The server's machine's.
    pub(super) server_troubles: Troubles,
    /// Between the program and Partner Center.
    pub(super) portal: Door,
    /// Between the program and Salesforce.
    pub(super) salesforce_door: Door,
    /// Between the program and Salesforce's change events.
    pub(super) events: Door,
}

/// The people and the platforms.
impl Deref for World {
    type Target = harness::World;

    fn deref(&self) -> &harness::World {
        &self.platforms
    }
}

/// Ports below those that the system gives away by itself, to connections too: what is free here stays so until it is
/// taken.
const PORTS: Range<u16> = 20_000..32_000;

fn free_port() -> u16 {
    static DRAWN: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    // Test programs that run beside this one begin elsewhere.
    let first = std::process::id().wrapping_mul(101);
    let ports = std::iter::repeat_with(|| {
        let drawn = first.wrapping_add(DRAWN.fetch_add(1, Ordering::Relaxed)) % count;
        PORTS.start + u16::try_from(drawn).expect("it is below the number of ports")
    });
    let mut free = ports
        .take(usize::from(PORTS.end - PORTS.start))
        .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("a port is free")
}

impl World {
    /// Starts everything but the program.
    pub(super) async fn start(seed: u64) -> Self {
        let salesforce = format!("127.0.0.1:{}", free_port());
        let salesforce_door = Door::to(salesforce.parse().unwrap()).await;
        let told = format!("http://{}", salesforce_door.address());
        let arguments = ["--salesforce", &salesforce, "--salesforce-url", &told];
        let mut platforms = harness::World::seeded_with(seed, &arguments);
        let said =
            |pointer: &str| platforms.ready.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
        let portal_address = authority(&said("/partner_center/api_url"));
        let events_address = said("/salesforce/pubsub_endpoint");
        let portal = Door::to(portal_address.parse().unwrap()).await;
        let events = Door::to(events_address.parse().unwrap()).await;
        // People pass no door.
        platforms.ready["salesforce"]["instance_url"] = format!("http://{salesforce}").into();

        let server_troubles = Troubles::none();
        let setup = Setup { environment: server_troubles.environment(), ..Setup::default() };
        let server = Server::start_with(&Programs::installed(), &setup);
        let mut session = PgConnection::connect(server.url("postgres").expose_secret()).await.unwrap();
        session.execute("CREATE DATABASE cosell").await.unwrap();
        session.close().await.unwrap();

        let world = Self { platforms, server, server_troubles, portal, salesforce_door, events };
        world.configure("path = \"cosell.sqlite3\"", "url = \"file:store.url\"");
        fs::write(world.folder().join("store.url"), world.server.url(DATABASE).expose_secret()).unwrap();
        world.hurry();
        for (name, from, to) in [
            ("api_url", &portal_address, world.portal.address().to_string()),
            ("events", &events_address, world.events.address().to_string()),
        ] {
            let config = fs::read_to_string(world.config()).unwrap();
            assert!(config.contains(from.as_str()), "{name} stands in the configuration");
            let through: Vec<String> = config
                .lines()
                .map(|line| {
                    // Certificates come from beside the portal, and webhooks are no network of ours.
                    let passes = !line.starts_with("certificate_url_prefixes");
                    if passes { line.replace(from.as_str(), &to) } else { line.to_owned() }
                })
                .collect();
            fs::write(world.config(), through.join("\n") + "\n").unwrap();
        }
        world
    }

    /// Short times, so that what must wait for a lease's end or another try does not take minutes.
    fn hurry(&self) {
        self.configure("poll_every = \"1s\"", "poll_every = \"200ms\"");
        self.configure("poll_every = \"500ms\"", "poll_every = \"200ms\"");
        self.configure("overlap = \"1min\"", "overlap = \"10s\"");
        self.configure(
            "[engine]\ndeadline = \"5s\"\nlease = \"20s\"",
            "[engine]\nreport_every = \"1s\"\ndeadline = \"3s\"\nlease = \"10s\"",
        );
    }

    /// A pair that is in step, made by the worker that runs; opportunity and referral.
    pub(super) async fn pair(&self, name: &str, help: bool) -> (String, String) {
        let opportunity = self.new_opportunity(name, 10_000).await;
        self.opt_in(&opportunity, help).await;
        let referral = self.referral_of(&opportunity).await;
        self.until_opportunity(&opportunity, "Co_sell_Status__c", Value::is_string).await;
        (opportunity, referral)
    }

    /// A process with this role, not started; a web role tells its health.
    pub(super) async fn process(&self, name: &str, role: &'static str) -> Process {
        let door = Door::to(([127, 0, 0, 1], self.server.port()).into()).await;
        let url = self.server.url(DATABASE);
        let through =
            url.expose_secret().replace(&self.server.port().to_string(), &door.address().port().to_string());
        fs::write(self.folder().join(format!("{name}.url")), through).unwrap();
        let mut config = fs::read_to_string(self.config()).unwrap();
        config = config.replace("file:store.url", &format!("file:{name}.url"));
        config = config.replace("[guard]\n", "[admin]\nlisten = \"127.0.0.1:0\"\n\n[guard]\n");
        let path = self.folder().join(format!("{name}.toml"));
        fs::write(&path, config).unwrap();
        Process::new(name, role, path, door)
    }

    /// Several workers, not started.
    pub(super) async fn workers(&self, count: usize) -> Vec<Process> {
        let mut workers = Vec::new();
        for number in 1..=count {
            workers.push(self.process(&format!("worker-{number}"), "worker").await);
        }
        workers
    }

    /// Makes room on the server's disk. A server that ended because there was none is run again, as a person would.
    pub(super) async fn make_room(&self) {
        self.server_troubles.fill_disk(false);
        tokio::time::sleep(Duration::from_millis(500)).await;
        if !self.server.is_up() {
            tokio::task::block_in_place(|| self.server.run_again());
        }
    }

    /// A session beside the program's own, for what only the database knows.
    pub(super) async fn session(&self) -> PgConnection {
        PgConnection::connect(self.server.url(DATABASE).expose_secret()).await.unwrap()
    }

    /// What a process that listens says of its health.
    pub(super) async fn health(&self, process: &Process) -> Option<Value> {
        let address = process.says("health is told here").await;
        let answer = reqwest::get(format!("http://{address}/healthz")).await.ok()?;
        answer.json().await.ok()
    }

    /// Waits until the health of `process` is this.
    pub(super) async fn until_healthy(&self, process: &Process) {
        until("health", || async {
            let health = self.health(process).await?;
            (health["status"] == "up").then_some(())
        })
        .await;
    }

    /// Partner Center's log of what it was asked.
    pub(super) async fn requests(&self) -> Value {
        self.control(harness::Platform::PartnerCenter, Method::GET, "requests", None).await
    }
}

/// Host and port of an address.
fn authority(url: &str) -> String {
    let bare = url.split_once("://").map_or(url, |(_, rest)| rest);
    bare.split('/').next().unwrap_or_default().to_owned()
}
