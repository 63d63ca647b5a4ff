//! What is kept of referrals that are leads.

use deal_model::RecordId;
use sqlx::{PgConnection, Row as _};
use sync_engine::{Fence, LeadMemory};

use super::{
    columns::{Json, text},
    fault::Outcome,
    work,
};

pub(super) async fn load(sql: &mut PgConnection, referral: &RecordId) -> Outcome<Option<LeadMemory>> {
    let row = sqlx::query("SELECT memory FROM lead WHERE referral = $1")
        .bind(text(referral.as_str()))
        .fetch_optional(sql)
        .await?;
    Ok(row.map(|row| row.try_get::<Json<_>, _>(0).map(|memory| memory.0)).transpose()?)
}

/// Only the worker that holds the referral's row may write.
pub(super) async fn keep(
    sql: &mut PgConnection,
    fence: &Fence,
    referral: &RecordId,
    memory: &LeadMemory,
) -> Outcome<()> {
    work::held(sql, fence).await?;
    sqlx::query(
        "INSERT INTO lead (referral, memory) VALUES ($1, $2)
         ON CONFLICT (referral) DO UPDATE SET memory = excluded.memory",
    )
    .bind(text(referral.as_str()))
    .bind(Json(memory))
    .execute(sql)
    .await?;
    Ok(())
}

/// Lets go of what is kept of a referral, if it was a lead.
pub(super) async fn forget(sql: &mut PgConnection, referral: Option<&RecordId>) -> Outcome<()> {
    let Some(referral) = referral else { return Ok(()) };
    sqlx::query("DELETE FROM lead WHERE referral = $1").bind(text(referral.as_str())).execute(sql).await?;
    Ok(())
}
