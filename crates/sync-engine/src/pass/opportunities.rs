//! Births into the CRM: those of one batch are made together, each by itself.
//!
//! An opportunity carries a unique key: trying again finds it. Its intent tells that it was ours.

use deal_model::{Effect, EffectEnd, GroupId, Life, Observation, Side};
use ports::{EffectKind, HoldPoint, RetryClass};

use super::{Item, NOT_DONE, doubts::was_on_hold, refusals::failed};
use crate::{
    Created, Engine, Intent, IntentOutcome, NewRecord, SideError, StoreResult, WorkLane, engine::scope,
};

type Answer = Result<Created, SideError>;

/// One opportunity on its way.
struct Birth {
    /// The place of its deal in the batch.
    at: usize,
    /// The place of the effect in the deal's plan.
    slot: usize,
    intent: Intent,
    tried_before: bool,
    new: NewRecord,
    /// What it goes without, and what was said of it.
    refused: Vec<(GroupId, String)>,
}

impl Engine {
    /// Makes the opportunities that the plans of these deals ask for. A deal for which the store fails is tried again.
    pub(super) async fn bear_opportunities(&self, items: &mut [&mut Item]) -> StoreResult<()> {
        let mut first = Ok(());
        let mut births = Vec::new();
        for (at, item) in items.iter_mut().enumerate() {
            match self.expected(at, item).await {
                Ok(birth) => births.extend(birth),
                Err(error) => self.failed_for(item, error, &mut first),
            }
        }
        let Some(until) = births.iter().map(|birth: &Birth| items[birth.at].claim.lease_until).min() else {
            return first;
        };
        let is_urgent = births.iter().any(|birth| items[birth.at].claim.lane == WorkLane::Now);
        let lane = if is_urgent { ports::Lane::Now } else { ports::Lane::Background };
        // Many calls: each has its own deadline, and all of them have the lease. What is still under way then is found
        // by its key.
        let scope = scope(lane, until);
        let wanted: Vec<NewRecord> = births.iter().map(|birth| birth.new.clone()).collect();
        let mut answers = self.create_all(&wanted, scope).await;

        let mut again = Vec::new();
        for (place, (birth, answer)) in births.iter_mut().zip(&answers).enumerate() {
            if let Err(error) = answer
                && error.class == RetryClass::Person
                && !error.groups.is_empty()
            {
                // A value that the CRM will not take does not keep the deal from being seen: it goes without that value.
                let refused = error.groups.iter().map(|group| (group.clone(), error.told.clone()));
                birth.refused = refused.collect();
                birth.new.writes.retain(|write| !error.groups.contains(&write.group));
                again.push(place);
            }
        }
        if !again.is_empty() {
            let wanted: Vec<NewRecord> = again.iter().map(|place| births[*place].new.clone()).collect();
            for (place, answer) in again.into_iter().zip(self.create_all(&wanted, scope).await) {
                // What it cannot go without was refused first, in words that say why.
                if !misses_only(&births[place].refused, &answer) {
                    answers[place] = answer;
                }
            }
        }
        if answers.iter().any(Result::is_ok) {
            self.parts.holds.reach(HoldPoint::AfterAnswer, EffectKind::CrmWrite);
        }
        for (birth, answer) in births.into_iter().zip(answers) {
            let (at, slot) = (birth.at, birth.slot);
            match self.opportunity_born(items[at], birth, answer).await {
                Ok(end) => items[at].round.ends[slot] = end,
                Err(error) => self.failed_for(items[at], error, &mut first),
            }
        }
        first
    }

    /// One answer for each, whatever the side says.
    async fn create_all(&self, wanted: &[NewRecord], scope: crate::CallScope) -> Vec<Answer> {
        let mut answers = self.parts.crm.create_many(wanted, scope).await;
        answers.resize_with(wanted.len(), || Err(SideError::unanswered()));
        answers
    }

    /// What is to be made for a deal, with its intent written down. `None`: nothing, or not now.
    async fn expected(&self, at: usize, item: &mut Item) -> StoreResult<Option<Birth>> {
        let is_birth = |effect: &Effect| matches!(effect, Effect::Create { side: Side::Crm, .. });
        let Some(slot) = item.round.to_send().iter().position(is_birth) else { return Ok(None) };
        let Effect::Create { writes, life, .. } = item.round.plan.effects[slot].clone() else {
            return Ok(None);
        };
        let (false, Some(from)) = (item.ended, item.seen(Side::Portal).cloned()) else { return Ok(None) };
        if self.lapsed(item) {
            item.round.retry_at = Some(self.now());
            return Ok(None);
        }
        let doubtful = self.open_intent(item, EffectKind::CrmWrite).await?;
        let tried_before = doubtful.is_some();
        let intent = if doubtful.is_some() {
            doubtful
        } else {
            let key = from.record.as_str().to_owned();
            self.intend(item, EffectKind::CrmWrite, key, Vec::new()).await?
        };
        let new = NewRecord { writes, life, from, engagement: None };
        Ok(intent.map(|intent| Birth { at, slot, intent, tried_before, new, refused: Vec::new() }))
    }

    async fn opportunity_born(
        &self,
        item: &mut Item,
        birth: Birth,
        answer: Answer,
    ) -> StoreResult<EffectEnd> {
        let Birth { intent, tried_before, new, refused, .. } = birth;
        let end = match answer {
            Ok(created) if created.existed => {
                self.link_existing(item, created, Some(&new.life), tried_before).await?;
                // What a seller already had is merged by the next round: nothing of it was written by us.
                NOT_DONE
            }
            Ok(created) => {
                was_on_hold(item, &new.life, &created, tried_before);
                link_opportunity(item, created);
                let line = self.timed(item, "created", Side::Crm, &new.writes, "Opportunity created.");
                item.round.audit.push(line);
                EffectEnd::Done { refused }
            }
            Err(error) if error.certainly_not_done && !tried_before => failed(&mut item.round, error),
            // Whether it was done shows when it is tried again.
            Err(error) => return Ok(failed(&mut item.round, error)),
        };
        let outcome = item.deal.links.crm.clone().map_or(IntentOutcome::NotDone, IntentOutcome::Done);
        item.round.intents.push((intent.id, outcome));
        Ok(end)
    }

    /// What became of a birth that no pass finished and nobody wants any more: the referral was closed meanwhile, or the
    /// switch was turned off. An opportunity that was made is the deal's half, and follows it into its end.
    pub(super) async fn look_for_opportunity(&self, item: &mut Item, intent: Intent) -> StoreResult<()> {
        let Some(referral) = item.deal.links.portal.clone() else { return Ok(()) };
        let found = match self.parts.crm.born_of(&referral, self.write_scope(item)).await {
            Ok(found) => found,
            Err(error) => {
                failed(&mut item.round, error);
                return Ok(());
            }
        };
        match found {
            Some(created) => {
                let is_read = created.after.is_some();
                let portal = item.seen(Side::Portal).map(|seen| seen.life.clone());
                self.link_existing(item, created, portal.as_ref(), true).await?;
                if !is_read {
                    return Ok(());
                }
            }
            None if self.now() < self.settled_at(&intent) => {
                item.round.retry_at = Some(self.settled_at(&intent));
                return Ok(());
            }
            None => {}
        }
        let outcome = item.deal.links.crm.clone().map_or(IntentOutcome::NotDone, IntentOutcome::Done);
        item.round.intents.push((intent.id, outcome));
        Ok(())
    }

    /// Says of a closed referral that an opportunity of ours carries its key, and nothing here knows of it: as after a
    /// store was put back behind the birth. Which side's values are right by now, only a person can tell.
    pub(super) async fn tell_of_opportunity(&self, item: &mut Item) -> StoreResult<()> {
        let Some(referral) = item.deal.links.portal.clone() else { return Ok(()) };
        let found = match self.parts.crm.born_of(&referral, self.write_scope(item)).await {
            Ok(found) => found,
            // Then there is nothing to say.
            Err(error) if matches!(error.class, RetryClass::Person | RetryClass::Bug) => return Ok(()),
            Err(error) => {
                failed(&mut item.round, error);
                return Ok(());
            }
        };
        let Some(created) = found else { return Ok(()) };
        let Some(facts) = created.after.as_ref().and_then(Observation::crm) else {
            unreadable(item);
            return Ok(());
        };
        if !facts.opted_in || facts.origin.as_ref() != Some(&created.record) {
            return Ok(());
        }
        if self.parts.store.deal_of(Side::Crm, &created.record).await?.is_none_or(|deal| deal == item.deal.id)
        {
            self.link_problem(
                item,
                "An opportunity carries the identifier of this closed referral, and this store does not know of it.",
                "Compare the two, and take the opportunity over: cosell relink DEAL --opportunity ID.",
            );
        }
        Ok(())
    }

    /// The opportunity that holds the referral's unique key becomes the deal's half, if it may.
    async fn link_existing(
        &self,
        item: &mut Item,
        created: Created,
        portal: Option<&Life>,
        tried_before: bool,
    ) -> StoreResult<()> {
        let Some(facts) = created.after.as_ref().and_then(Observation::crm) else {
            unreadable(item);
            return Ok(());
        };
        if !facts.opted_in {
            // Nothing of it is kept, its id included (ARCHITECTURE.md, invariant 8).
            "waiting: sync is off on this referral's opportunity".clone_into(&mut item.round.plan.headline);
            return Ok(());
        }
        let holder = self.parts.store.deal_of(Side::Crm, &created.record).await?;
        if holder.is_some_and(|holder| holder != item.deal.id) {
            self.link_problem(
                item,
                "The opportunity that carries this referral's identifier belongs to another deal.",
                "Correct the identifier on the opportunity, or relink the deal.",
            );
            return Ok(());
        }
        if let Some(portal) = portal {
            was_on_hold(item, portal, &created, tried_before);
        }
        link_opportunity(item, created);
        let sentence = "Opportunity found by its key, and linked.";
        item.round.audit.push(self.timed(item, "linked", Side::Crm, &[], sentence));
        Ok(())
    }
}

/// Whether it was not made for want of what was left out.
fn misses_only(left_out: &[(GroupId, String)], answer: &Answer) -> bool {
    let is_left_out = |group: &GroupId| left_out.iter().any(|(left, _)| left == group);
    answer
        .as_ref()
        .err()
        .is_some_and(|error| !error.groups.is_empty() && error.groups.iter().all(is_left_out))
}

/// Whether it is opted in was not read: nothing of it is kept, and it is looked at again.
fn unreadable(item: &mut Item) {
    let what = "the opportunity that holds the referral's key could not be read";
    failed(&mut item.round, SideError { class: RetryClass::LATER, ..SideError::bug(what) });
}

fn link_opportunity(item: &mut Item, created: Created) {
    item.deal.links.crm = Some(created.record);
    item.round.after.crm = created.after.map(Box::new);
    item.round.effect.get_or_insert(EffectKind::CrmWrite);
    item.round.linked = true;
}
