//! `cosell relink`: a person moves a deal's link to another opportunity or referral, after seeing what would come of it.

use std::{path::Path, process::ExitCode};

use clap::{ArgGroup, Args};
use deal_model::{GroupDecision, PerSide, RecordId, Side, Verdict};
use partner_center::ReferralId;
use ports::EffectKind;
use serde_json::json;
use sync_engine::{RelinkPreview, Relinking};

use super::{
    decide::{Deciding, mark_of, say_next, told_of_change},
    find_deal,
};
use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, wire},
};

const EXAMPLES: &str = "\
Examples:
  cosell relink 006xx000004TmiQ --referral d8a2c8f4-0c1b-4a57-9d36-1c2f5e7b9a10
      shows what would come of it, and the command that decides so";

/// Moves a deal's link to another opportunity or referral.
///
/// Reads both records and shows how they stand, what differs and what would be
/// written. Decides nothing without --apply. Then the deal begins anew with what
/// both sides hold: what differs is merged as for records that were just linked,
/// and nothing that cannot be taken back leaves by itself. The referral that it
/// had is never linked again by itself. Works beside the service.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("half").required(true), after_help = EXAMPLES)]
pub(crate) struct Relink {
    /// A deal, or the opportunity or referral that it has.
    deal: String,
    /// The opportunity that it is to have.
    #[arg(long, value_name = "ID", group = "half")]
    opportunity: Option<String>,
    /// The referral that it is to have.
    #[arg(long, value_name = "ID", group = "half")]
    referral: Option<String>,
    /// Decides so; the service carries it out.
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    deciding: Deciding,
}

impl Relink {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let wired = wire(Config::load(config)?, Access::Look)?;
        let id = find_deal(wired.store.as_ref(), &self.deal).await?;
        let Some(deal) = wired.store.deals(std::slice::from_ref(&id)).await?.pop() else {
            anyhow::bail!("deal {id} is gone\n  fix: cosell deals list names them");
        };
        let opportunity = self
            .opportunity
            .as_ref()
            .map(|text| RecordId::new(connectors::partner_center::normalise_reference(text)));
        let referral = self.referral.as_ref().map(|text| text.trim().to_lowercase());
        if let Some(id) = referral.as_ref().filter(|id| id.parse::<ReferralId>().is_err()) {
            anyhow::bail!(
                "{} is no referral's id\n  fix: copy it from the end of the referral's address in Partner Center",
                output::plain(id)
            );
        }
        let referral = referral.map(RecordId::new);
        let (Some(crm), Some(portal)) =
            (opportunity.or(deal.links.crm.clone()), referral.or(deal.links.portal.clone()))
        else {
            anyhow::bail!(
                "deal {id} has no other half to link with\n  fix: cosell deals show {id} says what it waits for"
            );
        };
        let found = match wired.engine.preview_relink(&deal, PerSide::new(portal, crm)).await? {
            Relinking::Possible(found) => *found,
            Relinking::Refused(refusal) => {
                match format {
                    Format::Json => output::json(&json!({ "deal": id, "refused": refusal }))?,
                    Format::Text => {
                        output::indented(0, &refusal.sentence);
                        output::indented(2, &format!("fix: {}", refusal.next_step));
                    }
                }
                return Ok(ExitCode::FAILURE);
            }
            Relinking::Unread(error) => anyhow::bail!(
                "the records cannot be read: {error}\n  fix: cosell connections --test says what is wrong"
            ),
        };
        let verdict =
            Verdict::Relink { from: found.from.clone(), to: found.to.clone(), shown: found.shown.clone() };
        if !self.deciding.saw(&[&verdict]) {
            told_of_change(&id, format)?;
            show(&found, &verdict, &id, format)?;
            return Ok(ExitCode::FAILURE);
        }
        if !self.apply {
            show(&found, &verdict, &id, format)?;
            return Ok(ExitCode::SUCCESS);
        }
        let what =
            format!("the deal goes on with opportunity {} and referral {}", found.to.crm, found.to.portal);
        let mapping = wired.mapping.version();
        let taken = self.deciding.decide(wired.store.as_ref(), &id, verdict, mapping, &what, format).await?;
        if taken {
            say_next(&id, format);
        }
        Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn show(
    found: &RelinkPreview,
    verdict: &Verdict,
    deal: &deal_model::DealId,
    format: Format,
) -> anyhow::Result<()> {
    let plan = &found.preview.plan;
    let changed = if found.from.crm.as_ref() == Some(&found.to.crm) {
        format!("--referral {}", found.to.portal)
    } else {
        format!("--opportunity {}", found.to.crm)
    };
    let command = format!("cosell relink {deal} {changed} --apply --shown {}", mark_of(&[verdict]));
    if format == Format::Json {
        let absorbs = found.absorbs.as_ref().map(|(half, _)| half);
        return output::json(&json!({
            "deal": deal, "from": found.from, "to": found.to, "stages": found.shown, "plan": plan,
            "differences": found.differences, "absorbs": absorbs, "doubts": found.doubts, "command": command,
        }));
    }
    for (side, label) in [(Side::Crm, "opportunity"), (Side::Portal, "referral")] {
        let before = found.from.at(side).as_ref().map_or("none", RecordId::as_str);
        let (after, stage) = (found.to.at(side), found.shown.at(side).word());
        let moved =
            if before == after.as_str() { "stays".to_owned() } else { format!("instead of {before}") };
        output::labelled(label, &format!("{after} ({stage}), {moved}"));
    }
    if let Some((half, _)) = &found.absorbs {
        output::labelled("", &format!("deal {half} has it and nothing else: it gives it up"));
    }
    for doubt in &found.doubts {
        output::labelled("in doubt", doubted(doubt.kind));
        output::labelled("", &format!("It was sent at {:.0}; {WAIT}", doubt.made));
    }
    for difference in &found.differences {
        let decision = plan.decisions.iter().find(|(group, _)| *group == difference.field);
        output::labelled("differs", &format!("{}: {}", difference.field, decision.map_or("is left", words)));
        output::labelled("", &format!("opportunity: {}", difference.opportunity));
        output::labelled("", &format!("referral:    {}", difference.referral));
    }
    if found.differences.is_empty() {
        output::line("Both records hold the same.");
    }
    for problem in &plan.problems {
        output::labelled("needs you", &problem.sentence);
        output::labelled("", &problem.next_step);
    }
    output::line("Nothing was decided. To relink:");
    output::command(2, &command);
    Ok(())
}

/// What a person does about what is in doubt.
const WAIT: &str = "the service finds out by itself within minutes. Wait for that, or look there.";

/// What began, and what it means if it came to its end.
fn doubted(kind: EffectKind) -> &'static str {
    match kind {
        EffectKind::Create => {
            "This deal began to create a referral. If there is one, it stays in Partner Center beside the one named here."
        }
        EffectKind::CreateCompanion => "This deal began to ask Microsoft for help. It may have been asked.",
        EffectKind::Patch => "This deal began to change its referral. It may have been changed.",
        EffectKind::CrmWrite => {
            "This deal began to create an opportunity. If there is one, it stays in Salesforce beside the one named here."
        }
    }
}

fn words((_, decision): &(deal_model::GroupId, GroupDecision)) -> &'static str {
    match decision {
        GroupDecision::Write { to: Side::Crm } => "the referral's goes to the opportunity",
        GroupDecision::Write { to: Side::Portal } => "the opportunity's goes to the referral",
        GroupDecision::Merge => "what either has goes to the other",
        GroupDecision::Pending { .. } => "waits",
        GroupDecision::Ask => "a person decides",
        GroupDecision::Nothing | GroupDecision::Agree | GroupDecision::Unknown | GroupDecision::Drift => {
            "is left"
        }
    }
}
