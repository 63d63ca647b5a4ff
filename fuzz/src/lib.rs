//! What must hold whatever the bytes are: one module a target, used by its fuzzer and by the plain test that replays
//! its corpus in the crate that owns the code (`crates/*/tests/it/corpus.rs`).

#[path = "../../crates/salesforce/tests/it/avro.rs"]
#[allow(dead_code, reason = "written for more than is needed here")]
mod avro;
pub mod bitmaps;
pub mod change_event;
pub mod event;
pub mod filter;
pub mod mapping;
#[path = "../../crates/salesforce/tests/it/naive_bitmaps.rs"]
mod naive_bitmaps;
pub mod patch;
#[path = "../../crates/partner-center/tests/it/signer.rs"]
#[allow(dead_code, reason = "written for more than is needed here")]
mod signer;
pub mod soql;
