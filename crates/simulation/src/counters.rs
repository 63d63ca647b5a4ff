//! What happened at least sometimes: a kind of fault that no run ever met proves nothing.

use std::{collections::BTreeMap, sync::Mutex};

use crate::{
    crashes::PLACES,
    faults::{
        network::MISHAPS,
        troubles::{self, TROUBLES},
    },
    people::{self, DEEDS},
    run::{ABSENCE, CHANGES, CLOCK_JUMP, DECISIONS},
};

/// Rows of the merge table, as the product names them.
const MERGES: [&str; 8] = [
    "Same",
    "CrmChanged",
    "PortalChanged",
    "BothAlike",
    "Conflict",
    "LinkedAlike",
    "LinkedOneEmpty",
    "LinkedDiffer",
];

/// Rows of the lifecycle table: where the opportunity stands, and where the referral does.
const LIVES: [&str; 22] = [
    "received/none",
    "received/received",
    "received/active",
    "active/received",
    "lost/received",
    "won/received",
    "active/active",
    "won/active",
    "lost/active",
    "won/won",
    "lost/lost",
    "won/lost",
    "lost/won",
    "active/won",
    "active/lost",
    "received/expired",
    "received/declined",
    "active/expired",
    "active/declined",
    "active/none",
    "won/none",
    "lost/none",
];

/// Why the lock is never poisoned.
const LOCK: &str = "no code panics while holding this lock";

/// How often each named thing happened.
#[derive(Debug, Default)]
pub struct Counters(Mutex<BTreeMap<String, u64>>);

impl Counters {
    /// It happened.
    pub fn note(&self, what: impl Into<String>) {
        *self.0.lock().expect(LOCK).entry(what.into()).or_default() += 1;
    }

    /// It happened so many times more.
    pub fn add(&self, what: String, times: u64) {
        *self.0.lock().expect(LOCK).entry(what).or_default() += times;
    }

    /// All counts, by name.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().expect(LOCK).clone()
    }
}

/// What must have happened at least once in a set of runs that is to prove anything, and did not.
pub fn missing(counts: &BTreeMap<String, u64>) -> Vec<String> {
    let deeds = DEEDS.iter().map(|(_, deed)| deed).chain(&people::SELDOM);
    let deeds = deeds.map(|deed| format!("deed.{}", deed.name()));
    let mishaps = MISHAPS.iter().map(|mishap| format!("fault.{}", mishap.name()));
    let troubles = TROUBLES.iter().chain(troubles::SELDOM);
    let troubles = troubles.map(|trouble| format!("fault.{}", trouble.name));
    let decisions = DECISIONS.iter().map(|decision| format!("deed.{decision}"));
    let others = [
        format!("fault.{CLOCK_JUMP}"),
        "fault.arrives_after_its_sender_is_gone".to_owned(),
        format!("crash.{ABSENCE}"),
    ];
    let places = PLACES.iter().map(|place| format!("crash.{}", place.name()));
    let changes = CHANGES.iter().map(|change| format!("change.{change}"));
    let merges = MERGES.iter().map(|row| format!("merge.{row}"));
    let lives = LIVES.iter().map(|row| format!("life.{row}"));
    let all =
        deeds.chain(decisions).chain(mishaps).chain(troubles).chain(others).chain(places).chain(changes);
    all.chain(merges).chain(lives).filter(|name| counts.get(name).is_none_or(|times| *times == 0)).collect()
}
