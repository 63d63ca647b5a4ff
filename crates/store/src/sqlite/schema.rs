//! The schema's versions, and the way from one to the next.

use rusqlite::{Connection, TransactionBehavior};
use sync_engine::StoreError;

use super::fault::Outcome;

/// The migrations in order; the first makes schema 1. Each is one transaction. A released one is never edited.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001_first.sql")];

/// The schema that this program reads and writes.
pub const SCHEMA: u32 = 1;

/// Marks the file as Cosell's ("Cos1" in ASCII), so that a foreign database is never written to.
const APPLICATION_ID: i32 = 0x436f_7331;

/// Brings the schema up to [`SCHEMA`].
pub(super) fn migrate(connection: &mut Connection) -> Outcome<()> {
    let found = version(connection)?;
    if found == 0 {
        refuse_foreign(connection)?;
    }
    for (number, sql) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Refuses a schema that is not exactly ours, for readers, who change nothing.
pub(super) fn require(connection: &Connection) -> Outcome<()> {
    let found = version(connection)?;
    if found < SCHEMA {
        let next_step =
            "run `cosell store migrate`, or start the service once: both bring the store up to date";
        return Err(StoreError::Schema { found, known: SCHEMA, next_step }.into());
    }
    Ok(())
}

pub(super) fn version(connection: &Connection) -> Outcome<u32> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if found > 0 && application != APPLICATION_ID {
        return Err(foreign());
    }
    if found > SCHEMA {
        let next_step = "install the newer program that wrote it, or use another store file";
        return Err(StoreError::Schema { found, known: SCHEMA, next_step }.into());
    }
    Ok(found)
}

pub(super) fn refuse_foreign(connection: &Connection) -> Outcome<()> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 { Err(foreign()) } else { Ok(()) }
}

fn foreign() -> super::fault::Fault {
    StoreError::Damaged(
        "the file is a database of another program\n  fix: let [store] path name another file".to_owned(),
    )
    .into()
}
