//! The missing half of a deal (sync rules, section 6, as far as it is pure).

use deal_model::{
    Deal, Effect, GroupSpec, Inviter, Irreversible, Kind, Life, Outcome, PerSide, Side, Sight, Verdict,
};

use crate::world::{ACTIVE, Empty, NEVER, World, at, check, deal, field, group, irreversible, money, text};

fn unborn() -> World {
    deal(text("name")).crm("name", "a").with(|world| {
        world.portal = Sight::Unlinked;
        world.deal = Deal::born("d1".into(), Side::Crm, "006".into());
    })
}

#[test]
fn a_referral_is_created_with_what_the_opportunity_sends_and_then_all_is_quiet() {
    let mut world = unborn();
    check(&world, &["create the referral, active", "referral: name (empty) -> a (new)"]);
    assert_eq!(world.passes(1).len(), 1);
    assert_eq!(world.deal.memory.base.len(), 1);
}

#[test]
fn nothing_is_created_without_consent_or_what_a_referral_needs() {
    let without = unborn().with(|world| world.facts().consent = false);
    assert!(without.plan().is_quiet());
    let mut spec = text("name");
    spec.members[0].required.portal = true;
    let empty = unborn().crm("name", Empty).with(|world| world.specs.groups[0] = spec);
    check(&empty, &["needs you: name is empty, and a referral needs it."]);
    let bare =
        unborn().with(|world| world.specs.groups.push(money())).crm("amount", 5).crm("currency", Empty);
    check(
        &bare,
        &[
            "create the referral, active",
            "referral: name (empty) -> a (new)",
            "needs you: amount has no currency, and is never written without one.",
        ],
    );
}

#[test]
fn people_go_along_only_when_help_is_asked() {
    let contacts = || {
        unborn()
            .with(|world| {
                world.specs.groups = vec![text("contacts")];
                world.specs.help_needs = vec!["contacts".into()];
            })
            .crm("contacts", "somebody")
    };
    check(&contacts(), &["create the referral, active"]);
    let asked = contacts().with(|world| world.facts().asks_help = true);
    check(&asked, &["create the referral, active", "referral: contacts (empty) -> somebody (new)"]);
}

#[test]
fn contacts_that_nothing_ties_to_the_portal_are_told_of_when_help_is_asked() {
    let contacts = |asks_help: bool| {
        unborn()
            .with(|world| {
                world.specs.groups = vec![text("contacts")];
                world.specs.help_needs = vec!["contacts".into()];
                world.facts().asks_help = asks_help;
                world.facts().keyless.insert("contacts".into(), 2);
            })
            .crm("contacts", "somebody")
    };
    assert_eq!(
        contacts(true).plan().left_out,
        ["contacts: 2 without an e-mail address, left out of the referral."]
    );
    assert!(contacts(false).plan().left_out.is_empty(), "nobody's contacts leave");
    let mut waits = contacts(true);
    waits.facts().consent = false;
    assert!(waits.plan().left_out.is_empty(), "nothing is sent yet");
}

#[test]
fn help_that_rides_inside_a_creation_is_asked_right_after_it() {
    let mut spec = group("help", vec![field("help", Kind::Text)]);
    spec.latch = Some(Irreversible::AskHelp);
    spec.to.crm = NEVER;
    let mut world = unborn().with(|world| {
        world.specs.groups = vec![spec];
        world.facts().asks_help = true;
    });
    world = world.crm("help", "poc");
    let kinds: Vec<_> = world.passes(2).iter().flat_map(irreversible).collect();
    assert_eq!(kinds, [Irreversible::Create, Irreversible::AskHelp]);
}

/// The group whose sending asks for help. The other organisation's referral holds it, and ours does not.
fn help() -> GroupSpec {
    let mut spec = group("help", vec![field("help", Kind::Text)]);
    spec.latch = Some(Irreversible::AskHelp);
    spec.to.portal.update = false;
    spec
}

/// A linked deal whose seller asks for help now.
fn asking() -> World {
    let world = deal(help()).bases("help", Empty, Empty).crm("help", "poc");
    world.with(|world| world.facts().asks_help = true)
}

#[test]
fn who_began_the_deal_is_not_asked_for_help_though_its_referral_be_hidden() {
    assert_eq!(irreversible(&asking().plan()), [Irreversible::AskHelp]);
    let mut invited = asking().with(|world| world.portal_facts().inviter = Inviter::Companion);
    let told = [
        "needs you: help is \"poc\", and the other organisation began this deal: it takes part already and is not asked.",
    ];
    for _ in 0..2 {
        check(&invited, &told);
        assert!(invited.pass().is_quiet(), "and it stays told until it is cleared");
    }
    let mut cleared = invited.crm("help", Empty).with(|world| world.facts().asks_help = false);
    check(&cleared, &[]);
    cleared.pass();
    check(&cleared, &[]);
}

#[test]
fn a_second_record_is_not_asked_for_without_what_the_first_one_needed() {
    let mut city = text("city");
    city.members[0].required.portal = true;
    let with_city = || asking().with(|world| world.specs.groups.push(city.clone()));
    let linked = || with_city().base("city", "Oslo").portal("city", "Oslo");
    assert_eq!(irreversible(&linked().crm("city", "Oslo").plan()), [Irreversible::AskHelp]);
    let emptied = linked().crm("city", Empty).plan();
    assert!(emptied.is_quiet(), "{emptied:#?}");
    assert_eq!(emptied.headline, "needs you: city is empty, and a referral needs it.");

    let bare = asking().with(|world| world.specs.groups.push(money()));
    let bare = bare.bases("amount", 5, 5).bases("currency", "EUR", "EUR");
    let bare = bare.portal("amount", 5).portal("currency", "EUR").crm("amount", 5).crm("currency", Empty);
    let plan = bare.plan();
    let asked = plan.effects.iter().find_map(|effect| match effect {
        Effect::CreateCompanion { writes } => Some(writes),
        _ => None,
    });
    let groups: Vec<&str> = asked.unwrap().iter().map(|write| write.group.as_str()).collect();
    assert_eq!(groups, ["help"], "an amount never goes without its currency");
}

#[test]
fn a_deal_won_right_after_its_creation_is_a_change() {
    let mut world = unborn();
    world.pass();
    let mut world = world.stage(Life::Won);
    world.pass();
    world.now = at(10_000);
    assert_eq!(irreversible(&world.pass()), [Irreversible::Close]);
}

#[test]
fn a_closed_opportunity_is_shared_only_by_a_person_and_not_closed_by_itself() {
    let mut world = unborn().stage(Life::Won);
    assert!(world.plan().is_quiet());
    world = world.decides(1, Verdict::Push);
    assert_eq!(irreversible(&world.pass()), [Irreversible::Create]);
    assert_eq!(world.deal.decisions, []);
    world.now = at(100_000);
    let plan = world.pass();
    assert!(plan.is_quiet() && plan.problems.len() == 1, "{plan:#?}");
}

#[test]
fn what_a_person_would_push_is_shown_whole_or_why_it_cannot_be() {
    let world = unborn().stage(Life::Won);
    let choice = |world: &World| deal_model::pushing(&world.input());
    let Outcome::Written(lines) = choice(&world).outcome else { panic!("{:?}", choice(&world)) };
    assert_eq!(lines, world.clone().decides(1, Verdict::Push).plan().describe());
    assert!(lines.len() > 1, "the values are there: {lines:?}");
    assert_ne!(choice(&world), choice(&world.clone().crm("name", "b")), "another value is another choice");
    let linked = deal(text("name")).crm("name", "a").portal("name", "a");
    assert_eq!(choice(&linked).outcome, Outcome::Impossible("The deal has its referral already.".to_owned()));
}

#[test]
fn a_refused_creation_is_not_sent_again_until_the_value_changes() {
    let mut spec = text("name");
    spec.members[0].required.portal = true;
    let mut world = unborn().with(|world| world.specs.groups[0] = spec);
    let plan = world.plan();
    let [Effect::Create { writes, .. }] = plan.effects.as_slice() else { panic!("{plan:#?}") };
    // The portal names the field and creates nothing.
    world.deal.memory.rejected.push(deal_model::Rejection {
        group: "name".into(),
        side: Side::Portal,
        sent: writes[0].fingerprint(),
        held: deal_model::fingerprint(&writes[0].instead_of),
        mapping: "1".to_owned(),
        at: world.now,
        message: "not allowed here".to_owned(),
    });
    assert!(world.plan().is_quiet());
    assert_eq!(irreversible(&world.crm("name", "b").plan()), [Irreversible::Create]);
}

#[test]
fn an_opportunity_is_created_from_an_open_referral_only() {
    let inbound = |life: Life| {
        deal(text("name")).portal("name", "a").referral(life).with(|world| {
            world.crm = Sight::Unlinked;
            world.deal = Deal::born("d1".into(), Side::Portal, "ref".into());
        })
    };
    let mut world = inbound(Life::Received);
    check(&world, &["create the opportunity, received", "opportunity: name (empty) -> a (new)"]);
    world.passes(1);
    let mut accepted = world.stage(ACTIVE);
    accepted.pass();
    assert_eq!(accepted.deal.waiting.len(), 1, "leaving the on-hold stage accepts");
    check(&inbound(Life::Won), &[]);
}

#[test]
fn a_seller_who_answers_between_the_insert_and_its_read_back_has_answered() {
    let mut world = deal(text("name")).portal("name", "a").referral(Life::Received).with(|world| {
        world.crm = Sight::Unlinked;
        world.deal = Deal::born("d1".into(), Side::Portal, "ref".into());
    });
    let plan = world.plan();
    let before = world.portal.seen().cloned();
    let mut read_back = deal(text("name")).crm("name", "a").stage(ACTIVE);
    read_back.seen(Side::Crm).actor = deal_model::Actor::Person;
    let after = read_back.crm.seen().cloned();
    world.deal.memory = deal_model::settle(&deal_model::SettleInput {
        deal: &world.deal,
        plan: &plan,
        ends: &[deal_model::EffectEnd::DONE],
        before: PerSide::new(before.as_ref(), None),
        after: PerSide::new(None, after.as_ref()),
        specs: &world.specs,
        mapping: "1",
        now: world.now,
    });
    let base = world.deal.memory.life.expect("a created pair has a lifecycle base");
    assert_eq!((base.crm, base.portal), (Life::Received, Life::Received));
}
