//! What operators pause, and what that means for work and for what waits.

use deal_model::DealId;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sync_engine::{
    Cursor, Flow, MOST_PAUSES, Pause, PauseScope, PauseWish, Resumed, StoreError, Subject, time_outside,
};

use super::{
    columns::{Count, Micros, Word},
    deal_rows,
    fault::Outcome,
    history, marks,
};
use crate::{SealKey, pausing};

const COLUMNS: &str = "scope, by, why, since, resumed, resumed_by, resumed_why";

/// Pauses. What was there already, if it was.
pub(super) fn pause(sql: &Connection, master: Option<&SealKey>, wish: &PauseWish) -> Outcome<Option<Pause>> {
    if let Some(open) = open_one(sql, &wish.scope)? {
        return Ok(Some(open));
    }
    if open(sql)?.len() >= MOST_PAUSES {
        return Err(StoreError::Failed(format!(
            "{MOST_PAUSES} pauses are open already; pause a flow or everything instead, or resume some"
        ))
        .into());
    }
    tell(sql, master, wish, "paused")?;
    sql.prepare_cached("INSERT INTO pause (scope, by, why, since) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![Word(&wish.scope), wish.by, wish.why, Micros(wish.now)])?;
    Ok(None)
}

/// Resumes. What it was, if it was paused.
pub(super) fn resume(
    sql: &Connection,
    master: Option<&SealKey>,
    wish: &PauseWish,
    then: &Cursor,
) -> Outcome<Option<Pause>> {
    let Some(ended) = open_one(sql, &wish.scope)? else { return Ok(None) };
    sql.prepare_cached(
        "UPDATE pause SET resumed = ?2, resumed_by = ?3, resumed_why = ?4 WHERE scope = ?1 AND resumed IS NULL",
    )?
    .execute(params![Word(&wish.scope), Micros(wish.now), wish.by, wish.why])?;
    put_off(sql, &ended, wish.now)?;
    match &wish.scope {
        PauseScope::Deal(_) => tell(sql, master, wish, "resumed")?,
        // What is to be looked at is every deal: the service does that in pages.
        PauseScope::All | PauseScope::Flow(_) => marks::move_cursor(sql, then)?,
    }
    Ok(Some(ended))
}

/// A line of the deal's history, and a mark: its seller is told, and a resumed deal is read anew.
fn tell(sql: &Connection, master: Option<&SealKey>, wish: &PauseWish, did: &str) -> Outcome<()> {
    let PauseScope::Deal(deal) = &wish.scope else { return Ok(()) };
    if !deal_rows::exists(sql, deal)? {
        return Err(
            StoreError::Failed(format!("there is no deal {deal}; `cosell deals list` names them")).into()
        );
    }
    let line = pausing::line(wish, did);
    let subject = Subject::Deal(deal.clone());
    history::write_line(sql, master, &subject, &line)?;
    marks::put(sql, &subject, &marks::Wish::at_once(wish.now))
}

/// Puts off what waited while nothing but the ended pause held it; what another pause holds on to is its own to count.
fn put_off(sql: &Connection, ended: &Pause, now: Timestamp) -> Outcome<()> {
    let open = open(sql)?;
    let apart = pausing::counted_apart(ended, &open);
    for (deal, others) in &apart {
        put_off_one(sql, deal, others, ended.since, now)?;
    }
    if ended.scope == PauseScope::All {
        let apart = apart.iter().map(|(deal, _)| deal.as_str());
        sql.prepare_cached(
            "UPDATE waiting_effect SET not_before = not_before + max(0, ?2 - max(?1, since))
             WHERE deal NOT IN (SELECT value FROM json_each(?3))",
        )?
        .execute(params![Micros(ended.since), Micros(now), super::columns::id_list(apart)])?;
    }
    Ok(())
}

fn put_off_one(
    sql: &Connection,
    deal: &DealId,
    others: &[Pause],
    since: Timestamp,
    now: Timestamp,
) -> Outcome<()> {
    let waiting: Vec<(i64, Micros)> = sql
        .prepare_cached("SELECT place, since FROM waiting_effect WHERE deal = ?1")?
        .query_map([deal.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (place, began) in waiting {
        let from = since.max(began.0);
        if from < now {
            put_off_by(sql, deal, Some(place), time_outside(others, from, now))?;
        }
    }
    Ok(())
}

fn put_off_by(sql: &Connection, deal: &DealId, place: Option<i64>, by: SignedDuration) -> Outcome<()> {
    sql.prepare_cached(
        "UPDATE waiting_effect SET not_before = not_before + ?3 WHERE deal = ?1 AND (?2 IS NULL OR place = ?2)",
    )?
    .execute(params![deal.as_str(), place, i64::try_from(by.as_micros()).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// Puts off everything that waits by the time the service was away, less what a pause counts for itself.
pub(super) fn put_off_while_away(sql: &Connection, from: Timestamp, now: Timestamp) -> Outcome<()> {
    let mut statement =
        sql.prepare_cached(&format!("SELECT {COLUMNS} FROM pause WHERE resumed IS NULL OR resumed > ?1"))?;
    let pauses: Vec<Pause> = statement.query_map([Micros(from)], row_of)?.collect::<Result<_, _>>()?;
    let all = pauses.iter().filter(|pause| pause.scope == PauseScope::All);
    let mut apart: Vec<&DealId> = pauses
        .iter()
        .filter_map(|pause| match &pause.scope {
            PauseScope::Deal(deal) => Some(deal),
            PauseScope::All | PauseScope::Flow(_) => None,
        })
        .collect();
    apart.sort_unstable();
    apart.dedup();
    for deal in &apart {
        let stops = pauses.iter().filter(|pause| pause.scope.stops(deal));
        put_off_by(sql, deal, None, time_outside(stops, from, now))?;
    }
    let rest = time_outside(all, from, now);
    sql.prepare_cached(
        "UPDATE waiting_effect SET not_before = not_before + ?1
         WHERE deal NOT IN (SELECT value FROM json_each(?2))",
    )?
    .execute(params![
        i64::try_from(rest.as_micros()).unwrap_or(i64::MAX),
        super::columns::id_list(apart.iter().map(|deal| deal.as_str()))
    ])?;
    Ok(())
}

/// Whether no work is to begin at all.
pub(super) fn is_everything(sql: &Connection) -> Outcome<bool> {
    Ok(open_one(sql, &PauseScope::All)?.is_some())
}

/// Whether nothing may leave of this deal that was planned with these flows.
pub(super) fn stops(sql: &Connection, deal: &DealId, flows: &[Flow]) -> Outcome<bool> {
    for scope in PauseScope::of(deal, flows) {
        if open_one(sql, &scope)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All that is paused, oldest first.
pub(super) fn open(sql: &Connection) -> Outcome<Vec<Pause>> {
    let mut statement =
        sql.prepare_cached(&format!("SELECT {COLUMNS} FROM pause WHERE resumed IS NULL ORDER BY id"))?;
    let rows = statement.query_map([], row_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All that was ever paused, newest first.
pub(super) fn past(sql: &Connection, most: usize) -> Outcome<Vec<Pause>> {
    let mut statement =
        sql.prepare_cached(&format!("SELECT {COLUMNS} FROM pause ORDER BY id DESC LIMIT ?1"))?;
    let rows = statement.query_map([Count(most as u64)], row_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn open_one(sql: &Connection, scope: &PauseScope) -> Outcome<Option<Pause>> {
    Ok(sql
        .prepare_cached(&format!("SELECT {COLUMNS} FROM pause WHERE scope = ?1 AND resumed IS NULL"))?
        .query_row(params![Word(scope)], row_of)
        .optional()?)
}

fn row_of(row: &Row<'_>) -> rusqlite::Result<Pause> {
    let at = row.get::<_, Option<Micros>>(4)?.map(|at| at.0);
    let (by, why): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
    Ok(Pause {
        scope: row.get::<_, Word<_>>(0)?.0,
        by: row.get(1)?,
        why: row.get(2)?,
        since: row.get::<_, Micros>(3)?.0,
        resumed: at.zip(by).map(|(at, by)| Resumed { at, by, why }),
    })
}
