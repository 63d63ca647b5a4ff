//! The report on the opportunity: outside the merge, seldom, and never a cause of itself (sync rules, section 7).

use deal_model::{Conflict, GroupSpec, Side, Specs};
use ports::RetryClass;
use sync_engine::{Hints, Store as _, Target};

use crate::{
    platform::{Call, Fault},
    world::{World, text},
};

#[tokio::test(start_paused = true)]
async fn a_report_rides_in_a_write_that_is_due_anyway_and_tells_of_it() {
    let world = World::linked().await;
    let before = world.crm.reports("006").len();
    world.portal.edit("ref1", "name", "New");
    world.hear_referral("ref1").await;
    world.settle(600).await;
    let reports = world.crm.reports("006");
    assert_eq!(reports.len(), before + 1, "one, and no other follows: {reports:#?}");
    let newest = reports.last().unwrap();
    assert_eq!(newest.status, "in step");
    assert!(newest.audit[0].ends_with("Opportunity updated: name."), "{newest:?}");
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_lost_is_told_with_the_write_that_took_its_place() {
    let name = GroupSpec { conflict: Conflict::Always(Side::Portal), ..text("name") };
    let world = World::with(Specs { groups: vec![name], ..Specs::default() }).at_rest().await;
    world.wait(120).await;
    world.crm.edit("006", "name", "A seller's");
    world.portal.edit("ref1", "name", "Newer");
    world.hear("006").await;
    world.hear_referral("ref1").await;
    let before = world.crm.reports("006").len();
    world.settle(600).await;
    assert_eq!(world.crm.value("006", "name"), "Newer");
    let told = "Opportunity updated: name. What stood there and lost is kept: name.";
    let reports = world.crm.reports("006");
    assert!(reports.last().unwrap().audit[0].ends_with(told), "{reports:#?}");
    assert_eq!(reports.len(), before + 1, "no other follows: {reports:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_report_alone_travels_at_most_once_a_minute_and_tells_the_newest() {
    let world = World::linked().await;
    world.wait(120).await;
    let before = world.crm.reports("006").len();
    for (value, expected) in [("a", 1), ("b", 1), ("c", 1)] {
        world.crm.edit("006", value_field(value), value);
        world.hear("006").await;
        world.work().await;
        assert_eq!(world.crm.reports("006").len(), before + expected, "after {value}");
    }
    world.settle(120).await;
    let reports = world.crm.reports("006");
    assert_eq!(reports.len(), before + 2, "{reports:#?}");
    assert_eq!(reports.last().unwrap().audit.len(), world.history("006").await);
}

fn value_field(value: &str) -> &'static str {
    if value == "b" { "notes" } else { "name" }
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_has_nothing_new_to_say_writes_no_report() {
    let world = World::linked().await;
    let before = world.crm.reports("006").len();
    let deal = world.id("006").await;
    for _ in 0..3 {
        world.wait(120).await;
        world.mark(Target::Deal(deal.clone()), Hints::ALL).await;
        world.settle(120).await;
    }
    assert_eq!(world.crm.reports("006").len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_failed_report_raises_no_problem_and_is_not_repeated_at_once() {
    let world = World::linked().await;
    world.wait(120).await;
    let before = world.crm.reports("006").len();
    world.crm.edit("006", "name", "New");
    world.crm.fault(Call::Write, Fault::Before(RetryClass::Person));
    world.hear("006").await;
    world.settle(300).await;
    assert_eq!(world.problems("006").await, [""; 0]);
    assert_eq!(world.crm.reports("006").len(), before, "it yields to everything else");
    world.settle(1_000).await;
    assert_eq!(world.crm.reports("006").len(), before + 1, "it is tried again, slowly");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_never_taken_is_tried_less_and_less() {
    let world = World::linked().await;
    world.wait(120).await;
    world.crm.edit("006", "name", "New");
    let tried =
        |world: &World| world.crm.state().log.iter().filter(|line| line.starts_with("report ")).count();
    let before = tried(&world);
    for _ in 0..50 {
        world.crm.fault(Call::Write, Fault::Before(RetryClass::Person));
    }
    world.hear("006").await;
    // It comes to rest only because one wait is longer than that.
    world.settle(5 * 3_600).await;
    let times = tried(&world) - before;
    assert!((5..=7).contains(&times), "{times} times in a working day");
}

#[tokio::test(start_paused = true)]
async fn a_time_in_a_report_is_no_new_text() {
    let mut world = World::linked().await;
    world.wait(120).await;
    world.crm.change("006", |record| record.life = deal_model::Life::Won);
    world.hear("006").await;
    world.work().await;
    let before = world.crm.reports("006").len();
    let status = world.crm.reports("006").last().unwrap().status.clone();
    assert!(status.starts_with("waiting to be won at "), "{status}");
    // An hour away moves the time at which it leaves.
    world.clock_on(3_600_000).await;
    world.restart();
    let deal = world.id("006").await;
    world.mark(Target::Deal(deal), Hints::ALL).await;
    world.work().await;
    assert_eq!(world.crm.reports("006").len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_to_the_seller() {
    let world = World::linked().await;
    world.wait(120).await;
    world.crm.edit("006", "notes", "bad");
    world.portal.state().refuses.insert("notes".into(), true);
    world.hear("006").await;
    world.settle(600).await;
    let reports = world.crm.reports("006");
    let newest = reports.last().unwrap();
    assert_eq!(newest.status, "needs you: notes was refused: not allowed here");
    assert_eq!(newest.synced_at, None);
}

#[tokio::test(start_paused = true)]
async fn a_birth_is_told_once() {
    let world = World::new();
    world.hear("006").await;
    world.settle(600).await;
    assert_eq!(world.crm.reports("006").len(), 1, "{:#?}", world.crm.reports("006"));
}

impl World {
    async fn history(&self, opportunity: &str) -> usize {
        self.store.history(&self.id(opportunity).await, 100).await.unwrap().len()
    }
}
