//! `cosell send-now` and `cosell withdraw`: a person lets a waiting effect go at once, or takes it back.

use std::{path::Path, process::ExitCode};

use clap::Args;
use deal_model::{DealId, Verdict, WaitingEffect};
use serde_json::json;

use super::{Deciding, mark_of, say_next, told_of_change};
use crate::{
    commands::find_deal,
    config::Config,
    mapping_files::load_mapping,
    output::{self, Format},
    wiring::{Access, open_store},
};

/// Which effect of which deal.
#[derive(Debug, Args)]
pub(crate) struct Effect {
    /// A deal, an opportunity or a referral.
    deal: String,
    /// The effect's kind, such as `close`. Without it, what waits is listed.
    kind: Option<String>,
    #[command(flatten)]
    deciding: Deciding,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    SendNow,
    Withdraw,
}

impl Wish {
    fn command(self) -> &'static str {
        match self {
            Self::SendNow => "send-now",
            Self::Withdraw => "withdraw",
        }
    }

    fn verdict(self, effect: &WaitingEffect) -> Verdict {
        let (kind, target) = (effect.kind, effect.target.clone());
        match self {
            Self::SendNow => Verdict::SendNow { kind, target },
            Self::Withdraw => Verdict::Withdraw { kind, target },
        }
    }

    fn sentence(self, effect: &WaitingEffect) -> String {
        match self {
            Self::SendNow => format!("the referral is to be {} without waiting", effect.target),
            Self::Withdraw => format!("the referral is not to be {}", effect.target),
        }
    }

    /// Whether it makes a difference to this effect.
    fn concerns(self, effect: &WaitingEffect) -> bool {
        self == Self::SendNow || !effect.withdrawn
    }
}

impl Effect {
    pub(crate) async fn run(self, wish: Wish, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        let store = open_store(&loaded, Access::Look)?;
        let deal = find_deal(store.as_ref(), &self.deal).await?;
        let found = store.deals(std::slice::from_ref(&deal)).await?.pop();
        let mut waiting = found.map(|deal| deal.waiting).unwrap_or_default();
        waiting.retain(|effect| wish.concerns(effect));
        let Some(kind) = &self.kind else {
            self.show(wish, &waiting, format)?;
            return Ok(ExitCode::SUCCESS);
        };
        let Some(effect) = waiting.iter().find(|effect| effect.kind.name() == kind.replace('-', "_")) else {
            anyhow::bail!(
                "no {kind} waits on this deal: it left, or was never wanted\n  fix: cosell {} {} lists what waits",
                wish.command(),
                self.deal
            );
        };
        let verdict = wish.verdict(effect);
        if !self.deciding.saw(&[&verdict]) {
            let code = told_of_change(&deal, format)?;
            self.show(wish, std::slice::from_ref(effect), format)?;
            return Ok(code);
        }
        self.decide(wish, &*store, &deal, effect, load_mapping(&loaded)?.version(), format).await
    }

    async fn decide(
        &self,
        wish: Wish,
        store: &dyn store::Database,
        deal: &DealId,
        effect: &WaitingEffect,
        mapping: &str,
        format: Format,
    ) -> anyhow::Result<ExitCode> {
        let (verdict, what) = (wish.verdict(effect), wish.sentence(effect));
        let taken = self.deciding.decide(store, deal, verdict, mapping, &what, format).await?;
        if taken {
            say_next(deal, format);
        }
        Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn show(&self, wish: Wish, waiting: &[WaitingEffect], format: Format) -> anyhow::Result<()> {
        if waiting.is_empty() && format == Format::Text {
            output::line("Nothing of this deal waits for its time.");
        }
        for effect in waiting {
            let verdict = wish.verdict(effect);
            let command = format!(
                "cosell {} {} {} --shown {}",
                wish.command(),
                self.deal,
                effect.kind.name(),
                mark_of(&[&verdict])
            );
            match format {
                Format::Json => {
                    output::json(&json!({ "waiting": effect, "verdict": verdict, "command": command }))?;
                }
                Format::Text => {
                    output::indented(0, &standing(effect));
                    output::command(2, &command);
                }
            }
        }
        Ok(())
    }
}

/// How a waiting effect stands, for a person.
pub(crate) fn standing(effect: &WaitingEffect) -> String {
    let kind = effect.kind.name().replace('_', " ");
    if effect.withdrawn {
        format!("{kind}: the referral was to be {}; a person withdrew it", effect.target)
    } else {
        format!("{kind}: the referral will be {}, not before {:.0}", effect.target, effect.not_before)
    }
}
