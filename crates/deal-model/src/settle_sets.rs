//! The base of a set after a pass: element by element.

use std::collections::BTreeSet;

use crate::{
    ElementKey, Elements, GroupHeld, GroupId, GroupSpec, Held, Memory, PerSide, RecordId, SettleInput, Side,
    Value, Verdict,
    settle::held_by,
    ties::{Meeting, Pair, with_all_keys},
};

impl SettleInput<'_> {
    /// Elements that were written, or that are as they may be, take what each side holds; all others stay.
    pub(crate) fn advance_set(
        &self,
        memory: &mut Memory,
        spec: &GroupSpec,
        before: &PerSide<Option<GroupHeld>>,
    ) {
        let lead = &spec.lead().id;
        let elements =
            |group: &GroupHeld| -> Elements { group.get(lead).map(Held::elements).unwrap_or_default() };
        let (Some(portal), Some(crm)) = (&before.portal, &before.crm) else { return };
        let read = PerSide::new(elements(portal), elements(crm));
        let after = Side::BOTH.map(|side| held_by(memory, spec, *self.after.at(side)).as_ref().map(elements));
        let [portal, crm] = after;
        let after = PerSide::new(portal, crm);

        let old = memory.base.get(&spec.id);
        let old = old.map(|pair| PerSide::new(elements(&pair.portal), elements(&pair.crm)));
        let pairs = self.pairs(spec, old.as_ref(), &read);
        let (mut done, mut failed) = (PerSide::<BTreeSet<ElementKey>>::default(), BTreeSet::new());
        for side in Side::BOTH {
            for (write, wrote) in self.writes(&spec.id, side) {
                // Without a read-back nobody knows what the side holds now.
                if wrote && after.at(side).is_some() {
                    done.at_mut(side).extend(write.keys().cloned());
                } else {
                    failed.extend(write.keys().cloned());
                }
            }
        }
        // An element goes into the base under all its keys, or not at all.
        let done = PerSide::new(with_all_keys(&pairs, done.portal), with_all_keys(&pairs, done.crm));
        let of_plan = |of: &'_ [(GroupId, Vec<ElementKey>)]| -> BTreeSet<ElementKey> {
            of.iter().filter(|(group, _)| *group == spec.id).flat_map(|(_, keys)| keys.clone()).collect()
        };
        failed.extend(of_plan(&self.plan.held_back));
        let failed = with_all_keys(&pairs, failed);
        let mut keys = of_plan(&self.plan.elements);
        keys.extend(done.portal.iter().chain(&done.crm).cloned());
        if self.is_half_restored(&spec.id) {
            // The other half waits: in the base, the half that is done would be a removal on the other side.
            keys.clear();
        }
        keys.retain(|key| !failed.contains(key));

        let not_added = |key: &ElementKey| after.crm.as_ref().is_some_and(|held| !held.contains_key(key));
        if spec.only_grows() && done.crm.iter().any(not_added) {
            memory.not_added.insert(spec.id.clone(), self.now);
        }
        if old.is_none() && keys.is_empty() && !(read.portal.is_empty() && read.crm.is_empty()) {
            return;
        }
        let met = self.met(spec, &pairs, &keys, &after);
        let mut next = old.clone().unwrap_or_default();
        for key in &keys {
            for side in Side::BOTH {
                let source = if done.at(side).contains(key) { after.at(side).as_ref() } else { None };
                match source.unwrap_or(read.at(side)).get(key) {
                    Some(element) => next.at_mut(side).insert(key.clone(), element.clone()),
                    None => next.at_mut(side).remove(key),
                };
            }
        }
        let group =
            |elements: Elements| -> GroupHeld { [(lead.clone(), Held::Value(Value::Set(elements)))].into() };
        let pair = PerSide::new(group(next.portal), group(next.crm));
        let all = next_is_all(&pair, &read, &after, lead);
        if all {
            self.take(memory, spec, pair);
        } else {
            memory.base.insert(spec.id.clone(), pair);
        }
        let ties = memory.ties.entry(spec.id.clone()).or_default();
        for (record, keys) in met {
            match keys {
                Some(keys) => ties.insert(record, keys),
                None => ties.remove(&record),
            };
        }
        for to in Side::BOTH {
            if let Some(write) = self.written(&spec.id, to) {
                self.light_fuse(memory, spec, to, write);
            }
        }
    }
}

impl SettleInput<'_> {
    /// The set's elements as they were when the pass began.
    fn pairs<'p>(
        &'p self,
        spec: &GroupSpec,
        base: Option<&'p PerSide<Elements>>,
        read: &'p PerSide<Elements>,
    ) -> Vec<Pair<'p>> {
        let Some(crm) = self.before.crm else { return Vec::new() };
        let held = PerSide::new(&read.portal, &read.crm);
        Meeting { ties: self.deal.memory.ties_of(spec), base, held, people: crm.people_of(spec) }.pairs()
    }

    /// Under which keys the elements that the base takes are now, by record; none for one that is not on both sides.
    fn met(
        &self,
        spec: &GroupSpec,
        pairs: &[Pair<'_>],
        keys: &BTreeSet<ElementKey>,
        after: &PerSide<Option<Elements>>,
    ) -> Vec<(RecordId, Option<PerSide<ElementKey>>)> {
        let now = |pair: &Pair<'_>, side: Side| -> Option<ElementKey> {
            let present = pair.key(side)?;
            let Some((write, to)) =
                self.written(&spec.id, side).and_then(|write| Some((write, write.rekeyed(present)?)))
            else {
                return Some(present.clone());
            };
            let holds =
                |key: &ElementKey| after.at(side).as_ref().is_some_and(|after| after.contains_key(key));
            // The side may have kept the former one, unless that is another's now.
            let is_kept = || holds(present) && !write.brings(present);
            if holds(to) { Some(to.clone()) } else { is_kept().then(|| present.clone()) }
        };
        let met = pairs.iter().filter_map(|pair| {
            let is_taken = pair.keys().all(|key| keys.contains(key));
            let record = pair.record.filter(|_| is_taken)?.clone();
            let keys = now(pair, Side::Portal).zip(now(pair, Side::Crm));
            Some((record, keys.map(|(portal, crm)| PerSide::new(portal, crm))))
        });
        met.collect()
    }

    /// Whether a person's restoration of the group goes on after this pass.
    fn is_half_restored(&self, group: &GroupId) -> bool {
        let over = |id: &i64| self.plan.consumed.contains(id) || self.plan.handed_back.contains(id);
        self.deal.decisions.iter().any(|decision| {
            matches!(&decision.verdict, Verdict::Restore { group: of, .. } if of == group)
                && !over(&decision.id)
        })
    }
}

/// Whether nothing of the set is left to reconcile: only then are its windows closed and its refusals forgotten.
fn next_is_all(
    pair: &PerSide<GroupHeld>,
    read: &PerSide<Elements>,
    after: &PerSide<Option<Elements>>,
    lead: &crate::FieldId,
) -> bool {
    Side::BOTH.into_iter().all(|side| {
        let held = after.at(side).as_ref().unwrap_or(read.at(side));
        pair.at(side).get(lead).is_some_and(|base| base.elements() == *held)
    })
}
