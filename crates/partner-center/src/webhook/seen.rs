//! The events that were taken lately, so that a genuine one that is sent again costs nothing.

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
        if self.capacity == 0 || !self.known.insert(notification.clone()) {
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

    #[test]
    fn the_oldest_is_forgotten_first() {
        let event =
            |name: &str| Notification { event_name: name.to_owned(), referral: None, changed_at: None };
        let mut seen = Seen::new(2);
        for name in ["a", "b", "b", "c"] {
            seen.insert(&event(name));
        }
        let known: Vec<_> = ["a", "b", "c"].into_iter().filter(|name| seen.contains(&event(name))).collect();
        assert_eq!(known, ["b", "c"]);
    }
}
