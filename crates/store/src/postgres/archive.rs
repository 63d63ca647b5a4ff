//! Losing values, sealed under their deal's key before the winning ones are sent.

use deal_model::{Archived, DealId};
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use sync_engine::{ArchivedRow, Subject};

use super::{
    columns::{Count, Micros, Word, text},
    data_keys,
    fault::Outcome,
};
use crate::{
    SealKey,
    ledger::{SealedValue, name_of, seal_archived},
};

pub(super) async fn keep(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    deal: &DealId,
    lost: &[Archived],
    now: Timestamp,
) -> Outcome<()> {
    if lost.is_empty() {
        return Ok(());
    }
    let subject = name_of(&Subject::Deal(deal.clone()));
    let (number, key) = data_keys::in_use(sql, master, &subject, now).await?;
    for lost in lost {
        sqlx::query(
            "INSERT INTO archive (deal, at, group_id, side, key, sealed) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(text(deal.as_str()))
        .bind(Micros(now))
        .bind(text(lost.group.as_str()))
        .bind(Word(lost.side))
        .bind(Count(number))
        .bind(seal_archived(&key, &subject, now, lost)?)
        .execute(&mut *sql)
        .await?;
    }
    Ok(())
}

/// A deal's losing values, newest first.
pub(super) async fn newest(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    deal: &DealId,
    most: usize,
) -> Outcome<Vec<ArchivedRow>> {
    let rows = sqlx::query(
        "SELECT id, at, group_id, side, key, sealed FROM archive WHERE deal = $1 ORDER BY id DESC LIMIT $2",
    )
    .bind(text(deal.as_str()))
    .bind(Count(most as u64))
    .fetch_all(&mut *sql)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let keys = data_keys::of(sql, master, &name_of(&Subject::Deal(deal.clone()))).await?;
    rows.iter().map(|row| Ok(keys.archived(sealed(row)?)?)).collect()
}

pub(super) fn sealed(row: &PgRow) -> Outcome<SealedValue> {
    Ok(SealedValue {
        id: row.try_get(0)?,
        at: row.try_get::<Micros, _>(1)?.0,
        group: row.try_get::<&str, _>(2)?.into(),
        side: row.try_get::<Word<_>, _>(3)?.0,
        key: row.try_get::<Count, _>(4)?.0,
        sealed: row.try_get(5)?,
    })
}
