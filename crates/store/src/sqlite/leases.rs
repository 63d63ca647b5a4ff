//! Named leases, and the numbers that fence what is done under any lease.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use sync_engine::{Fence, StoreError};

use super::{
    columns::{Count, Micros},
    fault::{Fault, Outcome},
    lifetime,
};

/// How the owner of a lease begins when it is a process that does not own the store.
pub(super) const BESIDE: &str = "beside/";

/// Ends the leases of former owners of the store: one process owns the file, so they are dead. Who works beside it
/// may be alive.
pub(super) fn end_those_of_the_dead(sql: &Connection, owner: &str) -> Outcome<()> {
    sql.prepare_cached("DELETE FROM lease WHERE owner <> ?1 AND substr(owner, 1, length(?2)) <> ?2")?
        .execute([owner, BESIDE])?;
    Ok(())
}

/// Draws `many` lease numbers that nobody ever had, and returns the first. One sequence serves named leases and
/// work rows, so a number alone tells a lease from every other there ever was.
pub(super) fn draw_numbers(sql: &Connection, many: u64) -> Outcome<u64> {
    Ok(lifetime::advance(sql, "fence", many)? + 1)
}

pub(super) fn lease(
    sql: &Connection,
    name: &str,
    owner: &str,
    now: Timestamp,
    until: Timestamp,
) -> Outcome<Option<Fence>> {
    let held: Option<(String, Count, Micros)> = sql
        .prepare_cached("SELECT owner, number, until FROM lease WHERE name = ?1")?
        .query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let number = match held {
        Some((holder, number, _)) if holder == owner => number.0,
        Some((_, _, end)) if end.0 > now => return Ok(None),
        _ => draw_numbers(sql, 1)?,
    };
    sql.prepare_cached(
        "INSERT INTO lease (name, owner, number, until) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, number = excluded.number, until = excluded.until",
    )?
    .execute(params![name, owner, Count(number), Micros(until)])?;
    Ok(Some(Fence { name: name.to_owned(), owner: owner.to_owned(), number }))
}

pub(super) fn end_lease(sql: &Connection, fence: &Fence) -> Outcome<()> {
    check(sql, fence)?;
    sql.prepare_cached("DELETE FROM lease WHERE name = ?1")?.execute([&fence.name])?;
    Ok(())
}

/// Refuses a named lease that has changed hands or was given back.
pub(super) fn check(sql: &Connection, fence: &Fence) -> Outcome<()> {
    let held = sql
        .prepare_cached("SELECT 1 FROM lease WHERE name = ?1 AND owner = ?2 AND number = ?3")?
        .exists(params![fence.name, fence.owner, Count(fence.number)])?;
    if held { Ok(()) } else { Err(lost(fence)) }
}

/// The lease of this fence is somebody else's.
pub(super) fn lost(fence: &Fence) -> Fault {
    StoreError::Fenced(fence.name.clone()).into()
}
