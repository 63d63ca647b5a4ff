//! Looks over the org for what the mapping needs of it, and tells line by line: there, lacking, or not to be told.
//!
//! - `wishes` collects what is wanted of each field, `fields` compares it with the descriptions.
//! - `objects` looks at rights on whole objects, at relationships, and at what a new record must bring.
//! - `mapped` compares the mapped fields with each other and with what a seller may choose, `records` asks what only
//!   records can tell.
//! - `options` tells the org's features, `stages` its stages.

mod fields;
mod mapped;
mod objects;
mod options;
mod records;
mod stages;
mod wishes;

use std::sync::Arc;

use mapping::Mapping;
use sync_engine::{CallScope, SideError};

use super::{OrgFeatures, Salesforce, context, schema::Schema};
use crate::Finding;

/// What was seen of an org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Line by line.
    pub findings: Vec<Finding>,
    /// The options behind some of the lines.
    pub features: OrgFeatures,
}

impl Salesforce {
    /// Asks for the org's descriptions anew, and compares them with the mapping. Writes nothing.
    pub async fn survey(&self, scope: CallScope) -> Result<Survey, SideError> {
        let context = context(scope);
        self.describe_again(context, &std::collections::BTreeSet::new())
            .await
            .map_err(|error| super::refusal::of_error(&error))?;
        let schema: Arc<Schema> = self.schema(context).await?;
        let mut survey = survey(&self.mapping, &schema);
        survey.findings.extend(self.survey_owners(schema.user.into(), context).await?);
        survey.findings.extend(self.survey_records(&schema, context).await?);
        Ok(survey)
    }
}

fn survey(mapping: &Mapping, schema: &Schema) -> Survey {
    let wishes = wishes::of(mapping, schema);
    let mut findings = objects::rights(mapping, schema, &wishes);
    findings.extend(fields::compared(schema, &wishes));
    findings.extend(objects::relationships(mapping, schema));
    findings.extend(objects::required(mapping, schema, &wishes));
    findings.extend(stages::compared(mapping, schema.stages.as_deref()));
    findings.extend(mapped::start(mapping, schema));
    findings.extend(mapped::codes(mapping, schema));
    findings.push(mapped::targets(mapping, schema));
    findings.extend(mapped::paths(mapping, schema));
    findings.extend(options::told(mapping, schema));
    Survey { findings, features: schema.features.clone() }
}
