//! Problems of whole connections, and when each was last seen to work.

use jiff::Timestamp;
use sqlx::{PgConnection, Row as _};
use sync_engine::{ConnectionProblem, ConnectionWorked};

use super::{
    columns::{Micros, text},
    fault::Outcome,
};

/// Sets or clears the problem of `key`. The same trouble, told again, is as old as when it was told first.
pub(super) async fn set(
    sql: &mut PgConnection,
    key: &str,
    problem: Option<&ConnectionProblem>,
) -> Outcome<()> {
    match problem {
        None => {
            sqlx::query("DELETE FROM connection_problem WHERE key = $1").bind(text(key)).execute(sql).await?;
        }
        Some(problem) => {
            sqlx::query(
                "INSERT INTO connection_problem (key, sentence, next_step, since) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (key) DO UPDATE SET sentence = excluded.sentence, next_step = excluded.next_step,
                     since = least(connection_problem.since, excluded.since)",
            )
            .bind(text(key))
            .bind(text(&problem.sentence))
            .bind(text(&problem.next_step))
            .bind(Micros(problem.since))
            .execute(sql)
            .await?;
        }
    }
    Ok(())
}

pub(super) async fn all(sql: &mut PgConnection) -> Outcome<Vec<ConnectionProblem>> {
    let rows = sqlx::query("SELECT key, sentence, next_step, since FROM connection_problem ORDER BY key")
        .fetch_all(sql)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ConnectionProblem {
                key: row.try_get(0)?,
                sentence: row.try_get(1)?,
                next_step: row.try_get(2)?,
                since: row.try_get::<Micros, _>(3)?.0,
            })
        })
        .collect()
}

/// The connection worked: what was wrong with it is over.
pub(super) async fn worked(sql: &mut PgConnection, key: &str, at: Timestamp, saw: &str) -> Outcome<()> {
    set(sql, key, None).await?;
    sqlx::query(
        "INSERT INTO connection_worked (key, at, saw) VALUES ($1, $2, $3)
         ON CONFLICT (key) DO UPDATE SET at = excluded.at, saw = excluded.saw
         WHERE excluded.at >= connection_worked.at",
    )
    .bind(text(key))
    .bind(Micros(at))
    .bind(text(saw))
    .execute(sql)
    .await?;
    Ok(())
}

pub(super) async fn last_worked(sql: &mut PgConnection) -> Outcome<Vec<ConnectionWorked>> {
    let rows = sqlx::query("SELECT key, at, saw FROM connection_worked ORDER BY key").fetch_all(sql).await?;
    rows.iter()
        .map(|row| {
            Ok(ConnectionWorked {
                key: row.try_get(0)?,
                at: row.try_get::<Micros, _>(1)?.0,
                saw: row.try_get(2)?,
            })
        })
        .collect()
}
