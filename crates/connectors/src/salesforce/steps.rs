//! One deal's writes as steps, sent in one call where the platform takes them, else one by one.

use jiff::Timestamp;
use salesforce::{CallContext, Client, Error, FieldPath, Fields, RecordId, ReferenceId, Subrequest};

use super::schema::object_name;

/// One write, or the check that stands for one.
#[derive(Clone)]
pub(super) enum Step {
    /// Nothing is written: the record must be as it was read.
    Check { object: String, id: RecordId, unmodified_since: Timestamp },
    /// Fields of a record change, if it is as it was read.
    Update { object: String, id: RecordId, fields: Fields, unmodified_since: Option<Timestamp> },
    /// A record is made; `refer` takes the identifier of a record that an earlier step made.
    Insert { object: String, fields: Fields, refer: Option<(&'static str, usize)> },
    /// A row goes. The platform knows no condition for it.
    Delete { object: String, id: RecordId },
}

impl Step {
    /// The object it touches.
    pub(super) fn object(&self) -> &str {
        match self {
            Self::Check { object, .. }
            | Self::Update { object, .. }
            | Self::Insert { object, .. }
            | Self::Delete { object, .. } => object,
        }
    }

    /// The step as the part `number` of a composite call; earlier parts are numbered as their steps.
    pub(super) fn part(&self, number: usize) -> Subrequest {
        let reference = ReferenceId::numbered(number);
        match self {
            Self::Check { object, id, unmodified_since } => {
                let id_only = [FieldPath::new("Id").expect("a literal name is well-formed")];
                Subrequest::get(reference, &object_name(object), *id, &id_only)
                    .if_unmodified_since(*unmodified_since)
            }
            Self::Update { object, id, fields, unmodified_since } => {
                let part = Subrequest::update(reference, &object_name(object), *id, fields.clone());
                match unmodified_since {
                    Some(stamp) => part.if_unmodified_since(*stamp),
                    None => part,
                }
            }
            Self::Insert { object, fields, refer } => {
                let part = Subrequest::insert(reference, &object_name(object), fields.clone());
                match refer {
                    Some((field, step)) => part.refer(*field, &ReferenceId::numbered(*step)),
                    None => part,
                }
                .without_assignment_rules()
            }
            Self::Delete { object, id } => Subrequest::delete(reference, &object_name(object), *id),
        }
    }

    /// Whether a value would be taken for a reference inside a composite call.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.part(0).ambiguous_field().is_some()
    }
}

/// Sends the steps one call each, in their order, and stops at the first that fails: for values that no composite
/// call can carry. Gives the identifiers of made records, or which step failed and why.
pub(super) async fn one_by_one(
    client: &Client,
    context: CallContext,
    steps: &[Step],
) -> Result<Vec<Option<RecordId>>, (usize, Error)> {
    let mut made: Vec<Option<RecordId>> = Vec::with_capacity(steps.len());
    for (number, step) in steps.iter().enumerate() {
        let object = object_name(step.object());
        let done = match step {
            // Its caller has just read the record.
            Step::Check { .. } => Ok(None),
            Step::Update { id, fields, unmodified_since, .. } => {
                client.update(context, &object, *id, fields, *unmodified_since).await.map(|()| None)
            }
            Step::Insert { fields, refer, .. } => {
                let mut fields = fields.clone();
                if let Some((field, step)) = refer
                    && let Some(Some(id)) = made.get(*step)
                {
                    fields.insert((*field).to_owned(), id.to_string().into());
                }
                client.insert(context, &object, &fields).await.map(Some)
            }
            Step::Delete { id, .. } => client.delete(context, &object, *id).await.map(|()| None),
        };
        made.push(done.map_err(|error| (number, error))?);
    }
    Ok(made)
}
