//! The org's event log: places in commit order, kept for a while, and never numbered anew (salesforce reference, 4.4).

use std::{collections::VecDeque, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{
    event::Event,
    replay::{Position, ReplayIds, Unfit},
};

/// Most places kept; the oldest go first, as if their time had come.
const MAX_ENTRIES: usize = 200_000;
/// Other traffic of a real org moves the log's end on; here it moves when somebody asks after so long.
const BEAT: SignedDuration = SignedDuration::from_secs(60);

/// One place in the log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) position: Position,
    at: Timestamp,
    /// None where something passed that is no change event.
    pub(crate) event: Option<Arc<Event>>,
}

/// Events in commit order.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) ids: ReplayIds,
    entries: VecDeque<Entry>,
    head: Position,
}

impl Log {
    pub(crate) fn new(ids: ReplayIds) -> Self {
        Self { ids, entries: VecDeque::new(), head: 0 }
    }

    /// The last place.
    pub(crate) fn head(&self) -> Position {
        self.head
    }

    /// The place before the oldest one that is kept.
    pub(crate) fn tail(&self) -> Position {
        self.entries.front().map_or(self.head, |entry| entry.position - 1)
    }

    pub(crate) fn push(&mut self, at: Timestamp, event: Option<Event>) {
        self.head += 1;
        self.entries.push_back(Entry { position: self.head, at, event: event.map(Arc::new) });
        if self.entries.len() > MAX_ENTRIES {
            self.entries.pop_front();
        }
    }

    /// Forgets what is older than `hours`.
    pub(crate) fn forget(&mut self, now: Timestamp, hours: u32) {
        let horizon = now.checked_sub(SignedDuration::from_hours(i64::from(hours))).unwrap_or(now);
        while self.entries.front().is_some_and(|entry| entry.at < horizon) {
            self.entries.pop_front();
        }
    }

    /// The last place, young enough to be handed out.
    pub(crate) fn latest(&mut self, now: Timestamp) -> Position {
        let young = |entry: &Entry| now.duration_since(entry.at) < BEAT;
        if !self.entries.back().is_some_and(young) {
            self.push(now, None);
        }
        self.head
    }

    /// The places after `position`.
    pub(crate) fn after(&self, position: Position) -> impl Iterator<Item = &Entry> {
        let skip = usize::try_from(position.saturating_sub(self.tail())).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip.min(self.entries.len()))
    }

    /// The place that a client's replay id stands for, if it is still kept.
    ///
    /// # Errors
    /// The bytes are no id, another org's, or one that is too old.
    pub(crate) fn find(&self, id: &[u8]) -> Result<Position, Unfit> {
        let position = self.ids.read(id)?;
        if position > self.tail() && position <= self.head { Ok(position) } else { Err(Unfit::Foreign) }
    }

    /// What is kept, oldest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }
}
