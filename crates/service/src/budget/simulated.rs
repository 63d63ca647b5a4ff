//! The budget against simulated servers under the paused clock: hours of traffic in a moment.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ports::{Admission, Budget, Clock, Lane, Outcome, Platform};
use tokio::time::Instant;

use super::{BudgetSettings, SharedBudget};

const PORTAL: Platform = Platform::PartnerCenter;
/// How long a healthy answer takes.
const LATENCY: Duration = Duration::from_millis(200);
/// How long a refusal takes.
const REFUSAL: Duration = Duration::from_millis(20);
/// Callers that always want more: more than are ever let through.
const CALLERS: usize = 20;
/// How long a caller waits for a place, as the clients do.
const WITHIN: Duration = Duration::from_secs(20);

/// The paused clock of the runtime, as a port.
struct RuntimeClock {
    began: Instant,
}

#[async_trait]
impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.began.elapsed()).unwrap();
        Timestamp::from_second(1_800_000_000).unwrap().checked_add(passed).unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// What a server refuses, and how.
#[derive(Debug, Clone, Copy)]
enum Capacity {
    /// More calls at once than this are refused with 503.
    AtOnce(u32),
    /// More calls than this within 60 seconds are refused with 429 and a delay.
    AMinute(usize),
    /// Nothing is refused; more calls at once than this wait for each other.
    Slots(u32),
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    served: u32,
    refused: u32,
}

struct Server {
    clock: Arc<RuntimeClock>,
    capacity: Mutex<Capacity>,
    in_flight: Mutex<u32>,
    most_in_flight: Mutex<u32>,
    window: Mutex<VecDeque<Timestamp>>,
    paused_until: Mutex<Option<Timestamp>>,
    counts: Mutex<BTreeMap<Lane, Counts>>,
}

impl Server {
    /// One call of a caller that has a place.
    async fn call(&self, budget: &SharedBudget, lane: Lane) -> Outcome {
        let now = self.clock.now();
        let paused = *self.paused_until.lock().unwrap();
        assert!(paused.is_none_or(|until| until <= now), "a call came during a pause");
        let in_flight = {
            let mut in_flight = self.in_flight.lock().unwrap();
            *in_flight += 1;
            let mut most = self.most_in_flight.lock().unwrap();
            *most = (*most).max(*in_flight);
            *in_flight
        };
        let capacity = *self.capacity.lock().unwrap();
        let (took, outcome) = match capacity {
            Capacity::AtOnce(most) if in_flight > most => (REFUSAL, Some(Outcome::Overloaded)),
            Capacity::AMinute(most) => match self.counted(most, now) {
                None => (LATENCY, None),
                Some(delay) => {
                    let until = now.checked_add(delay).unwrap();
                    *self.paused_until.lock().unwrap() = Some(until);
                    budget.pause_until(PORTAL, until).await;
                    (REFUSAL, Some(Outcome::Throttled))
                }
            },
            Capacity::Slots(slots) => {
                (LATENCY.mul_f64((f64::from(in_flight) / f64::from(slots)).max(1.0)), None)
            }
            Capacity::AtOnce(_) => (LATENCY, None),
        };
        self.clock.sleep(took).await;
        *self.in_flight.lock().unwrap() -= 1;
        let mut counts = self.counts.lock().unwrap();
        let counts = counts.entry(lane).or_default();
        if outcome.is_some() {
            counts.refused += 1;
        } else {
            counts.served += 1;
        }
        outcome.unwrap_or(Outcome::Answered { kind: Some("get"), took })
    }

    /// The delay of a refusal, if the minute is full.
    fn counted(&self, most: usize, now: Timestamp) -> Option<Duration> {
        let mut window = self.window.lock().unwrap();
        let minute = SignedDuration::from_mins(1);
        while window.front().is_some_and(|at| now.duration_since(*at) >= minute) {
            window.pop_front();
        }
        if window.len() < most {
            window.push_back(now);
            return None;
        }
        let left = minute - now.duration_since(window[window.len() - most]);
        Some(Duration::from_secs(left.unsigned_abs().as_secs() + 1))
    }
}

/// A server, the budget before it, and callers that always want more.
struct Simulation {
    server: Arc<Server>,
    budget: SharedBudget,
}

impl Simulation {
    fn of(capacity: Capacity) -> Self {
        Self::with(capacity, BudgetSettings::default())
    }

    fn with(capacity: Capacity, settings: BudgetSettings) -> Self {
        let clock = Arc::new(RuntimeClock { began: Instant::now() });
        let server = Arc::new(Server {
            clock: Arc::clone(&clock),
            capacity: Mutex::new(capacity),
            in_flight: Mutex::default(),
            most_in_flight: Mutex::default(),
            window: Mutex::default(),
            paused_until: Mutex::default(),
            counts: Mutex::default(),
        });
        Self { server, budget: SharedBudget::new(clock, settings) }
    }

    /// Callers in `lane` that call again as soon as they were answered, or were told to come again.
    fn callers(&self, number: usize, lane: Lane) {
        for _ in 0..number {
            let (server, budget) = (Arc::clone(&self.server), self.budget.clone());
            tokio::spawn(async move {
                loop {
                    match budget.admit(PORTAL, lane, WITHIN).await {
                        Admission::Granted(permit) => permit.end(server.call(&budget, lane).await),
                        Admission::Wait(wait) => server.clock.sleep(wait).await,
                    }
                }
            });
        }
    }

    /// What happens within `duration`.
    async fn counts_of(&self, duration: Duration) -> BTreeMap<Lane, Counts> {
        self.server.counts.lock().unwrap().clear();
        *self.server.most_in_flight.lock().unwrap() = 0;
        tokio::time::sleep(duration).await;
        std::mem::take(&mut *self.server.counts.lock().unwrap())
    }

    async fn count_of(&self, duration: Duration) -> Counts {
        self.counts_of(duration).await.values().fold(Counts::default(), |all, lane| Counts {
            served: all.served + lane.served,
            refused: all.refused + lane.refused,
        })
    }

    fn becomes(&self, capacity: Capacity) {
        *self.server.capacity.lock().unwrap() = capacity;
    }
}

/// Refusals among all calls, in a thousand.
fn refused_per_mille(counts: Counts) -> u32 {
    counts.refused * 1000 / (counts.served + counts.refused).max(1)
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_calls_at_once_is_found_and_seldom_touched() {
    let simulation = Simulation::of(Capacity::AtOnce(8));
    simulation.callers(CALLERS, Lane::Now);
    let learning = simulation.count_of(Duration::from_mins(1)).await;
    let after = simulation.count_of(Duration::from_mins(10)).await;
    assert!(refused_per_mille(learning) <= 50, "while learning: {learning:?}");
    assert!(refused_per_mille(after) <= 10, "after learning: {after:?}");
    // Eight at once, five times a second each, for ten minutes.
    let possible = 8 * 5 * 10 * 60;
    assert!(after.served * 100 >= possible * 75, "most of what is possible: {after:?} of {possible}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_calls_at_once_that_moves_is_followed_down_and_up() {
    let simulation = Simulation::of(Capacity::AtOnce(12));
    simulation.callers(CALLERS, Lane::Now);
    simulation.count_of(Duration::from_mins(3)).await;
    simulation.becomes(Capacity::AtOnce(3));
    let down = simulation.count_of(Duration::from_mins(5)).await;
    assert!(refused_per_mille(down) <= 30, "{down:?}");
    assert!(simulation.budget.learnt(PORTAL).limit <= 4, "{:?}", simulation.budget.learnt(PORTAL));
    simulation.becomes(Capacity::AtOnce(12));
    simulation.count_of(Duration::from_mins(8)).await;
    assert!(simulation.budget.learnt(PORTAL).limit >= 9, "{:?}", simulation.budget.learnt(PORTAL));
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_calls_a_minute_is_found_and_seldom_touched() {
    let simulation = Simulation::of(Capacity::AMinute(120));
    simulation.callers(CALLERS, Lane::Now);
    simulation.count_of(Duration::from_mins(2)).await;
    let after = simulation.count_of(Duration::from_hours(1)).await;
    assert!(refused_per_mille(after) <= 10, "{after:?}");
    let possible = 120 * 60;
    assert!(after.served * 100 >= possible * 65, "most of what is possible: {after:?} of {possible}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_calls_a_minute_that_moves_is_followed_down_and_up() {
    let simulation = Simulation::of(Capacity::AMinute(300));
    simulation.callers(CALLERS, Lane::Now);
    simulation.count_of(Duration::from_mins(5)).await;
    simulation.becomes(Capacity::AMinute(60));
    simulation.count_of(Duration::from_mins(5)).await;
    let down = simulation.count_of(Duration::from_mins(20)).await;
    assert!(refused_per_mille(down) <= 20, "{down:?}");
    assert!(down.served >= 60 * 20 * 6 / 10, "{down:?}");
    simulation.becomes(Capacity::AMinute(600));
    simulation.count_of(Duration::from_mins(20)).await;
    let up = simulation.count_of(Duration::from_mins(20)).await;
    assert!(up.served >= 600 * 20 / 2, "{up:?}");
    assert!(refused_per_mille(up) <= 10, "{up:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_gets_slow_is_not_given_more() {
    let mut settings = BudgetSettings::default();
    settings.concurrency.slack = Duration::from_millis(50);
    let simulation = Simulation::with(Capacity::Slots(4), settings);
    simulation.callers(CALLERS, Lane::Now);
    simulation.count_of(Duration::from_mins(5)).await;
    simulation.count_of(Duration::from_mins(5)).await;
    let most = *simulation.server.most_in_flight.lock().unwrap();
    assert!((4..=11).contains(&most), "of {CALLERS} callers {most} were let through at once");
}

#[tokio::test(start_paused = true)]
async fn a_guard_never_waits_for_the_others_and_no_lane_starves() {
    let mut settings = BudgetSettings::default();
    settings.concurrency.most = 1;
    let simulation = Simulation::with(Capacity::AMinute(120), settings);
    for lane in [Lane::Now, Lane::Background, Lane::Report] {
        simulation.callers(20, lane);
    }
    tokio::time::sleep(Duration::from_mins(2)).await;
    simulation.server.counts.lock().unwrap().clear();
    let mut longest = Duration::ZERO;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let began = Instant::now();
        let paused = simulation.budget.learnt(PORTAL).paused_until;
        let admission = simulation.budget.admit(PORTAL, Lane::Guard, WITHIN).await;
        let Admission::Granted(permit) = admission else { panic!("a guard was sent away: {admission:?}") };
        if paused.is_none() {
            longest = longest.max(began.elapsed());
        }
        permit.end(simulation.server.call(&simulation.budget, Lane::Guard).await);
    }
    assert!(longest <= Duration::from_secs(1), "a guard waited {longest:?}");
    let counts = simulation.counts_of(Duration::from_mins(10)).await;
    let served = |lane| counts.get(&lane).map_or(0, |counts: &Counts| counts.served);
    let all: u32 = counts.values().map(|counts| counts.served).sum();
    assert!(served(Lane::Background) * 100 >= all * 15, "{counts:?}");
    assert!(served(Lane::Report) * 100 >= all * 5, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_stops_waiting_holds_nobody_up() {
    let mut settings = BudgetSettings::default();
    settings.concurrency.most = 1;
    let simulation = Simulation::with(Capacity::AtOnce(1), settings);
    let admit = |within| simulation.budget.admit(PORTAL, Lane::Now, within);
    let Admission::Granted(held) = admit(WITHIN).await else { panic!("the first place is free") };
    assert!(tokio::time::timeout(Duration::from_secs(1), admit(WITHIN)).await.is_err(), "cancelled");
    assert!(matches!(admit(Duration::from_secs(2)).await, Admission::Wait(_)), "its time was over");
    assert_eq!(simulation.budget.learnt(PORTAL).waiting, 0);
    drop(held);
    assert!(matches!(admit(Duration::ZERO).await, Admission::Granted(_)));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_place_is_sent_away_when_a_long_pause_begins() {
    let mut settings = BudgetSettings::default();
    settings.concurrency.most = 1;
    let simulation = Simulation::with(Capacity::AtOnce(1), settings);
    let Admission::Granted(held) = simulation.budget.admit(PORTAL, Lane::Now, WITHIN).await else {
        panic!("the first place is free")
    };
    let began = Instant::now();
    let waiting = simulation.budget.admit(PORTAL, Lane::Now, WITHIN);
    let refusal = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let until = simulation.server.clock.now().checked_add(SignedDuration::from_mins(5)).unwrap();
        simulation.budget.pause_until(PORTAL, until).await;
        held.end(Outcome::Throttled);
    };
    let (admission, ()) = tokio::join!(waiting, refusal);
    assert!(matches!(admission, Admission::Wait(wait) if wait == Duration::from_mins(5)), "{admission:?}");
    assert_eq!(began.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_pause_longer_than_the_caller_waits_is_told_at_once_and_a_shorter_one_is_waited_for() {
    let simulation = Simulation::of(Capacity::AtOnce(1));
    let pause = async |seconds| {
        let until = simulation.server.clock.now().checked_add(SignedDuration::from_secs(seconds)).unwrap();
        simulation.budget.pause_until(PORTAL, until).await;
    };
    let began = Instant::now();
    pause(57).await;
    let admission = simulation.budget.admit(PORTAL, Lane::Guard, WITHIN).await;
    assert!(matches!(admission, Admission::Wait(wait) if wait == Duration::from_secs(57)), "{admission:?}");
    assert_eq!(began.elapsed(), Duration::ZERO);
    tokio::time::sleep(Duration::from_secs(50)).await;
    let admission = simulation.budget.admit(PORTAL, Lane::Now, WITHIN).await;
    assert!(matches!(admission, Admission::Granted(_)), "{admission:?}");
    assert!(began.elapsed() >= Duration::from_secs(57), "{:?}", began.elapsed());
}
