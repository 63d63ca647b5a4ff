//! The loop, on two small platforms in memory and the real store, under a clock that nobody waits for.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed, and shows it")]

mod adopting;
mod births;
mod clocks;
mod guard;
mod leads;
mod live;
mod looking;
mod passes;
mod pausing;
mod platform;
mod proving;
mod refusals;
mod released;
mod relinking;
mod replaying;
mod reports;
mod retrying;
mod rules;
mod sources;
mod store_fails;
mod world;
