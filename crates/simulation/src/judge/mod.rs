//! The judges: what is always true (sync rules, section 9), one file each. They read raw records, the product's own
//! requests and the record of what people did; the product is asked only what it tells a person.

mod base;
mod cleared;
mod closed;
mod convergence;
mod duplicates;
mod echo;
mod grace;
mod guard;
mod invention;
mod landed;
mod lost;
mod memory;
mod order;
mod privacy;
mod quiet;

pub(crate) use base::hear;
pub(crate) use guard::Guard;
pub(crate) use memory::Memories;
pub(crate) use privacy::{contains, judge_log};
pub(crate) use quiet::{after_the_end, writes};

use crate::{
    edits::Record,
    product::{DealSeen, Lost},
    scene::Scene,
    world::{Seen, World},
};

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Which invariant, by a short name.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

impl Violation {
    pub(crate) fn new(invariant: &'static str, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }
}

/// The starred invariants, after every step.
pub(crate) fn after_a_step(
    world: &World,
    scene: &Scene,
    record: &mut Record,
    seen: &[Seen],
    guard: &mut Guard,
) -> Vec<Violation> {
    hear(record, seen);
    let mut found = order::judge(scene, record, seen);
    found.extend(duplicates::judge(scene, record));
    found.extend(grace::judge(world, scene, record, seen));
    found.extend(cleared::judge(record, seen));
    found.extend(closed::judge(seen));
    found.extend(guard.judge(world, scene, record, seen));
    found.extend(privacy::judge_requests(record, seen));
    found.extend(invention::judge(scene, record));
    found
}

/// What deals remember, after every step.
pub(crate) fn of_memory(record: &Record, memories: &mut Memories, deals: &[DealSeen]) -> Vec<Violation> {
    let mut found = base::judge(record, deals);
    found.extend(memories.judge(deals));
    found
}

/// What is left to say when nothing has gone wrong for a while and nobody did anything.
pub(crate) fn in_fair_weather(
    scene: &Scene,
    record: &Record,
    deals: &[DealSeen],
    archive: &[Lost],
) -> Vec<Violation> {
    let mut found = convergence::judge(scene, record, deals, archive);
    found.extend(lost::judge(scene, record, deals, archive));
    found.extend(grace::at_the_end(deals));
    found
}

/// What is left to say when people and faults have stopped and the product has had its time.
pub(crate) fn at_the_end(
    scene: &Scene,
    record: &Record,
    deals: &[DealSeen],
    archive: &[Lost],
    stored: &[Vec<u8>],
) -> Vec<Violation> {
    let mut found = convergence::judge(scene, record, deals, archive);
    found.extend(lost::judge(scene, record, deals, archive));
    found.extend(privacy::judge_files(record, stored));
    found.extend(base::judge(record, deals));
    found.extend(grace::at_the_end(deals));
    found
}
