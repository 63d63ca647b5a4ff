//! The compiled mapping, as the merge sees it: fields, groups, directions and policies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{CodeList, Definitions, Demands, FieldId, GroupId, Irreversible, PerSide, Side};

/// A field's canonical type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One line of text.
    Text,
    /// Text of many lines.
    LongText,
    /// An exact decimal.
    Number,
    /// A calendar date.
    Date,
    /// A yes or no.
    Flag,
    /// A code out of a list.
    Choice,
    /// Elements by key.
    Set,
}

/// How the length of a text is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// In Unicode's characters: an emoji of one code point is one.
    #[default]
    Characters,
    /// In UTF-16's units: a character beyond the first plane, most emoji among them, is two.
    Utf16,
}

/// When two texts say the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sameness {
    /// When they are written the same.
    #[default]
    AsWritten,
    /// When they dial the same number: `+49 (30) 123-456` and `+4930123456`.
    Dialled,
}

/// What both sides can hold of a field. `fit` projects onto it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// Longest text, as `measure` counts it.
    pub max_chars: Option<usize>,
    /// How the length of a text is counted.
    #[serde(default)]
    pub measure: Measure,
    /// When two texts say the same; what is written is the text itself, as it was typed.
    #[serde(default)]
    pub sameness: Sameness,
    /// Most digits after the point.
    pub scale: Option<u32>,
    /// The field of the same group whose currency decides the digits after the point.
    pub currency: Option<FieldId>,
    /// Of a set: what is special about an attribute of its elements, by name.
    #[serde(default)]
    pub attributes: BTreeMap<String, Fit>,
}

/// One mapped field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSpec {
    /// Its name.
    pub id: FieldId,
    /// What a person calls it.
    pub label: String,
    /// Its canonical type.
    pub kind: Kind,
    /// What both sides can hold of it.
    pub fit: Fit,
    /// Whether the side cannot do without it at creation.
    pub required: PerSide<bool>,
    /// What the portal demands of its value.
    pub demands: Demands,
}

/// When a group may be written towards one side: direction, moment and capability in one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// When the record is created there.
    pub create: bool,
    /// When it changes later.
    pub update: bool,
    /// Only while the side's value is empty (a record shared by many deals is filled, never overwritten).
    pub fill_only: bool,
}

impl Route {
    /// Whether the side is ever written, at whatever moment.
    pub fn flows(self) -> bool {
        self.create || self.update
    }
}

/// Who wins when both sides changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// The later change, if the order is certain; else the owner.
    Newest,
    /// This side.
    Always(Side),
    /// A person decides; the field waits, all others go on.
    Ask,
}

/// What an emptied field means for the other side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clear {
    /// Nothing happens; a note says so.
    #[default]
    Ignore,
    /// The other side is emptied too.
    Propagate,
    /// The other side's value is written back.
    Refill,
}

/// Bounds of a set towards the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetBounds {
    /// Fewest elements the portal accepts.
    pub min: usize,
    /// Most elements the portal accepts.
    pub max: usize,
    /// Whether an element that one side removed is removed on the other.
    pub remove: PerSide<bool>,
    /// Elements are only ever added, on both sides: none that is there is changed or removed, and one that a person took
    /// out is not brought back. What cannot be added is left out, with a note.
    pub add_only: bool,
    /// Whether an element that is there may get another key on the side: a person's corrected e-mail address. A contact
    /// is shared by many deals and a user is nobody's to change: they keep theirs.
    #[serde(default)]
    pub rekey: PerSide<bool>,
}

/// Fields that are compared, merged, archived and written as one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSpec {
    /// Its name; a single field's own.
    pub id: GroupId,
    /// The members; the first leads: the group is empty when its lead is.
    pub members: Vec<FieldSpec>,
    /// When it is written towards each side.
    pub to: PerSide<Route>,
    /// Who wins when both sides changed.
    pub conflict: Conflict,
    /// Who wins under `newest` when the order is unknown.
    pub owner: Side,
    /// What an emptied group means, by the side that would be cleared.
    pub clear: PerSide<Clear>,
    /// The irreversible effect that sending this group is.
    pub latch: Option<Irreversible>,
    /// Drift on a side that may not be a source is put right again.
    pub enforce: bool,
    /// Never written to a referral that is new or closed.
    pub active_only: bool,
    /// Bounds, if it is a set.
    pub set: Option<SetBounds>,
    /// The portal was seen to refuse changes of it, so it is written there at creation only.
    pub fixed: bool,
    /// Whether what goes to a side is an expression's. It then counts by what the expression gives, and changes only with
    /// that: what the side holds instead is its own.
    #[serde(default)]
    pub computed: PerSide<bool>,
}

impl GroupSpec {
    /// The member that decides whether the group is empty.
    pub fn lead(&self) -> &FieldSpec {
        self.members.first().expect("the mapping compiles no group without a member")
    }

    /// What a person calls the group.
    pub fn label(&self) -> &str {
        &self.lead().label
    }
}

/// How long irreversible effects wait, and how many may leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardSettings {
    /// Seconds before a close leaves.
    pub close_grace_secs: u32,
    /// Seconds before a decline leaves.
    pub decline_grace_secs: u32,
    /// Seconds before an accept by stage leaves. An accept by the response field does not wait.
    pub accept_grace_secs: u32,
    /// Irreversible effects of one kind within the brake's time before the brake holds.
    pub brake_limit: u32,
    /// The brake's time, in seconds.
    pub brake_window_secs: u32,
    /// How long before an unanswered referral expires a person is told, in seconds; each of them once.
    pub expiry_warnings_secs: Vec<u32>,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            close_grace_secs: 600,
            decline_grace_secs: 600,
            accept_grace_secs: 60,
            brake_limit: 20,
            brake_window_secs: 600,
            expiry_warnings_secs: vec![4 * 86_400, 86_400],
        }
    }
}

/// Which effects are allowed: each can be switched off by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switches {
    /// Create referrals from opportunities.
    pub create_referrals: bool,
    /// Create opportunities from referrals.
    pub create_opportunities: bool,
    /// Write changed fields to referrals.
    pub update_referrals: bool,
    /// Write changed fields to opportunities.
    pub update_opportunities: bool,
    /// Write solutions to referrals.
    pub solutions: bool,
    /// Show what the other organisation's sellers did.
    pub companion: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            create_referrals: true,
            create_opportunities: true,
            update_referrals: true,
            update_opportunities: true,
            solutions: true,
            companion: true,
        }
    }
}

/// Everything about the mapping that a plan needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Specs {
    /// The groups, in the mapping's order.
    pub groups: Vec<GroupSpec>,
    /// Digits after the point, by currency; 2 for a currency that is not listed.
    pub minor_units: BTreeMap<String, u32>,
    /// Groups that need a value before help can be asked for: the customer's contacts.
    pub help_needs: Vec<GroupId>,
    /// The guard's numbers.
    pub guard: GuardSettings,
    /// Which effects are allowed.
    pub switches: Switches,
    /// What the portal demands of a deal's end.
    pub endings: Endings,
    /// What groups and stages mean, to tell what a changed mapping changed.
    #[serde(default)]
    pub definitions: Definitions,
    /// What the configuration lacks for any referral to be created, each for a person who can mend it.
    pub lacks: Vec<Lack>,
}

/// What the portal demands of a deal's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endings {
    /// Whether a referral can be closed as an error.
    pub error: bool,
    /// Whether a loss needs a reason. A decline and an error always do.
    pub lost_needs_reason: bool,
    /// The reasons for declining and for losing; any, if there is no list.
    pub reasons: Option<CodeList>,
    /// The reasons for closing as an error; any, if there is no list.
    pub error_reasons: Option<CodeList>,
}

impl Default for Endings {
    fn default() -> Self {
        Self { error: true, lost_needs_reason: false, reasons: None, error_reasons: None }
    }
}

/// Something that the configuration lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    /// What it is about, as a problem's field.
    pub about: GroupId,
    /// What is missing.
    pub sentence: String,
    /// What a person does next.
    pub next_step: String,
}

impl Specs {
    /// The same, with nothing written to the portal.
    pub(crate) fn read_only(&self) -> Self {
        let switches = Switches {
            create_referrals: false,
            update_referrals: false,
            solutions: false,
            ..self.switches.clone()
        };
        let mut groups = self.groups.clone();
        for spec in &mut groups {
            // A field that went both ways and now goes one way is not enforced: what a person typed stays.
            spec.enforce &= !spec.to.portal.flows();
            spec.to.portal = Route::default();
        }
        Self { groups, switches, ..self.clone() }
    }

    /// The group of this name.
    pub fn group(&self, id: &GroupId) -> Option<&GroupSpec> {
        self.groups.iter().find(|group| &group.id == id)
    }
}
