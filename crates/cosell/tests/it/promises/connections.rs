//! M4 and P3: the connections are created by a login command, tested, shown with their health, and renewed without a
//! person; trouble is told before the outage, with the next step.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{COSELL, Platform, World, until};

const SEED: &str = "refresh_token = \"file:partner-center.token\"\n";
const SECRET: &str = "client_secret = \"file:partner-center.secret\"";

/// A sandbox whose configuration holds no refresh token: somebody has to sign in.
fn nobody_signed_in() -> World {
    let world = World::start();
    world.configure(SEED, "");
    world
}

fn said(world: &World, name: &str) -> String {
    world.ready["partner_center"][name].as_str().unwrap().to_owned()
}

async fn knobs(world: &World, knobs: Value) {
    world.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&knobs)).await;
}

/// A `cosell login` that waits for a person.
pub(super) struct LoginProcess {
    process: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl LoginProcess {
    fn start(world: &World, way: &[&str]) -> Self {
        Self::at(world, "partner-center", way)
    }

    pub(super) fn at(world: &World, platform: &str, way: &[&str]) -> Self {
        let mut process = Command::new(COSELL)
            .args(["login", platform, "--format", "json"])
            .args(way)
            .arg("--config")
            .arg(world.config())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        Self { process, out }
    }

    /// The next thing it says.
    pub(super) fn says(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?} {}", self.complaint()))
    }

    pub(super) fn complaint(&mut self) -> String {
        let mut text = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// The rest of what it says, and whether it ended well.
    pub(super) fn ends(mut self) -> (Vec<Value>, bool) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let lines = rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (lines, self.process.wait().unwrap().success())
    }
}

/// Signs in by a code that a person approves at once.
async fn login(world: &World) {
    knobs(world, json!({ "sign_in_answer": "approves", "device_code_interval_seconds": 1 })).await;
    let mut login = LoginProcess::start(world, &["--device-code"]);
    assert_eq!(login.says()["step"], "device_code");
    let (told, well) = login.ends();
    assert!(well, "{told:?}");
}

fn connections(world: &World, arguments: &[&str]) -> Vec<Value> {
    let mut all = vec!["connections"];
    all.extend(arguments);
    world.cosell_json(&all)
}

fn states(connections: &[Value]) -> Vec<&str> {
    connections.iter().map(|connection| connection["state"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_is_not_encrypted_goes_through_no_proxy_whatever_the_environment_says() {
    let world = World::start();
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let tested = Command::new(COSELL)
        .args(["connections", "--test", "--config"])
        .arg(world.config())
        .envs(["HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, address.as_str())))
        .output()
        .unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));
    assert!(proxy.accept().is_err(), "a secret went to a proxy in the clear");
}

#[tokio::test]
async fn m4_a_person_signs_in_by_a_code_and_both_portal_connections_work_from_that_one_sign_in() {
    let world = nobody_signed_in();
    assert_eq!(states(&connections(&world, &[])), ["never signed in", "never signed in", "unknown"]);
    knobs(&world, json!({ "device_code_interval_seconds": 1 })).await;

    let mut login = LoginProcess::start(&world, &["--device-code"]);
    let shown = login.says();
    assert_eq!(shown["address"], said(&world, "device_login_url"));
    // The person opens the page on another device, types the code and approves.
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("user_code", shown["user_code"].as_str().unwrap())
        .append_pair("decision", "approve")
        .append_pair("person", &person(&world))
        .finish();
    let page = reqwest::Client::new()
        .post(shown["address"].as_str().unwrap())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    assert!(page.status().is_success(), "{}", page.text().await.unwrap());

    let (told, well) = login.ends();
    assert!(well, "{told:?}");
    assert_eq!(told[0]["step"], "signed_in");
    assert_eq!(told[0]["tenant"], said(&world, "tenant_id"));
    assert!(told[0]["account"].as_str().unwrap().contains('@'), "{told:?}");
    for (line, name) in told[1..].iter().zip(["Partner Center referrals", "Partner Center webhooks"]) {
        assert_eq!((&line["connection"], &line["works"]), (&json!(name), &json!(true)), "{line}");
    }

    // Nothing else was configured: the service works from what was stored.
    let tested = connections(&world, &["--test"]);
    assert_eq!(states(&tested), ["ok", "ok", "ok"], "{tested:#?}");
    assert_eq!(tested[0]["days_left"], 89, "of 90, rounded down");
    assert_eq!(tested[0]["account"], told[0]["account"]);
}

/// The key of the sandbox's first person, a Referrals admin.
fn person(world: &World) -> String {
    let people = &world.ready["partner_center"]["people"];
    let admin = said(world, "refresh_token");
    let found = people.as_object().unwrap().iter().find(|(_, person)| person["refresh_token"] == *admin);
    found.expect("somebody has the ready refresh token").0.clone()
}

#[tokio::test]
async fn m4_a_person_signs_in_in_a_browser_that_comes_back_to_this_machine() {
    let world = nobody_signed_in();
    knobs(&world, json!({ "sign_in_answer": "approves" })).await;
    let mut login = LoginProcess::start(&world, &["--browser", "--no-open"]);
    let shown = login.says();
    let address = shown["address"].as_str().unwrap();
    assert!(address.starts_with(&said(&world, "authorize_url")), "{address}");
    assert!(
        address.contains("code_challenge_method=S256") && !address.contains("code_verifier"),
        "{address}"
    );
    let page = reqwest::get(address).await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("close this page"));
    let (told, well) = login.ends();
    assert!(well, "{told:?}");
    assert_eq!(states(&connections(&world, &["--test"])), ["ok", "ok", "ok"]);
}

#[tokio::test]
async fn m4_an_answer_of_another_sign_in_is_refused_and_nothing_is_kept() {
    let world = nobody_signed_in();
    knobs(&world, json!({ "sign_in_answer": "declines" })).await;
    let mut login = LoginProcess::start(&world, &["--browser", "--no-open"]);
    let shown = login.says();
    let address = reqwest::Url::parse(shown["address"].as_str().unwrap()).unwrap();
    let (_, redirect) = address.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap();
    // A stranger's request neither is the answer nor ends the sign-in: the person's own answer still counts.
    for forged in ["code=stolen&state=guessed", "code=stolen", "error=access_denied"] {
        let page = reqwest::get(format!("{redirect}?{forged}")).await.unwrap();
        assert_eq!(page.status(), 400, "{forged}");
    }
    reqwest::get(address.clone()).await.unwrap();
    let told = login.complaint();
    assert!(told.contains("declined") && told.contains("fix: "), "{told}");
    assert!(!told.contains("stolen"), "{told}");
    assert!(!login.ends().1);
    assert_eq!(states(&connections(&world, &[])), ["never signed in", "never signed in", "unknown"]);
}

#[tokio::test]
async fn m4_the_application_proves_itself_by_a_certificate_as_well_as_by_a_secret() {
    for algorithm in ["PS256", "RS256"] {
        let world = nobody_signed_in();
        fs::write(world.folder().join("client.pem"), said(&world, "client_certificate_pem")).unwrap();
        fs::write(world.folder().join("client.key"), said(&world, "client_key_pem")).unwrap();
        let certificate = format!(
            "client_certificate = \"file:client.pem\"\nclient_key = \"file:client.key\"\nclient_assertion = \"{algorithm}\""
        );
        world.configure(SECRET, &certificate);
        login(&world).await;
        assert_eq!(states(&connections(&world, &["--test"])), ["ok", "ok", "ok"], "{algorithm}");

        world.configure(&certificate, &format!("{certificate}\n{SECRET}"));
        let refused = world.cosell(&["connections", "--test"]);
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(told.contains("not both") && told.contains("fix: "), "{told}");
    }
}

#[tokio::test]
async fn m4_without_a_seal_key_no_command_keeps_a_sign_in_and_each_says_what_to_do() {
    let world = nobody_signed_in();
    login(&world).await;
    // A deal, for without one `plan` has nobody to call.
    let opportunity = world.new_opportunity("Sealed", 1000).await;
    world.opt_in(&opportunity, false).await;
    assert!(world.cosell(&["sync", "--once"]).status.success());
    world.configure("seal_key = \"file:seal.key\"\n", "");
    for command in [
        &["login", "partner-center", "--device-code"][..],
        &["connections", "--test"],
        &["webhook", "show"],
        &["plan", "--all"],
    ] {
        let output = world.cosell(command);
        let told = format!(
            "{}{}",
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap()
        );
        assert!(!output.status.success(), "{command:?}: {told}");
        let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("seal_key") && flat.contains("openssl rand -base64 32"), "{command:?}: {told}");
    }
}

#[tokio::test]
async fn m4_a_configuration_of_another_tenant_neither_reads_nor_replaces_the_sign_in_of_a_store() {
    let world = nobody_signed_in();
    login(&world).await;
    // The first round binds the store.
    assert!(world.cosell(&["sync", "--once"]).status.success());
    let tenant = format!("tenant_id = \"{}\"", said(&world, "tenant_id"));
    let other = "tenant_id = \"7a1c0000-0000-4000-8000-0000000000ff\"";
    world.configure(&tenant, other);
    for command in [
        &["login", "partner-center", "--device-code"][..],
        &["connections"],
        &["connections", "--test"],
        &["webhook", "show"],
        &["plan", "--all"],
    ] {
        let output = world.cosell(command);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{command:?}: {told}");
        assert!(told.contains("belongs to tenant") && told.contains("fix: let [store] name"), "{told}");
    }
    world.configure(other, &tenant);
    assert_eq!(states(&connections(&world, &["--test"])), ["ok", "ok", "ok"]);
}

#[tokio::test]
async fn m4_who_only_polls_needs_no_webhooks_connection() {
    let world = nobody_signed_in();
    let text = fs::read_to_string(world.config()).unwrap();
    let (before, rest) = text.split_once("[webhook]").unwrap();
    let (_, after) = rest.split_once("[guard]").unwrap();
    fs::write(world.config(), format!("{before}[guard]{after}")).unwrap();
    // The user may not see the registration.
    let refused = json!({ "method": "GET", "path_contains": "/registration", "status": 403 });
    world.control(Platform::PartnerCenter, Method::POST, "faults", Some(&refused)).await;
    login(&world).await;
    assert_eq!(states(&connections(&world, &["--test"])), ["ok", "not used", "ok"]);
    let _service = world.run();
    until("the service tried its connections", || async {
        (states(&connections(&world, &[])) == ["ok", "not used", "ok"]).then_some(())
    })
    .await;
    assert!(world.cosell(&["connections"]).status.success());
}

#[tokio::test]
async fn p3_what_else_needs_a_person_is_listed_after_the_connections_and_counts() {
    let world = World::start();
    let listen = "[webhook]\nlisten = \"127.0.0.1:0\"";
    // Nobody registered this address.
    world.configure(listen, &format!("{listen}\npublic_url = \"http://127.0.0.1:9\""));
    let service = world.run();
    let listed = until("the lack of a registration is listed", || async {
        let shown = connections(&world, &[]);
        let found = shown.iter().find(|one| one["key"] == "partner_center.webhook").cloned();
        found.filter(|_| states(&shown) == ["ok", "ok", "ok", "needs you"])
    })
    .await;
    assert_eq!(listed["next_step"], "Run: cosell webhook register");
    let output = world.cosell(&["connections"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && told.contains("next: Run: cosell webhook register"), "{told}");
    drop(service);
}

#[tokio::test]
async fn m4_a_sign_in_that_another_key_sealed_needs_a_person_and_a_new_login_mends_it() {
    let world = nobody_signed_in();
    login(&world).await;
    fs::write(world.folder().join("seal.key"), "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=").unwrap();
    let shown = connections(&world, &["--test"]);
    assert_eq!(states(&shown), ["needs you", "needs you", "ok"]);
    let next = shown[0]["next_step"].as_str().unwrap();
    assert!(next.contains("Put the key back") && next.contains("cosell login partner-center"), "{next}");
    login(&world).await;
    assert_eq!(states(&connections(&world, &["--test"])), ["ok", "ok", "ok"]);
}

#[tokio::test]
async fn p3_a_dead_sign_in_is_told_with_the_next_step_and_a_new_one_is_taken_up_by_the_running_service() {
    let world = nobody_signed_in();
    login(&world).await;
    // Access tokens of a few seconds, so that the trouble is met at once.
    knobs(&world, json!({ "access_token_seconds": 2 })).await;
    let mut service = world.run();
    until("all connections work", || async {
        (states(&connections(&world, &[])) == ["ok", "ok", "ok"]).then_some(())
    })
    .await;
    // Each kind of refusal has its own sentence: the client's tests hold the table.
    for (trouble, says) in [("token-revoked", "revoked"), ("mfa-required", "multi-factor")] {
        knobs(&world, json!({ "sign_in": trouble })).await;
        let problem = until(&format!("{trouble} is told"), || async {
            let shown = connections(&world, &[]);
            (shown[0]["state"] == "needs you").then(|| shown[0]["problem"].clone())
        })
        .await;
        let (sentence, next) =
            (problem["sentence"].as_str().unwrap(), problem["next_step"].as_str().unwrap());
        assert!(sentence.to_lowercase().contains(says), "{trouble}: {sentence}");
        assert!(next.contains("cosell login partner-center"), "{trouble}: {next}");

        login(&world).await;
        until(&format!("{trouble} is over"), || async {
            (states(&connections(&world, &[])) == ["ok", "ok", "ok"]).then_some(())
        })
        .await;
        assert!(service.is_up(), "nobody restarted anything");
    }
    let log = fs::read_to_string(world.folder().join("cosell.log")).unwrap();
    let account = connections(&world, &[])[0]["account"].as_str().unwrap().to_owned();
    assert!(log.contains("somebody signed in"), "the positive control is found");
    assert!(!log.contains(&account), "personal data is no log's business");
}

#[tokio::test]
async fn p3_a_claims_challenge_becomes_a_problem_and_the_next_login_satisfies_it() {
    let world = nobody_signed_in();
    login(&world).await;
    let _service = world.run();
    until("all connections work", || async {
        (states(&connections(&world, &[])) == ["ok", "ok", "ok"]).then_some(())
    })
    .await;
    knobs(&world, json!({ "claims_challenge": true })).await;
    let problem = until("the challenge is told", || async {
        let shown = connections(&world, &[]);
        (shown[0]["state"] == "needs you").then(|| shown[0]["problem"].clone())
    })
    .await;
    assert!(problem["next_step"].as_str().unwrap().contains("cosell login partner-center"), "{problem}");
    knobs(&world, json!({ "sign_in_answer": "approves" })).await;
    let mut login = LoginProcess::start(&world, &["--browser", "--no-open"]);
    let shown = login.says();
    let address = shown["address"].as_str().unwrap();
    assert!(address.contains("claims="), "what was demanded is asked for: {address}");
    reqwest::get(address).await.unwrap();
    let (told, well) = login.ends();
    assert!(well, "{told:?}");
    until("the problem is over", || async {
        (states(&connections(&world, &[])) == ["ok", "ok", "ok"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn p3_a_wrong_or_expired_secret_names_what_to_change() {
    let world = nobody_signed_in();
    login(&world).await;
    knobs(&world, json!({ "secret_expired": true })).await;
    let shown = connections(&world, &["--test"]);
    let next = shown[0]["next_step"].as_str().unwrap();
    assert!(next.contains("Make a new secret in Entra") && next.contains("client_secret"), "{shown:#?}");
    knobs(&world, json!({ "secret_expired": false })).await;
    fs::write(world.folder().join("partner-center.secret"), "wrong").unwrap();
    let shown = connections(&world, &["--test"]);
    assert_eq!(shown[0]["tried"]["problem"], "The client secret is wrong (AADSTS7000215).");
    assert_eq!(states(&shown), ["needs you", "needs you", "ok"]);
    let output = world.cosell(&["connections", "--test"]);
    assert!(!output.status.success());
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        assert!(line.chars().count() <= 80, "wider than 80 columns: {line}");
    }
}
