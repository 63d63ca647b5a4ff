//! A set's group: from the ruling per element to writes, with what must stay as it was.

use std::collections::BTreeSet;

use crate::{
    Content, Element, ElementChange, ElementKey, Elements, GroupDecision, GroupHeld, GroupSpec, Held,
    PerSide, Plan, ProblemClass, Side, Value, Why, Write,
    groups::{Decided, Groups, PORTAL_CLOSED_FIRST, note_fixed},
    sets::{Broken, Loss, SetCase, SetRuling},
    ties::{Meeting, Pair, entangled, with_all_keys, written_name},
};

impl Groups<'_> {
    pub(crate) fn set(
        &mut self,
        spec: &GroupSpec,
        held: &PerSide<GroupHeld>,
        sends: &PerSide<GroupHeld>,
        decided: Option<Decided>,
        plan: &mut Plan,
    ) -> GroupDecision {
        let Some(bounds) = spec.set else { return GroupDecision::Nothing };
        let lead = &spec.lead().id;
        let elements = |group: &GroupHeld| group.get(lead).map(Held::elements).unwrap_or_default();
        let now = PerSide::new(elements(&held.portal), elements(&held.crm));
        let base = self.input.deal.memory.base.get(&spec.id);
        // A person decides about all that differs since the mapping changed, not only about what was edited.
        let remapped = self.input.deal.memory.mapped.differs.contains_key(&spec.id);
        let last = base.map(|base| PerSide::new(elements(&base.portal), elements(&base.crm)));
        let meeting = Meeting {
            ties: self.input.deal.memory.ties_of(spec),
            base: last.as_ref(),
            held: PerSide::new(&now.portal, &now.crm),
            people: self.seen.crm.people_of(spec),
        };
        let mut pairs = meeting.pairs();
        let base = last.as_ref().filter(|_| decided.is_none() || !remapped);
        if base.is_none() {
            for pair in &mut pairs {
                pair.known = PerSide::default();
            }
        }
        let may = self.writable(spec);
        let fill = |to: Side| !spec.to.at(to).fill_only || now.at(to).is_empty();
        let case = SetCase {
            spec,
            bounds,
            held: PerSide::new(&now.portal, &now.crm),
            pairs: &pairs,
            windows: self.windows(spec, held),
            writable: PerSide::new(may.portal && fill(Side::Portal), may.crm && fill(Side::Crm)),
            born: self.input.deal.born,
            decided: decided.map(|decided| decided.winner),
            asks_again: self.input.asks_again(spec),
        };
        let facts = self.seen.crm.crm();
        let mut ruling = if bounds.add_only { case.grow(facts) } else { case.rule() };
        for holder in Side::BOTH {
            for (key, _) in ruling.left_out.iter().filter(|(_, of)| *of == holder) {
                let Some(element) = now.at(holder).get(key) else { continue };
                let told = spec.tell_left_out(holder, key, element, facts);
                if base.is_none_or(|base| base.at(holder).get(key) != Some(element)) {
                    plan.left_out.push(told.clone());
                }
                plan.notes.push(told);
            }
        }
        let not_agreed = ruling.ask.iter().chain(&ruling.over).chain(&ruling.parted).chain(&ruling.clash);
        let mut waiting: BTreeSet<ElementKey> = not_agreed.cloned().collect();
        say_broken(spec, &ruling, plan);
        say_clash(spec, &ruling, plan);
        if !ruling.ask.is_empty() {
            self.ask(spec, held, plan);
        }
        let mut why_not = (!ruling.ask.is_empty()).then_some(GroupDecision::Ask);
        let mut written = Vec::new();
        for to in Side::BOTH {
            let changes = std::mem::take(ruling.to.at_mut(to));
            if changes.is_empty() {
                continue;
            }
            let keys: Vec<ElementKey> = changes.iter().map(|(key, _)| key.clone()).collect();
            let from = to.other();
            // What a side holds but does not send is nobody's business across.
            let withheld = elements(sends.at(from)).is_empty() && !now.at(from).is_empty();
            let pushed = if withheld {
                Err(GroupDecision::Pending { reason: "it is not sent at present".to_owned() })
            } else {
                let write = Write {
                    group: spec.id.clone(),
                    content: Content::Elements(changes),
                    instead_of: held.at(to).clone(),
                    why: if decided.is_some() { Why::Decided } else { Why::Changed },
                    latch: None,
                };
                self.push(spec, to, write, plan)
            };
            match pushed {
                Ok(()) => written.push((to, keys)),
                Err(waits) => {
                    why_not = why_not.or(Some(waits));
                    waiting.extend(keys);
                }
            }
        }
        let waits = entangled(&pairs, &waiting);
        let mut wrote = false;
        for (to, mut keys) in written {
            // Half of it written would be told for good from those whose other half waits.
            keys.retain(|key| !waits.contains(key));
            self.hold_back(spec, to, &waits);
            wrote |= !keys.is_empty();
            for loss in ruling.lost.iter().filter(|loss| loss.side == to && keys.contains(&loss.key)) {
                self.archive_loss(spec, loss, plan);
            }
        }
        if let Some(decided) = decided
            && why_not.is_none()
        {
            plan.consumed.push(decided.id);
        }
        // Where the portal refuses changes, what was changed waits until it may be sent again: no base takes it.
        let is_new = |key: &ElementKey| {
            let pair = |of: &PerSide<Elements>| (of.portal.get(key).cloned(), of.crm.get(key).cloned());
            let (portal, crm) = pair(&now);
            portal != crm && base.map(pair) != Some((portal, crm))
        };
        let waiting = with_all_keys(&pairs, waiting);
        // What waits is archived when it is over.
        if self.seen.portal.life.is_closed() && spec.to.portal.update && !bounds.add_only {
            for loss in unsent(&now, base).into_iter().filter(|loss| !waiting.contains(&loss.key)) {
                self.archive_loss(spec, &loss, plan);
            }
        }
        let written = with_all_keys(&pairs, self.written_keys(spec).into_iter().collect());
        let rest = all_keys(&now, base).into_iter().filter(|key| !written.contains(key));
        let (held_back, rest): (BTreeSet<_>, BTreeSet<_>) = rest.partition(|key| spec.fixed && is_new(key));
        if !held_back.is_empty() {
            note_fixed(spec, plan);
            why_not = why_not.or(Some(GroupDecision::Drift));
        }
        self.say_apart(spec, &pairs, plan);
        let held_back = with_all_keys(&pairs, held_back);
        // Every element that neither waits nor is written is as it may be.
        let is_agreed = |key: &ElementKey| !waiting.contains(key) && !held_back.contains(key);
        let agreed: Vec<ElementKey> = rest.into_iter().filter(is_agreed).collect();
        let alike = base == Some(&now);
        plan.elements.push((spec.id.clone(), agreed));
        if !waiting.is_empty() {
            plan.held_back.push((spec.id.clone(), waiting.into_iter().collect()));
        }
        match why_not {
            _ if wrote => GroupDecision::Merge,
            Some(why_not) => why_not,
            None if alike => GroupDecision::Nothing,
            None => GroupDecision::Agree,
        }
    }

    /// Somebody has another address on each side, and neither goes across: a person is told, and may correct it.
    fn say_apart(&self, spec: &GroupSpec, pairs: &[Pair<'_>], plan: &mut Plan) {
        for pair in pairs {
            let (Some((portal, _)), Some((crm, element))) = (pair.now.portal, pair.now.crm) else { continue };
            let keys = [(Side::Portal, portal), (Side::Crm, crm)];
            let is_corrected = keys.iter().any(|(side, key)| {
                self.writes(*side).iter().any(|write| write.group == spec.id && write.rekeyed(key).is_some())
            });
            if portal != crm && !is_corrected {
                let name = written_name(element).unwrap_or_else(|| "one of them".to_owned());
                plan.notes.push(format!(
                    "{}: {name} is {} on the referral and {} on the opportunity; correct the one that is wrong.",
                    spec.label(),
                    portal.0,
                    crm.0
                ));
            }
        }
    }

    /// Takes elements out of what was to be written, all of them if it is nothing else.
    fn hold_back(&mut self, spec: &GroupSpec, to: Side, keys: &BTreeSet<ElementKey>) {
        self.retain_writes(to, |write| {
            let Content::Elements(changes) = &mut write.content else { return true };
            if write.group == spec.id {
                changes.retain(|(key, _)| !keys.contains(key));
            }
            !changes.is_empty()
        });
    }

    fn written_keys(&self, spec: &GroupSpec) -> Vec<ElementKey> {
        Side::BOTH
            .into_iter()
            .flat_map(|side| self.writes(side))
            .filter(|write| write.group == spec.id)
            .flat_map(|write| write.keys().cloned().collect::<Vec<_>>())
            .collect()
    }

    fn archive_loss(&self, spec: &GroupSpec, loss: &Loss, plan: &mut Plan) {
        let elements = Elements::from([(loss.key.clone(), loss.element.clone())]);
        let group = [(spec.lead().id.clone(), Held::Value(Value::Set(elements)))].into();
        self.archive(spec, loss.side, &group, loss.reason, plan);
    }
}

impl Write {
    /// The elements it changes, if it is one of a set, by all their keys on the side.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &ElementKey> {
        let changes: &[(ElementKey, ElementChange)] = match &self.content {
            Content::Elements(changes) => changes,
            Content::Whole(_) => &[],
        };
        changes.iter().flat_map(|(key, change)| {
            let to = match change {
                ElementChange::Rekey { to, .. } => Some(to),
                ElementChange::Put(_) | ElementChange::Remove => None,
            };
            std::iter::once(key).chain(to)
        })
    }

    /// Whether an element gets this key by it.
    pub(crate) fn brings(&self, key: &ElementKey) -> bool {
        let Content::Elements(changes) = &self.content else { return false };
        changes.iter().any(|(of, change)| match change {
            ElementChange::Put(_) => of == key,
            ElementChange::Rekey { to, .. } => to == key,
            ElementChange::Remove => false,
        })
    }

    /// The key that it gives the element under `key`, if it gives it another.
    pub(crate) fn rekeyed(&self, key: &ElementKey) -> Option<&ElementKey> {
        let Content::Elements(changes) = &self.content else { return None };
        changes.iter().find_map(|(from, change)| match change {
            ElementChange::Rekey { to, .. } if from == key => Some(to),
            _ => None,
        })
    }
}

fn all_keys(now: &PerSide<Elements>, base: Option<&PerSide<Elements>>) -> Vec<ElementKey> {
    let of = |pair: &PerSide<Elements>| -> Vec<ElementKey> {
        pair.portal.keys().chain(pair.crm.keys()).cloned().collect()
    };
    let mut keys = of(now);
    keys.extend(base.map(of).unwrap_or_default());
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Two elements that would have one key are left as they are, and a person is told.
fn say_clash(spec: &GroupSpec, ruling: &SetRuling, plan: &mut Plan) {
    if ruling.clash.is_empty() {
        return;
    }
    let keys: BTreeSet<&str> = ruling.clash.iter().map(|key| key.0.as_str()).collect();
    plan.problem(
        ProblemClass::Data,
        Some(&spec.id),
        format!(
            "{}: two would be \"{}\" on one side, where they are told apart by it.",
            spec.label(),
            keys.into_iter().collect::<Vec<_>>().join("\", \"")
        ),
        "Correct the one that is wrong, or take one of them out.",
    );
}

/// What a seller changed and nobody sent before the portal closed; it leaves the opportunity's base behind only once.
fn unsent(now: &PerSide<Elements>, base: Option<&PerSide<Elements>>) -> Vec<Loss> {
    let Some(base) = base else { return Vec::new() };
    let alone = |(key, element): &(&ElementKey, &Element)| {
        base.crm.get(*key) != Some(element) && now.portal.get(*key) != Some(element)
    };
    now.crm
        .iter()
        .filter(alone)
        .map(|(key, element)| Loss {
            side: Side::Crm,
            key: key.clone(),
            element: element.clone(),
            reason: PORTAL_CLOSED_FIRST,
        })
        .collect()
}

fn say_broken(spec: &GroupSpec, ruling: &SetRuling, plan: &mut Plan) {
    let (sentence, next_step) = match ruling.breaks {
        None => return,
        Some(Broken::TooFew(min)) => (
            format!("A referral needs at least {min} of {}.", spec.label()),
            "Add another one before removing the last.",
        ),
        Some(Broken::TooMany(max)) => (
            format!("A referral holds at most {max} of {}.", spec.label()),
            "Remove some on the opportunity.",
        ),
    };
    plan.problem(ProblemClass::Data, Some(&spec.id), sentence, next_step);
}
