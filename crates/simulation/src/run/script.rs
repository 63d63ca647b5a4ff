//! What is run, and what came of it.

use std::collections::BTreeMap;

use serde::Serialize;

/// What is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Faults everywhere and all the time; nothing forbidden happens, and nothing is lost.
    Safety,
    /// Faults come and go; between them the product must get on.
    Liveness,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Everything follows from it.
    pub seed: u64,
    /// Steps of the world.
    pub steps: u64,
    /// What is proven.
    pub mode: Mode,
    /// Names of deeds, mishaps, troubles, places to die and changes that are left out.
    pub without: Vec<String>,
    /// Whether also happens what is seldom. Runs without it are the same as if there were none of it.
    pub seldom: bool,
    /// Names of what happens besides, and often: a world made for it.
    pub often: Vec<String>,
    /// Whether every line of the log is kept.
    pub whole_log: bool,
}

impl Script {
    pub(super) fn leaves_in(&self, name: &str) -> bool {
        !self.without.iter().any(|left_out| left_out == name)
    }

    /// The command line that does this again.
    pub fn command(&self) -> String {
        let mode = match self.mode {
            Mode::Safety => "safety",
            Mode::Liveness => "liveness",
        };
        let mut line = format!("cosell simulate --seed {} --steps {} --mode {mode}", self.seed, self.steps);
        if self.seldom {
            line.push_str(" --seldom");
        }
        if !self.often.is_empty() {
            line.push_str(" --often ");
            line.push_str(&self.often.join(","));
        }
        if !self.without.is_empty() {
            line.push_str(" --without ");
            line.push_str(&self.without.join(","));
        }
        line
    }
}

/// What came of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// What must never be, and was. Empty: the run holds.
    pub violations: Vec<String>,
    /// The step after which the first of them was seen.
    pub failed_at: Option<u64>,
    /// Lines of the log.
    pub lines: u64,
    /// Digest of the log.
    pub digest: String,
    /// Lives that the product had.
    pub lives: u64,
    /// Deals that were worked on.
    pub passes: u64,
    /// Calls that the product made.
    pub calls: u64,
    /// Things that people did.
    pub deeds: u64,
    /// Seconds of the world's time until people stopped.
    pub world_seconds: i64,
    /// What happened at least sometimes.
    pub counts: BTreeMap<String, u64>,
    /// Milliseconds of real time; not part of the log.
    pub took_ms: u128,
    /// The newest lines of the log, or all of them.
    #[serde(skip)]
    pub log: Vec<String>,
}
