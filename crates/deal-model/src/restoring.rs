//! A losing value comes back from the archive, to both sides at once (sync rules, section 3).

use crate::{
    Content, Element, ElementChange, ElementKey, Elements, GroupDecision, GroupHeld, GroupSpec, Held,
    PerSide, Plan, Side, Value, Verdict, Why, Write,
    decisions::shown_or_restored,
    fit_group,
    groups::Groups,
    merge::{holds_alike, is_empty},
    sets::apply,
    ties::name_of,
};

/// Why what a restoration overwrites is in the archive.
const RESTORED: &str = "a person restored another value";

impl Groups<'_> {
    /// What a person's restoration makes of the group; `None` if nobody decided one, or it cannot be carried out: then it
    /// is handed back, and the group goes its ordinary way.
    pub(crate) fn restored(
        &mut self,
        spec: &GroupSpec,
        held: &PerSide<GroupHeld>,
        plan: &mut Plan,
    ) -> Option<GroupDecision> {
        let (id, value) = self.input.deal.decisions.iter().find_map(|decision| match &decision.verdict {
            Verdict::Restore { group, value, shown, .. }
                if *group == spec.id && shown_or_restored(self.input, spec, shown, value, held) =>
            {
                Some((decision.id, value.clone()))
            }
            _ => None,
        })?;
        let writes = self.restoring(spec, held, &value);
        let to: Vec<Side> = Side::BOTH.into_iter().filter(|side| writes.at(*side).is_some()).collect();
        let open = self.writable(spec);
        let may = |side: Side| {
            // A record that many deals share is filled and never overwritten, by a person's restoration neither.
            let free = !spec.to.at(side).fill_only || is_empty(spec, held.at(side));
            *open.at(side) && free && (side == Side::Crm || !is_too_many(spec, writes.portal.as_ref()))
        };
        // What was shown or asked cannot be taken back, and half a restoration would only begin another difference.
        if spec.latch.is_some() || to.iter().any(|side| !may(*side)) {
            plan.handed_back.push(id);
            return None;
        }
        if spec.set.is_some() {
            plan.elements.push((spec.id.clone(), Vec::new()));
        }
        if to.is_empty() {
            plan.consumed.push(id);
            return Some(GroupDecision::Agree);
        }
        let PerSide { portal, crm } = writes;
        let (mut lost, mut waits) = (Vec::new(), None);
        for (side, write) in [(Side::Crm, crm), (Side::Portal, portal)] {
            let Some(write) = write else { continue };
            let over = overwritten(spec, &write);
            match self.push(spec, side, write, plan) {
                Ok(()) => lost.extend(over.map(|over| (side, over))),
                Err(reason) => waits = Some(reason),
            }
        }
        self.archive_restored_over(spec, &lost, plan);
        if let Some(waits) = waits {
            // The side that could be written holds the value then; the other one follows, and the base waits for both.
            return Some(waits);
        }
        plan.consumed.push(id);
        Some(if spec.set.is_some() { GroupDecision::Merge } else { GroupDecision::Write { to: to[0] } })
    }

    /// What has to be written where.
    fn restoring(
        &self,
        spec: &GroupSpec,
        held: &PerSide<GroupHeld>,
        value: &GroupHeld,
    ) -> PerSide<Option<Write>> {
        let units = &self.input.specs.minor_units;
        let write = |side: Side| {
            let content = if spec.set.is_some() {
                let lead = &spec.lead().id;
                let elements = |group: &GroupHeld| -> Elements {
                    group.get(lead).map(Held::elements).unwrap_or_default()
                };
                let there = elements(held.at(side));
                let change =
                    |(key, element): (ElementKey, Element)| match self.as_whom(spec, held, &key, &element) {
                        // They are there under another address, which a side corrects or keeps.
                        Some(keys) if !there.contains_key(&key) => {
                            let present = keys.at(side).clone();
                            let element = there.get(&present).filter(|_| may_rekey(spec, side))?.clone();
                            Some((present, ElementChange::Rekey { to: key, element }))
                        }
                        _ if there.get(&key) == Some(&element) => None,
                        _ => Some((key, ElementChange::Put(element))),
                    };
                let changes: Vec<_> = elements(value).into_iter().filter_map(change).collect();
                if changes.is_empty() {
                    return None;
                }
                Content::Elements(changes)
            } else {
                if holds_alike(spec, units, held.at(side), value) {
                    return None;
                }
                Content::Whole(fit_group(spec, units, value))
            };
            let instead_of = held.at(side).clone();
            Some(Write { group: spec.id.clone(), content, instead_of, why: Why::Restored, latch: None })
        };
        PerSide::new(write(Side::Portal), write(Side::Crm))
    }

    /// Who on both sides the archived element was, if they are there under another address: the only ones of whom all the
    /// same is said.
    fn as_whom(
        &self,
        spec: &GroupSpec,
        held: &PerSide<GroupHeld>,
        key: &ElementKey,
        element: &Element,
    ) -> Option<PerSide<ElementKey>> {
        name_of(element)?;
        let met = self.input.deal.memory.meet(spec, self.seen.crm, held);
        let said = |side: Side, key: &ElementKey| {
            let of = held.at(side).get(&spec.lead().id).map(Held::elements).unwrap_or_default();
            of.get(key).is_some_and(|present| present == element)
        };
        let is_it = |keys: &PerSide<ElementKey>| Side::BOTH.into_iter().any(|side| said(side, keys.at(side)));
        let mut found = met.into_values().filter(is_it);
        let keys = found.next().filter(|_| found.next().is_none())?;
        (keys.portal != *key || keys.crm != *key).then_some(keys)
    }

    /// A restoration can be taken back like any other choice: what it overwrites is kept, once if both sides held it.
    fn archive_restored_over(&self, spec: &GroupSpec, lost: &[(Side, GroupHeld)], plan: &mut Plan) {
        let units = &self.input.specs.minor_units;
        for (number, (side, value)) in lost.iter().enumerate() {
            if !lost[..number].iter().any(|(_, known)| holds_alike(spec, units, known, value)) {
                self.archive(spec, *side, value, RESTORED, plan);
            }
        }
    }
}

/// Whether the side can be given another address of the same person.
fn may_rekey(spec: &GroupSpec, side: Side) -> bool {
    spec.set.is_some_and(|bounds| *bounds.rekey.at(side))
}

/// What a restoration overwrites on one side: of a set, the elements that become others.
fn overwritten(spec: &GroupSpec, write: &Write) -> Option<GroupHeld> {
    let over = match &write.content {
        Content::Whole(_) => write.instead_of.clone(),
        Content::Elements(changes) => {
            let lead = &spec.lead().id;
            let mut there = write.instead_of.get(lead).map(Held::elements).unwrap_or_default();
            there.retain(|key, _| changes.iter().any(|(changed, _)| changed == key));
            [(lead.clone(), Held::Value(Value::Set(there)))].into()
        }
    };
    (!is_empty(spec, &over)).then_some(over)
}

/// Whether the portal would hold more elements than it may.
fn is_too_many(spec: &GroupSpec, write: Option<&Write>) -> bool {
    let (Some(bounds), Some(Write { content: Content::Elements(changes), instead_of, .. })) =
        (spec.set, write)
    else {
        return false;
    };
    let there = instead_of.get(&spec.lead().id).map(Held::elements).unwrap_or_default();
    let after = apply(&there, changes).len();
    after > bounds.max && after > there.len()
}
