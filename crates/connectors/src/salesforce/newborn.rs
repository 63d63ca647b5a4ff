//! Everything that a new opportunity consists of, made in one graph: its account, itself, its rows, its contacts.
//!
//! All of it is there, or nothing is. What hangs on the opportunity carries keys that begin with the referral's, so that
//! a row is never made twice; the opportunity's own key sees to it that the whole is not.

use salesforce::{CallContext, Error, Fields, Graph, MAX_NODES, RecordId};
use serde_json::Value as Json;
use sync_engine::SideError;

use super::{
    Salesforce,
    accounts::Account,
    columns::Columns,
    rows::RowCase,
    schema::{ACCOUNT, OPPORTUNITY, Schema},
    send::try_lock_again,
    steps::{Parent, Step, one_by_one, point},
};

/// An opportunity and its relatives, in the order in which they are made.
pub(super) struct Family {
    pub(super) steps: Vec<Step>,
    /// The place of the opportunity's own step.
    opportunity: usize,
    /// The account, if it is there already.
    account: Option<RecordId>,
}

/// Why none of a family was made.
pub(super) struct NotMade {
    /// The step that was refused; none if no answer came.
    pub(super) step: Option<usize>,
    pub(super) error: Error,
}

impl Salesforce {
    /// The steps that make the opportunity of `referral`.
    pub(super) async fn family(
        &self,
        schema: &Schema,
        referral: &str,
        own: &Fields,
        account: Account,
        columns: &Columns,
        context: CallContext,
    ) -> Result<Family, SideError> {
        let mut steps = Vec::new();
        let account = match account {
            Account::Found(id) => Some(Parent::Is(id)),
            Account::New(fields) => {
                steps.push(Step::Insert { object: ACCOUNT.to_owned(), fields, refers: Vec::new() });
                Some(Parent::MadeBy(0))
            }
            Account::None => None,
        };
        let (mut fields, mut refers) = (own.clone(), Vec::new());
        if let Some(account) = account {
            point(&mut fields, &mut refers, "AccountId", account);
        }
        let opportunity = steps.len();
        steps.push(Step::Insert { object: OPPORTUNITY.to_owned(), fields, refers });
        if let Some(field) = self.origin_field(schema) {
            steps.push(Step::Sign { object: OPPORTUNITY.to_owned(), made_by: opportunity, field });
        }
        for (field, changes) in &columns.sets {
            let Some(set) = self.mapping.set(field) else { continue };
            let case = RowCase {
                set,
                opportunity: Parent::MadeBy(opportunity),
                key: referral,
                account,
                person: false,
                rows: &[],
                changes,
            };
            self.row_steps(schema, &case, context, &mut steps).await?;
        }
        // What one graph does not hold is planned as a change of an opportunity that is there.
        let end = if steps.get(MAX_NODES).is_some_and(is_end_of_pair) { MAX_NODES - 1 } else { MAX_NODES };
        steps.truncate(end);
        let account = match account {
            Some(Parent::Is(id)) => Some(id),
            _ => None,
        };
        Ok(Family { steps, opportunity, account })
    }

    /// The column that holds the opportunity's own id, if it may be written.
    pub(super) fn origin_field(&self, schema: &Schema) -> Option<String> {
        let origin = self.mapping.names().origin.as_str();
        schema.field(OPPORTUNITY, origin).filter(|field| field.updateable)?;
        Some(origin.to_owned())
    }

    /// Makes the whole family, or none of it; the opportunity's id.
    pub(super) async fn bring_to_life(
        &self,
        family: &Family,
        context: CallContext,
    ) -> Result<RecordId, NotMade> {
        let no_id = || {
            let error = Error::Unreadable { status: 200, reason: "no id of the new record", write: true };
            NotMade { step: None, error }
        };
        let _turn = self.siblings.turn(family.account.into_iter().collect()).await;
        if family.steps.iter().any(Step::is_ambiguous) {
            return self.one_after_the_other(family, context).await?.ok_or_else(no_id);
        }
        let mut attempt = 0;
        loop {
            let nodes = family.steps.iter().enumerate().map(|(number, step)| step.part(number)).collect();
            let answers = self.client.graphs(context, vec![Graph::new("birth", nodes)]).await;
            let answers = answers.map_err(|error| NotMade { step: None, error })?;
            match answers.graphs.first().map(salesforce::GraphAnswer::outcome) {
                Some(Ok(parts)) => {
                    let made = parts.get(family.opportunity).ok_or_else(no_id)?.inserted_id();
                    return made.map_err(|error| NotMade { step: None, error });
                }
                Some(Err((_, refused))) if try_lock_again(attempt, &refused) => {
                    self.pause_for_lock(attempt).await;
                    attempt += 1;
                }
                Some(Err((step, refused))) => {
                    return Err(NotMade { step: Some(step), error: refused.into() });
                }
                None => return Err(no_id()),
            }
        }
    }

    /// A value looks like a reference: each record in a call of its own. The unique keys make it safe that they do not
    /// stand or fall together, and an opportunity that is there is not failed by what hangs on it.
    async fn one_after_the_other(
        &self,
        family: &Family,
        context: CallContext,
    ) -> Result<Option<RecordId>, NotMade> {
        let (first, rest) = family.steps.split_at(family.opportunity + 1);
        let made = one_by_one(&self.client, context, first).await;
        let made = made.map_err(|(step, error)| NotMade { step: Some(step), error })?;
        let opportunity = made.last().copied().flatten();
        let there = |place: usize| made.get(place).copied().flatten();
        let mut left = Vec::with_capacity(rest.len());
        for step in rest {
            left.push(settled(step, first.len(), there));
        }
        if let Err((_, error)) = one_by_one(&self.client, context, &left).await {
            tracing::debug!(%error, "a part of a new opportunity is left to the next pass");
        }
        Ok(opportunity)
    }
}

/// The step with the identifiers of what was made before `start` put in; what it refers to after that is counted anew.
fn settled(step: &Step, start: usize, made: impl Fn(usize) -> Option<RecordId>) -> Step {
    match step {
        Step::Insert { object, fields, refers } => {
            let (mut fields, mut later) = (fields.clone(), Vec::new());
            for (field, place) in refers {
                if let Some(place) = place.checked_sub(start) {
                    later.push((field.clone(), place));
                } else {
                    let id = made(*place).map(|id| Json::String(id.to_string()));
                    fields.extend(id.map(|id| (field.clone(), id)));
                }
            }
            Step::Insert { object: object.clone(), fields, refers: later }
        }
        Step::Sign { object, made_by, field } => match made(*made_by) {
            Some(id) => {
                let fields = [(field.clone(), Json::String(id.to_string()))].into_iter().collect();
                Step::Update { object: object.clone(), id, fields, unmodified_since: None }
            }
            None => step.clone(),
        },
        Step::Check { .. } | Step::Update { .. } | Step::Delete { .. } => step.clone(),
    }
}

/// Whether it is the contact role of the contact just before it.
fn is_end_of_pair(step: &Step) -> bool {
    matches!(step, Step::Insert { refers, .. } if refers.iter().any(|(field, _)| field == "ContactId"))
}
