//! `cosell mapping`: what the mapping says and why, whether the org can hold it, and what it makes of one record.

mod check;
mod diff;
mod discover;
mod explain;
mod field;
mod linked;
mod origin;
mod rewrite;
mod schema;
mod show;
mod try_record;

use std::{path::Path, process::ExitCode};

use clap::{Args, Subcommand};

use crate::output::Format;
pub(crate) use origin::file_name;

/// Shows, explains and checks the mapping, and tries it on a record.
#[derive(Debug, Args)]
pub(crate) struct MappingCommand {
    #[command(subcommand)]
    command: Command,
}

// Each says of itself what it does.
#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Check),
    Show(show::Show),
    Try(try_record::Try),
    Diff(diff::Diff),
    Explain(explain::Explain),
    Discover(discover::Discover),
    Rewrite(linked::Rewrite),
    Schema(schema::Schema),
}

impl MappingCommand {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Check(check) => check.run(config, format).await,
            Command::Show(show) => show.run(config, format),
            Command::Try(trial) => trial.run(config, format).await,
            Command::Diff(diff) => diff.run(config, format),
            Command::Explain(explain) => explain.run(config, format),
            Command::Discover(discover) => discover.run(config, format).await,
            Command::Schema(schema) => schema.run(),
            Command::Rewrite(rewrite) => rewrite.run(config, format).await,
        }
    }
}
