//! A referral and an opportunity under a drawn mapping, edits of people, and the passes between them.

mod checks;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use deal_model::{
    Actor, Content, CrmFacts, Deal, Effect, EffectEnd, Facts, FieldId, GroupHeld, GroupSpec, Life,
    Observation, PerSide, Plan, PlanInput, PortalFacts, Reading, SettleInput, Side, Sight, Version, Why,
    Write, carried_out, fit_group, plan, settle,
};
use jiff::{SignedDuration, Timestamp};
use mapping::Mapping;
use serde_json::{Value as Json, json};

use super::{
    drawn::{Drawn, Group},
    records::{Platform, carry_out, crm_pointer, put, readings, rows_pointer, sends},
    typed,
};
use crate::tape::Tape;

/// Passes that may send something before it must be quiet.
const MOST_ROUNDS: usize = 4;
/// Passes after that, which must send nothing.
const QUIET_ROUNDS: usize = 3;

/// How often something happened, by case.
pub(super) type Counts = BTreeSet<String>;

pub(super) struct Pair<'d> {
    mapping: Rc<Mapping>,
    groups: &'d [Group],
    documents: PerSide<Option<Json>>,
    platforms: PerSide<Platform>,
    /// Groups that a platform refuses to change.
    refuses: PerSide<Vec<String>>,
    lives: PerSide<Life>,
    stamps: PerSide<i64>,
    /// Who saved the opportunity last.
    saved_by: Actor,
    opted_in: bool,
    deal: Deal,
    now: i64,
    pub(super) met: Counts,
}

/// What was read and done in one pass.
struct Pass {
    plan: Plan,
    before: PerSide<BTreeMap<FieldId, Reading>>,
    documents: PerSide<Option<Json>>,
    refused: Vec<(Side, Write)>,
}

impl<'d> Pair<'d> {
    pub(super) fn draw(tape: &mut Tape, drawn: &'d Drawn) -> Self {
        let mapping = Mapping::with_company("drawn.toml", &drawn.text)
            .unwrap_or_else(|errors| panic!("a drawn file is valid: {errors:#?}"));
        let born = tape.one(&Side::BOTH);
        let linked = tape.chance(60);
        let mut deal = Deal::born("d1".into(), born, if born == Side::Crm { "006" } else { "ref" }.into());
        if linked {
            deal.links.crm = Some("006".into());
            deal.links.portal = Some("ref".into());
        }
        let platform = |tape: &mut Tape| match tape.below(5) {
            0 => Platform { cuts: Some(4), ..Platform::PLAIN },
            1 => Platform { rounds: Some(1), trims: true, ..Platform::PLAIN },
            2 => Platform { rounds: Some(0), cuts: Some(6), trims: true },
            _ => Platform::PLAIN,
        };
        let platforms = PerSide::new(platform(tape), platform(tape));
        let refuses = |tape: &mut Tape| -> Vec<String> {
            let refused = drawn.groups.iter().filter(|_| tape.chance(8));
            refused.map(|group| group.id.clone()).collect()
        };
        let refuses = PerSide::new(refuses(tape), refuses(tape));
        let mut pair = Self {
            mapping: Rc::new(mapping),
            groups: &drawn.groups,
            documents: PerSide::default(),
            platforms,
            refuses,
            lives: PerSide::new(Life::Active { sales_stage: None }, Life::Active { sales_stage: None }),
            stamps: PerSide::new(0, 0),
            saved_by: Actor::Person,
            opted_in: !tape.chance(10),
            deal,
            now: 10_000,
            met: Counts::new(),
        };
        for side in Side::BOTH {
            if linked || side == born {
                let blank = pair.blank(side);
                pair.documents.at_mut(side).replace(blank);
                for group in &drawn.groups {
                    pair.type_in(tape, side, group, false);
                }
            }
        }
        pair
    }

    /// A record of which every mapped place is there and empty.
    fn blank(&self, side: Side) -> Json {
        let mut document = json!({"name": null, "Name": null});
        for binding in self.mapping.bindings() {
            let nothing = if binding.codec == mapping::Codec::Flag { json!(false) } else { Json::Null };
            let place = match side {
                Side::Portal => binding.portal.as_ref().map(|path| path.as_str().to_owned()),
                Side::Crm => binding.crm.as_ref().map(|path| crm_pointer(&path.soql())),
            };
            if let Some(place) = place {
                put(&mut document, &place, nothing);
            }
        }
        for set in self.mapping.sets() {
            let place =
                if side == Side::Portal { set.portal_array.as_str().to_owned() } else { rows_pointer(set) };
            put(&mut document, &place, json!([]));
        }
        document
    }

    /// Somebody fills the group on `side`: all of it, or one of its fields.
    fn type_in(&mut self, tape: &mut Tape, side: Side, group: &Group, one: bool) {
        let only = one.then(|| tape.below(group.fields.len()));
        let platform = *self.platforms.at(side);
        let Some(document) = self.documents.at_mut(side) else { return };
        for (place, field) in group.fields.iter().enumerate() {
            let platform = if field.is.may_be_cut() { platform } else { platform.uncut() };
            let value = platform.keeps(typed::draw(tape, field, side));
            if only.is_some_and(|only| only != place) {
                continue;
            }
            let pointer = match (side, self.mapping.set(&FieldId::new(field.id.as_str()))) {
                (Side::Portal, _) => field.portal.clone(),
                (Side::Crm, Some(set)) => rows_pointer(set),
                (Side::Crm, None) => crm_pointer(&field.crm),
            };
            put(document, &pointer, value);
        }
        self.save(side);
    }

    /// A person saves the record.
    fn save(&mut self, side: Side) {
        *self.stamps.at_mut(side) = self.now;
        if side == Side::Crm {
            self.saved_by = Actor::Person;
        }
    }

    /// Edits of people on both sides, then passes until nothing is left to send.
    pub(super) fn live(&mut self, tape: &mut Tape) {
        for round in 0..5 {
            if round > 0 {
                self.edit(tape);
            }
            self.now += 1_200;
            self.settle_down();
            if tape.chance(5) {
                self.lives.portal = Life::Won;
            }
            self.opted_in = !tape.chance(8);
        }
    }

    fn edit(&mut self, tape: &mut Tape) {
        for _ in 0..=tape.below(4) {
            self.now += tape.one(&[1, 30]);
            let side = tape.one(&Side::BOTH);
            let group = tape.below(self.groups.len());
            let one = tape.chance(50);
            self.type_in(tape, side, &self.groups[group], one);
            if tape.chance(60) {
                self.now += tape.one(&[1, 30]);
                if tape.chance(25) {
                    self.say_alike(side, group);
                } else {
                    self.type_in(tape, side.other(), &self.groups[group], one);
                }
            }
        }
    }

    /// Somebody types on the other side what `side` says.
    fn say_alike(&mut self, side: Side, group: usize) {
        let other = side.other();
        let spec = self.mapping.specs().group(&self.groups[group].id.as_str().into());
        let Some((spec, said)) = spec.and_then(|spec| Some((spec, sends(&self.readings(side), spec)?)))
        else {
            return;
        };
        if self.documents.at(other).is_some() && self.groups[group].goes_both_ways() {
            let next = self.written(spec, other, &said, self.documents.at(other).as_ref());
            self.documents.at_mut(other).replace(next);
            self.save(other);
        }
    }

    /// The record with the group as it was sent.
    fn written(&self, spec: &GroupSpec, side: Side, sent: &GroupHeld, document: Option<&Json>) -> Json {
        let mut document = document.cloned().expect("it was read");
        let write = Write {
            group: spec.id.clone(),
            content: Content::Whole(fit_group(spec, &self.mapping.specs().minor_units, sent)),
            instead_of: GroupHeld::new(),
            why: Why::Changed,
            latch: None,
        };
        carry_out(&self.mapping, side, *self.platforms.at(side), &mut document, &write);
        document
    }

    fn settle_down(&mut self) {
        let (mut sent, mut quiet) = (Vec::new(), 0);
        let mut writes: BTreeMap<(Side, String), usize> = BTreeMap::new();
        let mut refused = BTreeSet::new();
        while quiet < QUIET_ROUNDS {
            let pass = self.pass();
            self.check(&pass);
            for (side, write) in &pass.refused {
                self.met.insert(format!("refused on {side:?}"));
                let what =
                    format!("{side:?} {} {:?} {:?}", write.group, write.fingerprint(), write.instead_of);
                assert!(refused.insert(what.clone()), "what was refused is sent again: {what}");
            }
            for (side, write) in updates(&pass.plan) {
                *writes.entry((side, write.group.to_string())).or_default() += 1;
            }
            if pass.plan.effects.is_empty() {
                quiet += 1;
            } else {
                assert!(quiet == 0, "it was quiet and writes again: {:#?}", pass.plan);
                sent.push(pass.plan);
            }
            assert!(sent.len() <= MOST_ROUNDS, "it does not come to rest: {}", show(&sent));
            self.now += 20;
        }
        for ((side, group), count) in writes {
            assert!(count <= 1, "{group} was written {count} times on {side:?}: {}", show(&sent));
        }
        self.check_rest();
    }

    fn pass(&mut self) -> Pass {
        let documents = self.documents.clone();
        let before = PerSide::new(self.readings(Side::Portal), self.readings(Side::Crm));
        let (crm, portal) = (self.sight(Side::Crm), self.sight(Side::Portal));
        let mapping = Rc::clone(&self.mapping);
        let (specs, version) = (mapping.specs(), mapping.version());
        let now = at(self.now);
        let plan = plan(&PlanInput {
            deal: &self.deal,
            crm: &crm,
            portal: &portal,
            specs,
            mapping: version,
            now,
            portal_ahead: SignedDuration::ZERO,
            claimed_elsewhere: false,
        });
        let mut refused = Vec::new();
        let mut touched = PerSide::new(false, false);
        let ends: Vec<EffectEnd> =
            plan.effects.iter().map(|effect| self.carry_out(effect, &mut touched, &mut refused)).collect();
        let after = PerSide::new(self.sight(Side::Portal), self.sight(Side::Crm));
        let read_back = |side: Side| after.at(side).seen().filter(|_| *touched.at(side));
        let consumed = carried_out(&self.deal, &plan, &ends);
        self.deal.memory = settle(&SettleInput {
            deal: &self.deal,
            plan: &plan,
            ends: &ends,
            before: PerSide::new(portal.seen(), crm.seen()),
            after: PerSide::new(read_back(Side::Portal), read_back(Side::Crm)),
            specs,
            mapping: version,
            now,
        });
        self.deal.decisions.retain(|decision| !consumed.contains(&decision.id));
        self.deal.waiting.clone_from(&plan.waiting);
        self.deal.problems.clone_from(&plan.problems);
        self.deal.phase = plan.phase.unwrap_or(self.deal.phase);
        Pass { plan, before, documents, refused }
    }

    fn readings(&self, side: Side) -> BTreeMap<FieldId, Reading> {
        self.documents
            .at(side)
            .as_ref()
            .map(|document| readings(&self.mapping, side, document))
            .unwrap_or_default()
    }

    fn sight(&self, side: Side) -> Sight {
        if self.documents.at(side).is_none() {
            return Sight::Unlinked;
        }
        let (record, facts, actor) = match side {
            Side::Portal => ("ref", Facts::Portal(PortalFacts::default()), Actor::Unknown),
            Side::Crm => {
                let facts = CrmFacts { opted_in: self.opted_in, consent: true, ..CrmFacts::default() };
                ("006", Facts::Crm(facts), self.saved_by)
            }
        };
        Sight::Seen(Box::new(Observation {
            record: record.into(),
            version: Version { stamp: at(*self.stamps.at(side)), tag: None },
            read_at: at(self.now),
            actor,
            life: self.lives.at(side).clone(),
            fields: self.readings(side),
            facts,
        }))
    }

    fn carry_out(
        &mut self,
        effect: &Effect,
        touched: &mut PerSide<bool>,
        refused: &mut Vec<(Side, Write)>,
    ) -> EffectEnd {
        let (side, writes, is_new) = match effect {
            Effect::Create { side, writes, life } => {
                assert!(self.documents.at(*side).is_none(), "a second record is born");
                let blank = self.blank(*side);
                self.documents.at_mut(*side).replace(blank);
                *self.lives.at_mut(*side) = life.clone();
                match side {
                    Side::Portal => self.deal.links.portal = Some("ref".into()),
                    Side::Crm => self.deal.links.crm = Some("006".into()),
                }
                (*side, writes, true)
            }
            Effect::Update { side, writes, life, .. } => {
                if let Some(life) = life {
                    *self.lives.at_mut(*side) = life.clone();
                }
                (*side, writes, false)
            }
            Effect::Move { to, .. } => {
                self.lives.portal = to.clone();
                return EffectEnd::DONE;
            }
            Effect::CreateCompanion { .. } => panic!("nobody asked for help"),
        };
        *touched.at_mut(side) = true;
        let platform = *self.platforms.at(side);
        let mut told = Vec::new();
        for write in writes {
            // Where the record is being created the platform takes everything.
            if !is_new && self.refuses.at(side).iter().any(|group| group == write.group.as_str()) {
                told.push((write.group.clone(), "not allowed here".to_owned()));
                refused.push((side, write.clone()));
                continue;
            }
            let document = self.documents.at_mut(side).as_mut().expect("what is written is there");
            carry_out(&self.mapping, side, platform, document, write);
        }
        *self.stamps.at_mut(side) = (*self.stamps.at(side)).max(self.now);
        if side == Side::Crm {
            self.saved_by = Actor::Integration;
        }
        EffectEnd::Done { refused: told }
    }
}

fn show(plans: &[Plan]) -> String {
    plans.iter().map(|plan| format!("{:#?}", plan.describe())).collect::<Vec<_>>().join("\n")
}

fn updates(plan: &Plan) -> impl Iterator<Item = (Side, &Write)> {
    plan.effects.iter().flat_map(|effect| match effect {
        Effect::Update { side, writes, .. } => writes.iter().map(|write| (*side, write)).collect::<Vec<_>>(),
        _ => Vec::new(),
    })
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}
