//! `cosell solutions import`: makes the catalogue say what a file says.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use connectors::salesforce::{CatalogueSolution, KnownSolution, SolutionWrite, WriteEnd};
use serde_json::{Value, json};
use sync_engine::SideError;

use super::{
    SCOPE, as_json, file, known, told,
    waking::{self, Woken},
    wired,
};
use crate::{
    output::{self, Format},
    wiring::Wired,
};

/// Fills the catalogue from a file. Without --apply nothing is written.
///
/// The file is CSV, whose first line names the columns, or a JSON list of
/// objects with the same keys; its name ends in .csv or .json:
///
///   id          the solution's id at Partner Center; each once
///   name, publisher, type, partner_id
///   ready       true or false: whether it is co-sell ready
///   active      true or false: whether it is still sold
///
/// Only id is needed. What is empty, or has no column, stays as it is; a new
/// solution is active and not ready unless the file says otherwise. Nothing is
/// deleted. A solution that somebody changed meanwhile is left alone. Running
/// it again does nothing, or goes on where it was interrupted. Deals that
/// waited for a solution are looked at now. Exit status 1 if anything was not
/// written.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Import {
    /// The file: .csv or .json.
    file: PathBuf,
    /// Make it so.
    #[arg(long)]
    apply: bool,
    /// Solutions that the file lacks become inactive.
    #[arg(long)]
    deactivate_missing: bool,
}

/// What becomes of one solution.
struct Step {
    deed: Deed,
    write: SolutionWrite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Create,
    Change,
    Deactivate,
}

impl Deed {
    const ALL: [Self; 3] = [Self::Create, Self::Change, Self::Deactivate];

    fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Deactivate => "deactivate",
        }
    }
}

impl Import {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let stated = file::load(&self.file)?;
        if self.deactivate_missing && stated.is_empty() {
            bail!(
                "{} states no solution: every solution of the catalogue would become inactive\n  fix: give a whole file, \
                 or leave --deactivate-missing out",
                self.file.display()
            );
        }
        let wired = wired(config)?;
        let steps = steps(stated, &known(&wired).await?, self.deactivate_missing);
        let done = if self.apply { Some(apply(&wired, &steps).await?) } else { None };
        // Also when nothing is left to write: an import before may have ended between its writes and this.
        let woken = if self.apply { waking::wake(&wired).await } else { Ok(Woken::default()) };
        // What was written is told before what went wrong after it.
        match format {
            Format::Json => output::json(&as_one(&steps, done.as_ref(), woken.as_ref().ok()))?,
            Format::Text => print(&steps, done.as_ref()),
        }
        let woken = woken.context("the deals that wait for solutions were not woken: run this again")?;
        if format == Format::Text {
            woken.print();
        }
        let is_whole = done.is_none_or(|done| done.count("written") == steps.len());
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What became of all steps that were to be applied.
struct Done {
    /// Of each step, as a word, and why it was refused.
    ends: Vec<(&'static str, Option<String>)>,
    /// What ended the import before all was sent.
    stopped: Option<String>,
}

impl Done {
    /// How many steps ended so.
    fn count(&self, word: &str) -> usize {
        self.ends.iter().filter(|(end, _)| *end == word).count()
    }
}

/// What the catalogue lacks of what the file states.
fn steps(stated: Vec<CatalogueSolution>, known: &[KnownSolution], deactivate_missing: bool) -> Vec<Step> {
    let mut left: BTreeMap<String, &KnownSolution> =
        known.iter().map(|known| (known.solution.id.to_ascii_lowercase(), known)).collect();
    let mut steps = Vec::new();
    for solution in stated {
        let Some(known) = left.remove(&solution.id.to_ascii_lowercase()) else {
            let (ready, active) = (solution.ready.or(Some(false)), solution.active.or(Some(true)));
            let solution = CatalogueSolution { ready, active, ..solution };
            steps.push(Step { deed: Deed::Create, write: SolutionWrite { to: None, solution } });
            continue;
        };
        let solution = changed(solution, &known.solution);
        if solution != (CatalogueSolution { id: solution.id.clone(), ..CatalogueSolution::default() }) {
            let write = SolutionWrite { to: Some((known.record, known.stamp)), solution };
            steps.push(Step { deed: Deed::Change, write });
        }
    }
    let missing =
        left.into_values().filter(|known| deactivate_missing && known.solution.active != Some(false));
    steps.extend(missing.map(|known| {
        let id = known.solution.id.clone();
        let solution = CatalogueSolution { id, active: Some(false), ..CatalogueSolution::default() };
        let write = SolutionWrite { to: Some((known.record, known.stamp)), solution };
        Step { deed: Deed::Deactivate, write }
    }));
    steps
}

/// What of `stated` is not so already.
fn changed(stated: CatalogueSolution, known: &CatalogueSolution) -> CatalogueSolution {
    let text = |said: Option<String>, held: &Option<String>| said.filter(|said| Some(said) != held.as_ref());
    let flag = |said: Option<bool>, held: Option<bool>| said.filter(|said| *said != held.unwrap_or_default());
    CatalogueSolution {
        id: stated.id,
        name: text(stated.name, &known.name),
        publisher: text(stated.publisher, &known.publisher),
        solution_type: text(stated.solution_type, &known.solution_type),
        partner_id: text(stated.partner_id, &known.partner_id),
        ready: flag(stated.ready, known.ready),
        active: flag(stated.active, known.active),
    }
}

/// Writes them, until a call fails.
async fn apply(wired: &Wired, steps: &[Step]) -> anyhow::Result<Done> {
    let writes: Vec<SolutionWrite> = steps.iter().map(|step| step.write.clone()).collect();
    let all = wired.crm.write_catalogue(&writes, SCOPE).await.map_err(|error| told(&error))?;
    let words =
        |error: &SideError| output::plain(if error.told.is_empty() { &error.what } else { &error.told });
    let end = |end: WriteEnd| match end {
        WriteEnd::Written(_) => ("written", None),
        WriteEnd::Refused(error) => ("refused", Some(words(&error))),
        WriteEnd::Unknown => ("unknown", None),
        WriteEnd::NotSent => ("not_sent", None),
    };
    Ok(Done { ends: all.ends.into_iter().map(end).collect(), stopped: all.stopped.as_ref().map(words) })
}

fn as_one(steps: &[Step], done: Option<&Done>, woken: Option<&Woken>) -> Value {
    let one = |(place, step): (usize, &Step)| {
        let (end, refused) = done.and_then(|done| done.ends.get(place)).cloned().unzip();
        json!({
            "deed": step.deed.word(),
            "solution": as_json(&step.write.solution),
            "end": end,
            "refused": refused.flatten(),
        })
    };
    json!({
        "applied": done.is_some(),
        "stopped": done.and_then(|done| done.stopped.as_ref()),
        "looked_at": woken.map(|woken| woken.asked),
        "steps": steps.iter().enumerate().map(one).collect::<Vec<_>>(),
    })
}

fn print(steps: &[Step], done: Option<&Done>) {
    for (place, step) in steps.iter().enumerate() {
        let solution = &step.write.solution;
        output::aligned(
            step.deed.word(),
            12,
            &format!("{}  {}", output::plain(&solution.id), said(solution)),
        );
        match done.and_then(|done| done.ends.get(place)) {
            Some((_, Some(why))) => {
                output::indented(12, &format!("refused: {why}"));
                output::indented(12, "fix: mend it, or run the import again if it was changed meanwhile");
            }
            Some(("unknown", None)) => output::indented(12, "nobody can tell whether it was written"),
            Some(("not_sent", None)) => output::indented(12, "not sent"),
            _ => {}
        }
    }
    if steps.is_empty() {
        output::line("the catalogue says all of it already");
        return;
    }
    let count =
        |deed: Deed| format!("{} to {}", steps.iter().filter(|step| step.deed == deed).count(), deed.word());
    output::line(Deed::ALL.map(count).join(", "));
    let Some(done) = done else {
        output::line("nothing was written; to make it so, add --apply");
        return;
    };
    let ended =
        [("written", "written"), ("refused", "refused"), ("unknown", "unknown"), ("not_sent", "not sent")];
    let ended = ended.map(|(end, word)| (done.count(end), word));
    let told = ended.iter().enumerate().filter(|(place, (count, _))| *place < 2 || *count > 0);
    let told: Vec<String> = told.map(|(_, (count, word))| format!("{count} {word}")).collect();
    output::line(told.join(", "));
    if let Some(why) = &done.stopped {
        output::indented(0, &format!("The import ended before its end: {why}"));
        output::indented(2, "fix: run it again when that has passed; it goes on where this one ended");
    }
}

/// What is written of a solution, beside its id.
fn said(solution: &CatalogueSolution) -> String {
    let texts = [
        ("name", &solution.name),
        ("publisher", &solution.publisher),
        ("type", &solution.solution_type),
        ("partner_id", &solution.partner_id),
    ];
    let flags = [("ready", solution.ready), ("active", solution.active)];
    let texts = texts
        .into_iter()
        .filter_map(|(name, text)| Some(format!("{name} \"{}\"", output::plain(text.as_deref()?))));
    let flags = flags.into_iter().filter_map(|(name, flag)| Some(format!("{name} {}", flag?)));
    texts.chain(flags).collect::<Vec<_>>().join(", ")
}
