//! What one pass will do: pure data, printable.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Element, ElementKey, GroupHeld, GroupId, Held, Irreversible, Life, Problem, Side, Value, Version,
    WaitingEffect, display, fingerprint, sets::apply,
};

/// Why a group is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The other side changed it.
    Changed,
    /// This side is empty and there is no base.
    Filled,
    /// Both sides differ without a base; the side the deal was born on wins.
    Born,
    /// Both changed it, and the other side's change is the newer one.
    Newest,
    /// Both changed it at times whose order is unknown; the mapping's owner wins.
    OrderUnknown,
    /// Both changed it, and the mapping names the winner.
    Policy,
    /// A person decided.
    Decided,
    /// A person brought the value back from the archive.
    Restored,
    /// This side was emptied and is refilled.
    Refilled,
    /// This side may not differ and is put right.
    Enforced,
    /// The record is being created.
    Created,
}

/// One change of a set's element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElementChange {
    /// The element becomes this.
    Put(Element),
    /// The element becomes this, under another key: a person's e-mail address is corrected.
    Rekey {
        /// The key that it gets.
        to: ElementKey,
        /// What it becomes.
        element: Element,
    },
    /// The element goes.
    Remove,
}

/// What is written of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The whole group.
    Whole(GroupHeld),
    /// Elements of a set; the others stay as they are.
    Elements(Vec<(ElementKey, ElementChange)>),
}

/// One group's write towards one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// The group.
    pub group: GroupId,
    /// What is written.
    pub content: Content,
    /// What the side held before.
    pub instead_of: GroupHeld,
    /// Why.
    pub why: Why,
    /// The irreversible effect that this write is.
    pub latch: Option<Irreversible>,
}

impl Write {
    /// A fingerprint of what would be sent.
    pub fn fingerprint(&self) -> crate::Fingerprint {
        match &self.content {
            Content::Whole(group) => fingerprint(group),
            Content::Elements(changes) => {
                let mut after = self.instead_of.clone();
                for held in after.values_mut() {
                    *held = Held::Value(Value::Set(apply(&held.elements(), changes)));
                }
                fingerprint(&after)
            }
        }
    }

    /// Whether it empties a field that the side holds: the brake counts these.
    pub fn clears(&self) -> bool {
        match &self.content {
            Content::Whole(group) => self.instead_of.iter().any(|(field, held)| {
                *held != Held::Empty && group.get(field).is_some_and(|next| *next == Held::Empty)
            }),
            Content::Elements(changes) => changes.iter().all(|(_, change)| *change == ElementChange::Remove),
        }
    }

    /// What is sent, for a person.
    pub(crate) fn shown(&self) -> String {
        match &self.content {
            Content::Whole(group) => display(group),
            Content::Elements(changes) => {
                let change = |(key, change): &(ElementKey, ElementChange)| match change {
                    ElementChange::Put(_) => format!("+{}", key.0),
                    ElementChange::Rekey { to, .. } => format!("{} -> {}", key.0, to.0),
                    ElementChange::Remove => format!("-{}", key.0),
                };
                changes.iter().map(change).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

/// One remote change, in the plan's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A record is created on `side` and the deal gets its other half.
    Create {
        /// Where.
        side: Side,
        /// With which values.
        writes: Vec<Write>,
        /// Where the new record stands in its life.
        life: Life,
    },
    /// The other organisation's referral is created in the deal's engagement: help is asked for.
    CreateCompanion {
        /// The values that ask.
        writes: Vec<Write>,
    },
    /// The referral moves in its life.
    Move {
        /// To here.
        to: Life,
        /// What kind of irreversible effect that is.
        kind: Irreversible,
    },
    /// Fields of an existing record change.
    Update {
        /// Where.
        side: Side,
        /// The groups.
        writes: Vec<Write>,
        /// Where the opportunity's stage goes with it.
        life: Option<Life>,
        /// Only if the record is still this version.
        expect: Version,
    },
}

impl Effect {
    /// The irreversible effects it carries.
    pub fn irreversible(&self) -> Vec<Irreversible> {
        let latches = |writes: &[Write]| writes.iter().filter_map(|write| write.latch).collect::<Vec<_>>();
        match self {
            Self::Create { side, writes, .. } => {
                let mut kinds = if *side == Side::Portal { vec![Irreversible::Create] } else { Vec::new() };
                kinds.extend(latches(writes));
                kinds
            }
            Self::CreateCompanion { .. } => vec![Irreversible::AskHelp],
            Self::Move { kind, .. } => vec![*kind],
            Self::Update { writes, .. } => latches(writes),
        }
    }
}

/// Why a losing value is archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// The group.
    pub group: GroupId,
    /// Whose value it was.
    pub side: Side,
    /// The value.
    pub value: GroupHeld,
    /// Why it lost.
    pub reason: String,
    /// The version of the record that held it.
    pub version: Version,
}

/// What was decided about one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupDecision {
    /// Neither side changed, or nothing may be said.
    Nothing,
    /// Both hold the same: the base takes what both hold.
    Agree,
    /// One side is written; the base advances when that is done and read back.
    Write {
        /// Towards this side.
        to: Side,
    },
    /// Elements are written to one or both sides.
    Merge,
    /// The write waits (acceptance, a switch, the guard): the base stays.
    Pending {
        /// What it waits for.
        reason: String,
    },
    /// A person decides; the base stays.
    Ask,
    /// A side could not be read; the base stays.
    Unknown,
    /// The sides differ and may: a side that may not be a source drifted.
    Drift,
}

/// The plan of one pass over one deal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The remote changes, in order.
    pub effects: Vec<Effect>,
    /// What was decided, group by group.
    pub decisions: Vec<(GroupId, GroupDecision)>,
    /// Which row of the merge table each compared group was in.
    pub rows: Vec<(GroupId, crate::Row)>,
    /// What waits after this pass, whole.
    pub waiting: Vec<WaitingEffect>,
    /// Values that lose, to be committed before anything is sent.
    pub archive: Vec<Archived>,
    /// Why a person is needed, whole.
    pub problems: Vec<Problem>,
    /// What a person may like to know, and need not act on.
    pub notes: Vec<String>,
    /// Whom this plan newly leaves out of a side, for a person: told once, with the writes that are due anyway.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Per set, the elements that are as they may be: their base takes what both sides hold. All others wait or are
    /// written.
    pub elements: Vec<(GroupId, Vec<ElementKey>)>,
    /// Per set, the elements that wait, whatever else of them is written: their base stays.
    #[serde(default)]
    pub held_back: Vec<(GroupId, Vec<ElementKey>)>,
    /// The decisions of people that this plan carries out; [`crate::carried_out`] tells which of them it did.
    pub consumed: Vec<i64>,
    /// The decisions of people whose values changed meanwhile: they are handed back.
    pub handed_back: Vec<i64>,
    /// When to look again, if nothing happens before.
    pub next_due: Option<Timestamp>,
    /// When a clock of the portal is looked at again, on a fresh read of both sides.
    pub clock_due: Option<Timestamp>,
    /// Whether the deal is paused or finished after this pass.
    pub phase: Option<crate::Phase>,
    /// Where the two sides stand, to become the lifecycle base when the effects are done.
    pub life: Option<crate::PerSide<Life>>,
    /// What the seller reads on the opportunity.
    pub headline: String,
}

impl Plan {
    /// Whether the plan sends nothing.
    pub fn is_quiet(&self) -> bool {
        self.effects.is_empty()
    }
}
