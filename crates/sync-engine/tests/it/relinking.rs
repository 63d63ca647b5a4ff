//! A person moves a deal's link to another record.

use deal_model::{Life, PerSide, Phase, Verdict};
use sync_engine::{RelinkPreview, Relinking, Store as _};

use crate::{platform::ACTIVE, world::World};

async fn asked(world: &World, crm: &str, portal: &str) -> Relinking {
    let deal = world.deal("006").await;
    world.engine.preview_relink(&deal, PerSide::new(portal.into(), crm.into())).await.unwrap()
}

async fn possible(world: &World, crm: &str, portal: &str) -> RelinkPreview {
    match asked(world, crm, portal).await {
        Relinking::Possible(found) => *found,
        other => panic!("{other:?}"),
    }
}

async fn why_not(world: &World, crm: &str, portal: &str) -> String {
    match asked(world, crm, portal).await {
        Relinking::Refused(refusal) => refusal.sentence,
        other => panic!("{other:?}"),
    }
}

async fn decide(world: &World, found: &RelinkPreview) {
    let verdict =
        Verdict::Relink { from: found.from.clone(), to: found.to.clone(), shown: found.shown.clone() };
    world.decides(&found.preview.deal.id, verdict).await;
}

#[tokio::test(start_paused = true)]
async fn a_deal_goes_on_with_another_referral_and_the_old_one_is_a_former_link() {
    let world = World::linked().await;
    world.portal.put("ref9", &[("name", "Deal"), ("notes", "theirs")]);
    let found = possible(&world, "006", "ref9").await;
    assert_eq!(found.differences.len(), 1, "{found:?}");
    assert_eq!(world.deal("006").await.links.portal, Some("ref1".into()), "nothing was written");
    decide(&world, &found).await;
    world.settle(120).await;
    let deal = world.deal("006").await;
    assert_eq!((deal.links.portal, deal.phase), (Some("ref9".into()), Phase::Live));
    assert!(world.store.was_linked(&"ref1".into()).await.unwrap());
    assert_eq!(world.portal.value("ref9", "notes"), "first", "the side that it was born on wins");
    let kept = world.store.archive(&deal.id, 9).await.unwrap();
    assert_eq!(kept.len(), 1, "and the other value is kept: {kept:?}");
    let lines = world.store.history(&deal.id, 9).await.unwrap();
    assert!(lines.iter().any(|line| line.sentence.starts_with("ann relinked the deal")), "{lines:?}");
    assert_eq!(world.portal.value("ref1", "notes"), "first", "the old referral is left alone");
}

#[tokio::test(start_paused = true)]
async fn nothing_that_cannot_be_taken_back_follows_from_relinking() {
    let world = World::linked().await;
    world.portal.put("ref9", &[("name", "Deal"), ("notes", "first")]);
    world.crm.change("006", |record| record.life = Life::Won);
    let found = possible(&world, "006", "ref9").await;
    decide(&world, &found).await;
    world.settle(86_400).await;
    let deal = world.deal("006").await;
    assert_eq!(deal.links.portal, Some("ref9".into()));
    assert_eq!(world.portal.life("ref9"), ACTIVE, "a difference is for a person");
    assert!(deal.waiting.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_shown_must_still_be_so_or_it_is_handed_back() {
    let world = World::linked().await;
    world.portal.put("ref9", &[("name", "Deal"), ("notes", "first")]);
    let found = possible(&world, "006", "ref9").await;
    world.portal.change("ref9", |record| record.life = Life::Received);
    decide(&world, &found).await;
    world.settle(120).await;
    let deal = world.deal("006").await;
    assert_eq!(deal.links.portal, Some("ref1".into()));
    assert!(deal.decisions.is_empty());
    let lines = world.store.history(&deal.id, 9).await.unwrap();
    assert!(lines.iter().any(|line| line.sentence.contains("stands elsewhere than was shown")), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn records_that_may_not_be_linked_are_refused_with_the_reason() {
    let world = World::linked().await;
    world.portal.put("other", &[("name", "Deal"), ("notes", "")]);
    world.portal.change("other", |record| {
        record.ours = false;
        record.engagement = Some("e9".into());
    });
    world.portal.put("closed", &[("name", "Deal"), ("notes", "")]);
    world.portal.change("closed", |record| record.life = Life::Won);
    world.crm.put("008", &[("name", "Private"), ("notes", "")]);
    world.crm.change("008", |record| record.crm.opted_in = false);
    assert!(why_not(&world, "006", "ref1").await.contains("already"));
    assert!(why_not(&world, "006", "other").await.contains("another organisation"));
    assert!(why_not(&world, "006", "closed").await.contains("closed"));
    assert!(why_not(&world, "006", "nowhere").await.contains("no such referral"));
    assert!(why_not(&world, "008", "ref1").await.contains("not opted in"));
    assert!(why_not(&world, "009", "ref1").await.contains("no record 009"));
    world.crm.put("007", &[("name", "Another"), ("notes", "")]);
    world.hear("007").await;
    world.settle(120).await;
    let theirs = world.deal("007").await.links.portal.unwrap();
    assert!(why_not(&world, "006", theirs.as_str()).await.starts_with("Deal "));
    assert!(why_not(&world, "007", "ref1").await.starts_with("Deal "));
}

#[tokio::test(start_paused = true)]
async fn an_opportunity_that_waits_for_its_referral_is_taken_over_from_its_deal() {
    let world = World::linked().await;
    // A copy of the opportunity: it carries the identifier, and waits for a person.
    world.crm.put("007", &[("name", "Deal"), ("notes", "first")]);
    world.crm.change("007", |record| record.crm.claims = Some("ref1".into()));
    world.hear("007").await;
    world.settle(120).await;
    let half = world.id("007").await;
    let found = possible(&world, "007", "ref1").await;
    assert_eq!(found.absorbs.as_ref().map(|(deal, _)| deal), Some(&half));
    let id = world.id("006").await;
    decide(&world, &found).await;
    world.settle(120).await;
    assert_eq!(world.id("007").await, id);
    let given = world.store.deals(std::slice::from_ref(&half)).await.unwrap().remove(0);
    assert_eq!((given.links.crm, given.phase), (None, Phase::Finished));
    let lines = world.store.history(&half, 9).await.unwrap();
    assert!(lines[0].sentence.starts_with("Gave its opportunity to deal"), "{lines:?}");
    world.crm.edit("007", "notes", "goes across");
    world.hear("007").await;
    world.settle(120).await;
    assert_eq!(world.portal.value("ref1", "notes"), "goes across");
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_somebody_else_linked_is_taken_over_by_naming_its_referral() {
    let world = World::new();
    world.portal.put("ref9", &[("name", "Deal"), ("notes", "theirs")]);
    world.portal.change("ref9", |record| record.external = Some("006".into()));
    world.crm.change("006", |record| record.crm.claims = Some("ref9".into()));
    world.hear("006").await;
    world.settle(120).await;
    assert!(world.problems("006").await[0].contains("does not know"), "{:?}", world.problems("006").await);
    let found = possible(&world, "006", "ref9").await;
    assert_eq!(found.from.portal, None);
    decide(&world, &found).await;
    world.settle(120).await;
    let deal = world.deal("006").await;
    assert_eq!((deal.links.portal, deal.problems.len()), (Some("ref9".into()), 0));
    assert_eq!(world.portal.value("ref9", "notes"), "first");
    assert_eq!(world.store.archive(&deal.id, 9).await.unwrap().len(), 1, "what lost is kept");
}
