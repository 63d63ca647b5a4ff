//! Lets go of what is older than it is kept: in small pages, with pauses, behind everything else.

use std::{convert::Infallible, sync::Arc, time::Duration};

use jiff::Timestamp;
use ports::Clock;
use sync_engine::{Pruned, Retention, Store, StoreResult};

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_hours(1);
/// Most rows of each kind that one transaction takes.
const PAGE: usize = 200;
/// How long others have the store to themselves between two pages.
const PAUSE: Duration = Duration::from_millis(250);
/// Most pages of one look; the rest goes at the next.
const MOST_PAGES: usize = 5_000;

/// The watch over the age of what one store keeps.
#[derive(Clone)]
pub struct RetentionWatch {
    /// What holds it.
    pub store: Arc<dyn Store>,
    /// By which things are old.
    pub clock: Arc<dyn Clock>,
    /// How long things are kept.
    pub keep: Retention,
}

impl RetentionWatch {
    /// Watches until it is dropped, at once for the first time.
    pub async fn run(self) -> Infallible {
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "what is too old could not be let go; it goes at the next look");
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
    }

    /// Lets go of all that is too old now, page by page.
    async fn look(&self) -> StoreResult<()> {
        let mut pages = 0;
        while pages < MOST_PAGES && !let_go(self.store.as_ref(), &self.keep, self.clock.now()).await? {
            pages += 1;
            self.clock.sleep(PAUSE).await;
        }
        Ok(())
    }
}

/// Lets go of one page of what is too old. Whether there was nothing.
///
/// # Errors
/// The store's.
pub async fn let_go(store: &dyn Store, keep: &Retention, now: Timestamp) -> StoreResult<bool> {
    let pruned = store.prune(keep, now, PAGE).await?;
    if pruned.is_empty() {
        return Ok(true);
    }
    let Pruned { lines, archived, ended, referrals, paused, closed, keys } = pruned;
    tracing::info!(
        lines,
        archived,
        ended,
        referrals,
        paused,
        closed,
        keys,
        "let go of what is older than it is kept"
    );
    Ok(false)
}

#[cfg(test)]
mod tests {
    use deal_model::{Deal, Phase, RecordId, Side};
    use jiff::SignedDuration;
    use store::{Options, SqliteStore};
    use sync_engine::{AuditLine, Awaited, ClaimRequest, Commit, Disposition, Hints, Mark, Target, WorkLane};

    use super::*;
    use crate::hand_clock::HandClock;

    const LINES: usize = PAGE * 2 + 1;

    /// A deal with more lines of history than two pages take.
    async fn told(store: &dyn Store, now: Timestamp) -> Deal {
        let id = RecordId::from("006A");
        let target = Target::Opportunity { id: id.clone(), birth: true, claims: None };
        let (hints, lane, awaits) = (Hints::ALL, WorkLane::Now, Awaited::default());
        let mark = Mark { target, hints, lane, due: now, heard: now, awaits };
        store.mark(&[mark], &[], &[], None).await.unwrap();
        let lease_until = now + SignedDuration::from_mins(1);
        let request = ClaimRequest {
            owner: "worker".to_owned(),
            now,
            lease_until,
            most: 1,
            most_of_backlog: 1,
            rules: None,
        };
        let claim = store.claim(&request).await.unwrap().remove(0);
        let deal = store.deal_of(Side::Crm, &id).await.unwrap().unwrap();
        let mut deal = store.deals(&[deal]).await.unwrap().remove(0);
        deal.phase = Phase::Live;
        let line = AuditLine {
            at: now,
            what: "updated".to_owned(),
            side: None,
            groups: Vec::new(),
            sentence: "Something was written.".to_owned(),
            took_ms: None,
            mapping: "m".to_owned(),
            erased: None,
        };
        let commit = Commit {
            claim,
            deal: Some(deal.clone()),
            audit: vec![line; LINES],
            intents: Vec::new(),
            index: Vec::new(),
            consumed: Vec::new(),
            handed_back: Vec::new(),
            disposition: Disposition::Done,
            now,
            effect: None,
        };
        store.commit(&commit).await.unwrap();
        deal
    }

    #[tokio::test]
    async fn what_is_too_old_goes_page_by_page_and_nothing_before_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("s"), Options::default()).unwrap());
        let clock = HandClock::new();
        let deal = told(store.as_ref(), clock.now()).await;
        let day = SignedDuration::from_hours(24);
        let keep = Retention { history: day, archive: day, ended: day, paused: day, closed: day };
        let watch = RetentionWatch { store: Arc::clone(&store) as _, clock: Arc::clone(&clock) as _, keep };
        watch.look().await.unwrap();
        assert_eq!(store.history(&deal.id, 2 * LINES).await.unwrap().len(), LINES, "it is young");
        clock.advance(Duration::from_hours(25));
        assert!(!let_go(store.as_ref(), &keep, clock.now()).await.unwrap());
        assert_eq!(store.history(&deal.id, 2 * LINES).await.unwrap().len(), LINES - PAGE, "a page of it");
        watch.look().await.unwrap();
        assert_eq!(store.history(&deal.id, 2 * LINES).await.unwrap(), []);
        assert!(let_go(store.as_ref(), &keep, clock.now()).await.unwrap());
    }
}
