//! The simulation: one seed is one run, byte for byte, and what it proves holds for some that are kept.

use std::process::Command;

use serde_json::Value;

use crate::harness::COSELL;

/// Runs `cosell simulate` in a process of its own; what its runs came to, and all of them together.
fn simulated(arguments: &[&str]) -> (bool, Vec<Value>) {
    let output =
        Command::new(COSELL).args(["simulate", "--format", "json"]).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.success(), lines)
}

#[test]
fn the_same_seed_in_two_processes_gives_the_same_log_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let log = |name: &str| {
        let file = folder.path().join(name);
        let (holds, lines) =
            simulated(&["--seed", "5", "--steps", "40", "--seldom", "--log", file.to_str().unwrap()]);
        assert!(holds, "{lines:#?}");
        (std::fs::read_to_string(file).unwrap(), lines[0]["outcome"]["digest"].clone())
    };
    let (once, again) = (log("once"), log("again"));
    assert!(
        once.0.lines().count() > 200,
        "a run of 40 steps has more to tell than {} lines",
        once.0.lines().count()
    );
    assert_eq!(once, again);
}

#[test]
fn a_seed_that_runs_beside_others_is_the_run_that_it_is_alone() {
    let digests = |seeds: &[&str]| -> Vec<Value> {
        let (_, lines) = simulated(&[seeds, &["--steps", "12", "--seldom", "--as-it-is"]].concat());
        lines[..lines.len() - 1].iter().map(|line| line["outcome"]["digest"].clone()).collect()
    };
    let beside = digests(&["--seed", "3", "--more", "3", "--at-once", "4"]);
    let alone: Vec<Value> = ["3", "4", "5", "6"].iter().flat_map(|seed| digests(&["--seed", seed])).collect();
    assert_eq!(beside, alone);
}

#[test]
fn another_seed_is_another_world() {
    let digest = |seed: &str| simulated(&["--seed", seed, "--steps", "3"]).1[0]["outcome"]["digest"].clone();
    assert_ne!(digest("6"), digest("7"));
}

#[test]
fn leaving_out_what_nothing_is_called_is_refused_with_the_names_there_are() {
    let output = Command::new(COSELL).args(["simulate", "--without", "rain"]).output().unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("nothing is called rain") && told.contains("cut_after"), "{told}");
}

#[test]
fn few_steps_do_not_meet_everything_and_that_is_told() {
    let (holds, lines) = simulated(&["--seed", "1", "--steps", "2", "--every"]);
    let missing = lines.last().unwrap()["missing"].as_array().unwrap();
    assert!(!holds && missing.iter().any(|name| name == "fault.cut_after"), "{missing:?}");
}
