//! The brake: counts irreversible effects and clears, and holds a kind until a person releases it
//! (sync rules, section 5).

use std::collections::{BTreeMap, BTreeSet};

use deal_model::DealId;
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _};
use sync_engine::{BrakeHold, BrakeLimit, Subject};

use super::{
    columns::{Count, Micros, text},
    deal_rows,
    fault::Outcome,
    locks, marks,
};

/// Most deals that a hold lists; more are stopped all the same, and come back by their own retry.
const MOST_LISTED: u64 = 1_000;

/// Counts `kinds` for the deal, or finds the first of them that is held. Nothing is counted when one is held. The caller
/// holds the brake's lock.
pub(super) async fn pass(
    sql: &mut PgConnection,
    deal: &DealId,
    kinds: &[String],
    now: Timestamp,
    limit: BrakeLimit,
) -> Outcome<Option<String>> {
    // In the order given, each once.
    let mut known = BTreeSet::new();
    let kinds: Vec<&String> = kinds.iter().filter(|kind| known.insert(*kind)).collect();
    let mut braked = None;
    for kind in &kinds {
        if holds(sql, kind).await? || exceeds(sql, deal, kind, now, limit).await? {
            hold(sql, deal, kind, now).await?;
            braked.get_or_insert_with(|| (*kind).clone());
        }
    }
    if braked.is_none() {
        for kind in kinds {
            count(sql, deal, kind, now).await?;
        }
    }
    Ok(braked)
}

async fn holds(sql: &mut PgConnection, kind: &str) -> Outcome<bool> {
    let held =
        sqlx::query("SELECT 1 FROM brake_hold WHERE kind = $1").bind(text(kind)).fetch_optional(sql).await?;
    Ok(held.is_some())
}

/// Whether one more deal would be one too many. Events that left the window are forgotten on the way.
async fn exceeds(
    sql: &mut PgConnection,
    deal: &DealId,
    kind: &str,
    now: Timestamp,
    limit: BrakeLimit,
) -> Outcome<bool> {
    let begin = now.checked_sub(limit.within).unwrap_or(Timestamp::MIN);
    sqlx::query("DELETE FROM brake_event WHERE kind = $1 AND at <= $2")
        .bind(text(kind))
        .bind(Micros(begin))
        .execute(&mut *sql)
        .await?;
    let others = sqlx::query("SELECT count(*) FROM brake_event WHERE kind = $1 AND deal <> $2")
        .bind(text(kind))
        .bind(text(deal.as_str()))
        .fetch_one(sql)
        .await?;
    Ok(others.try_get::<Count, _>(0)?.0 + 1 > u64::from(limit.most))
}

async fn hold(sql: &mut PgConnection, deal: &DealId, kind: &str, now: Timestamp) -> Outcome<()> {
    sqlx::query("INSERT INTO brake_hold (kind, since) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(text(kind))
        .bind(Micros(now))
        .execute(&mut *sql)
        .await?;
    sqlx::query(
        "INSERT INTO brake_hold_deal (kind, deal)
         SELECT $1, $2 WHERE (SELECT count(*) FROM brake_hold_deal WHERE kind = $1) < $3
         ON CONFLICT DO NOTHING",
    )
    .bind(text(kind))
    .bind(text(deal.as_str()))
    .bind(Count(MOST_LISTED))
    .execute(sql)
    .await?;
    Ok(())
}

async fn count(sql: &mut PgConnection, deal: &DealId, kind: &str, now: Timestamp) -> Outcome<()> {
    sqlx::query(
        "INSERT INTO brake_event (kind, deal, at) VALUES ($1, $2, $3)
         ON CONFLICT (kind, deal) DO UPDATE SET at = excluded.at",
    )
    .bind(text(kind))
    .bind(text(deal.as_str()))
    .bind(Micros(now))
    .execute(sql)
    .await?;
    Ok(())
}

pub(super) async fn all(sql: &mut PgConnection) -> Outcome<Vec<BrakeHold>> {
    let mut holds = Vec::new();
    for row in sqlx::query("SELECT kind, since FROM brake_hold ORDER BY kind").fetch_all(&mut *sql).await? {
        let kind: String = row.try_get(0)?;
        let deals = stopped(sql, &kind).await?;
        holds.push(BrakeHold { kind, since: row.try_get::<Micros, _>(1)?.0, deals });
    }
    Ok(holds)
}

async fn stopped(sql: &mut PgConnection, kind: &str) -> Outcome<Vec<DealId>> {
    let rows = sqlx::query("SELECT deal FROM brake_hold_deal WHERE kind = $1 ORDER BY deal")
        .bind(text(kind))
        .fetch_all(sql)
        .await?;
    rows.iter().map(|row| Ok(DealId::new(row.try_get::<String, _>(0)?))).collect()
}

/// Ends the hold, begins the count anew and marks the deals that it stopped. False if nothing was held.
pub(super) async fn release(sql: &mut PgConnection, kind: &str, by: &str, now: Timestamp) -> Outcome<bool> {
    locks::brake(sql).await?;
    if !holds(sql, kind).await? {
        return Ok(false);
    }
    let deals = stopped(sql, kind).await?;
    sqlx::query("DELETE FROM brake_hold WHERE kind = $1").bind(text(kind)).execute(&mut *sql).await?;
    sqlx::query("DELETE FROM brake_event WHERE kind = $1").bind(text(kind)).execute(&mut *sql).await?;
    sqlx::query("INSERT INTO brake_release (kind, by, at) VALUES ($1, $2, $3)")
        .bind(text(kind))
        .bind(text(by))
        .bind(Micros(now))
        .execute(&mut *sql)
        .await?;
    let mut wishes = BTreeMap::new();
    for deal in deals {
        if deal_rows::exists(sql, &deal).await? {
            wishes.insert(Subject::Deal(deal), marks::Wish::at_once(now));
        }
    }
    marks::put_all(sql, &wishes).await?;
    Ok(true)
}
