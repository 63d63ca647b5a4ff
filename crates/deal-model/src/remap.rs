//! What a changed mapping does to a linked deal: a base that was made under another definition is made anew from what
//! both sides hold now, and nothing is written for it (sync rules, section 5).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Fingerprint, GroupHeld, GroupId, GroupSpec, Life, Memory, Observation, PerSide, Side, Specs, Window,
    digest, fingerprint,
    merge::{comparable, is_empty},
    planner::known,
    settle::nothing,
};

/// What the mapping means, without its labels and policies: a base says something only under the definition that it was
/// made under.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definitions {
    /// Of each group: its places, codecs, tables, members and directions. A group without one is never made anew.
    pub groups: BTreeMap<GroupId, Fingerprint>,
    /// Of the lifecycle: stages and reasons.
    pub life: Option<Fingerprint>,
    /// Of the seller's answer: the field that it is read from.
    #[serde(default)]
    pub answer: Option<Fingerprint>,
}

/// What a deal remembers of the mapping that it was reconciled under.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapped {
    /// The definitions that its bases were made under; none before both sides were seen for the first time.
    pub under: Option<Definitions>,
    /// The groups that differ since the mapping changed, each since when.
    pub differs: BTreeMap<GroupId, Timestamp>,
    /// The same of the stages.
    pub life_differs: Option<Timestamp>,
    /// The groups' definitions, in one, that the other organisation's record was read under last; none before that.
    #[serde(default)]
    pub companion: Option<Fingerprint>,
}

impl Definitions {
    /// What the groups mean, in one.
    pub(crate) fn of_groups(&self) -> Fingerprint {
        let groups = self.groups.iter().map(|(group, is)| format!("{group}\u{1f}{}\u{1e}", is.0));
        digest(&groups.collect::<String>())
    }
}

impl Mapped {
    /// Whether nothing differs on account of a change of the mapping.
    pub fn is_settled(&self) -> bool {
        self.differs.is_empty() && self.life_differs.is_none()
    }

    /// Whether the base of `group` says something under the present mapping.
    pub(crate) fn is_current(&self, group: &GroupId, present: &Definitions) -> bool {
        self.under.as_ref().is_none_or(|under| under.groups.get(group) == present.groups.get(group))
    }
}

/// The memory with every base made anew whose definition is no longer the present one; `None` if there is none.
///
/// Both halves take what the sides hold under the present mapping, so that only a later edit is a change. Where they
/// differ and could be written, the deal remembers that they differ since the mapping changed. A group of which a side
/// cannot be read stays as it is, and is not decided either, until it can.
///
/// Of the lifecycle only the opportunity's half is made anew: the file says what its stages mean, and nothing about the
/// referral's own words. What happened there meanwhile, and a seller's answer that was not carried out yet, go on.
pub fn remapped(
    memory: &Memory,
    specs: &Specs,
    seen: PerSide<Option<&Observation>>,
    now: Timestamp,
) -> Option<Memory> {
    let (portal, crm) = (seen.portal?, seen.crm?);
    let under = memory.mapped.under.as_ref()?;
    if *under == specs.definitions || !crm.crm().is_some_and(|facts| facts.opted_in) {
        return None;
    }
    let mut next = memory.clone();
    let mut under = under.clone();
    // A group that was taken out and comes back is new: what changed meanwhile is nobody's edit.
    under.groups.retain(|group, _| specs.definitions.groups.contains_key(group));
    next.mapped.differs.retain(|group, _| specs.definitions.groups.contains_key(group));
    let seen = PerSide::new(portal, crm);
    for spec in &specs.groups {
        let Some(present) = specs.definitions.groups.get(&spec.id) else { continue };
        if under.groups.get(&spec.id) == Some(present) {
            continue;
        }
        if let Some(pair) = present_pair(memory, specs, spec, seen) {
            under.groups.insert(spec.id.clone(), present.clone());
            next.rebase(spec, specs, seen, pair, now);
        }
    }
    let stand = PerSide::new(portal.life.clone(), crm.life.clone());
    let known = !Side::BOTH.into_iter().any(|side| matches!(stand.at(side), Life::Unknown { .. }));
    if under.life != specs.definitions.life && known {
        under.life.clone_from(&specs.definitions.life);
        if next.life.is_some() {
            let mut alike = stand.crm.stands_with(&stand.portal);
            if under.answer != specs.definitions.answer {
                // What another field says is no answer to this referral, until somebody changes it.
                next.answered = crm.crm().and_then(|facts| facts.response);
                alike &= !next.is_unheard(portal, crm);
            }
            next.mapped.life_differs = (!alike).then_some(now);
            let portal = next.life.take().map_or(stand.portal, |base| base.portal);
            next.life = Some(PerSide::new(portal, stand.crm));
        }
        under.answer.clone_from(&specs.definitions.answer);
    }
    next.mapped.under = Some(under);
    (next != *memory).then_some(next)
}

/// What both sides hold of a group now.
fn present_pair(
    memory: &Memory,
    specs: &Specs,
    spec: &GroupSpec,
    seen: PerSide<&Observation>,
) -> Option<PerSide<GroupHeld>> {
    let held = |side: Side| known(seen.at(side), &spec.members, memory, |reading| &reading.held);
    let crm = held(Side::Crm)?;
    let facts = seen.portal.portal();
    let fresh = facts.is_some_and(|facts| facts.companion_fields.is_some());
    if !fresh && memory.companion.contains_key(&spec.lead().id) && !memory.knows_companion(specs) {
        // What is remembered of the other organisation's record was read under the former definition.
        return None;
    }
    let portal = held(Side::Portal);
    // Nobody is asked yet, so nothing is held there.
    let portal = if spec.asks_help() { portal.or_else(|| Some(nothing(spec))) } else { portal };
    Some(PerSide::new(portal?, crm))
}

impl Memory {
    /// Whether the other organisation's record was read, and its fields mean now what they meant then. Until it is read
    /// anew their bases cannot be, and its next change would be taken for what was always there.
    pub fn knows_companion(&self, specs: &Specs) -> bool {
        self.mapped.companion.as_ref() == Some(&specs.definitions.of_groups())
    }

    /// Whether there is an answer that counts for nothing, though the referral waits for one. Where the mapping reads it
    /// from another field than before, a person is shown it.
    fn is_unheard(&self, portal: &Observation, crm: &Observation) -> bool {
        let response = crm.crm().and_then(|facts| facts.response);
        portal.life == Life::Received && response.is_some() && response == self.answered
    }

    fn rebase(
        &mut self,
        spec: &GroupSpec,
        specs: &Specs,
        seen: PerSide<&Observation>,
        pair: PerSide<GroupHeld>,
        now: Timestamp,
    ) {
        let window =
            |side: Side| Some(Window::settled(fingerprint(pair.at(side)), seen.at(side).version.stamp));
        let windows = PerSide::new(window(Side::Portal), window(Side::Crm));
        let writable = |side: Side| {
            let route = spec.to.at(side);
            let open = side == Side::Crm || !seen.portal.life.is_closed();
            open && route.update && (!route.fill_only || is_empty(spec, pair.at(side)))
        };
        let alike = self.agree(spec, specs, seen, &pair);
        if alike || !Side::BOTH.into_iter().any(writable) || seen.portal.life.is_closed() {
            self.mapped.differs.remove(&spec.id);
        } else {
            self.mapped.differs.insert(spec.id.clone(), now);
        }
        self.windows.insert(spec.id.clone(), windows);
        self.fuse.remove(&spec.id);
        self.rejected.retain(|rejection| rejection.group != spec.id);
        // Who is who does not depend on what a mapping makes of them.
        let met = spec.set.is_some().then(|| self.meet(spec, seen.crm, &pair));
        self.base.insert(spec.id.clone(), pair);
        if let Some(met) = met {
            self.ties.insert(spec.id.clone(), met);
            self.tie(spec, Some(seen.crm));
        }
    }

    /// Whether both sides hold the same of a group, or one of them what the other would send.
    pub(crate) fn agree(
        &self,
        spec: &GroupSpec,
        specs: &Specs,
        seen: PerSide<&Observation>,
        pair: &PerSide<GroupHeld>,
    ) -> bool {
        let fitted = |group: &GroupHeld| comparable(spec, &specs.minor_units, group);
        let sent = |side: Side| known(seen.at(side), &spec.members, self, |reading| &reading.sends);
        fitted(&pair.portal) == fitted(&pair.crm)
            || Side::BOTH.into_iter().any(|from| {
                sent(from).is_some_and(|sent| {
                    !is_empty(spec, &sent) && fitted(&sent) == fitted(pair.at(from.other()))
                })
            })
    }

    /// After a pass: remembers the definitions of a deal that was seen whole for the first time, and ends what was said
    /// of groups that were written or are equal now.
    pub(crate) fn end_marks(
        &mut self,
        specs: &Specs,
        seen: PerSide<Option<&Observation>>,
        written: impl Fn(&GroupId) -> bool,
    ) {
        let (Some(portal), Some(crm)) = (seen.portal, seen.crm) else { return };
        if self.mapped.under.is_none() {
            self.mapped.under = Some(specs.definitions.clone());
        }
        let seen = PerSide::new(portal, crm);
        let over = |group: &GroupId| {
            let Some(spec) = specs.group(group) else { return true };
            let pair = present_pair(self, specs, spec, seen);
            written(group) || pair.is_some_and(|pair| self.agree(spec, specs, seen, &pair))
        };
        let over: Vec<GroupId> = self.mapped.differs.keys().filter(|group| over(group)).cloned().collect();
        self.mapped.differs.retain(|group, _| !over.contains(group));
        if crm.life.stands_with(&portal.life) && !self.is_unheard(portal, crm) {
            self.mapped.life_differs = None;
        }
    }
}
