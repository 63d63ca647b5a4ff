//! What runs out while nothing else happens, and companions that no list shows (partner-center reference, sections 4.1
//! and 4.2).

use deal_model::{Life, Observed, ProblemClass, Side, Specs};
use jiff::SignedDuration;
use ports::Clock as _;
use sync_engine::{Hints, Store as _, Target};

use crate::{
    platform::ACTIVE,
    world::{World, text},
};

const DAY: u64 = 86_400;

/// An invitation that expires in five days, with its opportunity on hold.
async fn invited() -> World {
    let world = World::new();
    world.portal.put("inv", &[("name", "Invitation"), ("notes", "x")]);
    let expires = world.clock.now() + SignedDuration::from_hours(5 * 24);
    world.portal.change("inv", |record| {
        record.life = Life::Received;
        record.expires = Some(expires);
    });
    world.hear_referral("inv").await;
    world.settle(120).await;
    assert_eq!(world.crm.life("opp1"), Life::Received);
    world
}

/// What the seller was told to do, report by report.
fn problems(world: &World) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for report in world.crm.reports("opp1") {
        if told.last() != Some(&report.problem) {
            told.push(report.problem);
        }
    }
    told
}

/// How often a referral was read together with the companion, since this was asked last.
fn both_read(world: &World) -> usize {
    std::mem::take(&mut world.portal.state().both_read)
}

async fn warned(world: &World) -> bool {
    world.deal("opp1").await.problems.iter().any(|problem| problem.class == ProblemClass::Expiry)
}

#[tokio::test(start_paused = true)]
async fn the_seller_is_told_at_four_days_and_at_one_though_nothing_else_happens_to_the_deal() {
    let world = invited().await;
    assert!(!warned(&world).await);
    let before = world.crm.reports("opp1").len();
    world.wait(DAY).await;
    world.settle(0).await;
    assert!(warned(&world).await, "four days are left");
    assert_eq!(world.crm.reports("opp1").len(), before + 1);
    world.wait(DAY).await;
    world.hear("opp1").await;
    world.settle(0).await;
    assert_eq!(world.crm.reports("opp1").len(), before + 1, "one report for one warning, and no countdown");
    world.wait(2 * DAY).await;
    world.settle(0).await;
    assert_eq!(world.crm.reports("opp1").len(), before + 2);
    let told = problems(&world);
    assert!(told[told.len() - 2].contains("less than 4 days"), "{told:?}");
    assert!(told[told.len() - 1].contains("less than 1 day"), "{told:?}");

    // The portal ends it, and tells nobody. (Its own clock is looked at when it should have.)
    world.portal.change("inv", |record| record.life = Life::Expired);
    world.wait(DAY).await;
    world.settle(0).await;
    assert!(!warned(&world).await, "an ended clock warns of nothing");
    assert_eq!(world.crm.life("opp1"), Life::Expired, "the mapped stage");
}

#[tokio::test(start_paused = true)]
async fn a_warning_survives_a_restart_and_goes_when_the_seller_answers() {
    let mut world = invited().await;
    world.restart();
    world.settle(DAY + 60).await;
    assert!(warned(&world).await);
    world.restart();
    world.crm.change("opp1", |record| record.life = ACTIVE);
    world.hear("opp1").await;
    world.settle(1).await;
    assert!(!warned(&world).await, "an answer on its way ends the warning");
    world.settle(300).await;
    assert_eq!(world.portal.life("inv"), ACTIVE);
    world.forget_calls();
    world.settle(5 * DAY).await;
    assert_eq!(world.portal.calls(), [""; 0], "nobody looks at a clock that stopped");
}

#[tokio::test(start_paused = true)]
async fn a_clock_is_looked_at_on_a_fresh_read_of_both_referrals() {
    let world = invited().await;
    world.forget_calls();
    both_read(&world);
    world.settle(DAY + 10).await;
    assert_eq!(world.portal.calls(), ["read inv"]);
    assert_eq!(both_read(&world), 1);
}

/// A deal with a companion that no list shows, asked and not answered.
async fn asked() -> World {
    with_companion(World::linked().await).await
}

async fn with_companion(world: World) -> World {
    world.portal.state().companions_unlisted = true;
    world.portal.put("theirs", &[]);
    let expires = world.clock.now() + SignedDuration::from_hours(5 * 24);
    world.portal.change("theirs", |record| {
        record.ours = false;
        record.life = Life::Received;
        record.engagement = Some("eng".into());
        record.expires = Some(expires);
    });
    world.portal.change("ref1", |record| record.engagement = Some("eng".into()));
    let id = world.id("006").await;
    world.mark(Target::Deal(id), Hints { portal: true, companion: true, crm: true }).await;
    world.settle(120).await;
    assert_eq!(world.deal("006").await.links.companion, Some("theirs".into()));
    world.forget_calls();
    both_read(&world);
    world
}

fn answers(world: &World) {
    world.portal.change("theirs", |record| record.life = ACTIVE);
}

async fn their_life(world: &World) -> Life {
    world.deal("006").await.memory.companion_state.expect("it was read").life
}

#[tokio::test(start_paused = true)]
async fn a_round_looks_at_companions_that_may_still_answer_and_at_no_other() {
    let world = asked().await;
    answers(&world);
    // Each run begins with a round, as long as no list shows other organisations' referrals.
    world.settle(1).await;
    assert_eq!((world.portal.calls(), both_read(&world)), (vec!["read ref1".to_owned()], 1));
    assert_eq!(their_life(&world).await, ACTIVE);
    world.portal.change("theirs", |record| record.life = Life::Won);
    world.settle(1).await;
    assert_eq!(their_life(&world).await, Life::Won);
    world.forget_calls();
    world.settle(1).await;
    assert_eq!(world.portal.calls(), [""; 0], "nothing more can be heard of it");
    assert_eq!(world.portal.life("ref1"), ACTIVE, "what they do changes nothing of ours");
    assert_eq!(world.crm.life("006"), ACTIVE);
}

#[tokio::test(start_paused = true)]
async fn rounds_are_bounded_go_on_where_the_last_one_ended_and_stop_where_lists_show_companions() {
    let mut world = asked().await;
    world.settings.companion_sweep_most = 1;
    world.restart();
    world.settle(1).await;
    world.settle(1).await;
    assert_eq!(world.portal.calls().len(), 1, "one deal a round, and the second round found the end");
    world.settle(1).await;
    assert_eq!(world.portal.calls().len(), 1, "then it begins anew");
    world.settings.companion_sweep_most = 0;
    world.restart();
    world.settle(1).await;
    assert_eq!(world.portal.calls(), [""; 0], "0 is off");
    world.settings.companion_sweep_most = 50;
    world.restart();
    world.portal.state().companions_unlisted = false;
    world.settle(1).await;
    world.forget_calls();
    world.settle(1).await;
    assert_eq!(world.portal.calls(), [""; 0], "the list tells of them");
}

#[tokio::test(start_paused = true)]
async fn the_service_goes_its_rounds_and_an_event_that_nobody_can_read_begins_one_at_once() {
    let mut world = asked().await;
    world.settings.companion_sweep_every = std::time::Duration::from_mins(10);
    world.restart();
    let stop = std::sync::Arc::new(tokio::sync::Notify::new());
    let (engine, stopped) = (world.engine.clone(), stop.clone());
    let service = tokio::spawn(async move { engine.run(&stopped).await });
    world.wait(500).await;
    answers(&world);
    assert_eq!(their_life(&world).await, Life::Received);
    world.wait(110).await;
    assert_eq!(their_life(&world).await, ACTIVE, "a round came by");

    world.portal.change("theirs", |record| record.life = Life::Lost { reason: None });
    world.wait(60).await;
    let related = Target::Referral { id: "never-seen".into(), engagement: None, birth: true };
    world.mark(related, Hints { companion: true, ..Hints::default() }).await;
    world.wait(30).await;
    assert_eq!(their_life(&world).await, Life::Lost { reason: None }, "found through the engagements");
    stop.notify_one();
    service.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn help_that_is_not_answered_is_told_at_four_days_and_at_one_until_somebody_answers() {
    let world = asked().await;
    let told = || world.crm.reports("006").last().cloned().unwrap().problem;
    world.settle(DAY + 60).await;
    assert!(told().contains("help is not answered") && told().contains("less than 4 days"), "{}", told());
    assert!(told().contains("go on alone"), "{}", told());
    world.wait(3 * DAY).await;
    world.settle(0).await;
    assert!(told().contains("less than 1 day"), "{}", told());
    answers(&world);
    let id = world.id("006").await;
    world.mark(Target::Deal(id), Hints { companion: true, ..Hints::of(Side::Crm) }).await;
    world.settle(120).await;
    assert_eq!(world.crm.reports("006").last().unwrap().status, "in step");
    assert_eq!(told(), "");
    assert_eq!(world.store.open_companions(None, 10).await.unwrap().len(), 1, "accepted is not the end");
}

/// A deal that shows what a companion without a clock says of a status, before the mapping gives the status another
/// meaning.
async fn showing() -> World {
    let mut shown = text("status");
    shown.to.portal = deal_model::Route::default();
    let mut specs = Specs { groups: vec![text("name"), shown], ..Specs::default() };
    specs.definitions.groups = [("name".into(), meaning("1")), ("status".into(), meaning("1"))].into();
    let world = World::with(specs);
    world.crm.edit("006", "status", "");
    let mut world = with_companion(world.at_rest().await).await;
    answers(&world);
    says(&world, "asked").await;
    assert_eq!(world.crm.value("006", "status"), "asked");
    both_read(&world);
    world.settings.companion_sweep_most = 0;
    world.restart();
    world
}

fn meaning(fingerprint: &str) -> deal_model::Fingerprint {
    deal_model::Fingerprint(fingerprint.to_owned())
}

/// The companion's status changes, and that is heard of.
async fn says(world: &World, status: &str) {
    world.portal.edit("theirs", "status", status);
    let id = world.id("006").await;
    world.mark(Target::Deal(id), Hints { companion: true, ..Hints::default() }).await;
    world.settle(120).await;
}

async fn changes_what_the_status_means(world: &mut World) {
    world.specs.definitions.groups.insert("status".into(), meaning("2"));
    world.clock_on(77).await;
    world.restart();
    both_read(world);
}

/// How often the companion is read in a pass about the opportunity.
async fn read_in_a_pass(world: &World) -> usize {
    let id = world.id("006").await;
    world.mark(Target::Deal(id), Hints::of(Side::Crm)).await;
    world.settle(120).await;
    both_read(world)
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_mapping_reads_the_companion_once_so_that_its_next_change_is_one() {
    let mut world = showing().await;
    assert_eq!(read_in_a_pass(&world).await, 0);
    changes_what_the_status_means(&mut world).await;
    assert_eq!(read_in_a_pass(&world).await, 1, "it is read though nobody heard of it");
    assert_eq!(read_in_a_pass(&world).await, 0);
    says(&world, "accepted").await;
    assert_eq!(world.crm.value("006", "status"), "accepted");
}

#[tokio::test(start_paused = true)]
async fn what_the_companion_said_while_sync_was_off_reaches_the_opportunity_once_it_is_on_again() {
    let world = showing().await;
    let sync = async |on: bool| {
        world.crm.change("006", |record| record.crm.opted_in = on);
        world.hear("006").await;
        world.settle(120).await;
    };
    sync(false).await;
    says(&world, "accepted").await;
    assert_eq!(world.crm.value("006", "status"), "asked", "nothing is read of a paused deal");
    sync(true).await;
    assert_eq!(world.crm.value("006", "status"), "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_field_that_cannot_be_read_after_a_change_of_the_mapping_costs_no_read_of_the_companion_in_every_pass()
 {
    let mut world = showing().await;
    world.crm.change("006", |record| {
        record.fields.insert("status".into(), Observed::Unknown);
    });
    changes_what_the_status_means(&mut world).await;
    assert_eq!(read_in_a_pass(&world).await, 1);
    assert_eq!(read_in_a_pass(&world).await, 0);
    world.crm.edit("006", "status", "asked");
    assert_eq!(read_in_a_pass(&world).await, 0, "what it said is known");
    says(&world, "accepted").await;
    assert_eq!(world.crm.value("006", "status"), "accepted");
}
