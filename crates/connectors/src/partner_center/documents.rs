//! Referrals as they were last read, kept for writing: an array goes back whole, with everything in it that is not ours.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use partner_center::{ETag, Referral, ReferralId};

/// Most documents kept. A pass writes what it has just read, so a few batches suffice.
const KEPT: usize = 256;

/// The newest document of each of the last referrals that were read, oldest out first.
#[derive(Debug, Default)]
pub(super) struct Documents {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_id: HashMap<ReferralId, Arc<Referral>>,
    order: VecDeque<ReferralId>,
}

impl Documents {
    /// Keeps `referral` in place of what was kept of it.
    pub(super) fn keep(&self, referral: Referral) -> Arc<Referral> {
        let referral = Arc::new(referral);
        let id = referral.id();
        let mut kept = self.lock();
        if kept.by_id.insert(id, referral.clone()).is_none() {
            kept.order.push_back(id);
        }
        if kept.order.len() > KEPT
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by_id.remove(&oldest);
        }
        referral
    }

    /// The document of exactly this version, if it is still there.
    pub(super) fn at(&self, id: ReferralId, etag: &ETag) -> Option<Arc<Referral>> {
        let kept = self.lock();
        kept.by_id.get(&id).filter(|referral| referral.etag().as_ref() == Some(etag)).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().expect("no code panics while holding this lock")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use serde_json::json;

    use super::*;

    fn referral(number: usize, etag: &str) -> Referral {
        let id = format!("7a1c0000-0000-4000-8000-{number:012}");
        Referral::from_json(json!({ "id": id, "eTag": etag })).unwrap()
    }

    #[test]
    fn only_the_newest_version_of_the_last_referrals_is_kept() {
        let documents = Documents::default();
        let first = documents.keep(referral(0, "\"1\"")).id();
        documents.keep(referral(0, "\"2\""));
        assert!(documents.at(first, &"\"1\"".parse().unwrap()).is_none());
        assert!(documents.at(first, &"\"2\"".parse().unwrap()).is_some());
        for number in 1..=KEPT {
            documents.keep(referral(number, "\"1\""));
        }
        assert!(documents.at(first, &"\"2\"".parse().unwrap()).is_none());
        assert_eq!(documents.lock().by_id.len(), KEPT);
    }
}
