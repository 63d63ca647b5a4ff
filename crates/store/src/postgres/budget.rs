//! What servers said of their budgets: pauses and allowances, kept for all workers and the commands beside them.

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{BudgetBook, BudgetBookError, Platform, Usage};
use sqlx::{PgConnection, Row as _};

use super::{
    PostgresStore,
    columns::{Count, Micros},
    fault::Outcome,
    look, write,
};
use crate::database::of_known_platforms;

#[async_trait]
impl BudgetBook for PostgresStore {
    async fn server_pauses(&self) -> Result<Vec<(Platform, Timestamp)>, BudgetBookError> {
        let rows = look!(self, sql => pauses(sql));
        Ok(of_known_platforms(rows.map_err(failed)?))
    }

    async fn keep_pause(&self, platform: Platform, until: Timestamp) -> Result<(), BudgetBookError> {
        write!(self, sql => keep_pause(sql, platform, until)).map_err(failed)
    }

    async fn usages(&self) -> Result<Vec<(Platform, Usage)>, BudgetBookError> {
        let rows = look!(self, sql => usages(sql));
        Ok(of_known_platforms(rows.map_err(failed)?))
    }

    async fn keep_usage(&self, platform: Platform, usage: Usage) -> Result<(), BudgetBookError> {
        write!(self, sql => keep_usage(sql, platform, usage)).map_err(failed)
    }
}

async fn pauses(sql: &mut PgConnection) -> Outcome<Vec<(String, Timestamp)>> {
    let rows = sqlx::query("SELECT platform, paused_until FROM budget WHERE paused_until IS NOT NULL")
        .fetch_all(sql)
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<Micros, _>(1)?.0))).collect()
}

async fn keep_pause(sql: &mut PgConnection, platform: Platform, until: Timestamp) -> Outcome<()> {
    sqlx::query(
        "INSERT INTO budget (platform, paused_until) VALUES ($1, $2)
         ON CONFLICT (platform) DO UPDATE
         SET paused_until = greatest(budget.paused_until, excluded.paused_until)",
    )
    .bind(platform.name())
    .bind(Micros(until))
    .execute(sql)
    .await?;
    Ok(())
}

async fn usages(sql: &mut PgConnection) -> Outcome<Vec<(String, Usage)>> {
    let rows = sqlx::query(
        "SELECT platform, used, allowed, told_at FROM budget
         WHERE used IS NOT NULL AND allowed IS NOT NULL AND told_at IS NOT NULL",
    )
    .fetch_all(sql)
    .await?;
    rows.iter()
        .map(|row| {
            let (used, allowed) = (row.try_get::<Count, _>(1)?.0, row.try_get::<Count, _>(2)?.0);
            Ok((row.try_get(0)?, Usage { used, allowed, at: row.try_get::<Micros, _>(3)?.0 }))
        })
        .collect()
}

/// Of several workers that hear of the allowance, the newest answer counts.
async fn keep_usage(sql: &mut PgConnection, platform: Platform, usage: Usage) -> Outcome<()> {
    sqlx::query(
        "INSERT INTO budget (platform, used, allowed, told_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (platform) DO UPDATE
         SET used = excluded.used, allowed = excluded.allowed, told_at = excluded.told_at
         WHERE budget.told_at IS NULL OR excluded.told_at >= budget.told_at",
    )
    .bind(platform.name())
    .bind(Count(usage.used))
    .bind(Count(usage.allowed))
    .bind(Micros(usage.at))
    .execute(sql)
    .await?;
    Ok(())
}

fn failed(error: sync_engine::StoreError) -> BudgetBookError {
    BudgetBookError(error.to_string())
}
