//! The slow look at companions whose answer is open, for portals that show them in no list and send no event.
//!
//! Rounds go over the deals by identifier, so many at a time, and remember in the store where they are. They stop by
//! themselves where the portal's list shows other organisations' referrals. An event of a referral that cannot be read
//! asks for a whole turn at once.

use std::time::Duration;

use deal_model::DealId;

use crate::{
    Awaited, Cursor, Engine, Hints, Mark, StoreResult, Target, WorkLane, pass::COMPANIONS_SEEN, stop::Stop,
};

/// The cursor of the rounds: the last deal that was looked at.
const SWEPT: &str = "portal.companion_sweep";

/// The seat of the process that looks for all.
const SEAT: &str = "watch.companions";

/// The least wait between two rounds.
const PAUSE: Duration = Duration::from_secs(1);

/// The least wait between two turns that events asked for.
const REST: Duration = Duration::from_secs(30);

impl Engine {
    /// Looks at companions, round after round, until told to stop.
    pub(crate) async fn sweep_companions(&self, stopped: &Stop) {
        let every = self.parts.settings.companion_sweep_every.max(PAUSE);
        // The rest of a turn that was asked for.
        let mut asked = false;
        while !stopped.told() {
            let wait = if asked { PAUSE } else { every };
            let mut due = false;
            let asleep = async {
                tokio::select! {
                    biased;
                    () = self.parts.clock.sleep(wait) => due = true,
                    () = self.sweep.notified() => asked = true,
                }
            };
            stopped.or(asleep).await;
            if stopped.told() {
                return;
            }
            match self.sweep_if(asked, due).await {
                Ok(turned) if asked && turned => {
                    asked = false;
                    // However many such events come, one turn answers for all of this time.
                    stopped.or(self.parts.clock.sleep(REST)).await;
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the store failed; companions are looked at later"),
            }
        }
    }

    async fn sweep_if(&self, asked: bool, due: bool) -> StoreResult<bool> {
        let sweeps = asked || due && self.needs_sweeps().await? && self.sweeps_for_all().await?;
        if sweeps { self.sweep_round().await } else { Ok(true) }
    }

    /// Of several processes one looks by itself; what was asked for, each does that was asked.
    async fn sweeps_for_all(&self) -> StoreResult<bool> {
        let settings = &self.parts.settings;
        let until = self.in_(settings.companion_sweep_every.saturating_add(settings.lease));
        Ok(self.parts.store.lease(SEAT, &settings.owner, self.now(), until).await?.is_some())
    }

    /// Whether nothing else tells of companions: no list has shown one yet.
    pub(crate) async fn needs_sweeps(&self) -> StoreResult<bool> {
        let seen = self.parts.store.cursor(COMPANIONS_SEEN).await?.is_some();
        Ok(!seen && self.parts.settings.companion_sweep_most > 0)
    }

    /// Marks the next companions to be looked at. Whether the turn is over, and the next one begins anew.
    pub(crate) async fn sweep_round(&self) -> StoreResult<bool> {
        let store = &self.parts.store;
        let most = self.parts.settings.companion_sweep_most;
        let after = store.cursor(SWEPT).await?.filter(|id| !id.is_empty()).map(DealId::new);
        let deals = store.open_companions(after.as_ref(), most).await?;
        let turned = deals.len() < most.max(1);
        let position =
            if turned { String::new() } else { deals.last().map(ToString::to_string).unwrap_or_default() };
        let now = self.now();
        let mark = |deal: DealId| Mark {
            target: Target::Deal(deal),
            hints: Hints { companion: true, ..Hints::default() },
            lane: WorkLane::Background,
            due: now,
            heard: now,
            awaits: Awaited::default(),
        };
        let marks: Vec<Mark> = deals.into_iter().map(mark).collect();
        if !marks.is_empty() || after.is_some() {
            let cursor = Cursor { source: SWEPT.to_owned(), position };
            store.mark(&marks, &[], &[cursor], None).await?;
            self.woken();
        }
        Ok(turned)
    }
}
