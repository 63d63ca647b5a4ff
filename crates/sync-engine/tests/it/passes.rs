//! Passes: what is read, what is sent, and what happens when something is in the way.

use std::{sync::Arc, time::Duration};

use deal_model::{Phase, Side};
use ports::RetryClass;
use sync_engine::{Hints, ROUNDS, Store as _, Target};

use crate::{
    platform::{Call, Fault},
    world::World,
};

#[tokio::test(start_paused = true)]
async fn an_edit_of_the_opportunity_costs_one_read_and_one_patch() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.crm.calls(), ["read 006"]);
    assert_eq!(world.portal.calls(), ["write ref1 name"], "the stored referral stands in for a read");
    assert_eq!(world.portal.value("ref1", "name"), "New");
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_the_referral_costs_two_reads_and_one_write() {
    let world = World::linked().await;
    world.portal.edit("ref1", "name", "New");
    world.hear_referral("ref1").await;
    world.work().await;
    assert_eq!(world.portal.calls(), ["read ref1"]);
    assert_eq!(world.crm.calls(), ["read 006", "write 006 name"]);
}

#[tokio::test(start_paused = true)]
async fn a_stand_in_that_is_out_of_date_is_refused_by_the_portal_and_read_again_at_once() {
    let world = World::linked().await;
    world.portal.edit("ref1", "notes", "theirs");
    world.crm.edit("006", "name", "ours");
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.portal.calls(), ["write ref1 name", "read ref1", "write ref1 name"]);
    assert_eq!(world.crm.calls(), ["read 006", "read 006", "write 006 notes"]);
    assert_eq!(world.portal.value("ref1", "name"), "ours");
    assert_eq!(world.crm.value("006", "notes"), "theirs");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_to_the_opportunity_on_a_referral_that_has_just_moved() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "ours");
    world.portal.edit("ref1", "notes", "older");
    world.portal.before(Call::Write, |portal| portal.edit("ref1", "notes", "newer"));
    let deal = world.id("006").await;
    world.mark(Target::Deal(deal), Hints::ALL).await;
    world.work().await;
    let writes: Vec<String> =
        world.crm.calls().into_iter().filter(|call| call.starts_with("write")).collect();
    assert_eq!(writes, ["write 006 notes"], "one write, of the newest value");
    assert_eq!(world.crm.value("006", "notes"), "newer");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_keeps_moving_is_planned_anew_three_times_at_once_and_then_left_alone() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    for _ in 0..10 {
        world.portal.fault(Call::Write, Fault::Before(RetryClass::Changed));
    }
    world.hear("006").await;
    world.work().await;
    let calls = world.portal.calls();
    let writes = calls.iter().filter(|call| call.starts_with("write")).count();
    assert_eq!(writes, 1 + sync_engine::REPLANS, "{calls:?}");
    assert!(world.due_in().await.unwrap() >= 500, "then it backs off");
}

#[tokio::test(start_paused = true)]
async fn a_deal_that_never_comes_to_rest_is_left_after_so_many_rounds() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    // The portal alters what it is sent: each answer shows more to do, as if a person had typed it.
    for turn in 0..20 {
        world.portal.before(Call::Write, move |portal| {
            portal.state().records.get_mut(&"ref1".into()).unwrap().tag += turn % 2;
        });
    }
    world.hear("006").await;
    world.work().await;
    let writes = world.portal.calls().iter().filter(|call| call.starts_with("write")).count();
    assert!(writes <= ROUNDS, "{writes} writes in one pass");
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_comes_during_a_pass_is_not_lost() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "one");
    let engine = Arc::clone(&world.engine);
    let crm = Arc::clone(&world.crm);
    world.portal.before(Call::Write, move |portal| {
        crm.edit("006", "notes", "meanwhile");
        let now = ports::Clock::now(portal.clock.as_ref());
        let mark = sync_engine::Mark {
            target: Target::Opportunity { id: "006".into(), birth: false, claims: None },
            hints: Hints::of(Side::Crm),
            lane: sync_engine::WorkLane::Now,
            due: now,
            heard: now,
            awaits: sync_engine::Awaited::default(),
        };
        futures::executor::block_on(engine.mark(&[mark])).unwrap();
    });
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.portal.value("ref1", "notes"), "meanwhile");
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_a_write_and_its_commit_is_made_good_without_a_second_write() {
    let mut world = World::linked().await;
    world.crm.edit("006", "name", "New");
    world.portal.fault(Call::Write, Fault::Hang);
    world.hear("006").await;
    world.work_and_crash(5).await;
    world.settle(200).await;
    let calls = world.portal.calls();
    // The stand-in's version is refused, the fresh read shows both sides equal.
    assert_eq!(calls, ["write ref1 name", "write ref1 name", "read ref1"]);
    assert_eq!(world.portal.value("ref1", "name"), "New");
    let base = world.deal("006").await.memory.base[&"name".into()].clone();
    assert_eq!(base.portal, base.crm);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_lease_commits_nothing_and_starts_no_request() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    world.portal.edit("ref1", "notes", "theirs");
    let store = Arc::clone(&world.store);
    // While the opportunity is read, the lease ends and somebody else takes the deal.
    world.crm.fault(Call::Read, Fault::Slow(Duration::from_secs(91)));
    world.portal.before(Call::Read, move |portal| {
        let now = ports::Clock::now(portal.clock.as_ref());
        let request = sync_engine::ClaimRequest {
            owner: "somebody else".to_owned(),
            now,
            lease_until: now + jiff::SignedDuration::from_secs(90),
            most: 10,
            most_of_backlog: 10,
            rules: None,
        };
        assert_eq!(futures::executor::block_on(store.claim(&request)).unwrap().len(), 1);
    });
    let deal = world.id("006").await;
    let before = world.deal("006").await;
    world.mark(Target::Deal(deal), Hints::ALL).await;
    world.work().await;
    assert_eq!(world.portal.calls(), ["read ref1"]);
    assert_eq!(world.crm.calls(), ["read 006"]);
    assert_eq!(world.deal("006").await, before);
}

#[tokio::test(start_paused = true)]
async fn no_request_is_started_after_the_end_of_the_lease() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    world.crm.fault(Call::Read, Fault::Slow(Duration::from_secs(91)));
    let at = ports::Clock::now(world.clock.as_ref());
    world.hear("006").await;
    world.work().await;
    let writes = world.portal.calls();
    assert_eq!(writes.last().unwrap(), "write ref1 name", "it left from a claim of its own");
    assert_eq!(world.crm.calls(), ["read 006", "read 006"]);
    let lapsed = at + jiff::SignedDuration::from_secs(90);
    let scopes = std::mem::take(&mut world.portal.state().scopes);
    assert!(scopes.last().unwrap().send_before.unwrap() > lapsed);
}

#[tokio::test(start_paused = true)]
async fn every_call_of_a_pass_carries_the_time_after_which_it_may_not_be_sent() {
    let world = World::linked().await;
    world.crm.state().scopes.clear();
    world.portal.state().scopes.clear();
    let now = ports::Clock::now(world.clock.as_ref());
    world.crm.edit("006", "name", "New");
    world.hear("006").await;
    world.work().await;
    let lease = now + jiff::SignedDuration::from_secs(90);
    let read = world.crm.state().scopes[0];
    assert_eq!(read.send_before, Some(lease));
    let write = world.portal.state().scopes[0];
    assert_eq!(
        write.send_before,
        Some(now + jiff::SignedDuration::from_secs(20)),
        "the deadline comes first"
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_writes_to_the_crm_with_one_call_and_a_bad_row_fails_no_neighbour() {
    let world = World::linked().await;
    world.crm.put("007", &[("name", "Second"), ("notes", "x")]);
    world.hear("007").await;
    world.settle(120).await;
    world.forget_calls();
    world.portal.edit("ref1", "name", "a");
    world.portal.edit("ref2", "notes", "b");
    world.crm.state().refuses.insert("notes".into(), true);
    world.hear_referral("ref1").await;
    world.hear_referral("ref2").await;
    world.work().await;
    assert_eq!(world.crm.calls(), ["read 006 007", "write 006 name + write 007 notes"]);
    assert_eq!(world.crm.value("006", "name"), "a");
    assert_eq!(world.problems("006").await, [""; 0]);
    assert_eq!(world.problems("007").await, ["notes was refused: not allowed here"]);
}

#[tokio::test(start_paused = true)]
async fn a_side_that_answers_too_little_makes_nobody_forget_the_work() {
    for silence in [Fault::Mute, Fault::Unsure] {
        let world = World::linked().await;
        world.crm.edit("006", "name", "New");
        world.crm.fault(Call::Read, silence);
        world.hear("006").await;
        world.work().await;
        assert!(world.due_in().await.is_some(), "it is read again");
        world.settle(1_000).await;
        assert_eq!(world.portal.value("ref1", "name"), "New");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_save_under_the_same_stamp_is_seen_though_nobody_tells_of_it() {
    let world = World::linked().await;
    world.crm.state().coarse = true;
    world.wait(10).await;
    world.crm.edit("006", "name", "one");
    world.hear("006").await;
    world.work().await;
    world.crm.edit("006", "name", "two");
    world.settle(3).await;
    assert_eq!(world.portal.value("ref1", "name"), "two");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_lags_is_never_planned_on_and_is_read_again_after_one_two_and_four_seconds() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    for _ in 0..3 {
        world.crm.fault(Call::Read, Fault::Lags(10_000));
    }
    world.hear("006").await;
    let mut waits = Vec::new();
    for _ in 0..3 {
        world.work().await;
        let wait = world.due_in().await.unwrap();
        waits.push(wait);
        world.clock_on(wait).await;
    }
    assert_eq!(waits, [1_000, 2_000, 4_000]);
    assert_eq!(world.portal.calls(), [""; 0]);
    world.work().await;
    assert_eq!(world.portal.calls(), ["write ref1 name"]);
}

#[tokio::test(start_paused = true)]
async fn an_opportunity_saved_just_now_is_not_written_and_is_read_again_after_two_seconds() {
    let world = World::linked().await;
    world.crm.state().coarse = true;
    world.wait(10).await;
    world.crm.edit("006", "notes", "typed");
    world.portal.edit("ref1", "name", "theirs");
    let deal = world.id("006").await;
    world.mark(Target::Deal(deal), Hints::ALL).await;
    world.work().await;
    assert_eq!(world.crm.calls(), ["read 006"]);
    assert_eq!(world.portal.calls(), ["read ref1", "write ref1 notes"], "the other way does not wait");
    let wait = world.due_in().await.unwrap();
    assert!((1_000..=2_000).contains(&wait), "{wait}");
    world.settle(3).await;
    assert_eq!(world.crm.calls()[..2], ["read 006", "write 006 name"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_paused_deal_only_the_flag_is_read() {
    let world = World::linked().await;
    world.crm.change("006", |record| record.crm.opted_in = false);
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.deal("006").await.phase, Phase::Paused);
    world.forget_calls();
    world.portal.edit("ref1", "name", "theirs");
    world.hear_referral("ref1").await;
    world.settle(3_600).await;
    assert_eq!(world.crm.calls(), ["read 006"], "once");
    assert_eq!(world.portal.calls(), [""; 0]);
    world.crm.change("006", |record| record.crm.opted_in = true);
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.crm.value("006", "name"), "theirs", "what came meanwhile flows when it is on again");
}

#[tokio::test(start_paused = true)]
async fn a_deal_without_a_referral_comes_to_rest_though_the_referral_was_asked_for() {
    let world = World::new();
    world.crm.change("006", |record| record.life = deal_model::Life::Received);
    world.hear("006").await;
    let deal = world.id("006").await;
    world.mark(Target::Deal(deal), Hints::ALL).await;
    world.settle(120).await;
    assert_eq!(world.due_in().await, None);
    assert_eq!(world.crm.calls(), ["read 006"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_person_must_mend_before_a_read_is_said_on_the_deal_and_goes_when_it_is_mended() {
    let world = World::linked().await;
    world.crm.fault(Call::Read, Fault::Before(RetryClass::Person));
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.problems("006").await, ["The opportunity cannot be read: scripted."]);
    world.settle(1_000).await;
    assert_eq!(world.problems("006").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_backs_off_and_keeps_the_work() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    for _ in 0..3 {
        world.portal.fault(Call::Write, Fault::Before(RetryClass::LATER));
    }
    world.hear("006").await;
    let mut waits = Vec::new();
    for _ in 0..3 {
        world.work().await;
        let wait = world.due_in().await.unwrap();
        waits.push(wait);
        world.clock_on(wait).await;
    }
    assert!(waits[0] >= 500 && waits[1] >= 1_000 && waits[2] >= 2_000, "{waits:?}");
    world.work().await;
    assert_eq!(world.portal.value("ref1", "name"), "New");
}

#[tokio::test(start_paused = true)]
async fn the_servers_own_delay_is_kept() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    let after = Some(Duration::from_secs(77));
    world.portal.fault(Call::Write, Fault::Before(RetryClass::Later { after }));
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.due_in().await, Some(77_000));
}

#[tokio::test(start_paused = true)]
async fn a_losing_value_is_in_the_archive_before_the_winner_is_sent() {
    let world = World::linked().await;
    world.portal.edit("ref1", "name", "theirs");
    world.crm.edit("006", "name", "ours");
    let deal = world.id("006").await;
    let store = Arc::clone(&world.store);
    let (sent, heard) = std::sync::mpsc::channel();
    let id = deal.clone();
    world.portal.before(Call::Write, move |_| {
        sent.send(futures::executor::block_on(store.archive(&id, 10)).unwrap()).unwrap();
    });
    world.mark(Target::Deal(deal), Hints::ALL).await;
    world.work().await;
    let archive = heard.recv().unwrap();
    assert_eq!(archive.len(), 1, "{archive:?}");
    assert_eq!(deal_model::display(&archive[0].archived.value), "theirs");
}

#[tokio::test(start_paused = true)]
async fn a_running_engine_stops_when_told_and_finishes_the_pass_under_way() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    world.crm.fault(Call::Read, Fault::Slow(Duration::from_secs(3)));
    world.hear("006").await;
    let stop = Arc::new(tokio::sync::Notify::new());
    let (engine, told) = (Arc::clone(&world.engine), Arc::clone(&stop));
    let running = tokio::spawn(async move { engine.run(&told).await });
    world.wait(1).await;
    stop.notify_one();
    running.await.unwrap().unwrap();
    assert_eq!(world.portal.value("ref1", "name"), "New");
    assert_eq!(world.store.counts(ports::Clock::now(world.clock.as_ref())).await.unwrap().due, 0);
}
