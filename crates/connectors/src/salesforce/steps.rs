//! One deal's writes as steps, sent in one call where the platform takes them, else one by one.

use jiff::Timestamp;
use salesforce::{CallContext, Client, Error, FieldPath, Fields, RecordId, ReferenceId, Subrequest};
use serde_json::Value as Json;

use super::schema::object_name;

/// A record that others point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parent {
    /// It is there.
    Is(RecordId),
    /// The step of this place makes it.
    MadeBy(usize),
}

/// A field and the place of the step whose new record it points to.
pub(super) type Refer = (String, usize);

/// One write, or the check that stands for one.
#[derive(Clone)]
pub(super) enum Step {
    /// Nothing is written: the record must be as it was read.
    Check { object: String, id: RecordId, unmodified_since: Timestamp },
    /// Fields of a record change, if it is as it was read.
    Update { object: String, id: RecordId, fields: Fields, unmodified_since: Option<Timestamp> },
    /// A record is made; `refers` are fields that take the identifiers of records which earlier steps made.
    Insert { object: String, fields: Fields, refers: Vec<Refer> },
    /// A record that an earlier step made gets its own identifier into `field`: a copy will carry another's.
    Sign { object: String, made_by: usize, field: String },
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
            | Self::Sign { object, .. }
            | Self::Delete { object, .. } => object,
        }
    }

    /// The step as the part `number` of a call; earlier parts are numbered as their steps.
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
            Self::Insert { object, fields, refers } => {
                let insert = Subrequest::insert(reference, &object_name(object), fields.clone());
                let refer = |part: Subrequest, (field, step): &Refer| {
                    part.refer(field.clone(), &ReferenceId::numbered(*step))
                };
                refers.iter().fold(insert, refer).without_assignment_rules()
            }
            Self::Sign { object, made_by, field } => {
                let made = ReferenceId::numbered(*made_by);
                Subrequest::update_inserted(reference, &object_name(object), &made, Fields::new())
                    .refer(field.clone(), &made)
            }
            Self::Delete { object, id } => Subrequest::delete(reference, &object_name(object), *id),
        }
    }

    /// Whether a value would be taken for a reference inside another call.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.part(0).ambiguous_field().is_some()
    }

    /// Whether it points to what an earlier step makes.
    pub(super) fn refers(&self) -> bool {
        match self {
            Self::Insert { refers, .. } => !refers.is_empty(),
            Self::Sign { .. } => true,
            Self::Check { .. } | Self::Update { .. } | Self::Delete { .. } => false,
        }
    }

    /// The step as it stands in a call whose first part is the step `start`.
    pub(super) fn shifted(&self, start: usize) -> Self {
        let mut step = self.clone();
        match &mut step {
            Self::Insert { refers, .. } => refers.iter_mut().for_each(|(_, number)| *number -= start),
            Self::Sign { made_by, .. } => *made_by -= start,
            Self::Check { .. } | Self::Update { .. } | Self::Delete { .. } => {}
        }
        step
    }
}

/// Lets `field` of a new record point to `parent`.
pub(super) fn point(fields: &mut Fields, refers: &mut Vec<Refer>, field: &str, parent: Parent) {
    match parent {
        Parent::Is(id) => {
            fields.insert(field.to_owned(), Json::String(id.to_string()));
        }
        Parent::MadeBy(step) => refers.push((field.to_owned(), step)),
    }
}

/// Sends the steps one call each, in their order, and stops at the first that fails: for values that no call of
/// several can carry, and for orgs that keep to a precondition only there. Gives the identifiers of made records, or
/// which step failed and why.
pub(super) async fn one_by_one(
    client: &Client,
    context: CallContext,
    steps: &[Step],
) -> Result<Vec<Option<RecordId>>, (usize, Error)> {
    let mut made: Vec<Option<RecordId>> = Vec::with_capacity(steps.len());
    for (number, step) in steps.iter().enumerate() {
        let object = object_name(step.object());
        let made_by = |step: usize| made.get(step).copied().flatten();
        let done = match step {
            // Its caller has just read the record.
            Step::Check { .. } => Ok(None),
            Step::Update { id, fields, unmodified_since, .. } => {
                client.update(context, &object, *id, fields, *unmodified_since).await.map(|()| None)
            }
            Step::Insert { fields, refers, .. } => {
                let mut fields = fields.clone();
                for (field, step) in refers {
                    fields.extend(made_by(*step).map(|id| (field.clone(), Json::String(id.to_string()))));
                }
                client.insert(context, &object, &fields).await.map(Some)
            }
            Step::Sign { made_by: step, field, .. } => match made_by(*step) {
                Some(id) => {
                    let own: Fields = [(field.clone(), Json::String(id.to_string()))].into_iter().collect();
                    client.update(context, &object, id, &own, None).await.map(|()| None)
                }
                None => Ok(None),
            },
            Step::Delete { id, .. } => client.delete(context, &object, *id).await.map(|()| None),
        };
        made.push(done.map_err(|error| (number, error))?);
    }
    Ok(made)
}
