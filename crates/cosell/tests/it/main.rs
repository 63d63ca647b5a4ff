//! The shipped program over real sockets, as a person and as an enemy would use it.

// In a test, a failed unwrap is the failure.
#![allow(clippy::unwrap_used)]

mod calm;
mod harness;
mod postbox;

mod black_box;
mod clones;
mod commands;
mod company;
mod contract;
mod field_access;
mod foreign_client;
mod forgeries;
mod kills;
mod planted;
mod planted_bugs;
mod privacy;
mod promises;
mod rows;
mod scenarios;
mod simulation;
mod webhook_judges;
