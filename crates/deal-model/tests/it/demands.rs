//! What the portal will demand, told before anything is sent: the field, the rule, what to type.

use deal_model::{
    Code, CodeList, CodeStanding, Deal, Demands, ElementKey, FieldSpec, GroupSpec, Inviter, Irreversible,
    Kind, Life, Observed, Plan, Response, SetBounds, Side, Sight, Value,
};

use crate::world::{Empty, NEVER, World, check, deal, field, group, text};

fn unborn(spec: GroupSpec) -> World {
    deal(spec).with(|world| {
        world.portal = Sight::Unlinked;
        world.deal = Deal::born("d1".into(), Side::Crm, "006".into());
    })
}

fn list() -> CodeList {
    let code =
        |code: &str, name: &str, standing| Code { code: code.to_owned(), name: name.to_owned(), standing };
    CodeList {
        name: "intent".to_owned(),
        codes: vec![
            code("Undecided", "Have not decided", CodeStanding::Usable),
            code("Yes", "Yes", CodeStanding::Unverified),
            code("Maybe", "Maybe later", CodeStanding::Outdated),
        ],
    }
}

fn coded() -> GroupSpec {
    let demands = Demands { place: Some("Intent".to_owned()), codes: Some(list()), ..Demands::default() };
    group("intent", vec![FieldSpec { demands, ..field("intent", Kind::Choice) }])
}

fn choice(code: &str) -> Observed {
    Observed::Value(Value::Choice(code.to_owned()))
}

/// Each problem as a person reads it.
fn told(plan: &Plan) -> Vec<String> {
    plan.problems.iter().map(|problem| format!("{} {}", problem.sentence, problem.next_step)).collect()
}

#[test]
fn a_code_goes_only_if_the_list_has_it_and_it_is_known_to_be_taken() {
    let table = [
        ("Undecided", None),
        ("Yes", Some("intent is \"Yes\", which is not verified in the list \"intent\".")),
        ("Maybe", Some("intent is \"Maybe later\", which is not in the list \"intent\".")),
        ("Never", Some("intent is \"Never\", which is not in the list \"intent\".")),
    ];
    for (code, sentence) in table {
        let plan = unborn(coded()).crm("intent", choice(code)).plan();
        let expected: Vec<String> = sentence
            .iter()
            .map(|sentence| format!("{sentence} Choose one of \"Have not decided\" in Intent."))
            .collect();
        assert_eq!(told(&plan), expected);
        assert_eq!(plan.is_quiet(), sentence.is_some(), "{code}");
        // The same holds for a change of a deal that is there.
        let changed = deal(coded()).base("intent", choice("Old")).crm("intent", choice(code));
        let plan = changed.portal("intent", choice("Old")).plan();
        assert_eq!((told(&plan), plan.is_quiet()), (expected, sentence.is_some()), "{code}");
    }
}

#[test]
fn a_text_without_a_code_holds_its_own_field_alone() {
    let mut country = field("country", Kind::Choice);
    country.required.portal = true;
    country.demands.form = Some("two letters such as DE".to_owned());
    country.demands.place = Some("Billing Country".to_owned());
    let mut city = field("city", Kind::Text);
    city.required.portal = true;
    let world = unborn(group("address", vec![city, country]))
        .crm("city", "Hamburg")
        .crm("country", Observed::Unknown);
    let hidden = world.clone().plan();
    assert_eq!(
        told(&hidden),
        [
            "country cannot be read on the opportunity, and a referral needs it. Type two letters such as DE in Billing Country."
        ]
    );
    let misfit = world.with(|world| {
        world.facts().misfits.insert("country".into(), "Germania".to_owned());
    });
    assert_eq!(
        told(&misfit.plan()),
        [
            "country is \"Germania\", which the portal has no code for. Type two letters such as DE in Billing Country."
        ],
        "the city is there, and nobody says otherwise"
    );
}

#[test]
fn all_that_is_missing_is_told_at_once() {
    let needed = |id: &str| {
        let mut spec = text(id);
        spec.members[0].required.portal = true;
        spec
    };
    let world = unborn(needed("name")).with(|world| {
        world.specs.groups.push(needed("city"));
        world.specs.groups.push(coded());
        world.facts().consent = false;
    });
    let world = world.crm("name", Empty).crm("city", Empty).crm("intent", choice("Never"));
    let plan = world.plan();
    assert!(plan.is_quiet());
    assert_eq!(plan.problems.len(), 4, "{:#?}", plan.problems);
}

#[test]
fn a_negative_amount_too_many_elements_and_incomplete_people_are_told() {
    let mut amount = group("amount", vec![field("amount", Kind::Number)]);
    amount.members[0].demands.not_negative = true;
    let plan = unborn(amount).crm("amount", -5).plan();
    assert_eq!(
        told(&plan),
        ["amount is -5; a referral's cannot be below zero. Type zero or more in amount."]
    );

    let mut people = group("people", vec![field("people", Kind::Set)]);
    people.set = Some(SetBounds {
        min: 0,
        max: 1,
        remove: deal_model::PerSide::default(),
        add_only: false,
        rekey: deal_model::PerSide::default(),
    });
    let two = unborn(people.clone()).crm("people", [("a", "x"), ("b", "y")]);
    assert_eq!(told(&two.plan()), ["people has 2; a referral holds at most 1. Remove 1 of them."]);

    people.members[0].demands.element_needs = vec![("phone".to_owned(), "phone".to_owned())];
    people.members[0].demands.element = Some("contact".to_owned());
    let one = unborn(people).crm("people", [("a@b.example", "x")]);
    assert_eq!(
        told(&one.plan()),
        [
            "people: \"a@b.example\" has no phone. Fill in what is missing, or take the contact off the opportunity."
        ]
    );
}

#[test]
fn help_that_has_no_code_holds_the_creation_for_the_kind_cannot_be_changed_later() {
    let mut spec = coded();
    spec.latch = Some(Irreversible::AskHelp);
    let world = unborn(text("name")).crm("name", "a").with(|world| world.specs.groups.push(spec));
    let world = world.crm("intent", Observed::Unknown);
    check(&world, &["create the referral, active", "referral: name (empty) -> a (new)"]);
    let misfit = world.with(|world| {
        world.facts().misfits.insert("intent".into(), "Cheer us on".to_owned());
    });
    check(&misfit, &["needs you: intent is \"Cheer us on\", which the portal has no code for."]);
}

#[test]
fn two_primary_marks_hold_a_deal_with_help_and_no_other() {
    let marked = unborn(text("name")).crm("name", "a").with(|world| {
        let keys = ["one", "two"].map(|key| ElementKey(key.to_owned())).to_vec();
        world.facts().primary.insert("solutions".into(), keys);
    });
    assert!(!marked.plan().is_quiet());
    let asked = marked.with(|world| world.facts().asks_help = true);
    check(
        &asked,
        &["needs you: solutions: one, two are all marked as primary, and a shared deal targets one."],
    );
}

#[test]
fn a_deal_with_a_third_organisation_is_read_and_what_waits_is_told() {
    let changed = deal(text("name")).base("name", "a").crm("name", "b").portal("name", "a");
    assert!(!changed.plan().is_quiet());
    let read_only = changed.with(|world| world.portal_facts().inviter = Inviter::Third);
    check(&read_only, &[TOLD]);
    let quiet = deal(text("name")).base("name", "a").crm("name", "a").portal("name", "b");
    let inward = quiet.with(|world| world.portal_facts().inviter = Inviter::Third);
    let written = ["opportunity: name a -> b (changed on the other side)"];
    check(&inward, &written);
    let put_right = inward.crm("name", "c").plan();
    assert!(put_right.problems.is_empty(), "what the portal says now is newer: {put_right:#?}");
}

const TOLD: &str = "needs you: The referral belongs to a deal with another partner: it is read, and never changed from here.";

/// A deal with a third organisation, whose referral does not carry the identifier that ours would.
fn third_partys() -> World {
    let mut reference = text("reference");
    reference.to.crm = NEVER;
    let linked = deal(text("name")).base("name", "a").crm("name", "a").portal("name", "a");
    let linked = linked.with(|world| {
        world.specs.groups.push(reference);
        world.portal_facts().inviter = Inviter::Third;
    });
    linked.crm("reference", "006").portal("reference", Empty)
}

#[test]
fn a_deal_with_a_third_organisation_that_nobody_changed_needs_nobody() {
    let mut world = third_partys();
    for _ in 0..3 {
        assert_eq!(world.pass().headline, "only read: a deal with another partner");
    }
    let closed_flow = third_partys().portal("name", "b").with(|world| {
        world.specs.switches.update_opportunities = false;
    });
    assert!(closed_flow.plan().problems.is_empty(), "what waits to flow in is nothing to mend at the portal");
    let unsettled = third_partys().portal("name", "b").with(|world| world.facts().unsettled = true);
    assert!(unsettled.plan().problems.is_empty());
}

#[test]
fn what_a_seller_answers_or_moves_in_a_deal_with_a_third_organisation_is_told_until_it_is_done_there() {
    let active = |stage: &str| Life::Active { sales_stage: Some(stage.to_owned()) };
    let told = |world: &World| {
        let plan = world.plan();
        assert!(plan.is_quiet(), "{plan:#?}");
        plan.problems.iter().map(|problem| problem.next_step.clone()).collect::<Vec<_>>()
    };
    let answer = "Answer it in the portal; what is on the opportunity stays there.";
    let change = "Make the change in the portal; what is on the opportunity stays there.";
    let received = || {
        third_partys().stood(Life::Received, Life::Received).stage(Life::Received).referral(Life::Received)
    };
    assert_eq!(told(&received()), [""; 0]);
    assert_eq!(told(&received().answers(Response::Accept)), [answer]);
    assert_eq!(told(&received().answers(Response::Decline).because("Not a customer")), [answer]);
    assert_eq!(told(&third_partys().stage(Life::Won)), [change]);

    let mut accepted = received().stage(active("Qualify"));
    assert_eq!(told(&accepted), [answer]);
    accepted.pass();
    // A person accepts at the portal. Another sales stage there is nobody's doing.
    let mut accepted = accepted.referral(active("Propose"));
    assert_eq!(told(&accepted), [""; 0]);
    accepted.pass();
    assert_eq!(told(&accepted), [""; 0]);
    assert_eq!(told(&accepted.clone().stage(active("Close"))), [change]);
    let ended = accepted.referral(Life::Won).plan();
    assert_eq!((ended.effects.len(), ended.problems.len()), (1, 0), "the end flows in");
}

#[test]
fn a_place_that_cannot_be_changed_is_noted_and_never_written() {
    let mut spec = text("name");
    spec.to.portal.update = false;
    spec.fixed = true;
    let world = deal(spec).base("name", "a").crm("name", "b").portal("name", "a");
    check(
        &world,
        &["note: name: the portal was seen to refuse changes of it; it is written at creation only."],
    );
}
