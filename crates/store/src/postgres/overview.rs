//! What people look at: lists and numbers.

use deal_model::DealId;
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use sync_engine::{Counts, DealSummary};

use super::{
    columns::{Count, Json, Micros, Word, text},
    deal_rows,
    fault::Outcome,
};

pub(super) async fn list(
    sql: &mut PgConnection,
    after: Option<&DealId>,
    most: usize,
) -> Outcome<Vec<DealSummary>> {
    // Every identifier comes after the empty text.
    let rows = sqlx::query(
        "SELECT id, crm_id, portal_id, companion, phase, problems, updated,
                (SELECT count(*) FROM waiting_effect WHERE waiting_effect.deal = deal.id),
                expires, companion_expires, attempts, due
         FROM (SELECT * FROM deal WHERE id > $1 ORDER BY id LIMIT $2) AS deal
         LEFT JOIN (SELECT id AS of, attempts, due FROM work WHERE kind = 'deal') AS work ON work.of = deal.id
         ORDER BY id",
    )
    .bind(text(after.map_or("", DealId::as_str)))
    .bind(Count(most as u64))
    .fetch_all(sql)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(DealSummary {
                id: DealId::new(row.try_get::<String, _>(0)?),
                opportunity: deal_rows::record(row, 1)?,
                referral: deal_rows::record(row, 2)?,
                companion: deal_rows::record(row, 3)?,
                phase: row.try_get::<Word<_>, _>(4)?.0,
                problems: row.try_get::<Json<_>, _>(5)?.0,
                updated: row.try_get::<Micros, _>(6)?.0,
                waiting: usize::try_from(row.try_get::<Count, _>(7)?.0).unwrap_or(usize::MAX),
                expires: row.try_get::<Option<Micros>, _>(8)?.map(|at| at.0),
                companion_expires: row.try_get::<Option<Micros>, _>(9)?.map(|at| at.0),
                attempts: attempts(row, 10)?,
                due: row.try_get::<Option<Micros>, _>(11)?.map(|due| due.0),
            })
        })
        .collect()
}

/// How often looking failed in a row; never, if nothing is to be looked at.
fn attempts(row: &PgRow, column: usize) -> Outcome<u32> {
    let attempts = row.try_get::<Option<Count>, _>(column)?.map_or(0, |attempts| attempts.0);
    Ok(u32::try_from(attempts).unwrap_or(u32::MAX))
}

pub(super) async fn propagation(sql: &mut PgConnection, most: usize) -> Outcome<Vec<i64>> {
    let rows = sqlx::query("SELECT took_ms FROM audit WHERE took_ms IS NOT NULL ORDER BY id DESC LIMIT $1")
        .bind(Count(most as u64))
        .fetch_all(sql)
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

pub(super) async fn counts(sql: &mut PgConnection, now: Timestamp) -> Outcome<Counts> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM deal),
                (SELECT count(*) FROM deal WHERE crm_id IS NOT NULL AND portal_id IS NOT NULL),
                (SELECT count(*) FROM deal WHERE problems <> '[]'),
                (SELECT count(*) FROM waiting_effect),
                (SELECT count(*) FROM deal WHERE phase <> 'live' AND phase = 'paused'),
                (SELECT count(*) FROM deal WHERE phase <> 'live' AND phase = 'finished'),
                (SELECT count(*) FROM work WHERE state = 'ready')
                    + (SELECT count(*) FROM work WHERE state IN ('waiting', 'leased') AND wake <= $1),
                (SELECT count(*) FROM intent WHERE outcome IS NULL),
                (SELECT count(*) FROM deal WHERE remapped)",
    )
    .bind(Micros(now))
    .fetch_one(sql)
    .await?;
    let number = |row: &PgRow, column: usize| row.try_get::<Count, _>(column).map(|count| count.0);
    Ok(Counts {
        deals: number(&row, 0)?,
        pairs: number(&row, 1)?,
        problems: number(&row, 2)?,
        waiting: number(&row, 3)?,
        paused: number(&row, 4)?,
        finished: number(&row, 5)?,
        due: number(&row, 6)?,
        open_intents: number(&row, 7)?,
        remapped: number(&row, 8)?,
    })
}
