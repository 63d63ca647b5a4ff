//! Two platforms, a store on disk and the engine between them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use deal_model::{
    Clear, Conflict, Deal, DealId, Demands, FieldSpec, Fit, GroupSpec, Irreversible, Kind, PerSide, Route,
    Side, Specs,
};
use jiff::{SignedDuration, Timestamp};
use ports::{Clock, NoHolds, Rng};
use store::{Options, SqliteStore};
use sync_engine::{Awaited, Engine, EngineSettings, Hints, Mark, Parts, Store, Target, WorkLane};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::platform::Platform;

/// Tokio's clock, which stands still until everybody waits.
pub(crate) struct TestClock(Instant);

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let since = SignedDuration::try_from(self.0.elapsed()).unwrap();
        Timestamp::from_second(1_800_000_000).unwrap() + since
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Counts up: the same identifiers in every run.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl Rng for Counting {
    fn next_u64(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

pub(crate) fn text(id: &str) -> GroupSpec {
    let always = Route { create: true, update: true, fill_only: false };
    let lead = FieldSpec {
        id: id.into(),
        label: id.to_owned(),
        kind: Kind::Text,
        fit: Fit::default(),
        required: PerSide::default(),
        demands: Demands::default(),
    };
    GroupSpec {
        id: id.into(),
        members: vec![lead],
        to: PerSide::new(always, always),
        conflict: Conflict::Newest,
        owner: Side::Crm,
        clear: PerSide::new(Clear::Propagate, Clear::Propagate),
        latch: None,
        enforce: false,
        active_only: false,
        set: None,
        fixed: false,
        computed: PerSide::default(),
    }
}

pub(crate) fn latch(id: &str, kind: Irreversible) -> GroupSpec {
    GroupSpec { latch: Some(kind), ..text(id) }
}

pub(crate) struct World {
    folder: TempDir,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) crm: Arc<Platform>,
    pub(crate) portal: Arc<Platform>,
    pub(crate) specs: Specs,
    pub(crate) settings: EngineSettings,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) engine: Arc<Engine>,
}

impl World {
    /// An opportunity `006` with a name and notes, opted in; nothing was heard of it yet.
    pub(crate) fn new() -> Self {
        Self::with(Specs { groups: vec![text("name"), text("notes")], ..Specs::default() })
    }

    pub(crate) fn with(specs: Specs) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(TestClock(Instant::now()));
        let (crm, portal) = (Platform::new(Side::Crm, &clock), Platform::new(Side::Portal, &clock));
        crm.put("006", &[("name", "Deal"), ("notes", "first")]);
        let settings = EngineSettings::default();
        let store = open(&folder);
        let engine = engine(&store, &crm, &portal, &specs, &clock, &settings);
        Self { folder, clock, crm, portal, specs, settings, store, engine }
    }

    /// The same, with its referral `ref1`, both at rest.
    pub(crate) async fn linked() -> Self {
        Self::new().at_rest().await
    }

    /// Brings the opportunity to its referral, and lets everything come to rest.
    pub(crate) async fn at_rest(self) -> Self {
        self.hear("006").await;
        self.settle(120).await;
        assert_eq!(self.deal("006").await.links.portal, Some("ref1".into()));
        self.forget_calls();
        self
    }

    /// The store's file, beside its owner: to let statements fail, and to damage rows.
    pub(crate) fn file(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("cosell.db")).unwrap()
    }

    pub(crate) fn forget_calls(&self) {
        self.crm.calls();
        self.portal.calls();
    }

    /// A crash and a new start: all that is not in the store is forgotten.
    pub(crate) fn restart(&mut self) {
        let parts = (&self.crm, &self.portal, &self.specs, &self.clock, &self.settings);
        self.engine = engine(&self.store, parts.0, parts.1, parts.2, parts.3, parts.4);
    }

    /// The opportunity is heard of.
    pub(crate) async fn hear(&self, id: &str) {
        self.mark(Target::Opportunity { id: id.into(), birth: true, claims: None }, Hints::of(Side::Crm))
            .await;
    }

    /// The referral is heard of.
    pub(crate) async fn hear_referral(&self, id: &str) {
        let target = Target::Referral { id: id.into(), engagement: None, birth: true };
        self.mark(target, Hints::of(Side::Portal)).await;
    }

    pub(crate) async fn mark(&self, target: Target, hints: Hints) {
        let now = self.clock.now();
        let (lane, awaits) = (WorkLane::Now, Awaited::default());
        let mark = Mark { target, hints, lane, due: now, heard: now, awaits };
        self.engine.mark(&[mark]).await.unwrap();
    }

    /// Works until nothing is due within so many seconds.
    pub(crate) async fn settle(&self, patience: u64) {
        self.engine.run_until_idle(Duration::from_secs(patience)).await.unwrap();
    }

    /// Works off what is due at once.
    pub(crate) async fn work(&self) {
        self.settle(0).await;
    }

    /// Works for so many seconds, then crashes.
    pub(crate) async fn work_and_crash(&mut self, seconds: u64) {
        let engine = Arc::clone(&self.engine);
        let run = engine.run_until_idle(Duration::from_secs(seconds));
        tokio::time::timeout(Duration::from_secs(seconds), run).await.unwrap_err();
        drop(engine);
        self.restart();
    }

    /// Time passes while the service is up.
    pub(crate) async fn wait(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
        self.store.heartbeat(self.clock.now()).await.unwrap();
    }

    /// Time passes while the service is away.
    pub(crate) async fn clock_on(&self, milliseconds: i64) {
        self.clock.sleep(Duration::from_millis(milliseconds.unsigned_abs())).await;
    }

    pub(crate) async fn id(&self, opportunity: &str) -> DealId {
        self.store.deal_of(Side::Crm, &opportunity.into()).await.unwrap().expect("the opportunity has a deal")
    }

    pub(crate) async fn deal(&self, opportunity: &str) -> Deal {
        let id = self.id(opportunity).await;
        self.store.deals(&[id]).await.unwrap().pop().unwrap()
    }

    /// Ann decides about a deal.
    pub(crate) async fn decides(&self, deal: &DealId, verdict: deal_model::Verdict) {
        let decision = sync_engine::NewDecision {
            deal: deal.clone(),
            verdict,
            by: "ann".to_owned(),
            sentence: "ann decided.".to_owned(),
            mapping: "1".to_owned(),
            instead_of: None,
            now: self.clock.now(),
        };
        let decided = self.store.decide(&decision).await.unwrap();
        assert!(matches!(decided, sync_engine::Decided::Taken(_)), "{decided:?}");
    }

    pub(crate) async fn problems(&self, opportunity: &str) -> Vec<String> {
        self.deal(opportunity).await.problems.into_iter().map(|problem| problem.sentence).collect()
    }

    /// How long until something is due, in milliseconds.
    pub(crate) async fn due_in(&self) -> Option<i64> {
        let due = self.store.next_due().await.unwrap()?;
        Some(i64::try_from(due.duration_since(self.clock.now()).as_millis()).unwrap())
    }
}

fn open(folder: &TempDir) -> Arc<SqliteStore> {
    let options = Options { ids: Arc::new(Counting(AtomicU64::new(1 << 32))), ..Options::default() };
    Arc::new(SqliteStore::open(folder.path().join("cosell.db"), options).unwrap())
}

fn engine(
    store: &Arc<SqliteStore>,
    crm: &Arc<Platform>,
    portal: &Arc<Platform>,
    specs: &Specs,
    clock: &Arc<TestClock>,
    settings: &EngineSettings,
) -> Arc<Engine> {
    Engine::new(Parts {
        store: Arc::<SqliteStore>::clone(store),
        crm: Arc::<Platform>::clone(crm),
        portal: Arc::<Platform>::clone(portal),
        specs: Arc::new(specs.clone()),
        mapping: "1".to_owned(),
        clock: Arc::<TestClock>::clone(clock),
        rng: Arc::new(Counting(AtomicU64::new(u64::from(clock.now().subsec_nanosecond().unsigned_abs())))),
        holds: Arc::new(NoHolds),
        settings: settings.clone(),
    })
}
