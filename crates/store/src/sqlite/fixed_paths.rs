//! Places that the portal was seen to refuse changes of.

use deal_model::GroupId;
use rusqlite::{Connection, params};
use sync_engine::{Cursor, FixedPath};

use super::{columns::Micros, connections, fault::Outcome, marks};

/// Remembers the place. One that is known already keeps its time.
pub(super) fn fix(sql: &Connection, fixed: &FixedPath) -> Outcome<()> {
    sql.prepare_cached(
        "INSERT INTO fixed_path (path, group_id, mapping, since) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (path) DO UPDATE SET group_id = excluded.group_id, mapping = excluded.mapping",
    )?
    .execute(params![fixed.path, fixed.group.as_str(), fixed.mapping, Micros(fixed.since)])?;
    Ok(())
}

/// Forgets the place and what was told of it; whether it was known. If it was, the cursor moves.
pub(super) fn free(sql: &Connection, path: &str, problem: &str, then: &Cursor) -> Outcome<bool> {
    connections::set(sql, problem, None)?;
    let known = sql.prepare_cached("DELETE FROM fixed_path WHERE path = ?1")?.execute([path])? > 0;
    if known {
        marks::move_cursor(sql, then)?;
    }
    Ok(known)
}

pub(super) fn all(sql: &Connection) -> Outcome<Vec<FixedPath>> {
    let mut statement =
        sql.prepare_cached("SELECT path, group_id, mapping, since FROM fixed_path ORDER BY path")?;
    let rows = statement.query_map([], |row| {
        Ok(FixedPath {
            path: row.get(0)?,
            group: GroupId::new(row.get::<_, String>(1)?),
            mapping: row.get(2)?,
            since: row.get::<_, Micros>(3)?.0,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
