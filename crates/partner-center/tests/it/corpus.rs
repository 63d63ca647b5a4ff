//! Every kept input of the fuzz target that this crate owns, asked again.

use std::{fs, path::Path};

use crate::signer;

#[path = "../../../../fuzz/src/event.rs"]
#[allow(unreachable_pub, reason = "public for its fuzzer")]
mod event;

#[test]
fn of_every_kept_event_only_the_signed_one_is_believed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/event");
    let mut believed = Vec::new();
    let mut inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort_unstable();
    for input in inputs {
        println!("{}", input.display());
        if event::check(&fs::read(&input).unwrap()) {
            believed.push(input.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    // Those that are kept for being genuine; what the fuzzer finds may be genuine too, differently written.
    for genuine in ["genuine", "genuine-other-header"] {
        assert!(believed.iter().any(|name| name == genuine), "{believed:?} does not hold {genuine}");
    }
}
