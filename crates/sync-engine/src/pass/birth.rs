//! Births at the portal: look first, send once, look again (sync rules, section 6).

use deal_model::{Effect, EffectEnd, Irreversible, Life, RecordId, Side, Write, digest};
use jiff::SignedDuration;
use ports::{EffectKind, HoldPoint};

use super::{Item, NOT_DONE, look::Look, refusals::failed};
use crate::{
    CallScope, Created, Engine, Intent, IntentOutcome, NewRecord, Prepared, SideError, StoreError,
    StoreResult, WriteAhead, settings::BIRTH_MARGIN,
};

impl Engine {
    pub(super) async fn bear_referral(
        &self,
        item: &mut Item,
        writes: &[Write],
        life: &Life,
    ) -> StoreResult<EffectEnd> {
        let Some(opportunity) = item.deal.links.crm.clone() else {
            return Ok(NOT_DONE);
        };
        let key = digest(opportunity.as_str());
        match self.look_for_referral(item, &key).await? {
            Look::Stop => return Ok(NOT_DONE),
            Look::Found(record) => {
                link_referral(item, record, None);
                item.round.audit.push(self.line("linked", "Referral found by its reference, and linked."));
                return Ok(NOT_DONE);
            }
            Look::Clear => {}
        }
        let mut braked = vec![Irreversible::Create.name().to_owned()];
        braked.extend(writes.iter().filter_map(|write| write.latch).map(|kind| kind.name().to_owned()));
        let Some(intent) = self.intend(item, EffectKind::Create, key.0, braked).await? else {
            return Ok(NOT_DONE);
        };
        let Some(from) = item.seen(Side::Crm).cloned() else {
            return Ok(NOT_DONE);
        };
        let new = NewRecord { writes: writes.to_vec(), life: life.clone(), from, engagement: None };
        let scope = CallScope { lane: ports::Lane::Now, send_before: Some(intent.send_before) };
        let answer = self.parts.portal.create(&new, scope).await;
        if answer.is_ok() {
            self.parts.holds.reach(HoldPoint::AfterAnswer, EffectKind::Create);
        }
        match answer {
            Ok(created) => {
                let sentence = format!("Referral created: {}.", self.labels(writes, false));
                self.born(item, Side::Portal, &intent, created, EffectKind::Create, sentence);
                Ok(EffectEnd::DONE)
            }
            Err(error) => Ok(self.not_born(item, &intent, error)),
        }
    }

    pub(super) async fn bear_companion(&self, item: &mut Item, writes: &[Write]) -> StoreResult<EffectEnd> {
        let (Some(engagement), Some(from)) =
            (item.deal.links.engagement.clone(), item.seen(Side::Crm).cloned())
        else {
            return Ok(NOT_DONE);
        };
        match self.look_for_companion(item, &engagement).await? {
            Look::Stop => return Ok(NOT_DONE),
            Look::Found(record) => {
                link_companion(item, record);
                return Ok(NOT_DONE);
            }
            Look::Clear => {}
        }
        let braked = vec![Irreversible::AskHelp.name().to_owned()];
        let key = engagement.as_str().to_owned();
        let Some(intent) = self.intend(item, EffectKind::CreateCompanion, key, braked).await? else {
            return Ok(NOT_DONE);
        };
        let new =
            NewRecord { writes: writes.to_vec(), life: Life::Received, from, engagement: Some(engagement) };
        let scope = CallScope { lane: ports::Lane::Now, send_before: Some(intent.send_before) };
        let answer = self.parts.portal.create_companion(&new, scope).await;
        if answer.is_ok() {
            self.parts.holds.reach(HoldPoint::AfterAnswer, EffectKind::CreateCompanion);
        }
        match answer {
            Ok(created) => {
                let sentence = "Help asked for in the engagement.".to_owned();
                self.born(item, Side::Portal, &intent, created, EffectKind::CreateCompanion, sentence);
                Ok(EffectEnd::DONE)
            }
            Err(error) => Ok(self.not_born(item, &intent, error)),
        }
    }

    /// Writes the intent down and counts the brake. `None`: it may not be sent now.
    pub(super) async fn intend(
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
            item.round.retry_at = Some(self.in_(self.parts.settings.retry_first));
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
            generation: item.claim.generation,
            deal: item.deal.id.clone(),
            flows: item.round.flows.clone(),
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
                // Nothing of a creation leaves alone, so all that holds it is named at once.
                let holds = self.parts.store.brakes().await?;
                for kind in &ahead.braked {
                    if holds.iter().any(|hold| hold.kind == *kind) {
                        self.braked(item, kind);
                    }
                }
                Ok(None)
            }
            Ok(Prepared::Changed) => {
                // What this round did before is committed; the next claim plans with what was decided meanwhile.
                item.round.retry_at = Some(self.now());
                Ok(None)
            }
            Err(StoreError::Fenced(_)) => {
                item.ended = true;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What is certain not to have happened may be sent again; all else is doubtful, whatever the reason.
    fn not_born(&self, item: &mut Item, intent: &Intent, error: SideError) -> EffectEnd {
        if error.certainly_not_done {
            item.round.intents.push((intent.id.clone(), IntentOutcome::NotDone));
            return failed(&mut item.round, error);
        }
        tracing::warn!(deal = %item.deal.id, error = %error.what, "not known whether a record was created");
        self.doubtful(item, intent);
        NOT_DONE
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
            link_companion(item, created.record);
        }
    }
}

/// Whether a birth was refused for the sake of fields that it can go without: it is planned again without them.
pub(super) fn goes_without(item: &Item) -> bool {
    let round = &item.round;
    round.plan.effects.iter().zip(&round.ends).any(|(effect, end)| match (effect, end) {
        (
            Effect::Create { writes, .. } | Effect::CreateCompanion { writes },
            EffectEnd::NotDone { refused },
        ) => refused.iter().any(|(group, _)| writes.iter().any(|write| write.group == *group)),
        _ => false,
    })
}

pub(super) fn link_referral(item: &mut Item, record: RecordId, engagement: Option<RecordId>) {
    item.deal.links.portal = Some(record);
    if engagement.is_some() {
        item.deal.links.engagement = engagement;
    }
    item.read.portal = true;
    item.round.linked = true;
}

pub(super) fn link_companion(item: &mut Item, record: RecordId) {
    item.deal.links.companion = Some(record);
    item.read.companion = true;
    item.round.linked = true;
}
