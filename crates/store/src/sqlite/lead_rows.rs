//! What is kept of referrals that are leads.

use deal_model::RecordId;
use rusqlite::{Connection, OptionalExtension as _, params};
use sync_engine::{Fence, LeadMemory};

use super::{columns::Json, fault::Outcome, work};

pub(super) fn load(sql: &Connection, referral: &RecordId) -> Outcome<Option<LeadMemory>> {
    let memory = sql
        .prepare_cached("SELECT memory FROM lead WHERE referral = ?1")?
        .query_row([referral.as_str()], |row| Ok(row.get::<_, Json<_>>(0)?.0))
        .optional()?;
    Ok(memory)
}

/// Only the worker that holds the referral's row may write.
pub(super) fn keep(sql: &Connection, fence: &Fence, referral: &RecordId, memory: &LeadMemory) -> Outcome<()> {
    work::held(sql, fence)?;
    sql.prepare_cached(
        "INSERT INTO lead (referral, memory) VALUES (?1, ?2)
         ON CONFLICT (referral) DO UPDATE SET memory = excluded.memory",
    )?
    .execute(params![referral.as_str(), Json(memory)])?;
    Ok(())
}

/// Lets go of what is kept of a referral, if it was a lead.
pub(super) fn forget(sql: &Connection, referral: Option<&RecordId>) -> Outcome<()> {
    let Some(referral) = referral else { return Ok(()) };
    sql.prepare_cached("DELETE FROM lead WHERE referral = ?1")?.execute([referral.as_str()])?;
    Ok(())
}
