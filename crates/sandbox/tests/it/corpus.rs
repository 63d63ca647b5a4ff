//! Every kept input of the fuzz targets that this crate owns, asked again.

use std::{fs, path::Path};

#[path = "../../../../fuzz/src/filter.rs"]
#[allow(unreachable_pub, reason = "public for its fuzzer")]
mod filter;
#[path = "../../../../fuzz/src/patch.rs"]
#[allow(unreachable_pub, reason = "public for its fuzzer")]
mod patch;
#[path = "../../../../fuzz/src/soql.rs"]
#[allow(unreachable_pub, reason = "public for its fuzzer")]
mod soql;

/// Asks each input of a target.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort_unstable();
    assert!(inputs.len() >= 10, "{} is nearly empty", folder.display());
    for input in inputs {
        let bytes = fs::read(&input).unwrap();
        let kept = std::panic::catch_unwind(|| check(&bytes)).is_ok();
        assert!(kept, "{} breaks a promise; which one, stands above", input.display());
    }
}

#[test]
fn every_kept_filter_keeps_its_promises() {
    replay("filter", filter::check);
}

#[test]
fn every_kept_patch_keeps_its_promises() {
    replay("patch", patch::check);
}

#[test]
fn every_kept_query_keeps_its_promises() {
    replay("soql", soql::check);
}
