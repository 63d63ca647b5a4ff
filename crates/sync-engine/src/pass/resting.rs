//! Deals that an operator paused: nothing is planned and nothing forgotten; the seller is told once.

use deal_model::{Phase, Plan, Side};

use super::Item;
use crate::{Commit, Disposition, Engine, Hints, Pause, PauseScope, StoreResult, engine::fenced};

impl Engine {
    /// Sets aside the paused deals of a batch: each says on its opportunity that it is paused, and its work is done. When it
    /// is resumed, everything of it is read.
    pub(super) async fn rest_paused(&self, items: &mut [Item], pauses: &[Pause]) -> StoreResult<()> {
        let mut resting = Vec::new();
        for item in items {
            let own = |pause: &&Pause| pause.scope == PauseScope::Deal(item.deal.id.clone());
            let Some(pause) = pauses.iter().find(own) else { continue };
            item.rests = true;
            item.round.plan = Plan {
                headline: pause.sentence(),
                waiting: item.deal.waiting.clone(),
                problems: item.deal.problems.clone(),
                ..Plan::default()
            };
            // Of a deal that its seller paused nothing is read, and nobody is told anything there.
            if item.deal.phase != Phase::Paused && item.deal.links.crm.is_some() && self.is_news(item).await?
            {
                item.read = Hints::of(Side::Crm);
                resting.push(item);
            } else {
                item.ended = true;
                self.hand_back(item.claim.clone(), Disposition::Done).await?;
            }
        }
        let mut resting: Vec<&mut Item> = resting.into_iter().collect();
        self.observe_side(Side::Crm, &mut resting).await?;
        self.apply_crm(&mut resting).await?;
        for item in resting.into_iter().filter(|item| !item.ended) {
            self.rest(item).await?;
        }
        Ok(())
    }

    async fn rest(&self, item: &mut Item) -> StoreResult<()> {
        if let Some(text) = item.round.reported.take() {
            item.deal.memory.reported.text = Some(text);
            item.deal.memory.reported.at = Some(self.now());
        }
        let disposition = match item.round.report_due {
            Some(at) => Disposition::Again { at, hints: Hints::of(Side::Crm), attempts: 0 },
            None => Disposition::Done,
        };
        let commit = Commit {
            deal: Some(item.deal.clone()),
            effect: item.round.effect,
            ..self.ending(item.claim.clone(), disposition)
        };
        item.ended = true;
        fenced(self.parts.store.commit(&commit).await).map(drop)
    }
}
