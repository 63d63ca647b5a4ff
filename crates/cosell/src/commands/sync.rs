//! `cosell sync --once`: work until nothing is due.

use std::{path::Path, process::ExitCode, time::Duration};

use clap::Args;
use service::let_go;

use crate::{
    config::Config,
    org_facts,
    output::{self, Format},
    wiring::{Access, wire},
};

/// Most pages of what is older than it is kept that go at the end; the rest goes the next time.
const MOST_PAGES: usize = 50;

/// Work that is due within this time is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Works until nothing is due, and ends.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// End when nothing is due any more; `cosell run` is for serving.
    #[arg(long, required = true)]
    once: bool,
}

impl Sync {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        debug_assert!(self.once, "clap demands the flag");
        let wired = wire(Config::load(config)?, Access::Own)?;
        wired.store.require_key().await?;
        wired.bind().await?;
        org_facts::keep_mapping(&*wired.store, wired.mapping.version(), wired.clock.now())?;
        wired.engine.run_until_idle(PATIENCE).await?;
        let keep = wired.loaded.config.retention.keep();
        for _ in 0..MOST_PAGES {
            if let_go(wired.store.as_ref(), &keep, wired.clock.now()).await? {
                break;
            }
        }
        let counts = wired.store.counts(wired.clock.now()).await?;
        match format {
            Format::Json => {
                output::json(&serde_json::json!({ "counts": counts, "calls": wired.tally.snapshot() }))?;
            }
            Format::Text => output::line(format!(
                "{} deals, {} with both halves; {} waiting, {} need a person.",
                counts.deals, counts.pairs, counts.waiting, counts.problems
            )),
        }
        Ok(ExitCode::SUCCESS)
    }
}
