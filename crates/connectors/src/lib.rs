//! The two sides of a deal as the engine sees them. Wire types of the platforms end here.

mod finding;
pub mod partner_center;
pub mod salesforce;

pub use finding::{Finding, Verdict};
