//! What Cosell writes to Partner Center: each kind of deal and each way up, everything checked before it leaves, and what
//! the portal refuses remembered (M6, M9, M20, P9, P14, P19).

use std::{
    fs,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{PATIENCE, Platform, Service, World, until};

const SHARED: &str = "/consent/consentToShareReferralWithMicrosoftSellers";
const PROBLEM: &str = "Co_sell_Problem__c";

/// A sandbox, and the program between its two platforms.
struct Ground {
    world: World,
    service: Service,
}

impl std::ops::Deref for Ground {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Ground {
    async fn new() -> Self {
        Self::strict(json!({}), |_| {}).await
    }

    /// With a portal that is hard to please, and a change of the configuration.
    async fn strict(knobs: Value, configure: impl FnOnce(&World)) -> Self {
        let world = World::start();
        world.configure("[engine]", "[engine]\nreport_every = \"1s\"");
        configure(&world);
        world.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&knobs)).await;
        let service = world.run();
        Self { world, service }
    }

    /// Stops the program, lets a person act, and starts it again.
    fn restart(&mut self, meanwhile: impl FnOnce(&World)) {
        self.service.stop();
        meanwhile(&self.world);
        self.service = self.world.run();
    }

    /// The bodies of all requests of one kind, with the status of each.
    async fn sent(&self, kind: &str) -> Vec<(u64, Value)> {
        let requests = self.control(Platform::PartnerCenter, Method::GET, "requests", None).await;
        let log = requests["log"].as_array().unwrap().iter().filter(|exchange| exchange["kind"] == kind);
        log.map(|exchange| {
            let body = serde_json::from_str(exchange["request"].as_str().unwrap()).unwrap();
            (exchange["status"].as_u64().unwrap_or_default(), body)
        })
        .collect()
    }

    /// The bodies that were taken.
    async fn taken(&self, kind: &str) -> Vec<Value> {
        self.sent(kind).await.into_iter().filter(|(status, _)| *status < 300).map(|(_, body)| body).collect()
    }

    async fn nothing_was_tried(&self) {
        assert_eq!(self.sent("create").await, [], "nothing is posted while something is missing");
    }

    /// Waits until the opportunity's problem says all of these words; what it says.
    async fn until_told(&self, opportunity: &str, words: &[&str]) -> String {
        let began = Instant::now();
        loop {
            let told = self.opportunity(opportunity).await[PROBLEM].as_str().unwrap_or_default().to_owned();
            let missing: Vec<&&str> = words.iter().filter(|word| !told.contains(**word)).collect();
            if missing.is_empty() {
                return told;
            }
            assert!(began.elapsed() < PATIENCE, "never told {missing:#?}, but:\n{told}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_nothing_is_wrong(&self, opportunity: &str) {
        self.until_opportunity(opportunity, PROBLEM, Value::is_null).await;
    }

    async fn first(&self, soql: &str) -> String {
        self.query(soql).await[0]["Id"].as_str().unwrap().to_owned()
    }

    /// A deal that only we and Partner Center know of.
    async fn private(&self, name: &str) -> String {
        let opportunity = self.new_opportunity(name, 30_000).await;
        let flags = json!({ "Sync_with_Partner_Center__c": true, "Consent_to_Share__c": true });
        self.seller_edits(&opportunity, flags).await;
        opportunity
    }
}

/// Adds lines to the mapping file.
fn map(world: &World, lines: &str) {
    let path = world.folder().join("mapping.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{text}\n{lines}\n")).unwrap();
}

/// Adds lines to the section of the configuration.
fn configure(world: &World, section: &str, lines: &str) {
    world.configure(&format!("[{section}]"), &format!("[{section}]\n{lines}"));
}

fn is(wanted: impl Into<Value>) -> impl Fn(&Value) -> bool {
    let wanted = wanted.into();
    move |value: &Value| *value == wanted
}

fn solutions_row(opportunity: &str, id: &str, primary: bool) -> Value {
    json!({ "Opportunity__c": opportunity, "Name": id, "Solution_Id__c": id, "Primary__c": primary })
}

// ── M6: the three kinds ─────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn m6_a_private_a_partner_led_and_a_co_sell_deal_are_each_created_as_what_they_are() {
    let ground = Ground::new().await;
    for (name, share, help) in
        [("Private", false, false), ("Partner-led", true, false), ("Co-sell", false, true)]
    {
        let opportunity = ground.new_opportunity(name, 30_000).await;
        let mut flags = json!({ "Sync_with_Partner_Center__c": true, "Consent_to_Share__c": true,
            "Share_with_Microsoft__c": share });
        if help {
            flags["How_can_Microsoft_help__c"] = json!("General or other");
        }
        ground.seller_edits(&opportunity, flags).await;
        let referral = ground.referral_of(&opportunity).await;
        let posted = ground.taken("create").await.pop().unwrap();
        let (kind, target) = if help {
            ("Shared", json!([{ "type": "SolutionProfile", "id": "SOL-12345-ABC" }]))
        } else {
            ("Independent", json!([]))
        };
        assert_eq!((&posted["type"], &posted["target"]), (&json!(kind), &target), "{name}");
        assert_eq!(posted.pointer(SHARED), Some(&json!(share || help)), "{name}");
        assert_eq!(
            posted["customerProfile"].get("team").is_some(),
            help,
            "people leave only when help is asked"
        );
        if help {
            let second = ground.microsofts(&referral).await;
            assert_eq!(second["target"], json!([{ "type": "BusinessProfileLocation", "id": "msft" }]));
            assert_eq!(second["inviteContext"]["assistanceRequestCode"], "GeneralOrOther");
            // Asking for help is sharing: the seller finds it said on the opportunity.
            ground.until_opportunity(&opportunity, "Share_with_Microsoft__c", is(true)).await;
        } else {
            assert_eq!(ground.microsofts_now(&referral).await, None, "{name}");
        }
    }
    assert_eq!(ground.taken("create").await.len(), 3);
    assert_eq!(ground.taken("create-companion").await.len(), 1);
    ground.both_judges_agree(3).await;
}

#[tokio::test]
async fn m6_the_solution_marked_as_primary_is_the_target_and_two_marks_are_a_question() {
    let ground = Ground::new().await;
    let opportunity = ground.new_opportunity("Two solutions", 30_000).await;
    let first = ground.first("SELECT Id FROM Microsoft_Solution__c").await;
    ground.seller_changes("Microsoft_Solution__c", &first, json!({ "Primary__c": true })).await;
    ground.seller_creates("Microsoft_Solution__c", solutions_row(&opportunity, "SOL-67890-XYZ", true)).await;
    ground.opt_in(&opportunity, true).await;
    ground
        .until_told(
            &opportunity,
            &["SOL-12345-ABC, SOL-67890-XYZ are all marked as primary", "Leave the mark on"],
        )
        .await;
    ground.nothing_was_tried().await;
    ground.seller_changes("Microsoft_Solution__c", &first, json!({ "Primary__c": false })).await;
    ground.referral_of(&opportunity).await;
    let posted = ground.taken("create").await.pop().unwrap();
    assert_eq!(posted["target"], json!([{ "type": "SolutionProfile", "id": "SOL-67890-XYZ" }]));
}

#[tokio::test]
async fn m6_when_microsofts_step_fails_it_alone_is_repeated() {
    let ground = Ground::new().await;
    let fault = json!({ "kind": "create-companion", "times": 2, "status": 429, "retry_after": "1" });
    ground.control(Platform::PartnerCenter, Method::POST, "faults", Some(&fault)).await;
    let opportunity = ground.new_opportunity("Two steps", 30_000).await;
    ground.opt_in(&opportunity, true).await;
    let referral = ground.referral_of(&opportunity).await;
    ground.microsofts(&referral).await;
    assert_eq!(ground.sent("create").await.len(), 1, "the first step is not repeated");
    assert_eq!(ground.taken("create-companion").await.len(), 1);
    ground.both_judges_agree(1).await;
}

#[tokio::test]
async fn m6_a_private_deal_is_shared_then_gets_help_and_is_never_taken_back() {
    let ground = Ground::new().await;
    let opportunity = ground.private("Step by step").await;
    let referral = ground.referral_of(&opportunity).await;
    assert_eq!(ground.referral(&referral).await.pointer(SHARED), Some(&json!(false)));

    ground.seller_edits(&opportunity, json!({ "Share_with_Microsoft__c": true })).await;
    ground.until_referral(&referral, SHARED, is(true)).await;
    assert_eq!(ground.microsofts_now(&referral).await, None, "sharing asks for nothing");
    ground.both_judges_agree(1).await;

    let help =
        json!({ "How_can_Microsoft_help__c": "Quotes or licensing", "Notes_to_Microsoft__c": "For 900" });
    ground.seller_edits(&opportunity, help).await;
    let microsofts = ground.microsofts(&referral).await;
    assert_eq!(microsofts["inviteContext"]["assistanceRequestCode"], "QuotesOrLicensing");
    assert_eq!(microsofts["engagementId"], ground.referral(&referral).await["engagementId"]);
    ground.until_opportunity(&opportunity, "Microsoft_Status__c", is("Pending")).await;

    // Second thoughts: the portal takes none of it back, and the opportunity says what is true.
    let back = json!({ "Share_with_Microsoft__c": false, "How_can_Microsoft_help__c": null });
    ground.seller_edits(&opportunity, back).await;
    ground.until_opportunity(&opportunity, "Share_with_Microsoft__c", is(true)).await;
    ground.until_opportunity(&opportunity, "How_can_Microsoft_help__c", is("Quotes or licensing")).await;
    ground.until_nothing_is_wrong(&opportunity).await;
    let audit = ground.opportunity(&opportunity).await["Audit__c"].as_str().unwrap().to_owned();
    assert!(audit.contains("Opportunity updated: Share with Microsoft"), "{audit}");
    assert_eq!(ground.referral(&referral).await.pointer(SHARED), Some(&json!(true)));
    assert_eq!(ground.taken("create").await.len(), 1);

    // The customer's contact goes with the request, and is read-only from then on: our own referral stays without.
    let asked = ground.taken("create-companion").await;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["customerProfile"]["team"][0]["email"], "jo.kunde@northwind.example");
    assert_eq!(ground.referral(&referral).await["customerProfile"]["team"], json!([]));
    ground.both_judges_agree(1).await;
}

// ── P9 and M20: told before, in words ───────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn p9_everything_that_is_missing_is_told_at_once_and_the_deal_goes_when_it_is_there() {
    let ground = Ground::new().await;
    let account = ground
        .seller_creates("Account", json!({ "Name": "Half a customer", "BillingCountry": "Germania" }))
        .await;
    let contact = json!({ "FirstName": "Jo", "LastName": "Kunde", "Email": "jo.kunde@northwind.example", "AccountId": account });
    let contact = ground.seller_creates("Contact", contact).await;
    let row = json!({ "Name": "Half a deal", "StageName": "Qualification", "CloseDate": "2027-03-31",
        "CurrencyIsoCode": "EUR", "AccountId": account, "Sync_with_Partner_Center__c": true,
        "How_can_Microsoft_help__c": "General or other", "Description": "Typed before anything could be sent" });
    let opportunity = ground.seller_creates("Opportunity", row).await;
    let role = json!({ "OpportunityId": opportunity, "ContactId": contact, "IsPrimary": true });
    ground.seller_creates("OpportunityContactRole", role).await;

    let missing = [
        "consent to share their details is not recorded",
        "Deal value is empty, and a referral needs it. Fill Amount on the opportunity.",
        "Customer street is empty, and a referral needs it. Fill Billing Street of the account",
        "Customer city is empty",
        "Customer country is \"Germania\"",
        "Type two letters of ISO 3166-1 such as DE in Billing Country of the account.",
        "Solutions is empty",
        "\"jo.kunde@northwind.example\" has no phone",
    ];
    let told = ground.until_told(&opportunity, &missing).await;
    assert_eq!(told.lines().count(), 7, "one sentence for each gap and no other: {told}");
    ground.nothing_was_tried().await;
    // The same is said on the command line, with what to do.
    let plan = String::from_utf8(ground.cosell(&["plan", &opportunity]).stdout).unwrap();
    assert!(plan.contains("Germania") && plan.contains("ISO 3166-1"), "{plan}");

    let address = json!({ "BillingStreet": "Hafenstr. 9", "BillingCity": "Hamburg", "BillingCountry": "DE" });
    ground.seller_changes("Account", &account, address).await;
    ground.seller_changes("Contact", &contact, json!({ "Phone": "+494055500" })).await;
    ground.seller_creates("Microsoft_Solution__c", solutions_row(&opportunity, "SOL-12345-ABC", true)).await;
    ground.seller_edits(&opportunity, json!({ "Consent_to_Share__c": true, "Amount": 12_000 })).await;
    let referral = ground.referral_of(&opportunity).await;
    ground.microsofts(&referral).await;
    ground.until_nothing_is_wrong(&opportunity).await;
    assert_eq!(ground.referral(&referral).await["details"]["notes"], "Typed before anything could be sent");
    assert_eq!(ground.sent("create").await.len(), 1, "it was never refused");
}

#[tokio::test]
async fn p9_what_the_portal_refuses_all_the_same_is_told_kept_and_sent_once_it_is_right() {
    let ground = Ground::strict(json!({ "max_notes_chars": 20 }), |_| {}).await;
    let opportunity = ground.private("Short notes").await;
    let referral = ground.referral_of(&opportunity).await;
    let long = "These notes are longer than this portal takes";
    ground.seller_edits(&opportunity, json!({ "Description": long, "Amount": 31_000 })).await;
    ground.until_told(&opportunity, &["Notes was refused:"]).await;
    ground.until_referral(&referral, "/details/dealValue", is(31_000)).await;
    assert_eq!(ground.opportunity(&opportunity).await["Description"], long, "nothing is lost meanwhile");
    ground.seller_edits(&opportunity, json!({ "Description": "Short enough" })).await;
    ground.until_referral(&referral, "/details/notes", is("Short enough")).await;
    ground.until_nothing_is_wrong(&opportunity).await;
    ground.both_judges_agree(1).await;
}

#[tokio::test]
async fn m20_nothing_leaves_without_consent_and_people_leave_only_when_help_is_asked() {
    let ground = Ground::new().await;
    let opportunity = ground.new_opportunity("Asked first", 30_000).await;
    ground.seller_edits(&opportunity, json!({ "Sync_with_Partner_Center__c": true })).await;
    let told = ground.until_told(&opportunity, &["consent"]).await;
    assert_eq!(told.lines().count(), 1, "{told}");
    ground.nothing_was_tried().await;
    ground.seller_edits(&opportunity, json!({ "Consent_to_Share__c": true })).await;
    let referral = ground.referral_of(&opportunity).await;
    let document = ground.referral(&referral).await;
    assert_eq!(document.pointer(SHARED), Some(&json!(false)), "what was not consented to is not asserted");
    let posted = ground.taken("create").await.pop().unwrap().to_string();
    assert!(!posted.contains("jo.kunde@northwind.example"), "{posted}");
}

// ── P14: code lists ─────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn p14_a_code_list_is_replaced_by_a_file_and_an_outdated_code_is_caught_before_it_is_sent() {
    let mut ground = Ground::strict(json!({ "require_marketplace_intent": true }), |_| {}).await;
    let opportunity = ground.new_opportunity("Next year", 30_000).await;
    let choices =
        json!({ "Marketplace_Intent__c": "Yes", "How_can_Microsoft_help__c": "Quotes or licensing" });
    ground.seller_edits(&opportunity, choices).await;
    ground.opt_in(&opportunity, false).await;
    let unverified =
        "Marketplace intent is \"Yes\", which is not verified in the list \"marketplace_intent\"";
    ground.until_told(&opportunity, &[unverified, "Choose one of \"Have not decided\""]).await;
    ground.nothing_was_tried().await;

    // Microsoft's new fiscal year: one code is gone, another is known to be taken by now. No release is needed.
    ground.restart(|world| {
        let lists = world.folder().join("code-lists");
        fs::create_dir(&lists).unwrap();
        let help = "version = 1\ncodes = [\"Unknown\", \"ProofOfConceptOrDemo\", \"GeneralOrOther\"]\n";
        fs::write(lists.join("help.toml"), help).unwrap();
        let intent = "version = 1\ncodes = [{ code = \"Yes\", label = \"Yes\" }, \"HaveNotDecided\"]\n";
        fs::write(lists.join("marketplace_intent.toml"), intent).unwrap();
        configure(world, "mapping", "code_lists = \"code-lists\"");
    });
    let outdated = "is \"Quotes or licensing\", which is not in the list \"help\"";
    let told = ground
        .until_told(
            &opportunity,
            &[outdated, "Choose one of \"Proof of concept or demo\", \"General or other\""],
        )
        .await;
    assert!(!told.contains("Marketplace"), "{told}");
    ground.nothing_was_tried().await;
    ground.seller_edits(&opportunity, json!({ "How_can_Microsoft_help__c": "General or other" })).await;
    ground.referral_of(&opportunity).await;
    let posted = ground.taken("create").await.pop().unwrap();
    let attributes = &posted["details"]["requirements"]["additionalRequirements"]["attributes"];
    assert_eq!(*attributes, json!([{ "type": "CustomerMarketplaceIntent", "id": "Yes" }]));
    ground.until_nothing_is_wrong(&opportunity).await;
}

#[tokio::test]
async fn p14_a_solution_that_the_catalogue_does_not_have_is_told_before_it_is_sent() {
    let knobs = json!({ "known_solutions": ["SOL-67890-XYZ"] });
    let ground = Ground::strict(knobs, |world| {
        let lists = world.folder().join("code-lists");
        fs::create_dir(&lists).unwrap();
        fs::write(lists.join("solutions.toml"), "version = 1\ncodes = [\"SOL-67890-XYZ\"]\n").unwrap();
        configure(world, "mapping", "code_lists = \"code-lists\"");
    })
    .await;
    let opportunity = ground.private("Old solution").await;
    ground
        .until_told(&opportunity, &["Solutions holds \"SOL-12345-ABC\"", "not in the list \"solutions\""])
        .await;
    ground.nothing_was_tried().await;
    let row = ground.first("SELECT Id FROM Microsoft_Solution__c").await;
    ground.seller_changes("Microsoft_Solution__c", &row, json!({ "Solution_Id__c": "SOL-67890-XYZ" })).await;
    ground.referral_of(&opportunity).await;
    ground.until_nothing_is_wrong(&opportunity).await;
}

// ── P19: closing as an error, intent ────────────────────────────────────────────────────────────────────────────────

/// A stage that means an error, whose reason is typed into the next step.
fn with_error_stage(world: &World) {
    let path = world.folder().join("mapping.toml");
    let text = fs::read_to_string(&path).unwrap();
    let lines = "\"Co-sell: declined\" = { stage = \"error\", reason = \"NextStep\" }";
    assert!(text.contains("[stages]"), "{text}");
    fs::write(path, text.replace("[stages]", &format!("[stages]\n{lines}"))).unwrap();
}

#[tokio::test]
async fn p19_a_deal_is_closed_as_an_error_for_one_of_the_nine_reasons() {
    let knobs = json!({ "require_status_reason": true, "check_reasons": true });
    let ground = Ground::strict(knobs, with_error_stage).await;
    let opportunity = ground.private("A duplicate").await;
    let referral = ground.referral_of(&opportunity).await;
    ground.both_judges_agree(1).await;
    ground.seller_edits(&opportunity, json!({ "StageName": "Co-sell: declined" })).await;
    ground
        .until_told(&opportunity, &["cannot be closed as an error without a reason", "\"Test referral\""])
        .await;
    ground.seller_edits(&opportunity, json!({ "NextStep": "Wrong button" })).await;
    ground.until_told(&opportunity, &["\"Wrong button\", which is not in the list \"error_reasons\""]).await;
    ground.seller_edits(&opportunity, json!({ "NextStep": "Duplicate - sent by Microsoft" })).await;
    ground.until_referral(&referral, "/substatus", is("Error")).await;
    let closed = ground.referral(&referral).await;
    assert_eq!(
        (&closed["status"], &closed["statusReason"]),
        (&json!("Closed"), &json!("Duplicate - sent by Microsoft"))
    );
    ground.until_nothing_is_wrong(&opportunity).await;
    assert!(ground.sent("patch").await.iter().all(|(status, _)| *status < 300), "nothing was ever refused");
}

#[tokio::test]
async fn p19_where_the_portal_takes_no_close_as_an_error_a_person_is_told_and_nothing_is_sent() {
    let ground = Ground::strict(json!({ "close_as_error": false }), |world| {
        with_error_stage(world);
        configure(world, "partner_center", "closes_as_error = false");
    })
    .await;
    let opportunity = ground.private("By hand").await;
    let referral = ground.referral_of(&opportunity).await;
    ground.both_judges_agree(1).await;
    let close = json!({ "StageName": "Co-sell: declined", "NextStep": "Test referral" });
    ground.seller_edits(&opportunity, close).await;
    ground.until_told(&opportunity, &["cannot be closed as an error from here", "in the portal"]).await;
    assert_eq!(ground.sent("patch").await, []);
    assert_eq!(ground.referral(&referral).await["status"], "Active");
}

#[tokio::test]
async fn p19_a_loss_needs_a_reason_from_the_list_where_the_portal_wants_one() {
    let knobs = json!({ "require_status_reason": true });
    let ground =
        Ground::strict(knobs, |world| configure(world, "partner_center", "lost_needs_reason = true")).await;
    let opportunity = ground.private("Lost").await;
    let referral = ground.referral_of(&opportunity).await;
    ground.both_judges_agree(1).await;
    ground.seller_edits(&opportunity, json!({ "StageName": "Closed Lost" })).await;
    ground
        .until_told(&opportunity, &["cannot be lost without a reason", "\"Customer didn't respond\""])
        .await;
    ground.seller_edits(&opportunity, json!({ "Loss_Reason__c": "Customer chose another vendor" })).await;
    ground.until_referral(&referral, "/statusReason", is("Customer chose another vendor")).await;
    ground.until_nothing_is_wrong(&opportunity).await;
}

// ── M9: what the portal lets nobody change ──────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn m9_a_place_that_the_portal_refuses_to_change_is_create_only_from_then_on() {
    let mut ground = Ground::strict(json!({}), |world| {
        map(world, "[fields.customer_name]\non = { to_partner_center = [\"create\", \"update\"], to_salesforce = [\"create\"] }");
    })
    .await;
    let opportunity = ground.private("Renamed").await;
    let referral = ground.referral_of(&opportunity).await;
    let account = ground.opportunity(&opportunity).await["AccountId"].as_str().unwrap().to_owned();
    let rename = async |ground: &Ground, name: &str, amount: i64| {
        ground.seller_changes("Account", &account, json!({ "Name": name })).await;
        ground.seller_edits(&opportunity, json!({ "Amount": amount })).await;
        ground.until_referral(&referral, "/details/dealValue", is(amount)).await;
    };
    let refused = async |ground: &Ground| {
        ground.sent("patch").await.iter().filter(|(status, _)| *status == 400).count()
    };

    rename(&ground, "Renamed once", 31_000).await;
    until("the refusal to be remembered", || async {
        let shown = ground.cosell_json(&["deals", "show", &opportunity]).pop()?;
        (shown["fixed_paths"][0]["path"] == "/customerProfile/name").then_some(())
    })
    .await;
    assert_eq!(refused(&ground).await, 1, "it was tried once, and the rest went without it");
    let shown = String::from_utf8(ground.cosell(&["deals", "show", &opportunity]).stdout).unwrap();
    assert!(shown.contains("cosell release /customerProfile/name"), "{shown}");
    let plan = String::from_utf8(ground.cosell(&["plan", &opportunity]).stdout).unwrap();
    assert!(plan.contains("written at creation only"), "{plan}");

    // Neither another edit nor a restart costs another call.
    rename(&ground, "Renamed twice", 32_000).await;
    ground.restart(|_| {});
    rename(&ground, "Renamed three times", 33_000).await;
    assert_eq!(refused(&ground).await, 1);

    // The tenant opens the place, and a person says so: what was typed meanwhile goes, without another edit.
    let opened = json!({ "patch_paths_extra": ["/customerProfile/name"] });
    ground.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&opened)).await;
    ground.restart(|world| {
        assert!(world.cosell(&["release", "/customerProfile/name"]).status.success());
    });
    ground.until_referral(&referral, "/customerProfile/name", is("Renamed three times")).await;
    rename(&ground, "Renamed at last", 34_000).await;
    ground.until_referral(&referral, "/customerProfile/name", is("Renamed at last")).await;
    ground.both_judges_agree(1).await;
}

#[tokio::test]
async fn m9_the_very_value_that_was_refused_is_sent_once_its_place_is_released() {
    let mut ground = Ground::strict(json!({ "patch_paths_refused": ["/details/notes"] }), |_| {}).await;
    let opportunity = ground.private("Noted").await;
    let referral = ground.referral_of(&opportunity).await;
    ground.seller_edits(&opportunity, json!({ "Description": "Typed once", "Amount": 31_000 })).await;
    ground.until_referral(&referral, "/details/dealValue", is(31_000)).await;
    until("the refusal to be remembered", || async {
        let shown = ground.cosell_json(&["deals", "show", &opportunity]).pop()?;
        (shown["fixed_paths"][0]["path"] == "/details/notes").then_some(())
    })
    .await;
    let open = json!({ "patch_paths_refused": [] });
    ground.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&open)).await;
    ground.restart(|world| {
        assert!(world.cosell(&["release", "/details/notes"]).status.success());
    });
    ground.until_referral(&referral, "/details/notes", is("Typed once")).await;
    ground.until_nothing_is_wrong(&opportunity).await;
    ground.both_judges_agree(1).await;
}

#[tokio::test]
async fn m9_contacts_that_are_read_only_in_one_deal_stay_changeable_in_all_others() {
    let ground = Ground::strict(json!({ "contacts_read_only": true }), |world| {
        map(world, "[fields.contacts]\non = [\"create\", \"update\"]");
    })
    .await;
    let opportunity = ground.new_opportunity("With help", 30_000).await;
    ground.opt_in(&opportunity, true).await;
    let referral = ground.referral_of(&opportunity).await;
    ground.microsofts(&referral).await;
    let contact = ground.first("SELECT Id FROM Contact").await;
    ground.seller_changes("Contact", &contact, json!({ "Title": "Head of everything" })).await;
    ground.seller_edits(&opportunity, json!({ "Amount": 31_000 })).await;
    ground.until_told(&opportunity, &["Customer contacts was refused"]).await;
    let shown = ground.cosell_json(&["deals", "show", &opportunity]).pop().unwrap();
    assert_eq!(shown["fixed_paths"], json!([]), "it is about this deal alone");
}

#[tokio::test]
async fn m9_a_tenant_that_takes_a_new_name_gets_it() {
    let ground = Ground::strict(json!({}), |world| {
        map(world, "[fields.deal_name]\non = [\"create\", \"update\"]");
    })
    .await;
    let opportunity = ground.private("First name").await;
    let referral = ground.referral_of(&opportunity).await;
    ground.seller_edits(&opportunity, json!({ "Name": "Second name" })).await;
    ground.until_referral(&referral, "/name", is("Second name")).await;
    ground.both_judges_agree(1).await;
    let puts = ground.control(Platform::PartnerCenter, Method::GET, "requests", None).await;
    assert!(
        puts["log"].as_array().unwrap().iter().all(|exchange| exchange["method"] != "PUT"),
        "never a PUT"
    );
}
