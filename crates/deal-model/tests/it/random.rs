//! Random deals, drawn from a tape of bytes: every tape is a deal, also an inconsistent one.

use deal_model::{
    Actor, Clear, Conflict, FieldId, GroupSpec, Held, Irreversible, Kind, Life, Observed, PerSide, Phase,
    Response, Route, SetBounds, Side, Value, Window, fingerprint,
};

use crate::random_people::{is_people, make_people, meet};
use crate::tape::Tape;
use crate::world::{ACTIVE, Says, World, at, deal, field, group, money};

const GROUPS: [&str; 4] = ["one", "two", "three", "four"];

fn spec(tape: &mut Tape, id: &str) -> GroupSpec {
    let mut spec = match tape.below(8) {
        0 | 1 => money_of(id),
        2 => group(id, vec![field(id, Kind::Flag)]),
        3 => {
            let mut set = group(id, vec![field(id, Kind::Set)]);
            let remove = PerSide::new(tape.chance(70), tape.chance(70));
            set.set = Some(SetBounds {
                min: tape.below(2),
                max: 2 + tape.below(2),
                remove,
                add_only: false,
                rekey: PerSide::default(),
            });
            if tape.chance(80) {
                make_people(tape, &mut set);
            }
            set
        }
        4 => {
            let mut share = group(id, vec![field(id, Kind::Flag)]);
            share.latch = Some(Irreversible::Share);
            share
        }
        _ => group(id, vec![field(id, Kind::Text)]),
    };
    if tape.chance(50) {
        spec.members[0].fit.max_chars = Some(2);
    }
    let route = |tape: &mut Tape| Route {
        create: tape.chance(90),
        update: tape.chance(90),
        fill_only: tape.chance(5),
    };
    spec.to = PerSide::new(route(tape), route(tape));
    spec.conflict = tape.one(&[
        Conflict::Newest,
        Conflict::Newest,
        Conflict::Always(Side::Crm),
        Conflict::Always(Side::Portal),
        Conflict::Ask,
    ]);
    spec.owner = tape.one(&Side::BOTH);
    let clear = [Clear::Ignore, Clear::Propagate, Clear::Refill];
    spec.clear = PerSide::new(tape.one(&clear), tape.one(&clear));
    spec.enforce = tape.chance(20);
    spec.active_only = tape.chance(10);
    spec
}

/// Money whose members carry the group's name, so that a deal can have it twice.
fn money_of(id: &str) -> GroupSpec {
    let mut spec = money();
    spec.id = id.into();
    let currency = FieldId::new(format!("{id}_currency"));
    spec.members[0].id = id.into();
    spec.members[0].fit.currency = Some(currency.clone());
    spec.members[1].id = currency;
    spec
}

fn value(tape: &mut Tape, kind: Kind) -> Observed {
    match kind {
        Kind::Set => match tape.below(6) {
            0 => [].says(),
            1 => [("a", "1")].says(),
            2 => [("a", "1"), ("b", "1")].says(),
            3 => [("a", "2"), ("c", "1")].says(),
            4 => [("b", "2"), ("c", "1"), ("d", "1")].says(),
            _ => [("a", "3"), ("b", "1"), ("c", "1"), ("d", "1")].says(),
        },
        Kind::Flag => tape.one(&[true, false]).says(),
        Kind::Number => tape.one(&[Observed::Empty, 1.says(), 2.says(), 3.says(), 4.says()]),
        _ => tape.one(&[Observed::Empty, "a".says(), "b".says(), "abc".says(), "abd".says(), " b ".says()]),
    }
}

fn members(tape: &mut Tape, spec: &GroupSpec) -> Vec<Observed> {
    spec.members.iter().map(|member| value(tape, member.kind)).collect()
}

fn life(tape: &mut Tape) -> Life {
    let stage = |stage: &str| Life::Active { sales_stage: Some(stage.to_owned()) };
    let reason = tape.chance(50).then(|| "r".to_owned());
    match tape.below(16) {
        0 | 1 => Life::Received,
        2 => Life::Won,
        3 => Life::Lost { reason },
        4 => Life::Declined { reason },
        5 => Life::Expired,
        6 => Life::Error { reason },
        7 => Life::Unknown { code: "x".to_owned() },
        8 => stage("a"),
        9 => stage("b"),
        _ => ACTIVE,
    }
}

/// A random linked deal. Its platforms keep what they are sent, or something of their own.
pub(crate) fn linked(tape: &mut Tape) -> World {
    let mut world = deal(spec(tape, GROUPS[0]));
    for id in &GROUPS[1..=tape.below(GROUPS.len() - 1)] {
        let spec = spec(tape, id);
        world.specs.groups.push(spec);
    }
    for spec in world.specs.groups.clone() {
        world = values(tape, world, &spec);
    }
    world.deal.born = tape.one(&Side::BOTH);
    world.deal.phase = if tape.chance(3) { Phase::Finished } else { Phase::Live };
    for side in Side::BOTH {
        let seen = world.seen(side);
        seen.actor = tape.one(&[Actor::Person, Actor::Integration, Actor::Unknown]);
        seen.version.stamp = at(100 + i64::try_from(tape.below(200)).unwrap());
        if tape.chance(40) {
            seen.life = life(tape);
        }
    }
    world.deal.memory.life = match tape.below(5) {
        0 => None,
        1 | 2 => Some(PerSide::new(life(tape), life(tape))),
        _ => Some(PerSide::new(ACTIVE, ACTIVE)),
    };
    let facts = world.facts();
    facts.opted_in = !tape.chance(3);
    facts.consent = !tape.chance(10);
    facts.unsettled = tape.chance(4);
    facts.response = tape.one(&[None, None, None, Some(Response::Accept), Some(Response::Decline)]);
    facts.reason = tape.chance(50).then(|| "r".to_owned());
    facts.asks_help = tape.chance(10);
    let switches = &mut world.specs.switches;
    switches.update_referrals = !tape.chance(5);
    switches.update_opportunities = !tape.chance(5);
    world.keeps = tape.one(&[as_sent, as_sent, upper, first]);
    world
}

/// The shape of a group's history, so that each row of the merge table is met often enough.
fn values(tape: &mut Tape, mut world: World, spec: &GroupSpec) -> World {
    if is_people(spec) {
        return meet(tape, world, spec);
    }
    let (crm, portal) = (members(tape, spec), members(tape, spec));
    let old = members(tape, spec);
    let shape = tape.below(12);
    let (crm, portal) = match shape {
        0 => (old.clone(), old.clone()),
        1 | 2 => (crm, old.clone()),
        3 | 4 => (old.clone(), portal),
        5 | 6 => (crm.clone(), crm),
        7 => (crm, spec.members.iter().map(|_| Observed::Empty).collect()),
        _ => (crm, portal),
    };
    let has_base = matches!(shape, 0..=5 | 10..) || tape.chance(50);
    for (at, member) in spec.members.iter().enumerate() {
        let id = member.id.as_str();
        let blind = |tape: &mut Tape, value: &Observed| {
            if tape.chance(3) { Observed::Unknown } else { value.clone() }
        };
        let (on_crm, on_portal) = (blind(tape, &crm[at]), blind(tape, &portal[at]));
        world = world.crm(id, on_crm).portal(id, on_portal);
        if has_base {
            world = world.base(id, old[at].clone());
        }
    }
    if has_base && tape.chance(50) {
        let windows = world.deal.memory.windows.get_mut(&spec.id).unwrap();
        let base = &world.deal.memory.base[&spec.id];
        let after = at(100 + i64::try_from(tape.below(100)).unwrap());
        windows.crm = Some(Window::settled(fingerprint(&base.crm), after));
    }
    world
}

fn as_sent(_: Side, _: &FieldId, held: &Held) -> Held {
    held.clone()
}

fn upper(side: Side, _: &FieldId, held: &Held) -> Held {
    match held {
        Held::Value(Value::Text(text)) if side == Side::Crm => Held::Value(Value::Text(text.to_uppercase())),
        other => other.clone(),
    }
}

/// A portal that keeps one letter, and one element.
fn first(side: Side, _: &FieldId, held: &Held) -> Held {
    match held {
        Held::Value(Value::Text(text)) if side == Side::Portal => {
            Held::Value(Value::Text(text.chars().take(1).collect()))
        }
        Held::Value(Value::Set(elements)) if side == Side::Portal => {
            let one = elements.iter().take(1).map(|(key, element)| (key.clone(), element.clone()));
            Held::Value(Value::Set(one.collect()))
        }
        other => other.clone(),
    }
}
