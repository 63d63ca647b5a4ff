//! Losing values, sealed under their deal's key before the winning ones are sent.

use deal_model::{Archived, DealId};
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use sync_engine::{ArchivedRow, Subject};

use super::{
    columns::{Count, Micros, Word},
    data_keys,
    fault::Outcome,
};
use crate::{
    SealKey,
    ledger::{SealedValue, name_of, seal_archived},
};

pub(super) fn keep(
    sql: &Connection,
    master: Option<&SealKey>,
    deal: &DealId,
    lost: &[Archived],
    now: Timestamp,
) -> Outcome<()> {
    if lost.is_empty() {
        return Ok(());
    }
    let subject = name_of(&Subject::Deal(deal.clone()));
    let (number, key) = data_keys::in_use(sql, master, &subject, now)?;
    let mut statement = sql.prepare_cached(
        "INSERT INTO archive (deal, at, group_id, side, key, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for lost in lost {
        statement.execute(params![
            deal.as_str(),
            Micros(now),
            lost.group.as_str(),
            Word(lost.side),
            Count(number),
            seal_archived(&key, &subject, now, lost)?,
        ])?;
    }
    Ok(())
}

/// A deal's losing values, newest first.
pub(super) fn newest(
    sql: &Connection,
    master: Option<&SealKey>,
    deal: &DealId,
    most: usize,
) -> Outcome<Vec<ArchivedRow>> {
    let mut statement = sql.prepare_cached(
        "SELECT id, at, group_id, side, key, sealed FROM archive WHERE deal = ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let rows: Vec<SealedValue> =
        statement.query_map(params![deal.as_str(), Count(most as u64)], sealed)?.collect::<Result<_, _>>()?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let keys = data_keys::of(sql, master, &name_of(&Subject::Deal(deal.clone())))?;
    Ok(rows.into_iter().map(|row| keys.archived(row)).collect::<Result<_, _>>()?)
}

pub(super) fn sealed(row: &Row<'_>) -> rusqlite::Result<SealedValue> {
    Ok(SealedValue {
        id: row.get(0)?,
        at: row.get::<_, Micros>(1)?.0,
        group: row.get::<_, String>(2)?.as_str().into(),
        side: row.get::<_, Word<_>>(3)?.0,
        key: row.get::<_, Count>(4)?.0,
        sealed: row.get(5)?,
    })
}
