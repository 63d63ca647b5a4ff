//! Deals: read whole in chunks, written whole.

use std::collections::{BTreeMap, BTreeSet};

use deal_model::{Deal, DealId, Decision, RecordId, WaitingEffect};
use jiff::Timestamp;
use sqlx::{PgConnection, Postgres, Row as _, postgres::PgArguments, postgres::PgRow, query::Query};

use super::{
    columns::{Count, Json, Micros, Word, text, texts},
    fault::Outcome,
};
use crate::{
    deal_columns::{DealColumns, companion_expires, companion_open, expires, remapped},
    waiting::put_off_as,
};

/// Deals that one statement reads.
const CHUNK: usize = 1_000;

pub(super) async fn exists(sql: &mut PgConnection, id: &DealId) -> Outcome<bool> {
    let found =
        sqlx::query("SELECT 1 FROM deal WHERE id = $1").bind(text(id.as_str())).fetch_optional(sql).await?;
    Ok(found.is_some())
}

/// Keeps the deal, if it is there, as it is until the transaction ends.
pub(super) async fn hold(sql: &mut PgConnection, id: &DealId) -> Outcome<()> {
    sqlx::query("SELECT 1 FROM deal WHERE id = $1 FOR UPDATE").bind(text(id.as_str())).execute(sql).await?;
    Ok(())
}

/// When the deal was forgotten, if it was closed then: it is never looked at again.
pub(super) async fn forgotten(sql: &mut PgConnection, id: &DealId) -> Outcome<Option<Timestamp>> {
    let row = sqlx::query("SELECT forgotten FROM deal WHERE id = $1")
        .bind(text(id.as_str()))
        .fetch_optional(sql)
        .await?;
    Ok(row.map(|row| row.try_get::<Option<Micros>, _>(0)).transpose()?.flatten().map(|at| at.0))
}

/// The deals in the order of `ids`; unknown ids are left out, doubled ones come once.
pub(super) async fn load(sql: &mut PgConnection, ids: &[DealId]) -> Outcome<Vec<Deal>> {
    let mut deals = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let mut found = load_chunk(sql, chunk).await?;
        deals.extend(chunk.iter().filter_map(|id| found.remove(id)));
    }
    Ok(deals)
}

async fn load_chunk(sql: &mut PgConnection, ids: &[DealId]) -> Outcome<BTreeMap<DealId, Deal>> {
    let wanted = texts(ids.iter().map(DealId::as_str));
    let rows = sqlx::query(
        "SELECT id, born, phase, crm_id, portal_id, companion, engagement, problems,
                base, windows, life, versions, fuse, rejected, reported, companion_fields, stand_in,
                answered, companion_state, not_added, mapped
         FROM deal WHERE id = ANY ($1)",
    )
    .bind(&wanted)
    .fetch_all(&mut *sql)
    .await?;
    let mut deals = BTreeMap::new();
    for row in rows {
        let deal = deal(&row)?;
        deals.insert(deal.id.clone(), deal);
    }

    let rows = sqlx::query(
        "SELECT deal, kind, target, since, not_before, withdrawn FROM waiting_effect
         WHERE deal = ANY ($1) ORDER BY deal, place",
    )
    .bind(&wanted)
    .fetch_all(&mut *sql)
    .await?;
    for row in rows {
        if let Some(deal) = deals.get_mut(&DealId::new(row.try_get::<String, _>(0)?)) {
            deal.waiting.push(waiting(&row)?);
        }
    }

    let rows = sqlx::query(
        "SELECT deal, id, verdict, by FROM decision WHERE ended IS NULL AND deal = ANY ($1) ORDER BY id",
    )
    .bind(&wanted)
    .fetch_all(sql)
    .await?;
    for row in rows {
        if let Some(deal) = deals.get_mut(&DealId::new(row.try_get::<String, _>(0)?)) {
            deal.decisions.push(Decision {
                id: row.try_get(1)?,
                verdict: row.try_get::<Json<_>, _>(2)?.0,
                by: row.try_get(3)?,
            });
        }
    }
    Ok(deals)
}

/// Something that waits, its deal before it.
fn waiting(row: &PgRow) -> Outcome<WaitingEffect> {
    Ok(WaitingEffect {
        kind: row.try_get::<Word<_>, _>(1)?.0,
        target: row.try_get(2)?,
        since: row.try_get::<Micros, _>(3)?.0,
        not_before: row.try_get::<Micros, _>(4)?.0,
        withdrawn: row.try_get(5)?,
    })
}

fn deal(row: &PgRow) -> Outcome<Deal> {
    let columns = DealColumns {
        id: row.try_get(0)?,
        born: row.try_get(1)?,
        phase: row.try_get(2)?,
        crm_id: row.try_get(3)?,
        portal_id: row.try_get(4)?,
        companion: row.try_get(5)?,
        engagement: row.try_get(6)?,
        problems: row.try_get(7)?,
        base: row.try_get(8)?,
        windows: row.try_get(9)?,
        life: row.try_get(10)?,
        versions: row.try_get(11)?,
        fuse: row.try_get(12)?,
        rejected: row.try_get(13)?,
        reported: row.try_get(14)?,
        companion_fields: row.try_get(15)?,
        stand_in: row.try_get(16)?,
        answered: row.try_get(17)?,
        companion_state: row.try_get(18)?,
        not_added: row.try_get(19)?,
        mapped: row.try_get(20)?,
    };
    Ok(columns.deal()?)
}

/// A record's identifier in a column that may be null.
pub(super) fn record(row: &PgRow, column: usize) -> Outcome<Option<RecordId>> {
    Ok(row.try_get::<Option<String>, _>(column)?.map(RecordId::new))
}

/// Inserts a deal that must not be there yet.
pub(super) async fn insert(sql: &mut PgConnection, deal: &Deal, now: Timestamp) -> Outcome<()> {
    bound(INSERT, deal, now)?.execute(&mut *sql).await?;
    write_waiting(sql, &deal.id, &deal.waiting).await
}

/// Inserts deals that were born of an opportunity just now, each at its moment, unless another one has it; the opportunities
/// of those that were inserted.
pub(super) async fn insert_unless_linked(
    sql: &mut PgConnection,
    newborn: &[(Deal, Timestamp)],
) -> Outcome<BTreeSet<String>> {
    let Some((pattern, at)) = newborn.first() else { return Ok(BTreeSet::new()) };
    let opportunities = newborn.iter().map(|(deal, _)| deal.links.crm.as_ref().map_or("", RecordId::as_str));
    let rows = bound(INSERT_NEWBORN, pattern, *at)?
        .bind(texts(newborn.iter().map(|(deal, _)| deal.id.as_str())))
        .bind(texts(opportunities))
        .bind(newborn.iter().map(|(_, at)| Micros(*at).number()).collect::<Vec<_>>())
        .fetch_all(sql)
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Writes a deal's row, inserted if it is new. A referral that it no longer has becomes a former link, and
/// what was put off since the deal was read stays put off.
pub(super) async fn save(sql: &mut PgConnection, deal: &Deal, now: Timestamp) -> Outcome<()> {
    let id = text(deal.id.as_str());
    let before =
        sqlx::query("SELECT portal_id FROM deal WHERE id = $1").bind(&id).fetch_optional(&mut *sql).await?;
    let Some(before) = before else {
        return insert(sql, deal, now).await;
    };
    if let Some(former) = record(&before, 0)?
        && deal.links.portal.as_ref() != Some(&former)
    {
        sqlx::query(
            "INSERT INTO former_link (portal_id, deal, until) VALUES ($1, $2, $3)
             ON CONFLICT (portal_id, deal) DO UPDATE SET until = excluded.until",
        )
        .bind(text(former.as_str()))
        .bind(&id)
        .bind(Micros(now))
        .execute(&mut *sql)
        .await?;
    }
    bound(UPDATE, deal, now)?.execute(&mut *sql).await?;
    let stored = sqlx::query(
        "SELECT deal, kind, target, since, not_before, withdrawn FROM waiting_effect
         WHERE deal = $1 ORDER BY place FOR UPDATE",
    )
    .bind(&id)
    .fetch_all(&mut *sql)
    .await?;
    let stored: Vec<WaitingEffect> = stored.iter().map(waiting).collect::<Outcome<_>>()?;
    let waiting = put_off_as(&stored, &deal.waiting);
    if waiting == stored {
        return Ok(());
    }
    // Written in their places: whoever waits to put one off finds it when this is committed.
    write_waiting(sql, &deal.id, &waiting).await?;
    sqlx::query("DELETE FROM waiting_effect WHERE deal = $1 AND place >= $2")
        .bind(&id)
        .bind(Count(waiting.len() as u64))
        .execute(sql)
        .await?;
    Ok(())
}

macro_rules! insert {
    ($values:literal) => {
        concat!(
            "INSERT INTO deal (id, born, phase, crm_id, portal_id, companion, engagement, problems, base, windows,
                               life, versions, fuse, rejected, reported, companion_fields, stand_in, answered,
                               updated, companion_state, companion_open, not_added, mapped, expires,
                               companion_expires, remapped, created)",
            $values
        )
    };
}

const INSERT: &str = insert!(
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
              $24, $25, $26, $19)"
);

/// Deals that are just born differ in their names alone: the others are written as the first one is.
const INSERT_NEWBORN: &str = insert!(
    " SELECT coalesce(newborn.id, $1), $2, $3, coalesce(newborn.crm_id, $4), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
             $15, $16, $17, $18, coalesce(newborn.at, $19), $20, $21, $22, $23, $24, $25, $26,
             coalesce(newborn.at, $19)
      FROM unnest($27::text[], $28::text[], $29::bigint[]) WITH ORDINALITY AS newborn (id, crm_id, at, place)
      ORDER BY place
      ON CONFLICT (crm_id) DO NOTHING RETURNING crm_id"
);

const UPDATE: &str = "UPDATE deal SET born = $2, phase = $3, crm_id = $4, portal_id = $5, companion = $6,
            engagement = $7, problems = $8, base = $9, windows = $10, life = $11, versions = $12, fuse = $13,
            rejected = $14, reported = $15, companion_fields = $16, stand_in = $17, answered = $18, updated = $19,
            rested = CASE $3 WHEN 'live' THEN NULL WHEN phase THEN coalesce(rested, $19) ELSE $19 END, companion_state = $20, companion_open = $21, not_added = $22, mapped = $23, expires = $24,
            companion_expires = $25, remapped = $26
     WHERE id = $1";

/// A statement over a deal's columns.
fn bound(
    statement: &'static str,
    deal: &Deal,
    now: Timestamp,
) -> Outcome<Query<'static, Postgres, PgArguments>> {
    let columns = DealColumns::of(deal)?;
    let plain = |id: String| text(&id).into_owned();
    Ok(sqlx::query(statement)
        .bind(plain(columns.id))
        .bind(columns.born)
        .bind(columns.phase)
        .bind(columns.crm_id.map(plain))
        .bind(columns.portal_id.map(plain))
        .bind(columns.companion.map(plain))
        .bind(columns.engagement.map(plain))
        .bind(columns.problems)
        .bind(columns.base)
        .bind(columns.windows)
        .bind(columns.life)
        .bind(columns.versions)
        .bind(columns.fuse)
        .bind(columns.rejected)
        .bind(columns.reported)
        .bind(columns.companion_fields)
        .bind(columns.stand_in)
        .bind(columns.answered)
        .bind(Micros(now))
        .bind(columns.companion_state)
        .bind(companion_open(deal))
        .bind(columns.not_added)
        .bind(columns.mapped)
        .bind(expires(deal).map(Micros))
        .bind(companion_expires(deal).map(Micros))
        .bind(remapped(deal)))
}

async fn write_waiting(sql: &mut PgConnection, deal: &DealId, waiting: &[WaitingEffect]) -> Outcome<()> {
    for (place, effect) in (0_i64..).zip(waiting) {
        sqlx::query(
            "INSERT INTO waiting_effect (deal, place, kind, target, since, not_before, withdrawn)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (deal, place) DO UPDATE
             SET kind = excluded.kind, target = excluded.target, since = excluded.since,
                 not_before = excluded.not_before, withdrawn = excluded.withdrawn",
        )
        .bind(text(deal.as_str()))
        .bind(place)
        .bind(Word(effect.kind))
        .bind(text(&effect.target))
        .bind(Micros(effect.since))
        .bind(Micros(effect.not_before))
        .bind(effect.withdrawn)
        .execute(&mut *sql)
        .await?;
    }
    Ok(())
}
