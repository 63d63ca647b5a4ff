//! M4 and P3, Salesforce's part: three ways to log in, a person's sign-in made by a command and kept through rotation and
//! kills, trouble told with the next step.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use super::connections::LoginProcess;
use crate::harness::{Platform, World, until};

const KEY: &str = "private_key = \"file:salesforce.key\"\n";

fn said(world: &World, name: &str) -> String {
    world.ready["salesforce"][name].as_str().unwrap().to_owned()
}

fn username(world: &World) -> String {
    format!("username = \"{}\"\n", said(world, "username"))
}

async fn knobs(world: &World, knobs: Value) {
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
}

/// What `cosell connections` says of Salesforce.
fn salesforce(world: &World, arguments: &[&str]) -> Value {
    let mut all = vec!["connections"];
    all.extend(arguments);
    world.cosell_json(&all).into_iter().find(|one| one["key"] == "salesforce.sign_in").unwrap()
}

/// A configuration with neither key nor secret, and an app that lets the browser come back here.
async fn nobody_signed_in(sign_in: Value) -> World {
    let world = World::start();
    // Free now; nobody else on this machine asks for a port by number in the moment until it is taken.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let redirect = format!("http://localhost:{free}/salesforce");
    fs::write(world.folder().join("salesforce.secret"), said(&world, "consumer_secret")).unwrap();
    let login = format!(
        "flow = \"login\"\nclient_secret = \"file:salesforce.secret\"\nlogin_redirect = \"{redirect}\"\n"
    );
    world.configure(KEY, &login);
    let mut settings = json!({ "callback_urls": [redirect] });
    settings.as_object_mut().unwrap().extend(sign_in.as_object().unwrap().clone());
    knobs(&world, json!({ "sign_in": settings })).await;
    world
}

/// Signs in, as a person whose browser approves at once.
async fn login(world: &World) -> Vec<Value> {
    let mut login = LoginProcess::at(world, "salesforce", &["--no-open"]);
    let shown = login.says();
    let page = reqwest::get(shown["address"].as_str().unwrap()).await.unwrap();
    assert_eq!(page.status(), 200, "{shown}");
    let (told, well) = login.ends();
    assert!(well, "{told:?}");
    told
}

/// How often the kept sign-in was rotated, as an operator reads it from the store.
fn version(world: &World) -> u64 {
    let store = rusqlite::Connection::open(world.folder().join("cosell.sqlite3")).unwrap();
    store
        .query_row("SELECT version FROM token WHERE name = 'salesforce'", [], |row| row.get::<_, i64>(0))
        .map_or(0, |version| u64::try_from(version).unwrap())
}

#[tokio::test]
async fn m4_a_person_signs_in_to_salesforce_by_a_command_and_the_service_works_from_what_was_kept() {
    let world = nobody_signed_in(json!({ "approval": "waits" })).await;
    let before = salesforce(&world, &[]);
    assert_eq!(
        (&before["state"], &before["next_step"]),
        (&json!("never signed in"), &json!("Run: cosell login salesforce"))
    );

    let mut login = LoginProcess::at(&world, "salesforce", &["--no-open"]);
    let shown = login.says();
    let address = reqwest::Url::parse(shown["address"].as_str().unwrap()).unwrap();
    let asked: Vec<(String, String)> = address.query_pairs().into_owned().collect();
    let has = |name: &str, value: &str| asked.iter().any(|(key, own)| key == name && own == value);
    assert!(has("code_challenge_method", "S256") && has("scope", "api refresh_token"), "{asked:?}");
    assert!(!asked.iter().any(|(name, _)| name == "code_verifier" || name == "client_secret"), "{asked:?}");
    // The person reads the page and allows the access, as the integration user.
    let page = reqwest::get(address.clone()).await.unwrap().text().await.unwrap();
    assert!(page.contains("Allow access?"), "{page}");
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(&asked);
    form.append_pair("username", &said(&world, "username")).append_pair("decision", "approve");
    let answer = reqwest::Client::new()
        .post(address)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.finish())
        .send()
        .await
        .unwrap();
    assert!(answer.text().await.unwrap().contains("close this page"));
    let (told, well) = login.ends();
    assert!(well, "{told:?}");
    assert_eq!(told[0]["account"], said(&world, "username"));
    assert_eq!(told[0]["org_id"], said(&world, "org_id"));
    assert_eq!((&told[1]["connection"], &told[1]["works"]), (&json!("Salesforce"), &json!(true)));

    let tested = salesforce(&world, &["--test"]);
    assert_eq!(tested["state"], "ok", "{tested}");
    assert_eq!(tested["flow"], "signed in by a person");
    assert_eq!(tested["account"], said(&world, "username"));
    assert_eq!(tested["org_id"], said(&world, "org_id"));
    assert_eq!(tested["instance"], said(&world, "instance_url"));
    assert!(tested["is_sandbox"].is_boolean(), "{tested}");
    assert!(tested["limits"]["DailyApiRequests"]["max"].is_number(), "{tested}");

    let _service = world.run();
    let opportunity = world.new_opportunity("Signed in by a person", 1000).await;
    world.opt_in(&opportunity, false).await;
    world.referral_of(&opportunity).await;
}

#[tokio::test]
async fn m4_a_salesforce_sign_in_that_is_declined_or_somebody_elses_keeps_nothing() {
    let world = nobody_signed_in(json!({ "approval": "declines" })).await;
    let mut login = LoginProcess::at(&world, "salesforce", &["--no-open"]);
    let shown = login.says();
    reqwest::get(shown["address"].as_str().unwrap()).await.unwrap();
    let told = login.complaint();
    assert!(told.contains("declined") && told.contains("fix: "), "{told}");
    assert!(!login.ends().1);

    // Somebody else's: the page is answered by a seller, and the configuration names the integration user.
    let seller = world.ready["salesforce"]["seller"]["username"].as_str().unwrap().to_owned();
    let redirect = shown["address"].as_str().unwrap();
    let redirect = reqwest::Url::parse(redirect).unwrap();
    let (_, redirect) = redirect.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap();
    knobs(&world, json!({ "sign_in": { "approval": "approves", "callback_urls": [redirect] } })).await;
    let mut login = LoginProcess::at(&world, "salesforce", &["--no-open"]);
    let shown = login.says();
    let own = said(&world, "username").replace('@', "%40");
    let address = shown["address"].as_str().unwrap();
    assert!(address.contains(&own), "{address}");
    reqwest::get(address.replace(&own, &seller)).await.unwrap();
    let told = login.complaint();
    assert!(told.contains(&seller) && told.contains("nothing was kept") && told.contains("fix: "), "{told}");
    assert_eq!(version(&world), 0);
    assert_eq!(salesforce(&world, &[])["state"], "never signed in");
}

#[tokio::test]
async fn m4_a_rotated_refresh_token_outlives_kills_of_the_service() {
    let world = nobody_signed_in(json!({ "approval": "approves" })).await;
    login(&world).await;
    // Sessions that end before the next poll: every poll spends the refresh token, which dies of it.
    knobs(&world, json!({ "token_ttl_seconds": 1 })).await;
    world.configure("poll_every = \"500ms\"", "poll_every = \"1200ms\"");
    world.configure("[salesforce.events]\n", "[salesforce.events]\nenabled = false\n");
    for round in 0..3 {
        let before = version(&world);
        let mut service = world.run();
        until("the sign-in is rotated twice", || async { (version(&world) >= before + 2).then_some(()) })
            .await;
        service.kill();
        let kept = salesforce(&world, &["--test"]);
        assert_eq!(kept["state"], "ok", "after kill {round}: {kept}");
    }
}

#[tokio::test]
async fn p3_a_revoked_salesforce_sign_in_is_told_with_the_next_step_and_a_new_one_is_taken_up() {
    let world = nobody_signed_in(json!({ "approval": "approves" })).await;
    login(&world).await;
    let mut service = world.run();
    let opportunity = world.new_opportunity("Before the end", 1000).await;
    world.opt_in(&opportunity, false).await;
    world.referral_of(&opportunity).await;

    // An administrator revokes what the user gave.
    let user = json!({ "user": said(&world, "username") });
    world.control(Platform::Salesforce, Method::POST, "actor/revoke", Some(&user)).await;
    let problem = until("the trouble is told", || async {
        let shown = salesforce(&world, &[]);
        (shown["state"] == "needs you").then(|| shown["problem"].clone())
    })
    .await;
    let next = problem["next_step"].as_str().unwrap();
    assert!(next.contains("cosell login salesforce"), "{problem}");
    assert!(!world.cosell(&["connections"]).status.success());

    login(&world).await;
    until("the running service works again", || async {
        (salesforce(&world, &[])["state"] == "ok").then_some(())
    })
    .await;
    assert!(service.is_up());
    let opportunity = world.new_opportunity("After the new sign-in", 1000).await;
    world.opt_in(&opportunity, false).await;
    world.referral_of(&opportunity).await;
}

#[tokio::test]
async fn p3_a_service_that_starts_while_nobody_is_signed_in_to_salesforce_tells_it_and_begins_with_the_sign_in()
 {
    let world = nobody_signed_in(json!({ "approval": "approves" })).await;
    let admin = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    world.configure("[guard]\n", &format!("[admin]\nlisten = \"{admin}\"\n\n[guard]\n"));
    let mut service = world.run();
    let health = until("health tells what is wrong", || async {
        let answer = reqwest::get(format!("http://{admin}/healthz")).await.ok()?;
        let health: Value = answer.json().await.unwrap();
        let problems = health["connection_problems"].as_array().unwrap();
        problems.iter().any(|problem| problem["key"] == "salesforce.sign_in").then_some(health)
    })
    .await;
    assert!(health.to_string().contains("cosell login salesforce"), "{health}");
    assert_eq!(salesforce(&world, &[])["next_step"], "Run: cosell login salesforce");
    // The portal's half is not held up.
    until("Partner Center works meanwhile", || async {
        let all = world.cosell_json(&["connections"]);
        (all[0]["key"] == "partner_center.sign_in" && all[0]["state"] == "ok").then_some(())
    })
    .await;

    login(&world).await;
    let opportunity = world.new_opportunity("Begun with the sign-in", 1000).await;
    world.opt_in(&opportunity, false).await;
    world.referral_of(&opportunity).await;
    assert!(service.is_up(), "nobody restarted anything");
    until("the trouble is over", || async { (salesforce(&world, &[])["state"] == "ok").then_some(()) }).await;
}

#[tokio::test]
async fn a_service_that_waits_for_salesforces_sign_in_stops_when_it_is_asked_to() {
    let world = nobody_signed_in(json!({ "approval": "approves" })).await;
    let mut service = world.run();
    until("the trouble is told", || async {
        let told = std::fs::read_to_string(world.folder().join("cosell.log")).ok()?;
        told.contains("does not let Cosell in").then_some(())
    })
    .await;
    service.stop();
}

#[tokio::test]
async fn m4_client_credentials_work_on_the_my_domain_host_and_a_login_host_is_refused_before_anything_is_sent()
 {
    for header in ["", "secret_in_header = true\n"] {
        let world = World::start();
        fs::write(world.folder().join("salesforce.secret"), said(&world, "consumer_secret")).unwrap();
        let secret = format!("client_secret = \"file:salesforce.secret\"\n{header}");
        world.configure(&username(&world), "");
        world.configure(KEY, &secret);
        let tested = salesforce(&world, &["--test"]);
        assert_eq!(
            (&tested["state"], &tested["flow"]),
            (&json!("ok"), &json!("client credentials")),
            "{tested}"
        );

        let instance = format!("login_url = \"{}\"", said(&world, "instance_url"));
        world.configure(&instance, "login_url = \"https://login.salesforce.com\"");
        let refused = world.cosell(&["connections", "--test"]);
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success(), "{told}");
        assert!(told.contains("My Domain") && told.contains("fix: login_url"), "{told}");
    }
}

#[tokio::test]
async fn p3_a_401_that_no_session_helps_is_told_as_what_it_is() {
    let world = World::start();
    for (shut, says) in [("session_not_for_rest", "scope"), ("app_not_attached", "External Client App")] {
        knobs(&world, json!({ "sign_in": { "shut": shut } })).await;
        let tested = salesforce(&world, &["--test"]);
        assert_eq!(tested["state"], "needs you", "{tested}");
        let next = tested["next_step"].as_str().unwrap();
        assert!(next.contains(says), "{tested}");
    }
}

#[tokio::test]
async fn p3_the_end_of_the_apps_certificate_is_told_before_it_comes() {
    let world = World::start();
    let openssl = |arguments: &[&str]| {
        let output = std::process::Command::new("openssl")
            .args(arguments)
            .current_dir(world.folder())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    openssl(&["req", "-x509", "-key", "salesforce.key", "-out", "app.pem", "-days", "5", "-subj", "/CN=c"]);
    let with_certificate = format!("{KEY}certificate = \"file:app.pem\"\n");
    world.configure(KEY, &with_certificate);
    assert_eq!(salesforce(&world, &["--test"])["certificate_days_left"], 4, "of 5, rounded down");
    let _service = world.run();
    let problem = until("the certificate's end is told", || async {
        let all = world.cosell_json(&["connections"]);
        all.into_iter().find(|one| one["key"] == "salesforce.certificate")
    })
    .await;
    assert_eq!(problem["state"], "needs you");
    assert!(problem["next_step"].as_str().unwrap().contains("Upload a new certificate"), "{problem}");

    // Another key's certificate is no help, and is refused at once.
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "other.key",
        "-out",
        "app.pem",
        "-subj",
        "/CN=c",
    ]);
    let refused = world.cosell(&["connections"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("does not belong to the certificate") && told.contains("[salesforce]"), "{told}");
}

#[tokio::test]
async fn m4_a_login_that_leads_to_another_org_is_refused_by_every_command_of_the_store() {
    let world = World::start();
    assert!(world.cosell(&["sync", "--once"]).status.success(), "the first round binds the store");
    let other = World::seeded(7);
    let text = fs::read_to_string(world.config()).unwrap();
    let (from, to) = (said(&world, "instance_url"), said(&other, "instance_url"));
    let text = text
        .replace(&format!("login_url = \"{from}\""), &format!("login_url = \"{to}\""))
        .replace(&said(&world, "consumer_key"), &said(&other, "consumer_key"));
    fs::write(world.config(), text).unwrap();
    fs::write(world.folder().join("salesforce.key"), said(&other, "private_key_pem")).unwrap();
    assert_ne!(said(&world, "org_id"), said(&other, "org_id"));
    let tested = salesforce(&world, &["--test"]);
    assert_eq!(tested["state"], "needs you", "{tested}");
    assert!(tested["next_step"].as_str().unwrap().contains("[store] path"), "{tested}");
    let refused = world.cosell(&["sync", "--once"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && told.contains(&said(&other, "org_id")), "{told}");
}
