//! What a person can do when something is to stop, to be tried again, to be looked at once more, or to be proven; beside the
//! running service.

use serde_json::{Value, json};

use crate::{
    harness::{Platform, World, until},
    scenarios::{Stage, is, mentions, says},
};

const STATUS: &str = "Co_sell_Status__c";

pub(super) fn said(output: &std::process::Output) -> String {
    [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned()).concat()
}

/// Runs a command that must succeed; what it said, each line within 80 columns, or one address that is longer.
pub(super) fn done(stage: &Stage, words: &[&str]) -> String {
    let output = stage.cosell(words);
    let said = said(&output);
    assert!(output.status.success(), "{words:?}: {said}");
    let fits = |line: &str| line.chars().count() <= 80 || line.split_whitespace().count() == 1;
    assert!(said.lines().all(fits), "wider than 80 columns:\n{said}");
    said
}

#[tokio::test]
async fn a_paused_deal_writes_nothing_says_so_and_goes_on_when_it_is_resumed_also_over_a_restart() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Fourth Coffee roastery", 40_000, false).await;
    let (other, others) = stage.pair("Tailspin hangar", 50_000, false).await;
    stage.both_judges_agree(2).await;
    done(&stage, &["pause", &opportunity, "--why", "legal review", "--as", "ann"]);
    stage.until_opportunity(&opportunity, STATUS, says("paused by ann (legal review)")).await;

    stage.seller_edits(&opportunity, json!({ "Amount": 41_000 })).await;
    stage.colleague_edits(&referral, json!({ "/details/notes": "Theirs" })).await;
    // Another deal's edit shows that the program had its chance, before and after a restart.
    stage.seller_edits(&other, json!({ "Amount": 51_000 })).await;
    stage.until_referral(&others, "/details/dealValue", is(51_000)).await;
    stage.settle();
    assert!(is(40_000)(&stage.referral(&referral).await["details"]["dealValue"]));
    assert!(says("Wants a pilot")(&stage.opportunity(&opportunity).await["Description"]));
    assert_eq!(stage.verified()["counts"], json!({ "equal": 1, "paused_or_on_hold": 1 }));
    let listed = done(&stage, &["deals", "list"]);
    assert!(listed.contains("paused by ann (legal review)"), "{listed}");
    let shown = done(&stage, &["deals", "show", &opportunity]);
    assert!(shown.contains("paused by ann") && shown.contains("cosell resume"), "{shown}");
    let pauses = stage.cosell_json(&["pause"]).pop().unwrap();
    assert_eq!(
        (&pauses["pauses"][0]["by"], &pauses["pauses"][0]["why"]),
        (&json!("ann"), &json!("legal review"))
    );
    let again = done(&stage, &["pause", &opportunity]);
    assert!(again.contains("already"), "{again}");

    stage.service = stage.world.run();
    done(&stage, &["resume", &opportunity, "--as", "bob", "--why", "cleared"]);
    stage.until_referral(&referral, "/details/dealValue", is(41_000)).await;
    stage.until_opportunity(&opportunity, "Description", says("Theirs")).await;
    stage.until_opportunity(&opportunity, STATUS, says("in step")).await;
    stage.both_judges_agree(2).await;
    let history = said(&stage.cosell(&["deals", "history", &opportunity]));
    for line in ["ann paused the deal: legal review.", "bob resumed the deal: cleared."] {
        assert!(history.contains(line), "{history}");
    }
    let twice = stage.cosell(&["resume", &opportunity]);
    assert!(!twice.status.success() && said(&twice).contains("was not paused"), "{}", said(&twice));
}

#[tokio::test]
async fn everything_is_paused_and_resumed_and_a_flow_is_while_the_others_go_on() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Lamna healthcare", 40_000, false).await;
    stage.both_judges_agree(1).await;
    done(&stage, &["pause", "--flow", "update_referrals"]);
    stage.seller_edits(&opportunity, json!({ "Amount": 41_000 })).await;
    stage.colleague_edits(&referral, json!({ "/details/notes": "Goes on" })).await;
    stage.until_opportunity(&opportunity, "Description", says("Goes on")).await;
    assert!(is(40_000)(&stage.referral(&referral).await["details"]["dealValue"]));
    done(&stage, &["pause", "--all", "--why", "migration"]);
    done(&stage, &["resume", "--flow", "update_referrals"]);
    let listed = done(&stage, &["deals", "list"]);
    assert!(listed.contains("everything: paused by"), "{listed}");
    let requests = stage.log(Platform::PartnerCenter).await.len();
    stage.seller_edits(&opportunity, json!({ "Amount": 42_000 })).await;
    // Two heartbeats of the service: it heard of the flow, and everything is still paused.
    until("the mark of the seller's edit", || async {
        let deal = stage.cosell_json(&["deals", "list"]).pop().unwrap();
        (deal["due"].is_string() && deal["pause"]["scope"] == "all").then_some(())
    })
    .await;
    let wrote = |exchange: &Value| {
        exchange["kind"] == "patch" && exchange["path"].as_str().unwrap().contains(&referral)
    };
    assert!(!stage.log(Platform::PartnerCenter).await[requests..].iter().any(wrote));
    done(&stage, &["resume", "--all"]);
    stage.until_referral(&referral, "/details/dealValue", is(42_000)).await;
    stage.both_judges_agree(1).await;
    let past = stage.cosell_json(&["pause", "--past"]).pop().unwrap();
    assert_eq!(past["pauses"].as_array().unwrap().len(), 2, "{past:#}");
    let unknown = stage.cosell(&["pause", "--flow", "everything"]);
    assert!(said(&unknown).contains("update_opportunities"), "the flows are named: {}", said(&unknown));
}

#[tokio::test]
async fn a_deal_that_is_held_up_is_tried_again_when_a_person_asks_and_the_counts_are_told() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Woodgrove branches", 40_000, false).await;
    stage.both_judges_agree(1).await;
    let rule = json!({ "object": "Opportunity", "field": "Amount", "condition": { "above": 100_000 },
        "message": "Ask the deal desk" });
    let rules = async |rules: Value| {
        let knobs = json!({ "validation_rules": rules });
        stage.control(Platform::Salesforce, reqwest::Method::PATCH, "knobs", Some(&knobs)).await
    };
    rules(json!([rule])).await;
    stage.colleague_edits(&referral, json!({ "/details/dealValue": 250_000 })).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", mentions("Ask the deal desk")).await;
    // An administrator takes the rule away: nobody tells.
    rules(json!([])).await;
    let listed = done(&stage, &["retry"]);
    assert!(listed.contains("cosell retry --all"), "{listed}");
    let classes = stage.cosell_json(&["retry"]);
    let class = classes[0]["problems"][0]["class"].as_str().unwrap().to_owned();
    let wrong = stage.cosell(&["retry", "--problem", "none"]);
    assert!(!wrong.status.success() && said(&wrong).contains("lifecycle"), "{}", said(&wrong));
    let told = stage.cosell_json(&["retry", "--problem", &class]).pop().unwrap();
    assert_eq!(told, json!({ "asked": 1, "asked_before": 0, "referrals": 0, "left": 0 }));
    stage.until_opportunity(&opportunity, "Amount", is(250_000)).await;
    stage.until_opportunity(&opportunity, "Co_sell_Problem__c", Value::is_null).await;
    let none = done(&stage, &["retry", "--all"]);
    assert!(none.contains("0 deals are looked at now"), "{none}");
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn what_changed_since_a_time_is_read_again_and_nothing_is_skipped_or_rewritten() {
    let stage = Stage::set().await;
    let (opportunity, _) = stage.pair("Alpine lifts", 40_000, false).await;
    stage.pair("Coho vineyard", 50_000, false).await;
    stage.both_judges_agree(2).await;
    let dry = stage.cosell_json(&["replay", "--since", "2h", "--dry-run"]).pop().unwrap();
    let sources: Vec<&str> = dry["would_look_at"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["source"].as_str().unwrap())
        .collect();
    assert!(sources.contains(&"portal.referrals") && sources.contains(&"crm.opportunities"), "{dry:#}");
    for each in dry["would_look_at"].as_array().unwrap() {
        assert!(
            !matches!(each["source"].as_str().unwrap(), "crm.opportunities" | "portal.referrals")
                || each["records"] == 2,
            "{dry:#}"
        );
    }
    assert!(done(&stage, &["replay"]).contains("nothing was ever read again"));

    let writes = stage.taken("patch").await.len();
    let crm_stamp = stage.opportunity(&opportunity).await["SystemModstamp"].clone();
    let replays =
        stage.cosell_json(&["replay", "--since", "2h", "--side", "portal", "--as", "ann"]).pop().unwrap();
    assert_eq!(replays["replays"].as_array().unwrap().len(), 1);
    assert_eq!(replays["replays"][0]["progress"]["listed"], 2, "{replays:#}");
    assert!(replays["replays"][0]["progress"]["ended"].is_string(), "{replays:#}");
    assert_eq!(replays["replays"][0]["wish"]["by"], "ann");
    stage.both_judges_agree(2).await;
    assert_eq!(stage.taken("patch").await.len(), writes, "what agrees is not written");
    assert_eq!(stage.opportunity(&opportunity).await["SystemModstamp"], crm_stamp);
    for wrong in ["tomorrow", "2999-01-01"] {
        let refused = stage.cosell(&["replay", "--since", wrong]);
        assert!(!refused.status.success(), "{}", said(&refused));
    }
}

/// Loses what the store was told of both platforms' newest changes: the marks are gone, and each source is believed to be
/// read up to `at`.
fn loses_its_marks(world: &World, at: jiff::Timestamp) {
    let store = rusqlite::Connection::open(world.folder().join("cosell.sqlite3")).unwrap();
    store.execute("DELETE FROM work", []).unwrap();
    for (source, member) in [("crm.%", "$.stamp"), ("portal.referrals", "$.newest")] {
        let moved = store
            .execute(
                "UPDATE cursor SET position = json_set(position, ?2, ?3)
                 WHERE source LIKE ?1 AND json_valid(position) AND position ->> ?2 IS NOT NULL",
                (source, member, at.to_string()),
            )
            .unwrap();
        assert!(moved > 0, "no position of {source}");
    }
}

#[tokio::test]
async fn changes_whose_marks_were_lost_are_found_by_reading_the_sources_again() {
    let world = World::start();
    // Nothing but polls, and those go back by a second only: nothing else finds what was lost.
    world.configure("[salesforce.events]", "[salesforce.events]\nenabled = false");
    world.configure("overlap = \"1min\"", "overlap = \"1s\"");
    let service = world.run();
    let mut stage = Stage { world, service };
    let (sold, solds) = stage.pair("Alpine lifts", 40_000, false).await;
    let (noted, noteds) = stage.pair("Coho vineyard", 50_000, false).await;
    stage.both_judges_agree(2).await;
    stage.settle();
    stage.seller_edits(&sold, json!({ "Amount": 41_000 })).await;
    stage.colleague_edits(&noteds, json!({ "/details/notes": "Nobody heard of it" })).await;
    let lost_until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    loses_its_marks(&stage, lost_until);
    until("the end of what was lost", || async { (jiff::Timestamp::now() > lost_until).then_some(()) }).await;
    stage.service = stage.world.run();

    // What comes later is heard of on both sides, and what was lost is not.
    let (later, laters) = stage.pair("Humongous hotels", 60_000, false).await;
    stage.colleague_edits(&laters, json!({ "/details/notes": "Heard of" })).await;
    stage.until_opportunity(&later, "Description", says("Heard of")).await;
    assert!(is(40_000)(&stage.referral(&solds).await["details"]["dealValue"]));
    assert!(says("Wants a pilot")(&stage.opportunity(&noted).await["Description"]));
    let verified = stage.verified();
    assert_eq!(verified["counts"], json!({ "equal": 1, "waiting": 2 }), "{verified:#}");

    let replayed = stage.cosell_json(&["replay", "--since", "1h"]).pop().unwrap();
    let progress = |source: &str| {
        let mut all = replayed["replays"].as_array().unwrap().iter();
        all.find(|each| each["source"] == source).unwrap()["progress"].clone()
    };
    assert_eq!(progress("portal.referrals")["listed"], 3, "{replayed:#}");
    assert_eq!(progress("crm.opportunities")["listed"], 3, "{replayed:#}");
    stage.until_referral(&solds, "/details/dealValue", is(41_000)).await;
    stage.until_opportunity(&noted, "Description", says("Nobody heard of it")).await;
    stage.both_judges_agree(3).await;
}

#[tokio::test]
async fn a_proof_over_all_deals_is_kept_shown_and_names_what_was_planted() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Margie travel", 40_000, false).await;
    stage.pair("Adatum ledgers", 50_000, false).await;
    stage.both_judges_agree(2).await;
    let none = stage.cosell(&["verify", "--last"]);
    assert!(!none.status.success() && said(&none).contains("no proof was made yet"), "{}", said(&none));
    let proved = stage.cosell_json(&["verify", "--all", "--as", "ann"]).pop().unwrap();
    assert_eq!((&proved["proof"]["deals"], &proved["proof"]["counts"]), (&json!(2), &json!({ "equal": 2 })));

    stage.service.stop();
    stage.colleague_edits(&referral, json!({ "/details/dealValue": 39_999 })).await;
    let differs = stage.verdict().await;
    assert!(!differs.holds(), "the oracle sees what was planted");
    let proved = stage.cosell_json(&["verify", "--all"]).pop().unwrap();
    // A pass would put it right: it waits, and that is no failure.
    assert_eq!(proved["proof"]["counts"], json!({ "equal": 1, "waiting": 1 }));
    let deal = stage.deal(&opportunity)["deal"]["id"].clone();
    assert_eq!(
        proved["proof"]["first"],
        json!([{ "deal": deal, "standing": "waiting", "fields": ["money"] }])
    );
    assert_eq!(
        proved["findings"][0]["differences"][0]["referral"].as_str().map(|told| told.contains("39999")),
        Some(true),
        "{proved:#}"
    );
    let last = done(&stage, &["verify", "--last"]);
    assert!(last.contains("1 of 2 deals are equal") && last.contains("money"), "{last}");
    assert!(!last.contains("39999"), "a kept proof holds no value: {last}");
    stage.service = stage.world.run();
    let text = done(&stage, &["verify", "--all"]);
    assert!(!text.contains('\r'), "no progress where nobody watches");
    stage.until_opportunity(&opportunity, "Amount", is(39_999)).await;
    stage.both_judges_agree(2).await;
}
