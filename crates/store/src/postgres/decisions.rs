//! What people decided: written by whoever they ask, ended by the commit that carried it out.

use deal_model::{DealId, Verdict};
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use sync_engine::{AuditLine, Decided, DecisionEnd, DecisionRow, NewDecision, StoreError, Subject};

use super::{
    columns::{Count, Json, Micros, Word, text},
    deal_rows,
    fault::Outcome,
    history, locks, marks, work,
};
use crate::SealKey;

pub(super) async fn decide(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    new: &NewDecision,
) -> Outcome<Decided> {
    locks::deciding(sql, &new.deal).await?;
    if !deal_rows::exists(sql, &new.deal).await? {
        return Err(StoreError::Failed(format!(
            "there is no deal {}; `cosell deals list` names them",
            new.deal
        ))
        .into());
    }
    if let Some(on) = deal_rows::forgotten(sql, &new.deal).await? {
        return Err(StoreError::Failed(format!(
            "deal {} was forgotten on {}, after it had closed; nothing of it can be decided any more",
            new.deal,
            on.strftime("%Y-%m-%d")
        ))
        .into());
    }
    let replaced = open_about(sql, &new.deal, &new.verdict).await?;
    if let Some(open) = &replaced
        && new.instead_of != Some(open.id)
    {
        return Ok(Decided::Open(Box::new(open.clone())));
    }
    // The work row before all others, as every transaction takes them.
    let subject = Subject::Deal(new.deal.clone());
    marks::put(sql, &subject, marks::Wish::at_once(new.now)).await?;
    if let Some(open) = replaced {
        end(sql, open.id, DecisionEnd::Replaced, new.now).await?;
    }
    let row = sqlx::query(
        "INSERT INTO decision (deal, verdict, by, at, mapping) VALUES ($1, $2, $3, $4, $5) RETURNING id",
    )
    .bind(text(new.deal.as_str()))
    .bind(Json(&new.verdict))
    .bind(text(&new.by))
    .bind(Micros(new.now))
    .bind(text(&new.mapping))
    .fetch_one(&mut *sql)
    .await?;
    let line = AuditLine {
        at: new.now,
        what: "decided".to_owned(),
        side: None,
        groups: Vec::new(),
        sentence: new.sentence.clone(),
        took_ms: None,
        mapping: new.mapping.clone(),
        erased: None,
    };
    if new.verdict == Verdict::Retry {
        work::forgive(sql, &new.deal).await?;
    }
    history::write_line(sql, master, &subject, &line).await?;
    Ok(Decided::Taken(row.try_get(0)?))
}

/// The open decision about the same matter, if there is one.
async fn open_about(
    sql: &mut PgConnection,
    deal: &DealId,
    verdict: &Verdict,
) -> Outcome<Option<DecisionRow>> {
    let rows = sqlx::query(
        "SELECT id, verdict, by, at, mapping, ended, how FROM decision
         WHERE deal = $1 AND ended IS NULL ORDER BY id",
    )
    .bind(text(deal.as_str()))
    .fetch_all(sql)
    .await?;
    let open: Vec<DecisionRow> = rows.iter().map(decision).collect::<Outcome<_>>()?;
    Ok(open.into_iter().find(|open| open.verdict.matter() == verdict.matter()))
}

/// Says how an open decision ended.
pub(super) async fn end(sql: &mut PgConnection, id: i64, how: DecisionEnd, now: Timestamp) -> Outcome<()> {
    sqlx::query("UPDATE decision SET ended = $2, how = $3 WHERE id = $1 AND ended IS NULL")
        .bind(id)
        .bind(Micros(now))
        .bind(Word(how))
        .execute(sql)
        .await?;
    Ok(())
}

pub(super) async fn all(sql: &mut PgConnection, deal: &DealId, most: usize) -> Outcome<Vec<DecisionRow>> {
    let rows = sqlx::query(
        "SELECT id, verdict, by, at, mapping, ended, how FROM decision
         WHERE deal = $1 ORDER BY id DESC LIMIT $2",
    )
    .bind(text(deal.as_str()))
    .bind(Count(most as u64))
    .fetch_all(sql)
    .await?;
    rows.iter().map(decision).collect()
}

fn decision(row: &PgRow) -> Outcome<DecisionRow> {
    let ended = row.try_get::<Option<Micros>, _>(5)?.map(|at| at.0);
    let how = row.try_get::<Option<Word<DecisionEnd>>, _>(6)?.map(|how| how.0);
    Ok(DecisionRow {
        id: row.try_get(0)?,
        verdict: row.try_get::<Json<_>, _>(1)?.0,
        by: row.try_get(2)?,
        at: row.try_get::<Micros, _>(3)?.0,
        mapping: row.try_get(4)?,
        ended: ended.zip(how),
    })
}
