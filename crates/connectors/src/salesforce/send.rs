//! Sending changes of opportunities: up to 24 in one call, or one deal's records together, or one call each where the
//! org keeps to a precondition only there; each read back.
//!
//! A row that somebody holds for a moment is tried again at once, a few times; then the deal waits.

use std::time::Duration;

use deal_model::Observation;
use planted::{Bug, planted};
use ports::RetryClass;
use salesforce::{
    CallContext, CompositeAnswer, Error, FieldPath, MAX_SUBREQUESTS, Meaning, RecordId, ReferenceId, Refusal,
    Subrequest, Subresponse, soql::Soql,
};
use sync_engine::{Applied, SideError};

use super::{
    ConditionalWrites, Salesforce,
    apply::{Answer, Unit},
    explain,
    observe::id_path,
    refusal,
    rows::path,
    schema::{ACCOUNT, OPPORTUNITY, Schema, object_name},
    steps::{Step, one_by_one},
};

/// Writes in one call; the last place is the read-back's.
pub(super) const MAX_WRITES: usize = MAX_SUBREQUESTS - 1;
/// How often a locked row is tried again within one pass.
const LOCK_TRIES: u32 = 3;
/// The pause before the first of these tries, at most; doubled each time, drawn between its half and its whole.
const LOCK_PAUSE: Duration = Duration::from_millis(250);

impl Salesforce {
    /// Opportunities with nothing but their own fields: up to 24 to a call, each for itself.
    pub(super) async fn send_lone(&self, batch: &[(usize, Unit)], context: CallContext) -> Vec<Answer> {
        if self.settings.conditional == ConditionalWrites::OnePerCall {
            let mut answers = Vec::with_capacity(batch.len());
            for (_, unit) in batch {
                answers.push(self.send_one_by_one(unit, context).await);
            }
            return answers;
        }
        let mut answers: Vec<Option<Answer>> = batch.iter().map(|_| None).collect();
        let mut left: Vec<usize> = (0..batch.len()).collect();
        for attempt in 0..=LOCK_TRIES {
            let units: Vec<&Unit> = left.iter().map(|at| &batch[*at].1).collect();
            let mut locked = Vec::new();
            for (at, answer) in left.iter().copied().zip(self.send_once(&units, context).await) {
                match answer {
                    Err(error) if attempt < LOCK_TRIES && is_row_lock(&error) => locked.push(at),
                    answer => answers[at] = Some(self.settle_lone(&batch[at].1, answer, context).await),
                }
            }
            left = locked;
            if left.is_empty() {
                break;
            }
            self.pause_for_lock(attempt).await;
        }
        let missing = || Err(refusal::bug("a change was not answered"));
        answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
    }

    async fn settle_lone(
        &self,
        unit: &Unit,
        answer: Result<Option<Observation>, Error>,
        context: CallContext,
    ) -> Answer {
        match answer {
            Ok(Some(after)) => Ok(Applied { after: Some(after) }),
            Ok(None) => Ok(Applied { after: self.see(&unit.record, unit.id, context).await }),
            Err(error) => match unit.without_report(&error) {
                Some(unit) => self.send_together(unit, context).await,
                None => Err(refusal::of_write(&self.mapping, OPPORTUNITY, &error)),
            },
        }
    }

    /// One call for all of `units`: what each came to, with what was read back.
    async fn send_once(
        &self,
        units: &[&Unit],
        context: CallContext,
    ) -> Vec<Result<Option<Observation>, Error>> {
        let Some(schema) = self.memory.schema() else {
            // It was there when the units were made, and is never taken away.
            return units.iter().map(|_| Ok(None)).collect();
        };
        let mut parts: Vec<Subrequest> =
            units.iter().enumerate().map(|(number, unit)| unit.steps[0].part(number)).collect();
        let back = ReferenceId::numbered(parts.len());
        // What a long list of columns pushes out of the one query is read afterwards.
        let query = self.read_back_query(&schema, units.iter().map(|unit| unit.id));
        parts.extend(query.map(|soql| Subrequest::query(back.clone(), &soql)));
        let answer = match self.client.composite(context, parts, false).await {
            Ok(answer) => answer,
            Err(error) => return units.iter().map(|_| Err(error.clone())).collect(),
        };
        let found = self.read_back(&answer, &back, context).await;
        let told = units.iter().zip(&answer.parts).map(|(unit, part)| match part.outcome() {
            Ok(_) => Ok(self.after(&unit.record, unit.id, &schema, &found)),
            Err(_) if planted(Bug::RowErrorTakenForSuccess) => {
                Ok(self.after(&unit.record, unit.id, &schema, &found))
            }
            Err(refused) => Err(refused.into()),
        });
        told.collect()
    }

    /// One opportunity with its rows: they stand or fall together, as far as one call carries them.
    pub(super) async fn send_together(&self, unit: Unit, context: CallContext) -> Answer {
        let one_per_call = self.settings.conditional == ConditionalWrites::OnePerCall;
        if one_per_call || unit.steps.iter().any(Step::is_ambiguous) {
            return self.send_one_by_one(&unit, context).await;
        }
        let schema = self.schema(context).await?;
        let mut after = None;
        let mut start = 0;
        while start < unit.steps.len() {
            let end = end_of_call(&unit.steps, start);
            let steps = &unit.steps[start..end];
            let back = ReferenceId::numbered(steps.len());
            let answer = self.send_steps(&unit, start, steps, &back, context).await;
            // Whether nothing at all was written is certain for the first call only.
            let whole = |error: SideError| SideError {
                certainly_not_done: error.certainly_not_done && start == 0,
                ..error
            };
            let answer = answer.map_err(|error| whole(refusal::of_error(&error)))?;
            if let Some((step, refused)) = first_refusal(steps, &answer.parts).filter(by_itself) {
                let error = Error::from(refused);
                return match unit.without_report(&error).filter(|_| start == 0) {
                    Some(unit) => Box::pin(self.send_together(unit, context)).await,
                    None => Err(whole(self.refused_row(step, Some(unit.id), &error, context).await)),
                };
            }
            if let Some(Err(refused)) = answer.part(&back).map(Subresponse::outcome) {
                // The read-back was refused and took the writes with it.
                self.mend(context, &refused).await?;
                let mut error = refusal::of_error(&refused.into());
                error.class = RetryClass::LATER;
                return Err(whole(error));
            }
            if let Some((_, halted)) = first_refusal(steps, &answer.parts) {
                return Err(whole(refusal::of_error(&halted.into())));
            }
            let found = self.read_back(&answer, &back, context).await;
            after = self.after(&unit.record, unit.id, &schema, &found);
            start = end;
        }
        match after {
            Some(after) => Ok(Applied { after: Some(after) }),
            None => Ok(Applied { after: self.see(&unit.record, unit.id, context).await }),
        }
    }

    /// One call of a deal's steps from `start` on, all or none; again while a row is locked.
    async fn send_steps(
        &self,
        unit: &Unit,
        start: usize,
        steps: &[Step],
        back: &ReferenceId,
        context: CallContext,
    ) -> Result<CompositeAnswer, Error> {
        let mut attempt = 0;
        loop {
            let mut parts: Vec<Subrequest> =
                steps.iter().enumerate().map(|(number, step)| step.shifted(start).part(number)).collect();
            let query = self.memory.schema().and_then(|schema| self.read_back_query(&schema, [unit.id]));
            parts.extend(query.map(|soql| Subrequest::query(back.clone(), &soql)));
            let answer = self.client.composite(context, parts, true).await?;
            let locked = first_refusal(steps, &answer.parts)
                .is_some_and(|(_, refused)| refused.meaning() == Meaning::RowLock);
            if !locked || attempt == LOCK_TRIES {
                return Ok(answer);
            }
            self.pause_for_lock(attempt).await;
            attempt += 1;
        }
    }

    /// The query that reads written opportunities back. One that was opted out meanwhile is not read; what of it is
    /// told is told by the look that follows where a record is missing. None: nobody can tell who is opted in.
    fn read_back_query(&self, schema: &Schema, ids: impl IntoIterator<Item = RecordId>) -> Option<Soql> {
        let told = schema.opt_in(&self.mapping, "");
        let opted_in = told.whole.or(told.asked.filter(|_| told.is_told))?;
        schema.select().filter(opted_in).split(&id_path(), ids).into_iter().next()
    }

    /// A refused step of one deal. `opportunity`: the deal's, if it is there already.
    pub(super) async fn refused_row(
        &self,
        step: &Step,
        opportunity: Option<RecordId>,
        error: &Error,
        context: CallContext,
    ) -> SideError {
        let mut side = refusal::of_write(&self.mapping, step.object(), error);
        let meaning = error.refusal().map(Refusal::meaning);
        // An opportunity that is there does not wait for the account, or for a row, that may not be written: only what
        // lives there is left out.
        let lives_there = refusal::group_of_object(&self.mapping, step.object());
        if opportunity.is_some()
            && step.object() != OPPORTUNITY
            && !lives_there.is_empty()
            && meaning.is_some_and(explain::is_of_one_record)
            && let Some(waits) = side.waits_for.take()
        {
            side.told = waits.sentence;
        }
        // There is nothing to be looked at again where nothing was.
        if matches!(step, Step::Insert { .. }) && meaning == Some(Meaning::NotFound) {
            side.class = RetryClass::Person;
        }
        // A new account is no value of the deal: without it there is no deal.
        let is_birth = opportunity.is_none() && step.object() == ACCOUNT;
        if side.groups.is_empty() && side.waits_for.is_none() && !is_birth {
            side.groups.extend(lives_there);
        }
        // Somebody else made the row meanwhile: it is read, and planned again. Unless it is another deal's, or hidden.
        if let (Step::Insert { object, .. }, Some(opportunity)) = (step, opportunity)
            && meaning == Some(Meaning::UniqueValue)
            && let Some(parent) = self.parent_field(object)
            && self.may_be_ours(object, &parent, opportunity, error, context).await
        {
            side.class = RetryClass::Changed;
        }
        side
    }

    /// Whether the record that holds the unique value hangs on this opportunity, as far as it can be told now, and is news:
    /// a row that was planned with, and has not moved since, would be met again for ever. One that we may not see does not:
    /// its opportunity is seen.
    async fn may_be_ours(
        &self,
        object: &str,
        parent: &FieldPath,
        opportunity: RecordId,
        error: &Error,
        context: CallContext,
    ) -> bool {
        let Some(holder) = error.duplicate_of() else { return false };
        let planned_with = self.memory.known(opportunity).and_then(|known| known.stamp_of(holder));
        let columns = [parent.clone(), path("SystemModstamp")];
        match self.client.get(context, &object_name(object), holder, &columns).await {
            Ok(read) => {
                let held = read.record.text(parent.as_str()).and_then(|id| id.parse::<RecordId>().ok());
                let is_news = planned_with.is_none() || planned_with != read.record.system_modstamp();
                held == Some(opportunity) && is_news
            }
            Err(error) => error.class() != RetryClass::Person,
        }
    }

    /// A value of these looks like a reference, or the org keeps to no precondition inside another call: each goes in a
    /// call of its own, the opportunity first.
    async fn send_one_by_one(&self, unit: &Unit, context: CallContext) -> Answer {
        if let Some(Step::Check { unmodified_since, .. }) = unit.steps.first() {
            let now = self.see(&unit.record, unit.id, context).await;
            if now.is_none_or(|now| now.version.stamp != *unmodified_since) {
                return Err(refusal::changed("the opportunity moved since it was read"));
            }
        }
        let mut attempt = 0;
        loop {
            let Err((step, error)) = one_by_one(&self.client, context, &unit.steps).await else {
                return Ok(Applied { after: self.see(&unit.record, unit.id, context).await });
            };
            // The first is the opportunity's own, or a check that writes nothing.
            let written = unit.steps[..step].iter().any(|step| !matches!(step, Step::Check { .. }));
            if !written && attempt < LOCK_TRIES && is_row_lock(&error) {
                self.pause_for_lock(attempt).await;
                attempt += 1;
                continue;
            }
            if let Some(unit) = unit.without_report(&error).filter(|_| !written) {
                return Box::pin(self.send_one_by_one(&unit, context)).await;
            }
            let side = self.refused_row(&unit.steps[step], Some(unit.id), &error, context).await;
            return Err(SideError { certainly_not_done: side.certainly_not_done && !written, ..side });
        }
    }

    /// Waits a little for whoever holds a row, each time longer.
    pub(super) async fn pause_for_lock(&self, attempt: u32) {
        self.client.rest(LOCK_PAUSE.saturating_mul(1 << attempt.min(LOCK_TRIES))).await;
    }
}

/// Whether `attempt` to write was refused for a lock, and may be made once more.
pub(super) fn try_lock_again(attempt: u32, refused: &Refusal) -> bool {
    attempt < LOCK_TRIES && refused.meaning() == Meaning::RowLock
}

fn is_row_lock(error: &Error) -> bool {
    error.refusal().is_some_and(|refused| refused.meaning() == Meaning::RowLock)
}

/// Where the call that begins with `start` ends: a made record and the one that refers to it stay together.
fn end_of_call(steps: &[Step], start: usize) -> usize {
    let end = steps.len().min(start + MAX_WRITES);
    if steps.get(end).is_some_and(Step::refers) { end - 1 } else { end }
}

/// The step that failed by itself, else the first that fell with something else.
fn first_refusal<'s>(steps: &'s [Step], parts: &[Subresponse]) -> Option<(&'s Step, Refusal)> {
    let refused = || steps.iter().zip(parts).filter_map(|(step, part)| Some((step, part.outcome().err()?)));
    refused().find(by_itself).or_else(|| refused().next())
}

fn by_itself((_, refused): &(&Step, Refusal)) -> bool {
    !refused.is_bystander()
}
