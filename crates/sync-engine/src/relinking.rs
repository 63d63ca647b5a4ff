//! A person moves a deal's link to another record: what may be linked, and what a plan would do then.
//!
//! The bases begin anew: what both sides hold then is merged like that of any pair that was just linked, and nothing that
//! cannot be taken back follows by itself (sync rules, section 5).

use deal_model::{
    Deal, DealId, Life, Links, Memory, Observation, PerSide, Phase, PlanInput, RecordId, Side, Sight, plan,
};
use serde::Serialize;

use crate::{CallScope, Difference, Engine, Intent, Preview, SideError, StoreResult, Stranger, Wanted};

/// What came of asking whether a deal may go on with other records.
#[derive(Debug)]
pub enum Relinking {
    /// It may.
    Possible(Box<RelinkPreview>),
    /// It may not.
    Refused(Refusal),
    /// A record could not be read now.
    Unread(SideError),
}

/// Why a deal may not go on with a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What is wrong, in a whole sentence.
    pub sentence: String,
    /// What a person does next.
    pub next_step: String,
}

/// What would come of relinking a deal.
#[derive(Debug, Clone)]
pub struct RelinkPreview {
    /// Its records now.
    pub from: PerSide<Option<RecordId>>,
    /// Its records then.
    pub to: PerSide<RecordId>,
    /// Where these stand.
    pub shown: PerSide<Life>,
    /// The deal as it would be, both records as read, and what a pass would do.
    pub preview: Preview,
    /// What differs between them.
    pub differences: Vec<Difference>,
    /// A deal that has only the new record, and gives it up.
    pub absorbs: Option<(DealId, Side)>,
    /// What this deal began to create and does not know the end of: it may be there beside the records named here.
    pub doubts: Vec<Intent>,
}

fn refused(sentence: impl Into<String>, next_step: &str) -> Relinking {
    Relinking::Refused(Refusal { sentence: sentence.into(), next_step: next_step.to_owned() })
}

/// What the deal has on both sides.
pub(crate) fn records_of(links: &Links) -> PerSide<Option<RecordId>> {
    PerSide::new(links.portal.clone(), links.crm.clone())
}

impl Engine {
    /// Reads the records with which a deal is to go on, and says whether it may, and what a plan would do. Writes nothing.
    pub async fn preview_relink(&self, deal: &Deal, to: PerSide<RecordId>) -> StoreResult<Relinking> {
        let scope = CallScope { lane: ports::Lane::Now, send_before: None };
        let from = records_of(&deal.links);
        if Side::BOTH.into_iter().all(|side| from.at(side).as_ref() == Some(to.at(side))) {
            return Ok(refused("The deal has these records already.", "Name another one."));
        }
        let mut absorbs = None;
        for side in Side::BOTH {
            match self.holder_of(deal, side, to.at(side)).await? {
                Ok(None) => {}
                Ok(Some(half)) => absorbs = Some((half, side)),
                Err(refusal) => return Ok(Relinking::Refused(refusal)),
            }
        }
        if from.portal.as_ref() != Some(&to.portal) {
            match self.parts.portal.stranger(&to.portal, scope).await {
                Ok(Stranger::Born(_) | Stranger::Claims { .. }) => {}
                Ok(Stranger::Companion { .. }) => {
                    return Ok(refused(
                        "That referral belongs to another organisation.",
                        "Name your own referral of the same engagement.",
                    ));
                }
                Ok(Stranger::Hidden) => {
                    return Ok(refused(
                        "There is no such referral, or the connection's user may not see it.",
                        "Correct the id, or give the user the role Referrals admin for the whole company.",
                    ));
                }
                Ok(Stranger::Lead(_) | Stranger::Nothing) => {
                    return Ok(refused(
                        "That referral is closed, a lead, or left out by the rules of [inbound].",
                        "Name one that is new or active; a closed one never opens again.",
                    ));
                }
                Err(error) => return Ok(Relinking::Unread(error)),
            }
        }
        let mut seen = Vec::with_capacity(2);
        for side in Side::BOTH {
            let wanted = Wanted {
                record: to.at(side).clone(),
                engagement: None,
                companion: None,
                read_companion: false,
            };
            let answer = self.side(side).observe(&[wanted], scope).await.pop();
            match answer.unwrap_or_else(|| Err(SideError::unanswered())) {
                Ok(Sight::Seen(sight)) => seen.push(sight),
                Ok(Sight::Gone | Sight::Unlinked) => {
                    return Ok(refused(
                        format!(
                            "There is no record {}, or the connection's user may not see it.",
                            to.at(side)
                        ),
                        "Correct the id, or share the record with the user.",
                    ));
                }
                Ok(Sight::Unread) => return Ok(Relinking::Unread(SideError::unanswered())),
                Err(error) => return Ok(Relinking::Unread(error)),
            }
        }
        let by_side = |wanted: Side| Side::BOTH.into_iter().position(|side| side == wanted);
        let (Some(crm), Some(portal)) = (by_side(Side::Crm), by_side(Side::Portal)) else {
            return Ok(Relinking::Unread(SideError::unanswered()));
        };
        let (crm, portal) = (seen[crm].clone(), seen[portal].clone());
        if !crm.crm().is_some_and(|facts| facts.opted_in) {
            return Ok(refused(
                "That opportunity is not opted in: nothing of it may be shared.",
                "Let its seller set sync to yes first.",
            ));
        }
        if portal.life.is_closed() {
            return Ok(refused(
                "That referral is closed.",
                "Name one that is new or active; a closed one never opens again.",
            ));
        }
        let mut found = self.relinked(deal, to, *crm, *portal);
        found.absorbs = absorbs;
        found.doubts = self.parts.store.open_intents(&deal.id).await?;
        Ok(Relinking::Possible(Box::new(found)))
    }

    /// Whether another deal has the record: `Ok(None)` if none has, the deal if it has no other half, else why not.
    async fn holder_of(
        &self,
        deal: &Deal,
        side: Side,
        record: &RecordId,
    ) -> StoreResult<Result<Option<DealId>, Refusal>> {
        let store = &self.parts.store;
        let Some(holder) = store.deal_of(side, record).await?.filter(|holder| *holder != deal.id) else {
            return Ok(Ok(None));
        };
        let linked = |next_step: &str| {
            let sentence = format!("Deal {holder} has {record}.");
            Ok(Err(Refusal { sentence, next_step: next_step.to_owned() }))
        };
        let Some(other) = store.deals(std::slice::from_ref(&holder)).await?.pop() else {
            return Ok(Ok(None));
        };
        if other.links.at(side) != Some(record) || other.links.at(side.other()).is_some() {
            return linked("Relink or pause that deal first: a record belongs to one deal.");
        }
        if !store.open_intents(&holder).await?.is_empty() {
            return linked("Its other half is being created: wait until that has ended, and look again.");
        }
        Ok(Ok(Some(holder)))
    }

    fn relinked(
        &self,
        deal: &Deal,
        to: PerSide<RecordId>,
        crm: Observation,
        portal: Observation,
    ) -> RelinkPreview {
        let from = records_of(&deal.links);
        let facts = portal.portal();
        let links = Links {
            crm: Some(to.crm.clone()),
            portal: Some(to.portal.clone()),
            companion: facts.and_then(|facts| facts.companion.clone()),
            engagement: facts.and_then(|facts| facts.engagement.clone()),
        };
        let mut memory = Memory::default();
        if from.crm.as_ref() == Some(&to.crm) {
            memory.reported.clone_from(&deal.memory.reported);
        }
        let deal = Deal {
            id: deal.id.clone(),
            born: deal.born,
            links,
            phase: Phase::Live,
            memory,
            waiting: Vec::new(),
            decisions: Vec::new(),
            problems: Vec::new(),
        };
        let shown = PerSide::new(portal.life.clone(), crm.life.clone());
        let (crm, portal) = (Sight::Seen(Box::new(crm)), Sight::Seen(Box::new(portal)));
        let specs = self.specs();
        let plan = plan(&PlanInput {
            deal: &deal,
            crm: &crm,
            portal: &portal,
            specs: &specs,
            mapping: &self.parts.mapping,
            now: self.now(),
            portal_ahead: self.portal_ahead(),
            claimed_elsewhere: false,
        });
        let preview = Preview { deal, crm, portal, plan, unread: None, pause: None };
        let differences = self.prove(&preview).differences;
        RelinkPreview { from, to, shown, preview, differences, absorbs: None, doubts: Vec::new() }
    }
}
