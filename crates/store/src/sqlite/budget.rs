//! What servers said of their budgets, and what is lent of it: kept so that it outlasts the process and reaches commands
//! beside it.

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{Borrowing, BudgetBook, BudgetBookError, Loan, Platform, ServerPause, Usage};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{
    SqliteStore,
    columns::{Count, Micros},
    fault::Outcome,
};
use crate::{
    database::of_known_platforms,
    lending::{Account, Others},
};

#[async_trait]
impl BudgetBook for SqliteStore {
    async fn server_pauses(&self) -> Result<Vec<(Platform, ServerPause)>, BudgetBookError> {
        let rows = self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT platform, paused_until, counted_until FROM budget WHERE paused_until IS NOT NULL",
            )?;
            let rows = statement.query_map([], |row| {
                let counted = row.get::<_, Option<Micros>>(2)?.map(|until| until.0);
                Ok((row.get(0)?, ServerPause { until: row.get::<_, Micros>(1)?.0, counted }))
            })?;
            Ok(rows.collect::<Result<Vec<(String, ServerPause)>, _>>()?)
        });
        Ok(of_known_platforms(rows.map_err(failed)?))
    }

    async fn keep_pause(&self, platform: Platform, pause: ServerPause) -> Result<(), BudgetBookError> {
        let kept = self.write(|sql| {
            sql.prepare_cached(
                "INSERT INTO budget (platform, paused_until, counted_until) VALUES (?1, ?2, ?3)
                 ON CONFLICT (platform) DO UPDATE
                 SET paused_until = max(coalesce(paused_until, 0), excluded.paused_until),
                     counted_until = coalesce(max(counted_until, excluded.counted_until), counted_until,
                                              excluded.counted_until)",
            )?
            .execute(params![
                platform.name(),
                Micros(pause.until),
                pause.counted.map(Micros)
            ])?;
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

    async fn keep_usage(
        &self,
        platform: Platform,
        usage: Usage,
        heard: Timestamp,
    ) -> Result<(), BudgetBookError> {
        let kept = self.write(|sql| {
            let mut account = account(sql, platform)?;
            if account.hear(usage, heard) { keep(sql, platform, &account) } else { Ok(()) }
        });
        kept.map_err(failed)
    }

    async fn borrow(&self, wish: &Borrowing) -> Result<Loan, BudgetBookError> {
        self.write(|sql| borrow(sql, wish)).map_err(failed)
    }
}

fn account(sql: &Transaction<'_>, platform: Platform) -> Outcome<Account> {
    let known = sql
        .prepare_cached(
            "SELECT used, allowed, told_at, heard_at, sounded_at FROM budget WHERE platform = ?1",
        )?
        .query_row([platform.name()], |row| {
            let (used, allowed) = (row.get::<_, Option<Count>>(0)?, row.get::<_, Option<Count>>(1)?);
            let told = row.get::<_, Option<Micros>>(2)?;
            let usage = used.zip(allowed).zip(told);
            Ok(Account {
                usage: usage.map(|((used, allowed), at)| Usage {
                    used: used.0,
                    allowed: allowed.0,
                    at: at.0,
                }),
                heard: row.get::<_, Option<Micros>>(3)?.map(|heard| heard.0),
                sounded: row.get::<_, Option<Micros>>(4)?.map(|sounded| sounded.0),
            })
        })
        .optional()?;
    Ok(known.unwrap_or_default())
}

fn keep(sql: &Transaction<'_>, platform: Platform, account: &Account) -> Outcome<()> {
    sql.prepare_cached(
        "INSERT INTO budget (platform, used, allowed, told_at, heard_at, sounded_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (platform) DO UPDATE
         SET used = excluded.used, allowed = excluded.allowed, told_at = excluded.told_at,
             heard_at = excluded.heard_at, sounded_at = excluded.sounded_at",
    )?
    .execute(params![
        platform.name(),
        account.usage.map(|usage| Count(usage.used)),
        account.usage.map(|usage| Count(usage.allowed)),
        account.usage.map(|usage| Micros(usage.at)),
        account.heard.map(Micros),
        account.sounded.map(Micros),
    ])?;
    Ok(())
}

fn borrow(sql: &Transaction<'_>, wish: &Borrowing) -> Outcome<Loan> {
    let platform = wish.platform.name();
    let known = account(sql, wish.platform)?;
    let mut now_known = known;
    if let Some((usage, heard)) = wish.heard {
        now_known.hear(usage, heard);
    }
    sql.prepare_cached(
        "DELETE FROM loan WHERE platform = ?1 AND (borrower = ?2 AND lane = ?3 OR ends <= ?4)",
    )?
    .execute(params![platform, wish.borrower, wish.lane.name(), now_known.heard.map(Micros)])?;
    let others = sql
        .prepare_cached(
            "SELECT coalesce(sum(calls), 0), coalesce(min(ends) <= ?2, 0) FROM loan WHERE platform = ?1",
        )?
        .query_row(params![platform, Micros(wish.now)], |row| {
            Ok(Others { lent: row.get::<_, Count>(0)?.0, unheard: row.get(1)? })
        })?;
    let lent = now_known.lend(wish, others);
    if now_known != known {
        keep(sql, wish.platform, &now_known)?;
    }
    if lent.counted > 0 {
        sql.prepare_cached(
            "INSERT INTO loan (platform, borrower, lane, calls, ends) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            platform,
            wish.borrower,
            wish.lane.name(),
            Count(lent.counted),
            Micros(lent.ends)
        ])?;
    }
    Ok(lent.loan)
}

fn failed(error: sync_engine::StoreError) -> BudgetBookError {
    BudgetBookError(error.to_string())
}
