//! The `Store` port on a database: the state that lasts, and the transactions in which it changes.
//!
//! [`SqliteStore`] is the embedded default: one file, one process, called synchronously inside the async methods, so
//! that a simulation under a paused clock sees every step. A second dialect stands beside [`sqlite`] with the same
//! file names. One contract suite (`tests/it/contract.rs`) judges every implementation.
//!
//! What is **not** here: no decision about a deal, no wire type, no HTTP, no clock but the one that is handed in.

mod chain;
mod columns;
mod deal_columns;
mod erasing;
mod ledger;
mod mention;
mod options;
mod sealing;
pub mod sqlite;

pub use options::{Options, SealKey};
pub use sqlite::SqliteStore;
