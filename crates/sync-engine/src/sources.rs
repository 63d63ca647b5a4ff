//! Reading the sources: a page, its marks and its cursor in one transaction, under the reader's lease.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    time::Duration,
};

use deal_model::RecordId;
use jiff::{SignedDuration, Timestamp};
use planted::{Bug, planted};

use crate::{
    Awaited, Cursor, Engine, Mark, Pace, Seen, Source, StoreResult, Target, WorkLane,
    engine::scope,
    live::{awaited, begun_anew, missed},
    pass::COMPANIONS_SEEN,
    settings::{PAGES_A_TURN, REMEMBERED_KEYS},
    stop::Stop,
    strangers::CAUGHT_UP,
};

/// How long the echo of a write of ours is left alone: a little longer than its second takes to settle.
const ECHO_REST: SignedDuration = SignedDuration::from_secs(3);

/// The position of a source that is to be read from its beginning once more.
pub(crate) const BEGINNING: &str = "";

/// Reads one source.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) side: deal_model::Side,
    pub(crate) source: Source,
    recent: Recent,
    /// Failures in a row.
    pub(crate) failed: u32,
    /// More is there now than the last turn read.
    behind: bool,
    /// It has never been read to its end.
    first_load: bool,
}

/// The changes of an overlap that were marked already, by their keys.
#[derive(Debug, Default)]
struct Recent {
    order: VecDeque<String>,
    marked: HashMap<String, Marked>,
}

/// When a change was marked first, and whether it was once more.
#[derive(Debug, Clone, Copy)]
struct Marked {
    first: Timestamp,
    twice: bool,
}

impl Marked {
    /// Whether a repeat that is told at `now` may be marked once more: a read that was made since may have lagged behind.
    fn may_be_again(self, now: Timestamp) -> bool {
        !self.twice && now.duration_since(self.first) >= CAUGHT_UP
    }
}

impl Recent {
    fn remember(&mut self, key: String, now: Timestamp) {
        match self.marked.entry(key) {
            Entry::Occupied(mut known) => known.get_mut().twice |= known.get().may_be_again(now),
            Entry::Vacant(new) => {
                self.order.push_back(new.key().clone());
                new.insert(Marked { first: now, twice: false });
            }
        }
        while self.order.len() > REMEMBERED_KEYS {
            if let Some(old) = self.order.pop_front() {
                self.marked.remove(&old);
            }
        }
    }
}

impl Reader {
    pub(crate) fn new(side: deal_model::Side, source: Source) -> Self {
        Self { side, source, recent: Recent::default(), failed: 0, behind: false, first_load: false }
    }

    pub(crate) fn failed(&self) -> u32 {
        self.failed
    }

    pub(crate) fn behind(&self) -> bool {
        self.behind
    }

    pub(crate) fn is_first_load(&self) -> bool {
        self.first_load
    }

    /// Whether it waits for news itself.
    pub(crate) fn is_live(&self) -> bool {
        self.source.pace == Pace::Live
    }

    /// Keeps in mind what was marked.
    pub(crate) fn remember(&mut self, marked: impl IntoIterator<Item = Seen>, now: Timestamp) {
        for seen in marked {
            self.recent.remember(seen.key, now);
        }
    }
}

impl Engine {
    /// Reads one source until told to stop.
    pub(crate) async fn read(&self, mut reader: Reader, stopped: &Stop) {
        while !stopped.told() {
            if reader.is_live() {
                // It waits inside its turn, where nothing is lost when it is left.
                stopped.or(self.listen(&mut reader)).await;
                continue;
            }
            // Taken before the turn begins: whatever turns while it is under way makes another one follow.
            let turned = self.live.turned();
            let turn = self.read_turn(&mut reader).await;
            let pace = self.pace(&reader);
            let wait = match turn {
                Ok(_) if reader.failed > 0 => self.back_off(reader.failed),
                Ok(_) if reader.behind => Duration::ZERO,
                Ok(_) => pace,
                Err(error) if self.is_superseded(&error) => pace,
                Err(error) => {
                    tracing::error!(source = reader.source.name, %error, "the store failed; reading again later");
                    pace
                }
            };
            let asleep = async {
                tokio::select! {
                    biased;
                    () = self.parts.clock.sleep(wait) => {}
                    () = turned => {}
                    () = self.poll.notified(), if reader.side == deal_model::Side::Portal => {}
                }
            };
            stopped.or(asleep).await;
        }
    }

    /// Reads a source to its present end. Returns how many marks it left.
    pub(crate) async fn read_turn(&self, reader: &mut Reader) -> StoreResult<usize> {
        let mut heard = 0;
        reader.behind = false;
        for _ in 0..PAGES_A_TURN {
            let began = self.now();
            let until = self.in_(self.parts.settings.lease);
            let name = reader.source.name;
            let lease = format!("reader.{name}");
            let store = &self.parts.store;
            let Some(fence) = self.reader_lease(&lease, until).await? else {
                self.note_poll_of_another(name).await?;
                return Ok(heard);
            };
            let anew = self.asked_anew(name).await?;
            let kept = store.cursor(name).await?;
            reader.first_load |= kept.is_none();
            let position = kept.filter(|position| position != BEGINNING && anew.is_none());
            let bounds = scope(self.poll_lane(reader), until);
            let page = match self.side(reader.side).changes(name, position.as_deref(), bounds).await {
                Ok(page) => page,
                Err(error) => {
                    reader.failed = reader.failed.saturating_add(1);
                    tracing::warn!(source = name, error = %error.what, "could not read a source; trying again");
                    return Ok(heard);
                }
            };
            if page.more && position.as_deref() == Some(page.position.as_str()) {
                reader.failed = reader.failed.saturating_add(1);
                tracing::error!(source = name, "a source does not move on; trying again later");
                return Ok(heard);
            }
            reader.failed = 0;
            // The first load and any backlog give way to what happens now.
            let first_load = position.is_none() || !page.complete && reader.side == deal_model::Side::Portal;
            let lane = if first_load || page.more { WorkLane::Background } else { WorkLane::Now };
            let marks = self.marks(reader, &page.seen, began, lane).await?;
            let mut cursors = vec![Cursor { source: name.to_owned(), position: page.position.clone() }];
            if page.index.iter().any(|entry| entry.companion) {
                cursors.push(Cursor { source: COMPANIONS_SEEN.to_owned(), position: "yes".to_owned() });
            }
            cursors.extend(anew.map(|asked| Cursor { source: begun_anew(name), position: asked }));
            if !page.more && page.complete {
                cursors.push(Cursor { source: polled(name), position: began.to_string() });
            }
            heard += self.commit_page(&marks, &page.index, &cursors, &fence).await?;
            reader.remember(page.seen, began);
            if !page.more {
                reader.first_load = false;
                self.note_poll(name, began, page.complete).await?;
                self.note_blind().await?;
                return Ok(heard);
            }
        }
        reader.behind = true;
        Ok(heard)
    }

    /// Another worker reads this source: births here may look as soon as its newest poll is fresh.
    async fn note_poll_of_another(&self, name: &'static str) -> StoreResult<()> {
        let newest = self.parts.store.cursor(&polled(name)).await?;
        match newest.and_then(|began| began.parse().ok()) {
            Some(began) => self.note_poll(name, began, true).await,
            None => Ok(()),
        }
    }

    /// Who asked for this source to be read from its beginning, if that has not begun yet. What is missed while it is
    /// being read asks by another name, and so once more.
    async fn asked_anew(&self, name: &str) -> StoreResult<Option<String>> {
        let Some(asked) = self.parts.store.cursor(&missed(name)).await? else { return Ok(None) };
        let begun = self.parts.store.cursor(&begun_anew(name)).await?;
        Ok(Some(asked).filter(|asked| begun.as_ref() != Some(asked)))
    }

    /// What of a page is news: neither a repeat of the overlap nor a state that the deal has seen. A repeat of a state that
    /// its deal has still not seen is told once more: a read by id may lag behind a list or an event.
    pub(crate) async fn marks(
        &self,
        reader: &Reader,
        changes: &[Seen],
        heard: Timestamp,
        lane: WorkLane,
    ) -> StoreResult<Vec<Mark>> {
        let records: Vec<RecordId> = changes.iter().filter_map(record).cloned().collect();
        let seen: HashMap<RecordId, Option<Timestamp>> =
            self.parts.store.seen(reader.side, &records).await?.into_iter().collect();
        Ok(changes
            .iter()
            .filter(|change| {
                let marked = reader.recent.marked.get(&change.key);
                marked.is_none_or(|marked| is_unseen(change, &seen) && marked.may_be_again(heard))
            })
            .filter(|change| !(change.echo && planted(Bug::DroppedForItsOrigin)))
            .filter(|change| !known_state(reader, change, &seen))
            .map(|change| Mark {
                target: change.target.clone(),
                hints: change.hints,
                lane,
                due: if change.echo { echo_due(heard) } else { heard },
                heard,
                awaits: if reader.is_live() { awaited(change, heard) } else { Awaited::default() },
            })
            .collect())
    }
}

/// Where the beginning of the newest finished poll of a source stands, for workers that do not read it.
fn polled(source: &str) -> String {
    format!("polled.{source}")
}

/// The echo of a write of ours waits for the read that follows the write anyway, and costs none of its own.
fn echo_due(heard: Timestamp) -> Timestamp {
    heard.checked_add(ECHO_REST).unwrap_or(heard)
}

pub(crate) fn record(change: &Seen) -> Option<&RecordId> {
    match &change.target {
        Target::Deal(_) => None,
        Target::Opportunity { id, .. } | Target::Referral { id, .. } => Some(id),
    }
}

/// Whether the deal of this record has seen no state as new as the one that is told.
fn is_unseen(change: &Seen, seen: &HashMap<RecordId, Option<Timestamp>>) -> bool {
    let (Some(stamp), Some(record)) = (change.stamp, record(change)) else { return false };
    seen.get(record).copied().flatten().is_some_and(|known| known < stamp)
}

/// An event is dropped at the mark only on content: the deal has seen this very state (sync rules, section 7). Two saves
/// of one second carry one stamp: an event of the second that was read last may be of the save that the read did not show,
/// unless it was ours.
fn known_state(reader: &Reader, change: &Seen, seen: &HashMap<RecordId, Option<Timestamp>>) -> bool {
    let (Some(stamp), Some(record)) = (change.stamp, record(change)) else { return false };
    let is_doubtful = reader.is_live() && !change.echo;
    let known = seen.get(record).copied().flatten();
    known.is_some_and(|known| known > stamp || known == stamp && !is_doubtful)
}
