//! A corrected e-mail address is an edit of the person, on either side (sync rules, section 3).

use deal_model::{
    Conflict, Definitions, Element, ElementKey, Elements, Fingerprint, GroupSpec, Kind, Observed, PerSide,
    SetBounds, Side, Value, remapped,
};

use crate::random_people::{Person, place};
use crate::tape::Tape;
use crate::world::{World, archived, at, check, deal, field, group};

/// Who is on the opportunity: contact, address, name.
type Contacts = &'static [(&'static str, &'static str, &'static str)];
/// Who is on the referral: address, name.
type Listed = &'static [(&'static str, &'static str)];

const ANN: Contacts = &[("c1", "ann@", "Ann")];
const TWO: Contacts = &[("c1", "ann@", "Ann"), ("c2", "bob@", "Bob")];

fn set(people: Listed) -> Observed {
    let text = |text: &str| Value::Text(text.to_owned());
    let person = |(key, name): &(&str, &str)| {
        // The title is what tells, in the end, whose element it was.
        let details =
            [("last_name".to_owned(), text(name)), ("title".to_owned(), text(&format!("of {name}")))];
        (ElementKey((*key).to_owned()), Element(details.into()))
    };
    Observed::Value(Value::Set(people.iter().map(person).collect::<Elements>()))
}

fn listed(contacts: Contacts) -> Listed {
    let people: Vec<_> =
        contacts.iter().filter(|(_, key, _)| !key.is_empty()).map(|(_, key, name)| (*key, *name)).collect();
    people.leak()
}

fn spec() -> GroupSpec {
    let mut spec = group("people", vec![field("people", Kind::Set)]);
    let rekey = PerSide::new(true, false);
    spec.set = Some(SetBounds { min: 0, max: 9, remove: PerSide::new(true, true), add_only: false, rekey });
    spec
}

/// Both sides know these people; a contact without an address is one that lost it.
fn people(contacts: Contacts) -> World {
    let world = deal(spec()).base("people", set(listed(contacts))).portal("people", set(listed(contacts)));
    let mut world = world.contacts(contacts);
    world.now = at(500);
    assert!(world.passes(0).is_empty(), "they are in step");
    assert_eq!(world.deal.memory.ties[&"people".into()].len(), contacts.len(), "and known");
    world.now = at(1_000);
    world
}

impl World {
    fn contacts(self, contacts: Contacts) -> Self {
        let mut world = self.crm("people", set(listed(contacts)));
        let key = |key: &str| (!key.is_empty()).then(|| ElementKey(key.to_owned()));
        let people = contacts.iter().map(|(record, address, _)| ((*record).into(), key(address))).collect();
        world.facts().people.insert("people".into(), people);
        world
    }

    fn listed(self, people: Listed) -> Self {
        self.portal("people", set(people))
    }

    fn conflict(self, conflict: Conflict) -> Self {
        self.with(|world| world.specs.groups[0].conflict = conflict)
    }

    /// The CRM may be given other addresses too.
    fn both_rekey(self) -> Self {
        self.with(|world| world.specs.groups[0].set.as_mut().unwrap().rekey = PerSide::new(true, true))
    }

    fn holds(&mut self, side: Side) -> Vec<String> {
        let Observed::Value(Value::Set(elements)) = self.seen(side).reading(&"people".into()).held else {
            panic!("a set is known")
        };
        let text = |element: &Element, name: &str| match &element.0[name] {
            Value::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        let person = |(key, element): (&ElementKey, &Element)| {
            format!("{} {} {}", key.0, text(element, "last_name"), text(element, "title"))
        };
        elements.iter().map(person).collect()
    }

    /// After at most two passes nothing is sent any more; what both sides hold then.
    fn ends(&mut self, portal: &[&str], crm: &[&str]) {
        self.passes(2);
        for _ in 0..2 {
            assert!(self.pass().is_quiet());
        }
        assert_eq!(self.holds(Side::Portal), portal, "the referral");
        assert_eq!(self.holds(Side::Crm), crm, "the opportunity");
    }
}

#[test]
fn an_address_that_a_seller_corrects_is_corrected_on_the_referral() {
    let mut world = people(TWO).contacts(&[("c1", "ann2@", "Ann"), ("c2", "bob@", "Bob")]);
    let plan = check(&world, &["referral: people change ann@ to ann2@ (changed on the other side)"]);
    assert!(plan.archive.is_empty(), "{plan:#?}");
    let both = ["ann2@ Ann of Ann", "bob@ Bob of Bob"];
    world.ends(&both, &both);
    // And again, from where it is now.
    let mut world = world.contacts(&[("c1", "ann3@", "Ann"), ("c2", "bob@", "Bob")]);
    check(&world, &["referral: people change ann2@ to ann3@ (changed on the other side)"]);
    let both = ["ann3@ Ann of Ann", "bob@ Bob of Bob"];
    world.ends(&both, &both);
}

#[test]
fn an_address_and_a_name_that_change_together_are_one_edit() {
    let mut world = people(ANN).contacts(&[("c1", "ann.b@", "Berg")]);
    check(&world, &["referral: people change ann@ to ann.b@ (changed on the other side)"]);
    world.ends(&["ann.b@ Berg of Berg"], &["ann.b@ Berg of Berg"]);
}

#[test]
fn an_address_that_is_corrected_at_the_portal_makes_no_second_contact() {
    let mut world = people(TWO).listed(&[("ann2@", "Ann"), ("bob@", "Bob")]);
    let note = "note: people: Ann is ann2@ on the referral and ann@ on the opportunity; correct the one that is wrong.";
    check(&world, &[note]);
    world.ends(&["ann2@ Ann of Ann", "bob@ Bob of Bob"], &["ann@ Ann of Ann", "bob@ Bob of Bob"]);
    // What changes of the person then still goes across, and a seller's correction too.
    let edited = world.clone().listed(&[("ann2@", "Anna"), ("bob@", "Bob")]);
    check(&edited, &["opportunity: people put ann@ (changed on the other side)", note]);
    let mut world = world.contacts(&[("c1", "ann3@", "Ann"), ("c2", "bob@", "Bob")]);
    check(&world, &["referral: people change ann2@ to ann3@ (changed on the other side)"]);
    let both = ["ann3@ Ann of Ann", "bob@ Bob of Bob"];
    world.ends(&both, &both);
}

#[test]
fn an_address_that_is_corrected_at_the_portal_goes_across_where_the_crm_takes_it() {
    let mut world = people(TWO).both_rekey().listed(&[("ann2@", "Ann"), ("bob@", "Bob")]);
    check(&world, &["opportunity: people change ann@ to ann2@ (changed on the other side)"]);
    let both = ["ann2@ Ann of Ann", "bob@ Bob of Bob"];
    world.ends(&both, &both);
    assert!(world.facts().people[&"people".into()].contains_key(&"c1".into()), "it is the same contact");
}

#[test]
fn of_two_corrections_the_policy_chooses_and_the_other_is_kept() {
    let corrected = || people(ANN).both_rekey().contacts(&[("c1", "x@", "Ann")]).listed(&[("y@", "Ann")]);
    for (conflict, line, lost, end) in [
        (
            Conflict::Always(Side::Crm),
            "referral: people change y@ to x@",
            "referral: people y@",
            "x@ Ann of Ann",
        ),
        (
            Conflict::Always(Side::Portal),
            "opportunity: people change x@ to y@",
            "opportunity: people x@",
            "y@ Ann of Ann",
        ),
    ] {
        let mut world = corrected().conflict(conflict);
        let plan = check(&world, &[&format!("{line} (changed on the other side)")]);
        assert_eq!(archived(&plan), [format!("{lost}: changed on both sides; the other side's value won")]);
        world.ends(&[end], &[end]);
    }
    // Where the contact keeps its address the referral's can only follow.
    let mut world = people(ANN).contacts(&[("c1", "x@", "Ann")]).listed(&[("y@", "Ann")]);
    world = world.conflict(Conflict::Always(Side::Portal));
    assert_eq!(archived(&world.plan()).len(), 1);
    world.ends(&["x@ Ann of Ann"], &["x@ Ann of Ann"]);
    let mut world = corrected().conflict(Conflict::Ask);
    let plan = world.pass();
    assert!(plan.is_quiet() && plan.problems.len() == 1, "{plan:#?}");
    let mut world = world.resolves("people", Side::Portal);
    world.ends(&["y@ Ann of Ann"], &["y@ Ann of Ann"]);
    assert!(world.deal.decisions.is_empty());
}

#[test]
fn an_archived_address_comes_back_to_the_person_who_had_it() {
    let archived = || people(TWO).conflict(Conflict::Always(Side::Crm));
    let corrected: Contacts = &[("c1", "x@", "Ann"), ("c2", "bob@", "Bob")];
    let bob = "bob@ Bob of Bob";
    // The contact keeps its address, the referral gets the archived one again.
    let mut world = archived().contacts(corrected).listed(&[("y@", "Ann"), ("bob@", "Bob")]);
    world.passes(1);
    let mut world = world.restores("people", set(&[("y@", "Ann")]));
    check(&world, &["referral: people change x@ to y@ (a person restored it)"]);
    world.ends(&[bob, "y@ Ann of Ann"], &[bob, "x@ Ann of Ann"]);
    assert!(world.deal.decisions.is_empty());
    // Where the CRM takes it too.
    let mut world = archived().both_rekey().contacts(corrected).listed(&[("y@", "Ann"), ("bob@", "Bob")]);
    world.passes(1);
    let mut world = world.restores("people", set(&[("y@", "Ann")]));
    world.ends(&[bob, "y@ Ann of Ann"], &[bob, "y@ Ann of Ann"]);
    // Somebody else is somebody else.
    let mut world = people(TWO).restores("people", set(&[("y@", "Cid")]));
    let both = ["ann@ Ann of Ann", bob, "y@ Cid of Cid"];
    world.ends(&both, &both);
}

#[test]
fn two_corrections_that_say_the_same_are_agreed() {
    let mut world = people(ANN).contacts(&[("c1", "x@", "Ann")]).listed(&[("x@", "Ann")]);
    check(&world, &[]);
    world.ends(&["x@ Ann of Ann"], &["x@ Ann of Ann"]);
    // Also where the portal's person has another name now: it is the address that tells.
    let mut world = people(ANN).contacts(&[("c1", "x@", "Ann")]).listed(&[("x@", "Anna")]);
    world.ends(&["x@ Anna of Anna"], &["x@ Anna of Anna"]);
}

#[test]
fn two_contacts_that_swap_addresses_stay_who_they_are() {
    let mut world = people(TWO).contacts(&[("c1", "bob@", "Ann"), ("c2", "ann@", "Bob")]);
    check(&world, &["referral: people change bob@ to ann@, change ann@ to bob@ (changed on the other side)"]);
    let both = ["ann@ Bob of Bob", "bob@ Ann of Ann"];
    world.ends(&both, &both);
    let mut world = people(TWO).both_rekey().listed(&[("bob@", "Ann"), ("ann@", "Bob")]);
    assert_eq!(world.plan().effects.len(), 1);
    world.ends(&both, &both);
    let people = &world.facts().people[&"people".into()];
    assert_eq!(people[&"c1".into()], Some(ElementKey("bob@".to_owned())));
    // Where contacts keep their addresses, neither becomes the other by its details.
    let mut world = people_apart();
    world.ends(&both, &["ann@ Ann of Ann", "bob@ Bob of Bob"]);
    // And both come back.
    let mut world = world.listed(&[("ann@", "Ann"), ("bob@", "Bob")]);
    assert!(world.plan().is_quiet());
    let both = ["ann@ Ann of Ann", "bob@ Bob of Bob"];
    world.ends(&both, &both);
}

fn people_apart() -> World {
    people(TWO).listed(&[("bob@", "Ann"), ("ann@", "Bob")])
}

#[test]
fn an_address_that_moves_on_makes_room_for_who_comes_to_it() {
    let contacts: Contacts = &[("c1", "ann2@", "Ann"), ("c2", "bob@", "Bob"), ("c3", "ann@", "Cid")];
    let mut world = people(TWO).contacts(contacts);
    let both = ["ann2@ Ann of Ann", "ann@ Cid of Cid", "bob@ Bob of Bob"];
    world.ends(&both, &both);
    let mut world = people(TWO).listed(&[("ann2@", "Ann"), ("bob@", "Bob"), ("ann@", "Cid")]).both_rekey();
    world.ends(&both, &both);
}

#[test]
fn an_address_that_is_corrected_to_anothers_merges_the_two() {
    // Two contacts with one address are one person of the referral.
    let mut world = people(TWO).contacts(&[("c2", "bob@", "Bob"), ("c1", "bob@", "Bob")]);
    let plan = check(&world, &["referral: people remove ann@ (changed on the other side)"]);
    assert_eq!(archived(&plan), ["referral: people ann@: removed on the other side"]);
    world.ends(&["bob@ Bob of Bob"], &["bob@ Bob of Bob"]);
    // Somebody who is on the referral already, and not here.
    let mut world =
        people(ANN).listed(&[("ann@", "Ann"), ("new@", "Ann")]).contacts(&[("c1", "new@", "Ann")]);
    world.ends(&["new@ Ann of Ann"], &["new@ Ann of Ann"]);
}

#[test]
fn a_duplicate_contact_that_replaces_the_tied_one_is_the_same_person() {
    let mut world = people(ANN).contacts(&[("c9", "ann@", "Ann")]);
    check(&world, &[]);
    world.ends(&["ann@ Ann of Ann"], &["ann@ Ann of Ann"]);
    let world = world.contacts(&[("c9", "ann2@", "Ann")]);
    check(&world, &["referral: people change ann@ to ann2@ (changed on the other side)"]);
}

#[test]
fn who_is_corrected_on_one_side_and_removed_on_the_other_stays() {
    let mut world =
        people(TWO).contacts(&[("c1", "ann2@", "Ann"), ("c2", "bob@", "Bob")]).listed(&[("bob@", "Bob")]);
    let plan = check(&world, &["referral: people put ann2@ (changed on the other side)"]);
    assert!(archived(&plan)[0].contains("the edit is kept"), "{plan:#?}");
    let both = ["ann2@ Ann of Ann", "bob@ Bob of Bob"];
    world.ends(&both, &both);
}

#[test]
fn somebody_else_at_the_portal_is_one_gone_and_one_come() {
    let mut world = people(TWO).listed(&[("cid@", "Cid"), ("bob@", "Bob")]);
    let plan = check(&world, &["opportunity: people remove ann@, put cid@ (changed on the other side)"]);
    assert_eq!(archived(&plan), ["opportunity: people ann@: removed on the other side"]);
    let both = ["bob@ Bob of Bob", "cid@ Cid of Cid"];
    world.ends(&both, &both);
    // Of two of one name nobody can tell who became whom.
    let world = people(&[("c1", "ann1@", "Ann"), ("c2", "ann2@", "Ann")])
        .listed(&[("ann3@", "Ann"), ("ann4@", "Ann")]);
    let plan = world.plan();
    assert_eq!(archived(&plan).len(), 2, "{plan:#?}");
}

#[test]
fn a_contact_that_loses_its_address_is_not_gone() {
    let mut world = people(TWO).contacts(&[("c1", "", "Ann"), ("c2", "bob@", "Bob")]);
    check(&world, &[]);
    world.ends(&["ann@ Ann of Ann", "bob@ Bob of Bob"], &["bob@ Bob of Bob"]);
    let mut world = world.contacts(&[("c1", "ann2@", "Ann"), ("c2", "bob@", "Bob")]);
    check(&world, &["referral: people change ann@ to ann2@ (changed on the other side)"]);
    let both = ["ann2@ Ann of Ann", "bob@ Bob of Bob"];
    world.ends(&both, &both);
}

#[test]
fn no_two_people_get_one_address() {
    // The referral's Ann was corrected to an address that Bob's contact gets now.
    let mut world = people(TWO).listed(&[("x@", "Ann"), ("bob@", "Bob")]);
    world.passes(1);
    let mut world = world.contacts(&[("c1", "ann@", "Ann"), ("c2", "x@", "Bob")]);
    let plan = world.plan();
    assert!(plan.is_quiet() && plan.problems.len() == 1, "{plan:#?}");
    assert!(plan.problems[0].sentence.contains("two would be \"x@\" on one side"));
    assert!(world.pass().is_quiet() && world.pass().is_quiet());
    let mut world = world.contacts(&[("c1", "ann@", "Ann"), ("c2", "bob2@", "Bob")]);
    world.ends(&["bob2@ Bob of Bob", "x@ Ann of Ann"], &["ann@ Ann of Ann", "bob2@ Bob of Bob"]);
    assert!(world.plan().problems.is_empty());
}

#[test]
fn a_correction_that_may_not_leave_yet_waits_as_a_correction() {
    let mut world = people(ANN).contacts(&[("c1", "ann2@", "Ann")]);
    world.down = true;
    for _ in 0..2 {
        assert!(!world.pass().is_quiet());
    }
    world.down = false;
    world.specs.switches.update_referrals = false;
    for _ in 0..2 {
        assert!(world.pass().is_quiet());
    }
    world.specs.switches.update_referrals = true;
    check(&world, &["referral: people change ann@ to ann2@ (changed on the other side)"]);
    world.ends(&["ann2@ Ann of Ann"], &["ann2@ Ann of Ann"]);
}

#[test]
fn who_is_who_outlasts_a_change_of_the_mapping() {
    let defined = |text: &str| Definitions {
        groups: [("people".into(), Fingerprint(text.to_owned()))].into(),
        ..Definitions::default()
    };
    let mut world = people(TWO).listed(&[("x@", "Ann"), ("bob@", "Bob")]);
    world.passes(0);
    world.deal.memory.mapped.under = Some(defined("former"));
    world.specs.definitions = defined("present");
    let mut world = world.contacts(&[("c1", "ann@", "Ann"), ("c2", "bob2@", "Bob")]);
    let seen = PerSide::new(world.portal.seen(), world.crm.seen());
    let memory = remapped(&world.deal.memory, &world.specs, seen, world.now).unwrap();
    let ties = &memory.ties[&"people".into()];
    let keys =
        |portal: &str, crm: &str| PerSide::new(ElementKey(portal.to_owned()), ElementKey(crm.to_owned()));
    assert_eq!(ties[&"c1".into()], keys("x@", "ann@"));
    assert_eq!(
        ties[&"c2".into()],
        keys("bob@", "bob2@"),
        "nothing is written for it, and it stays the same person"
    );
    assert!(world.pass().is_quiet());
    let world = world.contacts(&[("c1", "ann@", "Ann"), ("c2", "bob3@", "Bob")]);
    let line = "referral: people change bob@ to bob3@ (changed on the other side)";
    assert_eq!(world.plan().describe()[0], line);
}

/// However people are corrected and swapped on both sides at once: nobody becomes two, nobody gets another's details, and
/// every address that was typed is on a side or in the archive.
#[test]
fn whatever_is_corrected_nobody_is_doubled_or_mixed_up() {
    const CASES: usize = 2_000;
    let (mut corrected, mut clashes) = (0, 0);
    for case in 0..CASES {
        let mut seed = u64::try_from(case).unwrap().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995;
        let bytes = (0..64).map(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            u8::try_from(seed >> 56).unwrap()
        });
        let mut tape = Tape::new(bytes.collect());
        let (mut world, known, typed) = only_corrected(&mut tape);
        let start = world.clone();
        corrected += usize::from(!typed.is_empty());
        let plans = world.passes(3);
        let context = || format!("case {case}: {start:#?}\n{plans:#?}");
        assert!(world.pass().is_quiet(), "{}", context());
        let ids: Vec<String> =
            world.facts().people[&"people".into()].keys().map(ToString::to_string).collect();
        assert_eq!(ids, (0..known).map(|at| format!("c{at}")).collect::<Vec<_>>(), "{}", context());
        let mut there = Vec::new();
        for side in Side::BOTH {
            let holds = world.holds(side);
            assert_eq!(holds.len(), known, "{side:?} {}", context());
            for person in &holds {
                let (key, details) = person.split_once(' ').unwrap();
                let (name, title) = details.split_once(' ').unwrap();
                assert_eq!(title, format!("of {name}"), "{}", context());
                there.push(format!("{key} {name}"));
            }
        }
        let clashed = !world.plan().problems.is_empty();
        clashes += usize::from(clashed);
        let archived: Vec<String> = plans.iter().flat_map(archived).collect();
        for (key, name) in &typed {
            let kept = archived.iter().any(|line| line.contains(key.as_str()));
            assert!(kept || there.contains(&format!("{key} {name}")), "{key} is lost: {}", context());
        }
        if !clashed && start.specs.groups[0].set.unwrap().rekey.crm {
            assert_eq!(world.holds(Side::Portal), world.holds(Side::Crm), "{}", context());
        }
    }
    assert!(corrected >= CASES / 2, "{corrected}");
    assert!(clashes <= CASES / 10, "{clashes}");
}

/// A deal whose people were only corrected since it was in step, how many they are, and each address that was typed, with
/// whose it is.
fn only_corrected(tape: &mut Tape) -> (World, usize, Vec<(String, String)>) {
    let mut spec = spec();
    spec.set.as_mut().unwrap().rekey.crm = tape.chance(50);
    spec.conflict =
        tape.one(&[Conflict::Newest, Conflict::Always(Side::Crm), Conflict::Always(Side::Portal)]);
    let count = 1 + tape.below(4);
    let first: Vec<Person> = (0..count).map(Person::number).collect();
    let mut typed = Vec::new();
    let mut now = |new: &str| {
        let mut people = first.clone();
        for (at, person) in people.iter_mut().enumerate() {
            if tape.chance(30) {
                person.key = if tape.chance(20) { format!("n{at}") } else { format!("{new}{at}") };
            }
        }
        if count > 1 && tape.chance(40) {
            let (one, other) = (tape.below(count), tape.below(count));
            let key = people[one].key.clone();
            people[one].key = std::mem::replace(&mut people[other].key, key);
        }
        for (person, _) in people.iter().zip(&first).filter(|(now, before)| now.key != before.key) {
            typed.push((person.key.clone(), person.name.clone()));
        }
        people.into_iter().map(Some).collect::<Vec<_>>()
    };
    let (crm, portal) = (now("x"), now("y"));
    let known = PerSide::new(first.clone(), first);
    let world = place(deal(spec.clone()), &spec, &known, &crm, &portal);
    (world, count, typed)
}

#[test]
fn colleagues_keep_all_but_their_address() {
    let team = |contacts: Contacts| {
        people(contacts).with(|world| world.specs.groups[0].set.as_mut().unwrap().add_only = true)
    };
    let mut world = team(TWO).contacts(&[("c1", "ann2@", "Berg"), ("c2", "bob@", "Bob")]);
    check(&world, &["referral: people change ann@ to ann2@ (changed on the other side)"]);
    world.ends(&["ann2@ Ann of Ann", "bob@ Bob of Bob"], &["ann2@ Berg of Berg", "bob@ Bob of Bob"]);
    // Nobody joins twice whose address the portal has corrected.
    let mut world = team(TWO).listed(&[("ann2@", "Ann"), ("bob@", "Bob")]);
    assert!(world.plan().is_quiet());
    world.ends(&["ann2@ Ann of Ann", "bob@ Bob of Bob"], &["ann@ Ann of Ann", "bob@ Bob of Bob"]);
    // Two who swap.
    let mut world = team(TWO).contacts(&[("c1", "bob@", "Ann"), ("c2", "ann@", "Bob")]);
    let both = ["ann@ Bob of Bob", "bob@ Ann of Ann"];
    world.ends(&both, &both);
}
