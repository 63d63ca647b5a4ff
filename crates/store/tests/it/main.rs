//! The store judged from outside: the port's contract, and what only an embedded file can do wrong.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed, and shows it")]

mod columns;
mod contract;
mod file;
mod ground;
mod model;
mod postgres;
mod resealed;
mod sealed;
mod tokens;
mod upkeep;
