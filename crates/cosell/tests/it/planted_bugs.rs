//! Every planted bug is found by the simulation, and the same run without it holds: a judge that no mistake can wake has
//! shown nothing.
//!
//! The seeds stand in `planted_bugs.txt`. They move whenever the simulated world changes; `.ci/planted-bugs --write`
//! searches new ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::Mutex,
    thread,
};

use planted::Bug;
use serde_json::Value;

use crate::harness::COSELL;

/// A bug, and the run that shows it.
#[derive(Debug)]
struct Known {
    bug: Bug,
    seed: &'static str,
    steps: &'static str,
    mode: &'static str,
    /// What alone happens; `-` for everything.
    only: &'static str,
    /// What happens besides, often; `-` for nothing.
    often: &'static str,
    judge: &'static str,
}

fn known() -> Vec<Known> {
    let rows = include_str!("planted_bugs.txt").lines().filter(|line| !line.starts_with('#'));
    rows.map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [bug, seed, steps, mode, only, often, judge] => {
            let bug = Bug::named(bug).unwrap_or_else(|| panic!("{line}"));
            Known { bug, seed, steps, mode, only, often, judge }
        }
        _ => panic!("{line}"),
    })
    .collect()
}

/// The judges that spoke in a run, the first one first.
fn spoke(known: &Known, plant: bool) -> Vec<String> {
    let mut command = Command::new(COSELL);
    let run = ["--seed", known.seed, "--steps", known.steps, "--mode", known.mode, "--as-it-is"];
    command.args(["simulate", "--format", "json"]).args(run);
    for (option, names) in [("--only", known.only), ("--often", known.often)] {
        if names != "-" {
            command.args([option, names]);
        }
    }
    if plant {
        command.args(["--plant", known.bug.name()]);
    }
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let run: Value = serde_json::from_str(told.lines().next().unwrap_or_default())
        .unwrap_or_else(|_| panic!("{known:?}: {told}{}", String::from_utf8_lossy(&output.stderr)));
    let violations = run["outcome"]["violations"].as_array().unwrap().iter();
    violations.map(|what| what.as_str().unwrap().split(':').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_planted_bug_has_a_seed_that_shows_it() {
    let shown: BTreeSet<Bug> = known().iter().map(|row| row.bug).collect();
    assert_eq!(shown, Bug::ALL.iter().copied().collect());
}

#[test]
fn the_simulation_finds_each_planted_bug_and_nothing_where_there_is_none() {
    let rows = known();
    let left = Mutex::new(rows.iter());
    let table = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(row) = left.lock().unwrap().next() else { return };
                    let told = (spoke(row, true), spoke(row, false));
                    table.lock().unwrap().insert(row.bug, (row, told));
                }
            });
        }
    });
    let table = table.into_inner().unwrap();
    for (bug, (row, (with, without))) in &table {
        println!(
            "{:28} seed {:>5} steps {:>4} {:9} {}{}",
            bug.name(),
            row.seed,
            row.steps,
            row.mode,
            with.first().map_or("NOT FOUND", String::as_str),
            if without.is_empty() { "" } else { ", AND WITHOUT IT" },
        );
    }
    assert_eq!(table.len(), rows.len(), "a run broke off");
    for (row, (with, without)) in table.values() {
        assert!(with.iter().any(|judge| judge == row.judge), "{row:?}: {with:?}");
        assert!(without.is_empty(), "{row:?} fails without the bug: {without:?}");
    }
}
