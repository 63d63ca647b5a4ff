//! Deals: read whole in chunks, written whole.

use std::collections::BTreeMap;

use deal_model::{Deal, DealId, Decision, RecordId, WaitingEffect};
use jiff::Timestamp;
use rusqlite::{
    Connection, OptionalExtension as _, Row, params,
    types::{FromSqlError, Type},
};

use super::{
    columns::{Json, Micros, Word, id_list},
    fault::Outcome,
};
use crate::{
    deal_columns::{DealColumns, companion_open},
    waiting::put_off_as,
};

/// Deals that one statement reads.
const CHUNK: usize = 1_000;

pub(super) fn exists(sql: &Connection, id: &DealId) -> Outcome<bool> {
    Ok(sql.prepare_cached("SELECT 1 FROM deal WHERE id = ?1")?.exists([id.as_str()])?)
}

/// When the deal was forgotten, if it was closed then: it is never looked at again.
pub(super) fn forgotten(sql: &Connection, id: &DealId) -> Outcome<Option<Timestamp>> {
    let at: Option<Option<Micros>> = sql
        .prepare_cached("SELECT forgotten FROM deal WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?;
    Ok(at.flatten().map(|at| at.0))
}

/// The deals in the order of `ids`; unknown ids are left out, doubled ones come once.
pub(super) fn load(sql: &Connection, ids: &[DealId]) -> Outcome<Vec<Deal>> {
    let mut deals = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let mut found = load_chunk(sql, chunk)?;
        deals.extend(chunk.iter().filter_map(|id| found.remove(id)));
    }
    Ok(deals)
}

fn load_chunk(sql: &Connection, ids: &[DealId]) -> Outcome<BTreeMap<DealId, Deal>> {
    let wanted = id_list(ids.iter().map(DealId::as_str));
    let mut deals: BTreeMap<DealId, Deal> = sql
        .prepare_cached(
            "SELECT id, born, phase, crm_id, portal_id, companion, engagement, problems,
                    base, windows, life, versions, fuse, rejected, reported, companion_fields, stand_in,
                    answered, companion_state, not_added, mapped
             FROM deal WHERE id IN (SELECT value FROM json_each(?1))",
        )?
        .query_map([&wanted], |row| deal(row).map(|deal| (deal.id.clone(), deal)))?
        .collect::<Result<_, _>>()?;

    for (id, effect) in waiting(sql, &wanted)? {
        if let Some(deal) = deals.get_mut(&id) {
            deal.waiting.push(effect);
        }
    }

    let mut decisions = sql.prepare_cached(
        "SELECT deal, id, verdict, by FROM decision
         WHERE ended IS NULL AND deal IN (SELECT value FROM json_each(?1)) ORDER BY id",
    )?;
    let mut rows = decisions.query([&wanted])?;
    while let Some(row) = rows.next()? {
        if let Some(deal) = deals.get_mut(&DealId::new(row.get::<_, String>(0)?)) {
            deal.decisions.push(Decision {
                id: row.get(1)?,
                verdict: row.get::<_, Json<_>>(2)?.0,
                by: row.get(3)?,
            });
        }
    }
    Ok(deals)
}

/// What waits in these deals, each with its deal, in the deals' own order.
fn waiting(sql: &Connection, deals: &Json<Vec<&str>>) -> Outcome<Vec<(DealId, WaitingEffect)>> {
    let mut statement = sql.prepare_cached(
        "SELECT deal, kind, target, since, not_before, withdrawn FROM waiting_effect
         WHERE deal IN (SELECT value FROM json_each(?1)) ORDER BY deal, place",
    )?;
    let rows = statement.query_map([deals], |row| {
        let effect = WaitingEffect {
            kind: row.get::<_, Word<_>>(1)?.0,
            target: row.get(2)?,
            since: row.get::<_, Micros>(3)?.0,
            not_before: row.get::<_, Micros>(4)?.0,
            withdrawn: row.get(5)?,
        };
        Ok((DealId::new(row.get::<_, String>(0)?), effect))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn deal(row: &Row<'_>) -> rusqlite::Result<Deal> {
    let columns = DealColumns {
        id: row.get(0)?,
        born: row.get(1)?,
        phase: row.get(2)?,
        crm_id: row.get(3)?,
        portal_id: row.get(4)?,
        companion: row.get(5)?,
        engagement: row.get(6)?,
        problems: row.get(7)?,
        base: row.get(8)?,
        windows: row.get(9)?,
        life: row.get(10)?,
        versions: row.get(11)?,
        fuse: row.get(12)?,
        rejected: row.get(13)?,
        reported: row.get(14)?,
        companion_fields: row.get(15)?,
        stand_in: row.get(16)?,
        answered: row.get(17)?,
        companion_state: row.get(18)?,
        not_added: row.get(19)?,
        mapped: row.get(20)?,
    };
    columns.deal().map_err(|unreadable| {
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, FromSqlError::from(unreadable).into())
    })
}

/// A record's identifier in a column that may be null.
pub(super) fn record(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<RecordId>> {
    Ok(row.get::<_, Option<String>>(column)?.map(RecordId::new))
}

/// Inserts a deal that must not be there yet.
pub(super) fn insert(sql: &Connection, deal: &Deal, now: Timestamp) -> Outcome<()> {
    let statement =
        "INSERT INTO deal (id, born, phase, crm_id, portal_id, companion, engagement, problems, base,
                           windows, life, versions, fuse, rejected, reported, companion_fields, stand_in,
                           answered, updated, companion_state, companion_open, not_added, mapped, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
                 ?22, ?23, ?19)";
    write(sql, statement, deal, now)?;
    write_waiting(sql, &deal.id, &deal.waiting)
}

/// Writes a deal's row, inserted if it is new. A referral that it no longer has becomes a former link, and
/// what was put off since the deal was read stays put off.
pub(super) fn save(sql: &Connection, deal: &Deal, now: Timestamp) -> Outcome<()> {
    let before: Option<Option<String>> = sql
        .prepare_cached("SELECT portal_id FROM deal WHERE id = ?1")?
        .query_row([deal.id.as_str()], |row| row.get(0))
        .optional()?;
    let Some(portal_before) = before else {
        return insert(sql, deal, now);
    };
    if let Some(former) = portal_before
        && deal.links.portal.as_ref().is_none_or(|present| present.as_str() != former)
    {
        sql.prepare_cached(
            "INSERT INTO former_link (portal_id, deal, until) VALUES (?1, ?2, ?3)
             ON CONFLICT (portal_id, deal) DO UPDATE SET until = excluded.until",
        )?
        .execute(params![former, deal.id.as_str(), Micros(now)])?;
    }
    let statement = "UPDATE deal SET born = ?2, phase = ?3, crm_id = ?4, portal_id = ?5, companion = ?6,
                engagement = ?7, problems = ?8, base = ?9, windows = ?10, life = ?11, versions = ?12, fuse = ?13,
                rejected = ?14, reported = ?15, companion_fields = ?16, stand_in = ?17,
                answered = ?18, updated = ?19,
                rested = CASE ?3 WHEN 'live' THEN NULL WHEN phase THEN coalesce(rested, ?19) ELSE ?19 END, companion_state = ?20, companion_open = ?21,
                not_added = ?22, mapped = ?23
         WHERE id = ?1";
    write(sql, statement, deal, now)?;
    let stored = waiting(sql, &id_list([deal.id.as_str()]))?;
    let stored: Vec<WaitingEffect> = stored.into_iter().map(|(_, effect)| effect).collect();
    let waiting = put_off_as(&stored, &deal.waiting);
    if waiting == stored {
        return Ok(());
    }
    sql.prepare_cached("DELETE FROM waiting_effect WHERE deal = ?1")?.execute([deal.id.as_str()])?;
    write_waiting(sql, &deal.id, &waiting)
}

fn write(sql: &Connection, statement: &'static str, deal: &Deal, now: Timestamp) -> Outcome<()> {
    let columns = DealColumns::of(deal).map_err(rusqlite::Error::from)?;
    sql.prepare_cached(statement)?.execute(params![
        columns.id,
        columns.born,
        columns.phase,
        columns.crm_id,
        columns.portal_id,
        columns.companion,
        columns.engagement,
        columns.problems,
        columns.base,
        columns.windows,
        columns.life,
        columns.versions,
        columns.fuse,
        columns.rejected,
        columns.reported,
        columns.companion_fields,
        columns.stand_in,
        columns.answered,
        Micros(now),
        columns.companion_state,
        companion_open(deal),
        columns.not_added,
        columns.mapped,
    ])?;
    Ok(())
}

fn write_waiting(sql: &Connection, deal: &DealId, waiting: &[WaitingEffect]) -> Outcome<()> {
    let mut statement = sql.prepare_cached(
        "INSERT INTO waiting_effect (deal, place, kind, target, since, not_before, withdrawn)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (place, effect) in (0_i64..).zip(waiting) {
        statement.execute(params![
            deal.as_str(),
            place,
            Word(effect.kind),
            effect.target,
            Micros(effect.since),
            Micros(effect.not_before),
            effect.withdrawn,
        ])?;
    }
    Ok(())
}
