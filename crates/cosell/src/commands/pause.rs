//! `cosell pause` and `cosell resume`: an operator stops a deal, a flow or everything, and lets it go on.

use std::{path::Path, process::ExitCode};

use clap::{Args, ValueEnum};
use deal_model::DealId;
use serde_json::json;
use store::Database;
use sync_engine::{Flow, Pause, PauseScope, PauseWish};

use super::find_deal;
use crate::{
    config::Config,
    mapping_files::load_mapping,
    output::{self, Format},
    wiring::{Access, open_store},
};

/// Most pauses that a list of past ones shows.
const SHOWN: usize = 200;

const EXAMPLES: &str = "\
Examples:
  cosell pause 006xx000004TmiQ --why 'legal review'
  cosell pause --flow update_referrals
  cosell resume --all
  cosell pause --past";

/// What is paused or resumed, by whom, and why.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Pausing {
    /// A deal, an opportunity or a referral.
    #[arg(conflicts_with_all = ["flow", "all"])]
    deal: Option<String>,
    /// A flow, as `[switches]` names it.
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    flow: Option<FlowName>,
    /// Everything.
    #[arg(long)]
    all: bool,
    /// Why, for whoever wonders later. It is shown on the opportunity too.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Who does it. Without it: the user of this machine.
    #[arg(long = "as", value_name = "NAME")]
    by: Option<String>,
    /// Lists what was ever paused, instead of what is.
    #[arg(long, conflicts_with_all = ["deal", "flow", "all", "why"])]
    past: bool,
}

/// A flow's name on the command line.
#[derive(Debug, Clone, Copy)]
struct FlowName(Flow);

impl ValueEnum for FlowName {
    fn value_variants<'a>() -> &'a [Self] {
        const NAMES: [FlowName; Flow::ALL.len()] = {
            let mut names = [FlowName(Flow::ALL[0]); Flow::ALL.len()];
            let mut at = 1;
            while at < names.len() {
                names[at] = FlowName(Flow::ALL[at]);
                at += 1;
            }
            names
        };
        &NAMES
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()))
    }
}

/// Longest reason that is kept, in characters.
const LONGEST_WHY: usize = 500;

/// Which of the two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Pause,
    Resume,
}

impl Pausing {
    pub(crate) async fn run(self, wish: Wish, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        let names_nothing = self.deal.is_none() && self.flow.is_none() && !self.all;
        if names_nothing {
            let store = open_store(&loaded, Access::Read)?;
            let pauses = if self.past { store.pause_history(SHOWN).await? } else { store.pauses().await? };
            return list(&pauses, self.past, format);
        }
        if let Some(why) = &self.why
            && why.chars().count() > LONGEST_WHY
        {
            anyhow::bail!("--why is longer than {LONGEST_WHY} characters\n  fix: say it in a sentence");
        }
        let store = open_store(&loaded, Access::Look)?;
        let scope = self.scope(&*store).await?;
        let asked = PauseWish {
            scope: scope.clone(),
            by: self.by.unwrap_or_else(super::person),
            why: self.why.map(|why| output::plain(&why)).filter(|why| !why.is_empty()),
            mapping: load_mapping(&loaded)?.version().to_owned(),
            now: jiff::Timestamp::now(),
        };
        match wish {
            Wish::Pause => {
                let before = store.pause(&asked).await?;
                told_of_pause(&scope, before.as_ref(), format)
            }
            Wish::Resume => {
                let ended = sync_engine::resume(store.as_ref(), &asked, &ports::SystemRng).await?;
                told_of_resumption(&*store, &scope, ended.as_ref(), format).await
            }
        }
    }

    async fn scope(&self, store: &dyn Database) -> anyhow::Result<PauseScope> {
        Ok(match (&self.deal, self.flow) {
            (Some(deal), _) => PauseScope::Deal(find_deal(store, deal).await?),
            (None, Some(flow)) => PauseScope::Flow(flow.0),
            (None, None) => PauseScope::All,
        })
    }
}

fn told_of_pause(scope: &PauseScope, before: Option<&Pause>, format: Format) -> anyhow::Result<ExitCode> {
    if format == Format::Json {
        output::json(&json!({ "scope": scope, "paused": true, "before": before }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(before) = before {
        output::indented(
            0,
            &format!("{} is {} already, since {:.0}.", words(scope), before.sentence(), before.since),
        );
        return Ok(ExitCode::SUCCESS);
    }
    output::indented(0, &format!("Paused: {}.", words(scope)));
    output::indented(
        0,
        match scope {
            PauseScope::Deal(_) => {
                "Nothing of it is written within seconds, the time of what waits stands still, and its opportunity says \
                 so. What changes meanwhile is found when it is resumed."
            }
            PauseScope::Flow(_) => {
                "Within seconds it only decides: what it would send waits, and cosell plan shows it."
            }
            PauseScope::All => {
                "Nothing is written within seconds, and the time of what waits stands still. Changes go on being \
                 collected."
            }
        },
    );
    output::command(2, &format!("cosell resume {}", argument(scope)));
    Ok(ExitCode::SUCCESS)
}

async fn told_of_resumption(
    store: &dyn Database,
    scope: &PauseScope,
    ended: Option<&Pause>,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let others: Vec<Pause> =
        store.pauses().await?.into_iter().filter(|other| still_stops(other, scope)).collect();
    if format == Format::Json {
        output::json(&json!({ "scope": scope, "resumed": ended, "still_paused_by": others }))?;
    } else if let Some(ended) = ended {
        output::indented(
            0,
            &format!("Resumed: {}, {} since {:.0}.", words(scope), ended.sentence(), ended.since),
        );
        output::indented(0, "What it would do now is decided from fresh reads of both sides.");
        for other in &others {
            output::indented(
                0,
                &format!("It is still stopped: {} is {}.", words(&other.scope), other.sentence()),
            );
            output::command(2, &format!("cosell resume {}", argument(&other.scope)));
        }
    } else {
        output::indented(0, &format!("{} was not paused.", words(scope)));
        output::indented(2, "fix: cosell pause lists what is");
    }
    Ok(if ended.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether what was just resumed is stopped by another pause.
fn still_stops(other: &Pause, resumed: &PauseScope) -> bool {
    match resumed {
        PauseScope::Deal(deal) => other.scope.stops(deal),
        PauseScope::Flow(_) => other.scope == PauseScope::All,
        PauseScope::All => false,
    }
}

fn list(pauses: &[Pause], past: bool, format: Format) -> anyhow::Result<ExitCode> {
    if format == Format::Json {
        output::json(&json!({ "pauses": pauses }))?;
    } else if pauses.is_empty() {
        output::line(if past { "nothing was ever paused" } else { "nothing is paused" });
    } else {
        for pause in pauses {
            say(pause);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells of a pause in a list.
pub(crate) fn say(pause: &Pause) {
    output::indented(0, &format!("{}: {} since {:.0}", words(&pause.scope), pause.sentence(), pause.since));
    match &pause.resumed {
        Some(end) => {
            let why = end.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            output::indented(2, &format!("resumed by {} at {:.0}{why}", end.by, end.at));
        }
        None => output::command(2, &format!("cosell resume {}", argument(&pause.scope))),
    }
}

/// The pauses that stop a deal.
pub(crate) async fn pauses_of(store: &dyn Database, deal: &DealId) -> anyhow::Result<Vec<Pause>> {
    Ok(store.pauses().await?.into_iter().filter(|pause| pause.scope.stops(deal)).collect())
}

fn words(scope: &PauseScope) -> String {
    match scope {
        PauseScope::All => "everything".to_owned(),
        PauseScope::Flow(flow) => format!("the flow {}", flow.name()),
        PauseScope::Deal(deal) => format!("deal {deal}"),
    }
}

fn argument(scope: &PauseScope) -> String {
    match scope {
        PauseScope::All => "--all".to_owned(),
        PauseScope::Flow(flow) => format!("--flow {}", flow.name()),
        PauseScope::Deal(deal) => deal.to_string(),
    }
}
