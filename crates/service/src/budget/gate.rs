//! What one platform is entered through: who may begin a call now, and what is learnt when it has ended.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use ports::{Admission, Clock, Lane, Outcome, Permit, Platform};
use tokio::sync::Notify;

use super::{
    BudgetSettings, Shares, concurrency::Era, lender::Lender, loans::Cover, queue::Ticket, state::State,
};

/// How long a lane whose share is spent waits before it asks again, at most.
const ASK_AGAIN: Duration = Duration::from_mins(1);

/// Places that only guards have, beyond the number of calls at once.
const GUARD_PLACES: u32 = 1;

/// Shortest and longest time after which a caller that found no place asks again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

pub(super) struct Gate {
    pub(super) platform: Platform,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) shares: Shares,
    pub(super) sound_every: Duration,
    state: Mutex<State>,
    /// Told whenever somebody's turn may have come.
    changed: Notify,
}

/// What a ticket's holder finds when it looks.
enum Turn {
    Come(Permit),
    /// Something may have changed at this instant.
    NotBefore(Timestamp),
    /// Not before somebody else has gone or ended.
    AfterOthers,
    /// Its turn has come, and its lane has spent what it was lent.
    Spent,
}

impl Gate {
    pub(super) fn new(platform: Platform, clock: Arc<dyn Clock>, settings: BudgetSettings) -> Arc<Self> {
        let BudgetSettings { shares, sound_every, .. } = settings;
        let state = Mutex::new(State::new(settings));
        Arc::new(Self { platform, clock, shares, sound_every, state, changed: Notify::new() })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while holding this lock")
    }

    /// Waits for a place no longer than `within`.
    pub(super) async fn admit(
        self: &Arc<Self>,
        lane: Lane,
        within: Duration,
        lender: Option<&Lender>,
    ) -> Admission {
        let began = self.clock.now();
        let end = after(began, within);
        let lender = lender.filter(|_| lane != Lane::Guard);
        let halted = Admission::Wait(ASK_AGAIN.min(self.sound_every));
        if let Some(until) = self.state().pause(began).filter(|until| *until > end) {
            return Admission::Wait(until.duration_since(began).unsigned_abs());
        }
        if let Some(lender) = lender {
            // Before it waits in the queue: who is halted holds nobody up.
            if !lender.cover(self, lane).await {
                return halted;
            }
        } else if lane != Lane::Guard && !self.state().allowance.admits(self.shares.of(lane), began) {
            return halted;
        }
        let entered = self.state().queue.enter(lane);
        let Some(ticket) = entered else { return Admission::Wait(self.again()) };
        let waiting = Waiting { gate: Arc::clone(self), ticket };
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed, whoever runs between the look and the wait.
            changed.as_mut().enable();
            let until = match self.look(ticket, lender.is_some()) {
                Turn::Come(permit) => return Admission::Granted(permit),
                // Who waits in vain holds up what it could have done meanwhile.
                Turn::NotBefore(at) if at > end => {
                    return Admission::Wait(at.duration_since(self.clock.now()).unsigned_abs());
                }
                Turn::NotBefore(at) => at,
                Turn::AfterOthers => end,
                Turn::Spent => {
                    let Some(lender) = lender else { return halted };
                    let left = end.duration_since(self.clock.now()).max(SignedDuration::ZERO);
                    if lender.cover_within(self, lane, left.unsigned_abs()).await {
                        continue;
                    }
                    return halted;
                }
            };
            let now = self.clock.now();
            if now >= end {
                drop(waiting);
                return Admission::Wait(self.again());
            }
            let nap = until.duration_since(now).max(SignedDuration::ZERO).unsigned_abs();
            tokio::select! {
                biased;
                () = changed => {}
                () = self.clock.sleep(nap) => {}
            }
        }
    }

    /// Takes a place for the ticket, if it is its turn and there is one; `lent`: its calls are.
    fn look(self: &Arc<Self>, ticket: Ticket, lent: bool) -> Turn {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(until) = state.pause(now) {
            return Turn::NotBefore(until);
        }
        let lane = ticket.lane;
        let guard = lane == Lane::Guard;
        if !state.queue.is_next(ticket) || !state.concurrency.has_place(if guard { GUARD_PLACES } else { 0 })
        {
            return Turn::AfterOthers;
        }
        if let Some(wait) = state.pace.wait(guard, now) {
            return Turn::NotBefore(after(now, wait));
        }
        if lent && state.loans.cover(lane, now) != Cover::Covered {
            return Turn::Spent;
        }
        state.queue.served(ticket);
        state.pace.begin(now);
        state.loans.begin(lane);
        let era = state.concurrency.begin();
        drop(state);
        // Whoever is next now may come too.
        self.changed.notify_waiters();
        let gate = Arc::clone(self);
        Turn::Come(Permit::new(move |outcome| gate.ended(lane, era, outcome)))
    }

    fn ended(&self, lane: Lane, era: Era, outcome: Outcome) {
        let now = self.clock.now();
        let mut state = self.state();
        let pause = state.pause(now);
        match outcome {
            Outcome::Answered { kind, took } => {
                state.concurrency.answered(era, kind, took, now);
                state.pace.answered(now);
            }
            Outcome::Throttled => {
                if state.concurrency.refused(era, pause.is_some(), now) {
                    state.counted(pause, now);
                    let (limit, pace) = (state.concurrency.limit(), state.pace.rate(now));
                    tracing::info!(limit, pace, paused_until = ?pause, "a server asked for fewer calls");
                }
            }
            Outcome::Overloaded => {
                state.concurrency.refused(era, pause.is_some(), now);
            }
            Outcome::Unknown => {}
        }
        state.concurrency.end();
        state.loans.end(lane);
        drop(state);
        self.changed.notify_waiters();
    }

    /// When a caller that found no place asks again: when those who wait have had their turn, as far as can be told.
    fn again(&self) -> Duration {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(until) = state.pause(now) {
            return until.duration_since(now).unsigned_abs();
        }
        let waiting = u32::try_from(state.queue.len()).unwrap_or(u32::MAX);
        let wait = state.pace.rate(now).map_or(AGAIN.0, |rate| {
            Duration::try_from_secs_f64(f64::from(waiting) / rate).unwrap_or(AGAIN.1)
        });
        wait.clamp(AGAIN.0, AGAIN.1)
    }
}

/// A ticket that leaves the queue with its holder.
struct Waiting {
    gate: Arc<Gate>,
    ticket: Ticket,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.gate.state().queue.leave(self.ticket);
        self.gate.changed.notify_waiters();
    }
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}
