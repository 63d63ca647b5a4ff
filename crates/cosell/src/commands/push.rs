//! `cosell push`: a person wants a referral that would never be created by itself.

use std::{path::Path, process::ExitCode};

use clap::Args;
use deal_model::Verdict;

use super::{
    decide::{Deciding, say_next},
    find_deal,
};
use crate::{
    config::Config,
    mapping_files::load_mapping,
    output::Format,
    wiring::{Access, open_store},
};

/// Creates a referral for an opportunity that is closed already. Works beside
/// the service.
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// A deal or an opportunity.
    deal: String,
    #[command(flatten)]
    deciding: Deciding,
}

impl Push {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        let store = open_store(&loaded, Access::Look)?;
        let deal = find_deal(store.as_ref(), &self.deal).await?;
        let mapping = load_mapping(&loaded)?;
        let what = "a referral is to be created of the closed opportunity";
        let store = store.as_ref();
        let taken =
            self.deciding.decide(store, &deal, Verdict::Push, mapping.version(), what, format).await?;
        if taken {
            say_next(&deal, format);
        }
        Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
