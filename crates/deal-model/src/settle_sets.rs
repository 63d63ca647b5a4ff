//! The base of a set after a pass: element by element.

use crate::{
    ElementKey, Elements, GroupHeld, GroupId, GroupSpec, Held, Memory, PerSide, SettleInput, Side, Value,
    Verdict, settle::held_by,
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

        let (mut done, mut failed) = (PerSide::<Vec<&ElementKey>>::default(), Vec::new());
        for side in Side::BOTH {
            for (write, wrote) in self.writes(&spec.id, side) {
                // Without a read-back nobody knows what the side holds now.
                if wrote && after.at(side).is_some() {
                    done.at_mut(side).extend(write.keys());
                } else {
                    failed.extend(write.keys());
                }
            }
        }
        let agreed =
            self.plan.elements.iter().filter(|(group, _)| *group == spec.id).flat_map(|(_, keys)| keys);
        let mut keys: Vec<&ElementKey> = agreed.chain(done.portal.iter().chain(&done.crm).copied()).collect();
        if self.is_half_restored(&spec.id) {
            // The other half waits: in the base, the half that is done would be a removal on the other side.
            keys.clear();
        }
        keys.retain(|key| !failed.contains(key));
        keys.sort_unstable();
        keys.dedup();

        let not_added = |key: &ElementKey| after.crm.as_ref().is_some_and(|held| !held.contains_key(key));
        if spec.only_grows() && done.crm.iter().copied().any(not_added) {
            memory.not_added.insert(spec.id.clone(), self.now);
        }
        let old = memory.base.get(&spec.id);
        if old.is_none() && keys.is_empty() && !(read.portal.is_empty() && read.crm.is_empty()) {
            return;
        }
        let mut next = old
            .map_or_else(PerSide::default, |pair| PerSide::new(elements(&pair.portal), elements(&pair.crm)));
        for key in keys {
            for side in Side::BOTH {
                let source = if done.at(side).contains(&key) { after.at(side).as_ref() } else { None };
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
        for to in Side::BOTH {
            if let Some(write) = self.written(&spec.id, to) {
                self.light_fuse(memory, spec, to, write);
            }
        }
    }
}

impl SettleInput<'_> {
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
