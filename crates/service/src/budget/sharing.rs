//! Several budgets on one store: what is lent to all of them together is one allowance.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ports::{
    Admission, Borrowing, Budget as _, BudgetBook, BudgetBookError, Clock as _, Lane, Loan, Outcome, Permit,
    Platform, ServerPause, Usage,
};
use store::{Options, SqliteStore};
use tempfile::TempDir;

use super::{BudgetSettings, SharedBudget, Shares, loans::BORROWING};
use crate::hand_clock::HandClock;

const ORG: Platform = Platform::Salesforce;
const ALLOWED: u64 = 20_000;
/// Hundredths of the allowance that were used before; a thousand calls and less are left to the lanes.
const SHARES: Shares = Shares { background: 91, report: 92, now: 95 };
const USED_BEFORE: u64 = 18_100;
/// The longest call.
const LONGEST: SignedDuration = SignedDuration::from_secs(14);

/// The same numbers in every run of a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }
}

/// A call that has begun.
struct Call {
    worker: usize,
    permit: Permit,
    began: Timestamp,
    /// What the server said when it counted it; it has not arrived there yet.
    counted: Option<Usage>,
}

/// One org, one store, and workers that come and go.
struct World {
    clock: Arc<HandClock>,
    book: Arc<SqliteStore>,
    _folder: TempDir,
    dice: Dice,
    workers: Vec<SharedBudget>,
    names: u64,
    calls: Vec<Call>,
    used: u64,
    begun: u64,
    deaths: u64,
}

impl World {
    fn new(seed: u64, workers: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let book = SqliteStore::open(folder.path().join("cosell.db"), Options::default()).unwrap();
        let mut world = Self {
            clock: HandClock::new(),
            book: Arc::new(book),
            _folder: folder,
            dice: Dice(seed * 2_654_435_761 + 1),
            workers: Vec::new(),
            names: 0,
            calls: Vec::new(),
            used: USED_BEFORE,
            begun: 0,
            deaths: 0,
        };
        for _ in 0..workers {
            let worker = world.newcomer();
            world.workers.push(worker);
        }
        world
    }

    fn newcomer(&mut self) -> SharedBudget {
        self.names += 1;
        let settings = BudgetSettings { shares: SHARES, ..BudgetSettings::default() };
        SharedBudget::new(self.clock.clone(), settings)
            .kept_in(self.book.clone())
            .lent_by(self.book.clone(), format!("worker {}", self.names))
    }

    fn usage(&self) -> Usage {
        Usage { used: self.used, allowed: ALLOWED, at: self.clock.now() }
    }

    async fn begin(&mut self, worker: usize, lane: Lane) -> bool {
        let Admission::Granted(permit) = self.workers[worker].admit(ORG, lane, Duration::ZERO).await else {
            return false;
        };
        self.begun += 1;
        self.calls.push(Call { worker, permit, began: self.clock.now(), counted: None });
        true
    }

    fn count(&mut self, call: usize) {
        if self.calls[call].counted.is_none() {
            self.used += 1;
            self.calls[call].counted = Some(self.usage());
        }
    }

    /// Answers may overtake each other.
    async fn answer(&mut self, call: usize) {
        self.count(call);
        let Call { worker, permit, counted, .. } = self.calls.swap_remove(call);
        if let Some(usage) = counted {
            self.workers[worker].observe(ORG, usage).await;
        }
        permit.end(Outcome::Answered { kind: None, took: Duration::from_millis(50) });
    }

    /// Time passes; what was sent arrives, and what is late is answered before.
    async fn pass(&mut self, by: Duration) {
        for call in 0..self.calls.len() {
            self.count(call);
        }
        let late = self.clock.now() + by - LONGEST;
        while let Some(call) = self.calls.iter().position(|call| call.began < late) {
            self.answer(call).await;
        }
        self.clock.advance(by);
    }

    /// A worker dies with what it had: its calls may have arrived or not, and nobody hears the answers.
    fn die(&mut self, worker: usize) {
        self.deaths += 1;
        let calls = std::mem::take(&mut self.calls);
        let (lost, left) = calls.into_iter().partition::<Vec<_>, _>(|call| call.worker == worker);
        self.calls = left;
        for call in lost {
            if call.counted.is_none() && self.dice.below(2) == 0 {
                self.used += 1;
            }
        }
        self.workers[worker] = self.newcomer();
    }

    async fn step(&mut self) {
        let worker = self.dice.below(self.workers.len());
        match self.dice.below(100) {
            0 => self.die(worker),
            1..=3 => {
                let by = Duration::from_secs(self.dice.below(20) as u64);
                self.pass(by).await;
            }
            4..=40 if !self.calls.is_empty() => {
                let call = self.dice.below(self.calls.len());
                if self.dice.below(2) == 0 { self.count(call) } else { self.answer(call).await }
            }
            _ => {
                let lane = BORROWING[self.dice.below(BORROWING.len())];
                self.begin(worker, lane).await;
            }
        }
    }
}

#[tokio::test]
async fn however_many_spend_and_die_they_spend_no_more_than_one_allowance_and_none_starves() {
    let (mut deaths, mut most) = (0_u64, 0);
    for seed in 1..=8 {
        let mut world = World::new(seed, 2 + usize::try_from(seed % 4).unwrap());
        let first = world.usage();
        world.book.keep_usage(ORG, first, world.clock.now()).await.unwrap();
        let began = world.clock.now();
        for _ in 0..4_000 {
            world.step().await;
            let may_be_spent =
                world.used + world.calls.iter().filter(|call| call.counted.is_none()).count() as u64;
            // While what the dead spent is not known, one call a minute finds out.
            let minutes = world.clock.now().duration_since(began).as_mins().unsigned_abs();
            let part = ALLOWED * u64::from(SHARES.now) / 100;
            assert!(
                may_be_spent <= part + minutes,
                "seed {seed}: {may_be_spent} of {part}, after {minutes} min"
            );
            most = most.max(may_be_spent);
        }
        deaths += world.deaths;
        // Everybody leaves but one, the blocks run out, and the window moves on by a little.
        world.pass(Duration::from_secs(90)).await;
        world.used -= 1_000;
        assert!(world.begin(0, Lane::Guard).await, "seed {seed}: a guard asks no lender");
        world.answer(world.calls.len() - 1).await;
        for lane in BORROWING {
            assert!(world.begin(0, lane).await, "seed {seed}: {lane:?} starves");
        }
    }
    assert!(deaths > 50, "{deaths} deaths");
    assert!(most >= ALLOWED * u64::from(SHARES.now) / 100 - 50, "it was never nearly spent: {most}");
}

#[tokio::test]
async fn a_lane_stops_at_its_share_although_the_calls_of_two_processes_are_counted_late() {
    let mut world = World::new(1, 2);
    let first = world.usage();
    world.book.keep_usage(ORG, first, world.clock.now()).await.unwrap();
    // Nobody hears of anything: each knows only what it was lent.
    let mut begun = 0;
    loop {
        let one = world.begin(0, Lane::Background).await;
        let other = world.begin(1, Lane::Background).await;
        begun += u64::from(one) + u64::from(other);
        world.calls.clear();
        if !one && !other {
            break;
        }
    }
    assert_eq!(begun, ALLOWED * u64::from(SHARES.background) / 100 - USED_BEFORE);
    assert!(world.begin(0, Lane::Now).await, "the others' shares are left");
}

/// Counts the questions.
struct Counted(Arc<SqliteStore>, AtomicU64);

#[async_trait]
impl BudgetBook for Counted {
    async fn server_pauses(&self) -> Result<Vec<(Platform, ServerPause)>, BudgetBookError> {
        self.0.server_pauses().await
    }

    async fn keep_pause(&self, platform: Platform, pause: ServerPause) -> Result<(), BudgetBookError> {
        self.0.keep_pause(platform, pause).await
    }

    async fn usages(&self) -> Result<Vec<(Platform, Usage)>, BudgetBookError> {
        self.0.usages().await
    }

    async fn keep_usage(
        &self,
        platform: Platform,
        usage: Usage,
        heard: Timestamp,
    ) -> Result<(), BudgetBookError> {
        self.0.keep_usage(platform, usage, heard).await
    }

    async fn borrow(&self, wish: &Borrowing) -> Result<Loan, BudgetBookError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.borrow(wish).await
    }
}

#[tokio::test]
async fn the_lender_is_asked_for_blocks_and_not_for_calls() {
    let world = World::new(1, 0);
    let usage = Usage { used: 0, ..world.usage() };
    world.book.keep_usage(ORG, usage, world.clock.now()).await.unwrap();
    let book = Arc::new(Counted(Arc::clone(&world.book), AtomicU64::new(0)));
    let budget = SharedBudget::new(world.clock.clone(), BudgetSettings::default())
        .lent_by(book.clone(), "worker".to_owned());
    for _ in 0..200 {
        assert!(is_granted(&budget, Lane::Now).await);
    }
    // A platform that tells of no allowance is asked about once in a while.
    for _ in 0..200 {
        let admission = budget.admit(Platform::PartnerCenter, Lane::Now, Duration::ZERO).await;
        assert!(matches!(admission, Admission::Granted(_)));
    }
    assert_eq!(book.1.load(Ordering::Relaxed), 11, "20 calls are a block of this allowance");
}

#[tokio::test]
async fn a_lender_that_is_away_lends_nothing_and_a_guard_does_not_wait_for_it() {
    let (folder, clock) = (TempDir::new().unwrap(), HandClock::new());
    let path = folder.path().join("cosell.db");
    drop(SqliteStore::open(&path, Options::default()).unwrap());
    let away = Arc::new(SqliteStore::open_read_only(&path, Options::default()).unwrap());
    let budget = SharedBudget::new(clock, BudgetSettings::default()).lent_by(away, "worker".to_owned());
    assert!(!is_granted(&budget, Lane::Now).await);
    assert!(is_granted(&budget, Lane::Guard).await);
}

async fn is_granted(budget: &SharedBudget, lane: Lane) -> bool {
    matches!(budget.admit(ORG, lane, Duration::ZERO).await, Admission::Granted(_))
}

#[tokio::test]
async fn a_server_that_counts_slows_all_down_whoever_it_refused() {
    let world = World::new(1, 2);
    let (one, other) = (&world.workers[0], &world.workers[1]);
    let portal = Platform::PartnerCenter;
    for _ in 0..40 {
        for budget in [one, other] {
            let Admission::Granted(permit) = budget.admit(portal, Lane::Now, Duration::ZERO).await else {
                panic!("nothing is bounded yet")
            };
            permit.end(Outcome::Answered { kind: None, took: Duration::from_millis(50) });
        }
    }
    let Admission::Granted(permit) = one.admit(portal, Lane::Now, Duration::ZERO).await else {
        panic!("nothing is bounded yet")
    };
    one.pause_until(portal, world.clock.now() + SignedDuration::from_secs(20)).await;
    permit.end(Outcome::Throttled);
    assert_eq!(other.learnt(portal).pace, None);
    one.exchange_with(&*world.book).await.unwrap();
    other.exchange_with(&*world.book).await.unwrap();
    for (name, budget) in [("one", one), ("other", other)] {
        let learnt = budget.learnt(portal);
        let pace = learnt.pace.unwrap();
        assert!((1.3..1.5).contains(&pace), "{name}: 0.7 of its own 40 in 20 s: {pace}");
        assert!(learnt.paused_until.is_some());
    }
    // What is known is not news again.
    world.clock.advance(Duration::from_secs(30));
    let before = other.learnt(portal).pace;
    other.exchange_with(&*world.book).await.unwrap();
    assert_eq!(other.learnt(portal).pace, before);
}
