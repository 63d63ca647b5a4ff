//! Sending what was planned to the portal, deal by deal, in the plan's order.

use deal_model::{Effect, EffectEnd, GroupId, Irreversible, LIFE, Life, Observation, Side, Version, Write};
use ports::{EffectKind, HoldPoint};

use super::{Item, refusals::Attempt, refusals::failed};
use crate::{Applied, AuditLine, CallScope, Change, Engine, SideError, StoreResult, What, engine::scope};

impl Engine {
    /// Sends the portal's effects of one deal. One that fails stops the rest; a field that was refused does not.
    pub(super) async fn apply_portal(&self, item: &mut Item) -> StoreResult<()> {
        self.end_doubts(item).await?;
        for at in 0..item.round.sendable {
            if self.lapsed(item) {
                item.round.retry_at = Some(self.now());
                return Ok(());
            }
            let effect = item.round.plan.effects[at].clone();
            let end = match &effect {
                Effect::Create { side: Side::Portal, writes, life } => {
                    self.bear_referral(item, writes, life).await?
                }
                Effect::CreateCompanion { writes } => self.bear_companion(item, writes).await?,
                Effect::Move { to, kind } => self.move_referral(item, to, *kind).await,
                Effect::Update { side: Side::Portal, writes, life, expect } => {
                    self.update_referral(item, at, writes, life.as_ref(), expect).await?;
                    if item.round.failure.is_some() {
                        return Ok(());
                    }
                    continue;
                }
                // Sent for the whole batch at once.
                Effect::Create { side: Side::Crm, .. } | Effect::Update { side: Side::Crm, .. } => continue,
            };
            let done = matches!(end, EffectEnd::Done { .. });
            item.round.ends[at] = end;
            if !done {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn move_referral(&self, item: &mut Item, to: &Life, kind: Irreversible) -> EffectEnd {
        match self.send_portal(item, movement(item, to, kind)).await {
            Ok(applied) => {
                let word = moved(to, kind);
                self.heard_back(item, Side::Portal, applied, word, &[], format!("Referral {word}."));
                EffectEnd::DONE
            }
            Err(error) => failed(&mut item.round, error),
        }
    }

    async fn update_referral(
        &self,
        item: &mut Item,
        at: usize,
        writes: &[Write],
        life: Option<&Life>,
        expect: &Version,
    ) -> StoreResult<()> {
        let mut attempt = Attempt::new(writes.to_vec(), life.cloned());
        while let Some(part) = attempt.next() {
            let what = What::Fields { writes: part.writes.clone(), life: part.life.clone(), report: None };
            let answer = self.send_portal(item, what).await;
            if let Ok(Applied { after: Some(after) }) = &answer {
                // The next part goes under the version that this answer showed.
                item.round.after.portal = Some(Box::new(after.clone()));
            }
            attempt.heard(part, answer);
        }
        if let Some(applied) = attempt.applied.clone() {
            let sentence =
                self.updated(item, Side::Portal, &attempt.sent.writes, attempt.sent.life.is_some());
            self.heard_back(item, Side::Portal, applied, "updated", &attempt.sent.writes, sentence);
        }
        for (group, path) in std::mem::take(&mut attempt.fixed) {
            self.learn_fixed(&group, &path).await?;
            let sentence =
                format!("{}: the portal refuses changes of it after creation.", self.label(&group));
            item.round.audit.push(self.line("not taken", &sentence));
            item.round.fixed.push(group);
        }
        attempt.end(&mut item.round, at, Side::Portal, expect);
        Ok(())
    }

    async fn send_portal(&self, item: &Item, what: What) -> Result<Applied, SideError> {
        let Some(change) = portal_change(item, what) else {
            return Err(SideError::bug("a referral that was not read cannot be changed"));
        };
        let scope = self.write_scope(item);
        let mut answers = self.parts.portal.apply(std::slice::from_ref(&change), scope).await;
        let answer = answers.pop().unwrap_or_else(|| Err(SideError::unanswered()));
        if answer.is_ok() {
            self.parts.holds.reach(HoldPoint::AfterAnswer, EffectKind::Patch);
        }
        answer
    }

    pub(super) fn write_scope(&self, item: &Item) -> CallScope {
        scope(item.lane(self.now()), item.claim.lease_until.min(self.in_(self.parts.settings.deadline)))
    }

    /// Notes an answered effect: what was read back, and a line of history.
    pub(super) fn heard_back(
        &self,
        item: &mut Item,
        side: Side,
        applied: Applied,
        what: &str,
        writes: &[Write],
        sentence: String,
    ) {
        if let Some(after) = applied.after {
            *item.round.after.at_mut(side) = Some(Box::new(after));
        }
        item.round.effect.get_or_insert(match side {
            Side::Portal => EffectKind::Patch,
            Side::Crm => EffectKind::CrmWrite,
        });
        let line = self.timed(item, what, side, writes, &sentence);
        item.round.audit.push(line);
    }

    /// The sentence of an update: what was written, and what of that somebody had typed there, which lost and is kept.
    pub(super) fn updated(&self, item: &Item, side: Side, writes: &[Write], stage: bool) -> String {
        let record = match side {
            Side::Portal => "Referral",
            Side::Crm => "Opportunity",
        };
        let told = format!("{record} updated: {}.", self.labels(writes, stage));
        let lost = |group: &GroupId| {
            item.round.plan.archive.iter().any(|lost| lost.side == side && lost.group == *group)
        };
        let over = writes.iter().filter(|write| lost(&write.group));
        let over = self.labels(over, stage && lost(&LIFE.into()));
        if over.is_empty() {
            return told;
        }
        format!("{told} What stood there and lost is kept: {over}.")
    }

    /// The groups' labels, for a sentence.
    pub(super) fn labels<'w>(&self, writes: impl IntoIterator<Item = &'w Write>, stage: bool) -> String {
        let mut labels: Vec<String> = writes.into_iter().map(|write| self.label(&write.group)).collect();
        if stage {
            labels.push("stage".to_owned());
        }
        labels.join(", ")
    }

    pub(crate) fn label(&self, group: &GroupId) -> String {
        self.parts.specs.group(group).map_or_else(|| group.to_string(), |spec| spec.label().to_owned())
    }

    /// A line of history without an effect.
    pub(crate) fn line(&self, what: &str, sentence: &str) -> AuditLine {
        AuditLine {
            at: self.now(),
            what: what.to_owned(),
            side: None,
            groups: Vec::new(),
            sentence: sentence.to_owned(),
            took_ms: None,
            mapping: self.parts.mapping.clone(),
            erased: None,
        }
    }

    /// A line of history about an effect, with the time since its change was heard of.
    pub(super) fn timed(
        &self,
        item: &Item,
        what: &str,
        side: Side,
        writes: &[Write],
        sentence: &str,
    ) -> AuditLine {
        let took = self.now().duration_since(item.claim.heard).as_millis();
        AuditLine {
            side: Some(side),
            groups: writes.iter().map(|write| write.group.as_str().to_owned()).collect(),
            took_ms: i64::try_from(took).ok(),
            ..self.line(what, sentence)
        }
    }
}

/// The change of a deal's referral, under the version that it was last seen at.
pub(super) fn portal_change(item: &Item, what: What) -> Option<Change> {
    Some(Change { record: item.deal.links.portal.clone()?, expect: portal_version(item)?, what })
}

/// A step of the referral's life; an acceptance tells the opportunity's identifier.
pub(super) fn movement(item: &Item, to: &Life, kind: Irreversible) -> What {
    let accepting = kind == Irreversible::Accept;
    let external_reference = accepting.then(|| item.deal.links.crm.clone()).flatten();
    What::Move { to: to.clone(), external_reference }
}

/// The word for a step that was made.
pub(super) fn moved(to: &Life, kind: Irreversible) -> &'static str {
    if kind == Irreversible::Accept { "accepted" } else { to.word() }
}

/// The version that the next write to the referral must carry.
fn portal_version(item: &Item) -> Option<Version> {
    let after = item.round.after.portal.as_deref();
    after.or(item.seen(Side::Portal)).map(|seen: &Observation| seen.version.clone())
}

impl SideError {
    /// A failure of the program itself.
    pub(crate) fn bug(what: &str) -> Self {
        Self {
            class: ports::RetryClass::Bug,
            what: what.to_owned(),
            told: String::new(),
            groups: Vec::new(),
            fixed: Box::default(),
            waits_for: None,
            certainly_not_done: true,
        }
    }

    /// The side broke its contract: fewer answers than questions.
    pub(crate) fn unanswered() -> Self {
        Self { certainly_not_done: false, ..Self::bug("the side gave no answer") }
    }
}
