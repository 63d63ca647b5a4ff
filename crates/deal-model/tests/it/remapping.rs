//! A changed mapping rewrites nothing: bases are made anew, differences are remembered, edits flow as ever (sync rules,
//! section 5).

use deal_model::{
    Content, Definitions, Effect, Fingerprint, Fit, GroupDecision, Irreversible, Kind, Life, Mapped, PerSide,
    Plan, Response, SetBounds, Side, Verdict, Why,
};

use crate::{
    properties::always,
    world::{ACTIVE, Empty, NEVER, NOW, Unknown, World, at, deal, field, group, irreversible, text},
};

/// The definitions of the world's groups and stages, under the mapping of this name.
fn definitions(world: &World, mapping: &str) -> Definitions {
    let print = |what: &str| Fingerprint(format!("{mapping} {what}"));
    let groups = world.specs.groups.iter();
    Definitions {
        groups: groups.map(|spec| (spec.id.clone(), print(spec.id.as_str()))).collect(),
        life: Some(print("stages")),
        answer: Some(Fingerprint("Response__c".to_owned())),
    }
}

/// The deal was reconciled under the mapping `old`; the present one is the same.
fn reconciled(mut world: World) -> World {
    let old = definitions(&world, "old");
    world.deal.memory.mapped = Mapped { under: Some(old.clone()), ..Mapped::default() };
    world.specs.definitions = old;
    world
}

/// Every group and the stages mean something else now.
fn changed(mut world: World) -> World {
    world.specs.definitions = definitions(&world, "new");
    world
}

/// This group alone means something else now.
fn redefined(mut world: World, group: &str) -> World {
    let new = definitions(&world, "new");
    world.specs.definitions.groups.insert(group.into(), new.groups[&group.into()].clone());
    world
}

fn differs(world: &World) -> Vec<&str> {
    world.deal.memory.mapped.differs.keys().map(deal_model::GroupId::as_str).collect()
}

fn name(crm: &str, portal: &str) -> World {
    reconciled(
        deal(text("name")).crm("name", crm).portal("name", portal).base("name", "as it was read before"),
    )
}

#[test]
fn what_is_equal_under_the_new_mapping_is_reconciled_without_a_word() {
    let mut world = redefined(name("a", "a"), "name");
    let plan = world.pass();
    assert!(plan.is_quiet() && plan.problems.is_empty() && plan.notes.is_empty(), "{plan:#?}");
    assert_eq!(differs(&world), [""; 0]);
    assert_eq!(world.deal.memory.mapped.under.as_ref(), Some(&world.specs.definitions));
    let edited = world.crm("name", "b").plan();
    assert!(matches!(&edited.effects[..], [Effect::Update { side: Side::Portal, .. }]), "{edited:#?}");
}

#[test]
fn what_differs_under_the_new_mapping_is_remembered_and_not_written() {
    let unchanged = name("a", "b");
    assert!(!unchanged.plan().is_quiet(), "without a change of the mapping it is written");
    let mut world = redefined(unchanged, "name");
    for _ in 0..3 {
        let plan = world.pass();
        assert!(plan.is_quiet() && plan.problems.is_empty(), "{plan:#?}");
        assert_eq!(differs(&world), ["name"]);
    }
}

#[test]
fn an_edit_after_the_change_flows_and_ends_what_was_remembered() {
    for (side, edited) in [(Side::Crm, "c"), (Side::Portal, "d")] {
        let mut world = redefined(name("a", "b"), "name");
        world.pass();
        let world = if side == Side::Crm { world.crm("name", edited) } else { world.portal("name", edited) };
        let mut world = world;
        let plan = world.pass();
        let [Effect::Update { side: to, writes, .. }] = &plan.effects[..] else { panic!("{plan:#?}") };
        assert_eq!((*to, writes[0].why), (side.other(), Why::Changed));
        // It was never on the other side, whatever the base says.
        let [kept] = &plan.archive[..] else { panic!("{plan:#?}") };
        assert_eq!((kept.side, &kept.value), (side.other(), &writes[0].instead_of));
        assert_eq!(differs(&world), [""; 0]);
    }
}

#[test]
fn a_person_who_makes_both_sides_equal_ends_it_too() {
    let mut world = redefined(name("a", "b"), "name");
    world.pass();
    let mut world = world.crm("name", "b");
    assert!(world.pass().is_quiet());
    assert_eq!(differs(&world), [""; 0]);
}

#[test]
fn a_field_that_is_new_in_the_mapping_is_not_filled_on_deals_that_are_linked() {
    let mut world = reconciled(deal(text("name")).crm("name", "a").portal("name", "a").base("name", "a"));
    world.specs.groups.push(text("notes"));
    world.specs.definitions = definitions(&world, "old");
    let mut world = world.crm("notes", "here").portal("notes", Empty);
    let plan = world.pass();
    assert!(plan.is_quiet(), "{plan:#?}");
    assert_eq!(differs(&world), ["notes"]);
}

#[test]
fn a_deal_that_is_linked_now_uses_the_new_mapping_at_once() {
    let mut world = changed(deal(text("notes")).crm("notes", "here").portal("notes", Empty));
    let plan = world.pass();
    let [Effect::Update { side: Side::Portal, writes, .. }] = &plan.effects[..] else { panic!("{plan:#?}") };
    assert_eq!(writes[0].why, Why::Filled);
    assert_eq!(world.deal.memory.mapped.under.as_ref(), Some(&world.specs.definitions));
}

#[test]
fn a_field_that_was_switched_off_meanwhile_comes_back_as_a_new_one() {
    let mut world = reconciled(deal(text("name")).crm("name", "a").portal("name", "a").base("name", "a"));
    let spec = world.specs.groups.remove(0);
    world.specs.definitions.groups.clear();
    assert!(world.pass().is_quiet());
    // Nobody looked at it for months.
    let mut world = world.crm("name", "b");
    world.specs.groups.push(spec);
    world.specs.definitions = definitions(&world, "old");
    assert!(world.pass().is_quiet());
    assert_eq!(differs(&world), ["name"]);
}

#[test]
fn a_group_that_cannot_be_read_is_not_decided_until_it_can() {
    let mut world = redefined(name("a", "b").portal("name", Unknown), "name");
    let plan = world.pass();
    assert_eq!(plan.decisions, [("name".into(), GroupDecision::Unknown)]);
    let mut world = world.portal("name", "b");
    assert!(world.pass().is_quiet());
    assert_eq!(differs(&world), ["name"]);
}

#[test]
fn what_may_be_written_on_neither_side_is_not_remembered() {
    let mut world = redefined(name("a", "b"), "name");
    world.specs.groups[0].to = PerSide::new(NEVER, NEVER);
    assert!(world.pass().is_quiet());
    assert_eq!(differs(&world), [""; 0]);
}

#[test]
fn an_enforced_field_and_an_emptied_one_are_not_put_right_by_a_change_of_the_mapping() {
    let mut world = redefined(name("a", "b"), "name");
    world.specs.groups[0].enforce = true;
    world.specs.groups[0].to.portal = NEVER;
    assert!(world.pass().is_quiet());
    let mut world = redefined(name("a", "b").crm("name", Empty), "name");
    world.specs.groups[0].clear = PerSide::new(deal_model::Clear::Propagate, deal_model::Clear::Refill);
    assert!(world.pass().is_quiet());
}

#[test]
fn a_stage_that_means_won_now_closes_nothing() {
    let world = reconciled(deal(text("name")).crm("name", "a").portal("name", "a").base("name", "a"));
    let mut world = changed(world).stage(Life::Won);
    let plan = world.pass();
    assert!(plan.is_quiet() && plan.waiting.is_empty(), "{plan:#?}");
    assert!(
        plan.problems[0].sentence.contains("won") && plan.problems[0].sentence.contains("mapping changed")
    );
    assert!(world.deal.memory.mapped.life_differs.is_some());
    // Time passes, and still nothing leaves.
    world.now = at(10_000);
    assert!(world.pass().is_quiet());
    // A person closes it as lost: that is a change, with its grace.
    let mut world = world.stage(Life::Lost { reason: None });
    let plan = world.pass();
    assert!(plan.is_quiet() && plan.waiting.len() == 1, "{plan:#?}");
    world.now = at(20_000);
    assert_eq!(irreversible(&world.pass()), [Irreversible::Close]);
    world.pass();
    assert_eq!(world.deal.memory.mapped.life_differs, None);
}

#[test]
fn a_received_referral_whose_stage_means_active_now_is_not_accepted() {
    let world = reconciled(deal(text("name")).crm("name", "a").portal("name", "a").base("name", "a"));
    let mut world =
        changed(world.stood(Life::Received, Life::Received).referral(Life::Received)).stage(ACTIVE);
    let plan = world.pass();
    assert!(plan.is_quiet() && plan.waiting.is_empty(), "{plan:#?}");
    world.now = at(10_000);
    assert!(world.pass().is_quiet());
}

/// A received referral, reconciled under `[stages]` and reasons that change now.
fn received() -> World {
    let world = reconciled(deal(text("name")).crm("name", "a").portal("name", "a").base("name", "a"));
    let world = world.stood(Life::Received, Life::Received).referral(Life::Received).stage(Life::Received);
    changed(world)
}

#[test]
fn an_answer_that_waits_while_the_stages_change_goes_on_with_its_time() {
    for response in [Response::Decline, Response::Accept] {
        let mut world = received().answers(response).because("Others");
        let old = world.specs.definitions.clone();
        world.specs.definitions = world.deal.memory.mapped.under.clone().unwrap();
        let before = world.plan();
        world.deal.waiting = before.waiting.clone();
        world.specs.definitions = old;
        let plan = world.pass();
        assert_eq!(plan.waiting, before.waiting, "{response:?}");
        assert_eq!(plan.effects, before.effects, "{response:?}");
        world.now = at(NOW + 600);
        world.pass();
        let answered = matches!(world.seen(Side::Portal).life, Life::Declined { .. } | Life::Active { .. });
        assert!(answered, "{response:?}: {:?}", world.seen(Side::Portal).life);
    }
}

#[test]
fn an_answer_without_its_reason_is_not_forgotten_by_a_change_of_the_reasons() {
    let mut world = received().answers(Response::Decline);
    for _ in 0..2 {
        let problems = world.pass().problems;
        assert!(problems[0].sentence.contains("cannot be declined without a reason"), "{problems:#?}");
    }
    let plan = world.because("Others").pass();
    assert_eq!(plan.waiting.len(), 1, "{plan:#?}");
}

#[test]
fn an_acceptance_at_the_portal_while_the_stages_change_takes_the_opportunity_along() {
    let mut world = received().referral(ACTIVE);
    let plan = world.pass();
    assert!(
        matches!(
            &plan.effects[..],
            [Effect::Update { side: Side::Crm, life: Some(Life::Active { .. }), .. }]
        ),
        "{plan:#?}"
    );
    assert_eq!((world.seen(Side::Crm).life.clone(), world.deal.memory.mapped.life_differs), (ACTIVE, None));
}

#[test]
fn an_answer_that_is_read_from_another_field_now_leaves_by_a_person_alone_and_is_shown() {
    let mut world = received().answers(Response::Accept);
    world.specs.definitions.answer = Some(Fingerprint("Other__c".to_owned()));
    for second in [NOW, NOW + 10_000] {
        world.now = at(second);
        let plan = world.pass();
        assert!(nothing_leaves(&plan), "{plan:#?}");
        assert!(plan.problems[0].sentence.contains("says accept since the mapping changed"), "{plan:#?}");
        assert!(world.deal.memory.mapped.life_differs.is_some());
    }
    let shown = PerSide::new(Life::Received, Life::Received);
    let mut sent = world.clone().decides(1, Verdict::ResolveLife { winner: Side::Crm, shown });
    assert_eq!(sent.pass().waiting.len(), 1, "a person confirmed it: it has its grace");
    sent.now = at(NOW + 20_000);
    assert_eq!(irreversible(&sent.pass()), [Irreversible::Accept]);
    world.facts().response = None;
    assert!(world.pass().problems.is_empty() && world.deal.memory.mapped.is_settled());
    assert_eq!(irreversible(&world.answers(Response::Accept).plan()), [Irreversible::Accept]);
}

#[test]
fn a_switch_that_is_read_as_on_now_shares_and_asks_for_nothing() {
    for latch in [Irreversible::Share, Irreversible::AskHelp] {
        let mut spec = group("flag", vec![field("flag", Kind::Flag)]);
        spec.latch = Some(latch);
        let world = reconciled(deal(spec).crm("flag", true).portal("flag", false).base("flag", false));
        let mut world = redefined(world, "flag");
        world.facts().asks_help = latch == Irreversible::AskHelp;
        let plan = world.pass();
        assert!(plan.is_quiet(), "{plan:#?}");
        assert!(world.pass().is_quiet());
    }
}

#[test]
fn what_both_sides_can_hold_may_change_without_a_write() {
    for (before, after) in [(Some(2), None), (None, Some(2)), (Some(2), Some(4))] {
        let kept = |most: Option<usize>| "abcdef".chars().take(most.unwrap_or(99)).collect::<String>();
        let world = deal(text("name")).crm("name", "abcdef").portal("name", kept(before).as_str());
        let mut world = reconciled(world.bases("name", "abcdef", kept(before).as_str()));
        world.specs.groups[0].members[0].fit = Fit { max_chars: before, ..Fit::default() };
        assert!(world.pass().is_quiet());
        world.specs.groups[0].members[0].fit.max_chars = after;
        assert!(world.pass().is_quiet(), "{before:?} to {after:?}");
        assert_eq!(differs(&world), [""; 0]);
    }
}

#[test]
fn a_person_may_decide_about_a_whole_set_that_differs_since_the_mapping_changed() {
    let mut spec = group("rows", vec![field("rows", Kind::Set)]);
    spec.set = Some(SetBounds {
        min: 0,
        max: 50,
        remove: PerSide::new(true, true),
        add_only: false,
        rekey: PerSide::default(),
    });
    let world = deal(spec).crm("rows", [("a", "1"), ("b", "1")]).portal("rows", [("a", "2")]);
    let mut world = redefined(reconciled(world.base("rows", [("x", "1")])), "rows");
    assert!(world.pass().is_quiet());
    assert_eq!(differs(&world), ["rows"]);
    let mut world = world.resolves("rows", Side::Crm);
    let plan = world.pass();
    let [Effect::Update { side: Side::Portal, writes, .. }] = &plan.effects[..] else { panic!("{plan:#?}") };
    assert!(matches!(&writes[0].content, Content::Elements(changes) if changes.len() == 2), "{plan:#?}");
    assert!(!plan.archive.is_empty(), "the losing title is kept");
    assert_eq!(differs(&world), [""; 0]);
    assert!(world.pass().is_quiet());
}

/// Nothing is wrong with what a side says of itself, and nothing keeps the deal from being worked on.
fn is_plain(world: &mut World) -> bool {
    let unknown = |life: &Life| matches!(life, Life::Unknown { .. });
    let lives = [world.seen(Side::Crm).life.clone(), world.seen(Side::Portal).life.clone()];
    world.facts().opted_in && world.deal.memory.life.is_some() && !lives.iter().any(unknown)
}

fn nothing_leaves(plan: &Plan) -> bool {
    plan.is_quiet() && plan.waiting.is_empty()
}

#[test]
fn whatever_the_mapping_becomes_untouched_sides_are_written_nothing() {
    let seen = std::cell::Cell::new(0);
    always(|world| {
        // Whatever the deal was like: the sides as they are read now are read under another mapping.
        let mut world = changed(reconciled(world));
        if !is_plain(&mut world) {
            return;
        }
        // Nothing happened to the referral meanwhile, and nobody answered it: that would go on.
        let (life, response) = (world.seen(Side::Portal).life.clone(), world.facts().response);
        world.deal.memory.life.as_mut().unwrap().portal = life;
        world.deal.memory.answered = response;
        // Nobody asks for help where no group of the mapping does.
        world.facts().asks_help = false;
        let start = world.clone();
        for _ in 0..3 {
            let plan = world.pass();
            assert!(nothing_leaves(&plan), "{start:#?}\n{plan:#?}");
            world.facts().unsettled = false;
            world.now = world.now.checked_add(jiff::SignedDuration::from_secs(700)).unwrap();
        }
        seen.set(seen.get() + u32::from(!world.deal.memory.mapped.is_settled()));
    });
    assert!(seen.get() > 1_000, "hardly anything differed: {}", seen.get());
}

#[test]
fn after_a_change_of_the_mapping_edits_follow_the_ordinary_rules() {
    let seen = std::cell::Cell::new(0);
    always(|world| {
        let mut world = changed(reconciled(world));
        if !is_plain(&mut world) {
            return;
        }
        world.pass();
        // The same deal, reconciled as it stands and never remapped.
        let mut plain = world.clone();
        let Some(under) = &world.deal.memory.mapped.under else { return };
        plain.deal.memory.mapped = Mapped { under: Some(under.clone()), ..Mapped::default() };
        let edit = |world: World| {
            let lead = world.specs.groups[0].lead().clone();
            match lead.kind {
                Kind::Text => world.crm(lead.id.as_str(), "zz"),
                Kind::Number => world.crm(lead.id.as_str(), 99),
                _ => world,
            }
        };
        let (world, plain) = (edit(world), edit(plain));
        let (plan, ordinary) = (world.plan(), plain.plan());
        assert_eq!(plan.effects, ordinary.effects, "{world:#?}");
        let beside = plan.archive.iter().filter(|lost| !ordinary.archive.contains(lost));
        let kept: Vec<&str> = beside.map(|lost| lost.reason.as_str()).collect();
        assert!(
            kept.iter().all(|why| *why == "it differed since the mapping changed"),
            "{kept:?} {world:#?}"
        );
        assert!(plan.archive.len() == ordinary.archive.len() + kept.len(), "{world:#?}");
        seen.set(seen.get() + u32::from(!plan.is_quiet()));
    });
    assert!(seen.get() > 500, "hardly any edit flowed: {}", seen.get());
}

#[test]
fn remapping_is_done_once() {
    always(|world| {
        let world = changed(reconciled(world));
        let seen = || PerSide::new(world.portal.seen(), world.crm.seen());
        let Some(once) = deal_model::remapped(&world.deal.memory, &world.specs, seen(), world.now) else {
            return;
        };
        assert_eq!(deal_model::remapped(&once, &world.specs, seen(), at(9_999)), None, "{world:#?}");
    });
}
