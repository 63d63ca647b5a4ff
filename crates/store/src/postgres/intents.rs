//! What is durable before anything is sent: losing values, intents, and the brake's count.

use deal_model::DealId;
use jiff::Timestamp;
use ports::EffectKind;
use sqlx::{PgConnection, Row as _};
use sync_engine::{Intent, IntentOutcome, Prepared, StoreError, Subject, WriteAhead};

use super::{
    archive, brake,
    columns::{Micros, Word, text},
    fault::Outcome,
    locks, pauses, work,
};
use crate::SealKey;

pub(super) async fn write_ahead(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    ahead: &WriteAhead,
) -> Outcome<Prepared> {
    if !ahead.braked.is_empty() {
        locks::brake(sql).await?;
    }
    let row = work::held(sql, &ahead.fence).await?;
    if let Subject::Deal(claimed) = &row.subject
        && *claimed != ahead.deal
    {
        return Err(StoreError::Failed("write-ahead of a deal that was not claimed".to_owned()).into());
    }
    let cannot_be_undone = !ahead.braked.is_empty() || !ahead.intents.is_empty();
    if cannot_be_undone
        && (row.generation != ahead.generation || pauses::stops(sql, &ahead.deal, &ahead.flows).await?)
    {
        return Ok(Prepared::Changed);
    }
    if let Some(kind) = brake::pass(sql, &ahead.deal, &ahead.braked, ahead.now, ahead.brake).await? {
        return Ok(Prepared::Braked(kind));
    }
    for intent in &ahead.intents {
        sqlx::query(
            "INSERT INTO intent (id, deal, kind, key, made, send_before, server_date)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(text(&intent.id))
        .bind(text(intent.deal.as_str()))
        .bind(Word(intent.kind))
        .bind(text(&intent.key))
        .bind(Micros(intent.made))
        .bind(Micros(intent.send_before))
        .bind(intent.server_date.map(Micros))
        .execute(&mut *sql)
        .await?;
    }
    // A ledger's lock comes last.
    archive::keep(sql, master, &ahead.deal, &ahead.archive, ahead.now).await?;
    Ok(Prepared::Go)
}

/// Writes down how an intent ended.
pub(super) async fn end(
    sql: &mut PgConnection,
    id: &str,
    outcome: &IntentOutcome,
    now: Timestamp,
) -> Outcome<()> {
    let (word, record) = match outcome {
        IntentOutcome::Done(record) => ("done", Some(text(record.as_str()))),
        IntentOutcome::NotDone => ("not_done", None),
    };
    let changed = sqlx::query("UPDATE intent SET outcome = $2, record = $3, ended = $4 WHERE id = $1")
        .bind(text(id))
        .bind(word)
        .bind(record)
        .bind(Micros(now))
        .execute(sql)
        .await?;
    if changed.rows_affected() == 0 {
        return Err(StoreError::Failed(format!("intent {id} ended, and was never written down")).into());
    }
    Ok(())
}

pub(super) async fn open(sql: &mut PgConnection, deal: &DealId) -> Outcome<Vec<Intent>> {
    let rows = sqlx::query(
        "SELECT id, deal, kind, key, made, send_before, server_date FROM intent
         WHERE deal = $1 AND outcome IS NULL ORDER BY made, id",
    )
    .bind(text(deal.as_str()))
    .fetch_all(sql)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Intent {
                id: row.try_get(0)?,
                deal: DealId::new(row.try_get::<String, _>(1)?),
                kind: row.try_get::<Word<EffectKind>, _>(2)?.0,
                key: row.try_get(3)?,
                made: row.try_get::<Micros, _>(4)?.0,
                send_before: row.try_get::<Micros, _>(5)?.0,
                server_date: row.try_get::<Option<Micros>, _>(6)?.map(|date| date.0),
            })
        })
        .collect()
}
