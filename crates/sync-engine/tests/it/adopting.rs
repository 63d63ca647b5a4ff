//! A pair that is whole already, and that the store does not know: an old backup was put back.

use deal_model::{Life, Side};
use ports::RetryClass;
use sync_engine::Store as _;

use crate::{
    platform::{Call, Fault, Record},
    world::World,
};

/// An opportunity and a referral that name each other, as this program links them; the referral's notes are others.
fn whole() -> World {
    let world = World::new();
    world.portal.put("ref9", &[("name", "Deal"), ("notes", "theirs")]);
    world.portal.change("ref9", |record| record.external = Some("006".into()));
    world.crm.change("006", |record| {
        record.crm.claims = Some("ref9".into());
        record.crm.origin = Some("006".into());
    });
    world
}

async fn heard_of(world: &World) {
    world.hear("006").await;
    world.settle(120).await;
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_this_program_linked_is_taken_over_by_itself_and_the_value_that_loses_is_kept() {
    let world = whole();
    heard_of(&world).await;
    let deal = world.deal("006").await;
    assert_eq!((deal.links.portal, deal.problems.len()), (Some("ref9".into()), 0));
    assert_eq!(world.portal.value("ref9", "notes"), "first");
    assert_eq!(world.store.archive(&deal.id, 9).await.unwrap().len(), 1);
    let lines = world.store.history(&deal.id, 9).await.unwrap();
    assert!(lines.iter().any(|line| line.sentence.contains("linked again")), "{lines:?}");
    world.portal.edit("ref9", "notes", "from now on both ways");
    world.hear_referral("ref9").await;
    world.settle(120).await;
    assert_eq!(world.crm.value("006", "notes"), "from now on both ways");
    assert!(!world.portal.calls().iter().any(|call| call.starts_with("create")), "nothing was made anew");
}

#[tokio::test(start_paused = true)]
async fn a_look_shows_what_taking_it_over_would_do_and_links_nothing() {
    let world = whole();
    world.portal.fault(Call::Read, Fault::Before(RetryClass::LATER));
    world.hear("006").await;
    world.work().await;
    let id = world.id("006").await;
    let preview = world.engine.preview(std::slice::from_ref(&id)).await.unwrap().remove(0);
    assert_eq!(preview.deal.links.portal, Some("ref9".into()));
    assert!(!preview.plan.effects.is_empty() && preview.plan.problems.is_empty(), "{:?}", preview.plan);
    assert_eq!(world.deal("006").await.links.portal, None, "the pass could not read it yet");
}

#[tokio::test(start_paused = true)]
async fn an_invitation_whose_opportunity_is_there_already_goes_on_with_it() {
    let world = whole();
    world.portal.change("ref9", |record| record.external = None);
    heard_of(&world).await;
    let deal = world.deal("006").await;
    assert_eq!((deal.links.portal, deal.born), (Some("ref9".into()), Side::Portal));
    assert_eq!(world.crm.value("006", "notes"), "theirs", "it began at the portal");
}

#[tokio::test(start_paused = true)]
async fn in_a_copy_of_an_org_nothing_that_production_linked_is_taken_over() {
    let mut world = whole();
    world.settings.adopts = false;
    world.restart();
    heard_of(&world).await;
    let deal = world.deal("006").await;
    assert_eq!((deal.links.portal, deal.problems.len()), (None, 1));
}

/// With one thing about it otherwise, the pair is left to a person.
async fn left_to_a_person(what: &str, portal: fn(&mut Record), crm: fn(&mut Record)) {
    let world = whole();
    world.portal.change("ref9", portal);
    world.crm.change("006", crm);
    heard_of(&world).await;
    let deal = world.deal("006").await;
    assert_eq!((deal.links.portal, deal.problems.len()), (None, 1), "{what}");
    assert_eq!(world.portal.value("ref9", "notes"), "theirs", "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_may_be_a_copy_or_anothers_is_left_to_a_person() {
    left_to_a_person("no origin: somebody else linked it", |_| {}, |crm| crm.crm.origin = None).await;
    left_to_a_person("a copy", |_| {}, |crm| crm.crm.origin = Some("007".into())).await;
    left_to_a_person("it names another", |portal| portal.external = Some("007".into()), |_| {}).await;
    let not_ours = |portal: &mut Record| {
        portal.ours = false;
        portal.engagement = Some("e9".into());
    };
    left_to_a_person("not ours", not_ours, |_| {}).await;
    let closed = |portal: &mut Record| portal.life = Life::Won;
    left_to_a_person("closed meanwhile", closed, |_| {}).await;
}
