//! The portal's side against a scripted platform and against the sandbox's.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod refused_places;
mod registering;
mod sandboxed;
mod scripted;
mod stage;
