//! The lifecycle table (sync rules, section 4), row by row.

use deal_model::{
    Code, CodeList, CodeStanding, Deal, GuardSettings, Life, Phase, Response, Row, Side, Sight,
};

use crate::world::{ACTIVE, World, archived, check, deal, text};

fn lost() -> Life {
    Life::Lost { reason: None }
}

fn stage(stage: &str) -> Life {
    Life::Active { sales_stage: Some(stage.to_owned()) }
}

/// A deal without waiting times, to see what leaves in the end.
fn life() -> World {
    deal(text("name")).base("name", "a").crm("name", "a").portal("name", "a").with(|world| {
        world.specs.guard = GuardSettings {
            close_grace_secs: 0,
            decline_grace_secs: 0,
            accept_grace_secs: 0,
            ..GuardSettings::default()
        };
    })
}

fn received() -> World {
    life().stood(Life::Received, Life::Received).stage(Life::Received).referral(Life::Received)
}

#[test]
fn on_hold_and_new_is_received_portal_changes_flow_in_and_seller_edits_wait() {
    check(&received(), &[]);
    check(&received().portal("name", "b"), &["opportunity: name a -> b (changed on the other side)"]);
    let mut edited = received().crm("name", "b");
    let base = edited.deal.memory.base.clone();
    edited.pass();
    check(&edited, &["name waits: edits wait until the referral is accepted"]);
    assert_eq!(edited.deal.memory.base, base);
}

#[test]
fn before_its_birth_a_deal_waits_on_hold_and_when_closed() {
    let unborn = |life: Life| {
        let world = self::life().stage(life).with(|world| {
            world.portal = Sight::Unlinked;
            world.deal = Deal::born("d1".into(), Side::Crm, "006".into());
        });
        let plan = check(&world, &[]);
        plan.headline
    };
    assert_eq!(unborn(Life::Received), "waiting: leave the on-hold stage");
    assert_eq!(unborn(Life::Won), "closed before it was shared; push it to create a referral");
}

#[test]
fn on_hold_with_an_active_referral_is_an_ordinary_open_stage() {
    check(&life().stage(Life::Received), &[]);
}

#[test]
fn an_active_stage_accepts_and_the_fields_follow() {
    let world = received().stage(ACTIVE).crm("name", "b");
    check(&world, &["referral: becomes active", "referral: name a -> b (changed on the other side)"]);
    let staged = received().stage(stage("Propose"));
    check(&staged, &["referral: becomes active", "referral: stage becomes active (Propose)"]);
}

#[test]
fn an_answer_moves_the_referral_first_and_then_the_opportunity() {
    let mut world = received().answers(Response::Accept);
    let plans = world.passes(2);
    let lines: Vec<_> = plans.iter().flat_map(deal_model::Plan::describe).collect();
    assert_eq!(lines, ["referral: becomes active", "opportunity: stage becomes active"]);
    let mut world = received().answers(Response::Decline).because("NotNow");
    let lines: Vec<_> = world.passes(2).iter().flat_map(deal_model::Plan::describe).collect();
    assert_eq!(
        lines,
        ["referral: becomes declined (NotNow)", "opportunity: stage becomes declined (NotNow)"]
    );
}

#[test]
fn closed_lost_declines_and_only_with_a_reason() {
    let world = received().stage(lost());
    check(&world, &["needs you: The referral cannot be declined without a reason."]);
    check(&world.because("NotNow"), &["referral: becomes declined (NotNow)"]);
}

#[test]
fn won_straight_from_new_accepts_writes_the_fields_and_wins_in_one_unit_in_order() {
    let world = received().stage(Life::Won).crm("name", "b");
    check(
        &world,
        &[
            "referral: becomes active",
            "referral: name a -> b (changed on the other side)",
            "referral: becomes won",
        ],
    );
}

#[test]
fn an_answer_and_a_stage_that_say_the_opposite_are_a_problem() {
    check(
        &received().stage(ACTIVE).answers(Response::Decline).because("NotNow"),
        &["needs you: The response says decline and the stage says active."],
    );
    check(
        &received().stage(lost()).answers(Response::Accept).because("NotNow"),
        &["needs you: The response says accept and the stage says lost."],
    );
}

#[test]
fn a_close_follows_the_fields() {
    let world = life().stage(Life::Won).crm("name", "b");
    check(&world, &["referral: name a -> b (changed on the other side)", "referral: becomes won"]);
    check(&life().stage(lost()).because("Price"), &["referral: becomes lost (Price)"]);
}

#[test]
fn while_a_close_waits_the_portals_stage_is_not_written() {
    let world = life()
        .stood(stage("Qualify"), stage("Qualify"))
        .stage(Life::Won)
        .referral(stage("Propose"))
        .with(|world| world.specs.guard = GuardSettings::default());
    let plan = check(&world, &["waiting to be won (not before 1970-01-01T00:26:40Z)"]);
    assert!(plan.is_quiet());
}

#[test]
fn two_ends_agree_or_are_shown_and_the_portals_is_final() {
    check(&life().stage(Life::Won).referral(Life::Won), &[]);
    check(&life().stage(lost()).referral(Life::Expired), &[]);
    check(
        &life().stage(Life::Won).referral(lost()),
        &["needs you: The opportunity is won and the referral is lost: the portal's end is final."],
    );
}

#[test]
fn a_reopened_opportunity_is_left() {
    for open in [ACTIVE, Life::Received] {
        let mut world = life().stood(Life::Won, Life::Won).stage(open).referral(Life::Won);
        for _ in 0..2 {
            assert_eq!(
                world.pass().describe(),
                ["needs you: The opportunity was re-opened, and the referral is won: that is final."]
            );
        }
    }
}

#[test]
fn on_hold_when_the_referral_ends_takes_the_mapped_closed_stage() {
    for (end, word) in
        [(Life::Expired, "expired"), (Life::Declined { reason: None }, "declined"), (lost(), "lost")]
    {
        let mut world = received().referral(end);
        let plans = world.passes(1);
        assert_eq!(plans[0].describe(), [format!("opportunity: stage becomes {word}")]);
        assert_eq!(world.deal.phase, Phase::Finished);
    }
}

#[test]
fn moved_off_on_hold_when_the_referral_ends_the_opportunity_is_left() {
    let mut world = received().stage(ACTIVE).referral(Life::Expired);
    for _ in 0..2 {
        assert_eq!(
            world.pass().describe(),
            ["needs you: The opportunity left the on-hold stage after the referral was expired."]
        );
    }
}

#[test]
fn an_active_opportunity_follows_the_portals_end() {
    let world = life().referral(Life::Won);
    check(&world, &["opportunity: stage becomes won"]);
}

#[test]
fn a_stage_that_the_opportunity_did_not_take_is_a_problem_and_not_written_again() {
    let mut world = received().referral(Life::Expired);
    world.pass();
    world.seen(Side::Crm).life = Life::Received;
    // What the read-back would have said.
    world.deal.memory.life.as_mut().unwrap().crm = Life::Received;
    world.deal.phase = Phase::Live;
    check(&world, &["needs you: The referral is expired, and the opportunity kept another stage."]);
}

#[test]
fn a_stage_or_code_that_nobody_knows_is_shown_and_held() {
    let unknown = |code: &str| Life::Unknown { code: code.to_owned() };
    check(
        &life().stage(unknown("Mystery")),
        &["needs you: The stage \"Mystery\" means nothing to the mapping."],
    );
    let world = life().stage(Life::Won).referral(unknown("Paused2"));
    check(&world, &["needs you: The referral is in the state \"Paused2\", which the mapping does not know."]);
    let mut linked = life().just_linked().stage(unknown("Mystery"));
    linked.pass();
    assert_eq!(
        linked.deal.memory.life, None,
        "nothing irreversible may be told from a state nobody understood"
    );
}

#[test]
fn sales_stages_go_across_as_they_change() {
    let base = || life().stood(stage("a"), stage("a"));
    check(&base().stage(stage("b")).referral(stage("a")), &["referral: stage becomes active (b)"]);
    check(&base().stage(stage("a")).referral(stage("b")), &["opportunity: stage becomes active (b)"]);
    let both = base().stage(stage("b")).referral(stage("c"));
    let plan = check(&both, &["referral: stage becomes active (b)"]);
    assert_eq!(archived(&plan).len(), 1, "the portal's stage is kept in the archive");
    check(&base().stage(ACTIVE).referral(stage("a")), &[]);
}

#[test]
fn a_closed_referral_finishes_the_deal() {
    let mut world = life().stage(Life::Won).referral(Life::Won);
    world.specs.groups.push(text("notes"));
    world = world.base("notes", "n").crm("notes", "seller's").portal("notes", "n").portal("name", "b");
    let plan = world.pass();
    assert_eq!(plan.describe(), ["opportunity: name a -> b (changed on the other side)"]);
    assert_eq!(archived(&plan), ["opportunity: notes seller's: the portal closed first"]);
    assert_eq!(world.deal.phase, Phase::Live, "not before it is written");
    let plan = world.pass();
    assert!(plan.is_quiet() && plan.archive.is_empty(), "archived once: {plan:#?}");
    assert_eq!(world.deal.phase, Phase::Finished);
    let world = world.portal("name", "later").crm("notes", "later");
    assert_eq!(check(&world, &[]).rows, Vec::<(_, Row)>::new(), "nothing is compared any more");
}

#[test]
fn what_both_sides_changed_before_the_end_is_archived_and_left() {
    let world = life().stage(Life::Won).referral(Life::Won).crm("name", "s").portal("name", "p");
    let plan = check(&world, &[]);
    assert_eq!(archived(&plan), ["opportunity: name s: the portal closed first"]);
}

#[test]
fn an_error_closes_a_referral_at_any_point_and_only_for_a_reason_that_the_portal_knows() {
    let code =
        |code: &str| Code { code: code.to_owned(), name: code.to_owned(), standing: CodeStanding::Usable };
    let list = CodeList { name: "errors".to_owned(), codes: vec![code("Test referral"), code("Data error")] };
    let error = |world: World, reason: Option<&str>| {
        let list = list.clone();
        world.stage(Life::Error { reason: None }).with(|world| {
            world.specs.endings.error_reasons = Some(list);
            world.facts().reason = reason.map(str::to_owned);
        })
    };
    for world in [life(), received()] {
        let closed = "referral: becomes closed as an error (Test referral)";
        check(&error(world.clone(), Some("Test referral")), &[closed]);
        let none = "needs you: The referral cannot be closed as an error without a reason.";
        check(&error(world.clone(), None), &[none]);
        let other = "needs you: The referral cannot be closed as an error for the reason \"Oops\", which is not in the list \"errors\".";
        check(&error(world.clone(), Some("Oops")), &[other]);
        let never = error(world, Some("Test referral")).with(|world| world.specs.endings.error = false);
        let told = "needs you: The referral cannot be closed as an error from here: this portal's interface does not take it.";
        check(&never, &[told]);
    }
}

#[test]
fn a_loss_needs_a_reason_only_where_the_portal_wants_one() {
    let lost = || life().stage(lost());
    check(&lost(), &["referral: becomes lost"]);
    let wanted = lost().with(|world| world.specs.endings.lost_needs_reason = true);
    check(&wanted, &["needs you: The referral cannot be lost without a reason."]);
    let given = wanted.with(|world| world.facts().reason = Some("Too dear".to_owned()));
    check(&given, &["referral: becomes lost (Too dear)"]);
}
