//! Query results that are still being paged (salesforce reference, 2.8): two days, and a bounded number.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::id::Id;

/// Cursors kept at once; the oldest goes first.
const MAX_CURSORS: usize = 500;
/// How long a cursor lives.
const LIFE_HOURS: i64 = 48;

#[derive(Debug)]
struct Cursor {
    id: Id,
    user: Id,
    opened: Timestamp,
    size: usize,
    records: Vec<Value>,
}

/// A page of an opened result.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) total: usize,
    pub(crate) records: Vec<Value>,
    /// The locator of the page after it.
    pub(crate) next: Option<String>,
}

/// The open results.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    open: VecDeque<Cursor>,
}

impl Cursors {
    /// The first page of a result, keeping the rest under `id` if there is one.
    pub(crate) fn first(
        &mut self,
        id: Id,
        user: Id,
        now: Timestamp,
        mut records: Vec<Value>,
        size: usize,
    ) -> Page {
        let total = records.len();
        if total <= size {
            return Page { total, records, next: None };
        }
        let page = records.drain(..size).collect();
        let rest = std::mem::take(&mut records);
        self.open.push_back(Cursor { id, user, opened: now, size, records: rest });
        if self.open.len() > MAX_CURSORS {
            self.open.pop_front();
        }
        Page { total, records: page, next: Some(format!("{id}-{size}")) }
    }

    /// The page that a locator names, or nothing when it is unknown, another user's or too old.
    pub(crate) fn next(&self, locator: &str, user: Id, now: Timestamp) -> Option<Page> {
        let (id, offset) = locator.split_once('-')?;
        let id = Id::parse(id)?;
        let offset: usize = offset.parse().ok()?;
        let cursor = self.open.iter().find(|cursor| cursor.id == id && cursor.user == user)?;
        if now.duration_since(cursor.opened) > SignedDuration::from_hours(LIFE_HOURS) {
            return None;
        }
        let total = cursor.records.len() + cursor.size;
        let from = offset.checked_sub(cursor.size)?;
        if offset >= total {
            return None;
        }
        let records: Vec<Value> = cursor.records.iter().skip(from).take(cursor.size).cloned().collect();
        let reached = offset + records.len();
        Some(Page { total, records, next: (reached < total).then(|| format!("{id}-{reached}")) })
    }
}
