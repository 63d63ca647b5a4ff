//! The command line as a person meets it: help, first steps, answers for people and for programs, mistakes.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{COSELL, Platform, World, until};

const COMMANDS: [&str; 13] = [
    "demo",
    "init",
    "login",
    "connections",
    "run",
    "sync",
    "plan",
    "deals",
    "verify",
    "push",
    "register",
    "release",
    "sandbox",
];

/// Widest line that anything prints for a person, in characters.
const WIDTH: usize = 80;

fn cosell(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(COSELL).args(arguments).current_dir(folder).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "wider than {WIDTH} columns: {line}");
    }
}

/// The commands that a help lists under a command.
fn listed(help: &str) -> Vec<String> {
    let after = help.split_once("Commands:\n").map_or("", |(_, after)| after);
    let lines = after.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_help_fits_eighty_columns() {
    let folder = tempfile::tempdir().unwrap();
    let mut left: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = Vec::new();
    while let Some(command) = left.pop() {
        for flag in ["-h", "--help"] {
            let words: Vec<&str> = command.iter().map(String::as_str).chain([flag]).collect();
            let help = cosell(folder.path(), &words);
            assert!(help.status.success(), "{words:?}");
            fits(&out(&help));
            if flag == "--help" {
                let below = listed(&out(&help)).into_iter();
                left.extend(below.map(|name| command.iter().cloned().chain([name]).collect()));
            }
        }
        seen.push(command.join(" "));
    }
    for command in COMMANDS.into_iter().chain(["deals show", "login partner-center", "mapping rewrite"]) {
        assert!(seen.iter().any(|name| name == command), "no {command} in {seen:?}");
    }
}

#[test]
fn the_help_says_how_to_begin_and_what_an_exit_status_means() {
    let folder = tempfile::tempdir().unwrap();
    let help = out(&cosell(folder.path(), &["--help"]));
    assert!(help.contains("cosell init") && help.contains("Exit status: 0"), "{help}");
    for command in ["run", "verify", "pause", "retry", "replay", "relink", "store", "history", "simulate"] {
        let help = out(&cosell(folder.path(), &[command, "--help"]));
        let (_, examples) = help.split_once("Examples:").unwrap_or_else(|| panic!("{help}"));
        assert!(examples.contains(&format!("  cosell {command}")), "{help}");
    }
}

/// The command lines of a document: in a line of their own, or between backticks; without what explains them.
fn told_in(document: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(document);
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("cosell "));
    let quoted = text.split('`').skip(1).step_by(2).filter(|quoted| quoted.starts_with("cosell "));
    let words = |line: &str| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).map(str::to_owned).collect()
    };
    lines.chain(quoted).map(words).collect()
}

#[test]
fn every_command_and_flag_that_a_document_names_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let help = |words: &[&str]| out(&cosell(folder.path(), &[words, &["--help"]].concat()));
    let all = listed(&help(&[]));
    for document in ["README.md", "ARCHITECTURE.md", "docs/operations.md", "docs/threat-model.md"] {
        let told = told_in(document);
        assert!(!told.is_empty(), "{document} names no command: the search is blind");
        for words in told {
            let Some(command) = words.first().filter(|word| *word != "help") else { continue };
            assert!(all.contains(command), "{document}: there is no cosell {command}");
            let mut helped = help(&[command]);
            let below = words.get(1).filter(|word| listed(&helped).contains(word));
            if let Some(below) = below {
                helped = help(&[command, below]);
            }
            for flag in words.iter().map(|word| word.trim_matches(['[', ']'])) {
                if flag.starts_with("--") {
                    assert!(helped.contains(flag), "{document}: cosell {command} knows no {flag}");
                }
            }
        }
    }
}

#[test]
fn a_relink_without_the_other_half_names_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let told = err(&cosell(folder.path(), &["relink", "006000000000000AAA"]));
    assert!(told.contains("--opportunity <ID>") && told.contains("--referral <ID>"), "{told}");
}

#[test]
fn a_help_says_all_that_is_known_of_its_command() {
    let folder = tempfile::tempdir().unwrap();
    for (command, words) in [
        ("plan", "Exit status 1 if a deal could not be"),
        ("push", "what would be created is shown"),
        ("resolve", "cosell resolve [OPTIONS] --all FIELD"),
        ("restore", "it is handed back"),
        ("release", "tried again that the portal refused"),
        ("connections", "Exit status 1 if anything needs a"),
        ("sandbox", "a fitting"),
    ] {
        let help = out(&cosell(folder.path(), &[command, "--help"]));
        assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{help}");
    }
}

#[test]
fn init_writes_files_that_load_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let wrote = cosell(folder.path(), &["init", "--on-hold", "Prospecting"]);
    assert!(wrote.status.success(), "{}", err(&wrote));
    fits(&out(&wrote));
    let config = fs::read_to_string(folder.path().join("cosell.toml")).unwrap();
    fits(&config);
    assert!(
        fs::read_to_string(folder.path().join("mapping.toml")).unwrap().contains("on_hold = \"Prospecting\"")
    );

    // The files are read without complaint: what is missing next is a secret, named by its place.
    let next = Command::new(COSELL)
        .args(["sync", "--once"])
        .current_dir(folder.path())
        .env("COSELL_SEAL_KEY", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=")
        .env_remove("COSELL_PC_CLIENT_SECRET")
        .output()
        .unwrap();
    assert!(!next.status.success());
    assert!(err(&next).contains("COSELL_PC_CLIENT_SECRET"), "{}", err(&next));

    let again = cosell(folder.path(), &["init"]);
    assert!(!again.status.success());
    assert!(err(&again).contains("must not exist yet"), "{}", err(&again));
    assert_eq!(
        fs::read_to_string(folder.path().join("cosell.toml")).unwrap(),
        config,
        "nothing was overwritten"
    );
}

#[test]
fn init_answers_a_program_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let wrote = cosell(folder.path(), &["init", "--format", "json"]);
    let told: Value = serde_json::from_slice(&wrote.stdout).unwrap();
    assert_eq!((&told["config"], &told["mapping"]), (&json!("cosell.toml"), &json!("mapping.toml")));
}

#[test]
fn a_wrong_configuration_says_where_and_what_to_do() {
    let world = World::start();
    let refused = |from: &str, to: &str, wanted: &[&str]| {
        world.configure(from, to);
        for command in [&["sync", "--once"][..], &["deals"], &["run"]] {
            let output = world.cosell(command);
            assert!(!output.status.success());
            for word in wanted {
                assert!(err(&output).contains(word), "{command:?} does not say {word}: {}", err(&output));
            }
        }
        world.configure(to, from);
    };
    refused("[guard]", "[gaurd]", &["cosell.toml", "line", "gaurd", "expected one of"]);
    refused("close_grace = \"2s\"", "close_grace = \"soon\"", &["cosell.toml", "line", "10s, 5min or 500ms"]);
    let secret = "client_secret = \"file:partner-center.secret\"";
    refused(secret, "client_secret = \"hunter2\"", &["cosell.toml", "line", "env:NAME or file:PATH"]);

    let missing = cosell(world.folder(), &["sync", "--once", "--config", "nowhere.toml"]);
    assert!(!missing.status.success());
    assert!(
        err(&missing).contains("nowhere.toml") && err(&missing).contains("cosell init"),
        "{}",
        err(&missing)
    );

    let mapping = world.folder().join("mapping.toml");
    let text = fs::read_to_string(&mapping).unwrap();
    fs::write(&mapping, format!("{text}\n[fields.deal_valeu]\nconflict = \"newest\"\n")).unwrap();
    let output = world.cosell(&["sync", "--once"]);
    assert!(!output.status.success());
    for word in ["mapping.toml", "deal_valeu"] {
        assert!(err(&output).contains(word), "{}", err(&output));
    }
}

#[tokio::test]
async fn nothing_due_ends_well_and_every_command_answers_people_and_programs() {
    let world = World::start();
    let empty = world.cosell(&["sync", "--once"]);
    assert!(empty.status.success(), "{}", err(&empty));
    fits(&out(&empty));
    assert_eq!(out(&world.cosell(&["deals"])), "no deals yet\n");

    let opportunity = world.new_opportunity("Contoso kitchen", 10_000).await;
    world.opt_in(&opportunity, true).await;
    let worked = world.cosell_json(&["sync", "--once"]).pop().unwrap();
    assert_eq!(worked["counts"]["pairs"], 1, "{worked}");
    assert!(worked["calls"].is_object(), "{worked}");
    let quiet = world.cosell(&["sync", "--once"]);
    assert!(quiet.status.success());
    world.both_judges_agree(1).await;

    let listed = world.cosell_json(&["deals", "list"]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["opportunity"], opportunity.as_str());
    let referral = listed[0]["referral"].as_str().unwrap();
    assert_eq!(world.referral_of(&opportunity).await, referral);
    let deal = listed[0]["id"].as_str().unwrap();
    for name in [deal, &opportunity, &opportunity[..15], referral] {
        let shown = world.cosell_json(&["deals", "show", name]).pop().unwrap();
        assert_eq!(shown["deal"]["id"], deal, "found by {name}");
        assert!(shown["archive"].is_array());
        let text = out(&world.cosell(&["deals", "show", name]));
        assert!(text.contains(referral) && text.contains(&opportunity), "{text}");
        fits(&text);
    }
    let history = world.cosell_json(&["deals", "history", &opportunity]);
    assert!(
        history.iter().any(|line| line["sentence"].as_str().unwrap().contains("Referral created")),
        "{history:?}"
    );
    fits(&out(&world.cosell(&["deals", "history", &opportunity])));
    let unknown = world.cosell(&["deals", "show", "006000000000000AAA"]);
    assert!(!unknown.status.success() && err(&unknown).contains("cosell deals"), "{}", err(&unknown));

    for command in [&["plan", "--all"][..], &["plan", &opportunity], &["verify"], &["release"], &["deals"]] {
        world.cosell_json(command);
        let text = world.cosell(command);
        assert!(text.status.success(), "{command:?}: {}", err(&text));
        fits(&out(&text));
    }
    let released = world.cosell(&["release", "close", "--format", "json"]);
    assert_eq!(serde_json::from_slice::<Value>(&released.stdout).unwrap()["released"], false);
}

#[tokio::test]
async fn a_plan_prints_the_writes_and_makes_none() {
    let world = World::start();
    let mut pairs = Vec::new();
    for name in ["Seller's", "Colleague's", "Quiet"] {
        let opportunity = world.new_opportunity(name, 10_000).await;
        world.opt_in(&opportunity, false).await;
        pairs.push(opportunity);
    }
    assert!(world.cosell(&["sync", "--once"]).status.success());
    world.both_judges_agree(3).await;
    world.seller_edits(&pairs[0], json!({ "Amount": 12_345 })).await;
    let referral = world.referral_of(&pairs[1]).await;
    world.acts("portal/edit", json!({ "id": referral, "set": { "/details/notes": "Planned" } })).await;
    let before = (world.state(Platform::Salesforce).await, world.state(Platform::PartnerCenter).await);
    for platform in [Platform::Salesforce, Platform::PartnerCenter] {
        world.control(platform, Method::DELETE, "requests", None).await;
    }

    let plans = world.cosell_json(&["plan", "--all"]);
    let effects: Vec<(&Value, usize)> = plans
        .iter()
        .map(|plan| (&plan["opportunity"], plan["plan"]["effects"].as_array().unwrap().len()))
        .collect();
    for (opportunity, wanted) in pairs.iter().zip([1, 1, 0]) {
        assert!(effects.contains(&(&json!(opportunity), wanted)), "{effects:?}");
    }
    let text = out(&world.cosell(&["plan", "--all"]));
    assert!(text.contains("money") || text.contains("12345") || text.contains("12,345"), "{text}");
    fits(&text);

    for platform in [Platform::Salesforce, Platform::PartnerCenter] {
        let requests = world.control(platform, Method::GET, "requests", None).await;
        let kinds: Vec<&Value> =
            requests["log"].as_array().unwrap().iter().map(|exchange| &exchange["kind"]).collect();
        assert!(!kinds.is_empty(), "it looked at {platform:?}");
        assert!(kinds.iter().all(|kind| *kind == "read" || *kind == "token"), "{platform:?}: {kinds:?}");
    }
    let after = (world.state(Platform::Salesforce).await, world.state(Platform::PartnerCenter).await);
    assert!(before == after, "no record changed");
}

#[tokio::test]
async fn a_second_process_on_one_store_says_so() {
    let world = World::start();
    let mut service = world.run();
    until("the store", || async { world.folder().join("cosell.sqlite3").exists().then_some(()) }).await;
    let opportunity = world.new_opportunity("One owner", 10_000).await;
    world.opt_in(&opportunity, false).await;
    world.referral_of(&opportunity).await;
    for command in [&["run"][..], &["sync", "--once"]] {
        let second = world.cosell(command);
        assert!(!second.status.success());
        assert!(
            err(&second).contains("cosell.sqlite3") && err(&second).contains("another process"),
            "{}",
            err(&second)
        );
    }
    assert!(service.is_up(), "the first one does not mind");
    world.both_judges_agree(1).await;
    service.stop();
}

#[test]
fn the_demo_sums_up_in_one_object_on_its_last_line() {
    let folder = tempfile::tempdir().unwrap();
    let demo = cosell(folder.path(), &["demo", "--once", "--pairs", "3", "--format", "json"]);
    assert!(demo.status.success(), "{}{}", out(&demo), err(&demo));
    let summary: Value = serde_json::from_str(out(&demo).lines().last().unwrap()).unwrap();
    assert_eq!((&summary["pairs"], &summary["equal"]), (&json!(5), &json!(5)), "{summary}");
    assert_eq!((&summary["waiting"], &summary["problems"]), (&json!(0), &json!(0)), "{summary}");
    for percentile in ["p50", "p99"] {
        assert!(summary["propagation_ms"][percentile].is_i64(), "{summary}");
    }
    assert!(summary["propagation_ms"]["samples"].as_u64() > Some(0), "{summary}");
    for platform in summary["calls"].as_object().expect("calls by platform").values() {
        assert!(platform.as_object().expect("calls by kind").values().all(Value::is_u64), "{summary}");
    }
    assert_eq!(summary["calls"].as_object().unwrap().len(), 2, "{summary}");
    assert!(summary["duration_ms"].as_u64() > Some(0), "{summary}");
}
