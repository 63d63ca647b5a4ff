//! What servers said of their budgets: pauses and allowances, kept so that they outlast the process and reach commands
//! beside it.

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{BudgetBook, BudgetBookError, Platform, Usage};
use rusqlite::params;

use super::{
    SqliteStore,
    columns::{Count, Micros},
};
use crate::database::of_known_platforms;

#[async_trait]
impl BudgetBook for SqliteStore {
    async fn server_pauses(&self) -> Result<Vec<(Platform, Timestamp)>, BudgetBookError> {
        let rows = self.read(|sql| {
            let mut statement = sql
                .prepare_cached("SELECT platform, paused_until FROM budget WHERE paused_until IS NOT NULL")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Micros>(1)?.0)))?;
            Ok(rows.collect::<Result<Vec<(String, Timestamp)>, _>>()?)
        });
        Ok(of_known_platforms(rows.map_err(failed)?))
    }

    async fn keep_pause(&self, platform: Platform, until: Timestamp) -> Result<(), BudgetBookError> {
        let kept = self.write(|sql| {
            sql.prepare_cached(
                "INSERT INTO budget (platform, paused_until) VALUES (?1, ?2)
                 ON CONFLICT (platform) DO UPDATE
                 SET paused_until = max(coalesce(paused_until, 0), excluded.paused_until)",
            )?
            .execute(params![platform.name(), Micros(until)])?;
            Ok(())
        });
        kept.map_err(failed)
    }

    async fn usages(&self) -> Result<Vec<(Platform, Usage)>, BudgetBookError> {
        let rows = self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT platform, used, allowed, told_at FROM budget
                 WHERE used IS NOT NULL AND allowed IS NOT NULL AND told_at IS NOT NULL",
            )?;
            let rows = statement.query_map([], |row| {
                let (used, allowed) = (row.get::<_, Count>(1)?.0, row.get::<_, Count>(2)?.0);
                Ok((row.get(0)?, Usage { used, allowed, at: row.get::<_, Micros>(3)?.0 }))
            })?;
            Ok(rows.collect::<Result<Vec<(String, Usage)>, _>>()?)
        });
        Ok(of_known_platforms(rows.map_err(failed)?))
    }

    async fn keep_usage(&self, platform: Platform, usage: Usage) -> Result<(), BudgetBookError> {
        let kept = self.write(|sql| {
            sql.prepare_cached(
                "INSERT INTO budget (platform, used, allowed, told_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (platform) DO UPDATE
                 SET used = excluded.used, allowed = excluded.allowed, told_at = excluded.told_at",
            )?
            .execute(params![
                platform.name(),
                Count(usage.used),
                Count(usage.allowed),
                Micros(usage.at)
            ])?;
            Ok(())
        });
        kept.map_err(failed)
    }
}

fn failed(error: sync_engine::StoreError) -> BudgetBookError {
    BudgetBookError(error.to_string())
}
