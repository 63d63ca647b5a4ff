//! The contract of the Referrals API, `contracts/referrals.openapi.json`, and who is held to it.
//!
//! The program and the sandbox are, by a validating proxy that nobody here wrote (`proxy`). The contract itself is
//! compared with the description that Microsoft published for its own connector (`published`), wherever that file
//! is at hand: the environment variable `COSELL_PUBLISHED_CONTRACT` says where. What may differ, and why, stands in
//! `contracts/differences.toml` and nowhere else (`differences`).

mod description;
mod differences;
mod proxy;
mod published;
mod scenarios;

use std::path::PathBuf;

/// Names the file of the published description. Without it, what needs that file is not judged.
const PUBLISHED: &str = "COSELL_PUBLISHED_CONTRACT";

/// A file of the contract's folder.
fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts")).join(name)
}

/// The published description, if somebody says where it is.
fn published() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(PUBLISHED).filter(|path| !path.is_empty())?);
    assert!(path.is_file(), "{PUBLISHED} names {}, which is no file", path.display());
    Some(path)
}
