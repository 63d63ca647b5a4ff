//! Sets that only grow: the people who work on a deal. An element is carried across once; nobody is changed, raised or
//! removed, and whom a person took out is not brought back (sync rules, sections 3 and 6).

use crate::{
    CRM_ASKED_AGAIN, CrmFacts, Element, ElementChange, ElementKey, Elements, FieldSpec, GroupSpec, Held,
    Memory, PerSide, PlanInput, Side, Specs,
    sets::{BOTH_CHANGED, Loss, SetCase, SetRuling, Undecided},
    ties::{Keyed, Pair, written_name},
};

impl SetCase<'_> {
    /// The ruling of a set that only grows. `facts` are the opportunity's.
    pub(crate) fn grow(&self, facts: Option<&CrmFacts>) -> SetRuling {
        let mut ruling = SetRuling::default();
        for pair in self.pairs {
            let (holder, (key, element)) = match (pair.now.portal, pair.now.crm) {
                _ if pair.keyless => {
                    ruling.parted.extend(pair.keys().next().cloned());
                    continue;
                }
                (Some(element), None) => (Side::Portal, element),
                (None, Some(element)) => (Side::Crm, element),
                (Some(portal), Some(crm)) => {
                    self.correct(&mut ruling, pair, PerSide::new(portal, crm), facts);
                    continue;
                }
                (None, None) => continue,
            };
            let across = holder.other();
            let known = |side: Side| *pair.known.at(side);
            if known(holder).is_some() && known(across).is_some() {
                // Both had it, and a person took it out of one: the base goes on to say so.
                ruling.parted.push(key.clone());
            } else if known(holder) == Some((key, element)) && !(across == Side::Crm && self.asks_again) {
                // It was left out before, and nothing of it has changed since.
                ruling.left_out.push((key.clone(), holder));
            } else if *self.writable.at(across) && !self.spec.lead().is_stand_in(key) {
                if self.spec.keeps_out(across, element, facts).is_some() {
                    ruling.left_out.push((key.clone(), holder));
                } else {
                    ruling.add(across, key, element);
                }
            }
        }
        self.check_keys(&mut ruling);
        self.check_bounds(&mut ruling);
        ruling
    }

    /// Somebody whose address was corrected gets it across; nothing else of anybody is changed. Whom a side would not
    /// take now keeps the former one: a user's address is often defaced when the user leaves.
    fn correct(
        &self,
        ruling: &mut SetRuling,
        pair: &Pair<'_>,
        held: PerSide<Keyed<'_>>,
        facts: Option<&CrmFacts>,
    ) {
        let side = match self.rekeyed(pair) {
            Ok(Some(side)) => side,
            Ok(None) => return,
            Err(Undecided) => return ruling.ask.push(held.crm.0.clone()),
        };
        let ((key, element), (to, source)) = (*held.at(side), *held.at(side.other()));
        if self.spec.keeps_out(side, source, facts).is_some() {
            return;
        }
        let change = ElementChange::Rekey { to: to.clone(), element: element.clone() };
        ruling.to.at_mut(side).push((key.clone(), change));
        if pair.is_rekeyed(side) {
            ruling.lost.push(Loss { side, key: key.clone(), element: element.clone(), reason: BOTH_CHANGED });
        }
    }
}

impl PlanInput<'_> {
    /// Whether the CRM is given again whom it did not add before. Who may be added there changes without a word: a user
    /// is made, an org gets teams. It is asked when the deal is looked at anyway, and at most once a day.
    pub(crate) fn asks_again(&self, spec: &GroupSpec) -> bool {
        let asked = self.deal.memory.not_added.get(&spec.id);
        let again = asked.and_then(|at| at.checked_add(CRM_ASKED_AGAIN).ok());
        again.is_none_or(|again| again <= self.now)
    }
}

impl FieldSpec {
    /// Whether the portal is given this element where the opportunity has none: it is nobody's of the opportunity.
    fn is_stand_in(&self, key: &ElementKey) -> bool {
        self.demands.stand_in.as_ref() == Some(key)
    }

    /// What people call the details that the element lacks and the portal demands.
    pub(crate) fn lacking(&self, element: &Element) -> Vec<&str> {
        let needs = self.demands.element_needs.iter();
        needs.filter(|(name, _)| !element.0.contains_key(name)).map(|(_, word)| word.as_str()).collect()
    }
}

impl GroupSpec {
    /// Whether elements are only ever added to it.
    pub fn only_grows(&self) -> bool {
        self.set.is_some_and(|bounds| bounds.add_only)
    }

    /// Of these elements, those that the portal takes: of a set that only grows, the others are left out.
    pub(crate) fn taken(&self, elements: Elements) -> Elements {
        if !self.only_grows() {
            return elements;
        }
        elements.into_iter().filter(|(_, element)| self.lead().lacking(element).is_empty()).collect()
    }

    /// Why the element cannot be added to the side, as far as it is known beforehand.
    fn keeps_out(&self, to: Side, element: &Element, facts: Option<&CrmFacts>) -> Option<String> {
        match to {
            Side::Portal => {
                let lacking = self.lead().lacking(element);
                (!lacking.is_empty()).then(|| format!("no {}", lacking.join(", no ")))
            }
            Side::Crm => facts?.closed.get(&self.lead().id).cloned(),
        }
    }

    /// Whom a side holds alone, and why, for a person.
    pub(crate) fn tell_left_out(
        &self,
        holder: Side,
        key: &ElementKey,
        element: &Element,
        facts: Option<&CrmFacts>,
    ) -> String {
        let across = holder.other();
        let (target, unknown) = match across {
            Side::Portal => ("referral", "the referral did not take it"),
            Side::Crm => ("opportunity", "there is not exactly one active user with this e-mail"),
        };
        let why = self.keeps_out(across, element, facts).unwrap_or_else(|| unknown.to_owned());
        format!("{}: {} is left out of the {target}: {why}.", self.label(), called(key, element))
    }
}

/// Whom the base newly shows on one side alone, in sets that only grow; each is told once.
pub fn newly_left_out(
    specs: &Specs,
    before: &Memory,
    after: &Memory,
    facts: Option<&CrmFacts>,
) -> Vec<String> {
    let mut told = Vec::new();
    for spec in specs.groups.iter().filter(|spec| spec.only_grows()) {
        let (old, new) = (elements_of(spec, before), elements_of(spec, after));
        for holder in Side::BOTH {
            let across = holder.other();
            let alone = new.at(holder).iter().filter(|(key, _)| !new.at(across).contains_key(*key));
            let fresh = alone.filter(|(key, element)| old.at(holder).get(*key) != Some(*element));
            let flows = spec.to.at(across).flows();
            let meant = fresh.filter(|(key, _)| flows && !spec.lead().is_stand_in(key));
            told.extend(meant.map(|(key, element)| spec.tell_left_out(holder, key, element, facts)));
        }
    }
    told
}

fn elements_of(spec: &GroupSpec, memory: &Memory) -> PerSide<Elements> {
    let base = memory.base.get(&spec.id);
    let of = |side: Side| {
        base.and_then(|base| base.at(side).get(&spec.lead().id)).map(Held::elements).unwrap_or_default()
    };
    PerSide::new(of(Side::Portal), of(Side::Crm))
}

/// What people call the element: its name and its key.
fn called(key: &ElementKey, element: &Element) -> String {
    written_name(element).map_or_else(|| key.0.clone(), |name| format!("{name} ({})", key.0))
}
