//! Everything that a new opportunity consists of, made in one graph: its account, itself, its rows, its contacts. Many
//! such graphs go in one call, and each stands or falls by itself.
//!
//! All of a family is there, or nothing is. What hangs on the opportunity carries keys that begin with the referral's, so
//! that a row is never made twice; the opportunity's own key sees to it that the whole is not.

use std::collections::{BTreeSet, VecDeque};

use deal_model::ElementKey;
use mapping::SetSource;
use salesforce::{CallContext, Error, Graph, GraphAnswer, MAX_GRAPHS, MAX_NODES, RecordId, Refusal};
use serde_json::Value as Json;
use sync_engine::SideError;

use super::{
    Salesforce,
    accounts::Account,
    contacts::addressed,
    people::People,
    rows::RowCase,
    schema::{ACCOUNT, OPPORTUNITY, Schema},
    send::try_lock_again,
    steps::{Parent, Step, one_by_one, point},
    waves::Unborn,
};

/// An opportunity and its relatives, in the order in which they are made.
pub(super) struct Family {
    pub(super) steps: Vec<Step>,
    /// The place of the opportunity's own step.
    opportunity: usize,
    /// The account, if it is there already.
    account: Option<RecordId>,
}

impl Family {
    /// The place of the step that makes its account, if one does.
    fn makes_account(&self) -> Option<usize> {
        self.steps.first().is_some_and(|step| step.object() == ACCOUNT).then_some(0)
    }

    /// The contacts that it gives their addresses, with these.
    pub(super) fn named(&self) -> impl Iterator<Item = (RecordId, ElementKey)> {
        self.steps.iter().filter_map(addressed)
    }

    fn born(&self, answer: &GraphAnswer) -> Birth {
        let parts = answer.outcome().map_err(|(step, refused)| NotMade {
            step: self.steps.get(step).cloned().map(Box::new),
            error: refused.into(),
        })?;
        let made = |place: usize| {
            let part = parts.get(place).ok_or_else(NotMade::without_an_answer)?;
            part.inserted_id().map_err(|error| NotMade { step: None, error })
        };
        let account = self.makes_account().map(made).transpose()?;
        Ok(Born { opportunity: made(self.opportunity)?, account })
    }
}

/// What was made of a family, as far as others are told of it.
pub(super) struct Born {
    pub(super) opportunity: RecordId,
    /// The account, if it was made with it.
    pub(super) account: Option<RecordId>,
}

/// Why none of a family was made.
pub(super) struct NotMade {
    /// The step that was refused; none if no answer came.
    pub(super) step: Option<Box<Step>>,
    pub(super) error: Error,
}

impl NotMade {
    fn without_an_answer() -> Self {
        let error = Error::Unreadable { status: 200, reason: "no id of the new record", write: true };
        Self { step: None, error }
    }

    /// Whether the platform left it out of a call after others had failed.
    fn was_not_tried(&self) -> bool {
        self.step.is_some() && self.error.refusal().is_some_and(Refusal::is_bystander)
    }

    fn may_try_again(&self, attempt: u32) -> bool {
        self.step.is_some() && self.error.refusal().is_some_and(|refused| try_lock_again(attempt, refused))
    }
}

pub(super) type Birth = Result<Born, NotMade>;

/// A family on its way.
struct Try<'f> {
    place: usize,
    family: &'f Family,
    /// How often a row of it was locked.
    locked: u32,
}

/// As many of those that are left as one call holds: at least one.
fn one_call<'f>(left: &mut VecDeque<Try<'f>>) -> Vec<Try<'f>> {
    let (mut call, mut nodes) = (Vec::new(), 0);
    while let Some(next) = left.front() {
        nodes += next.family.steps.len();
        if !call.is_empty() && (call.len() == MAX_GRAPHS || nodes > MAX_NODES) {
            break;
        }
        call.extend(left.pop_front());
    }
    call
}

impl Salesforce {
    /// The steps that make an opportunity.
    pub(super) async fn family(
        &self,
        schema: &Schema,
        unborn: &Unborn<'_>,
        people: &People,
        context: CallContext,
    ) -> Result<Family, SideError> {
        let mut steps = Vec::new();
        let is_person = matches!(unborn.account, Account::New { person: true, .. });
        let account = match &unborn.account {
            Account::Found(id) => Some(Parent::Is(*id)),
            Account::New { fields, .. } => {
                let (object, fields) = (ACCOUNT.to_owned(), fields.clone());
                steps.push(Step::Insert { object, fields, refers: Vec::new() });
                Some(Parent::MadeBy(0))
            }
            Account::None => None,
        };
        let (mut fields, mut refers) = (unborn.own.clone(), Vec::new());
        if let Some(account) = account {
            point(&mut fields, &mut refers, "AccountId", account);
        }
        let opportunity = steps.len();
        steps.push(Step::Insert { object: OPPORTUNITY.to_owned(), fields, refers });
        if let Some(field) = self.origin_field(schema) {
            steps.push(Step::Sign { object: OPPORTUNITY.to_owned(), made_by: opportunity, field });
        }
        let nobody = BTreeSet::new();
        for (field, changes) in &unborn.expected.columns.sets {
            let Some(set) = self.mapping.set(field) else { continue };
            if is_person && set.crm == SetSource::ContactRoles {
                // A person's contact comes into being with the account: its role is planned when it is there.
                continue;
            }
            let case = RowCase {
                set,
                opportunity: Parent::MadeBy(opportunity),
                key: unborn.expected.referral(),
                account,
                person: false,
                first: unborn.expected.first_of(field),
                rows: &[],
                holds: &[],
                with_roles: &nobody,
                changes,
                people: Some(people),
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

    /// Makes families, each of them whole or not at all, in as few calls as hold them. The answers stand in their order.
    ///
    /// After some failures the platform does not try the rest of a call: that goes again, in the next one.
    pub(super) async fn bring_to_life(&self, families: &[Family], context: CallContext) -> Vec<Birth> {
        let mut births: Vec<Option<Birth>> = families.iter().map(|_| None).collect();
        let mut left = VecDeque::new();
        for (place, family) in families.iter().enumerate() {
            if family.steps.iter().any(Step::is_ambiguous) {
                births[place] = Some(self.one_after_the_other(family, context).await);
            } else {
                left.push_back(Try { place, family, locked: 0 });
            }
        }
        while !left.is_empty() {
            let answers = self.send_families(one_call(&mut left), context).await;
            let was_left_out = |answer: &Birth| matches!(answer, Err(refused) if refused.was_not_tried());
            let none_was_tried = answers.iter().all(|(_, answer)| was_left_out(answer));
            let mut locked = None;
            for (mut each, answer) in answers {
                match answer {
                    answer if was_left_out(&answer) && !none_was_tried => left.push_back(each),
                    Err(refused) if refused.may_try_again(each.locked) => {
                        locked = locked.max(Some(each.locked));
                        each.locked += 1;
                        left.push_back(each);
                    }
                    answer => births[each.place] = Some(answer),
                }
            }
            if let Some(attempt) = locked {
                self.pause_for_lock(attempt).await;
            }
        }
        births.into_iter().map(|birth| birth.unwrap_or_else(|| Err(NotMade::without_an_answer()))).collect()
    }

    /// One call of graphs, while nobody else of this process writes under their accounts.
    async fn send_families<'f>(&self, tried: Vec<Try<'f>>, context: CallContext) -> Vec<(Try<'f>, Birth)> {
        let accounts = tried.iter().filter_map(|each| each.family.account).collect();
        let _turn = self.siblings.turn(accounts).await;
        let graph = |(number, each): (usize, &Try<'_>)| {
            let nodes = each.family.steps.iter().enumerate().map(|(step, node)| node.part(step)).collect();
            Graph::new(format!("birth{number}"), nodes)
        };
        let answers = self.client.graphs(context, tried.iter().enumerate().map(graph).collect()).await;
        match answers {
            Ok(answers) => {
                let births = tried.iter().zip(&answers.graphs).map(|(each, answer)| each.family.born(answer));
                let births: Vec<Birth> = births.collect();
                tried.into_iter().zip(births).collect()
            }
            Err(error) => {
                let failed = || Err(NotMade { step: None, error: error.clone() });
                tried.into_iter().map(|each| (each, failed())).collect()
            }
        }
    }

    /// A value looks like a reference: each record in a call of its own. The unique keys make it safe that they do not
    /// stand or fall together, and an opportunity that is there is not failed by what hangs on it.
    async fn one_after_the_other(&self, family: &Family, context: CallContext) -> Birth {
        let _turn = self.siblings.turn(family.account.into_iter().collect()).await;
        let (first, rest) = family.steps.split_at(family.opportunity + 1);
        let made = one_by_one(&self.client, context, first).await;
        let made =
            made.map_err(|(step, error)| NotMade { step: first.get(step).cloned().map(Box::new), error })?;
        let opportunity = made.last().copied().flatten().ok_or_else(NotMade::without_an_answer)?;
        let there = |place: usize| made.get(place).copied().flatten();
        let mut left = Vec::with_capacity(rest.len());
        for step in rest {
            left.push(settled(step, first.len(), there));
        }
        if let Err((_, error)) = one_by_one(&self.client, context, &left).await {
            tracing::debug!(%error, "a part of a new opportunity is left to the next pass");
        }
        Ok(Born { opportunity, account: family.makes_account().and_then(there) })
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
