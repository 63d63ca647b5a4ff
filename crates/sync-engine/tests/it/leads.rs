//! Referrals that are leads: the CRM's own records of them, and the opportunities that persons convert them into.

use deal_model::{Life, Observed, RecordId, Side, Specs};
use sync_engine::{Hints, Seen, Store as _, Target};

use crate::{
    platform::ACTIVE,
    world::{World, text},
};

/// A lead `lead1` of the portal, and what it says.
fn with_lead(life: Life) -> World {
    let groups = ["name", "notes", "closing"].map(text).to_vec();
    let world = World::with(Specs { groups, ..Specs::default() });
    world.portal.put("lead1", &[("name", "Deal"), ("notes", "Asked at the fair"), ("closing", "2027-03-31")]);
    world.portal.change("lead1", |record| {
        record.lead = true;
        record.life = life;
    });
    world
}

/// The opportunity was converted from a lead that names this referral.
fn converted(world: &World, named: &str) {
    world.crm.state().leads.conversions.insert("006".into(), named.into());
}

async fn told(world: &World) -> Vec<(String, String)> {
    let problems = world.store.connection_problems().await.unwrap();
    problems.into_iter().map(|problem| (problem.key, problem.sentence)).collect()
}

fn lead_field(world: &World, field: &str) -> Observed {
    world.crm.state().leads.rows[&RecordId::from("lead1")].fields[&field.into()].clone()
}

fn note(world: &World) -> String {
    world.crm.state().leads.rows[&RecordId::from("lead1")].note.clone()
}

#[tokio::test(start_paused = true)]
async fn what_a_conversion_fills_in_by_itself_yields_to_what_the_leads_referral_says() {
    let world = with_lead(ACTIVE);
    converted(&world, "lead1");
    world.crm.edit("006", "closing", "2026-12-31");
    world.crm.edit("006", "notes", "No notes yet");
    world.hear("006").await;
    world.settle(120).await;
    let deal = world.deal("006").await;
    assert_eq!((deal.links.portal, deal.born), (Some("lead1".into()), Side::Portal));
    for (field, says) in [("closing", "2027-03-31"), ("notes", "Asked at the fair")] {
        assert_eq!(
            (world.crm.value("006", field), world.portal.value("lead1", field)),
            (says.into(), says.into())
        );
    }
    assert!(!world.portal.calls().iter().any(|call| call.starts_with("create")));
}

#[tokio::test(start_paused = true)]
async fn a_converted_lead_is_linked_only_with_an_open_lead_of_ours() {
    let expired = with_lead(Life::Expired);
    let typed = with_lead(ACTIVE);
    let deal = with_lead(ACTIVE);
    deal.portal.change("lead1", |record| record.lead = false);
    let theirs = with_lead(ACTIVE);
    theirs.portal.change("lead1", |record| {
        record.ours = false;
        record.engagement = Some("e9".into());
    });
    let rows = [("expired", expired, "lead1"), ("typed", typed, "ask Noa"), ("a deal", deal, "lead1")];
    for (row, world, named) in rows.into_iter().chain([("Microsoft's", theirs, "lead1")]) {
        converted(&world, named);
        world.hear("006").await;
        world.settle(120).await;
        let linked = world.deal("006").await.links.portal;
        assert_eq!(linked, Some("ref1".into()), "{row}: it has a referral of its own");
        assert_eq!(world.crm.value("006", "notes"), "first", "{row}");
        assert_eq!(world.portal.value("lead1", "notes"), "Asked at the fair", "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_opportunity_of_one_lead_is_told_so() {
    let world = with_lead(ACTIVE);
    world.hear_referral("lead1").await;
    world.settle(120).await;
    converted(&world, "lead1");
    world.hear("006").await;
    world.settle(120).await;
    let problems = world.problems("006").await;
    assert_eq!(problems, ["The lead that this opportunity was converted from has its opportunity already."]);
    let id = world.id("006").await;
    let preview = world.engine.preview(&[id]).await.unwrap().remove(0);
    assert_eq!(preview.plan.problems[0].sentence, problems[0]);
    assert!(!world.portal.calls().iter().any(|call| call.starts_with("create")));
}

#[tokio::test(start_paused = true)]
async fn a_preview_of_a_converted_leads_opportunity_creates_no_referral() {
    let world = with_lead(ACTIVE);
    converted(&world, "lead1");
    world.hear("006").await;
    let id = world.id("006").await;
    let preview = world.engine.preview(&[id]).await.unwrap().remove(0);
    assert!(preview.portal.seen().is_some());
    let plans = preview.plan.describe();
    assert!(!plans.is_empty() && plans.iter().all(|line| line.starts_with("opportunity")), "{plans:?}");
}

#[tokio::test(start_paused = true)]
async fn an_opportunity_whose_past_cannot_be_read_waits_and_says_why() {
    let world = with_lead(ACTIVE);
    converted(&world, "lead1");
    world.crm.state().leads.conversions_hidden = true;
    world.hear("006").await;
    world.settle(60).await;
    assert_eq!(
        world.problems("006").await,
        ["It cannot be told which referral this opportunity's lead came of: scripted."]
    );
    let id = world.id("006").await;
    let preview = world.engine.preview(&[id]).await.unwrap().remove(0);
    assert!(preview.plan.effects.is_empty() && preview.unread.is_some());
    world.crm.state().leads.conversions_hidden = false;
    world.wait(15 * 60).await;
    world.settle(120).await;
    assert_eq!(world.deal("006").await.links.portal, Some("lead1".into()));
    assert_eq!(world.problems("006").await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_field_of_a_lead_that_is_refused_stops_no_other_and_is_told_until_it_is_taken() {
    let world = with_lead(Life::Received);
    world.portal.edit("lead1", "phone", "+41");
    for field in ["phone", sync_engine::LEAD_NOTE] {
        world.crm.state().leads.refuses.insert(field.into());
    }
    world.hear_referral("lead1").await;
    world.settle(60).await;
    assert_eq!(lead_field(&world, "notes"), Observed::text("Asked at the fair"));
    assert_eq!((lead_field(&world, "phone"), note(&world)), (Observed::Empty, String::new()));
    let known = told(&world).await;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].0, "lead.lead1");
    assert!(known[0].1.contains("(phone, lead.note): scripted."), "{}", known[0].1);

    world.crm.state().leads.refuses.clear();
    world.wait(15 * 60).await;
    world.settle(60).await;
    assert_eq!(lead_field(&world, "phone"), Observed::text("+41"));
    assert!(note(&world).contains("Accept or decline"));
    assert_eq!(told(&world).await, []);
}

#[tokio::test(start_paused = true)]
async fn an_accepted_leads_opportunity_begins_though_the_crm_refuses_the_lead() {
    let world = with_lead(Life::Received);
    world.crm.state().leads.shut = true;
    world.hear_referral("lead1").await;
    world.settle(60).await;
    assert_eq!(told(&world).await.len(), 1, "refused as a whole");
    world.crm.state().leads.shut = false;
    world.wait(15 * 60).await;
    world.settle(60).await;
    world.crm.state().leads.shut = true;
    world.portal.change("lead1", |record| record.life = ACTIVE);
    world.hear_referral("lead1").await;
    world.settle(120).await;
    assert!(world.store.deal_of(Side::Portal, &"lead1".into()).await.unwrap().is_some());
    assert!(world.crm.calls().contains(&"create lead1".to_owned()));
    assert_eq!(told(&world).await, []);
}

#[tokio::test(start_paused = true)]
async fn an_accepted_lead_without_an_opportunity_does_not_send_the_seller_to_look_for_one() {
    let world = with_lead(Life::Received);
    world.portal.state().leads.begin_nothing = true;
    world.hear_referral("lead1").await;
    world.settle(60).await;
    world.portal.change("lead1", |record| record.life = ACTIVE);
    world.hear_referral("lead1").await;
    world.settle(60).await;
    let note = note(&world);
    assert!(note.contains("no opportunity is made of it") && note.contains("set Sync"), "{note}");
}

#[tokio::test(start_paused = true)]
async fn what_was_passed_over_is_listed_once_more_when_it_is_let_in() {
    let mut world = World::new();
    world.portal.put("ref9", &[("name", "Deal"), ("notes", "")]);
    let listed = |birth| Seen {
        target: Target::Referral { id: "ref9".into(), engagement: None, birth },
        stamp: None,
        hints: Hints::of(Side::Portal),
        key: "ref9 1".to_owned(),
        echo: false,
    };
    world.portal.state().feed = vec![listed(false)];
    world.settle(60).await;
    let born =
        async |world: &World| world.store.deal_of(Side::Portal, &"ref9".into()).await.unwrap().is_some();
    // Another start under the same rules reads on where the last one ended.
    world.portal.state().feed[0] = listed(true);
    world.restart();
    world.settle(60).await;
    assert!(!born(&world).await);
    world.portal.state().leads.admission = "create".to_owned();
    world.restart();
    world.settle(60).await;
    assert!(born(&world).await);
}
