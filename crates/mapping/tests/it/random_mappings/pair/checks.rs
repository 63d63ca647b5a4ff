//! What must be true of a pair after each pass, and when it has come to rest.

use std::rc::Rc;

use deal_model::{
    Effect, Elements, GroupDecision, GroupHeld, GroupSpec, Held, PerSide, Side, Value, Why, Write, fit_group,
    holds_alike,
};
use mapping::Mapping;
use serde_json::Value as Json;

use super::{
    super::{
        drawn::{Group, Type},
        records::{Platform, held, places, sends},
    },
    Pair, Pass,
};

impl Pair<'_> {
    pub(super) fn check(&mut self, pass: &Pass) {
        if !self.opted_in && self.documents.crm.is_some() && pass.documents.crm.is_some() {
            assert!(
                pass.plan.effects.is_empty(),
                "something of a deal that is not opted in: {:#?}",
                pass.plan
            );
            assert!(pass.plan.archive.is_empty(), "something is kept of a deal that is not opted in");
            self.met.insert("not opted in".to_owned());
            return;
        }
        self.check_routes(pass);
        let mapping = Rc::clone(&self.mapping);
        for spec in &mapping.specs().groups {
            for side in Side::BOTH {
                if pass.documents.at(side).is_some() {
                    self.check_copied(pass, spec, side);
                }
            }
        }
        for (_, row) in &pass.plan.rows {
            self.met.insert(format!("row {row:?}"));
        }
    }

    /// Nothing is written but where, and when, the file says so.
    fn check_routes(&mut self, pass: &Pass) {
        for effect in &pass.plan.effects {
            let (side, writes, created) = match effect {
                Effect::Create { side, writes, .. } => (*side, writes, true),
                Effect::Update { side, writes, .. } => (*side, writes, false),
                Effect::Move { .. } | Effect::CreateCompanion { .. } => continue,
            };
            if !created && side == Side::Portal {
                assert!(!self.lives.portal.is_closed(), "a closed referral was written: {effect:#?}");
            }
            self.met.insert(format!("{} on {side:?}", if created { "created" } else { "updated" }));
            for write in writes {
                let group = self.groups.iter().find(|group| group.id == write.group.as_str());
                let group = group.unwrap_or_else(|| panic!("{} is off and was written", write.group));
                let to = group.to(side);
                let allowed = if created { to.create } else { to.update };
                assert!(allowed, "{} may not be written on {side:?} now: {effect:#?}", group.id);
                if group.leaves_the_opportunity() && !created && side == Side::Crm {
                    let spec = self.mapping.specs().group(&write.group).unwrap();
                    let lead = write.instead_of.get(&spec.lead().id);
                    assert!(
                        matches!(lead, None | Some(Held::Empty | Held::Value(Value::Flag(false))))
                            || write.why == Why::Decided
                            || fits_empty(&self.mapping, spec, &write.instead_of),
                        "a record of many deals was overwritten: {effect:#?}"
                    );
                }
                self.meet(group, write, created);
            }
        }
    }

    fn meet(&mut self, group: &Group, write: &Write, created: bool) {
        for field in &group.fields {
            self.met.insert(format!("type {}", field.is.name()));
            match field.is {
                Type::Html(side) => self.met.insert(format!("html on {side:?}")),
                Type::Computed(side) => self.met.insert(format!("computed for {side:?}")),
                _ => false,
            };
        }
        self.met.insert(format!("direction {}", group.direction));
        if !created {
            self.met.insert(format!("why {:?}", write.why));
            if matches!(write.why, Why::Policy | Why::Newest | Why::OrderUnknown) {
                self.met.insert(format!("conflict {}", group.conflict));
            }
            if write.clears() {
                self.met.insert("clear propagate".to_owned());
            }
        }
    }

    /// What a side holds now it held before, or the other side sent it as a whole: nobody's value is invented, and
    /// no pair is put together of halves.
    fn check_copied(&self, pass: &Pass, spec: &GroupSpec, side: Side) {
        let stands = |document: &Option<Json>| {
            held(&places(&self.mapping, side, document.as_ref().expect("the record is there")), spec)
        };
        let (was, is) = (stands(pass.documents.at(side)), stands(self.documents.at(side)));
        let (Some(was), Some(is)) = (was, is) else { return };
        if was == is {
            return;
        }
        let Some(sent) = sends(pass.before.at(side.other()), spec) else {
            panic!("{} changed on {side:?}, and nobody knows what the other side sends", spec.id);
        };
        let scratch = self.image(pass, spec, side, &sent);
        if spec.set.is_some() {
            let of = |group: &GroupHeld| group.get(&spec.lead().id).map(Held::elements).unwrap_or_default();
            check_elements(&of(&was), &of(&is), &of(&scratch), &of(&sent));
        } else {
            assert_eq!(
                is, scratch,
                "{} on {side:?} is neither {was:?} nor what the other side sent, {sent:?}",
                spec.id
            );
        }
    }

    /// What `side` would hold of the group, had the other side's value been written on it whole.
    fn image(&self, pass: &Pass, spec: &GroupSpec, side: Side, sent: &GroupHeld) -> GroupHeld {
        let document = self.written(spec, side, sent, pass.documents.at(side).as_ref());
        held(&places(&self.mapping, side, &document), spec).expect("what was written can be read")
    }

    /// Where both sides are sources and say something, and nobody is asked, they hold the same.
    pub(super) fn check_rest(&mut self) {
        let plain = self.platforms.portal == Platform::PLAIN && self.platforms.crm == Platform::PLAIN;
        let linked = self.documents.portal.is_some() && self.documents.crm.is_some();
        let last = self.pass();
        assert!(last.plan.effects.is_empty());
        for (group, decision) in &last.plan.decisions {
            if *decision == GroupDecision::Ask {
                self.met.insert("conflict ask".to_owned());
            }
            let drawn = self.groups.iter().find(|drawn| drawn.id == group.as_str());
            for note in last.plan.notes.iter().filter(|note| note.contains("emptied on one side")) {
                let _ = note;
                self.met.insert("clear ignore".to_owned());
            }
            let Some(drawn) = drawn.filter(|drawn| drawn.goes_both_ways() && !drawn.is_set()) else {
                continue;
            };
            let spec = self.mapping.specs().group(group).unwrap();
            let told = self.deal.problems.iter().any(|problem| {
                problem.field.as_ref().is_some_and(|field| {
                    field == group || drawn.fields.iter().any(|member| member.id == field.as_str())
                })
            });
            if !plain || !linked || told || !self.opted_in || self.lives.portal.is_closed() {
                continue;
            }
            let sides = PerSide::new(self.readings(Side::Portal), self.readings(Side::Crm));
            let (Some(portal), Some(crm)) = (held(&sides.portal, spec), held(&sides.crm, spec)) else {
                continue;
            };
            if fits_empty(&self.mapping, spec, &portal) || fits_empty(&self.mapping, spec, &crm) {
                continue;
            }
            assert!(
                holds_alike(spec, &self.mapping.specs().minor_units, &portal, &crm),
                "{group} rests apart without a reason: {portal:?} and {crm:?}"
            );
            self.met.insert("converged".to_owned());
        }
    }
}

/// Whether the group is empty as both sides can hold it.
fn fits_empty(mapping: &Mapping, spec: &GroupSpec, group: &GroupHeld) -> bool {
    let fitted = fit_group(spec, &mapping.specs().minor_units, group);
    matches!(fitted.get(&spec.lead().id), None | Some(Held::Empty | Held::Value(Value::Flag(false))))
}

/// Each element, and each attribute of it, was there before or came from the other side.
fn check_elements(was: &Elements, is: &Elements, image: &Elements, sent: &Elements) {
    for (key, element) in is {
        assert!(was.contains_key(key) || sent.contains_key(key), "nobody had the element {key:?}");
        for (name, value) in &element.0 {
            let of = |elements: &Elements| elements.get(key).and_then(|element| element.0.get(name)).cloned();
            assert!(
                [of(was), of(image)].contains(&Some(value.clone())),
                "nobody had {value:?} as {name} of {key:?}: {was:?} {image:?}"
            );
        }
    }
}
