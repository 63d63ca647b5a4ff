//! A deal's row: everything that must last between two passes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    CompanionState, DealId, Decision, FieldId, Fuse, GroupHeld, GroupId, Irreversible, Life, Mapped,
    Observation, PerSide, Problem, Reading, RecordId, Response, Side, Ties, Version, Window,
};

/// Whether the deal is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Kept the same on both sides.
    Live,
    /// Opted out: nothing is read but the flag.
    Paused,
    /// Closed at the portal: only the other organisation's fields still flow in.
    Finished,
}

/// The records of a deal; either half may be missing for a while.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// The opportunity.
    pub crm: Option<RecordId>,
    /// The referral.
    pub portal: Option<RecordId>,
    /// The other organisation's referral in the same engagement.
    pub companion: Option<RecordId>,
    /// The engagement.
    pub engagement: Option<RecordId>,
}

impl Links {
    /// The record of `side`.
    pub fn at(&self, side: Side) -> Option<&RecordId> {
        match side {
            Side::Portal => self.portal.as_ref(),
            Side::Crm => self.crm.as_ref(),
        }
    }
}

/// How long a value that the CRM refused is left alone: what the customer's administrators change there, such as a
/// validation rule or a flow, is told to nobody.
pub const CRM_ASKED_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// A value that one side refused; not sent again until something changes. The CRM is asked again once a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The group.
    pub group: GroupId,
    /// The side that refused.
    pub side: Side,
    /// Fingerprint of the value that was refused.
    pub sent: Fingerprint,
    /// Fingerprint of what that side held meanwhile.
    pub held: Fingerprint,
    /// The mapping's version when it was refused.
    pub mapping: String,
    /// When it was refused.
    pub at: Timestamp,
    /// What the server said.
    pub message: String,
}

impl Rejection {
    /// When the same value may be sent again though nothing is known to have changed.
    pub(crate) fn again_at(&self) -> Option<Timestamp> {
        match self.side {
            Side::Crm => self.at.checked_add(CRM_ASKED_AGAIN).ok(),
            // Microsoft's rules do not change for a customer.
            Side::Portal => None,
        }
    }
}

/// A short digest of a value: equal values have equal fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

/// What was reported onto the opportunity last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// Fingerprint of the report's text without times.
    pub text: Option<Fingerprint>,
    /// When it was written.
    pub at: Option<Timestamp>,
}

/// What a deal remembers of its last reconciliation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Per group, what each side really held when last reconciled.
    pub base: BTreeMap<GroupId, PerSide<GroupHeld>>,
    /// Per set of people, who is who: whom an element was tied to, under which key on each side. Each key is in that
    /// side's half of the base.
    #[serde(default)]
    pub ties: BTreeMap<GroupId, Ties>,
    /// Per group and side, when the present value came.
    pub windows: BTreeMap<GroupId, PerSide<Option<Window>>>,
    /// Where each side stood when last reconciled.
    pub life: Option<PerSide<Life>>,
    /// What the response field said when the lifecycle was last reconciled; only a change from it is an answer.
    pub answered: Option<Response>,
    /// The newest version seen of each side.
    pub versions: PerSide<Option<Version>>,
    /// Per group, the chain of our own writes in alternating directions.
    pub fuse: BTreeMap<GroupId, Fuse>,
    /// Values that were refused.
    pub rejected: Vec<Rejection>,
    /// Per set that only grows, when the CRM last added nobody for an element that it was given.
    #[serde(default)]
    pub not_added: BTreeMap<GroupId, Timestamp>,
    /// The mapping that all this was reconciled under, and what differs since it changed.
    #[serde(default)]
    pub mapped: Mapped,
    /// What was reported last.
    pub reported: Reported,
    /// What was last read of the other organisation's referral.
    pub companion: BTreeMap<FieldId, Reading>,
    /// Where that referral stood then.
    pub companion_state: Option<CompanionState>,
    /// The referral as last read, the one stand-in for a read (sync rules, section 1).
    pub stand_in: Option<Box<Observation>>,
}

/// An irreversible effect that waits for its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingEffect {
    /// Its kind.
    pub kind: Irreversible,
    /// What it would do, in words that are the same for the same target.
    pub target: String,
    /// When it was first wanted.
    pub since: Timestamp,
    /// When it may leave.
    pub not_before: Timestamp,
    /// A person withdrew it: it leaves only if a person sends it, however long it waits.
    #[serde(default)]
    pub withdrawn: bool,
}

/// A deal's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    /// Its identifier.
    pub id: DealId,
    /// The side it was born on; its values win where there is no base.
    pub born: Side,
    /// Its records.
    pub links: Links,
    /// Whether it is worked on.
    pub phase: Phase,
    /// What it remembers.
    pub memory: Memory,
    /// What waits.
    pub waiting: Vec<WaitingEffect>,
    /// What a person decided and no commit has carried out yet.
    pub decisions: Vec<Decision>,
    /// Why it cannot go on.
    pub problems: Vec<Problem>,
}

impl Deal {
    /// A new deal, known from its record on the side where it was born.
    pub fn born(id: DealId, side: Side, record: RecordId) -> Self {
        let mut links = Links::default();
        match side {
            Side::Portal => links.portal = Some(record),
            Side::Crm => links.crm = Some(record),
        }
        Self {
            id,
            born: side,
            links,
            phase: Phase::Live,
            memory: Memory::default(),
            waiting: Vec::new(),
            decisions: Vec::new(),
            problems: Vec::new(),
        }
    }
}
