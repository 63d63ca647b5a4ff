//! Reading the sources again from a time, because a person asks: whatever changed since is marked to be looked at.
//!
//! A replay has a position of its own, committed with its marks; the source's ordinary position is left alone, so that
//! nothing can be jumped over. A mark says "look here" and no more: what agrees is read, and nothing is rewritten.

use std::{collections::HashSet, time::Duration};

use deal_model::{RecordId, Side};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Awaited, CallScope, Cursor, Engine, Hints, Mark, Pace, SideError, StoreResult, WorkLane,
    engine::scope,
    settings::{PAGES_A_TURN, PREVIEW_PAGES, REMEMBERED_KEYS},
    sources::record,
    stop::Stop,
};

/// How often a service looks whether a replay was asked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What a replay reads of each deal it finds; the other organisation's referral, where its own change says so.
const BOTH_SIDES: Hints = Hints { crm: true, portal: true, companion: false };

/// A person's wish that a source be read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayWish {
    /// A name that is used once.
    pub id: String,
    /// From this time on, by the platform's clock.
    pub since: Timestamp,
    /// Who asked.
    pub by: String,
    /// When.
    pub asked: Timestamp,
}

/// How far a replay has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayProgress {
    /// Of which wish.
    pub id: String,
    /// Where the next page begins, in the source's own words.
    position: Option<String>,
    /// Changes that were listed.
    pub listed: u64,
    /// Marks that left a trace: deals, and referrals that no deal has yet.
    pub marked: u64,
    /// When it came to the end.
    pub ended: Option<Timestamp>,
}

/// A source's replay, as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// The source.
    pub source: &'static str,
    /// Its side.
    pub side: Side,
    /// What was asked for.
    pub wish: ReplayWish,
    /// How far it has come; none if it was not begun.
    pub progress: Option<ReplayProgress>,
}

/// What a replay would look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayPreview {
    /// The source.
    pub source: &'static str,
    /// Its side.
    pub side: Side,
    /// How many changes it would list.
    pub listed: u64,
    /// How many records these are of; a lower bound from 100,000 on.
    pub records: u64,
    /// Whether there are more: it stopped where a preview does.
    pub more: bool,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// There is more to read at once.
    pub(crate) more: bool,
    /// A source could not be read.
    failed: bool,
}

impl Turn {
    const OVER: Self = Self { more: false, failed: false };
    const MORE: Self = Self { more: true, failed: false };
    const FAILED: Self = Self { more: false, failed: true };
}

/// The cursor of the wish, ...
fn asked(source: &str) -> String {
    format!("{source}.replay_asked")
}

/// ... and of what became of it.
fn progress(source: &str) -> String {
    format!("{source}.replay")
}

impl Engine {
    /// The sources that can be read again from a time: those that are polled. What a live source hears, they list.
    pub fn replayable(&self, side: Side) -> Vec<&'static str> {
        let polled = self.side(side).sources().into_iter().filter(|source| source.pace != Pace::Live);
        polled.map(|source| source.name).collect()
    }

    /// Asks for these sides to be read again from `since`, beside whoever owns the store. A wish takes the place of the one
    /// before.
    pub async fn ask_replay(&self, sides: &[Side], since: Timestamp, by: &str) -> StoreResult<()> {
        let id = self.parts.rng.guid();
        let wish = ReplayWish { id, since, by: by.to_owned(), asked: self.now() };
        let position = serde_json::to_string(&wish).expect("a wish has no part that can fail");
        let sources = sides.iter().flat_map(|side| self.replayable(*side));
        let cursor = |source| Cursor { source: asked(source), position: position.clone() };
        self.parts.store.ask(&sources.map(cursor).collect::<Vec<_>>()).await
    }

    /// The newest replay of each source.
    pub async fn replays(&self) -> StoreResult<Vec<Replay>> {
        let mut replays = Vec::new();
        for side in Side::BOTH {
            for source in self.replayable(side) {
                let Some(wish) = self.replay_wish(source).await? else { continue };
                let progress = self.replay_progress(source, &wish).await?;
                replays.push(Replay { source, side, wish, progress });
            }
        }
        Ok(replays)
    }

    /// Reads what a replay would read, a bounded number of pages of it, and marks nothing.
    pub async fn preview_replay(
        &self,
        side: Side,
        source: &'static str,
        since: Timestamp,
    ) -> Result<ReplayPreview, SideError> {
        let mut preview = ReplayPreview { source, side, listed: 0, records: 0, more: false };
        let mut records: HashSet<RecordId> = HashSet::new();
        let mut position = self.side(side).position_at(source, since);
        let bounds = CallScope { lane: ports::Lane::Background, send_before: None };
        for _ in 0..PREVIEW_PAGES {
            let page = self.side(side).changes(source, position.as_deref(), bounds).await?;
            preview.listed += page.seen.len() as u64;
            for id in page.seen.iter().filter_map(record) {
                if records.len() < REMEMBERED_KEYS {
                    records.insert(id.clone());
                }
            }
            preview.records = records.len() as u64;
            let stuck = position.as_deref() == Some(page.position.as_str());
            preview.more = page.more;
            if !page.more || stuck {
                break;
            }
            position = Some(page.position);
        }
        Ok(preview)
    }

    /// Carries out what is asked for, until told to stop. A source that cannot be read is tried less and less often.
    pub(crate) async fn replay(&self, stopped: &Stop) {
        let mut failed: u32 = 0;
        while !stopped.told() {
            let rest = match self.replay_round().await {
                Ok(turn) if turn.failed => {
                    failed = failed.saturating_add(1);
                    self.back_off(failed).max(LOOK_EVERY)
                }
                Ok(turn) => {
                    failed = 0;
                    if turn.more { Duration::ZERO } else { LOOK_EVERY }
                }
                Err(error) => {
                    tracing::error!(%error, "the store failed; the replay goes on later");
                    LOOK_EVERY
                }
            };
            stopped.or(self.parts.clock.sleep(rest)).await;
        }
    }

    /// A turn of every source that is to be read again.
    pub(crate) async fn replay_round(&self) -> StoreResult<Turn> {
        let mut round = Turn::OVER;
        for side in Side::BOTH {
            for source in self.replayable(side) {
                if let Some(wish) = self.replay_wish(source).await? {
                    let turn = self.replay_turn(side, source, wish).await?;
                    round.more |= turn.more;
                    round.failed |= turn.failed;
                }
            }
        }
        Ok(round)
    }

    async fn replay_turn(&self, side: Side, source: &'static str, wish: ReplayWish) -> StoreResult<Turn> {
        let known = self.replay_progress(source, &wish).await?;
        let mut state = known.unwrap_or_else(|| ReplayProgress {
            id: wish.id,
            position: self.side(side).position_at(source, wish.since),
            listed: 0,
            marked: 0,
            ended: None,
        });
        for _ in 0..PAGES_A_TURN {
            if state.ended.is_some() {
                return Ok(Turn::OVER);
            }
            let until = self.in_(self.parts.settings.lease);
            let lease = format!("replay.{source}");
            let Some(fence) = self.reader_lease(&lease, until).await? else {
                return Ok(Turn::OVER);
            };
            let bounds = scope(ports::Lane::Background, until);
            let page = match self.side(side).changes(source, state.position.as_deref(), bounds).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(source, error = %error.what, "could not read a source again; trying later");
                    return Ok(Turn::FAILED);
                }
            };
            if page.more && state.position.as_deref() == Some(page.position.as_str()) {
                tracing::error!(source, "a source that is read again does not move on; trying later");
                return Ok(Turn::FAILED);
            }
            let (now, lane) = (self.now(), WorkLane::Background);
            // A person asks: what the deal has seen already is looked at all the same.
            let marks: Vec<Mark> = page
                .seen
                .iter()
                .map(|seen| {
                    let (target, hints) = (seen.target.clone(), seen.hints.union(BOTH_SIDES));
                    Mark { target, hints, lane, due: now, heard: now, awaits: Awaited::default() }
                })
                .collect();
            state.listed += marks.len() as u64;
            // How many of them leave a trace is known after the commit, and is for a person only.
            let position = Some(page.position);
            let step = ReplayProgress { position, ended: (!page.more).then_some(now), ..state.clone() };
            let marked = self.commit_page(&marks, &page.index, &[cursor_of(source, &step)], &fence).await?;
            state = ReplayProgress { marked: step.marked + marked as u64, ..step };
            self.parts.store.mark(&[], &[], &[cursor_of(source, &state)], Some(&fence)).await?;
            if state.ended.is_some() {
                tracing::info!(source, listed = state.listed, marked = state.marked, "read again, as asked");
                return Ok(Turn::OVER);
            }
        }
        Ok(Turn::MORE)
    }

    async fn replay_wish(&self, source: &str) -> StoreResult<Option<ReplayWish>> {
        let kept = self.parts.store.cursor(&asked(source)).await?;
        Ok(kept.and_then(|text| serde_json::from_str(&text).ok()))
    }

    async fn replay_progress(&self, source: &str, wish: &ReplayWish) -> StoreResult<Option<ReplayProgress>> {
        let kept = self.parts.store.cursor(&progress(source)).await?;
        let kept: Option<ReplayProgress> = kept.and_then(|text| serde_json::from_str(&text).ok());
        Ok(kept.filter(|kept| kept.id == wish.id))
    }
}

fn cursor_of(source: &str, state: &ReplayProgress) -> Cursor {
    let position = serde_json::to_string(state).expect("a replay's progress has no part that can fail");
    Cursor { source: progress(source), position }
}
