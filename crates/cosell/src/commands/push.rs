//! `cosell push`: a person wants a referral that would never be created by itself.

use std::{path::Path, process::ExitCode};

use clap::Args;
use deal_model::Verdict;
use serde_json::json;
use sync_engine::Store as _;

use super::{find_deal, person};
use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, open_store},
};

/// Creates a referral for an opportunity that is closed already, or a second
/// one. Stop the service first; it is sent when the service runs again.
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// A deal or an opportunity.
    deal: String,
}

impl Push {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let store = open_store(&Config::load(config)?, Access::Own)?;
        let deal = find_deal(store.as_ref(), &self.deal).await?;
        let decision = store.decide(&deal, &Verdict::Push, &person(), jiff::Timestamp::now()).await?;
        match format {
            Format::Json => output::json(&json!({ "deal": deal, "decision": decision }))?,
            Format::Text => output::line(format!("deal {deal} will be pushed")),
        }
        Ok(ExitCode::SUCCESS)
    }
}
