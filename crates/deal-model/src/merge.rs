//! The three-way merge of one group (sync rules, section 3): the table, and nothing else.

use std::collections::BTreeMap;

use planted::{Bug, planted};

use crate::{
    Clear, Conflict, GroupHeld, GroupSpec, Held, PerSide, Side, Value, Why, Window, fit::said, fit_group,
};

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
    /// What each side holds.
    pub(crate) held: PerSide<&'a GroupHeld>,
    /// The same as both sides can hold it.
    pub(crate) fits: PerSide<GroupHeld>,
    /// What each side would send, as both sides can hold it.
    pub(crate) sends: PerSide<GroupHeld>,
    pub(crate) base: Option<&'a PerSide<GroupHeld>>,
    pub(crate) windows: PerSide<Option<Window>>,
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

/// `group` as both sides can hold it, for comparing. An empty group has no half: a currency without an amount says
/// nothing.
pub(crate) fn comparable(
    spec: &GroupSpec,
    minor_units: &BTreeMap<String, u32>,
    group: &GroupHeld,
) -> GroupHeld {
    if planted(Bug::ComparedWithoutFit) {
        return group.clone();
    }
    let fitted = fit_group(spec, minor_units, group);
    if is_empty(spec, &fitted) { empty_like(spec, &fitted) } else { said(spec, fitted) }
}

/// Whether both sides hold the same of a group, as far as both can hold it.
pub fn holds_alike(
    spec: &GroupSpec,
    minor_units: &BTreeMap<String, u32>,
    portal: &GroupHeld,
    crm: &GroupHeld,
) -> bool {
    comparable(spec, minor_units, portal) == comparable(spec, minor_units, crm)
}

impl Case<'_> {
    /// Whether both sides hold the same, or one holds what the other would send.
    pub(crate) fn alike(&self) -> bool {
        self.fits.portal == self.fits.crm
            || Side::BOTH.into_iter().any(|from| {
                let to = from.other();
                *self.writable.at(to) && self.speaks(from) && self.sends.at(from) == self.fits.at(to)
            })
    }

    fn empty(&self, side: Side) -> bool {
        is_empty(self.spec, self.fits.at(side))
    }

    /// Whether the side has something to send.
    fn speaks(&self, side: Side) -> bool {
        !is_empty(self.spec, self.sends.at(side))
    }

    /// Whether `to` may be written with what the other side sends.
    fn may_write(&self, to: Side) -> bool {
        *self.writable.at(to) && (!self.spec.to.at(to).fill_only || self.empty(to))
    }

    /// Whether the side holds something else than when it was reconciled, be it a source or not.
    fn differs(&self, side: Side) -> bool {
        self.base.is_some_and(|base| *self.held.at(side) != base.at(side))
    }

    /// Decides.
    pub(crate) fn rule(&self) -> Ruling {
        let mut ruling = match self.base {
            None => self.linked(),
            Some(base) => self.merge(base),
        };
        // A person's word stands above the table, in whatever row they were asked.
        if let Some(winner) = self.decided
            && !self.alike()
            && self.may_write(winner.other())
            && self.speaks(winner)
        {
            ruling.merged = Merged::Write { to: winner.other(), why: Why::Decided };
        }
        ruling
    }

    fn linked(&self) -> Ruling {
        let plain = |row, merged| Ruling { row, merged, note: None };
        if self.alike() {
            return plain(Row::LinkedAlike, Merged::Agree);
        }
        for to in Side::BOTH {
            if self.empty(to) && !self.empty(to.other()) {
                let write = self.may_write(to) && self.speaks(to.other());
                let merged = if write { Merged::Write { to, why: Why::Filled } } else { Merged::Drift };
                return plain(Row::LinkedOneEmpty, merged);
            }
        }
        let loser = self.born.other();
        // A field that flows one way only has but one possible source.
        let to = if self.spec.to.at(loser).flows() { loser } else { loser.other() };
        let merged = if self.may_write(to) && self.speaks(to.other()) {
            Merged::Write { to, why: Why::Born }
        } else {
            Merged::Drift
        };
        plain(Row::LinkedDiffer, merged)
    }

    fn merge(&self, base: &PerSide<GroupHeld>) -> Ruling {
        let mut note = None;
        let mut refill = None;
        let mut changed = |side: Side| {
            // A side that may not be a source counts as the same, whatever it holds.
            if !self.differs(side) || !self.may_write(side.other()) {
                return false;
            }
            if self.speaks(side) {
                return true;
            }
            if is_empty(self.spec, base.at(side)) {
                // It was empty and is: nothing was emptied.
                return false;
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
                Clear::Propagate => self.may_clear(side.other()) && !self.differs(side.other()),
            }
        };
        let (crm, portal) = (changed(Side::Crm), changed(Side::Portal));
        let alike = self.alike();
        let (row, merged) = match (crm, portal) {
            (true, true) if alike => (Row::BothAlike, Merged::Agree),
            (true, true) => (Row::Conflict, self.conflict()),
            (true, false) => (Row::CrmChanged, towards(Side::Portal, alike)),
            (false, true) => (Row::PortalChanged, towards(Side::Crm, alike)),
            (false, false) => (Row::Same, self.unchanged(refill, alike)),
        };
        Ruling { row, merged, note }
    }

    /// Whether the emptying of the other side may empty `to`: the record really moved, and `to` can do without.
    fn may_clear(&self, to: Side) -> bool {
        let moved = self
            .windows
            .at(to.other())
            .as_ref()
            .is_some_and(|window| window.until.is_some_and(|until| until > window.after));
        moved && !self.spec.members.iter().any(|field| *field.required.at(to))
    }

    fn unchanged(&self, refill: Option<Side>, alike: bool) -> Merged {
        let moved = Side::BOTH.into_iter().any(|side| self.differs(side));
        if let Some(to) = refill
            && self.may_write(to)
            && self.speaks(to.other())
        {
            Merged::Write { to, why: Why::Refilled }
        } else if !moved {
            Merged::Nothing
        } else if alike {
            Merged::Agree
        } else if let Some(to) = self.enforced() {
            Merged::Write { to, why: Why::Enforced }
        } else {
            Merged::Drift
        }
    }

    /// The only side that may be written, if it drifted and drift there is put right.
    fn enforced(&self) -> Option<Side> {
        let one_way = |to: &Side| {
            self.may_write(*to) && !self.may_write(to.other()) && self.differs(*to) && self.speaks(to.other())
        };
        Side::BOTH.into_iter().find(|to| self.spec.enforce && one_way(to))
    }

    fn conflict(&self) -> Merged {
        match self.by_policy() {
            Merged::Write { to, why } if planted(Bug::PolicySwapped) => Merged::Write { to: to.other(), why },
            ruled => ruled,
        }
    }

    fn by_policy(&self) -> Merged {
        match self.spec.conflict {
            Conflict::Ask => Merged::Ask,
            Conflict::Always(winner) => Merged::Write { to: winner.other(), why: Why::Policy },
            Conflict::Newest => match later(&self.windows) {
                Some(winner) => Merged::Write { to: winner.other(), why: Why::Newest },
                None => Merged::Write { to: self.spec.owner.other(), why: Why::OrderUnknown },
            },
        }
    }
}

/// The side that certainly changed later.
pub(crate) fn later(windows: &PerSide<Option<Window>>) -> Option<Side> {
    let (portal, crm) = (windows.portal.as_ref()?, windows.crm.as_ref()?);
    if planted(Bug::NewestByRecordTime) {
        return Some(if crm.until > portal.until { Side::Crm } else { Side::Portal });
    }
    if crm.certainly_after(portal) {
        Some(Side::Crm)
    } else {
        portal.certainly_after(crm).then_some(Side::Portal)
    }
}

fn towards(to: Side, alike: bool) -> Merged {
    if alike { Merged::Agree } else { Merged::Write { to, why: Why::Changed } }
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
