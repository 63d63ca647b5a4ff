//! `cosell simulate`: this very program in a seeded world of people, faults and crashes.

mod overheard;
mod plant;
mod product;

use std::{
    collections::{BTreeMap, VecDeque},
    num::NonZeroUsize,
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;
use simulation::{Mode, Outcome, Script};

use crate::output::{self, Format};
use plant::Plant;
use product::ThisProgram;

const READING: &str = "\
What it says of a seed: how often the program worked on a deal (passes), how
often it was started (lives), how often a person did something (deeds), and
lines and digest of the log. A seed that FAILS names the judge that saw it, and
what it saw; then follows the command line that shows the same with the least
that is needed for it. In the log of that line (--log FILE), look for the value
that the judge names, and read on from there.

Examples:
  cosell simulate --seed 17
  cosell simulate --seed 1 --more 99 --first
  cosell simulate --seed 1 --steps 60 --only seller_enters,both_type --log a.log";

/// Runs this program in a simulated world, and says what must never be and was.
///
/// The same seed and options give the same run, step by step. Nothing outside
/// is called: both platforms, the network, people and time are simulated.
#[derive(Debug, Args)]
#[command(after_help = READING)]
pub(crate) struct Simulate {
    /// Everything follows from this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many more seeds are run after it, each one higher.
    #[arg(long, default_value_t = 0, value_name = "N")]
    more: u64,
    /// How many seeds are run at once, each by a thread of its own [default: one
    /// for each processor].
    #[arg(long, value_name = "N")]
    at_once: Option<NonZeroUsize>,
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
    /// mistyped identifiers, rows that are held, rules, pauses, decisions.
    #[arg(long)]
    seldom: bool,
    /// Names of what happens besides, often: in every tenth step one of them.
    /// Some things happen only where they are named here.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    often: Vec<String>,
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
    deeds: u64,
    #[serde(skip)]
    world_seconds: i64,
}

impl Simulate {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        // Each life of the simulated product has a runtime of its own, and none can begin inside another.
        thread::spawn(move || self.play(format)).join().map_err(|_| anyhow!("the simulation broke off"))?
    }

    fn play(self, format: Format) -> anyhow::Result<ExitCode> {
        let known = simulation::shrink::names();
        let mut named = self.without.iter().chain(&self.only).chain(&self.often);
        if let Some(unknown) = named.find(|name| !known.contains(name)) {
            bail!("nothing is called {unknown}\n  fix: leave out one of {}", known.join(", "));
        }
        self.plant.arm();
        let sum = self.run_all(&known, format)?;
        match format {
            Format::Json => output::json(&sum)?,
            Format::Text => sum.print(),
        }
        let holds = sum.failed.is_empty() && sum.missing.is_empty();
        Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Runs the seeds, some at once, and tells of each in its turn.
    fn run_all(&self, known: &[String], format: Format) -> anyhow::Result<Sum> {
        let at_once =
            self.at_once.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let began = Instant::now();
        let mut sum = Sum::default();
        thread::scope(|scope| {
            let mut seeds = self.seed..=self.seed.saturating_add(self.more);
            let mut under_way = VecDeque::new();
            loop {
                while under_way.len() < at_once
                    && let Some(seed) = seeds.next()
                {
                    let script = self.script(seed, known);
                    under_way.push_back(scope.spawn(move || {
                        let _log = overheard::listen();
                        let outcome = simulation::run(&script, &ThisProgram);
                        (script, outcome)
                    }));
                }
                let Some(run) = under_way.pop_front() else { break };
                let (script, outcome) = run.join().map_err(|_| anyhow!("a simulated run broke off"))?;
                let outcome = outcome.map_err(|why| anyhow!("seed {}: {why}", script.seed))?;
                self.tell(&script, &outcome, format)?;
                sum.add(script.seed, &outcome);
                if self.first && !sum.failed.is_empty() {
                    break;
                }
            }
            sum.finish(self.every, began.elapsed());
            Ok(sum)
        })
    }

    fn script(&self, seed: u64, known: &[String]) -> Script {
        Script {
            seed,
            steps: self.steps,
            mode: if self.mode == Proof::Safety { Mode::Safety } else { Mode::Liveness },
            without: self.left_out(known),
            seldom: self.seldom,
            often: self.often.clone(),
            whole_log: self.log.is_some(),
        }
    }

    /// Tells of a run; of one that failed, also how it fails again.
    fn tell(&self, script: &Script, outcome: &Outcome, format: Format) -> anyhow::Result<()> {
        if let Some(file) = &self.log {
            let text = outcome.log.join("\n") + "\n";
            std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        // Before it is made smaller, which takes many runs.
        if format == Format::Text {
            print(script.seed, outcome);
        }
        let again = outcome.violations.first().map(|first| self.again(script, first));
        match (format, again) {
            (Format::Json, again) => {
                output::json(&json!({ "seed": script.seed, "again": again, "outcome": outcome }))?;
            }
            (Format::Text, Some(again)) => {
                output::line(if self.as_it_is { "  again:" } else { "  again, made as small as it gets:" });
                output::command(4, &again);
            }
            (Format::Text, None) => {}
        }
        Ok(())
    }

    /// What is left out of all that is known.
    fn left_out(&self, known: &[String]) -> Vec<String> {
        if self.only.is_empty() {
            return self.without.clone();
        }
        let named = |name: &&String| self.only.contains(name) || self.often.contains(name);
        known.iter().filter(|name| !named(name)).cloned().collect()
    }

    /// The command line that fails again.
    fn again(&self, script: &Script, violation: &str) -> String {
        let _log = overheard::listen();
        let invariant = violation.split(':').next().unwrap_or_default();
        self.plant.again(if self.as_it_is {
            shortly(script)
        } else {
            shortly(&simulation::shrink(script, invariant, &ThisProgram))
        })
    }
}

/// The script's command line; where less is left than is left out, it names what is left.
fn shortly(script: &Script) -> String {
    let line = script.command();
    let known = simulation::shrink::names();
    let left: Vec<String> = known.into_iter().filter(|name| !script.without.contains(name)).collect();
    if left.is_empty() || left.len() >= script.without.len() || line.contains(" --often ") {
        return line;
    }
    line.replace(&format!("--without {}", script.without.join(",")), &format!("--only {}", left.join(",")))
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
        for (name, times) in &outcome.counts {
            *self.counts.entry(name.clone()).or_default() += times;
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "rates for a person")]
    fn finish(&mut self, every: bool, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
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
        let seeds = if self.seeds == 1 { "1 seed".to_owned() } else { format!("{} seeds", self.seeds) };
        output::indented(
            0,
            &format!(
                "{seeds}, {} failed; {} passes, {} a second; {:.1} deeds a minute of the world, {:.1} faults in 20 passes",
                self.failed.len(),
                self.passes,
                self.passes_a_second,
                self.deeds_a_world_minute,
                self.faults_per_20_passes,
            ),
        );
        if !self.missing.is_empty() {
            output::labelled("never met", &self.missing.join(", "));
        }
    }
}

fn print(seed: u64, outcome: &Outcome) {
    let verdict = if outcome.violations.is_empty() { "holds" } else { "FAILS" };
    let took = u64::try_from(outcome.took_ms).unwrap_or(u64::MAX).max(1);
    output::indented(
        0,
        &format!(
            "seed {seed} {verdict}: {} passes ({}/s), {} lives, {} deeds, log {} {}",
            outcome.passes,
            outcome.passes.saturating_mul(1_000) / took,
            outcome.lives,
            outcome.deeds,
            outcome.lines,
            outcome.digest.get(..16).unwrap_or_default(),
        ),
    );
    for violation in &outcome.violations {
        output::indented(2, violation);
    }
    if let (false, Some(step)) = (outcome.violations.is_empty(), outcome.failed_at) {
        output::line(format!("  seen after step {step}"));
    }
}
