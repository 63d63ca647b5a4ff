//! Conformance of the sandbox: what the reference says, asked of the machines as a client would.

#![allow(
    clippy::unwrap_used,
    clippy::type_complexity,
    reason = "tables of cases, and what tests share, may panic"
)]

mod acting;
mod bodies;
mod breaking;
mod conformance;
mod conformance_salesforce;
mod corpus;
mod creating;
mod desk;
mod forms;
mod listing;
mod notifying;
mod page;
mod patching;
mod proving;
mod registering;
mod roles;
mod rules;
mod serving;
mod signing_in;
mod tokens;
mod trusting;
