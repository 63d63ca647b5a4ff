//! Sales processes: the stages that opportunities of one record type may be in (salesforce reference, sections 5.1, 5.2).

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    errors::Fault,
    id::Id,
    org::{Org, value_of},
    rows::Draft,
    schema::lasting,
    stages::{self, Stage},
    tables::Row,
    values::Cell,
};

/// A record type of opportunities and its sales process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SalesProcess {
    /// The record type's developer name. One that is not there is made.
    pub(crate) record_type: String,
    /// The process's stages. One that the org does not know needs a line under `own_stages`.
    pub(crate) stages: Vec<String>,
    /// Whether new opportunities of all users get this record type unless they name another.
    #[serde(default)]
    pub(crate) default: bool,
}

/// A stage that the customer added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnStage {
    pub(crate) name: String,
    /// In percent.
    pub(crate) probability: u32,
    #[serde(default)]
    pub(crate) closed: bool,
    #[serde(default)]
    pub(crate) won: bool,
}

impl OwnStage {
    fn stage(&self) -> Stage {
        let category = match (self.won, self.closed) {
            (true, _) => "Closed",
            (false, true) => "Omitted",
            (false, false) => "Pipeline",
        };
        Stage {
            label: lasting(&self.name),
            probability: self.probability,
            category,
            category_name: category,
            closed: self.closed,
            won: self.won,
        }
    }
}

impl Org {
    /// The stage with this label, if Setup knows it.
    pub(crate) fn stage(&self, label: &str) -> Option<Stage> {
        let own = self.knobs.own_stages.iter().find(|stage| stage.name.eq_ignore_ascii_case(label));
        stages::find(label).copied().or_else(|| own.map(OwnStage::stage))
    }

    /// Makes the record types and stages that the knobs name and the org does not have.
    pub(crate) fn seed_processes(&mut self, admin: Id, now: Timestamp) {
        let processes: Vec<String> =
            self.knobs.sales_processes.iter().map(|each| each.record_type.clone()).collect();
        for name in processes {
            if self.record_type_named(&name).is_none() {
                let id = self.new_id("012");
                let cells = vec![
                    ("Name", Cell::Text(name.replace('_', " "))),
                    ("DeveloperName", Cell::Text(name)),
                    ("SobjectType", Cell::text("Opportunity")),
                    ("IsActive", Cell::Bool(true)),
                ];
                self.plant("RecordType", id, admin, now, cells);
            }
        }
        for own in self.knobs.own_stages.clone() {
            if self.row_named("OpportunityStage", "MasterLabel", &own.name).is_none() {
                let (id, stage) = (self.new_id("01J"), own.stage());
                let order =
                    self.schema.find("OpportunityStage").map_or(0, |at| self.tables.all(at).count() + 1);
                self.plant("OpportunityStage", id, admin, now, stage.cells(order));
            }
        }
    }

    /// The id of the opportunities' record type with this developer name.
    pub(crate) fn record_type_named(&self, name: &str) -> Option<Id> {
        self.row_named("RecordType", "DeveloperName", name).map(|row| row.id)
    }

    fn row_named(&self, object: &str, field: &str, text: &str) -> Option<Arc<Row>> {
        let index = self.schema.find(object)?;
        let shape = self.schema.object(index);
        let holds = |row: &&Arc<Row>| {
            let held = value_of(shape, row, field).as_text().unwrap_or_default();
            held.eq_ignore_ascii_case(text)
        };
        self.tables.all(index).find(holds).cloned()
    }

    fn process_of(&self, record_type: Id) -> Option<&SalesProcess> {
        self.knobs
            .sales_processes
            .iter()
            .find(|each| self.record_type_named(&each.record_type) == Some(record_type))
    }

    /// The developer name of the record type that new opportunities get by themselves.
    pub(crate) fn default_record_type(&self) -> Option<&str> {
        let default = self.knobs.sales_processes.iter().find(|each| each.default)?;
        Some(&default.record_type)
    }

    /// A new opportunity without a record type gets the user's own.
    pub(crate) fn default_process(&self, draft: &mut Draft) {
        let object = self.schema.object(draft.object);
        if object.name == "Opportunity"
            && self.knobs.record_types
            && value_of(object, &draft.row, "RecordTypeId").is_null()
            && let Some(id) = self.default_record_type().and_then(|name| self.record_type_named(name))
        {
            draft.set(object, "RecordTypeId", Cell::Id(id));
        }
    }

    /// A stage that is written is one of the record type's process. One that stands there already stays, whatever the
    /// record type becomes.
    pub(crate) fn check_process(&self, draft: &Draft) -> Result<(), Fault> {
        let object = self.schema.object(draft.object);
        if object.name != "Opportunity" || !draft.changes(object, "StageName") {
            return Ok(());
        }
        let record_type = value_of(object, &draft.row, "RecordTypeId").as_id();
        let Some(process) = record_type.and_then(|id| self.process_of(id)) else { return Ok(()) };
        let stage = value_of(object, &draft.row, "StageName").as_text().unwrap_or_default().to_owned();
        if process.stages.iter().any(|known| known.eq_ignore_ascii_case(&stage)) {
            return Ok(());
        }
        let text = format!("Stage: bad value for restricted picklist field: {stage}");
        Err(Fault::bad("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text).on("StageName"))
    }
}
