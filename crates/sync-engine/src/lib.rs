//! The loop: marks, work, passes, births, retries, budgets, recovery, audit.
//!
//! Ports: [`Side`] and [`Store`]. No SQL, no HTTP, no wire type of either platform.

mod blind;
mod engine;
mod fixed;
mod leads;
mod live;
mod pass;
mod questions;
mod remapping;
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
pub use remapping::REMAPPED;
pub use rewrites::{DealRewrites, Rewrite, StageDifference};
pub use settings::{
    BIRTH_MARGIN, BISECT_CALLS, EngineSettings, LOOK_AT_PROBLEMS_AGAIN, PAGES_A_TURN, REMEMBERED_KEYS,
    REPLANS, ROUNDS, SOURCE_TRIES, WAITING_BIRTHS,
};
pub use side::{
    Applied, CallScope, Change, Changes, Created, Hearing, NewRecord, Pace, Report, Seen, Side, SideError,
    Silence, Source, Stranger, WaitsFor, Wanted, What,
};
pub use store::{
    ArchivedRow, AuditLine, BrakeHold, BrakeLimit, Claim, ClaimRequest, Commit, ConnectionProblem,
    ConnectionWorked, Counts, Cursor, DealSummary, Decided, DecisionEnd, DecisionRow, Disposition, Fence,
    FixedPath, Hints, IndexEntry, Intent, IntentOutcome, Mark, NewDecision, Prepared, Store, StoreError,
    StoreResult, Subject, Target, WorkLane, WriteAhead,
};
pub use verify::{Difference, Preview, Proof, Standing};
