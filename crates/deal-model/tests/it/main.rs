//! The rules as tables and as properties, from outside.

#![expect(clippy::unwrap_used, reason = "a test, and what tests share, may panic")]

mod births;
mod clocks;
mod computed;
mod corrected_addresses;
mod decisions;
mod demands;
mod expressions;
mod guard;
mod latches;
mod lifecycle;
mod merge;
mod properties;
mod random;
mod random_people;
mod remapping;
mod rosters;
mod sets;
mod settling;
mod tape;
mod world;
