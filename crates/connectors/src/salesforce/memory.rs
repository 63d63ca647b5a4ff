//! What the side remembers between calls, all of it bounded, all of it found out again when it is lost.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use jiff::Timestamp;
use salesforce::RecordId;

use super::{schema::Schema, transform::Known};

/// Most opportunities whose rows are remembered; the oldest is forgotten first, and read again when it is written.
const MAX_KNOWN: usize = 4_096;
/// How soon a hidden field is looked for again, at first. Doubled each time nothing came of it.
const FIRST_PROBE: Duration = Duration::from_mins(1);
/// How late, at most: each look costs the org some calls.
const LAST_PROBE: Duration = Duration::from_mins(16);
/// How old descriptions may become although nothing is hidden: lengths, picklists and currencies change too.
const STALE: Duration = Duration::from_hours(1);

/// The side's memory. No lock is held across a wait.
#[derive(Debug, Default)]
pub(super) struct Memory {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    schema: Option<Arc<Schema>>,
    known: BTreeMap<RecordId, Known>,
    order: VecDeque<RecordId>,
    /// When the descriptions were asked for, or looked through again, by the server's clock.
    probed: Option<Timestamp>,
    pause: Duration,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().expect("no code panics while holding this lock")
    }

    pub(super) fn schema(&self) -> Option<Arc<Schema>> {
        self.lock().schema.clone()
    }

    /// Takes a new schema; tells whether it shows other columns than the one before.
    pub(super) fn learn(&self, schema: Arc<Schema>) -> bool {
        let mut held = self.lock();
        let differs = held.schema.as_ref().is_none_or(|before| before.selected() != schema.selected());
        held.schema = Some(schema);
        if differs {
            held.pause = FIRST_PROBE;
        }
        differs
    }

    /// Whether the descriptions are to be asked for again. The caller that hears yes is the only one to hear it.
    pub(super) fn is_due(&self, server_date: Timestamp) -> bool {
        let mut held = self.lock();
        let Some(schema) = &held.schema else { return false };
        let pause = if schema.hidden.is_empty() { STALE } else { held.pause.max(FIRST_PROBE) };
        let Some(probed) = held.probed else {
            held.probed = Some(server_date);
            return false;
        };
        let due = Duration::try_from(server_date.duration_since(probed)).is_ok_and(|waited| waited >= pause);
        if due {
            held.probed = Some(server_date);
            held.pause = (pause * 2).min(LAST_PROBE);
        }
        due
    }

    pub(super) fn known(&self, id: RecordId) -> Option<Known> {
        self.lock().known.get(&id).cloned()
    }

    pub(super) fn remember(&self, id: RecordId, known: Known) {
        let mut held = self.lock();
        if held.known.insert(id, known).is_none() {
            held.order.push_back(id);
        }
        while held.known.len() > MAX_KNOWN {
            let Some(oldest) = held.order.pop_front() else { break };
            held.known.remove(&oldest);
        }
    }

    /// Forgets a record: it is gone, or no longer opted in.
    pub(super) fn forget(&self, id: RecordId) {
        let mut held = self.lock();
        if held.known.remove(&id).is_some() {
            held.order.retain(|each| *each != id);
        }
    }
}
