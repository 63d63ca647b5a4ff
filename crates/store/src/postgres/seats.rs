//! Seats of readers and watches: one worker reads a source or looks at something for all, and another takes its seat as
//! soon as its connection is gone.
//!
//! Two things tell who has a seat. The row of the lease is the truth, and fences what is committed. A lock of a session of the
//! server tells sooner than the row's time that its holder is gone, because the server ends the lock with the
//! connection. Only these leases are taken over in this way: reading or looking twice costs a few calls, and the fence
//! keeps a reader that lost its connection alone from committing. Leases under which something is sent end by time.

use std::{collections::BTreeSet, time::Duration};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _, postgres::PgConnectOptions};
use tokio::{sync::Mutex, time::timeout};

use super::{fault::Outcome, silence};

/// How the names of the leases begin that have a seat.
const SEATED: [&str; 2] = ["reader.", "watch."];

/// How long the server is waited for. All readers of this process wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a try for a seat found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seat {
    /// It was free: whoever the lease's row names is gone.
    Vacant,
    /// This process has it already, or the lease has no seat: the row says who holds it.
    AsTheRowSays,
}

/// The seats of this process, on a connection of their own.
pub(super) struct Seats {
    address: PgConnectOptions,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    connection: Option<PgConnection>,
    names: BTreeSet<String>,
}

impl Seats {
    pub(super) fn new(address: PgConnectOptions) -> Self {
        Self { address, taken: Mutex::default() }
    }

    /// Tries for the seat of the lease `name`.
    pub(super) async fn take(&self, name: &str) -> Outcome<Seat> {
        if !SEATED.iter().any(|kind| name.starts_with(kind)) {
            return Ok(Seat::AsTheRowSays);
        }
        let mut taken = self.taken.lock().await;
        let tried = timeout(PATIENCE, self.try_to_take(&mut taken, name)).await;
        tried.unwrap_or_else(|_| {
            // Its seats are gone with it, or will be.
            *taken = Taken::default();
            Err(silence::silent())
        })
    }

    async fn try_to_take(&self, taken: &mut Taken, name: &str) -> Outcome<Seat> {
        // A connection that died meanwhile took all seats with it.
        let alive = match &mut taken.connection {
            Some(connection) => connection.ping().await.is_ok(),
            None => false,
        };
        if !alive {
            *taken = Taken { connection: Some(self.address.connect().await?), names: BTreeSet::new() };
        }
        if taken.names.contains(name) {
            return Ok(Seat::AsTheRowSays);
        }
        let Some(connection) = &mut taken.connection else { return Ok(Seat::AsTheRowSays) };
        let row = sqlx::query("SELECT pg_try_advisory_lock(hashtextextended('cosell seat ' || $1, 0))")
            .bind(name)
            .fetch_one(connection)
            .await?;
        if !row.try_get::<bool, _>(0)? {
            return Ok(Seat::AsTheRowSays);
        }
        taken.names.insert(name.to_owned());
        Ok(Seat::Vacant)
    }

    /// Gives the seat up, so that whoever holds the lease may sit down.
    pub(super) async fn leave(&self, name: &str) -> Outcome<()> {
        let mut taken = self.taken.lock().await;
        let taken = &mut *taken;
        if taken.names.remove(name)
            && let Some(connection) = &mut taken.connection
        {
            let left = sqlx::query("SELECT pg_advisory_unlock(hashtextextended('cosell seat ' || $1, 0))")
                .bind(name)
                .execute(connection);
            if let Ok(left) = timeout(PATIENCE, left).await {
                left?;
            } else {
                *taken = Taken::default();
                return Err(silence::silent());
            }
        }
        Ok(())
    }

    /// Gives all seats up.
    pub(super) async fn close(&self) {
        let taken = std::mem::take(&mut *self.taken.lock().await);
        if let Some(connection) = taken.connection {
            drop(connection.close().await);
        }
    }
}
