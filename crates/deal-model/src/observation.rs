//! One side of a deal, as it was when last read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ElementKey, FieldId, Life, Observed, People, RecordId};

/// Which state of a record was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The record's own stamp, by its server's clock.
    pub stamp: Timestamp,
    /// The opaque tag a conditional write must carry, where the side has one.
    pub tag: Option<String>,
}

/// One field of one side: what it holds, and what it would send across.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// What the side holds.
    pub held: Observed,
    /// What the side would send: its value, else the mapping's default or expression.
    pub sends: Observed,
}

impl Reading {
    /// A reading that sends what it holds.
    pub fn plain(held: Observed) -> Self {
        Self { sends: held.clone(), held }
    }
}

/// Why an expression of the mapping made no value of a record. It holds names of places, and no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotComputed {
    /// The reason, as the end of a sentence.
    pub why: String,
    /// What a person does next, as a sentence.
    pub next_step: String,
}

/// Who changed a record last, as far as the side tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person.
    Person,
    /// The user Cosell writes as: Cosell itself, or an automation that ran in its transaction.
    Integration,
    /// The side does not say.
    Unknown,
}

/// What a seller answered on the opportunity to a received referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Accept.
    Accept,
    /// Decline.
    Decline,
}

/// What only an opportunity says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CrmFacts {
    /// Whether the opportunity is opted in. Read again for every irreversible effect.
    pub opted_in: bool,
    /// Why it is not opted in although its seller asked for it: the rule of the mapping, as a sentence.
    #[serde(default)]
    pub left_out: Option<String>,
    /// The developer name of its record type, if it has one and something depends on it.
    #[serde(default)]
    pub record_type: Option<String>,
    /// Whether the seller recorded the customer's consent (or the company's contract setting stands in for it).
    pub consent: bool,
    /// The response field.
    pub response: Option<Response>,
    /// The referral identifier the opportunity carries.
    pub claims: Option<RecordId>,
    /// The opportunity whose identifier this one's origin field holds; another's on a clone.
    pub origin: Option<RecordId>,
    /// The reason given for losing or declining, in the portal's words.
    pub reason: Option<String>,
    /// Whether the help field asks for the other organisation's help.
    pub asks_help: bool,
    /// The read's server date was under two seconds after the record's stamp: read again before writing.
    pub unsettled: bool,
    /// Fields that hold a text which stands for no value across, with that text. Their readings are unknown.
    #[serde(default)]
    pub misfits: BTreeMap<FieldId, String>,
    /// Fields whose expression or default failed on this record. Their readings are unknown.
    #[serde(default)]
    pub uncomputed: BTreeMap<FieldId, NotComputed>,
    /// Fields whose values come from other records at present, with the sentence that says from which: what is written
    /// to them is passed over without a word.
    #[serde(default)]
    pub computed: BTreeMap<FieldId, String>,
    /// Sets that take no new element at present, with the reason as the end of a sentence.
    #[serde(default)]
    pub closed: BTreeMap<FieldId, String>,
    /// Per set, how many of its rows are nobody's element, for want of a key: contacts without an e-mail address.
    #[serde(default)]
    pub keyless: BTreeMap<FieldId, usize>,
    /// Per set, the elements that the seller marked as the primary one.
    #[serde(default)]
    pub primary: BTreeMap<FieldId, Vec<ElementKey>>,
    /// Per set of people, the record that each element is, with its element's key; none for a record without a key.
    #[serde(default)]
    pub people: BTreeMap<FieldId, People>,
    /// Per set, the elements that may not be sent at present, and what a person does about each.
    #[serde(default)]
    pub barred: BTreeMap<FieldId, BTreeMap<ElementKey, Barred>>,
}

/// Why an element of a set may not be sent at present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barred {
    /// The reason, as the end of a sentence that begins with the element's key.
    pub why: String,
    /// What a person does next, as a sentence.
    pub next_step: String,
}

/// What only a referral says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PortalFacts {
    /// When an unanswered referral expires.
    pub expires: Option<Timestamp>,
    /// The engagement that ties referrals together.
    pub engagement: Option<RecordId>,
    /// The opportunity that the referral names as its own.
    pub external_reference: Option<RecordId>,
    /// The other organisation's referral in the same engagement, if it is known.
    pub companion: Option<RecordId>,
    /// The fields of that referral, if it was read this time.
    pub companion_fields: Option<BTreeMap<FieldId, Reading>>,
    /// What that referral says of its own life, if it was read this time and is there.
    pub companion_state: Option<CompanionState>,
    /// The partner's location that the referral belongs to: routes look at it.
    pub partner_id: Option<String>,
    /// What else routes look at, by its pointer into the referral.
    #[serde(default)]
    pub routed_by: BTreeMap<String, String>,
    /// The first of each list of the customer's people: who becomes the primary contact of a new record.
    #[serde(default)]
    pub first_people: BTreeMap<FieldId, ElementKey>,
    /// Who invited to the engagement.
    pub inviter: Inviter,
    /// Fields whose expression or default failed on this record. Their readings are unknown.
    #[serde(default)]
    pub uncomputed: BTreeMap<FieldId, NotComputed>,
}

impl PortalFacts {
    /// Whether a third organisation invited. Such deals have no documented way to be written: they are read, and never
    /// written at the portal.
    pub fn is_read_only(&self) -> bool {
        self.inviter == Inviter::Third
    }
}

/// Who invited to an engagement, seen from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inviter {
    /// The referral names nobody.
    #[default]
    Nobody,
    /// We did.
    Us,
    /// The other organisation: it takes part already.
    Companion,
    /// A third organisation.
    Third,
}

/// Where the other organisation's own referral stands. It never changes the deal's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanionState {
    /// Its life.
    pub life: Life,
    /// When it expires, if nobody answers it.
    pub expires: Option<Timestamp>,
}

impl CompanionState {
    /// Whether something may still be heard of it.
    pub fn is_open(&self) -> bool {
        !self.life.is_closed()
    }
}

/// One side of a deal as last read. Expressions and defaults are already evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The record.
    pub record: RecordId,
    /// Its version.
    pub version: Version,
    /// The answer's own date, by its server's clock.
    pub read_at: Timestamp,
    /// Who changed it last.
    pub actor: Actor,
    /// Where the deal stands, as this side tells it.
    pub life: Life,
    /// The mapped fields. A field that is missing here is `Unknown`.
    pub fields: BTreeMap<FieldId, Reading>,
    /// What only this kind of record says.
    pub facts: Facts,
}

/// What only one side's records say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facts {
    /// An opportunity's.
    Crm(CrmFacts),
    /// A referral's.
    Portal(PortalFacts),
}

impl Observation {
    /// The reading of `field`; `Unknown` when it was not read.
    pub fn reading(&self, field: &FieldId) -> Reading {
        self.fields
            .get(field)
            .cloned()
            .unwrap_or(Reading { held: Observed::Unknown, sends: Observed::Unknown })
    }

    /// Why the field's value could not be computed from this record, if it could not.
    pub fn uncomputed(&self, field: &FieldId) -> Option<&NotComputed> {
        match &self.facts {
            Facts::Crm(facts) => facts.uncomputed.get(field),
            Facts::Portal(facts) => facts.uncomputed.get(field),
        }
    }

    /// The opportunity's own facts; none on a referral.
    pub fn crm(&self) -> Option<&CrmFacts> {
        match &self.facts {
            Facts::Crm(facts) => Some(facts),
            Facts::Portal(_) => None,
        }
    }

    /// The referral's own facts; none on an opportunity.
    pub fn portal(&self) -> Option<&PortalFacts> {
        match &self.facts {
            Facts::Portal(facts) => Some(facts),
            Facts::Crm(_) => None,
        }
    }
}

/// What was found where a side's record should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// The deal has no record on this side yet.
    Unlinked,
    /// The record as read.
    Seen(Box<Observation>),
    /// The record was there once and is not now, or is hidden from us.
    Gone,
    /// It could not be read this time; nothing may be decided about this side.
    Unread,
}

impl Sight {
    /// The observation, if the record was read.
    pub fn seen(&self) -> Option<&Observation> {
        match self {
            Self::Seen(observation) => Some(observation),
            Self::Unlinked | Self::Gone | Self::Unread => None,
        }
    }
}
