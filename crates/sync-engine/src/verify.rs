//! Looking without touching: what a pass would do, and whether the two sides are equal now.

use deal_model::{
    Deal, DealId, GroupDecision, GroupHeld, GroupId, GroupSpec, Held, Life, Observation, PerSide, Phase,
    Plan, PlanInput, Side, Sight, Value, display, held, holds_alike, plan, remapped, sends,
};
use serde::{Deserialize, Serialize};

use crate::{
    CallScope, Engine, Pause, SideError, StoreResult, Wanted,
    pass::{Conversion, tell_of_second},
    pausing::pause_of,
};

/// What a difference of the lifecycle is called.
const STAGE: &str = "stage";

/// A deal, both sides as they are now, and what a pass would do. Nothing was claimed, written or sent.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The deal.
    pub deal: Deal,
    /// The opportunity.
    pub crm: Sight,
    /// The referral.
    pub portal: Sight,
    /// What a pass would do.
    pub plan: Plan,
    /// Why a side could not be read, if one could not.
    pub unread: Option<SideError>,
    /// The pause that stops the deal: until it is resumed, no pass does any of this.
    pub pause: Option<Pause>,
}

/// How a deal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Every two-way field is equal.
    Equal,
    /// They differ, and a write is due or waits for its time.
    Waiting,
    /// They differ, or cannot go on, and a problem says why.
    Problem,
    /// Opted out, on hold, or without a second half yet.
    PausedOrOnHold,
    /// They differ only in fields that the portal fixed when the referral was created, or when it was closed.
    FixedByPortal,
    /// They differ only in addresses of people that each side keeps, and in what the portal fixed.
    KeptApart,
    /// They differ since the mapping changed, and nothing is rewritten by itself.
    Remapped,
    /// They differ, and nothing says why: a defect.
    Different,
    /// A side could not be read.
    Unread,
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The group; `stage` for the lifecycle.
    pub field: GroupId,
    /// What the opportunity says.
    pub opportunity: String,
    /// What the referral says.
    pub referral: String,
    /// Whether it cannot be written any more.
    pub fixed: bool,
    /// Whether they differ since the mapping changed.
    pub remapped: bool,
    /// Why the same people have different addresses, if that is all: such a record is shared, and keeps its own.
    pub kept: Option<String>,
}

/// Why an address of a person is not carried across.
const KEPT: &str =
    "the same people under different addresses; each side keeps its own until it is corrected there";

/// The proof for one deal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The deal.
    pub deal: DealId,
    /// How it stands.
    pub standing: Standing,
    /// What differs.
    pub differences: Vec<Difference>,
}

impl Engine {
    /// Reads these deals by id and plans them, without a claim and without any write.
    pub async fn preview(&self, ids: &[DealId]) -> StoreResult<Vec<Preview>> {
        self.recall_fixed().await?;
        let pauses = self.recall_pauses().await?;
        let specs = self.specs();
        let mut deals = self.parts.store.deals(ids).await?;
        for deal in &mut deals {
            deal.forget_refusals_if_asked();
        }
        let mut crm = self.look_at(Side::Crm, &deals).await;
        let mut second = Vec::with_capacity(deals.len());
        for (deal, crm) in deals.iter_mut().zip(&mut crm) {
            second.push(self.preview_conversion(deal, crm).await?);
            self.preview_adoption(deal, crm).await?;
        }
        let portal = self.look_at(Side::Portal, &deals).await;
        let mut previews = Vec::with_capacity(deals.len());
        for (((mut deal, crm), portal), second) in deals.into_iter().zip(crm).zip(portal).zip(second) {
            let unread = crm.as_ref().err().or(portal.as_ref().err()).cloned();
            let (crm, portal) = (crm.unwrap_or(Sight::Unread), portal.unwrap_or(Sight::Unread));
            let claims = crm.seen().and_then(|seen| seen.crm()?.claims.clone());
            let claimed_elsewhere = match claims {
                Some(claims) if deal.links.portal.as_ref() != Some(&claims) => {
                    let holder = self.parts.store.deal_of(Side::Portal, &claims).await?;
                    holder.is_some_and(|holder| holder != deal.id)
                }
                _ => false,
            };
            let seen = PerSide::new(portal.seen(), crm.seen());
            if let Some(memory) = remapped(&deal.memory, &specs, seen, self.now()) {
                deal.memory = memory;
            }
            let input = PlanInput {
                deal: &deal,
                crm: &crm,
                portal: &portal,
                specs: &specs,
                mapping: &self.parts.mapping,
                now: self.now(),
                portal_ahead: self.portal_ahead(),
                claimed_elsewhere: claimed_elsewhere || second,
            };
            let mut plan = plan(&input);
            if second {
                tell_of_second(&mut plan);
            }
            let pause = pause_of(&pauses, &deal.id).cloned();
            previews.push(Preview { deal, crm, portal, plan, unread, pause });
        }
        Ok(previews)
    }

    /// What a pass would find of the lead that an opportunity was converted from: the deal goes on with its referral, as
    /// far as this preview knows. Whether it is a second opportunity of that lead.
    async fn preview_conversion(
        &self,
        deal: &mut Deal,
        crm: &mut Result<Sight, SideError>,
    ) -> StoreResult<bool> {
        let facts = crm.as_ref().ok().and_then(Sight::seen).and_then(|seen| seen.crm());
        let opted_in = facts.is_some_and(|facts| facts.opted_in);
        let (None, Some(opportunity), true) = (&deal.links.portal, &deal.links.crm, opted_in) else {
            return Ok(false);
        };
        let scope = CallScope { lane: ports::Lane::Background, send_before: None };
        match self.conversion(opportunity, scope).await? {
            Ok(Conversion::Nothing) => {}
            Ok(Conversion::Continues(referral)) => {
                deal.links.portal = Some(referral);
                deal.born = Side::Portal;
            }
            Ok(Conversion::Answered) => return Ok(true),
            // A pass would not go on either.
            Err(error) => *crm = Err(error),
        }
        Ok(false)
    }

    /// What a pass would find of a pair that is whole already: the deal goes on with the other half, as far as this preview
    /// knows.
    async fn preview_adoption(&self, deal: &mut Deal, crm: &Result<Sight, SideError>) -> StoreResult<()> {
        let scope = CallScope { lane: ports::Lane::Background, send_before: None };
        let seen = crm.as_ref().ok().and_then(Sight::seen);
        // What cannot be asked now is what a pass could not do either: the plan says what is missing.
        if let Ok(Some(known)) = self.known_pair(deal, seen, scope).await? {
            deal.links.portal = Some(known.referral);
            deal.born = known.born;
        }
        Ok(())
    }

    async fn look_at(&self, side: Side, deals: &[Deal]) -> Vec<Result<Sight, SideError>> {
        // Of a paused deal nothing is read but the flag.
        let paused = |deal: &Deal| deal.phase == Phase::Paused && side == Side::Portal;
        let wanted: Vec<Wanted> = deals
            .iter()
            .filter(|deal| !paused(deal))
            .filter_map(|deal| {
                Some(Wanted {
                    record: deal.links.at(side)?.clone(),
                    engagement: deal.links.engagement.clone(),
                    companion: deal.links.companion.clone(),
                    read_companion: side == Side::Portal && deal.links.engagement.is_some(),
                })
            })
            .collect();
        let scope = CallScope { lane: ports::Lane::Background, send_before: None };
        let answers =
            if wanted.is_empty() { Vec::new() } else { self.side(side).observe(&wanted, scope).await };
        let mut answers = answers.into_iter();
        deals
            .iter()
            .map(|deal| match deal.links.at(side) {
                Some(_) if paused(deal) => Ok(Sight::Unread),
                None => Ok(Sight::Unlinked),
                Some(_) => answers.next().unwrap_or_else(|| Err(SideError::bug("the side gave no answer"))),
            })
            .collect()
    }

    /// Reads these deals by id and says of each whether its sides are equal.
    pub async fn verify(&self, ids: &[DealId]) -> StoreResult<Vec<Proof>> {
        let previews = self.preview(ids).await?;
        Ok(previews.iter().map(|preview| self.prove(preview)).collect())
    }

    pub(crate) fn prove(&self, preview: &Preview) -> Proof {
        let deal = preview.deal.id.clone();
        let proof = |standing, differences| Proof { deal: deal.clone(), standing, differences };
        let (Some(crm), Some(portal)) = (preview.crm.seen(), preview.portal.seen()) else {
            let unread = preview.unread.is_some();
            // What a birth was refused for is no problem of the plan, and stands on the deal until it is born.
            let is_refused = !preview.plan.is_quiet() && !preview.deal.problems.is_empty();
            let in_order = preview.plan.problems.is_empty() && !is_refused;
            let standing = match (unread, in_order, preview.plan.is_quiet()) {
                (true, ..) => Standing::Unread,
                (_, false, _) => Standing::Problem,
                _ if preview.pause.is_some() => Standing::PausedOrOnHold,
                (_, _, false) => Standing::Waiting,
                _ => Standing::PausedOrOnHold,
            };
            return proof(standing, Vec::new());
        };
        if preview.plan.phase == Some(Phase::Paused) {
            return proof(Standing::PausedOrOnHold, Vec::new());
        }
        let mut differences: Vec<Difference> = self
            .parts
            .specs
            .groups
            .iter()
            // What is written from acceptance on is not missing before.
            .filter(|spec| !spec.active_only || matches!(portal.life, Life::Active { .. }))
            .filter_map(|spec| self.difference(preview, spec, crm, portal))
            .collect();
        if !crm.life.stands_with(&portal.life) {
            differences.push(Difference {
                field: STAGE.into(),
                opportunity: crm.life.word().to_owned(),
                referral: portal.life.word().to_owned(),
                fixed: false,
                remapped: preview.deal.memory.mapped.life_differs.is_some(),
                kept: None,
            });
        }
        let waits = |decision: &GroupDecision| {
            matches!(
                decision,
                GroupDecision::Pending { .. } | GroupDecision::Write { .. } | GroupDecision::Merge
            )
        };
        let due = !preview.plan.is_quiet()
            || !preview.plan.waiting.is_empty()
            || preview.plan.decisions.iter().any(|(_, decision)| waits(decision));
        // A closed referral takes no write at all.
        let is_fixed = |difference: &Difference| {
            difference.fixed || (portal.life.is_closed() && difference.field.as_str() != STAGE)
        };
        let standing = if differences.is_empty() {
            if preview.plan.problems.is_empty() { Standing::Equal } else { Standing::Problem }
        } else if !preview.plan.problems.is_empty() {
            Standing::Problem
        } else if preview.pause.is_some() && due {
            Standing::PausedOrOnHold
        } else if due {
            Standing::Waiting
        } else if differences.iter().all(|difference| difference.fixed || difference.remapped)
            && differences.iter().any(|difference| difference.remapped)
        {
            Standing::Remapped
        } else if differences.iter().all(is_fixed) {
            Standing::FixedByPortal
        } else if differences.iter().all(|difference| difference.kept.is_some() || is_fixed(difference)) {
            Standing::KeptApart
        } else if portal.life == Life::Received {
            Standing::PausedOrOnHold
        } else {
            Standing::Different
        };
        proof(standing, differences)
    }

    fn difference(
        &self,
        preview: &Preview,
        spec: &GroupSpec,
        crm: &Observation,
        portal: &Observation,
    ) -> Option<Difference> {
        // What only goes along when a referral is created says nothing of one that we did not create, and what only
        // goes along when help is asked says nothing of a deal without.
        let not_ours = preview.deal.born == Side::Portal && !spec.to.portal.update && !spec.to.crm.flows();
        let asks_help = crm.crm().is_some_and(|facts| facts.asks_help);
        let without_help = !asks_help && self.parts.specs.help_needs.contains(&spec.id);
        // What is computed counts by what the expression gives; what the other side holds meanwhile is its own.
        let computed = spec.computed.portal || spec.computed.crm;
        // Who is in a set that only grows, and may not or cannot be added across, is no difference.
        let is_due = |(group, decision): &(GroupId, GroupDecision)| {
            let is_due = match decision {
                GroupDecision::Merge | GroupDecision::Pending { .. } => true,
                GroupDecision::Write { .. } => computed,
                _ => false,
            };
            *group == spec.id && is_due
        };
        let settled = (spec.only_grows() || computed) && !preview.plan.decisions.iter().any(is_due);
        if not_ours || without_help || settled {
            return None;
        }
        let memory = &preview.deal.memory;
        let seen = crm;
        let (sent, told) = (sends(crm, spec, memory)?, sends(portal, spec, memory)?);
        let (crm, portal) = (held(crm, spec, memory)?, held(portal, spec, memory)?);
        // Help that was asked for after the creation took along what it needs in the other organisation's referral; in
        // our own it is read-only from then on, and stays empty (partner-center reference, section 4.5).
        let submitted = self.parts.specs.help_needs.contains(&spec.id) && !spec.to.portal.update;
        if submitted && holds_nothing(&portal) {
            return None;
        }
        let alike = |portal: &_, crm: &_| holds_alike(spec, &self.parts.specs.minor_units, portal, crm);
        // An empty side whose default went across holds what it says.
        if alike(&portal, &crm) || alike(&portal, &sent) || alike(&told, &crm) {
            return None;
        }
        let kept = spec.set.is_some() && {
            let both = PerSide::new(portal.clone(), crm.clone());
            alike(&memory.named_as_in_the_crm(spec, seen, &both), &crm)
        };
        Some(Difference {
            field: spec.id.clone(),
            opportunity: display(&crm),
            referral: display(&portal),
            fixed: !(spec.to.portal.update && spec.to.crm.update),
            remapped: preview.deal.memory.mapped.differs.contains_key(&spec.id),
            kept: kept.then(|| KEPT.to_owned()),
        })
    }
}

fn holds_nothing(group: &GroupHeld) -> bool {
    group.values().all(|held| match held {
        Held::Empty => true,
        Held::Value(Value::Set(elements)) => elements.is_empty(),
        Held::Value(_) => false,
    })
}
