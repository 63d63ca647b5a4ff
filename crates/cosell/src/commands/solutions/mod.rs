//! `cosell solutions`: the catalogue of solutions that sellers pick from.

mod file;
mod import;
mod waking;

use std::{path::Path, process::ExitCode};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use connectors::salesforce::{CatalogueSolution, KnownSolution};
use ports::Lane;
use serde_json::{Value, json};
use sync_engine::{CallScope, SideError};

use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, Wired, open_store_beside, wire},
};

const SCOPE: CallScope = CallScope { lane: Lane::Now, send_before: None };

/// Lists or fills the catalogue of solutions in Salesforce.
///
/// The mapping names the catalogue's object and columns under `[catalogue]`.
#[derive(Debug, Args)]
pub(crate) struct Solutions {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the solutions of the catalogue.
    List,
    Import(import::Import),
}

impl Solutions {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::List => list(config, format).await,
            Command::Import(import) => import.run(config, format).await,
        }
    }
}

async fn list(config: &Path, format: Format) -> anyhow::Result<ExitCode> {
    let wired = wired(config)?;
    let known = known(&wired).await?;
    match format {
        Format::Json => {
            let all: Vec<Value> = known.iter().map(|known| as_json(&known.solution)).collect();
            output::json(&json!({ "solutions": all }))?;
        }
        Format::Text if known.is_empty() => output::line("the catalogue is empty"),
        Format::Text => {
            let rows = known.iter().map(|known| row(&known.solution));
            output::line(output::table(&["id", "name", "publisher", "ready", "active"], rows));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(solution: &CatalogueSolution) -> [String; 5] {
    let text = |text: &Option<String>| text.as_deref().map(output::plain).unwrap_or_default();
    let flag = |flag: Option<bool>| if flag == Some(true) { "yes" } else { "no" }.to_owned();
    [
        output::plain(&solution.id),
        text(&solution.name),
        text(&solution.publisher),
        flag(solution.ready),
        flag(solution.active),
    ]
}

fn as_json(solution: &CatalogueSolution) -> Value {
    json!({
        "id": solution.id,
        "name": solution.name,
        "publisher": solution.publisher,
        "type": solution.solution_type,
        "partner_id": solution.partner_id,
        "ready": solution.ready,
        "active": solution.active,
    })
}

fn wired(config: &Path) -> anyhow::Result<Wired> {
    let loaded = Config::load(config)?;
    drop(open_store_beside(&loaded)?);
    wire(loaded, Access::Look)
}

/// What the catalogue holds.
async fn known(wired: &Wired) -> anyhow::Result<Vec<KnownSolution>> {
    if wired.mapping.catalogue().is_none() {
        return Err(anyhow!("the mapping uses no catalogue\n  fix: set [catalogue] use = true in it"));
    }
    wired.crm.catalogue_solutions(SCOPE).await.map_err(|error| told(&error))
}

fn told(error: &SideError) -> anyhow::Error {
    let words = if error.told.is_empty() { &error.what } else { &error.told };
    anyhow!("the catalogue: {}\n  fix: cosell check says what is lacking", output::plain(words))
}
