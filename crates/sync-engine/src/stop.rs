//! Stopping: told once, seen by every loop.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Whether the loops are to end.
#[derive(Default)]
pub(crate) struct Stop {
    told: AtomicBool,
    notify: Notify,
}

impl Stop {
    pub(crate) fn set(&self) {
        self.told.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    pub(crate) fn told(&self) -> bool {
        self.told.load(Ordering::SeqCst)
    }

    /// Waits for `other`, or until told.
    pub(crate) async fn or(&self, other: impl Future<Output = ()>) {
        let told = self.notify.notified();
        if self.told() {
            return;
        }
        tokio::select! {
            biased;
            () = told => {}
            () = other => {}
        }
    }
}
