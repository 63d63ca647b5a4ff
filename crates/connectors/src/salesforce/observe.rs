//! Reading opportunities by id, with their children, as they are now.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use deal_model::{RecordId as DealRecord, Sight};
use jiff::Timestamp;
use salesforce::{
    ApiError, CallContext, CompositeAnswer, Error, FieldPath, Locator, MAX_COMPOSITE_QUERIES, QueryPage,
    Record, RecordId, ReferenceId, Refusal, Subrequest,
    soql::{Select, Soql},
};
use sync_engine::SideError;

use super::{
    Salesforce, catalogue, refusal,
    schema::{Asking, OPPORTUNITY, OptedIn, Schema, named_in, object_name, place_of},
    transform::{Reader, Whole},
};

/// How often a query is asked again with fewer columns before the refusal is passed on.
const MAX_MENDS: usize = 3;
/// Most further pages followed for one query or one record's children.
const MAX_PAGES: usize = 50;

/// Opportunities as read: those that were found, and for those that could not be asked for, why.
#[derive(Default)]
pub(super) struct Found {
    pub(super) records: BTreeMap<RecordId, Whole>,
    pub(super) failed: BTreeMap<RecordId, SideError>,
    pub(super) dates: BTreeMap<RecordId, Timestamp>,
}

impl Found {
    /// Those of `ids` of which nothing is known.
    fn missing(&self, ids: &[RecordId]) -> Vec<RecordId> {
        let known = |id: &RecordId| self.records.contains_key(id) || self.failed.contains_key(id);
        ids.iter().filter(|id| !known(id)).copied().collect()
    }
}

impl Salesforce {
    /// What the user may see; asked for once, however many ask at the same time, and remembered.
    pub(super) async fn schema(&self, context: CallContext) -> Result<Arc<Schema>, SideError> {
        if let Some(schema) = self.memory.schema() {
            return Ok(schema);
        }
        let (client, mapping) = (self.client.clone(), Arc::clone(&self.mapping));
        let currency = self.settings.single_currency.clone();
        // It is read for all who wait: no single lease ends it.
        let context = CallContext { send_before: None, ..context };
        let loading = self.memory.loading(move || {
            Box::pin(async move {
                let (currency, none) = (currency.as_deref(), BTreeSet::new());
                let asking = Asking::IfChanged;
                Schema::load(&client, &mapping, currency, context, asking, &none).await.map(Arc::new)
            })
        });
        let schema = loading.await.map_err(|error| refusal::of_error(&error))?;
        self.memory.learn_first(&schema);
        Ok(schema)
    }

    /// Asks for all descriptions anew; tells whether other columns are seen than before.
    pub(super) async fn describe_again(
        &self,
        context: CallContext,
        refused: &BTreeSet<String>,
    ) -> Result<bool, Error> {
        self.describe(context, Asking::Anew, refused).await
    }

    async fn describe(
        &self,
        context: CallContext,
        asking: Asking,
        refused: &BTreeSet<String>,
    ) -> Result<bool, Error> {
        let currency = self.settings.single_currency.as_deref();
        let schema = Schema::load(&self.client, &self.mapping, currency, context, asking, refused).await?;
        Ok(self.memory.learn(Arc::new(schema)))
    }

    /// Finds out which columns a query was refused for, and goes on without them. False: nothing was found out.
    pub(super) async fn mend(&self, context: CallContext, refused: &Refusal) -> Result<bool, SideError> {
        let Some(before) = self.memory.schema() else { return Ok(false) };
        let told = |error: Error| refusal::of_error(&error);
        if self.describe_again(context, &BTreeSet::new()).await.map_err(told)? {
            return Ok(true);
        }
        let selected = before.selected();
        let named: BTreeSet<String> =
            refused.errors().iter().flat_map(|error| named_in(error.message(), &selected)).collect();
        if named.is_empty() {
            return Ok(false);
        }
        self.describe_again(context, &named).await.map_err(told)
    }

    /// Looks at the org again when it is time: anew for hidden fields, otherwise for what changed. A failure is no
    /// news.
    pub(super) async fn probe(&self, context: CallContext, server_date: Timestamp) {
        let Some(asking) = self.memory.is_due(server_date) else { return };
        if let Err(error) = self.describe(context, asking, &BTreeSet::new()).await {
            tracing::debug!(%error, "the org could not be described again");
        }
    }

    pub(super) async fn observe_records(
        &self,
        wanted: &[DealRecord],
        context: CallContext,
    ) -> Vec<Result<Sight, SideError>> {
        let ids: Vec<Option<RecordId>> = wanted.iter().map(|record| record.as_str().parse().ok()).collect();
        let asked: BTreeSet<RecordId> = ids.iter().flatten().copied().collect();
        let (schema, found) = match self.read(&asked.into_iter().collect::<Vec<_>>(), context).await {
            Ok(read) => read,
            Err(error) => return wanted.iter().map(|_| Err(error.clone())).collect(),
        };
        let latest = found.dates.values().max().copied();
        let sights = wanted.iter().zip(ids);
        let sights = sights.map(|(record, id)| self.sight(record, id, &schema, &found)).collect();
        if let Some(latest) = latest {
            self.probe(context, latest).await;
        }
        sights
    }

    fn sight(
        &self,
        record: &DealRecord,
        id: Option<RecordId>,
        schema: &Schema,
        found: &Found,
    ) -> Result<Sight, SideError> {
        let Some(id) = id else { return Err(refusal::bug("a text that is no Salesforce id was to be read")) };
        if let Some(error) = found.failed.get(&id) {
            return Err(error.clone());
        }
        let (Some(whole), Some(date)) = (found.records.get(&id), found.dates.get(&id)) else {
            self.memory.forget(id);
            return Ok(Sight::Gone);
        };
        let reader =
            Reader { mapping: &self.mapping, schema, consent: self.settings.consent, server_date: *date };
        let (observation, known) = reader.read(record, whole)?;
        match known {
            Some(known) => self.memory.remember(id, known),
            None => self.memory.forget(id),
        }
        Ok(Sight::Seen(Box::new(observation)))
    }

    /// Reads the opportunities `ids`; asks again with fewer columns when some were taken from us meanwhile.
    pub(super) async fn read(
        &self,
        ids: &[RecordId],
        context: CallContext,
    ) -> Result<(Arc<Schema>, Found), SideError> {
        let mut mends = 0;
        loop {
            let schema = self.schema(context).await?;
            match self.read_once(&schema, ids, context).await? {
                Ok(found) => return Ok((schema, found)),
                Err(refused) if mends < MAX_MENDS && self.mend(context, &refused).await? => mends += 1,
                Err(refused) => return Err(refusal::of_error(&refused.into())),
            }
        }
    }

    /// One attempt; the inner error is a refusal of the columns.
    ///
    /// Whole records are asked for only where they are opted in; of the others, nothing is read but the flag and what
    /// the rules look at. Who is opted in is judged by these, row by row: a query passes over the others where it is
    /// sure to judge alike, and nothing depends on its word.
    async fn read_once(
        &self,
        schema: &Schema,
        ids: &[RecordId],
        context: CallContext,
    ) -> Result<Result<Found, Refusal>, SideError> {
        let OptedIn { asked, whole, columns, is_told } = schema.opt_in(&self.mapping, "");
        let mut found = match whole {
            Some(opted_in) => match self.ask(&schema.select().filter(opted_in), ids, context).await? {
                Ok(found) => found,
                Err(refused) => return Ok(Err(refused)),
            },
            None => Found::default(),
        };
        let missing = found.missing(ids);
        if missing.is_empty() {
            return Ok(Ok(found));
        }
        let flags = Select::from(&object_name(OPPORTUNITY)).fields(&columns);
        let flagged = match self.ask(&flags, &missing, context).await? {
            Ok(flagged) => flagged,
            Err(refused) => return Ok(Err(refused)),
        };
        found.failed.extend(flagged.failed);
        let mut opted_in = Vec::new();
        for (id, record) in flagged.records {
            // Where it cannot be told, whoever asked to be shared is an error of its own.
            if is_told && self.is_opted_in(&record.record) {
                opted_in.push(id);
            } else {
                found.dates.extend(flagged.dates.get(&id).map(|date| (id, *date)));
                found.records.insert(id, record);
            }
        }
        let Some(asked) = asked.filter(|_| !opted_in.is_empty()) else { return Ok(Ok(found)) };
        let read = match self.ask(&schema.select().filter(asked), &opted_in, context).await? {
            Ok(read) => read,
            Err(refused) => return Ok(Err(refused)),
        };
        for id in read.missing(&opted_in) {
            found.failed.insert(id, refusal::changed("the opportunity was opted out between two reads"));
        }
        found.records.extend(read.records);
        found.failed.extend(read.failed);
        found.dates.extend(read.dates);
        Ok(Ok(found))
    }

    pub(super) async fn ask(
        &self,
        select: &Select,
        ids: &[RecordId],
        context: CallContext,
    ) -> Result<Result<Found, Refusal>, SideError> {
        let queries = select.clone().split(&id_path(), ids.iter().copied());
        let mut found = Found::default();
        for queries in queries.chunks(MAX_COMPOSITE_QUERIES) {
            let parts = queries.iter().enumerate();
            let parts = parts.map(|(n, soql)| Subrequest::query(ReferenceId::numbered(n), soql)).collect();
            let answer = self.client.composite(context, parts, false).await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    let error = refusal::of_error(&error);
                    for soql in queries {
                        fail(&mut found, ids, soql, &error);
                    }
                    continue;
                }
            };
            for (part, soql) in answer.parts.iter().zip(queries) {
                match part.page(answer.server_date) {
                    Ok(page) => {
                        if let Err(error) = self.collect(&mut found, page, context).await {
                            fail(&mut found, ids, soql, &refusal::of_error(&error));
                        }
                    }
                    Err(Error::Refused(refused)) if is_about_columns(&refused) => return Ok(Err(refused)),
                    Err(error) => fail(&mut found, ids, soql, &refusal::of_error(&error)),
                }
            }
        }
        Ok(Ok(found))
    }

    /// Takes a page and all that follow it, and every record's children.
    pub(super) async fn collect(
        &self,
        found: &mut Found,
        page: QueryPage,
        context: CallContext,
    ) -> Result<(), Error> {
        let server_date = page.server_date;
        let records = self.follow(page.records, page.next, context).await?;
        for record in records {
            let Some(id) = record.id() else { continue };
            let mut children = BTreeMap::new();
            for set in self.mapping.sets() {
                let (_, relationship) = place_of(set);
                if let Some(rows) = record.children(&relationship) {
                    let rows = self.follow(rows.records, rows.next, context).await?;
                    let rows = match self.memory.schema() {
                        Some(schema) => catalogue::overlaid(&self.mapping, &schema, set, rows),
                        None => rows,
                    };
                    children.insert(relationship, rows);
                }
            }
            found.dates.insert(id, server_date);
            found.records.insert(id, Whole { record, children });
        }
        Ok(())
    }

    /// These records, and those of all pages that follow.
    pub(super) async fn follow(
        &self,
        mut records: Vec<Record>,
        mut next: Option<Locator>,
        context: CallContext,
    ) -> Result<Vec<Record>, Error> {
        for _ in 0..MAX_PAGES {
            let Some(locator) = next else { return Ok(records) };
            let mut page = self.client.query_more(context, &locator).await?;
            records.append(&mut page.records);
            next = page.next;
        }
        match next {
            None => Ok(records),
            Some(_) => Err(salesforce::Misuse::TooManyRecords { most: records.len() }.into()),
        }
    }

    /// The records of a read-back that came as the last part of a composite call.
    pub(super) async fn read_back(
        &self,
        answer: &CompositeAnswer,
        reference: &ReferenceId,
        context: CallContext,
    ) -> Found {
        let mut found = Found::default();
        let Some(part) = answer.part(reference) else { return found };
        match part.page(answer.server_date) {
            Ok(page) => {
                if let Err(error) = self.collect(&mut found, page, context).await {
                    tracing::debug!(%error, "a read-back could not be read whole");
                }
            }
            Err(error) => tracing::debug!(%error, "a read-back was refused"),
        }
        found
    }

    /// The observation in `found`, if it is there.
    pub(super) fn after(
        &self,
        record: &DealRecord,
        id: RecordId,
        schema: &Schema,
        found: &Found,
    ) -> Option<deal_model::Observation> {
        found.records.get(&id)?;
        match self.sight(record, Some(id), schema, found) {
            Ok(Sight::Seen(observation)) => Some(*observation),
            _ => None,
        }
    }
}

/// Every id that `soql` asked for failed with `error`.
fn fail(found: &mut Found, ids: &[RecordId], soql: &Soql, error: &SideError) {
    for id in ids.iter().filter(|id| soql.as_str().contains(id.as_str())) {
        found.records.remove(id);
        found.failed.insert(*id, error.clone());
    }
}

/// Whether a query was refused because of what it selects: unknown, or not visible to us any more.
pub(super) fn is_about_columns(refused: &Refusal) -> bool {
    refused.errors().iter().map(ApiError::code).any(|code| matches!(code, "INVALID_FIELD" | "INVALID_TYPE"))
}

pub(super) fn id_path() -> FieldPath {
    FieldPath::new("Id").expect("a literal name is well-formed")
}
