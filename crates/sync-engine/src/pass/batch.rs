//! The deals of a batch as the store has them, and what becomes of them when the store fails: what fails for one keeps no
//! other from its end.

use deal_model::{Deal, DealId};

use super::{Item, finish::BOTH_SIDES};
use crate::{
    Claim, ConnectionProblem, Disposition, Engine, StoreError, StoreResult, settings::LOOK_AT_PROBLEMS_AGAIN,
};

/// The key of the one problem that tells of rows which cannot be read.
const UNREADABLE: &str = "store.unreadable";

impl Engine {
    /// The deals that were claimed. The work of one that is gone is over; one that cannot be read is set aside.
    pub(super) async fn load(&self, mut wanted: Vec<(DealId, Claim)>) -> StoreResult<Vec<Item>> {
        let ids: Vec<_> = wanted.iter().map(|(id, _)| id.clone()).collect();
        let mut deals = match self.parts.store.deals(&ids).await {
            Err(StoreError::Damaged(_)) => self.readable(&mut wanted).await?,
            deals => deals?,
        };
        let specs = self.specs();
        let mut items = Vec::new();
        for (id, claim) in wanted {
            match deals.iter().position(|deal| deal.id == id) {
                Some(at) => items.push(Item::new(claim, deals.swap_remove(at), &specs)),
                None => self.forget_work(claim).await?,
            }
        }
        Ok(items)
    }

    /// Those of the batch that can be read, one by one; only they stay in it.
    async fn readable(&self, wanted: &mut Vec<(DealId, Claim)>) -> StoreResult<Vec<Deal>> {
        let mut deals = Vec::new();
        for (id, claim) in std::mem::take(wanted) {
            match self.parts.store.deals(std::slice::from_ref(&id)).await {
                Err(StoreError::Damaged(reason)) => self.set_aside(&id, claim, &reason).await?,
                found => {
                    deals.extend(found?);
                    wanted.push((id, claim));
                }
            }
        }
        Ok(deals)
    }

    async fn set_aside(&self, id: &DealId, claim: Claim, reason: &str) -> StoreResult<()> {
        tracing::error!(deal = %id, reason, "a deal's row cannot be read");
        let problem = ConnectionProblem {
            key: UNREADABLE.to_owned(),
            sentence: format!("The store's row of deal {id} cannot be read, and the deal stands still: {reason}."),
            next_step: "Stop the service, put the store's last backup back (cosell store restore), and start it again."
                .to_owned(),
            since: self.now(),
        };
        self.parts.store.connection_problem(UNREADABLE, Some(&problem)).await?;
        let again = Disposition::Again {
            at: self.in_(LOOK_AT_PROBLEMS_AGAIN),
            hints: claim.hints,
            attempts: claim.attempts.saturating_add(1),
        };
        self.hand_back(claim, again).await
    }

    /// A service that begins takes every row for readable, until it meets one that is not.
    pub(crate) async fn forget_unreadable(&self) -> StoreResult<()> {
        self.parts.store.connection_problem(UNREADABLE, None).await
    }

    /// The store failed for a deal after others of its batch may have been sent: what is left of it is tried again, and the
    /// round goes on to its end.
    pub(super) fn failed_for(&self, item: &mut Item, error: StoreError, first: &mut StoreResult<()>) {
        tracing::warn!(deal = %item.deal.id, %error, "the store failed in the middle of a pass; trying again");
        item.round.retry_at = Some(self.in_(self.back_off(item.claim.attempts)));
        keep_first(first, Err(error));
    }

    /// Hands back what a pass that failed has not ended, while its leases last: both sides of it are read again. What
    /// cannot be handed back either comes back when its lease ends.
    pub(super) async fn abandon(&self, items: &mut [Item]) {
        for item in items.iter_mut().filter(|item| !item.ended) {
            item.read = item.read.union(BOTH_SIDES);
            if let Err(error) = self.retry(item, None).await {
                tracing::warn!(%error, "work waits for the end of its lease");
                return;
            }
        }
    }
}

/// Of several results, the first failure.
pub(super) fn keep_first(first: &mut StoreResult<()>, next: StoreResult<()>) {
    if first.is_ok() {
        *first = next;
    }
}
