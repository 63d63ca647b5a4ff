//! A process's own clock and disk, stepped and filled from outside, without any right.
//!
//! `troubles.c` stands between a process and the system's calls. It is compiled by the C compiler that Rust links with.

use std::{
    fs,
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use jiff::SignedDuration;

/// The troubles of one process, or of several that share a machine.
#[derive(Debug)]
pub(super) struct Troubles {
    /// Readable for everybody: a server may run as somebody else.
    _folder: tempfile::TempDir,
    file: PathBuf,
}

impl Troubles {
    /// None yet.
    pub(super) fn none() -> Self {
        let folder = open_folder();
        let file = folder.path().join("troubles");
        fs::write(&file, [0; 16]).unwrap();
        Self { _folder: folder, file }
    }

    /// What a process must be started with to have them.
    pub(super) fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![("LD_PRELOAD", library().to_owned()), ("COSELL_TROUBLES", self.file.clone())]
    }

    /// Sets the wall clock so far ahead, or back.
    pub(super) fn step_clock(&self, ahead: SignedDuration) {
        let milliseconds = i64::try_from(ahead.as_millis()).expect("no test steps a clock by ages");
        self.write(0, milliseconds);
    }

    /// Fills the disk up, or makes room.
    pub(super) fn fill_disk(&self, full: bool) {
        self.write(8, i64::from(full));
    }

    fn write(&self, at: u64, number: i64) {
        let file = fs::OpenOptions::new().write(true).open(&self.file).unwrap();
        file.write_all_at(&number.to_ne_bytes(), at).unwrap();
    }
}

fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// The library, compiled once a run.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = LIBRARY.get_or_init(|| {
        let folder = open_folder();
        let path = folder.path().join("troubles.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/black_box/troubles.c");
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&path)
            .arg(source)
            .output()
            .expect("these tests need the C compiler that Rust links with: install gcc or clang as cc");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        (folder, path)
    });
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(troubles: &Troubles, script: &str) -> (bool, String) {
        let output = Command::new("sh").args(["-c", script]).envs(troubles.environment()).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    #[test]
    fn a_clock_that_was_stepped_shows_another_time() {
        let troubles = Troubles::none();
        let now = || -> i64 { sh(&troubles, "date +%s").1.parse().unwrap() };
        let before = now();
        troubles.step_clock(SignedDuration::from_mins(-10));
        assert!((-620..-580).contains(&(now() - before)));
        troubles.step_clock(SignedDuration::from_mins(10));
        assert!((580..620).contains(&(now() - before)));
    }

    #[test]
    fn on_a_full_disk_what_is_there_may_be_written_over_and_nothing_grows() {
        let troubles = Troubles::none();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file").display().to_string();
        fs::write(&file, [0; 100]).unwrap();
        // One fills the last block up, the other stays in the file's present length.
        let longer = format!("shred --iterations=1 {file}");
        let over = format!("shred --iterations=1 --exact {file}");
        troubles.fill_disk(true);
        assert!(!sh(&troubles, &longer).0);
        assert!(sh(&troubles, &over).0);
        troubles.fill_disk(false);
        assert!(sh(&troubles, &longer).0);
    }
}
