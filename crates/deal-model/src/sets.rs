//! The three-way merge of a set, element by element (sync rules, section 3).

use std::collections::BTreeSet;

use planted::{Bug, planted};

use crate::{
    Conflict, Element, ElementChange, ElementKey, Elements, GroupSpec, PerSide, SetBounds, Side, Window,
    fit::says_same,
    merge::later,
    ties::{Keyed, Pair, with_all_keys},
};

/// Everything the merge of a set looks at.
pub(crate) struct SetCase<'a> {
    pub(crate) spec: &'a GroupSpec,
    pub(crate) bounds: SetBounds,
    pub(crate) held: PerSide<&'a Elements>,
    /// Its elements, each as both sides have it.
    pub(crate) pairs: &'a [Pair<'a>],
    pub(crate) windows: PerSide<Option<Window>>,
    pub(crate) writable: PerSide<bool>,
    pub(crate) born: Side,
    pub(crate) decided: Option<Side>,
    /// Of a set that only grows: whether the CRM may be given again whom it did not add before.
    pub(crate) asks_again: bool,
}

/// An element, or one attribute of it, whose other version won.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) side: Side,
    pub(crate) key: ElementKey,
    pub(crate) element: Element,
    pub(crate) reason: &'static str,
}

/// What becomes of a set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SetRuling {
    pub(crate) to: PerSide<Vec<(ElementKey, ElementChange)>>,
    /// The keys of elements that come to a side which has none of them yet.
    pub(crate) new: PerSide<BTreeSet<ElementKey>>,
    pub(crate) lost: Vec<Loss>,
    /// Elements that a person must decide about.
    pub(crate) ask: Vec<ElementKey>,
    /// Elements that would be written, but for the portal's bounds.
    pub(crate) over: Vec<ElementKey>,
    /// The portal's bounds would be broken.
    pub(crate) breaks: Option<Broken>,
    /// Of a set that only grows: elements that one side holds alone and that are not carried across, with the holder.
    pub(crate) left_out: Vec<(ElementKey, Side)>,
    /// Elements whose base goes on to say what it says: of a set that only grows, those that both sides had, and that a
    /// person took out of one; and those whose record has lost its key.
    pub(crate) parted: Vec<ElementKey>,
    /// Elements that would get the key of another one.
    pub(crate) clash: Vec<ElementKey>,
}

/// Which bound of the portal would be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    TooFew(usize),
    TooMany(usize),
}

/// A person must decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Undecided;

/// Why what a person typed on the losing side is in the archive.
pub(crate) const BOTH_CHANGED: &str = "changed on both sides; the other side's value won";

impl SetRuling {
    /// The element comes to a side that does not have it.
    pub(crate) fn add(&mut self, side: Side, key: &ElementKey, element: &Element) {
        self.new.at_mut(side).insert(key.clone());
        self.to.at_mut(side).push((key.clone(), ElementChange::Put(element.clone())));
    }
}

impl SetCase<'_> {
    pub(crate) fn rule(&self) -> SetRuling {
        let mut ruling = SetRuling::default();
        if planted(Bug::SetMergedAsBlob)
            && let Some(replaced) = self.replaced()
        {
            return replaced;
        }
        for pair in self.pairs {
            match (pair.now.portal, pair.now.crm) {
                _ if pair.keyless => ruling.parted.extend(pair.keys().next().cloned()),
                (Some(portal), Some(crm)) => self.both(&mut ruling, pair, PerSide::new(portal, crm)),
                (Some(element), None) => self.one(&mut ruling, pair, Side::Portal, element),
                (None, Some(element)) => self.one(&mut ruling, pair, Side::Crm, element),
                (None, None) => {}
            }
        }
        self.check_keys(&mut ruling);
        self.check_bounds(&mut ruling);
        ruling
    }

    /// The planted mistake: where both sides changed, one side's set takes the place of the other's.
    fn replaced(&self) -> Option<SetRuling> {
        let has_base = self.pairs.iter().any(|pair| pair.known.portal.is_some());
        let changed = |side: Side| self.pairs.iter().any(|pair| pair.now.at(side) != pair.known.at(side));
        if !has_base || !Side::BOTH.into_iter().all(changed) {
            return None;
        }
        let winner = self.winner()?;
        let mut ruling = SetRuling::default();
        for pair in self.pairs {
            match (*pair.now.at(winner), *pair.now.at(winner.other())) {
                (Some((key, element)), None) => ruling.add(winner.other(), key, element),
                (None, Some((key, _))) => {
                    ruling.to.at_mut(winner.other()).push((key.clone(), ElementChange::Remove));
                }
                _ => {}
            }
        }
        Some(ruling)
    }

    /// The element is on `holder` only: new there, or removed across.
    fn one(&self, ruling: &mut SetRuling, pair: &Pair<'_>, holder: Side, (key, element): Keyed<'_>) {
        let across = holder.other();
        let is_as_before = *pair.known.at(holder) == Some((key, element));
        match (*pair.known.at(holder), *pair.known.at(across)) {
            (Some(_), Some(_)) => {}
            // It was on one side only when last reconciled, and nobody touched it since.
            (Some(_), None) if is_as_before => return,
            _ => {
                if *self.writable.at(across) {
                    ruling.add(across, key, element);
                }
                return;
            }
        }
        if is_as_before {
            if *self.writable.at(holder) && *self.bounds.remove.at(holder) {
                ruling.lost.push(Loss {
                    side: holder,
                    key: key.clone(),
                    element: element.clone(),
                    reason: "removed on the other side",
                });
                ruling.to.at_mut(holder).push((key.clone(), ElementChange::Remove));
            }
        } else if *self.writable.at(across) {
            // Removed against edited: what a person typed is kept, the removal is written down.
            ruling.lost.push(Loss {
                side: across,
                key: key.clone(),
                element: Element::default(),
                reason: "removed on one side while the other side edited it; the edit is kept",
            });
            ruling.add(across, key, element);
        }
    }

    /// The element is on both sides: its attributes, and its key, merge one by one.
    fn both(&self, ruling: &mut SetRuling, pair: &Pair<'_>, held: PerSide<Keyed<'_>>) {
        let element = |side: Side| held.at(side).1;
        let mut next = PerSide::new(element(Side::Portal).clone(), element(Side::Crm).clone());
        let mut lost = PerSide::new(Element::default(), Element::default());
        let Ok(rekeyed) = self.rekeyed(pair) else {
            // The element waits whole: half of it written would look like an edit.
            ruling.ask.push(held.crm.0.clone());
            return;
        };
        let mut names: Vec<&String> =
            element(Side::Portal).0.keys().chain(element(Side::Crm).0.keys()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let now = PerSide::new(held.portal.1.0.get(name), held.crm.1.0.get(name));
            if says_same(self.spec.lead().fit.attributes.get(name), now.portal, now.crm) {
                continue;
            }
            let before = |side: Side| pair.known.at(side).map(|(_, element)| element.0.get(name));
            let differs = |side: Side| before(side).is_some_and(|value| value != *now.at(side));
            // A side that may not be a source counts as the same.
            let changed = |side: Side| differs(side) && *self.writable.at(side.other());
            let has_base = before(Side::Portal).is_some() && before(Side::Crm).is_some();
            let winner = match (changed(Side::Crm), changed(Side::Portal)) {
                _ if !has_base && now.portal.is_none() => Side::Crm,
                _ if !has_base && now.crm.is_none() => Side::Portal,
                _ if !has_base => self.native(),
                (true, false) => Side::Crm,
                (false, true) => Side::Portal,
                (true, true) => {
                    let Some(winner) = self.winner() else {
                        ruling.ask.push(held.crm.0.clone());
                        return;
                    };
                    winner
                }
                // Neither changed since they were reconciled: each side keeps what it made of the other's value.
                (false, false) => continue,
            };
            let (Some(value), loser) = (now.at(winner).cloned(), winner.other()) else {
                // An emptied attribute is not carried across: nothing is cleared without being asked.
                continue;
            };
            if !*self.writable.at(loser) {
                continue;
            }
            if let Some(old) = *now.at(loser)
                && (!has_base || differs(loser))
            {
                lost.at_mut(loser).0.insert(name.clone(), old.clone());
            }
            next.at_mut(loser).0.insert(name.clone(), value);
        }
        for side in Side::BOTH {
            let (key, element) = *held.at(side);
            let next = next.at(side).clone();
            if rekeyed == Some(side) {
                let to = held.at(side.other()).0.clone();
                ruling.to.at_mut(side).push((key.clone(), ElementChange::Rekey { to, element: next }));
            } else if next != *element {
                ruling.to.at_mut(side).push((key.clone(), ElementChange::Put(next)));
            }
            // A key that somebody typed and that loses is kept with the whole element: alone it would be nobody's.
            let loses_key = rekeyed == Some(side) && (pair.known.at(side).is_none() || pair.is_rekeyed(side));
            let element = if loses_key { element.clone() } else { lost.at(side).clone() };
            if loses_key || !element.0.is_empty() {
                ruling.lost.push(Loss { side, key: key.clone(), element, reason: BOTH_CHANGED });
            }
        }
    }

    /// The side where the element of `pair` gets the key that it has across, if it has two; an error if a person must
    /// decide which one is right.
    pub(crate) fn rekeyed(&self, pair: &Pair<'_>) -> Result<Option<Side>, Undecided> {
        let (Some(portal), Some(crm)) = (pair.key(Side::Portal), pair.key(Side::Crm)) else {
            return Ok(None);
        };
        if portal == crm {
            return Ok(None);
        }
        let may_get = |side: Side| *self.writable.at(side) && *self.bounds.rekey.at(side);
        let changed = |side: Side| pair.is_rekeyed(side) && may_get(side.other());
        let has_base = pair.known.portal.is_some() && pair.known.crm.is_some();
        let winner = match (changed(Side::Crm), changed(Side::Portal)) {
            _ if !has_base => self.decided.unwrap_or(self.born),
            (true, false) => Side::Crm,
            (false, true) => Side::Portal,
            (true, true) => self.winner().ok_or(Undecided)?,
            (false, false) => return Ok(None),
        };
        Ok(Some(winner.other()).filter(|loser| may_get(*loser)))
    }

    /// The side whose attributes win where there is no base; a set that flows one way has but one source.
    fn native(&self) -> Side {
        let winner = self.decided.unwrap_or(self.born);
        if *self.writable.at(winner.other()) { winner } else { winner.other() }
    }

    fn winner(&self) -> Option<Side> {
        if self.decided.is_some() {
            return self.decided;
        }
        match self.spec.conflict {
            Conflict::Ask => None,
            Conflict::Always(winner) => Some(winner),
            Conflict::Newest => Some(later(&self.windows).unwrap_or(self.spec.owner)),
        }
    }

    /// Holds back what would give two elements of a side one key, and whatever shares a key with an element that waits.
    pub(crate) fn check_keys(&self, ruling: &mut SetRuling) {
        loop {
            let waiting = ruling.ask.iter().chain(&ruling.clash).chain(&ruling.parted);
            let waiting = with_all_keys(self.pairs, waiting.cloned().collect());
            for side in Side::BOTH {
                ruling.to.at_mut(side).retain(|(key, _)| !waiting.contains(key));
                ruling.new.at_mut(side).retain(|key| !waiting.contains(key));
            }
            ruling.lost.retain(|loss| !waiting.contains(&loss.key));
            let clashes = Side::BOTH.map(|side| self.clashes(ruling, side)).concat();
            if clashes.is_empty() {
                return;
            }
            ruling.clash.extend(clashes);
        }
    }

    /// The keys that two elements of `side` would have.
    fn clashes(&self, ruling: &SetRuling, side: Side) -> Vec<ElementKey> {
        let changes = ruling.to.at(side);
        let leaves = |key: &ElementKey| {
            changes.iter().any(|(from, change)| from == key && !matches!(change, ElementChange::Put(_)))
        };
        let mut come: Vec<&ElementKey> = ruling.new.at(side).iter().collect();
        come.extend(changes.iter().filter_map(|(_, change)| match change {
            ElementChange::Rekey { to, .. } => Some(to),
            ElementChange::Put(_) | ElementChange::Remove => None,
        }));
        let is_there = |key: &ElementKey| self.held.at(side).contains_key(key) && !leaves(key);
        let mut met = BTreeSet::new();
        come.into_iter().filter(|key| is_there(key) || !met.insert(*key)).cloned().collect()
    }

    pub(crate) fn check_bounds(&self, ruling: &mut SetRuling) {
        let after = apply(self.held.portal, &ruling.to.portal).len();
        if ruling.to.portal.is_empty() {
            return;
        }
        if after < self.bounds.min && after < self.held.portal.len() {
            ruling.breaks = Some(Broken::TooFew(self.bounds.min));
        } else if after > self.bounds.max && after > self.held.portal.len() {
            ruling.breaks = Some(Broken::TooMany(self.bounds.max));
        }
        if ruling.breaks.is_some() {
            let stays = |(key, change): &(ElementKey, ElementChange)| match change {
                ElementChange::Put(_) => self.held.portal.contains_key(key),
                ElementChange::Rekey { .. } => true,
                ElementChange::Remove => false,
            };
            let (kept, over): (Vec<_>, Vec<_>) =
                std::mem::take(&mut ruling.to.portal).into_iter().partition(stays);
            ruling.to.portal = kept;
            ruling.over = over.into_iter().map(|(key, _)| key).collect();
        }
    }
}

/// `elements` with `changes` made; all others stay as they are. First all leave that leave their key, then all come: a
/// key may be one element's before and another's after.
pub fn apply(elements: &Elements, changes: &[(ElementKey, ElementChange)]) -> Elements {
    let mut next = elements.clone();
    for (key, change) in changes {
        if !matches!(change, ElementChange::Put(_)) {
            next.remove(key);
        }
    }
    for (key, change) in changes {
        match change {
            ElementChange::Put(element) => next.insert(key.clone(), element.clone()),
            ElementChange::Rekey { to, element } => next.insert(to.clone(), element.clone()),
            ElementChange::Remove => None,
        };
    }
    next
}
