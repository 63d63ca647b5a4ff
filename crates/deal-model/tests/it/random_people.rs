//! Random sets of people: corrected, swapped, lost, removed and doubled addresses, on one side or both.

use deal_model::{Element, ElementKey, Elements, GroupSpec, Observed, PerSide, RecordId, Value};

use crate::tape::Tape;
use crate::world::World;

/// What tells a set of people from another.
const PERSON: &str = "contact";

/// Somebody on one side: address, name, title.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) title: String,
}

impl Person {
    /// The number `at`, as both sides first knew them.
    pub(crate) fn number(at: usize) -> Self {
        let key = ["a", "b", "c", "d"][at].to_owned();
        Self { key, name: format!("P{at}"), title: format!("of P{at}") }
    }
}

pub(crate) fn make_people(tape: &mut Tape, spec: &mut GroupSpec) {
    spec.members[0].demands.element = Some(PERSON.to_owned());
    let bounds = spec.set.as_mut().unwrap();
    bounds.max = 9;
    bounds.rekey = PerSide::new(tape.chance(85), tape.chance(40));
}

pub(crate) fn is_people(spec: &GroupSpec) -> bool {
    spec.members[0].demands.element.as_deref() == Some(PERSON)
}

/// The set of those who have an address; of several who have one, the first.
pub(crate) fn set(people: &[Person]) -> Observed {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut elements = Elements::new();
    for person in people.iter().filter(|person| !person.key.is_empty()) {
        let details =
            [("last_name".to_owned(), text(&person.name)), ("title".to_owned(), text(&person.title))];
        elements.entry(ElementKey(person.key.clone())).or_insert(Element(details.into()));
    }
    Observed::Value(Value::Set(elements))
}

/// Puts people on both sides, and what both sides knew of them. None: not on the side any more.
pub(crate) fn place(
    world: World,
    spec: &GroupSpec,
    known: &PerSide<Vec<Person>>,
    crm: &[Option<Person>],
    portal: &[Option<Person>],
) -> World {
    let there = |people: &[Option<Person>]| people.iter().flatten().cloned().collect::<Vec<_>>();
    let id = spec.id.as_str();
    let mut world = world.crm(id, set(&there(crm))).portal(id, set(&there(portal))).bases(
        id,
        set(&known.crm),
        set(&known.portal),
    );
    let record = |at: usize| RecordId::new(format!("c{at}"));
    let key = |key: &str| ElementKey(key.to_owned());
    let halves = known.portal.iter().zip(&known.crm).enumerate();
    let ties = halves.map(|(at, (portal, crm))| (record(at), PerSide::new(key(&portal.key), key(&crm.key))));
    world.deal.memory.ties.insert(spec.id.clone(), ties.collect());
    let told = |(at, person): (usize, &Option<Person>)| {
        let person = person.as_ref()?;
        Some((record(at), (!person.key.is_empty()).then(|| key(&person.key))))
    };
    let people = crm.iter().enumerate().filter_map(told).collect();
    world.facts().people.insert(spec.lead().id.clone(), people);
    world
}

/// Anything that may have become of people since they were reconciled.
pub(crate) fn meet(tape: &mut Tape, world: World, spec: &GroupSpec) -> World {
    let count = tape.below(4);
    let mut crm: Vec<Person> = (0..count).map(Person::number).collect();
    if count > 1 && tape.chance(10) {
        "P1".clone_into(&mut crm[0].name);
    }
    let mut known = PerSide::new(crm.clone(), crm.clone());
    for (at, person) in known.portal.iter_mut().enumerate() {
        // Corrected there before, where the contact kept its address.
        if tape.chance(10) {
            person.key = format!("p{at}");
        }
    }
    let mut now = |before: &[Person], new: &str| {
        let changed = |(at, person): (usize, &Person)| {
            let mut person = person.clone();
            match tape.below(12) {
                0 => return None,
                1 => "changed".clone_into(&mut person.title),
                2 => "changed".clone_into(&mut person.name),
                3 | 4 => person.key = format!("{new}{at}"),
                5 => person.key = format!("n{at}"),
                6 => person.key.clone_from(&before[tape.below(before.len())].key),
                7 if new == "x" => person.key.clear(),
                _ => {}
            }
            Some(person)
        };
        let mut people: Vec<Option<Person>> = before.iter().enumerate().map(changed).collect();
        if count > 1 && tape.chance(25) {
            // Two swap.
            let (head, tail) = people.split_at_mut(1);
            if let (Some(one), Some(other)) = (&mut head[0], &mut tail[0]) {
                std::mem::swap(&mut one.key, &mut other.key);
            }
        }
        if tape.chance(20) {
            let key = tape.one(&["z", "a", "n0", "x1"]).to_owned();
            people.push(Some(Person { key, name: "New".to_owned(), title: format!("new {new}") }));
        }
        people
    };
    let (on_crm, on_portal) = (now(&known.crm, "x"), now(&known.portal, "y"));
    let mut world = place(world, spec, &known, &on_crm, &on_portal);
    if tape.chance(15) {
        world.deal.memory.base.remove(&spec.id);
        world.deal.memory.ties.remove(&spec.id);
    }
    world
}
