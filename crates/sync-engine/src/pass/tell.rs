//! What the seller is told: when a report rides along, when it travels alone, and when it waits (sync rules, section 7).

use std::time::Duration;

use deal_model::{Fingerprint, SETTLE, Side, Write};
use jiff::{SignedDuration, Timestamp};

use super::Item;
use crate::{AuditLine, Engine, EngineSettings, Report, StoreResult, report};

/// What history calls a line about somebody who is on one side alone.
pub(super) const LEFT_OUT: &str = "left out";

impl Engine {
    /// The report that rides in a write which is due anyway. It tells of that write too, or another would have to.
    pub(super) async fn riding_report(
        &self,
        item: &mut Item,
        writes: &[Write],
        stage: bool,
    ) -> StoreResult<Report> {
        let sentence = self.updated(item, Side::Crm, writes, stage);
        let line = self.timed(item, "updated", Side::Crm, writes, &sentence);
        let mut expected = vec![line];
        expected.extend(self.left_out(item));
        let (report, text) = self.composed(item, &expected).await?;
        item.round.reported = Some(text);
        Ok(report)
    }

    /// The report that travels alone, if it is due: its text differs from the last one, which is a minute old, and the
    /// pass does not go on to say something else.
    pub(super) async fn lone_report(&self, item: &mut Item) -> StoreResult<Option<Report>> {
        if super::finish::must_go_on(item) || self.soon_again(item) {
            return Ok(None);
        }
        let (report, text) = self.composed(item, &self.left_out(item)).await?;
        if item.deal.memory.reported.text.as_ref() == Some(&text) {
            return Ok(None);
        }
        item.round.report_due = self.report_wait(item);
        if item.round.report_due.is_some() {
            return Ok(None);
        }
        item.round.reported = Some(text);
        Ok(Some(report))
    }

    /// At the end of a pass: when what is not yet told is to be told.
    pub(super) async fn untold(&self, item: &Item) -> StoreResult<Option<Timestamp>> {
        let known = item.round.report_due.is_some() || item.round.failure.is_some() || self.soon_again(item);
        if known || !item.is_told() || item.deal.links.crm.is_none() {
            return Ok(None);
        }
        let (_, text) = self.composed(item, &[]).await?;
        if item.deal.memory.reported.text.as_ref() == Some(&text) {
            return Ok(None);
        }
        Ok(Some(self.report_wait(item).unwrap_or_else(|| self.now())))
    }

    /// Whether the opportunity says something else than its report would now.
    pub(super) async fn is_news(&self, item: &Item) -> StoreResult<bool> {
        let (_, text) = self.composed(item, &[]).await?;
        Ok(item.deal.memory.reported.text.as_ref() != Some(&text))
    }

    /// The pass comes back within a minute anyway, and its report then says how it ended.
    fn soon_again(&self, item: &Item) -> bool {
        item.round.retry_at.is_some_and(|at| at <= self.in_(self.parts.settings.report_every))
    }

    /// How long a report waits that was not taken: what the row is refused for may last, so each try doubles the wait.
    pub(super) fn report_again(&self, item: &Item) -> Duration {
        let lasts = self.now().duration_since(item.claim.heard).unsigned_abs();
        EngineSettings::wait_for_person(item.claim.attempts, lasts)
    }

    /// Until when a report that travels alone waits, if it does.
    fn report_wait(&self, item: &Item) -> Option<Timestamp> {
        let every = SignedDuration::try_from(self.parts.settings.report_every).unwrap_or(SignedDuration::MAX);
        let next = item.deal.memory.reported.at.and_then(|at| at.checked_add(every).ok());
        let unsettled = item.seen(Side::Crm).and_then(|seen| seen.crm()).is_some_and(|facts| facts.unsettled);
        let settled = self.now().checked_add(SETTLE).ok().filter(|_| unsettled);
        next.max(settled).filter(|at| *at > self.now())
    }

    /// Lines of whom the plan leaves out; they become history when the round closes.
    fn left_out(&self, item: &Item) -> Vec<AuditLine> {
        item.round.plan.left_out.iter().map(|sentence| self.line(LEFT_OUT, sentence)).collect()
    }

    async fn composed(&self, item: &Item, expected: &[AuditLine]) -> StoreResult<(Report, Fingerprint)> {
        let history = self.parts.store.history(&item.deal.id, report::AUDIT_LINES).await?;
        let fresh: Vec<&AuditLine> = item.round.audit.iter().chain(expected).collect();
        let stand = report::Stand {
            headline: &item.round.plan.headline,
            problems: &self.problems(item),
            waiting: &super::finish::still_waiting(item),
            rests: item.rests,
        };
        Ok(report::compose(&stand, &fresh, &history, self.now()))
    }
}
