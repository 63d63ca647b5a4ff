//! The catalogue's own records, for a person who lists or fills it. Nothing is ever deleted.

use jiff::Timestamp;
use mapping::{ApiName, Catalogue};
use ports::RetryClass;
use salesforce::{
    CallContext, Error, FieldPath, Fields, MAX_ROWS, MAX_SUBREQUESTS, ObjectName, Record, RecordId,
    ReferenceId, Subrequest, Subresponse, soql::Select,
};
use serde_json::Value as Json;
use sync_engine::{CallScope, SideError};

use super::{ConditionalWrites, Salesforce, context, refusal, rows::path, schema::object_name};

/// Most solutions of a catalogue that are read.
pub const MAX_SOLUTIONS: usize = 20_000;

/// A solution of the catalogue; none where nothing is said of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogueSolution {
    /// The solution's id at Partner Center.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Who publishes it.
    pub publisher: Option<String>,
    /// What kind of solution it is.
    pub solution_type: Option<String>,
    /// The partner id under which it is published.
    pub partner_id: Option<String>,
    /// Whether it is co-sell ready.
    pub ready: Option<bool>,
    /// Whether it is still sold.
    pub active: Option<bool>,
}

/// A solution as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSolution {
    /// Its record.
    pub record: RecordId,
    /// When that was changed last.
    pub stamp: Timestamp,
    /// What it holds.
    pub solution: CatalogueSolution,
}

/// A write to the catalogue. What is `None` in the solution is not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SolutionWrite {
    /// The record and its stamp, if it is there: written only if it is as it was read. None makes one.
    pub to: Option<(RecordId, Timestamp)>,
    /// What is written.
    pub solution: CatalogueSolution,
}

/// What became of one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteEnd {
    /// It stands in this record.
    Written(RecordId),
    /// The org refused it, or somebody changed the solution meanwhile.
    Refused(SideError),
    /// Its call failed, and nobody can tell whether it was carried out.
    Unknown,
    /// It was never sent, or certainly not carried out: a call failed before.
    NotSent,
}

/// What became of all writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueWrites {
    /// Of each write, in their order.
    pub ends: Vec<WriteEnd>,
    /// What ended it before all were sent.
    pub stopped: Option<SideError>,
}

/// Places of writes with their ends.
type Ended = Vec<(usize, WriteEnd)>;

impl CatalogueSolution {
    fn read(catalogue: &Catalogue, record: &Record) -> Option<Self> {
        let text = |name: &ApiName| {
            record.text(name.as_str()).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let flag = |name: &ApiName| record.at(name.as_str()).and_then(Json::as_bool);
        Some(Self {
            id: text(&catalogue.id)?,
            name: text(&catalogue.name),
            publisher: text(&catalogue.publisher),
            solution_type: text(&catalogue.solution_type),
            partner_id: text(&catalogue.partner_id),
            ready: flag(&catalogue.ready),
            active: flag(&catalogue.active),
        })
    }

    fn fields(&self, catalogue: &Catalogue) -> Fields {
        let texts = [
            (&catalogue.name, &self.name),
            (&catalogue.publisher, &self.publisher),
            (&catalogue.solution_type, &self.solution_type),
            (&catalogue.partner_id, &self.partner_id),
        ];
        let flags = [(&catalogue.ready, self.ready), (&catalogue.active, self.active)];
        let texts = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_string(), Json::String(text.clone()?))));
        let flags = flags.into_iter().filter_map(|(name, flag)| Some((name.to_string(), Json::Bool(flag?))));
        texts.chain(flags).collect()
    }
}

impl Salesforce {
    /// All solutions of the catalogue, by id; an error if the mapping uses none.
    pub async fn catalogue_solutions(&self, scope: CallScope) -> Result<Vec<KnownSolution>, SideError> {
        let catalogue = self.its_catalogue()?;
        let mut columns = vec![path("Id"), path("SystemModstamp")];
        columns.extend(catalogue.columns().map(named));
        let select = Select::from(&object(catalogue)).fields(&columns).order_by(&named(&catalogue.id));
        let page = self.client.query_all(context(scope), &select.build(), MAX_SOLUTIONS).await;
        let records = page.map_err(|error| refusal::of_error(&error))?.records;
        let known = |record: &Record| {
            let solution = CatalogueSolution::read(catalogue, record)?;
            Some(KnownSolution { record: record.id()?, stamp: record.system_modstamp()?, solution })
        };
        Ok(records.iter().filter_map(known).collect())
    }

    /// Makes and changes solutions, each by itself: makes under their unique ids, changes as compare-and-sets. A call that
    /// fails ends it; what was written before stays written, and is told.
    ///
    /// # Errors
    /// If the mapping uses no catalogue: then nothing was sent.
    pub async fn write_catalogue(
        &self,
        writes: &[SolutionWrite],
        scope: CallScope,
    ) -> Result<CatalogueWrites, SideError> {
        let catalogue = self.its_catalogue()?;
        let mut all = CatalogueWrites { ends: vec![WriteEnd::NotSent; writes.len()], stopped: None };
        let places = |new: bool| {
            let of_kind = writes.iter().enumerate().filter(move |(_, write)| write.to.is_none() == new);
            of_kind.map(|(place, _)| place).collect::<Vec<_>>()
        };
        // Whether the org keeps to a precondition inside another call is a matter of changes alone.
        let together = match self.settings.conditional {
            ConditionalWrites::InComposite => MAX_SUBREQUESTS,
            ConditionalWrites::OnePerCall => 1,
        };
        for (new, most) in [(true, MAX_ROWS), (false, together)] {
            for some in places(new).chunks(most) {
                let ended = match (new, some) {
                    (true, some) => self.make(catalogue, writes, some, context(scope)).await,
                    (false, [place]) => self.change_alone(catalogue, writes, *place, context(scope)).await,
                    (false, some) => self.change(catalogue, writes, some, context(scope)).await,
                };
                match ended {
                    Ok(ended) => {
                        for (place, end) in ended {
                            all.ends[place] = end;
                        }
                    }
                    Err(error) => {
                        let error = refusal::of_error(&error);
                        if !error.certainly_not_done {
                            for place in some {
                                all.ends[*place] = WriteEnd::Unknown;
                            }
                        }
                        all.stopped = Some(error);
                        return Ok(all);
                    }
                }
            }
        }
        Ok(all)
    }

    async fn make(
        &self,
        catalogue: &Catalogue,
        writes: &[SolutionWrite],
        places: &[usize],
        context: CallContext,
    ) -> Result<Ended, Error> {
        let row = |place: &usize| {
            let solution = &writes[*place].solution;
            let mut fields = solution.fields(catalogue);
            fields.insert(catalogue.id.to_string(), Json::String(solution.id.clone()));
            (object(catalogue), fields)
        };
        let rows: Vec<_> = places.iter().map(row).collect();
        let made = self.client.create_many(context, &rows, false).await?;
        let end = |made: Result<RecordId, salesforce::Refusal>| match made {
            Ok(record) => WriteEnd::Written(record),
            Err(refused) => WriteEnd::Refused(refusal::of_error(&refused.into())),
        };
        Ok(places.iter().copied().zip(made.into_iter().map(end)).collect())
    }

    /// Several changes in one call.
    async fn change(
        &self,
        catalogue: &Catalogue,
        writes: &[SolutionWrite],
        places: &[usize],
        context: CallContext,
    ) -> Result<Ended, Error> {
        let known = places.iter().filter_map(|place| Some((*place, writes[*place].to?)));
        let known: Vec<(usize, (RecordId, Timestamp))> = known.collect();
        let part = |(place, (record, stamp)): &(usize, (RecordId, Timestamp))| {
            let fields = writes[*place].solution.fields(catalogue);
            Subrequest::update(ReferenceId::numbered(*place), &object(catalogue), *record, fields)
                .if_unmodified_since(*stamp)
        };
        let answer = self.client.composite(context, known.iter().map(part).collect(), false).await?;
        let told = known.into_iter().map(|(place, (record, _))| {
            let end = match answer.part(&ReferenceId::numbered(place)).map(Subresponse::outcome) {
                Some(Ok(_)) => WriteEnd::Written(record),
                Some(Err(refused)) => WriteEnd::Refused(refusal::of_record(&refused.into())),
                None => WriteEnd::Unknown,
            };
            (place, end)
        });
        Ok(told.collect())
    }

    /// One change in a call of its own, where alone the org keeps to the precondition.
    async fn change_alone(
        &self,
        catalogue: &Catalogue,
        writes: &[SolutionWrite],
        place: usize,
        context: CallContext,
    ) -> Result<Ended, Error> {
        let write = &writes[place];
        let Some((record, stamp)) = write.to else { return Ok(Ended::new()) };
        let fields = write.solution.fields(catalogue);
        match self.client.update(context, &object(catalogue), record, &fields, Some(stamp)).await {
            Ok(()) => Ok(vec![(place, WriteEnd::Written(record))]),
            Err(error) if is_of_the_record(&error) => {
                Ok(vec![(place, WriteEnd::Refused(refusal::of_record(&error)))])
            }
            Err(error) => Err(error),
        }
    }

    fn its_catalogue(&self) -> Result<&Catalogue, SideError> {
        self.mapping.catalogue().ok_or_else(|| {
            refusal::person("the mapping uses no catalogue: set [catalogue] use = true in it", Vec::new())
        })
    }
}

/// Whether the next record may fare better: the org had something to say about this one.
fn is_of_the_record(error: &Error) -> bool {
    error.refusal().is_some() && matches!(error.class(), RetryClass::Changed | RetryClass::Person)
}

fn object(catalogue: &Catalogue) -> ObjectName {
    object_name(catalogue.object.as_str())
}

fn named(name: &ApiName) -> FieldPath {
    FieldPath::new(name.as_str()).expect("a compiled mapping holds names")
}
