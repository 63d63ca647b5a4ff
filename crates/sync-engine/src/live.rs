//! Live sources: they hear of changes by themselves, and the polls beside them only reconcile.
//!
//! A live source has a position like any other, committed with its marks. The moment it begins to hear, and the moment it
//! ceases to, every poll of the engine is made once more: what changed before the one or after the other is found by a
//! poll that begins later. What a live source missed is read from the beginning by the polls; that it is to be read is
//! committed together with the position behind the gap.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use deal_model::{RecordId, SETTLE, Side};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::sync::{Notify, futures::Notified};

use crate::{
    Awaited, Changes, ConnectionProblem, Cursor, Engine, Hearing, Pace, Seen, SideError, Silence,
    StoreResult, Target, WorkLane,
    engine::scope,
    sources::{Reader, record},
    strangers::{Strangers, is_of},
};

/// How the key of a connection's problem begins when it is about a live source.
const SILENT: &str = "live.";

/// Failures in a row after which polls find changes alone, and a person is told.
const DEAF_AFTER: u32 = 3;

/// How soon a reader looks again whether the source is free, which another process reads.
const LEASE_AWAY: Duration = Duration::from_secs(1);

/// How soon a turn follows one that the store failed.
const STORE_AWAY: Duration = Duration::from_secs(1);

/// The cursor that asks for a polled source to be read from its beginning: a name that is used once.
pub(crate) fn missed(source: &str) -> String {
    format!("{source}.missed")
}

/// The cursor that says which of these was taken up.
pub(crate) fn begun_anew(source: &str) -> String {
    format!("{source}.begun_anew")
}

/// A live source, as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveSource {
    /// Its name.
    pub name: &'static str,
    /// Its side.
    #[serde(skip)]
    pub side: Side,
    /// Whether changes come by themselves; otherwise polls alone find them.
    pub hears: bool,
    /// Since when that is so.
    pub since: Timestamp,
    /// Why it does not hear, if that is known.
    pub silence: Option<String>,
    /// Polled sources of whose changes it does not tell: they keep their ordinary pace.
    pub untold: Vec<&'static str>,
    /// Pages that told of changes.
    pub pages: u64,
    /// Changes that were told.
    pub changes: u64,
    /// Marks that left a trace.
    pub marks: u64,
    /// Changes that could not be read.
    pub unread: u64,
    /// How often polled sources were to be read from their beginning.
    pub reconciles: u64,
}

impl LiveSource {
    fn new(name: &'static str, side: Side, now: Timestamp) -> Self {
        Self {
            name,
            side,
            hears: false,
            since: now,
            silence: None,
            untold: Vec::new(),
            pages: 0,
            changes: 0,
            marks: 0,
            unread: 0,
            reconciles: 0,
        }
    }
}

/// How long a read may lag behind the event of a save: one to three seconds were measured (salesforce reference, section
/// 4.10). What is later than this, the polls find.
const LAG: SignedDuration = SignedDuration::from_secs(15);

/// When a change is read again whose event tells no stamp of the opportunity that a read could be compared with.
const LAG_SEEN: SignedDuration = SignedDuration::from_secs(3);

/// How the live sources stand.
#[derive(Default)]
pub(crate) struct Live {
    sources: Mutex<BTreeMap<&'static str, LiveSource>>,
    turned: Notify,
    pub(crate) strangers: Strangers,
}

/// What a read has to show that is made because of a change which was told at `heard`.
pub(crate) fn awaited(change: &Seen, heard: Timestamp) -> Awaited {
    let in_ = |lag| heard.checked_add(lag).ok();
    match change.stamp {
        Some(stamp) => Awaited { stamp: Some(stamp), until: in_(LAG), again: None },
        // The echo of a write of ours is read as late as this anyway.
        None if change.echo => Awaited::default(),
        // A row's, or a deletion: nothing in the opportunity tells whether a read shows it.
        None => Awaited { again: in_(LAG_SEEN), ..Awaited::default() },
    }
}

impl Awaited {
    /// When to read again what may be older than what was told of: `seen` is its stamp as read, none if it was not there.
    pub(crate) fn read_again(&self, seen: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let is_older = |stamp: &Timestamp| seen.is_none_or(|seen| seen < *stamp);
        let is_missed =
            self.stamp.as_ref().is_some_and(is_older) && self.until.is_some_and(|until| now < until);
        let soon = is_missed.then(|| now.checked_add(SETTLE).ok()).flatten();
        soon.into_iter().chain(self.again.filter(|again| now < *again)).min()
    }
}

impl Live {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, LiveSource>> {
        self.sources.lock().expect("no code panics while holding this lock")
    }

    /// Waits until a live source begins or ceases to hear, or has missed something.
    pub(crate) fn turned(&self) -> Notified<'_> {
        self.turned.notified()
    }
}

impl Engine {
    /// The live sources, as they stand.
    pub fn live_sources(&self) -> Vec<LiveSource> {
        self.live.lock().values().cloned().collect()
    }

    /// How long a polled source rests.
    pub(crate) fn pace(&self, reader: &Reader) -> Duration {
        let Pace::Polled { every, beside_live } = reader.source.pace else { return Duration::ZERO };
        if self.only_reconciles(reader) { beside_live } else { every }
    }

    /// Whether a live source tells of what this one is polled for.
    fn only_reconciles(&self, reader: &Reader) -> bool {
        let tells = |source: &LiveSource| {
            source.side == reader.side && source.hears && !source.untold.contains(&reader.source.name)
        };
        self.live.lock().values().any(tells)
    }

    /// Whose share of the allowance a poll spends. A poll that alone finds changes does not stop with the background.
    /// The portal tells of changes by its webhook.
    pub(crate) fn poll_lane(&self, reader: &Reader) -> ports::Lane {
        let background =
            reader.side == Side::Portal || reader.is_first_load() || self.only_reconciles(reader);
        if background { ports::Lane::Background } else { ports::Lane::Now }
    }

    /// Problems of live sources that are not read any more end.
    pub(crate) async fn forget_silences(&self) -> StoreResult<()> {
        let read: BTreeSet<String> = Side::BOTH
            .into_iter()
            .flat_map(|side| self.side(side).sources())
            .filter(|source| source.pace == Pace::Live)
            .map(|source| key(source.name))
            .collect();
        for problem in self.parts.store.connection_problems().await? {
            if problem.key.starts_with(SILENT) && !read.contains(&problem.key) {
                self.parts.store.connection_problem(&problem.key, None).await?;
            }
        }
        Ok(())
    }

    /// One turn of a live source, and the rest after it if it failed.
    pub(crate) async fn listen(&self, reader: &mut Reader) {
        let rest = match self.listen_turn(reader).await {
            Ok(rest) => rest,
            Err(error) if self.is_superseded(&error) => STORE_AWAY,
            Err(error) => {
                tracing::error!(source = reader.source.name, %error, "the store failed; listening again later");
                STORE_AWAY
            }
        };
        if rest > Duration::ZERO {
            self.parts.clock.sleep(rest).await;
        }
    }

    /// Waits for the next page of a live source, and commits it with its position. Returns how long to rest.
    async fn listen_turn(&self, reader: &mut Reader) -> StoreResult<Duration> {
        let (name, store) = (reader.source.name, &self.parts.store);
        let until = self.in_(self.parts.settings.lease);
        let lease = format!("reader.{name}");
        let Some(fence) = self.reader_lease(&lease, until).await? else {
            return Ok(LEASE_AWAY);
        };
        let position = store.cursor(name).await?;
        let bounds = scope(ports::Lane::Now, until);
        let side = self.side(reader.side);
        let page = match side.changes(name, position.as_deref(), bounds).await {
            Ok(page) => page,
            Err(error) => return self.missed_a_turn(reader, &error).await,
        };
        let heard = self.now();
        let known = match self.admitted(reader.side, &page, bounds).await? {
            Ok(known) => known,
            Err(error) => return self.missed_a_turn(reader, &error).await,
        };
        reader.failed = 0;
        let marks = self.marks(reader, &known, heard, WorkLane::Now).await?;
        let mut cursors: Vec<Cursor> = page.missed.iter().map(|source| self.ask_anew(source)).collect();
        if position.as_deref() != Some(page.position.as_str()) && !page.position.is_empty() {
            cursors.push(Cursor { source: name.to_owned(), position: page.position.clone() });
        }
        let taken = if marks.is_empty() && cursors.is_empty() {
            0
        } else {
            self.commit_page(&marks, &page.index, &cursors, &fence).await?
        };
        self.count(reader, &page, taken);
        reader.remember(known, heard);
        if !page.missed.is_empty() {
            tracing::warn!(source = name, again = ?page.missed, "changes were missed; all records are looked at again");
            self.live.turned.notify_waiters();
        }
        self.note_hearing(reader, &page.hearing).await?;
        Ok(match page.hearing {
            Hearing::Deaf(silence) => silence.retry,
            Hearing::Unproven | Hearing::Hears => Duration::ZERO,
        })
    }

    /// A turn that failed: nothing was committed, so that all it told is told again.
    async fn missed_a_turn(&self, reader: &mut Reader, error: &SideError) -> StoreResult<Duration> {
        reader.failed = reader.failed.saturating_add(1);
        let retry = self.back_off(reader.failed);
        tracing::warn!(source = reader.source.name, error = %error.what, "could not listen; trying again");
        if reader.failed >= DEAF_AFTER {
            let silence = Silence {
                sentence: format!(
                    "Changes do not come by themselves, polls alone find them: {}.",
                    error.what
                ),
                next_step: "It is tried again by itself; if it lasts, look at the connection.".to_owned(),
                retry,
                quiet: false,
            };
            self.note_hearing(reader, &Hearing::Deaf(silence)).await?;
        }
        Ok(retry)
    }

    /// What of a page may be kept. Linked records are known; of the others, those of which the page does not tell are
    /// asked for, all at once, and what is not opted in is forgotten here.
    async fn admitted(
        &self,
        side: Side,
        page: &Changes,
        bounds: crate::CallScope,
    ) -> StoreResult<Result<Vec<Seen>, SideError>> {
        let mut records: Vec<RecordId> =
            page.seen.iter().chain(&page.unsure).filter_map(record).cloned().collect();
        records.sort_unstable();
        records.dedup();
        let linked = self.parts.store.seen(side, &records).await?;
        let linked: BTreeSet<RecordId> = linked.into_iter().map(|(record, _)| record).collect();
        let may_stay = |change: &&Seen| {
            let barren = matches!(change.target, Target::Opportunity { birth: false, .. });
            !barren || record(change).is_some_and(|record| linked.contains(record))
        };
        let mut known: Vec<Seen> = page.seen.iter().filter(may_stay).cloned().collect();
        let strangers: BTreeSet<RecordId> =
            page.unsure.iter().filter_map(record).filter(|id| !linked.contains(id)).cloned().collect();
        let strangers: Vec<RecordId> = strangers.into_iter().collect();
        let admitted = if strangers.is_empty() {
            Vec::new()
        } else {
            match self.side(side).admit(&strangers, bounds).await {
                Ok(admitted) => admitted,
                Err(error) => return Ok(Err(error)),
            }
        };
        let mut refused = Vec::new();
        for change in &page.unsure {
            let Target::Opportunity { id, .. } = &change.target else { continue };
            let target = match admitted.iter().find(|target| is_of(target, id)) {
                Some(target) => target.clone(),
                None if linked.contains(id) => {
                    Target::Opportunity { id: id.clone(), birth: false, claims: None }
                }
                None => {
                    refused.push(change.clone());
                    continue;
                }
            };
            known.push(Seen { target, ..change.clone() });
        }
        self.live.strangers.ask_again(side, refused, self.now());
        Ok(Ok(known))
    }

    fn ask_anew(&self, source: &str) -> Cursor {
        Cursor { source: missed(source), position: self.parts.rng.guid() }
    }

    fn count(&self, reader: &Reader, page: &Changes, marks: usize) {
        let now = self.now();
        let mut sources = self.live.lock();
        let new = || LiveSource::new(reader.source.name, reader.side, now);
        let source = sources.entry(reader.source.name).or_insert_with(new);
        let changes = page.seen.len() + page.unsure.len();
        source.pages += u64::from(changes > 0);
        source.changes += changes as u64;
        source.marks += marks as u64;
        source.unread += page.unread as u64;
        if source.untold != page.untold {
            source.untold.clone_from(&page.untold);
            if !page.untold.is_empty() {
                tracing::warn!(source = source.name, polled = ?page.untold, "the channel does not tell of everything");
            }
            self.live.turned.notify_waiters();
        }
        source.reconciles += u64::from(!page.missed.is_empty());
    }

    /// Keeps how a source stands: for the pace of the polls, and for a person.
    async fn note_hearing(&self, reader: &Reader, hearing: &Hearing) -> StoreResult<()> {
        let (name, now) = (reader.source.name, self.now());
        let (hears, silence) = match hearing {
            Hearing::Hears => (true, None),
            Hearing::Deaf(silence) => (false, Some(silence)),
            // Until it is proven, what was said before stands.
            Hearing::Unproven => (false, None),
        };
        let said = silence.map(|silence| silence.sentence.clone());
        let turned = {
            let mut sources = self.live.lock();
            let source = sources.entry(name).or_insert_with(|| LiveSource::new(name, reader.side, now));
            let turned = source.hears != hears;
            let news = turned || (said.is_some() && source.silence != said);
            if turned {
                source.since = now;
            }
            source.hears = hears;
            if hears || said.is_some() {
                source.silence = said;
            }
            if !news {
                return Ok(());
            }
            turned
        };
        if turned {
            self.live.turned.notify_waiters();
        }
        match hearing {
            Hearing::Hears => {
                tracing::info!(source = name, "changes come by themselves; polls only reconcile");
                self.parts.store.connection_problem(&key(name), None).await
            }
            Hearing::Deaf(silence) if silence.quiet => {
                tracing::info!(source = name, sentence = %silence.sentence, "changes are polled for");
                self.parts.store.connection_problem(&key(name), None).await
            }
            Hearing::Deaf(silence) => self.tell_silence(name, silence).await,
            Hearing::Unproven => Ok(()),
        }
    }

    async fn tell_silence(&self, name: &str, silence: &Silence) -> StoreResult<()> {
        let (key, sentence) = (key(name), &silence.sentence);
        let told = self.parts.store.connection_problems().await?;
        if told.iter().any(|problem| problem.key == key && problem.sentence == *sentence) {
            return Ok(());
        }
        tracing::warn!(source = name, %sentence, next = %silence.next_step, "a live source hears nothing");
        let problem = ConnectionProblem {
            key: key.clone(),
            sentence: sentence.clone(),
            next_step: silence.next_step.clone(),
            since: self.now(),
        };
        self.parts.store.connection_problem(&key, Some(&problem)).await
    }
}

fn key(source: &str) -> String {
    format!("{SILENT}{source}")
}
