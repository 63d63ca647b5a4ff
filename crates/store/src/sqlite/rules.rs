//! The rules that workers go by: of several who began with different ones, those of the last are in force.

use rusqlite::Connection;
use sync_engine::{Cursor, Entry};

use super::{fault::Outcome, marks};

pub(super) fn enter(sql: &Connection, entry: &Entry) -> Outcome<()> {
    let mut moved = Vec::new();
    if !stand(sql, &entry.rules)? {
        moved.push(&entry.rules);
    }
    if !stand(sql, &entry.admission)? {
        moved.push(&entry.admission);
        for list in &entry.lists {
            if marks::cursor(sql, &list.source)?.is_some() {
                moved.push(list);
            }
        }
    }
    if moved.is_empty() {
        return Ok(());
    }
    sql.prepare_cached("DELETE FROM lease WHERE name LIKE 'reader.%' OR name LIKE 'replay.%'")?.execute([])?;
    moved.into_iter().try_for_each(|cursor| marks::move_cursor(sql, cursor))
}

/// Whether these are the rules in force.
pub(super) fn stand(sql: &Connection, rules: &Cursor) -> Outcome<bool> {
    Ok(marks::cursor(sql, &rules.source)?.as_ref() == Some(&rules.position))
}

/// Moves a cursor if it still stands at `from`; whether it did.
pub(super) fn replace(sql: &Connection, from: Option<&str>, to: &Cursor) -> Outcome<bool> {
    let stood = marks::cursor(sql, &to.source)?.as_deref() == from;
    if stood {
        marks::move_cursor(sql, to)?;
    }
    Ok(stood)
}
