//! Every kept input of the fuzz targets that this crate owns, asked again.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use crate::{avro, naive_bitmaps};

#[path = "../../../../fuzz/src/bitmaps.rs"]
#[allow(unreachable_pub, reason = "public for its fuzzer")]
mod bitmaps;
#[path = "../../../../fuzz/src/change_event.rs"]
#[allow(unreachable_pub, reason = "public for its fuzzer")]
mod change_event;

/// Asks each input of a target. Returns how many were read, and how many there are.
fn replay(target: &str, mut check: impl FnMut(&[u8]) -> bool) -> (usize, usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort_unstable();
    let mut read = 0;
    for input in &inputs {
        let bytes = fs::read(input).unwrap();
        let answer = catch_unwind(AssertUnwindSafe(|| check(&bytes)));
        let Ok(is_read) = answer else {
            panic!("{} breaks a promise; which one, stands above", input.display())
        };
        read += usize::from(is_read);
    }
    (read, inputs.len())
}

#[test]
fn every_kept_event_is_read_whole_or_not_at_all() {
    let (read, kept) = replay("change_event", change_event::check);
    assert!(read >= 6 && kept > read, "{read} of {kept} are read");
}

#[test]
fn every_kept_bitmap_is_read_as_the_naive_reading_does() {
    let (_, kept) = replay("bitmaps", |data| {
        bitmaps::check(data);
        true
    });
    assert!(kept >= 8, "{kept} are kept");
}
