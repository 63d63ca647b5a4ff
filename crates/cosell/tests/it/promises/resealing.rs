//! The operator changes the seal key: the service goes on, nothing that was kept is lost, and the former key is needed no
//! more.

use std::fs;

use serde_json::json;

use super::recovery::{done, said};
use crate::scenarios::{Stage, is};

#[tokio::test]
async fn a_seal_key_is_changed_beside_the_running_service_and_the_former_one_is_needed_no_more() {
    let mut stage = Stage::set().await;
    let (opportunity, referral) = stage.pair("Wide World", 40_000, false).await;
    stage.both_judges_agree(1).await;
    let before = stage.cosell_json(&["deals", "history", &opportunity]);
    assert!(!before.is_empty());

    let new = done(&stage, &["store", "reseal", "--format", "json"]);
    assert!(new.contains("\"resealed\":0"), "with one key there is nothing to do: {new}");
    fs::write(stage.folder().join("new.key"), "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=").unwrap();
    stage.service.stop();
    stage.configure(
        "seal_key = \"file:seal.key\"",
        "seal_key = \"file:new.key\"\nformer_seal_key = \"file:seal.key\"",
    );
    stage.service = stage.world.run();
    stage.seller_edits(&opportunity, json!({ "Amount": 41_000 })).await;
    stage.until_referral(&referral, "/details/dealValue", is(41_000)).await;
    let told = done(&stage, &["store", "reseal"]);
    assert!(told.contains("take former_seal_key out of [store]"), "{told}");
    let again = stage.cosell_json(&["store", "reseal"]).pop().unwrap();
    assert_eq!((&again["resealed"], &again["unreadable"]), (&json!(0), &json!(0)), "{again}");
    assert!(again["looked"].as_u64() >= Some(2), "a deal's key and a sign-in: {again}");

    stage.service.stop();
    stage.configure("\nformer_seal_key = \"file:seal.key\"", "");
    fs::remove_file(stage.folder().join("seal.key")).unwrap();
    stage.service = stage.world.run();
    stage.seller_edits(&opportunity, json!({ "Amount": 42_000 })).await;
    stage.until_referral(&referral, "/details/dealValue", is(42_000)).await;
    let after = stage.cosell_json(&["deals", "history", &opportunity]);
    for line in &before {
        assert!(after.contains(line), "{line} is not in {after:#?}");
    }
    let proof = stage.cosell_json(&["history", "verify"]).pop().unwrap();
    assert_eq!((&proof["proved"], &proof["broken"]), (&json!(1), &json!(0)));

    // The former key alone opens nothing any more, and says so.
    fs::write(stage.folder().join("new.key"), "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap();
    let refused = stage.cosell(&["deals", "history", &opportunity]);
    assert!(!refused.status.success() && said(&refused).contains("fix:"), "{}", said(&refused));
    // And no service begins with it, which could only fail, call after call.
    stage.service.stop();
    for command in [&["run"][..], &["sync", "--once"], &["check"]] {
        let refused = stage.cosell(command);
        let told = said(&refused).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!refused.status.success() && told.contains("do not open with this seal key"), "{told}");
    }
}
