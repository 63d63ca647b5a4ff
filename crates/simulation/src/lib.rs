//! The whole system in one seeded, single-threaded world: the real engine, clients, service and store against the
//! sandbox's two platforms, with people, faults and crashes.
//!
//! **Reading a failing seed.** A run that fails prints what must never be and was, and one command line, already shrunk:
//! `cosell simulate --seed 17 --steps 212 --mode safety --without cut_after,seller_clones`. The same line gives the same
//! log, byte for byte, every time. Add `--log FILE` to have all of it. Lines are in the order of the world's time:
//!
//! ```text
//! 2026-01-05T08:03:11.2Z desk_types: 4b1c… 30051.22          a person did something
//! 2026-01-05T08:03:12.0Z #118 GET /services/data/… 9f3a01c2  the product calls; the last word stands for the body
//! 2026-01-05T08:03:12.0Z #118 meets cut_after                what the network makes of it
//! 2026-01-05T08:03:12.1Z #118 = connection to … broke        what the product is told
//! 2026-01-05T08:03:13.4Z the product died: after_effect      and begins again on the same store
//! ```
//!
//! Look for the value that the violation names, then for the calls after it. What belongs to a seed: its configuration
//! ([`Profile`]), what people do ([`people`]), what goes wrong ([`faults`]), where the product dies ([`crashes`]). Each
//! draws from a sequence of its own ([`dice`]), so that leaving something out changes as little as possible.
//!
//! What is rare needs a world that is made for it: what is named to happen often (`--often power_fails`) happens in every
//! tenth step, and liveness runs are then judged every 40 steps, after 20 minutes of fair weather, by whether every edit
//! has arrived.
//!
//! The product comes in through the trait [`Product`]; nothing here imports the rooms that are judged. What is always
//! true stands in [`judge`], one file each; what people typed stands in [`edits`].

// In a test, a failed unwrap is the failure.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod counters;
pub mod crashes;
pub mod dice;
pub mod edits;
pub mod faults;
pub mod judge;
pub mod log;
pub mod people;
pub mod product;
pub mod run;
pub mod scene;
pub mod shrink;
pub mod time;
pub mod world;

pub use counters::missing;
pub use product::{DealSeen, Eyes, Installed, Life, Lost, Outside, Product, Profile};
pub use run::{Mode, Outcome, Script, run};
pub use shrink::shrink;
