//! The events that were taken lately, so that a genuine one that is sent again costs nothing.
//!
//! Only an event that names one change is ever kept: another one that merely looks the same must be heard. What its
//! replays cost is one look each, and the marks of a deal are one mark.

use std::collections::{BTreeSet, VecDeque};

use crate::webhook::Notification;

/// The last events that were taken; the oldest is forgotten first.
#[derive(Debug)]
pub(super) struct Seen {
    capacity: usize,
    known: BTreeSet<Notification>,
    order: VecDeque<Notification>,
}

impl Seen {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, known: BTreeSet::new(), order: VecDeque::new() }
    }

    pub(super) fn contains(&self, notification: &Notification) -> bool {
        self.known.contains(notification)
    }

    pub(super) fn insert(&mut self, notification: &Notification) {
        if self.capacity == 0 || !notification.names_one_change() || !self.known.insert(notification.clone())
        {
            return;
        }
        self.order.push_back(notification.clone());
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, changed_at: Option<&str>) -> Notification {
        let changed_at = changed_at.map(|date| date.parse().unwrap());
        Notification { event_name: name.to_owned(), referral: None, changed_at }
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let event = |name| event(name, Some("2026-11-02T09:14:07Z"));
        let mut seen = Seen::new(2);
        for name in ["a", "b", "b", "c"] {
            seen.insert(&event(name));
        }
        let known: Vec<_> = ["a", "b", "c"].into_iter().filter(|name| seen.contains(&event(name))).collect();
        assert_eq!(known, ["b", "c"]);
    }

    #[test]
    fn what_may_tell_of_another_change_the_next_time_is_not_kept() {
        let date = Some("2026-11-02T09:14:07Z");
        for (name, date, kept) in [
            ("referral-updated", date, true),
            ("referral-updated", None, false),
            ("related-referral-updated", date, false),
            ("related-referral-created", None, false),
        ] {
            let mut seen = Seen::new(2);
            seen.insert(&event(name, date));
            assert_eq!(seen.contains(&event(name, date)), kept, "{name} of {date:?}");
        }
    }
}
