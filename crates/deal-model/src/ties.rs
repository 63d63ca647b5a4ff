//! Who is who in a set of people: an element is the contact or user that it was tied to, so that a corrected e-mail
//! address is an edit and not one person gone and another come (sync rules, section 3).
//!
//! The CRM tells by its records' identifiers. The portal's people have none: one whose address is gone, and one whose
//! address is new, are the same where their name tells it and tells it of nobody else.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Element, ElementKey, Elements, GroupHeld, GroupSpec, Held, Memory, Observation, PerSide, RecordId, Side,
    Value,
};

/// The elements that were tied to records of the CRM: by record, the key that its element has on each side.
pub type Ties = BTreeMap<RecordId, PerSide<ElementKey>>;

/// The records that the CRM's elements are, each with its element's key; none for one that has no key at present.
pub type People = BTreeMap<RecordId, Option<ElementKey>>;

static NO_TIES: Ties = Ties::new();
static NOBODY: People = People::new();

/// Attributes that make up a person's name, where an element has them.
const NAMES: [&str; 2] = ["first_name", "last_name"];

/// An element under its key.
pub(crate) type Keyed<'a> = (&'a ElementKey, &'a Element);

/// One element of a set on both sides: as it is now, and as it was when last reconciled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pair<'a> {
    /// The record that it was tied to.
    pub(crate) record: Option<&'a RecordId>,
    pub(crate) now: PerSide<Option<Keyed<'a>>>,
    pub(crate) known: PerSide<Option<Keyed<'a>>>,
    /// Its record is there, and lost the key.
    pub(crate) keyless: bool,
}

impl<'a> Pair<'a> {
    /// Every key that it has or had.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a ElementKey> {
        let all = [self.now.portal, self.now.crm, self.known.portal, self.known.crm];
        all.into_iter().flatten().map(|(key, _)| key)
    }

    /// Its key on the side now.
    pub(crate) fn key(&self, side: Side) -> Option<&'a ElementKey> {
        self.now.at(side).map(|(key, _)| key)
    }

    /// Whether the side gave it another key since it was reconciled.
    pub(crate) fn is_rekeyed(&self, side: Side) -> bool {
        matches!((self.key(side), self.known.at(side)), (Some(now), Some((before, _))) if now != *before)
    }
}

/// What the pairing looks at.
#[derive(Clone, Copy)]
pub(crate) struct Meeting<'a> {
    pub(crate) ties: &'a Ties,
    pub(crate) base: Option<&'a PerSide<Elements>>,
    pub(crate) held: PerSide<&'a Elements>,
    pub(crate) people: &'a People,
}

impl<'a> Meeting<'a> {
    /// Every element that a side holds, each once: first those that are tied, then the others by key.
    pub(crate) fn pairs(&self) -> Vec<Pair<'a>> {
        let mut pairs = self.tied();
        self.place_crm(&mut pairs);
        pairs.retain(|pair| pair.record.is_some());
        self.place_portal(&mut pairs);
        for side in Side::BOTH {
            self.meet_again(&mut pairs, side);
        }
        pairs.retain(|pair| pair.keyless || pair.now.portal.is_some() || pair.now.crm.is_some());
        self.by_key(&mut pairs);
        pairs.sort_by_key(|pair| pair.key(Side::Crm).or(pair.key(Side::Portal)));
        pairs
    }

    fn held(&self, side: Side, key: &ElementKey) -> Option<Keyed<'a>> {
        self.held.at(side).get_key_value(key)
    }

    /// The pairs of the ties whose both halves the base has, not placed yet.
    fn tied(&self) -> Vec<Pair<'a>> {
        let Some(base) = self.base else { return Vec::new() };
        let pair = |(record, keys): (&'a RecordId, &'a PerSide<ElementKey>)| {
            let known = |side: Side| -> Option<Keyed<'a>> { base.at(side).get_key_value(keys.at(side)) };
            let known = PerSide::new(Some(known(Side::Portal)?), Some(known(Side::Crm)?));
            Some(Pair { record: Some(record), known, ..Pair::default() })
        };
        self.ties.iter().filter_map(pair).collect()
    }

    /// Where the records are now. One whose address another record has taken over is tied no longer: its `record` goes,
    /// and its element is told by its key.
    fn place_crm(&self, pairs: &mut [Pair<'a>]) {
        let mut taken = BTreeSet::new();
        let told = |pair: &Pair<'a>| pair.record.and_then(|record| self.people.get(record));
        // Who kept an address comes before who comes to it.
        for stayed in [true, false] {
            for pair in pairs.iter_mut() {
                let Some(Some(key)) = told(pair) else { continue };
                let is_same = pair.known.crm.is_some_and(|(before, _)| before == key);
                if is_same == stayed
                    && pair.now.crm.is_none()
                    && let Some(found) = self.held(Side::Crm, key)
                    && taken.insert(found.0)
                {
                    pair.now.crm = Some(found);
                }
            }
        }
        for pair in pairs.iter_mut().filter(|pair| pair.now.crm.is_none()) {
            let before = pair.known.crm.and_then(|(before, _)| self.held(Side::Crm, before));
            if before.is_some_and(|(key, _)| !taken.contains(key)) {
                pair.record = None;
            } else {
                pair.keyless = matches!(told(pair), Some(None));
            }
        }
    }

    /// Where the portal's people are now: at their own address as long as they have their name there, else where their
    /// name is found.
    fn place_portal(&self, pairs: &mut [Pair<'a>]) {
        let mut away = Vec::new();
        let mut free: BTreeSet<&'a ElementKey> = self.held.portal.keys().collect();
        for (at, pair) in pairs.iter_mut().enumerate() {
            let Some((before, was)) = pair.known.portal else { continue };
            let found = self.held(Side::Portal, before);
            let name = name_of(was);
            if let Some((key, is)) = found
                && (name.is_none() || name == name_of(is))
            {
                free.remove(key);
                pair.now.portal = found;
            } else {
                away.push(at);
            }
        }
        if let Some(base) = self.base {
            // Who was there before, and is nobody's who went away, is who they were.
            let left: BTreeSet<&ElementKey> =
                away.iter().filter_map(|at| pairs[*at].known.portal).map(|(key, _)| key).collect();
            free.retain(|key| left.contains(key) || !base.portal.contains_key(*key));
        }
        for exact in [false, true] {
            let alike = |at: &usize, key: &ElementKey| {
                let (Some((_, was)), Some((_, is))) = (pairs[*at].known.portal, self.held(Side::Portal, key))
                else {
                    return false;
                };
                name_of(was).is_some() && name_of(was) == name_of(is) && (!exact || was == is)
            };
            let only = |at: &usize| {
                let mut found = free.iter().filter(|key| alike(at, key));
                let key = *found.next().filter(|_| found.next().is_none())?;
                let is_only = away.iter().filter(|other| alike(other, key)).count() == 1;
                is_only.then_some((*at, key))
            };
            let met: Vec<(usize, &'a ElementKey)> = away.iter().filter_map(only).collect();
            for (at, key) in met {
                free.remove(key);
                away.retain(|other| *other != at);
                pairs[at].now.portal = self.held(Side::Portal, key);
            }
        }
        for at in away {
            // Nobody else came to the address: whoever is there is told by it, under another name.
            let own = pairs[at].known.portal.and_then(|(before, _)| self.held(Side::Portal, before));
            pairs[at].now.portal = own.filter(|(key, _)| free.remove(key));
        }
    }

    /// Whoever has an address across that somebody on this side has too is that one, whatever was known of them: what the
    /// side holds at their former address is left behind there.
    fn meet_again(&self, pairs: &mut Vec<Pair<'a>>, side: Side) {
        let across = side.other();
        for at in 0..pairs.len() {
            let pair = &pairs[at];
            // Who has left an address here made room at it.
            let elsewhere =
                |key: &&ElementKey| !pair.keyless && !pair.is_rekeyed(side) && pair.key(side) != Some(*key);
            let Some(key) = pair.key(across).filter(elsewhere) else { continue };
            let Some(found) = self.held(side, key) else { continue };
            // Both were there when the two were told apart.
            let is_settled = self.base.is_some_and(|base| base.at(side).contains_key(key));
            if is_settled && !pair.is_rekeyed(across) {
                continue;
            }
            let holder = pairs.iter().position(|pair| pair.key(side) == Some(key));
            match holder {
                // Somebody who is on both sides keeps it, and a record of the CRM is nobody else.
                Some(holder)
                    if side == Side::Crm
                        || pairs[holder].now.at(across).is_some()
                        || pairs[holder].keyless =>
                {
                    continue;
                }
                Some(holder) => *pairs[holder].now.at_mut(side) = None,
                None => {}
            }
            if let Some(left) = pairs[at].now.at(side) {
                let mut behind = Pair { known: pairs[at].known, ..Pair::default() };
                *behind.now.at_mut(side) = Some(*left);
                pairs.push(behind);
                pairs[at].known = PerSide::default();
            }
            *pairs[at].now.at_mut(side) = Some(found);
            if side == Side::Crm
                && let Some(record) = self.record_at(key)
            {
                pairs[at].record = Some(record);
            }
        }
    }

    /// The record of the CRM that has the key now.
    fn record_at(&self, key: &ElementKey) -> Option<&'a RecordId> {
        self.people.iter().find(|(_, now)| now.as_ref() == Some(key)).map(|(record, _)| record)
    }

    /// The elements that no tie has placed are the same where they have the same key.
    fn by_key(&self, pairs: &mut Vec<Pair<'a>>) {
        let of = |side: Side| pairs.iter().filter_map(|pair| pair.key(side)).collect::<BTreeSet<_>>();
        let placed = PerSide::new(of(Side::Portal), of(Side::Crm));
        let known = |side: Side| {
            let keys = pairs.iter().filter_map(|pair| *pair.known.at(side)).map(|(key, _)| key);
            keys.collect::<BTreeSet<_>>()
        };
        let known = PerSide::new(known(Side::Portal), known(Side::Crm));
        let mut keys: Vec<&ElementKey> = self.held.crm.keys().chain(self.held.portal.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let now = |side: Side| self.held(side, key).filter(|_| !placed.at(side).contains(key));
            let before =
                |side: Side| self.base?.at(side).get_key_value(key).filter(|_| !known.at(side).contains(key));
            let now = PerSide::new(now(Side::Portal), now(Side::Crm));
            if now.portal.is_some() || now.crm.is_some() {
                let known = PerSide::new(before(Side::Portal), before(Side::Crm));
                pairs.push(Pair { now, known, ..Pair::default() });
            }
        }
    }
}

/// All keys of the elements that have any of `keys`, and of those that share a key with one of these.
pub(crate) fn with_all_keys(pairs: &[Pair<'_>], mut keys: BTreeSet<ElementKey>) -> BTreeSet<ElementKey> {
    loop {
        let before = keys.len();
        for pair in pairs {
            if pair.keys().any(|key| keys.contains(key)) {
                keys.extend(pair.keys().cloned());
            }
        }
        if keys.len() == before {
            return keys;
        }
    }
}

/// All keys of several elements that share keys, if any of them is among `keys`: they go across together.
pub(crate) fn entangled(pairs: &[Pair<'_>], keys: &BTreeSet<ElementKey>) -> BTreeSet<ElementKey> {
    let mut tangled = BTreeSet::new();
    if keys.is_empty() {
        return tangled;
    }
    for pair in pairs {
        let own: BTreeSet<ElementKey> = pair.keys().cloned().collect();
        let all = with_all_keys(pairs, own);
        let several = pairs.iter().filter(|other| other.keys().any(|key| all.contains(key))).count() > 1;
        if several && !all.is_disjoint(keys) {
            tangled.extend(all);
        }
    }
    tangled
}

impl Memory {
    /// What was tied in the set.
    pub(crate) fn ties_of(&self, spec: &GroupSpec) -> &Ties {
        self.ties.get(&spec.id).unwrap_or(&NO_TIES)
    }

    /// Under which keys those who were tied are now.
    pub(crate) fn meet(&self, spec: &GroupSpec, crm: &Observation, held: &PerSide<GroupHeld>) -> Ties {
        let lead = &spec.lead().id;
        let elements = |group: &GroupHeld| group.get(lead).map(Held::elements).unwrap_or_default();
        let of = |pair: &PerSide<GroupHeld>| PerSide::new(elements(&pair.portal), elements(&pair.crm));
        let (base, held) = (self.base.get(&spec.id).map(of), of(held));
        let held = PerSide::new(&held.portal, &held.crm);
        let (ties, people) = (self.ties_of(spec), crm.people_of(spec));
        let pairs = Meeting { ties, base: base.as_ref(), held, people }.pairs();
        let met = pairs.iter().filter_map(|pair| {
            let keys = PerSide::new(pair.key(Side::Portal)?.clone(), pair.key(Side::Crm)?.clone());
            Some((pair.record?.clone(), keys))
        });
        met.collect()
    }

    /// The referral's set with everybody under the key that they have on the opportunity: `held` is what both sides hold.
    pub fn named_as_in_the_crm(
        &self,
        spec: &GroupSpec,
        crm: &Observation,
        held: &PerSide<GroupHeld>,
    ) -> GroupHeld {
        let lead = &spec.lead().id;
        let ties = self.meet(spec, crm, held);
        let across = |key: ElementKey| {
            let tie = ties.values().find(|keys| keys.portal == key);
            tie.map_or(key, |keys| keys.crm.clone())
        };
        let mut named = held.portal.clone();
        if let Some(set) = named.get_mut(lead) {
            let renamed = set.elements().into_iter().map(|(key, element)| (across(key), element)).collect();
            *set = Held::Value(Value::Set(renamed));
        }
        named
    }

    /// Ties whoever the base has under one key on both sides, and unties whom it has no longer on both. `crm` is the
    /// opportunity as it was read last.
    pub(crate) fn tie(&mut self, spec: &GroupSpec, crm: Option<&Observation>) {
        let lead = &spec.lead().id;
        let people = crm.and_then(Observation::crm).and_then(|facts| facts.people.get(lead));
        let mut ties = self.ties.remove(&spec.id).unwrap_or_default();
        let Some(base) = self.base.get(&spec.id) else { return };
        let people = people.unwrap_or(&NOBODY);
        let elements = |side: Side| base.at(side).get(lead).map(Held::elements).unwrap_or_default();
        let base = PerSide::new(elements(Side::Portal), elements(Side::Crm));
        let has = |keys: &PerSide<ElementKey>| {
            base.portal.contains_key(&keys.portal) && base.crm.contains_key(&keys.crm)
        };
        // Somebody else may have come to the address of one who left.
        let is_still = |record: &RecordId, keys: &PerSide<ElementKey>| {
            people.contains_key(record) || !people.values().flatten().any(|key| *key == keys.crm)
        };
        ties.retain(|record, keys| has(keys) && is_still(record, keys));
        for (record, key) in people {
            let Some(key) = key else { continue };
            let alike = PerSide::new(key.clone(), key.clone());
            let is_taken = |other: &PerSide<ElementKey>| other.portal == *key || other.crm == *key;
            if has(&alike) && !ties.contains_key(record) && !ties.values().any(is_taken) {
                ties.insert(record.clone(), alike);
            }
        }
        if !ties.is_empty() {
            self.ties.insert(spec.id.clone(), ties);
        }
    }
}

impl Observation {
    /// Who the set's people are, as far as the side tells.
    pub(crate) fn people_of(&self, spec: &GroupSpec) -> &People {
        self.crm().and_then(|facts| facts.people.get(&spec.lead().id)).unwrap_or(&NOBODY)
    }
}

/// The name of a person, as names are compared; none without one.
pub(crate) fn name_of(element: &Element) -> Option<String> {
    let name = written_name(element)?;
    Some(name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The name of a person, as it is written; none without one.
pub(crate) fn written_name(element: &Element) -> Option<String> {
    let text = |name: &str| match element.0.get(name) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let name: Vec<&str> = NAMES.into_iter().filter_map(text).collect();
    (!name.is_empty()).then(|| name.join(" "))
}
