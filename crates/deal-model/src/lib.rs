//! What one pass decides about one deal: pure functions over observations.
//!
//! No IO, no async, no clock, no wire types, no platform names (ARCHITECTURE.md, invariant 1). Given the same input
//! it returns the same plan.

mod asking;
mod births;
mod clocks;
mod deal;
mod decisions;
mod demands;
mod describe;
mod fit;
mod fuse;
mod groups;
mod guard;
mod ids;
mod latches;
mod lifecycle;
mod local_rules;
mod merge;
mod moves;
mod observation;
mod plan;
mod planner;
mod problem;
mod questions;
mod remap;
mod restoring;
mod rosters;
mod set_groups;
mod sets;
mod settle;
mod settle_sets;
mod spec;
mod third_party;
mod ties;
mod value;
mod window;

pub use deal::{
    CRM_ASKED_AGAIN, Deal, Fingerprint, Links, Memory, Phase, Rejection, Reported, WaitingEffect,
};
pub use decisions::{Decision, Matter, Verdict, carried_out};
pub use demands::{Code, CodeList, CodeStanding, Demands};
pub use fit::{DEFAULT_MINOR_UNITS, digest, fingerprint, fit_group};
pub use fuse::{CHAIN_LIMIT, CHAIN_TIME, Fuse};
pub use guard::{BEFORE_EXPIRY, Irreversible};
pub use ids::{DealId, FieldId, GroupId, PerSide, RecordId, Side};
pub use lifecycle::Life;
pub use local_rules::{LocalRule, LocalRules, Need, Spelling};
pub use merge::{Row, holds_alike};
pub use moves::{LIFE, STAGE};
pub use observation::{
    Actor, Barred, CompanionState, CrmFacts, Facts, Inviter, NotComputed, Observation, PortalFacts, Reading,
    Response, Sight, Version,
};
pub use plan::{Archived, Content, Effect, ElementChange, GroupDecision, Plan, Why, Write};
pub use planner::{PlanInput, READ_AGAIN, SETTLE, held, plan, sends};
pub use problem::{Problem, ProblemClass};
pub use questions::{Choice, Outcome, Question, pushing, questions, restoration};
pub use remap::{Definitions, Mapped, remapped};
pub use rosters::newly_left_out;
pub use sets::apply as apply_changes;
pub use settle::{EffectEnd, SettleInput, settle};
pub use spec::{
    Clear, Conflict, Endings, FieldSpec, Fit, GroupSpec, GuardSettings, Kind, Lack, Measure, Route, Sameness,
    SetBounds, Specs, Switches,
};
pub use ties::{People, Ties};
pub use value::{Element, ElementKey, Elements, GroupHeld, Held, Observed, Value, display};
pub use window::{CERTAIN_APART, Window};
