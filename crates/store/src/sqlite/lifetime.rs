//! What the store belongs to, and when the service was last alive.

use jiff::{SignedDuration, Timestamp};
use planted::{Bug, planted};
use rusqlite::{Connection, OptionalExtension as _, params};
use sync_engine::StoreError;

use super::{
    columns::{Count, Micros},
    fault::Outcome,
    leases, pauses,
};

const HEARTBEAT: &str = "heartbeat";

pub(super) fn bind(sql: &Connection, org_id: &str, tenant_id: &str) -> Outcome<()> {
    bind_one(sql, "Salesforce org", org_id)?;
    bind_one(sql, "tenant", tenant_id)
}

/// Refuses another tenant than the one that the store is bound to, if it is.
pub(super) fn require_tenant(sql: &Connection, tenant_id: &str) -> Outcome<()> {
    require_one(sql, "tenant", tenant_id).map(drop)
}

/// The Salesforce org that the store is bound to, if it is.
pub(super) fn org(sql: &Connection) -> Outcome<Option<String>> {
    Ok(sql
        .prepare_cached("SELECT identity FROM connection WHERE kind = 'Salesforce org'")?
        .query_row([], |row| row.get(0))
        .optional()?)
}

/// Whether the store is bound to `given`; false if it is not bound yet.
fn require_one(sql: &Connection, kind: &'static str, given: &str) -> Outcome<bool> {
    let stored: Option<String> = sql
        .prepare_cached("SELECT identity FROM connection WHERE kind = ?1")?
        .query_row([kind], |row| row.get(0))
        .optional()?;
    match stored {
        Some(stored) if stored == given => Ok(true),
        Some(stored) => Err(StoreError::Foreign { kind, stored, given: given.to_owned() }.into()),
        None => Ok(false),
    }
}

fn bind_one(sql: &Connection, kind: &'static str, given: &str) -> Outcome<()> {
    if !require_one(sql, kind, given)? {
        sql.prepare_cached("INSERT INTO connection (kind, identity) VALUES (?1, ?2)")?
            .execute([kind, given])?;
    }
    Ok(())
}

pub(super) fn start(sql: &Connection, owner: &str, now: Timestamp) -> Outcome<SignedDuration> {
    let last: Option<Micros> = sql
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([HEARTBEAT], |row| row.get(0))
        .optional()?;
    // A clock that went back tells nothing about how long the service was away.
    let away = last.map_or(SignedDuration::ZERO, |last| now.duration_since(last.0).max(SignedDuration::ZERO));
    if let Some(last) = last.filter(|last| last.0 < now) {
        pauses::put_off_while_away(sql, last.0, now)?;
    }
    leases::end_those_of_the_dead(sql, owner)?;
    sql.prepare_cached(
        "UPDATE work
         SET state = 'waiting', wake = due, lease_owner = NULL, lease_number = NULL, lease_until = NULL,
             due_since = NULL, heard_since = NULL
         WHERE lease_number IS NOT NULL AND lease_owner <> ?1",
    )?
    .execute([owner])?;
    if planted(Bug::GraceLostAtRestart) {
        sql.prepare_cached(
            "DELETE FROM work WHERE kind = 'deal' AND due > ?1 AND id IN (SELECT deal FROM waiting_effect)",
        )?
        .execute([Micros(now)])?;
    }
    heartbeat(sql, now)?;
    Ok(away)
}

pub(super) fn heartbeat(sql: &Connection, now: Timestamp) -> Outcome<()> {
    sql.prepare_cached(
        "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![HEARTBEAT, Micros(now)])?;
    Ok(())
}

/// Adds `by` to a number of `meta` and returns what it was before.
pub(super) fn advance(sql: &Connection, name: &str, by: u64) -> Outcome<u64> {
    let after: Count = sql
        .prepare_cached(
            "INSERT INTO meta (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value",
        )?
        .query_row(params![name, Count(by)], |row| row.get(0))?;
    Ok(after.0 - by)
}
