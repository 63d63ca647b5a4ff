//! `cosell release`: a person lets go of a brake, or of a place that the portal refused to change.

use std::{path::Path, process::ExitCode};

use clap::Args;
use serde_json::json;

use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, open_store},
};

/// Releases a brake that holds irreversible effects.
///
/// Or lets a place of the referral be tried again that the portal refused to
/// change. Works beside the service.
#[derive(Debug, Args)]
pub(crate) struct Release {
    /// What is held: a kind such as `close`, or a place such as
    /// `/customerProfile/name`. Without it, all of them are listed.
    kind: Option<String>,
    /// Who releases it. Without it: the user of this machine.
    #[arg(long = "as", value_name = "NAME")]
    by: Option<String>,
}

impl Release {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        let Some(kind) = self.kind else {
            let store = open_store(&loaded, Access::Read)?;
            let (brakes, fixed) = (store.brakes().await?, store.fixed_paths().await?);
            if format == Format::Json {
                output::json(&json!({ "brakes": brakes, "fixed_paths": fixed }))?;
            } else if brakes.is_empty() {
                output::line("no brake holds anything");
            }
            if format == Format::Text {
                for place in &fixed {
                    output::line(format!("{} is refused by the portal since {:.0}", place.path, place.since));
                }
            }
            if format == Format::Text {
                for brake in brakes {
                    let many = if brake.deals.len() == 1 { "deal" } else { "deals" };
                    let held = brake.deals.len();
                    output::line(format!("{} since {:.0}, {held} {many}:", brake.kind, brake.since));
                    for deal in brake.deals {
                        output::line(format!("  {deal}"));
                    }
                }
            }
            return Ok(ExitCode::SUCCESS);
        };
        let store = open_store(&loaded, Access::Look)?;
        let by = self.by.unwrap_or_else(super::person);
        let released = if kind.starts_with('/') {
            sync_engine::free_path(store.as_ref(), &kind, &ports::SystemRng).await?
        } else {
            store.release_brake(&kind, &by, jiff::Timestamp::now()).await?
        };
        match format {
            Format::Json => output::json(&json!({ "kind": kind, "released": released }))?,
            Format::Text if released => output::line(format!("released: {kind}")),
            Format::Text => output::line(format!("nothing holds {kind}")),
        }
        Ok(if released { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
