//! Writes to records of one account go one after the other: the platform locks the account with each of them
//! (salesforce reference, section 2.14), and whoever comes second waits ten seconds and is refused.
//!
//! This keeps one process from locking itself out. Other processes, and people, are met by trying again.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard},
};

use salesforce::RecordId;
use tokio::sync::Notify;

/// The accounts that are being written under.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    busy: Mutex<BTreeSet<RecordId>>,
    freed: Notify,
}

/// The right to write under some accounts; it ends when this is dropped.
pub(super) struct Turn<'s> {
    siblings: &'s Siblings,
    accounts: BTreeSet<RecordId>,
}

impl Siblings {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<RecordId>> {
        self.busy.lock().expect("no code panics while holding this lock")
    }

    /// Waits until nobody else writes under any of `accounts`. All are taken at once, so that nobody waits in a ring;
    /// who holds a turn holds it for calls with a deadline.
    pub(super) async fn turn(&self, accounts: BTreeSet<RecordId>) -> Turn<'_> {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // Heard from here on: what is freed between the look and the wait is not missed.
            freed.as_mut().enable();
            if self.take(&accounts) {
                return Turn { siblings: self, accounts };
            }
            freed.await;
        }
    }

    fn take(&self, accounts: &BTreeSet<RecordId>) -> bool {
        let mut busy = self.lock();
        let free = busy.is_disjoint(accounts);
        if free {
            busy.extend(accounts);
        }
        free
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut busy = self.siblings.lock();
        busy.retain(|account| !self.accounts.contains(account));
        drop(busy);
        self.siblings.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn accounts(numbers: &[u8]) -> BTreeSet<RecordId> {
        numbers.iter().map(|number| format!("00100000000000{number}").parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn two_writes_under_one_account_take_turns_and_others_do_not_wait() {
        let siblings = Siblings::default();
        let first = siblings.turn(accounts(&[1, 2])).await;
        let mut second = Box::pin(siblings.turn(accounts(&[2, 3])));
        assert!((&mut second).now_or_never().is_none(), "account 2 is taken");
        assert!(siblings.turn(accounts(&[3])).now_or_never().is_some(), "who waits holds nothing");
        assert!(siblings.turn(accounts(&[])).now_or_never().is_some());
        drop(first);
        let second = second.now_or_never().expect("its turn has come");
        assert!(siblings.turn(accounts(&[3])).now_or_never().is_none());
        drop(second);
        assert!(siblings.turn(accounts(&[1, 2, 3])).now_or_never().is_some());
    }
}
