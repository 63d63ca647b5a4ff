//! Workers on machines whose clocks are minutes apart.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ports::{Clock, SystemClock};
use store::{Database as _, PostgresStore, postgres::CommonClock};
use sync_engine::{ClaimRequest, Store, StoreError};

use super::Ground;
use crate::ground::{ending, mark, opportunity};

/// A machine's clock that somebody set wrong.
struct Wrong(SignedDuration);

#[async_trait]
impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

/// A worker on a machine whose clock is so many minutes ahead.
async fn worker(ground: &Ground, minutes: i64) -> (PostgresStore, Arc<CommonClock>) {
    let store = ground.open().await;
    let clock = CommonClock::new(Arc::new(Wrong(SignedDuration::from_mins(minutes))));
    let apart = clock.now().duration_since(SystemClock.now()) - SignedDuration::from_mins(minutes);
    assert!(apart.abs() < SignedDuration::from_secs(1), "until it follows, it is the machine's: {apart}");
    store.tell_time(&clock).await.unwrap();
    (store, clock)
}

fn request(owner: &str, clock: &CommonClock) -> ClaimRequest {
    let now = clock.now();
    let lease_until = now + SignedDuration::from_mins(1);
    ClaimRequest { owner: owner.to_owned(), now, lease_until, most: 10, most_of_backlog: 10, rules: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_whose_machines_are_minutes_apart_have_one_present_and_end_no_lease_of_each_other() {
    let ground = Ground::new(super::installed()).await;
    let (right, common) = worker(&ground, 0).await;
    let (ahead, ahead_clock) = worker(&ground, 7).await;
    let (behind, behind_clock) = worker(&ground, -7).await;
    for clock in [&ahead_clock, &behind_clock] {
        let apart = clock.now().duration_since(common.now()).abs();
        assert!(apart < SignedDuration::from_secs(2), "{apart}");
    }
    // What one marks is due for the others at once, and what one leased none of them takes.
    let now = behind_clock.now();
    let due_now = sync_engine::Mark { due: now, heard: now, ..mark(opportunity("006A", true), 0) };
    behind.mark(&[due_now], &[], &[], None).await.unwrap();
    let claims = right.claim(&request("right", &common)).await.unwrap();
    assert_eq!(claims.len(), 1, "it is due for a worker whose machine is behind or ahead of the marker's");
    assert_eq!(
        ahead.claim(&request("ahead", &ahead_clock)).await.unwrap().len(),
        0,
        "its lease has not ended"
    );
    right.commit(&ending(&claims[0], sync_engine::Disposition::Done, 0)).await.unwrap();
    // The same of named leases.
    let until = |clock: &CommonClock| clock.now() + SignedDuration::from_mins(1);
    let fence = right.lease("a lease", "right", common.now(), until(&common)).await.unwrap().unwrap();
    let taken = ahead.lease("a lease", "ahead", ahead_clock.now(), until(&ahead_clock)).await.unwrap();
    assert_eq!(taken, None);
    right.end_lease(&fence).await.unwrap();
    ground.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_clocks_of_their_machines_a_lease_would_have_been_taken_away() {
    // What the test above would see if workers went by their machines.
    let ground = Ground::new(super::installed()).await;
    let (right, ahead) = (ground.open().await, ground.open().await);
    let machine = CommonClock::new(Arc::new(SystemClock));
    let wrong = CommonClock::new(Arc::new(Wrong(SignedDuration::from_mins(7))));
    let now = machine.now();
    let due_now = sync_engine::Mark { due: now, heard: now, ..mark(opportunity("006A", true), 0) };
    right.mark(&[due_now], &[], &[], None).await.unwrap();
    let claims = right.claim(&request("right", &machine)).await.unwrap();
    assert_eq!(ahead.claim(&request("ahead", &wrong)).await.unwrap().len(), 1);
    let late = right.commit(&ending(&claims[0], sync_engine::Disposition::Done, 0)).await;
    assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
    ground.end().await;
}
