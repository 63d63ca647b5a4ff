//! What the history says of people's decisions when they end.

use deal_model::{Decision, Irreversible, Verdict};

use super::Item;
use crate::Engine;

impl Engine {
    /// A line for each decision that this round carried out or hands back: for what changed meanwhile, or because its value
    /// was refused.
    pub(super) fn tell_of_decisions(
        &self,
        item: &mut Item,
        consumed: &[i64],
        handed_back: &[i64],
        refused: &[i64],
    ) {
        let ended = |ids: &[i64]| -> Vec<Decision> {
            item.deal.decisions.iter().filter(|decision| ids.contains(&decision.id)).cloned().collect()
        };
        let (done, back, refused) = (ended(consumed), ended(handed_back), ended(refused));
        for decision in done {
            let sentence =
                format!("Carried out what {} decided: {}.", decision.by, self.about(&decision.verdict));
            item.round.audit.push(self.line("carried out", &sentence));
        }
        for decision in back {
            // What a person decided about values that changed meanwhile is not carried out, and the person is told.
            let sentence = format!(
                "Handed back what {} decided ({}): it changed meanwhile, or may not be written any more.",
                decision.by,
                self.about(&decision.verdict)
            );
            item.round.audit.push(self.line("handed back", &sentence));
        }
        for decision in refused {
            let sentence = format!(
                "Handed back what {} decided ({}): the value was refused.",
                decision.by,
                self.about(&decision.verdict)
            );
            item.round.audit.push(self.line("handed back", &sentence));
        }
    }

    fn about(&self, verdict: &Verdict) -> String {
        let record = |winner| match winner {
            deal_model::Side::Crm => "the opportunity's",
            deal_model::Side::Portal => "the referral's",
        };
        let words = |kind: Irreversible| kind.name().replace('_', " ");
        match verdict {
            Verdict::Resolve { group, winner, .. } => {
                format!("{} takes {} value", self.label(group), record(*winner))
            }
            Verdict::Restore { group, archived, .. } => {
                format!("{} takes value {archived} of the archive", self.label(group))
            }
            Verdict::ResolveLife { winner, .. } => format!("{} stage is taken", record(*winner)),
            Verdict::SendNow { kind, .. } => format!("{} without waiting", words(*kind)),
            Verdict::Withdraw { kind, target } => format!("do not {}: {target}", words(*kind)),
            Verdict::Push => "a referral is created".to_owned(),
            Verdict::Retry => "try again".to_owned(),
            Verdict::Relink { to, .. } => {
                format!("the deal goes on with opportunity {} and referral {}", to.crm, to.portal)
            }
        }
    }
}
