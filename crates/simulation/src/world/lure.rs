//! Somebody who waits for the product to read, and acts before it makes anything of what it read.

use std::sync::Mutex;

use bytes::Bytes;
use tokio::sync::Notify;

use super::LOCK;

/// How the address of an opportunity begins in an answer.
const OPPORTUNITY: &str = "/sobjects/Opportunity/";

/// One read that somebody waits for.
#[derive(Default)]
pub(crate) struct Lure {
    /// So many reads are let pass.
    left: Mutex<Option<u64>>,
    /// What was answered.
    caught: Mutex<Option<Bytes>>,
    bell: Notify,
}

impl Lure {
    /// Somebody waits for the `nth` read of opportunities from now, counted from 0.
    pub(crate) fn lay(&self, nth: u64) {
        *self.left.lock().expect(LOCK) = Some(nth);
    }

    /// Nobody waits any more.
    pub(crate) fn take_up(&self) {
        *self.left.lock().expect(LOCK) = None;
    }

    /// The org answers a read; the answer is on its way.
    pub(crate) fn read(&self, answer: &Bytes) {
        let mut left = self.left.lock().expect(LOCK);
        let Some(reads) = *left else { return };
        if !crate::judge::contains(answer, OPPORTUNITY) {
            return;
        }
        *left = reads.checked_sub(1);
        if reads == 0 {
            *self.caught.lock().expect(LOCK) = Some(answer.clone());
            self.bell.notify_one();
        }
    }

    /// Waits for that read: its answer, which nobody has yet.
    pub(crate) async fn caught(&self) -> Bytes {
        loop {
            let caught = self.caught.lock().expect(LOCK).take();
            match caught {
                Some(answer) => return answer,
                None => self.bell.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn the_read_that_was_waited_for_is_caught_and_none_before_or_after_it() {
        let lure = Lure::default();
        let row = Bytes::from_static(b"{\"url\":\"/services/data/v66.0/sobjects/Opportunity/006\"}");
        lure.read(&row);
        lure.lay(1);
        lure.read(&Bytes::from_static(b"{\"totalSize\":0}"));
        lure.read(&row);
        assert!(lure.caught().now_or_never().is_none());
        lure.read(&row);
        assert_eq!(lure.caught().now_or_never(), Some(row.clone()));
        lure.read(&row);
        assert!(lure.caught().now_or_never().is_none());
        lure.lay(0);
        lure.take_up();
        lure.read(&row);
        assert!(lure.caught().now_or_never().is_none());
    }
}
