//! What the birth protocol keeps: the index of referrals, and intents with their ends (sync rules, section 6).

use deal_model::{DealId, Fingerprint, RecordId};
use jiff::Timestamp;
use ports::EffectKind;
use serde::{Deserialize, Serialize};

/// A referral as the births' index knows it. Holds no value that a person typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The referral.
    pub referral: RecordId,
    /// Its engagement.
    pub engagement: Option<RecordId>,
    /// Whether our own organisation owns it.
    pub ours: bool,
    /// Whether the companion organisation owns it; another partner's is neither.
    pub companion: bool,
    /// Fingerprint of its normalised external reference.
    pub external: Option<Fingerprint>,
    /// Whether it is neither closed nor expired.
    pub open: bool,
    /// When it was created, by its server's clock.
    pub created: Timestamp,
    /// Its version's stamp.
    pub updated: Timestamp,
}

/// A remote effect that must happen once, written down before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its identifier.
    pub id: String,
    /// The deal.
    pub deal: DealId,
    /// What kind of effect.
    pub kind: EffectKind,
    /// What finds the effect again: the normalised external reference's fingerprint, or the engagement.
    pub key: String,
    /// When it was written down.
    pub made: Timestamp,
    /// The transport neither starts nor continues it past this.
    pub send_before: Timestamp,
    /// The portal's own date when it was last heard before sending; matches are not older.
    pub server_date: Option<Timestamp>,
}

/// How an intent ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentOutcome {
    /// The effect happened and this record came of it.
    Done(RecordId),
    /// It certainly did not happen.
    NotDone,
}
