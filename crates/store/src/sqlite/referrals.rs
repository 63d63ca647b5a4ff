//! The births' index: every referral that was heard of, without a value that a person typed.

use deal_model::{Fingerprint, RecordId};
use rusqlite::{Connection, params};
use sync_engine::IndexEntry;

use super::{columns::Micros, deal_rows, fault::Outcome};

/// Keeps the entry, unless a newer one is known.
pub(super) fn learn(sql: &Connection, entry: &IndexEntry) -> Outcome<()> {
    sql.prepare_cached(
        "INSERT INTO referral_index (referral, engagement, ours, external, open, created, updated, companion)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (referral) DO UPDATE SET
             engagement = excluded.engagement, ours = excluded.ours, external = excluded.external,
             open = excluded.open, created = excluded.created, updated = excluded.updated,
             companion = excluded.companion
         WHERE excluded.updated >= referral_index.updated",
    )?
    .execute(params![
        entry.referral.as_str(),
        entry.engagement.as_ref().map(RecordId::as_str),
        entry.ours,
        entry.external.as_ref().map(|external| &external.0),
        entry.open,
        Micros(entry.created),
        Micros(entry.updated),
        entry.companion,
    ])?;
    Ok(())
}

pub(super) fn with_external(sql: &Connection, external: &Fingerprint) -> Outcome<Vec<IndexEntry>> {
    entries(
        sql,
        "SELECT referral, engagement, ours, external, open, created, updated, companion FROM referral_index
         WHERE external = ?1 AND ours ORDER BY created, referral",
        &external.0,
    )
}

pub(super) fn in_engagement(sql: &Connection, engagement: &RecordId) -> Outcome<Vec<IndexEntry>> {
    entries(
        sql,
        "SELECT referral, engagement, ours, external, open, created, updated, companion FROM referral_index
         WHERE engagement = ?1 ORDER BY created, referral",
        engagement.as_str(),
    )
}

fn entries(sql: &Connection, statement: &'static str, value: &str) -> Outcome<Vec<IndexEntry>> {
    let mut statement = sql.prepare_cached(statement)?;
    let rows = statement.query_map([value], |row| {
        Ok(IndexEntry {
            referral: RecordId::new(row.get::<_, String>(0)?),
            engagement: deal_rows::record(row, 1)?,
            ours: row.get(2)?,
            external: row.get::<_, Option<String>>(3)?.map(Fingerprint),
            open: row.get(4)?,
            created: row.get::<_, Micros>(5)?.0,
            updated: row.get::<_, Micros>(6)?.0,
            companion: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What the index knows of a referral.
pub(super) fn known(sql: &Connection, referral: &RecordId) -> Outcome<Option<IndexEntry>> {
    let found = entries(
        sql,
        "SELECT referral, engagement, ours, external, open, created, updated, companion FROM referral_index
         WHERE referral = ?1",
        referral.as_str(),
    )?;
    Ok(found.into_iter().next())
}
