//! `cosell retry`: deals that wait or back off are looked at now, and what was refused is sent once more.

use std::{path::Path, process::ExitCode};

use clap::Args;
use deal_model::{DealId, ProblemClass, Verdict};
use serde_json::json;
use store::Database;
use sync_engine::{DealSummary, Decided, NewDecision};

use super::{PAGE, deals::known_as, find_deal};
use crate::{
    config::Config,
    mapping_files::load_mapping,
    output::{self, Format},
    wiring::{Access, open_store},
};

const EXAMPLES: &str = "\
Examples:
  cosell retry                        what is held up, and why
  cosell retry 006xx000004TmiQ        one deal
  cosell retry --problem permission   once the permission is there";

/// Looks now at deals that wait after a failure.
///
/// What was refused is sent once more. Works beside the service.
///
/// Without an argument, lists the deals that it could be asked for.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Retry {
    /// Deals, opportunities or referrals.
    #[arg(conflicts_with_all = ["problem", "all"])]
    deals: Vec<String>,
    /// All deals that have a problem of this class: data, conflict, lifecycle,
    /// permission, link, fuse, expiry, brake or bug.
    #[arg(long, value_name = "CLASS", conflicts_with = "all", value_parser = class)]
    problem: Option<ProblemClass>,
    /// All deals that have a problem or wait after a failure, and the referrals
    /// without a deal that do.
    #[arg(long)]
    all: bool,
    /// At most so many of them; run it again for more.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    most: u32,
    /// Who asks. Without it: the user of this machine.
    #[arg(long = "as", value_name = "NAME")]
    by: Option<String>,
}

fn class(text: &str) -> Result<ProblemClass, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| {
        "no such class; write data, conflict, lifecycle, permission, link, fuse, expiry, brake or bug"
            .to_owned()
    })
}

/// What became of it.
#[derive(Debug, Default, serde::Serialize)]
struct Told {
    /// Deals that are looked at now.
    asked: usize,
    /// Deals of which this was asked before, and not carried out yet.
    asked_before: usize,
    /// Referrals without a deal that are looked at now.
    referrals: usize,
    /// Deals that were left for the next time.
    left: usize,
}

impl Retry {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        if self.deals.is_empty() && self.problem.is_none() && !self.all {
            let store = open_store(&loaded, Access::Read)?;
            return list(&*store, format).await;
        }
        let store = open_store(&loaded, Access::Look)?;
        let (deals, left) = self.wanted(&*store).await?;
        let by = self.by.clone().unwrap_or_else(super::person);
        let mapping = load_mapping(&loaded)?;
        let mut told = Told { left, ..Told::default() };
        for deal in deals {
            let decision = NewDecision {
                deal,
                verdict: Verdict::Retry,
                sentence: format!("{by} decided: try again."),
                by: by.clone(),
                mapping: mapping.version().to_owned(),
                instead_of: None,
                now: jiff::Timestamp::now(),
            };
            match store.decide(&decision).await? {
                Decided::Taken(_) => told.asked += 1,
                Decided::Open(_) => told.asked_before += 1,
            }
        }
        if self.all {
            let most = usize::try_from(self.most).unwrap_or(usize::MAX);
            told.referrals = store.hurry(jiff::Timestamp::now(), most).await?;
        }
        tell(&told, format)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The deals that are meant, and how many more there are.
    async fn wanted(&self, store: &dyn Database) -> anyhow::Result<(Vec<DealId>, usize)> {
        let mut deals = Vec::new();
        if !self.deals.is_empty() {
            for text in &self.deals {
                let deal = find_deal(store, text).await?;
                if !deals.contains(&deal) {
                    deals.push(deal);
                }
            }
            return Ok((deals, 0));
        }
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        let mut left = 0;
        let mut after = None;
        loop {
            let page = store.list(after.as_ref(), PAGE).await?;
            let full = page.len() == PAGE;
            after = page.last().map(|deal| deal.id.clone());
            for deal in page.into_iter().filter(|deal| self.means(deal)) {
                if deals.len() < most {
                    deals.push(deal.id);
                } else {
                    left += 1;
                }
            }
            if !full {
                return Ok((deals, left));
            }
        }
    }

    fn means(&self, deal: &DealSummary) -> bool {
        match self.problem {
            Some(class) => deal.problems.iter().any(|problem| problem.class == class),
            None => is_held_up(deal),
        }
    }
}

/// Whether something keeps the deal from going on.
fn is_held_up(deal: &DealSummary) -> bool {
    !deal.problems.is_empty() || deal.attempts > 0
}

fn tell(told: &Told, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(told);
    }
    let Told { asked, asked_before, referrals, left } = told;
    match asked {
        1 => output::line("1 deal is looked at now."),
        many => output::line(format!("{many} deals are looked at now.")),
    }
    match referrals {
        0 => {}
        1 => output::line("1 referral without a deal is looked at now."),
        many => output::line(format!("{many} referrals without a deal are looked at now.")),
    }
    if *asked_before > 0 {
        output::indented(
            0,
            &format!("{asked_before} were asked for before, and no pass has come to them yet."),
        );
    }
    if *left > 0 {
        output::indented(
            0,
            &format!("{left} more are left: run it again when these are done, or with a higher --most."),
        );
    }
    if *asked > 0 {
        output::indented(0, "The service carries it out within seconds, or when it runs again.");
    }
    Ok(())
}

async fn list(store: &dyn Database, format: Format) -> anyhow::Result<ExitCode> {
    let mut after = None;
    let mut rows = Vec::new();
    loop {
        let page = store.list(after.as_ref(), PAGE).await?;
        let full = page.len() == PAGE;
        after = page.last().map(|deal| deal.id.clone());
        for deal in page.into_iter().filter(is_held_up) {
            if format == Format::Json {
                output::json(&json!({ "deal": deal.id, "attempts": deal.attempts, "due": deal.due,
                    "problems": deal.problems }))?;
                continue;
            }
            let why = match deal.problems.first() {
                Some(problem) => problem.sentence.clone(),
                None if deal.attempts == 1 => "failed once".to_owned(),
                None => format!("failed {} times", deal.attempts),
            };
            let due = deal.due.map_or_else(|| "-".to_owned(), |due| format!("{due:.0}"));
            rows.push(vec![known_as(&deal), due, why]);
        }
        if !full {
            break;
        }
    }
    if format == Format::Text {
        if rows.is_empty() {
            output::line("nothing is held up");
        } else {
            output::line(output::table(&["deal", "looked at again", "why"], rows));
            output::line("To look at all of them now:");
            output::command(2, "cosell retry --all");
        }
    }
    Ok(ExitCode::SUCCESS)
}
