//! The end of a round: what is remembered, what is committed, and whether the pass goes on.

use std::time::Duration;

use deal_model::{
    Deal, Effect, EffectEnd, Observation, PerSide, Phase, Problem, ProblemClass, SETTLE, SettleInput, Side,
    Sight, WaitingEffect, carried_out, newly_left_out, settle,
};
use jiff::Timestamp;
use ports::RetryClass;

use super::{Item, birth::goes_without, is_changed, tell::LEFT_OUT};
use crate::{
    Claim, Commit, Disposition, Engine, EngineSettings, Hints, StoreError, StoreResult, WaitsFor,
    engine::fenced,
    settings::{LOOK_AT_PROBLEMS_AGAIN, REPLANS},
};

/// Read the two halves; the companion only when it is heard of.
pub(super) const BOTH_SIDES: Hints = Hints { crm: true, portal: true, companion: false };

impl Engine {
    /// Settles, commits, and decides whether another round follows.
    pub(super) async fn close_round(&self, item: &mut Item) -> StoreResult<()> {
        if item.ended {
            return Ok(());
        }
        let linked = item.deal.links.clone();
        let specs = self.specs();
        let settled = settle(&SettleInput {
            deal: &item.deal,
            plan: &item.round.plan,
            ends: &item.round.ends,
            before: PerSide::new(item.sights.portal.seen(), item.sights.crm.seen()),
            after: PerSide::new(item.round.after.portal.as_deref(), item.round.after.crm.as_deref()),
            specs: &specs,
            mapping: &self.parts.mapping,
            now: self.now(),
        });
        let facts = item.seen(Side::Crm).and_then(Observation::crm);
        let mut left_out = newly_left_out(&specs, &item.deal.memory, &settled, facts);
        if item.round.ends.iter().all(|end| matches!(end, EffectEnd::Done { .. })) {
            let foreseen = item.round.plan.left_out.iter().filter(|sentence| !left_out.contains(sentence));
            left_out.extend(foreseen.cloned().collect::<Vec<_>>());
        }
        for sentence in left_out {
            let line = self.line(LEFT_OUT, &sentence);
            item.round.audit.push(line);
        }
        item.round.audit.extend(self.remapping(&specs, &item.deal.memory, &settled));
        item.deal.memory = settled;
        debug_assert_eq!(linked, item.deal.links, "settling changes the memory, never the links");
        if let Some(text) = item.round.reported.take() {
            item.deal.memory.reported.text = Some(text);
            item.deal.memory.reported.at = Some(self.now());
        }
        item.deal.waiting = still_waiting(item);
        item.deal.problems = self.problems(item);
        item.deal.phase = item.round.plan.phase.unwrap_or(item.deal.phase);
        let consumed = carried_out(&item.deal, &item.round.plan, &item.round.ends);
        let refused = item.round.plan.refused_decisions(&item.deal, &item.round.ends);
        let mut handed_back = item.round.plan.handed_back.clone();
        self.tell_of_decisions(item, &consumed, &handed_back, &refused);
        handed_back.extend(refused);
        let goes_on = self.goes_on(item);
        if !goes_on {
            item.round.report_due = self.untold(item).await?.or(item.round.report_due);
        }
        let disposition = if goes_on { Disposition::Keep } else { self.disposition(item) };
        let commit = Commit {
            claim: item.claim.clone(),
            deal: Some(item.deal.clone()),
            audit: std::mem::take(&mut item.round.audit),
            intents: std::mem::take(&mut item.round.intents),
            index: std::mem::take(&mut item.round.index),
            consumed: consumed.clone(),
            handed_back: handed_back.clone(),
            disposition,
            now: self.now(),
            effect: item.round.effect,
        };
        let lost = match fenced(self.parts.store.commit(&commit).await) {
            Err(StoreError::Duplicate(rule)) => {
                // Two deals would have one record: neighbours in the batch do not suffer from it.
                tracing::error!(deal = %item.deal.id, %rule, "a second link to one record was refused");
                self.retry(item, Some(LOOK_AT_PROBLEMS_AGAIN)).await?;
                true
            }
            lost => lost?,
        };
        if lost {
            item.ended = true;
            return Ok(());
        }
        item.deal
            .decisions
            .retain(|decision| !consumed.contains(&decision.id) && !handed_back.contains(&decision.id));
        if goes_on {
            look_on(item);
        } else {
            item.ended = true;
        }
        Ok(())
    }

    /// The plan's problems, and those that came of sending it; one for each class and field.
    pub(super) fn problems(&self, item: &Item) -> Vec<Problem> {
        let round = &item.round;
        let mut problems = round.plan.problems.clone();
        if let Some(error) =
            round.failure.as_ref().filter(|error| error.waits_for.is_none() && needs_a_person(&error.class))
        {
            let told = if error.told.is_empty() { &error.what } else { &error.told };
            problems.push(self.problem_of(error.groups.first(), &error.class, told));
        }
        if let Some(waits) = round.failure.as_ref().and_then(|error| error.waits_for.clone()) {
            let WaitsFor { class, sentence, next_step } = *waits;
            problems.push(Problem { class, field: None, sentence, next_step, since: self.now() });
        }
        let refused = round.ends.iter().flat_map(|end| match end {
            EffectEnd::Done { refused } | EffectEnd::NotDone { refused } => refused,
        });
        // A place that may not be changed is told of once for all deals, as a problem of the connection.
        for (group, told) in refused.filter(|(group, _)| !round.fixed.contains(group)) {
            problems.push(self.problem_of(Some(group), &RetryClass::Person, told));
        }
        let mut kept: Vec<Problem> = Vec::new();
        for mut problem in problems {
            if !kept.iter().any(|known| known.same(&problem)) {
                let known = item.deal.problems.iter().find(|known| known.same(&problem));
                problem.since = known.map_or(problem.since, |known| known.since);
                kept.push(problem);
            }
        }
        kept
    }

    /// In the words that the next plan has for a value that was refused, so that the seller is told once.
    fn problem_of(&self, group: Option<&deal_model::GroupId>, class: &RetryClass, told: &str) -> Problem {
        let bug = *class == RetryClass::Bug;
        Problem {
            class: if bug { ProblemClass::Bug } else { ProblemClass::Data },
            field: group.cloned(),
            sentence: match group {
                Some(group) => format!("{} was refused: {told}", self.label(group)),
                None => format!("Refused: {told}"),
            },
            next_step: if bug {
                "This is a mistake of the program: please report it; the deal is tried again later."
                    .to_owned()
            } else {
                let spec = group.and_then(|group| self.parts.specs.group(group));
                spec.map_or_else(
                    || "Change the value; it is sent again then.".to_owned(),
                    deal_model::GroupSpec::how_to_mend,
                )
            },
            since: self.now(),
        }
    }

    /// Another round follows when it must, or when the answers show more to do.
    fn goes_on(&self, item: &Item) -> bool {
        let round = &item.round;
        if must_go_on(item) {
            return true;
        }
        let unchanged = round.after.portal.is_none() && round.after.crm.is_none();
        if unchanged || round.retry_at.is_some() || round.failure.is_some() {
            return false;
        }
        let mut next = Item::new(item.claim.clone(), item.deal.clone(), &self.specs());
        next.sights = latest(item);
        next.elsewhere = item.elsewhere;
        let plan = self.plan_for(&next);
        // A referral that just closed ends the deal, which only a plan of its own may say.
        let finishes = plan.phase == Some(Phase::Finished) && item.deal.phase != Phase::Finished;
        finishes || !plan.is_quiet()
    }

    fn disposition(&self, item: &Item) -> Disposition {
        let round = &item.round;
        let mut at: Option<Timestamp> = None;
        let mut sooner = |when: Option<Timestamp>| {
            if let Some(when) = when {
                at = Some(at.map_or(when, |at: Timestamp| at.min(when)));
            }
        };
        let mut attempts = 0;
        sooner(round.plan.next_due);
        sooner(round.plan.clock_due);
        sooner(round.retry_at);
        let gone = Side::BOTH.into_iter().any(|side| *item.sights.at(side) == Sight::Gone);
        if gone {
            // Access that is given back raises no event.
            attempts = item.claim.attempts.saturating_add(1);
            sooner(Some(self.in_(self.wait_for_person(item))));
        }
        if let Some(error) = &round.failure {
            // Its retry reads and tells everything; looking sooner would only repeat what just failed.
            attempts = item.claim.attempts.saturating_add(1);
            sooner(Some(self.after_failure(&error.class, item)));
        } else {
            if round.report_failed {
                attempts = item.claim.attempts.saturating_add(1);
            }
            sooner(round.report_due);
            if unsettled(item) {
                // Two saves of one second carry one stamp: read again when the second is over.
                sooner(self.now().checked_add(SETTLE).ok());
            }
            sooner(self.lags_behind(item));
        }
        match at {
            None => Disposition::Done,
            Some(at) => {
                // For a grace or a report the stored referral stands in; what leaves by a guard is read by id first.
                let both = gone || round.retry_at.is_some() || round.failure.is_some();
                let hints = match at {
                    // Whether a clock was stopped meanwhile is asked of the portal, both referrals of it.
                    _ if round.plan.clock_due == Some(at) => Hints::ALL,
                    _ if both => BOTH_SIDES,
                    _ => Hints::of(Side::Crm),
                };
                Disposition::Again { at, hints, attempts }
            }
        }
    }

    /// When to read again what may show an older state than an event told of.
    fn lags_behind(&self, item: &Item) -> Option<Timestamp> {
        let awaits = &item.claim.awaits;
        match latest(item).crm {
            Sight::Seen(seen) => awaits.read_again(Some(seen.version.stamp), self.now()),
            Sight::Gone => awaits.read_again(None, self.now()),
            _ => None,
        }
    }

    /// How long the deal is left alone while only a person can end its problem.
    pub(super) fn wait_for_person(&self, item: &Item) -> Duration {
        let newest = item.deal.problems.iter().map(|problem| problem.since).max();
        let lasts = newest.map(|since| self.now().duration_since(since).unsigned_abs());
        EngineSettings::wait_for_person(item.claim.attempts, lasts.unwrap_or_default())
    }

    fn after_failure(&self, class: &RetryClass, item: &Item) -> Timestamp {
        let back_off = self.parts.settings.back_off(item.claim.attempts, self.parts.rng.fraction());
        self.in_(match class {
            RetryClass::Later { after } => after.map_or(back_off, |after| after.max(back_off)),
            RetryClass::Person | RetryClass::Bug => self.wait_for_person(item),
            RetryClass::Authenticate | RetryClass::Changed | RetryClass::Doubtful => back_off,
        })
    }

    /// Hands a deal back that could not be read, to be tried again.
    pub(super) async fn retry(&self, item: &mut Item, after: Option<Duration>) -> StoreResult<()> {
        let again = self.retry_at(item, after);
        item.ended = true;
        self.hand_back(item.claim.clone(), again).await
    }

    /// Hands a deal back that cannot be read without a person.
    pub(super) async fn retry_with_problem(
        &self,
        item: &mut Item,
        after: Option<Duration>,
        problem: Problem,
    ) -> StoreResult<()> {
        let again = self.retry_at(item, after);
        item.ended = true;
        if !item.deal.problems.iter().any(|known| known.same(&problem)) {
            item.deal.problems.push(problem);
        }
        let commit = Commit { deal: Some(item.deal.clone()), ..self.ending(item.claim.clone(), again) };
        fenced(self.parts.store.commit(&commit).await).map(drop)
    }

    fn retry_at(&self, item: &Item, after: Option<Duration>) -> Disposition {
        let back_off = self.parts.settings.back_off(item.claim.attempts, self.parts.rng.fraction());
        let at = self.in_(after.map_or(back_off, |after| after.max(Duration::from_millis(1))));
        let hints = item.claim.hints.union(item.read);
        Disposition::Again { at, hints, attempts: item.claim.attempts.saturating_add(1) }
    }

    /// Too many rounds: back off, and try again.
    pub(super) async fn put_off(&self, item: &mut Item) -> StoreResult<()> {
        tracing::info!(deal = %item.deal.id, "the records keep moving; trying again later");
        item.read = item.read.union(BOTH_SIDES);
        self.retry(item, None).await
    }

    /// Work whose deal is gone.
    pub(super) async fn forget_work(&self, claim: Claim) -> StoreResult<()> {
        self.hand_back(claim, Disposition::Done).await
    }

    pub(super) async fn hand_back(&self, claim: Claim, disposition: Disposition) -> StoreResult<()> {
        fenced(self.parts.store.commit(&self.ending(claim, disposition)).await).map(drop)
    }

    /// A commit of nothing but what becomes of the work.
    pub(super) fn ending(&self, claim: Claim, disposition: Disposition) -> Commit {
        Commit {
            claim,
            deal: None::<Deal>,
            audit: Vec::new(),
            intents: Vec::new(),
            index: Vec::new(),
            consumed: Vec::new(),
            handed_back: Vec::new(),
            disposition,
            now: self.now(),
            effect: None,
        }
    }
}

/// What makes another round certain: a half was found or born, a record moved, a birth can go without what was
/// refused. Asked before a report is sent, so that it does not tell of a deal half done.
pub(super) fn must_go_on(item: &Item) -> bool {
    let round = &item.round;
    match &round.failure {
        _ if round.retry_at.is_some() => false,
        Some(error) => (is_changed(error) && item.replans < REPLANS) || goes_without(item),
        None => round.linked,
    }
}

/// Effects that left wait no longer.
pub(super) fn still_waiting(item: &Item) -> Vec<WaitingEffect> {
    let round = &item.round;
    let left = |waiting: &&WaitingEffect| {
        round.plan.effects.iter().zip(&round.ends).any(|(effect, end)| {
            matches!(effect, Effect::Move { kind, .. } if *kind == waiting.kind)
                && matches!(end, EffectEnd::Done { .. })
        })
    };
    round.plan.waiting.iter().filter(|waiting| !left(waiting)).cloned().collect()
}

pub(super) fn needs_a_person(class: &RetryClass) -> bool {
    matches!(class, RetryClass::Person | RetryClass::Bug)
}

/// Both sides as last read: after the writes where there were some.
fn latest(item: &Item) -> PerSide<Sight> {
    let at = |side: Side| match item.round.after.at(side) {
        Some(after) => Sight::Seen(after.clone()),
        None => item.sights.at(side).clone(),
    };
    PerSide::new(at(Side::Portal), at(Side::Crm))
}

/// What the next round starts from: what was just read back, and fresh reads where a record moved.
fn look_on(item: &mut Item) {
    if item.round.failure.as_ref().is_some_and(is_changed) {
        item.replans += 1;
        item.sights = PerSide::new(Sight::Unread, Sight::Unread);
        item.read = Hints { companion: item.read.companion, ..BOTH_SIDES };
        return;
    }
    item.sights = latest(item);
    if item.deal.links.crm.is_some() && item.sights.crm == Sight::Unlinked {
        item.sights.crm = Sight::Unread;
    }
    if item.deal.links.portal.is_some() && item.sights.portal == Sight::Unlinked {
        item.sights.portal = Sight::Unread;
    }
    if item.round.after.portal.is_some() {
        // The answer of the write was the read.
        item.stood_in = false;
        item.read.portal = item.read.companion;
    }
}

/// Whether the opportunity was saved so shortly before its read that another save may share its stamp.
fn unsettled(item: &Item) -> bool {
    latest(item).crm.seen().and_then(|seen| seen.crm()).is_some_and(|facts| facts.unsettled)
}
