//! The CRM's updates of a whole batch, with their reports, in as few calls as the side allows.

use deal_model::{Effect, Side};
use ports::{EffectKind, HoldPoint};

use super::{Item, first_lane, is_changed, refusals::Attempt};
use crate::{Applied, CallScope, Change, Engine, SideError, StoreResult, What, engine::scope};

impl Engine {
    /// Sends what is planned for the opportunities of these deals. A deal for which the store fails is tried again.
    pub(super) async fn apply_crm(&self, items: &mut [&mut Item]) -> StoreResult<()> {
        let mut first = Ok(());
        let mut changes = Vec::new();
        let mut senders = Vec::new();
        for (at, item) in items.iter_mut().enumerate() {
            match self.crm_change(item).await {
                Ok(Some(change)) => {
                    changes.push(change);
                    senders.push(at);
                }
                Ok(None) => {}
                Err(error) => self.failed_for(item, error, &mut first),
            }
        }
        let Some(until) = senders.iter().map(|at| items[*at].claim.lease_until).min() else {
            return first;
        };
        let lane = if changes.iter().all(is_report) {
            ports::Lane::Report
        } else {
            let now = self.now();
            first_lane(senders.iter().map(|at| items[*at].lane(now)))
        };
        let until = until.min(self.in_(self.parts.settings.deadline));
        let answers = self.parts.crm.apply(&changes, scope(lane, until)).await;
        if answers.iter().any(Result::is_ok) {
            self.parts.holds.reach(HoldPoint::AfterAnswer, EffectKind::CrmWrite);
        }
        let mut answers = answers.into_iter();
        for (at, change) in senders.into_iter().zip(changes) {
            let answer = answers.next().unwrap_or_else(|| Err(SideError::unanswered()));
            if is_report(&change) {
                self.told(&mut *items[at], answer);
            } else {
                let scope = self.write_scope(items[at]);
                self.crm_answered(&mut *items[at], change, answer, scope).await;
            }
        }
        first
    }

    /// The change of one opportunity: what is planned, and the report where it is due.
    pub(super) async fn crm_change(&self, item: &mut Item) -> StoreResult<Option<Change>> {
        let Some(crm) = item.seen(Side::Crm).cloned() else { return Ok(None) };
        // What was planned on a referral that has moved is planned again first: its newer value would follow at once.
        let moved = item.round.failure.as_ref().is_some_and(is_changed);
        if item.ended || moved || !item.is_told() || item.round.after.crm.is_some() {
            return Ok(None);
        }
        let planned = item.round.crm_update().map(|slot| item.round.plan.effects[slot].clone());
        if self.lapsed(item) {
            item.round.retry_at = planned.is_some().then(|| self.now()).or(item.round.retry_at);
            return Ok(None);
        }
        let what = if let Some(Effect::Update { writes, life, .. }) = planned {
            let report = self.riding_report(item, &writes, life.is_some()).await?;
            What::Fields { writes, life, report: Some(report) }
        } else {
            let Some(report) = self.lone_report(item).await? else { return Ok(None) };
            What::Fields { writes: Vec::new(), life: None, report: Some(report) }
        };
        Ok(Some(Change { record: crm.record, expect: crm.version, what }))
    }

    /// A failed report raises no problem and causes no report; it comes along with the next write, or much later.
    fn told(&self, item: &mut Item, answer: Result<Applied, SideError>) {
        match answer {
            Ok(applied) => {
                item.round.after.crm = applied.after.map(Box::new);
                item.round.effect.get_or_insert(EffectKind::CrmWrite);
            }
            Err(error) => {
                tracing::info!(deal = %item.deal.id, error = %error.what, "a report was not written");
                item.round.reported = None;
                item.round.report_failed = true;
                item.round.report_due = Some(self.in_(self.report_again(item)));
            }
        }
    }

    async fn crm_answered(
        &self,
        item: &mut Item,
        change: Change,
        answer: Result<Applied, SideError>,
        scope: CallScope,
    ) {
        let (What::Fields { writes, life, report }, Some(slot)) = (change.what, item.round.crm_update())
        else {
            return;
        };
        let mut attempt = Attempt::new(writes, life);
        let mut expect = change.expect.clone();
        let mut told = answer.is_ok();
        let mut answer = Some(answer);
        while let Some(part) = attempt.next() {
            let answer = if let Some(first) = answer.take() {
                first
            } else {
                // The report goes with the last part, when all that it tells has happened.
                let report = report.clone().filter(|_| attempt.is_last());
                let rides = report.is_some();
                let what = What::Fields { writes: part.writes.clone(), life: part.life.clone(), report };
                let again = Change { record: change.record.clone(), expect: expect.clone(), what };
                let mut answers = self.parts.crm.apply(std::slice::from_ref(&again), scope).await;
                let answer = answers.pop().unwrap_or_else(|| Err(SideError::unanswered()));
                told = rides && answer.is_ok();
                answer
            };
            let mut unsettled = false;
            if let Ok(Applied { after: Some(after) }) = &answer {
                expect = after.version.clone();
                unsettled = after.crm().is_some_and(|facts| facts.unsettled);
            }
            attempt.heard(part, answer);
            if unsettled {
                // A person's save of this second would have the same stamp: the rest is planned when it is over.
                attempt.leave();
            }
        }
        if !told {
            item.round.reported = None;
        }
        if let Some(applied) = attempt.applied.clone() {
            let sentence = self.updated(item, Side::Crm, &attempt.sent.writes, attempt.sent.life.is_some());
            self.heard_back(item, Side::Crm, applied, "updated", &attempt.sent.writes, sentence);
        }
        attempt.end(&mut item.round, slot, Side::Crm, &change.expect);
    }
}

fn is_report(change: &Change) -> bool {
    matches!(&change.what, What::Fields { writes, life: None, .. } if writes.is_empty())
}
