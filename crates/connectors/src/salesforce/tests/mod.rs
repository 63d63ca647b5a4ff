//! The CRM's side against the sandbox's org, in process and under a clock of the test's own.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod births;
mod bus;
mod catalogue;
mod contacts;
mod customers;
mod desk;
mod events;
mod families;
mod importing;
mod leads;
mod looking;
mod reading;
mod refusals;
mod rules;
mod sources;
mod team;
mod together;
mod writing;
