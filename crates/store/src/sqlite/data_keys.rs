//! Data keys: one in use for each subject, and what is known of those that were destroyed.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    columns::{Count, Micros},
    fault::Outcome,
};
use crate::{
    SealKey,
    ledger::{KeyRow, Keyring},
    sealing::DataKey,
};

/// The subject's key in use, with its number; drawn if it has none.
pub(super) fn in_use(
    sql: &Connection,
    master: Option<&SealKey>,
    subject: &str,
    now: Timestamp,
) -> Outcome<(u64, DataKey)> {
    let present: Option<(Count, Vec<u8>)> = sql
        .prepare_cached(
            "SELECT number, wrapped FROM data_key
             WHERE subject = ?1 AND wrapped IS NOT NULL ORDER BY number DESC LIMIT 1",
        )?
        .query_row([subject], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((number, wrapped)) = present {
        return Ok((number.0, DataKey::unwrapped(master, subject, number.0, &wrapped)?));
    }
    let last: Option<Count> = sql
        .prepare_cached("SELECT max(number) FROM data_key WHERE subject = ?1")?
        .query_row([subject], |row| row.get(0))?;
    let number = last.map_or(0, |last| last.0) + 1;
    let key = DataKey::draw()?;
    let wrapped = key.wrap(master, subject, number)?;
    sql.prepare_cached("INSERT INTO data_key (subject, number, wrapped, made) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![subject, Count(number), wrapped, Micros(now)])?;
    Ok((number, key))
}

/// All keys of a subject.
pub(super) fn of(sql: &Connection, master: Option<&SealKey>, subject: &str) -> Outcome<Keyring> {
    let mut statement = sql.prepare_cached(
        "SELECT number, wrapped, destroyed FROM data_key WHERE subject = ?1 ORDER BY number",
    )?;
    let rows = statement.query_map([subject], |row| {
        Ok(KeyRow {
            number: row.get::<_, Count>(0)?.0,
            wrapped: row.get(1)?,
            destroyed: row.get::<_, Option<Micros>>(2)?.map(|at| at.0),
        })
    })?;
    Ok(Keyring::of(subject, rows.collect::<Result<_, _>>()?, master)?)
}

/// Destroys the subject's key in use.
pub(super) fn destroy(sql: &Connection, subject: &str, now: Timestamp) -> Outcome<()> {
    sql.prepare_cached(
        "UPDATE data_key SET wrapped = NULL, destroyed = ?2 WHERE subject = ?1 AND wrapped IS NOT NULL",
    )?
    .execute(params![subject, Micros(now)])?;
    Ok(())
}

/// When a key of the subject was last destroyed.
pub(super) fn last_destroyed(sql: &Connection, subject: &str) -> Outcome<Option<Timestamp>> {
    let last: Option<Micros> = sql
        .prepare_cached("SELECT max(destroyed) FROM data_key WHERE subject = ?1")?
        .query_row([subject], |row| row.get(0))?;
    Ok(last.map(|at| at.0))
}
