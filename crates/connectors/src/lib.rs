//! The two sides of a deal as the engine sees them. Wire types of the platforms end here.

pub mod partner_center;
pub mod salesforce;
