//! One budget for all calls of the process: the server's pauses, and shares of its daily allowance by lane.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ports::{Admission, Budget, Clock, Lane, Platform, Usage};

/// How long a lane whose share is spent waits before it asks again.
const ASK_AGAIN: Duration = Duration::from_mins(1);

/// A sample older than this says nothing any more: the server's window has moved on.
const SAMPLE_LASTS: SignedDuration = SignedDuration::from_hours(1);

/// Up to which part of the allowance, in percent, each lane may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Sweeps, backlog, first load.
    pub background: u8,
    /// Audit lines.
    pub report: u8,
    /// Events, people, due work. The rest is for guards.
    pub now: u8,
}

impl Default for Shares {
    fn default() -> Self {
        Self { background: 70, report: 80, now: 95 }
    }
}

/// The budget of one process.
pub struct SharedBudget {
    clock: Arc<dyn Clock>,
    shares: Shares,
    state: Mutex<BTreeMap<Platform, State>>,
}

#[derive(Debug, Default)]
struct State {
    paused_until: Option<Timestamp>,
    /// The newest sample, and when it was taken by our clock.
    usage: Option<(Usage, Timestamp)>,
}

impl SharedBudget {
    /// An empty budget: nothing is known of the server's allowance yet.
    pub fn new(clock: Arc<dyn Clock>, shares: Shares) -> Self {
        Self { clock, shares, state: Mutex::default() }
    }

    fn share(&self, lane: Lane) -> u8 {
        match lane {
            Lane::Guard => 100,
            Lane::Now => self.shares.now,
            Lane::Background => self.shares.background,
            Lane::Report => self.shares.report,
        }
    }

    fn with<T>(&self, platform: Platform, look: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().expect("no code panics while holding this lock");
        look(state.entry(platform).or_default())
    }
}

#[async_trait]
impl Budget for SharedBudget {
    async fn admit(&self, platform: Platform, lane: Lane) -> Admission {
        let (now, share) = (self.clock.now(), u64::from(self.share(lane)));
        self.with(platform, |state| {
            if let Some(until) = state.paused_until.filter(|until| *until > now) {
                return Admission::Wait(until.duration_since(now).unsigned_abs());
            }
            let spent = state.usage.is_some_and(|(usage, taken)| {
                now.duration_since(taken) < SAMPLE_LASTS
                    && usage.used.saturating_mul(100) >= usage.allowed.saturating_mul(share)
            });
            if spent && lane != Lane::Guard { Admission::Wait(ASK_AGAIN) } else { Admission::Granted }
        })
    }

    async fn observe(&self, platform: Platform, usage: Usage) {
        let now = self.clock.now();
        self.with(platform, |state| {
            // Answers may overtake each other; the server's own date says which is newer.
            if state.usage.is_none_or(|(known, _)| usage.at >= known.at) {
                state.usage = Some((usage, now));
            }
        });
    }

    async fn pause_until(&self, platform: Platform, until: Timestamp) {
        self.with(platform, |state| {
            state.paused_until = Some(state.paused_until.map_or(until, |known| known.max(until)));
        });
    }
}

#[cfg(test)]
mod tests {
    use ports::SystemClock;

    use super::*;

    fn budget() -> SharedBudget {
        SharedBudget::new(Arc::new(SystemClock), Shares::default())
    }

    #[tokio::test]
    async fn a_pause_grows_and_never_shrinks() {
        let budget = budget();
        let later = Timestamp::now() + SignedDuration::from_secs(600);
        budget.pause_until(Platform::PartnerCenter, later).await;
        budget.pause_until(Platform::PartnerCenter, Timestamp::now()).await;
        let Admission::Wait(wait) = budget.admit(Platform::PartnerCenter, Lane::Guard).await else {
            panic!("admitted during a pause")
        };
        assert!(wait > Duration::from_secs(590), "{wait:?}");
        assert_eq!(budget.admit(Platform::Salesforce, Lane::Now).await, Admission::Granted);
    }

    #[tokio::test]
    async fn lanes_stop_at_their_shares_and_the_guard_last() {
        let budget = budget();
        let at = Timestamp::now();
        for (used, background, report, now) in [
            (69, true, true, true),
            (70, false, true, true),
            (80, false, false, true),
            (95, false, false, false),
        ] {
            budget.observe(Platform::Salesforce, Usage { used, allowed: 100, at }).await;
            for (lane, granted) in [
                (Lane::Background, background),
                (Lane::Report, report),
                (Lane::Now, now),
                (Lane::Guard, true),
            ] {
                let admitted = budget.admit(Platform::Salesforce, lane).await == Admission::Granted;
                assert_eq!(admitted, granted, "{lane:?} at {used} %");
            }
        }
    }

    #[tokio::test]
    async fn an_older_sample_does_not_replace_a_newer_one() {
        let budget = budget();
        let at = Timestamp::now();
        budget.observe(Platform::Salesforce, Usage { used: 99, allowed: 100, at }).await;
        let earlier = at - SignedDuration::from_secs(5);
        budget.observe(Platform::Salesforce, Usage { used: 1, allowed: 100, at: earlier }).await;
        assert_ne!(budget.admit(Platform::Salesforce, Lane::Now).await, Admission::Granted);
    }
}
