//! Sending what was planned: the portal deal by deal, the CRM in one batch.

use deal_model::{Effect, EffectEnd, GroupId, Irreversible, Life, Observation, Side, Version, Write};
use ports::{EffectKind, HoldPoint, RetryClass};

use super::{Item, Round, is_changed};
use crate::{
    Applied, AuditLine, BrakeLimit, CallScope, Change, Engine, Prepared, SideError, StoreResult, What,
    WorkLane, WriteAhead, engine::scope, report, settings::BISECT_CALLS,
};

impl Engine {
    /// Commits losing values and the brake's count before anything is sent. False: nothing may be sent now.
    pub(super) async fn write_down(&self, item: &mut Item) -> StoreResult<bool> {
        let plan = &item.round.plan;
        item.round.ends = vec![EffectEnd::NotDone { refused: Vec::new() }; plan.effects.len()];
        // Births count their own effects together with their intents.
        let mut braked: Vec<String> = plan
            .effects
            .iter()
            .filter(|effect| !matches!(effect, Effect::Create { .. } | Effect::CreateCompanion { .. }))
            .flat_map(Effect::irreversible)
            .map(|kind| kind.name().to_owned())
            .collect();
        braked.extend(clears(&plan.effects));
        if plan.archive.is_empty() && braked.is_empty() {
            return Ok(true);
        }
        let ahead = WriteAhead {
            fence: item.claim.fence.clone(),
            deal: item.deal.id.clone(),
            archive: plan.archive.clone(),
            intents: Vec::new(),
            braked,
            now: self.now(),
            brake: self.brake(),
        };
        match self.parts.store.write_ahead(&ahead).await {
            Ok(Prepared::Go) => Ok(true),
            Ok(Prepared::Braked(kind)) => {
                self.braked(item, &kind);
                Ok(true)
            }
            Err(crate::StoreError::Fenced(_)) => {
                item.ended = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn brake(&self) -> BrakeLimit {
        let guard = &self.parts.specs.guard;
        BrakeLimit {
            most: guard.brake_limit,
            within: jiff::SignedDuration::from_secs(i64::from(guard.brake_window_secs)),
        }
    }

    /// The brake holds: nothing irreversible of this plan leaves, a problem says why, all the rest goes on.
    pub(super) fn braked(&self, item: &mut Item, kind: &str) {
        let plan = &mut item.round.plan;
        plan.effects.retain(|effect| {
            effect.irreversible().is_empty() && clears(std::slice::from_ref(effect)).is_empty()
        });
        plan.archive.clear();
        plan.life = None;
        item.round.ends = vec![EffectEnd::NotDone { refused: Vec::new() }; plan.effects.len()];
        plan.problems.push(deal_model::Problem {
            class: deal_model::ProblemClass::Brake,
            field: None,
            sentence: format!("Unusually many effects of the kind \"{kind}\": the brake holds them."),
            next_step: format!("Look at the list, then release it: cosell release {kind}."),
            since: self.now(),
        });
    }

    /// Sends the portal's effects of one deal in their order; the first that fails stops the rest.
    pub(super) async fn apply_portal(&self, item: &mut Item) -> StoreResult<()> {
        for at in 0..item.round.plan.effects.len() {
            let effect = item.round.plan.effects[at].clone();
            let end = match &effect {
                Effect::Create { side: Side::Portal, writes, life } => {
                    self.bear_referral(item, writes, life).await?
                }
                Effect::Create { side: Side::Crm, writes, life } => {
                    self.bear_opportunity(item, writes, life).await?
                }
                Effect::CreateCompanion { writes } => self.bear_companion(item, writes).await?,
                Effect::Move { to, kind } => self.move_referral(item, to, *kind).await,
                Effect::Update { side: Side::Portal, writes, life, .. } => {
                    self.update_referral(item, writes, life.as_ref()).await
                }
                Effect::Update { side: Side::Crm, .. } => continue,
            };
            let done = matches!(end, EffectEnd::Done { .. });
            item.round.ends[at] = end;
            if !done {
                break;
            }
        }
        Ok(())
    }

    async fn move_referral(&self, item: &mut Item, to: &Life, kind: Irreversible) -> EffectEnd {
        let accepting = kind == Irreversible::Accept;
        let external_reference = accepting.then(|| item.deal.links.crm.clone()).flatten();
        let what = What::Move { to: to.clone(), external_reference };
        let answer = self.send_portal(item, what).await;
        match answer {
            Ok(applied) => {
                let word = if accepting { "accepted" } else { to.word() };
                self.heard_back(item, Side::Portal, applied, word, &[], format!("Referral {word}."));
                EffectEnd::DONE
            }
            Err(error) => failed(&mut item.round, error),
        }
    }

    async fn update_referral(&self, item: &mut Item, writes: &[Write], life: Option<&Life>) -> EffectEnd {
        let mut call = Resilient { calls: 0, refused: Vec::new(), last: None, failure: None };
        self.send_parts(item, writes.to_vec(), life.cloned(), &mut call).await;
        let Resilient { refused, last, failure, .. } = call;
        if let Some(error) = failure {
            item.round.failure = Some(error);
        }
        match last {
            Some(applied) => {
                let sent: Vec<&Write> = writes
                    .iter()
                    .filter(|write| !refused.iter().any(|(group, _)| *group == write.group))
                    .collect();
                let sentence = format!("Referral updated: {}.", self.labels(&sent, life.is_some()));
                self.heard_back(item, Side::Portal, applied, "updated", &sent, sentence);
                EffectEnd::Done { refused }
            }
            None => EffectEnd::NotDone { refused },
        }
    }

    /// Sends these groups; if the portal refuses some, the others go once more without them (sync rules, section 3).
    async fn send_parts(
        &self,
        item: &mut Item,
        writes: Vec<Write>,
        life: Option<Life>,
        call: &mut Resilient,
    ) {
        let mut parts = vec![(writes, life)];
        while let Some((writes, life)) = parts.pop() {
            if call.calls >= BISECT_CALLS {
                call.refuse(&writes, "refused together with other fields");
                continue;
            }
            call.calls += 1;
            let what = What::Fields { writes: writes.clone(), life: life.clone(), report: None };
            match self.send_portal(item, what).await {
                Ok(applied) => {
                    if let Some(after) = &applied.after {
                        item.round.after.portal = Some(Box::new(after.clone()));
                    }
                    call.last = Some(applied);
                }
                Err(error) if error.class == RetryClass::Person => {
                    parts.extend(split(writes, life, &error, call));
                }
                Err(error) => {
                    call.failure = Some(error);
                    return;
                }
            }
        }
    }

    async fn send_portal(&self, item: &Item, what: What) -> Result<Applied, SideError> {
        let (Some(record), Some(expect)) = (item.deal.links.portal.clone(), portal_version(item)) else {
            return Err(SideError::bug("a referral that was not read cannot be changed"));
        };
        let change = Change { record, expect, what };
        let scope = self.write_scope(item);
        let mut answers = self.parts.portal.apply(std::slice::from_ref(&change), scope).await;
        let answer = answers.pop().unwrap_or_else(|| Err(SideError::bug("the side gave no answer")));
        if answer.is_ok() {
            self.parts.holds.reach(HoldPoint::AfterAnswer, EffectKind::Patch);
        }
        answer
    }

    pub(super) fn write_scope(&self, item: &Item) -> CallScope {
        let lane = match item.claim.lane {
            WorkLane::Now => ports::Lane::Now,
            WorkLane::Background => ports::Lane::Background,
        };
        scope(lane, item.claim.lease_until.min(self.in_(self.parts.settings.deadline)))
    }

    /// Notes an answered effect: what was read back, and a line of history.
    pub(super) fn heard_back(
        &self,
        item: &mut Item,
        side: Side,
        applied: Applied,
        what: &str,
        writes: &[&Write],
        sentence: String,
    ) {
        if let Some(after) = applied.after {
            *item.round.after.at_mut(side) = Some(Box::new(after));
        }
        item.round.effect.get_or_insert(match side {
            Side::Portal => EffectKind::Patch,
            Side::Crm => EffectKind::CrmWrite,
        });
        let now = self.now();
        item.round.audit.push(AuditLine {
            at: now,
            what: what.to_owned(),
            side: Some(side),
            groups: writes.iter().map(|write| write.group.as_str().to_owned()).collect(),
            sentence,
            took_ms: i64::try_from(now.duration_since(item.claim.heard).as_millis()).ok(),
            mapping: self.parts.mapping.clone(),
        });
    }

    /// The CRM's updates of the whole batch, with their reports, in as few calls as the side allows.
    pub(super) async fn apply_crm(&self, items: &mut [&mut Item]) -> StoreResult<()> {
        let mut changes = Vec::new();
        let mut senders = Vec::new();
        for (at, item) in items.iter_mut().enumerate() {
            let Some(change) = self.crm_change(item).await? else { continue };
            changes.push(change);
            senders.push(at);
        }
        if changes.is_empty() {
            return Ok(());
        }
        let until = senders.iter().map(|at| items[*at].claim.lease_until).min();
        let deadline = self.in_(self.parts.settings.deadline);
        let lane = if changes.iter().all(is_report) { ports::Lane::Report } else { ports::Lane::Now };
        let scope = scope(lane, until.map_or(deadline, |until| until.min(deadline)));
        let answers = self.parts.crm.apply(&changes, scope).await;
        self.parts.holds.reach(HoldPoint::AfterAnswer, EffectKind::CrmWrite);
        for ((at, change), answer) in senders.into_iter().zip(changes).zip(answers) {
            self.crm_answered(&mut *items[at], change, answer, scope).await;
        }
        Ok(())
    }

    /// The change of one opportunity: what is planned, and the report where it is due.
    async fn crm_change(&self, item: &mut Item) -> StoreResult<Option<Change>> {
        let planned = item.round.plan.effects.iter().find_map(|effect| match effect {
            Effect::Update { side: Side::Crm, writes, life, .. } => Some((writes.clone(), life.clone())),
            _ => None,
        });
        let Some(crm) = item.seen(Side::Crm).cloned() else { return Ok(None) };
        let facts = crm.crm().cloned().unwrap_or_default();
        if !facts.opted_in || item.round.after.crm.is_some() {
            return Ok(None);
        }
        let report = self.report(item, planned.is_some(), facts.unsettled).await?;
        let (writes, life) = planned.unwrap_or_default();
        if writes.is_empty() && life.is_none() && report.is_none() {
            return Ok(None);
        }
        let what = What::Fields { writes, life, report };
        Ok(Some(Change { record: crm.record, expect: crm.version, what }))
    }

    async fn report(
        &self,
        item: &mut Item,
        rides: bool,
        unsettled: bool,
    ) -> StoreResult<Option<crate::Report>> {
        let history = self.parts.store.history(&item.deal.id, report::AUDIT_LINES).await?;
        let mut deal = item.deal.clone();
        deal.problems.clone_from(&item.round.plan.problems);
        deal.waiting.clone_from(&item.round.plan.waiting);
        let (report, text) =
            report::compose(&deal, &item.round.plan, &item.round.audit, &history, self.now());
        let reported = &item.deal.memory.reported;
        if !rides && reported.text.as_ref() == Some(&text) {
            return Ok(None);
        }
        let every = jiff::SignedDuration::try_from(self.parts.settings.report_every).unwrap_or_default();
        let due = reported.at.and_then(|at| at.checked_add(every).ok());
        if !rides && due.is_some_and(|due| due > self.now()) {
            item.round.report_due = due;
            return Ok(None);
        }
        if !rides && unsettled {
            item.round.report_due = self.now().checked_add(deal_model::SETTLE).ok();
            return Ok(None);
        }
        item.round.reported = Some(text);
        Ok(Some(report))
    }

    async fn crm_answered(
        &self,
        item: &mut Item,
        change: Change,
        answer: Result<Applied, SideError>,
        scope: CallScope,
    ) {
        let What::Fields { writes, life, report } = change.what.clone() else { return };
        let alone = writes.is_empty() && life.is_none();
        let (answer, refused) = match answer {
            Err(error) if error.class == RetryClass::Person && !alone => {
                self.crm_again(&change, error, scope).await
            }
            other => (other, Vec::new()),
        };
        let slot = item
            .round
            .plan
            .effects
            .iter()
            .position(|effect| matches!(effect, Effect::Update { side: Side::Crm, .. }));
        match answer {
            Ok(applied) => {
                if report.is_none() {
                    item.round.reported = None;
                }
                if alone {
                    if let Some(after) = applied.after {
                        item.round.after.crm = Some(Box::new(after));
                    }
                    item.round.effect.get_or_insert(EffectKind::CrmWrite);
                    return;
                }
                let sent: Vec<&Write> = writes
                    .iter()
                    .filter(|write| !refused.iter().any(|(group, _)| *group == write.group))
                    .collect();
                let sentence = format!("Opportunity updated: {}.", self.labels(&sent, life.is_some()));
                self.heard_back(item, Side::Crm, applied, "updated", &sent, sentence);
                if let Some(slot) = slot {
                    item.round.ends[slot] = EffectEnd::Done { refused };
                }
            }
            // A failed report raises no problem and causes no report; it comes along with the next write.
            Err(_) if alone => item.round.reported = None,
            Err(error) => {
                item.round.reported = None;
                let end = failed(&mut item.round, error);
                if let Some(slot) = slot {
                    item.round.ends[slot] =
                        if refused.is_empty() { end } else { EffectEnd::NotDone { refused } };
                }
            }
        }
    }

    /// The CRM refused: the named groups are dropped and the rest goes once more; unnamed, the halves are tried.
    async fn crm_again(
        &self,
        change: &Change,
        error: SideError,
        scope: CallScope,
    ) -> (Result<Applied, SideError>, Vec<(GroupId, String)>) {
        let What::Fields { writes, life, report } = change.what.clone() else {
            return (Err(error), Vec::new());
        };
        let mut call = Resilient { calls: 1, refused: Vec::new(), last: None, failure: None };
        let mut expect = change.expect.clone();
        let mut parts = split(writes, life, &error, &mut call);
        while let Some((writes, life)) = parts.pop() {
            if call.calls >= BISECT_CALLS {
                call.refuse(&writes, "refused together with other fields");
                continue;
            }
            call.calls += 1;
            let report = report.clone().filter(|_| parts.is_empty());
            let what = What::Fields { writes: writes.clone(), life: life.clone(), report };
            let again = Change { expect: expect.clone(), what, ..change.clone() };
            let mut answers = self.parts.crm.apply(std::slice::from_ref(&again), scope).await;
            match answers.pop() {
                Some(Ok(applied)) => {
                    if let Some(after) = &applied.after {
                        expect = after.version.clone();
                    }
                    call.last = Some(applied);
                }
                Some(Err(error)) if error.class == RetryClass::Person => {
                    parts.extend(split(writes, life, &error, &mut call));
                }
                Some(Err(error)) => {
                    call.failure = Some(error);
                    break;
                }
                None => break,
            }
        }
        let answer = match (call.last, call.failure) {
            (Some(applied), None) => Ok(applied),
            (_, Some(failure)) => Err(failure),
            (None, None) => Err(error),
        };
        (answer, call.refused)
    }

    /// The groups' labels, for a sentence.
    pub(super) fn labels(&self, writes: &[&Write], stage: bool) -> String {
        let mut labels: Vec<String> = writes
            .iter()
            .map(|write| {
                let spec = self.parts.specs.group(&write.group);
                spec.map_or_else(|| write.group.to_string(), |spec| spec.lead().label.clone())
            })
            .collect();
        if stage {
            labels.push("stage".to_owned());
        }
        labels.join(", ")
    }
}

/// An update that survives the refusal of some of its fields.
struct Resilient {
    calls: usize,
    refused: Vec<(GroupId, String)>,
    last: Option<Applied>,
    failure: Option<SideError>,
}

impl Resilient {
    fn refuse(&mut self, writes: &[Write], told: &str) {
        self.refused.extend(writes.iter().map(|write| (write.group.clone(), told.to_owned())));
    }
}

/// What of a refused update is tried again: all but the named groups, or both halves.
fn split(
    writes: Vec<Write>,
    life: Option<Life>,
    error: &SideError,
    call: &mut Resilient,
) -> Vec<(Vec<Write>, Option<Life>)> {
    let told = if error.told.is_empty() { &error.what } else { &error.told };
    let (named, others): (Vec<_>, Vec<_>) =
        writes.into_iter().partition(|write| error.groups.contains(&write.group));
    if !named.is_empty() {
        call.refuse(&named, told);
        return if others.is_empty() && life.is_none() { Vec::new() } else { vec![(others, life)] };
    }
    if others.len() + usize::from(life.is_some()) <= 1 {
        call.refuse(&others, told);
        if life.is_some() {
            call.failure = Some(error.clone());
        }
        return Vec::new();
    }
    if let Some(life) = life {
        return vec![(Vec::new(), Some(life)), (others, None)];
    }
    let half = others.len() / 2;
    let (first, second) = others.split_at(half);
    vec![(second.to_vec(), None), (first.to_vec(), None)]
}

/// Notes a failure; the first one of a round decides what follows.
pub(super) fn failed(round: &mut Round, error: SideError) -> EffectEnd {
    let refused = match error.class {
        RetryClass::Person => error.groups.iter().map(|group| (group.clone(), error.told.clone())).collect(),
        _ => Vec::new(),
    };
    if round.failure.as_ref().is_none_or(is_changed) {
        round.failure = Some(error);
    }
    EffectEnd::NotDone { refused }
}

/// The version that the next write to the referral must carry.
fn portal_version(item: &Item) -> Option<Version> {
    let after = item.round.after.portal.as_deref();
    after.or(item.seen(Side::Portal)).map(|seen: &Observation| seen.version.clone())
}

fn is_report(change: &Change) -> bool {
    matches!(&change.what, What::Fields { writes, life: None, .. } if writes.is_empty())
}

/// What the brake counts as clearing a field.
fn clears(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Update { writes, .. } => Some(writes),
            _ => None,
        })
        .flatten()
        .filter(|write| write.clears())
        .map(|write| format!("clear:{}", write.group))
        .collect()
}

impl SideError {
    /// A failure of the program itself.
    pub(crate) fn bug(what: &str) -> Self {
        Self {
            class: RetryClass::Bug,
            what: what.to_owned(),
            told: String::new(),
            groups: Vec::new(),
            certainly_not_done: true,
        }
    }
}
