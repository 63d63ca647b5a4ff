//! The brake: counts irreversible effects and clears, and holds a kind until a person releases it
//! (sync rules, section 5).

use std::collections::BTreeSet;

use deal_model::DealId;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use sync_engine::{BrakeHold, BrakeLimit, Subject};

use super::{
    columns::{Count, Micros},
    deal_rows,
    fault::Outcome,
    marks,
};

/// Most deals that a hold lists; more are stopped all the same, and come back by their own retry.
const MOST_LISTED: u64 = 1_000;

/// Counts `kinds` for the deal, or finds the first of them that is held. Nothing is counted when one is held.
pub(super) fn pass(
    sql: &Connection,
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
        if holds(sql, kind)? || exceeds(sql, deal, kind, now, limit)? {
            hold(sql, deal, kind, now)?;
            braked.get_or_insert_with(|| (*kind).clone());
        }
    }
    if braked.is_none() {
        for kind in kinds {
            count(sql, deal, kind, now)?;
        }
    }
    Ok(braked)
}

fn holds(sql: &Connection, kind: &str) -> Outcome<bool> {
    Ok(sql.prepare_cached("SELECT 1 FROM brake_hold WHERE kind = ?1")?.exists([kind])?)
}

/// Whether one more deal would be one too many. Events that left the window are forgotten on the way.
fn exceeds(sql: &Connection, deal: &DealId, kind: &str, now: Timestamp, limit: BrakeLimit) -> Outcome<bool> {
    let begin = now.checked_sub(limit.within).unwrap_or(Timestamp::MIN);
    sql.prepare_cached("DELETE FROM brake_event WHERE kind = ?1 AND at <= ?2")?
        .execute(params![kind, Micros(begin)])?;
    let others: Count = sql
        .prepare_cached("SELECT count(*) FROM brake_event WHERE kind = ?1 AND deal <> ?2")?
        .query_row([kind, deal.as_str()], |row| row.get(0))?;
    Ok(others.0 + 1 > u64::from(limit.most))
}

fn hold(sql: &Connection, deal: &DealId, kind: &str, now: Timestamp) -> Outcome<()> {
    sql.prepare_cached("INSERT INTO brake_hold (kind, since) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![kind, Micros(now)])?;
    sql.prepare_cached(
        "INSERT INTO brake_hold_deal (kind, deal)
         SELECT ?1, ?2 WHERE (SELECT count(*) FROM brake_hold_deal WHERE kind = ?1) < ?3
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![kind, deal.as_str(), Count(MOST_LISTED)])?;
    Ok(())
}

fn count(sql: &Connection, deal: &DealId, kind: &str, now: Timestamp) -> Outcome<()> {
    sql.prepare_cached(
        "INSERT INTO brake_event (kind, deal, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (kind, deal) DO UPDATE SET at = excluded.at",
    )?
    .execute(params![kind, deal.as_str(), Micros(now)])?;
    Ok(())
}

pub(super) fn all(sql: &Connection) -> Outcome<Vec<BrakeHold>> {
    let mut statement = sql.prepare_cached("SELECT kind, since FROM brake_hold ORDER BY kind")?;
    let holds: Vec<(String, Micros)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    holds
        .into_iter()
        .map(|(kind, since)| Ok(BrakeHold { deals: stopped(sql, &kind)?, kind, since: since.0 }))
        .collect()
}

fn stopped(sql: &Connection, kind: &str) -> Outcome<Vec<DealId>> {
    let mut statement =
        sql.prepare_cached("SELECT deal FROM brake_hold_deal WHERE kind = ?1 ORDER BY deal")?;
    let rows = statement.query_map([kind], |row| row.get::<_, String>(0))?;
    Ok(rows.map(|id| id.map(DealId::new)).collect::<Result<_, _>>()?)
}

/// Ends the hold, begins the count anew and marks the deals that it stopped. False if nothing was held.
pub(super) fn release(sql: &Connection, kind: &str, by: &str, now: Timestamp) -> Outcome<bool> {
    if !holds(sql, kind)? {
        return Ok(false);
    }
    let deals = stopped(sql, kind)?;
    sql.prepare_cached("DELETE FROM brake_hold WHERE kind = ?1")?.execute([kind])?;
    sql.prepare_cached("DELETE FROM brake_event WHERE kind = ?1")?.execute([kind])?;
    sql.prepare_cached("INSERT INTO brake_release (kind, by, at) VALUES (?1, ?2, ?3)")?.execute(params![
        kind,
        by,
        Micros(now)
    ])?;
    for deal in deals {
        if deal_rows::exists(sql, &deal)? {
            marks::put(sql, &Subject::Deal(deal), &marks::Wish::at_once(now))?;
        }
    }
    Ok(true)
}
