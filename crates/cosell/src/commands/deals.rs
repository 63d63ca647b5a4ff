//! `cosell deals`: what the store knows.

use std::{path::Path, process::ExitCode};

use clap::{Args, Subcommand};
use serde_json::json;
use sync_engine::{DealSummary, Store as _};

use super::{PAGE, find_deal};
use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, open_store},
};

/// Most lines of history that are shown.
const HISTORY: usize = 200;

/// Lists deals, shows one, or its history.
#[derive(Debug, Args)]
pub(crate) struct Deals {
    #[command(subcommand)]
    command: Option<DealsCommand>,
}

#[derive(Debug, Clone, Subcommand)]
enum DealsCommand {
    /// Lists all deals.
    List,
    /// Shows one deal.
    Show {
        /// A deal, an opportunity or a referral.
        deal: String,
    },
    /// Shows what happened to one deal.
    History {
        /// A deal, an opportunity or a referral.
        deal: String,
    },
}

impl Deals {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let store = open_store(&Config::load(config)?, Access::Read)?;
        match self.command.unwrap_or(DealsCommand::List) {
            DealsCommand::List => list(&store, format).await?,
            DealsCommand::Show { deal } => show(&store, &deal, format).await?,
            DealsCommand::History { deal } => history(&store, &deal, format).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn standing(deal: &DealSummary) -> String {
    match deal.problems.first() {
        Some(problem) => format!("needs you: {}", problem.sentence),
        None if deal.waiting > 0 => "waiting".to_owned(),
        None => format!("{:?}", deal.phase).to_lowercase(),
    }
}

fn id(record: Option<&deal_model::RecordId>) -> String {
    record.map_or_else(|| "-".to_owned(), ToString::to_string)
}

async fn list(store: &store::SqliteStore, format: Format) -> anyhow::Result<()> {
    let mut after = None;
    let mut rows = Vec::new();
    loop {
        let page = store.list(after.as_ref(), PAGE).await?;
        let full = page.len() == PAGE;
        after = page.last().map(|deal| deal.id.clone());
        for deal in page {
            if format == Format::Json {
                output::json(&deal)?;
            } else {
                let standing = standing(&deal);
                rows.push(vec![deal.id.to_string(), id(deal.opportunity.as_ref()), standing]);
            }
        }
        if !full {
            break;
        }
    }
    if format == Format::Text {
        if rows.is_empty() {
            output::line("no deals yet");
        } else {
            output::line(output::table(&["deal", "opportunity", "standing"], rows));
        }
    }
    Ok(())
}

async fn show(store: &store::SqliteStore, text: &str, format: Format) -> anyhow::Result<()> {
    let found = find_deal(store, text).await?;
    let archive = store.archive(&found, HISTORY).await?;
    for deal in store.deals(std::slice::from_ref(&found)).await? {
        if format == Format::Json {
            output::json(&json!({ "deal": deal, "archive": archive }))?;
            continue;
        }
        output::line(format!("deal         {}", deal.id));
        output::line(format!("opportunity  {}", id(deal.links.crm.as_ref())));
        output::line(format!("referral     {}", id(deal.links.portal.as_ref())));
        output::line(format!("Microsoft's  {}", id(deal.links.companion.as_ref())));
        output::line(format!("phase        {:?}", deal.phase).to_lowercase());
        for waiting in &deal.waiting {
            output::line(format!("waits        {} until {:.0}", waiting.target, waiting.not_before));
        }
        for problem in &deal.problems {
            output::line(format!("needs you    {}", problem.sentence));
            output::line(format!("             {}", problem.next_step));
        }
        for row in &archive {
            let value = deal_model::display(&row.archived.value);
            output::line(format!(
                "kept         {}: \"{value}\" ({})",
                row.archived.group, row.archived.reason
            ));
        }
    }
    Ok(())
}

async fn history(store: &store::SqliteStore, text: &str, format: Format) -> anyhow::Result<()> {
    let found = find_deal(store, text).await?;
    let lines = store.history(&found, HISTORY).await?;
    for entry in lines.iter().rev() {
        match format {
            Format::Json => output::json(entry)?,
            Format::Text => output::line(format!("{:.0}  {}", entry.at, entry.sentence)),
        }
    }
    Ok(())
}
