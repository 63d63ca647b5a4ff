//! Problems of whole connections, and when each was last seen to work.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use sync_engine::{ConnectionProblem, ConnectionWorked};

use super::{columns::Micros, fault::Outcome};

/// Sets or clears the problem of `key`. The same trouble, told again, is as old as when it was told first.
pub(super) fn set(sql: &Connection, key: &str, problem: Option<&ConnectionProblem>) -> Outcome<()> {
    match problem {
        None => {
            sql.prepare_cached("DELETE FROM connection_problem WHERE key = ?1")?.execute([key])?;
        }
        Some(problem) => {
            sql.prepare_cached(
                "INSERT INTO connection_problem (key, sentence, next_step, since) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (key) DO UPDATE SET sentence = excluded.sentence, next_step = excluded.next_step,
                     since = min(since, excluded.since)",
            )?
            .execute(params![
                key,
                problem.sentence,
                problem.next_step,
                Micros(problem.since)
            ])?;
        }
    }
    Ok(())
}

pub(super) fn all(sql: &Connection) -> Outcome<Vec<ConnectionProblem>> {
    let mut statement =
        sql.prepare_cached("SELECT key, sentence, next_step, since FROM connection_problem ORDER BY key")?;
    let rows = statement.query_map([], |row| {
        Ok(ConnectionProblem {
            key: row.get(0)?,
            sentence: row.get(1)?,
            next_step: row.get(2)?,
            since: row.get::<_, Micros>(3)?.0,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The connection worked: what was wrong with it is over.
pub(super) fn worked(sql: &Connection, key: &str, at: Timestamp, saw: &str) -> Outcome<()> {
    set(sql, key, None)?;
    sql.prepare_cached(
        "INSERT INTO connection_worked (key, at, saw) VALUES (?1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET at = excluded.at, saw = excluded.saw WHERE excluded.at >= at",
    )?
    .execute(params![key, Micros(at), saw])?;
    Ok(())
}

pub(super) fn last_worked(sql: &Connection) -> Outcome<Vec<ConnectionWorked>> {
    let mut statement = sql.prepare_cached("SELECT key, at, saw FROM connection_worked ORDER BY key")?;
    let rows = statement.query_map([], |row| {
        Ok(ConnectionWorked { key: row.get(0)?, at: row.get::<_, Micros>(1)?.0, saw: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
