//! The mapping can be shown, explained, compared, checked against the live org and tried on a record, and fields that an
//! org already has are found by label and type.

use std::{collections::BTreeMap, fs, process::Output};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Platform, World};

/// Puts these lines behind the company's mapping.
fn write_mapping(world: &World, more: &str) {
    let text =
        format!("version = 1\nextends = \"default\"\n\n[stages]\non_hold = \"Co-sell: to answer\"\n{more}");
    fs::write(world.folder().join("mapping.toml"), text).unwrap();
}

fn one(world: &World, arguments: &[&str]) -> Value {
    let mut answers = world.cosell_json(arguments);
    assert_eq!(answers.len(), 1, "{arguments:?} answers one line of JSON");
    answers.pop().unwrap()
}

fn text(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "wider than 80 columns: {line}");
        assert!(!line.contains('\u{1b}'), "no colour");
    }
    text
}

/// The lines of a check by their ids.
fn check(world: &World, arguments: &[&str]) -> (bool, BTreeMap<String, Value>) {
    let arguments: Vec<&str> =
        ["mapping", "check", "--format", "json"].into_iter().chain(arguments.iter().copied()).collect();
    let output = world.cosell(&arguments);
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!lines.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let count = lines.len();
    let lines: BTreeMap<String, Value> =
        lines.into_iter().map(|line| (line["id"].as_str().unwrap().to_owned(), line)).collect();
    assert_eq!(lines.len(), count, "no two lines have one id");
    assert_eq!(output.status.success(), failing(&lines).is_empty(), "{lines:#?}");
    (output.status.success(), lines)
}

fn failing(lines: &BTreeMap<String, Value>) -> Vec<&str> {
    lines.iter().filter(|(_, line)| line["verdict"] == "fail").map(|(id, _)| id.as_str()).collect()
}

async fn knobs(world: &World, knobs: Value) {
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
}

#[test]
fn the_effective_mapping_is_shown_with_the_origin_of_each_line() {
    let world = World::start();
    write_mapping(&world, "\n[fields.deal_value]\nconflict = \"ask\"\n\n[names]\naudit = \"Trail__c\"\n");
    let shown = one(&world, &["mapping", "show"]);
    let fields = shown["fields"].as_array().unwrap();
    let field = |name: &str| fields.iter().find(|field| field["field"] == name).unwrap();
    assert_eq!(field("deal_value")["yours"], json!(["conflict"]));
    assert_eq!(field("deal_value")["to_partner_center"], json!(["create", "update"]));
    assert_eq!(field("deal_name")["to_partner_center"], json!(["create"]));
    assert_eq!(field("deal_name")["origin"], json!(["default"]));
    assert_eq!(field("partner_role")["off"], json!(true), "what is off is shown too");
    let settings = shown["settings"].as_array().unwrap();
    let setting = |name: &str| settings.iter().find(|setting| setting["name"] == name).unwrap();
    let conflict = setting("fields.deal_value.conflict");
    assert_eq!((&conflict["value"], &conflict["origin"]), (&json!("\"ask\""), &json!("yours")));
    assert_eq!(conflict["line"], json!(8));
    assert_eq!(conflict["default"]["value"], json!("\"newest\""));
    assert_eq!(setting("names.sync")["origin"], json!("default"));
    assert!(shown["version"].as_str().is_some_and(|version| version.len() == 12));
    let lists = shown["lists"].as_array().unwrap();
    assert!(lists.iter().any(|list| list["list"] == "help" && list["origin"] == "shipped"), "{lists:?}");

    let shown = one(&world, &["mapping", "show", "--field", "deal_value"]);
    assert_eq!(shown["field"], json!("deal_value"));
    let whole = text(&world.cosell(&["mapping", "show"]));
    assert!(whole.contains("[fields]") && whole.contains("Code lists"), "{whole}");
    let names = text(&world.cosell(&["mapping", "show", "--section", "names"]));
    let body: Vec<&str> = names.lines().skip(2).take(6).collect();
    assert_eq!(
        body,
        [
            "[names]",
            " setting      value                          origin",
            " sync         \"Sync_with_Partner_Center__c\"  default",
            " identifier   \"Referral_Identifier__c\"       default",
            " unique_key   \"Referral_Identifier__c\"       default",
            " origin       \"Co_sell_Origin__c\"            default",
        ],
        "{names}"
    );
    assert!(
        names.contains(" audit        \"Trail__c\"                     yours, mapping.toml:11"),
        "{names}"
    );
    let unknown = world.cosell(&["mapping", "show", "--field", "deal_valu"]);
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("fix: "));
}

#[test]
fn a_diff_tells_what_differs_what_is_repeated_and_what_a_newer_default_would_change() {
    let world = World::start();
    write_mapping(&world, "\n[fields.deal_value]\nconflict = \"ask\"\nowner = \"salesforce\"\n");
    let diff = one(&world, &["mapping", "diff"]);
    let names = |list: &Value| {
        list.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&diff["differences"]), ["stages.on_hold", "fields.deal_value.conflict"]);
    assert_eq!(diff["differences"][1]["theirs"]["value"], json!("\"newest\""));
    assert_eq!(diff["differences"][1]["yours"]["line"], json!(8));
    assert_eq!(names(&diff["repeated"]), ["fields.deal_value.owner"]);
    assert!(diff["newer_default"].as_str().unwrap().contains("only one that has shipped"), "{diff}");
    let told = text(&world.cosell(&["mapping", "diff"]));
    assert!(
        told.starts_with(
            "stages.on_hold  (mapping.toml:5)\n  default   \"?\"\n  yours     \"Co-sell: to answer\"\n\
             fields.deal_value.conflict  (mapping.toml:8)\n  default   \"newest\"\n  yours     \"ask\"\n"
        ),
        "{told}"
    );

    let other = world.folder().join("other.toml");
    fs::write(
        &other,
        "version = 1\nextends = \"default@1\"\n[stages]\non_hold = \"Co-sell: to answer\"\n\"Gewonnen\" = \"won\"\n",
    )
    .unwrap();
    let diff = one(&world, &["mapping", "diff", "--against", other.to_str().unwrap()]);
    assert_eq!(names(&diff["differences"]), ["fields.deal_value.conflict", "stages.Gewonnen"]);
    assert_eq!(diff["differences"][1]["yours"], Value::Null);
}

#[test]
fn a_field_is_explained_in_sentences_each_with_the_line_that_decides_it() {
    let world = World::start();
    write_mapping(&world, "\n[fields.deal_value]\nconflict = \"ask\"\n");
    let explained = one(&world, &["mapping", "explain", "deal_currency"]);
    let sentences = explained["sentences"].as_array().unwrap();
    let about = |topic: &str| {
        sentences
            .iter()
            .find(|it| it["topic"] == topic)
            .unwrap_or_else(|| panic!("nothing on {topic}: {explained}"))
    };
    assert!(about("conflict")["text"].as_str().unwrap().contains("waits for a person"));
    assert_eq!(about("conflict")["because"], json!("yours, mapping.toml:8"), "the lead of the group decides");
    assert!(about("group")["text"].as_str().unwrap().contains("deal_value leads"));
    assert!(about("demands")["text"].as_str().unwrap().contains("ISO 4217"));
    let name = one(&world, &["mapping", "explain", "deal_name"]);
    assert!(name.to_string().contains("names no way to change /name later"), "{name}");
    let share = one(&world, &["mapping", "explain", "share"]);
    assert!(share.to_string().contains("nobody can take back"), "{share}");
    let off = one(&world, &["mapping", "explain", "partner_role"]);
    assert!(off.to_string().contains("It is off"), "{off}");
    let told = text(&world.cosell(&["mapping", "explain", "customer_name"]));
    let head: Vec<&str> = told.lines().take(3).collect();
    assert_eq!(head[0], "customer_name: Customer name");
    assert!(head[1].starts_with("  place         In Salesforce it is Opportunity.Account.Name;"), "{told}");
    assert!(
        told.contains("never\n                overwritten") || told.contains("never overwritten"),
        "{told}"
    );
    assert!(!world.cosell(&["mapping", "explain", "nothing_of_it"]).status.success());
}

#[test]
fn the_schema_for_editors_is_printed() {
    let world = World::start();
    let printed = world.cosell(&["mapping", "schema"]);
    assert!(printed.status.success());
    let schema: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"), "{schema}");
    assert!(schema["properties"]["fields"].is_object());
}

#[test]
fn a_broken_file_is_told_line_by_line_and_mended_with_a_copy_kept() {
    let world = World::start();
    write_mapping(&world, "\n[fields.deal_value]\nconflict = \"newset\"\n\n[names]\nsink = \"Sync__c\"\n");
    let path = world.folder().join("mapping.toml");
    let broken = fs::read_to_string(&path).unwrap();
    let (_, lines) = check(&world, &["--offline"]);
    assert_eq!(failing(&lines), ["cosell.mapping", "cosell.mapping.2"], "{lines:#?}");
    assert_eq!(lines["cosell.mapping"]["title"], json!("mapping.toml:8:12"));
    let output = world.cosell(&["mapping", "check", "--offline", "--fix"]);
    assert!(!output.status.success(), "nobody was there to say yes");
    assert_eq!(fs::read_to_string(&path).unwrap(), broken, "so nothing was written");
    let output = world.cosell(&["mapping", "check", "--offline", "--fix", "--yes"]);
    let told = text(&output);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("fix: "), "what was done is shown: {told}");
    let mended = fs::read_to_string(&path).unwrap();
    assert!(mended.contains("conflict = \"newest\"") && mended.contains("sync = \"Sync__c\""), "{mended}");
    assert_eq!(fs::read_to_string(world.folder().join("mapping.toml.1.bak")).unwrap(), broken);
    // A program is told the same.
    fs::write(&path, &broken).unwrap();
    let told = world.cosell_json(&["mapping", "check", "--offline", "--fix", "--yes"]).remove(0);
    assert_eq!(told["fixes"].as_array().map(Vec::len), Some(2), "{told}");
    assert_eq!((&told["fixes"][0]["line"], &told["fixed"]), (&json!(8), &json!(true)), "{told}");
    let copy = told["copy"].as_str().unwrap();
    assert_eq!(fs::read_to_string(copy).unwrap(), broken);
}

#[tokio::test]
async fn the_whole_file_is_checked_against_the_live_org_and_each_defect_is_a_line() {
    let world = World::start();
    let (good, lines) = check(&world, &[]);
    let ignored = ["salesforce.change_event.", "salesforce.view_all"];
    let fails: Vec<&str> =
        failing(&lines).into_iter().filter(|id| !ignored.iter().any(|start| id.starts_with(start))).collect();
    assert_eq!(fails, Vec::<&str>::new(), "{good} {lines:#?}");
    knobs(&world, json!({ "hidden_fields": ["Opportunity.Amount"], "identifier_unique": false })).await;
    write_mapping(
        &world,
        "\"Gewonnen\" = \"won\"\n\n[fields.microsoft_status]\nmax_length = 300\n\n[fields.help.values]\n\"General or other\" = \
         \"GeneralOrOther\"\n\n[inbound]\ncreate = true\ndefault_owner = \"nobody@example.com\"\n",
    );
    let (_, lines) = check(&world, &[]);
    let evidence = |id: &str| {
        let line = lines.get(id).unwrap_or_else(|| panic!("no {id} in {lines:#?}"));
        assert_eq!(line["verdict"], "fail", "{line}");
        assert!(line["mend"].is_string(), "{line}");
        line["evidence"].as_str().unwrap()
    };
    assert!(
        evidence("salesforce.field.Opportunity.Amount")
            .contains("or the integration user has no field-level")
    );
    assert!(evidence("salesforce.field.Opportunity.Referral_Identifier__c").contains("not unique"));
    assert!(evidence("salesforce.stage.gewonnen").contains("no such stage"));
    assert!(
        evidence("salesforce.field.Opportunity.Microsoft_Status__c")
            .contains("255 characters; 300 are needed")
    );
    assert!(
        evidence("salesforce.codes.help").contains("Quotes or licensing"),
        "values without a code are told"
    );
    assert!(evidence("salesforce.owners").contains("is no user of the org"));
    let offline = check(&world, &["--offline"]).1;
    assert!(offline.keys().all(|id| !id.starts_with("salesforce.")), "{offline:#?}");
    let all = world.cosell(&["check", "--format", "json"]);
    let all = String::from_utf8(all.stdout).unwrap();
    assert!(all.contains("\"salesforce.owners\""), "cosell check tells the same");
    text(&world.cosell(&["mapping", "check"]));
}

#[tokio::test]
async fn a_record_is_tried_field_by_field_and_nothing_is_written() {
    let world = World::start();
    let opportunity = world.new_opportunity("Tried Deal", 5_000).await;
    let refused = world.cosell(&["mapping", "try", &opportunity]);
    assert!(!refused.status.success());
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("not opted in") && why.contains("--unshared-too"), "{why}");
    assert!(!why.contains("Tried Deal") && refused.stdout.is_empty());
    let unshared = one(&world, &["mapping", "try", &opportunity, "--unshared-too"]);
    assert_eq!(unshared["opted_in"], json!(false));

    world.opt_in(&opportunity, false).await;
    let synced = world.cosell(&["sync", "--once"]);
    assert!(synced.status.success(), "{}", String::from_utf8_lossy(&synced.stderr));
    let referral = world.referral_of(&opportunity).await;
    let before = world.state(Platform::PartnerCenter).await["referrals"].clone();
    world.seller_edits(&opportunity, json!({ "Amount": 7_000.5 })).await;
    let tried = one(&world, &["mapping", "try", &opportunity]);
    assert_eq!(tried["referral"], json!(referral));
    let fields = tried["fields"].as_array().unwrap();
    let field = |name: &str| fields.iter().find(|field| field["field"] == name).unwrap();
    let value = field("deal_value");
    assert_eq!(value["equal"], json!(false), "{value}");
    assert_eq!(value["salesforce"]["raw"], json!(7_000.5));
    assert_eq!(value["to_partner_center"]["update"]["writes"], json!(7_000.5), "{value}");
    let name = field("deal_name");
    assert_eq!(name["to_partner_center"]["create"]["writes"], json!("Tried Deal"));
    assert!(name["to_partner_center"]["update"]["not"].as_str().unwrap().contains("created alone"), "{name}");
    let date = field("closing_date");
    assert_eq!(date["salesforce"]["raw"], json!("2027-03-31"));
    assert!(date["partner_center"]["raw"].as_str().unwrap().starts_with("2027-03-31T00:00:00"), "{date}");
    assert_eq!(date["equal"], json!(true), "one day on both sides");
    let solutions = field("solutions");
    assert!(solutions["salesforce"]["raw"].to_string().contains("SOL-12345-ABC"), "{solutions}");
    assert_eq!(world.state(Platform::PartnerCenter).await["referrals"], before, "nothing is written");

    let from_the_other = one(&world, &["mapping", "try", &referral, "--field", "deal_value"]);
    assert_eq!(from_the_other["opportunity"], tried["opportunity"]);
    assert_eq!(from_the_other["fields"].as_array().unwrap().len(), 1);
    let told = world.cosell(&["mapping", "try", &opportunity, "--field", "deal_value"]);
    assert!(told.stderr.is_empty(), "nothing is logged: {}", String::from_utf8_lossy(&told.stderr));
    let told = text(&told);
    let lines: Vec<&str> = told.lines().skip(3).collect();
    assert_eq!(
        lines,
        [
            "deal_value (money, not equal)",
            "  Salesforce      7000.5; read as 7000.5",
            "  Partner Center  5000; read as 5000",
            "  to the portal   always 7000.5",
            "  to Salesforce   always 5000",
        ],
        "{told}"
    );
}

#[tokio::test]
async fn fields_of_a_package_are_found_by_label_and_type_and_added_to_the_file() {
    let world = World::start();
    knobs(&world, json!({ "package_installed": false, "packaged_fields": true })).await;
    let found = one(&world, &["mapping", "discover"]);
    let proposals = found["proposals"].as_array().unwrap();
    let sure = |setting: &str| {
        let proposal = proposals.iter().find(|it| it["setting"] == setting);
        proposal.unwrap_or_else(|| panic!("no {setting} in {proposals:#?}"))["sure"].clone()
    };
    assert_eq!(sure("names.sync"), json!("mspc__Sync_with_Partner_Center__c"));
    assert_eq!(sure("names.unique_key"), json!("mspc__Referral_Identifier__c"));
    assert_eq!(sure("fields.share.salesforce"), json!("Opportunity.mspc__Visibility__c"), "by its label");
    assert_eq!(sure("fields.microsoft_crm_id.salesforce"), json!("Opportunity.mspc__MSX_Id__c"));
    assert_eq!(sure("fields.solutions.rows.object"), json!("mspc__PC_Solution__c"));
    assert_eq!(sure("fields.solutions.rows.relationship"), json!("mspc__PC_Solutions__r"));
    assert_eq!(sure("fields.solutions.rows.key"), json!("mspc__Solution_Number__c"));
    assert_eq!(found["written"], json!(false));

    let told = text(&world.cosell(&["mapping", "discover"]));
    assert!(told.starts_with("[names]\n# "), "{told}");
    assert!(told.contains("\nsync = \"mspc__Sync_with_Partner_Center__c\"\n"), "{told}");
    assert!(
        !world.cosell(&["mapping", "discover", "--write"]).status.success(),
        "nobody was there to say yes"
    );
    let output = world.cosell(&["mapping", "discover", "--write", "--yes"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = fs::read_to_string(world.folder().join("mapping.toml")).unwrap();
    assert!(written.contains("mspc__PC_Solutions__r"), "{written}");
    let shown = one(&world, &["mapping", "show", "--section", "names"]);
    assert!(shown.to_string().contains("mspc__Referral_Identifier__c"));
    let again = world.cosell(&["mapping", "discover"]);
    assert!(text(&again).contains("in the mapping already"), "{again:?}");
}

#[tokio::test]
async fn several_fields_that_may_be_meant_are_left_to_a_person() {
    let world = World::start();
    knobs(&world, json!({ "packaged_fields": true })).await;
    let found = one(&world, &["mapping", "discover"]);
    let toml = found["toml"].as_str().unwrap();
    assert!(!toml.contains("sync ="), "the mapping names one of the two: {toml}");
    assert!(toml.lines().all(|line| !line.starts_with("help")), "{toml}");
}

#[test]
fn every_command_of_the_mapping_has_a_help_that_fits_and_names_its_exit_status() {
    let world = World::start();
    for command in ["check", "show", "try", "diff", "explain", "discover", "schema"] {
        let help = text(&world.cosell(&["mapping", command, "--help"]));
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        assert!(words.contains("exit status"), "{command}: {help}");
        text(&world.cosell(&["mapping", command, "-h"]));
    }
}

#[tokio::test]
async fn live_deals_whose_amount_is_the_sum_of_products_are_counted_and_no_others_are_looked_at() {
    let world = World::start();
    let opportunity = world.new_opportunity("With products", 10).await;
    world.seller_edits(&opportunity, json!({ "CurrencyIsoCode": "USD" })).await;
    let entry = world.query("SELECT Id FROM PricebookEntry WHERE CurrencyIsoCode = 'USD' LIMIT 1").await;
    let line = json!({ "OpportunityId": opportunity, "PricebookEntryId": entry[0]["Id"], "Quantity": 1,
        "UnitPrice": 70_000 });
    world.seller_creates("OpportunityLineItem", line).await;
    let told = |lines: &BTreeMap<String, Value>| lines["salesforce.live_products"]["evidence"].clone();
    assert!(told(&check(&world, &[]).1).as_str().unwrap().starts_with("none"), "it is not opted in");
    world.opt_in(&opportunity, false).await;
    assert!(told(&check(&world, &[]).1).as_str().unwrap().starts_with("1: "));
}
