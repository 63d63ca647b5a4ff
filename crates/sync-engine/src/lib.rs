//! The loop: marks, work, passes, births, retries, budgets, recovery, audit.
//!
//! Ports: [`Side`] and [`Store`]. No SQL, no HTTP, no wire type of either platform.

mod blind;
mod engine;
mod fixed;
mod leads;
mod live;
mod met;
mod pass;
mod pausing;
mod proving;
mod questions;
mod relinking;
mod remapping;
mod replay;
mod report;
mod rewrites;
mod rules;
mod settings;
mod side;
mod sources;
mod stop;
mod store;
mod strangers;
mod sweep;
mod verify;

pub use engine::{Engine, Parts};
pub use fixed::free_path;
pub use leads::{CrmLead, LEAD_NOTE, LeadBase, LeadMemory, LeadWrite, PortalLead};
pub use live::LiveSource;
pub use pass::Listener;
pub use pausing::resume;
pub use proving::{PROOF_PAGE, PROOF_PROBLEM, ProofTimes, ProvenPage, Proving};
pub use relinking::{Refusal, RelinkPreview, Relinking};
pub use remapping::REMAPPED;
pub use replay::{Replay, ReplayPreview, ReplayProgress, ReplayWish};
pub use rewrites::{DealRewrites, Rewrite, StageDifference};
pub use settings::{
    BIRTH_MARGIN, BISECT_CALLS, EngineSettings, LOOK_AT_PROBLEMS_AGAIN, LOOK_AT_PROBLEMS_MOST, PAGES_A_TURN,
    REMEMBERED_KEYS, REPLANS, ROUNDS, SOURCE_TRIES, WAITING_BIRTHS,
};
pub use side::{
    Applied, CallScope, Change, Changes, Created, Hearing, NewRecord, Pace, Report, Seen, Side, SideError,
    Silence, Source, Stranger, WaitsFor, Wanted, What,
};
pub use store::{
    ArchivedRow, AuditLine, Awaited, BrakeHold, BrakeLimit, ChainBreak, ChainHead, ChainPlace, ChainStep,
    Claim, ClaimRequest, Commit, ConnectionProblem, ConnectionWorked, Counts, Cursor, DealSummary, Decided,
    DecisionEnd, DecisionRow, Disposition, Entry, Fence, FixedPath, Flow, Forgotten, Hints, HistoryTotals,
    IndexEntry, Intent, IntentOutcome, KEPT_PROOFS, KeptProof, MOST_PAUSES, Mark, Mentions, NAMED_DEALS,
    NamedDeal, NewDecision, Pause, PauseScope, PauseWish, Prepared, Pruned, Resumed, Retention, Store,
    StoreError, StoreResult, Subject, Target, WorkLane, WriteAhead, time_outside,
};
pub use verify::{Difference, Preview, Proof, Standing};
