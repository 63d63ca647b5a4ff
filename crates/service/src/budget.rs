//! One budget for all calls of the process: the server's pauses, its daily allowance by lane, and a number of calls at
//! once and a pace that are found without provoking the server.
//!
//! Contract: nothing begins during a pause, and a pause only grows, unless the clock was set back. A place that was given is held until its outcome is
//! told. Of those who wait, guards come first, and have one place more than the others and a pace of their own to borrow
//! from; the other lanes take turns (`queue`). How many calls there may be at once is `concurrency`'s, how many in a
//! time is `pace`'s; both learn from the outcomes.

mod allowance;
mod concurrency;
mod pace;
mod queue;
mod shares;
#[cfg(test)]
mod simulated;
mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ports::{Admission, Budget, BudgetBook, BudgetBookError, Clock, Lane, Outcome, Permit, Platform, Usage};
use tokio::sync::Notify;

pub use allowance::{AllowanceStanding, Halted};
pub use concurrency::ConcurrencySettings;
pub use pace::PaceSettings;
pub use shares::Shares;

use concurrency::Era;
use queue::Ticket;
use state::State;

/// How long a lane whose share is spent waits before it asks again, at most.
const ASK_AGAIN: Duration = Duration::from_mins(1);

/// Places that only guards have, beyond the number of calls at once.
const GUARD_PLACES: u32 = 1;

/// Shortest and longest time after which a caller that found no place asks again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// All settings of a [`SharedBudget`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetSettings {
    /// Shares of the daily allowance.
    pub shares: Shares,
    /// While a lane is halted, one call goes this often, to find out how much of the allowance is free again.
    pub sound_every: Duration,
    /// How the number of calls at once is found, for each platform.
    pub concurrency: ConcurrencySettings,
    /// How the pace is found, for each platform.
    pub pace: PaceSettings,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self {
            shares: Shares::default(),
            sound_every: Duration::from_mins(10),
            concurrency: ConcurrencySettings::default(),
            pace: PaceSettings::default(),
        }
    }
}

/// What a budget has learnt of one platform.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learnt {
    /// Calls at once.
    pub limit: u32,
    /// Calls under way.
    pub in_flight: u32,
    /// Callers that wait for a place.
    pub waiting: usize,
    /// Calls a second, once the server has shown that it counts them.
    pub pace: Option<f64>,
    /// The end of the present pause.
    pub paused_until: Option<Timestamp>,
}

/// The budget of one process. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct SharedBudget {
    clock: Arc<dyn Clock>,
    shares: Shares,
    sound_every: Duration,
    gates: [Arc<Gate>; 2],
    book: Option<Arc<dyn BudgetBook>>,
}

/// What one platform is entered through.
struct Gate {
    clock: Arc<dyn Clock>,
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
}

impl SharedBudget {
    /// An empty budget: nothing is known of the servers yet.
    pub fn new(clock: Arc<dyn Clock>, settings: BudgetSettings) -> Self {
        let gate = || {
            let state = Mutex::new(State::new(settings));
            Arc::new(Gate { clock: Arc::clone(&clock), state, changed: Notify::new() })
        };
        let gates = [gate(), gate()];
        let BudgetSettings { shares, sound_every, .. } = settings;
        Self { clock, shares, sound_every, gates, book: None }
    }

    /// The same budget, in the pauses and with the allowances that `book` knows.
    pub async fn informed_by(self, book: &dyn BudgetBook) -> Self {
        let now = self.clock.now();
        match book.usages().await {
            Ok(usages) => {
                for (platform, usage) in usages {
                    self.gate(platform).state().allowance.recall(usage, now);
                }
            }
            Err(error) => tracing::warn!(%error, "how much of an allowance is used is not known"),
        }
        match book.server_pauses().await {
            Ok(pauses) => {
                for (platform, until) in pauses {
                    self.gate(platform).state().pause_until(until, now);
                }
            }
            Err(error) => tracing::warn!(%error, "whether a server asked for a pause is not known"),
        }
        self
    }

    /// Takes in what other processes were told since: their pauses hold here too, and their samples of an allowance count
    /// if they are newer.
    pub async fn hear_of_others(&self, book: &dyn BudgetBook) -> Result<(), BudgetBookError> {
        let (usages, pauses) = (book.usages().await?, book.server_pauses().await?);
        let now = self.clock.now();
        for (platform, usage) in usages {
            self.gate(platform).state().allowance.observe(usage, now);
        }
        for (platform, until) in pauses {
            self.gate(platform).state().pause_until(until, now);
        }
        Ok(())
    }

    /// The same budget, which keeps what it is told in `book`.
    pub fn kept_in(self, book: Arc<dyn BudgetBook>) -> Self {
        Self { book: Some(book), ..self }
    }

    /// What is known of a platform by now.
    pub fn learnt(&self, platform: Platform) -> Learnt {
        let now = self.clock.now();
        let mut state = self.gate(platform).state();
        Learnt {
            limit: state.concurrency.limit(),
            in_flight: state.concurrency.in_flight(),
            waiting: state.queue.len(),
            pace: state.pace.rate(now),
            paused_until: state.pause(now),
        }
    }

    /// What is known of a platform's daily allowance; nothing if it told nothing within its window.
    pub fn allowance(&self, platform: Platform) -> Option<AllowanceStanding> {
        self.gate(platform).state().allowance.standing(self.shares, self.clock.now())
    }

    /// How an allowance would stand by this budget's shares.
    pub fn standing_at(&self, usage: Usage) -> AllowanceStanding {
        AllowanceStanding::of(usage, self.shares)
    }

    fn gate(&self, platform: Platform) -> &Arc<Gate> {
        match platform {
            Platform::PartnerCenter => &self.gates[0],
            Platform::Salesforce => &self.gates[1],
        }
    }
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while holding this lock")
    }

    /// Takes a place for the ticket, if it is its turn and there is one.
    fn look(self: &Arc<Self>, ticket: Ticket) -> Turn {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(until) = state.pause(now) {
            return Turn::NotBefore(until);
        }
        let guard = ticket.lane == Lane::Guard;
        if !state.queue.is_next(ticket) || !state.concurrency.has_place(if guard { GUARD_PLACES } else { 0 })
        {
            return Turn::AfterOthers;
        }
        if let Some(wait) = state.pace.wait(guard, now) {
            return Turn::NotBefore(after(now, wait));
        }
        state.queue.served(ticket);
        state.pace.begin(now);
        let era = state.concurrency.begin();
        drop(state);
        // Whoever is next now may come too.
        self.changed.notify_waiters();
        let gate = Arc::clone(self);
        Turn::Come(Permit::new(move |outcome| gate.ended(era, outcome)))
    }

    fn ended(&self, era: Era, outcome: Outcome) {
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
                    state.pace.refused(pause.unwrap_or(now), now);
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

#[async_trait]
impl Budget for SharedBudget {
    async fn admit(&self, platform: Platform, lane: Lane, within: Duration) -> Admission {
        let gate = self.gate(platform);
        let began = self.clock.now();
        let end = after(began, within);
        let entered = {
            let mut state = gate.state();
            if let Some(until) = state.pause(began).filter(|until| *until > end) {
                return Admission::Wait(until.duration_since(began).unsigned_abs());
            }
            if lane != Lane::Guard && !state.allowance.admits(self.shares.of(lane), began) {
                return Admission::Wait(ASK_AGAIN.min(self.sound_every));
            }
            state.queue.enter(lane)
        };
        let Some(ticket) = entered else { return Admission::Wait(gate.again()) };
        let waiting = Waiting { gate: Arc::clone(gate), ticket };
        loop {
            let mut changed = std::pin::pin!(gate.changed.notified());
            // From here on no change is missed, whoever runs between the look and the wait.
            changed.as_mut().enable();
            let until = match gate.look(ticket) {
                Turn::Come(permit) => return Admission::Granted(permit),
                // Who waits in vain holds up what it could have done meanwhile.
                Turn::NotBefore(at) if at > end => {
                    return Admission::Wait(at.duration_since(self.clock.now()).unsigned_abs());
                }
                Turn::NotBefore(at) => at,
                Turn::AfterOthers => end,
            };
            let now = self.clock.now();
            if now >= end {
                drop(waiting);
                return Admission::Wait(gate.again());
            }
            let nap = until.duration_since(now).max(SignedDuration::ZERO).unsigned_abs();
            tokio::select! {
                biased;
                () = changed => {}
                () = self.clock.sleep(nap) => {}
            }
        }
    }

    async fn observe(&self, platform: Platform, usage: Usage) {
        let now = self.clock.now();
        let is_news = self.gate(platform).state().allowance.observe(usage, now);
        if let Some(book) = self.book.as_ref().filter(|_| is_news)
            && let Err(error) = book.keep_usage(platform, usage).await
        {
            tracing::warn!(%error, "how much of an allowance is used could not be kept");
        }
    }

    async fn pause_until(&self, platform: Platform, until: Timestamp) {
        let grows = self.gate(platform).state().pause_until(until, self.clock.now());
        if let Some(book) = self.book.as_ref().filter(|_| grows)
            && let Err(error) = book.keep_pause(platform, until).await
        {
            // It holds in this process all the same.
            tracing::warn!(%error, "a pause could not be kept");
        }
    }
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use ports::SystemClock;

    use super::*;
    use crate::hand_clock::HandClock;

    const NO_TIME: Duration = Duration::ZERO;

    fn budget() -> SharedBudget {
        SharedBudget::new(Arc::new(SystemClock), BudgetSettings::default())
    }

    async fn is_granted(budget: &SharedBudget, platform: Platform, lane: Lane) -> bool {
        matches!(budget.admit(platform, lane, NO_TIME).await, Admission::Granted(_))
    }

    #[tokio::test]
    async fn a_pause_grows_and_never_shrinks() {
        let budget = budget();
        let later = Timestamp::now() + SignedDuration::from_secs(600);
        budget.pause_until(Platform::PartnerCenter, later).await;
        budget.pause_until(Platform::PartnerCenter, Timestamp::now()).await;
        let Admission::Wait(wait) = budget.admit(Platform::PartnerCenter, Lane::Guard, NO_TIME).await else {
            panic!("admitted during a pause")
        };
        assert!(wait > Duration::from_secs(590), "{wait:?}");
        assert!(is_granted(&budget, Platform::Salesforce, Lane::Now).await);
    }

    #[derive(Default)]
    struct Book(Mutex<Vec<(Platform, Timestamp)>>, Mutex<Vec<(Platform, Usage)>>);

    #[async_trait]
    impl BudgetBook for Book {
        async fn server_pauses(&self) -> Result<Vec<(Platform, Timestamp)>, BudgetBookError> {
            Ok(self.0.lock().expect("no test panics while holding this lock").clone())
        }

        async fn keep_pause(&self, platform: Platform, until: Timestamp) -> Result<(), BudgetBookError> {
            self.0.lock().expect("no test panics while holding this lock").push((platform, until));
            Ok(())
        }

        async fn usages(&self) -> Result<Vec<(Platform, Usage)>, BudgetBookError> {
            Ok(self.1.lock().expect("no test panics while holding this lock").clone())
        }

        async fn keep_usage(&self, platform: Platform, usage: Usage) -> Result<(), BudgetBookError> {
            self.1.lock().expect("no test panics while holding this lock").push((platform, usage));
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_pause_reaches_other_processes_by_the_book_and_an_absurd_one_is_not_believed() {
        let book = Arc::new(Book::default());
        let pause = |minutes| Timestamp::now() + SignedDuration::from_mins(minutes);
        let service = budget().kept_in(book.clone());
        service.pause_until(Platform::PartnerCenter, pause(10)).await;
        service.pause_until(Platform::PartnerCenter, pause(5)).await;
        book.keep_pause(Platform::Salesforce, pause(60 * 24)).await.unwrap();
        assert_eq!(
            book.server_pauses().await.map(|pauses| pauses.len()).ok(),
            Some(2),
            "a shorter pause is no news"
        );
        let command = budget().informed_by(book.as_ref()).await;
        assert!(!is_granted(&command, Platform::PartnerCenter, Lane::Now).await);
        assert!(is_granted(&command, Platform::Salesforce, Lane::Now).await);
    }

    #[tokio::test]
    async fn what_another_worker_is_told_while_both_run_holds_here_too() {
        let (book, now) = (Arc::new(Book::default()), Timestamp::now());
        let (one, other) = (budget().kept_in(book.clone()), budget().kept_in(book.clone()));
        other.observe(Platform::Salesforce, Usage { used: 1, allowed: 100, at: now }).await;
        one.pause_until(Platform::PartnerCenter, now + SignedDuration::from_mins(10)).await;
        one.observe(
            Platform::Salesforce,
            Usage { used: 99, allowed: 100, at: now + SignedDuration::from_secs(1) },
        )
        .await;
        assert!(is_granted(&other, Platform::PartnerCenter, Lane::Now).await);
        other.hear_of_others(book.as_ref()).await.unwrap();
        assert!(!is_granted(&other, Platform::PartnerCenter, Lane::Now).await);
        assert!(!is_granted(&other, Platform::Salesforce, Lane::Now).await);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_does_not_make_a_pause_last() {
        let clock = HandClock::new();
        let budget = SharedBudget::new(clock.clone(), BudgetSettings::default());
        let pause = |seconds| clock.now() + SignedDuration::from_secs(seconds);
        budget.pause_until(Platform::PartnerCenter, pause(60)).await;
        assert!(!is_granted(&budget, Platform::PartnerCenter, Lane::Guard).await);
        clock.set_back(Duration::from_hours(24));
        assert!(is_granted(&budget, Platform::PartnerCenter, Lane::Now).await);
        // What the server asks for now counts by the clock as it is now.
        budget.pause_until(Platform::PartnerCenter, pause(60)).await;
        assert!(!is_granted(&budget, Platform::PartnerCenter, Lane::Guard).await);
        clock.advance(Duration::from_secs(61));
        assert!(is_granted(&budget, Platform::PartnerCenter, Lane::Now).await);
        // And the old one does not come back when its time is near again.
        clock.advance(Duration::from_hours(24) - Duration::from_secs(90));
        assert!(is_granted(&budget, Platform::PartnerCenter, Lane::Now).await);
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
                let admitted = is_granted(&budget, Platform::Salesforce, lane).await;
                assert_eq!(admitted, granted, "{lane:?} at {used} %");
            }
        }
    }

    #[tokio::test]
    async fn a_restart_knows_the_allowance_and_the_window_that_slides_lets_one_call_find_out_how_much() {
        let (book, clock) = (Arc::new(Book::default()), HandClock::new());
        let fresh = || SharedBudget::new(clock.clone(), BudgetSettings::default());
        let told = |used| Usage { used, allowed: 100, at: clock.now() };
        let service = fresh().kept_in(book.clone());
        service.observe(Platform::Salesforce, told(96)).await;

        let service = fresh().informed_by(book.as_ref()).await;
        for lane in [Lane::Now, Lane::Background, Lane::Report] {
            assert!(!is_granted(&service, Platform::Salesforce, lane).await, "{lane:?}");
        }
        assert!(is_granted(&service, Platform::Salesforce, Lane::Guard).await);
        assert_eq!(
            service.allowance(Platform::Salesforce).map(|known| (known.usage.used, known.halted)),
            Some((96, Halted::AllButGuards))
        );
        // Nobody calls, so nobody hears how much is free again: now and then one call may find out.
        clock.advance(Duration::from_mins(10));
        assert!(is_granted(&service, Platform::Salesforce, Lane::Background).await);
        assert!(!is_granted(&service, Platform::Salesforce, Lane::Now).await, "one, not all");
        service.observe(Platform::Salesforce, told(60)).await;
        assert!(is_granted(&service, Platform::Salesforce, Lane::Background).await);
        assert_eq!(service.allowance(Platform::Salesforce).map(|known| known.halted), Some(Halted::Nothing));
        // A day later the window has slid past everything that was counted.
        service.observe(Platform::Salesforce, told(99)).await;
        clock.advance(Duration::from_hours(24));
        assert!(is_granted(&service, Platform::Salesforce, Lane::Background).await);
        assert!(is_granted(&service, Platform::Salesforce, Lane::Background).await);
        assert_eq!(service.allowance(Platform::Salesforce), None);
    }

    #[tokio::test]
    async fn the_book_hears_of_each_hundredth_not_of_each_call() {
        let (book, clock) = (Arc::new(Book::default()), HandClock::new());
        let service = SharedBudget::new(clock.clone(), BudgetSettings::default()).kept_in(book.clone());
        for used in 0..=1000 {
            let usage = Usage { used, allowed: 10_000, at: clock.now() };
            service.observe(Platform::Salesforce, usage).await;
        }
        assert_eq!(book.usages().await.map(|kept| kept.len()).ok(), Some(11));
    }

    #[tokio::test]
    async fn an_older_sample_does_not_replace_a_newer_one() {
        let budget = budget();
        let at = Timestamp::now();
        budget.observe(Platform::Salesforce, Usage { used: 99, allowed: 100, at }).await;
        let earlier = at - SignedDuration::from_secs(5);
        budget.observe(Platform::Salesforce, Usage { used: 1, allowed: 100, at: earlier }).await;
        assert!(!is_granted(&budget, Platform::Salesforce, Lane::Now).await);
    }
}
