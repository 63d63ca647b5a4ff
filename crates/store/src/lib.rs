//! The `Store` port on a database: the state that lasts, and the transactions in which it changes.
//!
//! [`SqliteStore`] is the embedded default: one file, one process, called synchronously inside the async methods, so
//! that a simulation under a paused clock sees every step. [`PostgresStore`] is for many workers: [`postgres`] has the same
//! file names, and shares with [`sqlite`] whatever is not SQL. One contract suite (`tests/it/contract.rs`) judges every implementation.
//!
//! What is **not** here: no decision about a deal, no wire type, no HTTP, no clock but the one that is handed in.

mod chain;
mod checkup;
mod columns;
mod database;
mod deal_columns;
mod erasing;
mod ledger;
mod lending;
mod mention;
mod options;
mod pausing;
pub mod postgres;
mod remarks;
mod sealing;
pub mod sqlite;
mod token_seal;
mod waiting;

pub use checkup::Looked;
pub use database::{Database, KeyPlace, OrgFact, Remark, Resealed};
pub use options::{Options, SealKey};
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
