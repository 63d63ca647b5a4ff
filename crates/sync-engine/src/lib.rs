//! The loop: marks, work, passes, births, retries, budgets, recovery, audit.
//!
//! Ports: `Side` and [`Store`]. No SQL, no HTTP, no wire type of either platform.

mod side;
mod store;

pub use side::*;
pub use store::*;
