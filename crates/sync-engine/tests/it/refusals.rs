//! Bad data in one field never stops the others (sync rules, section 3).

use deal_model::{PerSide, Side, Specs, Verdict, fingerprint, held};
use sync_engine::{BISECT_CALLS, DecisionEnd, Store as _};

use crate::{
    platform::{Call, Fault},
    world::{World, text},
};

#[tokio::test(start_paused = true)]
async fn a_refusal_that_names_fields_drops_them_and_sends_the_rest_once() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    world.crm.edit("006", "notes", "bad");
    world.portal.state().refuses.insert("notes".into(), true);
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.portal.calls(), ["write ref1 name,notes", "write ref1 name"]);
    assert_eq!(world.problems("006").await, ["notes was refused: not allowed here"]);
    assert_eq!(world.portal.value("ref1", "name"), "New");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_value_is_not_sent_again_until_it_changes() {
    let world = World::linked().await;
    world.crm.edit("006", "notes", "bad");
    world.portal.state().refuses.insert("notes".into(), true);
    world.hear("006").await;
    world.work().await;
    world.forget_calls();
    world.hear("006").await;
    world.settle(3_600).await;
    assert_eq!(world.portal.calls(), [""; 0]);
    assert_eq!(world.problems("006").await, ["notes was refused: not allowed here"], "it goes on being said");
    world.portal.state().refuses.clear();
    world.crm.edit("006", "notes", "good");
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.portal.calls(), ["write ref1 notes"]);
    assert_eq!(world.problems("006").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_decided_value_that_is_refused_is_handed_back_and_not_sent_on_every_pass() {
    let world = World::linked().await;
    world.crm.edit("006", "notes", "bad");
    world.portal.state().refuses.insert("notes".into(), true);
    world.hear("006").await;
    world.work().await;
    let deal = world.deal("006").await;
    let preview = world.engine.preview(std::slice::from_ref(&deal.id)).await.unwrap().pop().unwrap();
    let shown = |seen: &deal_model::Sight| {
        fingerprint(&held(seen.seen().unwrap(), &text("notes"), &preview.deal.memory).unwrap())
    };
    let shown = PerSide::new(shown(&preview.portal), shown(&preview.crm));
    let verdict = Verdict::Resolve { group: "notes".into(), winner: Side::Crm, shown };
    world.forget_calls();
    world.decides(&deal.id, verdict).await;
    world.work().await;
    assert_eq!(world.portal.calls(), ["read ref1", "write ref1 notes"], "the wish is tried once");
    assert_eq!(world.problems("006").await, ["notes was refused: not allowed here"]);
    let decisions = world.store.decisions(&deal.id, 9).await.unwrap();
    assert_eq!(decisions[0].ended.unwrap().1, DecisionEnd::HandedBack);
    let history = world.store.history(&deal.id, 9).await.unwrap();
    assert!(history.iter().any(|line| line.sentence.ends_with("the value was refused.")), "{history:?}");
    world.hear("006").await;
    world.settle(3_600).await;
    let calls = world.portal.calls();
    assert!(!calls.iter().any(|call| call.starts_with("write")), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_crm_refused_is_tried_again_by_itself_a_day_later() {
    let world = World::linked().await;
    world.portal.edit("ref1", "notes", "new");
    world.crm.state().refuses.insert("notes".into(), true);
    world.hear_referral("ref1").await;
    world.work().await;
    assert_eq!(world.problems("006").await, ["notes was refused: not allowed here"]);
    // The administrator takes the rule away, and tells nobody.
    world.crm.state().refuses.clear();
    world.forget_calls();
    world.settle(80_000).await;
    assert!(!world.crm.calls().iter().any(|call| call.starts_with("write")), "{:?}", world.crm.calls());
    world.settle(90_000).await;
    assert_eq!(world.crm.value("006", "notes"), "new");
    assert_eq!(world.problems("006").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_half_that_was_written_settles_before_the_other_is_sent() {
    let world = World::linked().await;
    world.crm.state().coarse = true;
    world.portal.edit("ref1", "name", "New");
    world.portal.edit("ref1", "notes", "new");
    // The whole is refused without a name, and the halves are not.
    world.crm.state().refuses.insert("notes".into(), false);
    world.crm.before(Call::Write, |crm| crm.before(Call::Write, |crm| crm.state().refuses.clear()));
    world.hear_referral("ref1").await;
    world.settle(120).await;
    let calls = world.crm.calls();
    let writes: Vec<usize> =
        (0..calls.len()).filter(|at| calls[*at].contains("name") || calls[*at].contains("notes")).collect();
    assert_eq!(writes.len(), 3, "{calls:?}");
    assert!(calls[writes[1]..writes[2]].iter().any(|call| call.starts_with("read")), "{calls:?}");
    assert_eq!(
        (world.crm.value("006", "name"), world.crm.value("006", "notes")),
        ("New".into(), "new".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_that_waits_for_somebody_blames_no_value_and_is_tried_again_by_itself() {
    let world = World::linked().await;
    world.crm.edit("006", "name", "New");
    world.crm.edit("006", "notes", "new");
    world.portal.state().locked = true;
    world.hear("006").await;
    world.work().await;
    assert_eq!(world.portal.calls(), ["write ref1 name,notes"], "its halves would fare the same");
    assert_eq!(world.problems("006").await, ["It is locked."]);
    world.forget_calls();
    world.portal.state().locked = false;
    world.settle(3_600).await;
    assert_eq!(world.portal.calls(), ["read ref1", "write ref1 name,notes"]);
    assert_eq!(world.problems("006").await, [""; 0]);
}

/// Eight fields changed, of which the portal refuses one and names none.
async fn unnamed(bad: &str) -> (World, Vec<String>) {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let groups = names.iter().map(|name| text(name)).collect();
    let world = World::with(Specs { groups, ..Specs::default() });
    for name in names {
        world.crm.edit("006", name, "old");
    }
    let world = world.at_rest().await;
    for name in names {
        world.crm.edit("006", name, "new");
    }
    world.portal.state().refuses.insert(bad.into(), false);
    world.hear("006").await;
    world.work().await;
    let calls = world.portal.calls();
    (world, calls)
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_names_nothing_is_found_by_halves() {
    for bad in ["a", "d", "h"] {
        let (world, calls) = unnamed(bad).await;
        assert!(calls.len() <= BISECT_CALLS, "{calls:?}");
        assert_eq!(world.problems("006").await, [format!("{bad} was refused: not allowed here")]);
        let kept: Vec<&str> = ["a", "b", "c", "d", "e", "f", "g", "h"]
            .into_iter()
            .filter(|name| world.portal.value("ref1", name) == "old")
            .collect();
        assert_eq!(kept, [bad], "all the others arrived");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_never_sent_because_a_later_call_failed_is_not_taken_for_written() {
    let names = ["a", "b"];
    let groups = names.iter().map(|name| text(name)).collect();
    let world = World::with(Specs { groups, ..Specs::default() });
    for name in names {
        world.crm.edit("006", name, "old");
    }
    let world = world.at_rest().await;
    for name in names {
        world.crm.edit("006", name, "new");
    }
    // The whole is refused without a name; one half goes; then the portal is away for a moment.
    world.portal.state().refuses.insert("a".into(), false);
    world.portal.before(Call::Write, |portal| {
        portal.before(Call::Write, |portal| {
            portal.state().refuses.clear();
            portal.fault(Call::Write, Fault::Before(ports::RetryClass::LATER));
        });
    });
    world.hear("006").await;
    world.settle(60).await;
    for name in names {
        assert_eq!(world.portal.value("ref1", name), "new", "{name}: {:?}", world.portal.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_field_does_not_keep_a_close_from_leaving() {
    let world = World::linked().await;
    world.crm.edit("006", "notes", "bad");
    world.portal.state().refuses.insert("notes".into(), true);
    world.crm.change("006", |record| record.life = deal_model::Life::Won);
    world.hear("006").await;
    world.settle(700).await;
    assert_eq!(world.portal.life("ref1"), deal_model::Life::Won);
}

#[tokio::test(start_paused = true)]
async fn a_deal_that_waits_for_a_person_is_looked_at_less_and_less_until_somebody_does_something() {
    let world = World::linked().await;
    world.portal.state().locked = true;
    world.crm.edit("006", "notes", "typed");
    world.hear("006").await;
    let minutes = async || {
        world.work().await;
        world.due_in().await.map(|wait| wait / 60_000)
    };
    for expected in [15, 15, 30, 60, 120, 240, 360, 360] {
        let wait = minutes().await;
        assert_eq!(wait, Some(expected));
        world.wait(u64::try_from(expected).unwrap() * 60).await;
    }
    // Somebody does something: it is looked at once, and the wait begins anew.
    world.crm.edit("006", "notes", "typed again");
    world.hear("006").await;
    assert_eq!(minutes().await, Some(15));
    world.portal.state().locked = false;
    world.settle(3_600).await;
    assert_eq!(world.portal.value("ref1", "notes"), "typed again");
}
