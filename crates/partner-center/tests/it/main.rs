//! The client against a scripted platform: every documented variant of an answer, every way of forging an event.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod corpus;
mod hostile;
mod platform;
mod referrals;
mod registration;
mod sign_in;
mod signer;
mod tokens;
mod webhooks;
