//! What the store belongs to, and when the service was last alive.

use jiff::{SignedDuration, Timestamp};
use sqlx::{PgConnection, Row as _};
use sync_engine::StoreError;

use super::{
    columns::{Micros, text},
    fault::Outcome,
    pauses,
};

const HEARTBEAT: &str = "heartbeat";

/// A service that was silent for less was not away: several workers beat here, and one that starts beside the others,
/// again and again, must not put anything off for ever.
const SILENT: SignedDuration = SignedDuration::from_secs(15);

pub(super) async fn bind(sql: &mut PgConnection, org_id: &str, tenant_id: &str) -> Outcome<()> {
    bind_one(sql, "Salesforce org", org_id).await?;
    bind_one(sql, "tenant", tenant_id).await
}

/// Refuses another tenant than the one that the store is bound to, if it is.
pub(super) async fn require_tenant(sql: &mut PgConnection, tenant_id: &str) -> Outcome<()> {
    require_one(sql, "tenant", tenant_id).await
}

/// The Salesforce org that the store is bound to, if it is.
pub(super) async fn org(sql: &mut PgConnection) -> Outcome<Option<String>> {
    identity(sql, "Salesforce org").await
}

async fn identity(sql: &mut PgConnection, kind: &'static str) -> Outcome<Option<String>> {
    let row =
        sqlx::query("SELECT identity FROM connection WHERE kind = $1").bind(kind).fetch_optional(sql).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

async fn require_one(sql: &mut PgConnection, kind: &'static str, given: &str) -> Outcome<()> {
    match identity(sql, kind).await? {
        Some(stored) if stored != text(given) => {
            Err(StoreError::Foreign { kind, stored, given: given.to_owned() }.into())
        }
        _ => Ok(()),
    }
}

async fn bind_one(sql: &mut PgConnection, kind: &'static str, given: &str) -> Outcome<()> {
    // Of two that bind at once, the second sees what the first bound.
    sqlx::query("INSERT INTO connection (kind, identity) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(kind)
        .bind(text(given))
        .execute(&mut *sql)
        .await?;
    require_one(sql, kind, given).await
}

/// Says how long no worker was alive, and puts waiting effects off by that. Leases are left alone: other workers may
/// hold them, and those of the dead end by themselves.
pub(super) async fn start(sql: &mut PgConnection, now: Timestamp) -> Outcome<SignedDuration> {
    let last: Option<Micros> = sqlx::query("SELECT value FROM meta WHERE name = $1 FOR UPDATE")
        .bind(HEARTBEAT)
        .fetch_optional(&mut *sql)
        .await?
        .map(|row| row.try_get(0))
        .transpose()?;
    // A clock that went back tells nothing about how long the service was away.
    let silent = last.map_or(SignedDuration::ZERO, |last| now.duration_since(last.0));
    let away = if silent < SILENT { SignedDuration::ZERO } else { silent };
    if let Some(last) = last.filter(|_| away > SignedDuration::ZERO) {
        pauses::put_off_while_away(sql, last.0, now).await?;
    }
    heartbeat(sql, now).await?;
    Ok(away)
}

pub(super) async fn heartbeat(sql: &mut PgConnection, now: Timestamp) -> Outcome<()> {
    sqlx::query(
        "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(HEARTBEAT)
    .bind(Micros(now))
    .execute(sql)
    .await?;
    Ok(())
}
