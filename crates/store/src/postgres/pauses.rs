//! What operators pause, and what that means for work and for what waits.

use deal_model::DealId;
use jiff::{SignedDuration, Timestamp};
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use sync_engine::{
    Cursor, Flow, MOST_PAUSES, Pause, PauseScope, PauseWish, Resumed, StoreError, Subject, time_outside,
};

use super::{
    columns::{Count, Micros, Word, text, texts},
    deal_rows,
    fault::Outcome,
    history, locks, marks,
};
use crate::{SealKey, pausing};

/// A query of pauses.
macro_rules! pauses {
    ($rest:literal) => {
        sqlx::query(concat!(
            "SELECT scope, by, why, since, resumed, resumed_by, resumed_why FROM pause ",
            $rest
        ))
    };
}

/// Pauses. What was there already, if it was.
pub(super) async fn pause(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    wish: &PauseWish,
) -> Outcome<Option<Pause>> {
    locks::pauses(sql).await?;
    if let Some(open) = open_one(sql, &wish.scope).await? {
        return Ok(Some(open));
    }
    if open(sql).await?.len() >= MOST_PAUSES {
        return Err(StoreError::Failed(format!(
            "{MOST_PAUSES} pauses are open already; pause a flow or everything instead, or resume some"
        ))
        .into());
    }
    tell(sql, master, wish, "paused").await?;
    sqlx::query("INSERT INTO pause (scope, by, why, since) VALUES ($1, $2, $3, $4)")
        .bind(Word(&wish.scope))
        .bind(text(&wish.by))
        .bind(wish.why.as_deref().map(text))
        .bind(Micros(wish.now))
        .execute(sql)
        .await?;
    Ok(None)
}

/// Resumes. What it was, if it was paused.
pub(super) async fn resume(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    wish: &PauseWish,
    then: &Cursor,
) -> Outcome<Option<Pause>> {
    locks::pauses(sql).await?;
    let Some(ended) = open_one(sql, &wish.scope).await? else { return Ok(None) };
    sqlx::query(
        "UPDATE pause SET resumed = $2, resumed_by = $3, resumed_why = $4 WHERE scope = $1 AND resumed IS NULL",
    )
    .bind(Word(&wish.scope))
    .bind(Micros(wish.now))
    .bind(text(&wish.by))
    .bind(wish.why.as_deref().map(text))
    .execute(&mut *sql)
    .await?;
    if let PauseScope::Deal(_) = &wish.scope {
        tell(sql, master, wish, "resumed").await?;
    }
    put_off(sql, &ended, wish.now).await?;
    if let PauseScope::All | PauseScope::Flow(_) = &wish.scope {
        // What is to be looked at is every deal: the service does that in pages.
        marks::move_cursor(sql, then).await?;
    }
    Ok(Some(ended))
}

/// A mark, and a line of the deal's history: its seller is told, and a resumed deal is read anew.
async fn tell(sql: &mut PgConnection, master: Option<&SealKey>, wish: &PauseWish, did: &str) -> Outcome<()> {
    let PauseScope::Deal(deal) = &wish.scope else { return Ok(()) };
    if !deal_rows::exists(sql, deal).await? {
        return Err(
            StoreError::Failed(format!("there is no deal {deal}; `cosell deals list` names them")).into()
        );
    }
    let line = pausing::line(wish, did);
    let subject = Subject::Deal(deal.clone());
    marks::put(sql, &subject, marks::Wish::at_once(wish.now)).await?;
    history::write_line(sql, master, &subject, &line).await
}

/// Puts off what waited while nothing but the ended pause held it; what another pause holds on to is its own to count.
async fn put_off(sql: &mut PgConnection, ended: &Pause, now: Timestamp) -> Outcome<()> {
    let open = open(sql).await?;
    let apart = pausing::counted_apart(ended, &open);
    for (deal, others) in &apart {
        put_off_one(sql, deal, others, ended.since, now).await?;
    }
    if ended.scope == PauseScope::All {
        sqlx::query(
            "UPDATE waiting_effect SET not_before = not_before + greatest(0, $2 - greatest($1, since))
             WHERE deal <> ALL ($3)",
        )
        .bind(Micros(ended.since))
        .bind(Micros(now))
        .bind(texts(apart.iter().map(|(deal, _)| deal.as_str())))
        .execute(sql)
        .await?;
    }
    Ok(())
}

async fn put_off_one(
    sql: &mut PgConnection,
    deal: &DealId,
    others: &[Pause],
    since: Timestamp,
    now: Timestamp,
) -> Outcome<()> {
    let waiting =
        sqlx::query("SELECT place, since FROM waiting_effect WHERE deal = $1 ORDER BY place FOR UPDATE")
            .bind(text(deal.as_str()))
            .fetch_all(&mut *sql)
            .await?;
    for row in waiting {
        let (place, began): (i64, Micros) = (row.try_get(0)?, row.try_get(1)?);
        let from = since.max(began.0);
        if from < now {
            put_off_by(sql, deal, Some(place), time_outside(others, from, now)).await?;
        }
    }
    Ok(())
}

async fn put_off_by(
    sql: &mut PgConnection,
    deal: &DealId,
    place: Option<i64>,
    by: SignedDuration,
) -> Outcome<()> {
    sqlx::query(
        "UPDATE waiting_effect SET not_before = not_before + $3
         WHERE deal = $1 AND ($2::bigint IS NULL OR place = $2)",
    )
    .bind(text(deal.as_str()))
    .bind(place)
    .bind(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
    .execute(sql)
    .await?;
    Ok(())
}

/// Puts off everything that waits by the time the service was away, less what a pause counts for itself.
pub(super) async fn put_off_while_away(
    sql: &mut PgConnection,
    from: Timestamp,
    now: Timestamp,
) -> Outcome<()> {
    let rows =
        pauses!("WHERE resumed IS NULL OR resumed > $1").bind(Micros(from)).fetch_all(&mut *sql).await?;
    let pauses: Vec<Pause> = rows.iter().map(row_of).collect::<Outcome<_>>()?;
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
        put_off_by(sql, deal, None, time_outside(stops, from, now)).await?;
    }
    let rest = time_outside(all, from, now);
    sqlx::query("UPDATE waiting_effect SET not_before = not_before + $1 WHERE deal <> ALL ($2)")
        .bind(i64::try_from(rest.as_micros()).unwrap_or(i64::MAX))
        .bind(texts(apart.iter().map(|deal| deal.as_str())))
        .execute(sql)
        .await?;
    Ok(())
}

/// Whether no work is to begin at all.
pub(super) async fn is_everything(sql: &mut PgConnection) -> Outcome<bool> {
    Ok(open_one(sql, &PauseScope::All).await?.is_some())
}

/// Whether nothing may leave of this deal that was planned with these flows.
pub(super) async fn stops(sql: &mut PgConnection, deal: &DealId, flows: &[Flow]) -> Outcome<bool> {
    let scopes: Vec<String> = PauseScope::of(deal, flows).map(|scope| scope.to_string()).collect();
    let open = sqlx::query("SELECT 1 FROM pause WHERE resumed IS NULL AND scope = ANY ($1) LIMIT 1")
        .bind(texts(scopes.iter().map(String::as_str)))
        .fetch_optional(sql)
        .await?;
    Ok(open.is_some())
}

/// All that is paused, oldest first.
pub(super) async fn open(sql: &mut PgConnection) -> Outcome<Vec<Pause>> {
    pauses!("WHERE resumed IS NULL ORDER BY id").fetch_all(sql).await?.iter().map(row_of).collect()
}

/// All that was ever paused, newest first.
pub(super) async fn past(sql: &mut PgConnection, most: usize) -> Outcome<Vec<Pause>> {
    let rows = pauses!("ORDER BY id DESC LIMIT $1").bind(Count(most as u64)).fetch_all(sql).await?;
    rows.iter().map(row_of).collect()
}

async fn open_one(sql: &mut PgConnection, scope: &PauseScope) -> Outcome<Option<Pause>> {
    let row = pauses!("WHERE scope = $1 AND resumed IS NULL").bind(Word(scope)).fetch_optional(sql).await?;
    row.as_ref().map(row_of).transpose()
}

fn row_of(row: &PgRow) -> Outcome<Pause> {
    let at = row.try_get::<Option<Micros>, _>(4)?.map(|at| at.0);
    let (by, why): (Option<String>, Option<String>) = (row.try_get(5)?, row.try_get(6)?);
    Ok(Pause {
        scope: row.try_get::<Word<_>, _>(0)?.0,
        by: row.try_get(1)?,
        why: row.try_get(2)?,
        since: row.try_get::<Micros, _>(3)?.0,
        resumed: at.zip(by).map(|(at, by)| Resumed { at, by, why }),
    })
}
