//! Strangers that a question did not admit although their event says that they may be opted in: asked for twice more.
//!
//! A read may lag behind the event that made somebody ask (salesforce reference, section 4.10). They are kept in memory
//! alone, for these seconds: nothing of what is not opted in reaches the store. If the program ends meanwhile, the polls of
//! its next start find them.

use std::sync::{Mutex, MutexGuard};

use deal_model::{RecordId, Side};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::{Awaited, Engine, Mark, Seen, Target, WorkLane, engine::scope, sources::record, stop::Stop};

/// When reads have mostly caught up.
pub(crate) const CAUGHT_UP: SignedDuration = SignedDuration::from_secs(3);

/// When those are asked for that were still not to be seen then. What is later than this, the polls find.
const CAUGHT_UP_FOR_SURE: SignedDuration = SignedDuration::from_secs(12);

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
    last: bool,
}

impl Strangers {
    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().expect("no code panics while holding this lock")
    }

    /// Those of `refused` that a later read may show to be opted in are asked for again.
    pub(crate) fn ask_again(&self, side: Side, refused: Vec<Seen>, now: Timestamp) {
        let may_be = |change: &Seen| matches!(change.target, Target::Opportunity { birth: true, .. });
        let due = now.checked_add(CAUGHT_UP).unwrap_or(now);
        let wait = |change| Waiting { side, change, due, last: false };
        self.wait(refused.into_iter().filter(may_be).map(wait));
    }

    fn wait(&self, strangers: impl Iterator<Item = Waiting>) {
        let mut waiting = self.lock();
        let free = MOST.saturating_sub(waiting.len());
        waiting.extend(strangers.take(free));
        if !waiting.is_empty() {
            self.came.notify_one();
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.lock().iter().map(|waiting| waiting.due).min()
    }

    fn due(&self, side: Side, now: Timestamp) -> Vec<Waiting> {
        let mut waiting = self.lock();
        waiting.extract_if(.., |waiting| waiting.side == side && waiting.due <= now).collect()
    }
}

/// Whether this is about the opportunity `id`.
pub(crate) fn is_of(target: &Target, id: &RecordId) -> bool {
    matches!(target, Target::Opportunity { id: other, .. } if other == id)
}

impl Engine {
    /// Asks for strangers again, until told to stop.
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

    async fn ask_once_more(&self, side: Side, strangers: Vec<Waiting>) {
        let changes = strangers.iter().map(|waiting| &waiting.change);
        let mut ids: Vec<RecordId> = changes.clone().filter_map(record).cloned().collect();
        ids.sort_unstable();
        ids.dedup();
        let heard = self.now();
        let bounds = scope(ports::Lane::Now, self.in_(self.parts.settings.lease));
        let admitted = match self.side(side).admit(&ids, bounds).await {
            Ok(admitted) => admitted,
            Err(error) => {
                tracing::warn!(error = %error.what, "could not ask whether records are opted in; asking later");
                Vec::new()
            }
        };
        let of = |target: &Target| {
            changes.clone().rfind(|change| record(change).is_some_and(|id| is_of(target, id)))
        };
        let mark = |target: Target| {
            let hints = of(&target)?.hints;
            Some(Mark { target, hints, lane: WorkLane::Now, due: heard, heard, awaits: Awaited::default() })
        };
        let marks: Vec<Mark> = admitted.iter().cloned().filter_map(mark).collect();
        if !marks.is_empty()
            && let Err(error) = self.mark(&marks).await
        {
            tracing::error!(%error, "the store failed; polls find what was opted in");
        }
        let is_admitted =
            |change: &Seen| record(change).is_some_and(|id| admitted.iter().any(|target| is_of(target, id)));
        let due = heard.checked_add(CAUGHT_UP_FOR_SURE).unwrap_or(heard);
        let missed = strangers.into_iter().filter(|waiting| !waiting.last && !is_admitted(&waiting.change));
        self.live.strangers.wait(missed.map(|waiting| Waiting { due, last: true, ..waiting }));
    }
}
