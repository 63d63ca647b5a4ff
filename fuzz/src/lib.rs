//! What must hold whatever the bytes are: one module a target, used by its fuzzer and by the plain test that replays
//! its corpus in the crate that owns the code (`crates/*/tests/it/corpus.rs`).

pub mod event;
pub mod filter;
pub mod patch;
#[path = "../../crates/partner-center/tests/it/signer.rs"]
#[allow(dead_code, reason = "written for more than is needed here")]
mod signer;
