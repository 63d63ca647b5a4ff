//! The births' index: every referral that was heard of, without a value that a person typed.

use std::collections::BTreeMap;

use deal_model::{Fingerprint, RecordId};
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _};
use sync_engine::IndexEntry;

use super::{
    columns::{Micros, text, texts},
    deal_rows,
    fault::Outcome,
};

/// Entries that one statement keeps.
const CHUNK: usize = 1_000;

/// Keeps the entry, unless a newer one is known.
pub(super) async fn learn(sql: &mut PgConnection, entry: &IndexEntry) -> Outcome<()> {
    learn_all(sql, std::slice::from_ref(entry)).await
}

/// The same of many, in one statement for each thousand.
pub(super) async fn learn_all(sql: &mut PgConnection, entries: &[IndexEntry]) -> Outcome<()> {
    // Of several words about one referral the newest. In one order everywhere, so that two who learn of the same
    // referrals do not wait for each other.
    let mut newest: BTreeMap<&RecordId, &IndexEntry> = BTreeMap::new();
    for entry in entries {
        let known = newest.entry(&entry.referral).or_insert(entry);
        if entry.updated >= known.updated {
            *known = entry;
        }
    }
    let newest: Vec<&IndexEntry> = newest.into_values().collect();
    for chunk in newest.chunks(CHUNK) {
        learn_chunk(sql, chunk).await?;
    }
    Ok(())
}

async fn learn_chunk(sql: &mut PgConnection, entries: &[&IndexEntry]) -> Outcome<()> {
    let each = |of: fn(&IndexEntry) -> bool| entries.iter().map(|entry| of(entry)).collect::<Vec<_>>();
    let moments = |of: fn(&IndexEntry) -> Timestamp| {
        entries.iter().map(|entry| Micros(of(entry)).number()).collect::<Vec<_>>()
    };
    let engagements: Vec<_> = entries
        .iter()
        .map(|entry| entry.engagement.as_ref().map(|engagement| text(engagement.as_str())))
        .collect();
    let externals: Vec<_> =
        entries.iter().map(|entry| entry.external.as_ref().map(|external| text(&external.0))).collect();
    sqlx::query(
        "INSERT INTO referral_index (referral, engagement, ours, external, open, created, updated, companion)
         SELECT referral, engagement, ours, external, open, created, updated, companion
         FROM unnest($1::text[], $2::text[], $3::boolean[], $4::text[], $5::boolean[], $6::bigint[], $7::bigint[],
                     $8::boolean[]) WITH ORDINALITY
              AS heard (referral, engagement, ours, external, open, created, updated, companion, place)
         ORDER BY place
         ON CONFLICT (referral) DO UPDATE SET
             engagement = excluded.engagement, ours = excluded.ours, external = excluded.external,
             open = excluded.open, created = excluded.created, updated = excluded.updated,
             companion = excluded.companion
         WHERE excluded.updated >= referral_index.updated",
    )
    .bind(texts(entries.iter().map(|entry| entry.referral.as_str())))
    .bind(engagements)
    .bind(each(|entry| entry.ours))
    .bind(externals)
    .bind(each(|entry| entry.open))
    .bind(moments(|entry| entry.created))
    .bind(moments(|entry| entry.updated))
    .bind(each(|entry| entry.companion))
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
