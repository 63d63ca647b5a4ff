//! A change event as the product sees it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{ReplayId, Value};
use crate::{ObjectName, RecordId, UserId};

/// What happened to the records (salesforce reference, section 4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Created; carries every value.
    Create,
    /// Changed; carries what changed, and what the channel is enriched with.
    Update,
    /// Deleted; carries only what the channel is enriched with.
    Delete,
    /// Restored; carries every value.
    Undelete,
    /// Created, and nothing more is told.
    GapCreate,
    /// Changed, and nothing more is told.
    GapUpdate,
    /// Deleted, and nothing more is told.
    GapDelete,
    /// Restored, and nothing more is told.
    GapUndelete,
    /// More changed in one transaction than is told: any record of the object may have.
    GapOverflow,
    /// A name that the reference does not know, or reserves: read the records again.
    Unknown,
}

impl ChangeKind {
    /// Whether the event says nothing of the records but that they changed.
    pub fn is_gap(self) -> bool {
        !matches!(self, Self::Create | Self::Update | Self::Delete | Self::Undelete)
    }
}

/// Which records an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Records {
    /// Those that are named; several, if the same change hit them at about the same time.
    pub ids: Vec<RecordId>,
    /// Whether it is about every record of the object: a wildcard such as `006*`, or an overflow.
    pub all: bool,
}

/// How a change was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// As it was told; empty unless an API or Lightning made the change.
    pub text: String,
    /// The name that the caller gave itself. A hint: flows and triggers run under it, too (section 4.9).
    pub client: Option<String>,
}

/// One change of one or several records.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeEvent {
    /// The event's position.
    pub replay_id: ReplayId,
    /// The object.
    pub entity: ObjectName,
    /// What happened.
    pub kind: ChangeKind,
    /// To which records.
    pub records: Records,
    /// How.
    pub origin: Origin,
    /// By whom, if a user is named.
    pub user: Option<UserId>,
    /// The same for all events of one transaction.
    pub transaction: String,
    /// The order inside the transaction, from 1, with holes.
    pub sequence: i32,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// The fields that changed; a compound's child as `Parent.Child`, the parent alone if all of them did.
    pub changed: BTreeSet<String>,
    /// The fields that are empty now.
    pub nulled: BTreeSet<String>,
    /// The fields of which only a difference is carried: their values must be read.
    pub diffed: BTreeSet<String>,
    /// What the body holds by field, children as `Parent.Child`; without the nulls, which mean nothing by themselves.
    pub(super) body: BTreeMap<String, Value>,
    /// Every name that a field or child goes by.
    pub(super) names: Arc<BTreeSet<String>>,
}

impl ChangeEvent {
    /// What the event says that the field holds now; [`Value::Null`] if it says that it is empty, `None` if it says
    /// nothing of it.
    pub fn value(&self, field: &str) -> Option<&Value> {
        let carried = self.body.contains_key(field) // not null: changed, or enriched
            || matches!(self.kind, ChangeKind::Create | ChangeKind::Undelete)
            || self.touches(field);
        self.enriched(field).filter(|_| carried)
    }

    /// The same of a field that the channel is enriched with: null then means empty, changed or not. The event cannot
    /// tell which fields those are; only the caller can.
    pub fn enriched(&self, field: &str) -> Option<&Value> {
        if self.kind.is_gap() || names(&self.diffed, field) || !self.names.contains(field) {
            return None;
        }
        Some(self.body.get(field).unwrap_or(&Value::Null))
    }

    /// Whether the field, or the compound it is part of, was changed, emptied or sent as a difference.
    pub fn touches(&self, field: &str) -> bool {
        [&self.changed, &self.nulled, &self.diffed].into_iter().any(|set| names(set, field))
    }
}

/// Whether `set` names the field. A compound stands for all of its children, unless some are named beside it.
fn names(set: &BTreeSet<String>, field: &str) -> bool {
    set.contains(field)
        || field.split_once('.').is_some_and(|(parent, _)| {
            let children = format!("{parent}.");
            set.contains(parent)
                && !set.range(children.clone()..).next().is_some_and(|next| next.starts_with(&children))
        })
}
