//! Waiting effects and the brake (sync rules, section 5).

use std::time::Duration;

use deal_model::{GuardSettings, Irreversible, Life, Phase, Specs, Verdict};
use ports::Clock as _;
use sync_engine::{Hints, Store as _, Target};

use crate::world::{World, latch, text};

async fn won() -> World {
    let world = World::linked().await;
    world.crm.change("006", |record| record.life = Life::Won);
    world.hear("006").await;
    world.work().await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_close_waits_out_its_grace_and_leaves_from_a_fresh_read_of_both_sides() {
    let world = won().await;
    assert_eq!(world.portal.calls(), [""; 0]);
    assert_eq!(world.deal("006").await.waiting.len(), 1);
    world.forget_calls();
    world.wait(599).await;
    world.work().await;
    assert_eq!(world.portal.calls(), [""; 0]);
    world.settle(2).await;
    assert_eq!(world.portal.calls(), ["read ref1", "move ref1 won"]);
    assert!(world.crm.calls().contains(&"read 006".to_owned()));
    let deal = world.deal("006").await;
    assert!(deal.waiting.is_empty());
    assert_eq!(deal.phase, Phase::Finished, "the deal is finished by a plan of its own");
}

#[tokio::test(start_paused = true)]
async fn what_waited_out_its_grace_is_read_and_sent_from_the_guards_share_of_the_calls() {
    let world = won().await;
    world.wait(599).await;
    world.work().await;
    world.forget_calls();
    for side in [&world.portal, &world.crm] {
        side.state().scopes.clear();
    }
    world.settle(2).await;
    for (side, last) in [(&world.portal, "move ref1 won"), (&world.crm, "read 006")] {
        let state = side.state();
        let at = state.log.iter().position(|line| line == last).expect("it was called");
        let lanes: Vec<ports::Lane> = state.scopes.iter().take(at + 1).map(|scope| scope.lane).collect();
        assert!(lanes.iter().all(|lane| *lane == ports::Lane::Guard), "{:?}: {lanes:?}", state.log);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_back_withdraws_what_waits() {
    let world = won().await;
    world.crm.change("006", |record| record.life = crate::platform::ACTIVE);
    world.hear("006").await;
    world.settle(3_600).await;
    assert!(world.deal("006").await.waiting.is_empty());
    assert_eq!(world.portal.life("ref1"), crate::platform::ACTIVE);
}

#[tokio::test(start_paused = true)]
async fn grace_counts_only_while_the_service_is_up() {
    let mut world = won().await;
    world.clock_on(3_600_000).await;
    world.restart();
    world.work().await;
    assert_eq!(world.portal.life("ref1"), crate::platform::ACTIVE, "an hour of silence is no hour of grace");
    world.settle(700).await;
    assert_eq!(world.portal.life("ref1"), Life::Won);
}

#[tokio::test(start_paused = true)]
async fn a_person_can_send_it_now() {
    let world = won().await;
    let deal = world.deal("006").await;
    let [waiting] = deal.waiting.as_slice() else { panic!("{deal:?}") };
    let verdict = Verdict::SendNow { kind: waiting.kind, target: waiting.target.clone() };
    world.decides(&deal.id, verdict).await;
    world.work().await;
    assert_eq!(world.portal.life("ref1"), Life::Won);
    assert!(world.deal("006").await.decisions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_person_withdrew_is_not_sent_when_its_time_comes_nor_after_a_restart() {
    let mut world = won().await;
    let deal = world.deal("006").await;
    let [waiting] = deal.waiting.as_slice() else { panic!("{deal:?}") };
    let (kind, target) = (waiting.kind, waiting.target.clone());
    world.decides(&deal.id, Verdict::Withdraw { kind, target: target.clone() }).await;
    world.settle(3_600).await;
    world.restart();
    world.clock_on(86_400_000).await;
    world.hear("006").await;
    world.settle(3_600).await;
    assert_eq!(world.portal.life("ref1"), crate::platform::ACTIVE);
    let problems = world.problems("006").await;
    assert!(problems[0].contains("a person withdrew that"), "{problems:?}");
    let history = world.store.history(&deal.id, 9).await.unwrap();
    assert!(
        history.iter().any(|line| line.sentence.starts_with("Carried out what ann decided")),
        "{history:?}"
    );
    world.decides(&deal.id, Verdict::SendNow { kind, target }).await;
    world.work().await;
    assert_eq!(world.portal.life("ref1"), Life::Won);
    assert_eq!(world.problems("006").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_failed_goes_on_waiting_with_its_time_and_its_decision() {
    let world = won().await;
    let deal = world.deal("006").await;
    let verdict = Verdict::SendNow { kind: Irreversible::Close, target: deal.waiting[0].target.clone() };
    world.decides(&deal.id, verdict).await;
    let away = ports::RetryClass::LATER;
    world.portal.fault(crate::platform::Call::Write, crate::platform::Fault::Before(away));
    world.work().await;
    let after = world.deal("006").await;
    assert_eq!(after.waiting, deal.waiting);
    assert_eq!(after.decisions.len(), 1, "only a commit that carried it out consumes a decision");
    world.settle(60).await;
    assert_eq!(world.portal.life("ref1"), Life::Won);
}

#[tokio::test(start_paused = true)]
async fn an_irreversible_effect_never_leaves_from_a_stand_in() {
    let groups = vec![text("name"), latch("share", Irreversible::Share)];
    let world = World::with(Specs { groups, ..Specs::default() });
    world.crm.edit("006", "share", "");
    let world = world.at_rest().await;
    world.crm.edit("006", "share", "yes");
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.portal.calls(), ["read ref1", "write ref1 share"]);
}

fn braked(limit: u32) -> Specs {
    let guard = GuardSettings { brake_limit: limit, ..GuardSettings::default() };
    Specs { groups: vec![text("name"), text("notes")], guard, ..Specs::default() }
}

#[tokio::test(start_paused = true)]
async fn the_brake_holds_births_until_a_person_releases_it() {
    let world = World::with(braked(2));
    for id in ["007", "008"] {
        world.crm.put(id, &[("name", "More"), ("notes", "x")]);
    }
    for id in ["006", "007", "008"] {
        world.hear(id).await;
        world.settle(10).await;
    }
    let posts = world.portal.calls().iter().filter(|call| call.starts_with("create")).count();
    assert_eq!(posts, 2);
    let problems = world.problems("008").await;
    assert!(problems[0].contains("the brake holds them"), "{problems:?}");
    assert!(world.store.open_intents(&world.id("008").await).await.unwrap().is_empty());
    assert!(world.store.release_brake("create", "ann", world.clock.now()).await.unwrap());
    world.work().await;
    assert_eq!(world.portal.calls(), ["create 008"]);
    assert_eq!(world.problems("008").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_brake_holds_one_kind_and_all_the_rest_goes_on_with_its_archive() {
    let world = World::with(braked(1));
    world.crm.put("007", &[("name", "Second"), ("notes", "x")]);
    world.hear("006").await;
    world.settle(120).await;
    world.store.release_brake("create", "ann", world.clock.now()).await.unwrap();
    world.wait(700).await;
    world.hear("007").await;
    world.settle(120).await;
    world.forget_calls();
    world.crm.edit("006", "notes", "");
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.portal.value("ref1", "notes"), "", "the first clear goes");
    world.wait(10).await;
    // The second deal clears its notes too, and its name is in conflict.
    world.crm.edit("007", "notes", "");
    world.crm.edit("007", "name", "ours");
    world.portal.edit("ref2", "name", "theirs");
    let deal = world.id("007").await;
    world.mark(Target::Deal(deal.clone()), Hints::ALL).await;
    world.settle(120).await;
    assert_eq!(world.portal.value("ref2", "notes"), "x", "the clear is held");
    assert_eq!(world.portal.value("ref2", "name"), "ours", "the other field is not");
    let archive = world.store.archive(&deal, 10).await.unwrap();
    assert_eq!(archive.len(), 1, "what it overwrote was kept first: {archive:?}");
    assert!(world.store.release_brake("clear:notes", "ann", world.clock.now()).await.unwrap());
    world.settle(120).await;
    assert_eq!(world.portal.value("ref2", "notes"), "");
}

#[tokio::test(start_paused = true)]
async fn a_held_acceptance_holds_the_fields_that_were_to_follow_it() {
    let guard = GuardSettings { brake_limit: 0, accept_grace_secs: 0, ..GuardSettings::default() };
    let specs = Specs { groups: vec![text("name"), text("notes")], guard, ..Specs::default() };
    let world = World::with(specs);
    world.portal.put("r1", &[("name", "Inbound"), ("notes", "")]);
    world.portal.change("r1", |record| record.life = Life::Received);
    world.hear_referral("r1").await;
    world.settle(120).await;
    world.forget_calls();
    world.crm.change("opp1", |record| record.life = crate::platform::ACTIVE);
    world.crm.edit("opp1", "notes", "typed");
    world.hear("opp1").await;
    world.work().await;
    assert_eq!(world.portal.calls(), ["read r1"], "nothing is written to a referral that is not accepted");
    let problems = world.problems("opp1").await;
    assert!(problems.iter().any(|problem| problem.contains("\"accept\"")), "{problems:?}");
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_two_brakes_hold_names_both_and_waits_for_both() {
    let guard = GuardSettings { brake_limit: 0, ..GuardSettings::default() };
    let groups = vec![text("name"), latch("share", Irreversible::Share)];
    let world = World::with(Specs { groups, guard, ..Specs::default() });
    world.crm.edit("006", "share", "yes");
    world.hear("006").await;
    world.work().await;
    let problems = world.deal("006").await.problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    for (said, part) in
        [(&problems[0].sentence, "the kind \"{}\""), (&problems[0].next_step, "cosell release {}")]
    {
        for kind in ["create", "share"] {
            assert!(said.contains(&part.replace("{}", kind)), "{said}");
        }
    }
    assert!(world.store.release_brake("create", "ann", world.clock.now()).await.unwrap());
    world.work().await;
    let problems = world.problems("006").await;
    assert!(problems[0].contains("\"share\""), "{problems:?}");
    assert!(!world.portal.calls().iter().any(|call| call.starts_with("create")));
    assert!(world.store.open_intents(&world.id("006").await).await.unwrap().is_empty());
}

/// A won deal whose close is due, of which Ann decides while it is read for the last time.
async fn decided_in_between(decide: impl AsyncFnOnce(&World)) -> World {
    let world = won().await;
    world.wait(595).await;
    world.forget_calls();
    world.portal.fault(crate::platform::Call::Read, crate::platform::Fault::Slow(Duration::from_secs(10)));
    let meanwhile = async {
        world.clock.sleep(Duration::from_secs(10)).await;
        assert_eq!(world.portal.calls(), ["read ref1"], "the pass is under way");
        decide(&world).await;
    };
    tokio::join!(world.settle(60), meanwhile);
    world
}

#[tokio::test(start_paused = true)]
async fn what_is_decided_between_the_claim_and_the_sending_is_planned_with_and_nothing_leaves_before() {
    let world = decided_in_between(async |world| {
        let deal = world.deal("006").await;
        let [waiting] = deal.waiting.as_slice() else { panic!("{deal:?}") };
        let verdict = Verdict::Withdraw { kind: waiting.kind, target: waiting.target.clone() };
        world.decides(&deal.id, verdict).await;
    })
    .await;
    assert!(world.portal.calls().iter().all(|call| !call.starts_with("move")));
    assert_eq!(world.portal.life("ref1"), crate::platform::ACTIVE);
    let deal = world.deal("006").await;
    assert!(deal.waiting[0].withdrawn && deal.decisions.is_empty(), "{deal:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_marked_between_the_claim_and_the_sending_is_read_first() {
    let world = decided_in_between(async |world| {
        world.crm.change("006", |record| record.life = crate::platform::ACTIVE);
        world.hear("006").await;
    })
    .await;
    assert!(world.portal.calls().iter().all(|call| !call.starts_with("move")));
    assert_eq!(world.portal.life("ref1"), crate::platform::ACTIVE);
    assert!(world.deal("006").await.waiting.is_empty());
}
