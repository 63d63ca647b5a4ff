//! The Python package `cryptography` as a judge: its own path validation and its own RSA.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Case, Trusted};

/// The package, exactly.
const PACKAGE: &str = "cryptography==50.0.2";

/// What the judge does.
const SCRIPT: &str = include_str!("judge.py");

/// The interpreter of an environment of the test's own that has the package; made once, kept beside the build.
pub(super) fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("webhook-judges");
    let python = folder.join("bin/python");
    let version = PACKAGE.rsplit('=').next().unwrap();
    let asked = format!("import cryptography; assert cryptography.__version__ == '{version}'");
    let is_there = Command::new(&python).args(["-c", &asked]).stderr(Stdio::null()).status();
    if is_there.is_ok_and(|status| status.success()) {
        return python;
    }
    let folder = folder.to_str().unwrap();
    succeeds(
        Command::new("python3").args(["-m", "venv", "--clear", folder]),
        "python3 with venv is a prerequisite of this test\n  fix: apt-get install python3 python3-venv",
    );
    succeeds(
        Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            PACKAGE,
        ]),
        "pip could not install the second judge\n  fix: give this machine access to the Python package index",
    );
    python
}

fn succeeds(command: &mut Command, otherwise: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{otherwise}\n{error}"));
    assert!(output.status.success(), "{otherwise}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// What the package says of each case.
pub(super) fn judge(python: &Path, cases: &[Case], trusted: &Trusted) -> Vec<String> {
    let cases: Vec<Value> = cases
        .iter()
        .map(|case| {
            json!({ "body": STANDARD.encode(&case.letter.body), "signature": STANDARD.encode(case.signature()),
                "hash": case.hash(), "file": case.file })
        })
        .collect();
    let asked = json!({ "roots": trusted.roots, "intermediates": trusted.intermediates, "cases": cases });
    let mut process = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "the judge's program failed");
    serde_json::from_slice(&output.stdout).unwrap()
}
