//! Strangers that a question did not admit although their event says that they may be opted in: asked for once more.
//!
//! A read may lag behind the event that made somebody ask (salesforce reference, section 4.10). They are kept in memory
//! alone, for these seconds: nothing of what is not opted in reaches the store. If the program ends meanwhile, the polls of
//! its next start find them.

use std::sync::{Mutex, MutexGuard};

use deal_model::{RecordId, Side};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::{Engine, Mark, Seen, Target, WorkLane, engine::scope, stop::Stop};

/// When reads have caught up.
const CAUGHT_UP: SignedDuration = SignedDuration::from_secs(3);

/// Most strangers that wait for it; any more are left to the polls.
const MOST: usize = 1_000;

/// Those who wait.
#[derive(Default)]
pub(crate) struct Strangers {
    waiting: Mutex<Vec<Waiting>>,
    came: Notify,
}

struct Waiting {
    side: Side,
    change: Seen,
    due: Timestamp,
}

impl Strangers {
    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().expect("no code panics while holding this lock")
    }

    /// Those of `refused` that a later read may show to be opted in are asked for again.
    pub(crate) fn ask_again(&self, side: Side, refused: Vec<Seen>, now: Timestamp) {
        let due = now.checked_add(CAUGHT_UP).unwrap_or(now);
        let mut waiting = self.lock();
        for change in refused {
            let may_be = matches!(change.target, Target::Opportunity { birth: true, .. });
            if may_be && waiting.len() < MOST {
                waiting.push(Waiting { side, change, due });
            }
        }
        if !waiting.is_empty() {
            self.came.notify_one();
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.lock().iter().map(|waiting| waiting.due).min()
    }

    fn due(&self, side: Side, now: Timestamp) -> Vec<Seen> {
        let mut waiting = self.lock();
        let due = waiting.extract_if(.., |waiting| waiting.side == side && waiting.due <= now);
        due.map(|waiting| waiting.change).collect()
    }
}

/// Whether this is about the opportunity `id`.
pub(crate) fn is_of(target: &Target, id: &RecordId) -> bool {
    matches!(target, Target::Opportunity { id: other, .. } if other == id)
}

impl Engine {
    /// Asks for strangers a second time, until told to stop.
    pub(crate) async fn ask_strangers(&self, stopped: &Stop) {
        while !stopped.told() {
            let wait = async {
                match self.live.strangers.next_due() {
                    None => self.live.strangers.came.notified().await,
                    Some(due) => {
                        let rest = due.duration_since(self.now()).max(SignedDuration::ZERO);
                        self.parts.clock.sleep(rest.unsigned_abs()).await;
                    }
                }
            };
            stopped.or(wait).await;
            for side in Side::BOTH {
                let due = self.live.strangers.due(side, self.now());
                if !due.is_empty() {
                    stopped.or(self.ask_once_more(side, due)).await;
                }
            }
        }
    }

    async fn ask_once_more(&self, side: Side, changes: Vec<Seen>) {
        let mut ids: Vec<RecordId> = changes.iter().filter_map(crate::sources::record).cloned().collect();
        ids.sort_unstable();
        ids.dedup();
        let heard = self.now();
        let bounds = scope(ports::Lane::Now, self.in_(self.parts.settings.lease));
        let admitted = match self.side(side).admit(&ids, bounds).await {
            Ok(admitted) => admitted,
            Err(error) => {
                tracing::warn!(error = %error.what, "could not ask whether records are opted in; polls find them");
                return;
            }
        };
        let of = |target: &Target| {
            changes.iter().rfind(|change| crate::sources::record(change).is_some_and(|id| is_of(target, id)))
        };
        let mark = |target: Target| {
            let hints = of(&target)?.hints;
            Some(Mark { target, hints, lane: WorkLane::Now, due: heard, heard })
        };
        let marks: Vec<Mark> = admitted.into_iter().filter_map(mark).collect();
        if !marks.is_empty()
            && let Err(error) = self.mark(&marks).await
        {
            tracing::error!(%error, "the store failed; polls find what was opted in");
        }
    }
}
