//! What people look at: lists and numbers.

use deal_model::DealId;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use sync_engine::{Counts, DealSummary};

use super::{
    columns::{Count, Json, Micros, Word},
    deal_rows,
    fault::Outcome,
};

pub(super) fn list(sql: &Connection, after: Option<&DealId>, most: usize) -> Outcome<Vec<DealSummary>> {
    let mut statement = sql.prepare_cached(
        "SELECT id, crm_id, portal_id, companion, phase, problems, updated,
                (SELECT count(*) FROM waiting_effect WHERE waiting_effect.deal = deal.id),
                CASE stand_in ->> '$.life' WHEN 'received' THEN stand_in ->> '$.facts.portal.expires' END,
                CASE companion_state ->> '$.life' WHEN 'received' THEN companion_state ->> '$.expires' END,
                coalesce(attempts, 0), due
         FROM (SELECT * FROM deal WHERE id > ?1 ORDER BY id LIMIT ?2) AS deal
         LEFT JOIN (SELECT id AS of, attempts, due FROM work WHERE kind = 'deal') ON of = deal.id
         ORDER BY deal.id",
    )?;
    // Every identifier comes after the empty text.
    let after = after.map_or("", DealId::as_str);
    let rows = statement.query_map(params![after, Count(most as u64)], |row| {
        Ok(DealSummary {
            id: DealId::new(row.get::<_, String>(0)?),
            opportunity: deal_rows::record(row, 1)?,
            referral: deal_rows::record(row, 2)?,
            companion: deal_rows::record(row, 3)?,
            phase: row.get::<_, Word<_>>(4)?.0,
            problems: row.get::<_, Json<_>>(5)?.0,
            updated: row.get::<_, Micros>(6)?.0,
            expires: instant(row, 8)?,
            companion_expires: instant(row, 9)?,
            waiting: usize::try_from(row.get::<_, Count>(7)?.0).unwrap_or(usize::MAX),
            attempts: row.get(10)?,
            due: row.get::<_, Option<Micros>>(11)?.map(|due| due.0),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A moment in the model's own JSON.
fn instant(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

pub(super) fn propagation(sql: &Connection, most: usize) -> Outcome<Vec<i64>> {
    let mut statement =
        sql.prepare_cached("SELECT took_ms FROM audit WHERE took_ms IS NOT NULL ORDER BY id DESC LIMIT ?1")?;
    let rows = statement.query_map([Count(most as u64)], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn counts(sql: &Connection, now: Timestamp) -> Outcome<Counts> {
    let mut statement = sql.prepare_cached(
        "SELECT (SELECT count(*) FROM deal),
                (SELECT count(*) FROM deal WHERE crm_id IS NOT NULL AND portal_id IS NOT NULL),
                (SELECT count(*) FROM deal WHERE problems <> '[]'),
                (SELECT count(*) FROM waiting_effect),
                (SELECT count(*) FROM deal WHERE phase <> 'live' AND phase = 'paused'),
                (SELECT count(*) FROM deal WHERE phase <> 'live' AND phase = 'finished'),
                (SELECT count(*) FROM work WHERE state = 'ready')
                    + (SELECT count(*) FROM work WHERE state IN ('waiting', 'leased') AND wake <= ?1),
                (SELECT count(*) FROM intent WHERE outcome IS NULL),
                (SELECT count(*) FROM deal
                 WHERE mapped ->> '$.differs' <> '{}' OR mapped ->> '$.life_differs' IS NOT NULL)",
    )?;
    let number = |row: &rusqlite::Row<'_>, column| row.get::<_, Count>(column).map(|count| count.0);
    Ok(statement.query_row([Micros(now)], |row| {
        Ok(Counts {
            deals: number(row, 0)?,
            pairs: number(row, 1)?,
            problems: number(row, 2)?,
            waiting: number(row, 3)?,
            paused: number(row, 4)?,
            finished: number(row, 5)?,
            due: number(row, 6)?,
            open_intents: number(row, 7)?,
            remapped: number(row, 8)?,
        })
    })?)
}
