//! Sets that only grow: added once across, never changed, removed or brought back (sync rules, sections 3 and 6).

use deal_model::{
    CRM_ASKED_AGAIN, CrmFacts, EffectEnd, Element, ElementKey, Elements, Kind, Observed, PerSide, SetBounds,
    SettleInput, Sight, Value, newly_left_out, settle,
};
use jiff::SignedDuration;

use crate::world::{Says, World, check, deal, field, group};

const NOBODY: [(&str, &str); 0] = [];
const A: [(&str, &str); 1] = [("a", "1")];
const AB: [(&str, &str); 2] = [("a", "1"), ("b", "1")];

fn team() -> World {
    let mut team = field("team", Kind::Set);
    team.demands.element_needs = vec![("title".to_owned(), "phone".to_owned())];
    let mut spec = group("team", vec![team]);
    spec.set = Some(SetBounds {
        min: 0,
        max: 3,
        remove: PerSide::default(),
        add_only: true,
        rekey: PerSide::default(),
    });
    deal(spec)
}

fn people(base: impl Says + Copy, crm: impl Says, portal: impl Says) -> World {
    team().base("team", base).crm("team", crm).portal("team", portal)
}

/// One person who lacks what the portal asks for.
fn incomplete(key: &str) -> Observed {
    let name = |name: &str, text: &str| (name.to_owned(), Value::Text(text.to_owned()));
    let element = Element([name("first_name", "Ada"), name("last_name", "Berg")].into());
    Observed::Value(Value::Set(Elements::from([(ElementKey(key.to_owned()), element)])))
}

#[test]
fn who_joins_on_one_side_joins_on_the_other_and_nobody_is_changed() {
    check(&people(A, AB, A), &["referral: team put b (changed on the other side)"]);
    check(&people(A, A, AB), &["opportunity: team put b (changed on the other side)"]);
    check(
        &team().crm("team", A).portal("team", [("b", "1")]),
        &[
            "referral: team put a (changed on the other side)",
            "opportunity: team put b (changed on the other side)",
        ],
    );
    for (crm, portal) in [("2", "1"), ("1", "2"), ("2", "3")] {
        check(&people(A, [("a", crm)], [("a", portal)]), &[]);
    }
}

#[test]
fn whom_a_person_took_out_is_neither_removed_across_nor_brought_back() {
    for (crm, portal) in [(A.says(), AB.says()), (AB.says(), A.says())] {
        let mut world = people(AB, crm, portal);
        for _ in 0..3 {
            assert!(world.pass().describe().is_empty());
        }
    }
    // Not even when their details change where they still are.
    let mut world = people(AB, A, AB);
    world.pass();
    check(&world.portal("team", [("a", "1"), ("b", "2")]), &[]);
}

#[test]
fn who_lacks_a_detail_is_left_out_with_a_note_until_it_is_there() {
    let note = "note: team: Ada Berg (b) is left out of the referral: no phone.";
    let mut world = people(NOBODY, incomplete("b"), NOBODY);
    let before = world.deal.memory.clone();
    assert_eq!(
        world.plan().left_out,
        [note.trim_start_matches("note: ")],
        "known before anything is written"
    );
    assert_eq!(world.pass().describe(), [note]);
    assert!(world.plan().left_out.is_empty());
    let told = |before, after| newly_left_out(&world.specs, before, after, None);
    assert_eq!(told(&before, &world.deal.memory), [note.trim_start_matches("note: ")]);
    assert!(told(&world.deal.memory, &world.deal.memory).is_empty(), "each is told once");
    assert_eq!(world.pass().describe(), [note], "and is still shown");
    check(&world.crm("team", [("b", "1")]), &["referral: team put b (changed on the other side)"]);
}

#[test]
fn a_side_that_takes_nobody_is_not_written_and_says_why() {
    let mut world = people(A, A, AB);
    world.facts().closed.insert("team".into(), "there are no teams".to_owned());
    assert_eq!(
        world.pass().describe(),
        ["note: team: b is left out of the opportunity: there are no teams."]
    );
}

#[test]
fn who_could_not_be_added_is_not_tried_again_within_a_day_unless_something_of_them_changes() {
    // The platform took the write, and added nobody.
    let mut world = people(A, A, AB).bases("team", A, AB);
    world.deal.memory.not_added.insert("team".into(), world.now);
    let words = "there is not exactly one active user with this e-mail";
    assert_eq!(world.pass().describe(), [format!("note: team: b is left out of the opportunity: {words}.")]);
    let changed = world.portal("team", [("a", "1"), ("b", "2")]);
    check(&changed, &["opportunity: team put b (changed on the other side)"]);
}

#[test]
fn who_could_not_be_added_is_tried_again_when_the_deal_is_seen_a_day_later() {
    let put = ["opportunity: team put b (changed on the other side)"];
    let mut world = people(A, A, AB).bases("team", A, AB);
    let refused = world.now;
    world.deal.memory.not_added.insert("team".into(), refused);
    let due = refused.checked_add(CRM_ASKED_AGAIN).unwrap();
    world.now = due - SignedDuration::from_secs(1);
    let plan = world.plan();
    assert!(plan.is_quiet() && plan.next_due.is_none(), "it is asked when the deal is seen anyway");
    world.now = due;
    check(&world, &put);
    // In vain again: another day.
    let (before, plan) = (world.crm.seen().unwrap().clone(), world.plan());
    let settled = settle(&SettleInput {
        deal: &world.deal,
        plan: &plan,
        ends: &[EffectEnd::DONE],
        before: PerSide::new(world.portal.seen(), Some(&before)),
        after: PerSide::new(None, Some(&before)),
        specs: &world.specs,
        mapping: "1",
        now: world.now,
    });
    assert_eq!(settled.not_added.get(&"team".into()), Some(&due));
    assert!(newly_left_out(&world.specs, &world.deal.memory, &settled, None).is_empty(), "told once");
    world.deal.memory = settled;
    assert!(world.plan().is_quiet());
}

#[test]
fn who_was_left_out_because_there_were_no_teams_joins_once_there_are() {
    let mut world = people(A, A, AB);
    world.facts().closed.insert("team".into(), "there are no teams".to_owned());
    world.pass();
    assert!(world.plan().is_quiet());
    world.facts().closed.clear();
    check(&world, &["opportunity: team put b (changed on the other side)"]);
}

#[test]
fn a_referral_is_born_with_those_who_are_complete_or_says_whom_it_lacks() {
    let born = |world: World| {
        let mut world = world;
        world.deal.links.portal = None;
        world.portal = Sight::Unlinked;
        world.specs.groups[0].members[0].required.portal = true;
        world
    };
    let mut world = born(team().crm("team", incomplete("b")));
    let plan = world.pass();
    let told: Vec<&str> = plan.problems.iter().map(|problem| problem.sentence.as_str()).collect();
    assert_eq!(told, ["team: \"b\" has no phone."]);
    assert!(plan.is_quiet());
    let mut world = born(team().crm("team", incomplete("b")));
    world.specs.groups[0].members[0].demands.stand_in = Some(ElementKey("desk".to_owned()));
    let plan = world.pass();
    assert!(plan.problems.is_empty() && !plan.is_quiet(), "{plan:#?}");
}

#[test]
fn who_stands_in_for_nobody_is_not_carried_back() {
    let mut world = people(NOBODY, NOBODY, [("desk", "1")]);
    world.specs.groups[0].members[0].demands.stand_in = Some(ElementKey("desk".to_owned()));
    assert!(world.pass().describe().is_empty());
    let facts = CrmFacts::default();
    assert!(
        newly_left_out(&world.specs, &deal_model::Memory::default(), &world.deal.memory, Some(&facts))
            .is_empty()
    );
}
