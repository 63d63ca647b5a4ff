//! Whose value wins: the one that the mapping lets win, never an older one again, and none where both said the same.

use jiff::SignedDuration;
use sandbox::{exchange::Kind, faults::Platform};

use super::{Violation, echo, landed::landed, lost};
use crate::{
    edits::{Edit, Field, Record},
    scene::{Scene, text},
    world::Seen,
};

const ORG: Platform = Platform::Salesforce;
const PORTAL: Platform = Platform::PartnerCenter;

/// How long a pair has been one before its fields have a base: a value is judged by what it was reconciled as.
const KNOWN_TO_EACH_OTHER: SignedDuration = SignedDuration::from_mins(2);

/// What the customer's mapping says of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// The later one wins; this side, where nobody can tell.
    Newest { owner: Platform },
    /// This side wins.
    Always(Platform),
    /// A person decides.
    Ask,
}

/// By hand: what the customer's mappings say, by their number.
fn policy(mapping: u64, field: Field) -> Policy {
    match (mapping, field) {
        (1, Field::Notes) => Policy::Always(ORG),
        (2, Field::Notes) | (3, Field::Closing) => Policy::Always(PORTAL),
        (3, Field::Money) => Policy::Ask,
        _ => Policy::Newest { owner: ORG },
    }
}

impl Policy {
    /// Whether a value of `side` may win over one that was typed across at the same time, or later.
    fn lets_win(self, side: Platform) -> bool {
        match self {
            Self::Newest { owner } => owner == side,
            Self::Always(winner) => winner == side,
            Self::Ask => false,
        }
    }
}

/// Judges the writes in their order, and notes which values arrived.
pub(super) fn judge(scene: &Scene, record: &mut Record, seen: &[Seen]) -> Vec<Violation> {
    for row in scene.opportunities().filter(|row| !text(&row["Referral_Identifier__c"]).is_empty()) {
        let now = seen.last().map_or(record.settled_since, |one| one.at);
        record.linked.entry(text(&row["Id"]).to_owned()).or_insert(now);
        let (referral, id) = (text(&row["Referral_Identifier__c"]).to_lowercase(), text(&row["Id"]));
        record.pairs.entry(referral).or_insert_with(|| id.to_owned());
    }
    let mut found = Vec::new();
    for one in seen {
        if matches!(one.kind, Kind::Patch | Kind::CrmWrite) && one.status < 300 {
            found.extend(written(scene, record, one));
            found.extend(echo::judge(scene, record, one));
        }
        lost::note_arrivals(record, std::slice::from_ref(one));
    }
    found
}

fn written(scene: &Scene, record: &Record, one: &Seen) -> Vec<Violation> {
    let came = record.edits.iter().filter(|edit| edit.side != one.platform && edit.at > record.settled_since);
    let came = came.filter(|edit| edit.field != Field::Solution && landed(one, &edit.needle));
    came.filter_map(|edit| {
        if edit.alike {
            return (edit.superseded.is_none() && !record.automated).then(|| {
                let what =
                    format!("{:?} was written by {}, though both sides said so", edit.needle, one.line);
                Violation::new("alike", what)
            });
        }
        overtaken(record, one, edit).or_else(|| beaten(scene, record, one, edit))
    })
    .collect()
}

/// A newer value of the same side arrived before.
fn overtaken(record: &Record, one: &Seen, edit: &Edit) -> Option<Violation> {
    // A date that a flow moved may be one that somebody typed before.
    let moved = record.automated && edit.field == Field::Closing;
    if record.reverting || moved || edit.superseded.is_none() {
        return None;
    }
    let is_newer = |other: &&Edit| {
        other.side == edit.side
            && other.record == edit.record
            && other.field == edit.field
            && other.at > edit.at
    };
    let newer = record
        .edits
        .iter()
        .filter(is_newer)
        .find(|newer| newer.arrived_at.is_some_and(|at| at < one.at) && newer.needle != edit.needle)?;
    let what = format!(
        "{:?} typed at {} was written by {}, after {:?} typed at {}",
        edit.needle, edit.at, one.line, newer.needle, newer.at
    );
    Some(Violation::new("stale", what))
}

/// It took the place of a value that the mapping lets win.
fn beaten(scene: &Scene, record: &Record, one: &Seen, edit: &Edit) -> Option<Violation> {
    if edit.arrived || record.automated || policy(record.mapping, edit.field).lets_win(edit.side) {
        return None;
    }
    let of_pair = |row: &&serde_json::Value| match edit.side {
        Platform::Salesforce => row["Id"] == edit.record,
        Platform::PartnerCenter => text(&row["Referral_Identifier__c"]).eq_ignore_ascii_case(&edit.record),
    };
    let row = scene.opportunities().find(of_pair)?;
    let opportunity = text(&row["Id"]);
    let across = match edit.side {
        Platform::Salesforce => text(&row["Referral_Identifier__c"]),
        Platform::PartnerCenter => opportunity,
    };
    let known = record.linked.get(opportunity)?.saturating_add(KNOWN_TO_EACH_OTHER).ok()?;
    let lost = record.edits.iter().rev().find(|other| {
        other.side == one.platform && other.record == across && other.field == edit.field && other.at < one.at
    })?;
    let judged = lost.at >= edit.at && !lost.arrived && !lost.alike && edit.at > known;
    judged.then(|| {
        let what = format!(
            "{:?} typed at {} was written by {} over {:?} typed at {}",
            edit.needle, edit.at, one.line, lost.needle, lost.at
        );
        Violation::new("policy", what)
    })
}
