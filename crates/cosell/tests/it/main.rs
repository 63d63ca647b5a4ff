//! The shipped program over real sockets, as a person and as an enemy would use it.

mod harness;

mod clones;
mod commands;
mod field_access;
mod foreign_client;
mod forgeries;
mod kills;
mod planted;
mod privacy;
mod scenarios;
