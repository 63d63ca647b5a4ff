//! What servers said of their budgets, and what is lent of it to each of the workers.

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{Borrowing, BudgetBook, BudgetBookError, Loan, Platform, ServerPause, Usage};
use sqlx::{PgConnection, Row as _, postgres::PgRow};

use super::{
    PostgresStore,
    columns::{Count, Micros, text},
    fault::Outcome,
    look, write,
};
use crate::{
    database::of_known_platforms,
    lending::{Account, Others},
};

#[async_trait]
impl BudgetBook for PostgresStore {
    async fn server_pauses(&self) -> Result<Vec<(Platform, ServerPause)>, BudgetBookError> {
        let rows = look!(self, sql => pauses(sql));
        Ok(of_known_platforms(rows.map_err(failed)?))
    }

    async fn keep_pause(&self, platform: Platform, pause: ServerPause) -> Result<(), BudgetBookError> {
        write!(self, sql => keep_pause(sql, platform, pause)).map_err(failed)
    }

    async fn usages(&self) -> Result<Vec<(Platform, Usage)>, BudgetBookError> {
        let rows = look!(self, sql => usages(sql));
        Ok(of_known_platforms(rows.map_err(failed)?))
    }

    async fn keep_usage(
        &self,
        platform: Platform,
        usage: Usage,
        heard: Timestamp,
    ) -> Result<(), BudgetBookError> {
        write!(self, sql => keep_usage(sql, platform, usage, heard)).map_err(failed)
    }

    async fn borrow(&self, wish: &Borrowing) -> Result<Loan, BudgetBookError> {
        write!(self, sql => borrow(sql, wish)).map_err(failed)
    }
}

async fn pauses(sql: &mut PgConnection) -> Outcome<Vec<(String, ServerPause)>> {
    let rows = sqlx::query(
        "SELECT platform, paused_until, counted_until FROM budget WHERE paused_until IS NOT NULL",
    )
    .fetch_all(sql)
    .await?;
    rows.iter()
        .map(|row| {
            let counted = row.try_get::<Option<Micros>, _>(2)?.map(|until| until.0);
            Ok((row.try_get(0)?, ServerPause { until: row.try_get::<Micros, _>(1)?.0, counted }))
        })
        .collect()
}

async fn keep_pause(sql: &mut PgConnection, platform: Platform, pause: ServerPause) -> Outcome<()> {
    sqlx::query(
        "INSERT INTO budget (platform, paused_until, counted_until) VALUES ($1, $2, $3)
         ON CONFLICT (platform) DO UPDATE
         SET paused_until = greatest(budget.paused_until, excluded.paused_until),
             counted_until = greatest(budget.counted_until, excluded.counted_until)",
    )
    .bind(platform.name())
    .bind(Micros(pause.until))
    .bind(pause.counted.map(Micros))
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

async fn keep_usage(
    sql: &mut PgConnection,
    platform: Platform,
    usage: Usage,
    heard: Timestamp,
) -> Outcome<()> {
    let mut account = account(sql, platform).await?;
    if account.hear(usage, heard) { keep(sql, platform, &account).await } else { Ok(()) }
}

/// The account of a platform; until the transaction ends nobody else writes it, or lends of it.
async fn account(sql: &mut PgConnection, platform: Platform) -> Outcome<Account> {
    let row = if let Some(row) = known(sql, platform).await? {
        row
    } else {
        sqlx::query("INSERT INTO budget (platform) VALUES ($1) ON CONFLICT (platform) DO NOTHING")
            .bind(platform.name())
            .execute(&mut *sql)
            .await?;
        known(sql, platform).await?.ok_or(sqlx::Error::RowNotFound)?
    };
    let moment = |column| Outcome::Ok(row.try_get::<Option<Micros>, _>(column)?.map(|moment| moment.0));
    let number = |column| Outcome::Ok(row.try_get::<Option<Count>, _>(column)?.map(|count| count.0));
    let usage = number(0)?.zip(number(1)?).zip(moment(2)?);
    Ok(Account {
        usage: usage.map(|((used, allowed), at)| Usage { used, allowed, at }),
        heard: moment(3)?,
        sounded: moment(4)?,
    })
}

async fn known(sql: &mut PgConnection, platform: Platform) -> Outcome<Option<PgRow>> {
    let known =
        "SELECT used, allowed, told_at, heard_at, sounded_at FROM budget WHERE platform = $1 FOR UPDATE";
    Ok(sqlx::query(known).bind(platform.name()).fetch_optional(sql).await?)
}

async fn keep(sql: &mut PgConnection, platform: Platform, account: &Account) -> Outcome<()> {
    sqlx::query(
        "UPDATE budget SET used = $2, allowed = $3, told_at = $4, heard_at = $5, sounded_at = $6
         WHERE platform = $1",
    )
    .bind(platform.name())
    .bind(account.usage.map(|usage| Count(usage.used)))
    .bind(account.usage.map(|usage| Count(usage.allowed)))
    .bind(account.usage.map(|usage| Micros(usage.at)))
    .bind(account.heard.map(Micros))
    .bind(account.sounded.map(Micros))
    .execute(sql)
    .await?;
    Ok(())
}

async fn borrow(sql: &mut PgConnection, wish: &Borrowing) -> Outcome<Loan> {
    let known = account(sql, wish.platform).await?;
    let mut now_known = known;
    if let Some((usage, heard)) = wish.heard {
        now_known.hear(usage, heard);
    }
    sqlx::query("DELETE FROM loan WHERE platform = $1 AND (borrower = $2 AND lane = $3 OR ends <= $4)")
        .bind(wish.platform.name())
        .bind(text(&wish.borrower))
        .bind(wish.lane.name())
        .bind(now_known.heard.map(Micros))
        .execute(&mut *sql)
        .await?;
    let row = sqlx::query(
        "SELECT coalesce(sum(calls), 0)::bigint, coalesce(min(ends) <= $2, false) FROM loan WHERE platform = $1",
    )
    .bind(wish.platform.name())
    .bind(Micros(wish.now))
    .fetch_one(&mut *sql)
    .await?;
    let others = Others { lent: row.try_get::<Count, _>(0)?.0, unheard: row.try_get(1)? };
    let lent = now_known.lend(wish, others);
    if now_known != known {
        keep(sql, wish.platform, &now_known).await?;
    }
    if lent.counted > 0 {
        sqlx::query("INSERT INTO loan (platform, borrower, lane, calls, ends) VALUES ($1, $2, $3, $4, $5)")
            .bind(wish.platform.name())
            .bind(text(&wish.borrower))
            .bind(wish.lane.name())
            .bind(Count(lent.counted))
            .bind(Micros(lent.ends))
            .execute(sql)
            .await?;
    }
    Ok(lent.loan)
}

fn failed(error: sync_engine::StoreError) -> BudgetBookError {
    BudgetBookError(error.to_string())
}
