//! What is true of every deal (sync rules, section 9), over random deals.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use deal_model::{
    Content, Effect, Element, ElementChange, ElementKey, Elements, GroupId, GroupSpec, Held, Irreversible,
    Life, PerSide, Phase, Plan, Row, Side, Value, Write, display, fit_group,
};
use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};

use crate::{
    random::linked,
    tape::Tape,
    world::{World, at, irreversible, show},
};

/// How many random deals each property is shown.
const CASES: u32 = 10_000;
const TAPE: usize = 160;

/// Shows `property` the same ten thousand deals on every run; a failure is shrunk a little and printed.
pub(crate) fn always(property: impl Fn(World)) {
    let config =
        Config { cases: CASES, max_shrink_iters: 300, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let ran = runner.run(&vec(any::<u8>(), TAPE), |bytes| {
        property(linked(&mut Tape::new(bytes)));
        Ok::<(), TestCaseError>(())
    });
    if let Err(failure) = ran {
        panic!("{failure}");
    }
}

fn writes(plan: &Plan) -> impl Iterator<Item = (Side, &Write)> {
    plan.effects.iter().flat_map(|effect| match effect {
        Effect::Update { side, writes, .. } | Effect::Create { side, writes, .. } => {
            writes.iter().map(|write| (*side, write)).collect::<Vec<_>>()
        }
        Effect::CreateCompanion { .. } | Effect::Move { .. } => Vec::new(),
    })
}

fn held(world: &World, side: Side, spec: &GroupSpec) -> deal_model::GroupHeld {
    let sight = if side == Side::Crm { &world.crm } else { &world.portal };
    spec.members
        .iter()
        .filter_map(|member| Some((member.id.clone(), sight.seen()?.reading(&member.id).held.held()?)))
        .collect()
}

#[test]
fn what_was_planned_and_done_plans_to_nothing() {
    always(|mut world| {
        world.deal.phase = Phase::Live;
        let start = world.clone();
        let (mut sent, mut quiet) = (Vec::new(), 0);
        for _ in 0..10 {
            let plan = world.pass();
            quiet = if plan.is_quiet() { quiet + 1 } else { 0 };
            if !plan.is_quiet() {
                sent.push(plan);
            }
            world.facts().unsettled = false;
            world.now = world.now.checked_add(jiff::SignedDuration::from_secs(700)).unwrap();
        }
        assert!(sent.len() <= 3, "{} rounds:\n{start:#?}\n{}", sent.len(), show(&sent));
        assert!(quiet >= 3, "never quiet:\n{start:#?}\n{}", show(&sent));
    });
}

#[test]
fn random_deals_meet_each_row_of_the_merge_table() {
    let rows = RefCell::new(BTreeMap::<Row, u32>::new());
    always(|world| {
        let mut met: Vec<Row> = world.plan().rows.iter().map(|(_, row)| *row).collect();
        met.sort_unstable();
        met.dedup();
        for row in met {
            *rows.borrow_mut().entry(row).or_default() += 1;
        }
    });
    let rows = rows.into_inner();
    assert_eq!(rows.len(), 8, "{rows:?}");
    assert!(rows.values().all(|cases| *cases >= CASES * 3 / 100), "{rows:?}");
}

#[test]
fn random_deals_meet_corrected_addresses() {
    let (sent, kept) = (Cell::new(0), Cell::new(0));
    always(|mut world| {
        let rekeys = |plan: &Plan| {
            let of = |write: &Write| match &write.content {
                Content::Elements(changes) => {
                    changes.iter().any(|(_, change)| matches!(change, ElementChange::Rekey { .. }))
                }
                Content::Whole(_) => false,
            };
            writes(plan).any(|(_, write)| of(write))
        };
        let corrected = world.deal.memory.ties.clone().into_iter().any(|(group, ties)| {
            let people = world.facts().people.get(&group.as_str().into());
            let moved = |record, keys: &PerSide<_>| {
                people.and_then(|people| people.get(record)?.as_ref()).is_some_and(|key| *key != keys.crm)
            };
            ties.iter().any(|(record, keys)| moved(record, keys))
        });
        kept.set(kept.get() + u32::from(corrected));
        sent.set(sent.get() + u32::from(rekeys(&world.plan())));
    });
    let least = CASES * 3 / 100;
    assert!(sent.get() >= least && kept.get() >= least, "{} of {}", sent.get(), kept.get());
}

#[test]
fn a_plan_is_the_same_for_the_same_input() {
    always(|world| {
        let plan = world.plan();
        assert_eq!(plan, world.plan());
        plan.describe();
    });
}

#[test]
fn groups_are_decided_one_by_one() {
    always(|world| {
        let together = world.plan();
        for spec in &world.specs.groups {
            let mut alone = world.clone();
            alone.specs.groups = vec![spec.clone()];
            let alone = alone.plan();
            let of = |plan: &Plan| {
                let decision = plan.decisions.iter().find(|(group, _)| *group == spec.id).cloned();
                let writes: Vec<(Side, Write)> = writes(plan)
                    .filter(|(_, write)| write.group == spec.id)
                    .map(|(side, write)| (side, write.clone()))
                    .collect();
                let lost: Vec<_> =
                    plan.archive.iter().filter(|lost| lost.group == spec.id).cloned().collect();
                (decision, writes, lost)
            };
            assert_eq!(of(&together), of(&alone), "{}", spec.id);
        }
    });
}

#[test]
fn the_base_says_only_what_was_read() {
    always(|mut world| {
        let before = world.clone();
        let plan = world.pass();
        for spec in &world.specs.groups {
            let Some(base) = world.deal.memory.base.get(&spec.id) else { continue };
            let old = before.deal.memory.base.get(&spec.id);
            if old == Some(base) {
                continue;
            }
            for side in Side::BOTH {
                let mut read = vec![held(&before, side, spec), held(&world, side, spec)];
                read.extend(old.map(|old| old.at(side).clone()));
                let half = base.at(side);
                let known = if spec.set.is_some() {
                    let of = |group: &deal_model::GroupHeld| elements(spec, group);
                    of(half)
                        .iter()
                        .all(|(key, value)| read.iter().any(|read| of(read).get(key) == Some(value)))
                } else {
                    read[..2].contains(half)
                };
                assert!(known, "{side:?} never held {half:?} but {read:#?}:\n{plan:#?}");
            }
        }
    });
}

fn elements(spec: &GroupSpec, group: &deal_model::GroupHeld) -> Elements {
    group.get(&spec.lead().id).map(Held::elements).unwrap_or_default()
}

#[test]
fn nothing_irreversible_leaves_without_the_guard() {
    let seen = Cell::new(0);
    always(|mut world| {
        world.deal.phase = Phase::Live;
        for pass in 0..3 {
            let before = world.clone();
            let plan = world.pass();
            for kind in irreversible(&plan) {
                seen.set(seen.get() + 1);
                let context = format!("pass {pass} of {before:#?}\n{plan:#?}");
                let facts = before.crm.seen().unwrap().crm().unwrap();
                assert!(facts.opted_in, "not opted in: {context}");
                match kind {
                    Irreversible::Create | Irreversible::Share | Irreversible::AskHelp => {
                        assert!(facts.consent, "no consent: {context}");
                    }
                    Irreversible::Accept | Irreversible::Decline | Irreversible::Close => {
                        let base = before.deal.memory.life.as_ref().expect("a lifecycle base");
                        let answered =
                            facts.response.is_some() && facts.response != before.deal.memory.answered;
                        let moved = base.crm != before.crm.seen().unwrap().life;
                        assert!(moved || answered, "no change: {context}");
                        let at_once = !plan.effects.is_empty()
                            && facts.response == Some(deal_model::Response::Accept)
                            && !plan
                                .effects
                                .iter()
                                .any(|effect| matches!(effect, Effect::Move { to: Life::Won, .. }));
                        let waited = before.deal.waiting.iter().any(|effect| effect.not_before <= before.now);
                        assert!(waited || at_once, "no grace: {context}");
                    }
                }
            }
            world.now = at(1_000 + 700 * (pass + 1));
        }
    });
    assert!(seen.get() > CASES / 20, "the guard was hardly asked: {}", seen.get());
}

#[test]
fn nobodys_value_is_invented() {
    let seen = Cell::new(0);
    always(|world| {
        let plan = world.plan();
        for (to, write) in writes(&plan) {
            let Content::Whole(sent) = &write.content else { continue };
            let spec = world.specs.group(&write.group).unwrap();
            let source = fit_group(spec, &world.specs.minor_units, &held(&world, to.other(), spec));
            assert_eq!(*sent, source, "nobody held this as a whole:\n{plan:#?}");
            if spec.members.len() > 1 && sent[&spec.members[0].id] != Held::Empty {
                assert_ne!(
                    sent[&spec.members[1].id],
                    Held::Empty,
                    "an amount without a currency:\n{plan:#?}"
                );
                seen.set(seen.get() + 1);
            }
        }
    });
    assert!(seen.get() > CASES / 50, "money was hardly written: {}", seen.get());
}

/// Whether all that was typed into an element since it was reconciled is in what it becomes.
fn survives(old: &Element, next: &Element, base: Option<&Element>) -> bool {
    let is_reconciled = |name: &String| base.is_some_and(|base| base.0.get(name) == old.0.get(name));
    old.0.iter().all(|(name, value)| is_reconciled(name) || next.0.get(name) == Some(value))
}

/// What the element under `key` may have been on `side` when it was reconciled: what had its key, the half of the contact
/// that has the key that it has or gets, and who has the name that it has.
fn former<'b>(
    world: &World,
    spec: &GroupSpec,
    base: &'b Elements,
    (side, key, old, becomes): (Side, &ElementKey, &Element, &ElementKey),
) -> Vec<(&'b ElementKey, &'b Element)> {
    let people = world.crm.seen().and_then(|seen| seen.crm()?.people.get(&spec.lead().id));
    let ties = world.deal.memory.ties.get(&spec.id);
    let tied = people.into_iter().flatten().filter_map(|(record, now)| {
        let is_it = now.as_ref().is_some_and(|now| now == key || now == becomes);
        Some(ties?.get(record)?.at(side)).filter(|_| is_it)
    });
    let tied: Vec<&ElementKey> = tied.collect();
    let has_name = |element: &Element| {
        let name = element.0.get("last_name");
        name.is_some() && name == old.0.get("last_name")
    };
    let may_be = |(of, element): &(&ElementKey, &Element)| {
        *of == key || tied.contains(of) || (side == Side::Portal && has_name(element))
    };
    base.iter().filter(may_be).collect()
}

#[test]
fn no_edit_is_lost() {
    let seen = Cell::new(0);
    always(|world| {
        let plan = world.plan();
        let lost = |group: &GroupId, side: Side, value: &dyn Fn(&deal_model::GroupHeld) -> bool| {
            plan.archive.iter().any(|lost| lost.group == *group && lost.side == side && value(&lost.value))
        };
        for (to, write) in writes(&plan) {
            let spec = world.specs.group(&write.group).unwrap();
            let base = world.deal.memory.base.get(&write.group).map(|base| base.at(to));
            match &write.content {
                Content::Whole(_) => {
                    let empty = matches!(
                        write.instead_of[&spec.lead().id],
                        Held::Empty | Held::Value(Value::Flag(false))
                    ) || display(&write.instead_of).trim().is_empty();
                    if empty || base == Some(&write.instead_of) {
                        continue;
                    }
                    seen.set(seen.get() + 1);
                    assert!(
                        lost(&write.group, to, &|value| *value == write.instead_of),
                        "an edit is lost: {world:#?}\n{plan:#?}"
                    );
                }
                Content::Elements(changes) => {
                    let base = base.map(|base| elements(spec, base)).unwrap_or_default();
                    let now = elements(spec, &write.instead_of);
                    for (key, change) in changes {
                        let Some(old) = now.get(key).filter(|old| base.get(key) != Some(*old)) else {
                            continue;
                        };
                        let leaves = |(of, change): &(ElementKey, ElementChange)| {
                            of == key && !matches!(change, ElementChange::Put(_))
                        };
                        if matches!(change, ElementChange::Put(_)) && changes.iter().any(leaves) {
                            // It comes to where another one leaves.
                            continue;
                        }
                        let becomes = match change {
                            ElementChange::Rekey { to, .. } => to,
                            ElementChange::Put(_) | ElementChange::Remove => key,
                        };
                        let former = former(&world, spec, &base, (to, key, old, becomes));
                        let kept = match change {
                            ElementChange::Put(next) => {
                                survives(old, next, None)
                                    || former.iter().any(|(_, base)| survives(old, next, Some(base)))
                            }
                            // The key that it had was nobody's edit.
                            ElementChange::Rekey { element, .. } => former
                                .iter()
                                .any(|(of, base)| *of == key && survives(old, element, Some(base))),
                            ElementChange::Remove => false,
                        };
                        seen.set(seen.get() + 1);
                        assert!(
                            kept || lost(&write.group, to, &|value| elements(spec, value).contains_key(key)),
                            "an element is lost: {world:#?}\n{plan:#?}"
                        );
                    }
                }
            }
        }
    });
    assert!(seen.get() > CASES / 20, "hardly anything was overwritten: {}", seen.get());
}

#[test]
fn nothing_is_archived_twice_for_one_loss() {
    always(|mut world| {
        world.deal.phase = Phase::Live;
        world.keeps = |_, _, held| held.clone();
        let first = world.pass();
        let second = world.pass();
        for lost in &first.archive {
            assert!(!second.archive.contains(lost), "archived again:\n{first:#?}\n{second:#?}");
        }
    });
}

#[test]
fn what_is_unknown_is_never_written() {
    always(|world| {
        let plan = world.plan();
        for (_, write) in writes(&plan) {
            let spec = world.specs.group(&write.group).unwrap();
            let all = PerSide::new(held(&world, Side::Portal, spec), held(&world, Side::Crm, spec));
            let known = |side: Side| all.at(side).len() == spec.members.len();
            assert!(known(Side::Portal) && known(Side::Crm), "{plan:#?}");
        }
    });
}

#[test]
fn fit_is_idempotent() {
    let text = "[ a\u{a0}é\u{1F600}\r\n]{0,8}";
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let ran = runner.run(
        &(text, any::<i64>(), 0..12_u32, 0..6_usize, 0..4_u32),
        |(text, units, digits, most, scale)| {
            let mut spec = crate::world::text("text");
            spec.members[0].fit.max_chars = Some(most);
            spec.members.push(crate::world::field("number", deal_model::Kind::Number));
            spec.members[1].fit.scale = Some(scale);
            let number = rust_decimal::Decimal::new(units, digits);
            let value = [
                ("text".into(), Held::Value(Value::Text(text))),
                ("number".into(), Held::Value(Value::Number(number))),
            ];
            let once = fit_group(&spec, &BTreeMap::new(), &value.into());
            assert_eq!(fit_group(&spec, &BTreeMap::new(), &once), once);
            Ok(())
        },
    );
    ran.unwrap();
}
