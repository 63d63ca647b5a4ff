//! The Store port: the state that lasts, and the transactions in which it changes (ARCHITECTURE.md, State that lasts).
//!
//! Contract, checked by one suite on every implementation:
//! - each method is one transaction: all of it happens, or nothing;
//! - whatever names a [`Fence`] changes nothing once somebody else holds the lease;
//! - a work row is cleared only by the generation that was claimed: a mark that came meanwhile survives;
//! - a cursor moves only together with its marks.

use async_trait::async_trait;
use deal_model::{Archived, Deal, DealId, Fingerprint, Phase, Problem, RecordId, Side, Verdict};
use jiff::{SignedDuration, Timestamp};
use ports::EffectKind;
use serde::{Deserialize, Serialize};

/// How urgent a piece of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkLane {
    /// Events, people, due guards.
    Now,
    /// Sweeps, backlog, first load.
    Background,
}

/// Which reads a mark asks for. Marks of one deal add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hints {
    /// The opportunity may have changed.
    pub crm: bool,
    /// The referral may have changed.
    pub portal: bool,
    /// The other organisation's referral may have changed.
    pub companion: bool,
}

impl Hints {
    /// Read everything.
    pub const ALL: Self = Self { crm: true, portal: true, companion: true };

    /// What both ask for.
    pub fn union(self, other: Self) -> Self {
        Self {
            crm: self.crm || other.crm,
            portal: self.portal || other.portal,
            companion: self.companion || other.companion,
        }
    }

    /// The hint for one side.
    pub fn of(side: Side) -> Self {
        match side {
            Side::Crm => Self { crm: true, ..Self::default() },
            Side::Portal => Self { portal: true, ..Self::default() },
        }
    }
}

/// What a mark points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A deal.
    Deal(DealId),
    /// An opportunity **that was read as opted in or is linked**. Without a deal it begets one when `birth` is set;
    /// otherwise the mark leaves no trace.
    Opportunity {
        /// Its id.
        id: RecordId,
        /// Whether a deal may begin with it.
        birth: bool,
    },
    /// A referral: a deal's own, or a companion's (then the deal is marked with the companion hint), or, when `birth`
    /// is set, one that no deal has yet.
    Referral {
        /// Its id.
        id: RecordId,
        /// Its engagement, if the source told it; finds the deal of a companion.
        engagement: Option<RecordId>,
        /// Whether it is kept as work of its own when no deal has it.
        birth: bool,
    },
}

/// "This may have changed": durable, coalesced per deal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// At what.
    pub target: Target,
    /// What to read.
    pub hints: Hints,
    /// How urgent.
    pub lane: WorkLane,
    /// Not before.
    pub due: Timestamp,
    /// When the change was heard of.
    pub heard: Timestamp,
}

/// How far a source has been read; the position is the source's own text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The source's name: `crm.opportunity`, `portal.referrals`.
    pub source: String,
    /// Its position.
    pub position: String,
}

/// Proof of a lease: the number grows each time the lease changes hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The lease.
    pub name: String,
    /// Who holds it.
    pub owner: String,
    /// Its number.
    pub number: u64,
}

/// A referral as the births' index knows it. Holds no value that a person typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The referral.
    pub referral: RecordId,
    /// Its engagement.
    pub engagement: Option<RecordId>,
    /// Whether our own organisation owns it.
    pub ours: bool,
    /// Fingerprint of its normalised external reference.
    pub external: Option<Fingerprint>,
    /// Whether it is neither closed nor expired.
    pub open: bool,
    /// When it was created, by its server's clock.
    pub created: Timestamp,
    /// Its version's stamp.
    pub updated: Timestamp,
}

/// What a work row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A deal.
    Deal(DealId),
    /// A referral that no deal has yet.
    Referral(RecordId),
}

/// A leased piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// About what.
    pub subject: Subject,
    /// The generation that was claimed.
    pub generation: u64,
    /// What to read.
    pub hints: Hints,
    /// Its lane.
    pub lane: WorkLane,
    /// How often it failed in a row.
    pub attempts: u32,
    /// When the oldest change in it was heard of.
    pub heard: Timestamp,
    /// The lease: its owner and number.
    pub fence: Fence,
    /// When the lease ends.
    pub lease_until: Timestamp,
}

/// How much to claim.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The worker.
    pub owner: String,
    /// The present instant.
    pub now: Timestamp,
    /// When the leases end.
    pub lease_until: Timestamp,
    /// Most rows of both lanes together. The *now* lane gets up to 80 %, *background* never less than 20 %, and
    /// either takes what the other leaves.
    pub most: usize,
}

/// A remote effect that must happen once, written down before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its identifier.
    pub id: String,
    /// The deal.
    pub deal: DealId,
    /// What kind of effect.
    pub kind: EffectKind,
    /// What finds the effect again: the normalised external reference's fingerprint, or the engagement.
    pub key: String,
    /// When it was written down.
    pub made: Timestamp,
    /// The transport neither starts nor continues it past this.
    pub send_before: Timestamp,
    /// The portal's own date when it was last heard before sending; matches are not older.
    pub server_date: Option<Timestamp>,
}

/// How an intent ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentOutcome {
    /// The effect happened and this record came of it.
    Done(RecordId),
    /// It certainly did not happen.
    NotDone,
}

/// One line of a deal's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// When.
    pub at: Timestamp,
    /// In a word: `created`, `updated`, `accepted`, `won`, `problem`, ...
    pub what: String,
    /// The side that was written, if one was.
    pub side: Option<Side>,
    /// The groups that were written.
    pub groups: Vec<String>,
    /// A sentence for a person.
    pub sentence: String,
    /// From hearing of the change to the answer of its write, in milliseconds.
    pub took_ms: Option<i64>,
    /// The mapping's version.
    pub mapping: String,
}

/// What must be durable before anything is sent.
#[derive(Debug, Clone)]
pub struct WriteAhead {
    /// The claim under which it is sent.
    pub fence: Fence,
    /// The deal.
    pub deal: DealId,
    /// Losing values.
    pub archive: Vec<Archived>,
    /// What is about to be sent.
    pub intents: Vec<Intent>,
    /// Irreversible effects and clears, to be counted by the brake: `close`, `clear:notes`.
    pub braked: Vec<String>,
    /// The present instant.
    pub now: Timestamp,
    /// The brake's numbers.
    pub brake: BrakeLimit,
}

/// The brake's numbers (sync rules, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrakeLimit {
    /// So many of one kind may leave ...
    pub most: u32,
    /// ... within this time.
    pub within: SignedDuration,
}

/// Whether what was written down may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// It may.
    Go,
    /// The brake holds this kind; nothing was written down.
    Braked(String),
}

/// What becomes of the work row at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// The pass goes on: keep the lease.
    Keep,
    /// Done: clear the row if its generation is the claimed one, else leave it due.
    Done,
    /// Look again at `at`, with these hints, in this lane. After a failure (`attempts` above 0) the change is still
    /// under way and keeps its hearing; a look without one begins a new hearing at `at`.
    Again {
        /// When.
        at: Timestamp,
        /// What to read.
        hints: Hints,
        /// How often it failed in a row by now.
        attempts: u32,
    },
}

/// The end of a pass, or of one of its rounds.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The claim.
    pub claim: Claim,
    /// The deal's row as it is now; inserted if it is new. Decisions are not written by this.
    pub deal: Option<Deal>,
    /// Its new history.
    pub audit: Vec<AuditLine>,
    /// Intents that ended.
    pub intents: Vec<(String, IntentOutcome)>,
    /// What was learned for the births' index.
    pub index: Vec<IndexEntry>,
    /// Decisions of people that were carried out.
    pub consumed: Vec<i64>,
    /// What becomes of the work row.
    pub disposition: Disposition,
    /// The present instant.
    pub now: Timestamp,
    /// The effect whose outcome this commits, for the hold-point inside the transaction.
    pub effect: Option<EffectKind>,
}

/// One deal in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DealSummary {
    /// The deal.
    pub id: DealId,
    /// The opportunity.
    pub opportunity: Option<RecordId>,
    /// The referral.
    pub referral: Option<RecordId>,
    /// Microsoft's referral.
    pub companion: Option<RecordId>,
    /// Whether it is worked on.
    pub phase: Phase,
    /// Effects that wait for their time.
    pub waiting: usize,
    /// Why it cannot go on.
    pub problems: Vec<Problem>,
    /// When it was last committed.
    pub updated: Timestamp,
}

/// A losing value that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedRow {
    /// When.
    pub at: Timestamp,
    /// What.
    pub archived: Archived,
}

/// A brake that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrakeHold {
    /// The kind: `close`, `clear:notes`.
    pub kind: String,
    /// Since when.
    pub since: Timestamp,
    /// Deals that it stopped, at most 1,000.
    pub deals: Vec<DealId>,
}

/// A problem of a whole connection, not of one deal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionProblem {
    /// What it is about: `salesforce.field.Opportunity.Amount`.
    pub key: String,
    /// What is wrong.
    pub sentence: String,
    /// What a person does next.
    pub next_step: String,
    /// Since when.
    pub since: Timestamp,
}

/// Numbers over the whole store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All deals.
    pub deals: u64,
    /// Deals with both halves.
    pub pairs: u64,
    /// Deals with a problem.
    pub problems: u64,
    /// Effects that wait.
    pub waiting: u64,
    /// Paused deals.
    pub paused: u64,
    /// Finished deals.
    pub finished: u64,
    /// Work rows that are due.
    pub due: u64,
    /// Intents without an outcome.
    pub open_intents: u64,
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else holds the lease: nothing was changed.
    #[error("the lease {0} was lost; nothing was committed")]
    Fenced(String),
    /// The store belongs to another org or tenant.
    #[error(
        "this store belongs to {kind} {stored}, not to {given}; use another store file, or the right connection"
    )]
    Foreign {
        /// `Salesforce org` or `tenant`.
        kind: &'static str,
        /// The one it is bound to.
        stored: String,
        /// The one that was given.
        given: String,
    },
    /// Another process has the store open.
    #[error("another process has the store {0} open; stop it first, or use another store file")]
    InUse(String),
    /// The schema is newer or older than this program knows.
    #[error("the store's schema is version {found}, this program knows {known}; {next_step}")]
    Schema {
        /// The store's.
        found: u32,
        /// Ours.
        known: u32,
        /// What to do.
        next_step: &'static str,
    },
    /// A second link to one record: a bug, refused by the schema.
    #[error("refused by a uniqueness rule of the schema: {0}")]
    Duplicate(String),
    /// The database failed: full disk, broken file, read-only.
    #[error("the store failed: {0}")]
    Failed(String),
    /// A row does not parse: a damaged or foreign file.
    #[error("the store holds a row that does not parse: {0}")]
    Damaged(String),
}

/// The result of a store's method.
pub type StoreResult<T> = Result<T, StoreError>;

/// Durable state. One implementation on SQLite (embedded), one on PostgreSQL (many workers).
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Binds the store to one Salesforce org and one tenant, for ever; refuses any other.
    async fn bind(&self, org_id: &str, tenant_id: &str) -> StoreResult<()>;

    /// Begins service: leases of dead owners end, and waiting effects are put off by the time the service was away.
    /// Returns that time.
    async fn start(&self, owner: &str, now: Timestamp) -> StoreResult<SignedDuration>;

    /// Says that the service is alive, so that the time it was away can be told.
    async fn heartbeat(&self, now: Timestamp) -> StoreResult<()>;

    /// Takes or renews a named lease (a source's reader, an account key). `None` while another owner holds it.
    async fn lease(
        &self,
        name: &str,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Option<Fence>>;

    /// Gives a named lease back.
    async fn end_lease(&self, fence: &Fence) -> StoreResult<()>;

    /// Commits marks, index entries and cursors together. `fence` is the reader's lease; an event (a webhook) has none.
    /// Returns how many marks left a trace.
    async fn mark(
        &self,
        marks: &[Mark],
        index: &[IndexEntry],
        cursors: &[Cursor],
        fence: Option<&Fence>,
    ) -> StoreResult<usize>;

    /// The position of a source.
    async fn cursor(&self, source: &str) -> StoreResult<Option<String>>;

    /// Leases due work, oldest first within a lane.
    async fn claim(&self, request: &ClaimRequest) -> StoreResult<Vec<Claim>>;

    /// When the next work row is due, leased rows by the end of their lease.
    async fn next_due(&self) -> StoreResult<Option<Timestamp>>;

    /// Deals with everything that belongs to them; unknown ids are left out.
    async fn deals(&self, ids: &[DealId]) -> StoreResult<Vec<Deal>>;

    /// The deal that has this record as its half (or, for the portal, as its companion).
    async fn deal_of(&self, side: Side, record: &RecordId) -> StoreResult<Option<DealId>>;

    /// The deal of an engagement.
    async fn deal_of_engagement(&self, engagement: &RecordId) -> StoreResult<Option<DealId>>;

    /// The newest version stamps that the deals of these records have seen, for dropping what was seen already.
    async fn seen(&self, side: Side, records: &[RecordId])
    -> StoreResult<Vec<(RecordId, Option<Timestamp>)>>;

    /// Own referrals that carry this external reference.
    async fn referrals_with(&self, external: &Fingerprint) -> StoreResult<Vec<IndexEntry>>;

    /// Referrals of an engagement.
    async fn referrals_in(&self, engagement: &RecordId) -> StoreResult<Vec<IndexEntry>>;

    /// Whether a former link had this referral (its deal was relinked or forgotten).
    async fn was_linked(&self, referral: &RecordId) -> StoreResult<bool>;

    /// Makes archive, intents and brake counts durable before anything is sent.
    async fn write_ahead(&self, ahead: &WriteAhead) -> StoreResult<Prepared>;

    /// Ends a round or a pass.
    async fn commit(&self, commit: &Commit) -> StoreResult<()>;

    /// Intents of a deal without an outcome.
    async fn open_intents(&self, deal: &DealId) -> StoreResult<Vec<Intent>>;

    /// Writes a person's decision and marks the deal. Returns the decision's number.
    async fn decide(&self, deal: &DealId, verdict: &Verdict, by: &str, now: Timestamp) -> StoreResult<i64>;

    /// Brakes that hold.
    async fn brakes(&self) -> StoreResult<Vec<BrakeHold>>;

    /// Releases a brake, by a person; its deals are marked.
    async fn release_brake(&self, kind: &str, by: &str, now: Timestamp) -> StoreResult<bool>;

    /// Sets (`Some`) or clears (`None`) a connection's problem.
    async fn connection_problem(&self, key: &str, problem: Option<&ConnectionProblem>) -> StoreResult<()>;

    /// All problems of connections.
    async fn connection_problems(&self) -> StoreResult<Vec<ConnectionProblem>>;

    /// Deals after `after`, by id, at most `most`.
    async fn list(&self, after: Option<&DealId>, most: usize) -> StoreResult<Vec<DealSummary>>;

    /// A deal's history, newest first, at most `most`.
    async fn history(&self, deal: &DealId, most: usize) -> StoreResult<Vec<AuditLine>>;

    /// A deal's archive, newest first, at most `most`.
    async fn archive(&self, deal: &DealId, most: usize) -> StoreResult<Vec<ArchivedRow>>;

    /// Propagation times of the newest `most` audited writes, in milliseconds.
    async fn propagation(&self, most: usize) -> StoreResult<Vec<i64>>;

    /// Numbers over the whole store.
    async fn counts(&self, now: Timestamp) -> StoreResult<Counts>;
}
