//! The merge table (sync rules, section 3), each row in each direction, and what qualifies it.

use deal_model::{Clear, Conflict, Kind, Measure, Route, Row, Side};

use crate::world::{ALWAYS, Empty, NEVER, NOW, Unknown, World, archived, at, check, deal, money, text};

const TO_PORTAL: &str = "referral: name a -> b (changed on the other side)";
const TO_CRM: &str = "opportunity: name a -> b (changed on the other side)";

fn name() -> World {
    deal(text("name"))
}

fn row(world: &World, row: Row, expected: &[&str]) {
    let plan = check(world, expected);
    assert_eq!(plan.rows, [("name".into(), row)]);
}

#[test]
fn each_row_of_the_table_decides_as_it_says() {
    row(&name().base("name", "a").crm("name", "a").portal("name", "a"), Row::Same, &[]);
    row(&name().base("name", "a").crm("name", "b").portal("name", "a"), Row::CrmChanged, &[TO_PORTAL]);
    row(&name().base("name", "a").crm("name", "a").portal("name", "b"), Row::PortalChanged, &[TO_CRM]);
    row(&name().base("name", "a").crm("name", "b").portal("name", "b"), Row::BothAlike, &[]);
    row(&name().crm("name", "a").portal("name", "a"), Row::LinkedAlike, &[]);
    let fills = |side| format!("{side}: name (empty) -> a (fills an empty field)");
    row(&name().crm("name", "a").portal("name", Empty), Row::LinkedOneEmpty, &[&fills("referral")]);
    row(&name().crm("name", Empty).portal("name", "a"), Row::LinkedOneEmpty, &[&fills("opportunity")]);
}

#[test]
fn of_a_pair_just_linked_the_side_it_was_born_on_wins_and_the_other_value_is_archived() {
    let world = name().crm("name", "b").portal("name", "a");
    row(&world, Row::LinkedDiffer, &["referral: name a -> b (the deal was born on the other side)"]);
    assert_eq!(
        archived(&world.plan()),
        [
            "referral: name a: both sides held a value when they were linked; the side the deal was born on won"
        ]
    );
    let inbound = world.with(|world| world.deal.born = Side::Portal);
    check(&inbound, &["opportunity: name b -> a (the deal was born on the other side)"]);
}

fn conflict(policy: Conflict) -> World {
    let mut spec = text("name");
    spec.conflict = policy;
    deal(spec).base("name", "a").crm("name", "s").portal("name", "p")
}

#[test]
fn a_conflict_is_decided_by_its_policy_and_the_loser_is_archived() {
    let crm = conflict(Conflict::Always(Side::Crm));
    row(&crm, Row::Conflict, &["referral: name p -> s (the mapping names the winner)"]);
    assert_eq!(
        archived(&crm.plan()),
        ["referral: name p: both sides changed it; the mapping names the winner"]
    );
    let portal = conflict(Conflict::Always(Side::Portal));
    row(&portal, Row::Conflict, &["opportunity: name s -> p (the mapping names the winner)"]);
    let ask = conflict(Conflict::Ask);
    row(
        &ask,
        Row::Conflict,
        &[
            "needs you: name was changed on both sides: \"s\" on the opportunity (saved 1970-01-01 00:03 UTC), \"p\" on \
           the referral (saved 1970-01-01 00:03 UTC).",
        ],
    );
    assert!(ask.plan().archive.is_empty());
}

#[test]
fn the_newest_wins_only_where_the_order_is_certain() {
    let newest = || conflict(Conflict::Newest);
    let later = newest().changed(Side::Portal, 100, 110).changed(Side::Crm, 116, 120);
    check(&later, &["referral: name p -> s (the other side's change is newer)"]);
    let earlier = newest().changed(Side::Portal, 116, 120).changed(Side::Crm, 100, 110);
    check(&earlier, &["opportunity: name s -> p (the other side's change is newer)"]);
    let close = newest().changed(Side::Portal, 100, 110).changed(Side::Crm, 115, 120);
    check(&close, &["referral: name p -> s (order unknown, the owner wins)"]);
    assert!(archived(&close.plan())[0].contains("order unknown"));
    let owned = close.with(|world| world.specs.groups[0].owner = Side::Portal);
    check(&owned, &["opportunity: name s -> p (order unknown, the owner wins)"]);
}

#[test]
fn our_own_write_never_counts_as_a_change() {
    // The portal changes, we write the opportunity, then the portal changes again: only its edits have windows.
    let mut world = name().base("name", "a").crm("name", "a").portal("name", "b");
    world.passes(1);
    let windows = world.deal.memory.windows[&"name".into()].clone();
    assert_eq!((windows.crm.clone().unwrap().until, windows.portal.unwrap().until), (None, None));
    assert_eq!(windows.crm.unwrap().after, at(NOW), "the version that our write made");
}

#[test]
fn emptying_is_ignored_refilled_or_propagated_as_the_mapping_says() {
    for (side, other) in [(Side::Crm, "referral"), (Side::Portal, "opportunity")] {
        let emptied = |clear: Clear| {
            let mut spec = text("name");
            *spec.clear.at_mut(side.other()) = clear;
            let world = deal(spec).base("name", "a").crm("name", "a").portal("name", "a");
            if side == Side::Crm { world.crm("name", Empty) } else { world.portal("name", Empty) }
        };
        check(
            &emptied(Clear::Ignore),
            &["note: name was emptied on one side; the mapping says to ignore that."],
        );
        check(
            &emptied(Clear::Propagate),
            &[&format!("{other}: name a -> (empty) (changed on the other side)")],
        );
        let own = if side == Side::Crm { "opportunity" } else { "referral" };
        check(&emptied(Clear::Refill), &[&format!("{own}: name (empty) -> a (was emptied and is refilled)")]);
    }
}

#[test]
fn an_emptying_is_carried_across_only_if_it_is_sure() {
    let propagate = || {
        let mut spec = text("name");
        spec.clear.portal = Clear::Propagate;
        deal(spec).base("name", "a").crm("name", Empty).portal("name", "a")
    };
    let unmoved = propagate().changed(Side::Crm, 200, 200);
    assert!(check(&unmoved, &[]).is_quiet(), "the record's version did not move");
    let required = propagate().with(|world| world.specs.groups[0].members[0].required.portal = true);
    check(&required, &[]);
    check(&propagate().portal("name", "b"), &["opportunity: name (empty) -> b (changed on the other side)"]);
    check(&propagate().bases("name", Empty, "a"), &[]);
}

#[test]
fn a_side_that_may_not_be_a_source_counts_as_the_same() {
    let one_way = |enforce| {
        let mut spec = text("name");
        spec.to.crm = NEVER;
        spec.enforce = enforce;
        deal(spec).base("name", "a")
    };
    check(&one_way(false).crm("name", "a").portal("name", "x"), &[]);
    let restored = one_way(true).crm("name", "a").portal("name", "x");
    let plan = check(&restored, &["referral: name x -> a (put right)"]);
    assert_eq!(archived(&plan), ["referral: name x: this side may not differ and was put right"]);
    let both = one_way(false).crm("name", "b").portal("name", "x");
    let plan = check(&both, &["referral: name x -> b (changed on the other side)"]);
    assert_eq!(archived(&plan), ["referral: name x: it came from a side that is no source for this field"]);
}

#[test]
fn a_field_that_is_create_only_is_not_written_later_and_one_that_is_fill_only_never_over_a_value() {
    let mut create_only = text("name");
    create_only.to.portal = Route { create: true, update: false, fill_only: false };
    check(&deal(create_only).base("name", "a").crm("name", "b").portal("name", "a"), &[]);
    let mut fill = text("name");
    fill.to.crm.fill_only = true;
    let fill = |world: World| world.with(|world| world.specs.groups[0] = fill.clone());
    check(&fill(name().base("name", "a").crm("name", "a").portal("name", "b")), &[]);
    check(
        &fill(name().bases("name", Empty, "a").crm("name", Empty).portal("name", "b")),
        &["opportunity: name (empty) -> b (changed on the other side)"],
    );
}

#[test]
fn behind_a_switch_that_is_off_the_effect_waits_and_nothing_is_archived_or_forgotten() {
    let mut world = conflict(Conflict::Always(Side::Crm)).with(|world| {
        world.specs.switches.update_referrals = false;
    });
    let base = world.deal.memory.base.clone();
    for _ in 0..2 {
        let plan = world.pass();
        assert_eq!(plan.describe(), ["name waits: its flow is switched off"]);
        assert!(plan.archive.is_empty(), "{plan:#?}");
    }
    assert_eq!(world.deal.memory.base, base);
    world.specs.switches.update_referrals = true;
    check(&world, &["referral: name p -> s (the mapping names the winner)"]);
}

#[test]
fn what_is_unknown_is_never_changed_never_a_source_and_never_overwritten() {
    for (crm, portal) in [(true, false), (false, true), (true, true)] {
        let mut world = name().base("name", "a").crm("name", "b").portal("name", "c");
        if crm {
            world = world.crm("name", Unknown);
        }
        if portal {
            world = world.portal("name", Unknown);
        }
        let base = world.deal.memory.base.clone();
        assert!(world.pass().describe().is_empty());
        assert_eq!(world.deal.memory.base, base);
    }
    let unsure =
        name().base("name", "a").crm("name", "b").sends(Side::Crm, "name", Unknown).portal("name", "a");
    check(&unsure, &[]);
}

#[test]
fn a_default_is_sent_where_the_source_is_empty_and_then_rests() {
    let mut world =
        name().base("name", "a").crm("name", Empty).sends(Side::Crm, "name", "d").portal("name", "a");
    check(&world, &["referral: name a -> d (changed on the other side)"]);
    world.pass();
    assert!(world.passes(0).is_empty());
}

#[test]
fn money_goes_as_one_value_and_never_without_its_currency() {
    let euro = || {
        deal(money()).base("amount", 4).base("currency", "EUR").portal("amount", 4).portal("currency", "EUR")
    };
    check(
        &euro().crm("amount", 5).crm("currency", "USD"),
        &["referral: money 4 EUR -> 5 USD (changed on the other side)"],
    );
    let plan = check(
        &euro().crm("amount", 5).crm("currency", Empty),
        &[
            "money waits: its currency is missing",
            "needs you: amount has no currency, and is never written without one.",
        ],
    );
    assert!(plan.is_quiet());
    check(
        &euro().crm("amount", Empty).crm("currency", "EUR"),
        &["note: amount was emptied on one side; the mapping says to ignore that."],
    );
    let unreadable = euro().crm("amount", 5).crm("currency", Unknown);
    check(&unreadable, &[]);
    let bare = deal(money())
        .bases("amount", Empty, 4)
        .base("currency", "EUR")
        .crm("amount", Empty)
        .crm("currency", "USD")
        .portal("amount", 4)
        .portal("currency", "EUR");
    check(&bare, &[]);
}

fn short() -> World {
    name().with(|world| world.specs.groups[0].members[0].fit.max_chars = Some(3))
}

#[test]
fn what_holds_more_than_fits_is_archived_before_it_is_replaced() {
    let world = short().bases("name", "abc", "abcdef").crm("name", "x").portal("name", "abcdef");
    let plan = check(&world, &["referral: name abcdef -> x (changed on the other side)"]);
    assert_eq!(archived(&plan), ["referral: name abcdef: held more than both sides can hold"]);
}

#[test]
fn a_long_text_that_does_not_fit_is_told_before_and_while_it_is_cut() {
    let long = short().with(|world| world.specs.groups[0].members[0].kind = Kind::LongText);
    let mut world = long.base("name", "abc").crm("name", "abc").portal("name", "xyzab");
    for _ in 0..2 {
        let told = world.pass().problems;
        let said = "name has 5 characters on the referral, and only its first 3 go to the opportunity.";
        assert_eq!(told.iter().map(|it| it.sentence.as_str()).collect::<Vec<_>>(), [said]);
    }
    let mut world = world.portal("name", "xyz");
    assert!(world.pass().problems.is_empty());
}

#[test]
fn what_is_cut_is_told_as_the_field_counts_and_as_the_sides_keep_it() {
    let long = short().with(|world| {
        let member = &mut world.specs.groups[0].members[0];
        (member.kind, member.fit.measure) = (Kind::LongText, Measure::Utf16);
    });
    let told = |text: &str| {
        let mut world = long.clone().base("name", "abc").crm("name", "abc").portal("name", text);
        world.pass().problems.iter().map(|it| it.sentence.clone()).collect::<Vec<_>>()
    };
    let said = "name has 4 characters (an emoji is two) on the referral, and only its first 3 go to the opportunity.";
    assert_eq!(told("ab\u{1F600}"), [said]);
    assert_eq!(told(" a\r\nb "), [] as [&str; 0], "a line end is one, and no side keeps blanks at the ends");
}

#[test]
fn a_hidden_part_that_changed_is_a_conflict_and_alone_it_is_none() {
    let hidden = short().bases("name", "abc", "abcdef").portal("name", "abcXYZ");
    check(&hidden.clone().crm("name", "abc"), &[]);
    let both =
        hidden.crm("name", "x").with(|world| world.specs.groups[0].conflict = Conflict::Always(Side::Crm));
    row(&both, Row::Conflict, &["referral: name abcXYZ -> x (the mapping names the winner)"]);
    assert_eq!(archived(&both.plan()).len(), 1);
}

#[test]
fn what_is_sent_is_what_both_sides_can_hold() {
    let world = short().base("name", "a").crm("name", " abcdef ").portal("name", "a");
    check(&world, &["referral: name a -> abc (changed on the other side)"]);
}

#[test]
fn routes_are_read_by_the_side_that_is_written() {
    let mut spec = text("name");
    spec.to.portal = NEVER;
    spec.to.crm = ALWAYS;
    let world = deal(spec).crm("name", "s").portal("name", "p");
    check(&world, &["opportunity: name s -> p (the deal was born on the other side)"]);
}

#[test]
fn an_amount_is_rounded_to_the_digits_of_its_currency() {
    let cents =
        |amount: &str| deal_model::Observed::Value(deal_model::Value::Number(amount.parse().unwrap()));
    let yen = deal(money())
        .with(|world| world.specs.minor_units = [("JPY".to_owned(), 0)].into())
        .base("amount", 4)
        .base("currency", "JPY")
        .portal("amount", 4)
        .portal("currency", "JPY")
        .crm("currency", "JPY");
    check(&yen.clone().crm("amount", cents("4.4")), &[]);
    check(&yen.crm("amount", cents("4.5")), &["referral: money 4 JPY -> 5 JPY (changed on the other side)"]);
}

#[test]
fn a_write_that_empties_a_field_counts_for_the_brake() {
    let mut spec = money();
    spec.clear.portal = Clear::Propagate;
    let clears = |amount: deal_model::Observed| {
        let world = deal(spec.clone()).base("amount", 4).base("currency", "EUR");
        let world =
            world.portal("amount", 4).portal("currency", "EUR").crm("amount", amount).crm("currency", "EUR");
        let plan = world.plan();
        let [deal_model::Effect::Update { writes, .. }] = plan.effects.as_slice() else {
            panic!("{plan:#?}")
        };
        writes[0].clears()
    };
    assert!(clears(deal_model::Observed::Empty));
    assert!(!clears(crate::world::Says::says(5)));
}

#[test]
fn sides_that_hold_the_same_as_far_as_it_fits_agree_whatever_they_would_send() {
    let world = short().base("name", "x").crm("name", "abcdef").portal("name", "abc");
    let world = world.sends(Side::Crm, "name", "y").sends(Side::Portal, "name", "z");
    row(&world, Row::BothAlike, &[]);
}
