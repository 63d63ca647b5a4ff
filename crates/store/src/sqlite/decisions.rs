//! What people decided: written by whoever they ask, ended by the commit that carried it out.

use deal_model::{DealId, Verdict};
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use sync_engine::{AuditLine, Decided, DecisionEnd, DecisionRow, NewDecision, StoreError, Subject};

use super::{
    columns::{Count, Json, Micros, Word},
    deal_rows,
    fault::Outcome,
    history, marks, work,
};
use crate::SealKey;

pub(super) fn decide(sql: &Connection, master: Option<&SealKey>, new: &NewDecision) -> Outcome<Decided> {
    if !deal_rows::exists(sql, &new.deal)? {
        return Err(StoreError::Failed(format!(
            "there is no deal {}; `cosell deals list` names them",
            new.deal
        ))
        .into());
    }
    if let Some(on) = deal_rows::forgotten(sql, &new.deal)? {
        return Err(StoreError::Failed(format!(
            "deal {} was forgotten on {}, after it had closed; nothing of it can be decided any more",
            new.deal,
            on.strftime("%Y-%m-%d")
        ))
        .into());
    }
    if let Some(open) = open_about(sql, &new.deal, &new.verdict)? {
        if new.instead_of != Some(open.id) {
            return Ok(Decided::Open(Box::new(open)));
        }
        end(sql, open.id, DecisionEnd::Replaced, new.now)?;
    }
    sql.prepare_cached("INSERT INTO decision (deal, verdict, by, at, mapping) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![new.deal.as_str(), Json(&new.verdict), new.by, Micros(new.now), new.mapping])?;
    let number = sql.last_insert_rowid();
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
    let subject = Subject::Deal(new.deal.clone());
    history::write_line(sql, master, &subject, &line)?;
    marks::put(sql, &subject, &marks::Wish::at_once(new.now))?;
    if new.verdict == Verdict::Retry {
        work::forgive(sql, &new.deal)?;
    }
    Ok(Decided::Taken(number))
}

/// The open decision about the same matter, if there is one.
fn open_about(sql: &Connection, deal: &DealId, verdict: &Verdict) -> Outcome<Option<DecisionRow>> {
    let mut statement = sql.prepare_cached(
        "SELECT id, verdict, by, at, mapping, ended, how FROM decision WHERE deal = ?1 AND ended IS NULL ORDER BY id",
    )?;
    let open: Vec<DecisionRow> = statement.query_map([deal.as_str()], decision)?.collect::<Result<_, _>>()?;
    Ok(open.into_iter().find(|open| open.verdict.matter() == verdict.matter()))
}

/// Says how an open decision ended.
pub(super) fn end(sql: &Connection, id: i64, how: DecisionEnd, now: Timestamp) -> Outcome<()> {
    sql.prepare_cached("UPDATE decision SET ended = ?2, how = ?3 WHERE id = ?1 AND ended IS NULL")?
        .execute(params![id, Micros(now), Word(how)])?;
    Ok(())
}

pub(super) fn all(sql: &Connection, deal: &DealId, most: usize) -> Outcome<Vec<DecisionRow>> {
    let mut statement = sql.prepare_cached(
        "SELECT id, verdict, by, at, mapping, ended, how FROM decision
         WHERE deal = ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![deal.as_str(), Count(most as u64)], decision)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn decision(row: &Row<'_>) -> rusqlite::Result<DecisionRow> {
    let ended = row.get::<_, Option<Micros>>(5)?.map(|at| at.0);
    let how = row.get::<_, Option<Word<DecisionEnd>>>(6)?.map(|how| how.0);
    Ok(DecisionRow {
        id: row.get(0)?,
        verdict: row.get::<_, Json<_>>(1)?.0,
        by: row.get(2)?,
        at: row.get::<_, Micros>(3)?.0,
        mapping: row.get(4)?,
        ended: ended.zip(how),
    })
}
