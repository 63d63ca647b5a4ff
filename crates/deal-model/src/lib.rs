//! What one pass decides about one deal: pure functions over observations.
//!
//! No IO, no async, no clock, no wire types, no platform names (ARCHITECTURE.md, invariant 1). Given the same input
//! it returns the same plan.

mod guard;
mod ids;
mod lifecycle;
mod observation;
mod spec;
mod value;

pub use guard::Irreversible;
pub use ids::{DealId, FieldId, GroupId, PerSide, RecordId, Side};
pub use lifecycle::Life;
pub use observation::{Actor, CrmFacts, Facts, Observation, PortalFacts, Reading, Response, Sight, Version};
pub use spec::{
    Clear, Conflict, FieldSpec, Fit, GroupSpec, GuardSettings, Kind, Route, SetBounds, Specs, Switches,
};
pub use value::{Element, ElementKey, Elements, GroupHeld, Held, Observed, Value, display};
