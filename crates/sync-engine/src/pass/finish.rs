//! The end of a round: what is remembered, what is committed, and whether the pass goes on.

use std::time::Duration;

use deal_model::{
    Deal, Effect, EffectEnd, GroupDecision, PerSide, Phase, Problem, ProblemClass, SETTLE, SettleInput, Side,
    Sight, carried_out, settle,
};
use jiff::Timestamp;
use ports::RetryClass;

use super::{Item, birth::bore, is_changed};
use crate::{
    Claim, Commit, Disposition, Engine, Hints, StoreResult, engine::fenced, settings::LOOK_AT_PROBLEMS_AGAIN,
};

/// Read the two halves; the companion only when it is heard of.
const BOTH_SIDES: Hints = Hints { crm: true, portal: true, companion: false };

impl Engine {
    /// Settles, commits, and decides whether another round follows.
    pub(super) async fn close_round(&self, item: &mut Item) -> StoreResult<()> {
        if item.ended {
            return Ok(());
        }
        let linked = item.deal.links.clone();
        item.deal.memory = settle(&SettleInput {
            deal: &item.deal,
            plan: &item.round.plan,
            ends: &item.round.ends,
            before: PerSide::new(item.sights.portal.seen(), item.sights.crm.seen()),
            after: PerSide::new(item.round.after.portal.as_deref(), item.round.after.crm.as_deref()),
            specs: &self.parts.specs,
            mapping: &self.parts.mapping,
            now: self.now(),
        });
        debug_assert_eq!(linked, item.deal.links, "settling changes the memory, never the links");
        if let Some(text) = item.round.reported.take() {
            item.deal.memory.reported.text = Some(text);
            item.deal.memory.reported.at = Some(self.now());
        }
        self.waiting_and_problems(item);
        let goes_on = self.goes_on(item);
        let disposition = if goes_on { Disposition::Keep } else { self.disposition(item) };
        let mut consumed = carried_out(&item.deal, &item.round.plan, &item.round.ends);
        for id in item.round.plan.handed_back.clone() {
            // What a person decided about values that changed meanwhile is not carried out, and the person is told.
            let sentence = "A decision was handed back: the values changed meanwhile.";
            item.round.audit.push(self.line("handed back", sentence));
            consumed.push(id);
        }
        let commit = Commit {
            claim: item.claim.clone(),
            deal: Some(item.deal.clone()),
            audit: std::mem::take(&mut item.round.audit),
            intents: std::mem::take(&mut item.round.intents),
            index: std::mem::take(&mut item.round.index),
            consumed: consumed.clone(),
            disposition,
            now: self.now(),
            effect: item.round.effect,
        };
        if fenced(self.parts.store.commit(&commit).await)? {
            item.ended = true;
            return Ok(());
        }
        item.deal.decisions.retain(|decision| !consumed.contains(&decision.id));
        if goes_on {
            look_on(item);
        } else {
            item.ended = true;
        }
        Ok(())
    }

    /// Effects that left stop waiting; a failure becomes a problem, or adds to the plan's.
    fn waiting_and_problems(&self, item: &mut Item) {
        let round = &item.round;
        let done = |kind| {
            round.plan.effects.iter().zip(&round.ends).any(|(effect, end)| {
                matches!(effect, Effect::Move { kind: moved, .. } if *moved == kind)
                    && matches!(end, EffectEnd::Done { .. })
            })
        };
        item.deal.waiting = round.plan.waiting.iter().filter(|effect| !done(effect.kind)).cloned().collect();
        let mut problems = round.plan.problems.clone();
        if let Some(error) = round.failure.as_ref().filter(|error| needs_a_person(&error.class)) {
            let told = if error.told.is_empty() { &error.what } else { &error.told };
            problems.push(self.problem_of(item, error.groups.first(), &error.class, told));
        }
        let refused = round.ends.iter().flat_map(|end| match end {
            EffectEnd::Done { refused } | EffectEnd::NotDone { refused } => refused,
        });
        for (group, told) in refused {
            problems.push(self.problem_of(item, Some(group), &RetryClass::Person, told));
        }
        let mut kept: Vec<Problem> = Vec::new();
        for problem in problems {
            if !kept.iter().any(|known| known.same(&problem)) {
                kept.push(problem);
            }
        }
        item.deal.problems = kept;
        if let Some(phase) = round.plan.phase {
            // The portal's end is final only once the opportunity was told of it.
            let all_done = round.ends.iter().all(|end| matches!(end, EffectEnd::Done { .. }));
            let unsent = round
                .plan
                .decisions
                .iter()
                .any(|(_, decision)| matches!(decision, GroupDecision::Pending { .. }));
            item.deal.phase =
                if phase == Phase::Finished && (unsent || !all_done) { item.deal.phase } else { phase };
        }
    }

    fn problem_of(
        &self,
        item: &Item,
        group: Option<&deal_model::GroupId>,
        class: &RetryClass,
        told: &str,
    ) -> Problem {
        let bug = *class == RetryClass::Bug;
        let problem = Problem {
            class: if bug { ProblemClass::Bug } else { ProblemClass::Data },
            field: group.cloned(),
            sentence: format!("Refused: {told}"),
            next_step: if bug {
                "This is a mistake of the program: please report it; the deal is tried again later."
                    .to_owned()
            } else {
                "Change the value; it is sent again then.".to_owned()
            },
            since: self.now(),
        };
        let known = item.deal.problems.iter().find(|known| known.same(&problem));
        Problem { since: known.map_or(problem.since, |known| known.since), ..problem }
    }

    /// Another round follows when something was born, a record moved meanwhile, or the answer shows more to do.
    fn goes_on(&self, item: &Item) -> bool {
        let round = &item.round;
        if round.retry_at.is_some() {
            return false;
        }
        if let Some(error) = &round.failure {
            return is_changed(error);
        }
        let linked_now = item.read.portal
            || item.read.companion
            || item.sights.crm == Sight::Unlinked && item.deal.links.crm.is_some();
        if bore(&round.plan.effects, &round.ends) || linked_now {
            return true;
        }
        if round.after.portal.is_none() && round.after.crm.is_none() {
            return false;
        }
        let mut next = Item { claim: item.claim.clone(), ..Item::new(item.claim.clone(), item.deal.clone()) };
        next.sights = latest(item);
        next.claimed_elsewhere = item.claimed_elsewhere;
        !self.plan_for(&next).is_quiet()
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
        sooner(round.retry_at);
        sooner(round.report_due);
        let gone = item.sights.portal == Sight::Gone;
        if gone {
            // Access that is given back raises no event.
            sooner(Some(self.in_(LOOK_AT_PROBLEMS_AGAIN)));
        }
        if unsettled(item) {
            // Two saves of one second carry one stamp: read again when the second is over.
            sooner(self.now().checked_add(SETTLE).ok());
        }
        if let Some(error) = &round.failure {
            attempts = item.claim.attempts + 1;
            sooner(Some(self.after_failure(&error.class, item.claim.attempts)));
        }
        match at {
            None => Disposition::Done,
            Some(at) => {
                let all = gone
                    || round.plan.next_due.is_some()
                    || round.retry_at.is_some()
                    || round.failure.is_some();
                let hints = if all { BOTH_SIDES } else { Hints::of(Side::Crm) };
                Disposition::Again { at, hints, attempts }
            }
        }
    }

    fn after_failure(&self, class: &RetryClass, attempts: u32) -> Timestamp {
        let back_off = self.parts.settings.back_off(attempts, self.parts.rng.fraction());
        self.in_(match class {
            RetryClass::Later { after } => after.map_or(back_off, |after| after.max(back_off)),
            RetryClass::Person | RetryClass::Bug => LOOK_AT_PROBLEMS_AGAIN,
            RetryClass::Authenticate | RetryClass::Changed | RetryClass::Doubtful => back_off,
        })
    }

    /// Hands a deal back that could not be read, to be tried again.
    pub(super) async fn retry(&self, item: &mut Item, after: Option<Duration>) -> StoreResult<()> {
        let back_off = self.parts.settings.back_off(item.claim.attempts, self.parts.rng.fraction());
        let at = self.in_(after.map_or(back_off, |after| after.max(Duration::from_millis(1))));
        let hints = item.claim.hints.union(BOTH_SIDES);
        let disposition = Disposition::Again { at, hints, attempts: item.claim.attempts + 1 };
        self.hand_back(item.claim.clone(), disposition).await?;
        item.ended = true;
        Ok(())
    }

    /// Too many rounds: back off, and try again.
    pub(super) async fn put_off(&self, item: &mut Item) -> StoreResult<()> {
        tracing::info!(deal = %item.deal.id, "the records keep moving; trying again later");
        self.retry(item, None).await
    }

    /// Work whose deal is gone.
    pub(super) async fn forget_work(&self, claim: Claim) -> StoreResult<()> {
        self.hand_back(claim, Disposition::Done).await
    }

    pub(super) async fn hand_back(&self, claim: Claim, disposition: Disposition) -> StoreResult<()> {
        let commit = Commit {
            claim,
            deal: None::<Deal>,
            audit: Vec::new(),
            intents: Vec::new(),
            index: Vec::new(),
            consumed: Vec::new(),
            disposition,
            now: self.now(),
            effect: None,
        };
        fenced(self.parts.store.commit(&commit).await).map(drop)
    }
}

fn needs_a_person(class: &RetryClass) -> bool {
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
    let moved = item.round.failure.is_some();
    let sights = latest(item);
    item.sights = sights;
    if moved {
        item.sights = PerSide::new(Sight::Unread, Sight::Unread);
        item.read = Hints { crm: true, portal: true, companion: item.read.companion };
    }
    if item.deal.links.crm.is_some() && item.sights.crm == Sight::Unlinked {
        item.sights.crm = Sight::Unread;
    }
    if item.deal.links.portal.is_some() && item.sights.portal == Sight::Unlinked {
        item.sights.portal = Sight::Unread;
    }
    if item.read.portal && item.round.after.portal.is_some() && !moved {
        // The answer of the creation was the read.
        item.read.portal = item.read.companion;
    }
}

/// Whether the opportunity was saved so shortly before its read that another save may share its stamp.
fn unsettled(item: &Item) -> bool {
    latest(item).crm.seen().and_then(|seen| seen.crm()).is_some_and(|facts| facts.unsettled)
}
