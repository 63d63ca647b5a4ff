//! What is durable before anything is sent: losing values, intents, and the brake's count.

use deal_model::DealId;
use jiff::Timestamp;
use ports::EffectKind;
use rusqlite::{Connection, params};
use sync_engine::{Intent, IntentOutcome, Prepared, StoreError, Subject, WriteAhead};

use super::{
    archive, brake,
    columns::{Micros, Word},
    fault::Outcome,
    pauses, work,
};
use crate::SealKey;

pub(super) fn write_ahead(
    sql: &Connection,
    master: Option<&SealKey>,
    ahead: &WriteAhead,
) -> Outcome<Prepared> {
    let row = work::held(sql, &ahead.fence)?;
    if let Subject::Deal(claimed) = &row.subject
        && *claimed != ahead.deal
    {
        return Err(StoreError::Failed("write-ahead of a deal that was not claimed".to_owned()).into());
    }
    let cannot_be_undone = !ahead.braked.is_empty() || !ahead.intents.is_empty();
    if cannot_be_undone
        && (row.generation != ahead.generation || pauses::stops(sql, &ahead.deal, &ahead.flows)?)
    {
        return Ok(Prepared::Changed);
    }
    if let Some(kind) = brake::pass(sql, &ahead.deal, &ahead.braked, ahead.now, ahead.brake)? {
        return Ok(Prepared::Braked(kind));
    }
    archive::keep(sql, master, &ahead.deal, &ahead.archive, ahead.now)?;
    let mut intents = sql.prepare_cached(
        "INSERT INTO intent (id, deal, kind, key, made, send_before, server_date)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for intent in &ahead.intents {
        intents.execute(params![
            intent.id,
            intent.deal.as_str(),
            Word(intent.kind),
            intent.key,
            Micros(intent.made),
            Micros(intent.send_before),
            intent.server_date.map(Micros),
        ])?;
    }
    Ok(Prepared::Go)
}

/// Writes down how an intent ended.
pub(super) fn end(sql: &Connection, id: &str, outcome: &IntentOutcome, now: Timestamp) -> Outcome<()> {
    let (word, record) = match outcome {
        IntentOutcome::Done(record) => ("done", Some(record.as_str())),
        IntentOutcome::NotDone => ("not_done", None),
    };
    let changed = sql
        .prepare_cached("UPDATE intent SET outcome = ?2, record = ?3, ended = ?4 WHERE id = ?1")?
        .execute(params![id, word, record, Micros(now)])?;
    if changed == 0 {
        return Err(StoreError::Failed(format!("intent {id} ended, and was never written down")).into());
    }
    Ok(())
}

pub(super) fn open(sql: &Connection, deal: &DealId) -> Outcome<Vec<Intent>> {
    let mut statement = sql.prepare_cached(
        "SELECT id, deal, kind, key, made, send_before, server_date FROM intent
         WHERE deal = ?1 AND outcome IS NULL ORDER BY made, id",
    )?;
    let rows = statement.query_map([deal.as_str()], |row| {
        Ok(Intent {
            id: row.get(0)?,
            deal: DealId::new(row.get::<_, String>(1)?),
            kind: row.get::<_, Word<EffectKind>>(2)?.0,
            key: row.get(3)?,
            made: row.get::<_, Micros>(4)?.0,
            send_before: row.get::<_, Micros>(5)?.0,
            server_date: row.get::<_, Option<Micros>>(6)?.map(|date| date.0),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
