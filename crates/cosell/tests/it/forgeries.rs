//! A webhook that is forged, replayed, unsigned, wrongly chained or oversized changes nothing and costs at most one read.
//!
//! Genuine deliveries are caught by a postbox of the test's own, so that each can be bent before it is sent on. The
//! program polls once an hour here: what arrives, arrived because an event was believed.

use std::{
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, response::Redirect, routing::get};
use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use service::RECEIVER_PATH;
use tokio::sync::Semaphore;

use crate::{
    harness::{PATIENCE, Platform, Service, World, until},
    postbox::{Letter, Postbox, serve},
};

/// More than the endpoint takes, by one byte.
const TOO_LONG: usize = 64 * 1024 + 1;
/// Forgeries of the flood.
const FLOOD: usize = 200;
/// Forgeries on their way at once: one host is given 128 connections, and what it opens besides is closed unheard.
const FLOOD_AT_ONCE: usize = 100;
/// How often a letter is sent again whose connection was closed unheard.
const CLOSED_UNHEARD: usize = 100;
/// How long an answer may take. The store waits some seconds for a lock before it gives up, writer after writer.
const ANSWER_WITHIN: Duration = PATIENCE;

/// The program with a deal, listening for events at an address of its own, and nearly without polls.
struct Listening {
    world: World,
    service: Service,
    endpoint: String,
    postbox: Postbox,
    opportunity: String,
    referral: String,
    http: reqwest::Client,
}

impl Listening {
    /// Links a deal in the ordinary way, then starts the program anew with a poll an hour. `prefix`: another place
    /// that certificates may be fetched from.
    async fn start(prefix: Option<&str>) -> Self {
        let world = World::start();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        world.configure("[webhook]\nlisten = \"127.0.0.1:0\"", &format!("[webhook]\nlisten = \"{address}\""));
        if let Some(prefix) = prefix {
            let more = format!("certificate_url_prefixes = [\"{prefix}\", ");
            world.configure("certificate_url_prefixes = [", &more);
        }
        let mut service = world.run();
        let opportunity = world.new_opportunity("Contoso Harbour", 5_000).await;
        world.opt_in(&opportunity, true).await;
        let referral = world.referral_of(&opportunity).await;
        world.until_opportunity(&opportunity, "Co_sell_Status__c", |status| status == "in step").await;
        service.stop();
        world.configure("poll_every = \"1s\"", "poll_every = \"1h\"");
        world.configure("poll_every = \"500ms\"", "poll_every = \"1h\"");
        world.configure("[engine]", "[engine]\nreport_every = \"1h\"");
        let postbox = Postbox::open(&world).await;
        let service = world.run();
        // Each delivery has a connection of its own: the endpoint ends idle ones, maybe while they are taken up again.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let endpoint = format!("http://{address}{RECEIVER_PATH}");
        let here = Self { world, service, endpoint, postbox, opportunity, referral, http };
        until("the endpoint", || async { here.http.get(&here.endpoint).send().await.ok() }).await;
        here
    }

    /// Waits until a genuine event has gone all the way and no pass is left: from then on nothing calls by itself.
    async fn caught_up(&self) {
        let letter = self.edited("The first word").await;
        assert_eq!(self.post(&letter).await.status, 200);
        self.world
            .until_opportunity(&self.opportunity, "Description", |notes| notes == "The first word")
            .await;
        until("the polls at the start", || async {
            let log = self.log(Platform::Salesforce).await;
            let walked = |object: &str| log.iter().any(|exchange| path(exchange).contains(object));
            let all = ["FROM+Opportunity+", "FROM+Microsoft_Solution__c", "FROM+OpportunityContactRole"];
            all.iter().all(|object| walked(object) || walked(&object.replace('+', "%20"))).then_some(())
        })
        .await;
        self.quiet().await;
    }

    async fn post(&self, letter: &Letter) -> Answer {
        deliver(&self.http, &self.endpoint, letter).await
    }

    async fn log(&self, platform: Platform) -> Vec<Value> {
        let report = self.world.control(platform, Method::GET, "requests", None).await;
        report["log"].as_array().unwrap().clone()
    }

    /// What both platforms were asked so far.
    async fn calls(&self) -> Calls {
        let portal = self.log(Platform::PartnerCenter).await;
        let crm = self.log(Platform::Salesforce).await;
        let certificates = |exchange: &&Value| path(exchange).starts_with("/cert/");
        // The test itself looks and edits as a seller and a colleague: only the program's own calls count.
        let writes = ["create", "create-companion", "patch"];
        Calls {
            portal_writes: portal.iter().filter(|exchange| writes.contains(&kind(exchange))).count(),
            portal_reads: portal
                .iter()
                .filter(|exchange| kind(exchange) == "read" && path(exchange).contains("/referrals"))
                .count(),
            crm: crm.len(),
            certificates: portal.iter().filter(certificates).count(),
        }
    }

    /// A genuine delivery of an edit by a colleague in the portal.
    async fn edited(&self, notes: &str) -> Letter {
        let before = self.postbox.count();
        let set = json!({ "/details/notes": notes });
        self.world.acts("portal/edit", json!({ "id": self.referral, "set": set })).await;
        self.postbox.next(before, |letter| letter.is_about(&self.referral)).await
    }

    /// A delivery signed by somebody else.
    async fn signed_by(&self, signer: &str) -> Letter {
        self.knobs(json!({ "webhook_signer": signer })).await;
        let letter = self.edited(&format!("signed by {signer}")).await;
        self.knobs(json!({ "webhook_signer": "genuine" })).await;
        letter
    }

    async fn knobs(&self, knobs: Value) {
        self.world.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&knobs)).await;
    }

    /// The forgery is refused for this reason, and no mark is taken.
    async fn refuses(&self, name: &str, letter: &Letter, status: u16, reason: &str) {
        let marks = self.marks();
        let answer = self.post(letter).await;
        assert_eq!((answer.status, answer.reason.as_str()), (status, reason), "{name}");
        assert_eq!(self.marks(), marks, "{name}: marks");
    }

    /// Nobody was asked anything since `before`, but for at most this many certificates.
    async fn cost_nothing_since(&self, before: Calls, certificates: usize) {
        let after = self.calls().await;
        let asked = self.log(Platform::Salesforce).await;
        let new: Vec<&str> = asked.iter().skip(before.crm).map(path).collect();
        assert_eq!(Calls { certificates: 0, ..after }, Calls { certificates: 0, ..before }, "calls, {new:?}");
        let fetched = after.certificates - before.certificates;
        assert!(fetched <= certificates, "{fetched} certificates fetched");
    }

    /// The work rows of the store, with their generations.
    fn marks(&self) -> Vec<String> {
        let store = Connection::open(self.world.folder().join("cosell.sqlite3")).unwrap();
        let mut rows = store.prepare("SELECT * FROM work").unwrap();
        let columns = rows.column_count();
        let rows = rows.query_map([], |row| {
            let cells: Result<Vec<_>, _> =
                (0..columns).map(|at| row.get_ref(at).map(|c| format!("{c:?}"))).collect();
            Ok(cells?.join("|"))
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }
}

/// How a letter was answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    /// Empty for one that was taken.
    reason: String,
    retry_after: Option<String>,
}

async fn deliver(http: &reqwest::Client, endpoint: &str, letter: &Letter) -> Answer {
    let mut request = http.post(endpoint).timeout(ANSWER_WITHIN).body(letter.body.clone());
    for (name, value) in &letter.headers {
        request = request.header(name, value);
    }
    // While connections of this host are still open that a flood is done with, one more may be closed unheard.
    let mut sent = request.try_clone().unwrap().send().await;
    for _ in 0..CLOSED_UNHEARD {
        if sent.as_ref().err().is_none_or(reqwest::Error::is_timeout) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        sent = request.try_clone().unwrap().send().await;
    }
    let answer = sent.unwrap();
    let retry_after = answer.headers().get("retry-after").map(|after| after.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default();
    Answer { status, reason: body["reason"].as_str().unwrap_or_default().to_owned(), retry_after }
}

/// What was asked of the platforms, so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Calls {
    portal_writes: usize,
    portal_reads: usize,
    crm: usize,
    certificates: usize,
}

fn path(exchange: &Value) -> &str {
    exchange["path"].as_str().unwrap()
}

fn kind(exchange: &Value) -> &str {
    exchange["kind"].as_str().unwrap()
}

#[tokio::test]
async fn p17_each_forged_event_is_refused_for_its_own_reason_and_costs_nothing() {
    let elsewhere = Arc::new(AtomicUsize::new(0));
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    let trap_address = trap.local_addr().unwrap();
    let caught = Arc::clone(&elsewhere);
    std::thread::spawn(move || {
        for _ in trap.incoming() {
            caught.fetch_add(1, Ordering::SeqCst);
        }
    });
    let own_file: Arc<Mutex<axum::body::Bytes>> = Arc::default();
    let served = Arc::clone(&own_file);
    let file = move || async move { served.lock().unwrap().clone() };
    let own = serve(Router::new().route("/cert/chain.cer", get(file))).await;
    let here = Listening::start(Some(&format!("http://{own}/cert/"))).await;
    here.caught_up().await;
    let letter = here.edited("A colleague's own words").await;
    assert_eq!(letter.header("x-ms-signature-algorithm"), "rsa-sha256", "the sandbox signs as documented");

    assert_eq!(here.post(&letter).await.status, 200, "a genuine event is taken");
    here.world
        .until_opportunity(&here.opportunity, "Description", |notes| notes == "A colleague's own words")
        .await;
    let settled = here.world.opportunity(&here.opportunity).await;
    let fetched = here.calls().await.certificates;
    assert_eq!(fetched, 1, "one certificate was fetched");
    here.quiet().await;

    let other = here.edited("Nobody was told of this").await;
    let file = letter.header("x-ms-certificate-url").rsplit_once('/').unwrap().1.to_owned();
    let signature = other.header("authorization").to_owned();
    let mut tampered = other.event();
    tampered["EventName"] = json!("referral-created");
    let mut oversized = other.event();
    oversized["Padding"] = json!("x".repeat(TOO_LONG));
    let twice = |name: &str| {
        let mut letter = other.clone();
        letter.headers.push((name.to_owned(), other.header(name).to_owned()));
        letter
    };
    let elsewhere_at = |url: String| other.with("x-ms-certificate-url", &url);
    let genuine_url = other.header("x-ms-certificate-url");
    let genuine_host = genuine_url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let table: Vec<(&str, Letter, u16, &str)> = vec![
        ("no signature", other.without("authorization"), 401, "signature-missing"),
        ("another scheme", other.with("authorization", "Bearer abc"), 401, "signature-missing"),
        ("garbage for a signature", other.with("authorization", "Signature %%%"), 400, "signature-malformed"),
        ("two signatures", twice("authorization"), 400, "signature-malformed"),
        ("a signature of nothing", other.with("authorization", "Signature AAAA"), 401, "signature-wrong"),
        ("a signature over another body", letter.with("authorization", &signature), 401, "signature-wrong"),
        ("a body with a change", other.saying(tampered.to_string()), 401, "signature-wrong"),
        (
            "a body with one more blank",
            other.saying([&other.body[..], b" "].concat()),
            401,
            "signature-wrong",
        ),
        (
            "another hash than was signed",
            other.with("x-ms-signature-algorithm", "RSA-SHA384"),
            401,
            "signature-wrong",
        ),
        ("sha1", other.with("x-ms-signature-algorithm", "rsa-sha1"), 400, "algorithm-refused"),
        ("md5", other.with("x-ms-signature-algorithm", "rsa-md5"), 400, "algorithm-refused"),
        ("no hash", other.with("x-ms-signature-algorithm", "rsa"), 400, "algorithm-refused"),
        ("no algorithm", other.without("x-ms-signature-algorithm"), 400, "algorithm-missing"),
        ("no certificate", other.without("x-ms-certificate-url"), 400, "certificate-url-missing"),
        ("two certificates", twice("x-ms-certificate-url"), 400, "certificate-url-missing"),
        (
            "a certificate on another host",
            elsewhere_at(format!("http://{trap_address}/cert/{file}")),
            400,
            "certificate-url-foreign",
        ),
        (
            "the trusted host as a user's name",
            elsewhere_at(format!("http://{genuine_host}@{trap_address}/cert/{file}")),
            400,
            "certificate-url-foreign",
        ),
        (
            "the trusted host as the beginning of another",
            elsewhere_at(format!("http://127.0.0.1.{trap_address}/cert/{file}")),
            400,
            "certificate-url-foreign",
        ),
        (
            "a way out of the folder",
            elsewhere_at(format!("http://{genuine_host}/cert/../_sandbox/state")),
            400,
            "certificate-url-foreign",
        ),
        (
            "a way out of the folder, escaped",
            elsewhere_at(format!("http://{genuine_host}/cert/%2e%2e/_sandbox/state")),
            400,
            "certificate-url-foreign",
        ),
        (
            "an escaped slash",
            elsewhere_at(format!("http://{genuine_host}/cert/..%2f_sandbox/state")),
            400,
            "certificate-url-foreign",
        ),
        (
            "a certificate with a question",
            elsewhere_at(format!("{genuine_url}?x=1")),
            400,
            "certificate-url-foreign",
        ),
        (
            "a certificate by another scheme",
            elsewhere_at(format!("file:///cert/{file}")),
            400,
            "certificate-url-foreign",
        ),
        ("a body that is too long", other.saying(oversized.to_string()), 413, "body-too-long"),
        ("a form", other.with("content-type", "application/x-www-form-urlencoded"), 415, "content-foreign"),
        ("a compressed body", other.with("content-encoding", "gzip"), 415, "content-foreign"),
        ("no JSON", other.saying("EventName=referral-updated"), 400, "body-malformed"),
        (
            "no referral",
            other.saying(r#"{"EventName":"referral-updated","ResourceUri":"/x"}"#),
            400,
            "resource-malformed",
        ),
        ("nothing at all", Letter { headers: Vec::new(), body: Vec::new() }, 401, "signature-missing"),
    ];
    let before = here.calls().await;
    for (name, forged, status, reason) in &table {
        here.refuses(name, forged, *status, reason).await;
    }
    // Every signature that does not fit may be due to a new certificate at the same address, once a minute.
    here.cost_nothing_since(before, 1).await;
    for (signer, reason) in [
        ("foreign", "chain-untrusted"),
        ("expired", "certificate-expired"),
        ("tampered", "signature-wrong"),
        ("unsigned", "signature-missing"),
    ] {
        let forged = here.signed_by(signer).await;
        let before = here.calls().await;
        here.refuses(signer, &forged, 401, reason).await;
        here.cost_nothing_since(before, 1).await;
    }
    // With its whole chain to the trusted root: only the name of its issuer is wrong.
    let forged = here.signed_by("other-organization").await;
    let chain = format!("{}?chain=1", forged.header("x-ms-certificate-url"));
    *own_file.lock().unwrap() = reqwest::get(chain).await.unwrap().bytes().await.unwrap();
    let before = here.calls().await;
    let forged = forged.with("x-ms-certificate-url", &format!("http://{own}/cert/chain.cer"));
    here.refuses("another organisation's", &forged, 401, "issuer-foreign").await;
    here.cost_nothing_since(before, 0).await;
    assert_eq!(elsewhere.load(Ordering::SeqCst), 0, "nobody called the stranger's host");

    // The same event again: taken before, so that it is not sent once more, and nothing is done.
    let before = here.calls().await;
    here.refuses("a replay", &letter, 200, "").await;
    here.cost_nothing_since(before, 0).await;
    let now = here.world.opportunity(&here.opportunity).await;
    for field in ["Description", "Amount", "StageName", "CloseDate", "Name", "SystemModstamp"] {
        assert_eq!(now[field], settled[field], "{field} changed without a genuine event");
    }

    // And the genuine one still opens the door.
    let genuine = here.edited("Said at last").await;
    assert_eq!(here.post(&genuine).await.status, 200);
    here.world.until_opportunity(&here.opportunity, "Description", |notes| notes == "Said at last").await;
    assert!(!std::fs::read_to_string(here.world.folder().join("cosell.log")).unwrap().contains("panicked"));
}

#[tokio::test]
async fn p17_a_flood_of_forgeries_fetches_one_certificate_and_a_redirect_leads_nowhere() {
    let asked = Arc::new(AtomicUsize::new(0));
    let target: Arc<Mutex<String>> = Arc::default();
    let (count, to) = (Arc::clone(&asked), Arc::clone(&target));
    let redirect = move || async move {
        count.fetch_add(1, Ordering::SeqCst);
        Redirect::temporary(&to.lock().unwrap().clone())
    };
    let place = serve(Router::new().route("/cert/moved.cer", get(redirect))).await;
    let mut here = Listening::start(Some(&format!("http://{place}/cert/"))).await;
    let letter = here.edited("The flood's own words").await;
    let before = here.calls().await;
    here.flood(&letter).await;
    let after = here.calls().await;
    assert_eq!(
        after.certificates,
        before.certificates + 1,
        "one certificate was fetched for the whole flood"
    );
    assert_eq!(after.portal_writes, before.portal_writes, "nothing was written");

    here.caught_up().await;
    let letter = here.edited("The flood's last words").await;
    *target.lock().unwrap() = letter.header("x-ms-certificate-url").to_owned();

    let before = here.calls().await;
    let moved = letter.with("x-ms-certificate-url", &format!("http://{place}/cert/moved.cer"));
    // Nobody's forgery, maybe: the sender is asked to try again.
    here.refuses("a certificate that has moved", &moved, 503, "certificate-unavailable").await;
    here.refuses("the same again", &moved, 503, "certificate-unavailable").await;
    assert_eq!(
        here.post(&moved).await.retry_after.as_deref(),
        Some("60"),
        "the sender is told when to come back"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the address was asked once");
    assert_eq!(here.calls().await, before, "nobody followed the redirect");

    let marks = here.marks();
    here.flood(&letter).await;
    assert_eq!(here.calls().await, before, "another flood costs nothing at all");
    assert_eq!(here.marks(), marks, "no mark was taken");

    // The flood did not push the genuine one out.
    assert_eq!(here.post(&letter).await.status, 200);
    here.world
        .until_opportunity(&here.opportunity, "Description", |notes| notes == "The flood's last words")
        .await;
    assert_eq!(here.calls().await.certificates, before.certificates);
    assert!(here.service.is_up());
}

#[tokio::test]
async fn a_genuine_event_of_an_unknown_record_costs_one_read() {
    let here = Listening::start(None).await;
    here.caught_up().await;
    let unknown = "00000000-dead-4000-8000-00000000beef";
    let rule = json!({ "kind": "read", "path_contains": unknown, "status": 404 });
    here.world.control(Platform::PartnerCenter, Method::POST, "faults", Some(&rule)).await;
    let (before, own) = (here.calls().await, here.reads_of(unknown).await);
    assert_eq!(own, 0);
    let of_ours = here.world.referral(&here.referral).await;
    let mut theirs = of_ours.clone();
    for member in ["eTag", "links", "@odata.context", "engagementId", "externalReferenceId"] {
        theirs.as_object_mut().unwrap().remove(member);
    }
    theirs["id"] = json!(unknown);
    theirs["status"] = json!("New");
    theirs["substatus"] = json!("Pending");
    here.world.acts("microsoft/invite", json!({ "referral": theirs, "withMicrosoft": false })).await;
    let letter = here.postbox.next(0, |letter| letter.is_about(unknown)).await;
    assert_eq!(here.post(&letter).await.status, 200, "it is genuine");
    until("the one read", || async { (here.reads_of(unknown).await == 1).then_some(()) }).await;
    assert_eq!(here.post(&letter).await.status, 200, "a replay is answered like the original");

    // A genuine event behind it goes all the way: the unknown one was over by then.
    let genuine = here.edited("Behind the unknown one").await;
    assert_eq!(here.post(&genuine).await.status, 200);
    here.world
        .until_opportunity(&here.opportunity, "Description", |notes| notes == "Behind the unknown one")
        .await;
    assert_eq!(here.reads_of(unknown).await, 1, "the unknown record was read once");
    let after = here.calls().await;
    assert_eq!(after.portal_writes, before.portal_writes, "nothing was written to the portal");
    let born = here.world.query("SELECT Id FROM Opportunity").await;
    assert_eq!(born.len(), 1, "no opportunity was born of it");
}

#[tokio::test]
async fn a_store_that_cannot_keep_the_mark_asks_the_sender_to_try_again() {
    let here = Listening::start(None).await;
    here.caught_up().await;
    let letter = here.edited("Told while the store was away").await;
    let store = Connection::open(here.world.folder().join("cosell.sqlite3")).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = here.post(&letter).await;
    assert_eq!((answer.status, answer.reason.as_str()), (503, "store-down"), "the mark could not be kept");
    assert!(answer.retry_after.is_some(), "the sender is told when to come back");
    store.execute_batch("ROLLBACK").unwrap();
    drop(store);
    assert_eq!(here.post(&letter).await.status, 200, "what failed before is not taken for a replay");
    here.world
        .until_opportunity(&here.opportunity, "Description", |notes| notes == "Told while the store was away")
        .await;
}

impl Listening {
    /// Sends many forgeries at once; each is refused.
    async fn flood(&self, letter: &Letter) {
        let mut flood = tokio::task::JoinSet::new();
        let at_once = Arc::new(Semaphore::new(FLOOD_AT_ONCE));
        for n in 0..FLOOD {
            let mut body = letter.event();
            body["ResourceChangeUtcDate"] = json!(format!("2026-01-01T00:{:02}:{:02}Z", n / 60, n % 60));
            let forged = letter.saying(body.to_string());
            let (http, endpoint) = (self.http.clone(), self.endpoint.clone());
            let at_once = Arc::clone(&at_once);
            flood.spawn(async move {
                let _place = at_once.acquire().await.unwrap();
                deliver(&http, &endpoint, &forged).await.reason
            });
        }
        let reasons = flood.join_all().await;
        assert!(reasons.iter().all(|reason| reason == "signature-wrong"), "{reasons:?}");
    }

    /// Waits until no work is left but status lines, which are an hour apart here.
    async fn quiet(&self) {
        until("the last pass", || async {
            let store = Connection::open(self.world.folder().join("cosell.sqlite3")).unwrap();
            let soon = jiff::Timestamp::now().as_microsecond() + 600_000_000;
            let sql = "SELECT count(*) FROM work WHERE wake < ?1 OR state <> 'waiting'";
            let left: i64 = store.query_row(sql, [soon], |row| row.get(0)).unwrap();
            (left == 0).then_some(())
        })
        .await;
    }

    /// How often the program read this record.
    async fn reads_of(&self, referral: &str) -> usize {
        let log = self.log(Platform::PartnerCenter).await;
        log.iter().filter(|exchange| path(exchange).contains(referral)).count()
    }
}
