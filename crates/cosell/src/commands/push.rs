//! `cosell push`: a person wants a referral that would never be created by itself.

use std::{path::Path, process::ExitCode};

use clap::Args;
use deal_model::{Choice, DealId, Outcome};
use serde_json::json;

use super::{
    decide::{Deciding, Offer, lines_of, mark_of_outcome, say_next, told_of_change},
    find_deal,
};
use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, wire},
};

/// Creates a referral for an opportunity that is closed already.
///
/// Without --shown nothing is decided: what would be created is shown, and the
/// command that creates it. If anything of it changes before that is typed, it
/// is shown anew, and nothing is decided. Works beside the service.
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// A deal or an opportunity.
    deal: String,
    #[command(flatten)]
    deciding: Deciding,
}

impl Push {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let wired = wire(Config::load(config)?, Access::Look)?;
        let deal = find_deal(wired.store.as_ref(), &self.deal).await?;
        let Some(preview) = wired.engine.preview(std::slice::from_ref(&deal)).await?.pop() else {
            anyhow::bail!("deal {deal} is gone\n  fix: cosell deals lists all of them");
        };
        if let Some(error) = &preview.unread {
            anyhow::bail!("deal {deal} could not be read: {}", error.what);
        }
        let choice = wired.engine.pushing(&preview);
        if let Outcome::Impossible(why) = &choice.outcome {
            anyhow::bail!("no referral can be created: {why}\n  fix: cosell deals show {deal}");
        }
        let Some(shown) = &self.deciding.shown else {
            self.show(&deal, &choice, format)?;
            return Ok(ExitCode::SUCCESS);
        };
        if *shown != mark_of_outcome(&choice) {
            let code = told_of_change(&deal, format)?;
            self.show(&deal, &choice, format)?;
            return Ok(code);
        }
        let what = "the referral that was shown is to be created";
        let (store, mapping) = (wired.store.as_ref(), wired.mapping.version());
        let taken = self.deciding.decide(store, &deal, choice.verdict, mapping, what, format).await?;
        if taken {
            say_next(&deal, format);
        }
        Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn show(&self, deal: &DealId, choice: &Choice, format: Format) -> anyhow::Result<()> {
        let Choice { verdict, outcome } = choice;
        let command = format!("cosell push {} --shown {}", self.deal, mark_of_outcome(choice));
        if format == Format::Json {
            let push = Offer { verdict, outcome, command: Some(command) };
            return output::json(&json!({ "deal": deal, "push": push }));
        }
        output::line(format!("deal {deal}: this would be created"));
        for line in lines_of(outcome) {
            output::indented(2, &line);
        }
        output::line("Nothing was decided; to have it created:");
        output::command(2, &command);
        Ok(())
    }
}
