//! `cosell plan`: what a pass would write, without writing it.

use std::{path::Path, process::ExitCode};

use clap::Args;
use serde_json::json;
use sync_engine::Preview;

use super::{PAGE, all_deals, find_deal};
use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, wire},
};

/// Prints the writes that a pass would make, and makes none.
///
/// Exit status 1 if a deal could not be read: its plan is not all there is.
#[derive(Debug, Args)]
pub(crate) struct PlanCommand {
    /// A deal, an opportunity or a referral.
    #[arg(required_unless_present = "all")]
    deal: Option<String>,
    /// Every deal.
    #[arg(long, conflicts_with = "deal")]
    all: bool,
}

impl PlanCommand {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let wired = wire(Config::load(config)?, Access::Look)?;
        let ids = match &self.deal {
            Some(deal) => vec![find_deal(wired.store.as_ref(), deal).await?],
            None => all_deals(wired.store.as_ref()).await?,
        };
        let mut all_read = true;
        for page in ids.chunks(PAGE) {
            for preview in wired.engine.preview(page).await? {
                all_read &= preview.unread.is_none();
                print(&preview, format)?;
            }
        }
        Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn print(preview: &Preview, format: Format) -> anyhow::Result<()> {
    let plan = &preview.plan;
    if format == Format::Json {
        return output::json(&json!({
            "deal": preview.deal.id,
            "opportunity": preview.deal.links.crm,
            "referral": preview.deal.links.portal,
            "plan": plan,
            "unread": preview.unread.as_ref().map(|error| &error.what),
        }));
    }
    output::line(format!("deal {}: {}", preview.deal.id, plan.headline));
    if let Some(error) = &preview.unread {
        output::line(format!("  could not be read: {}", error.what));
    }
    for line in plan.describe() {
        output::indented(2, &line);
        let said = |problem: &&deal_model::Problem| line.ends_with(&problem.sentence);
        if let Some(problem) = plan.problems.iter().find(said) {
            output::indented(4, &problem.next_step);
        }
    }
    Ok(())
}
