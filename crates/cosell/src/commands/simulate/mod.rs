//! `cosell simulate`: this very program in a seeded world of people, faults and crashes.

mod overheard;
mod plant;
mod product;

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;
use simulation::{Mode, Outcome, Script};

use crate::output::{self, Format};
use plant::Plant;
use product::ThisProgram;

/// Runs this program in a simulated world, and says what must never be and was.
///
/// The same seed and options give the same run, step by step. Nothing outside
/// is called: both platforms, the network, people and time are simulated.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Everything follows from this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many more seeds are run after it, each one higher.
    #[arg(long, default_value_t = 0, value_name = "N")]
    more: u64,
    /// Steps of the world: something happens in each.
    #[arg(long, default_value_t = 400)]
    steps: u64,
    /// What is proven.
    #[arg(long, value_enum, default_value_t = Proof::Safety)]
    mode: Proof,
    /// Names of what is left out, as a failing run prints them.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    without: Vec<String>,
    /// Lets also happen what is seldom: leads, other partners' invitations,
    /// mistyped identifiers, rows that are held, rules, pauses, decisions. More
    /// judges speak: those that have not been tried on enough seeds yet.
    #[arg(long)]
    seldom: bool,
    /// Names of what alone may happen: all else is left out.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...", conflicts_with = "without")]
    only: Vec<String>,
    /// Fails also if a kind of fault, crash, deed or decision was never met by
    /// any of the seeds.
    #[arg(long)]
    every: bool,
    /// Prints a failing run as it is, instead of making it smaller first.
    #[arg(long)]
    as_it_is: bool,
    /// Ends with the first seed that fails.
    #[arg(long)]
    first: bool,
    #[command(flatten)]
    plant: Plant,
    /// Writes every line of the log into this file.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// What is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Proof {
    /// Nothing forbidden happens and nothing is lost, whatever goes wrong.
    Safety,
    /// Between what goes wrong, work gets done.
    Liveness,
}

/// All runs together, the last line of `--format json`.
#[derive(Debug, Default, Serialize)]
struct Sum {
    seeds: u64,
    failed: Vec<u64>,
    passes: u64,
    passes_a_second: u64,
    deeds_a_world_minute: f64,
    faults_per_20_passes: f64,
    /// What no seed has met, if that was asked for.
    missing: Vec<String>,
    counts: BTreeMap<String, u64>,
    #[serde(skip)]
    took_ms: u128,
    #[serde(skip)]
    deeds: u64,
    #[serde(skip)]
    world_seconds: i64,
}

impl Simulate {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        // Each life of the simulated product has a runtime of its own, and none can begin inside another.
        std::thread::spawn(move || self.play(format))
            .join()
            .map_err(|_| anyhow!("the simulation broke off"))?
    }

    fn play(self, format: Format) -> anyhow::Result<ExitCode> {
        let known = simulation::shrink::names();
        if let Some(unknown) = self.without.iter().chain(&self.only).find(|name| !known.contains(name)) {
            bail!("nothing is called {unknown}\n  fix: leave out one of {}", known.join(", "));
        }
        self.plant.arm();
        let _log = overheard::listen();
        let mut sum = Sum::default();
        for seed in self.seed..=self.seed.saturating_add(self.more) {
            let script = Script {
                seed,
                steps: self.steps,
                mode: if self.mode == Proof::Safety { Mode::Safety } else { Mode::Liveness },
                without: self.left_out(&known),
                seldom: self.seldom,
                whole_log: self.log.is_some(),
            };
            let outcome =
                simulation::run(&script, &ThisProgram).map_err(|why| anyhow!("seed {seed}: {why}"))?;
            if let Some(file) = &self.log {
                let text = outcome.log.join("\n") + "\n";
                std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
            }
            // Before it is made smaller, which takes many runs.
            if format == Format::Text {
                print(seed, &outcome);
            }
            let again = outcome.violations.first().map(|first| self.again(&script, first));
            match (format, again) {
                (Format::Json, again) => {
                    output::json(&json!({ "seed": seed, "again": again, "outcome": outcome }))?;
                }
                (Format::Text, Some(again)) => output::line(format!("  again: {again}")),
                (Format::Text, None) => {}
            }
            sum.add(seed, &outcome);
            if self.first && !sum.failed.is_empty() {
                break;
            }
        }
        sum.finish(self.every);
        match format {
            Format::Json => output::json(&sum)?,
            Format::Text => sum.print(),
        }
        let holds = sum.failed.is_empty() && sum.missing.is_empty();
        Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// What is left out of all that is known.
    fn left_out(&self, known: &[String]) -> Vec<String> {
        if self.only.is_empty() {
            return self.without.clone();
        }
        known.iter().filter(|name| !self.only.contains(name)).cloned().collect()
    }

    /// The command line that fails again.
    fn again(&self, script: &Script, violation: &str) -> String {
        let invariant = violation.split(':').next().unwrap_or_default();
        self.plant.again(if self.as_it_is {
            script.command()
        } else {
            simulation::shrink(script, invariant, &ThisProgram).command()
        })
    }
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.seeds += 1;
        if !outcome.violations.is_empty() {
            self.failed.push(seed);
        }
        self.passes += outcome.passes;
        self.deeds += outcome.deeds;
        self.world_seconds += outcome.world_seconds;
        self.took_ms += outcome.took_ms;
        for (name, times) in &outcome.counts {
            *self.counts.entry(name.clone()).or_default() += times;
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "rates for a person")]
    fn finish(&mut self, every: bool) {
        let took = u64::try_from(self.took_ms).unwrap_or(u64::MAX).max(1);
        self.passes_a_second = self.passes.saturating_mul(1_000) / took;
        self.deeds_a_world_minute = self.deeds as f64 * 60.0 / self.world_seconds.max(1) as f64;
        let faults = self.counts.iter().filter(|(name, _)| name.starts_with("fault."));
        let faults: u64 = faults.map(|(_, times)| times).sum();
        self.faults_per_20_passes = faults as f64 * 20.0 / self.passes.max(1) as f64;
        if every {
            self.missing = simulation::missing(&self.counts);
        }
    }

    fn print(&self) {
        output::line(format!(
            "{} seeds, {} failed; {} passes, {} a second; {:.1} deeds a minute of the world, {:.1} faults in 20 passes",
            self.seeds,
            self.failed.len(),
            self.passes,
            self.passes_a_second,
            self.deeds_a_world_minute,
            self.faults_per_20_passes,
        ));
        if !self.missing.is_empty() {
            output::line(format!("never met: {}", self.missing.join(", ")));
        }
    }
}

fn print(seed: u64, outcome: &Outcome) {
    let verdict = if outcome.violations.is_empty() { "holds" } else { "FAILS" };
    let took = u64::try_from(outcome.took_ms).unwrap_or(u64::MAX).max(1);
    output::line(format!(
        "seed {seed} {verdict}: {} passes ({}/s), {} lives, {} deeds, log {} {}",
        outcome.passes,
        outcome.passes.saturating_mul(1_000) / took,
        outcome.lives,
        outcome.deeds,
        outcome.lines,
        outcome.digest.get(..16).unwrap_or_default(),
    ));
    for violation in &outcome.violations {
        output::line(format!("  {violation}"));
    }
}
