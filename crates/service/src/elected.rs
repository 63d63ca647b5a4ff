//! What one process does for all that share a store: whoever holds the seat, and another as soon as it is gone.

use std::{convert::Infallible, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use sync_engine::Store;

/// How long a lease lasts that is not renewed: the longest that nobody looks, where its holder's end is not seen sooner.
const LASTS: SignedDuration = SignedDuration::from_secs(30);
/// How often the holder renews it, and the others try for it.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// A seat of which there is one for all processes.
#[derive(Clone)]
pub struct Seat {
    /// Where it stands.
    pub store: Arc<dyn Store>,
    /// The clock of the store's leases.
    pub clock: Arc<dyn Clock>,
    /// This process.
    pub owner: String,
    /// Its name: `watch.` and what for. Stores let another process sit down on such a seat as soon as they see that its
    /// holder is gone.
    pub name: &'static str,
}

impl Seat {
    /// Does `duty` for as long as this process holds the seat, and `meanwhile` for as long as another does. Either is
    /// left where it stands when that changes.
    pub async fn serve<Duty, Meanwhile>(
        self,
        duty: impl Fn() -> Duty,
        meanwhile: impl Fn() -> Meanwhile,
    ) -> Infallible
    where
        Duty: Future<Output = Infallible>,
        Meanwhile: Future<Output = Infallible>,
    {
        loop {
            if self.holds().await {
                tracing::info!(seat = self.name, "this process looks for all");
                tokio::select! {
                    biased;
                    () = self.until(false) => tracing::info!(seat = self.name, "another process looks for all now"),
                    never = duty() => match never {},
                }
            } else {
                tokio::select! {
                    biased;
                    () = self.until(true) => {}
                    never = meanwhile() => match never {},
                }
            }
        }
    }

    /// Waits until this process holds the seat, or holds it no longer.
    async fn until(&self, held: bool) {
        loop {
            self.clock.sleep(TRY_EVERY).await;
            if self.holds().await == held {
                return;
            }
        }
    }

    /// Tries for the seat, or keeps it. A store that does not answer lets nobody sit.
    async fn holds(&self) -> bool {
        let now = self.clock.now();
        let until = now.saturating_add(LASTS).unwrap_or(Timestamp::MAX);
        match self.store.lease(self.name, &self.owner, now, until).await {
            Ok(fence) => fence.is_some(),
            Err(error) => {
                tracing::warn!(seat = self.name, %error, "who looks for all is not known");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use std::sync::Mutex;

    use store::{Options, SqliteStore};
    use tempfile::TempDir;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::hand_clock::HandClock;

    /// Who looks, one after the other.
    type Looks = Arc<Mutex<Vec<&'static str>>>;

    fn process(
        store: &Arc<SqliteStore>,
        clock: &Arc<HandClock>,
        owner: &'static str,
        looks: &Looks,
    ) -> JoinHandle<Infallible> {
        let seat = Seat {
            store: Arc::clone(store) as _,
            clock: Arc::clone(clock) as _,
            owner: owner.to_owned(),
            name: "watch.test",
        };
        let looks = Arc::clone(looks);
        tokio::spawn(seat.serve(
            move || {
                looks.lock().unwrap().push(owner);
                std::future::pending()
            },
            std::future::pending,
        ))
    }

    /// Lets everybody run for a while at this moment.
    async fn run() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_looks_for_all_and_another_goes_on_when_it_is_gone() {
        let (folder, clock, looks) = (TempDir::new().unwrap(), HandClock::new(), Looks::default());
        let path = folder.path().join("cosell.db");
        let store = Arc::new(SqliteStore::open(path, Options::default()).unwrap());
        let first = process(&store, &clock, "first", &looks);
        run().await;
        let second = process(&store, &clock, "second", &looks);
        for _ in 0..10 {
            clock.advance(Duration::from_secs(10));
            run().await;
        }
        assert_eq!(*looks.lock().unwrap(), ["first"], "it renews its seat for as long as it lives");
        first.abort();
        clock.advance(Duration::from_secs(29));
        run().await;
        assert_eq!(*looks.lock().unwrap(), ["first"]);
        clock.advance(Duration::from_secs(2));
        run().await;
        assert_eq!(*looks.lock().unwrap(), ["first", "second"]);
        second.abort();
    }
}
