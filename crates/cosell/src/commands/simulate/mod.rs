//! `cosell simulate`: this very program in a seeded world of people, faults and crashes.

mod product;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use simulation::{Mode, Outcome, Script};

use crate::output::{self, Format};

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

impl Simulate {
    pub(crate) fn run(self, format: Format) -> anyhow::Result<ExitCode> {
        // Each life of the simulated product has a runtime of its own, and none can begin inside another.
        std::thread::spawn(move || self.play(format))
            .join()
            .map_err(|_| anyhow!("the simulation broke off"))?
    }

    fn play(self, format: Format) -> anyhow::Result<ExitCode> {
        let mut holds = true;
        for seed in self.seed..=self.seed.saturating_add(self.more) {
            let script = Script {
                seed,
                steps: self.steps,
                mode: if self.mode == Proof::Safety { Mode::Safety } else { Mode::Liveness },
                without: self.without.clone(),
                whole_log: self.log.is_some(),
            };
            let outcome = simulation::run(&script, &product::ThisProgram).map_err(|why| anyhow!(why))?;
            if let Some(file) = &self.log {
                let text = outcome.log.join("\n") + "\n";
                std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
            }
            holds &= outcome.violations.is_empty();
            match format {
                Format::Json => output::json(&serde_json::json!({
                    "seed": seed, "command": script.command(), "outcome": outcome,
                }))?,
                Format::Text => print(&script, &outcome),
            }
        }
        Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn print(script: &Script, outcome: &Outcome) {
    let seconds = (outcome.took_ms.max(1) as f64) / 1_000.0;
    let verdict = if outcome.violations.is_empty() { "holds" } else { "FAILS" };
    output::line(format!(
        "seed {} {verdict}: {} passes ({:.0}/s), {} calls, {} deeds, {} lives, {} min of the world, log {} {}",
        script.seed,
        outcome.passes,
        outcome.passes as f64 / seconds,
        outcome.calls,
        outcome.deeds,
        outcome.lives,
        outcome.world_seconds / 60,
        outcome.lines,
        &outcome.digest[..16],
    ));
    for violation in &outcome.violations {
        output::line(format!("  {violation}"));
    }
    if !outcome.violations.is_empty() {
        output::line(format!("  again: {}", script.command()));
    }
}
