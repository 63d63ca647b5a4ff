//! Places of the referral that no page documents as changeable: whether changes of them were taken, or refused, since
//! the program started (partner-center reference, section 3.8).

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Mutex,
};

use partner_center::ReferralId;

use super::schema::is_documented;

/// What is known of such places. Bounded by the mapping, which names every place that is ever written.
#[derive(Debug, Default)]
pub(super) struct Places {
    seen: Mutex<BTreeMap<String, Seen>>,
}

#[derive(Debug)]
enum Seen {
    /// A change of the place was accepted: whatever is refused there later is refused for its value.
    Taken,
    /// A change of the place was refused in this referral, and none was accepted.
    RefusedOf(ReferralId),
}

impl Places {
    /// Notes that a change of `path` was accepted.
    pub(super) fn took(&self, path: &str) {
        if !is_documented(path) {
            self.seen().insert(path.to_owned(), Seen::Taken);
        }
    }

    /// Notes that `referral` was refused a change of `path`, and tells whether that is now to be taken for a refusal of
    /// the place itself: it is no documented one, and two different referrals were refused there.
    pub(super) fn refused(&self, path: &str, referral: ReferralId) -> bool {
        if is_documented(path) {
            return false;
        }
        match self.seen().entry(path.to_owned()) {
            Entry::Occupied(seen) => match seen.get() {
                Seen::Taken => false,
                Seen::RefusedOf(first) => *first != referral,
            },
            Entry::Vacant(unseen) => {
                unseen.insert(Seen::RefusedOf(referral));
                false
            }
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Seen>> {
        self.seen.lock().expect("no code panics while holding this lock")
    }
}
