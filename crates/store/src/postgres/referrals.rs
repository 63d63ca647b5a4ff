//! The births' index: every referral that was heard of, without a value that a person typed.

use deal_model::{Fingerprint, RecordId};
use sqlx::{PgConnection, Row as _};
use sync_engine::IndexEntry;

use super::{
    columns::{Micros, text},
    deal_rows,
    fault::Outcome,
};

/// Keeps the entry, unless a newer one is known.
pub(super) async fn learn(sql: &mut PgConnection, entry: &IndexEntry) -> Outcome<()> {
    sqlx::query(
        "INSERT INTO referral_index (referral, engagement, ours, external, open, created, updated, companion)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (referral) DO UPDATE SET
             engagement = excluded.engagement, ours = excluded.ours, external = excluded.external,
             open = excluded.open, created = excluded.created, updated = excluded.updated,
             companion = excluded.companion
         WHERE excluded.updated >= referral_index.updated",
    )
    .bind(text(entry.referral.as_str()))
    .bind(entry.engagement.as_ref().map(|engagement| text(engagement.as_str())))
    .bind(entry.ours)
    .bind(entry.external.as_ref().map(|external| text(&external.0)))
    .bind(entry.open)
    .bind(Micros(entry.created))
    .bind(Micros(entry.updated))
    .bind(entry.companion)
    .execute(sql)
    .await?;
    Ok(())
}

pub(super) async fn with_external(
    sql: &mut PgConnection,
    external: &Fingerprint,
) -> Outcome<Vec<IndexEntry>> {
    entries(
        sql,
        "SELECT referral, engagement, ours, external, open, created, updated, companion FROM referral_index
         WHERE external = $1 AND ours ORDER BY created, referral",
        &external.0,
    )
    .await
}

pub(super) async fn in_engagement(sql: &mut PgConnection, engagement: &RecordId) -> Outcome<Vec<IndexEntry>> {
    entries(
        sql,
        "SELECT referral, engagement, ours, external, open, created, updated, companion FROM referral_index
         WHERE engagement = $1 ORDER BY created, referral",
        engagement.as_str(),
    )
    .await
}

async fn entries(sql: &mut PgConnection, statement: &'static str, value: &str) -> Outcome<Vec<IndexEntry>> {
    let rows = sqlx::query(statement).bind(text(value)).fetch_all(sql).await?;
    rows.iter()
        .map(|row| {
            Ok(IndexEntry {
                referral: RecordId::new(row.try_get::<String, _>(0)?),
                engagement: deal_rows::record(row, 1)?,
                ours: row.try_get(2)?,
                external: row.try_get::<Option<String>, _>(3)?.map(Fingerprint),
                open: row.try_get(4)?,
                created: row.try_get::<Micros, _>(5)?.0,
                updated: row.try_get::<Micros, _>(6)?.0,
                companion: row.try_get(7)?,
            })
        })
        .collect()
}

/// What the index knows of a referral.
pub(super) async fn known(sql: &mut PgConnection, referral: &RecordId) -> Outcome<Option<IndexEntry>> {
    let found = entries(
        sql,
        "SELECT referral, engagement, ours, external, open, created, updated, companion FROM referral_index
         WHERE referral = $1",
        referral.as_str(),
    )
    .await?;
    Ok(found.into_iter().next())
}
