//! How fast and how frugally changes of opportunities cross, in a release build, over real sockets, by the wall clock, with
//! polls off: the sandbox, the program and this judge are three processes.
//!
//! Prints what it measured, and fails if p95 of isolated changes is a second or more, if a burst of 1,000 changes takes
//! more than ten fetches, or if streams that are killed after every fifth event lose or double anything.

#![allow(clippy::unwrap_used, reason = "a judge that meets an error has judged")]
#![allow(clippy::print_stdout, reason = "the numbers are what it is for")]

#[path = "../../tests/it/calm.rs"]
#[allow(dead_code, reason = "the judge needs a part of it")]
mod calm;
#[path = "../../tests/it/harness.rs"]
#[allow(dead_code, reason = "the judge needs a part of it")]
mod harness;

use std::time::{Duration, Instant};

use harness::{Platform, Service, World, until};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

/// Isolated changes, and the deals that they are made of in turn.
const CHANGES: usize = 200;
const DEALS: usize = 20;
/// p95 of them arrives sooner.
const P95: Duration = Duration::from_secs(1);
/// Changes of the burst, and in how many fetches they are read at the most.
const BURST: usize = 1_000;
const FETCHES: u64 = 10;
/// Changes while streams are killed, and after how many events each.
const KILLED_CHANGES: usize = 100;
const KILL_EVERY: usize = 5;
/// Changes that come from the portal.
const INBOUND: usize = 40;
/// Records of one call of the collections resource.
const ROWS: usize = 200;

#[tokio::main]
async fn main() {
    let world = World::start();
    // Nothing is found by a poll: neither platform is asked again within the hour.
    for pace in ["1s", "500ms", "10s"] {
        world.configure(&format!("poll_every = \"{pace}\""), "poll_every = \"1h\"");
    }
    knobs(&world, json!({ "keepalive_ms": 500, "merge": false, "delivery_limit": 1_000_000 })).await;
    world.listen_for_events().await;
    let service = world.run();
    let judge = Judge { world, _service: service };
    judge.until_listening().await;
    let deals = judge.born(DEALS).await;
    judge.isolated(&deals).await;
    judge.inbound(&deals).await;
    judge.killed(&deals).await;
    judge.burst(&deals[0]).await;
    println!("every bound holds");
}

async fn knobs(world: &World, events: Value) {
    let knobs = json!({ "events": events });
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
}

/// An opportunity and its referral.
type Deal = (String, String);

/// What the program asked of the platforms so far. Reads of referrals are left out: the judge makes them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Calls {
    /// Reads of Salesforce.
    reads: usize,
    /// Writes to it, reports among them.
    writes: usize,
    /// Changes at the portal.
    patches: usize,
}

struct Judge {
    world: World,
    _service: Service,
}

impl Judge {
    /// Polls would find the first deals: the judge waits until they have looked, and events come.
    async fn until_listening(&self) {
        until("the stream's first position", || async {
            (self.bus("empty_responses").await > 0).then_some(())
        })
        .await;
    }

    async fn bus(&self, counter: &str) -> u64 {
        let events = self.world.control(Platform::Salesforce, Method::GET, "events", None).await;
        events["counters"][counter].as_u64().unwrap()
    }

    /// Deals at rest, each with a referral.
    async fn born(&self, count: usize) -> Vec<Deal> {
        let mut opportunities = Vec::new();
        for number in 0..count {
            let opportunity = self.world.new_opportunity(&format!("Deal {number}"), 1_000).await;
            self.world.opt_in(&opportunity, false).await;
            opportunities.push(opportunity);
        }
        let mut deals = Vec::new();
        for opportunity in opportunities {
            let referral = self.world.referral_of(&opportunity).await;
            deals.push((opportunity, referral));
        }
        self.quiet().await;
        deals
    }

    /// Waits until the program calls nobody any more.
    async fn quiet(&self) {
        let mut before = self.calls().await;
        loop {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let now = self.calls().await;
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// What is in a platform's log, which keeps all of a part.
    async fn log(&self, platform: Platform) -> Vec<Value> {
        let report = self.world.control(platform, Method::GET, "requests", None).await;
        assert_eq!(report["evicted"], 0, "every request was kept");
        report["log"].as_array().unwrap().clone()
    }

    /// Composite calls and queries are the program's alone; so are changes at the portal.
    async fn calls(&self) -> Calls {
        let salesforce = self.log(Platform::Salesforce).await;
        let own = |exchange: &&Value| {
            let path = exchange["path"].as_str().unwrap();
            path.ends_with("/composite") || path.contains("/graph") || path.contains("/query")
        };
        let of =
            |kind: &str| salesforce.iter().filter(own).filter(|exchange| exchange["kind"] == kind).count();
        Calls { reads: of("read"), writes: of("crm-write"), patches: self.patches().await.len() }
    }

    /// Every change of a referral that the portal was asked for: its arrival and its body.
    async fn patches(&self) -> Vec<(Timestamp, String, String)> {
        let log = self.log(Platform::PartnerCenter).await;
        let text = |exchange: &Value, name: &str| exchange[name].as_str().unwrap().to_owned();
        log.iter()
            .filter(|exchange| exchange["kind"] == "patch")
            .map(|exchange| {
                let at = text(exchange, "at").parse().unwrap();
                (at, text(exchange, "path"), text(exchange, "request"))
            })
            .collect()
    }

    async fn forget(&self) {
        for platform in [Platform::PartnerCenter, Platform::Salesforce] {
            self.world.control(platform, Method::DELETE, "requests", None).await;
        }
    }

    async fn until_amount(&self, referral: &str, amount: usize) {
        let wanted = u32::try_from(amount).map(f64::from).unwrap();
        self.world
            .until_referral(referral, "/details/dealValue", |value| value.as_f64() == Some(wanted))
            .await;
    }

    /// One change after the other, each from the seller's request to the request on the portal's wire.
    async fn isolated(&self, deals: &[Deal]) {
        self.forget().await;
        let mut sent = Vec::new();
        for change in 0..CHANGES {
            let ((opportunity, referral), amount) = (&deals[change % deals.len()], 10_000 + change);
            sent.push((Timestamp::now(), referral, amount));
            self.world.seller_edits(opportunity, json!({ "Amount": amount })).await;
            self.until_amount(referral, amount).await;
        }
        let patches = self.patches().await;
        let mut took: Vec<Duration> = sent
            .iter()
            .map(|(at, referral, amount)| {
                let (arrived, ..) = carries(&patches, referral, *amount)[0];
                Duration::try_from(arrived.duration_since(*at)).unwrap()
            })
            .collect();
        took.sort_unstable();
        self.quiet().await;
        let calls = self.calls().await;
        let (p50, p95, most) = (at(&took, 50), at(&took, 95), took[took.len() - 1]);
        println!(
            "{CHANGES} isolated changes, from the seller's request to the request on the portal's wire:"
        );
        println!("  p50 {p50:?}, p95 {p95:?}, slowest {most:?}");
        println!("  calls per change: {}", per_change(calls, CHANGES));
        assert!(p95 < P95, "p95 of isolated changes is {p95:?}");
    }

    /// Changes at the portal, told by its webhook.
    async fn inbound(&self, deals: &[Deal]) {
        self.forget().await;
        for change in 0..INBOUND {
            let (opportunity, referral) = &deals[change % deals.len()];
            let notes = format!("Heard of at the portal, number {change}");
            let set = json!({ "/details/notes": notes });
            self.world.acts("portal/edit", json!({ "id": referral, "set": set })).await;
            self.world.until_opportunity(opportunity, "Description", |value| *value == notes).await;
        }
        self.quiet().await;
        let calls = self.calls().await;
        println!("{INBOUND} isolated changes at the portal, told by its webhook:");
        println!("  calls per change: {}", per_change(calls, INBOUND));
    }

    /// Streams end after every fifth event, and the oracle finds every pair equal, with each change sent once.
    async fn killed(&self, deals: &[Deal]) {
        self.forget().await;
        let streams = self.bus("streams_opened").await;
        let delivered = self.bus("events_delivered").await;
        knobs(&self.world, json!({ "kill_every": KILL_EVERY })).await;
        for change in 0..KILLED_CHANGES {
            let (opportunity, _) = &deals[change % deals.len()];
            self.world.seller_edits(opportunity, json!({ "Amount": 20_000 + change })).await;
        }
        let last = KILLED_CHANGES - deals.len();
        for (at, (_, referral)) in deals.iter().enumerate() {
            self.until_amount(referral, 20_000 + last + at).await;
        }
        // The newest values may be across before every event was told.
        until("every event to be told", || async {
            (self.bus("events_delivered").await >= delivered + KILLED_CHANGES as u64).then_some(())
        })
        .await;
        self.equal(deals.len()).await;
        let patches = self.patches().await;
        for (at, (_, referral)) in deals.iter().enumerate() {
            for change in (at..KILLED_CHANGES).step_by(deals.len()) {
                let sent = carries(&patches, referral, 20_000 + change).len();
                assert!(sent <= 1, "change {change} was sent {sent} times");
            }
            assert_eq!(
                carries(&patches, referral, 20_000 + last + at).len(),
                1,
                "the last change was sent once"
            );
        }
        let streams = self.bus("streams_opened").await - streams;
        knobs(&self.world, json!({ "kill_every": 0 })).await;
        println!("{KILLED_CHANGES} changes while streams ended after every {KILL_EVERY} events:");
        println!("  {streams} streams, nothing lost, nothing doubled");
        let least = KILLED_CHANGES / KILL_EVERY - 1;
        assert!(usize::try_from(streams).unwrap() >= least, "only {streams} streams were opened");
    }

    /// 1,000 changes at once; one of a deal comes behind them, and is across.
    async fn burst(&self, (shared, referral): &Deal) {
        let mut ids = Vec::new();
        for _ in 0..BURST / ROWS {
            let rows: Vec<Value> = (0..ROWS).map(opportunity).collect();
            let answer = self.rows(Method::POST, rows).await;
            ids.extend(answer.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        }
        until("the creations to be read", || async { self.settled().await.then_some(()) }).await;
        let (fetches, delivered) = (self.bus("fetches").await, self.bus("events_delivered").await);
        let began = Instant::now();
        for (part, ids) in ids.chunks(ROWS).enumerate() {
            let row = |(at, id): (usize, &String)| json!({ "attributes": { "type": "Opportunity" }, "Id": id, "Amount": 30_000 + part * ROWS + at });
            self.rows(Method::PATCH, ids.iter().enumerate().map(row).collect()).await;
        }
        until("the burst to be read", || async {
            (self.bus("events_delivered").await >= delivered + BURST as u64).then_some(())
        })
        .await;
        let took = began.elapsed();
        let fetches = self.bus("fetches").await - fetches;
        self.world.seller_edits(shared, json!({ "Amount": 40_000 })).await;
        self.until_amount(referral, 40_000).await;
        println!("a burst of {BURST} changes: read in {fetches} fetches, within {took:?} of its beginning");
        assert!(fetches <= FETCHES, "{fetches} fetches for {BURST} changes");
    }

    /// Whether everything that was logged was delivered.
    async fn settled(&self) -> bool {
        let before = self.bus("events_delivered").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.bus("events_delivered").await == before
    }

    async fn rows(&self, method: Method, rows: Vec<Value>) -> Vec<Value> {
        let body = json!({ "allOrNone": true, "records": rows });
        let url = self.world.salesforce("composite/sobjects");
        let answer = self.world.call(method, &url, Some(self.world.seller_token()), Some(&body)).await;
        let rows = answer.as_array().unwrap().clone();
        assert!(rows.iter().all(|row| row["success"] == true), "{:?}", rows.first());
        rows
    }

    async fn equal(&self, pairs: usize) {
        until("every pair to be equal", || async {
            let verdict = self.world.verdict().await;
            (verdict.holds() && verdict.pairs.len() == pairs).then_some(())
        })
        .await;
        let requests = self.world.control(Platform::PartnerCenter, Method::GET, "requests", None).await;
        assert_eq!(oracle::irreversible_twice(&requests), [], "nothing irreversible happens twice");
    }
}

fn opportunity(row: usize) -> Value {
    json!({ "attributes": { "type": "Opportunity" }, "Name": format!("Burst {row}"), "StageName": "Qualification",
        "CloseDate": "2027-03-31", "Amount": 1, "CurrencyIsoCode": "EUR" })
}

/// The changes of a referral that carry this amount.
fn carries<'a>(
    patches: &'a [(Timestamp, String, String)],
    referral: &str,
    amount: usize,
) -> Vec<&'a (Timestamp, String, String)> {
    let amount = amount.to_string();
    patches.iter().filter(|(_, path, body)| path.contains(referral) && body.contains(&amount)).collect()
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100) - 1]
}

fn per_change(calls: Calls, changes: usize) -> String {
    let number = |count: usize| u32::try_from(count).map(f64::from).unwrap();
    let per = |count: usize| number(count) / number(changes);
    let Calls { reads, writes, patches } = calls;
    format!(
        "Salesforce {:.2} reads, {:.2} writes with their reports; portal {:.2} changes",
        per(reads),
        per(writes),
        per(patches)
    )
}
