//! `cosell plan` shows the very calls that a pass then sends, byte for byte, and sends none of them.

use serde_json::{Value, json};

use crate::{
    harness::{Platform, until},
    scenarios::{ON_HOLD, Stage, invitation},
};

/// No grace, so that what is wanted is in the plan at once.
const NO_GRACE: (&str, &str) = (
    "close_grace = \"2s\"\ndecline_grace = \"2s\"\naccept_grace = \"1s\"",
    "close_grace = \"0s\"\naccept_grace = \"0s\"",
);

async fn without_grace() -> Stage {
    Stage::set_after(|world| world.configure(NO_GRACE.0, NO_GRACE.1)).await
}

/// The plan of one deal, with its calls.
fn planned(stage: &Stage, record: &str) -> Vec<Value> {
    let plan = stage.cosell_json(&["plan", record]).pop().unwrap();
    // A report alone is no part of what the deal waits for.
    if plan["plan"]["effects"] == json!([]) {
        return Vec::new();
    }
    plan["calls"].as_array().unwrap_or_else(|| panic!("{plan:#}")).clone()
}

/// A body without the times of its report: those are of the moment in which it is sent.
fn timeless(body: &str) -> String {
    let time = time_at_start();
    let mut rest = body;
    let mut out = String::new();
    while let Some(at) = rest.char_indices().map(|(at, _)| at).find(|at| time(&rest[*at..]) > 0) {
        out.push_str(&rest[..at]);
        out.push_str("TIME");
        rest = &rest[at + time(&rest[at..])..];
    }
    out.push_str(rest);
    out
}

/// How long the time is with which a text begins: `2026-11-22 10:00` and `2026-11-22T10:00:00...Z`.
fn time_at_start() -> impl Fn(&str) -> usize {
    |text: &str| {
        let shape = |pattern: &str| {
            text.len() >= pattern.len()
                && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
                    b'0' => byte.is_ascii_digit(),
                    _ => byte == wanted,
                })
        };
        if shape("0000-00-00T00:00:00") {
            // A date of the merge is midnight, and stays.
            if text[11..].starts_with("00:00:00") {
                return 0;
            }
            let tail = text[19..].bytes().take_while(|byte| byte.is_ascii_digit() || b".Z+:".contains(byte));
            19 + tail.count()
        } else if shape("0000-00-00 00:00") {
            16
        } else {
            0
        }
    }
}

/// The bodies of all writes that a platform has taken since `from`, oldest first.
async fn sent(stage: &Stage, platform: Platform, from: usize) -> Vec<String> {
    let log = stage.log(platform).await;
    let writes = log[from..].iter().filter(|exchange| {
        let body = exchange["request"].as_str().unwrap_or_default();
        let parsed: Value = serde_json::from_str(body).unwrap_or_default();
        let parts = |bundle: &Value| -> Vec<Value> {
            bundle["compositeRequest"].as_array().cloned().unwrap_or_default()
        };
        let graphs = parsed["graphs"].as_array().cloned().unwrap_or_default();
        let mut all = parts(&parsed);
        all.extend(graphs.iter().flat_map(parts));
        exchange["kind"] == "patch"
            || exchange["kind"] == "create"
            || all.iter().any(|part| part["method"] != "GET")
    });
    writes.map(|exchange| exchange["request"].as_str().unwrap().to_owned()).collect()
}

/// Plans the deal while the program is away, lets it work, and demands that the planned calls were the first ones sent.
async fn sends_what_was_planned(stage: &mut Stage, record: &str, platform: Platform) -> Vec<Value> {
    let before = stage.log(platform).await.len();
    // A save of this second is planned when its second is over.
    let calls =
        until("a plan of calls", async || Some(planned(stage, record)).filter(|calls| !calls.is_empty()));
    let calls = calls.await;
    assert_eq!(sent(stage, platform, before).await, [""; 0], "a plan sends nothing");
    let text = String::from_utf8(stage.cosell(&["plan", record]).stdout).unwrap();
    assert!(
        !calls.iter().any(|call| call.to_string().to_lowercase().contains("bearer")),
        "no secret is shown"
    );
    let wide = |line: &&str| line.chars().count() > 80 && !line.contains("http");
    assert_eq!(text.lines().filter(wide).collect::<Vec<_>>(), [""; 0]);
    stage.settle_again();
    let sent = sent(stage, platform, before).await;
    let host = |call: &&Value| {
        let here = call["url"].as_str().unwrap().contains("/services/data/");
        here == (platform == Platform::Salesforce)
    };
    let planned: Vec<String> =
        calls.iter().filter(host).map(|call| timeless(call["text"].as_str().unwrap())).collect();
    assert!(!planned.is_empty(), "{calls:#?}");
    let sent: Vec<String> = sent.iter().take(planned.len()).map(|body| timeless(body)).collect();
    assert_eq!(planned, sent, "what was shown is what was sent");
    calls
}

impl Stage {
    /// Goes on until nothing is due, with the program stopped already.
    fn settle_again(&self) {
        let settled = self.world.cosell(&["sync", "--once"]);
        assert!(settled.status.success(), "{}", String::from_utf8_lossy(&settled.stderr));
    }
}

#[tokio::test]
async fn an_update_in_each_direction_and_a_close_are_sent_as_they_were_shown() {
    let mut stage = without_grace().await;
    let (opportunity, referral) = stage.pair("Fourth Coffee checkout", 48_000, false).await;
    stage.both_judges_agree(1).await;
    stage.settle();

    stage.seller_edits(&opportunity, json!({ "Amount": 52_000 })).await;
    let calls = sends_what_was_planned(&mut stage, &opportunity, Platform::PartnerCenter).await;
    let call = &calls[0];
    assert_eq!(call["method"], "PATCH");
    assert!(call["url"].as_str().unwrap().ends_with(&format!("/referrals/{referral}")), "{call:#}");
    assert!(call["headers"]["if-match"].is_string(), "{call:#}");
    assert_eq!(stage.referral(&referral).await["details"]["dealValue"], 52_000);

    stage.colleague_edits(&referral, json!({ "/details/notes": "Budget is approved" })).await;
    let calls = sends_what_was_planned(&mut stage, &opportunity, Platform::Salesforce).await;
    let part = &calls[0]["body"]["compositeRequest"][0];
    assert_eq!(part["body"]["Description"], "Budget is approved");
    assert!(part["httpHeaders"]["If-Unmodified-Since"].is_string(), "{part:#}");
    assert_eq!(stage.opportunity(&opportunity).await["Description"], "Budget is approved");

    stage.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;
    let calls = sends_what_was_planned(&mut stage, &opportunity, Platform::PartnerCenter).await;
    assert!(calls[0]["text"].as_str().unwrap().contains("Won"), "{calls:#?}");
    assert_eq!(stage.referral(&referral).await["status"], "Closed");
}

#[tokio::test]
async fn a_referral_is_created_as_it_was_shown() {
    let mut stage = Stage::set_after(|world| {
        world.configure("[guard]", "[switches]\ncreate_referrals = false\n\n[guard]");
    })
    .await;
    let opportunity = stage.new_opportunity("Northwind analytics rollout", 48_000).await;
    stage.opt_in(&opportunity, false).await;
    stage.until_opportunity(&opportunity, "Co_sell_Status__c", Value::is_string).await;
    stage.settle();
    stage.configure("create_referrals = false", "create_referrals = true");
    let calls = sends_what_was_planned(&mut stage, &opportunity, Platform::PartnerCenter).await;
    assert_eq!(
        (&calls[0]["method"], &calls[0]["body"]["name"]),
        (&json!("POST"), &json!("Northwind analytics rollout"))
    );
    stage.both_judges_agree(1).await;
}

#[tokio::test]
async fn an_opportunity_is_created_and_a_referral_accepted_as_it_was_shown() {
    let mut stage = Stage::set_after(|world| {
        world.configure(NO_GRACE.0, NO_GRACE.1);
        world.configure("[guard]", "[switches]\ncreate_opportunities = false\n\n[guard]");
    })
    .await;
    let invitation = json!({ "referral": invitation("Contoso ERP modernisation"), "withMicrosoft": true });
    let invited = stage.acts("microsoft/invite", invitation).await;
    let referral = invited["id"].as_str().unwrap().to_owned();
    until("the deal of the invitation", async || {
        stage.cosell_json(&["deals", "list"]).into_iter().find(|deal| deal["referral"] == referral.as_str())
    })
    .await;
    stage.settle();
    stage.configure("create_opportunities = false", "create_opportunities = true");
    sends_what_was_planned(&mut stage, &referral, Platform::Salesforce).await;
    let opportunity = stage.opportunity_of(&referral).await;
    assert_eq!(stage.opportunity(&opportunity).await["StageName"], ON_HOLD);

    stage.seller_edits(&opportunity, json!({ "Co_sell_Response__c": "Accept" })).await;
    let calls = sends_what_was_planned(&mut stage, &opportunity, Platform::PartnerCenter).await;
    assert!(calls[0]["text"].as_str().unwrap().contains("Accepted"), "{calls:#?}");
    assert_eq!(stage.referral(&referral).await["status"], "Active");
}
