//! `cosell release`: a person lets go of a brake.

use std::{path::Path, process::ExitCode};

use clap::Args;
use serde_json::json;
use sync_engine::Store as _;

use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, open_store},
};

/// Releases a brake that holds irreversible effects. Stop the service first.
#[derive(Debug, Args)]
pub(crate) struct Release {
    /// The kind that is held, such as `close`; without it, all brakes are listed.
    kind: Option<String>,
}

impl Release {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        let Some(kind) = self.kind else {
            let brakes = open_store(&loaded, Access::Read)?.brakes().await?;
            if format == Format::Json {
                output::json(&brakes)?;
            } else if brakes.is_empty() {
                output::line("no brake holds anything");
            }
            if format == Format::Text {
                for brake in brakes {
                    output::line(format!(
                        "{} since {:.0}, {} deals:",
                        brake.kind,
                        brake.since,
                        brake.deals.len()
                    ));
                    for deal in brake.deals {
                        output::line(format!("  {deal}"));
                    }
                }
            }
            return Ok(ExitCode::SUCCESS);
        };
        let store = open_store(&loaded, Access::Own)?;
        let released = store.release_brake(&kind, &super::person(), jiff::Timestamp::now()).await?;
        match format {
            Format::Json => output::json(&json!({ "kind": kind, "released": released }))?,
            Format::Text if released => output::line(format!("released: {kind}")),
            Format::Text => output::line(format!("no brake holds {kind}")),
        }
        Ok(if released { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
