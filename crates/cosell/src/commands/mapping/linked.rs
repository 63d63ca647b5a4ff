//! `cosell mapping rewrite`: what a changed mapping would rewrite on deals that are linked already, and its making so.

use std::{path::Path, process::ExitCode};

use clap::Args;
use deal_model::Side;
use serde::Serialize;
use sync_engine::{DealRewrites, Decided, NewDecision, Rewrite as Field};

use crate::{
    commands::{PAGE, all_deals, find_deal, person},
    config::Config,
    org_facts,
    output::{self, Format},
    wiring::{Access, Wired, wire},
};

/// Longest value that is shown, in characters.
const MAX_SHOWN: usize = 50;

/// Shows what the changed mapping would rewrite on deals that are linked
/// already. Without --apply nothing is written.
///
/// Where a deal's two sides differ since the mapping changed, they stay as they
/// are until somebody edits them or --apply makes them equal. The losing value
/// is kept in the archive. A deal's stage is never rewritten from here.
#[derive(Debug, Args)]
pub(crate) struct Rewrite {
    /// A deal, an opportunity or a referral; without it, every deal.
    deal: Option<String>,
    /// Make it so, for exactly what is shown. The service writes it.
    #[arg(long)]
    apply: bool,
}

/// Everything that is shown.
#[derive(Debug, Default, Serialize)]
struct Shown {
    /// The present mapping's version.
    mapping: String,
    /// Whether it is being made so.
    applied: bool,
    counts: Counts,
    deals: Vec<DealRewrites>,
}

/// How much it is.
#[derive(Debug, Default, Serialize)]
struct Counts {
    /// Deals that differ since the mapping changed.
    deals: usize,
    /// Fields that are rewritten.
    rewritten: usize,
    /// Fields that are not rewritten, or not now.
    held_back: usize,
    /// Fields about which somebody else decided before: that stands.
    decided_before: usize,
    /// Deals whose stages stand apart.
    stages: usize,
    /// Deals that could not be read.
    unread: usize,
}

impl Rewrite {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let wired = wire(Config::load(config)?, Access::Look)?;
        let ids = match &self.deal {
            Some(deal) => vec![find_deal(wired.store.as_ref(), deal).await?],
            None => all_deals(wired.store.as_ref()).await?,
        };
        if self.apply {
            org_facts::require_the_services_mapping(&*wired.store, wired.mapping.version())?;
        }
        let mut shown = Shown { mapping: wired.mapping.version().to_owned(), ..Shown::default() };
        for page in ids.chunks(PAGE) {
            for deal in wired.engine.rewrites(page).await? {
                shown.counts.add(&deal);
                if self.apply {
                    shown.counts.decided_before += decide(&wired, &deal).await?;
                }
                shown.deals.push(deal);
            }
        }
        shown.applied = self.apply;
        match format {
            Format::Json => output::json(&shown)?,
            Format::Text => print(&shown),
        }
        Ok(if shown.counts.unread == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Counts {
    fn add(&mut self, deal: &DealRewrites) {
        let known = deal.unread.is_none() || !deal.fields.is_empty() || deal.stage.is_some();
        self.deals += usize::from(known);
        self.unread += usize::from(deal.unread.is_some());
        self.stages += usize::from(deal.stage.is_some());
        let rewritten = deal.fields.iter().filter(|field| field.verdict().is_some()).count();
        self.rewritten += rewritten;
        self.held_back += deal.fields.len() - rewritten;
    }
}

/// Each field becomes a decision on exactly the values shown: the next pass carries it out, through the ordinary rules.
/// Returns of how many fields somebody else's word stands.
async fn decide(wired: &Wired, deal: &DealRewrites) -> anyhow::Result<usize> {
    let mut decided_before = 0;
    for field in &deal.fields {
        let Some(verdict) = field.verdict() else { continue };
        let decision = NewDecision {
            deal: deal.deal.clone(),
            verdict,
            by: person(),
            sentence: format!("{} has {} rewritten as the changed mapping says.", person(), field.label),
            mapping: wired.mapping.version().to_owned(),
            instead_of: None,
            now: wired.clock.now(),
        };
        if let Decided::Open(open) = wired.store.decide(&decision).await? {
            decided_before += usize::from(open.verdict != decision.verdict);
        }
    }
    Ok(decided_before)
}

fn print(shown: &Shown) {
    for deal in &shown.deals {
        let name = deal.opportunity.as_ref().or(deal.referral.as_ref());
        let name = name.map_or_else(|| deal.deal.to_string(), ToString::to_string);
        output::line(format!("deal {name}"));
        if let Some(unread) = &deal.unread {
            output::indented(2, &format!("could not be read: {unread}"));
        }
        for field in &deal.fields {
            print_field(field);
        }
        if let Some(stage) = &deal.stage {
            output::indented(2, "stage: never rewritten from here");
            output::indented(4, &format!("opportunity  {}", stage.opportunity));
            output::indented(4, &format!("referral     {}", stage.referral));
            output::indented(4, &format!("to decide: cosell resolve {name}"));
        }
    }
    let Counts { deals, unread, rewritten, held_back, decided_before, stages } = shown.counts;
    if unread > 0 {
        output::line(format!("{} could not be read, and may differ too", counted(unread, "deal")));
    }
    if deals == 0 {
        output::line("nothing that could be read differs since the mapping changed");
        return;
    }
    let will = if shown.applied { "being rewritten" } else { "to be rewritten" };
    output::line(format!(
        "{}: {} {will}, {held_back} not, {} for a person",
        counted(deals, "deal"),
        counted(rewritten, "field"),
        counted(stages, "stage"),
    ));
    if decided_before > 0 {
        output::line(format!("{} left to what was decided before", counted(decided_before, "field")));
    }
    if !shown.applied && rewritten > 0 {
        output::line("nothing was written; to make it so: cosell mapping rewrite --apply");
    }
}

fn print_field(field: &Field) {
    output::indented(2, &field.label);
    for (side, name, value) in
        [(Side::Crm, "opportunity", &field.opportunity), (Side::Portal, "referral", &field.referral)]
    {
        let wins = if field.verdict().is_some() && field.winner == Some(side) { "  wins" } else { "" };
        output::line(format!("    {name:<12} {}{wins}", short(value)));
    }
    if let Some(reason) = &field.held_back {
        output::indented(4, &format!("not rewritten: {reason}"));
    }
}

fn short(value: &str) -> String {
    let plain = output::plain(&value.replace('\n', "; "));
    match plain.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("\"{}...\"", &plain[..end]),
        None => format!("\"{plain}\""),
    }
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
