//! Every kept input of the fuzz target that this crate owns, asked again.

use std::{fs, path::Path};

#[path = "../../../../fuzz/src/mapping.rs"]
#[allow(unreachable_pub, reason = "public for its fuzzer")]
mod fuzzed;

#[test]
fn every_kept_mapping_is_told_with_fixes_that_come_to_an_end() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/mapping");
    let mut inputs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort_unstable();
    assert!(inputs.len() >= 20, "{} inputs", inputs.len());
    for input in inputs {
        fuzzed::check(&fs::read(input).unwrap());
    }
}
