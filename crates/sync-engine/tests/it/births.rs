//! Births: look first, send once, look again (sync rules, section 6).

use std::time::Duration;

use deal_model::{GroupId, Irreversible, Life, RecordId, Side, Specs};
use jiff::SignedDuration;
use ports::{Clock as _, RetryClass};
use sync_engine::{Awaited, Engine, Hints, Mark, Store as _, Target, WorkLane};

use crate::{
    platform::{Call, Fault, ids},
    world::{World, latch, text},
};

/// A birth whose answer was lost, and the moment at which it may be looked for.
const SETTLED: u64 = 20 + 300;

#[tokio::test(start_paused = true)]
async fn an_opportunity_gets_its_referral_with_one_post() {
    let world = World::new();
    world.hear("006").await;
    world.settle(10).await;
    assert_eq!(world.portal.calls(), ["create 006"]);
    assert_eq!(world.crm.calls(), ["read 006"], "what was read for the plan serves the whole pass");
    assert_eq!(world.portal.value("ref1", "name"), "Deal");
    assert_eq!(world.deal("006").await.links.portal, Some("ref1".into()));
}

#[tokio::test(start_paused = true)]
async fn an_open_referral_that_names_the_opportunity_is_adopted_and_none_is_posted() {
    let world = World::new();
    world.portal.put("r7", &[("name", "Deal"), ("notes", "older")]);
    world.portal.change("r7", |record| record.external = Some("006".into()));
    world.hear("006").await;
    world.settle(10).await;
    assert_eq!(world.deal("006").await.links.portal, Some("r7".into()));
    assert_eq!(world.portal.calls(), ["read r7", "write r7 notes"]);
    let archive = world.store.archive(&world.id("006").await, 10).await.unwrap();
    assert_eq!(archive.len(), 1, "the value that lost is kept: {archive:?}");
}

#[tokio::test(start_paused = true)]
async fn what_an_adoption_brings_is_told_in_its_own_write() {
    let world = World::new();
    world.crm.edit("006", "notes", "");
    world.portal.put("r7", &[("name", "Deal"), ("notes", "theirs")]);
    world.portal.change("r7", |record| record.external = Some("006".into()));
    world.hear("006").await;
    world.settle(10).await;
    assert_eq!(world.crm.calls(), ["read 006", "write 006 notes"]);
    assert_eq!(world.crm.reports("006").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_birth_whose_lease_was_lost_posts_nothing_and_reports_nothing() {
    let world = World::new();
    let store = std::sync::Arc::clone(&world.store);
    world.crm.before(Call::Read, move |crm| {
        let now = crm.clock.now();
        let until = now + SignedDuration::from_secs(90);
        let owner = "somebody else".to_owned();
        futures::executor::block_on(store.start(&owner, now)).unwrap();
        let request = sync_engine::ClaimRequest {
            owner,
            now,
            lease_until: until,
            most: 10,
            most_of_backlog: 0,
            rules: None,
        };
        assert_eq!(futures::executor::block_on(store.claim(&request)).unwrap().len(), 1);
    });
    world.hear("006").await;
    // The reader's lease is lost with it: that error ends the run.
    let _ended = world.engine.run_until_idle(Duration::ZERO).await;
    assert_eq!(world.crm.state().log, ["read 006"]);
    assert_eq!(world.portal.calls(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_closed_referral_that_names_the_opportunity_is_a_problem() {
    let world = World::new();
    world.portal.put("r7", &[]);
    world.portal.change("r7", |record| {
        record.external = Some("006".into());
        record.life = Life::Won;
    });
    world.hear("006").await;
    world.settle(10).await;
    assert_eq!(world.portal.calls(), [""; 0]);
    assert_eq!(world.problems("006").await, ["A closed referral of this opportunity exists already."]);
}

#[tokio::test(start_paused = true)]
async fn a_person_who_pushes_gets_a_second_referral_beside_the_closed_one() {
    let world = World::new();
    world.portal.put("r7", &[]);
    world.portal.change("r7", |record| {
        record.external = Some("006".into());
        record.life = Life::Won;
    });
    world.hear("006").await;
    world.settle(10).await;
    let deal = world.id("006").await;
    world.decides(&deal, deal_model::Verdict::Push).await;
    world.settle(10).await;
    assert_eq!(world.portal.calls(), ["create 006"]);
    assert!(world.deal("006").await.decisions.is_empty(), "the decision was carried out");
}

#[tokio::test(start_paused = true)]
async fn two_referrals_that_name_the_opportunity_are_a_problem() {
    let world = World::new();
    for id in ["r7", "r8"] {
        world.portal.put(id, &[]);
        world.portal.change(id, |record| record.external = Some("006".into()));
    }
    world.hear("006").await;
    world.settle(10).await;
    assert_eq!(world.portal.calls(), [""; 0]);
    assert_eq!(world.problems("006").await, ["Several referrals name this opportunity."]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_posted_before_the_whole_list_was_read_and_its_end_wakes_the_birth() {
    let world = World::new();
    world.portal.state().incomplete = true;
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.portal.calls(), [""; 0]);
    let reads = world.crm.calls().len();
    assert!(reads <= 2, "waiting does not spin: {reads} reads");
    assert!(world.due_in().await.unwrap() >= 4_000, "{:?}", world.due_in().await);
    world.portal.state().incomplete = false;
    world.work().await;
    assert_eq!(world.portal.calls(), ["create 006"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_posted_on_a_poll_that_is_no_longer_fresh() {
    let world = World::new();
    world.work().await;
    world.wait(181).await;
    world.portal.fault(Call::List, Fault::Before(RetryClass::LATER));
    world.hear("006").await;
    let stop = tokio::sync::Notify::new();
    let run = world.engine.run(&stop);
    tokio::time::timeout(Duration::from_millis(400), run).await.unwrap_err();
    assert_eq!(world.portal.calls(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_intent_is_committed_before_the_post_and_the_post_may_not_be_sent_later_than_it_says() {
    let world = World::new();
    let (sent, heard) = std::sync::mpsc::channel();
    let store = std::sync::Arc::clone(&world.store);
    world.portal.before(Call::Create, move |_| {
        let id = futures::executor::block_on(store.deal_of(Side::Crm, &"006".into())).unwrap().unwrap();
        sent.send(futures::executor::block_on(store.open_intents(&id)).unwrap()).unwrap();
    });
    world.hear("006").await;
    world.work().await;
    let intents = heard.recv().unwrap();
    let [intent] = intents.as_slice() else { panic!("one intent was open: {intents:?}") };
    let scope = world.portal.state().scopes[0];
    assert_eq!(scope.send_before, Some(intent.send_before));
    let deal = world.id("006").await;
    assert!(world.store.open_intents(&deal).await.unwrap().is_empty(), "its outcome was committed");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_posted_under_a_lease_that_may_end_before_the_answer() {
    let mut world = World::new();
    world.settings.lease = Duration::from_secs(24);
    world.restart();
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.portal.calls(), [""; 0]);
    let deal = world.id("006").await;
    assert!(world.store.open_intents(&deal).await.unwrap().is_empty());
    world.settings.lease = Duration::from_secs(25);
    world.restart();
    world.settle(10).await;
    assert_eq!(world.portal.calls(), ["create 006"]);
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_creation_that_happened_is_found_after_the_settling_time_and_linked() {
    let world = World::new();
    world.portal.fault(Call::Create, Fault::After);
    world.hear("006").await;
    world.work().await;
    world.wait(200).await;
    world.hear("006").await;
    world.settle(SETTLED - 201).await;
    assert_eq!(world.portal.calls(), ["create 006"], "no second look or post before the time is over");
    world.settle(SETTLED + 1).await;
    assert_eq!(world.portal.calls(), ["look", "read ref1"]);
    assert_eq!(world.deal("006").await.links.portal, Some("ref1".into()));
    assert_eq!(ids(&world.portal).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_creation_that_did_not_happen_is_sent_once_more_after_a_complete_look() {
    let world = World::new();
    world.portal.fault(Call::Create, Fault::Mute);
    world.hear("006").await;
    world.settle(SETTLED + 10).await;
    assert_eq!(world.portal.calls(), ["create 006", "look", "create 006"]);
    assert_eq!(ids(&world.portal).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_referral_from_before_the_doubtful_creation_did_not_come_of_it() {
    let world = World::new();
    world.portal.fault(Call::Create, Fault::Mute);
    world.hear("006").await;
    world.work().await;
    // A closed one, an hour old, comes to light only now.
    world.portal.put("r7", &[]);
    world.portal.change("r7", |record| {
        record.external = Some("006".into());
        record.life = Life::Won;
    });
    world.settle(SETTLED + 10).await;
    assert_eq!(world.deal("006").await.links.portal, None);
    assert_eq!(world.problems("006").await, ["A closed referral of this opportunity exists already."]);
}

#[tokio::test(start_paused = true)]
async fn what_certainly_did_not_happen_is_retried_without_the_settling_time() {
    let world = World::new();
    world.portal.fault(Call::Create, Fault::Before(RetryClass::LATER));
    world.hear("006").await;
    world.settle(10).await;
    assert_eq!(world.portal.calls(), ["create 006", "create 006"]);
    assert_eq!(ids(&world.portal).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_the_answer_and_the_commit_leaves_exactly_one_referral() {
    let mut world = World::new();
    world.portal.fault(Call::Create, Fault::Hang);
    world.hear("006").await;
    world.work_and_crash(5).await;
    world.settle(SETTLED + 100).await;
    assert_eq!(world.portal.calls(), ["create 006", "look", "read ref1"]);
    assert_eq!(world.deal("006").await.links.portal, Some("ref1".into()));
}

#[tokio::test(start_paused = true)]
async fn a_field_that_the_portal_refuses_at_birth_is_left_out_at_once_and_said() {
    let world = World::new();
    world.portal.state().refuses.insert("notes".into(), true);
    world.hear("006").await;
    world.settle(10).await;
    assert_eq!(world.portal.calls(), ["create 006", "create 006"]);
    assert_eq!(world.portal.value("ref1", "name"), "Deal");
    assert_eq!(world.problems("006").await, ["notes was refused: not allowed here"]);
}

fn with_help() -> Specs {
    Specs { groups: vec![text("name"), latch("help", Irreversible::AskHelp)], ..Specs::default() }
}

fn asking() -> World {
    let world = World::with(with_help());
    world.crm.edit("006", "help", "please");
    world.crm.change("006", |record| record.crm.asks_help = true);
    world
}

#[tokio::test(start_paused = true)]
async fn help_is_asked_for_in_the_engagement_of_the_new_referral() {
    let world = asking();
    world.hear("006").await;
    world.settle(10).await;
    let calls = world.portal.calls();
    assert_eq!(
        calls[..3],
        ["create 006", "look", "help"],
        "somebody may have asked in the portal: {calls:?}"
    );
    assert_eq!(world.deal("006").await.links.companion, Some("ref2".into()));
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_request_for_help_is_found_in_the_engagement() {
    let world = asking();
    world.portal.fault(Call::Help, Fault::After);
    world.hear("006").await;
    world.settle(SETTLED + 10).await;
    assert_eq!(world.portal.calls().iter().filter(|call| *call == "help").count(), 1);
    assert_eq!(world.deal("006").await.links.companion, Some("ref2".into()));
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_request_for_help_is_never_repeated_by_itself_where_others_are_not_visible() {
    let world = asking();
    world.portal.fault(Call::Help, Fault::Mute);
    world.hear("006").await;
    world.settle(SETTLED + 10).await;
    world.settle(3_600).await;
    assert_eq!(world.portal.calls().iter().filter(|call| *call == "help").count(), 1);
    let problems = world.problems("006").await;
    assert!(problems[0].starts_with("It is not known whether help was asked for"), "{problems:?}");
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_request_for_help_is_repeated_where_others_are_visible_and_it_is_not_there() {
    let world = asking();
    world.portal.put("m1", &[]);
    world.portal.change("m1", |record| {
        record.ours = false;
        record.engagement = Some("elsewhere".into());
    });
    world.portal.fault(Call::Help, Fault::Mute);
    world.hear("006").await;
    world.settle(SETTLED + 10).await;
    assert_eq!(world.portal.calls().iter().filter(|call| *call == "help").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_referral_becomes_an_opportunity() {
    let world = World::new();
    world.portal.put("r1", &[("name", "Inbound"), ("notes", "")]);
    world.hear_referral("r1").await;
    world.settle(10).await;
    assert_eq!(world.portal.calls(), ["meet r1", "read r1"]);
    assert_eq!(world.crm.calls(), ["create r1"]);
    assert_eq!(world.crm.value("opp1", "name"), "Inbound");
}

#[tokio::test(start_paused = true)]
async fn the_births_of_a_batch_go_together_and_one_that_fails_holds_up_no_other() {
    let world = World::new();
    let now = world.clock.now();
    let mut marks = Vec::new();
    for id in ["r1", "r2", "r3"] {
        world.portal.put(id, &[("name", id)]);
        let target = Target::Referral { id: id.into(), engagement: None, birth: true };
        let (hints, lane) = (Hints::of(Side::Portal), WorkLane::Background);
        marks.push(Mark { target, hints, lane, due: now, heard: now, awaits: Awaited::default() });
    }
    world.engine.mark(&marks).await.unwrap();
    world.crm.fault(Call::Create, Fault::Before(RetryClass::Changed));
    world.work().await;
    let together = world.crm.state().together.clone();
    assert_eq!(together.first(), Some(&3), "{together:?}");
    world.settle(60).await;
    for id in ["r1", "r2", "r3"] {
        let deal = world.store.deal_of(Side::Portal, &id.into()).await.unwrap().unwrap();
        let deal = world.store.deals(&[deal]).await.unwrap().pop().unwrap();
        assert!(deal.links.crm.is_some(), "{id}: {deal:?}");
    }
    assert_eq!(world.crm.state().records.len(), 4, "each once, beside the one that was there");
}

/// A referral that waits for an answer, whose opportunity was asked for in vain so far, and which has expired meanwhile.
async fn expired_in_doubt(fault: Fault) -> World {
    let world = World::new();
    world.portal.put("r1", &[("name", "Inbound"), ("notes", "")]);
    world.portal.change("r1", |record| record.life = Life::Received);
    world.crm.fault(Call::Create, fault);
    world.hear_referral("r1").await;
    world.work().await;
    assert_eq!(world.crm.calls(), ["create r1"]);
    world.portal.change("r1", |record| record.life = Life::Expired);
    world.hear_referral("r1").await;
    world
}

#[tokio::test(start_paused = true)]
async fn an_opportunity_that_was_made_although_nobody_heard_so_follows_its_referral_into_its_end() {
    let world = expired_in_doubt(Fault::After).await;
    world.crm.fault(Call::Find, Fault::Before(RetryClass::LATER));
    world.settle(60).await;
    assert_eq!(
        world.crm.calls()[..2],
        ["born of r1", "born of r1"],
        "it is looked for until that is answered"
    );
    assert_eq!(world.deal("opp1").await.links.portal, Some("r1".into()));
    assert_eq!(world.crm.life("opp1"), Life::Expired, "the mapped stage, not on hold for ever");
    let deal = world.id("opp1").await;
    assert!(world.store.open_intents(&deal).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_opportunity_of_a_closed_referral_that_the_store_forgot_is_told_of_and_left_alone() {
    // As after a store was put back behind the birth: no intent, no link.
    for ours in [true, false] {
        let world = expired_in_doubt(Fault::Before(RetryClass::LATER)).await;
        world.crm.put("opp9", &[("name", "A seller's"), ("notes", "a seller's")]);
        world.crm.change("opp9", |record| {
            record.crm.claims = Some("r1".into());
            record.crm.origin = ours.then(|| "opp9".into());
        });
        world.settle(60).await;
        assert_eq!(world.store.deal_of(Side::Crm, &"opp9".into()).await.unwrap(), None);
        assert_eq!(world.crm.value("opp9", "name"), "A seller's");
        let deal = world.store.deal_of(Side::Portal, &"r1".into()).await.unwrap().unwrap();
        let deal = world.store.deals(&[deal]).await.unwrap().pop().unwrap();
        assert_eq!(deal.problems.len(), usize::from(ours), "{:?}", deal.problems);
    }
}

#[tokio::test(start_paused = true)]
async fn an_opportunity_that_was_never_made_is_looked_for_once_more_when_it_could_not_come_any_more() {
    let world = expired_in_doubt(Fault::Mute).await;
    world.settle(SETTLED + 10).await;
    assert_eq!(world.crm.calls(), ["born of r1", "born of r1"]);
    let deal = world.store.deal_of(Side::Portal, &"r1".into()).await.unwrap().unwrap();
    assert!(world.store.open_intents(&deal).await.unwrap().is_empty(), "it is known that nothing was made");
    world.settle(3600).await;
    assert_eq!(world.crm.calls(), [""; 0], "and nothing is asked any more");
}

#[tokio::test(start_paused = true)]
async fn an_opportunity_that_holds_the_key_already_is_linked_and_its_edits_are_not_overwritten() {
    let world = World::new();
    world.portal.put("r1", &[("name", "Inbound"), ("notes", "")]);
    world.crm.put("opp9", &[("name", "Inbound"), ("notes", "a seller's")]);
    world.crm.change("opp9", |record| record.crm.claims = Some("r1".into()));
    world.hear_referral("r1").await;
    world.settle(10).await;
    assert_eq!(world.deal("opp9").await.links.portal, Some("r1".into()));
    assert_eq!(world.crm.value("opp9", "notes"), "a seller's");
    assert_eq!(world.portal.value("r1", "notes"), "a seller's", "an empty side is filled");
}

#[tokio::test(start_paused = true)]
async fn an_opportunity_that_holds_the_key_and_is_not_opted_in_leaves_no_trace() {
    let world = World::new();
    world.portal.put("r1", &[("name", "Inbound")]);
    world.crm.put("opp9", &[("name", "Private")]);
    world.crm.change("opp9", |record| {
        record.crm.claims = Some("r1".into());
        record.crm.opted_in = false;
    });
    world.hear_referral("r1").await;
    world.settle(10).await;
    assert_eq!(world.store.deal_of(Side::Crm, &"opp9".into()).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn an_opportunity_of_another_deal_is_not_linked_twice_and_the_deal_says_so() {
    let world = World::linked().await;
    world.crm.change("006", |record| record.crm.claims = Some("r2".into()));
    world.portal.put("r2", &[("name", "Other")]);
    world.hear_referral("r2").await;
    world.settle(10).await;
    assert_eq!(world.deal("006").await.links.portal, Some("ref1".into()));
    let deal = world.store.deal_of(Side::Portal, &"r2".into()).await.unwrap().unwrap();
    let deal = world.store.deals(&[deal]).await.unwrap().pop().unwrap();
    assert_eq!(deal.problems.len(), 1, "{deal:?}");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_the_crm_refuses_at_birth_is_dropped_and_said() {
    let world = World::new();
    world.portal.put("r1", &[("name", "Inbound"), ("notes", "too long")]);
    world.crm.state().refuses.insert(GroupId::from("notes"), true);
    world.hear_referral("r1").await;
    world.settle(10).await;
    assert_eq!(world.crm.calls(), ["create r1", "create r1"]);
    assert_eq!(world.crm.value("opp1", "notes"), "");
    assert_eq!(world.problems("opp1").await, ["notes was refused: not allowed here"]);
}

#[tokio::test(start_paused = true)]
async fn a_referral_that_came_of_our_own_post_begins_no_second_deal() {
    let world = World::linked().await;
    world.portal.put("r8", &[]);
    world.portal.change("r8", |record| record.external = Some("006".into()));
    world.hear_referral("r8").await;
    world.settle(10).await;
    assert_eq!(world.store.deal_of(Side::Portal, &RecordId::from("r8")).await.unwrap(), None);
    assert_eq!(world.crm.calls(), ["read 006"], "the deal that it names looks, and that is all");
}

#[test]
fn the_margin_of_a_birth_is_part_of_the_contract() {
    assert_eq!(sync_engine::BIRTH_MARGIN, Duration::from_secs(5));
    let settings = sync_engine::EngineSettings::default();
    let least = SignedDuration::try_from(settings.deadline + sync_engine::BIRTH_MARGIN).unwrap();
    assert!(SignedDuration::try_from(settings.lease).unwrap() > least, "the default lease fits a birth");
    let _: fn(sync_engine::Parts) -> std::sync::Arc<Engine> = Engine::new;
}
