//! Query results that are still being paged (salesforce reference, 2.8): two days, and a bounded number.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::id::Id;

/// Cursors kept at once, and records in all of them; the oldest goes first, the newest stays whatever it holds.
const MAX_CURSORS: usize = 500;
const MAX_RECORDS: usize = 1_000_000;
/// How long a cursor lives.
const LIFE_HOURS: i64 = 48;

#[derive(Debug)]
struct Cursor {
    id: Id,
    user: Id,
    opened: Timestamp,
    size: Size,
    records: Vec<Value>,
}

/// How much fits on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// So many records.
    Records(usize),
    /// So many rows, those of children included: fewer records than asked for.
    Rows(usize),
}

impl Size {
    /// How many of `records` the next page has; at least one, if there is one.
    fn fits(self, records: &[Value]) -> usize {
        match self {
            Self::Records(size) => size.max(1).min(records.len()),
            Self::Rows(size) => {
                let mut rows = 0;
                let within = records.iter().take_while(|record| {
                    rows += 1 + children(record);
                    rows <= size
                });
                within.count().max(1).min(records.len())
            }
        }
    }
}

/// The rows of children that stand in a record.
fn children(record: &Value) -> usize {
    let lists = record.as_object().into_iter().flat_map(|record| record.values());
    lists.filter_map(|value| value.get("records")?.as_array()).map(Vec::len).sum()
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
        records: Vec<Value>,
        size: Size,
    ) -> Page {
        let total = records.len();
        let fits = size.fits(&records);
        if fits == total {
            return Page { total, records, next: None };
        }
        let page = records.iter().take(fits).cloned().collect();
        self.open.push_back(Cursor { id, user, opened: now, size, records });
        let mut held: usize = self.open.iter().map(|cursor| cursor.records.len()).sum();
        while self.open.len() > MAX_CURSORS || (held > MAX_RECORDS && self.open.len() > 1) {
            held -= self.open.pop_front().map_or(0, |cursor| cursor.records.len());
        }
        Page { total, records: page, next: Some(format!("{id}-{fits}")) }
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
        let total = cursor.records.len();
        let rest = cursor.records.get(offset..).filter(|rest| !rest.is_empty() && offset > 0)?;
        let records: Vec<Value> = rest.iter().take(cursor.size.fits(rest)).cloned().collect();
        let reached = offset + records.len();
        Some(Page { total, records, next: (reached < total).then(|| format!("{id}-{reached}")) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s2_8_what_is_never_paged_to_its_end_is_given_up_oldest_first() {
        let user = Id::new("005", [b'0'; 2], 1);
        let open = |cursors: &mut Cursors, number: u64, records: usize| {
            let id = Id::new("01g", [b'0'; 2], number);
            let records = vec![Value::Null; records];
            cursors.first(id, user, Timestamp::UNIX_EPOCH, records, Size::Records(1)).next.unwrap()
        };
        let lives =
            |cursors: &Cursors, locator: &str| cursors.next(locator, user, Timestamp::UNIX_EPOCH).is_some();
        let mut cursors = Cursors::default();
        let first = open(&mut cursors, 1, MAX_RECORDS / 2);
        let second = open(&mut cursors, 2, MAX_RECORDS / 2);
        assert!(lives(&cursors, &first) && lives(&cursors, &second));
        let third = open(&mut cursors, 3, 2);
        assert!(!lives(&cursors, &first) && lives(&cursors, &second) && lives(&cursors, &third));
        let huge = open(&mut cursors, 4, MAX_RECORDS + 1);
        assert!(lives(&cursors, &huge) && !lives(&cursors, &third));
        for number in 0..500 {
            open(&mut cursors, 10 + number, 2);
        }
        assert_eq!(cursors.open.len(), MAX_CURSORS);
    }
}
