//! A person's decision holds the exact values that were shown (sync rules, section 8).

use deal_model::{Conflict, GroupSpec, Irreversible, Kind, Life, PerSide, SetBounds, Side, Sight, Verdict};

use crate::world::{
    Empty, NOW, World, archived, at, base, check, deal, field, group, irreversible, questions, text,
};

fn asked() -> World {
    let mut spec = text("name");
    spec.conflict = Conflict::Ask;
    deal(spec).base("name", "a").crm("name", "s").portal("name", "p")
}

#[test]
fn a_decision_about_what_is_still_there_is_carried_out_and_consumed() {
    let mut world = asked().resolves("name", Side::Portal);
    let plan = world.pass();
    assert_eq!(plan.describe(), ["opportunity: name s -> p (a person decided)"]);
    assert_eq!(archived(&plan), ["opportunity: name s: a person decided for the other side's value"]);
    assert_eq!(world.deal.decisions, []);
    assert!(world.passes(0).is_empty());
}

#[test]
fn a_decision_is_not_consumed_by_a_write_that_waits_or_fails() {
    let mut world = asked().resolves("name", Side::Crm);
    world.specs.switches.update_referrals = false;
    world.pass();
    world.specs.switches.update_referrals = true;
    world.down = true;
    world.pass();
    assert_eq!(world.deal.decisions.len(), 1);
    world.down = false;
    world.pass();
    assert_eq!(world.deal.decisions, []);
}

#[test]
fn a_decision_is_handed_back_if_a_value_changed_meanwhile() {
    let world = asked().resolves("name", Side::Crm).portal("name", "q");
    let plan = world.plan();
    assert_eq!(plan.handed_back, [1]);
    assert!(plan.is_quiet());
}

#[test]
fn a_side_that_was_not_read_hands_nothing_back() {
    let world = asked().resolves("name", Side::Crm).portal("name", crate::world::Unknown);
    assert_eq!(check(&world, &[]).handed_back, [] as [i64; 0]);
}

/// Carries the world's plan out, and is stopped before its commit.
fn stopped_behind_its_writes(world: &World) -> World {
    let mut done = world.clone();
    done.pass();
    done.deal = world.deal.clone();
    done
}

#[test]
fn a_decision_that_was_carried_out_before_a_crash_is_carried_out_and_not_handed_back() {
    let linked = || {
        let mut world = deal(text("name")).just_linked().stage(Life::Won).referral(ACTIVE);
        world.pass();
        world
    };
    let mut closing = deal(text("name")).stage(Life::Lost { reason: None });
    closing.pass();
    let sent = Verdict::SendNow { kind: Irreversible::Close, target: "lost".to_owned() };
    let stages = Side::BOTH.map(|winner| {
        let mut world = chosen(linked(), winner);
        world.pass();
        world.now = at(NOW + 700);
        world
    });
    // What was to be closed waited for its grace, and its decision with it; the other one is carried out at once.
    let [_, closed] = stages;
    for world in [
        asked().resolves("name", Side::Portal),
        asked().resolves("name", Side::Crm),
        chosen(linked(), Side::Portal),
        closed,
        closing.decides(1, sent),
    ] {
        let crashed = stopped_behind_its_writes(&world);
        assert_eq!(crashed.deal.decisions.len(), 1);
        let plan = crashed.plan();
        assert!(plan.is_quiet(), "{plan:#?}");
        assert_eq!((plan.consumed, plan.handed_back), (vec![1], vec![]), "{:?}", crashed.deal.decisions);
    }
}

#[test]
fn a_decision_whose_winner_was_edited_meanwhile_is_handed_back_though_both_sides_are_equal() {
    let plan = asked().resolves("name", Side::Crm).crm("name", "p").plan();
    assert_eq!((plan.consumed, plan.handed_back), (vec![], vec![1]));
}

/// Both sides were reconciled at "p"; "s" lost and is in the archive.
fn lost() -> World {
    in_step(text("name"))
}

fn in_step(spec: GroupSpec) -> World {
    deal(spec).base("name", "p").crm("name", "p").portal("name", "p")
}

#[test]
fn a_restored_value_is_written_to_both_sides_and_what_it_overwrites_is_kept_once() {
    let mut world = lost().restores("name", "s");
    let plan = world.pass();
    assert_eq!(
        plan.describe(),
        ["referral: name p -> s (a person restored it)", "opportunity: name p -> s (a person restored it)"]
    );
    assert_eq!(archived(&plan), ["opportunity: name p: a person restored another value"]);
    assert_eq!(world.deal.decisions, []);
    assert_eq!(base(&world, "name"), ["s", "s"], "both sides are reconciled at the restored value");
    assert!(world.passes(0).is_empty(), "and nothing is written back");
}

#[test]
fn a_restoration_is_handed_back_if_a_side_changed_meanwhile() {
    for side in Side::BOTH {
        let world = lost().restores("name", "s");
        let world = if side == Side::Crm { world.crm("name", "q") } else { world.portal("name", "q") };
        assert_eq!(world.plan().handed_back, [1]);
    }
}

#[test]
fn half_a_restoration_goes_on_where_it_stopped() {
    let mut world = lost().restores("name", "s").portal("name", "s");
    check(&world, &["opportunity: name p -> s (a person restored it)"]);
    world.pass();
    assert_eq!(world.deal.decisions, []);
    assert_eq!(base(&world, "name"), ["s", "s"]);
}

#[test]
fn a_restoration_that_one_side_refuses_leaves_the_base_and_the_decision() {
    let mut world = lost().restores("name", "s");
    world.specs.switches.update_opportunities = false;
    world.pass();
    assert_eq!(base(&world, "name"), ["p", "p"]);
    assert_eq!(world.deal.decisions.len(), 1);
    world.specs.switches.update_opportunities = true;
    world.pass();
    assert_eq!((world.deal.decisions.len(), base(&world, "name")), (0, ["s".to_owned(), "s".to_owned()]));
}

#[test]
fn nothing_is_restored_where_a_side_may_not_be_written() {
    let mut one_way = text("name");
    one_way.to.portal.update = false;
    let world = in_step(one_way).restores("name", "s");
    let plan = world.plan();
    assert!(plan.is_quiet());
    assert_eq!(plan.handed_back, [1]);
    let closed = lost().referral(Life::Won).stage(Life::Won).restores("name", "s").plan();
    assert_eq!(closed.handed_back, [1], "a closed referral takes no change");
}

#[test]
fn a_restored_element_comes_back_on_both_sides_and_its_neighbours_stay() {
    let mut spec = group("solutions", vec![field("solutions", Kind::Set)]);
    spec.set = Some(SetBounds {
        min: 1,
        max: 3,
        remove: PerSide::new(true, true),
        add_only: false,
        rekey: PerSide::default(),
    });
    let one = [("a", "1")];
    let world = deal(spec).base("solutions", one).crm("solutions", one).portal("solutions", one);
    let mut world = world.restores("solutions", [("b", "2")]);
    let plan = world.pass();
    assert_eq!(
        plan.describe(),
        [
            "referral: solutions put b (a person restored it)",
            "opportunity: solutions put b (a person restored it)"
        ]
    );
    assert_eq!(base(&world, "solutions"), ["a, b", "a, b"]);
    assert!(world.passes(0).is_empty());
}

#[test]
fn what_a_restored_element_overwrites_is_kept_once_and_its_neighbours_are_not() {
    let mut spec = group("solutions", vec![field("solutions", Kind::Set)]);
    let bounds = SetBounds {
        min: 1,
        max: 3,
        remove: PerSide::new(true, true),
        add_only: false,
        rekey: PerSide::default(),
    };
    spec.set = Some(bounds);
    let two = [("a", "1"), ("n", "0")];
    let world = deal(spec).base("solutions", two).crm("solutions", two).portal("solutions", two);
    let mut alike = world.clone().restores("solutions", [("a", "2")]);
    let plan = alike.pass();
    assert_eq!(archived(&plan), ["opportunity: solutions a: a person restored another value"]);
    let kept = &plan.archive[0].value[&"solutions".into()].elements();
    assert_eq!(kept.len(), 1);
    // Each side had made something else of it.
    let apart = world.portal("solutions", [("a", "3"), ("n", "0")]).restores("solutions", [("a", "2")]);
    assert_eq!(
        archived(&apart.plan()),
        [
            "opportunity: solutions a: a person restored another value",
            "referral: solutions a: a person restored another value"
        ]
    );
}

#[test]
fn a_restoration_overwrites_no_shared_record_and_breaks_no_bound() {
    let mut spec = group("solutions", vec![field("solutions", Kind::Set)]);
    spec.set = Some(SetBounds {
        min: 1,
        max: 2,
        remove: PerSide::new(true, true),
        add_only: false,
        rekey: PerSide::default(),
    });
    let two = [("a", "1"), ("n", "0")];
    let world = deal(spec).base("solutions", two).crm("solutions", two).portal("solutions", two);
    let full = world.clone().restores("solutions", [("b", "2")]).plan();
    assert!(full.is_quiet() && full.handed_back == [1], "{full:#?}");
    let shared = |mut world: World| {
        world.specs.groups[0].to.crm.fill_only = true;
        world.plan()
    };
    for world in [world.restores("solutions", [("a", "2")]), lost().restores("name", "s")] {
        let plan = shared(world);
        assert!(plan.is_quiet() && plan.handed_back == [1], "{plan:#?}");
    }
    let empty = deal(text("name")).base("name", Empty).crm("name", Empty).portal("name", Empty);
    let filled = shared(empty.restores("name", "s"));
    assert_eq!((filled.effects.len(), filled.handed_back), (2, vec![]), "what is empty is filled");
}

#[test]
fn the_half_of_a_restored_element_that_waits_for_acceptance_follows_then() {
    let mut spec = group("solutions", vec![field("solutions", Kind::Set)]);
    spec.set = Some(SetBounds {
        min: 1,
        max: 3,
        remove: PerSide::new(true, true),
        add_only: false,
        rekey: PerSide::default(),
    });
    let one = [("a", "1")];
    let world = deal(spec).base("solutions", one).crm("solutions", one).portal("solutions", one);
    let world = world.stood(Life::Received, Life::Received).stage(Life::Received).referral(Life::Received);
    let mut world = world.restores("solutions", [("b", "2")]);
    let half = world.pass();
    assert_eq!(half.describe()[0], "opportunity: solutions put b (a person restored it)");
    assert_eq!(base(&world, "solutions"), ["a", "a"], "the base waits for both");
    assert!(world.pass().is_quiet());
    assert_eq!(world.deal.decisions.len(), 1, "and the decision for the other half");
    let mut world = world.stood(ACTIVE, ACTIVE).stage(ACTIVE).referral(ACTIVE);
    assert_eq!(world.pass().describe(), ["referral: solutions put b (a person restored it)"]);
    assert_eq!(world.deal.decisions, []);
    assert!(world.passes(0).is_empty());
    assert_eq!(base(&world, "solutions"), ["a, b", "a, b"]);
}

const ACTIVE: Life = Life::Active { sales_stage: None };

fn chosen(world: World, winner: Side) -> World {
    let shown =
        PerSide::new(world.portal.seen().unwrap().life.clone(), world.crm.seen().unwrap().life.clone());
    world.decides(1, Verdict::ResolveLife { winner, shown })
}

#[test]
fn a_person_may_take_the_referrals_stage_also_where_the_portal_is_final() {
    for (stage, referral) in [
        (Life::Won, ACTIVE),
        (ACTIVE, Life::Received),
        (ACTIVE, Life::Won),
        (Life::Lost { reason: None }, Life::Won),
        (Life::Won, Life::Expired),
    ] {
        let mut world = deal(text("name")).just_linked().stage(stage.clone()).referral(referral.clone());
        world.pass();
        let mut world = chosen(world, Side::Portal);
        let plan = world.pass();
        assert_eq!(plan.effects.len(), 1, "{stage:?} {referral:?}: {plan:#?}");
        assert_eq!(world.crm.seen().unwrap().life, referral);
        assert_eq!(world.deal.decisions, []);
        assert_eq!(archived(&plan).len(), 1, "the opportunity's own stage is kept: {plan:#?}");
        world.passes(0);
        assert!(world.deal.problems.is_empty(), "{:?}", world.deal.problems);
    }
}

#[test]
fn no_person_can_change_the_end_of_a_closed_referral() {
    let mut world = deal(text("name")).stage(Life::Won).referral(Life::Lost { reason: None });
    world.pass();
    let question = questions(&world);
    let [stage] = question.as_slice() else { panic!("{question:?}") };
    assert!(!stage.choices.crm.outcome.is_possible(), "{stage:?}");
    assert!(stage.choices.portal.outcome.is_possible(), "{stage:?}");
    let mut world = chosen(world, Side::Crm);
    assert!(world.passes(0).is_empty());
}

fn withdrawn() -> World {
    let mut world = deal(text("name")).stage(Life::Won);
    world.pass();
    world.decides(1, Verdict::Withdraw { kind: Irreversible::Close, target: "won".to_owned() })
}

#[test]
fn a_withdrawn_decline_stays_withdrawn_whatever_reason_is_given_and_taken_away() {
    let world = deal(text("name")).stood(Life::Received, Life::Received).referral(Life::Received);
    let mut world = world.stage(Life::Received).answers(deal_model::Response::Decline).because("Others");
    let target = world.pass().waiting[0].target.clone();
    let mut world = world.decides(1, Verdict::Withdraw { kind: Irreversible::Decline, target });
    world.pass();
    for (reason, second) in
        [(None, 1), (Some("Price"), 2), (None, 3), (Some("Others"), 4), (Some("Others"), 5)]
    {
        world.facts().reason = reason.map(str::to_owned);
        world.now = at(NOW + second * 86_400);
        let plan = world.pass();
        assert!(plan.is_quiet() && plan.waiting.iter().all(|effect| effect.withdrawn), "{plan:#?}");
        assert_eq!(plan.waiting.len(), 1);
    }
    // A person sends it, for the reason that is given now.
    let target = world.deal.waiting[0].target.clone();
    assert_eq!(target, "declined (Others)");
    let mut sent = world.clone().decides(2, Verdict::SendNow { kind: Irreversible::Decline, target });
    assert_eq!(irreversible(&sent.pass()), [Irreversible::Decline]);
    // Another end is another wish.
    let mut world = world.answers(deal_model::Response::Accept);
    assert_eq!(irreversible(&world.pass()), [Irreversible::Accept]);
    assert_eq!(world.deal.waiting, []);
}

#[test]
fn what_was_withdrawn_does_not_leave_however_long_it_waits_and_says_so() {
    let mut world = withdrawn();
    let plan = world.pass();
    assert_eq!(
        plan.describe(),
        ["needs you: The referral is not to be won: a person withdrew that."],
        "{plan:#?}"
    );
    assert!(plan.problems[0].next_step.contains("cosell send-now d1 close"), "{plan:#?}");
    assert_eq!(world.deal.decisions, [], "it is carried out: the deal's row says so from now on");
    world.now = at(NOW + 86_400);
    let plan = world.pass();
    assert!(plan.is_quiet() && plan.next_due.is_none(), "{plan:#?}");
    check(
        &world.base("name", "a").crm("name", "a").portal("name", "b"),
        &[
            "opportunity: name a -> b (changed on the other side)",
            "needs you: The referral is not to be won: a person withdrew that.",
        ],
    );
}

#[test]
fn what_was_withdrawn_leaves_when_a_person_sends_it_or_the_seller_wants_it_anew() {
    let mut world = withdrawn();
    world.pass();
    let send = Verdict::SendNow { kind: Irreversible::Close, target: "won".to_owned() };
    assert_eq!(irreversible(&world.decides(2, send).plan()), [Irreversible::Close]);

    let mut world = withdrawn();
    world.pass();
    let mut world = world.stage(ACTIVE);
    assert!(world.pass().waiting.is_empty(), "a change back ends it");
    let mut world = world.stage(Life::Won);
    let plan = world.pass();
    assert!(!plan.waiting[0].withdrawn, "and the next one is a new wish: {plan:#?}");
    world.now = at(NOW + 600);
    assert_eq!(irreversible(&world.plan()), [Irreversible::Close]);
}

#[test]
fn what_was_withdrawn_is_not_forgotten_while_nothing_can_be_decided() {
    let hindered: [fn(&mut World); 6] = [
        |world| world.specs.switches.update_referrals = false,
        |world| world.crm = Sight::Gone,
        |world| world.portal = Sight::Gone,
        |world| world.portal_facts().inviter = deal_model::Inviter::Third,
        |world| world.seen(Side::Portal).life = Life::Unknown { code: "New".to_owned() },
        |world| world.seen(Side::Crm).life = Life::Unknown { code: "Moved".to_owned() },
    ];
    for (number, hinder) in hindered.into_iter().enumerate() {
        let mut world = withdrawn();
        world.pass();
        let before = world.clone();
        hinder(&mut world);
        assert!(world.pass().is_quiet());
        // All is as it was again, and the grace of a new wish would be long over.
        let mut world = World { deal: world.deal, now: at(NOW + 86_400), ..before };
        assert!(world.pass().is_quiet());
        world.now = at(NOW + 2 * 86_400);
        assert_eq!(irreversible(&world.plan()), [], "hindrance {number}");
        assert!(world.deal.waiting[0].withdrawn, "hindrance {number}: {:?}", world.deal.waiting);
    }
}

#[test]
fn a_withdrawal_that_came_too_late_is_handed_back() {
    let mut world = withdrawn();
    world.deal.waiting.clear();
    let mut world = world.stage(ACTIVE);
    assert_eq!(world.pass().handed_back, [1]);
}

#[test]
fn a_question_names_both_values_and_tries_both_answers_out() {
    let world = asked();
    let found = questions(&world);
    let [question] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((question.holds.crm.as_str(), question.holds.portal.as_str()), ("s", "p"));
    assert!(question.asked.as_ref().unwrap().contains("changed on both sides"));
    let written = |line: &str| deal_model::Outcome::Written(vec![line.to_owned()]);
    assert_eq!(question.choices.crm.outcome, written("referral: name p -> s (a person decided)"));
    assert_eq!(question.choices.portal.outcome, written("opportunity: name s -> p (a person decided)"));
    let mut world = world.decides(1, question.choices.crm.verdict.clone());
    world.pass();
    assert_eq!(questions(&world), []);
}

#[test]
fn a_problem_of_a_field_names_the_command_that_ends_it() {
    let plan = asked().plan();
    assert!(plan.problems[0].next_step.ends_with("cosell resolve d1 name"), "{plan:#?}");
}
