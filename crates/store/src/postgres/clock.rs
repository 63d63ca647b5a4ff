//! The one clock of all workers: the server's.
//!
//! Leases, waits and blocks are moments that one process writes and another compares with its present. Machines' clocks
//! differ by minutes, and are set while a process runs. So every process goes by the server's clock: it asks for the time
//! now and then, and in between counts by a clock of its machine that nobody sets.

use std::{
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use sqlx::{PgPool, Row as _};
use sync_engine::StoreResult;

use super::{PostgresStore, columns::Micros, fault::Outcome};

/// How often the server is asked.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// An answer that took longer tells too little.
const LONGEST_ANSWER: Duration = Duration::from_millis(500);
/// Differences that the way of an answer explains.
const AS_GOOD_AS_NONE: SignedDuration = SignedDuration::from_millis(50);
/// A difference that is worth a word in the log.
const WORTH_TELLING: SignedDuration = SignedDuration::from_secs(5);
/// Tries for a first answer that came quickly; the last one counts however long it took.
const FIRST_TRIES: u32 = 5;

/// A clock that follows a server's once it was told to, and its machine's before.
pub struct CommonClock {
    own: Arc<dyn Clock>,
    known: Mutex<Option<Known>>,
}

/// The server's time at a moment of the machine's uninterrupted clock.
#[derive(Debug, Clone, Copy)]
struct Known {
    server: Timestamp,
    at: Instant,
}

impl Known {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.at.elapsed()).unwrap_or(SignedDuration::MAX);
        self.server.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }
}

impl CommonClock {
    /// The machine's clock, until it follows a server.
    pub fn new(own: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { own, known: Mutex::default() })
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().expect("no code panics while holding this lock")
    }

    /// Takes the server's time over, if it differs from what is known by more than the answer's way explains.
    fn take(&self, heard: Known) {
        let mut known = self.known();
        let before = known.map_or_else(|| self.own.now(), |known| known.now());
        let by = heard.now().duration_since(before);
        if known.is_some() && by.abs() < AS_GOOD_AS_NONE {
            return;
        }
        *known = Some(heard);
        drop(known);
        if by.abs() >= WORTH_TELLING {
            tracing::warn!(by = %by, "the clock of this machine is not the store's server's, which counts");
        }
    }
}

#[async_trait]
impl Clock for CommonClock {
    fn now(&self) -> Timestamp {
        let known = *self.known();
        known.map_or_else(|| self.own.now(), |known| known.now())
    }

    async fn sleep(&self, duration: Duration) {
        self.own.sleep(duration).await;
    }
}

impl PostgresStore {
    /// Lets `clock` follow the server's clock for as long as anybody has it.
    ///
    /// # Errors
    /// If the server does not tell the time; then the clock stays as it is.
    pub(super) async fn follow(&self, clock: &Arc<CommonClock>) -> StoreResult<()> {
        for _ in 0..FIRST_TRIES {
            let (heard, took) = ask(&self.pool).await?;
            clock.take(heard);
            if took <= LONGEST_ANSWER {
                break;
            }
        }
        drop(tokio::spawn(follow(Arc::downgrade(clock), self.pool.clone())));
        Ok(())
    }
}

async fn follow(clock: Weak<CommonClock>, pool: PgPool) {
    loop {
        tokio::time::sleep(ASK_EVERY).await;
        if pool.is_closed() {
            return;
        }
        let heard = ask(&pool).await;
        let Some(clock) = clock.upgrade() else { return };
        // While the server is away, the machine counts on.
        if let Ok((heard, took)) = heard
            && took <= LONGEST_ANSWER
        {
            clock.take(heard);
        }
    }
}

/// The server's time, and how long it took to hear it.
async fn ask(pool: &PgPool) -> Outcome<(Known, Duration)> {
    let mut connection = pool.acquire().await?;
    let sent = Instant::now();
    let row = sqlx::query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        .fetch_one(&mut *connection)
        .await?;
    let took = sent.elapsed();
    // It was told somewhere on the way.
    Ok((Known { server: row.try_get::<Micros, _>(0)?.0, at: sent + took / 2 }, took))
}
