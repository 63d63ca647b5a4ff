//! What the tests stand on: a store on disk, and short words for marks, claims and commits.

use std::{path::PathBuf, sync::Arc, sync::Mutex};

use deal_model::{Deal, DealId, RecordId, Side};
use jiff::{SignedDuration, Timestamp};
use ports::Rng;
use store::{Options, SqliteStore};
use sync_engine::{
    Awaited, BrakeLimit, Claim, ClaimRequest, Commit, Disposition, Hints, IndexEntry, Mark, Store, Subject,
    Target, WorkLane, WriteAhead,
};
use tempfile::TempDir;

/// Second `second` of the tests' time.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Counts up: the same identifiers in every run.
#[derive(Default)]
pub(crate) struct Counting(Mutex<u64>);

impl Rng for Counting {
    fn next_u64(&self) -> u64 {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        *count
    }
}

/// A folder with a store's file in it.
pub(crate) struct Ground {
    folder: TempDir,
}

impl Ground {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("cosell.db")
    }

    pub(crate) fn open(&self) -> SqliteStore {
        self.open_with(Options::default())
    }

    pub(crate) fn open_with(&self, options: Options) -> SqliteStore {
        SqliteStore::open(self.path(), Options { ids: Arc::new(Counting::default()), ..options }).unwrap()
    }

    /// Whether any file of the store contains these bytes.
    pub(crate) fn contains(&self, needle: &[u8]) -> bool {
        std::fs::read_dir(self.folder.path()).unwrap().any(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(needle.len()).any(|window| window == needle)
        })
    }
}

pub(crate) fn opportunity(id: &str, birth: bool) -> Target {
    Target::Opportunity { id: id.into(), birth, claims: None }
}

pub(crate) fn referral(id: &str, birth: bool) -> Target {
    Target::Referral { id: id.into(), engagement: None, birth }
}

/// A mark for everything, urgent, due and heard at `second`.
pub(crate) fn mark(target: Target, second: i64) -> Mark {
    let (hints, lane, awaits) = (Hints::ALL, WorkLane::Now, Awaited::default());
    Mark { target, hints, lane, due: at(second), heard: at(second), awaits }
}

/// Marks, and says how many left a trace.
pub(crate) async fn put(store: &dyn Store, marks: &[Mark]) -> usize {
    store.mark(marks, &[], &[], None).await.unwrap()
}

/// Claims for `owner` at `second`, for a minute.
pub(crate) async fn claim(store: &dyn Store, owner: &str, second: i64, most: usize) -> Vec<Claim> {
    claim_backlog(store, owner, second, most, most).await
}

/// The same, and up to `most_of_backlog` when nothing is urgent.
pub(crate) async fn claim_backlog(
    store: &dyn Store,
    owner: &str,
    second: i64,
    most: usize,
    most_of_backlog: usize,
) -> Vec<Claim> {
    let (owner, now, lease_until) = (owner.to_owned(), at(second), at(second + 60));
    store.claim(&ClaimRequest { owner, now, lease_until, most, most_of_backlog, rules: None }).await.unwrap()
}

/// Claims the one row that is due.
pub(crate) async fn claim_one(store: &dyn Store, second: i64) -> Claim {
    let claims = claim(store, "worker", second, 100).await;
    let [claim] = <[Claim; 1]>::try_from(claims).expect("exactly one row is due");
    claim
}

/// A commit of nothing but a disposition.
pub(crate) fn ending(claim: &Claim, disposition: Disposition, second: i64) -> Commit {
    Commit {
        claim: claim.clone(),
        deal: None,
        audit: Vec::new(),
        intents: Vec::new(),
        index: Vec::new(),
        consumed: Vec::new(),
        handed_back: Vec::new(),
        disposition,
        now: at(second),
        effect: None,
    }
}

/// A deal born of an opportunity, with its row claimed at second 0.
pub(crate) async fn claimed_deal(store: &dyn Store, crm: &str) -> (Claim, Deal) {
    put(store, &[mark(opportunity(crm, true), 0)]).await;
    let id = store.deal_of(Side::Crm, &crm.into()).await.unwrap().unwrap();
    let claims = claim(store, "worker", 0, 100).await;
    let claim = claims.into_iter().find(|claim| claim.subject == Subject::Deal(id.clone())).unwrap();
    (claim, load(store, &id).await)
}

pub(crate) async fn load(store: &dyn Store, id: &DealId) -> Deal {
    store.deals(std::slice::from_ref(id)).await.unwrap().pop().expect("the deal is there")
}

/// Nothing but a deal and its fence, under a brake of 3 in 10 minutes.
pub(crate) fn ahead(claim: &Claim, deal: &DealId, second: i64) -> WriteAhead {
    WriteAhead {
        fence: claim.fence.clone(),
        generation: claim.generation,
        deal: deal.clone(),
        flows: Vec::new(),
        archive: Vec::new(),
        intents: Vec::new(),
        braked: Vec::new(),
        now: at(second),
        brake: BrakeLimit { most: 3, within: SignedDuration::from_mins(10) },
    }
}

pub(crate) fn entry(referral: &str, updated: i64) -> IndexEntry {
    IndexEntry {
        referral: referral.into(),
        engagement: Some(RecordId::from("e1")),
        ours: true,
        companion: false,
        external: None,
        open: true,
        created: at(0),
        updated: at(updated),
    }
}
