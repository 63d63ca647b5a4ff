//! The three-way merge of one group (sync rules, section 3): the table, and nothing else.

use std::collections::BTreeMap;

use crate::{Clear, Conflict, Fit, GroupHeld, GroupSpec, Held, PerSide, Side, Value, Why, Window, fit_group};

/// A row of the merge table. Tests demand that random cases hit each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// Neither side changed.
    Same,
    /// Only the CRM changed.
    CrmChanged,
    /// Only the portal changed.
    PortalChanged,
    /// Both changed, to the same.
    BothAlike,
    /// Both changed and differ.
    Conflict,
    /// Just linked, and equal.
    LinkedAlike,
    /// Just linked, and one side is empty.
    LinkedOneEmpty,
    /// Just linked, and they differ.
    LinkedDiffer,
}

/// What the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merged {
    /// No write; the base stays.
    Nothing,
    /// No write; the base takes what both hold.
    Agree,
    /// No write; the sides may differ. The base takes what both hold if there is none.
    Drift,
    /// `to` is written.
    Write { to: Side, why: Why },
    /// A person decides.
    Ask,
}

/// Everything the table looks at.
pub(crate) struct Case<'a> {
    pub(crate) spec: &'a GroupSpec,
    pub(crate) minor_units: &'a BTreeMap<String, u32>,
    /// What each side holds.
    pub(crate) held: PerSide<&'a GroupHeld>,
    /// What each side would send.
    pub(crate) sends: PerSide<&'a GroupHeld>,
    pub(crate) base: Option<&'a PerSide<GroupHeld>>,
    pub(crate) windows: PerSide<Option<&'a Window>>,
    /// Whether each side may be written at this moment.
    pub(crate) writable: PerSide<bool>,
    pub(crate) born: Side,
    /// The winner that a person named for exactly these values.
    pub(crate) decided: Option<Side>,
}

/// The decision and the row it came from, with a note where something was ignored quietly.
pub(crate) struct Ruling {
    pub(crate) row: Row,
    pub(crate) merged: Merged,
    pub(crate) note: Option<&'static str>,
}

/// A group is empty when its lead member is.
pub(crate) fn is_empty(spec: &GroupSpec, group: &GroupHeld) -> bool {
    match group.get(&spec.lead().id) {
        None | Some(Held::Empty | Held::Value(Value::Flag(false))) => true,
        Some(Held::Value(Value::Set(elements))) => elements.is_empty(),
        Some(Held::Value(_)) => false,
    }
}

impl Case<'_> {
    fn fit(&self, group: &GroupHeld) -> GroupHeld {
        let fitted = fit_group(self.spec, self.minor_units, group);
        // An empty group has no half: a currency without an amount says nothing.
        if is_empty(self.spec, &fitted) { empty_like(self.spec, &fitted) } else { fitted }
    }

    fn alike(&self) -> bool {
        let held = PerSide::new(self.fit(self.held.portal), self.fit(self.held.crm));
        held.portal == held.crm
            || Side::BOTH.into_iter().any(|from| {
                *self.writable.at(from.other()) && self.fit(self.sends.at(from)) == *held.at(from.other())
            })
    }

    fn empty(&self, side: Side) -> bool {
        is_empty(self.spec, self.held.at(side))
    }

    /// Whether `to` may be written with what the other side sends.
    fn may_write(&self, to: Side) -> bool {
        *self.writable.at(to) && (!self.spec.to.at(to).fill_only || self.empty(to))
    }

    /// Whether the mapping ever writes `side`, at whatever moment.
    fn flows_to(&self, side: Side) -> bool {
        let route = self.spec.to.at(side);
        route.create || route.update
    }

    /// Decides.
    pub(crate) fn rule(&self) -> Ruling {
        match self.base {
            None => self.linked(),
            Some(base) => self.merge(base),
        }
    }

    fn linked(&self) -> Ruling {
        let plain = |row, merged| Ruling { row, merged, note: None };
        if self.alike() {
            return plain(Row::LinkedAlike, Merged::Agree);
        }
        for to in Side::BOTH {
            if self.empty(to) && !self.empty(to.other()) {
                let merged =
                    if self.may_write(to) { Merged::Write { to, why: Why::Filled } } else { Merged::Drift };
                return plain(Row::LinkedOneEmpty, merged);
            }
        }
        let loser = self.decided.unwrap_or(self.born).other();
        let merged = if self.may_write(loser) {
            Merged::Write { to: loser, why: if self.decided.is_some() { Why::Decided } else { Why::Born } }
        } else if self.may_write(loser.other()) && !self.flows_to(loser) {
            // A field that flows one way only has but one possible source.
            Merged::Write { to: loser.other(), why: Why::Born }
        } else {
            Merged::Drift
        };
        plain(Row::LinkedDiffer, merged)
    }

    fn merge(&self, base: &PerSide<GroupHeld>) -> Ruling {
        let mut note = None;
        let mut refill = None;
        let mut changed = |side: Side, across_changed: bool| {
            let differs = *self.held.at(side) != base.at(side);
            // A side that may not be a source counts as the same, whatever it holds.
            if !differs || !self.may_write(side.other()) {
                return false;
            }
            if !self.empty(side) || is_empty(self.spec, base.at(side)) {
                return true;
            }
            match self.spec.clear.at(side.other()) {
                Clear::Ignore => {
                    note = Some("was emptied on one side; the mapping says to ignore that");
                    false
                }
                Clear::Refill => {
                    refill = Some(side);
                    false
                }
                // What the other side says now is newer than an emptied field.
                Clear::Propagate => !across_changed,
            }
        };
        let raw = |side: Side| *self.held.at(side) != base.at(side);
        let crm = changed(Side::Crm, raw(Side::Portal));
        let portal = changed(Side::Portal, raw(Side::Crm));
        let ruled = |row, merged, note| Ruling { row, merged, note };

        let alike = self.alike();
        match (crm, portal) {
            (true, true) if alike => ruled(Row::BothAlike, Merged::Agree, note),
            (true, true) => ruled(Row::Conflict, self.conflict(), note),
            (true, false) => ruled(Row::CrmChanged, self.towards(Side::Portal, alike), note),
            (false, true) => ruled(Row::PortalChanged, self.towards(Side::Crm, alike), note),
            (false, false) => {
                let merged = if let Some(to) = refill
                    && self.may_write(to)
                    && !self.empty(to.other())
                {
                    Merged::Write { to, why: Why::Refilled }
                } else if alike {
                    if raw(Side::Crm) || raw(Side::Portal) { Merged::Agree } else { Merged::Nothing }
                } else if let Some(to) = self.enforced() {
                    Merged::Write { to, why: Why::Enforced }
                } else if raw(Side::Crm) || raw(Side::Portal) {
                    Merged::Drift
                } else {
                    Merged::Nothing
                };
                ruled(Row::Same, merged, note)
            }
        }
    }

    fn towards(&self, to: Side, alike: bool) -> Merged {
        if alike { Merged::Agree } else { Merged::Write { to, why: Why::Changed } }
    }

    /// The only side that may be written, if drift there is put right.
    fn enforced(&self) -> Option<Side> {
        if !self.spec.enforce {
            return None;
        }
        Side::BOTH
            .into_iter()
            .find(|to| self.may_write(*to) && !self.may_write(to.other()) && !self.empty(to.other()))
    }

    fn conflict(&self) -> Merged {
        if let Some(winner) = self.decided {
            return Merged::Write { to: winner.other(), why: Why::Decided };
        }
        match self.spec.conflict {
            Conflict::Ask => Merged::Ask,
            Conflict::Always(winner) => Merged::Write { to: winner.other(), why: Why::Policy },
            Conflict::Newest => match (self.windows.crm, self.windows.portal) {
                (Some(crm), Some(portal)) if crm.certainly_after(portal) => {
                    Merged::Write { to: Side::Portal, why: Why::Newest }
                }
                (Some(crm), Some(portal)) if portal.certainly_after(crm) => {
                    Merged::Write { to: Side::Crm, why: Why::Newest }
                }
                _ => Merged::Write { to: self.spec.owner.other(), why: Why::OrderUnknown },
            },
        }
    }
}

/// Every member of the group, empty.
fn empty_like(spec: &GroupSpec, group: &GroupHeld) -> GroupHeld {
    let emptied = |held: &Held| match held {
        Held::Value(Value::Flag(_)) => Held::Value(Value::Flag(false)),
        Held::Value(Value::Set(_)) => Held::Value(Value::Set(BTreeMap::new())),
        _ => Held::Empty,
    };
    spec.members
        .iter()
        .map(|field| (field.id.clone(), group.get(&field.id).map_or(Held::Empty, emptied)))
        .collect()
}

/// Whether a side holds more than both sides can hold: what would be lost by overwriting it.
pub(crate) fn holds_more_than_fits(
    spec: &GroupSpec,
    minor_units: &BTreeMap<String, u32>,
    held: &GroupHeld,
) -> bool {
    spec.members.iter().any(|field| field.fit != Fit::default())
        && !is_empty(spec, held)
        && fit_group(spec, minor_units, held) != *held
}
