//! Births: look first, send once, look again (sync rules, section 6).

use deal_model::{Effect, EffectEnd, Fingerprint, Irreversible, Life, RecordId, Side, Write, digest};
use jiff::SignedDuration;
use ports::{EffectKind, HoldPoint, RetryClass};

use super::{Item, apply::failed};
use crate::{
    AuditLine, CallScope, Created, Engine, IndexEntry, Intent, IntentOutcome, NewRecord, Prepared, SideError,
    StoreError, StoreResult, WriteAhead, settings::BIRTH_MARGIN,
};

/// The portal's clock and ours may differ by this much when a match's age is judged.
const CLOCK_DIFFERENCE: SignedDuration = SignedDuration::from_mins(5);

/// How soon a birth asks again whether the poll is fresh.
const POLL_SOON: SignedDuration = SignedDuration::from_millis(200);

/// The answer of a look.
enum Look {
    /// Nothing there: send.
    Clear,
    /// This is it.
    Found(RecordId),
    /// Not now, or not without a person; the round says why.
    Stop,
}

impl Engine {
    pub(super) async fn bear_referral(
        &self,
        item: &mut Item,
        writes: &[Write],
        life: &Life,
    ) -> StoreResult<EffectEnd> {
        let Some(opportunity) = item.deal.links.crm.clone() else {
            return Ok(EffectEnd::NotDone { refused: vec![] });
        };
        let key = digest(opportunity.as_str());
        match self.look_for_referral(item, &key).await? {
            Look::Stop => return Ok(EffectEnd::NotDone { refused: vec![] }),
            Look::Found(record) => {
                link_referral(item, record, None);
                item.round.audit.push(self.line("linked", "Referral found by its reference, and linked."));
                return Ok(EffectEnd::NotDone { refused: vec![] });
            }
            Look::Clear => {}
        }
        let mut braked = vec![Irreversible::Create.name().to_owned()];
        braked.extend(writes.iter().filter_map(|write| write.latch).map(|kind| kind.name().to_owned()));
        let Some(intent) = self.intend(item, EffectKind::Create, key.0, braked).await? else {
            return Ok(EffectEnd::NotDone { refused: vec![] });
        };
        let Some(from) = item.seen(Side::Crm).cloned() else {
            return Ok(EffectEnd::NotDone { refused: vec![] });
        };
        let new = NewRecord { writes: writes.to_vec(), life: life.clone(), from, engagement: None };
        let scope = CallScope { lane: ports::Lane::Now, send_before: Some(intent.send_before) };
        let answer = self.parts.portal.create(&new, scope).await;
        self.parts.holds.reach(HoldPoint::AfterAnswer, EffectKind::Create);
        match answer {
            Ok(created) => {
                let sent: Vec<&Write> = writes.iter().collect();
                let sentence = format!("Referral created: {}.", self.labels(&sent, false));
                self.born(item, Side::Portal, &intent, created, EffectKind::Create, sentence);
                Ok(EffectEnd::DONE)
            }
            Err(error) => Ok(not_born(item, &intent, error)),
        }
    }

    pub(super) async fn bear_companion(&self, item: &mut Item, writes: &[Write]) -> StoreResult<EffectEnd> {
        let (Some(engagement), Some(from)) =
            (item.deal.links.engagement.clone(), item.seen(Side::Crm).cloned())
        else {
            return Ok(EffectEnd::NotDone { refused: vec![] });
        };
        match self.look_for_companion(item, &engagement).await? {
            Look::Stop => return Ok(EffectEnd::NotDone { refused: vec![] }),
            Look::Found(record) => {
                item.deal.links.companion = Some(record);
                item.read.companion = true;
                return Ok(EffectEnd::NotDone { refused: vec![] });
            }
            Look::Clear => {}
        }
        let braked = vec![Irreversible::AskHelp.name().to_owned()];
        let key = engagement.as_str().to_owned();
        let Some(intent) = self.intend(item, EffectKind::CreateCompanion, key, braked).await? else {
            return Ok(EffectEnd::NotDone { refused: vec![] });
        };
        let new =
            NewRecord { writes: writes.to_vec(), life: Life::Received, from, engagement: Some(engagement) };
        let scope = CallScope { lane: ports::Lane::Now, send_before: Some(intent.send_before) };
        let answer = self.parts.portal.create_companion(&new, scope).await;
        self.parts.holds.reach(HoldPoint::AfterAnswer, EffectKind::CreateCompanion);
        match answer {
            Ok(created) => {
                let sentence = "Help asked for in the engagement.".to_owned();
                self.born(item, Side::Portal, &intent, created, EffectKind::CreateCompanion, sentence);
                Ok(EffectEnd::DONE)
            }
            Err(error) => Ok(not_born(item, &intent, error)),
        }
    }

    /// An opportunity carries a unique key: trying again finds it, so no intent is needed.
    pub(super) async fn bear_opportunity(
        &self,
        item: &mut Item,
        writes: &[Write],
        life: &Life,
    ) -> StoreResult<EffectEnd> {
        let Some(from) = item.seen(Side::Portal).cloned() else {
            return Ok(EffectEnd::NotDone { refused: vec![] });
        };
        let mut new = NewRecord { writes: writes.to_vec(), life: life.clone(), from, engagement: None };
        let scope = self.write_scope(item);
        let mut refused = Vec::new();
        let mut answer = self.parts.crm.create(&new, scope).await;
        if let Err(error) = &answer
            && error.class == RetryClass::Person
            && !error.groups.is_empty()
        {
            // A value that the CRM will not take does not keep the deal from being seen: it goes without that value.
            refused = error.groups.iter().map(|group| (group.clone(), error.told.clone())).collect();
            new.writes.retain(|write| !error.groups.contains(&write.group));
            answer = self.parts.crm.create(&new, scope).await;
        }
        self.parts.holds.reach(HoldPoint::AfterAnswer, EffectKind::CrmWrite);
        match answer {
            Ok(created) => {
                item.deal.links.crm = Some(created.record);
                item.round.effect.get_or_insert(EffectKind::CrmWrite);
                let existed = created.existed;
                if let Some(after) = created.after {
                    item.round.after.crm = Some(Box::new(after));
                }
                let sentence = if existed {
                    "Opportunity found by its key, and linked."
                } else {
                    "Opportunity created."
                };
                item.round.audit.push(self.timed(item, "created", Side::Crm, writes, sentence));
                // What a seller already had is merged by the next round; only what we wrote becomes the base now.
                Ok(if existed { EffectEnd::NotDone { refused: vec![] } } else { EffectEnd::Done { refused } })
            }
            Err(error) => Ok(failed(&mut item.round, error)),
        }
    }

    async fn look_for_referral(&self, item: &mut Item, key: &Fingerprint) -> StoreResult<Look> {
        let intent = self.open_intent(item, EffectKind::Create).await?;
        if let Some(intent) = &intent {
            if !self.settled(item, intent) {
                return Ok(Look::Stop);
            }
            let since = intent
                .server_date
                .unwrap_or(intent.made)
                .checked_sub(CLOCK_DIFFERENCE)
                .unwrap_or(intent.made);
            let Some(entries) = self.look(item, since, None).await? else { return Ok(Look::Stop) };
            item.round.index.extend(entries);
        } else if !self.may_look() {
            self.poll.notify_waiters();
            item.round.retry_at = self.now().checked_add(POLL_SOON).ok();
            "waiting: the portal's list is being read".clone_into(&mut item.round.plan.headline);
            return Ok(Look::Stop);
        }
        let known = self.parts.store.referrals_with(key).await?;
        let looked = item.round.index.iter().filter(|entry| entry.external.as_ref() == Some(key));
        let mut matches: Vec<IndexEntry> = Vec::new();
        for entry in known.iter().chain(looked).filter(|entry| entry.ours) {
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

    async fn look_for_companion(&self, item: &mut Item, engagement: &RecordId) -> StoreResult<Look> {
        let intent = self.open_intent(item, EffectKind::CreateCompanion).await?;
        let mut entries = self.parts.store.referrals_in(engagement).await?;
        if let Some(intent) = &intent {
            if !self.settled(item, intent) {
                return Ok(Look::Stop);
            }
            let since = intent.server_date.unwrap_or(intent.made);
            let Some(looked) = self.look(item, since, Some(engagement)).await? else { return Ok(Look::Stop) };
            item.round.index.extend(looked.iter().cloned());
            entries.extend(looked);
        }
        let own = item.deal.links.portal.clone();
        let found = entries.iter().find(|entry| !entry.ours && Some(&entry.referral) != own.as_ref());
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
                    "Look at the deal in the portal. If help was not asked for, ask again: cosell retry DEAL.",
                );
                Ok(Look::Stop)
            }
        }
    }

    async fn look(
        &self,
        item: &mut Item,
        since: jiff::Timestamp,
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

    async fn open_intent(&self, item: &Item, kind: EffectKind) -> StoreResult<Option<Intent>> {
        let intents = self.parts.store.open_intents(&item.deal.id).await?;
        Ok(intents.into_iter().find(|intent| intent.kind == kind))
    }

    /// Whether a doubtful effect has had its settling time.
    fn settled(&self, item: &mut Item, intent: &Intent) -> bool {
        let settling = SignedDuration::try_from(self.parts.settings.settling).unwrap_or(SignedDuration::MAX);
        let ready = intent.send_before.checked_add(settling).unwrap_or(jiff::Timestamp::MAX);
        if self.now() >= ready {
            return true;
        }
        item.round.retry_at = Some(ready);
        "waiting: it is not known yet whether the referral was created"
            .clone_into(&mut item.round.plan.headline);
        false
    }

    /// Writes the intent down and counts the brake. `None`: it may not be sent now.
    async fn intend(
        &self,
        item: &mut Item,
        kind: EffectKind,
        key: String,
        braked: Vec<String>,
    ) -> StoreResult<Option<Intent>> {
        let now = self.now();
        let send_before = self.in_(self.parts.settings.deadline);
        let margin = SignedDuration::try_from(BIRTH_MARGIN).unwrap_or(SignedDuration::MAX);
        if item.claim.lease_until.duration_since(send_before) < margin {
            // Too little is left of the lease: the next claim has a whole one.
            item.round.retry_at = Some(now);
            return Ok(None);
        }
        let intent = Intent {
            id: self.parts.rng.guid(),
            deal: item.deal.id.clone(),
            kind,
            key,
            made: now,
            send_before,
            server_date: item.seen(Side::Portal).map(|seen| seen.read_at),
        };
        let ahead = WriteAhead {
            fence: item.claim.fence.clone(),
            deal: item.deal.id.clone(),
            archive: Vec::new(),
            intents: vec![intent.clone()],
            braked,
            now,
            brake: self.brake(),
        };
        match self.parts.store.write_ahead(&ahead).await {
            Ok(Prepared::Go) => Ok(Some(intent)),
            Ok(Prepared::Braked(kind)) => {
                self.braked(item, &kind);
                Ok(None)
            }
            Err(StoreError::Fenced(_)) => {
                item.ended = true;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn born(
        &self,
        item: &mut Item,
        side: Side,
        intent: &Intent,
        created: Created,
        kind: EffectKind,
        sentence: String,
    ) {
        item.round.effect = Some(kind);
        item.round.intents.push((intent.id.clone(), IntentOutcome::Done(created.record.clone())));
        let what = if kind == EffectKind::Create { "created" } else { "help asked" };
        item.round.audit.push(self.timed(item, what, side, &[], &sentence));
        if kind == EffectKind::Create {
            link_referral(item, created.record, created.engagement);
            item.round.after.portal = created.after.map(Box::new);
        } else {
            item.deal.links.companion = Some(created.record);
            item.read.companion = true;
        }
    }

    fn link_problem(&self, item: &mut Item, sentence: &str, next_step: &str) {
        item.round.plan.problems.push(deal_model::Problem {
            class: deal_model::ProblemClass::Link,
            field: None,
            sentence: sentence.to_owned(),
            next_step: next_step.to_owned(),
            since: self.now(),
        });
        item.round.plan.headline = format!("needs you: {sentence}");
    }

    pub(super) fn line(&self, what: &str, sentence: &str) -> AuditLine {
        AuditLine {
            at: self.now(),
            what: what.to_owned(),
            side: None,
            groups: Vec::new(),
            sentence: sentence.to_owned(),
            took_ms: None,
            mapping: self.parts.mapping.clone(),
        }
    }

    fn timed(&self, item: &Item, what: &str, side: Side, writes: &[Write], sentence: &str) -> AuditLine {
        let took = self.now().duration_since(item.claim.heard).as_millis();
        AuditLine {
            side: Some(side),
            groups: writes.iter().map(|write| write.group.as_str().to_owned()).collect(),
            took_ms: i64::try_from(took).ok(),
            ..self.line(what, sentence)
        }
    }
}

/// The cursor that remembers that other organisations' referrals are visible to us.
pub(crate) const COMPANIONS_SEEN: &str = "portal.companions_seen";

/// Whether the round created something, so that the other half is to be planned at once.
pub(super) fn bore(effects: &[Effect], ends: &[EffectEnd]) -> bool {
    effects.iter().zip(ends).any(|(effect, end)| {
        matches!(effect, Effect::Create { .. } | Effect::CreateCompanion { .. })
            && matches!(end, EffectEnd::Done { .. })
    })
}

/// What is certain not to have happened may be sent again; all else is doubtful.
fn not_born(item: &mut Item, intent: &Intent, error: SideError) -> EffectEnd {
    if error.certainly_not_done {
        item.round.intents.push((intent.id.clone(), IntentOutcome::NotDone));
        return failed(&mut item.round, error);
    }
    let doubtful = SideError { class: RetryClass::Doubtful, ..error };
    failed(&mut item.round, doubtful)
}

fn link_referral(item: &mut Item, record: RecordId, engagement: Option<RecordId>) {
    item.deal.links.portal = Some(record);
    if engagement.is_some() {
        item.deal.links.engagement = engagement;
    }
    item.read.portal = true;
}
