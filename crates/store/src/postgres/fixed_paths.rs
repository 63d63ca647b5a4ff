//! Places that the portal was seen to refuse changes of.

use deal_model::GroupId;
use sqlx::{PgConnection, Row as _};
use sync_engine::{Cursor, FixedPath};

use super::{
    columns::{Micros, text},
    connections,
    fault::Outcome,
    marks,
};

/// Remembers the place. One that is known already keeps its time.
pub(super) async fn fix(sql: &mut PgConnection, fixed: &FixedPath) -> Outcome<()> {
    sqlx::query(
        "INSERT INTO fixed_path (path, group_id, mapping, since) VALUES ($1, $2, $3, $4)
         ON CONFLICT (path) DO UPDATE SET group_id = excluded.group_id, mapping = excluded.mapping",
    )
    .bind(text(&fixed.path))
    .bind(text(fixed.group.as_str()))
    .bind(text(&fixed.mapping))
    .bind(Micros(fixed.since))
    .execute(sql)
    .await?;
    Ok(())
}

/// Forgets the place and what was told of it; whether it was known. If it was, the cursor moves.
pub(super) async fn free(sql: &mut PgConnection, path: &str, problem: &str, then: &Cursor) -> Outcome<bool> {
    connections::set(sql, problem, None).await?;
    let gone =
        sqlx::query("DELETE FROM fixed_path WHERE path = $1").bind(text(path)).execute(&mut *sql).await?;
    let known = gone.rows_affected() > 0;
    if known {
        marks::move_cursor(sql, then).await?;
    }
    Ok(known)
}

pub(super) async fn all(sql: &mut PgConnection) -> Outcome<Vec<FixedPath>> {
    let rows = sqlx::query("SELECT path, group_id, mapping, since FROM fixed_path ORDER BY path")
        .fetch_all(sql)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(FixedPath {
                path: row.try_get(0)?,
                group: GroupId::new(row.try_get::<String, _>(1)?),
                mapping: row.try_get(2)?,
                since: row.try_get::<Micros, _>(3)?.0,
            })
        })
        .collect()
}
