//! Prerequisites are checked, not assumed: one command says of each whether it holds, with evidence and the way to
//! mend it, and only what was seen passes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::{Command, Stdio},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{COSELL, Platform, World, until};

/// The scratch record's name, as a person would see it.
const SCRATCH: &str = "Cosell check: scratch record";

/// The lines of a check by their ids. Its exit status says whether one fails, and nothing else.
fn check(world: &World, arguments: &[&str]) -> BTreeMap<String, Value> {
    let arguments: Vec<&str> =
        ["check", "--format", "json"].into_iter().chain(arguments.iter().copied()).collect();
    let output = world.cosell(&arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!lines.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let count = lines.len();
    let by_id: BTreeMap<String, Value> =
        lines.into_iter().map(|line| (line["id"].as_str().unwrap().to_owned(), line)).collect();
    assert_eq!(by_id.len(), count, "no two lines have one id");
    assert_eq!(output.status.success(), with_verdict(&by_id, "fail").is_empty(), "{by_id:#?}");
    by_id
}

fn with_verdict<'l>(lines: &'l BTreeMap<String, Value>, verdict: &str) -> BTreeSet<&'l str> {
    lines.iter().filter(|(_, line)| line["verdict"] == verdict).map(|(id, _)| id.as_str()).collect()
}

async fn knobs(world: &World, platform: Platform, knobs: Value) {
    world.control(platform, Method::PATCH, "knobs", Some(&knobs)).await;
}

async fn select_events(world: &World, entity: &str, selected: bool, enriched: &[&str]) {
    let body = json!({ "entity": entity, "selected": selected, "enriched": enriched });
    world.control(Platform::Salesforce, Method::POST, "actor/select-events", Some(&body)).await;
}

/// Accounts of the org, deleted ones too, that a check made.
async fn scratch_records(world: &World, deleted: bool) -> usize {
    let state = world.state(Platform::Salesforce).await;
    let accounts = state["Account"].as_array().unwrap();
    let is_one = |row: &&Value| {
        row["Name"].as_str().is_some_and(|name| name.starts_with(SCRATCH)) && row["IsDeleted"] == deleted
    };
    accounts.iter().filter(is_one).count()
}

#[tokio::test]
async fn m1_in_a_good_org_everything_that_can_be_seen_passes_and_the_rest_names_its_manual_step() {
    let world = World::start();
    world.listen_for_events().await;
    let text = fs::read_to_string(world.config()).unwrap();
    let listen = text.lines().find(|line| line.starts_with("listen = \"127.0.0.1:")).unwrap().to_owned();
    let address = listen.trim_start_matches("listen = ").trim_matches('"').to_owned();
    world.configure(&listen, &format!("{listen}\npublic_url = \"http://{address}\""));
    assert!(world.cosell(&["webhook", "register"]).status.success());
    // Somebody's customer, opted in or not, is nobody's business here.
    world.new_opportunity("Secret Merger", 4_711).await;
    let invited = json!({ "name": "Planted Deal" });
    world.acts("microsoft/invite", invited).await;

    let lines = check(&world, &["--write-probe"]);
    assert_eq!(with_verdict(&lines, "fail"), BTreeSet::new(), "{lines:#?}");
    let unseen = with_verdict(&lines, "cannot_be_checked");
    let expected = BTreeSet::from([
        "cosell.code_lists",
        "cosell.public_url",
        "partner_center.codes",
        "partner_center.cosell_ready",
        "partner_center.partner_id",
        "partner_center.role",
        "salesforce.conditional_stamp",
        "salesforce.duplicate_rules",
    ]);
    assert_eq!(unseen, expected, "{lines:#?}");
    for id in [
        "cosell.configuration",
        "cosell.mapping",
        "cosell.seal_key",
        "cosell.secret_files",
        "cosell.store",
        "partner_center.clock",
        "partner_center.referrals",
        "partner_center.registration",
        "partner_center.sign_in",
        "partner_center.webhooks_sign_in",
        "salesforce.api_version",
        "salesforce.calls",
        "salesforce.change_event.Microsoft_Solution__c",
        "salesforce.change_event.Opportunity",
        "salesforce.clock",
        "salesforce.conditional_alone",
        "salesforce.conditional_in_composite",
        "salesforce.country_picklists",
        "salesforce.currencies",
        "salesforce.deliveries",
        "salesforce.field.Opportunity.Audit__c",
        "salesforce.field.Opportunity.How_can_Microsoft_help__c",
        "salesforce.field.Opportunity.Products__c",
        "salesforce.field.Opportunity.Referral_Identifier__c",
        "salesforce.field.Opportunity.Referral_Link__c",
        "salesforce.field.Opportunity.Sync_with_Partner_Center__c",
        "salesforce.line_items",
        "salesforce.notes",
        "salesforce.opt_in",
        "salesforce.owners",
        "salesforce.object.Microsoft_Solution__c",
        "salesforce.object.Opportunity",
        "salesforce.person_accounts",
        "salesforce.record_types",
        "salesforce.relationship.Microsoft_Solutions__r",
        "salesforce.required.Opportunity",
        "salesforce.scratch_record",
        "salesforce.sign_in",
        "salesforce.stage.closed_won",
        "salesforce.stage.co_sell_to_answer",
        "salesforce.team_selling",
        "salesforce.view_all",
        "salesforce.view_setup",
    ] {
        assert_eq!(lines.get(id).map(|line| &line["verdict"]), Some(&json!("pass")), "{id} in {lines:#?}");
    }
    for (id, line) in &lines {
        let evidence = line["evidence"].as_str().unwrap();
        assert!(!evidence.is_empty(), "{id} has no evidence");
        assert_eq!(
            line["mend"].is_null(),
            line["verdict"] == "pass",
            "{id} says what to do, or needs nothing"
        );
    }
    let evidence = |id: &str| lines[id]["evidence"].as_str().unwrap();
    assert!(evidence("partner_center.referrals").contains("visible, "), "{lines:#?}");
    assert!(evidence("salesforce.field.Opportunity.Referral_Identifier__c").contains("unique, external id"));
    assert_eq!(scratch_records(&world, false).await, 0, "nothing is left");

    let output = world.cosell(&["check"]);
    assert!(output.status.success(), "the exit status says that nothing fails");
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(words[..5], ["Cosell", "", "Salesforce", "", "Partner Center"], "in groups: {text}");
    assert!(text.contains("honoured, as tried"), "what was tried is remembered: {text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "wider than 80 columns: {line}");
        assert!(!line.contains('\u{1b}'), "no colour");
    }
    for private in ["Secret Merger", "Planted Deal", "jo.kunde", "northwind", "Hafenstr"] {
        let everything = format!("{text}{lines:?}{}", String::from_utf8_lossy(&output.stderr)).to_lowercase();
        assert!(!everything.contains(&private.to_lowercase()), "{private} is a customer's");
    }
}

#[tokio::test]
async fn m1_each_defect_of_the_org_is_exactly_its_own_line_and_says_how_to_mend_it() {
    let world = World::start();
    let first = check(&world, &[]);
    assert_eq!(with_verdict(&first, "fail"), BTreeSet::new(), "{first:#?}");
    assert_eq!(first["salesforce.conditional_in_composite"]["verdict"], "cannot_be_checked");
    let hidden = "salesforce.field.Opportunity.Amount";
    let identifier = "salesforce.field.Opportunity.Referral_Identifier__c";
    let solutions = "salesforce.object.Microsoft_Solution__c";
    let table = [
        (
            json!({ "hidden_fields": ["Opportunity.Amount"] }),
            json!({ "hidden_fields": [] }),
            hidden,
            "read and edit access",
        ),
        (
            json!({ "identifier_unique": false }),
            json!({ "identifier_unique": true }),
            identifier,
            "Tick \"Unique\"",
        ),
        (
            json!({ "team_selling": false }),
            json!({ "team_selling": true }),
            "salesforce.team_selling",
            "Opportunity Team Settings",
        ),
        (json!({ "notes": false }), json!({ "notes": true }), "salesforce.notes", "Notes Settings"),
        (
            json!({ "denied": [{ "object": "Microsoft_Solution__c", "rights": ["read"] }] }),
            json!({ "denied": [] }),
            solutions,
            "Salesforce API Integration",
        ),
        (
            json!({ "denied": [{ "object": "Microsoft_Solution__c", "rights": ["delete"] }] }),
            json!({ "denied": [] }),
            solutions,
            "the right to delete",
        ),
        (
            json!({ "permissions": ["ViewAllData", "ModifyMetadata", "CustomizeApplication"] }),
            json!({ "permissions": ["ViewSetup", "ViewAllData", "ModifyMetadata", "CustomizeApplication"] }),
            "salesforce.view_setup",
            "View Setup and Configuration",
        ),
        (
            json!({ "multi_currency": false }),
            json!({ "multi_currency": true }),
            "salesforce.currencies",
            "single_currency",
        ),
        (json!({ "date_skew_seconds": 90 }), json!({ "date_skew_seconds": 0 }), "salesforce.clock", "NTP"),
        (
            json!({ "events": { "no_view_all": ["Opportunity"] } }),
            json!({ "events": { "no_view_all": [] } }),
            "salesforce.view_all",
            "View All Records",
        ),
    ];
    for (defect, mended, id, mend) in table {
        knobs(&world, Platform::Salesforce, defect.clone()).await;
        let lines = check(&world, &[]);
        assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from([id]), "{defect}: {lines:#?}");
        let told = lines[id]["mend"].as_str().unwrap();
        assert!(told.contains(mend), "{defect}: {told}");
        knobs(&world, Platform::Salesforce, mended).await;
    }
    // All is mended.
    let last = check(&world, &[]);
    assert_eq!(with_verdict(&last, "fail"), BTreeSet::new(), "{last:#?}");
}

#[tokio::test]
async fn m1_a_missing_field_is_said_to_be_absent_or_hidden_for_both_look_the_same() {
    let world = World::start();
    knobs(&world, Platform::Salesforce, json!({ "hidden_fields": ["Opportunity.Amount"] })).await;
    let lines = check(&world, &[]);
    let evidence = lines["salesforce.field.Opportunity.Amount"]["evidence"].as_str().unwrap();
    assert!(evidence.contains("not installed") && evidence.contains("no field-level access"), "{evidence}");
}

#[tokio::test]
async fn m1_what_is_not_selected_or_not_enriched_for_change_events_is_told_object_by_object() {
    let world = World::start();
    // What is selected and enriched for change events.
    let (entity, line) = ("OpportunityChangeEvent", "salesforce.change_event.Opportunity");
    select_events(&world, entity, false, &[]).await;
    let lines = check(&world, &[]);
    assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from([line]), "{lines:#?}");
    assert!(lines[line]["mend"].as_str().unwrap().contains("Change Data Capture"), "{lines:#?}");
    select_events(&world, entity, true, &["Referral_Identifier__c"]).await;
    let lines = check(&world, &[]);
    assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from([line]), "{lines:#?}");
    assert!(lines[line]["evidence"].as_str().unwrap().contains("Sync_with_Partner_Center__c"), "{lines:#?}");
}

#[tokio::test]
async fn m1_a_daily_allowance_that_is_nearly_spent_is_told_before_it_is_gone() {
    let world = World::start();
    check(&world, &[]);
    let url = world.salesforce("limits");
    let limits = world.call(Method::GET, &url, Some(world.seller_token()), None).await;
    let calls = |name: &str| limits["DailyApiRequests"][name].as_u64().unwrap();
    let spent = calls("Max") - calls("Remaining");
    // Room for the check itself, and no more than a fifth of the whole.
    let spare = 60;
    for _ in spent..spare * 5 {
        world.call(Method::GET, &url, Some(world.seller_token()), None).await;
    }
    let limits = world.call(Method::GET, &url, Some(world.seller_token()), None).await;
    let remaining = limits["DailyApiRequests"]["Remaining"].as_u64().unwrap();
    let limit = limits["DailyApiRequests"]["Max"].as_u64().unwrap() - remaining + spare;
    knobs(&world, Platform::Salesforce, json!({ "daily_limit": limit })).await;
    let lines = check(&world, &[]);
    assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from(["salesforce.calls"]), "{lines:#?}");
    assert!(lines["salesforce.calls"]["mend"].as_str().unwrap().contains("API Usage"), "{lines:#?}");
}

#[tokio::test]
async fn m1_p8_what_the_mapping_says_is_compared_with_the_org() {
    let world = World::start();
    let file = world.folder().join("mapping.toml");
    let good = fs::read_to_string(&file).unwrap();
    let table = [
        ("[stages]\n", "[stages]\ndeclined = \"Nowhere\"\n", "salesforce.stage.nowhere", "no such stage"),
        (
            "[stages]\n",
            "[stages]\nexpired = \"Needs Analysis\"\n",
            "salesforce.stage.needs_analysis",
            "for open",
        ),
        (
            "[stages]\n",
            "[names]\nsynced_at = \"NextStep\"\n\n[stages]\n",
            "salesforce.field.Opportunity.NextStep",
            "must be date/time",
        ),
        (
            "[stages]\n",
            "[opt_in]\nrecord_types = [\"Nonesuch\"]\n\n[stages]\n",
            "salesforce.record_types",
            "Nonesuch",
        ),
    ];
    for (from, to, id, evidence) in table {
        assert!(good.contains(from));
        fs::write(&file, good.replacen(from, to, 1)).unwrap();
        let lines = check(&world, &[]);
        assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from([id]), "{to}: {lines:#?}");
        assert!(lines[id]["evidence"].as_str().unwrap().contains(evidence), "{lines:#?}");
        assert!(!lines[id]["mend"].is_null());
    }
    // Leads are looked at where they are wanted.
    let owner = good.lines().find_map(|line| line.strip_prefix("default_owner = ")).unwrap();
    fs::write(&file, format!("{good}\n[leads]\ncreate = true\nowner = {owner}\n")).unwrap();
    knobs(&world, Platform::Salesforce, json!({ "hidden_fields": ["Lead.Co_sell_Note__c"] })).await;
    let lines = check(&world, &[]);
    let note = "salesforce.field.Lead.Co_sell_Note__c";
    assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from([note]), "{lines:#?}");
    assert_eq!(lines["salesforce.object.Lead"]["verdict"], "pass");

    fs::write(&file, good.replacen("on_hold", "# on_hold", 1)).unwrap();
    let lines = check(&world, &[]);
    assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from(["cosell.mapping"]), "{lines:#?}");
    fs::write(&file, &good).unwrap();
    fs::write(world.folder().join("seal.key"), "not base64!").unwrap();
    let lines = check(&world, &[]);
    assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from(["cosell.seal_key"]), "{lines:#?}");
    assert!(lines["cosell.seal_key"]["mend"].as_str().unwrap().contains("openssl rand"), "{lines:#?}");
}

#[tokio::test]
async fn m1_a_user_without_the_role_at_the_portal_is_told_which_role_it_needs() {
    let world = World::start();
    let token = world.ready.pointer("/partner_center/people/outsider/refresh_token").unwrap();
    fs::write(world.folder().join("partner-center.token"), token.as_str().unwrap()).unwrap();
    let lines = check(&world, &[]);
    assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from(["partner_center.role"]), "{lines:#?}");
    let mend = lines["partner_center.role"]["mend"].as_str().unwrap();
    assert!(mend.contains("Referrals admin for the whole company"), "{mend}");
    assert_eq!(lines["partner_center.sign_in"]["verdict"], "pass", "the sign-in itself was good");
}

#[tokio::test]
async fn m1_a_header_that_composite_calls_ignore_is_found_on_the_scratch_record_and_remembered() {
    let world = World::start();
    let probed = "salesforce.conditional_in_composite";
    knobs(&world, Platform::Salesforce, json!({ "composite_ignores_conditions": true })).await;
    for arguments in [["--write-probe"].as_slice(), &[]] {
        let lines = check(&world, arguments);
        assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from([probed]), "{lines:#?}");
        assert!(lines[probed]["mend"].as_str().unwrap().contains("one record a call"), "{lines:#?}");
    }
    // The service goes by it.
    let mut service = world.run();
    until("the service says so", || async {
        let log = fs::read_to_string(world.folder().join("cosell.log")).unwrap();
        log.contains("composite calls ignore preconditions here").then_some(())
    })
    .await;
    service.kill();
    knobs(&world, Platform::Salesforce, json!({ "composite_ignores_conditions": false })).await;
    let lines = check(&world, &["--write-probe"]);
    assert_eq!(lines[probed]["verdict"], "pass", "{lines:#?}");
    assert_eq!(check(&world, &[])[probed]["verdict"], "pass", "the newer trial counts");
    assert_eq!((scratch_records(&world, false).await, scratch_records(&world, true).await), (0, 2));
}

#[tokio::test]
async fn m1_without_the_right_to_delete_accounts_none_is_made() {
    let world = World::start();
    knobs(&world, Platform::Salesforce, json!({ "denied": [{ "object": "Account", "rights": ["delete"] }] }))
        .await;
    let lines = check(&world, &["--write-probe"]);
    assert_eq!(lines["salesforce.conditional_in_composite"]["verdict"], "cannot_be_checked", "{lines:#?}");
    assert_eq!(scratch_records(&world, false).await + scratch_records(&world, true).await, 0);
}

#[tokio::test]
async fn m1_a_scratch_record_that_a_crash_left_is_gone_after_the_next_check() {
    let world = World::start();
    check(&world, &[]);
    // The next write of Salesforce, which makes the record, is answered late.
    let hold = json!({ "kind": "crm-write", "point": "after-effect" });
    world.control(Platform::Salesforce, Method::POST, "holds", Some(&hold)).await;
    let mut killed = Command::new(COSELL)
        .args(["check", "--write-probe", "--config"])
        .arg(world.config())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the record is made", || async { (scratch_records(&world, false).await == 1).then_some(()) }).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    // One that a person named like it stays: only what we made is ours to delete.
    let named = format!("{SCRATCH}, may be deleted");
    world.seller_creates("Account", json!({ "Name": named })).await;

    let lines = check(&world, &["--write-probe"]);
    let evidence = lines["salesforce.scratch_record"]["evidence"].as_str().unwrap();
    assert!(evidence.contains("1 of earlier checks too"), "{lines:#?}");
    assert_eq!(scratch_records(&world, false).await, 1, "the person's own");
    assert_eq!(scratch_records(&world, true).await, 2);
}

#[tokio::test]
async fn m1_the_service_tells_each_option_of_the_org_that_changed_since_it_last_looked() {
    let world = World::start();
    check(&world, &[]);
    knobs(&world, Platform::Salesforce, json!({ "team_selling": false, "state_country_picklists": true }))
        .await;
    let _service = world.run();
    let told = until("the changed options are told", || async {
        let log = fs::read_to_string(world.folder().join("cosell.log")).unwrap();
        let told: Vec<String> = log
            .lines()
            .filter(|line| line.contains("an option of the org changed"))
            .map(str::to_owned)
            .collect();
        (told.len() >= 2).then_some(told)
    })
    .await;
    assert_eq!(told.len(), 2, "one line each: {told:#?}");
    assert!(
        told.iter().any(|line| line.contains("team selling") && line.contains("off or hidden")),
        "{told:#?}"
    );
    assert!(told.iter().any(|line| line.contains("state and country picklists")), "{told:#?}");
    // And a check beside the running service disturbs nobody.
    let lines = check(&world, &[]);
    assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from(["salesforce.team_selling"]), "{lines:#?}");
    assert!(
        lines["salesforce.country_picklists"]["evidence"].as_str().unwrap().starts_with("on"),
        "{lines:#?}"
    );
}

#[tokio::test]
async fn m1_a_version_that_the_org_does_not_speak_is_told_with_the_newest_that_it_does() {
    let world = World::start();
    world.configure("[salesforce]\n", "[salesforce]\napi_version = \"99.0\"\n");
    let lines = check(&world, &[]);
    assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from(["salesforce.api_version"]), "{lines:#?}");
    let mend = lines["salesforce.api_version"]["mend"].as_str().unwrap();
    assert!(mend.contains("api_version = \"68.0\""), "{mend}");
}

#[tokio::test]
async fn m1_when_nobody_can_sign_in_that_is_the_one_line_about_the_org() {
    let world = World::start();
    world.configure("consumer_key = \"", "consumer_key = \"not-");
    let lines = check(&world, &[]);
    assert_eq!(with_verdict(&lines, "fail"), BTreeSet::from(["salesforce.sign_in"]), "{lines:#?}");
    let about_the_org = lines.keys().filter(|id| id.starts_with("salesforce.")).count();
    assert_eq!(about_the_org, 1, "{lines:#?}");
    assert_eq!(lines["partner_center.sign_in"]["verdict"], "pass", "the portal is looked at all the same");
}
