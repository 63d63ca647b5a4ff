//! The loop, on two small platforms in memory and the real store, under a clock that nobody waits for.

mod births;
mod guard;
mod looking;
mod passes;
mod platform;
mod refusals;
mod reports;
mod sources;
mod world;
