//! Reading both sides of a batch, in as few calls as the sides allow.

use std::time::Duration;

use deal_model::{Phase, Problem, ProblemClass, Side, Sight};
use ports::RetryClass;

use super::{Item, first_lane, open};
use crate::{CallScope, Engine, SideError, StoreResult, Wanted};

/// How long after an inadmissible read the record is read again: 1, 2, 4 seconds (sync rules, section 1).
const LAGGING: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

impl Engine {
    pub(super) async fn observe(&self, items: &mut [&mut Item]) -> StoreResult<()> {
        // A paused deal's flag is read first: nothing else of it is read while it is off.
        let (mut paused, mut live): (Vec<_>, Vec<_>) =
            open(items).partition(|item| item.deal.phase == Phase::Paused);
        self.observe_side(Side::Crm, &mut paused).await?;
        for item in paused {
            if item.opted_in() {
                item.read.portal = true;
                // What was heard of it meanwhile was done with unread.
                item.read.companion |= item.deal.links.companion.is_some();
                live.push(item);
            } else if !item.ended {
                item.sights.portal = stand_in(item).unwrap_or(Sight::Unlinked);
            }
        }
        let mut live: Vec<&mut Item> = live.into_iter().filter(|item| !item.ended).collect();
        self.observe_side(Side::Crm, &mut live).await?;
        let mut live: Vec<&mut Item> = live.into_iter().filter(|item| !item.ended).collect();
        self.observe_side(Side::Portal, &mut live).await
    }

    pub(super) async fn observe_side(&self, side: Side, items: &mut [&mut Item]) -> StoreResult<()> {
        let mut asked = Vec::new();
        let mut wanted = Vec::new();
        let mut until = None;
        for (at, item) in items.iter_mut().enumerate().filter(|(_, item)| !item.ended) {
            let Some(record) = item.deal.links.at(side).cloned() else {
                *item.sights.at_mut(side) = Sight::Unlinked;
                read(item, side);
                continue;
            };
            if !must_read(item, side) {
                if side == Side::Portal
                    && item.sights.portal == Sight::Unread
                    && let Some(stored) = stand_in(item)
                {
                    item.sights.portal = stored;
                    item.stood_in = true;
                }
                continue;
            }
            asked.push(at);
            until =
                Some(until.map_or(item.claim.lease_until, |until: jiff::Timestamp| {
                    until.min(item.claim.lease_until)
                }));
            wanted.push(Wanted {
                record,
                engagement: item.deal.links.engagement.clone(),
                companion: item.deal.links.companion.clone(),
                read_companion: item.read.companion && side == Side::Portal,
            });
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let lane = first_lane(items.iter().map(|item| item.lane(now)));
        let scope = CallScope { lane, send_before: until };
        let mut answers = self.side(side).observe(&wanted, scope).await.into_iter();
        for at in asked {
            let item = &mut *items[at];
            match answers.next().unwrap_or_else(|| Err(SideError::unanswered())) {
                // Nothing can be decided about it now, and nothing may be forgotten of it.
                Ok(Sight::Unread) => self.retry(item, None).await?,
                Ok(sight) if lags(item, side, &sight) => {
                    let attempt = usize::try_from(item.claim.attempts).unwrap_or(usize::MAX);
                    self.retry(item, LAGGING.get(attempt).copied()).await?;
                }
                Ok(sight) => {
                    if side == Side::Portal
                        && let Some(seen) = sight.seen()
                        // An answer without a date has the record's own stamp in its place.
                        && seen.read_at != seen.version.stamp
                    {
                        self.note_portal_clock(seen.read_at);
                    }
                    take(item, side, sight);
                }
                Err(error) => self.unread(item, side, error).await?,
            }
        }
        Ok(())
    }

    async fn unread(&self, item: &mut Item, side: Side, error: SideError) -> StoreResult<()> {
        let after = self.read_again(item, &error.class);
        tracing::warn!(deal = %item.deal.id, error = %error.what, "could not read");
        if error.class == RetryClass::Person {
            let record = if side == Side::Crm { "opportunity" } else { "referral" };
            let problem = Problem {
                class: ProblemClass::Permission,
                field: None,
                sentence: format!("The {record} cannot be read: {}.", error.what),
                next_step: "Give the connection's user access to it; the deal then goes on.".to_owned(),
                since: self.now(),
            };
            return self.retry_with_problem(item, after, problem).await;
        }
        self.retry(item, after).await
    }

    /// How long a deal waits that could not be read; the usual back-off, if nothing says otherwise.
    pub(super) fn read_again(&self, item: &Item, class: &RetryClass) -> Option<Duration> {
        match class {
            RetryClass::Later { after } => *after,
            RetryClass::Person | RetryClass::Bug => Some(self.wait_for_person(item)),
            RetryClass::Authenticate | RetryClass::Changed | RetryClass::Doubtful => None,
        }
    }
}

/// Whether the side has to be read for this plan. The one stand-in for a read is the stored portal observation.
fn must_read(item: &Item, side: Side) -> bool {
    let unread = *item.sights.at(side) == Sight::Unread;
    match side {
        // A write to the CRM always follows a read of it.
        Side::Crm => unread || item.read.crm,
        // An irreversible effect that is planned on the stand-in is planned again on a read before it leaves.
        Side::Portal => item.read.portal || item.read.companion || (unread && stand_in(item).is_none()),
    }
}

fn stand_in(item: &Item) -> Option<Sight> {
    let stored = item.deal.memory.stand_in.clone()?;
    (Some(&stored.record) == item.deal.links.portal.as_ref()).then_some(Sight::Seen(stored))
}

/// Whether the read is older than what the deal has already seen.
fn lags(item: &Item, side: Side, sight: &Sight) -> bool {
    sight.seen().is_some_and(|seen| !item.deal.memory.admits(side, &seen.version))
}

/// Notes what was read, and what it tells of the deal's links.
fn take(item: &mut Item, side: Side, sight: Sight) {
    read(item, side);
    if let Some(facts) = sight.seen().and_then(|seen| seen.portal()) {
        if let Some(companion) = &facts.companion {
            item.deal.links.companion = Some(companion.clone());
        }
        if let Some(engagement) = &facts.engagement {
            item.deal.links.engagement = Some(engagement.clone());
        }
    }
    *item.sights.at_mut(side) = sight;
}

/// Nothing of this side is to be read any more.
fn read(item: &mut Item, side: Side) {
    match side {
        Side::Crm => item.read.crm = false,
        Side::Portal => {
            item.stood_in = false;
            item.read.portal = false;
            item.read.companion = false;
        }
    }
}
