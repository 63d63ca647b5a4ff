//! The store on PostgreSQL: one database, many workers, every commit in the server's log before it is answered.
//!
//! A topic is a file with its own SQL, named as in [`crate::sqlite`]. `port.rs` is the table of contents: every method of
//! the port is one transaction around one function of a topic. What waits for what is said in `locks.rs`.
//!
//! A server that is lost gives [`StoreError::Away`]; whoever asked asks again. Whether a commit whose answer was lost
//! happened is not known to the caller: what it committed is found, or done again, under the same rules as after a crash.

mod archive;
mod brake;
mod budget;
mod clock;
mod columns;
mod commit;
mod connections;
mod data_keys;
mod deal_rows;
mod decisions;
mod fault;
mod fixed_paths;
mod forgetting;
mod handovers;
mod history;
mod horizon;
mod intents;
mod lead_rows;
mod leases;
mod lifetime;
mod links;
mod locks;
mod marks;
mod news;
mod open;
mod org_facts;
mod overview;
mod pauses;
mod port;
mod proofs;
mod referrals;
mod resealing;
mod retention;
mod rules;
mod schema;
mod seats;
mod silence;
mod targets;
mod tokens;
mod upkeep;
mod work;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sqlx::PgPool;
use sync_engine::{Claim, ClaimRequest, StoreError, StoreResult};

use crate::{Options, SealKey};
pub use clock::CommonClock;
use news::Listening;
pub use open::Access;
pub use schema::SCHEMA;
use seats::Seats;

/// How a transaction begins that reads one unchanging picture of the store.
const PICTURE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Tries of a transaction that the server ends for another one's sake.
const TRIES: u32 = 5;

/// The store in one PostgreSQL database.
pub struct PostgresStore {
    pool: PgPool,
    options: Options,
    access: Access,
    /// Places that this process has offered to work so far, which shares few places fairly between the lanes.
    offered: AtomicU64,
    seats: Seats,
    listening: Arc<Listening>,
}

/// Runs `$work` in one transaction; again if the server ended it for another one's sake.
macro_rules! in_transaction {
    ($store:expr, $begin:expr, $sql:ident => $work:expr) => {{
        let mut tries = 0;
        loop {
            let attempt = async {
                $crate::postgres::silence::on_connection!($store.pool, connection => {
                    let mut transaction = sqlx::Connection::begin_with(connection, $begin).await?;
                    let $sql = &mut *transaction;
                    let answer = $work.await?;
                    transaction.commit().await?;
                    $crate::postgres::fault::Outcome::Ok(answer)
                })
            };
            tries += 1;
            match attempt.await {
                Err(fault) if fault.yielded() && tries < $crate::postgres::TRIES => {}
                other => break other.map_err(sync_engine::StoreError::from),
            }
        }
    }};
}

/// Runs `$work` in one transaction, if this process may write all of the store.
macro_rules! write {
    ($store:expr, $sql:ident => $work:expr) => {
        match $store.may_write() {
            Ok(()) => $crate::postgres::in_transaction!($store, "BEGIN", $sql => $work),
            Err(error) => Err(error),
        }
    };
}

/// As `write!`, also for a command beside the service.
macro_rules! write_beside {
    ($store:expr, $sql:ident => $work:expr) => {
        match $store.may_write_beside() {
            Ok(()) => $crate::postgres::in_transaction!($store, "BEGIN", $sql => $work),
            Err(error) => Err(error),
        }
    };
}

/// Runs `$work` on one unchanging picture of the store.
macro_rules! read {
    ($store:expr, $sql:ident => $work:expr) => {
        $crate::postgres::in_transaction!($store, $crate::postgres::PICTURE, $sql => $work)
    };
}

/// Runs one statement, which needs no transaction around it to see one picture.
macro_rules! look {
    ($store:expr, $sql:ident => $work:expr) => {{
        let look = async {
            $crate::postgres::silence::on_connection!($store.pool, connection => {
                let $sql = connection;
                $work.await
            })
        };
        look.await.map_err(sync_engine::StoreError::from)
    }};
}

use {in_transaction, look, read, write, write_beside};

impl PostgresStore {
    /// The operator's key, if this process was given it.
    fn master(&self) -> Option<&SealKey> {
        self.options.seal_key.as_ref()
    }

    fn may_write(&self) -> StoreResult<()> {
        match self.access {
            Access::Own => Ok(()),
            Access::Beside | Access::Read => Err(for_reading_only()),
        }
    }

    fn may_write_beside(&self) -> StoreResult<()> {
        match self.access {
            Access::Own | Access::Beside => Ok(()),
            Access::Read => Err(for_reading_only()),
        }
    }

    /// Leases due work. Waking and leasing are two statements, each whole in itself, so that rows which nobody takes are
    /// held by nobody.
    async fn claim_work(&self, request: &ClaimRequest) -> StoreResult<Vec<Claim>> {
        self.may_write()?;
        let most = work::bounded(request.most);
        let before = self.offered.fetch_add(most as u64, Ordering::Relaxed);
        let share = work::background_share(before, most);
        let attempt = async {
            silence::on_connection!(self.pool, connection => {
                if pauses::is_everything(connection).await? {
                    return Ok(Vec::new());
                }
                work::wake(connection, request.now).await?;
                let claims = work::claim(connection, request, share).await?;
                if let Some(own) = request.rules.as_ref().filter(|_| !claims.is_empty())
                    && !rules::stand(connection, own).await?
                {
                    // Asked afterwards: whoever begins with other rules later marks these rows once more, and a mark that
                    // comes after its claim outlasts it.
                    work::give_back(connection, &claims).await?;
                    return Err(fault::Fault::from(StoreError::OtherRules));
                }
                Ok(claims)
            })
        };
        let claims = attempt.await.map_err(StoreError::from);
        if claims.as_ref().map_or(true, Vec::is_empty) {
            // An idle look offers nothing.
            self.offered.fetch_sub(most as u64, Ordering::Relaxed);
        }
        claims
    }
}

fn for_reading_only() -> StoreError {
    StoreError::Failed("the store is open for reading only".to_owned())
}
