//! M5, M16, P4, P5: where events go is shown, never taken unseen, watched, and not relied upon.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{COSELL, PATIENCE, Platform, World, until},
    postbox::{REFERRAL_EVENTS, registers, registration},
};

/// Somebody else's address, with a key in it that opens their door.
const THEIRS: &str = "https://other.example/flows/1?sig=s3cret";
/// What is shown of it while it keeps its place.
const THEIRS_SHOWN: &str = "https://other.example/flows/1?...";

/// A world whose program listens for events and probes at known addresses, and says where it is reached.
struct Place {
    world: World,
    ours: String,
    admin: String,
}

impl Place {
    /// `more`: further lines of the section `[webhook]`.
    fn new(more: &str) -> Self {
        let world = World::start();
        let (events, admin) = (free_address(), free_address());
        world.configure(
            "[webhook]\nlisten = \"127.0.0.1:0\"",
            &format!(
                "[admin]\nlisten = \"{admin}\"\n\n[webhook]\nlisten = \"{events}\"\n\
                 public_url = \"http://{events}\"\n{more}"
            ),
        );
        let ours = format!("http://{events}/webhooks/partner-center");
        Self { world, ours, admin: format!("http://{admin}") }
    }

    /// Runs `cosell webhook ...`; whether it succeeded, its JSON, and what it complained of.
    fn webhook(&self, arguments: &[&str]) -> (bool, Value, String) {
        let mut all = vec!["webhook"];
        all.extend(arguments);
        all.extend(["--format", "json"]);
        let output = self.world.cosell(&all);
        let told = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.success(), told, String::from_utf8(output.stderr).unwrap())
    }

    async fn problem(&self) -> Option<Value> {
        let health = self.world.call(Method::GET, &format!("{}/healthz", self.admin), None, None).await;
        let problems = health["connection_problems"].as_array().unwrap().clone();
        problems.into_iter().find(|problem| problem["key"] == "partner_center.webhook")
    }

    /// Waits until the problem's sentence mentions `text`; the problem.
    async fn until_problem(&self, text: &str) -> Value {
        until(&format!("the alert to mention {text}"), || async {
            self.problem().await.filter(|problem| problem["sentence"].as_str().unwrap().contains(text))
        })
        .await
    }

    async fn until_calm(&self) {
        until("the alert to clear", || async { self.problem().await.is_none().then_some(()) }).await;
    }

    async fn until_up(&self) {
        let http = reqwest::Client::new();
        until("the service", || async {
            http.get(format!("{}/healthz", self.admin)).send().await.ok().filter(|up| up.status() == 200)
        })
        .await;
    }
}

/// Free now; nobody else on this machine asks for a port by number in the moment until it is taken.
fn free_address() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn m5_the_present_registration_is_shown_and_displacing_it_needs_replace() {
    let place = Place::new("");
    registers(&place.world, Method::POST, THEIRS, &["referral-created", "invoice-ready"]).await;
    let theirs = registration(&place.world).await;

    let (shown, told, _) = place.webhook(&["show"]);
    assert!(shown);
    assert_eq!(
        (&told["registration"]["url"], &told["standing"]),
        (&json!(THEIRS_SHOWN), &json!("displaced"))
    );
    let text = place.world.cosell(&["webhook", "show"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains(THEIRS_SHOWN) && !text.contains("s3cret"), "{text}");
    assert_eq!(told["wanted"]["url"], json!(place.ours));
    assert!(told["available_events"].as_array().unwrap().contains(&json!("related-referral-updated")));

    // Without being told to, nothing is displaced; whom it would hit is named, but not the key to their door.
    let text = place.world.cosell(&["webhook", "register"]);
    let complaint = String::from_utf8(text.stderr).unwrap();
    assert!(!text.status.success());
    assert!(
        complaint.contains("https://other.example/flows/1") && complaint.contains("--replace"),
        "{complaint}"
    );
    assert!(!complaint.contains("s3cret"), "{complaint}");
    let said = String::from_utf8(text.stdout).unwrap();
    assert!(said.starts_with("before") && said.contains(THEIRS_SHOWN), "what stands is shown first: {said}");
    assert!(!said.contains("s3cret"), "{said}");
    let (done, told, _) = place.webhook(&["register"]);
    assert_eq!((done, &told["outcome"]), (false, &json!("refused")));
    assert!(!told.to_string().contains("s3cret"), "{told}");
    assert_eq!(registration(&place.world).await, theirs, "nothing was changed");

    // Told to, it says what it displaced and how to put it back.
    let (done, told, complaint) = place.webhook(&["register", "--replace"]);
    assert!(done, "{complaint}");
    assert_eq!((&told["outcome"], &told["displaced"]["url"]), (&json!("replaced"), &json!(THEIRS)));
    let ours = registration(&place.world).await;
    assert_eq!(ours["WebhookUrl"], json!(place.ours));
    for event in REFERRAL_EVENTS.iter().chain(&["test-created"]) {
        assert!(ours["WebhookEvents"].as_array().unwrap().contains(&json!(event)), "{event}");
    }

    // And that works as it is printed, with the address where a person keeps it: a command line shows no key.
    let put_back = told["put_back"].as_str().unwrap();
    assert!(!put_back.contains("s3cret"), "{put_back}");
    let kept = place.world.folder().join("theirs");
    std::fs::write(&kept, format!("{THEIRS}\n")).unwrap();
    let put_back = put_back.replace("PATH", &format!("'{}'", kept.display()));
    let script = format!(
        "cosell() {{ '{COSELL}' --config '{}' \"$@\"; }}\n{put_back}",
        place.world.config().display()
    );
    assert!(
        std::process::Command::new("sh").args(["-c", &script]).output().unwrap().status.success(),
        "{script}"
    );
    assert_eq!(registration(&place.world).await, theirs, "it is theirs again");
}

#[tokio::test]
async fn m5_a_test_event_is_sent_and_its_delivery_shown_and_missing_events_are_completed() {
    let place = Place::new("");
    let (shown, told, _) = place.webhook(&["show"]);
    assert_eq!((shown, &told["standing"], &told["registration"]), (true, &json!("absent"), &Value::Null));
    let (sent, _, complaint) = place.webhook(&["test"]);
    assert!(!sent && complaint.contains("cosell webhook register"), "{complaint}");

    let _service = place.world.run();
    place.until_up().await;
    let (done, told, complaint) = place.webhook(&["register"]);
    assert_eq!((done, &told["outcome"]), (true, &json!("registered")), "{complaint}");
    let (done, told, _) = place.webhook(&["register"]);
    assert_eq!((done, &told["outcome"]), (true, &json!("unchanged")), "it says that it is ours already");

    // Half of the events are gone, and one of somebody else's is there.
    registers(&place.world, Method::PUT, &place.ours, &["referral-created", "invoice-ready"]).await;
    let (_, told, _) = place.webhook(&["show"]);
    assert_eq!(
        told["lacking"],
        json!(["referral-updated", "related-referral-created", "related-referral-updated", "test-created"])
    );
    let (sent, _, complaint) = place.webhook(&["test"]);
    assert!(!sent && complaint.contains("test-created") && complaint.contains("fix: "), "{complaint}");
    let (done, told, complaint) = place.webhook(&["register"]);
    assert_eq!(
        (done, &told["outcome"], &told["dropped"]),
        (true, &json!("changed"), &json!([])),
        "{complaint}"
    );
    assert_eq!(registration(&place.world).await["WebhookEvents"].as_array().unwrap().len(), 6);

    // The service answers the test event, and each delivery is shown.
    let text = place.world.cosell(&["webhook", "test"]);
    let told = String::from_utf8(text.stdout).unwrap();
    assert!(text.status.success(), "{told}{}", String::from_utf8_lossy(&text.stderr));
    assert!(
        told.contains("delivery 1") && told.contains("OK") && told.contains("result       arrived"),
        "{told}"
    );
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    let (sent, told, complaint) = place.webhook(&["test"]);
    assert!(sent, "{complaint}");
    assert_eq!((&told["status"], &told["callback_url"]), (&json!("completed"), &json!(place.ours)));
    assert_eq!(told["attempts"][0]["response_code"], "OK");
    assert!(told["attempts"][0]["at"].is_string());
    let health = place.world.call(Method::GET, &format!("{}/healthz", place.admin), None, None).await;
    assert_eq!(health["events"]["taken"], 2, "both arrived and were believed: {}", health["events"]);

    // Two a minute.
    let (sent, _, complaint) = place.webhook(&["test"]);
    assert!(!sent && complaint.contains("two test events a minute"), "{complaint}");
}

#[tokio::test]
async fn m5_a_test_event_that_does_not_arrive_is_said_to_and_can_be_looked_at_again() {
    let place = Place::new("");
    let (done, ..) = place.webhook(&["register"]);
    assert!(done, "registering needs no running service");
    let (sent, told, _) = place.webhook(&["test", "--wait", "1"]);
    assert_eq!((sent, &told["delivered"]), (false, &json!(false)));
    assert!(told["next_step"].is_string(), "{told}");
    let id = told["correlation_id"].as_str().unwrap().to_owned();
    let _service = place.world.run();
    place.until_up().await;
    // Partner Center tries again by itself.
    let (arrived, told, complaint) = place.webhook(&["test", "--result", &id]);
    assert!(arrived, "{told} {complaint}");
    let attempts = told["attempts"].as_array().unwrap();
    assert!(attempts.len() > 1, "each attempt is shown: {told}");
    assert_ne!(attempts[0]["response_code"], "OK");
    assert_eq!(attempts.last().unwrap()["response_code"], "OK");
}

#[tokio::test]
async fn m5_the_signature_may_come_in_the_other_header_behind_a_proxy_that_keeps_authorization() {
    let place = Place::new("signature_in_ms_header = true\n");
    let _service = place.world.run();
    place.until_up().await;
    assert!(place.webhook(&["register"]).0);
    let (arrived, told, complaint) = place.webhook(&["test"]);
    assert!(arrived, "{told} {complaint}");
    // Whoever switches it later registers anew: what stands does not say in which header signatures come.
    place.world.configure("signature_in_ms_header = true", "signature_in_ms_header = false");
    assert_eq!(place.webhook(&["register"]).1["outcome"], "unchanged");
    assert_eq!(place.webhook(&["register", "--replace"]).1["outcome"], "changed");
    assert!(place.webhook(&["test"]).0);
}

#[tokio::test]
async fn m5_a_registration_that_appears_at_the_same_moment_is_never_overwritten() {
    let place = Place::new("");
    registers(&place.world, Method::POST, THEIRS, &["referral-created"]).await;
    let theirs = registration(&place.world).await;
    for arguments in [&["register"][..], &["register", "--replace"]] {
        let late = json!({ "method": "GET", "path_contains": "/registration", "status": 404, "times": 1 });
        place.world.control(Platform::PartnerCenter, Method::POST, "faults", Some(&late)).await;
        let (done, told, complaint) = place.webhook(arguments);
        assert_eq!((done, &told["outcome"]), (false, &json!("refused")), "{complaint}");
        assert_eq!(told["would_displace"]["url"], THEIRS_SHOWN, "what stands is read again and shown");
        assert_eq!(registration(&place.world).await, theirs, "{arguments:?}");
    }
}

#[tokio::test]
async fn m5_a_registration_whose_answer_was_lost_is_read_again() {
    let place = Place::new("");
    let lose = async |method: &str| {
        let cut =
            json!({ "method": method, "path_contains": "/registration", "cut": "after-effect", "times": 1 });
        place.world.control(Platform::PartnerCenter, Method::POST, "faults", Some(&cut)).await;
    };
    lose("POST").await;
    let (done, told, complaint) = place.webhook(&["register"]);
    assert_eq!((done, &told["outcome"]), (true, &json!("registered")), "{complaint}");
    registers(&place.world, Method::PUT, THEIRS, &["referral-created"]).await;
    lose("PUT").await;
    let (done, told, complaint) = place.webhook(&["register", "--replace"]);
    assert_eq!((done, &told["outcome"]), (true, &json!("replaced")), "{complaint}");
    assert_eq!(told["displaced"]["url"], THEIRS);
    assert_eq!(registration(&place.world).await["WebhookUrl"], json!(place.ours));

    // And if what came of it cannot be read either, how to put it back is said all the same.
    registers(&place.world, Method::PUT, THEIRS, &["referral-created"]).await;
    let blind = json!({ "method": "GET", "path_contains": "/registration", "status": 400, "skip": 2 });
    place.world.control(Platform::PartnerCenter, Method::POST, "faults", Some(&blind)).await;
    let (done, told, _) = place.webhook(&["register", "--replace"]);
    assert_eq!((done, &told["outcome"]), (false, &json!("unconfirmed")), "{told}");
    assert!(told["displaced"]["url"] == THEIRS && told["why"].is_string(), "{told}");
}

#[tokio::test]
async fn m5_a_registration_whose_request_was_lost_is_not_said_to_have_displaced_anybody() {
    let place = Place::new("");
    let lose = async |method: &str| {
        let cut =
            json!({ "method": method, "path_contains": "/registration", "cut": "before-effect", "times": 1 });
        place.world.control(Platform::PartnerCenter, Method::POST, "faults", Some(&cut)).await;
    };
    lose("POST").await;
    let (done, told, complaint) = place.webhook(&["register"]);
    assert!(!done && complaint.contains("nothing was changed: there is none still"), "{told} {complaint}");
    registers(&place.world, Method::POST, THEIRS, &["referral-created"]).await;
    let theirs = registration(&place.world).await;
    lose("PUT").await;
    let (done, told, complaint) = place.webhook(&["register", "--replace"]);
    assert!(!done && complaint.contains("the former registration stands"), "{told} {complaint}");
    assert_eq!((told, complaint.contains("s3cret")), (Value::Null, false), "nobody was displaced");
    assert_eq!(registration(&place.world).await, theirs);
}

#[tokio::test]
async fn m5_a_test_event_is_followed_through_looks_that_fail_and_its_id_is_never_lost() {
    let place = Place::new("");
    let _service = place.world.run();
    place.until_up().await;
    assert!(place.webhook(&["register"]).0);
    let fail = async |status: u16, times: Option<u32>| {
        let fault = json!({ "method": "GET", "path_contains": "/validationEvents/", "status": status,
            "times": times });
        place.world.control(Platform::PartnerCenter, Method::POST, "faults", Some(&fault)).await;
    };
    fail(503, Some(2)).await;
    let (arrived, told, complaint) = place.webhook(&["test"]);
    assert!(arrived, "{told} {complaint}");
    let id = told["correlation_id"].as_str().unwrap().to_owned();

    // As long as no look succeeds, it is said that nobody knows, and not that nothing arrived.
    fail(503, None).await;
    let (arrived, told, _) = place.webhook(&["test", "--result", &id, "--wait", "1"]);
    assert_eq!((arrived, &told["correlation_id"]), (false, &json!(id)));
    assert!(told["unseen"].is_string() && told["next_step"].as_str().unwrap().contains(&id), "{told}");
    place.world.control(Platform::PartnerCenter, Method::DELETE, "faults", None).await;

    // A look that no wait would mend ends it, and the complaint names the id.
    fail(400, None).await;
    let (arrived, _, complaint) = place.webhook(&["test", "--result", &id]);
    assert!(!arrived && complaint.contains(&format!("--result {id}")), "{complaint}");
}

#[tokio::test]
async fn m5_what_cannot_be_registered_is_refused_with_the_fix() {
    let place = Place::new("");
    let line = format!("public_url = \"{}\"", place.ours.strip_suffix("/webhooks/partner-center").unwrap());
    let with = |line_now: &str, arguments: &[&str]| {
        place.world.configure(&line, line_now);
        let (done, _, complaint) = place.webhook(arguments);
        place.world.configure(line_now, &line);
        assert!(!done);
        complaint
    };
    let table = [
        ("#no public address", &["register"][..], "public_url is not set"),
        ("public_url = \"http://cosell.example.com\"", &["register"], "https"),
        ("public_url = \"cosell.example.com\"", &["register"], "no address"),
        ("public_url = \"https://cosell.example.com/x?key=1\"", &["register"], "a query"),
        (
            &line,
            &["register", "--events", "referral-created,referral-vanished"],
            "no event referral-vanished",
        ),
        (&line, &["register", "--url", "mailto:me@example.com", "--events", "test-created"], "no address"),
    ];
    for (line_now, arguments, complaint) in table {
        let told = with(line_now, arguments);
        assert!(told.contains(complaint) && told.contains("fix: "), "{line_now} {arguments:?}: {told}");
    }
    let token = place.world.webhooks_token().await;
    let url =
        format!("{}/registration", place.world.ready["partner_center"]["webhooks_url"].as_str().unwrap());
    let (status, _) = place.world.try_call(Method::GET, &url, Some(&token), None).await;
    assert_eq!(status, 404, "nothing was registered");
}

#[tokio::test]
async fn m16_a_rehearsal_never_takes_productions_registration() {
    let place = Place::new("");
    let portal = place.world.ready["partner_center"]["webhooks_url"].as_str().unwrap().to_owned();
    // Without an address of its own, the registration is the real portal's.
    place.world.configure(&format!("webhooks_url = \"{portal}\"\n"), "");
    place.world.configure(
        &format!("public_url = \"{}\"", place.ours.strip_suffix("/webhooks/partner-center").unwrap()),
        "public_url = \"https://cosell.example.com\"",
    );
    let sandbox_org = json!({ "path_contains": "IsSandbox", "status": 200, "body": { "totalSize": 1, "done": true,
        "records": [{ "attributes": { "type": "Organization" }, "IsSandbox": true }] } });
    place.world.control(Platform::Salesforce, Method::POST, "faults", Some(&sandbox_org)).await;
    let (done, told, complaint) = place.webhook(&["register", "--replace"]);
    assert!(!done && complaint.contains("sandbox org") && complaint.contains("fix: "), "{told} {complaint}");
}

#[tokio::test]
async fn p4_being_displaced_raises_an_alert_that_clears_when_events_come_again() {
    let place = Place::new("check_every = \"100ms\"\n");
    let _service = place.world.run();
    place.until_up().await;
    let absent = place.until_problem("to nobody").await;
    assert_eq!(absent["next_step"], "Run: cosell webhook register");
    assert!(place.webhook(&["register"]).0);
    place.until_calm().await;

    registers(&place.world, Method::PUT, THEIRS, &["referral-created"]).await;
    let displaced = place.until_problem("https://other.example/flows/1").await;
    assert!(displaced["next_step"].as_str().unwrap().contains("--replace"), "{displaced}");
    assert!(!displaced.to_string().contains("s3cret"), "the key to their door is kept out of it");
    assert_eq!(registration(&place.world).await["WebhookUrl"], THEIRS, "the service does not fight for it");

    registers(&place.world, Method::PUT, &place.ours, &["referral-created"]).await;
    place.until_problem("lacks the events referral-updated").await;
    registers(&place.world, Method::PUT, &place.ours, &REFERRAL_EVENTS).await;
    place.until_calm().await;

    // Who may not look is told so, and by which role one may.
    let refused = json!({ "method": "GET", "path_contains": "/registration", "status": 403 });
    place.world.control(Platform::PartnerCenter, Method::POST, "faults", Some(&refused)).await;
    let unseen = place.until_problem("may not see").await;
    assert!(unseen["next_step"].as_str().unwrap().contains("Referrals admin"), "{unseen}");
    let shown = place.webhook(&["show"]);
    assert!(!shown.0 && shown.2.contains("Referrals admin"), "{}", shown.2);
    place.world.control(Platform::PartnerCenter, Method::DELETE, "faults", None).await;
    place.until_calm().await;
    let log = std::fs::read_to_string(place.world.folder().join("cosell.log")).unwrap();
    assert!(!log.contains("s3cret"));
}

#[tokio::test]
async fn p5_events_that_never_leave_are_made_up_for_by_the_poll() {
    let world = World::start();
    world.listen_for_events().await;
    let lose = json!({ "webhook_lose_percent": 100 });
    world.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&lose)).await;
    let _service = world.run();
    let opportunity = world.new_opportunity("Lost in the post", 5_000).await;
    world.opt_in(&opportunity, true).await;
    let referral = world.referral_of(&opportunity).await;
    let notes = json!({ "id": referral, "set": { "/details/notes": "Nobody was told of this" } });
    world.acts("portal/edit", notes).await;
    world.until_opportunity(&opportunity, "Description", |notes| notes == "Nobody was told of this").await;
    let fates = fates(&world).await;
    assert!(!fates.is_empty() && fates.iter().all(|fate| fate == "lost"), "{fates:?}");
}

#[tokio::test]
async fn p5_events_whose_ten_attempts_all_failed_are_made_up_for_by_the_poll() {
    let world = World::start();
    world.listen_for_events().await;
    let hasty = json!({ "webhook_retry_ms": 1 });
    world.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&hasty)).await;
    let mut service = world.run();
    let opportunity = world.new_opportunity("Nobody at home", 5_000).await;
    world.opt_in(&opportunity, true).await;
    let referral = world.referral_of(&opportunity).await;
    world.until_opportunity(&opportunity, "Co_sell_Status__c", |status| status == "in step").await;
    service.stop();
    let notes = json!({ "id": referral, "set": { "/details/notes": "Said while nobody listened" } });
    world.acts("portal/edit", notes).await;
    until("the last attempt", || async {
        let fates = fates(&world).await;
        (fates.contains(&"parked".to_owned()) && !fates.contains(&"waiting".to_owned())).then_some(())
    })
    .await;
    let _service = world.run();
    world.until_opportunity(&opportunity, "Description", |notes| notes == "Said while nobody listened").await;
}

/// What became of each event so far.
async fn fates(world: &World) -> Vec<String> {
    let report = world.control(Platform::PartnerCenter, Method::GET, "webhooks", None).await;
    let deliveries = report["deliveries"].as_array().unwrap();
    deliveries.iter().map(|delivery| delivery["fate"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn p17_the_service_answers_to_exactly_what_it_describes_and_never_with_a_failure_of_its_own() {
    let place = Place::new("");
    let _service = place.world.run();
    place.until_up().await;
    let description =
        place.world.call(Method::GET, &format!("{}/openapi.json", place.admin), None, None).await;
    let http = reqwest::Client::new();
    let events = place.ours.strip_suffix("/webhooks/partner-center").unwrap();
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"];
    let paths = description["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 3);
    for (path, operations) in paths {
        let base = if path.starts_with("/webhooks") { events } else { &place.admin };
        for method in methods {
            let called = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = http.request(called, format!("{base}{path}")).send().await.unwrap();
            let status = answer.status().as_u16();
            let allow = answer.headers().get("allow").map(|allow| allow.to_str().unwrap().to_owned());
            let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            if let Some(operation) = operations.get(method.to_lowercase()) {
                assert!(
                    operation["responses"].get(status.to_string()).is_some(),
                    "{method} {path}: {status}"
                );
                assert_ne!(status, 405, "{method} {path}");
            } else {
                assert_eq!((status, &body["reason"]), (405, &json!("method-not-allowed")), "{method} {path}");
                let allow = allow.unwrap_or_default().to_lowercase();
                let described = operations.as_object().unwrap().keys();
                assert!(described.clone().all(|known| allow.contains(known)), "{method} {path}: {allow}");
            }
        }
    }
    for base in [events, &place.admin] {
        for path in ["/", "/webhooks", "/healthz/", "/openapi.json/x", "/%00", "/webhooks/partner-center/"] {
            let answer = http.get(format!("{base}{path}")).send().await.unwrap();
            let status = answer.status();
            let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            assert_eq!((status.as_u16(), &body["reason"]), (404, &json!("not-found")), "{base}{path}");
        }
    }
    // Rubbish on the wire, a head without end and a body without end are refused at their bounds.
    let head = "POST /webhooks/partner-center HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let endless = format!("{head}{}", chunk.repeat(64));
    let long_head = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1_000_000));
    for (name, sent, status) in [
        ("a body without end", endless, "413"),
        ("a head without end", long_head, "431"),
        ("rubbish", "\u{16}\u{3}\u{1} hello\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = over_the_wire(events, &sent);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{name}: {answer}");
    }
}

/// Sends bytes as they are; the answer as far as it came.
fn over_the_wire(base: &str, sent: &str) -> String {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The other side may close before it has read everything.
    let _ = stream.write_all(sent.as_bytes());
    let mut answer = vec![0; 12];
    let _ = stream.read_exact(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
