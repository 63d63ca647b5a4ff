//! The loop: claims due work, works on it in batches, reads the sources, and stops when told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use deal_model::{DealId, Specs};
use jiff::{SignedDuration, Timestamp};
use planted::{Bug, planted};
use ports::{Clock, HoldPoints, Rng};
use tokio::sync::Notify;

use crate::{
    Awaited, CallScope, Claim, ClaimRequest, Cursor, EngineSettings, Hints, IndexEntry, Mark, Seen, Side,
    Store, StoreError, StoreResult, Target, WorkLane,
    live::Live,
    met::Met,
    rules::Entered,
    settings::{SOURCE_TRIES, WAITING_BIRTHS},
    sources::Reader,
    stop::Stop,
};

/// Everything the loop works with.
pub struct Parts {
    /// The state that lasts.
    pub store: Arc<dyn Store>,
    /// The opportunities' side.
    pub crm: Arc<dyn Side>,
    /// The referrals' side.
    pub portal: Arc<dyn Side>,
    /// The compiled mapping.
    pub specs: Arc<Specs>,
    /// The mapping's version, for audit lines.
    pub mapping: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Jitter and identifiers.
    pub rng: Arc<dyn Rng>,
    /// Where a test may stop the program.
    pub holds: Arc<dyn HoldPoints>,
    /// The numbers.
    pub settings: EngineSettings,
}

/// The engine. Cheap to share; all its state is in the store.
pub struct Engine {
    pub(crate) parts: Parts,
    /// Something was marked.
    work: Notify,
    /// A birth waits for a fresh poll.
    pub(crate) poll: Notify,
    /// The newest finished poll of each source; births want it fresh.
    polled: Mutex<BTreeMap<&'static str, Poll>>,
    /// Births that wait for the next one.
    unborn: Mutex<BTreeSet<DealId>>,
    /// The compiled mapping, less what the portal was seen to refuse.
    pub(crate) specs: Mutex<Arc<Specs>>,
    /// By what rules it works, once it began.
    pub(crate) entered: Mutex<Option<Arc<Entered>>>,
    /// Another worker works by other rules.
    superseded: Notify,
    /// Companions are to be looked at, all of them.
    pub(crate) sweep: Notify,
    /// How far the portal's clock is ahead of ours, as its newest answer told.
    portal_ahead: Mutex<SignedDuration>,
    /// How the live sources stand.
    pub(crate) live: Live,
    /// What the passes met.
    pub(crate) met: Met,
}

/// A finished poll of a source.
#[derive(Clone, Copy)]
struct Poll {
    began: Timestamp,
    /// Whether the source has listed everything once.
    complete: bool,
}

/// Why a lock of the engine is never poisoned.
const LOCK: &str = "no code panics while holding this lock";

/// How long an idle worker sleeps at the most; marks of other processes are found by this.
const IDLE: Duration = Duration::from_secs(1);

/// How long a loop waits after the store failed.
const STORE_AWAY: Duration = Duration::from_secs(1);

/// Clocks that differ by less than this are taken for the same: an answer's date has whole seconds, and travels.
const SAME_CLOCK: SignedDuration = SignedDuration::from_secs(5);

/// The shortest wait for work that is due at once.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);

impl Engine {
    /// An engine over these parts.
    pub fn new(parts: Parts) -> Arc<Self> {
        let specs = Arc::clone(&parts.specs);
        Arc::new(Self {
            parts,
            work: Notify::new(),
            poll: Notify::new(),
            polled: Mutex::default(),
            unborn: Mutex::default(),
            specs: Mutex::new(specs),
            entered: Mutex::default(),
            superseded: Notify::new(),
            sweep: Notify::new(),
            portal_ahead: Mutex::default(),
            live: Live::default(),
            met: Met::default(),
        })
    }

    /// How many times a deal, or a referral that is none yet, was worked on since the start.
    pub fn passes(&self) -> u64 {
        self.met.passes()
    }

    /// Which rows of the merge table (`merge.Conflict`) and of the lifecycle table (`life.won/active`, opportunity
    /// first) were met since the start, and how often.
    pub fn rows_met(&self) -> BTreeMap<String, u64> {
        self.met.rows()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    pub(crate) fn in_(&self, duration: Duration) -> Timestamp {
        let signed = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        self.now().checked_add(signed).unwrap_or(Timestamp::MAX)
    }

    /// How far the portal's clock is ahead of ours.
    pub(crate) fn portal_ahead(&self) -> SignedDuration {
        *self.portal_ahead.lock().expect(LOCK)
    }

    /// Takes the portal's time from an answer that has just come.
    pub(crate) fn note_portal_clock(&self, date: Timestamp) {
        let ahead = date.duration_since(self.now());
        let ahead = if ahead.abs() < SAME_CLOCK { SignedDuration::ZERO } else { ahead };
        *self.portal_ahead.lock().expect(LOCK) = ahead;
    }

    pub(crate) fn side(&self, side: deal_model::Side) -> &dyn Side {
        match side {
            deal_model::Side::Portal => self.parts.portal.as_ref(),
            deal_model::Side::Crm => self.parts.crm.as_ref(),
        }
    }

    /// Serves until `stop` is told: workers, source readers and the heartbeat. Returns when all of them have ended; a
    /// pass that is under way is finished first.
    ///
    /// # Errors
    /// [`StoreError::OtherRules`] once another worker has begun with other rules; whatever fails at the beginning.
    ///
    /// # Panics
    /// With the panic of a loop that met a mistake of the program, after all others have ended in order.
    pub async fn run(self: &Arc<Self>, stop: &Notify) -> StoreResult<()> {
        let stopped = Arc::new(Stop::default());
        let mut tasks = tokio::task::JoinSet::new();
        let away = self.parts.store.start(&self.parts.settings.owner, self.now()).await?;
        // Before anything that takes its time: the next start must not take it for an absence.
        let (engine, beats) = (Arc::clone(self), Arc::clone(&stopped));
        tasks.spawn(async move { engine.heartbeat(&beats).await });
        self.enter().await?;
        self.forget_fixed().await?;
        self.look_by_rules().await?;
        self.forget_silences().await?;
        self.forget_unreadable().await?;
        tracing::info!(away = %away, "service begins");
        for _ in 0..self.parts.settings.workers.max(1) {
            let (engine, stopped) = (Arc::clone(self), Arc::clone(&stopped));
            tasks.spawn(async move { engine.work(&stopped).await });
        }
        for reader in self.readers() {
            let (engine, stopped) = (Arc::clone(self), Arc::clone(&stopped));
            tasks.spawn(async move { engine.read(reader, &stopped).await });
        }
        let (engine, told) = (Arc::clone(self), Arc::clone(&stopped));
        tasks.spawn(async move { engine.sweep_companions(&told).await });
        let (engine, told) = (Arc::clone(self), Arc::clone(&stopped));
        tasks.spawn(async move { engine.ask_strangers(&told).await });
        let (engine, told) = (Arc::clone(self), Arc::clone(&stopped));
        tasks.spawn(async move { engine.replay(&told).await });
        let (engine, told) = (Arc::clone(self), Arc::clone(&stopped));
        tasks.spawn(async move { engine.prove_daily(&told).await });
        let (engine, told) = (Arc::clone(self), Arc::clone(&stopped));
        tasks.spawn(async move { engine.attend(&told).await });
        let (engine, told) = (Arc::clone(self), Arc::clone(&stopped));
        tasks.spawn(async move { engine.hear_news(&told).await });
        let mut superseded = false;
        let bug = tokio::select! {
            biased;
            () = stop.notified() => None,
            () = self.superseded.notified() => {
                superseded = true;
                None
            }
            // No loop ends before it is told to: this one met a mistake of the program.
            Some(ended) = tasks.join_next() => ended.err(),
        };
        stopped.set();
        while tasks.join_next().await.is_some() {}
        match bug.map(tokio::task::JoinError::try_into_panic) {
            // A service with a dead loop would look alive. It ends instead, is started again, and loses nothing.
            Some(Ok(panic)) => std::panic::resume_unwind(panic),
            _ if superseded => Err(StoreError::OtherRules),
            _ => Ok(()),
        }
    }

    /// Works until every source is read to its end and nothing is due any more: `sync --once`. Work that waits for a
    /// later time (a grace, a back-off beyond `patience`) is left for later.
    pub async fn run_until_idle(self: &Arc<Self>, patience: Duration) -> StoreResult<()> {
        self.parts.store.start(&self.parts.settings.owner, self.now()).await?;
        self.enter().await?;
        self.forget_fixed().await?;
        self.look_by_rules().await?;
        // What waits for news never comes to an end; polls find all that is there now.
        let mut readers: Vec<Reader> =
            self.readers().into_iter().filter(|reader| !reader.is_live()).collect();
        if self.needs_sweeps().await? {
            self.sweep_round().await?;
        }
        let mut quiet_turns = 0;
        while quiet_turns < 2 {
            let mut quiet = self.read_all(&mut readers).await?;
            quiet &= !self.replay_round().await?.more;
            quiet &= !self.work_off().await?;
            while let Some(wait) = self.due_within(patience).await? {
                if readers.iter().any(|reader| reader.failed() >= SOURCE_TRIES) {
                    // Births wait for a list that cannot be read: they are due again and again, and not now.
                    return Ok(());
                }
                self.parts.clock.sleep(wait).await;
                // A birth waits for a poll that begins after it was asked for.
                self.read_all(&mut readers).await?;
                self.work_off().await?;
                quiet = false;
            }
            quiet_turns = if quiet { quiet_turns + 1 } else { 0 };
        }
        self.tell_of_remapped().await
    }

    /// Reads every source to its present end. False: there was something, or one is to be tried again.
    async fn read_all(&self, readers: &mut [Reader]) -> StoreResult<bool> {
        let mut quiet = true;
        for reader in readers {
            quiet &= self.read_turn(reader).await? == 0 && !reader.behind();
            if (1..SOURCE_TRIES).contains(&reader.failed()) {
                self.parts.clock.sleep(self.back_off(reader.failed())).await;
                quiet = false;
            }
        }
        Ok(quiet)
    }

    /// How long until the next work is due, if that is within `patience`.
    async fn due_within(&self, patience: Duration) -> StoreResult<Option<Duration>> {
        let due = self.parts.store.next_due().await?.filter(|due| *due <= self.in_(patience));
        Ok(due.map(|due| {
            due.duration_since(self.now()).max(SignedDuration::ZERO).unsigned_abs().max(SHORTEST_WAIT)
        }))
    }

    pub(crate) fn back_off(&self, attempts: u32) -> Duration {
        self.parts.settings.back_off(attempts, self.parts.rng.fraction())
    }

    fn readers(&self) -> Vec<Reader> {
        let side = |side: deal_model::Side| {
            self.side(side).sources().into_iter().map(move |source| Reader::new(side, source))
        };
        side(deal_model::Side::Portal).chain(side(deal_model::Side::Crm)).collect()
    }

    async fn heartbeat(&self, stopped: &Stop) {
        while !stopped.told() {
            if let Err(error) = self.parts.store.heartbeat(self.now()).await {
                tracing::warn!(%error, "heartbeat failed");
            }
            stopped.or(self.parts.clock.sleep(self.parts.settings.heartbeat)).await;
        }
    }

    /// Attends to what people let go of beside the service, and to what a changed mapping left different.
    async fn attend(&self, stopped: &Stop) {
        while !stopped.told() {
            if let Err(error) = self.notice_wishes().await
                && !self.is_superseded(&error)
            {
                tracing::warn!(%error, "what people let go of could not be read");
            }
            if let Err(error) = self.tell_of_remapped().await {
                tracing::warn!(%error, "what differs since the mapping changed could not be told");
            }
            stopped.or(self.parts.clock.sleep(self.parts.settings.heartbeat)).await;
        }
    }

    /// Whether this is said because another worker works by other rules; then the service ends.
    pub(crate) fn is_superseded(&self, error: &StoreError) -> bool {
        let superseded = matches!(error, StoreError::OtherRules);
        if superseded {
            self.superseded.notify_one();
        }
        superseded
    }

    /// Wakes a worker as soon as another process has marked something.
    async fn hear_news(&self, stopped: &Stop) {
        while !stopped.told() {
            let news = async {
                self.parts.store.news().await;
                self.woken();
            };
            stopped.or(news).await;
        }
    }

    /// One worker: batch after batch, then asleep until something is due.
    async fn work(&self, stopped: &Stop) {
        while !stopped.told() {
            let wait = match self.work_off_until(stopped).await {
                Ok(wait) => wait,
                Err(error) if self.is_superseded(&error) => STORE_AWAY,
                Err(error) => {
                    tracing::error!(%error, "the store failed; trying again");
                    STORE_AWAY
                }
            };
            let asleep = async {
                tokio::select! {
                    biased;
                    () = self.parts.clock.sleep(wait) => {}
                    () = self.work.notified() => {}
                }
            };
            stopped.or(asleep).await;
        }
    }

    async fn work_off_until(&self, stopped: &Stop) -> StoreResult<Duration> {
        while !stopped.told() {
            let claims = self.claim().await?;
            if claims.is_empty() {
                break;
            }
            self.pass(claims).await?;
        }
        let due = self.parts.store.next_due().await?;
        let wait = due.map_or(SignedDuration::MAX, |due| due.duration_since(self.now()));
        Ok(wait.max(SignedDuration::ZERO).unsigned_abs().min(IDLE))
    }

    /// Works off what is due now. Whether there was anything.
    async fn work_off(&self) -> StoreResult<bool> {
        let mut worked = false;
        loop {
            let claims = self.claim().await?;
            if claims.is_empty() {
                return Ok(worked);
            }
            worked = true;
            self.pass(claims).await?;
        }
    }

    async fn claim(&self) -> StoreResult<Vec<Claim>> {
        let request = ClaimRequest {
            owner: self.parts.settings.owner.clone(),
            now: self.now(),
            lease_until: self.in_(self.parts.settings.lease),
            most: self.parts.settings.batch,
            most_of_backlog: self.parts.settings.first_load_batch,
            rules: self.own_rules(),
        };
        self.parts.store.claim(&request).await
    }

    /// Takes marks from outside (a webhook, a person) and wakes a worker. When this returns, they are durable.
    pub async fn mark(&self, marks: &[Mark]) -> StoreResult<usize> {
        let taken = self.parts.store.mark(marks, &[], &[], None).await?;
        self.woken();
        Ok(taken)
    }

    /// Takes one event: dropped if the deal has seen that very state, else marked. When this returns, it is durable.
    pub async fn hear(&self, seen: Seen) -> StoreResult<()> {
        if let (Target::Referral { id, .. }, Some(stamp)) = (&seen.target, seen.stamp) {
            let known = self.parts.store.seen(deal_model::Side::Portal, std::slice::from_ref(id)).await?;
            if known.iter().any(|(record, known)| record == id && known.is_some_and(|known| known >= stamp)) {
                return Ok(());
            }
        }
        let now = self.now();
        let (target, hints, lane) = (seen.target, seen.hints, WorkLane::Now);
        let mark = Mark { target, hints, lane, due: now, heard: now, awaits: Awaited::default() };
        self.mark(&[mark]).await.map(drop)
    }

    pub(crate) async fn commit_page(
        &self,
        marks: &[Mark],
        index: &[IndexEntry],
        cursors: &[Cursor],
        fence: &crate::Fence,
    ) -> StoreResult<usize> {
        if planted(Bug::CursorBeforeMarks) && !marks.is_empty() {
            self.parts.store.mark(&[], index, cursors, Some(fence)).await?;
            self.parts.clock.sleep(Duration::from_secs(5)).await;
            return self.mark(marks).await;
        }
        let taken = self.parts.store.mark(marks, index, cursors, Some(fence)).await?;
        if taken > 0 {
            self.woken();
        }
        Ok(taken)
    }

    pub(crate) fn woken(&self) {
        self.work.notify_one();
    }

    /// Notes a finished poll, and wakes the births that waited for it.
    pub(crate) async fn note_poll(
        &self,
        source: &'static str,
        began: Timestamp,
        complete: bool,
    ) -> StoreResult<()> {
        self.polled.lock().expect(LOCK).insert(source, Poll { began, complete });
        if !self.may_look() {
            return Ok(());
        }
        let unborn = std::mem::take(&mut *self.unborn.lock().expect(LOCK));
        let (now, hints, lane) = (self.now(), Hints::of(deal_model::Side::Crm), WorkLane::Now);
        let awaits = Awaited::default();
        let mark = |deal| Mark { target: Target::Deal(deal), hints, lane, due: now, heard: now, awaits };
        let marks: Vec<Mark> = unborn.into_iter().map(mark).collect();
        if marks.is_empty() { Ok(()) } else { self.mark(&marks).await.map(drop) }
    }

    /// A birth waits for a fresh poll: it is asked for, and wakes the birth when it is done.
    pub(crate) fn wants_poll(&self, deal: &DealId) {
        let mut unborn = self.unborn.lock().expect(LOCK);
        if unborn.len() < WAITING_BIRTHS {
            unborn.insert(deal.clone());
        }
        self.poll.notify_waiters();
    }

    /// Whether births may look: everything was listed once, and the newest poll is fresh.
    pub(crate) fn may_look(&self) -> bool {
        let polled = self.polled.lock().expect(LOCK);
        let fresh = SignedDuration::try_from(self.parts.settings.fresh).unwrap_or(SignedDuration::MAX);
        self.parts.portal.sources().iter().all(|source| {
            polled
                .get(source.name)
                .is_some_and(|poll| poll.complete && self.now().duration_since(poll.began) <= fresh)
        })
    }
}

/// The bounds of a call in `lane`, not to be sent after `end`.
pub(crate) fn scope(lane: ports::Lane, end: Timestamp) -> CallScope {
    CallScope { lane, send_before: Some(end) }
}

/// Whether a commit failed because the lease was lost: then somebody else has the deal, and nothing is to be done.
pub(crate) fn fenced(result: StoreResult<()>) -> StoreResult<bool> {
    match result {
        Ok(()) => Ok(false),
        Err(StoreError::Fenced(lease)) => {
            tracing::warn!(%lease, "lease lost; another worker goes on");
            Ok(true)
        }
        Err(error) => Err(error),
    }
}
