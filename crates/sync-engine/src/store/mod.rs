//! The Store port: the state that lasts, and the transactions in which it changes (ARCHITECTURE.md, State that lasts).
//!
//! Contract, checked by one suite on every implementation:
//! - each method is one transaction: all of it happens, or nothing;
//! - whatever names a [`Fence`] changes nothing once somebody else holds the lease;
//! - a work row is cleared only by the generation that was claimed: a mark that came meanwhile survives;
//! - a cursor moves only together with its marks.

mod births;
mod commit;
mod custody;
mod decisions;
mod fixed;
mod overview;
mod pauses;
mod proofs;
mod work;

use async_trait::async_trait;
use deal_model::{Deal, DealId, Fingerprint, RecordId, Side};
use jiff::{SignedDuration, Timestamp};

use crate::LeadMemory;

pub use births::{IndexEntry, Intent, IntentOutcome};
pub use commit::{AuditLine, BrakeLimit, Commit, Prepared, WriteAhead};
pub use custody::{
    ChainBreak, ChainHead, ChainPlace, ChainStep, Forgotten, HistoryTotals, Mentions, Pruned, Retention,
};
pub use decisions::{Decided, DecisionEnd, DecisionRow, NewDecision};
pub use fixed::FixedPath;
pub use overview::{ArchivedRow, BrakeHold, ConnectionProblem, ConnectionWorked, Counts, DealSummary};
pub use pauses::{Flow, MOST_PAUSES, Pause, PauseScope, PauseWish, Resumed, time_outside};
pub use proofs::{KEPT_PROOFS, KeptProof, NAMED_DEALS, NamedDeal};
pub use work::{
    Awaited, Claim, ClaimRequest, Cursor, Disposition, Entry, Fence, Hints, Mark, Subject, Target, WorkLane,
};

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
    #[error(
        "another process has the store {0} open\n  fix: stop it first (`cosell run`, `cosell sync`), or let [store] path name another file"
    )]
    InUse(String),
    /// The schema is newer or older than this program knows.
    #[error("the store's schema is version {found}, this program knows {known}\n  fix: {next_step}")]
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
    /// The database's server does not answer, or stopped in the middle: the same may succeed a little later.
    #[error("the store's server does not answer: {0}")]
    Away(String),
    /// Another worker began with other rules: this one has no work any more.
    #[error(
        "another worker began with another configuration or mapping on this store, and this one ends: all workers of a \
         store go by the same\n  fix: start this one again with the configuration and the mapping of the others"
    )]
    OtherRules,
    /// A row does not parse: a damaged or foreign file.
    #[error("the store cannot be read: {0}")]
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

    /// Begins to work by these rules, from now on alone: if others were in force, the leases of all readers (`reader.*`, `replay.*`)
    /// are taken away, so that nothing is committed of what was read by them. If others were let in, the lists that were
    /// read are to be read as it says.
    async fn enter(&self, entry: &Entry) -> StoreResult<()>;

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

    /// Moves a cursor if it still stands at `from`; whether it did.
    async fn replace_cursor(&self, from: Option<&str>, to: &Cursor) -> StoreResult<bool>;

    /// Leases due work, oldest first within a lane.
    ///
    /// # Errors
    /// [`StoreError::OtherRules`] if there was work, and other rules are in force than those of the request.
    async fn claim(&self, request: &ClaimRequest) -> StoreResult<Vec<Claim>>;

    /// Waits until another process has marked something. It may be missed, or told for nothing: whoever waits looks by
    /// itself too. Never returns where one process has the store.
    async fn news(&self) {
        std::future::pending::<()>().await;
    }

    /// When the next work row is due, leased rows by the end of their lease.
    async fn next_due(&self) -> StoreResult<Option<Timestamp>>;

    /// Deals with everything that belongs to them; unknown ids are left out.
    async fn deals(&self, ids: &[DealId]) -> StoreResult<Vec<Deal>>;

    /// The deal that has this record as its half (or, for the portal, as its companion).
    async fn deal_of(&self, side: Side, record: &RecordId) -> StoreResult<Option<DealId>>;

    /// The deal of an engagement.
    async fn deal_of_engagement(&self, engagement: &RecordId) -> StoreResult<Option<DealId>>;

    /// Deals after `after`, by id, at most `most`, whose companion is known and may still answer.
    async fn open_companions(&self, after: Option<&DealId>, most: usize) -> StoreResult<Vec<DealId>>;

    /// The newest version stamps that the deals of these records have seen, for dropping what was seen already.
    async fn seen(&self, side: Side, records: &[RecordId])
    -> StoreResult<Vec<(RecordId, Option<Timestamp>)>>;

    /// Own referrals that carry this external reference.
    async fn referrals_with(&self, external: &Fingerprint) -> StoreResult<Vec<IndexEntry>>;

    /// Referrals of an engagement.
    async fn referrals_in(&self, engagement: &RecordId) -> StoreResult<Vec<IndexEntry>>;

    /// Whether a former link had this referral (its deal was relinked or forgotten).
    async fn was_linked(&self, referral: &RecordId) -> StoreResult<bool>;

    /// What is kept of a referral that is a lead.
    async fn lead(&self, referral: &RecordId) -> StoreResult<Option<LeadMemory>>;

    /// Keeps what is known of a lead, under the claim of its referral.
    async fn keep_lead(&self, fence: &Fence, referral: &RecordId, memory: &LeadMemory) -> StoreResult<()>;

    /// Makes archive, intents and brake counts durable before anything is sent.
    async fn write_ahead(&self, ahead: &WriteAhead) -> StoreResult<Prepared>;

    /// Ends a round or a pass.
    async fn commit(&self, commit: &Commit) -> StoreResult<()>;

    /// Intents of a deal without an outcome.
    async fn open_intents(&self, deal: &DealId) -> StoreResult<Vec<Intent>>;

    /// Writes a person's decision with its line of history, and marks the deal; unless another one about the same matter
    /// is open. Also by a command beside the store's owner.
    async fn decide(&self, decision: &NewDecision) -> StoreResult<Decided>;

    /// A deal's decisions, newest first, at most `most`, those that ended included.
    async fn decisions(&self, deal: &DealId, most: usize) -> StoreResult<Vec<DecisionRow>>;

    /// Brakes that hold.
    async fn brakes(&self) -> StoreResult<Vec<BrakeHold>>;

    /// Releases a brake, by a person; its deals are marked. Also by a command beside the store's owner.
    async fn release_brake(&self, kind: &str, by: &str, now: Timestamp) -> StoreResult<bool>;

    /// Sets (`Some`) or clears (`None`) a connection's problem.
    async fn connection_problem(&self, key: &str, problem: Option<&ConnectionProblem>) -> StoreResult<()>;

    /// All problems of connections.
    async fn connection_problems(&self) -> StoreResult<Vec<ConnectionProblem>>;

    /// A connection was seen to work: its problem is over. `saw` is for a person. Also by a command beside the store's
    /// owner.
    async fn connection_worked(&self, key: &str, at: Timestamp, saw: &str) -> StoreResult<()>;

    /// When each connection was last seen to work, and what was seen, by key.
    async fn connections_worked(&self) -> StoreResult<Vec<ConnectionWorked>>;

    /// Remembers a place that the portal was seen to refuse changes of.
    async fn fix_path(&self, fixed: &FixedPath) -> StoreResult<()>;

    /// All such places, by path.
    async fn fixed_paths(&self) -> StoreResult<Vec<FixedPath>>;

    /// Forgets one with what was told of it, and if it was known, moves the cursor; whether it was. Also by a command
    /// beside the store's owner.
    async fn free_path(&self, path: &str, problem: &str, then: &Cursor) -> StoreResult<bool>;

    /// Pauses a deal, a flow or everything, for a person. What was paused already, if it was; then nothing was written.
    /// While a deal or everything is paused, `claim` and `next_due` pass over what no pass may begin, `write_ahead` lets
    /// nothing leave, and the time does not count for what waits. Nor does it let leave what was planned with a flow that
    /// is paused by now. A paused deal itself is claimed, so that its seller is
    /// told. Also by a command beside the store's owner.
    async fn pause(&self, wish: &PauseWish) -> StoreResult<Option<Pause>>;

    /// Resumes what was paused; what it was. What waited is put off by the time that nothing else paused it too. A deal is
    /// marked; for a flow and for everything, the cursor moves. Also by a command beside the store's owner.
    async fn resume(&self, wish: &PauseWish, then: &Cursor) -> StoreResult<Option<Pause>>;

    /// What is paused, oldest first; never more than [`MOST_PAUSES`].
    async fn pauses(&self) -> StoreResult<Vec<Pause>>;

    /// What was ever paused, newest first, at most `most`.
    async fn pause_history(&self, most: usize) -> StoreResult<Vec<Pause>>;

    /// Keeps a proof, and sets or clears the connection's problem under `key` with it, unless one that began later is kept
    /// already: then what that one found stands. The oldest beyond [`KEPT_PROOFS`] go. With `under`, it is kept by the
    /// holder of that lease alone, and the cursor moves with it. Also by a command beside the store's owner.
    async fn keep_proof(
        &self,
        proof: &KeptProof,
        key: &str,
        problem: Option<&ConnectionProblem>,
        under: Option<(&Fence, &Cursor)>,
    ) -> StoreResult<()>;

    /// The kept proofs, the one that began last first, at most `most`.
    async fn proofs(&self, most: usize) -> StoreResult<Vec<KeptProof>>;

    /// Moves cursors by which a person asks something of the service. Also by a command beside the store's owner.
    async fn ask(&self, cursors: &[Cursor]) -> StoreResult<()>;

    /// Work on referrals without a deal that failed is due at once, as if it had never failed; at most `most`, and how
    /// many. Also by a command beside the store's owner.
    async fn hurry(&self, now: Timestamp, most: usize) -> StoreResult<usize>;

    /// Takes the record of `side` from a deal that has no other half and nothing under way, so that the deal `to` can have
    /// it; the line is its history's last. It remembers nothing more, and is forgotten with `to`. False, and nothing is
    /// changed, if it is not so, or a pass has the deal.
    async fn give_up(
        &self,
        deal: &DealId,
        side: Side,
        to: &DealId,
        line: &AuditLine,
        now: Timestamp,
    ) -> StoreResult<bool>;

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

    /// Destroys the keys of what history and archive hold of a subject, with its decisions; and what the store remembers
    /// of the deal, unless it is kept in step. Whoever works on it commits nothing. A line of history says so, and names
    /// nobody. Also by a command beside the store's owner.
    async fn forget(&self, subject: &Subject, mapping: &str, now: Timestamp) -> StoreResult<Forgotten>;

    /// Makes sure that what was erased lingers in no page or log of the store. Also by a command beside its owner.
    async fn scrub(&self) -> StoreResult<()>;

    /// When the values of a deal were last erased.
    async fn forgotten(&self, deal: &DealId) -> StoreResult<Option<Timestamp>>;

    /// Looks at the next `most` deals, then referrals, for an e-mail address in whatever the store holds of them.
    async fn mentions(&self, address: &str, after: Option<&Subject>, most: usize) -> StoreResult<Mentions>;

    /// Heads of chains of history after `after`, by subject, at most `most`.
    async fn chains(&self, after: Option<&str>, most: usize) -> StoreResult<Vec<ChainHead>>;

    /// Recomputes the next `most` links of a chain.
    async fn prove_chain(&self, head: &ChainHead, from: &ChainPlace, most: usize) -> StoreResult<ChainStep>;

    /// Whether the chains count as many lines as there are.
    async fn history_totals(&self) -> StoreResult<HistoryTotals>;

    /// Lets go of what is older than it is kept, at most `most` rows of each kind. Chains stay provable.
    async fn prune(&self, keep: &Retention, now: Timestamp, most: usize) -> StoreResult<Pruned>;
}
