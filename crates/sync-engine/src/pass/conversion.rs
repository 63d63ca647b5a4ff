//! An opportunity that a person made of a lead of ours: it goes on with the lead's referral, and none is created anew.

use deal_model::{Plan, Problem, ProblemClass, RecordId, Side};
use ports::RetryClass;

use super::Item;
use crate::{CallScope, Engine, SideError, StoreResult, Stranger};

/// Why an opportunity cannot have a referral of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    /// It carries the identifier of another deal's referral.
    Copied,
    /// It was converted from a lead whose referral has its opportunity.
    Converted,
}

/// What an opportunity's past means for its referral.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conversion {
    /// It came of no lead, or of one whose referral cannot go on: a referral is born like any other.
    Nothing,
    /// It goes on with this referral.
    Continues(RecordId),
    /// The lead's referral has its opportunity: this one is another record of the same deal.
    Answered,
}

impl Engine {
    /// Asks both sides whether an opportunity goes on with the referral of a lead. What the CRM's lead names is believed
    /// only if the portal shows it: ours, a lead, and open. A person may have typed it, and a closed one never opens again.
    pub(crate) async fn conversion(
        &self,
        opportunity: &RecordId,
        scope: CallScope,
    ) -> StoreResult<Result<Conversion, SideError>> {
        let referral = match self.parts.crm.converted_from(opportunity, scope).await {
            Ok(Some(referral)) => referral,
            Ok(None) => return Ok(Ok(Conversion::Nothing)),
            Err(error) => return Ok(Err(error)),
        };
        let store = &self.parts.store;
        if store.deal_of(Side::Portal, &referral).await?.is_some() || store.was_linked(&referral).await? {
            return Ok(Ok(Conversion::Answered));
        }
        Ok(self.parts.portal.stranger(&referral, scope).await.map(|met| match met {
            Stranger::Lead(lead) if !lead.life.is_closed() => Conversion::Continues(lead.referral),
            // Linked and told so by a pass that was stopped before it could remember it.
            Stranger::Claims { referral, opportunity: named } if named == *opportunity => {
                Conversion::Continues(referral.record)
            }
            _ => Conversion::Nothing,
        }))
    }

    /// Links an opportunity that goes on with a lead's referral, before a plan would create one.
    pub(super) async fn link_converted(&self, item: &mut Item) -> StoreResult<()> {
        if item.deal.links.portal.is_some() || !item.opted_in() {
            return Ok(());
        }
        let Some(opportunity) = item.deal.links.crm.clone() else { return Ok(()) };
        let scope = CallScope { lane: ports::Lane::Now, send_before: Some(item.claim.lease_until) };
        match self.conversion(&opportunity, scope).await? {
            Ok(Conversion::Nothing) => Ok(()),
            Ok(Conversion::Continues(referral)) => {
                // The deal began there: what the conversion filled in by itself yields to what the referral says.
                item.deal.born = Side::Portal;
                self.go_on_with(item, referral).await
            }
            Ok(Conversion::Answered) => {
                item.elsewhere = Some(Elsewhere::Converted);
                Ok(())
            }
            Err(error) => self.origin_unknown(item, &error).await,
        }
    }

    /// Without the answer a second referral could be created: the deal waits, and says why.
    async fn origin_unknown(&self, item: &mut Item, error: &SideError) -> StoreResult<()> {
        tracing::warn!(deal = %item.deal.id, error = %error.what, "could not ask what an opportunity came of");
        let after = self.read_again(item, &error.class);
        if !matches!(error.class, RetryClass::Person | RetryClass::Bug) {
            return self.retry(item, after).await;
        }
        let problem = Problem {
            class: ProblemClass::Permission,
            field: None,
            sentence: format!(
                "It cannot be told which referral this opportunity's lead came of: {}.",
                error.what
            ),
            next_step:
                "Give the integration user access to leads and to their column of the referral's identifier; \
                        the deal then goes on."
                    .to_owned(),
            since: self.now(),
        };
        self.retry_with_problem(item, after, problem).await
    }
}

/// Says of an opportunity that it is the second one of a lead's deal, in the place of what is said of a copy.
pub(crate) fn tell_of_second(plan: &mut Plan) {
    let Some(problem) = plan.problems.iter_mut().find(|problem| problem.class == ProblemClass::Link) else {
        return;
    };
    "The lead that this opportunity was converted from has its opportunity already."
        .clone_into(&mut problem.sentence);
    "Go on in the opportunity that carries the lead's referral identifier, and set sync to no on this one."
        .clone_into(&mut problem.next_step);
    plan.headline = format!("needs you: {}", problem.sentence);
}
