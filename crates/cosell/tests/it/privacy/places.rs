//! Every place where something could have been left: files, what commands print, what the service tells, the portal.

use std::{cell::Cell, net::SocketAddr};

use reqwest::Method;
use serde_json::Value;

use super::{
    SECRET, SHARED,
    planted::Planted,
    search::{Search, files},
};
use crate::harness::{Platform, World};

/// Where the admin listener tells something; health first.
const TOLD_AT: [&str; 2] = ["/healthz", "/openapi.json"];

/// The place of what Partner Center was sent.
const PORTAL: &str = "what the portal was sent";

/// Every place where something could have been left.
pub(super) struct Places<'a> {
    pub(super) world: &'a World,
    pub(super) planted: &'a Planted,
    /// Where health is told.
    pub(super) admin: SocketAddr,
    /// How much of the log was searched before: it only grows, and at its loudest it is long.
    pub(super) searched: Cell<usize>,
}

impl Places<'_> {
    /// Every file of the folder: the store with its log and its lock, the program's log, the configuration.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = files(self.world.folder());
        for end in ["cosell.sqlite3", "cosell.sqlite3-wal"] {
            let there = self.world.folder().join(end).exists();
            assert_eq!(files.iter().any(|(name, _)| name.ends_with(end)), there, "{end} was searched");
        }
        let log = files.iter_mut().find(|(name, _)| name.ends_with("cosell.log")).expect("a log");
        assert!(log.1.windows(5).any(|word| word == b"TRACE"), "it says all that it ever says");
        let before = self.searched.replace(log.1.len());
        // What is written across the place where the last search ended is searched again.
        log.1.drain(..before.saturating_sub(1_000));
        files
    }

    /// What the commands print, with all that they log; `all` of them, or those that look at deals.
    fn printed(&self, all: bool) -> Vec<(String, Vec<u8>)> {
        let deals = self.world.cosell_json(&["deals", "list"]);
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut commands = ["deals list", "plan --all", "verify"].map(words).to_vec();
        if all {
            let more = [
                "connections",
                "check",
                "mapping check",
                "mapping show",
                "mapping rewrite",
                "release",
                "webhook show",
                "history verify",
                "history verify --heads",
                // What is shared is found in the store by its address, and what was never read is not.
                "forget sharqzxwu@northwind.example",
                "forget nobody@elsewhere.example",
            ];
            commands.extend(more.map(words));
        }
        for deal in deals {
            let id = deal["id"].as_str().unwrap();
            commands.extend(["deals show", "deals history"].map(|line| words(&format!("{line} {id}"))));
            if all {
                let more = ["plan", "restore", "resolve", "forget", "send-now", "withdraw"];
                commands.extend(more.map(|line| words(&format!("{line} {id}"))));
            }
        }
        let mut printed = Vec::new();
        for command in commands {
            for format in ["text", "json"] {
                let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
                arguments.extend(["--format", format]);
                let output = self.world.cosell(&arguments);
                printed.push((arguments.join(" "), [output.stdout, output.stderr].concat()));
            }
        }
        printed
    }

    /// What the service tells of itself while it runs, at every address of the admin listener.
    async fn told(&self) -> Vec<(String, Vec<u8>)> {
        let mut told = Vec::new();
        for path in TOLD_AT {
            let answer = reqwest::get(format!("http://{}{path}", self.admin)).await.unwrap();
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            told.push((path.to_owned(), answer.bytes().await.unwrap().to_vec()));
        }
        let health = String::from_utf8_lossy(&told[0].1);
        assert!(health.contains("\"deals\""), "numbers are told: {health}");
        told
    }

    /// Every request that reached the portal, head and body.
    async fn requests(&self) -> String {
        let report = self.world.control(Platform::PartnerCenter, Method::GET, "requests", None).await;
        assert_eq!(report["evicted"], 0, "every request was kept");
        let log = report["log"].as_array().unwrap().iter();
        let member = |exchange: &Value, name: &str| exchange[name].as_str().unwrap().to_owned();
        log.map(|exchange| member(exchange, "path") + "\n" + &member(exchange, "request") + "\n").collect()
    }

    /// Nothing of what was planted is anywhere; what is shared is where it belongs.
    pub(super) async fn pass(&self, when: &str, all: bool) {
        let mut places = self.files();
        places.extend(self.printed(all));
        if all {
            places.extend(self.told().await);
        }
        places.push((PORTAL.to_owned(), self.requests().await.into_bytes()));
        let planted = self.planted.ids.iter().map(String::as_str);
        let secret = Search::of([SECRET].into_iter().chain(planted));
        for (place, bytes) in &places {
            let found = secret.found(bytes);
            assert!(found.is_empty(), "{when}: in {place}: {found:#?}");
        }
        // The same search finds what belongs there.
        let shared = Search::of([SHARED]);
        let holds = |wanted: &str| {
            let mut there = places.iter().filter(|(place, _)| place.contains(wanted));
            there.any(|(_, bytes)| shared.found(bytes).iter().any(|found| found.way == "plain"))
        };
        assert!(holds("cosell.sqlite3"), "{when}: the store holds what is shared");
        assert!(holds(PORTAL), "{when}: the portal was told what is shared");
    }
}
