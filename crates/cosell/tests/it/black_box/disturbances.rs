//! What comes over the program while people work: each kind of it by name, so that what came can be counted.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use simulation::dice::Dice;

use super::{
    door::{Door, Way},
    process::Process,
    world::World,
};

/// Longer than a lease of these tests (10 s): whoever was away for so long has lost all of them.
const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(12);

/// A network between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Link {
    /// One worker's to the database; the others' are whole.
    Database,
    Portal,
    Salesforce,
    Events,
}

/// How a network fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Failure {
    /// All connections break, again and again.
    Cuts,
    /// Nothing passes, and nobody is told.
    Silence,
    /// Requests arrive, and answers do not.
    HalfClosed,
    /// Everything passes late.
    Slow,
    /// Nobody listens.
    Shut,
}

/// One kind of disturbance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A worker is killed and started again.
    KillWorker,
    /// All processes of the program are killed and started again.
    KillAll,
    /// All processes of the server are killed; it is started again.
    KillServer,
    /// A network fails.
    Network(Link, Failure),
    /// The disk of the database's machine is full.
    FullDisk,
    /// A worker's clock is minutes ahead, and then right again.
    ClockAhead,
    /// A worker's clock is minutes behind, and then right again.
    ClockBehind,
    /// A worker stands still for longer than its leases, and goes on as if nothing had been.
    Freeze,
}

impl Kind {
    /// All of them, in an order in which neighbours have little to do with each other.
    pub(super) fn all() -> Vec<Self> {
        use Failure::{Cuts, HalfClosed, Shut, Silence, Slow};
        use Link::{Database, Events, Portal, Salesforce};
        vec![
            Self::KillWorker,
            Self::Network(Portal, HalfClosed),
            Self::ClockAhead,
            Self::KillServer,
            Self::Network(Salesforce, HalfClosed),
            Self::Network(Database, Silence),
            Self::FullDisk,
            Self::Network(Portal, Cuts),
            Self::ClockBehind,
            Self::Network(Database, Cuts),
            Self::KillAll,
            Self::Network(Salesforce, Cuts),
            Self::Freeze,
            Self::Network(Database, HalfClosed),
            Self::Network(Portal, Silence),
            Self::Network(Events, Cuts),
            Self::Network(Salesforce, Silence),
            Self::Network(Database, Slow),
            Self::Network(Events, Silence),
            Self::Network(Portal, Shut),
            Self::Network(Database, Shut),
            Self::Network(Salesforce, Shut),
            Self::Network(Portal, Slow),
            Self::Network(Salesforce, Slow),
            Self::Network(Events, HalfClosed),
        ]
    }
}

/// How often each kind came.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<Kind, usize>);

impl Tally {
    /// The kinds that never came.
    pub(super) fn missing(&self) -> Vec<Kind> {
        Kind::all().into_iter().filter(|kind| !self.0.contains_key(kind)).collect()
    }

    /// The table.
    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        for (kind, times) in &self.0 {
            let _ = writeln!(text, "{times:>5}  {kind:?}");
        }
        text
    }
}

/// The program's processes, and what comes over them.
pub(super) struct Disturbances<'w> {
    pub(super) world: &'w World,
    pub(super) dice: Dice,
    pub(super) tally: Tally,
    /// How often a process ended by itself, and was started again.
    pub(super) ended: usize,
    /// Takes events in.
    pub(super) web: Process,
    pub(super) workers: Vec<Process>,
}

impl Disturbances<'_> {
    /// One disturbance, to its end; then everything is as it should be again, but for what the program makes of it.
    pub(super) async fn come(&mut self, kind: Kind) {
        *self.tally.0.entry(kind).or_default() += 1;
        let chosen = usize::try_from(self.dice.below(self.workers.len() as u64)).expect("a few workers");
        let short = Duration::from_millis(self.dice.between(500, 3_000));
        let minutes = i64::try_from(self.dice.between(2, 20)).expect("a few minutes");
        match kind {
            Kind::KillWorker => {
                self.workers[chosen].kill();
                tokio::time::sleep(short).await;
                self.workers[chosen].start();
            }
            Kind::KillAll => {
                self.web.kill();
                self.workers.iter_mut().for_each(Process::kill);
                tokio::time::sleep(short).await;
                self.web.start();
                self.workers.iter_mut().for_each(Process::start);
            }
            Kind::KillServer => {
                let server = &self.world.server;
                tokio::task::block_in_place(|| server.kill());
                tokio::time::sleep(short).await;
                tokio::task::block_in_place(|| server.run_again());
            }
            Kind::FullDisk => {
                self.world.server_troubles.fill_disk(true);
                tokio::time::sleep(2 * short).await;
                self.world.make_room().await;
            }
            Kind::ClockAhead => self.with_clock(chosen, SignedDuration::from_mins(minutes), short).await,
            Kind::ClockBehind => self.with_clock(chosen, SignedDuration::from_mins(-minutes), short).await,
            Kind::Freeze => {
                self.workers[chosen].signal("STOP");
                tokio::time::sleep(LONGER_THAN_A_LEASE).await;
                self.workers[chosen].signal("CONT");
            }
            Kind::Network(link, failure) => self.network(link, failure, chosen, short).await,
        }
        // Somebody who ended over it is started again, as a supervisor does.
        self.supervise();
    }

    /// Whoever ended by itself is started again.
    pub(super) fn supervise(&mut self) {
        for process in self.workers.iter_mut().chain([&mut self.web]) {
            self.ended += usize::from(process.supervise());
        }
    }

    async fn with_clock(&self, chosen: usize, ahead: SignedDuration, short: Duration) {
        let troubles = &self.workers[chosen].troubles;
        troubles.step_clock(ahead);
        tokio::time::sleep(2 * short).await;
        troubles.step_clock(SignedDuration::ZERO);
    }

    fn door(&self, link: Link, chosen: usize) -> &Door {
        match link {
            Link::Database => &self.workers[chosen].database,
            Link::Portal => &self.world.portal,
            Link::Salesforce => &self.world.salesforce_door,
            Link::Events => &self.world.events,
        }
    }

    async fn network(&self, link: Link, failure: Failure, chosen: usize, short: Duration) {
        let door = self.door(link, chosen);
        let held = |way: Way, time: Duration| async move {
            door.set(way);
            tokio::time::sleep(time).await;
            door.set(Way::Open);
        };
        match failure {
            Failure::Cuts => {
                let end = Instant::now() + short;
                while Instant::now() < end {
                    door.cut();
                    tokio::time::sleep(Duration::from_millis(self.dice.between(20, 400))).await;
                }
            }
            Failure::HalfClosed => {
                for _ in 0..3 {
                    door.half_close();
                    tokio::time::sleep(short / 3).await;
                }
                // Connections that are half closed would stay so.
                door.cut();
            }
            Failure::Silence if link == Link::Database => held(Way::Silent, LONGER_THAN_A_LEASE).await,
            Failure::Silence => held(Way::Silent, 2 * short).await,
            Failure::Slow => {
                held(Way::Slow(Duration::from_millis(self.dice.between(20, 300))), 2 * short).await;
            }
            Failure::Shut => held(Way::Shut, short).await,
        }
    }
}
