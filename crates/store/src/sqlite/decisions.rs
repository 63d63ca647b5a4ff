//! What people decided.

use deal_model::{DealId, Verdict};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use sync_engine::{StoreError, Subject};

use super::{
    columns::{Json, Micros},
    deal_rows,
    fault::Outcome,
    marks,
};

pub(super) fn decide(
    sql: &Connection,
    deal: &DealId,
    verdict: &Verdict,
    by: &str,
    now: Timestamp,
) -> Outcome<i64> {
    if !deal_rows::exists(sql, deal)? {
        return Err(
            StoreError::Failed(format!("there is no deal {deal}; `cosell deals list` names them")).into()
        );
    }
    sql.prepare_cached("INSERT INTO decision (deal, verdict, by, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![deal.as_str(), Json(verdict), by, Micros(now)])?;
    let number = sql.last_insert_rowid();
    marks::put(sql, &Subject::Deal(deal.clone()), &marks::Wish::at_once(now))?;
    Ok(number)
}

/// Says that a commit carried the decision out.
pub(super) fn consume(sql: &Connection, id: i64, now: Timestamp) -> Outcome<()> {
    sql.prepare_cached("UPDATE decision SET consumed = ?2 WHERE id = ?1 AND consumed IS NULL")?
        .execute(params![id, Micros(now)])?;
    Ok(())
}
