//! Writing opportunities: each a compare-and-set on the version it was planned on, read back in the same call.

use std::collections::BTreeMap;

use deal_model::{Observation, RecordId as DealRecord};
use mapping::StageError;
use ports::RetryClass;
use salesforce::{
    CallContext, Error, Fields, MAX_SUBREQUESTS, RecordId, ReferenceId, Refusal, Subrequest, Subresponse,
};
use serde_json::Value as Json;
use sync_engine::{Applied, Change, SideError, What};

use super::{
    Salesforce,
    columns::{Columns, columns, report_columns},
    observe::id_path,
    refusal,
    rows::RowCase,
    schema::{OPPORTUNITY, Schema},
    steps::{Step, one_by_one},
    transform::Known,
};

/// Writes in one call; the last place is the read-back's.
const MAX_WRITES: usize = MAX_SUBREQUESTS - 1;

/// One change, ready to be sent.
struct Unit {
    record: DealRecord,
    id: RecordId,
    /// The opportunity's own fields without the report's.
    own: Fields,
    report: Fields,
    /// The first touches the opportunity itself.
    steps: Vec<Step>,
}

impl Unit {
    fn is_lone(&self) -> bool {
        self.steps.len() == 1 && !self.steps[0].is_ambiguous() && matches!(self.steps[0], Step::Update { .. })
    }

    /// The same without the report, if that is what the platform refused: no report may hold up a deal.
    fn without_report(&self, refused: &Error) -> Option<Self> {
        let mut fields = refused.fields().peekable();
        fields.peek()?;
        let only_report = fields.all(|field| self.report.keys().any(|name| name.eq_ignore_ascii_case(field)));
        if !only_report || self.own.is_empty() {
            return None;
        }
        let mut steps = self.steps.clone();
        if let Some(Step::Update { fields, .. }) = steps.first_mut() {
            fields.clone_from(&self.own);
        }
        let (record, id, own) = (self.record.clone(), self.id, self.own.clone());
        Some(Self { record, id, own, report: Fields::new(), steps })
    }
}

type Answer = Result<Applied, SideError>;

impl Salesforce {
    pub(super) async fn apply_changes(&self, changes: &[Change], context: CallContext) -> Vec<Answer> {
        let known = self.known_for(changes, context).await;
        let mut answers: Vec<Option<Answer>> = changes.iter().map(|_| None).collect();
        let mut lone = Vec::new();
        for (place, change) in changes.iter().enumerate() {
            match self.unit(change, &known, context).await {
                // A report that this org has no field for.
                Ok(unit) if unit.steps.is_empty() && is_report_alone(&change.what) => {
                    answers[place] = Some(Ok(Applied { after: None }));
                }
                Ok(unit) if unit.steps.is_empty() => {
                    answers[place] = Some(self.look_after(&unit.record, unit.id, context).await);
                }
                Ok(unit) if unit.is_lone() => lone.push((place, unit)),
                Ok(unit) => answers[place] = Some(self.send_together(unit, context).await),
                Err(error) => answers[place] = Some(Err(error)),
            }
        }
        for batch in lone.chunks(MAX_WRITES) {
            for ((place, _), answer) in batch.iter().zip(self.send_lone(batch, context).await) {
                answers[*place] = Some(answer);
            }
        }
        let missing = || Err(refusal::bug("a change was not answered"));
        answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
    }

    /// What is known of the records whose stage or rows are written; read again where it is not of the planned version.
    async fn known_for(
        &self,
        changes: &[Change],
        context: CallContext,
    ) -> BTreeMap<RecordId, Result<Known, SideError>> {
        let mut known = BTreeMap::new();
        let mut missing = Vec::new();
        for change in changes {
            let Ok(id) = change.record.as_str().parse::<RecordId>() else { continue };
            match self.memory.known(id) {
                Some(held) if held.stamp == change.expect.stamp => {
                    known.insert(id, Ok(held));
                }
                _ if needs_known(self, &change.what) => missing.push(change.record.clone()),
                _ => {}
            }
        }
        if !missing.is_empty() {
            let sights = self.observe_records(&missing, context).await;
            for (record, sight) in missing.iter().zip(sights) {
                let Ok(id) = record.as_str().parse::<RecordId>() else { continue };
                match sight {
                    Ok(_) => known.extend(self.memory.known(id).map(|held| (id, Ok(held)))),
                    Err(error) => {
                        known.insert(id, Err(error));
                    }
                }
            }
        }
        known
    }

    async fn unit(
        &self,
        change: &Change,
        known: &BTreeMap<RecordId, Result<Known, SideError>>,
        context: CallContext,
    ) -> Result<Unit, SideError> {
        let schema = self.schema(context).await?;
        let What::Fields { writes, life, report } = &change.what else {
            return Err(refusal::bug("an opportunity moves by its stage, not by itself"));
        };
        let Ok(id) = change.record.as_str().parse::<RecordId>() else {
            return Err(refusal::bug("a text that is no Salesforce id was to be written"));
        };
        let known = known.get(&id).map(Result::as_ref).transpose().map_err(Clone::clone)?;
        let known = known.filter(|known| known.stamp == change.expect.stamp);
        if known.is_none() && needs_known(self, &change.what) {
            return Err(refusal::changed("the opportunity moved since it was read"));
        }
        let mut columns = columns(&self.mapping, &schema, writes)?;
        if let (Some(life), Some(known)) = (life, known) {
            let write = self.mapping.stages().stage_for(life, Some(&known.stage));
            let write = write.map_err(|error| of_stage(&error))?;
            columns.own.extend(write.stage_name.map(|name| ("StageName".to_owned(), Json::String(name))));
            columns
                .own
                .extend(write.reason.map(|(field, text)| (field.as_str().to_owned(), Json::String(text))));
        }
        let report =
            report.as_ref().map(|report| report_columns(&self.mapping, &schema, report)).unwrap_or_default();
        let mut steps = Vec::new();
        if !(columns.own.is_empty() && report.is_empty()) {
            self.add_origin(&schema, id, known, &mut columns.own);
        }
        let mut fields = columns.own.clone();
        fields.extend(report.clone());
        let (object, unmodified_since) = (OPPORTUNITY.to_owned(), change.expect.stamp);
        let has_rows =
            columns.sets.iter().any(|(_, changes)| !changes.is_empty()) || !columns.parents.is_empty();
        if !fields.is_empty() {
            steps.push(Step::Update { object, id, fields, unmodified_since: Some(unmodified_since) });
        } else if has_rows {
            steps.push(Step::Check { object, id, unmodified_since });
        }
        if let Some(known) = known {
            steps.extend(parent_steps(&schema, known, &columns)?);
        }
        for (field, changes) in &columns.sets {
            let (Some(set), Some(known)) = (self.mapping.set(field), known) else { continue };
            let rows = known.rows.get(field).map(Vec::as_slice).unwrap_or_default();
            let case = RowCase { set, opportunity: id, account: known.account, rows, changes };
            self.row_steps(&schema, &case, context, &mut steps).await?;
        }
        if matches!(steps.as_slice(), [Step::Check { .. }]) {
            steps.clear();
        }
        Ok(Unit { record: change.record.clone(), id, own: columns.own, report, steps })
    }

    /// The opportunity's own id goes where its identifier goes, and where an interrupted birth left it out: a clone
    /// will carry another's. Never over another's: that is a clone.
    fn add_origin(&self, schema: &Schema, id: RecordId, known: Option<&Known>, own: &mut Fields) {
        let names = self.mapping.names();
        let gets_identifier = own.get(names.identifier.as_str()).is_some_and(|held| !held.is_null());
        let lacks_origin = known.is_some_and(|known| known.linked && !known.has_origin);
        let field = schema.field(OPPORTUNITY, names.origin.as_str());
        if (gets_identifier || lacks_origin) && field.is_some_and(|field| field.updateable) {
            own.insert(names.origin.as_str().to_owned(), Json::String(id.to_string()));
        }
    }

    /// Opportunities with nothing but their own fields: up to 24 to a call, each for itself.
    async fn send_lone(&self, batch: &[(usize, Unit)], context: CallContext) -> Vec<Answer> {
        let schema = match self.schema(context).await {
            Ok(schema) => schema,
            Err(error) => return batch.iter().map(|_| Err(error.clone())).collect(),
        };
        let steps = batch.iter().enumerate();
        let mut parts: Vec<Subrequest> =
            steps.map(|(number, (_, unit))| unit.steps[0].part(number)).collect();
        let back = ReferenceId::numbered(parts.len());
        let ids = batch.iter().map(|(_, unit)| unit.id);
        // What a long list of columns pushes out of the one query is read afterwards.
        let query = schema.select().split(&id_path(), ids).into_iter().next();
        parts.extend(query.map(|soql| Subrequest::query(back.clone(), &soql)));
        let answer = match self.client.composite(context, parts, false).await {
            Ok(answer) => answer,
            Err(error) => return batch.iter().map(|_| Err(refusal::of_error(&error))).collect(),
        };
        let found = self.read_back(&answer, &back, context).await;
        let mut answers = Vec::with_capacity(batch.len());
        for ((_, unit), part) in batch.iter().zip(&answer.parts) {
            answers.push(match part.outcome() {
                Ok(_) => match self.after(&unit.record, unit.id, &schema, &found) {
                    Some(after) => Ok(Applied { after: Some(after) }),
                    None => Ok(Applied { after: self.see(&unit.record, unit.id, context).await }),
                },
                Err(refused) => {
                    let error = refused.into();
                    match unit.without_report(&error) {
                        Some(unit) => self.send_together(unit, context).await,
                        None => Err(refusal::of_write(&self.mapping, OPPORTUNITY, &error)),
                    }
                }
            });
        }
        answers
    }

    /// One opportunity with its rows: they stand or fall together, as far as one call carries them.
    async fn send_together(&self, unit: Unit, context: CallContext) -> Answer {
        if unit.steps.iter().any(Step::is_ambiguous) {
            return self.send_one_by_one(&unit, context).await;
        }
        let schema = self.schema(context).await?;
        let mut after = None;
        let mut start = 0;
        while start < unit.steps.len() {
            let end = end_of_call(&unit.steps, start);
            let steps = &unit.steps[start..end];
            let mut parts: Vec<Subrequest> =
                steps.iter().enumerate().map(|(number, step)| shifted(step, start).part(number)).collect();
            let back = ReferenceId::numbered(parts.len());
            let query = schema.select().split(&id_path(), [unit.id]);
            parts.extend(query.iter().map(|soql| Subrequest::query(back.clone(), soql)));
            let answer = self.client.composite(context, parts, true).await;
            // Whether nothing at all was written is certain for the first call only.
            let whole = |error: SideError| SideError {
                certainly_not_done: error.certainly_not_done && start == 0,
                ..error
            };
            let answer = answer.map_err(|error| whole(refusal::of_error(&error)))?;
            if let Some((step, refused)) = first_refusal(steps, &answer.parts) {
                let error = Error::from(refused);
                return match unit.without_report(&error).filter(|_| start == 0) {
                    Some(unit) => Box::pin(self.send_together(unit, context)).await,
                    None => Err(whole(self.refused_row(step, &error))),
                };
            }
            if let Some(Err(refused)) = answer.part(&back).map(Subresponse::outcome) {
                // The read-back was refused and took the writes with it.
                self.mend(context, &refused).await?;
                let mut error = refusal::of_error(&refused.into());
                error.class = RetryClass::LATER;
                return Err(whole(error));
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

    fn refused_row(&self, step: &Step, error: &Error) -> SideError {
        let mut side = refusal::of_write(&self.mapping, step.object(), error);
        // Somebody else made the row meanwhile: it is read, and planned again.
        if error.refusal().and_then(Refusal::code) == Some("DUPLICATE_VALUE")
            && matches!(step, Step::Insert { .. })
            && step.object() != OPPORTUNITY
        {
            side.class = RetryClass::Changed;
        }
        side
    }

    /// A value of these looks like a reference: each goes in a call of its own, the opportunity first.
    async fn send_one_by_one(&self, unit: &Unit, context: CallContext) -> Answer {
        if let Some(Step::Check { unmodified_since, .. }) = unit.steps.first() {
            let now = self.see(&unit.record, unit.id, context).await;
            if now.is_none_or(|now| now.version.stamp != *unmodified_since) {
                return Err(refusal::changed("the opportunity moved since it was read"));
            }
        }
        if let Err((step, error)) = one_by_one(&self.client, context, &unit.steps).await {
            let side = self.refused_row(&unit.steps[step], &error);
            // The first is the opportunity's own, or a check that writes nothing.
            let written = unit.steps[..step].iter().any(|step| !matches!(step, Step::Check { .. }));
            return Err(SideError { certainly_not_done: side.certainly_not_done && !written, ..side });
        }
        Ok(Applied { after: self.see(&unit.record, unit.id, context).await })
    }

    /// Nothing is to be written: the record shows it already.
    async fn look_after(&self, record: &DealRecord, id: RecordId, context: CallContext) -> Answer {
        Ok(Applied { after: self.see(record, id, context).await })
    }

    /// The record as it is now, if it can be read.
    pub(super) async fn see(
        &self,
        record: &DealRecord,
        id: RecordId,
        context: CallContext,
    ) -> Option<Observation> {
        let (schema, found) = self.read(&[id], context).await.ok()?;
        self.after(record, id, &schema, &found)
    }
}

/// Writes through the opportunity's account or another record it points to, each a compare-and-set of its own. The
/// plan has seen to it that only empty fields are filled: the record is shared by many deals.
fn parent_steps(schema: &Schema, known: &Known, columns: &Columns) -> Result<Vec<Step>, SideError> {
    let step = |(relationship, fields): (&String, &Fields)| {
        let place = known.parents.get(relationship).copied().zip(schema.parent(relationship));
        let Some(((id, stamp), object)) = place else {
            let what = format!("the opportunity has no {relationship} that could be written");
            return Err(refusal::person(what, columns.parent_groups.clone()));
        };
        Ok(Step::Update { object, id, fields: fields.clone(), unmodified_since: Some(stamp) })
    };
    columns.parents.iter().map(step).collect()
}

/// Whether the record must be known from a read: for its present stage, its rows, or a record it points to.
fn needs_known(side: &Salesforce, what: &What) -> bool {
    let What::Fields { writes, life, .. } = what else { return false };
    let mapping = &side.mapping;
    let leaves = |field: &deal_model::FieldSpec| {
        mapping.set(&field.id).is_some()
            || mapping
                .binding(&field.id)
                .and_then(|binding| binding.crm.as_ref())
                .is_some_and(|path| path.own_field().is_none())
    };
    let beyond = |write: &deal_model::Write| {
        mapping.specs().group(&write.group).is_some_and(|group| group.members.iter().any(leaves))
    };
    life.is_some() || writes.iter().any(beyond)
}

fn is_report_alone(what: &What) -> bool {
    matches!(what, What::Fields { writes, life: None, report: Some(_) } if writes.is_empty())
}

/// Where the call that begins with `start` ends: a made record and the one that refers to it stay together.
fn end_of_call(steps: &[Step], start: usize) -> usize {
    let end = steps.len().min(start + MAX_WRITES);
    let refers = |step: &Step| matches!(step, Step::Insert { refer: Some(_), .. });
    if steps.get(end).is_some_and(refers) { end - 1 } else { end }
}

/// The step as it stands in a call whose first part is the step `start`.
fn shifted(step: &Step, start: usize) -> Step {
    let mut step = step.clone();
    if let Step::Insert { refer: Some((_, number)), .. } = &mut step {
        *number -= start;
    }
    step
}

/// The step that failed by itself; the others only fell with it.
fn first_refusal<'s>(steps: &'s [Step], parts: &[Subresponse]) -> Option<(&'s Step, Refusal)> {
    let refused = steps.iter().zip(parts).filter_map(|(step, part)| Some((step, part.outcome().err()?)));
    let mut by_itself = refused.filter(|(_, refused)| !refused.is_bystander());
    by_itself.next()
}

/// A life that the mapping has no stage for.
pub(super) fn of_stage(error: &StageError) -> SideError {
    refusal::person(error.to_string(), Vec::new())
}
