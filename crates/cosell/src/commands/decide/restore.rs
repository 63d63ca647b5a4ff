//! `cosell restore`: a value that lost goes back to both sides.

use std::{path::Path, process::ExitCode};

use clap::Args;
use deal_model::{Choice, GroupHeld, Outcome, PerSide, Side, display};
use serde_json::json;
use sync_engine::{ArchivedRow, Preview};

use super::{Deciding, Offer, lines_of, mark_of, say_next, told_of_change};
use crate::{
    commands::find_deal,
    config::Config,
    output::{self, Format},
    wiring::{Access, Wired, wire},
};

/// Most losing values that are listed.
const LISTED: usize = 50;

/// Lists the values that lost, and restores one of them to both sides.
///
/// Without a number nothing is decided: each value is shown with what both
/// sides hold now, and the command that restores it. What the restored value
/// overwrites is kept in its turn. If a side changes before it is carried out,
/// it is handed back. Works beside the service.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cosell restore 006xx000004TmiQ     the values that lost, each with the command
                                     that brings it back")]
pub(crate) struct Restore {
    /// A deal, an opportunity or a referral.
    deal: String,
    /// The value's number.
    value: Option<i64>,
    #[command(flatten)]
    deciding: Deciding,
}

/// A losing value, and what would come of restoring it; `None` where no field of the mapping can take it.
struct Lost {
    row: ArchivedRow,
    label: String,
    restoring: Option<(PerSide<GroupHeld>, Choice)>,
}

impl Restore {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let wired = wire(Config::load(config)?, Access::Look)?;
        let deal = find_deal(wired.store.as_ref(), &self.deal).await?;
        let Some(preview) = wired.engine.preview(std::slice::from_ref(&deal)).await?.pop() else {
            anyhow::bail!("deal {deal} is gone\n  fix: cosell deals lists all of them");
        };
        if let Some(error) = &preview.unread {
            anyhow::bail!("deal {deal} could not be read: {}", error.what);
        }
        let rows = wired.store.archive(&deal, LISTED).await?;
        let mut lost: Vec<Lost> = rows.into_iter().map(|row| look(&wired, &preview, row)).collect();
        let Some(number) = self.value else {
            for lost in &lost {
                show(&self.deal, lost, format)?;
            }
            if lost.is_empty() && format == Format::Text {
                output::line("No value of this deal was ever overwritten unseen.");
            }
            return Ok(ExitCode::SUCCESS);
        };
        let Some(at) = lost.iter().position(|lost| lost.row.id == number) else {
            anyhow::bail!(
                "value {number} is not in the archive of this deal\n  fix: cosell restore {} lists them",
                self.deal
            );
        };
        let lost = lost.swap_remove(at);
        if let Some(on) = lost.row.erased {
            anyhow::bail!(
                "value {number} was erased on {}, and nobody can read it any more\n  fix: type it by hand, if it is \
                 still known",
                on.strftime("%Y-%m-%d")
            );
        }
        let Some((_, Choice { verdict, outcome })) = &lost.restoring else {
            anyhow::bail!("{}\n  fix: type it by hand where it belongs", not_a_field(&lost));
        };
        if let Outcome::Impossible(why) = outcome {
            anyhow::bail!("value {number} cannot be restored: {why}");
        }
        if *outcome == Outcome::Nothing {
            anyhow::bail!("both sides hold value {number} already");
        }
        if !self.deciding.saw(&[verdict]) {
            let code = told_of_change(&deal, format)?;
            show(&self.deal, &lost, format)?;
            return Ok(code);
        }
        let what = format!("{} goes back to \"{}\" on both sides", lost.label, value_of(&lost));
        let store = wired.store.as_ref();
        let mapping = wired.mapping.version();
        let taken = self.deciding.decide(store, &deal, verdict.clone(), mapping, &what, format).await?;
        if taken {
            say_next(&deal, format);
        }
        Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn look(wired: &Wired, preview: &Preview, row: ArchivedRow) -> Lost {
    let specs = wired.mapping.specs();
    let label = specs
        .group(&row.archived.group)
        .map_or_else(|| row.archived.group.to_string(), |spec| spec.label().to_owned());
    let restoring = wired.engine.restoration(preview, &row);
    Lost { row, label, restoring }
}

fn value_of(lost: &Lost) -> String {
    display(&lost.row.archived.value)
}

fn not_a_field(lost: &Lost) -> String {
    format!("value {} is of \"{}\", which is no field of the mapping", lost.row.id, lost.row.archived.group)
}

fn show(deal: &str, lost: &Lost, format: Format) -> anyhow::Result<()> {
    let command = |verdict| format!("cosell restore {deal} {} --shown {}", lost.row.id, mark_of(&[verdict]));
    let offer = lost.restoring.as_ref().map(|(_, Choice { verdict, outcome })| Offer {
        verdict,
        outcome,
        command: (outcome.is_possible() && *outcome != Outcome::Nothing).then(|| command(verdict)),
    });
    let holds = lost.restoring.as_ref().map(|(held, _)| held);
    if format == Format::Json {
        let holds = holds.map(|held| json!({ "salesforce": held.crm, "partner_center": held.portal }));
        return output::json(&json!({ "archived": lost.row, "holds": holds, "restore": offer }));
    }
    let side = if lost.row.archived.side == Side::Crm { "opportunity" } else { "referral" };
    output::line(format!("{}  {:.0}  {} on the {side}", lost.row.id, lost.row.at, lost.label));
    if let Some(on) = lost.row.erased {
        output::indented(4, &format!("erased on {}, for ever", on.strftime("%Y-%m-%d")));
        return Ok(());
    }
    output::labelled("  value", &value_of(lost));
    output::labelled("  lost", &lost.row.archived.reason);
    if let Some(held) = holds {
        let (crm, portal) = (display(&held.crm), display(&held.portal));
        if crm == portal {
            output::labelled("  now", &crm);
        } else {
            output::labelled("  now", &format!("{crm} on the opportunity, {portal} on the referral"));
        }
    }
    match offer {
        Some(Offer { outcome, command, .. }) => {
            for line in lines_of(outcome) {
                output::indented(4, &line);
            }
            if let Some(command) = command {
                output::command(4, &command);
            }
        }
        None => output::indented(4, &format!("{}: type it by hand", not_a_field(lost))),
    }
    Ok(())
}
