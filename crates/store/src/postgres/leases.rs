//! Named leases, and the numbers that fence what is done under any lease.

use jiff::Timestamp;
use sqlx::{PgConnection, Row as _};
use sync_engine::{Fence, StoreError};

use super::{
    columns::{Count, Micros, text},
    fault::{Fault, Outcome},
    locks,
};

/// Draws a lease number that nobody ever had. One sequence serves named leases and work rows, so a number alone tells a
/// lease from every other there ever was.
async fn draw_number(sql: &mut PgConnection) -> Outcome<u64> {
    let row = sqlx::query("SELECT nextval('lease_number')").fetch_one(sql).await?;
    Ok(row.try_get::<Count, _>(0)?.0)
}

/// Takes or renews a lease. `vacant`: whoever has it is known to be gone, whatever the row says.
pub(super) async fn lease(
    sql: &mut PgConnection,
    name: &str,
    owner: &str,
    now: Timestamp,
    until: Timestamp,
    vacant: bool,
) -> Outcome<Option<Fence>> {
    // One at a time for each name, also while there is no row to lock yet.
    locks::named(sql, "lease", name).await?;
    let held = sqlx::query("SELECT owner, number, until FROM lease WHERE name = $1")
        .bind(text(name))
        .fetch_optional(&mut *sql)
        .await?;
    let number = match held {
        Some(row) if row.try_get::<&str, _>(0)? == text(owner) => row.try_get::<Count, _>(1)?.0,
        Some(row) if row.try_get::<Micros, _>(2)?.0 > now && !vacant => return Ok(None),
        _ => draw_number(sql).await?,
    };
    sqlx::query(
        "INSERT INTO lease (name, owner, number, until) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, number = excluded.number, until = excluded.until",
    )
    .bind(text(name))
    .bind(text(owner))
    .bind(Count(number))
    .bind(Micros(until))
    .execute(sql)
    .await?;
    Ok(Some(Fence { name: name.to_owned(), owner: owner.to_owned(), number }))
}

pub(super) async fn end_lease(sql: &mut PgConnection, fence: &Fence) -> Outcome<()> {
    check(sql, fence).await?;
    sqlx::query("DELETE FROM lease WHERE name = $1").bind(text(&fence.name)).execute(sql).await?;
    Ok(())
}

/// Refuses a named lease that has changed hands or was given back; until the transaction ends it does not change hands.
pub(super) async fn check(sql: &mut PgConnection, fence: &Fence) -> Outcome<()> {
    let held = sqlx::query("SELECT 1 FROM lease WHERE name = $1 AND owner = $2 AND number = $3 FOR UPDATE")
        .bind(text(&fence.name))
        .bind(text(&fence.owner))
        .bind(Count(fence.number))
        .fetch_optional(sql)
        .await?;
    if held.is_some() { Ok(()) } else { Err(lost(fence)) }
}

/// The lease of this fence is somebody else's.
pub(super) fn lost(fence: &Fence) -> Fault {
    StoreError::Fenced(fence.name.clone()).into()
}
