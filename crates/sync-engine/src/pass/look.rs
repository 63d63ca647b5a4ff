//! The looks of the birth protocol: whether what is to be created is there already (sync rules, section 6).

use std::time::Duration;

use deal_model::{Fingerprint, RecordId, Side, Verdict};
use jiff::{SignedDuration, Timestamp};
use planted::{Bug, planted};
use ports::EffectKind;

use super::{Item, doubts::was_active, refusals::failed};
use crate::{Engine, IndexEntry, Intent, IntentOutcome, StoreResult};

/// The portal's clock and ours may differ by this much when a match's age is judged.
const CLOCK_DIFFERENCE: SignedDuration = SignedDuration::from_mins(5);

/// How soon a birth asks again whether the poll is fresh, if the end of a poll does not wake it before.
const LIST_AGAIN: Duration = Duration::from_secs(5);

/// The cursor that remembers that other organisations' referrals are visible to us.
pub(crate) const COMPANIONS_SEEN: &str = "portal.companions_seen";

/// The answer of a look.
pub(super) enum Look {
    /// Nothing there: send.
    Clear,
    /// This is it.
    Found(RecordId),
    /// Not now, or not without a person; the round says why.
    Stop,
}

impl Engine {
    pub(super) async fn look_for_referral(&self, item: &mut Item, key: &Fingerprint) -> StoreResult<Look> {
        if planted(Bug::NoLookBeforePost) {
            return Ok(Look::Clear);
        }
        let intent = self.open_intent(item, EffectKind::Create).await?;
        if let Some(intent) = &intent {
            if !self.settled(item, intent) {
                return Ok(Look::Stop);
            }
            let Some(entries) = self.look(item, begun(intent), None).await? else { return Ok(Look::Stop) };
            item.round.index.extend(entries);
        } else if !self.may_look() {
            self.wants_poll(&item.deal.id);
            item.round.retry_at = Some(self.in_(LIST_AGAIN));
            "waiting: the portal's list is being read".clone_into(&mut item.round.plan.headline);
            return Ok(Look::Stop);
        }
        let known = self.parts.store.referrals_with(key).await?;
        let looked = item.round.index.iter().filter(|entry| entry.external.as_ref() == Some(key));
        let mut matches: Vec<IndexEntry> = Vec::new();
        let pushed = item.deal.decisions.iter().any(|decision| decision.verdict == Verdict::Push);
        // What was there before a doubtful creation did not come of it; what is closed does not keep a person from
        // asking for a second referral.
        let counts = |entry: &&IndexEntry| match &intent {
            Some(intent) => entry.created >= begun(intent),
            None => entry.open || !pushed,
        };
        for entry in known.iter().chain(looked).filter(|entry| entry.ours).filter(counts) {
            let linked = self.parts.store.deal_of(Side::Portal, &entry.referral).await?;
            let repeated = matches.iter().any(|known| known.referral == entry.referral);
            if !repeated && linked.is_none_or(|deal| deal == item.deal.id) {
                matches.push(entry.clone());
            }
        }
        match (matches.as_slice(), intent) {
            ([], None) => Ok(Look::Clear),
            ([], Some(intent)) => {
                // A complete list, begun after the settling time, does not have it: it was never created.
                item.round.intents.push((intent.id, IntentOutcome::NotDone));
                item.round.retry_at = Some(self.now());
                Ok(Look::Stop)
            }
            ([one], intent) if one.open || intent.is_some() => {
                if let Some(intent) = intent {
                    item.round.intents.push((intent.id, IntentOutcome::Done(one.referral.clone())));
                    was_active(item);
                }
                Ok(Look::Found(one.referral.clone()))
            }
            ([_], None) => {
                self.link_problem(
                    item,
                    "A closed referral of this opportunity exists already.",
                    "Push the deal to create a second one: cosell push DEAL.",
                );
                Ok(Look::Stop)
            }
            _ => {
                self.link_problem(
                    item,
                    "Several referrals name this opportunity.",
                    "Close the wrong ones in the portal, or relink the deal.",
                );
                Ok(Look::Stop)
            }
        }
    }

    pub(super) async fn look_for_companion(
        &self,
        item: &mut Item,
        engagement: &RecordId,
    ) -> StoreResult<Look> {
        let intent = self.open_intent(item, EffectKind::CreateCompanion).await?;
        if planted(Bug::MicrosoftPostedAgain) && intent.is_some() {
            return Ok(Look::Clear);
        }
        let mut entries = self.parts.store.referrals_in(engagement).await?;
        if let Some(intent) = &intent
            && !self.settled(item, intent)
        {
            return Ok(Look::Stop);
        }
        // The index may be behind: somebody may have asked in the portal since the last poll.
        let since = intent.as_ref().map_or_else(|| self.now(), begun);
        let looked = self.look(item, since, Some(engagement)).await?;
        let Some(looked) = looked else { return Ok(Look::Stop) };
        item.round.index.extend(looked.iter().cloned());
        entries.extend(looked);
        let own = item.deal.links.portal.clone();
        let found = entries.iter().find(|entry| entry.companion && Some(&entry.referral) != own.as_ref());
        match (found, intent) {
            (Some(entry), intent) => {
                if let Some(intent) = intent {
                    item.round.intents.push((intent.id, IntentOutcome::Done(entry.referral.clone())));
                }
                Ok(Look::Found(entry.referral.clone()))
            }
            (None, None) => Ok(Look::Clear),
            // Where such referrals are visible to us, a list without one proves that there is none.
            (None, Some(intent)) if self.parts.store.cursor(COMPANIONS_SEEN).await?.is_some() => {
                item.round.intents.push((intent.id, IntentOutcome::NotDone));
                item.round.retry_at = Some(self.now());
                Ok(Look::Stop)
            }
            (None, Some(_)) => {
                self.link_problem(
                    item,
                    "It is not known whether help was asked for: the connection broke, and the other referral is not visible to us.",
                    "Look at the deal in the portal. If help was not asked for, ask for it there; it is found and linked.",
                );
                Ok(Look::Stop)
            }
        }
    }

    async fn look(
        &self,
        item: &mut Item,
        since: Timestamp,
        engagement: Option<&RecordId>,
    ) -> StoreResult<Option<Vec<IndexEntry>>> {
        match self.parts.portal.look(since, engagement, self.write_scope(item)).await {
            Ok(entries) => Ok(Some(entries)),
            Err(error) => {
                failed(&mut item.round, error);
                Ok(None)
            }
        }
    }

    pub(super) async fn open_intent(&self, item: &Item, kind: EffectKind) -> StoreResult<Option<Intent>> {
        let intents = self.parts.store.open_intents(&item.deal.id).await?;
        Ok(intents.into_iter().find(|intent| intent.kind == kind))
    }

    /// Whether a doubtful effect has had its settling time.
    fn settled(&self, item: &mut Item, intent: &Intent) -> bool {
        if self.now() >= self.settled_at(intent) {
            return true;
        }
        self.doubtful(item, intent);
        false
    }

    /// Leaves a doubtful effect alone until its settling time is over.
    pub(super) fn doubtful(&self, item: &mut Item, intent: &Intent) {
        item.round.retry_at = Some(self.settled_at(intent));
        "waiting: it is not known yet whether the referral was created"
            .clone_into(&mut item.round.plan.headline);
    }

    pub(super) fn settled_at(&self, intent: &Intent) -> Timestamp {
        let settling = SignedDuration::try_from(self.parts.settings.settling).unwrap_or(SignedDuration::MAX);
        intent.send_before.checked_add(settling).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn link_problem(&self, item: &mut Item, sentence: &str, next_step: &str) {
        item.round.plan.problems.push(deal_model::Problem {
            class: deal_model::ProblemClass::Link,
            field: None,
            sentence: sentence.to_owned(),
            next_step: next_step.to_owned(),
            since: self.now(),
        });
    }
}

/// Before this, by the server's clock, nothing can have come of the intent.
fn begun(intent: &Intent) -> Timestamp {
    let made = intent.server_date.unwrap_or(intent.made);
    made.checked_sub(CLOCK_DIFFERENCE).unwrap_or(made)
}
