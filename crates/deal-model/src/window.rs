//! When a field changed on a side, as narrowly as record stamps can tell (sync rules, section 3).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Fingerprint;

/// How far apart two windows must be for their order to be certain.
pub const CERTAIN_APART: SignedDuration = SignedDuration::from_secs(5);

/// The time in which the present value came: after one version's stamp, at or before another's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Fingerprint of the value that the window is about.
    pub seen: Fingerprint,
    /// Stamp of the last version that held the value before it.
    pub after: Timestamp,
    /// Stamp of the first version that held it; `None` while it is the reconciled value.
    pub until: Option<Timestamp>,
}

impl Window {
    /// A value that is reconciled at the version `stamp`.
    pub fn settled(seen: Fingerprint, stamp: Timestamp) -> Self {
        Self { seen, after: stamp, until: None }
    }

    /// The window after a version with `stamp` was seen to hold `value`.
    pub fn observe(before: Option<&Self>, value: Fingerprint, stamp: Timestamp) -> Self {
        match before {
            None => Self { seen: value, after: Timestamp::MIN, until: Some(stamp) },
            Some(window) if window.seen == value => match window.until {
                None => Self { after: stamp.max(window.after), ..window.clone() },
                Some(_) => window.clone(),
            },
            Some(window) => {
                Self { seen: value, after: window.until.unwrap_or(window.after), until: Some(stamp) }
            }
        }
    }

    /// Narrows the window to the instant that a change event or the field's history names.
    pub fn narrow(&mut self, at: Timestamp) {
        if self.until.is_some_and(|until| at <= until) && at > self.after {
            // An instant is a window of the width of the stamps' own precision.
            self.after = at.checked_sub(SignedDuration::from_secs(1)).unwrap_or(at).max(self.after);
            self.until = Some(at);
        }
    }

    fn latest(&self) -> Timestamp {
        self.until.unwrap_or(Timestamp::MAX)
    }

    /// Whether this change certainly came after `other`'s.
    pub fn certainly_after(&self, other: &Self) -> bool {
        let (Some(_), Some(_)) = (self.until, other.until) else { return false };
        other.latest().checked_add(CERTAIN_APART).is_ok_and(|bound| self.after > bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn value(text: &str) -> Fingerprint {
        Fingerprint(text.to_owned())
    }

    #[test]
    fn a_change_lies_between_the_last_old_and_the_first_new_version() {
        let settled = Window::settled(value("a"), at(10));
        let confirmed = Window::observe(Some(&settled), value("a"), at(20));
        let changed = Window::observe(Some(&confirmed), value("b"), at(30));
        assert_eq!(changed, Window { seen: value("b"), after: at(20), until: Some(at(30)) });
        assert_eq!(
            Window::observe(Some(&changed), value("b"), at(99)),
            changed,
            "a later read tells nothing new"
        );
        let again = Window::observe(Some(&changed), value("c"), at(40));
        assert_eq!(again, Window { seen: value("c"), after: at(30), until: Some(at(40)) });
    }

    #[test]
    fn the_order_is_certain_only_when_the_windows_are_five_seconds_apart() {
        let early = Window { seen: value("a"), after: at(10), until: Some(at(20)) };
        let close = Window { seen: value("b"), after: at(25), until: Some(at(30)) };
        let late = Window { seen: value("b"), after: at(26), until: Some(at(30)) };
        assert!(!close.certainly_after(&early));
        assert!(late.certainly_after(&early));
        assert!(!early.certainly_after(&late));
        let overlapping = Window { seen: value("b"), after: at(0), until: Some(at(30)) };
        assert!(!overlapping.certainly_after(&early), "a record stamp may have been moved by another field");
    }

    #[test]
    fn an_event_that_names_the_field_narrows_its_window() {
        let mut window = Window { seen: value("b"), after: at(0), until: Some(at(100)) };
        window.narrow(at(60));
        assert_eq!(window, Window { seen: value("b"), after: at(59), until: Some(at(60)) });
    }
}
