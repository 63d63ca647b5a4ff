//! The catalogue's own records, for a person who lists or fills it. Nothing is ever deleted.

use jiff::Timestamp;
use mapping::{ApiName, Catalogue};
use salesforce::{
    CallContext, FieldPath, Fields, MAX_ROWS, MAX_SUBREQUESTS, ObjectName, Record, RecordId, ReferenceId,
    Subrequest, soql::Select,
};
use serde_json::Value as Json;
use sync_engine::{CallScope, SideError};

use super::{Salesforce, context, refusal, rows::path, schema::object_name};

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

    /// Makes and changes solutions, each by itself: makes under their unique ids, changes as compare-and-sets. The
    /// answers stand in the order of `writes`.
    pub async fn write_catalogue(
        &self,
        writes: &[SolutionWrite],
        scope: CallScope,
    ) -> Result<Vec<Result<RecordId, SideError>>, SideError> {
        let catalogue = self.its_catalogue()?;
        let mut answers: Vec<Option<Result<RecordId, SideError>>> = writes.iter().map(|_| None).collect();
        let places = |new: bool| {
            let of_kind = writes.iter().enumerate().filter(move |(_, write)| write.to.is_none() == new);
            of_kind.map(|(place, _)| place).collect::<Vec<_>>()
        };
        for some in places(true).chunks(MAX_ROWS) {
            let row = |place: &usize| {
                let solution = &writes[*place].solution;
                let mut fields = solution.fields(catalogue);
                fields.insert(catalogue.id.to_string(), Json::String(solution.id.clone()));
                (object(catalogue), fields)
            };
            let rows: Vec<_> = some.iter().map(row).collect();
            let made = self.client.create_many(context(scope), &rows, false).await;
            for (place, made) in some.iter().zip(made.map_err(|error| refusal::of_error(&error))?) {
                answers[*place] = Some(made.map_err(|refused| refusal::of_error(&refused.into())));
            }
        }
        for some in places(false).chunks(MAX_SUBREQUESTS) {
            for (place, answer) in self.change(catalogue, writes, some, context(scope)).await? {
                answers[place] = Some(answer);
            }
        }
        let missing = || Err(refusal::bug("a solution was not answered"));
        Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect())
    }

    async fn change(
        &self,
        catalogue: &Catalogue,
        writes: &[SolutionWrite],
        places: &[usize],
        context: CallContext,
    ) -> Result<Vec<(usize, Result<RecordId, SideError>)>, SideError> {
        let known = places.iter().filter_map(|place| Some((*place, writes[*place].to?)));
        let known: Vec<(usize, (RecordId, Timestamp))> = known.collect();
        let part = |(place, (record, stamp)): &(usize, (RecordId, Timestamp))| {
            let fields = writes[*place].solution.fields(catalogue);
            Subrequest::update(ReferenceId::numbered(*place), &object(catalogue), *record, fields)
                .if_unmodified_since(*stamp)
        };
        let answer = self.client.composite(context, known.iter().map(part).collect(), false).await;
        let answer = answer.map_err(|error| refusal::of_error(&error))?;
        let told = known.into_iter().map(|(place, (record, _))| {
            let part = answer.part(&ReferenceId::numbered(place));
            let outcome = part.map_or_else(
                || Err(refusal::bug("a solution was not answered")),
                |part| part.outcome().map_err(|refused| refusal::of_record(&refused.into())),
            );
            (place, outcome.map(|_| record))
        });
        Ok(told.collect())
    }

    fn its_catalogue(&self) -> Result<&Catalogue, SideError> {
        self.mapping.catalogue().ok_or_else(|| {
            refusal::person("the mapping uses no catalogue: set [catalogue] use = true in it", Vec::new())
        })
    }
}

fn object(catalogue: &Catalogue) -> ObjectName {
    object_name(catalogue.object.as_str())
}

fn named(name: &ApiName) -> FieldPath {
    FieldPath::new(name.as_str()).expect("a compiled mapping holds names")
}
