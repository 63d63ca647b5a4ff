//! The three-way merge of a set, element by element (sync rules, section 3).

use crate::{
    Conflict, Element, ElementChange, ElementKey, Elements, GroupSpec, PerSide, SetBounds, Side, Window,
    fit::says_same, merge::later,
};

/// Everything the merge of a set looks at.
pub(crate) struct SetCase<'a> {
    pub(crate) spec: &'a GroupSpec,
    pub(crate) bounds: SetBounds,
    pub(crate) held: PerSide<&'a Elements>,
    pub(crate) base: Option<&'a PerSide<Elements>>,
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
    pub(crate) lost: Vec<Loss>,
    /// Elements that a person must decide about.
    pub(crate) ask: Vec<ElementKey>,
    /// Elements that would be written, but for the portal's bounds.
    pub(crate) over: Vec<ElementKey>,
    /// The portal's bounds would be broken.
    pub(crate) breaks: Option<Broken>,
    /// Of a set that only grows: elements that one side holds alone and that are not carried across, with the holder.
    pub(crate) left_out: Vec<(ElementKey, Side)>,
    /// Of a set that only grows: elements that both sides had, and that a person took out of one.
    pub(crate) parted: Vec<ElementKey>,
}

/// Which bound of the portal would be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    TooFew(usize),
    TooMany(usize),
}

impl SetCase<'_> {
    pub(crate) fn rule(&self) -> SetRuling {
        let mut ruling = SetRuling::default();
        let empty = Elements::new();
        let base = |side: Side| self.base.map_or(&empty, |base| base.at(side));
        for key in self.keys() {
            let held = PerSide::new(self.held.portal.get(key), self.held.crm.get(key));
            let known = PerSide::new(base(Side::Portal).get(key), base(Side::Crm).get(key));
            match (held.portal, held.crm) {
                (Some(portal), Some(crm)) => self.both(&mut ruling, key, PerSide::new(portal, crm), known),
                (Some(element), None) => self.one(&mut ruling, key, Side::Portal, element, known),
                (None, Some(element)) => self.one(&mut ruling, key, Side::Crm, element, known),
                (None, None) => {}
            }
        }
        self.check_bounds(&mut ruling);
        ruling
    }

    /// Every element that a side holds, each once.
    pub(crate) fn keys(&self) -> Vec<&ElementKey> {
        let mut keys: Vec<&ElementKey> = self.held.crm.keys().chain(self.held.portal.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The element is on `holder` only: new there, or removed across.
    fn one(
        &self,
        ruling: &mut SetRuling,
        key: &ElementKey,
        holder: Side,
        element: &Element,
        known: PerSide<Option<&Element>>,
    ) {
        let across = holder.other();
        let before = match (*known.at(holder), *known.at(across)) {
            (Some(before), Some(_)) => before,
            // It was on one side only when last reconciled, and nobody touched it since.
            (Some(before), None) if before == element => return,
            _ => {
                if *self.writable.at(across) {
                    ruling.to.at_mut(across).push((key.clone(), ElementChange::Put(element.clone())));
                }
                return;
            }
        };
        if element == before {
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
            ruling.to.at_mut(across).push((key.clone(), ElementChange::Put(element.clone())));
        }
    }

    /// The element is on both sides: its attributes merge one by one.
    fn both(
        &self,
        ruling: &mut SetRuling,
        key: &ElementKey,
        held: PerSide<&Element>,
        known: PerSide<Option<&Element>>,
    ) {
        let mut next = PerSide::new(held.portal.clone(), held.crm.clone());
        let mut lost = PerSide::new(Element::default(), Element::default());
        let mut names: Vec<&String> = held.portal.0.keys().chain(held.crm.0.keys()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let now = PerSide::new(held.portal.0.get(name), held.crm.0.get(name));
            if says_same(self.spec.lead().fit.attributes.get(name), now.portal, now.crm) {
                continue;
            }
            let before = |side: Side| known.at(side).map(|element| element.0.get(name));
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
                        // The element waits whole: half of it written would look like an edit.
                        ruling.ask.push(key.clone());
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
            if next.at(side) != *held.at(side) {
                ruling.to.at_mut(side).push((key.clone(), ElementChange::Put(next.at(side).clone())));
            }
            if !lost.at(side).0.is_empty() {
                ruling.lost.push(Loss {
                    side,
                    key: key.clone(),
                    element: lost.at(side).clone(),
                    reason: "changed on both sides; the other side's value won",
                });
            }
        }
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
            let put_only = |change: &(ElementKey, ElementChange)| {
                matches!(change.1, ElementChange::Put(_)) && self.held.portal.contains_key(&change.0)
            };
            let (kept, over): (Vec<_>, Vec<_>) =
                std::mem::take(&mut ruling.to.portal).into_iter().partition(put_only);
            ruling.to.portal = kept;
            ruling.over = over.into_iter().map(|(key, _)| key).collect();
        }
    }
}

/// `elements` with `changes` made; all others stay as they are.
pub fn apply(elements: &Elements, changes: &[(ElementKey, ElementChange)]) -> Elements {
    let mut next = elements.clone();
    for (key, change) in changes {
        match change {
            ElementChange::Put(element) => next.insert(key.clone(), element.clone()),
            ElementChange::Remove => next.remove(key),
        };
    }
    next
}
