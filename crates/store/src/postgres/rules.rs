//! The rules that workers go by: of several who began with different ones, those of the last are in force.

use sqlx::PgConnection;
use sync_engine::{Cursor, Entry};

use super::{columns::text, fault::Outcome, locks, marks};

pub(super) async fn enter(sql: &mut PgConnection, entry: &Entry) -> Outcome<()> {
    // One at a time, also while nothing is in force yet.
    locks::named(sql, "rules", "").await?;
    let mut moved = Vec::new();
    if !stand(sql, &entry.rules).await? {
        moved.push(entry.rules.clone());
    }
    if !stand(sql, &entry.admission).await? {
        moved.push(entry.admission.clone());
        for list in &entry.lists {
            if marks::cursor(sql, &list.source).await?.is_some() {
                moved.push(list.clone());
            }
        }
    }
    if moved.is_empty() {
        return Ok(());
    }
    // As whoever commits a page does: leases before cursors. A page that is being committed is waited for.
    sqlx::query(
        "DELETE FROM lease WHERE name IN (
             SELECT name FROM lease WHERE name LIKE 'reader.%' OR name LIKE 'replay.%' ORDER BY name FOR UPDATE)",
    )
    .execute(&mut *sql)
    .await?;
    marks::move_cursors(sql, &moved).await
}

/// Whether these are the rules in force.
pub(super) async fn stand(sql: &mut PgConnection, rules: &Cursor) -> Outcome<bool> {
    Ok(marks::cursor(sql, &rules.source).await?.as_deref() == Some(&*text(&rules.position)))
}

/// Moves a cursor if it still stands at `from`; whether it did.
pub(super) async fn replace(sql: &mut PgConnection, from: Option<&str>, to: &Cursor) -> Outcome<bool> {
    let statement = match from {
        Some(_) => "UPDATE cursor SET position = $2 WHERE source = $1 AND position = $3",
        None => {
            "INSERT INTO cursor (source, position) SELECT $1, $2 WHERE $3::text IS NULL ON CONFLICT DO NOTHING"
        }
    };
    let moved = sqlx::query(statement)
        .bind(text(&to.source))
        .bind(text(&to.position))
        .bind(from.map(text))
        .execute(sql)
        .await?;
    Ok(moved.rows_affected() == 1)
}
