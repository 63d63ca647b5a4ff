//! Which rows of the model's tables the passes met, and how often: a simulation must not leave one out.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use deal_model::{Life, Plan, Row};

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Met {
    passes: AtomicU64,
    merged: Mutex<BTreeMap<Row, u64>>,
    stood: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

/// Why a lock is never poisoned.
const LOCK: &str = "no code panics while holding this lock";

impl Met {
    /// So many deals, or referrals that are none yet, are worked on.
    pub(crate) fn worked(&self, many: usize) {
        self.passes.fetch_add(many as u64, Ordering::Relaxed);
    }

    pub(crate) fn passes(&self) -> u64 {
        self.passes.load(Ordering::Relaxed)
    }

    /// A plan was made for an opportunity and a referral that stood so.
    pub(crate) fn planned(&self, plan: &Plan, crm: Option<&Life>, portal: Option<&Life>) {
        let mut merged = self.merged.lock().expect(LOCK);
        for (_, row) in &plan.rows {
            *merged.entry(*row).or_default() += 1;
        }
        let word = |life: Option<&Life>| life.map_or("none", Life::word);
        *self.stood.lock().expect(LOCK).entry((word(crm), word(portal))).or_default() += 1;
    }

    /// Rows of the merge table as `merge.conflict`, of the lifecycle table as `life.won/active`, opportunity first.
    pub(crate) fn rows(&self) -> BTreeMap<String, u64> {
        let merged = self.merged.lock().expect(LOCK);
        let merged = merged.iter().map(|(row, times)| (format!("merge.{row:?}"), *times));
        let stood = self.stood.lock().expect(LOCK);
        let stood = stood.iter().map(|((crm, portal), times)| (format!("life.{crm}/{portal}"), *times));
        merged.chain(stood).collect()
    }
}
