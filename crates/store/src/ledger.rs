//! What history and archive hold sealed: how a line or a losing value is bound to its place, and comes back.

use std::collections::BTreeMap;

use deal_model::{Archived, GroupHeld, GroupId, Side, Version};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sync_engine::{ArchivedRow, AuditLine, StoreError, StoreResult, Subject};

use crate::{SealKey, chain::ChainedLine, sealing::DataKey};

/// How a subject is named by its data keys and its chain.
pub(crate) fn name_of(subject: &Subject) -> String {
    match subject {
        Subject::Deal(id) => format!("deal {id}"),
        Subject::Referral(id) => format!("referral {id}"),
    }
}

/// What [`name_of`] named.
pub(crate) fn subject_of(name: &str) -> Option<Subject> {
    match name.split_once(' ')? {
        ("deal", id) => Some(Subject::Deal(id.into())),
        ("referral", id) => Some(Subject::Referral(id.into())),
        _ => None,
    }
}

/// A data key as its row holds it.
pub(crate) struct KeyRow {
    /// Its number, from 1; the next one is drawn when this one was destroyed.
    pub(crate) number: u64,
    /// The key, as [`DataKey::wrap`] laid it down; `None` once it was destroyed.
    pub(crate) wrapped: Option<Vec<u8>>,
    /// When it was destroyed.
    pub(crate) destroyed: Option<Timestamp>,
}

/// A data key, or when it was destroyed.
enum Kept {
    Key(DataKey),
    Destroyed(Timestamp),
}

/// All data keys of one subject.
pub(crate) struct Keyring {
    subject: String,
    keys: BTreeMap<u64, Kept>,
}

/// A text that was sealed, or when it was erased.
pub(crate) enum Opened {
    /// The text.
    Text(Vec<u8>),
    /// Its key was destroyed then.
    Erased(Timestamp),
}

impl Keyring {
    /// Takes the keys of `subject` as they lie in the store.
    pub(crate) fn of(subject: &str, rows: Vec<KeyRow>, master: Option<&SealKey>) -> StoreResult<Self> {
        let mut keys = BTreeMap::new();
        for KeyRow { number, wrapped, destroyed } in rows {
            let kept = match (wrapped, destroyed) {
                (Some(wrapped), None) => Kept::Key(DataKey::unwrapped(master, subject, number, &wrapped)?),
                (None, Some(at)) => Kept::Destroyed(at),
                _ => return Err(StoreError::Damaged("data_key: neither kept nor destroyed".to_owned())),
            };
            keys.insert(number, kept);
        }
        Ok(Self { subject: subject.to_owned(), keys })
    }

    fn open(&self, number: u64, place: &[u8], sealed: &[u8]) -> StoreResult<Opened> {
        match self.keys.get(&number) {
            Some(Kept::Key(key)) => key.open(place, sealed).map(Opened::Text),
            Some(Kept::Destroyed(at)) => Ok(Opened::Erased(*at)),
            None => Err(StoreError::Damaged("data_key: a key that sealed something is missing".to_owned())),
        }
    }

    /// The line of history that a row holds.
    pub(crate) fn line(&self, row: ChainedLine) -> StoreResult<AuditLine> {
        let place = line_place(&self.subject, row.number);
        let (sentence, erased) = match self.open(row.key, &place, &row.sealed)? {
            Opened::Text(text) => (utf8(text)?, None),
            Opened::Erased(at) => (String::new(), Some(at)),
        };
        let ChainedLine { at, what, side, groups, took_ms, mapping, .. } = row;
        Ok(AuditLine { at, what, side, groups, sentence, took_ms, mapping, erased })
    }

    /// The losing value that a row holds.
    pub(crate) fn archived(&self, row: SealedValue) -> StoreResult<ArchivedRow> {
        let place = value_place(&self.subject, row.at, &row.group, row.side);
        let SealedValue { id, at, group, side, key, sealed } = row;
        let (lost, erased) = match self.open(key, &place, &sealed)? {
            Opened::Text(text) => {
                let lost = serde_json::from_slice(&text)
                    .map_err(|_| StoreError::Damaged("archive: a value that does not parse".to_owned()))?;
                (lost, None)
            }
            Opened::Erased(on) => (Lost::nothing(at), Some(on)),
        };
        let Lost { value, reason, version } = lost;
        Ok(ArchivedRow { id, at, archived: Archived { group, side, value, reason, version }, erased })
    }

    /// The sealed text of a losing value or a line, for a search; `None` if it was erased.
    pub(crate) fn text(&self, number: u64, place: &[u8], sealed: &[u8]) -> StoreResult<Option<String>> {
        match self.open(number, place, sealed)? {
            Opened::Text(text) => utf8(text).map(Some),
            Opened::Erased(_) => Ok(None),
        }
    }
}

fn utf8(text: Vec<u8>) -> StoreResult<String> {
    String::from_utf8(text).map_err(|_| StoreError::Damaged("a sealed text is not text".to_owned()))
}

/// What is sealed of a losing value: all that a person may have typed.
#[derive(Serialize, Deserialize)]
struct Lost {
    value: GroupHeld,
    reason: String,
    version: Version,
}

impl Lost {
    fn nothing(at: Timestamp) -> Self {
        Self { value: GroupHeld::new(), reason: String::new(), version: Version { stamp: at, tag: None } }
    }
}

/// A losing value as its row holds it.
pub(crate) struct SealedValue {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    pub(crate) group: GroupId,
    pub(crate) side: Side,
    pub(crate) key: u64,
    pub(crate) sealed: Vec<u8>,
}

/// What the sentence of a line is bound to.
pub(crate) fn line_place(subject: &str, number: u64) -> Vec<u8> {
    format!("cosell history {number} of {subject}").into_bytes()
}

/// What a losing value is bound to.
pub(crate) fn value_place(subject: &str, at: Timestamp, group: &GroupId, side: Side) -> Vec<u8> {
    let side = match side {
        Side::Portal => "portal",
        Side::Crm => "crm",
    };
    // Stores keep moments in microseconds: the place is what comes back from there.
    format!("cosell archive {} {side} {group} of {subject}", at.as_microsecond()).into_bytes()
}

/// Seals what a losing value says of a person.
pub(crate) fn seal_archived(
    key: &DataKey,
    subject: &str,
    at: Timestamp,
    lost: &Archived,
) -> StoreResult<Vec<u8>> {
    let Archived { group, side, value, reason, version } = lost;
    let text = Lost { value: value.clone(), reason: reason.clone(), version: version.clone() };
    let text = serde_json::to_vec(&text)
        .map_err(|error| StoreError::Failed(format!("a losing value cannot be written down: {error}")))?;
    key.seal(&value_place(subject, at, group, *side), &text)
}

/// The row of a line at `number` in its subject's chain, sealed under the key `key_number`.
pub(crate) fn seal_line(
    key: &DataKey,
    key_number: u64,
    subject: &str,
    number: u64,
    line: &AuditLine,
) -> StoreResult<ChainedLine> {
    Ok(ChainedLine {
        number,
        at: line.at,
        what: line.what.clone(),
        side: line.side,
        groups: line.groups.clone(),
        took_ms: line.took_ms,
        mapping: line.mapping.clone(),
        key: key_number,
        sealed: key.seal(&line_place(subject, number), line.sentence.as_bytes())?,
    })
}
