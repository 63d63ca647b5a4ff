//! Creations that a pass began and no pass finished: what they were, and what is known of their moment.

use deal_model::{Effect, Life, Observation, PerSide, Phase, Side, digest};
use ports::EffectKind;

use super::{
    Item,
    birth::{link_companion, link_referral},
    look::Look,
};
use crate::{Created, Engine, IntentOutcome, StoreResult};

impl Engine {
    /// Ends the doubts that no birth of this plan ends: the record is known by now, or the wish is gone (the deal was
    /// closed, a field emptied) and the record may be there all the same. A store that was put back does not even know
    /// that there is a doubt: so a closed referral without an opportunity is looked for by its key whenever it is met.
    pub(super) async fn end_doubts(&self, item: &mut Item) -> StoreResult<()> {
        if item.deal.phase == Phase::Paused || item.round.plan.phase == Some(Phase::Paused) {
            return Ok(());
        }
        let plans_opportunity = {
            let plans = |effect: &Effect| matches!(effect, Effect::Create { side: Side::Crm, .. });
            item.round.plan.effects.iter().any(plans)
        };
        let mut opportunity = None;
        for intent in self.parts.store.open_intents(&item.deal.id).await? {
            let links = &item.deal.links;
            let (known, planned) = match intent.kind {
                EffectKind::Create => {
                    let plans = |effect: &Effect| matches!(effect, Effect::Create { side: Side::Portal, .. });
                    (&links.portal, item.round.plan.effects.iter().any(plans))
                }
                EffectKind::CreateCompanion => {
                    let plans = |effect: &Effect| matches!(effect, Effect::CreateCompanion { .. });
                    (&links.companion, item.round.plan.effects.iter().any(plans))
                }
                EffectKind::CrmWrite if links.crm.is_none() => {
                    opportunity = Some(intent);
                    continue;
                }
                EffectKind::CrmWrite => (&links.crm, true),
                EffectKind::Patch => continue,
            };
            if let Some(record) = known.clone() {
                item.round.intents.push((intent.id, IntentOutcome::Done(record)));
            } else if !planned {
                self.look_after(item, intent.kind).await?;
            }
        }
        let is_closed = item.seen(Side::Portal).is_some_and(|seen| seen.life.is_closed());
        match opportunity {
            Some(intent) if !plans_opportunity => self.look_for_opportunity(item, intent).await,
            None if is_closed && item.deal.links.crm.is_none() => self.tell_of_opportunity(item).await,
            _ => Ok(()),
        }
    }

    async fn look_after(&self, item: &mut Item, kind: EffectKind) -> StoreResult<()> {
        let links = item.deal.links.clone();
        match (kind, links.crm, links.engagement) {
            (EffectKind::Create, Some(opportunity), _) => {
                let key = digest(opportunity.as_str());
                if let Look::Found(record) = self.look_for_referral(item, &key).await? {
                    link_referral(item, record, None);
                }
            }
            (EffectKind::CreateCompanion, _, Some(engagement)) => {
                if let Look::Found(record) = self.look_for_companion(item, &engagement).await? {
                    link_companion(item, record);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A referral of our own making whose answer was lost: the deal is reconciled from that moment, so that what rode along
/// or was to follow (help, a close since) is no surprise of a foreign link.
pub(super) fn was_active(item: &mut Item) {
    let began = Life::Active { sales_stage: None };
    item.deal.memory.life = Some(PerSide::new(began.clone(), began));
}

/// An opportunity of our own making whose first state was not read: where one half still waits for an answer, both did
/// when it was made, and what a seller or the portal did since is a change to be followed.
pub(super) fn was_on_hold(item: &mut Item, portal: &Life, created: &Created, tried_before: bool) {
    let ours = if created.existed { tried_before } else { created.after.is_none() };
    let waits = |made: &Observation| made.life == Life::Received;
    if ours && (*portal == Life::Received || created.after.as_ref().is_some_and(waits)) {
        item.deal.memory.life = Some(PerSide::new(Life::Received, Life::Received));
    }
}
