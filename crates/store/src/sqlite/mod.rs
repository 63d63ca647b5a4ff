//! The store on SQLite: one file, one owner, write-ahead log, every commit on disk before it is answered.
//!
//! A topic is a file; each holds its own SQL. `port.rs` is the table of contents: every method of the port is one
//! transaction around one function of a topic.

mod archive;
mod brake;
mod budget;
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
mod intents;
mod lead_rows;
mod leases;
mod lifetime;
mod links;
mod marks;
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
mod tokens;
mod upkeep;
mod work;

use std::{
    fs::File,
    sync::{Mutex, MutexGuard, PoisonError},
};

use fault::Outcome;
use rusqlite::{Connection, Transaction, TransactionBehavior};
pub use schema::SCHEMA;
use sync_engine::StoreResult;

use crate::{Options, SealKey};

/// The store on one SQLite file.
pub struct SqliteStore {
    connection: Mutex<Connection>,
    options: Options,
    /// Held for as long as the store is open for writing; `None` for a reader.
    lock: Option<File>,
}

impl SqliteStore {
    /// The operator's key, if this process was given it.
    fn master(&self) -> Option<&SealKey> {
        self.options.seal_key.as_ref()
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held rolled its transaction back while unwinding: the connection is sound.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` in one transaction that takes the write lock at its beginning.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Outcome<T>) -> StoreResult<T> {
        self.transact(TransactionBehavior::Immediate, work)
    }

    /// Runs `work` on one unchanging picture of the store.
    fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Outcome<T>) -> StoreResult<T> {
        self.transact(TransactionBehavior::Deferred, work)
    }

    /// Runs `work` as [`SqliteStore::write`] does, also in a store that somebody else owns.
    fn write_beside<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Outcome<T>) -> StoreResult<T> {
        if self.lock.is_some() {
            return self.write(work);
        }
        // Under one lock: the permission is this transaction's alone.
        let mut connection = self.connection();
        let attempt = |connection: &mut Connection| -> Outcome<T> {
            connection.pragma_update(None, "query_only", false)?;
            let answer = transact(connection, TransactionBehavior::Immediate, work);
            connection.pragma_update(None, "query_only", true)?;
            answer
        };
        Ok(attempt(&mut connection)?)
    }

    fn transact<T>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Outcome<T>,
    ) -> StoreResult<T> {
        Ok(transact(&mut self.connection(), behavior, work)?)
    }
}

fn transact<T>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    work: impl FnOnce(&Transaction<'_>) -> Outcome<T>,
) -> Outcome<T> {
    let transaction = connection.transaction_with_behavior(behavior)?;
    let answer = work(&transaction)?;
    transaction.commit()?;
    Ok(answer)
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if self.lock.is_some()
            && let Err(error) = self.checkpoint()
        {
            tracing::warn!(%error, "the write-ahead log could not be folded into the store; it stays beside it");
        }
    }
}
