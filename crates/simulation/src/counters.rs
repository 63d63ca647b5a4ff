//! What happened at least sometimes: a kind of fault that no run ever met proves nothing.

use std::{collections::BTreeMap, sync::Mutex};

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

    /// All counts, by name.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().expect(LOCK).clone()
    }
}
