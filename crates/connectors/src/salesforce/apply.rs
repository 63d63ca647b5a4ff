//! Writing opportunities: each a compare-and-set on the version it was planned on, read back in the same call.

use std::collections::{BTreeMap, BTreeSet};

use deal_model::{ElementChange, ElementKey, Observation, RecordId as DealRecord};
use mapping::{PresentStage, SetSource, StageError};
use salesforce::{CallContext, Error, Fields, RecordId};
use serde_json::Value as Json;
use sync_engine::{Applied, Change, SideError, What};

use super::{
    Salesforce,
    columns::{Columns, columns, report_columns},
    refusal,
    rows::RowCase,
    schema::{ACCOUNT, OPPORTUNITY, Schema},
    send::MAX_WRITES,
    shared::Sharers,
    steps::{Parent, Step},
    transform::{Known, Row},
};

/// One change, ready to be sent.
pub(super) struct Unit {
    pub(super) record: DealRecord,
    pub(super) id: RecordId,
    /// The opportunity's account, if it is known: whoever writes under it takes turns.
    account: Option<RecordId>,
    /// The opportunity's own fields without the report's.
    own: Fields,
    report: Fields,
    /// The first touches the opportunity itself.
    pub(super) steps: Vec<Step>,
}

impl Unit {
    fn is_lone(&self) -> bool {
        self.steps.len() == 1 && !self.steps[0].is_ambiguous() && matches!(self.steps[0], Step::Update { .. })
    }

    /// The accounts that the platform locks for it.
    pub(super) fn accounts(&self) -> impl Iterator<Item = RecordId> {
        let written = self.steps.iter().filter_map(|step| match step {
            Step::Update { object, id, .. } if object == ACCOUNT => Some(*id),
            _ => None,
        });
        self.account.into_iter().chain(written)
    }

    /// The same without the report, if that is what the platform refused: no report may hold up a deal.
    pub(super) fn without_report(&self, refused: &Error) -> Option<Self> {
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
        let (record, own) = (self.record.clone(), self.own.clone());
        Some(Self { record, id: self.id, account: self.account, own, report: Fields::new(), steps })
    }
}

pub(super) type Answer = Result<Applied, SideError>;

impl Salesforce {
    pub(super) async fn apply_changes(&self, changes: &[Change], context: CallContext) -> Vec<Answer> {
        let known = self.known_for(changes, context).await;
        let sharers = match self.schema(context).await {
            Ok(schema) => self.sharers(&schema, changes, &known, context).await,
            Err(error) => Err(error),
        };
        let mut answers: Vec<Option<Answer>> = changes.iter().map(|_| None).collect();
        let mut lone = Vec::new();
        for (place, change) in changes.iter().enumerate() {
            // Contacts have no key: nobody else of this process looks for those of the account, and makes them, meanwhile.
            let _turn = self.lookers.turn(self.looked_through(change, &known)).await;
            match self.unit(change, &known, &sharers, context).await {
                // A report that this org has no field for.
                Ok(unit) if unit.steps.is_empty() && is_report_alone(&change.what) => {
                    answers[place] = Some(Ok(Applied { after: None }));
                }
                Ok(unit) if unit.steps.is_empty() => {
                    answers[place] = Some(self.look_after(&unit.record, unit.id, context).await);
                }
                Ok(unit) if unit.is_lone() => lone.push((place, unit)),
                Ok(unit) => {
                    let _turn = self.siblings.turn(unit.accounts().collect()).await;
                    answers[place] = Some(self.send_together(unit, context).await);
                }
                Err(error) => answers[place] = Some(Err(error)),
            }
        }
        // Siblings under one account stand together: each call locks it once.
        lone.sort_by_key(|(_, unit)| unit.account);
        for batch in lone.chunks(MAX_WRITES) {
            let accounts: BTreeSet<RecordId> = batch.iter().flat_map(|(_, unit)| unit.accounts()).collect();
            let _turn = self.siblings.turn(accounts).await;
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

    /// The accounts whose contacts are looked through for a change: its opportunity's, if it writes contacts.
    fn looked_through(
        &self,
        change: &Change,
        known: &BTreeMap<RecordId, Result<Known, SideError>>,
    ) -> BTreeSet<RecordId> {
        let What::Fields { writes, .. } = &change.what else { return BTreeSet::new() };
        let is_of_contacts = |field: &deal_model::FieldSpec| {
            self.mapping.set(&field.id).is_some_and(|set| set.crm == SetSource::ContactRoles)
        };
        let groups = writes.iter().filter_map(|write| self.mapping.specs().group(&write.group));
        if !groups.flat_map(|group| &group.members).any(is_of_contacts) {
            return BTreeSet::new();
        }
        let known = change.record.as_str().parse().ok().and_then(|id: RecordId| known.get(&id));
        known.and_then(|known| known.as_ref().ok()?.account).into_iter().collect()
    }

    async fn unit(
        &self,
        change: &Change,
        known: &BTreeMap<RecordId, Result<Known, SideError>>,
        sharers: &Result<Sharers, SideError>,
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
            let present = PresentStage { name: &known.stage, is_closed: known.closed };
            let write = self.mapping.stages_of(known.record_type.as_deref()).stage_for(life, Some(present));
            let write = write.map_err(|error| of_stage(&error))?;
            columns.own.extend(write.stage_name.map(|name| ("StageName".to_owned(), Json::String(name))));
            columns
                .own
                .extend(write.reason.map(|(field, text)| (field.as_str().to_owned(), Json::String(text))));
        }
        let report =
            report.as_ref().map(|report| report_columns(&self.mapping, &schema, report)).unwrap_or_default();
        let mut steps = Vec::new();
        // A report tells also what is wrong with a link: beside it alone, nothing says that this is the identifier's own.
        if !columns.own.is_empty() {
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
            if !self.overwritten(known, writes).is_empty() {
                sharers.as_ref().map_err(Clone::clone)?.check(self, id, known, writes)?;
            }
            steps.extend(parent_steps(&schema, known, &columns)?);
        }
        for (field, changes) in &columns.sets {
            let (Some(set), Some(known)) = (self.mapping.set(field), known) else { continue };
            let rows = known.rows.get(field).map(Vec::as_slice).unwrap_or_default();
            let case = RowCase {
                set,
                opportunity: Parent::Is(id),
                key: &known.key,
                account: known.account.map(Parent::Is),
                person: known.person,
                first: only_one(rows, changes).filter(|_| !known.keyless.contains_key(field)),
                rows,
                holds: known.holds.get(field).map(Vec::as_slice).unwrap_or_default(),
                with_roles: &known.with_roles,
                changes,
                people: None,
            };
            self.row_steps(&schema, &case, context, &mut steps).await?;
        }
        if matches!(steps.as_slice(), [Step::Check { .. }]) {
            steps.clear();
        }
        let account = known.and_then(|known| known.account);
        Ok(Unit { record: change.record.clone(), id, account, own: columns.own, report, steps })
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
/// plan has seen to it that only empty fields are filled, unless the mapping overwrites: the record is shared by many deals.
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

/// Who is added to an opportunity without anybody: alone, so the first.
fn only_one<'c>(rows: &[Row], changes: &'c [(ElementKey, ElementChange)]) -> Option<&'c ElementKey> {
    match changes {
        [(key, ElementChange::Put(_))] if rows.is_empty() => Some(key),
        _ => None,
    }
}

fn is_report_alone(what: &What) -> bool {
    matches!(what, What::Fields { writes, life: None, report: Some(_) } if writes.is_empty())
}

/// A life that the mapping has no stage for.
pub(super) fn of_stage(error: &StageError) -> SideError {
    refusal::person(error.to_string(), Vec::new())
}
