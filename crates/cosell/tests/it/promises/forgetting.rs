//! What is kept of a person can be destroyed for ever, and what happened stays provable (P1, P15; the threat model in
//! `docs/`).

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    harness::World,
    privacy::{Tagged, in_files},
    scenarios::{Stage, is, says},
};

/// In every word that is to be forgotten.
const TAG: &str = "forgqzxwu";
const JO: &str = "jo.kunde@northwind.example";

/// Every file in which the tag stands, in whatever way it is written down.
fn tagged(world: &World) -> Vec<Tagged> {
    in_files(world.folder(), TAG)
}

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A pair whose notes lost a value on each side, all of them tagged; the opportunity and the referral.
async fn quarrelled(stage: &mut Stage) -> (String, String) {
    let (opportunity, referral) = stage.pair(&format!("{TAG} rollout"), 48_000, false).await;
    stage.both_judges_agree(1).await;
    let notes = format!("{TAG} as the seller says");
    stage
        .while_it_is_away(async |world| {
            world.seller_edits(&opportunity, json!({ "Description": notes })).await;
            let set = json!({ "/details/notes": format!("{TAG} as the portal says") });
            world.acts("portal/edit", json!({ "id": referral, "set": set })).await;
        })
        .await;
    stage
        .until_deal(&opportunity, "a value that lost", |deal| {
            deal["archive"].as_array().is_some_and(|kept| !kept.is_empty())
        })
        .await;
    (opportunity, referral)
}

#[tokio::test]
async fn a_closed_deal_is_forgotten_in_every_file_beside_the_service_and_its_history_is_proved() {
    let mut stage = Stage::set_after(|world| {
        world.configure("close_grace = ", "#close_grace = ");
        world.configure("[guard]\n", "[guard]\nclose_grace = \"0s\"\n");
    })
    .await;
    let (opportunity, referral) = quarrelled(&mut stage).await;
    stage.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;
    stage.until_referral(&referral, "/substatus", says("Won")).await;
    stage.until_deal(&opportunity, "the end of it", |deal| deal["deal"]["phase"] == "finished").await;
    let number = stage.deal(&opportunity)["archive"][0]["id"].to_string();
    assert!(!tagged(&stage).is_empty(), "the search finds what the store remembers");

    // Nothing is erased by a command that only looks.
    let looked = stage.cosell(&["forget", &opportunity]);
    assert!(!looked.status.success());
    assert!(text(&looked).contains(&format!("cosell forget {opportunity} --yes")), "{}", text(&looked));
    assert_eq!(stage.deal(&opportunity)["forgotten"], Value::Null);

    let told = stage.cosell_json(&["forget", &opportunity, "--yes"]).pop().unwrap();
    let erased = &told["subjects"][0]["forgotten"];
    assert!(erased["lines"].as_u64() > Some(0) && erased["archived"].as_u64() > Some(0), "{told}");
    assert_eq!(erased["in_step"], false);
    assert_eq!(tagged(&stage), [], "no file of the running service says it");

    let shown = text(&stage.cosell(&["deals", "show", &opportunity]));
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("erased on 20") && words.contains("it is never read again"), "{shown}");
    let refused = stage.cosell(&["restore", &opportunity, &number]);
    assert!(!refused.status.success() && text(&refused).contains("was erased on 20"), "{}", text(&refused));
    let history = stage.cosell_json(&["deals", "history", &opportunity]);
    let (last, before) = history.split_last().unwrap();
    assert_eq!(last["what"], "forgotten");
    assert!(before.iter().all(|line| line["sentence"] == "" && line["erased"].is_string()), "{history:#?}");
    let proof = stage.cosell_json(&["history", "verify"]).pop().unwrap();
    assert_eq!((&proof["histories"], &proof["proved"], &proof["broken"]), (&json!(1), &json!(1), &json!(0)));

    // A seller goes on typing into a deal that is closed; nobody here reads that.
    stage.seller_edits(&opportunity, json!({ "Description": format!("{TAG} once more") })).await;
    let (later, beyond) = stage.pair("Another deal", 7_000, false).await;
    stage.seller_edits(&later, json!({ "Amount": 8_000 })).await;
    stage.until_referral(&beyond, "/details/dealValue", is(8_000)).await;
    stage.settle();
    assert_eq!(tagged(&stage), [], "it was not brought back");
    assert_eq!(stage.deal(&opportunity)["deal"]["links"]["portal"], referral, "and begets no second deal");
}

#[tokio::test]
async fn an_address_is_forgotten_wherever_it_stands_and_deals_in_step_are_named() {
    let mut stage = Stage::set().await;
    let (live, _) = stage.pair("Alpha", 1_000, true).await;
    let (paused, referral) = stage.pair("Beta", 2_000, true).await;
    stage.both_judges_agree(2).await;
    stage.seller_edits(&paused, json!({ "Sync_with_Partner_Center__c": false })).await;
    stage.until_deal(&paused, "the pause", |deal| deal["deal"]["phase"] == "paused").await;
    assert!(!in_files(stage.folder(), JO).is_empty(), "both deals remember the contact");

    let told = stage.cosell_json(&["forget", &JO.to_uppercase(), "--yes"]).pop().unwrap();
    let found = told["subjects"].as_array().unwrap();
    assert_eq!(found.len(), 2, "{told:#}");
    let of = |opportunity: &str| found.iter().find(|row| row["opportunity"] == opportunity).unwrap();
    assert_eq!((&of(&live)["in_step"], &of(&paused)["in_step"]), (&json!(true), &json!(false)));
    let left = told["still_named_by"].as_array().unwrap();
    assert_eq!(left.len(), 1, "the deal that is kept in step knows what both sides hold: {told:#}");

    // Taken away there, it is forgotten here; or without more ado when the deal rests too.
    stage.seller_edits(&live, json!({ "Sync_with_Partner_Center__c": false })).await;
    stage.until_deal(&live, "the pause", |deal| deal["deal"]["phase"] == "paused").await;
    fs::write(stage.folder().join("cosell.sqlite3.before-restore-1"), "a whole store").unwrap();
    let told = stage.cosell_json(&["forget", JO, "--yes"]).pop().unwrap();
    assert_eq!(told["still_named_by"], json!([]), "{told:#}");
    assert_eq!(told["copies"], json!(["cosell.sqlite3.before-restore-1"]), "it holds all of it: {told:#}");
    assert_eq!(in_files(stage.folder(), JO), []);
    let nothing = stage.cosell(&["forget", JO, "--yes"]);
    assert!(nothing.status.success() && text(&nothing).contains("Nothing that is kept names it"));

    // Sync is set to yes again: it goes on as one that was just linked, and nothing is created twice.
    stage.seller_edits(&paused, json!({ "Sync_with_Partner_Center__c": true, "Amount": 2_500 })).await;
    stage.until_referral(&referral, "/details/dealValue", is(2_500)).await;
    assert_eq!(stage.deal(&paused)["deal"]["links"]["portal"], referral);
    stage.settle();
}

#[tokio::test]
async fn heads_that_were_kept_elsewhere_are_proved_later_and_a_strange_one_is_told() {
    let stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Gamma", 3_000, false).await;
    stage.both_judges_agree(1).await;
    let heads = stage.cosell(&["history", "verify", "--heads"]);
    assert!(heads.status.success());
    let heads = String::from_utf8(heads.stdout).unwrap();
    let file = stage.folder().join("heads.jsonl");
    fs::write(&file, &heads).unwrap();
    stage.seller_edits(&opportunity, json!({ "Amount": 3_500 })).await;
    stage.until_referral(&referral, "/details/dealValue", is(3_500)).await;

    let against = |file: &Path| stage.cosell(&["history", "verify", "--against", file.to_str().unwrap()]);
    let proved = against(&file);
    assert!(proved.status.success(), "{}", text(&proved));
    assert!(text(&proved).contains("1 of 1 histories are as they were written"), "{}", text(&proved));
    assert!(text(&proved).contains("1 of 1 kept heads were compared"), "{}", text(&proved));

    let mut head: Value = serde_json::from_str(heads.trim()).unwrap();
    head["link"] = json!("00".repeat(32));
    fs::write(&file, head.to_string()).unwrap();
    let strange = against(&file);
    assert!(!strange.status.success());
    assert!(
        text(&strange).contains("0 of 1 histories") && text(&strange).contains("broken"),
        "{}",
        text(&strange)
    );
    head["subject"] = json!("deal gone");
    fs::write(&file, head.to_string()).unwrap();
    assert!(text(&against(&file)).contains("deal gone: line 1 is missing, with all of its history"));
    fs::write(&file, "no head").unwrap();
    assert!(text(&against(&file)).contains("fix: use what `cosell history verify --heads` printed"));
}

#[tokio::test]
async fn a_history_that_was_cut_off_is_told_from_one_that_its_time_has_taken() {
    let stage = Stage::set().await;
    stage.pair("Gamma", 3_000, false).await;
    stage.both_judges_agree(1).await;
    let heads = String::from_utf8(stage.cosell(&["history", "verify", "--heads"]).stdout).unwrap();
    let file = stage.folder().join("heads.jsonl");
    fs::write(&file, &heads).unwrap();
    let verify = |more: &[&str]| stage.cosell(&[&["history", "verify"], more].concat());
    let against = ["--against", file.to_str().unwrap()];

    // By itself such a chain looks as if its time had taken all of it.
    let store = rusqlite::Connection::open(stage.folder().join("cosell.sqlite3")).unwrap();
    let cut = "DELETE FROM audit; UPDATE chain SET pruned = length + 5, anchor = zeroblob(32);
               UPDATE chain SET length = pruned, link = anchor";
    store.execute_batch(cut).unwrap();
    assert!(verify(&[]).status.success());
    let found_out = verify(&against);
    let told = text(&found_out);
    assert!(!found_out.status.success() && told.contains("0 of 1 kept heads were compared"), "{told}");
    assert!(told.contains("is gone") && told.contains("[retention]"), "{told}");

    // A head that is older than the time may have gone with it, which is counted.
    let mut head: Value = serde_json::from_str(heads.trim()).unwrap();
    head["at"] = json!("2020-01-01T00:00:00Z");
    fs::write(&file, head.to_string()).unwrap();
    let old = verify(&against);
    assert!(old.status.success() && text(&old).contains("of 1 all lines were let go"), "{}", text(&old));
    head["pruned"] = json!(99_999);
    fs::write(&file, head.to_string()).unwrap();
    assert!(text(&verify(&against)).contains("is there again"), "an old copy that was put back");

    store.execute_batch("UPDATE chain SET length = 1").unwrap();
    assert!(!verify(&[]).status.success(), "more than there was cannot be let go");
}
