//! What the side remembers between calls, all of it bounded, all of it found out again when it is lost.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use jiff::Timestamp;
use salesforce::{Error, RecordId};

use super::{
    schema::{Asking, Schema},
    transform::Known,
};

/// A first look at the org under way.
type Loading = BoxFuture<'static, Result<Arc<Schema>, Error>>;

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
    /// Weak: if all who wait for it give up, it ends, and the next one starts afresh.
    loading: Option<WeakShared<Loading>>,
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

    /// The first look at the org: the one under way, or the one that `start` begins.
    pub(super) fn loading(&self, start: impl FnOnce() -> Loading) -> Shared<Loading> {
        let mut held = self.lock();
        let under_way = held.loading.as_ref().and_then(WeakShared::upgrade);
        if let Some(loading) = under_way.filter(|loading| loading.peek().is_none()) {
            return loading;
        }
        let loading = start().shared();
        held.loading = loading.downgrade();
        loading
    }

    /// Takes what the first look saw, unless a later one was faster.
    pub(super) fn learn_first(&self, schema: &Arc<Schema>) {
        let mut held = self.lock();
        held.schema.get_or_insert_with(|| Arc::clone(schema));
        held.loading = None;
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

    /// Whether the descriptions are to be asked for again, and how. The caller that hears it is the only one to hear.
    pub(super) fn is_due(&self, server_date: Timestamp) -> Option<Asking> {
        let mut held = self.lock();
        let schema = held.schema.as_ref()?;
        let (pause, asking) = if schema.hidden.is_empty() {
            (STALE, Asking::IfChanged)
        } else {
            (held.pause.max(FIRST_PROBE), Asking::Anew)
        };
        let Some(probed) = held.probed else {
            held.probed = Some(server_date);
            return None;
        };
        let due = Duration::try_from(server_date.duration_since(probed)).is_ok_and(|waited| waited >= pause);
        if due {
            held.probed = Some(server_date);
            held.pause = (pause * 2).min(LAST_PROBE);
        }
        due.then_some(asking)
    }

    pub(super) fn known(&self, id: RecordId) -> Option<Known> {
        self.lock().known.get(&id).cloned()
    }

    /// The opportunity that a row was read with.
    pub(super) fn owner_of(&self, row: RecordId) -> Option<RecordId> {
        let held = self.lock();
        let has = |known: &Known| known.rows.values().flatten().any(|each| each.id == row);
        held.known.iter().find(|(_, known)| has(known)).map(|(id, _)| *id)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt as _;
    use salesforce::Misuse;

    use super::*;

    fn counted(started: &AtomicUsize, outcome: Option<Error>) -> Loading {
        started.fetch_add(1, Ordering::SeqCst);
        match outcome {
            Some(error) => futures::future::ready(Err(error)).boxed(),
            None => futures::future::pending().boxed(),
        }
    }

    #[test]
    fn however_many_wait_for_the_first_look_one_is_under_way() {
        let (memory, started) = (Memory::default(), AtomicUsize::new(0));
        let first = memory.loading(|| counted(&started, None));
        let second = memory.loading(|| counted(&started, None));
        assert_eq!(started.load(Ordering::SeqCst), 1);
        // When all who wait gave up, it ended; the next one starts afresh.
        drop((first, second));
        let _third = memory.loading(|| counted(&started, None));
        assert_eq!(started.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_look_that_failed_is_not_waited_for_again() {
        let (memory, started) = (Memory::default(), AtomicUsize::new(0));
        let failure = Error::Misuse(Misuse::Configuration("x"));
        let first = memory.loading(|| counted(&started, Some(failure)));
        assert!(first.clone().now_or_never().unwrap().is_err());
        let _second = memory.loading(|| counted(&started, None));
        assert_eq!(started.load(Ordering::SeqCst), 2, "although somebody still holds the failed one");
    }
}
