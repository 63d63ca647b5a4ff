//! A portal that lets few calls through: every deal gets there, and the portal seldom has to say no.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Platform, World, until};

/// How many deals there are.
const DEALS: usize = 64;
/// What the portal lets through in each window: much less than is asked at once, also of a busy machine.
const CALLS: usize = 20;
/// The window, in milliseconds.
const WINDOW: u32 = 2000;
/// Most calls at once, as configured by default: so many may be under way when the portal asks for a pause.
const AT_ONCE: usize = 16;
/// Most refusals after the first pause, in percent of the calls after it.
const MOST_REFUSED: usize = 5;

#[tokio::test]
async fn a_portal_that_throttles_gets_every_deal_with_few_refusals_and_none_during_a_pause() {
    let world = World::alone();
    world.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&limit(Some(CALLS)))).await;
    let mut opportunities = Vec::new();
    for number in 0..DEALS {
        opportunities.push(world.new_opportunity(&format!("Deal {number}"), 10_000).await);
    }
    for opportunity in &opportunities {
        world.opt_in(opportunity, false).await;
    }
    let _service = world.run();
    for opportunity in &opportunities {
        world.referral_of(opportunity).await;
    }
    until_equal(&world).await;
    let log = calls(&world).await;
    let first = log.iter().find(|call| call.status == 429);
    let first = first.expect("the portal never had to say no: the test shows nothing");
    let (before, after): (Vec<_>, Vec<_>) = log.iter().partition(|call| call.at < first.at + first.delay);
    assert!(refused(&before) <= AT_ONCE, "{} calls met the first refusal", refused(&before));
    assert!(after.len() > 2 * CALLS, "little of the work was done under the limit: {} calls", after.len());
    let (refused, all) = (refused(&after), after.len());
    assert!(refused * 100 <= all * MOST_REFUSED, "{refused} of {all} calls were refused");
    for refusal in log.iter().filter(|call| call.status == 429) {
        // Those that were under way, however late they arrive, and no other: at full speed it would be many more.
        let pause = refusal.at..refusal.at + refusal.delay;
        let arrived = log.iter().filter(|call| pause.contains(&call.at)).count();
        assert!(arrived <= AT_ONCE, "{arrived} calls came during the pause of {refusal:?}");
    }

    // What is slow now would hide what is wrong: both judges look at a portal that lets everything through.
    world.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&limit(None))).await;
    world.both_judges_agree(DEALS).await;
}

#[tokio::test]
async fn a_command_beside_the_service_keeps_to_the_pause_that_the_service_was_asked_for() {
    let world = World::start();
    let opportunity = world.new_opportunity("Deal", 10_000).await;
    world.opt_in(&opportunity, false).await;
    let _service = world.run();
    world.referral_of(&opportunity).await;
    // A minute's pause from the next poll on.
    let closed = json!({ "calls_a_minute": 0, "calls_window_ms": 60_000 });
    world.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&closed)).await;
    until("a refusal", || async { calls(&world).await.iter().any(|call| call.status == 429).then_some(()) })
        .await;
    // The service keeps the pause a moment after the refusal. Each command that does not know of it makes a call.
    until("a command that does not call", || async {
        let before = calls(&world).await.len();
        let output = world.cosell(&["verify"]);
        assert!(!output.status.success(), "nothing can be verified without a call");
        (calls(&world).await.len() == before).then_some(())
    })
    .await;
}

fn limit(calls: Option<usize>) -> Value {
    json!({ "calls_a_minute": calls, "calls_window_ms": WINDOW })
}

/// Waits until the oracle finds every pair equal. It reads past the portal's API, and costs no calls.
async fn until_equal(world: &World) {
    until("equal pairs", || async {
        let verdict = world.verdict().await;
        (verdict.holds() && verdict.pairs.len() == DEALS).then_some(())
    })
    .await;
}

fn refused(log: &[&Seen]) -> usize {
    log.iter().filter(|call| call.status == 429).count()
}

/// A call of the Referrals API, as the portal saw it.
#[derive(Debug)]
struct Seen {
    at: Timestamp,
    status: u64,
    /// How long the portal asked to wait.
    delay: Duration,
}

async fn calls(world: &World) -> Vec<Seen> {
    let report = world.control(Platform::PartnerCenter, Method::GET, "requests", None).await;
    assert_eq!(report["evicted"], 0, "the log is whole");
    let exchanges = report["log"].as_array().unwrap().iter();
    let api = exchanges.filter(|call| call["path"].as_str().is_some_and(|path| path.contains("/referrals")));
    api.map(|call| {
        let said = call["response"].as_str().and_then(|text| text.split_once("Try again in "));
        let seconds = said.and_then(|(_, rest)| rest.split(' ').next()).and_then(|word| word.parse().ok());
        Seen {
            at: call["at"].as_str().unwrap().parse().unwrap(),
            status: call["status"].as_u64().unwrap_or_default(),
            delay: Duration::from_secs(seconds.unwrap_or_default()),
        }
    })
    .collect()
}
