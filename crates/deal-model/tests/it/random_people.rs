//! People on both sides of a deal, and what both sides knew of them.

use deal_model::{Element, ElementKey, Elements, GroupSpec, Observed, PerSide, RecordId, Value};

use crate::world::World;

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
