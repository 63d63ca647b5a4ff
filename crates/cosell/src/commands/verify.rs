//! `cosell verify`: a proof that N of N pairs are equal, or which are not.

use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, Write as _},
    path::Path,
    process::ExitCode,
};

use clap::Args;
use deal_model::DealId;
use serde::Serialize;
use serde_json::json;
use sync_engine::{KeptProof, Proof, ProvenPage, Standing};

use super::{PAGE, all_deals, find_deal};
use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, Wired, open_store, wire},
};

/// Most findings that a proof over all deals prints; the rest is counted.
const FINDINGS: usize = 1_000;

const EXAMPLES: &str = "\
Examples:
  cosell verify --all             the proof of today, kept
  cosell verify --last            the last one that was kept; calls nobody
  cosell verify 006xx000004TmiQ   one deal, now";

/// Reads both sides of every deal and proves that they are equal.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// Deals, opportunities or referrals; all, if none is named.
    #[arg(conflicts_with_all = ["all", "last"])]
    deals: Vec<String>,
    /// A proof that is kept: all deals, page after page, with progress. What
    /// differs or cannot be read is looked at again before it is said.
    #[arg(long, conflicts_with = "last")]
    all: bool,
    /// Shows the last proof that was kept, and reads nothing. The service makes
    /// one each day.
    #[arg(long)]
    last: bool,
    /// Who asks for it. Without it: the user of this machine.
    #[arg(long = "as", value_name = "NAME")]
    by: Option<String>,
}

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
        Self::of_these(wired, &all_deals(wired.store.as_ref()).await?).await
    }

    async fn of_these(wired: &Wired, deals: &[DealId]) -> anyhow::Result<Self> {
        let mut all = Self::default();
        for page in deals.chunks(PAGE) {
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

impl Verify {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        if self.last {
            let last = open_store(&loaded, Access::Read)?.proofs(1).await?.pop();
            return show_last(last.as_ref(), format);
        }
        let wired = wire(loaded, Access::Look)?;
        if self.all {
            return prove_all(&wired, &self.by.unwrap_or_else(super::person), format).await;
        }
        let proof = if self.deals.is_empty() {
            Verification::of(&wired).await?
        } else {
            let mut deals = Vec::new();
            for text in &self.deals {
                deals.push(find_deal(wired.store.as_ref(), text).await?);
            }
            Verification::of_these(&wired, &deals).await?
        };
        if format == Format::Json {
            output::json(&proof)?;
        } else {
            print_counts(proof.deals as u64, |standing| proof.count(standing) as u64);
            print_findings(&proof.findings);
            say_why(proof.findings.iter().map(|finding| finding.standing));
        }
        Ok(exit(proof.holds()))
    }
}

/// Makes a proof over all deals, and keeps it.
async fn prove_all(wired: &Wired, by: &str, format: Format) -> anyhow::Result<ExitCode> {
    let all = wired.store.counts(wired.clock.now()).await?.deals;
    let shows = format == Format::Text && std::io::stderr().is_terminal();
    let mut proving = wired.engine.begin_proof();
    let mut findings: Vec<Proof> = Vec::new();
    let mut left_out = 0_usize;
    while let ProvenPage::Deals(proofs) = wired.engine.prove_page(&mut proving, false).await? {
        for proof in proofs.into_iter().filter(|proof| proof.standing != Standing::Equal) {
            if findings.len() < FINDINGS { findings.push(proof) } else { left_out += 1 }
        }
        if shows {
            progress(&format!("{} of {all} deals read", proving.deals()));
        }
    }
    if shows {
        progress("");
    }
    let proof = wired.engine.keep_proof(proving, by).await?;
    if format == Format::Json {
        output::json(&json!({ "proof": proof, "findings": findings, "findings_left_out": left_out }))?;
    } else {
        print_counts(proof.deals, |standing| proof.count(standing));
        print_findings(&findings);
        say_why(findings.iter().map(|finding| finding.standing));
        if left_out > 0 {
            output::line(format!("{left_out} more are not shown."));
        }
    }
    Ok(exit(proof.holds()))
}

/// Writes over the line of progress.
fn progress(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = write!(out, "\r{text:<60}\r");
    let _ = out.flush();
}

fn show_last(last: Option<&KeptProof>, format: Format) -> anyhow::Result<ExitCode> {
    if format == Format::Json {
        output::json(&json!({ "proof": last }))?;
    } else if let Some(proof) = last {
        output::indented(
            0,
            &format!("The proof of {:.0} to {:.0}, asked for by {}:", proof.began, proof.ended, proof.by),
        );
        print_counts(proof.deals, |standing| proof.count(standing));
        for named in &proof.first {
            let fields: Vec<&str> = named.fields.iter().map(deal_model::GroupId::as_str).collect();
            output::indented(
                0,
                &format!("deal {}: {} {}", named.deal, word(named.standing), fields.join(", ")),
            );
        }
        say_why(proof.first.iter().map(|named| named.standing));
        output::labelled("mapping", &proof.mapping);
    } else {
        output::line("no proof was made yet");
        output::line("  fix: cosell verify --all");
    }
    Ok(exit(last.is_some_and(KeptProof::holds)))
}

fn exit(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_counts(deals: u64, count: impl Fn(Standing) -> u64) {
    output::line(format!("{} of {deals} deals are equal on both sides.", count(Standing::Equal)));
    for (standing, [one, several], rest) in [
        (Standing::Waiting, ["is", "are"], "waiting for a write"),
        (Standing::Problem, ["has", "have"], "a problem"),
        (Standing::PausedOrOnHold, ["is", "are"], "paused or on hold"),
        (Standing::FixedByPortal, ["differs", "differ"], "only in what the portal fixed at creation"),
        (Standing::KeptApart, ["differs", "differ"], "only in addresses that each side keeps"),
        (
            Standing::Remapped,
            ["differs", "differ"],
            "since the mapping changed (see `cosell mapping rewrite`)",
        ),
        (Standing::Different, ["DIFFERS", "DIFFER"], "without a reason"),
        (Standing::Unread, ["could", "could"], "not be read"),
    ] {
        match count(standing) {
            0 => {}
            1 => output::line(format!("1 {one} {rest}.")),
            many => output::line(format!("{many} {several} {rest}.")),
        }
    }
}

/// How a deal stands, in a word or two.
fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Equal => "equal",
        Standing::Waiting => "waiting",
        Standing::Problem => "problem",
        Standing::PausedOrOnHold => "paused or on hold",
        Standing::FixedByPortal => "fixed by the portal",
        Standing::KeptApart => "each side keeps its own",
        Standing::Remapped => "differs since the mapping changed",
        Standing::Different => "different",
        Standing::Unread => "could not be read",
    }
}

/// Where the reason stands that a proof does not hold.
fn say_why(mut findings: impl Iterator<Item = Standing>) {
    let has_reason =
        |standing| matches!(standing, Standing::Waiting | Standing::Problem | Standing::PausedOrOnHold);
    if findings.any(has_reason) {
        output::line("Why, and what to do: cosell deals show DEAL");
    }
}

fn print_findings(findings: &[Proof]) {
    for finding in findings {
        output::line(format!("deal {}: {}", finding.deal, word(finding.standing)));
        for difference in &finding.differences {
            output::line(format!("  {}", difference.field));
            output::line(format!("    opportunity: {}", difference.opportunity));
            output::line(format!("    referral:    {}", difference.referral));
            if let Some(kept) = &difference.kept {
                output::indented(4, kept);
            }
        }
    }
}
