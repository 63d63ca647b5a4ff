//! `cosell verify`: a proof that N of N pairs are equal, or which are not.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use serde::Serialize;
use sync_engine::{Proof, Standing};

use super::{PAGE, all_deals};
use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, Wired, wire},
};

/// The whole proof. The counts add up to `deals`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verification {
    pub(crate) deals: usize,
    pub(crate) counts: BTreeMap<Standing, usize>,
    /// Every deal that is not simply equal.
    pub(crate) findings: Vec<Proof>,
}

impl Verification {
    /// Reads both sides of every deal.
    pub(crate) async fn of(wired: &Wired) -> anyhow::Result<Self> {
        let mut all = Self::default();
        for page in all_deals(wired.store.as_ref()).await?.chunks(PAGE) {
            for proof in wired.engine.verify(page).await? {
                all.deals += 1;
                *all.counts.entry(proof.standing).or_insert(0) += 1;
                if proof.standing != Standing::Equal {
                    all.findings.push(proof);
                }
            }
        }
        Ok(all)
    }

    /// How many deals stand so.
    pub(crate) fn count(&self, standing: Standing) -> usize {
        self.counts.get(&standing).copied().unwrap_or(0)
    }

    /// Whether nothing differs without a reason.
    pub(crate) fn holds(&self) -> bool {
        self.count(Standing::Different) == 0 && self.count(Standing::Unread) == 0
    }
}

pub(crate) async fn run(config: &Path, format: Format) -> anyhow::Result<ExitCode> {
    let wired = wire(Config::load(config)?, Access::Look)?;
    let proof = Verification::of(&wired).await?;
    if format == Format::Json {
        output::json(&proof)?;
    } else {
        print(&proof);
    }
    Ok(if proof.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(proof: &Verification) {
    output::line(format!(
        "{} of {} deals are equal on both sides.",
        proof.count(Standing::Equal),
        proof.deals
    ));
    for (standing, word) in [
        (Standing::Waiting, "are waiting for a write"),
        (Standing::Problem, "have a problem"),
        (Standing::PausedOrOnHold, "are paused or on hold"),
        (Standing::FixedByPortal, "differ only in what the portal fixed at creation"),
        (Standing::Remapped, "differ since the mapping changed (see `cosell mapping rewrite`)"),
        (Standing::Different, "DIFFER without a reason"),
        (Standing::Unread, "could not be read"),
    ] {
        if proof.count(standing) > 0 {
            output::line(format!("{} {word}.", proof.count(standing)));
        }
    }
    for finding in &proof.findings {
        output::line(format!("deal {}: {:?}", finding.deal, finding.standing).to_lowercase());
        for difference in &finding.differences {
            output::line(format!("  {}", difference.field));
            output::line(format!("    opportunity: {}", difference.opportunity));
            output::line(format!("    referral:    {}", difference.referral));
        }
    }
}
